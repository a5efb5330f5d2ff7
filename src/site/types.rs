//! A host's task as the planner and the engine see it.

use super::{Judgement, Tries};
use crate::{
    diag::Diagnostics,
    model::{InBlock, Origin, Part, TaskId},
    resource::Prepared,
    yaml::Node,
};
use std::{collections::BTreeMap, sync::Arc};

/// Where a task acts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// On the host itself.
    Host,
    /// On another host of the inventory that is reached with `connection: local`, or `localhost`.
    Delegate(String),
}

/// A task of one host, loops expanded. Its parameters are rendered on demand: [`super::Site::prepare`].
#[derive(Clone, Debug)]
pub struct HostTask {
    /// Position in the host's list: file order; handlers follow the tasks of their play.
    pub id: TaskId,
    /// `role : name`, with the loop item's label in parentheses.
    pub name: String,
    pub resource: &'static str,
    pub handler: bool,
    pub place: Place,
    /// The user to become on the machine it acts on; `None`: the login user.
    pub become_user: Option<String>,
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

/// Results of tasks that have run (or are predicted), by registered name. A name that is not here yet is
/// unknown (`Value::Unknown("the result of `NAME`")`).
#[derive(Clone, Debug, Default)]
pub struct Registered(pub BTreeMap<String, Node>);

/// A task with its parameters rendered.
pub enum Preparation {
    Ready(Arc<dyn Prepared>),
    /// `when` is false: the condition's text.
    Skip(String),
    /// A condition or parameter is not known yet: what it waits for.
    NotYet(String),
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

    /// The text of `failed_when`, then that of `until`.
    fn judging(&self, task: TaskId) -> (String, String);
}
