//! Roles: where they are, what they are given, and what they depend on.

use super::{
    Included, Role, RoleUse, Task,
    keywords::{Keywords, is_template, variables},
    load::{Loader, Place},
    names,
};
use crate::{
    diag::{Diagnostic, did_you_mean},
    model::{InBlock, Origin},
    yaml::{Entry, Map, Node, Value},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A use of a role, as written, and what came from the role that depends on it.
pub(super) struct Wanted<'a> {
    pub node: &'a Node,
    pub outer: &'a Keywords,
    pub outer_vars: &'a Map,
    /// The names of the roles whose dependencies or tasks led here.
    pub chain: &'a [String],
    pub again: Again,
    /// What a task that imports it says besides.
    pub import: &'a Import,
    /// The blocks around that task.
    pub blocks: &'a [InBlock],
    /// The includes around it, and its own.
    pub includes: &'a [Included],
}

/// What a second use with the same variables is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// One like the first.
    Runs,
    /// Nothing to do.
    Skipped,
    /// Nothing to do, and a mistake when both stand in one list.
    Mistake,
}

/// What an import says about the role.
#[derive(Default)]
pub(super) struct Import {
    pub files: RoleFiles,
    /// The variables that the task gives it.
    pub given: Map,
    /// What the role is given is not to be checked.
    pub unchecked: bool,
}

/// The files that a role is read from, where these are not `main.yml`.
#[derive(Default)]
pub(super) struct RoleFiles {
    pub tasks: Option<Node>,
    pub handlers: Option<Node>,
    pub defaults: Option<Node>,
    pub vars: Option<Node>,
}

/// The folder of the playbook, the role's name, and the files of its variables.
pub(super) type RoleKey = (PathBuf, String, [Option<String>; 2]);

impl RoleFiles {
    fn key(&self, folder: &Path, name: &str) -> RoleKey {
        let text = |node: &Option<Node>| node.as_ref().and_then(Node::as_str).map(str::to_string);
        (folder.to_path_buf(), name.to_string(), [text(&self.defaults), text(&self.vars)])
    }

    /// The name of what begins with these tasks, as `argument_specs` has it.
    fn entry_point(&self) -> String {
        let written = self.tasks.as_ref().and_then(Node::as_str).unwrap_or("main");
        let ends = [".yml", ".yaml", ".json"];
        ends.into_iter().find_map(|end| written.strip_suffix(end)).unwrap_or(written).to_string()
    }
}

