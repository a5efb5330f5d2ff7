//! Files to a [`Playbook`]: plays and roles. Tasks are read in `task`, names are resolved in `resolve`.

use super::{
    Files, KnownType, Play, Playbook, Role, RoleUse,
    keywords::{Keywords, variables},
    names, resolve,
};
use crate::{
    diag::{Diagnostic, Diagnostics, did_you_mean},
    model::Origin,
    yaml::{Map, Node},
};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

impl Playbook {
    /// Reads a playbook with its roles. Goes on after a mistake, so that `errors` names them all; what is returned
    /// then is not to be run.
    pub fn load(path: &Path, types: &[KnownType], files: &dyn Files, errors: &mut Diagnostics) -> Self {
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut found = Diagnostics::default();
        let mut loader = Loader {
            types,
            files,
            folder: folder.clone(),
            errors: &mut found,
            yaml: HashMap::new(),
            roles: HashMap::new(),
        };
        let mut plays = loader.plays(path);
        let task_count = resolve::resolve(&mut plays, &mut found);
        // A role that several plays use reports its mistakes once.
        let mut seen = HashSet::new();
        found.0.retain(|d| seen.insert((d.message.clone(), d.place.as_ref().map(|(o, _)| o.to_string()))));
        errors.extend(found);
        Self { path: path.to_path_buf(), folder, plays, task_count }
    }
}

pub(super) struct Loader<'a> {
    pub types: &'a [KnownType<'a>],
    files: &'a dyn Files,
    folder: PathBuf,
    pub errors: &'a mut Diagnostics,
    yaml: HashMap<PathBuf, Option<Arc<Node>>>,
    roles: HashMap<String, Option<Arc<Role>>>,
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
}

