//! A host's task as the planner and the engine see it.

use super::{Judgement, Tries};
use crate::{
    diag::Diagnostics,
    model::{Area, BecomeMethod, Footprint, InBlock, Origin, Part, TaskId},
    resource::Prepared,
    yaml::{Entry, Map, Node, Value},
};
use agent::wire::owed::Due;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Where a task acts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// On the host itself.
    Host,
    /// On another host of the inventory that is reached with `connection: local`, or `localhost`.
    Delegate(String),
}

/// A task that runs once for all hosts, by its number in the playbook and the rounds of the includes around it.
pub type OnceKey = (usize, Vec<usize>);

/// `run_once`: one host of the batch does a task for the others, the first that comes to it.
#[derive(Clone, Debug)]
pub struct Once {
    pub key: OnceKey,
    /// The hosts of the batch that have the play, in their order.
    pub hosts: Vec<String>,
    /// Which of them this is.
    pub own: usize,
    /// Whether this host could do it: not when what is said of the task depends on an item that is not known before.
    pub may_lead: bool,
}

/// A task of one host, loops expanded. Its parameters are rendered on demand: [`super::Site::prepare`].
#[derive(Clone, Debug)]
pub struct HostTask {
    /// Position in the host's list: file order; handlers follow the tasks of their play.
    pub id: TaskId,
    /// `role : name`, with the loop item's label in parentheses.
    pub name: String,
    pub resource: Arc<str>,
    pub handler: bool,
    /// Of a handler: as what it is owed.
    pub due: Option<Due>,
    /// Of a handler: no task of its play is in this run.
    pub is_idle: bool,
    pub place: Place,
    /// The user to become on the machine it acts on; `None`: the login user.
    pub become_user: Option<String>,
    /// How; the usual one where nobody is become.
    pub become_method: BecomeMethod,
    pub register: Option<Register>,
    /// Handlers to run when this changes something.
    pub notify: Vec<TaskId>,
    pub needs: Vec<TaskId>,
    /// The names of registered results that its condition and its parameters may use, also by way of variables and of the files it
    /// brings along. Too many rather than too few.
    pub reads: Vec<String>,
    pub ignore_errors: bool,
    pub no_log: bool,
    /// The blocks with `rescue` or `always` that it stands in, outermost first.
    pub blocks: Vec<InBlock>,
    /// Whether conditions of its own say how it came out: [`Prepare::judge`].
    pub judged: bool,
    /// How often it is tried, when more than once.
    pub tries: Option<Tries>,
    /// The variables that it sets for the tasks behind it.
    pub sets: Vec<String>,
    /// The name under which it is kept that the files are there which it makes on the machine that the run is started on; none where no
    /// later task takes one along.
    pub brings: Option<String>,
    /// The tasks that make the files which this one takes along, as far as tasks make them.
    pub brought_by: Vec<TaskId>,
    /// What may have ended the play for this host before it: its `end_host`.
    pub ends: Vec<TaskId>,
    /// `check_mode: true`: it only tells what it would do, also when applying.
    pub only_looks: bool,
    /// That its machine is out of reach is no failure.
    pub ignore_unreachable: bool,
    /// What it touches besides what its resource says.
    pub touches: Vec<Area>,
    /// Seconds that each of its commands and waits may take.
    pub timeout_s: Option<u32>,
    /// Seconds to wait before it begins, behind the item before it.
    pub pause_s: u32,
    /// The item of its loop that it comes behind.
    pub follows: Option<TaskId>,
    pub once: Option<Once>,
    /// Its loop is about what an earlier task brings: its items are known when that has run.
    pub is_dynamic: bool,
    /// The play, when its hosts go through it in step, and the task's place in it: the same on all hosts.
    pub in_step: Option<(usize, Vec<usize>)>,
    /// The task of the playbook behind which it runs, as far as variables go: of a handler where it is flushed.
    pub(crate) seen_at: usize,
    pub origin: Origin,
    /// Index into the site's own table, for `prepare`.
    pub(crate) source: usize,
    /// The loop's item: variables to add, by name.
    pub(crate) item: Option<Arc<Vec<(String, Node)>>>,
}

impl HostTask {
    /// Whether it runs only when something failed.
    pub fn is_rescue(&self) -> bool {
        self.in_part(Part::Rescue).next().is_some()
    }

    /// The host that does it for this one, as far as it can be told before.
    pub fn leader(&self) -> Option<&str> {
        self.once.as_ref().filter(|once| once.own > 0).map(|once| once.hosts[0].as_str())
    }

    /// Under which name it keeps that the play has ended for this host.
    pub(crate) fn end_name(id: TaskId) -> String {
        // No variable has such a name.
        format!("end_host {}", id.0)
    }

