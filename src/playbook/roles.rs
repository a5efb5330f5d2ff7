//! Roles: where they are, what they are given, and what they depend on.

use super::{
    Included, Role, RoleUse, Task,
    keywords::{Keywords, variables},
    load::{Loader, Place},
    names,
};
use crate::{
    diag::{Diagnostic, did_you_mean},
    model::{InBlock, Origin},
    yaml::{Entry, Map, Node},
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
    /// By a task, which may name a role as often as it likes.
    pub by_task: bool,
    /// The blocks around that task.
    pub blocks: &'a [InBlock],
    /// The includes around it, and its own.
    pub includes: &'a [Included],
}

impl Loader<'_> {
    /// The tasks of the role that a task imports.
    pub fn import_role(&mut self, entry: &Entry, keywords: &Keywords, place: &Place) -> Option<Vec<Task>> {
        if place.handlers {
            let error = Diagnostic::error("a handler cannot import a role").at(&entry.key);
            self.errors.push(error.hint("write the handler itself, or import a file of tasks"));
            return None;
        }
        if let Some(map) = entry.node.as_map() {
            names::check_keys(map, "`import_role`", &[names::IMPORT_ROLE], self.errors);
        }
        // The variables of the import are what the role is given.
        // With those that the importing role was given, as for a dependency.
        let inherited = place.role.and_then(|at| self.uses.get(at)).map(|use_| use_.vars.clone());
        let (mut outer, mut given) = (keywords.clone(), inherited.unwrap_or_default());
        for vars in outer.vars.drain(..) {
            given.extend((*vars).clone());
        }
        let node = entry.node.get("name").unwrap_or(&entry.node);
        let (chain, blocks, includes) = (&place.chain, &place.blocks, &place.includes);
        let wanted =
            Wanted { node, outer: &outer, outer_vars: &given, chain, by_task: true, blocks, includes };
        self.role_use(&wanted)
    }

    /// The tasks of a role, those of its dependencies first. Its handlers go to those of the play.
    pub fn role_use(&mut self, wanted: &Wanted) -> Option<Vec<Task>> {
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
        if !wanted.by_task && self.repeats(&role, &vars, map, wanted, at) {
            return None;
        }
        let mut tasks = vec![];
        let chain: Vec<String> = wanted.chain.iter().cloned().chain([name.to_string()]).collect();
        if let Some(meta) = self.role_file(&role.folder, "meta")
            && !meta.is_null()
            && let Some(meta) = self.errors.take(meta.expect_map("a mapping with `dependencies`"))
        {
            names::check_keys(meta, "meta/main.yml", &[names::META], self.errors);
            let dependencies = meta.get("dependencies").map(|e| e.node.clone());
            let list = dependencies.as_ref().and_then(|node| self.list(node, "a list of roles"));
            for node in list.unwrap_or_default() {
                let wanted = Wanted {
                    node,
                    outer: &keywords,
                    outer_vars: &vars,
                    chain: &chain,
                    by_task: false,
                    ..*wanted
                };
                tasks.extend(self.role_use(&wanted).unwrap_or_default());
            }
        }
        let blocks = wanted.blocks.to_vec();
        self.uses.push(RoleUse { role: role.clone(), vars, origin: at.clone(), blocks });
        let place = Place {
            role: Some(self.uses.len() - 1),
            chain,
            blocks: wanted.blocks.to_vec(),
            includes: wanted.includes.to_vec(),
            ..Place::default()
        };
        for (part, handlers) in [("tasks", false), ("handlers", true)] {
            let Some(node) = self.role_file(&role.folder, part) else { continue };
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
        let key = (self.folder.clone(), name.to_string());
        if let Some(known) = self.roles.get(&key).cloned() {
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
        self.roles.insert(key, role.clone());
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