/// A use of a role, as written, and what came from the role that depends on it.
struct Wanted<'a> {
    node: &'a Node,
    outer: &'a Keywords,
    outer_vars: &'a Map,
    /// The names of the roles whose dependencies led here.
    chain: &'a [String],
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
    fn read_beside(&mut self, mut paths: Vec<PathBuf>) {
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

    fn missing(&mut self, path: &Path, origin: &Origin) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = self.files.list(path.parent().unwrap_or(Path::new("")));
        self.errors.push(
            Diagnostic::error(format!("no such file: {}", path.display()))
                .at(origin)
                .suggest(&name, beside.iter().map(String::as_str)),
        );
    }

    fn plays(&mut self, path: &Path) -> Vec<Play> {
        let Some(node) = self.yaml(path, Some(&Origin::named("the command line"))) else { return vec![] };
        let hint = "a playbook is a list of plays; each begins with `- hosts: ...`";
        if node.is_null() {
            self.errors.push(Diagnostic::error("the playbook is empty").at(&node.origin).hint(hint));
            return vec![];
        }
        let Some(items) = self.errors.take(node.expect_seq("a list of plays").map_err(|d| d.hint(hint)))
        else {
            return vec![];
        };
        items.iter().filter_map(|item| self.play(item)).collect()
    }

    fn play(&mut self, node: &Node) -> Option<Play> {
        let map = self.errors.take(node.expect_map("a play"))?;
        names::check_keys(map, "a play", &[names::PLAY], self.errors);
        let keywords = Keywords::read(map, false, self.errors);
        let origin = map.first().map_or(&node.origin, |(_, e)| &e.key).clone();
        let name =
            map.get("name").and_then(|e| self.errors.take(e.node.expect_str("a name").map(str::to_string)));
        let hosts = self.hosts(map, &origin);
        if let Some(entry) = map.get("gather_facts") {
            self.errors.take(entry.node.expect_bool("`true` or `false`"));
        }
        let vars = map.get("vars").and_then(|e| variables(&e.node, self.errors)).unwrap_or_default();
        let mut play = Play {
            name,
            hosts,
            origin,
            vars,
            file_vars: self.vars_files(map),
            roles: vec![],
            tasks: vec![],
            handlers: vec![],
        };
        let own = Place { folder: self.folder.clone(), ..Place::default() };
        let section = |loader: &mut Self, key: &str, place: &Place| {
            let entry = map.get(key)?;
            Some(loader.tasks(&entry.node, &keywords, place))
        };
        let pre = section(self, "pre_tasks", &own);
        play.tasks.extend(pre.unwrap_or_default());
        if let Some(entry) = map.get("roles")
            && let Some(items) = self.list(&entry.node, "a list of roles")
        {
            for node in items {
                let wanted = Wanted { node, outer: &keywords, outer_vars: &Map::default(), chain: &[] };
                self.role_use(&wanted, &mut play);
            }
        }
        for key in ["tasks", "post_tasks"] {
            let tasks = section(self, key, &own);
            play.tasks.extend(tasks.unwrap_or_default());
        }
        let handlers = section(self, "handlers", &Place { handlers: true, ..own.clone() });
        play.handlers.extend(handlers.unwrap_or_default());
        Some(play)
    }

    fn hosts(&mut self, map: &Map, play: &Origin) -> (String, Origin) {
        let Some(entry) = map.get("hosts") else {
            self.errors.push(
                Diagnostic::error("the play has no `hosts`")
                    .at(play)
                    .hint("say where it runs, e.g. `hosts: all`"),
            );
            return (String::new(), play.clone());
        };
        let strings =
            self.errors.take(entry.node.expect_strings("a host or group pattern")).unwrap_or_default();
        let pattern = strings.iter().map(|(s, _)| s.as_str()).collect::<Vec<_>>().join(",");
        if pattern.contains("{{") {
            let error = Diagnostic::error("a template is not supported yet in `hosts`");
            self.errors.push(error.at(&entry.node.origin).hint("use a group and `--limit`"));
        } else if !strings.is_empty() && pattern.trim().is_empty() {
            self.errors.push(Diagnostic::error("`hosts` is empty").at(&entry.key));
        }
        (pattern, entry.node.origin.clone())
    }

    fn vars_files(&mut self, map: &Map) -> Map {
        let mut all = Map::default();
        let Some(entry) = map.get("vars_files") else { return all };
        let names = self.errors.take(entry.node.expect_strings("a list of files")).unwrap_or_default();
        self.read_beside(names.iter().map(|(name, _)| self.folder.join(name)).collect());
        for (name, origin) in names {
            if name.contains("{{") {
                let error = Diagnostic::error("a template is not supported yet in `vars_files`");
                self.errors.push(error.at(&origin).hint("use group_vars/ or host_vars/ for what differs"));
                continue;
            }
            let path = self.folder.join(&name);
            all.extend(self.vars_file(&path, Some(&origin)));
        }
        all
    }

    fn vars_file(&mut self, path: &Path, wanted_at: Option<&Origin>) -> Map {
        let Some(node) = self.yaml(path, wanted_at) else { return Map::default() };
        variables(&node, self.errors).unwrap_or_default()
    }

    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        if node.is_null() { Some(&[]) } else { self.errors.take(node.expect_seq(what)) }
    }

    /// Adds a role, its dependencies first.
    fn role_use(&mut self, wanted: &Wanted, play: &mut Play) -> Option<()> {
        let empty = Map::default();
        let (map, name, at) = match wanted.node.as_str() {
            Some(name) => (&empty, name, &wanted.node.origin),
            None => {
                let map = self.errors.take(wanted.node.expect_map("a role's name, or `role: NAME`"))?;
                names::check_keys(
                    map,
                    "a role's use (its variables go below `vars`)",
                    &[names::ROLE_USE],
                    self.errors,
                );
                let Some(entry) = map.get("role").or_else(|| map.get("name")) else {
                    let error = Diagnostic::error("the role's name is missing").at(&wanted.node.origin);
                    self.errors.push(error.hint("write `- role: NAME`"));
                    return None;
                };
                (map, self.errors.take(entry.node.expect_str("a role's name"))?, &entry.node.origin)
            }
        };
        if wanted.chain.iter().any(|n| n == name) {
            let path = wanted.chain.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(" -> ");
            self.errors.push(Diagnostic::error(format!("roles depend on each other: {path}")).at(at));
            return None;
        }
        let keywords = Keywords::read(map, false, self.errors).under(wanted.outer);
        let own = map.get("vars").and_then(|e| variables(&e.node, self.errors)).unwrap_or_default();
        let mut vars = wanted.outer_vars.clone();
        vars.extend(own);
        let role = self.role(name, at)?;
        if self.repeats(&role, &vars, map, wanted, at, play) {
            return None;
        }
        let chain: Vec<String> = wanted.chain.iter().cloned().chain([name.to_string()]).collect();
        if let Some(meta) = self.role_file(&role.folder, "meta")
            && !meta.is_null()
            && let Some(meta) = self.errors.take(meta.expect_map("a mapping with `dependencies`"))
        {
            names::check_keys(meta, "meta/main.yml", &[names::META], self.errors);
            let dependencies = meta.get("dependencies").map(|e| e.node.clone());
            let list = dependencies.as_ref().and_then(|node| self.list(node, "a list of roles"));
            for node in list.unwrap_or_default() {
                let wanted = Wanted { node, outer: &keywords, outer_vars: &vars, chain: &chain };
                self.role_use(&wanted, play);
            }
        }
        play.roles.push(RoleUse { role: role.clone(), vars, origin: at.clone() });
        let place = Place { role: Some(play.roles.len() - 1), ..Place::default() };
        for (part, handlers) in [("tasks", false), ("handlers", true)] {
            let Some(node) = self.role_file(&role.folder, part) else { continue };
            let place = Place { folder: role.folder.join(part), handlers, ..place.clone() };
            let tasks = self.tasks(&node, &keywords, &place);
            if handlers { &mut play.handlers } else { &mut play.tasks }.extend(tasks);
        }
        Some(())
    }

    /// Whether the play has this role already with the same variables. A dependency is then not run again; listing
    /// it twice by hand is a mistake.
    fn repeats(
        &mut self,
        role: &Role,
        vars: &Map,
        map: &Map,
        wanted: &Wanted,
        at: &Origin,
        play: &Play,
    ) -> bool {
        let same = |a: &Map, b: &Map| {
            a.len() == b.len()
                && a.iter().all(|(k, e)| b.get(k).is_some_and(|o| o.node.to_json() == e.node.to_json()))
        };
        // With a condition or tags of its own, a second use may be the one that runs.
        if map.contains_key("when") || map.contains_key("tags") {
            return false;
        }
        let Some(first) = play.roles.iter().find(|u| u.role.name == role.name && same(&u.vars, vars)) else {
            return false;
        };
        let by_hand = wanted.chain.is_empty() && Arc::ptr_eq(&first.origin.source, &at.source);
        if by_hand {
            self.errors.push(
                Diagnostic::error(format!(
                    "the role `{}` is listed twice with the same variables",
                    role.name
                ))
                .at(at)
                .related(&first.origin, "first here")
                .hint("remove one of them, or give it other `vars`"),
            );
        }
        true
    }

    fn role(&mut self, name: &str, at: &Origin) -> Option<Arc<Role>> {
        if let Some(known) = self.roles.get(name).cloned() {
            if known.is_none() {
                self.missing_role(name, at);
            }
            return known;
        }
        let folder =
            self.role_folders().into_iter().find(|dir| self.files.list(dir).iter().any(|n| n == name));
        let role = folder.map(|dir| {
            let folder = dir.join(name);
            let defaults = self.role_vars(&folder, "defaults");
            let vars = self.role_vars(&folder, "vars");
            Arc::new(Role { name: name.to_string(), folder, defaults, vars })
        });
        if role.is_none() {
            self.missing_role(name, at);
        }
        self.roles.insert(name.to_string(), role.clone());
        role
    }

    fn role_vars(&mut self, folder: &Path, part: &str) -> Map {
        self.role_file(folder, part).and_then(|node| variables(&node, self.errors)).unwrap_or_default()
    }

    fn role_file(&mut self, folder: &Path, part: &str) -> Option<Arc<Node>> {
        let name =
            if self.files.is_file(&folder.join(part).join("main.yaml")) { "main.yaml" } else { "main.yml" };
        self.yaml(&folder.join(part).join(name), None)
    }

    /// Beside the playbook, then beside its folder.
    fn role_folders(&self) -> [PathBuf; 2] {
        let above = match self.folder.file_name() {
            Some(_) => self.folder.parent().map(Path::to_path_buf).unwrap_or_default(),
            None => self.folder.join(".."),
        };
        [self.folder.join("roles"), above.join("roles")]
    }

    fn missing_role(&mut self, name: &str, at: &Origin) {
        let folders = self.role_folders();
        let known: Vec<String> = folders.iter().flat_map(|dir| self.files.list(dir)).collect();
        let mut diagnostic = Diagnostic::error(format!("no role `{name}`")).at(at);
        for folder in &folders {
            diagnostic = diagnostic.cause(format!("not in {}/", folder.display()));
        }
        let close = did_you_mean(name, known.iter().map(String::as_str));
        let hint = match close {
            Some(close) => format!("did you mean `{close}`?"),
            None if known.is_empty() => format!("put it into {}/{name}/tasks/main.yml", folders[0].display()),
            None => {
                let listed: Vec<_> = known.iter().map(|k| format!("`{k}`")).collect();
                format!("there are: {}", listed.join(", "))
            }
        };
        self.errors.push(diagnostic.hint(hint));
    }
}
