//! What the inventory accepts of a run's plans and nothing has found.

use crate::{
    diag::Diagnostics,
    event::{Event, Verdict},
    plan::lint::{LINTS, unused},
    site::Site,
};
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// What the plans of a run told.
#[derive(Default)]
pub struct Accepted(Mutex<Told>);

#[derive(Default)]
struct Told {
    /// Host and lint of each finding.
    found: BTreeSet<(String, String)>,
    /// The hosts of which all is known.
    planned: BTreeSet<String>,
}

impl Accepted {
    /// Takes note of an event.
    pub fn take(&self, event: &Event) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Finding { host, finding } => {
                told.found.insert((host.clone(), finding.lint.clone()));
            }
            Event::HostPlanned { host, tasks } => {
                let is_open = tasks.iter().any(|task| matches!(task.verdict, Verdict::Deferred { .. }));
                if !is_open {
                    told.planned.insert(host.clone());
                }
            }
            _ => {}
        }
    }

    /// Acceptances that no host has a use for; nothing as long as a host may still turn out to have one.
    pub fn needless(&self, site: &Site) -> Diagnostics {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !site.hosts().iter().all(|host| told.planned.contains(host)) {
            return Diagnostics::default();
        }
        unused(site, &LINTS.map(|lint| lint.name), &told.found)
    }
}
