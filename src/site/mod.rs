//! Inventory and playbook together: the tasks of each host, rendered on demand.
//!
//! * [`Site::load`]: reads both, and checks what needs no rendering: hosts, roles, handlers, tags, the limit
//! * [`Site::host`]: the tasks of one host as a flat list ([`HostTasks`]), loops expanded
//! * [`Prepare::prepare`]: one task's condition and parameters, with what is known by then
//! * [`Site::validate`]: all of it offline, so that mistakes are found before the first connection

mod answers;
mod brought;
mod course;
mod dues;
mod expand;
mod extra;
mod facts;
mod fetched;
mod inputs;
mod judge;
mod kinds;
mod later;
mod lines;
mod lint;
mod loops;
mod masks;
mod once;
mod outside;
mod parameters;
mod prepare;
mod reach;
mod reads;
mod said;
mod scopes;
mod selection;
mod sources;
mod traced;
mod trees;
mod types;
mod validate;
mod within;
mod written;

pub use course::Course;
pub use expand::HostTasks;
pub use extra::extra_vars;
pub use facts::{Fact, ansible_names, facts};
pub use judge::{Judgement, Tries, set as set_in_result};
pub use outside::Controller;
pub use scopes::shows_in_a_run;
pub use traced::{Cause, Fate, Parameter, Traced};
pub use types::{HostTask, Once, OnceKey, Place, Preparation, Prepare, PreparedItem, Register, Registered};
pub use validate::ByHost;
pub use within::stand_ins;
pub use written::Written;

use crate::{
    diag::{Diagnostic, Diagnostics},
    inventory::{Host, Inventory, Run},
    model::Origin,
    playbook::{Files, KnownType, Playbook, Task},
    resource::ResourceType,
    template::Scope,
    vault::Passwords,
    yaml::{Ask, Hidden, Node, Programs, Wait},
};
use agent::{secret::Secret, wire::Facts};
use indexmap::IndexMap;
use kinds::TypeInfo;
use scopes::PlayLayers;
use selection::Selection;
use sources::Sources;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// For the deepest YAML that is read, in bytes; what a thread has otherwise is too little for that.
const STACK: usize = 8 << 20;

/// What a run is about.
pub struct Options<'a> {
    pub inventory: &'a Path,
    pub playbook: &'a Path,
    pub passwords: &'a Passwords,
    /// Runs an inventory that is a program.
    pub run: Run<'a>,
    pub files: Arc<dyn Files>,
    /// The table of resource types.
    pub types: &'static [ResourceType],
    /// Variables from the command line: they win over all others. [`extra_vars`] reads them.
    pub extra_vars: IndexMap<String, Node>,
    pub limit: Option<&'a str>,
    /// Only tasks with one of these, and those tagged `always`. Empty: all but those tagged `never`.
    pub tags: &'a [String],
    pub skip_tags: &'a [String],
    pub start_at_task: Option<&'a str>,
    pub controller: Controller,
}

/// An inventory and a playbook that fit together. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    shared: Arc<Shared>,
    /// What is odd but no error.
    pub warnings: Diagnostics,
}

struct Shared {
    inventory: Inventory,
    playbook: Playbook,
    /// Where each task of the playbook is, by its index.
    index: Vec<TaskAt>,
    types: Vec<TypeInfo>,
    /// The types that are programs of the project.
    programs_by_path: HashMap<PathBuf, TypeInfo>,
    extra: Arc<IndexMap<String, Node>>,
    programs: Arc<Programs>,
    /// After the limit, in the inventory's order.
    hosts: Vec<String>,
    /// The hosts of each play.
    play_hosts: Vec<HashSet<String>>,
    layers: Vec<PlayLayers>,
    selection: Selection,
    sources: Sources,
    controller: Controller,
    /// Secrets that helpers have come across.
    hidden: Mutex<BTreeSet<Secret>>,
    /// The names in each task of the playbook, once they were asked for.
    written: Vec<OnceLock<BTreeSet<String>>>,
    /// Every name that a variable has, on whichever host and for whichever task.
    names: OnceLock<Arc<HashSet<String>>>,
    /// How many blocks with `rescue` or `always` the playbook has.
    block_count: u32,
    /// To what the plays ask for, by name.
    answers: Mutex<IndexMap<String, Node>>,
    /// Which secrets are inputs of roles.
    inputs: Hidden,
    /// What hosts of this run said of themselves; nothing of those that cannot be reached.
    reached: Mutex<HashMap<String, Option<Facts>>>,
    /// Whether `hostvars` is used anywhere.
    across: AtomicBool,
    /// What `hostvars` knows of each host that was asked for.
    host_scopes: Mutex<HashMap<String, Scope>>,
    /// By host, from [`Site::validate`] until the facts are there.
    validated: Mutex<HashMap<String, Arc<HostTasks>>>,
}

#[derive(Clone, Copy)]
struct TaskAt {
    play: usize,
    handler: bool,
    at: usize,
}

