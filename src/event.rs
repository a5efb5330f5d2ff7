//! What happened, as data. The engine sends events, the report shows them; they meet only here.
//!
//! Every type here derives `Serialize`, so none can hold a secret. `--json` prints them, and a run is kept, as [`Recorded`]
//! events, one a line.

use crate::model::{Diff, Exposed, TaskId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of what follows, which the first event of a run says. It is raised when something that was there means something else or
/// is gone; events and fields that are added do not raise it, so whoever reads them leaves out what they do not know.
pub const SCHEMA: u32 = 1;

/// An event with its time: a line of `--json`, and of a run that is kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Recorded {
    /// Milliseconds since the run began.
    pub at: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// What kind of run it is, and whose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// The version of the program.
    pub program: String,
    /// `apply`, `plan`, `drift` or `undo`.
    pub verb: String,
    /// The inventory, as it was written.
    pub inventory: String,
    /// The playbook; none where no tasks are read from one.
    pub playbook: Option<String>,
    /// The folder in which the program was started.
    pub folder: String,
    /// `user@machine (pid n)`.
    pub who: String,
    /// When it began, in seconds since 1970, by the controller's clock.
    pub started: u64,
    /// By which address hosts are reached, as the inventory has it; those that are reached by their name are not among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addresses: BTreeMap<String, String>,
}

impl About {
    /// What was called for: `apply --check`, `plan`.
    pub fn called(&self, check: bool) -> String {
        // These only look whatever else is said.
        let looks = ["plan", "drift"].contains(&&*self.verb);
        format!("{}{}", self.verb, if check && !looks { " --check" } else { "" })
    }
}

/// One thing that happened in a run. Within a host: `HostConnecting`, `HostConnected` or `HostFailed`, `HostPlanned`, then for each
/// task at most one `TaskStarted` and exactly one `TaskFinished`, then `HostFinished`. `RunFinished` is the last of all.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first event of all.
    RunStarted {
        /// The version of these events.
        schema: u32,
        /// The name of the run: `runs show`, `undo` and the journals of the hosts know it.
        run: String,
        /// Nothing is changed.
        check: bool,
        /// The hosts, in the order of the inventory.
        hosts: Vec<String>,
        about: About,
    },
    /// An ssh connection is being made.
    HostConnecting { host: String },
    /// The agent is there and answers.
    HostConnected {
        host: String,
        /// The name of the operating system, for people.
        os: String,
        /// `x86_64`, `aarch64`.
        arch: String,
        /// The agent had to be brought there.
        uploaded: bool,
    },
    /// The host keeps the run waiting before it answers, and says for whom: an installation that an earlier run has left at work.
    /// Said again while that lasts, also between `host_connecting` and `host_connected`.
    HostWaiting { host: String, message: String },
    /// The host could not be worked on at all. Last event of that host but for `host_finished`.
    HostFailed { host: String, failure: Failure },
    /// Every task of the host has a verdict.
    HostPlanned {
        host: String,
        /// In the order of the files; `task` counts them from 0.
        tasks: Vec<PlannedTask>,
    },
    /// Of `drift`, after `host_planned`: what has moved on the host since the last apply, and what is configured otherwise.
    HostDrift {
        host: String,
        /// The last apply that left another state than the one before it; none where the host has no record of this playbook.
        since: Option<Since>,
        /// Why the record that is there cannot be read: it is a difference by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unreadable: Option<String>,
        /// Those of which anything differs.
        tasks: Vec<DriftedTask>,
        /// What the last apply left and no task is about any more: what such a task owned, or its type and name.
        gone: Vec<String>,
        /// Handlers that are owed since earlier runs.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        owed: Vec<Owed>,
    },
    /// Of the lint of plans, before `host_planned`, or before `host_failed` when it keeps the host from being worked on.
    Finding { host: String, finding: Finding },
    /// The plan of all hosts is complete; what follows acts (never under `--check`).
    PlanComplete {
        /// Tasks that change something, over all hosts.
        changes: usize,
        /// Tasks of which that shows only on the way.
        deferred: usize,
    },
    /// With `serial`: these hosts are worked on now, as batch `number` of `of`, counted from 1.
    BatchStarted { number: usize, of: usize, hosts: Vec<String> },
    /// A task of which it is not known already that there is nothing to do.
    TaskStarted { host: String, task: TaskId, name: String },
    /// A line that a command printed. Goes through the redactor.
    TaskOutput { host: String, task: TaskId, line: String },
    /// How a task came out.
    TaskFinished {
        host: String,
        task: TaskId,
        name: String,
        status: Status,
        /// What it changed, or would.
        diff: Option<Diff>,
        failure: Option<Failure>,
        /// How long it took, in milliseconds.
        millis: u64,
    },
    /// The last event of a host.
    HostFinished {
        host: String,
        summary: Summary,
        /// Over all links of the host; what ssh needs to connect is not among them.
        round_trips: u64,
        /// The tasks whose failure is none of the host's.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        excused: Vec<Excused>,
    },
    /// With `--prove`: everything went well, and all hosts are looked at once more. What follows, again from `host_connecting` on, changes
    /// nothing.
    ProofStarted {},
    /// The last event of all.
    RunFinished {
        /// The exit code of the program.
        exit: u8,
        /// How long the run took, in milliseconds.
        millis: u64,
    },
    /// Something odd that is no failure.
    Warning {
        /// `null`: it is about the run as a whole.
        host: Option<String>,
        message: String,
    },
}

