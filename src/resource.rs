//! The trait of a resource type, the diffing of its states, and the invariants that no author can forget.
//!
//! A resource type has no hands: it is pure code that names the queries it needs, receives answers, computes the observed
//! and the desired [`State`], and returns the ops between them. Adding one is one file in `resources/` and one row in
//! its table; `CONTRIBUTING.md` shows how.

mod at_once;
mod diff;
mod held;
mod interlude;
mod kinds;
mod manner;
mod prepared;
mod program;
mod seen;
mod table;
mod topic;
mod untold;

pub use at_once::shows_at_once;
pub use diff::Mask;
pub use held::{Held, Mark, held};
pub use interlude::Interlude;
pub use kinds::kind_of;
pub use manner::Manner;
use prepared::Typed;
pub use prepared::{Change, Outcome, Prepared};
pub use program::{program_of, with_program};
pub use seen::{AptAhead, Look, Lookup, PackagesAhead, Seen};
pub use table::{ResourceType, is_internal, row};
pub use topic::Topic;
pub use untold::Untold;

use crate::{
    model::{Address, Area, Claim, Exposed, Footprint},
    yaml::Map,
};
use agent::{
    secret::Content,
    wire::{Answer, Meta, Op, Output, Query},
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// Why a state cannot be told yet.
#[derive(Clone, Debug)]
pub enum Pause {
    /// These queries have to be answered first.
    Need(Vec<Query>),
    /// The host cannot say before an earlier task has run. Without such a task that changes something, it is an error.
    NotYet(String),
    Fault(Fault),
}

/// What `observe` returns; `?` passes on a pause.
pub type Observe<S> = Result<S, Pause>;

/// Why a task cannot be done as it is written or on this host. No secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub message: String,
    pub hint: Option<String>,
    /// No condition of the task may take it for a good end.
    pub is_final: bool,
}

impl Fault {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, is_final: false }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Fault> for Pause {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// One named aspect of a state; a diff shows before and after of each that differs.
#[derive(Clone, Debug)]
pub enum Facet {
    /// A short value: `0644`, `running`.
    Scalar(String),
    /// A short value that must not be shown.
    Secret(Vec<u8>),
    /// A text or file content, compared by digest. `content` is `None` when it was not read (equal, too large).
    Content { digest: [u8; 32], size: u64, content: Option<Content> },
}

impl Facet {
    pub fn content(content: &Content) -> Self {
        let size = content.bytes().len() as u64;
        Self::Content { digest: content.digest(), size, content: Some(content.clone()) }
    }
}

impl PartialEq for Facet {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a == b,
            (Self::Secret(a), Self::Secret(b)) => a == b,
            (Self::Content { digest: a, .. }, Self::Content { digest: b, .. }) => a == b,
            _ => false,
        }
    }
}

impl From<String> for Facet {
    fn from(text: String) -> Self {
        Self::Scalar(text)
    }
}

impl From<&str> for Facet {
    fn from(text: &str) -> Self {
        Self::Scalar(text.into())
    }
}

/// The facets of a state in the order in which they are shown. A facet that is not there is absent.
pub type Facets = IndexMap<String, Facet>;

/// One type for the observed and the desired state of a resource.
pub trait State {
    fn facets(&self) -> Facets;
}

/// What an op will make later answers be, where the op itself does not say (file ops do).
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few of them, and they live as long as a plan")]
pub enum Effect {
    /// This query will be answered so.
    Answer(Query, Answer),
    /// What this area will be like cannot be told before.
    Unknown(Area),
}

impl Effect {
    /// That something cannot be told before.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

/// A file that is kept on the machine that the program runs on, once the change is made.
#[derive(Clone, Debug)]
pub struct Keep {
    pub path: String,
    pub content: Content,
}

/// A parameter that names a file the task brings along, e.g. `src` of `template`.
#[derive(Clone, Copy, Debug)]
pub struct SourceParam {
    /// The parameter with the file's name.
    pub key: &'static str,
    /// The role's (or playbook's) folder it is looked up in: `templates` or `files`.
    pub folder: &'static str,
    /// Rendered as a template.
    pub render: bool,
    /// The parameter that receives the content.
    pub into: &'static str,
}

impl SourceParam {
    /// It names a folder, with all that is in it.
    pub fn is_folder(&self) -> bool {
        self.into == "tree"
    }

