//! A host of which nothing is known: what the tasks would say there, as far as that needs no answers.

use super::Writers;
use crate::{
    model::{Area, Claim, TaskId},
    plan::predict::Overlay,
    resource::{Look, Lookup, Mask, Outcome, Pause, Prepared},
    site::{Place, Preparation, Prepare, Registered},
};
use agent::wire::{Answer, Query};
use std::collections::HashMap;

/// No file is there but those that tasks have written. Of all else nothing is known.
struct Bare<'a>(&'a Overlay);

/// What is said of a file that is not there.
fn nothing(query: &Query) -> Option<Answer> {
    match query {
        Query::File { .. } => Some(Answer::Meta(None)),
        Query::Read { .. } => Some(Answer::Content(None)),
        Query::Stat { .. } => Some(Answer::Stat(None)),
        _ => None,
    }
}

impl Lookup for Bare<'_> {
    fn look(&self, query: &Query) -> Look {
        let known = || nothing(query).map_or(Look::NotAsked, Look::Known);
        self.0.look(query, &[]).unwrap_or_else(known)
    }

    fn may_still_come(&self, _: &[Area]) -> bool {
        true
    }
}

/// What the tasks of a host say of themselves, who writes which file, and whether none had more to say.
pub(super) fn claims(host: &dyn Prepare) -> (Vec<(TaskId, Claim)>, Writers, bool) {
    let (mut claims, mut writers, mut all_known) = (vec![], HashMap::new(), true);
    let (mut overlay, mask) = (Overlay::new("root"), Mask::new([0; 32]));
    for task in
        host.tasks().iter().filter(|task| !task.handler && !task.is_rescue() && task.place == Place::Host)
    {
        let prepared = match host.prepare(task.id, &Registered::default()) {
            Ok(Preparation::Ready(prepared) | Preparation::Awaits(_, prepared)) => prepared,
            Ok(Preparation::NotYet(..) | Preparation::Items(_)) => {
                all_known = false;
                continue;
            }
            _ => continue,
        };
        match prepared.claims(&Bare(&overlay)) {
            Ok(found) => claims.extend(found.into_iter().map(|claim| (task.id, claim))),
            Err(Pause::Need(_) | Pause::NotYet(_)) => all_known = false,
            Err(Pause::Fault(_)) => {}
        }
        let addresses = prepared.addresses().into_iter();
        writers.extend(
            addresses.filter_map(|address| Some((address.0.strip_prefix("path:")?.to_string(), task.id))),
        );
        add(&mut overlay, &task.name, &*prepared, &mask);
    }
    (claims, writers, all_known)
}

/// What a task leaves, for those behind it.
fn add(overlay: &mut Overlay, name: &str, prepared: &dyn Prepared, mask: &Mask) {
    // Programs are not run before there is a host to look at.
    let planned = (!prepared.runs_a_program()).then(|| prepared.plan(&Bare(overlay), mask));
    match planned {
        Some(Ok(Outcome::Change(change))) => overlay.add(name, &change.ops, &change.effects, &[], &nothing),
        Some(Ok(Outcome::Unchanged { .. })) => {}
        // What it changes is known, but not how. Of a command that says nothing, the best is thought.
        _ => {
            let mut writes = prepared.footprint().writes;
            writes.retain(|area| *area != Area::Everything);
            overlay.add_unknown(name, &writes);
        }
    }
}
