//! How a task came out, where nothing had to be sent to tell.

use super::{act::Fresh, executor::HostRun, meeting::OnceEnd};
use crate::{
    event::{Failure, Status},
    model::Diff,
    plan::{ResultOf, printed, result_node, task_failure},
    resource::{Fault, Prepared},
    site::HostTask,
    yaml::{Map, Node},
};
use agent::wire::{Answer, Output, Query};
use std::collections::HashMap;

/// How a task came out.
pub(super) struct Done {
    pub status: Status,
    pub diff: Option<Diff>,
    pub failure: Option<Failure>,
    pub result: Option<Node>,
    /// The host is another one than before, whatever the task's own `changed_when` makes of it.
    pub acted: bool,
    /// Whether that it failed is a result of its own, of which `failed_when` may say that it is none.
    pub own: bool,
}

impl Done {
    pub fn quiet(status: Status) -> Self {
        let result = matches!(status, Status::Skipped | Status::Ok)
            .then(|| result_node(&ResultOf { skipped: status == Status::Skipped, ..Default::default() }));
        Self { status, diff: None, failure: None, result, acted: false, own: true }
    }

    pub(super) fn failed(failure: Failure, output: Option<&Output>) -> Self {
        let result = result_node(&ResultOf { failed: true, output, ..Default::default() });
        let (status, failure, result) = (Status::Failed, Some(failure), Some(result));
        Self { status, diff: None, failure, result, acted: false, own: true }
    }

    /// A failure that no condition may excuse: nothing was tried, or it is about more than this task.
    pub(super) fn fatal(failure: Failure, output: Option<&Output>) -> Self {
        Self { own: false, ..Self::failed(failure, output) }
    }
}

/// Why a task could not be looked at to its end.
pub(super) struct Stopped {
    pub failure: Failure,
    pub own: bool,
    /// Of what was run to look.
    pub output: Option<Output>,
}

impl From<Stopped> for Done {
    fn from(stopped: Stopped) -> Self {
        Self { own: stopped.own, ..Self::failed(stopped.failure, stopped.output.as_ref()) }
    }
}

impl HostRun {
    /// What a task that another host has done for this one comes to here.
    pub(super) fn done_by_another(&self, task: &HostTask, end: OnceEnd) -> Done {
        let failed = |how: &str| Done::fatal(task_failure(task, &Fault::new(how)), None);
        match end {
            OnceEnd::Done(leader, Status::Failed | Status::Blocked, _) if !task.ignore_errors => {
                failed(&format!("it failed on `{leader}`, where it runs once"))
            }
            OnceEnd::Never(leader) => {
                failed(&format!("`{leader}`, where it runs once, did not come to its end"))
            }
            OnceEnd::Done(_, status, values) => {
                self.registered.lock().expect("no panic holds it").set(&values);
                let skipped = status == Status::Skipped;
                Done { result: None, ..Done::quiet(if skipped { Status::Skipped } else { Status::Ok }) }
            }
        }
    }

    /// What a task with `check_mode` comes to: its result tells of a change, and nothing is done.
    pub(super) fn would_change(&self, prepared: &dyn Prepared) -> Done {
        // As in Ansible: what a command would print nobody can tell.
        if prepared.is_command() {
            return Done::quiet(Status::Skipped);
        }
        let changed = prepared.counts_as_change();
        let status = if changed { Status::Changed } else { Status::Ok };
        let found = prepared.told(None).unwrap_or_default();
        let result = Some(result_node(&ResultOf { changed, found, ..Default::default() }));
        Done { result, ..Done::quiet(status) }
    }

    /// Sets variables for the tasks behind it.
    pub(super) fn set(&self, task: &HostTask, values: &Map) -> Done {
        let unknown = values.iter().find_map(|(name, entry)| Some((name, entry.node.unknown()?)));
        if let Some((name, why)) = unknown {
            let fault = Fault::new(format!("`{name}` cannot be set: {why} is not known"))
                .hint("the task that should have brought it was skipped or failed");
            return Done::fatal(task_failure(task, &fault), None);
        }
        self.registered.lock().expect("no panic holds it").set(values);
        Done::quiet(Status::Ok)
    }

    pub(super) fn nothing_to_do(&self, prepared: &dyn Prepared, answers: HashMap<Query, Answer>) -> Done {
        let output = printed(prepared, |query| answers.get(query).cloned());
        let found = prepared.found(&Fresh(answers));
        let result = result_node(&ResultOf { output: output.as_ref(), found, ..Default::default() });
        Done { result: Some(result), ..Done::quiet(Status::Ok) }
    }
}
