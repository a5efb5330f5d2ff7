//! What happened, as data. The engine sends events, the report shows them; they meet only here.
//!
//! Every type here derives `Serialize`, so none can hold a secret. `--json` prints events as they are, one a line.

use crate::model::{Diff, TaskId};
use serde::Serialize;

/// One thing that happened in a run. Within a host: `HostConnecting`, `HostConnected` or `HostFailed`, `HostPlanned`, then for each
/// task at most one `TaskStarted` and exactly one `TaskFinished`, then `HostFinished`. `RunFinished` is the last of all.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    RunStarted {
        run: String,
        check: bool,
        hosts: Vec<String>,
    },
    HostConnecting {
        host: String,
    },
    HostConnected {
        host: String,
        os: String,
        arch: String,
        uploaded: bool,
    },
    /// The host keeps the run waiting before it answers, and says for whom: an installation that an earlier run has left at work.
    /// Said again while that lasts, also between `HostConnecting` and `HostConnected`.
    HostWaiting {
        host: String,
        message: String,
    },
    /// The host could not be worked on at all. Last event of that host but for `HostFinished`.
    HostFailed {
        host: String,
        failure: Failure,
    },
    HostPlanned {
        host: String,
        tasks: Vec<PlannedTask>,
    },
    /// The plan of all hosts is complete; what follows acts (never under `--check`).
    PlanComplete {
        changes: usize,
        deferred: usize,
    },
    /// With `serial`: these hosts are worked on now, as batch `number` of `of`, counted from 1.
    BatchStarted {
        number: usize,
        of: usize,
        hosts: Vec<String>,
    },
    TaskStarted {
        host: String,
        task: TaskId,
        name: String,
    },
    /// A line that a command printed. Goes through the redactor.
    TaskOutput {
        host: String,
        task: TaskId,
        line: String,
    },
    TaskFinished {
        host: String,
        task: TaskId,
        name: String,
        status: Status,
        diff: Option<Diff>,
        failure: Option<Failure>,
        millis: u64,
    },
    HostFinished {
        host: String,
        summary: Summary,
        /// Over all links of the host; what ssh needs to connect is not among them.
        round_trips: u64,
    },
    RunFinished {
        exit: u8,
        millis: u64,
    },
    Warning {
        host: Option<String>,
        message: String,
    },
}

/// A task as the plan has it.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedTask {
    pub task: TaskId,
    /// `role : name`, or the resource and its address when it has none.
    pub name: String,
    pub resource: String,
    /// `file:line` of the task.
    pub place: String,
    pub verdict: Verdict,
    /// What a person should know of it, also when nothing is to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    Unchanged,
    Change {
        diff: Diff,
    },
    /// Cannot be known before `after` (names of tasks) has run.
    Deferred {
        why: String,
        after: Vec<String>,
    },
    /// An action that will run because of what changes (`why`), or always.
    Run {
        why: String,
        diff: Diff,
    },
    /// `when` is false, or a handler that nothing notifies.
    Skipped {
        why: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As wanted already.
    Ok,
    Changed,
    Skipped,
    Failed,
    /// Not tried because something it depends on failed.
    Blocked,
    /// Under `--check`: not knowable yet.
    Deferred,
    /// Under `--check`: would change.
    WouldChange,
}

/// Why something failed, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub message: String,
    pub causes: Vec<String>,
    pub hint: Option<String>,
    /// The exit code that this kind of failure has.
    pub exit: u8,
    /// `file:line:column` of what is wrong, else of the task.
    pub place: Option<String>,
    /// The lines of the file at that place and at those that matter for it; none of a decrypted file.
    pub excerpt: Option<String>,
    /// The end of what the failing command printed.
    pub output: Vec<String>,
    /// What else is wrong, found at the same time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<Self>,
}

/// Counts per host for the closing table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Failed, and what the block's `rescue` did about it went well: not among `failed`.
    pub rescued: usize,
    pub ok: usize,
    pub changed: usize,
    pub skipped: usize,
    pub failed: usize,
    pub blocked: usize,
    pub deferred: usize,
    pub unreachable: bool,
}