impl Loader<'_> {
    /// The tasks of the role that a task imports.
    pub fn import_role(
        &mut self,
        task: &Map,
        entry: &Entry,
        keywords: &Keywords,
        place: &Place,
    ) -> Option<Vec<Task>> {
        if place.handlers {
            let error = Diagnostic::error("a handler cannot import a role").at(&entry.key);
            self.errors.push(error.hint("write the handler itself, or import a file of tasks"));
            return None;
        }
        let key = if task.contains_key("include_role") { "include_role" } else { "import_role" };
        if let Some(map) = entry.node.as_map()
            && !map.contains_key("name")
            && !map.contains_key("role")
        {
            if names::check_keys(map, &format!("`{key}`"), &[names::IMPORT_ROLE], self.errors) {
                let error = Diagnostic::error("the role's name is missing").at(&entry.key);
                self.errors.push(error.hint(format!("write `{key}: {{name: NAME}}`")));
            }
            return None;
        }
        let (mut import, again) = self.import_options(key, &entry.node);
        let given = task.get("vars").and_then(|entry| entry.node.as_map());
        import.given = given.cloned().unwrap_or_default();
        // The variables of the import are what the role is given.
        // With those that the importing role was given, as for a dependency.
        let inherited = place.role.and_then(|at| self.uses.get(at)).map(|use_| use_.vars.clone());
        let (mut outer, mut given) = (keywords.clone(), inherited.unwrap_or_default());
        for vars in outer.vars.drain(..) {
            given.extend((*vars).clone());
        }
        let node = entry.node.get("name").or_else(|| entry.node.get("role")).unwrap_or(&entry.node);
        let (chain, blocks, includes) = (&place.chain, &place.blocks, &place.includes);
        let (outer, outer_vars, import) = (&outer, &given, &import);
        let wanted = Wanted { node, outer, outer_vars, chain, again, import, blocks, includes };
        self.role_use(&wanted)
    }

    fn import_options(&mut self, key: &str, node: &Node) -> (Import, Again) {
        let mut import = Import::default();
        let Some(map) = node.as_map() else { return (import, Again::Runs) };
        names::check_keys(map, &format!("`{key}`"), &[names::IMPORT_ROLE], self.errors);
        let mut file = |key: &str| {
            let node = &map.get(key)?.node;
            self.errors.take(node.expect_str("the name of a file"))?;
            if is_template(node) {
                let error = Diagnostic::error(format!("a template is not supported yet in `{key}`"));
                self.errors.push(error.at(&node.origin).hint("import each file, with a `when`"));
                return None;
            }
            Some(node.clone())
        };
        import.files = RoleFiles {
            tasks: file("tasks_from"),
            handlers: file("handlers_from"),
            defaults: file("defaults_from"),
            vars: file("vars_from"),
        };
        let mut flag = |key: &str| {
            let entry = map.get(key)?;
            self.errors.take(entry.node.expect_bool("`true` or `false`"))
        };
        import.unchecked = flag("rolespec_validate") == Some(false);
        // Its variables are the play's anyway.
        flag("public");
        let again = if flag("allow_duplicates") == Some(false) { Again::Skipped } else { Again::Runs };
        (import, again)
    }

    /// The tasks of a role, those of its dependencies first. Its handlers go to those of the play.
    pub fn role_use(&mut self, wanted: &Wanted) -> Option<Vec<Task>> {
        let empty = Map::default();
        let (map, name, at) = match wanted.node.as_str() {
            Some(name) => (&empty, name, &wanted.node.origin),
            None => {
                let map =
                    self.errors.take(wanted.node.expect_map("a role's name, or `role: NAME`").map_err(
                        |error| error.hint("write `- NAME`, or `- role: NAME` with `vars:` below it"),
                    ))?;
                let Some(entry) = map.get("role").or_else(|| map.get("name")) else {
                    let error = Diagnostic::error("the role's name is missing");
                    let error = error.at(map.first().map_or(&wanted.node.origin, |(_, first)| &first.key));
                    self.errors.push(error.hint("write `- role: NAME`"));
                    return None;
                };
                (map, self.errors.take(entry.node.expect_str("a role's name"))?, &entry.node.origin)
            }
        };
        if wanted.chain.iter().any(|n| n == name) {
            let path = wanted.chain.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(" -> ");
            let error = Diagnostic::error(format!("roles depend on each other: {path}")).at(at);
            self.errors.push(
                error.hint("take it out of the `dependencies`; what both need can be a role of its own"),
            );
            return None;
        }
        let keywords = Keywords::read(map, false, self.errors).under(wanted.outer);
        let mut own = map.get("vars").and_then(|e| variables(&e.node, self.errors)).unwrap_or_default();
        let role = self.role(name, at, &wanted.import.files)?;
        own.extend(self.parameters(map, &role));
        self.unknown_parameters(&role, &[&own, &wanted.import.given]);
        let mut vars = wanted.outer_vars.clone();
        vars.extend(own);
        let may_repeat = wanted.again == Again::Runs || role.meta.duplicates;
        if !may_repeat && self.repeats(&role, &vars, map, wanted, at) {
            return None;
        }
        let mut tasks = vec![];
        let chain: Vec<String> = wanted.chain.iter().cloned().chain([name.to_string()]).collect();
        for node in &role.meta.dependencies {
            let (again, import) = (Again::Skipped, &Import::default());
            let (outer, outer_vars, chain) = (&keywords, &vars, chain.as_slice());
            let wanted = Wanted { node, outer, outer_vars, chain, again, import, ..*wanted };
            tasks.extend(self.role_use(&wanted).unwrap_or_default());
        }
        let files = &wanted.import.files;
        self.uses.push(RoleUse {
            role: role.clone(),
            entry_point: files.entry_point(),
            vars,
            when: keywords.when.clone(),
            unchecked: wanted.import.unchecked,
            origin: at.clone(),
            blocks: wanted.blocks.to_vec(),
            in_loop: wanted.includes.iter().any(|included| included.include.repeat.is_some()),
        });
        let place = Place {
            role: Some(self.uses.len() - 1),
            chain,
            blocks: wanted.blocks.to_vec(),
            includes: wanted.includes.to_vec(),
            ..Place::default()
        };
        for (part, from, handlers) in [("tasks", &files.tasks, false), ("handlers", &files.handlers, true)] {
            let Some(node) = self.role_file(&role.folder, part, from.as_ref()) else { continue };
            let mut place = Place { folder: role.folder.join(part), handlers, ..place.clone() };
            if handlers {
                // They run at the end of the play, whatever block their role is imported in.
                place.blocks.clear();
                place.includes.clear();
            }
            let found = self.tasks(&node, &keywords, &place);
            if handlers { &mut self.handlers } else { &mut tasks }.extend(found);
        }
        Some(tasks)
    }

    /// Whether the play has this role already with the same variables. A dependency is then not run again; listing
    /// it twice by hand is a mistake.
    fn repeats(&mut self, role: &Role, vars: &Map, map: &Map, wanted: &Wanted, at: &Origin) -> bool {
        let same = |a: &Map, b: &Map| {
            a.len() == b.len()
                && a.iter().all(|(k, e)| b.get(k).is_some_and(|o| o.node.to_json() == e.node.to_json()))
        };
        // With a condition or tags of its own, a second use may be the one that runs.
        if map.contains_key("when") || map.contains_key("tags") {
            return false;
        }
        // One that stands in a block is there for those in that block only.
        let reaches = |u: &&RoleUse| wanted.blocks.starts_with(&u.blocks) && wanted.includes.is_empty();
        let fits = |u: &&RoleUse| u.role.name == role.name && same(&u.vars, vars) && reaches(u);
        let Some(first) = self.uses.iter().find(fits) else {
            return false;
        };
        let by_hand = wanted.again == Again::Mistake && Arc::ptr_eq(&first.origin.source, &at.source);
        if by_hand {
            self.errors.push(
                Diagnostic::error(format!(
                    "the role `{}` is listed twice with the same variables",
                    role.name
                ))
                .at(at)
                .related(&first.origin, "first here")
                .hint("remove one of them, give it other `vars`, or write `allow_duplicates: true` in its meta/main.yml"),
            );
        }
        true
    }

    /// What stands beside the keywords where a role is used: variables that it declares.
    fn parameters(&mut self, map: &Map, role: &Role) -> Map {
        let is_keyword = |key: &String| names::ROLE_USE.contains(&key.as_str());
        if map.keys().all(is_keyword) {
            return Map::default();
        }
        let mut known = vec![];
        self.declared(role, &mut known, &mut vec![]);
        let (parameters, rest): (Map, Map) =
            map.clone().into_iter().partition(|(key, _)| !is_keyword(key) && known.contains(key));
        let what = "a role's use (a variable that it does not declare goes below `vars`)";
        names::check_keys(&rest, what, &[names::ROLE_USE], self.errors);
        variables(&Node::new(Value::Map(parameters), Origin::named("a role's use")), self.errors)
            .unwrap_or_default()
    }

    /// Where a role says what it takes, nothing else is given to it.
    fn unknown_parameters(&mut self, role: &Role, given: &[&Map]) {
        let given = || given.iter().flat_map(|map| map.iter());
        let Some(inputs) = role.meta.inputs.as_ref().filter(|_| given().next().is_some()) else { return };
        let mut known = vec![];
        self.declared(role, &mut known, &mut vec![]);
        for (name, entry) in given() {
            if known.contains(name) || name.starts_with("ansible_") {
                continue;
            }
            let error =
                Diagnostic::error(format!("the role `{}` takes no `{name}`", role.name)).at(&entry.key);
            let names: Vec<_> = inputs.items.keys().map(|name| format!("`{name}`")).collect();
            let error = match names.is_empty() {
                true => error.hint("it takes nothing"),
                false => error.hint(format!("it takes {}", names.join(", "))),
            };
            self.errors.push(error.suggest(name, known.iter().map(String::as_str)));
        }
    }

    pub(super) fn role(&mut self, name: &str, at: &Origin, files: &RoleFiles) -> Option<Arc<Role>> {
        let key = files.key(&self.folder, name);
        if let Some(known) = self.roles.get(&key).cloned() {
            if known.is_none() {
                self.missing_role(name, at);
            }
            return known;
        }
        let folder =
            self.role_folders().into_iter().find(|dir| self.files.list(dir).iter().any(|n| n == name));
        let role = folder.map(|dir| Arc::new(self.read_role(name, dir.join(name), files)));
        if role.is_none() {
            self.missing_role(name, at);
        }
        self.roles.insert(key, role.clone());
        role
    }

    pub(super) fn read_role(&mut self, name: &str, folder: PathBuf, files: &RoleFiles) -> Role {
        let meta = self.meta(&folder);
        let mut defaults = self.role_vars(&folder, "defaults", files.defaults.as_ref());
        if let Some(inputs) = &meta.inputs {
            self.input_defaults(&mut defaults, inputs);
        }
        let vars = self.role_vars(&folder, "vars", files.vars.as_ref());
        Role { name: name.to_string(), folder, defaults, vars, meta }
    }

    fn role_vars(&mut self, folder: &Path, part: &str, from: Option<&Node>) -> Map {
        let node = self.role_file(folder, part, from);
        node.and_then(|node| variables(&node, self.errors)).unwrap_or_default()
    }

    /// A file of one of a role's folders: `main.yml`, unless another one is named, perhaps without its ending.
    fn role_file(&mut self, folder: &Path, part: &str, from: Option<&Node>) -> Option<Arc<Node>> {
        if let Some((node, name)) = from.and_then(|node| Some((node, node.as_str()?))) {
            let path = |end: &&str| folder.join(part).join(format!("{name}{end}"));
            let found = ["", ".yml", ".yaml", ".json"].iter().map(&path).find(|p| self.files.is_file(p));
            let usual = if name.contains('.') { "" } else { ".yml" };
            return self.yaml(&found.unwrap_or_else(|| path(&usual)), Some(&node.origin));
        }
        let name =
            if self.files.is_file(&folder.join(part).join("main.yaml")) { "main.yaml" } else { "main.yml" };
        self.yaml(&folder.join(part).join(name), None)
    }

    /// Beside the playbook, then beside its folder.
    fn role_folders(&self) -> [PathBuf; 2] {
        self.beside("roles")
    }

    /// A folder beside the playbook, and one beside its folder.
    pub(super) fn beside(&self, name: &str) -> [PathBuf; 2] {
        let above = match self.folder.file_name() {
            Some(_) => self.folder.parent().map(Path::to_path_buf).unwrap_or_default(),
            None => self.folder.join(".."),
        };
        [self.folder.join(name), above.join(name)]
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
