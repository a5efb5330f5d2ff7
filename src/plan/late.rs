//! Tasks that are done as a user who is not there yet.

use super::{TaskPlan, view::View};
use crate::{
    model::Area,
    resource::{Fault, Look, Lookup},
    site::HostTask,
};
use agent::wire::{Answer, Op, Query};

/// What brings users, and so comes before such a task.
pub(super) const MAKERS: [Area; 2] = [Area::Accounts, Area::Packages];

/// Why such a task is to be decided in the run. `before`: what those before it on its machine do.
///
/// # Errors
/// Nothing before it may make the user.
pub(super) fn late<'a>(
    task: &HostTask,
    view: &View,
    mut before: impl Iterator<Item = &'a TaskPlan>,
) -> Result<String, Fault> {
    let user = task.become_user.as_deref().unwrap_or_default();
    let comes = match view.look(&Query::User { name: user.into() }) {
        Look::Known(Answer::User(Some(_))) | Look::Unknown(_) => true,
        // A package brings users of its own.
        Look::Known(_) | Look::NotAsked => before.any(|plan| match plan {
            TaskPlan::Change(change) => change.ops.iter().any(|op| matches!(op, Op::Packages { .. })),
            TaskPlan::Deferred { .. } => true,
            TaskPlan::Unchanged { .. } | TaskPlan::Skipped { .. } => false,
        }),
    };
    match comes {
        true => Ok(format!("there is no user `{user}` yet, as whom it is done")),
        false => {
            let fault = Fault::new(format!("there is no user `{user}` on the host, as whom it is done"));
            Err(fault.hint(format!("a task before it can make one: `user: {{name: {user}}}`")))
        }
    }
}