impl Shared {
    fn task(&self, index: usize) -> &Task {
        let TaskAt { play, handler, at } = self.index[index];
        let play = &self.playbook.plays[play];
        if handler { &play.handlers[at] } else { &play.tasks[at] }
    }

    /// The folders that the files of a task are looked for in: its role's, then its playbook's.
    fn places(&self, task: &Task) -> Vec<&Path> {
        self.places_in(self.index[task.index].play, task.role)
    }

    fn places_in(&self, play: usize, role: Option<usize>) -> Vec<&Path> {
        let play = &self.playbook.plays[play];
        let role = role.map(|at| play.roles[at].role.folder.as_path());
        role.into_iter().chain([play.folder.as_path()]).collect()
    }

    /// The hosts that a play works on together with this one, in the inventory's order.
    fn together(&self, play: usize, host: &str) -> Vec<&str> {
        let sizes =
            self.playbook.rolling().map_or_else(|| vec![self.hosts.len()], |r| r.batches(self.hosts.len()));
        let mut rest = self.hosts.as_slice();
        for size in sizes {
            let (batch, behind) = rest.split_at(size);
            if batch.iter().any(|name| name == host) {
                let of_play = batch.iter().filter(|name| self.play_hosts[play].contains(*name));
                return of_play.map(String::as_str).collect();
            }
            rest = behind;
        }
        vec![]
    }

    fn type_of(&self, task: &Task) -> &TypeInfo {
        let found = match &task.program {
            Some(path) => self.programs_by_path.get(path),
            None => self.types.iter().find(|kind| kind.name() == task.resource.0),
        };
        found.expect("the playbook was loaded with this table")
    }
}

impl Site {
    /// Reads an inventory and a playbook.
    ///
    /// # Errors
    /// All mistakes that show without rendering anything.
    pub fn load(options: Options) -> Result<Self, Diagnostics> {
        let (site, errors) = Self::read(options);
        if errors.has_errors() {
            return Err(errors);
        }
        Ok(Self { warnings: errors, ..site })
    }

    /// Reads as much of an inventory and a playbook as can be read, with all that is wrong or odd about the rest. What is returned
    /// beside an error is only to be looked at.
    pub fn read(options: Options) -> (Self, Diagnostics) {
        let mut errors = Diagnostics::default();
        let folder =
            options.playbook.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let known: Vec<KnownType> = options
            .types
            .iter()
            .map(|t| KnownType { name: t.name, free: t.free, theirs: t.theirs })
            .collect();
        // Beside each other: opening vaults takes some milliseconds.
        let (inventory, playbook) = std::thread::scope(|scope| {
            let read = || {
                let mut errors = Diagnostics::default();
                (Playbook::load(options.playbook, &known, &*options.files, &mut errors), errors)
            };
            let playbook = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
            let playbook = playbook.expect("the system has another thread");
            let Options { inventory, passwords, run, .. } = &options;
            let inventory = Inventory::load(inventory, Some(folder), passwords, *run, &mut errors);
            let (playbook, found) = playbook.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            errors.extend(found);
            (inventory, playbook)
        });
        let limit = options.limit.and_then(|pattern| {
            let hosts = errors.take(inventory.limit(pattern, &Origin::named("--limit")))?;
            Some(hosts.iter().map(|h| h.name.clone()).collect::<HashSet<_>>())
        });
        let mut play_hosts = vec![];
        for play in &playbook.plays {
            let (pattern, origin) = &play.hosts;
            let hosts = if pattern.trim().is_empty() {
                vec![]
            } else {
                errors.take(inventory.select(pattern, origin)).unwrap_or_default()
            };
            play_hosts.push(hosts.iter().map(|h| h.name.clone()).collect::<HashSet<_>>());
        }
        let wanted = |name: &&str| {
            limit.as_ref().is_none_or(|l| l.contains(*name)) && play_hosts.iter().any(|p| p.contains(*name))
        };
        lint::reserved(&inventory, &mut errors);
        // `localhost` is known without standing in the inventory.
        let named = inventory.hosts().map(|h| h.name.as_str());
        let mut hosts: Vec<String> = named.filter(wanted).map(str::to_string).collect();
        if wanted(&"localhost") && !hosts.iter().any(|h| h == "localhost") {
            hosts.push("localhost".into());
        }
        if let Some(pattern) = options.limit.filter(|_| hosts.is_empty() && !errors.has_errors()) {
            let targets: Vec<&str> = playbook.plays.iter().map(|play| play.hosts.0.as_str()).collect();
            let error = Diagnostic::error(format!("`{pattern}` matches no host of a play"));
            let error = error.at(&Origin::named("--limit"));
            errors.push(error.hint(format!("the plays are for: {}", targets.join(", "))));
        }
        let selection = Selection::new(&options, &playbook, &mut errors);
        let mut index = vec![];
        for (play, content) in playbook.plays.iter().enumerate() {
            index.extend((0..content.tasks.len()).map(|at| TaskAt { play, handler: false, at }));
            index.extend((0..content.handlers.len()).map(|at| TaskAt { play, handler: true, at }));
        }
        let programs = options.passwords.programs.clone();
        let types = options.types.iter().map(TypeInfo::ours).collect();
        let tasks = playbook.plays.iter().flat_map(|play| play.tasks.iter().chain(&play.handlers));
        let of_project = tasks.filter_map(|task| Some((task.program.clone()?, &task.resource.0)));
        let programs_by_path = of_project
            .map(|(path, name)| {
                let kind = TypeInfo::external(name, &path, options.files.clone());
                (path, kind)
            })
            .collect();
        let tasks = playbook.plays.iter().flat_map(|play| &play.tasks);
        let blocks = tasks.flat_map(|task| task.blocks.iter().map(|inside| inside.block + 1));
        let block_count = blocks.max().unwrap_or(0);
        let written = index.iter().map(|_| OnceLock::new()).collect();
        let shared = Shared {
            layers: playbook.plays.iter().map(PlayLayers::new).collect(),
            sources: Sources::new(options.files),
            controller: options.controller,
            hidden: Mutex::default(),
            reached: Mutex::default(),
            across: AtomicBool::new(false),
            extra: Arc::new({
                let mut extra = options.extra_vars;
                extra::conceal_all(&mut extra, &inventory, &playbook);
                extra
            }),
            programs,
            inventory,
            playbook,
            index,
            types,
            programs_by_path,
            hosts,
            play_hosts,
            selection,
            written,
            names: OnceLock::new(),
            block_count,
            answers: Mutex::default(),
            inputs: Hidden::default(),
            host_scopes: Mutex::default(),
            validated: Mutex::default(),
        };
        (Self { shared: Arc::new(shared), warnings: Diagnostics::default() }, errors)
    }

