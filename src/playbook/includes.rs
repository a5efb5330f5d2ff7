//! `include_tasks` and `include_role`: imports whose file or number of rounds depends on variables. All files that it may be
//! are read beforehand, so that mistakes in any of them show offline; which of them it is, each host says.

use super::{
    Background, Include, Included, Loop, Task,
    keywords::{Keywords, RESERVED, is_template},
    load::{Loader, Place},
    names,
};
use crate::{
    diag::{Diagnostic, Diagnostics},
    yaml::{Entry, Map, Node},
};
use std::{path::Path, sync::Arc};

/// What `meta` can do here.
const META: [&str; 3] = ["flush_handlers", "end_host", "noop"];

impl Loader<'_> {
    pub(super) fn include_tasks(
        &mut self,
        map: &Map,
        entry: &Entry,
        keywords: &Keywords,
        place: &Place,
    ) -> Option<Vec<Task>> {
        if let Some(map) = entry.node.as_map() {
            names::check_keys(map, "`include_tasks`", &[&["file"]], self.errors);
        }
        let node = entry.node.get("file").unwrap_or(&entry.node);
        let name = self.errors.take(node.expect_str("a file of tasks"))?.to_string();
        let repeat = self.rounds(map);
        if repeat.is_none() && !is_template(node) {
            return self.tasks_of(node, &name, keywords, place);
        }
        if place.handlers {
            let error = Diagnostic::error("a handler cannot be included by a template or a loop");
            self.errors.push(error.at(&entry.key).hint("use `import_tasks`"));
            return None;
        }
        let files = if is_template(node) { self.candidates(node, &name, place) } else { vec![name] };
        let include = Arc::new(Include {
            file: Some(node.clone()),
            files: files.clone(),
            repeat,
            blocks: place.blocks.len(),
        });
        let mut tasks = vec![];
        for (file, name) in files.iter().enumerate() {
            let mut inner = place.clone();
            inner.includes.push(Included { include: include.clone(), file });
            tasks.extend(self.tasks_of(node, name, keywords, &inner).unwrap_or_default());
        }
        Some(tasks)
    }

    pub(super) fn include_role(
        &mut self,
        map: &Map,
        entry: &Entry,
        keywords: &Keywords,
        place: &Place,
    ) -> Option<Vec<Task>> {
        let Some(repeat) = self.rounds(map) else { return self.import_role(map, entry, keywords, place) };
        let include = Include {
            file: None,
            files: vec![String::new()],
            repeat: Some(repeat),
            blocks: place.blocks.len(),
        };
        let mut inner = place.clone();
        inner.includes.push(Included { include: Arc::new(include), file: 0 });
        self.import_role(map, entry, keywords, &inner)
    }

    /// The loop of an include.
    fn rounds(&mut self, map: &Map) -> Option<Loop> {
        let repeat = self.repeat(map)?;
        if let Some(pause) = &repeat.pause {
            let error = Diagnostic::error("an include takes no `pause`").at(&pause.origin);
            self.errors.push(error.hint("loop over the tasks themselves"));
        }
        Some(repeat)
    }

    /// The files that a name with templates may stand for: each template for any text without `/`.
    fn candidates(&mut self, node: &Node, name: &str, place: &Place) -> Vec<String> {
        let mut found = vec![String::new()];
        for segment in segments(name) {
            let last = found;
            found = vec![];
            for folder in last {
                let join =
                    |name: &str| if folder.is_empty() { name.into() } else { format!("{folder}/{name}") };
                if segment.len() == 1 {
                    found.push(join(&segment[0]));
                    continue;
                }
                let names = self.files.list(&place.folder.join(&folder));
                found.extend(names.iter().filter(|name| fits(&segment, name)).map(|name| join(name)));
            }
        }
        // A file cannot include itself: which of them it is only shows later.
        let leads_back = |path: &Path| place.imports.contains(&super::load::tidy(path));
        found.retain(|name| {
            let path = place.folder.join(name);
            self.files.is_file(&path) && !leads_back(&path) && self.may_be_tasks(&path)
        });
        if found.is_empty() {
            let error = Diagnostic::error(format!("no file fits `{name}`")).at(&node.origin);
            let folder = if place.folder.as_os_str().is_empty() { Path::new(".") } else { &place.folder };
            let error = error.cause(format!("looked in {}/", folder.display()));
            self.errors.push(error.hint(
                "a template stands for a part of a name, without `/`; paths are relative to this file",
            ));
        }
        found
    }

    /// Whether this is no playbook and no inventory, as far as it can be read: what is wrong with it is told elsewhere.
    fn may_be_tasks(&self, path: &Path) -> bool {
        let Some(node) = self.files.yaml(path, &mut Diagnostics::default()) else { return true };
        let is_play = |node: &Node| node.get("hosts").is_some() || node.get("import_playbook").is_some();
        node.is_null() || node.as_seq().is_some_and(|items| !items.iter().any(is_play))
    }

    pub(super) fn background(&mut self, map: &Map) -> Background {
        let number = |key: &str| map.get(key).map(|entry| entry.node.clone());
        if let (Some(entry), None) = (map.get("poll"), map.get("async")) {
            let error = Diagnostic::error("`poll` without `async`").at(&entry.key);
            self.errors.push(error.hint("say how long it may run: `async: SECONDS`"));
        }
        Background { limit: number("async"), poll: number("poll") }
    }

    /// What only some resources take, and what these must say.
    /// Whether the task is one at all.
    pub(super) fn check_kind(&mut self, task: &Task, map: &Map) -> bool {
        let (kind, at) = (task.resource.0.as_str(), &task.resource.1);
        if let Some(entry) = map.get("async").filter(|_| !["command", "shell"].contains(&kind)) {
            let error = Diagnostic::error(format!("`async` is for `command` and `shell`, not for `{kind}`"));
            self.errors
                .push(error.at(&entry.key).hint("leave it out: whatever takes long here is waited for"));
        }
        match kind {
            "set_fact" => {
                let params = task.params.as_map().cloned().unwrap_or_default();
                if params.is_empty() {
                    let error = Diagnostic::error("`set_fact` sets nothing").at(at);
                    self.errors.push(error.hint("write variables below it, one a line: `name: value`"));
                }
                for (name, entry) in &params {
                    if name == "cacheable" {
                        let error = Diagnostic::error("`set_fact` takes no `cacheable`").at(&entry.key);
                        self.errors.push(error.hint("remove it: what is set lasts for the run"));
                        continue;
                    }
                    if RESERVED.contains(&name.as_str()) {
                        let error = format!("the variable `{name}` is always in scope and cannot be set");
                        self.errors.push(Diagnostic::error(error).at(&entry.key).hint("choose another name"));
                        continue;
                    }
                    self.variable_name(&Node::string(name, &entry.key));
                }
            }
            "meta" => return self.check_meta(task, map),
            _ => {}
        }
        true
    }

    fn check_meta(&mut self, task: &Task, map: &Map) -> bool {
        let action = task.params.get("action");
        let Some((node, text)) = action.and_then(|node| Some((node, node.as_str()?))) else {
            return true;
        };
        if !META.contains(&text) {
            let error = Diagnostic::error(format!("`meta: {text}` is not supported")).at(&node.origin);
            let error = match text {
                "end_play" | "end_batch" => error.hint("`end_host`, with a `when` that holds on all hosts"),
                "clear_facts" | "refresh_inventory" | "reset_connection" | "clear_host_errors" => {
                    error.hint("remove it: each run looks anew, and hosts are independent of each other")
                }
                "end_role" => error.hint("put the rest of the role into a block with a `when`"),
                _ => error.hint("known here: `flush_handlers`, `end_host`, `noop`").suggest(text, META),
            };
            self.errors.push(error);
            return false;
        }
        if task.handler {
            let error = Diagnostic::error("`meta` is no handler").at(&task.resource.1);
            self.errors.push(error);
        }
        for key in ["loop", "register", "notify", "delegate_to", "run_once"] {
            if let Some(entry) = map.get(key) {
                let error = Diagnostic::error(format!("`meta` takes no `{key}`")).at(&entry.key);
                self.errors.push(error.hint("it takes `name`, `when` and `tags`"));
            }
        }
        if text == "flush_handlers"
            && let Some(condition) = task.keywords.when.first()
        {
            let error = Diagnostic::error("`flush_handlers` cannot depend on a condition");
            let hint = "handlers run here only when something has notified them; give each its own `when`";
            self.errors.push(error.at(&condition.origin).hint(hint));
        }
        true
    }
}

