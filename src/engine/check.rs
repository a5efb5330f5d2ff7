//! A planned host on which nothing is done.

use super::{
    Events,
    executor::{HostRun, count},
};
use crate::{
    diag::Exit,
    event::{Event, Status, Summary},
    plan::TaskPlan,
};
use std::time::Instant;

impl HostRun {
    /// Says what each task would do. Checks that only look (waits, requests) count as nothing pending.
    pub(super) fn report_check(&self, events: &Events) -> Exit {
        let mut summary = Summary::default();
        for task in self.tasks() {
            let (status, diff) = match &self.plan.tasks[task.id.0 as usize] {
                TaskPlan::Unchanged { .. } => (Status::Ok, None),
                TaskPlan::Skipped { .. } => (Status::Skipped, None),
                TaskPlan::Deferred { .. } => (Status::Deferred, None),
                TaskPlan::Change(change) if self.plan.changes(task.id) => {
                    (Status::WouldChange, Some(change.diff.clone()))
                }
                TaskPlan::Change(change) => (Status::Ok, Some(change.diff.clone())),
            };
            count(&mut summary, status);
            self.finished(events, task, status, diff, None, Instant::now());
        }
        let (host, round_trips) = (self.host.clone(), self.round_trips());
        events(Event::HostFinished { host, summary, round_trips, excused: vec![] });
        if self.is_pending() { Exit::Pending } else { Exit::Done }
    }

    /// Says that nothing was done: the plan was not approved.
    pub(super) fn report_refused(&self, events: &Events) {
        let mut summary = Summary::default();
        for plan in &self.plan.tasks {
            let status = match plan {
                TaskPlan::Unchanged { .. } => Status::Ok,
                TaskPlan::Skipped { .. } => Status::Skipped,
                TaskPlan::Change(_) | TaskPlan::Deferred { .. } => Status::Blocked,
            };
            count(&mut summary, status);
        }
        let (host, round_trips) = (self.host.clone(), self.round_trips());
        events(Event::HostFinished { host, summary, round_trips, excused: vec![] });
    }
}
