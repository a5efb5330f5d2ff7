//! YAML to plays, roles and tasks, every value with its place in the file. Knows nothing of hosts, and does not render.
//!
//! What a play, a role, a block or an import says (`when`, `tags`, `become`, ...) is handed down while loading: a
//! [`Play`] holds its tasks as a flat list in file order, each with all of the [`Keywords`] that hold for it.

mod files;
mod includes;
mod inputs;
mod keywords;
mod library;
mod load;
mod meta;
mod modules;
mod names;
mod play;
mod prompts;
mod resolve;
mod roles;
mod rolling;
mod task;
#[cfg(test)]
mod tests;
mod theirs;
mod vocabulary;
mod words;

pub use files::{Call, FileKind, Files};
pub use inputs::{Input, Inputs, Kind, Type};
pub use keywords::{Connection, Keywords, RESERVED, is_reserved};
pub use library::types_in;
pub use modules::{done_here, other_name, other_names};
pub use names::{instead_of, is_play_key, is_task_key};
pub use prompts::Prompt;
pub use rolling::{Rolling, Size};
pub use theirs::{Names as ParameterNames, OtherNames, Theirs};
pub use vocabulary::{Keyword, Level, Shape};
pub use words::parameters_in;
pub(crate) use words::quoted;

use crate::{
    model::{InBlock, Origin},
    yaml::{Map, Node},
};
use std::{path::PathBuf, sync::Arc};

/// A resource type as far as loading needs it.
#[derive(Clone, Copy, Debug)]
pub struct KnownType<'a> {
    pub name: &'a str,
    /// The parameter that a bare string stands for.
    pub free: Option<&'a str>,
    /// Ansible's names of its parameters.
    pub theirs: OtherNames,
}

#[derive(Debug)]
pub struct Playbook {
    pub path: PathBuf,
    /// The folder of the file: its `templates/` and `files/` serve tasks outside of roles.
    pub folder: PathBuf,
    pub plays: Vec<Play>,
    /// How many tasks and handlers there are: [`Task::index`] is below.
    pub task_count: usize,
}

impl Playbook {
    /// In which batches hosts are worked on: all plays that say so say the same.
    pub fn rolling(&self) -> Option<&Rolling> {
        self.plays.iter().find_map(|play| play.rolling.as_ref()).map(|(rolling, _)| rolling)
    }
}

#[derive(Debug)]
pub struct Play {
    pub name: Option<String>,
    /// A pattern over hosts and groups, with its place.
    pub hosts: (String, Origin),
    pub origin: Origin,
    /// `strategy: linear`: no host begins a task before all hosts have done those before it.
    pub in_step: bool,
    /// Its batches, with the place of `serial`.
    pub rolling: Option<(Rolling, Origin)>,
    /// The folder of its file: what is looked up beside the playbook is looked up here.
    pub folder: PathBuf,
    pub vars: Map,
    /// The variables that are asked for.
    pub prompts: Vec<Prompt>,
    /// The content of all `vars_files`, later files over earlier ones.
    pub file_vars: Map,
    /// The roles in the order in which they run, dependencies included.
    pub roles: Vec<RoleUse>,
    /// `pre_tasks`, the roles' tasks, `tasks`, `post_tasks`.
    pub tasks: Vec<Task>,
    pub handlers: Vec<Task>,
    /// The conditions of blocks and imports that brought no task.
    pub without_tasks: Vec<Node>,
}

/// A role as one play uses it.
#[derive(Debug)]
pub struct RoleUse {
    pub role: Arc<Role>,
    /// Where it begins: `main`, or the file that `tasks_from` names, without its ending.
    pub entry_point: String,
    /// The variables given where it is used.
    pub vars: Map,
    /// The conditions that hold for all of it, outermost first.
    pub when: Vec<Node>,
    /// What it is given is not to be checked.
    pub unchecked: bool,
    pub origin: Origin,
    /// The blocks with `rescue` or `always` that it is used in.
    pub blocks: Vec<InBlock>,
    /// Whether an include with a loop brought it: what it is given may be another thing in each round.
    pub in_loop: bool,
}

#[derive(Debug)]
pub struct Role {
    pub name: String,
    pub folder: PathBuf,
    /// Those of its inputs among them.
    pub defaults: Map,
    pub vars: Map,
    meta: meta::Meta,
}

