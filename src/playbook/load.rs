//! Files to a [`Playbook`] and its plays. Roles are read in `roles`, tasks in `task`; names are resolved in `resolve`.

use super::{
    Files, Included, KnownType, Play, Playbook, Role, RoleUse, Task,
    keywords::{Keywords, is_template, variables},
    names, resolve,
    roles::{Again, Import, RoleFiles, RoleKey, Wanted},
    rolling,
};
use crate::{
    diag::{Diagnostic, Diagnostics, did_you_mean},
    model::{InBlock, Origin},
    yaml::{Entry, Map, Node},
};
use std::{
    collections::{HashMap, HashSet},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

impl Playbook {
    /// Reads a playbook with its roles. Goes on after a mistake, so that `errors` names them all; what is returned
    /// then is not to be run.
    pub fn load(path: &Path, types: &[KnownType], files: &dyn Files, errors: &mut Diagnostics) -> Self {
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut found = Diagnostics::default();
        let mut loader = Loader::new(types, files, folder.clone(), &mut found);
        let at = Origin::named("the command line");
        let mut plays = loader.plays(path, &at, &Imported::default());
        let lost = loader.lost;
        let task_count = resolve::resolve(&mut plays, &lost, &mut found);
        rolling::agreed(&plays, &mut found);
        // A role that several plays use reports its mistakes once.
        let mut seen = HashSet::new();
        found.0.retain(|d| seen.insert((d.message.clone(), d.place.as_ref().map(|(o, _)| o.to_string()))));
        errors.extend(found);
        Self { path: path.to_path_buf(), folder, plays, task_count }
    }
}

impl Role {
    /// Reads a role in a folder by itself, but not its tasks.
    pub fn load(folder: &Path, files: &dyn Files, errors: &mut Diagnostics) -> Self {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let mut loader = Loader::new(&[], files, folder.to_path_buf(), errors);
        loader.read_role(&name, folder.to_path_buf(), &RoleFiles::default())
    }

    /// The names that it, or one that it depends on, knows.
    pub fn known(&self, files: &dyn Files) -> Vec<String> {
        let beside = self.folder.parent().and_then(Path::parent).unwrap_or(Path::new(""));
        let (mut errors, mut known) = (Diagnostics::default(), vec![]);
        let mut loader = Loader::new(&[], files, beside.to_path_buf(), &mut errors);
        loader.declared(self, &mut known, &mut vec![]);
        known
    }
}

/// Imports inside of imports, and all of them: a file that is another name for itself, by a link, must come to an end.
const DEEPEST: usize = 40;
const MOST: usize = 20_000;

/// How many files are named where one is missing.
const LISTED: usize = 8;

/// Without `.` and `..`, to compare names. Not to be opened: behind a link to a folder, `..` is somewhere else.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

pub(super) struct Loader<'a> {
    pub types: &'a [KnownType<'a>],
    pub files: &'a dyn Files,
    pub folder: PathBuf,
    pub errors: &'a mut Diagnostics,
    yaml: HashMap<PathBuf, Option<Arc<Node>>>,
    pub roles: HashMap<RoleKey, Option<Arc<Role>>>,
    /// The types in each folder `library/`.
    pub libraries: HashMap<PathBuf, Vec<(String, PathBuf)>>,
    /// Of the play that is being read: its roles so far, and their handlers.
    pub uses: Vec<RoleUse>,
    pub handlers: Vec<Task>,
    /// The conditions of its blocks and imports that brought no task.
    pub without_tasks: Vec<Node>,
    /// How many blocks with `rescue` or `always` there were.
    pub blocks: u32,
    /// How many imports.
    imports: usize,
    /// The names of tasks that could not be read: that they are missing is no further mistake.
    pub lost: HashSet<String>,
}

/// What an `import_playbook` hands down.
#[derive(Default)]
struct Imported {
    keywords: Keywords,
    vars: Map,
    /// The files whose import led here.
    chain: Vec<PathBuf>,
}

/// Where a list of tasks stands.
#[derive(Clone, Default)]
pub(super) struct Place {
    /// What relative file names in it are relative to.
    pub folder: PathBuf,
    pub role: Option<usize>,
    pub handlers: bool,
    /// The files whose import led here.
    pub imports: Vec<PathBuf>,
    /// The roles whose tasks led here.
    pub chain: Vec<String>,
    /// The blocks with `rescue` or `always` around it.
    pub blocks: Vec<InBlock>,
    /// The includes with a template or a loop around it.
    pub includes: Vec<Included>,
}

