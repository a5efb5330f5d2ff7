//! The parameters of a task as its type gets them, and what can be told of them before all of them are known.

use super::{HostTask, HostTasks, TypeInfo, brought::Coming, prepare::condition_text};
use crate::{
    diag::{Diagnostic, Diagnostics},
    playbook::Task,
    resource::SourceParam,
    template::{Scope, Truth, condition, render, render_file},
    yaml::{Entry, Map, Node, SECRET_HERE, Value},
};
use agent::frame;
use std::sync::Arc;

impl HostTasks {
    /// All parameters of a task as its type gets them, and what those wait for that it takes along.
    pub(super) fn parameters(
        &self,
        host_task: &HostTask,
        task: &Task,
        scope: &Scope,
        coming: Option<Coming>,
    ) -> Result<(Node, Option<String>), Diagnostics> {
        let kind = self.shared.type_of(task);
        let mut errors = Diagnostics::default();
        let written = task.params.as_map().expect("the playbook gives a mapping");
        kind.strangers(&task.params).into_result(())?;
        errors.take(given_parameters(kind, &task.params));
        let mut rest = written.clone();
        let (mut brought, mut awaits) = (vec![], None);
        let on_host = match written.get("remote_src").filter(|_| kind.has("remote_src")) {
            Some(entry) => errors
                .take(render(&entry.node, scope))
                .is_some_and(|node| matches!(node.value, Value::Bool(true))),
            None => false,
        };
        for param in kind.sources().iter().filter(|_| !on_host) {
            if let Some(entry) = rest.shift_remove(param.key) {
                // Types that want to know it have a parameter for the file's own name.
                let name = format!("{}_name", param.key);
                if kind.has(&name)
                    && let Some(own) = entry.node.as_str().and_then(|name| name.rsplit('/').next())
                {
                    let node = Node::new(Value::str(own), entry.node.origin.clone());
                    rest.insert(name, Entry { node, ..entry.clone() });
                }
                let mut content = self.source(host_task, param, &entry.node, scope);
                if let Some(Coming { why, .. }) = coming.as_ref().filter(|c| c.is_sure || content.is_err()) {
                    awaits = Some(why.to_string());
                    let known = (!param.is_folder()).then(|| Value::Bytes([].into()));
                    let stand_in = known.unwrap_or_else(|| Value::Unknown(why.clone()));
                    content = content.or(Ok(Node::new(stand_in, entry.node.origin.clone())));
                }
                brought.extend(errors.take(content).map(|node| (param, Entry { node, ..entry })));
            }
        }
        let that = if kind.name() == "assert" { rest.shift_remove("that") } else { None };
        let that = that.and_then(|entry| {
            let node = errors.take(conditions(&entry.node, scope))?;
            Some(Entry { node, ..entry })
        });
        let rest = Node { value: Value::Map(rest), ..task.params.clone() };
        let rendered = errors.take(render(&rest, scope));
        let environment = if kind.has("env") { self.environment(task, scope, &mut errors) } else { None };
        let Some(Node { value: Value::Map(mut map), .. }) = rendered else { return Err(errors) };
        for (param, entry) in brought {
            if let Some(other) = map.get(param.into) {
                let error = Diagnostic::error(format!("`{}` and `{}` are both given", param.key, param.into));
                errors
                    .push(error.at(&other.key).related(&entry.key, "the other one").hint("use one of them"));
            }
            map.insert(param.into.to_string(), entry);
        }
        if !on_host {
            errors.take(self.preserve(task, scope, awaits.as_deref(), &mut map));
        }
        map.extend(that.map(|entry| ("that".to_string(), entry)));
        if let Some(environment) = environment {
            let own = map.get("env").and_then(|e| e.node.as_map()).cloned().unwrap_or_default();
            let mut all = environment;
            all.extend(own);
            let node = Node::new(Value::Map(all), task.params.origin.clone());
            map.insert("env".into(), Entry { key: task.params.origin.clone(), node });
        }
        if host_task.no_log && kind.has("secret") {
            let node = Node::new(Value::Bool(true), task.params.origin.clone());
            map.insert("secret".into(), Entry { key: task.params.origin.clone(), node });
        }
        if let Some(node) = task.touches.as_ref().filter(|_| kind.has("touches")) {
            let entry = Entry {
                key: node.origin.clone(),
                node: errors.take(render(node, scope)).unwrap_or_else(|| node.clone()),
            };
            match map.get_mut("touches").map(|own| &mut own.node.value) {
                Some(Value::Seq(own)) => match entry.node.value {
                    Value::Seq(more) => own.extend(more),
                    _ => own.push(entry.node),
                },
                _ => drop(map.insert("touches".into(), entry)),
            }
        }
        if let Some(seconds) = host_task.timeout_s.filter(|_| kind.has("timeout")) {
            let node = Node::new(Value::Int(seconds.into()), task.params.origin.clone());
            map.entry("timeout".into()).or_insert(Entry { key: task.params.origin.clone(), node });
        }
        if kind.has("here_path") {
            errors.take(self.fetched(task, &mut map));
        }
        if task.background.limit.is_some() && kind.has("async_job") {
            let entry = |value| {
                let origin = &task.params.origin;
                Entry { key: origin.clone(), node: Node::new(value, origin.clone()) }
            };
            map.insert("async_job".into(), entry(Value::str(self.job(host_task, &map))));
        }
        for (key, seconds) in [("async_s", &task.background.limit), ("poll_s", &task.background.poll)] {
            if let Some(node) = seconds.as_ref().filter(|_| kind.has(key)) {
                let node = errors.take(render(node, scope)).unwrap_or_else(|| node.clone());
                map.insert(key.into(), Entry { key: node.origin.clone(), node });
            }
        }
        if !task.judging.failed_when.is_empty() && kind.has("any_code") {
            let node = Node::new(Value::Bool(true), task.params.origin.clone());
            map.insert("any_code".into(), Entry { key: task.params.origin.clone(), node });
        }
        if errors.has_errors() {
            return Err(errors);
        }
        Ok((Node { value: Value::Map(map), ..task.params.clone() }, awaits))
    }

