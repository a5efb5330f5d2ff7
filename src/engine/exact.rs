//! A run of a saved plan does what that shows, and no more.

use super::{done::Done, executor::HostRun};
use crate::{
    diag::Exit,
    event::Failure,
    model::FacetDiff,
    plan::{TaskPlan, saved::Planned, task_failure},
    resource::{Change, Fault, Held},
    site::HostTask,
};

impl HostRun {
    /// The host with its plan.
    pub(super) fn planned(&self) -> Planned<'_> {
        Planned { host: &self.host, prepare: &*self.prepare, plan: &self.plan }
    }

    /// The end of a task that would do what the saved plan does not show: what was to be decided in the run, and what comes to the
    /// rescue of a task that failed, is shown there as such. What always runs must not be kept from it when its block has failed, though it
    /// then finds another host than was planned on.
    pub(super) fn strays(&self, task: &HostTask, change: &Change) -> Option<Done> {
        if !self.exact || self.unforeseen.lock().expect("no panic holds it").contains(&task.id) {
            return None;
        }
        let why = match &self.plan.tasks[task.id.0 as usize] {
            TaskPlan::Deferred { .. } => return None,
            TaskPlan::Change(planned) if is_within(planned, change) => return None,
            TaskPlan::Change(_) => "the saved plan shows another change",
            TaskPlan::Unchanged { .. } => "the saved plan shows nothing to do here",
            TaskPlan::Skipped { .. } => "the saved plan shows it as skipped",
        };
        let facets = change.diff.facets.iter().map(|facet| facet.facet.as_str()).collect::<Vec<_>>();
        let fault = Fault::new("the host changed since the plan").hint("plan again, and look at the diff");
        let failure = Failure {
            causes: vec![format!("{why}; now it would change {}", facets.join(", "))],
            exit: Exit::HostChanged as u8,
            ..task_failure(task, &fault)
        };
        Some(Done::fatal(failure, None))
    }
}

/// Whether a change brings about nothing that a planned one does not. What the host has by then may be what the run itself brought.
fn is_within(planned: &Change, change: &Change) -> bool {
    let wanted = |held: &Held, facet: &str| held.iter().find(|(name, _)| name == facet).cloned();
    change.diff.facets.iter().all(|now| {
        let is_same = |was: &FacetDiff| (&was.facet, &was.after) == (&now.facet, &now.after);
        planned.diff.facets.iter().any(is_same)
            && wanted(&planned.wanted, &now.facet) == wanted(&change.wanted, &now.facet)
    })
}