impl<'a> Loader<'a> {
    fn new(
        types: &'a [KnownType<'a>],
        files: &'a dyn Files,
        folder: PathBuf,
        errors: &'a mut Diagnostics,
    ) -> Self {
        Self {
            types,
            files,
            folder,
            errors,
            yaml: HashMap::new(),
            roles: HashMap::new(),
            libraries: HashMap::new(),
            uses: vec![],
            handlers: vec![],
            without_tasks: vec![],
            blocks: 0,
            imports: 0,
            lost: HashSet::new(),
        }
    }
}

impl Loader<'_> {
    /// A YAML file, read once. `None`: it is not there (reported when `wanted_at`) or wrong (reported).
    pub fn yaml(&mut self, path: &Path, wanted_at: Option<&Origin>) -> Option<Arc<Node>> {
        if let Some(known) = self.yaml.get(path) {
            return known.clone();
        }
        if !self.files.is_file(path) {
            if let Some(origin) = wanted_at {
                self.missing(path, origin);
            }
            return None;
        }
        let node = self.files.yaml(path, self.errors).map(Arc::new);
        self.yaml.insert(path.to_path_buf(), node.clone());
        node
    }

    /// Reads files beside each other: one of them may be a vault, and opening that takes some milliseconds.
    pub(super) fn read_beside(&mut self, mut paths: Vec<PathBuf>) {
        paths.retain(|path| !self.yaml.contains_key(path) && self.files.is_file(path));
        if paths.len() < 2 {
            return;
        }
        let files = self.files;
        let read = |path: &PathBuf| {
            let mut errors = Diagnostics::default();
            (files.yaml(path, &mut errors).map(Arc::new), errors)
        };
        let found: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = paths.iter().map(|path| scope.spawn(|| read(path))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(join).collect()
        });
        for (path, (node, errors)) in paths.into_iter().zip(found) {
            self.errors.extend(errors);
            self.yaml.insert(path, node);
        }
    }

    /// Counts an import; whether it leads back to one of those that led to it, or there are too many.
    pub fn is_too_much(&mut self, path: &Path, chain: &[PathBuf]) -> bool {
        self.imports += 1;
        chain.contains(&tidy(path)) || chain.len() > DEEPEST || self.imports > MOST
    }

    fn missing(&mut self, path: &Path, origin: &Origin) {
        let written = origin.source.text.get(origin.span.clone()).unwrap_or("").trim_matches(['"', '\'']);
        let prefix = written.rfind('/').map_or("", |at| &written[..=at]);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = self.files.list(folder);
        let is_beside = origin.source.path.parent().is_some_and(|parent| parent.join(written) == path);
        let close = did_you_mean(&name, beside.iter().map(String::as_str));
        let error = Diagnostic::error(format!("no such file: {}", path.display())).at(origin);
        self.errors.push(match close {
            Some(close) => error.hint(format!("did you mean `{prefix}{close}`?")),
            None if beside.is_empty() => error.hint(format!("there is no folder {}/", folder.display())),
            None if is_beside => error.hint("the path is relative to the file that names it"),
            None => {
                let listed: Vec<_> = beside.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
                let more = if beside.len() > LISTED { ", ..." } else { "" };
                error.hint(format!("in {}/ there are: {}{more}", folder.display(), listed.join(", ")))
            }
        });
    }

    fn plays(&mut self, path: &Path, at: &Origin, imported: &Imported) -> Vec<Play> {
        let Some(node) = self.yaml(path, Some(at)) else { return vec![] };
        let hint = "a playbook is a list of plays; each begins with `- hosts: ...`";
        if node.is_null() {
            self.errors.push(Diagnostic::error("the playbook is empty").at(&node.origin).hint(hint));
            return vec![];
        }
        let Some(items) = self.errors.take(node.expect_seq("a list of plays").map_err(|d| d.hint(hint)))
        else {
            return vec![];
        };
        let mut plays = vec![];
        for item in items {
            if let Some(error) = self.task_for_play(item) {
                // One mistake for the whole file.
                self.errors.push(error);
                break;
            }
            match item.as_map().and_then(|map| Some((map, map.get("import_playbook")?))) {
                Some((map, entry)) => {
                    plays.extend(self.import_playbook(path, map, entry, imported).unwrap_or_default());
                }
                None => plays.extend(self.play(item, imported)),
            }
        }
        plays
    }

    /// The error for a task where a play should be.
    fn task_for_play(&self, item: &Node) -> Option<Diagnostic> {
        let map =
            item.as_map().filter(|map| !map.contains_key("hosts") && !map.contains_key("import_playbook"))?;
        let is_task = |key: &str| {
            self.types.iter().any(|t| t.name == key)
                || names::BLOCK.contains(&key)
                || names::IMPORT.contains(&key)
        };
        let (_, entry) = map.iter().find(|(key, _)| is_task(key))?;
        let error = Diagnostic::error("expected a play, found a task").at(&entry.key);
        Some(error.hint("tasks stand below `tasks:` of a play, which begins with `- hosts: ...`; `import_tasks` brings in a file of tasks"))
    }

    /// The plays of another file. What it looks for beside itself is looked for in its own folder.
    fn import_playbook(
        &mut self,
        from: &Path,
        map: &Map,
        entry: &Entry,
        outer: &Imported,
    ) -> Option<Vec<Play>> {
        names::check_keys(map, "an import", &[names::IMPORT_PLAYBOOK], self.errors);
        let name = entry
            .node
            .expect_str("a playbook")
            .map_err(|error| error.hint("write `- import_playbook: FILE` for each"));
        let name = self.errors.take(name)?;
        if is_template(&entry.node) {
            let error = Diagnostic::error("a template is not supported yet in `import_playbook`");
            self.errors.push(error.at(&entry.node.origin).hint("import each file, with a `when`"));
            return None;
        }
        let path = self.folder.join(name);
        let mut chain = outer.chain.clone();
        chain.push(tidy(from));
        if self.is_too_much(&path, &chain) {
            let error = Diagnostic::error(format!("{} imports itself", path.display()));
            self.errors.push(error.at(&entry.node.origin).hint("remove this import"));
            return None;
        }
        let keywords = Keywords::read(map, false, self.errors).under(&outer.keywords);
        let mut vars = outer.vars.clone();
        vars.extend(map.get("vars").and_then(|e| variables(&e.node, self.errors)).unwrap_or_default());
        let inner = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let folder = std::mem::replace(&mut self.folder, inner);
        let plays = self.plays(&path, &entry.node.origin, &Imported { keywords, vars, chain });
        self.folder = folder;
        Some(plays)
    }

    fn play(&mut self, node: &Node, imported: &Imported) -> Option<Play> {
        let map = self.errors.take(node.expect_map("a play").map_err(|error| {
            error.hint("a play begins with `- hosts: ...`; its tasks stand below `tasks:`")
        }))?;
        names::check_keys(map, "a play", &[names::PLAY], self.errors);
        let keywords = Keywords::read(map, false, self.errors).under(&imported.keywords);
        let origin = map.first().map_or(&node.origin, |(_, e)| &e.key).clone();
        let name =
            map.get("name").and_then(|e| self.errors.take(e.node.expect_str("a name").map(str::to_string)));
        let hosts = self.hosts(map, &origin);
        if let Some(entry) = map.get("gather_facts") {
            self.errors.take(entry.node.expect_bool("`true` or `false`"));
        }
        let mut vars = map.get("vars").and_then(|e| variables(&e.node, self.errors)).unwrap_or_default();
        vars.extend(imported.vars.clone());
        let mut play = Play {
            name,
            hosts,
            origin,
            in_step: self.in_step(map),
            rolling: rolling::read(map, self.errors),
            folder: self.folder.clone(),
            vars,
            prompts: self.prompts(map),
            file_vars: self.vars_files(map),
            roles: vec![],
            tasks: vec![],
            handlers: vec![],
            without_tasks: vec![],
        };
        let own = Place { folder: self.folder.clone(), ..Place::default() };
        let section = |loader: &mut Self, key: &str, place: &Place| {
            let entry = map.get(key)?;
            Some(loader.tasks(&entry.node, &keywords, place))
        };
        (self.uses, self.handlers) = (vec![], vec![]);
        let pre = section(self, "pre_tasks", &own);
        play.tasks.extend(pre.unwrap_or_default());
        if let Some(entry) = map.get("roles")
            && let Some(items) = self.list(&entry.node, "a list of roles")
        {
            for node in items {
                let outer_vars = &Map::default();
                let (outer, import, again) = (&keywords, &Import::default(), Again::Mistake);
                let (chain, blocks, includes) = (&[], &[], &[]);
                let wanted = Wanted { node, outer, outer_vars, chain, again, import, blocks, includes };
                play.tasks.extend(self.role_use(&wanted).unwrap_or_default());
            }
        }
        for key in ["tasks", "post_tasks"] {
            let tasks = section(self, key, &own);
            play.tasks.extend(tasks.unwrap_or_default());
        }
        let handlers = section(self, "handlers", &Place { handlers: true, ..own.clone() });
        play.roles = std::mem::take(&mut self.uses);
        play.handlers = std::mem::take(&mut self.handlers);
        play.handlers.extend(handlers.unwrap_or_default());
        play.without_tasks = std::mem::take(&mut self.without_tasks);
        Some(play)
    }

    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        if node.is_null() {
            Some(&[])
        } else {
            self.errors.take(node.expect_seq(what).map_err(|error| match node.value {
                crate::yaml::Value::Map(_) => error.hint("begin each with `- `"),
                _ => error,
            }))
        }
    }
}