/// A task that failed, and what came after went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Excused {
    pub task: TaskId,
    pub by: Excuse,
}

/// Why a failure counts as none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Excuse {
    /// The task says `ignore_errors`.
    Ignored,
    /// What the block's `rescue` did about it went well.
    Rescued,
}

impl Excuse {
    /// As one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Rescued => "rescued",
        }
    }
}

/// Something that would be dangerous or odd on a host once its plan is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The name under which the inventory accepts it.
    pub lint: String,
    /// Nothing is done on the host unless it is accepted.
    pub refuses: bool,
    /// The task that it is about.
    pub task: TaskId,
    pub message: String,
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: String,
    /// `file:line:column` in the project.
    pub place: String,
    /// The reason that the inventory gives for accepting it; `null`: it is not accepted.
    pub accepted: Option<String>,
}

/// A run that left something on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Since {
    pub run: String,
    /// `user@machine (pid n)`.
    pub who: String,
    /// When it began, in seconds since 1970, by the controller's clock.
    pub at: u64,
}

/// A handler that a change has notified, and that has not run since: its run was cut off, or the handler failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Owed {
    /// `role : name`.
    pub handler: String,
    /// The task that notified it.
    pub task: String,
    /// The run in which it did.
    pub run: String,
    /// When, in seconds since 1970, by the host's clock.
    pub at: u64,
}

/// A task of which anything differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriftedTask {
    pub task: TaskId,
    pub name: String,
    pub facets: Vec<DriftedFacet>,
}

/// A facet that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriftedFacet {
    pub facet: String,
    pub cause: Cause,
    /// What the last apply left, where that is a short value and no secret.
    pub left: Option<String>,
}

/// Who made a facet differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The host is another one than the last apply left, which is what the configuration still wants.
    Host,
    /// The host is another one, and the configuration wants a third thing.
    Both,
    /// The host is another one, and the configuration wants it so, or says nothing about it.
    HostAsWanted,
    /// The host is as the last apply left it, and the configuration wants something else now.
    Configuration,
    /// The last apply did not know of the task.
    New,
}

/// A task as the plan has it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTask {
    pub task: TaskId,
    /// `role : name`, or the resource and its address when it has none.
    pub name: String,
    pub resource: String,
    /// `file:line` of the task.
    pub place: String,
    pub verdict: Verdict,
    /// What a person should know of it, also when nothing is to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What it waits for. What follows from other edges is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<After>,
    /// The ports that it opens or closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposes: Option<Exposed>,
    /// Of a rescue, or of a handler that only rescues notify: it may run if one of these fails. Without any, nothing calls for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub if_fails: Vec<TaskId>,
}

/// An edge of the graph: a task that another one waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct After {
    pub task: TaskId,
    /// Why, as `graph` says it.
    pub why: String,
    /// It only has to come later: it is all the same to it how the other one ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub order_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// As wanted already.
    Unchanged,
    /// Not as wanted.
    Change { diff: Diff },
    /// Cannot be known before `after` (names of tasks) has run.
    Deferred { why: String, after: Vec<String> },
    /// An action that will run because of what changes (`why`), or always.
    Run { why: String, diff: Diff },
    /// `when` is false, or a handler that nothing notifies.
    Skipped { why: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As wanted already.
    Ok,
    Changed,
    /// `when` is false, or a handler that nothing notified.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<Self>,
}

/// How many tasks of a host came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Summary {
    /// Failed, and what the block's `rescue` did about it went well: not among `failed`.
    pub rescued: usize,
    pub ok: usize,
    pub changed: usize,
    pub skipped: usize,
    pub failed: usize,
    /// Of those in `failed`: the task says `ignore_errors`.
    pub ignored: usize,
    pub blocked: usize,
    pub deferred: usize,
    pub unreachable: bool,
}
