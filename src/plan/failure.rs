//! What keeps a task from being planned, for a person.

use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    event::Failure,
    graph::{Cycle, Why},
    model::TaskId,
    resource::Fault,
    site::HostTask,
};

/// A failure without a place.
pub(super) fn failure(message: impl Into<String>, exit: Exit) -> Failure {
    Failure {
        message: message.into(),
        causes: vec![],
        hint: None,
        exit: exit as u8,
        place: None,
        output: vec![],
    }
}

/// A fault of a task, with its place.
pub fn task_failure(task: &HostTask, fault: &Fault) -> Failure {
    let place = Some(task.origin.to_string());
    Failure { hint: fault.hint.clone(), place, ..failure(&fault.message, Exit::TaskFailed) }
}

/// What is wrong with a task's parameters, found only with the host's facts or results.
pub fn diagnostics_failure(task: &HostTask, diagnostics: &Diagnostics) -> Failure {
    let mut rest = diagnostics.0.iter();
    let first = rest.next();
    let message = first.map_or("cannot be prepared", |d| d.message.as_str());
    let origin = first.and_then(|d| d.place.as_ref()).map_or(&task.origin, |(origin, _)| origin);
    let own = first.iter().flat_map(|d| d.causes.clone());
    let causes = own.chain(rest.map(ToString::to_string)).collect();
    let hint = diagnostics.0.iter().find_map(|d| d.hint.clone());
    Failure { causes, hint, place: Some(origin.to_string()), ..failure(message, Exit::Config) }
}

/// A cycle as an error with places.
pub fn cycle_diagnostic(cycle: &Cycle, tasks: &[HostTask]) -> Diagnostic {
    let (first, failure) = cycle_failure(cycle, tasks);
    let diagnostic = Diagnostic::error(failure.message).at(&tasks[first.0 as usize].origin);
    let diagnostic = failure.causes.into_iter().fold(diagnostic, Diagnostic::cause);
    diagnostic.hint(failure.hint.unwrap_or_default())
}

pub(super) fn cycle_failure(cycle: &Cycle, tasks: &[HostTask]) -> (TaskId, Failure) {
    let name = |id: TaskId| format!("`{}` ({})", tasks[id.0 as usize].name, tasks[id.0 as usize].origin);
    let count = cycle.0.len();
    let step = |(i, (id, why)): (usize, &(TaskId, Why))| {
        format!("{} waits for {} ({why})", name(cycle.0[(i + 1) % count].0), name(*id))
    };
    let first = cycle.0[0].0;
    let causes = cycle.0.iter().enumerate().map(step).collect();
    let message = "tasks wait for each other";
    let hint = Some("remove one of the `needs`".into());
    let place = Some(tasks[first.0 as usize].origin.to_string());
    (first, Failure { causes, hint, place, ..failure(message, Exit::Config) })
}