    /// The content of a file that the task brings along.
    fn source(
        &self,
        host_task: &HostTask,
        param: &SourceParam,
        name: &Node,
        scope: &Scope,
    ) -> Result<Node, Diagnostics> {
        let task = self.shared.task(host_task.source);
        let is_brought = !host_task.brought_by.is_empty();
        let name = render(name, scope)?;
        if let Value::Unknown(_) = name.value {
            return Ok(name);
        }
        if name.secret {
            return Err(Diagnostic::error("a secret cannot be the name of a file").at(&name.origin).into());
        }
        if param.is_folder() {
            let exclude = task.params.as_map().and_then(|map| map.get("exclude"));
            let exclude = exclude.map(|entry| render(&entry.node, scope)).transpose()?;
            let patterns = exclude.as_ref().and_then(Node::as_seq).into_iter().flatten();
            let patterns: Vec<String> = patterns.filter_map(|node| node.as_str().map(Into::into)).collect();
            return self.tree(task, param, &name, &patterns, is_brought);
        }
        let places = self.shared.places(task);
        let sources = &self.shared.sources;
        let wanted = name.expect_str("the name of a file")?;
        let path = sources.find(&places, param.folder, wanted, &name.origin).map_err(|error| {
            // As Ansible has it: `script: setup.sh --fast`.
            let first = wanted.split(' ').next().unwrap_or_default();
            let is_line = first != wanted && self.shared.type_of(task).has("args");
            if is_line && sources.find(&places, param.folder, first, &name.origin).is_ok() {
                Diagnostic { hint: None, ..error }.hint("write the arguments as a list, `args`")
            } else {
                error
            }
        })?;
        if is_brought {
            sources.renew(&path);
        }
        if !param.render {
            return sources.bytes(&path);
        }
        let partials = sources.partials(&places, param.folder);
        let rendered = sources.text(&path).and_then(|source| render_file(&source, scope, &partials));
        rendered.map_err(|errors| errors.related(&name.origin, "the template of this task"))
    }

