//! What stands where in a file of Ansible: plays, tasks, conditions, loops, modules.

use super::{is_ours, template, yaml::Editor};
use crate::{
    jinja::{Left, emit, lex::Escapes, parse},
    playbook::{instead_of, is_play_key, is_task_key, other_name, parameters_in, quoted},
    resources,
    yaml::{Entry, Map, Node, Value},
};

const CONDITIONS: &[&str] = &["when", "changed_when", "failed_when", "until"];
const TASKS: &[&str] = &["block", "rescue", "always"];
const PLAY_TASKS: &[&str] = &["tasks", "pre_tasks", "post_tasks", "handlers"];
/// Modules whose parameters of the same name mean the same in the resource that does their work.
const SAME_PARAMETERS: &[&str] = &["apt", "systemd", "systemd_service"];
/// Collections that hold modules with the names of ours.
const COLLECTIONS: &[&str] = &[
    "ansible.builtin.",
    "ansible.legacy.",
    "ansible.posix.",
    "community.general.",
    "community.docker.",
    "community.crypto.",
    "community.postgresql.",
];

impl Editor {
    pub fn root(&mut self, root: &Node) {
        let folder = self.source.path.parent().and_then(|folder| folder.file_name());
        let all_tasks = folder.is_some_and(|name| name == "tasks" || name == "handlers");
        match &root.value {
            Value::Seq(items) => items.iter().for_each(|item| match item.as_map() {
                Some(map) if map.contains_key("hosts") => self.play(map),
                Some(map) if is_import(map) => self.import(map),
                Some(map) if all_tasks || is_task(map) => self.task(map),
                _ => self.value(item),
            }),
            Value::Map(map) => {
                for (key, entry) in map {
                    match (key.as_str(), entry.node.as_seq()) {
                        ("dependencies", Some(roles)) => self.roles(roles),
                        _ => self.map(&Map::from([(key.clone(), entry.clone())])),
                    }
                }
            }
            _ => self.value(root),
        }
    }

    fn play(&mut self, map: &Map) {
        for (key, entry) in map {
            match (key.as_str(), entry.node.as_seq()) {
                (key, Some(tasks)) if PLAY_TASKS.contains(&key) => self.tasks(tasks),
                ("roles", Some(roles)) => self.roles(roles),
                _ => self.keyword(key, entry, is_play_key),
            }
        }
    }

    fn import(&mut self, map: &Map) {
        for (key, entry) in map {
            match key.rsplit('.').next() {
                Some("import_playbook") if key.contains('.') => {
                    self.rename(key, &entry.key, "import_playbook")
                }
                _ => self.keyword(key, entry, is_play_key),
            }
        }
    }

    fn roles(&mut self, roles: &[Node]) {
        for role in roles {
            match role.as_map() {
                Some(map) => map.iter().for_each(|(key, entry)| {
                    self.keyword(key, entry, |key| is_task_key(key) || is_play_key(key))
                }),
                None => self.value(role),
            }
        }
    }

    fn tasks(&mut self, items: &[Node]) {
        for item in items {
            match item.as_map() {
                Some(map) => self.task(map),
                None => self.value(item),
            }
        }
    }

    fn task(&mut self, map: &Map) {
        for (key, entry) in map {
            match (key.as_str(), entry.node.as_seq()) {
                (key, Some(tasks)) if TASKS.contains(&key) => self.tasks(tasks),
                (key, _) if key.starts_with("with_") => self.with(key, entry),
                (key, _) if is_task_key(key) => self.keyword(key, entry, is_task_key),
                (key, _) => self.module(key, entry),
            }
        }
    }

    /// A keyword of a task or of what is around it.
    fn keyword(&mut self, key: &str, entry: &Entry, is_known: fn(&str) -> bool) {
        if CONDITIONS.contains(&key) {
            return self.conditions(&entry.node);
        }
        if let Some(hint) = instead_of(key).filter(|_| !is_known(key)) {
            self.report(&entry.key, format!("`{key}` is not there"), hint);
        }
        self.map(&Map::from([(key.to_owned(), entry.clone())]));
    }

    fn conditions(&mut self, node: &Node) {
        match &node.value {
            Value::Seq(items) => items.iter().for_each(|item| self.conditions(item)),
            Value::Str(text) if ["yes", "no", "True", "False"].contains(&&**text) => self.value(node),
            Value::Str(text) => self.change(text, node, condition),
            _ => {}
        }
    }