    /// The names under which later tasks read what it comes to.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.register.iter().map(|register| &register.name).chain(&self.sets).chain(&self.brings)
    }

    /// The blocks in whose part of that kind it stands.
    pub fn in_part(&self, part: Part) -> impl Iterator<Item = u32> {
        self.blocks.iter().filter(move |inside| inside.part == part).map(|inside| inside.block)
    }
}

/// Under which name a result is kept; `item` is the loop index and count when the task is one of a loop: the results are collected
/// as `{results: [...]}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    pub name: String,
    pub item: Option<(usize, usize)>,
}

/// Results of tasks that have run (or are predicted) by registered name, and what `set_fact` set. A name that is not here yet is
/// unknown (`Value::Unknown("the result of `NAME`")`).
#[derive(Clone, Debug, Default)]
pub struct Registered {
    pub results: BTreeMap<String, Node>,
    /// What a `set_fact` would have set and has not, because it was not done.
    pub unset: BTreeSet<String>,
}

impl Registered {
    /// Whether no task has been decided on.
    pub fn is_empty(&self) -> bool {
        self.results.is_empty() && self.unset.is_empty()
    }

    /// Sets what a task sets.
    pub fn set(&mut self, values: &Map) {
        self.results.extend(values.iter().map(|(name, entry)| (name.clone(), entry.node.clone())));
    }

    /// What a task has set.
    pub fn of(&self, task: &HostTask) -> Map {
        let known = task.names().filter_map(|name| Some((name, self.results.get(name)?)));
        let entry = |node: &Node| Entry { key: task.origin.clone(), node: node.clone() };
        known.map(|(name, node)| (name.clone(), entry(node))).collect()
    }

    /// Whether the files are there that a task makes on this machine for later ones. `pending`: it is still to make them.
    pub fn bring(&mut self, task: &HostTask, pending: bool) {
        let Some(name) = &task.brings else { return };
        let value = if pending { Value::Unknown(task.files_why().into()) } else { Value::Bool(true) };
        self.results.insert(name.clone(), Node::new(value, task.origin.clone()));
    }

    /// What a task sets is not known yet.
    pub fn set_unknown(&mut self, task: &HostTask, why: &str) {
        for name in task.names() {
            let node = Node::new(Value::Unknown(Arc::from(why)), task.origin.clone());
            self.results.insert(name.clone(), node);
        }
    }
}

/// A task with its parameters rendered.
#[derive(Clone)]
pub enum Preparation {
    Ready(Arc<dyn Prepared>),
    /// Each of these, one after the other: the loop is about what an earlier task brought.
    Items(Arc<Vec<PreparedItem>>),
    /// It sets these variables, and touches nothing. Some may not be known yet.
    Sets(Arc<Map>),
    /// `when` is false: the condition's text.
    Skip(String),
    /// A condition or parameter is not known yet: what it waits for, and what it touches whatever that comes to.
    NotYet(String, Footprint),
    /// What it takes along is not there yet, or will be something else. All else of it is as in this.
    Awaits(String, Arc<dyn Prepared>),
}

/// An item of a loop whose list is known only when a task has run.
#[derive(Clone)]
pub struct PreparedItem {
    /// How it is shown.
    pub label: String,
    pub preparation: Preparation,
    /// What is registered, with the item's variables.
    pub registered: Registered,
}

/// Renders tasks of one host. [`super::Site`] hands one out per host.
pub trait Prepare: Send + Sync {
    fn tasks(&self) -> &[HostTask];

    /// Evaluates `when` and renders the parameters with what is registered so far.
    ///
    /// # Errors
    /// All that is wrong with this task, with places.
    fn prepare(&self, task: TaskId, registered: &Registered) -> Result<Preparation, Diagnostics>;

    /// What the task's own conditions make of its result.
    ///
    /// # Errors
    /// What is wrong with a condition.
    fn judge(&self, task: TaskId, registered: &Registered, result: &Node) -> Result<Judgement, Diagnostics>;

    /// Whether this host has no part in the task: the play has ended for it, or it includes another file.
    fn is_out(&self, task: TaskId, registered: &Registered) -> bool;

    /// Whether a task that stands before this one may act for another host where this one acts.
    fn is_visited_before(&self, _task: TaskId) -> bool {
        false
    }

    /// The text of `failed_when`, then that of `until`.
    fn judging(&self, task: TaskId) -> (String, String);

    /// Where that line (from 1) of the text that a task writes stands in the project: in its template, its file, or the task.
    fn line_of(&self, _task: TaskId, _line: usize) -> Option<Origin> {
        None
    }

    /// A digest of a task's parameters as far as they are known before any task has run; none where they cannot be rendered.
    fn known(&self, _task: TaskId) -> Option<[u8; 32]> {
        None
    }

    /// What the inventory says of this host under [`ACCEPT`](crate::inventory::ACCEPT).
    fn acceptances(&self) -> Option<&Node> {
        None
    }
}