/// A path as segments between `/`, each as the texts around its templates: one without a template is a single text.
fn segments(name: &str) -> Vec<Vec<String>> {
    let mut all = vec![vec![String::new()]];
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let segment = all.last_mut().expect("there is always one");
        if rest.starts_with("{{") {
            let end = rest.find("}}").map_or(rest.len(), |at| at + 2);
            // Of `{{{x}}}` the last one.
            let end = end + rest[end..].len() - rest[end..].trim_start_matches('}').len();
            segment.push(String::new());
            rest = &rest[end..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '/' => all.push(vec![String::new()]),
            c => segment.last_mut().expect("it begins with one").push(c),
        }
    }
    all
}

/// Whether a name begins and ends with the outer texts and has those between in this order.
fn fits(texts: &[String], name: &str) -> bool {
    let (Some(first), Some(last)) = (texts.first(), texts.last()) else { return false };
    let Some(mut rest) = name.strip_prefix(first.as_str()) else { return false };
    for text in &texts[1..texts.len() - 1] {
        let Some(at) = rest.find(text.as_str()) else { return false };
        rest = &rest[at + text.len()..];
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_templates_are_patterns() {
        let parts = |name| segments(name);
        assert_eq!(parts("a/b.yml"), [vec!["a"], vec!["b.yml"]]);
        assert_eq!(parts("{{x}}/m-{{default y \"a/b\"}}.yml"), [vec!["", ""], vec!["m-", ".yml"]]);
        assert_eq!(parts("{{{x}}}.yml"), [vec!["", ".yml"]]);
        let fit = |name: &str, file: &str| fits(&segments(name)[0], file);
        assert!(fit("setup-{{x}}.yml", "setup-debian.yml") && fit("{{x}}.yml", ".yml"));
        assert!(!fit("setup-{{x}}.yml", "setup.yml") && !fit("{{x}}.yml", "a.yaml"));
        assert!(fit("{{a}}-mid-{{b}}.yml", "x-mid-y.yml") && !fit("{{a}}-mid-{{b}}.yml", "x-y.yml"));
    }
}
