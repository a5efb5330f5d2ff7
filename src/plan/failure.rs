//! What keeps a task from being planned, for a person.

use crate::{
    diag::{Diagnostic, Diagnostics, Exit, excerpt, unshown_related},
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
        excerpt: None,
        output: vec![],
        more: vec![],
    }
}

/// A fault of a task, with its place.
pub fn task_failure(task: &HostTask, fault: &Fault) -> Failure {
    let mut diagnostic = Diagnostic::error(&fault.message).exit(Exit::TaskFailed).at(&task.origin);
    diagnostic.hint.clone_from(&fault.hint);
    diagnostic_failure(&diagnostic)
}

/// What is wrong with what was written, found only with the host's facts or results. What has no place of its own stands at the
/// task's.
pub fn diagnostics_failure(task: Option<&HostTask>, diagnostics: &Diagnostics) -> Failure {
    let failures = diagnostics.0.iter().map(|diagnostic| match (task, &diagnostic.place) {
        (Some(task), None) => diagnostic_failure(&diagnostic.clone().at(&task.origin)),
        _ => diagnostic_failure(diagnostic),
    });
    let mut failures = failures.collect::<Vec<_>>().into_iter();
    let first = failures.next().unwrap_or_else(|| failure("cannot be prepared", Exit::Config));
    Failure { more: failures.collect(), ..first }
}

/// All that a diagnostic says.
pub fn diagnostic_failure(diagnostic: &Diagnostic) -> Failure {
    let mut causes = unshown_related(diagnostic);
    causes.extend(diagnostic.causes.iter().cloned());
    Failure {
        causes,
        hint: diagnostic.hint.clone(),
        place: diagnostic.place.as_ref().map(|(origin, _)| origin.to_string()),
        excerpt: excerpt(diagnostic),
        ..failure(&diagnostic.message, diagnostic.exit)
    }
}

/// A cycle as an error with places.
pub fn cycle_diagnostic(cycle: &Cycle, tasks: &[HostTask]) -> Diagnostic {
    let name = |id: TaskId| format!("`{}` ({})", tasks[id.0 as usize].name, tasks[id.0 as usize].origin);
    let count = cycle.0.len();
    let step = |(i, (id, why)): (usize, &(TaskId, Why))| {
        format!("{} waits for {} ({why})", name(cycle.0[(i + 1) % count].0), name(*id))
    };
    let diagnostic =
        Diagnostic::error("tasks wait for each other").at(&tasks[cycle.0[0].0.0 as usize].origin);
    let diagnostic = cycle.0.iter().enumerate().map(step).fold(diagnostic, Diagnostic::cause);
    diagnostic.hint("remove one of the `needs`")
}

pub(super) fn cycle_failure(cycle: &Cycle, tasks: &[HostTask]) -> (TaskId, Failure) {
    (cycle.0[0].0, diagnostic_failure(&cycle_diagnostic(cycle, tasks)))
}
