//! What stands before a task: the changes that it depends on.

use super::{Counts, TaskPlan, pass::counts_by_type};
use crate::{
    graph::{TaskGraph, Why},
    model::{Area, TaskId},
    site::Preparation,
};

/// The changes that a task depends on.
pub(super) struct Behind {
    pub all: Vec<TaskId>,
    /// But for those of which it only reads the result, which is nothing that a host could be asked for.
    pub on_host: Vec<TaskId>,
    pub areas: Vec<Area>,
    pub lets_come: bool,
}

/// The tasks that change something and that this one depends on, by a reason that matters, nearest first; through unchanged ones as
/// well.
pub(super) fn behind(
    id: TaskId,
    matters: impl Fn(TaskId, &Why) -> bool,
    graph: &TaskGraph,
    plans: &[Option<TaskPlan>],
    after: &[Vec<TaskId>],
    preparations: &[Preparation],
) -> Vec<TaskId> {
    const ENOUGH: usize = 4;
    let mut found: Vec<TaskId> = vec![];
    let depends = graph.before(id).filter(|(before, why)| matters(*before, why));
    for (before, _) in depends {
        let at = before.0 as usize;
        let changing = match &plans[at] {
            Some(TaskPlan::Deferred { .. }) => true,
            // Whatever its own `changed_when` says: the host is not as it was.
            Some(TaskPlan::Change(_)) => counts_by_type(&preparations[at]) != Counts::No,
            _ => false,
        };
        let found_here = if changing { std::slice::from_ref(&before) } else { &after[at] };
        for task in found_here {
            if !found.contains(task) {
                found.push(*task);
            }
        }
        if found.len() >= ENOUGH {
            break;
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.truncate(ENOUGH);
    found
}