    /// The name of a task's job: the same in the next run, another for each host, task and item. No secret is in it.
    fn job(&self, host_task: &HostTask, params: &Map) -> String {
        let params = Node::new(Value::Map(params.clone()), host_task.origin.clone());
        let text = |node: &Node| shown_json(node).to_string();
        let items = host_task.item.iter().flat_map(|item| item.iter().map(|(_, node)| text(node)));
        let items: Vec<String> = items.collect();
        let name = (&self.host, &host_task.name, host_task.source as u64, items, text(&params));
        frame::digest(&name)[..8].iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    fn environment(&self, task: &Task, scope: &Scope, errors: &mut Diagnostics) -> Option<Map> {
        let mut all = Map::default();
        for node in &task.keywords.environment {
            let rendered = errors.take(render(node, scope))?;
            let map = errors.take(rendered.expect_map("variables as `NAME: value`"))?;
            all.extend(map.iter().map(|(name, entry)| (name.clone(), entry.clone())));
        }
        (!all.is_empty()).then_some(all)
    }
}

/// While a secret is not known yet, it is known to be one: where it may not stand it is refused at once.
pub(super) fn refuse_secrets(kind: &TypeInfo, params: &Node) -> Result<(), Diagnostic> {
    let mut known = params.clone();
    if !fill_in(&mut known) {
        return Ok(());
    }
    let found = kind.prepare(&known, false).err().unwrap_or_default();
    found.0.into_iter().find(|error| error.message == SECRET_HERE).map_or(Ok(()), Err)
}

/// Puts something in the place of each secret that is not known; `false` when something else is not known either.
fn fill_in(node: &mut Node) -> bool {
    match &mut node.value {
        Value::Unknown(_) if node.secret => node.value = Value::str("0"),
        Value::Unknown(_) => return false,
        Value::Seq(items) => return items.iter_mut().all(fill_in),
        Value::Map(map) => return map.values_mut().all(|entry| fill_in(&mut entry.node)),
        _ => {}
    }
    true
}

/// While a parameter is not known yet, the names of all of them are.
pub(super) fn known_parameters(kind: &TypeInfo, params: &Node) -> Result<(), Diagnostics> {
    only(kind.parameters(), params)
}

/// Refuses what the program gives by itself, and other names that are not known.
pub(super) fn given_parameters(kind: &TypeInfo, params: &Node) -> Result<(), Diagnostics> {
    let Some(given) = kind.given() else { return Ok(()) };
    let is_own = |name: &String| kind.parameters().contains(name) && !given.contains(name);
    if let Some((name, entry)) = params.as_map().into_iter().flatten().find(|(name, _)| is_own(name)) {
        let error = Diagnostic::error(format!("the program itself gives `{name}`")).at(&entry.key);
        let hint = format!("leave it out; `lustores-provision doc {}` shows what a task gives", kind.name());
        return Err(error.hint(hint).into());
    }
    only(given, params)
}

fn only(known: &[String], params: &Node) -> Result<(), Diagnostics> {
    let mut errors = Diagnostics::default();
    for (name, entry) in params.as_map().into_iter().flatten() {
        if !known.is_empty() && !known.contains(name) {
            let listed = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
            let error = Diagnostic::error(format!("unknown parameter `{name}`")).at(&entry.key);
            let error = error.hint(format!("known here: {listed}"));
            errors.push(error.suggest(name, known.iter().map(String::as_str)));
        }
    }
    errors.into_result(())
}

/// Says more of a parameter that is missing: which of two would do, and where all are described.
pub(super) fn missing(diagnostic: Diagnostic, kind: &TypeInfo) -> Diagnostic {
    let name =
        diagnostic.message.strip_prefix("parameter `").and_then(|rest| rest.strip_suffix("` is missing"));
    let Some(name) = name else { return diagnostic };
    let message = match kind.sources().iter().find(|source| source.into == name) {
        Some(source) if kind.given().is_some_and(|given| given.iter().all(|given| given != name)) => {
            format!("parameter `{}` is missing", source.key)
        }
        Some(source) => format!("parameter `{}` or `{name}` is missing", source.key),
        None => diagnostic.message.clone(),
    };
    let hint = match kind.needed(name) {
        Some(hint) => hint.to_owned(),
        None => format!("`lustores-provision doc {}` describes all", kind.name()),
    };
    Diagnostic { message, ..diagnostic }.hint(hint)
}

/// Names the files that a task may bring among what it may give.
pub(super) fn unknown(diagnostic: Diagnostic, kind: &TypeInfo) -> Diagnostic {
    let is_list = |hint: &&String| hint.starts_with("known here: ");
    let own =
        |hint: &&String| kind.sources().iter().any(|source| hint.contains(&format!("`{}`", source.into)));
    let Some(hint) = diagnostic.hint.as_ref().filter(is_list).filter(own) else { return diagnostic };
    let more = kind.sources().iter().filter(|source| !hint.contains(&format!("`{}`", source.key)));
    let hint = more.fold(hint.clone(), |hint, source| format!("{hint}, `{}`", source.key));
    Diagnostic { hint: Some(hint), ..diagnostic }
}

/// A value without the secrets in it.
pub(super) fn shown_json(node: &Node) -> serde_json::Value {
    match &node.value {
        _ if node.secret => serde_json::Value::Null,
        Value::Seq(items) => items.iter().map(shown_json).collect(),
        Value::Map(map) => map
            .iter()
            .map(|(key, entry)| (key.clone(), shown_json(&entry.node)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        _ => node.to_json(),
    }
}

/// The conditions of an `assert` as a list of `{text, holds}`; one that is not known yet makes it unknown.
pub(super) fn conditions(node: &Node, scope: &Scope) -> Result<Node, Diagnostics> {
    let items = match &node.value {
        Value::Seq(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut errors = Diagnostics::default();
    let mut list = vec![];
    for item in items {
        let Some(truth) = errors.take(condition(item, scope)) else { continue };
        let origin = &item.origin;
        let holds = match truth {
            Truth::True => Value::Bool(true),
            Truth::False => Value::Bool(false),
            Truth::Unknown(why) => Value::Unknown(why),
        };
        let entry = |node: Node| Entry { key: origin.clone(), node };
        let map = Map::from([
            ("text".to_string(), entry(Node::string(condition_text(item), origin))),
            ("holds".to_string(), entry(Node::new(holds, origin.clone()))),
        ]);
        list.push(Node::new(Value::Map(map), origin.clone()));
    }
    errors.into_result(Node::new(Value::Seq(list), node.origin.clone()))
}

/// An error about the parameters as a whole stands at the resource's key: the mapping's own place says little.
pub(super) fn placed(diagnostic: Diagnostic, task: &Task) -> Diagnostic {
    let whole = match &diagnostic.place {
        Some((origin, _)) => {
            Arc::ptr_eq(&origin.source, &task.params.origin.source) && origin.span == task.params.origin.span
        }
        None => true,
    };
    if whole { diagnostic.at(&task.resource.1) } else { diagnostic }
}