impl Role {
    /// What each of its entry points takes; of `meta/inputs.yml` there is one, `main`.
    pub fn entry_points(&self) -> impl Iterator<Item = (&str, &Inputs)> {
        let own = self.meta.inputs.iter().map(|inputs| ("main", inputs));
        own.chain(self.meta.specs.iter().map(|(name, inputs)| (name.as_str(), inputs)))
    }

    /// Whether it has `meta/inputs.yml`: nothing else is given to it then.
    pub fn says_all(&self) -> bool {
        self.meta.inputs.is_some()
    }
}

impl RoleUse {
    /// What the role takes, where it says so.
    pub fn inputs(&self) -> Option<&Inputs> {
        let meta = &self.role.meta;
        meta.inputs.as_ref().or_else(|| meta.specs.get(&self.entry_point))
    }
}

#[derive(Debug)]
pub struct Task {
    /// Its number in the playbook, handlers included.
    pub index: usize,
    /// As written, perhaps with templates.
    pub name: Option<Node>,
    /// The resource type by name, and where it stands.
    pub resource: (String, Origin),
    /// The program that the type is, where it is none of ours.
    pub program: Option<PathBuf>,
    /// The parameters, always a mapping.
    pub params: Node,
    pub keywords: Keywords,
    pub repeat: Option<Loop>,
    /// The `include_tasks` and `include_role` with a template or a loop that brought it, outermost first.
    pub includes: Vec<Included>,
    pub judging: Judging,
    /// What it touches besides what its resource says: a list of areas, perhaps with templates.
    pub touches: Option<Node>,
    /// How long it may run on its own, and how often to look; numbers or templates.
    pub background: Background,
    /// The blocks with `rescue` or `always` that it stands in, outermost first.
    pub blocks: Vec<InBlock>,
    pub register: Option<(String, Origin)>,
    /// The handlers it notifies, by [`Task::index`].
    pub notify: Vec<usize>,
    /// The tasks that must come before it, by [`Task::index`].
    pub needs: Vec<usize>,
    names: Names,
    pub handler: bool,
    /// Further names under which a handler is notified.
    pub listen: Vec<String>,
    /// Which of [`Play::roles`] it belongs to.
    pub role: Option<usize>,
    /// Its name, or its resource key when it has none.
    pub origin: Origin,
}

impl Task {
    /// Whether it is `meta` with this action.
    pub fn is_meta(&self, action: &str) -> bool {
        self.resource.0 == "meta" && self.params.get("action").and_then(Node::as_str) == Some(action)
    }
}

/// What a task itself says about how it came out. A list of conditions means all of them.
#[derive(Debug, Default)]
pub struct Judging {
    pub changed_when: Vec<Node>,
    pub failed_when: Vec<Node>,
    pub until: Vec<Node>,
    /// How often to try again after the first time; a number or a template.
    pub retries: Option<Node>,
    /// Seconds between two tries; a number or a template.
    pub delay: Option<Node>,
}

impl Judging {
    /// Whether its result has to be looked at.
    pub fn any(&self) -> bool {
        !(self.changed_when.is_empty() && self.failed_when.is_empty() && self.until.is_empty())
    }
}

/// `async` and `poll`.
#[derive(Debug, Default)]
pub struct Background {
    /// Seconds.
    pub limit: Option<Node>,
    /// Seconds; 0: nobody waits.
    pub poll: Option<Node>,
}

/// An include whose file or number of rounds depends on variables.
#[derive(Debug)]
pub struct Include {
    /// The file as written, perhaps with templates; `None` of a role.
    pub file: Option<Node>,
    /// The files that it may be, as `file` would name them.
    pub files: Vec<String>,
    pub repeat: Option<Loop>,
    /// How many blocks with `rescue` or `always` are around it.
    pub blocks: usize,
}

/// One of the files of an include.
#[derive(Clone, Debug)]
pub struct Included {
    pub include: Arc<Include>,
    /// Which of [`Include::files`].
    pub file: usize,
}

/// The names a task refers to, with their places.
#[derive(Debug, Default)]
struct Names {
    notify: Vec<(String, Origin)>,
    needs: Vec<(String, Origin)>,
}

#[derive(Debug)]
pub struct Loop {
    /// A list or a mapping, or a template that gives one.
    pub items: Node,
    /// The variable that holds the item.
    pub var: String,
    pub index_var: Option<String>,
    /// What to show for an item instead of the item.
    pub label: Option<Node>,
    /// Seconds between two items; a number or a template.
    pub pause: Option<Node>,
}