    /// Its documentation. `alone`: the content cannot be given otherwise.
    pub fn about(&self, alone: bool) -> String {
        let what = if self.is_folder() { "folder" } else { "file" };
        match alone {
            true => format!("A {what} from {}/.", self.folder),
            false => format!("A {what} from {}/, in place of `{}`.", self.folder, self.into),
        }
    }
}

/// How a host that starts anew is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Reboot {
    pub timeout_s: u32,
    /// Between its being back and later tasks.
    pub post_delay_s: u32,
}

/// A resource type. See the module's documentation.
pub trait Resource: Sized + 'static {
    /// The key in a task.
    const NAME: &'static str;
    /// Where it stands in the documentation.
    const TOPIC: Topic;
    /// What kind of thing a task of it is.
    const MANNER: Manner = Manner::State;
    /// A task that shows its use; parsed by a test.
    const EXAMPLE: &'static str;
    /// The parameter that a bare string stands for (`command: uptime`).
    const FREE: Option<&'static str> = None;
    const SOURCES: &'static [SourceParam] = &[];
    /// Parameters that say what will be there, and never where: whatever they are, [`Self::footprint`] is the same.
    const CONTENT: &'static [&'static str] = &[];
    /// The kinds of facets that its diffs show, as [`kind_of`] reads them: names in capitals.
    const FACETS: &'static [&'static str];
    /// What [`Self::found`], [`Self::told`] and [`Self::interlude`] put into the registered result: keys, and what they hold.
    const RESULT: &'static [(&'static str, &'static str)] = &[];
    /// What cannot be told before a task has run that changes something: what [`Self::effects`] leaves unknown, and the result where it is
    /// not known before.
    const UNTOLD: &'static [Untold] = &[];

    /// The parameters. Doc comments are the documentation.
    type Spec: DeserializeOwned + JsonSchema + Send + Sync;
    type State: State;

    /// Parameters that contradict each other: found as soon as they are read. By default what shows before the first question.
    ///
    /// # Errors
    /// A fault that names them.
    fn check(spec: &Self::Spec) -> Result<(), Fault> {
        shows_at_once::<Self>(spec)
    }

    /// What this owns on the host; `None` for actions and for parts of a file that several tasks share.
    fn address(spec: &Self::Spec) -> Option<Address>;
    /// Of what another task may own as a whole, this one has a part: both on one host would undo each other, and are refused.
    fn part_of(_: &Self::Spec) -> Option<Address> {
        None
    }
    /// What else it owns: of several files that one task writes, those beside the first.
    fn also_owns(_spec: &Self::Spec) -> Vec<Address> {
        vec![]
    }
    /// Other names under which it owns the same, once the host has told them.
    ///
    /// # Errors
    /// As [`Self::observe`].
    fn also_known_as(_: &Self::Spec, _: &Seen) -> Observe<Vec<Address>> {
        Ok(vec![])
    }
    fn footprint(spec: &Self::Spec) -> Footprint;
    /// The state on the host, from the answers seen so far.
    ///
    /// # Errors
    /// A [`Pause`]: more questions, not knowable yet, or a fault.
    fn observe(spec: &Self::Spec, seen: &Seen) -> Observe<Self::State>;
    /// The state wanted.
    ///
    /// # Errors
    /// A fault when it cannot be had from the observed one.
    fn desired(spec: &Self::Spec, observed: &Self::State) -> Result<Self::State, Fault>;
    /// The ops from one to the other: empty if and only if their facets are equal.
    fn ops(spec: &Self::Spec, from: &Self::State, to: &Self::State) -> Vec<Op>;

    /// What later answers will be. The default: where a command runs, everything that is written is unknown afterwards.
    fn effects(spec: &Self::Spec, _from: &Self::State, _to: &Self::State, ops: &[Op]) -> Vec<Effect> {
        let runs = ops
            .iter()
            .any(|op| matches!(op, Op::Exec { .. } | Op::Steps(_) | Op::Job { .. } | Op::Packages { .. }));
        let writes = Self::footprint(spec).writes.into_iter();
        if runs { writes.map(Effect::Unknown).collect() } else { vec![] }
    }

    /// What a person should know of the state though nothing is done about it: `db` was stopped by an operator. No secret.
    fn notes(_spec: &Self::Spec, _state: &Self::State) -> Vec<String> {
        vec![]
    }

    /// An action (`command`, a restart, a request) rather than a state: it is not observed again after it was done.
    fn acts(_spec: &Self::Spec) -> bool {
        false
    }

    /// Whether the acting itself is a change (a `wait_for`, an `assert` or a check is none).
    fn counts_as_change(_spec: &Self::Spec) -> bool {
        true
    }

    /// Whether its result is that of a command: `rc`, `stdout`, `stderr`.
    fn is_command(_spec: &Self::Spec) -> bool {
        false
    }

    /// The command itself as a question, when it only looks.
    fn look(_spec: &Self::Spec) -> Option<Query> {
        None
    }

    /// The op of a command of the user's, when it has to run.
    fn runs(_spec: &Self::Spec) -> Option<Op> {
        None
    }

    /// The id of the job, when its command runs in the background.
    fn job(_spec: &Self::Spec) -> Option<String> {
        None
    }

    /// That its ops make the host start anew.
    fn reboots(_spec: &Self::Spec) -> Option<Reboot> {
        None
    }

    /// What a task that registers its result keeps of what it saw, by name; what cannot be told yet is `Unknown`.
    ///
    /// # Errors
    /// As [`Self::observe`].
    fn found(_spec: &Self::Spec, _seen: &Seen) -> Observe<Map> {
        Ok(Map::new())
    }

    /// What a task that registers its result keeps of what its last op brought back, by name, in place of `rc`, `stdout` and `stderr`:
    /// all of it `Unknown` as long as there is no output.
    fn told(_spec: &Self::Spec, _output: Option<&Output>) -> Option<Map> {
        None
    }

    /// What helps where its op ended so. No secret.
    fn remedy(_spec: &Self::Spec, _output: &Output) -> Option<String> {
        None
    }

    /// The ports that it opens or closes.
    ///
    /// # Errors
    /// As [`Self::observe`].
    fn exposes(_spec: &Self::Spec, _seen: &Seen) -> Observe<Option<Exposed>> {
        Ok(None)
    }

    /// What the lint of plans goes by: what will be on the host when it is done. It may ask for what planning has no need of.
    ///
    /// # Errors
    /// As [`Self::observe`].
    fn claims(_spec: &Self::Spec, _seen: &Seen) -> Observe<Vec<Claim>> {
        Ok(vec![])
    }

    /// What is kept here of the change, besides what the ops do on the host.
    fn keep(_spec: &Self::Spec, _from: &Self::State, _to: &Self::State) -> Option<Keep> {
        None
    }

    /// The path here of what is kept of its change.
    fn kept(_spec: &Self::Spec) -> Option<String> {
        None
    }

    /// What happens on the controller, in place of ops on the host.
    fn interlude(_spec: &Self::Spec) -> Option<Interlude> {
        None
    }
}

/// Shorthand for the most common questions about files.
pub fn file_query(path: &str) -> Query {
    Query::File { path: path.into() }
}

/// Owner, group and mode as facets.
pub fn attr_facets(facets: &mut Facets, meta: &Meta) {
    facets.insert("mode".into(), format!("{:04o}", meta.mode).into());
    facets.insert("owner".into(), meta.owner.clone().into());
    facets.insert("group".into(), meta.group.clone().into());
}
