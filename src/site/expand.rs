//! The tasks of one host as a flat list.

use super::{
    HostTask, Place, Register, Registered, Shared,
    scopes::{RESULT, Scopes, Variables},
};
use crate::{
    diag::{Diagnostic, Diagnostics},
    inventory::Host,
    model::{Origin, TaskId},
    playbook::{Connection, Loop, Task},
    resource::Prepared,
    template::{Scope, render},
    yaml::{Node, Value},
};
use agent::wire::Facts;
use indexmap::IndexMap;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The tasks of one host, to be prepared one by one. Cheap to hold.
pub struct HostTasks {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Vec<HostTask>,
    pub(super) scopes: Scopes,
    /// Tasks whose loop cannot be told yet, and why.
    pub(super) pending: HashMap<TaskId, Arc<str>>,
    /// What was prepared without any results.
    pub(super) ready: Mutex<HashMap<TaskId, Arc<dyn Prepared>>>,
}

/// What a loop adds for one item.
struct Item {
    variables: Arc<Vec<(String, Node)>>,
    label: String,
    /// Index and count.
    at: (usize, usize),
}

struct Expander<'a> {
    shared: &'a Shared,
    host: &'a Host,
    offline: bool,
    scopes: Scopes,
    tasks: Vec<HostTask>,
    pending: HashMap<TaskId, Arc<str>>,
    errors: Diagnostics,
}

impl HostTasks {
    /// The tasks, with what is wrong among them; those whose loop is wrong are left out.
    pub(super) fn expand(shared: &Arc<Shared>, host: &Host, facts: Option<&Facts>) -> (Self, Diagnostics) {
        let name = host.name.as_str();
        let mut wanted = vec![];
        for (index, at) in shared.index.iter().enumerate() {
            if shared.play_hosts[at.play].contains(name) && shared.selection.takes(shared.task(index)) {
                wanted.push(index);
            }
        }
        let scopes = Scopes::new(shared, host, facts, &wanted);
        let mut expander = Expander {
            shared,
            host,
            offline: facts.is_none(),
            scopes,
            tasks: vec![],
            pending: HashMap::new(),
            errors: Diagnostics::default(),
        };
        let mut ids: HashMap<usize, Vec<TaskId>> = HashMap::new();
        for index in wanted {
            let first = expander.tasks.len();
            expander.task(index);
            ids.insert(index, expander.tasks[first..].iter().map(|t| t.id).collect());
        }
        let Expander { mut tasks, scopes, pending, errors, .. } = expander;
        for host_task in &mut tasks {
            let task = shared.task(host_task.source);
            let all = |list: &[usize]| {
                let mut found: Vec<TaskId> =
                    list.iter().filter_map(|i| ids.get(i)).flatten().copied().collect();
                found.sort_unstable();
                found.dedup();
                found
            };
            (host_task.notify, host_task.needs) = (all(&task.notify), all(&task.needs));
        }
        let mut host_tasks = Self { shared: shared.clone(), tasks, scopes, pending, ready: Mutex::default() };
        host_tasks.find_reads();
        (host_tasks, errors)
    }
}

impl HostTasks {
    pub(super) fn ready(&self) -> MutexGuard<'_, HashMap<TaskId, Arc<dyn Prepared>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what the same tasks came to without facts: what is ready then used none.
    pub(super) fn inherit(&self, offline: &Self) {
        if !offline.pending.is_empty() || offline.tasks.len() != self.tasks.len() {
            return;
        }
        let same = |id: &TaskId| {
            let (a, b) = (&self.tasks[id.0 as usize], &offline.tasks[id.0 as usize]);
            a.source == b.source && a.no_log == b.no_log
        };
        let theirs = offline.ready();
        let known = theirs.iter().filter(|(id, _)| same(id));
        self.ready().extend(known.map(|(id, prepared)| (*id, prepared.clone())));
    }
}

