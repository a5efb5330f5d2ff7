//! All that can be found without a host.

use super::{HostTask, HostTasks, Place, Preparation, Prepare, Registered, Site, prepare::Aim};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Address,
};
use indexmap::IndexMap;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, atomic::Ordering},
};

/// Mistakes by message and place, with the hosts that have them.
#[derive(Default)]
struct Findings(IndexMap<(String, String), (Diagnostic, Vec<String>)>);

impl Findings {
    fn add(&mut self, host: &str, found: Diagnostics) {
        for diagnostic in found.0 {
            let place = diagnostic.place.as_ref().map(|(origin, _)| origin.to_string());
            let key = (diagnostic.message.clone(), place.unwrap_or_default());
            let (_, hosts) = self.0.entry(key).or_insert_with(|| (diagnostic, vec![]));
            if hosts.last().is_none_or(|last| last != host) {
                hosts.push(host.to_string());
            }
        }
    }

    fn into_diagnostics(self, hosts: usize) -> Diagnostics {
        let named = |(diagnostic, on): (Diagnostic, Vec<String>)| match on.len() {
            count if count == hosts => diagnostic,
            count if count > 3 => {
                diagnostic.cause(format!("on {}, {} and {} more hosts", on[0], on[1], count - 2))
            }
            _ => diagnostic.cause(format!("on {}", on.join(", "))),
        };
        Diagnostics(self.0.into_values().map(named).collect())
    }
}

impl Site {
    /// Prepares every task of every host without facts and results. Each mistake is reported once, with the hosts it
    /// is on when these are not all.
    pub fn validate(&self) -> Diagnostics {
        let mut findings = Findings::default();
        for name in self.hosts() {
            let Some(host) = self.inventory().host(name) else { continue };
            let (tasks, errors) = HostTasks::expand(&self.shared, host, None);
            findings.add(name, errors);
            findings.add(name, self.connection(name).err().unwrap_or_default());
            findings.add(name, tasks.hide(tasks.check()));
            // What a loop that is not known yet mentions is not looked at.
            if !tasks.pending.is_empty() {
                self.shared.across.store(true, Ordering::Relaxed);
            }
            let mut validated = self.shared.validated.lock().unwrap_or_else(PoisonError::into_inner);
            validated.insert(name.clone(), Arc::new(tasks));
        }
        findings.into_diagnostics(self.hosts().len())
    }
}

impl HostTasks {
    fn check(&self) -> Diagnostics {
        let mut errors = Diagnostics::default();
        let mut owners: HashMap<(&Place, Address), &HostTask> = HashMap::new();
        let nothing = Registered::default();
        // On all cores: most of a short run's own time is the parsing of templates.
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let share = self.tasks().len().div_ceil(threads).max(1);
        let prepare = |tasks: &[HostTask]| -> Vec<_> {
            tasks.iter().map(|task| self.prepare_for(task.id, &nothing, Aim::Check)).collect()
        };
        let prepared = std::thread::scope(|scope| {
            let shares = self.tasks().chunks(share).map(|tasks| scope.spawn(move || prepare(tasks)));
            let shares: Vec<_> = shares.collect();
            shares.into_iter().flat_map(|share| share.join().expect("it does not panic")).collect::<Vec<_>>()
        });
        for (task, preparation) in self.tasks().iter().zip(prepared) {
            let preparation = errors.take(preparation);
            let Some(Preparation::Ready(prepared)) = preparation else { continue };
            let Some(address) = prepared.address() else { continue };
            // What mends may own what it mends.
            if task.is_rescue() {
                continue;
            }
            if let Some(first) = owners.get(&(&task.place, address.clone())) {
                // A handler that is flushed is there more than once.
                if task.handler && first.source == task.source {
                    continue;
                }
                errors.push(two_owners(&address, first, task));
            } else {
                owners.insert((&task.place, address), task);
            }
        }
        errors
    }
}

/// The error for two tasks that own the same thing.
fn two_owners(address: &Address, first: &HostTask, second: &HostTask) -> Diagnostic {
    Diagnostic::error(format!("two tasks own `{address}`"))
        .labelled(&second.origin, format!("`{}`", second.name))
        .related(&first.origin, format!("`{}` owns it already", first.name))
        .hint("make them one task, or give them `when`s that exclude each other")
}