    /// The hosts that any play runs on, after the limit, in the inventory's order.
    pub fn hosts(&self) -> &[String] {
        &self.shared.hosts
    }

    pub fn inventory(&self) -> &Inventory {
        &self.shared.inventory
    }

    pub fn playbook(&self) -> &Playbook {
        &self.shared.playbook
    }

    /// The tasks of a host, over all plays that name it. Without facts they are unknown, and what depends on them is
    /// not known yet.
    ///
    /// # Errors
    /// What is wrong with names, loops and keywords; an unknown host.
    pub fn host(&self, name: &str, facts: Option<&Facts>) -> Result<HostTasks, Diagnostics> {
        let host = self.known_host(name)?;
        let (tasks, errors) = HostTasks::expand(&self.shared, host, facts);
        errors.into_result(tasks)
    }

    /// As [`Self::host`], but without doing again what [`Self::validate`] did.
    ///
    /// # Errors
    /// As [`Self::host`].
    pub fn tasks(&self, name: &str, facts: Option<&Facts>) -> Result<Arc<HostTasks>, Diagnostics> {
        let validated = || self.shared.validated.lock().unwrap_or_else(PoisonError::into_inner);
        if facts.is_none() {
            let known = validated().get(name).cloned();
            return known.map_or_else(|| self.host(name, None).map(Arc::new), Ok);
        }
        let offline = validated().remove(name);
        let tasks = self.host(name, facts)?;
        offline.iter().for_each(|offline| tasks.inherit(offline));
        Ok(Arc::new(tasks))
    }

    /// Takes note of what a host of this run says of itself, for `hostvars` of others. `None`: it cannot be reached, and what is
    /// kept of earlier runs counts.
    pub fn gathered(&self, host: &str, facts: Option<&Facts>) {
        let shared = &self.shared;
        shared.reached.lock().unwrap_or_else(PoisonError::into_inner).insert(host.into(), facts.cloned());
        shared.host_scopes.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
    }

    /// Whether tasks may use what other hosts say of themselves. Known after [`Self::validate`].
    pub fn looks_across(&self) -> bool {
        self.shared.across.load(Ordering::Relaxed)
    }

    /// Lets the programs of `!secret` values run: those that [`Self::validate`] or a connection came upon at once, others when they are
    /// needed. `wait` does what takes as long as they do.
    ///
    /// # Errors
    /// All that fail at once.
    pub fn ask(&self, ask: Box<Ask>, wait: Wait) -> Result<(), Diagnostics> {
        let shared = &self.shared;
        // What is wrong with them is said by whoever connects.
        self.hosts().iter().for_each(|host| drop(self.connection(host)));
        let waited = shared.programs.any();
        shared.programs.ask(ask, wait)?;
        if waited {
            shared.validated.lock().unwrap_or_else(PoisonError::into_inner).clear();
            shared.host_scopes.lock().unwrap_or_else(PoisonError::into_inner).clear();
            // What only the values tell.
            return self.validate().into_result(());
        }
        Ok(())
    }

    fn known_host(&self, name: &str) -> Result<&Host, Diagnostic> {
        let inventory = &self.shared.inventory;
        inventory.host(name).ok_or_else(|| {
            let known = inventory.hosts().map(|h| h.name.as_str());
            Diagnostic::error(format!("no host `{name}`")).suggest(name, known)
        })
    }
}
