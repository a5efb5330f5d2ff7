//! Lists of tasks: single ones, blocks and imports, flattened.

use super::{
    Judging, Loop, Names, Task,
    keywords::{Keywords, conditions, is_template},
    load::{Loader, Place, tidy},
    names,
};
use crate::{
    diag::Diagnostic,
    model::{InBlock, Origin, Part},
    yaml::{Entry, Map, Node, Value},
};

impl Loader<'_> {
    pub(super) fn tasks(&mut self, node: &Node, outer: &Keywords, place: &Place) -> Vec<Task> {
        let mut tasks = vec![];
        for item in self.list(node, "a list of tasks").unwrap_or_default() {
            let Some(map) = self.errors.take(item.expect_map("a task").map_err(|error| {
                error.hint("a task is a mapping: `- command: uptime`, perhaps with `name:` before it")
            })) else {
                continue;
            };
            let entry = |key: &str| map.get(key);
            if let Some(block) = entry("block") {
                names::check_keys(map, "a block", &[names::COMMON, names::BLOCK], self.errors);
                let keywords = Keywords::read(map, true, self.errors).under(outer);
                let found = self.block(map, block, &keywords, place);
                tasks.extend(self.brought(found, &keywords));
            } else if let Some(import) = entry("import_tasks") {
                names::check_keys(map, "an import", &[names::COMMON, names::IMPORT], self.errors);
                let keywords = Keywords::read(map, true, self.errors).under(outer);
                let found = self.import(import, &keywords, place).unwrap_or_default();
                tasks.extend(self.brought(found, &keywords));
            } else if let Some(import) = entry("import_role") {
                let known = [names::COMMON, names::IMPORT_ROLE_TASK];
                names::check_keys(map, "an import", &known, self.errors);
                let keywords = Keywords::read(map, true, self.errors).under(outer);
                let found = self.import_role(map, import, &keywords, place).unwrap_or_default();
                tasks.extend(self.brought(found, &keywords));
            } else if let Some(include) = entry("include_tasks") {
                names::check_keys(map, "an include", &[names::COMMON, names::INCLUDE], self.errors);
                let keywords = Keywords::read(map, true, self.errors).under(outer);
                let found = self.include_tasks(map, include, &keywords, place).unwrap_or_default();
                tasks.extend(self.brought(found, &keywords));
            } else if let Some(include) = entry("include_role") {
                let known = [names::COMMON, names::INCLUDE_ROLE_TASK];
                names::check_keys(map, "an include", &known, self.errors);
                let keywords = Keywords::read(map, true, self.errors).under(outer);
                let found = self.include_role(map, include, &keywords, place).unwrap_or_default();
                tasks.extend(self.brought(found, &keywords));
            } else {
                let task = self.task(item, map, outer, place);
                if task.is_none() {
                    let names = ["name", "listen"].into_iter().filter_map(|key| map.get(key));
                    let names = names.filter_map(|entry| entry.node.expect_strings("a name").ok()).flatten();
                    self.lost.extend(names.map(|(name, _)| name));
                }
                tasks.extend(task);
            }
        }
        tasks
    }

    /// Keeps the conditions of what brought no task: nobody else knows of them.
    fn brought(&mut self, found: Vec<Task>, keywords: &Keywords) -> Vec<Task> {
        if found.is_empty() {
            self.without_tasks.extend(keywords.when.iter().cloned());
        }
        found
    }

    /// The tasks of a block and of its `rescue` and `always`.
    fn block(&mut self, map: &Map, block: &Entry, keywords: &Keywords, place: &Place) -> Vec<Task> {
        let more = [("rescue", Part::Rescue), ("always", Part::Always)];
        let more = more.map(|(key, part)| map.get(key).map(|entry| (entry, part)));
        if more.iter().all(Option::is_none) {
            return self.tasks(&block.node, keywords, place);
        }
        if let Some(entry) = map.get("rescue").or_else(|| map.get("always")).filter(|_| place.handlers) {
            let error = Diagnostic::error("handlers have no `rescue` and no `always`").at(&entry.key);
            let error =
                error.hint("list the handlers one by one; what they must survive can stand in `failed_when`");
            self.errors.push(error);
        }
        let number = self.blocks;
        self.blocks += 1;
        let mut tasks = vec![];
        for (entry, part) in [Some((block, Part::Main))].into_iter().chain(more).flatten() {
            let mut inner = place.clone();
            inner.blocks.push(InBlock { block: number, part });
            tasks.extend(self.tasks(&entry.node, keywords, &inner));
        }
        tasks
    }

    fn import(&mut self, entry: &Entry, keywords: &Keywords, place: &Place) -> Option<Vec<Task>> {
        let node = entry.node.get("file").unwrap_or(&entry.node);
        let name = node.expect_str("a file of tasks");
        let name =
            self.errors.take(name.map_err(|error| error.hint("write `- import_tasks: FILE` for each")))?;
        if is_template(node) {
            let error =
                Diagnostic::error("`import_tasks` takes no template: it is read before any host is known");
            self.errors.push(error.at(&node.origin).hint("use `include_tasks`"));
            return None;
        }
        self.tasks_of(node, name, keywords, place)
    }

    /// The tasks of a file.
    pub(super) fn tasks_of(
        &mut self,
        node: &Node,
        name: &str,
        keywords: &Keywords,
        place: &Place,
    ) -> Option<Vec<Task>> {
        let path = place.folder.join(name);
        if self.is_too_much(&path, &place.imports) {
            let error = Diagnostic::error(format!("{} imports itself", path.display()));
            self.errors.push(error.at(&node.origin).hint("remove this import"));
            return None;
        }
        let content = self.yaml(&path, Some(&node.origin))?;
        let mut inner = place.clone();
        inner.folder = path.parent().unwrap_or(&place.folder).to_path_buf();
        inner.imports.push(tidy(&path));
        Some(self.tasks(&content, keywords, &inner))
    }

    fn task(&mut self, item: &Node, map: &Map, outer: &Keywords, place: &Place) -> Option<Task> {
        let what = if place.handlers { "a handler" } else { "a task" };
        let library = self.library(place);
        let ours: Vec<&str> = self.types.iter().map(|t| t.name).collect();
        let types: Vec<&str> =
            ours.iter().copied().chain(library.iter().map(|(name, _)| name.as_str())).collect();
        let own: &[&str] = if place.handlers { names::HANDLER } else { &[] };
        let all_known = names::check_keys(map, what, &[names::COMMON, names::TASK, own, &types], self.errors);
        let keywords = Keywords::read(map, true, self.errors).under(outer);
        let name = map.get("name").map(|e| e.node.clone());
        if let Some(node) = &name {
            self.errors.take(node.expect_str("a name").map(|_| ()));
        }
        let mut resources = map.iter().filter(|(key, _)| types.contains(&key.as_str()));
        let first = resources.next();
        for (key, entry) in resources {
            let (other, at) = first.expect("this is at least the second");
            self.errors.push(
                Diagnostic::error(format!("a task has one resource, here are `{other}` and `{key}`"))
                    .at(&entry.key)
                    .related(&at.key, "the first one")
                    .hint("make it two tasks: begin this one with `- `"),
            );
        }
        let start = map.first().map_or(&item.origin, |(_, e)| &e.key);
        let Some((resource, entry)) = first else {
            // An unknown key is most likely the resource, and was reported.
            if all_known {
                let error = Diagnostic::error(format!("{what} without a resource")).at(start);
                self.errors.push(error.hint("say what is to be there, e.g. `package: {name: curl}`"));
            }
            return None;
        };
        let program = library.iter().find(|(name, _)| name == resource).map(|(_, path)| path.clone());
        if let Some(path) = program.as_ref().filter(|_| ours.contains(&resource.as_str())) {
            let error = Diagnostic::error(format!(
                "`{resource}` is a type of its own: {} is never run",
                path.display()
            ));
            self.errors.push(error.at(&entry.key).hint("give the program another name"));
        }
        let params = self.params(resource, entry).and_then(|params| {
            match self.types.iter().find(|row| row.name == resource) {
                Some(row) => self.errors.take(row.theirs.in_our_names(&params)),
                None => Some(params),
            }
        });
        let repeat = self.repeat(map);
        // Without its items nothing can be told of what it renders.
        let is_lost = repeat.is_none() && map.keys().any(|key| key == "loop" || key.starts_with("with_"));
        let origin = map.get("name").map_or(&entry.key, |e| &e.node.origin).clone();
        let mut task = Task {
            index: 0,
            name,
            resource: (resource.clone(), entry.key.clone()),
            program,
            params: params?,
            keywords,
            repeat,
            includes: place.includes.clone(),
            judging: self.judging(map),
            touches: map.get("touches").map(|entry| entry.node.clone()),
            background: self.background(map),
            blocks: place.blocks.clone(),
            register: self.register(map),
            notify: vec![],
            needs: vec![],
            names: Names::default(),
            handler: place.handlers,
            listen: vec![],
            role: place.role,
            origin,
        };
        task.names.notify = self.references(map, "notify", "the name of a handler");
        task.names.needs = self.references(map, "needs", "the name of a task, or `role:NAME`");
        if !self.check_kind(&task, map) {
            return None;
        }
        if place.handlers {
            task.listen =
                self.references(map, "listen", "a name").into_iter().map(|(name, _)| name).collect();
            if task.name.is_none() && task.listen.is_empty() {
                let error = Diagnostic::error("a handler without a name").at(&task.origin);
                self.errors.push(error.hint("tasks notify it by its `name`, or by `listen`"));
            }
        }
        (!is_lost).then_some(task)
    }

    fn params(&mut self, resource: &str, entry: &Entry) -> Option<Node> {
        let free = self.types.iter().find(|t| t.name == resource).and_then(|t| t.free);
        let node = &entry.node;
        let empty = || Node::new(Value::Map(Map::default()), entry.key.clone());
        match (&node.value, free) {
            (Value::Map(_), _) => Some(node.clone()),
            (Value::Null, _) => Some(empty()),
            (Value::Seq(_), _) | (_, None) => {
                let error = node.expected(&format!("the parameters of `{resource}`"));
                self.errors.push(error.hint(match node.as_str().and_then(|text| pairs(resource, text)) {
                    Some(written) => format!("write `{written}`"),
                    None => "write them below it, one a line: `key: value`".into(),
                }));
                None
            }
            (_, Some(free)) => {
                if let Some(error) = super::words::check(resource, free, entry) {
                    self.errors.push(error);
                    return None;
                }
                let param = Entry { key: entry.key.clone(), node: node.clone() };
                let map = Map::from([(free.to_string(), param)]);
                Some(Node::new(Value::Map(map), node.origin.clone()))
            }
        }
    }

    pub(super) fn repeat(&mut self, map: &Map) -> Option<Loop> {
        let control = map.get("loop_control");
        let Some(entry) = map.get("loop") else {
            if let Some(control) = control {
                self.errors.push(
                    Diagnostic::error("`loop_control` without `loop`")
                        .at(&control.key)
                        .hint("say over what: `loop: [...]`"),
                );
            }
            return None;
        };
        if !matches!(entry.node.value, Value::Seq(_) | Value::Map(_)) && !is_template(&entry.node) {
            let error = entry.node.expected("a list or a mapping, or a template that gives one");
            let error = match entry.node.as_str() {
                Some(text) => error.hint(format!("write `loop: \"{{{{{text}}}}}\"`")),
                None => error.hint("begin each item with `- `"),
            };
            self.errors.push(error);
            return None;
        }
        let mut repeat =
            Loop { items: entry.node.clone(), var: "item".into(), index_var: None, label: None, pause: None };
        let Some(control) = control else { return Some(repeat) };
        let control = self
            .errors
            .take(control.node.expect_map("a mapping with `loop_var`, `index_var`, `label`, `pause`"))?;
        names::check_keys(control, "`loop_control`", &[names::LOOP_CONTROL], self.errors);
        if let Some(entry) = control.get("loop_var") {
            repeat.var = self.variable_name(&entry.node)?;
        }
        if let Some(entry) = control.get("index_var") {
            repeat.index_var = Some(self.variable_name(&entry.node)?);
        }
        repeat.label = control.get("label").map(|e| e.node.clone());
        repeat.pause = control.get("pause").map(|e| e.node.clone());
        Some(repeat)
    }

    fn judging(&mut self, map: &Map) -> Judging {
        let mut list = |key: &str| {
            let node = map.get(key).map(|entry| entry.node.clone());
            node.map(|node| conditions(node, self.errors)).unwrap_or_default()
        };
        let (changed_when, failed_when, until) = (list("changed_when"), list("failed_when"), list("until"));
        let number = |key: &str| map.get(key).map(|entry| entry.node.clone());
        let judging =
            Judging { changed_when, failed_when, until, retries: number("retries"), delay: number("delay") };
        if let Some(entry) =
            map.get("delay").filter(|_| judging.retries.is_none() && judging.until.is_empty())
        {
            let error = Diagnostic::error("`delay` without `retries` or `until`").at(&entry.key);
            self.errors.push(error.hint("say how often to try, or until when"));
        }
        judging
    }

    fn register(&mut self, map: &Map) -> Option<(String, Origin)> {
        let node = &map.get("register")?.node;
        Some((self.variable_name(node)?, node.origin.clone()))
    }

    pub(super) fn variable_name(&mut self, node: &Node) -> Option<String> {
        let name = self.errors.take(node.expect_str("the name of a variable"))?;
        let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !good {
            let error = Diagnostic::error("not the name of a variable").at(&node.origin);
            self.errors.push(error.hint("letters, digits and `_`, not beginning with a digit"));
            return None;
        }
        Some(name.to_string())
    }

    fn references(&mut self, map: &Map, key: &str, what: &str) -> Vec<(String, Origin)> {
        let Some(entry) = map.get(key) else { return vec![] };
        self.errors.take(entry.node.expect_strings(what)).unwrap_or_default()
    }
}

/// `src=a dest=b`, as Ansible takes it too, in the form that is taken here.
fn pairs(resource: &str, text: &str) -> Option<String> {
    let pairs: Option<Vec<_>> = text.split_whitespace().map(|word| word.split_once('=')).collect();
    let pairs = pairs.filter(|pairs| !pairs.is_empty() && !text.contains(['\'', '"', '{']))?;
    let pairs =
        pairs.into_iter().map(|(key, value)| format!("{key}: {}", super::words::in_mapping(key, value)));
    Some(format!("{resource}: {{{}}}", pairs.collect::<Vec<_>>().join(", ")))
}
