//! A plan as a file: what is shown of it, and fingerprints by which one that is made later is held against it.
//!
//! Everything here is pure; `cli` reads, writes and locks.

mod seal;

use super::{
    Counts, HostPlan, TaskPlan,
    lint::{self, Found},
};
use crate::{
    event::{Finding, PlannedTask, Verdict},
    model::{Diff, Shown},
    resource::{Held, Mark},
    site::Prepare,
};
use agent::frame;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// By what a file is known as a saved plan.
pub const KIND: &str = "lustores-provision plan";

/// The version of the form. It is raised when something that was there means something else or is gone; fields may be added at any time.
pub const FORM: u32 = 1;

/// A plan that was saved. It holds no secret.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SavedPlan {
    /// `lustores-provision plan`.
    pub kind: String,
    /// The version of this form.
    pub schema: u32,
    pub made: Made,
    pub selection: Selection,
    /// All that was read, in the order of the names. Where one of them is another one, the plan is refused.
    pub inputs: Vec<Input>,
    pub key: Locked,
    /// In the order of the inventory.
    pub hosts: Vec<SavedHost>,
    /// A fingerprint of all the rest, under the same key.
    #[serde(default)]
    pub seal: String,
    /// What it has to be of, of a plan that was read.
    #[serde(skip)]
    digest: [u8; 32],
}

impl SavedPlan {
    /// A new one, sealed under its key.
    pub fn new(
        made: Made,
        selection: Selection,
        inputs: Vec<Input>,
        key: (Locked, &[u8; 32]),
        hosts: Vec<SavedHost>,
    ) -> Self {
        let (kind, (locked, open)) = (KIND.into(), key);
        let (seal, digest) = (String::new(), [0; 32]);
        Self { kind, schema: FORM, made, selection, inputs, key: locked, hosts, seal, digest }.sealed(open)
    }

    /// One that somebody has written.
    ///
    /// # Errors
    /// What is no plan.
    pub fn read(plan: serde_json::Value) -> serde_json::Result<Self> {
        let digest = seal::digest(&plan);
        Ok(Self { digest, ..serde_json::from_value(plan)? })
    }

    /// Seals it under its key.
    #[must_use]
    pub fn sealed(mut self, key: &[u8; 32]) -> Self {
        self.digest = seal::digest(&serde_json::to_value(&self).expect("texts are JSON"));
        self.seal = seal::seal(&self.digest, key);
        self
    }

    /// Whether it is as it was when it was sealed under this key.
    pub fn is_whole(&self, key: &[u8; 32]) -> bool {
        self.seal == seal::seal(&self.digest, key)
    }
}

/// By whom and when a plan was made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Made {
    /// The name of the run that made it.
    pub run: String,
    /// `user@machine`.
    pub who: String,
    /// In seconds since 1970, by the controller's clock.
    pub at: u64,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// The version of the program.
    pub program: String,
    /// The SHA-256 of the agent for each architecture.
    pub agents: BTreeMap<String, String>,
}

/// What the plan is about, as it was written on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Selection {
    pub inventory: String,
    pub playbook: String,
    pub limit: Option<String>,
    pub tags: Vec<String>,
    pub skip_tags: Vec<String>,
    pub start_at_task: Option<String>,
    pub extra_vars: Vec<String>,
}

/// Something that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Input {
    /// A file, encrypted ones as they stand on disk.
    File {
        /// From the folder in which the program was started, where it lies below that.
        name: String,
        sha256: String,
    },
    /// What a program printed that is an inventory.
    Program {
        /// How it was called.
        name: String,
        /// A fingerprint.
        print: String,
    },
}

impl Input {
    pub fn name(&self) -> &str {
        match self {
            Self::File { name, .. } | Self::Program { name, .. } => name,
        }
    }
}

/// The key of the fingerprints, which only those can read who can open the secrets of the project.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Locked {
    pub with: With,
    /// The locked key.
    pub text: String,
}

/// What the key of a plan is locked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum With {
    /// The vault password, in Ansible's form.
    Vault,
    /// The project's age recipients.
    Age,
    /// All secrets of the project together, as if they were a vault password.
    Secrets,
    /// Nothing is secret: the key stands there as it is.
    Nothing,
}

/// A host's part.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SavedHost {
    pub host: String,
    /// By which it is reached, as the inventory has it; none where that is its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the lint of plans found, also what is accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// In the order of the files; `task` counts them from 0.
    pub tasks: Vec<SavedTask>,
}

/// A task as it was planned.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SavedTask {
    #[serde(flatten)]
    pub task: PlannedTask,
    /// What it owns on the host.
    pub address: Option<String>,
    /// Acting on it counts as a change.
    pub counts: bool,
    /// Fingerprints of each facet that it changes.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub facets: IndexMap<String, Prints>,
    /// A fingerprint of all that it does on the host; of what is decided in the run, of a rescue, and of a handler that only rescues
    /// notify, of its parameters as far as they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<String>,
}

/// Fingerprints of a facet: 128 bits of a keyed BLAKE3, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prints {
    /// As it was seen on the host; none where it is not there, or cannot be seen.
    pub seen: Option<String>,
    /// As it is wanted; none where it is to be gone.
    pub wanted: Option<String>,
}

/// Makes fingerprints under the key of a plan.
pub struct Printer([u8; 32]);

impl Printer {
    pub fn new(key: &[u8; 32]) -> Self {
        Self(*blake3::keyed_hash(key, b"prints of a plan").as_bytes())
    }

    /// Of a digest.
    pub fn digest(&self, digest: &[u8; 32]) -> String {
        blake3::keyed_hash(&self.0, digest).to_hex()[..32].into()
    }