    /// `with_items` and its like.
    fn with(&mut self, key: &str, entry: &Entry) {
        let node = &entry.node;
        let is_list = node.as_seq().is_some();
        let template = node.as_str().filter(|text| text.contains("{{"));
        match key {
            "with_items" if is_list && node.as_seq().into_iter().flatten().any(may_be_list) => {
                let message =
                    "`with_items` takes lists inside of its list apart, and an item here may be one".into();
                self.report(
                    &entry.key,
                    message,
                    "`loop: \"{{concat a b}}\"` for lists, `loop` for single values",
                );
                self.value(node);
            }
            "with_items" | "with_list" | "with_flattened" if is_list || template.is_some() => {
                self.rename(key, &entry.key, "loop");
                match template.filter(|_| key == "with_flattened") {
                    Some(text) => self.change(text, node, |text| around("flatten", text)),
                    None => self.value(node),
                }
            }
            "with_dict" if template.is_some() => {
                self.rename(key, &entry.key, "loop");
                self.change(template.unwrap_or_default(), node, |text| around("items", text));
            }
            _ => {
                let hint = match key {
                    "with_dict" => "make it a variable: `loop: \"{{items name}}\"`",
                    "with_sequence" => "`loop: \"{{range 1 6}}\"`",
                    "with_indexed_items" => "`loop`, and `loop_control: {index_var: i}`",
                    "with_fileglob" | "with_first_found" => "name the files",
                    "with_nested" | "with_cartesian" | "with_together" | "with_subelements" => {
                        "one list of mappings, each with all that its round needs"
                    }
                    _ => "`loop` with a list",
                };
                self.report(&entry.key, format!("`{key}` is not there"), hint);
                self.value(node);
            }
        }
    }

    fn module(&mut self, key: &str, entry: &Entry) {
        let short = COLLECTIONS.iter().find_map(|collection| key.strip_prefix(collection)).unwrap_or(key);
        let is_keyword = ["import_tasks", "include_tasks", "import_role", "include_role"].contains(&short);
        let known = resources::find(short);
        if known.is_some() || is_keyword {
            if short != key {
                self.rename(key, &entry.key, short);
            }
        } else if let Some(hint) = instead_of(short) {
            self.report(&entry.key, format!("`{short}` is not there"), hint);
        } else if let Some(ours) = other_name(short) {
            let strangers = strangers(ours, &entry.node);
            if SAME_PARAMETERS.contains(&short) && strangers.is_some_and(|strangers| strangers.is_empty()) {
                self.rename(key, &entry.key, ours);
            } else {
                let message = format!("`{short}` is `{ours}` here, with other parameters");
                self.report(&entry.key, message, &format!("`lustores-provision doc {ours}` shows them"));
            }
        } else {
            let hint = "`lustores-provision doc` lists what there is; else `command` with `unless`";
            self.report(&entry.key, format!("there is no resource `{key}`"), hint);
        }
        if known.is_some() {
            let strangers = strangers(short, &entry.node).into_iter().flatten();
            for (name, entry) in strangers.filter(|(name, _)| !is_shown(short, name)) {
                let message = format!("`{short}` has no parameter `{name}` here");
                let hint = match known.and_then(|known| known.theirs.instead(name)) {
                    Some(hint) => hint.to_owned(),
                    None => format!("`lustores-provision doc {short}` shows them"),
                };
                self.report(&entry.key, message, &hint);
            }
        }
        if known.is_some_and(|known| known.free.is_none())
            && entry.node.as_str().is_some_and(|text| text.contains('='))
        {
            let message = format!("`{short}` takes its parameters below it here");
            self.report(&entry.key, message, "write each on a line of its own: `key: value`");
        }
        self.defaults(short, &entry.node);
        match entry.node.as_map() {
            Some(map) => map.iter().for_each(|(name, entry)| match (short, name.as_str()) {
                ("set_fact", "cacheable") => {
                    let hint = "remove it: what is set lasts for the run";
                    self.report(&entry.key, "`cacheable` is not there".into(), hint);
                }
                ("assert", "that") => self.conditions(&entry.node),
                _ if is_shown(short, name) => {
                    self.rename(name, &entry.key, "msg");
                    let text = entry.node.as_str().unwrap_or_default();
                    self.change(text, &entry.node, |text| around("to_json", &format!("{{{{{text}}}}}")));
                }
                _ => self.map(&Map::from([(name.clone(), entry.clone())])),
            }),
            None if self.line(short, &entry.node) => {}
            None => self.value(&entry.node),
        }
    }

