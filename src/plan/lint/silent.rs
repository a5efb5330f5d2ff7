//! Edges that are odd: order that costs much and that nobody asked for.

use crate::{
    diag::{Diagnostic, Diagnostics},
    graph::{TaskGraph, Why},
    model::{Area, TaskId},
    plan::offline_nodes,
    site::{HostTask, Preparation, Prepare, Registered},
};

/// As many tasks must be kept waiting before a word is said.
const MANY: usize = 20;

/// Commands that say nothing of what they change, so that all tasks before them and behind them wait. One warning, for the one that
/// costs most.
pub fn lint(host: &dyn Prepare) -> Diagnostics {
    let mut found = Diagnostics::default();
    let silent: Vec<&HostTask> = host.tasks().iter().filter(|task| is_silent(host, task)).collect();
    if silent.is_empty() || host.tasks().len() <= MANY {
        return found;
    }
    let Some(graph) = offline_nodes(host).ok().and_then(|nodes| TaskGraph::build(&nodes).ok()) else {
        return found;
    };
    let everything = Why::Footprint(Area::Everything);
    let waits = |task: TaskId| {
        let before = graph.before(task).filter(|(_, why)| **why == everything).count();
        before + graph.after(task).filter(|(_, why)| **why == everything).count()
    };
    let costs = silent.iter().map(|task| (waits(task.id), *task));
    // The first of those that cost the same.
    let Some((count, worst)) =
        costs.rev().max_by_key(|(count, _)| *count).filter(|(count, _)| *count >= MANY)
    else {
        return found;
    };
    let warning =
        Diagnostic::lint("silent-command", "this command runs alone: it does not say what it changes");
    let warning =
        warning.at(&worst.origin).cause(format!("{count} tasks before and behind it keep their distance"));
    let more = silent.iter().filter(|task| task.source != worst.source).count();
    let warning = match more {
        0 => warning,
        1 => warning.cause("another command does so too"),
        more => warning.cause(format!("{more} more commands do so too")),
    };
    found.push(warning.hint("write `touches:` with what it changes, or `changes: false` if it only looks"));
    found
}

fn is_silent(host: &dyn Prepare, task: &HostTask) -> bool {
    let is_command = ["command", "shell"].contains(&&*task.resource);
    is_command
        && matches!(
            host.prepare(task.id, &Registered::default()),
            Ok(Preparation::Ready(prepared)) if prepared.footprint().writes.contains(&Area::Everything)
        )
}