    fn facet(&self, held: &Held, facet: &str) -> Option<String> {
        held.iter().find(|(name, _)| name == facet).map(|(_, mark)| match mark {
            Mark::Clear(text) => self.digest(blake3::hash(text.as_bytes()).as_bytes()),
            Mark::Digest(digest) => self.digest(digest),
        })
    }
}

/// A host with its plan.
pub struct Planned<'a> {
    pub host: &'a str,
    pub prepare: &'a dyn Prepare,
    pub plan: &'a HostPlan,
}

impl SavedHost {
    /// What is kept of a plan. `show` is what every text goes through.
    pub fn of(
        planned: &Planned,
        address: Option<&str>,
        printer: &Printer,
        show: &dyn Fn(&str) -> String,
    ) -> Self {
        let task = |mut task: PlannedTask| {
            let at = task.task.0 as usize;
            let address = planned.plan.prepared[at].as_ref().and_then(|prepared| prepared.address());
            let (mut facets, mut steps) = (IndexMap::new(), None);
            // It is not known yet what it finds; what it is to do is, as far as it is.
            let is_deferred = matches!(planned.plan.tasks[at], TaskPlan::Deferred { .. });
            let is_called = planned.prepare.tasks()[at].is_rescue() || !task.if_fails.is_empty();
            if is_deferred || is_called {
                let (plan, prepare) = (planned.plan, planned.prepare);
                let ready = plan.prepared[at].as_ref().or(plan.awaiting[at].as_ref());
                let known = ready.map_or_else(|| prepare.known(task.task), |ready| Some(ready.digest()));
                steps = known.map(|digest| printer.digest(&digest));
            }
            if let TaskPlan::Change(change) = &planned.plan.tasks[at] {
                steps = Some(printer.digest(&frame::digest(&change.ops)));
                for facet in &change.diff.facets {
                    let of = |held: &Held| printer.facet(held, &facet.facet);
                    let prints = Prints { seen: of(&change.held), wanted: of(&change.wanted) };
                    facets.insert(show(&facet.facet), prints);
                }
            }
            each_text(&mut task, show);
            let counts = planned.plan.counts[at] != Counts::No;
            SavedTask { task, address: address.map(|own| show(&own.0)), counts, facets, steps }
        };
        let tasks = planned.plan.shown(planned.prepare.tasks()).into_iter().map(task).collect();
        let mut findings: Vec<Finding> =
            lint::of_plan(planned.prepare, planned.plan).iter().map(Found::told).collect();
        findings.iter_mut().for_each(|finding| each_text_of(finding, show));
        Self { host: planned.host.into(), address: address.map(show), findings, tasks }
    }

    /// Takes every text through `show`.
    pub fn each_text(&mut self, show: &dyn Fn(&str) -> String) {
        self.host = show(&self.host);
        self.address = self.address.as_deref().map(show);
        self.findings.iter_mut().for_each(|finding| each_text_of(finding, show));
        self.tasks.iter_mut().for_each(|task| each_text(&mut task.task, show));
    }

    /// The first task of which something is hidden: a value of the project's, or what only some may read on the host.
    pub fn hides(&self) -> Option<&SavedTask> {
        let is_hidden = |shown: &Shown| match shown {
            Shown::Masked(_) => true,
            Shown::Text(text) => text.contains("[secret "),
            Shown::Absent | Shown::Scalar(_) | Shown::Binary { .. } => false,
        };
        let hides =
            |diff: &Diff| diff.facets.iter().any(|facet| is_hidden(&facet.before) || is_hidden(&facet.after));
        self.tasks.iter().find(|task| task.diff().is_some_and(hides))
    }
}

impl SavedTask {
    /// The task and what it owns.
    pub fn title(&self) -> String {
        match &self.address {
            Some(address) => format!("`{}` ({address})", self.task.name),
            None => format!("`{}`", self.task.name),
        }
    }

    pub fn is_deferred(&self) -> bool {
        matches!(self.task.verdict, Verdict::Deferred { .. })
    }

    /// What it changes, if that is known.
    pub fn diff(&self) -> Option<&Diff> {
        match &self.task.verdict {
            Verdict::Change { diff } | Verdict::Run { diff, .. } => Some(diff),
            _ => None,
        }
    }
}

fn each_text_of(finding: &mut Finding, show: &dyn Fn(&str) -> String) {
    let Finding { message, causes, hint, place, accepted, .. } = finding;
    let texts = [message, hint, place].into_iter().chain(causes).chain(accepted);
    texts.for_each(|text| *text = show(text));
}

/// Takes every text of a task through `show`.
fn each_text(task: &mut PlannedTask, show: &dyn Fn(&str) -> String) {
    let one = |text: &mut String| *text = show(text);
    one(&mut task.name);
    one(&mut task.place);
    task.notes.iter_mut().for_each(one);
    task.after.iter_mut().for_each(|after| one(&mut after.why));
    if let Some(exposed) = &mut task.exposes {
        exposed.texts(&one);
    }
    let diff = match &mut task.verdict {
        Verdict::Unchanged => return,
        Verdict::Skipped { why } => return one(why),
        Verdict::Deferred { why, after } => {
            after.iter_mut().for_each(one);
            return one(why);
        }
        Verdict::Run { why, diff } => {
            one(why);
            diff
        }
        Verdict::Change { diff } => diff,
    };
    for facet in &mut diff.facets {
        one(&mut facet.facet);
        for side in [&mut facet.before, &mut facet.after] {
            if let Shown::Scalar(text) | Shown::Text(text) = side {
                one(text);
            }
        }
    }
}