impl Expander<'_> {
    fn task(&mut self, index: usize) {
        let task = self.shared.task(index);
        let nothing = Registered::default();
        let Some(repeat) = &task.repeat else {
            let scope = self.scopes.with(self.shared, index, None, &nothing);
            return self.add(index, &scope, None);
        };
        let scope = self.scopes.with(self.shared, index, None, &nothing);
        let Some(items) = self.errors.take(render(&repeat.items, &scope)) else { return };
        let items = match items.value {
            Value::Seq(list) => list,
            Value::Unknown(why) if why.starts_with(RESULT) => {
                let error = Diagnostic::error("a loop over the result of a task is not supported yet");
                let error = error.at(&repeat.items.origin).cause(format!("it needs {why}"));
                return self.errors.push(error.hint("let one task work on the whole list"));
            }
            Value::Unknown(why) => {
                self.pending.insert(TaskId(self.tasks.len() as u32), why);
                return self.add(index, &scope, None);
            }
            _ => {
                let error = items.expected("a list to loop over");
                let error = match items.value {
                    Value::Map(_) => error.hint("loop over its `keys x` or `values x`"),
                    _ => error,
                };
                return self.errors.push(error.at(&repeat.items.origin));
            }
        };
        let count = items.len();
        for (at, node) in items.into_iter().enumerate() {
            let origin = node.origin.clone();
            let shown = shown(&node, at);
            let mut variables = vec![(repeat.var.clone(), node)];
            if let Some(name) = &repeat.index_var {
                variables.push((name.clone(), Node::new(Value::Int(at as i64), origin)));
            }
            let layer: Variables = Arc::new(variables.iter().cloned().collect::<IndexMap<_, _>>());
            let scope = self.scopes.with(self.shared, index, Some(layer), &nothing);
            let label = self.label(repeat, &scope, at).unwrap_or(shown);
            self.add(index, &scope, Some(Item { variables: Arc::new(variables), label, at: (at, count) }));
        }
    }

    /// The label that is asked for, when there is one that may be shown.
    fn label(&mut self, repeat: &Loop, scope: &Scope, at: usize) -> Option<String> {
        let node = self.errors.take(render(repeat.label.as_ref()?, scope))?;
        Some(shown(&node, at))
    }

    fn add(&mut self, index: usize, scope: &Scope, item: Option<Item>) {
        let shared = self.shared;
        let task = shared.task(index);
        let keywords = &task.keywords;
        let id = TaskId(self.tasks.len() as u32);
        let waits = self.pending.contains_key(&id);
        let mut value = |node: &Option<Node>| {
            let node = node.as_ref()?;
            // What depends on the item of a loop that is not known yet isn't known either.
            if waits && node.as_str().is_some_and(|text| text.contains("{{")) {
                return None;
            }
            self.settle(node, scope)
        };
        let (elevate, user) = (value(&keywords.r#become), value(&keywords.become_user));
        let (delegate, no_log) = (value(&keywords.delegate_to), value(&keywords.no_log));
        let ignore_errors = value(&keywords.ignore_errors);
        let become_user = self.become_user(elevate, user, scope);
        let place = self.place(task, delegate);
        let no_log = self.flag(no_log);
        let ignore_errors = self.flag(ignore_errors);
        let register = task
            .register
            .as_ref()
            .map(|(name, _)| Register { name: name.clone(), item: item.as_ref().map(|item| item.at) });
        let tries = if waits { None } else { task.judging.tries(scope, self.offline, &mut self.errors) };
        let mut name = self.name(task, scope, waits);
        if let Some(item) = &item {
            name = format!("{name} ({})", item.label);
        }
        self.tasks.push(HostTask {
            id,
            name,
            resource: shared.type_of(task).row.name,
            handler: task.handler,
            place,
            become_user,
            register,
            notify: vec![],
            needs: vec![],
            reads: vec![],
            ignore_errors,
            no_log,
            blocks: task.blocks.clone(),
            judged: task.judging.any(),
            tries,
            origin: task.origin.clone(),
            source: index,
            item: item.map(|item| item.variables),
        });
    }

    /// The value of a keyword, which must be known before the task is prepared. `None` also for what only facts can
    /// tell while there are none.
    fn settle(&mut self, node: &Node, scope: &Scope) -> Option<Node> {
        let rendered = self.errors.take(render(node, scope))?;
        let Some(why) = rendered.unknown() else { return Some(rendered) };
        if !self.offline || why.starts_with(RESULT) {
            let error = Diagnostic::error("this must be known before the tasks run").at(&node.origin);
            self.errors.push(error.cause(format!("it needs {why}")));
        }
        None
    }

    fn flag(&mut self, node: Option<Node>) -> bool {
        node.and_then(|node| self.errors.take(node.expect_bool("`true` or `false`"))).unwrap_or(false)
    }

    fn text(&mut self, node: Option<Node>, what: &str) -> Option<(String, Origin)> {
        let node = node?;
        if node.secret {
            self.errors.push(Diagnostic::error("a secret cannot be used here").at(&node.origin));
            return None;
        }
        let text = self.errors.take(node.expect_str(what))?.to_string();
        Some((text, node.origin))
    }

    /// What the task says, else what the inventory says of the host.
    fn become_user(&mut self, elevate: Option<Node>, user: Option<Node>, scope: &Scope) -> Option<String> {
        let mut from_host = |name: &str| {
            let node = scope.written(name).filter(|node| !node.is_null())?.clone();
            self.settle(&node, scope)
        };
        let elevate = elevate.or_else(|| from_host("ansible_become"));
        let user = user.or_else(|| from_host("ansible_become_user"));
        if !self.flag(elevate) {
            return None;
        }
        let user = self.text(user, "the name of a user");
        Some(user.map_or_else(|| "root".into(), |(name, _)| name))
    }

    fn place(&mut self, task: &Task, delegate: Option<Node>) -> Place {
        if let Some((name, origin)) = self.text(delegate, "the name of a host") {
            let name = if name == "127.0.0.1" { "localhost".into() } else { name };
            if name == self.host.name {
                return Place::Host;
            }
            if self.shared.inventory.host(&name).is_none() {
                let known = self.shared.inventory.hosts().map(|h| h.name.as_str()).chain(["localhost"]);
                let error = Diagnostic::error(format!("no host `{name}` to delegate to")).at(&origin);
                self.errors.push(error.suggest(&name, known));
            }
            return Place::Delegate(name);
        }
        match task.keywords.connection {
            Some(Connection::Local) if self.host.name != "localhost" => Place::Delegate("localhost".into()),
            _ => Place::Host,
        }
    }

    fn name(&mut self, task: &Task, scope: &Scope, waits: bool) -> String {
        let name = match &task.name {
            None => free_name(task),
            Some(node) => {
                let written = node.as_str().unwrap_or_default();
                if waits || !written.contains("{{") {
                    written.to_string()
                } else {
                    // A name that is secret or not known yet is shown as it is written.
                    let rendered = self.errors.take(render(node, scope));
                    let shown = rendered.filter(|n| !n.holds_secret() && n.unknown().is_none());
                    shown.and_then(|n| scalar(&n)).unwrap_or_else(|| written.to_string())
                }
            }
        };
        let play = &self.shared.playbook.plays[self.shared.index[task.index].play];
        match task.role {
            Some(role) => format!("{} : {name}", play.roles[role].role.name),
            None => name,
        }
    }
}

/// For a task without a name: the resource and what it is most likely about, as written.
fn free_name(task: &Task) -> String {
    let kind = &task.resource.0;
    let first = task.params.as_map().and_then(|map| map.values().next());
    match first.and_then(|entry| entry.node.as_str()) {
        Some(text) if !text.contains("{{") && !text.contains('\n') && text.len() < 60 => {
            format!("{kind} {text}")
        }
        _ => kind.clone(),
    }
}

fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Str(text) => Some(text.to_string()),
        Value::Int(n) => Some(n.to_string()),
        Value::Float(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

/// How a loop's item is shown: a short text, or its number.
fn shown(node: &Node, at: usize) -> String {
    let number = || format!("#{}", at + 1);
    if node.secret {
        return number();
    }
    let text = match &node.value {
        // Of a mapping its name, or whatever stands first.
        Value::Map(map) => {
            let named = ["name", "key", "path", "dest"].iter().find_map(|key| map.get(*key));
            let entry = named.or_else(|| map.values().next()).map(|e| &e.node);
            entry.filter(|node| !node.secret).and_then(scalar)
        }
        _ => scalar(node),
    };
    text.filter(|text| text.len() <= 80 && !text.contains('\n')).unwrap_or_else(number)
}