    /// `command: make creates=/x` as a mapping. Whether it was one.
    fn line(&mut self, resource: &str, node: &Node) -> bool {
        let Some(line) = node.as_str().and_then(|text| parameters_in(resource, text)) else { return false };
        let turned = |text: &str| match template::turn(text, true) {
            (text, left) if left.is_empty() => Some(text),
            _ => None,
        };
        let parameter = |(name, value): &(&str, String)| match *name {
            "warn" => Some(None),
            "executable" if resource == "command" => None,
            "var" => {
                let (text, left) = around("to_json", &format!("{{{{{value}}}}}"));
                left.is_empty().then(|| Some(format!("msg: {}", quoted(&text))))
            }
            name => turned(value).map(|value| Some(format!("{name}: {}", quoted(&value)))),
        };
        let parameters: Option<Vec<_>> = line.parameters.iter().map(parameter).collect();
        let command = match resource {
            "debug" => Some(None),
            _ => turned(&line.rest).map(|rest| Some(format!("cmd: {}", quoted(&rest)))),
        };
        let written = command.zip(parameters).map(|(command, parameters)| {
            let all: Vec<String> = std::iter::once(command).chain(parameters).flatten().collect();
            format!("{{{}}}", all.join(", "))
        });
        if written.is_some_and(|written| self.replace(node, &written)) {
            return true;
        }
        let (name, _) = line.parameters[0];
        let message = format!("`{name}=` would be a part of the text here");
        let hint =
            match line.parameters.iter().any(|(name, _)| *name == "executable") && resource == "command" {
                true => "only `shell` takes `executable`: a command runs without a shell",
                false => "write each parameter on a line of its own: `creates: /x`, `cmd: ...`",
            };
        self.report(&node.origin, message, hint);
        false
    }
}

/// Parameters that a resource does not have; `None` when they are not written as a mapping.
fn strangers<'n>(resource: &str, node: &'n Node) -> Option<Vec<(&'n String, &'n Entry)>> {
    let found = resources::find(resource)?;
    let schema = (found.schema)().to_value();
    let known = schema["properties"].as_object()?;
    let is_stranger = |name: &str| {
        !known.contains_key(name)
            && found.sources.iter().all(|source| source.key != name)
            && found.theirs.aliases().all(|(theirs, _)| theirs != name)
    };
    Some(node.as_map()?.iter().filter(|(name, _)| is_stranger(name)).collect())
}

/// `debug: {var: x}` shows a value of any kind.
fn is_shown(resource: &str, parameter: &str) -> bool {
    (resource, parameter) == ("debug", "var")
}

fn is_import(map: &Map) -> bool {
    map.keys().any(|key| key.rsplit('.').next() == Some("import_playbook"))
}

/// Whether a mapping in a list at the top is a task, and not a value of something else.
fn is_task(map: &Map) -> bool {
    map.keys().any(|key| {
        let short = key.rsplit('.').next().unwrap_or(key);
        TASKS.contains(&short)
            || resources::find(short).is_some()
            || other_name(short).is_some()
            || instead_of(short).is_some()
            || [
                "when",
                "register",
                "notify",
                "import_tasks",
                "include_tasks",
                "import_role",
                "include_role",
                "name",
            ]
            .contains(&short)
            || COLLECTIONS.iter().any(|collection| key.starts_with(collection))
    })
}

fn may_be_list(item: &Node) -> bool {
    item.as_seq().is_some()
        || item.as_str().is_some_and(|text| text.starts_with("{{") && text.ends_with("}}"))
}

/// A condition: an expression without braces, or one in braces.
fn condition(text: &str) -> (String, Vec<(bool, Left)>) {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("{{").and_then(|inner| inner.strip_suffix("}}"));
    let (inner, skipped) = match inner.filter(|inner| !inner.contains("{{")) {
        Some(inner) => (inner, text.len() - text.trim_start().len() + 2),
        None => (text, 0),
    };
    let escapes = if skipped > 0 { Escapes::None } else { Escapes::Python };
    let turned = parse::parse(inner, escapes).and_then(|expr| emit::Emitter::default().boolean(&expr));
    match turned {
        Ok(out) => (out.text, vec![]),
        Err(_) if is_ours(inner) => (text.to_owned(), vec![]),
        Err(mut left) => {
            left.at += skipped;
            if text.contains("{{") && skipped == 0 {
                left = Left::new(left.at, "a condition is an expression already")
                    .hint("write it without braces");
            }
            (text.to_owned(), vec![(true, left)])
        }
    }
}

/// A bare expression as the argument of a helper.
fn around(helper: &str, text: &str) -> (String, Vec<(bool, Left)>) {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("{{").and_then(|inner| inner.strip_suffix("}}"));
    let Some(inner) = inner.filter(|inner| !inner.contains("{{")) else { return template::turn(text, true) };
    match parse::parse(inner, Escapes::None).and_then(|expr| emit::Emitter::default().argument(&expr)) {
        Ok(argument) => (format!("{{{{{helper} {argument}}}}}"), vec![]),
        Err(_) if is_ours(inner) => (text.to_owned(), vec![]),
        Err(mut left) => {
            left.at += 2;
            (text.to_owned(), vec![(true, left)])
        }
    }
}
