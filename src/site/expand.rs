//! The tasks of one host as a flat list.

use super::{
    HostTask, Once, Place, Register, Registered, Shared,
    inputs::UseAt,
    judge::number,
    loops::Around,
    scopes::{RESULT, Scopes},
};
use crate::{
    diag::{Diagnostic, Diagnostics},
    inventory::{Host, become_method},
    model::{Area, BecomeMethod, Origin, TaskId},
    playbook::{Connection, Task},
    resource::Prepared,
    resources::Touch,
    template::{Scope, render},
    yaml::{Node, Value},
};
use agent::wire::Facts;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The tasks of one host, to be prepared one by one. Cheap to hold.
pub struct HostTasks {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Vec<HostTask>,
    pub(super) scopes: Scopes,
    /// Tasks whose loop cannot be told yet, and why.
    pub(super) pending: HashMap<TaskId, Arc<str>>,
    /// Uses of roles with inputs that only results can tell.
    pub(super) late: HashSet<UseAt>,
    /// What was prepared without any results.
    pub(super) ready: Mutex<HashMap<TaskId, Arc<dyn Prepared>>>,
}

/// A task's own item.
pub(super) struct Item {
    pub label: String,
    /// Index and count.
    pub at: (usize, usize),
}

pub(super) struct Expander<'a> {
    pub shared: &'a Shared,
    host: &'a Host,
    offline: bool,
    pub scopes: Scopes,
    pub tasks: Vec<HostTask>,
    pub pending: HashMap<TaskId, Arc<str>>,
    pub errors: Diagnostics,
    /// Blocks in further rounds of an include, by their number and those rounds.
    pub more_blocks: HashMap<(u32, Vec<usize>), u32>,
    /// For each task of the playbook, where its instances are: for a handler one for each time that handlers run.
    ids: HashMap<usize, Vec<TaskId>>,
    /// The handlers that each task notifies are those with this number.
    flush_of: Vec<u32>,
    flushes: u32,
    /// Of the play: its handlers, and the `end_host` so far.
    handlers: Vec<usize>,
    ends: Vec<TaskId>,
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
            more_blocks: HashMap::new(),
            ids: HashMap::new(),
            flush_of: vec![],
            flushes: 0,
            handlers: vec![],
            ends: vec![],
        };
        for play in wanted.chunk_by(|a, b| shared.index[*a].play == shared.index[*b].play) {
            expander.play(play);
        }
        let Expander { mut tasks, scopes, pending, mut errors, offline, ids, flush_of, .. } = expander;
        for at in 0..tasks.len() {
            let task = shared.task(tasks[at].source);
            let all = |list: &[usize]| {
                let mut found: Vec<TaskId> =
                    list.iter().filter_map(|i| ids.get(i)).flatten().copied().collect();
                found.sort_unstable();
                found.dedup();
                found
            };
            let (mut notify, needs) = (all(&task.notify), all(&task.needs));
            notify.retain(|handler| flush_of[handler.0 as usize] == flush_of[at]);
            // The items of a loop with pauses come one after the other.
            let previous = at
                .checked_sub(1)
                .filter(|previous| tasks[at].pause_s > 0 && tasks[*previous].source == tasks[at].source);
            let follows = previous.map(|previous| tasks[previous].id);
            (tasks[at].notify, tasks[at].needs, tasks[at].follows) = (notify, needs, follows);
        }
        let (late, ready) = (HashSet::new(), Mutex::default());
        let mut host_tasks = Self { shared: shared.clone(), tasks, scopes, pending, late, ready };
        host_tasks.find_reads();
        host_tasks.check_inputs(name, &wanted, offline, &mut errors);
        let errors = host_tasks.hide(errors);
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
    /// The tasks of one play, its handlers where they are flushed and at the end.
    fn play(&mut self, indices: &[usize]) {
        let is_handler = |index: &&usize| self.shared.task(**index).handler;
        self.handlers = indices.iter().filter(is_handler).copied().collect();
        let tasks: Vec<usize> = indices.iter().filter(|index| !is_handler(index)).copied().collect();
        self.ends.clear();
        self.add_all(&tasks, 0, &Around::default());
        self.flush();
    }

    /// The play's handlers, for what notified them since they ran last.
    pub(super) fn flush(&mut self) {
        for handler in self.handlers.clone() {
            self.add_all(&[handler], 0, &Around::default());
        }
        self.flushes += 1;
    }

    pub(super) fn add(&mut self, index: usize, scope: &Scope, item: Option<Item>, around: &Around) {
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
        let method = value(&keywords.become_method);
        let (delegate, no_log) = (value(&keywords.delegate_to), value(&keywords.no_log));
        let flags =
            [&keywords.ignore_errors, &keywords.check_mode, &keywords.ignore_unreachable, &keywords.run_once];
        let flags = flags.map(&mut value);
        let [ignore_errors, only_looks, ignore_unreachable, once] = flags.map(|flag| self.flag(flag));
        let touches = task.touches.as_ref().filter(|_| !waits && !shared.type_of(task).has("touches"));
        let touches = touches.map(|node| self.touches(node, scope)).unwrap_or_default();
        let pause = task.repeat.as_ref().filter(|_| item.as_ref().is_some_and(|item| item.at.0 > 0));
        let [timeout_s, pause_s] = [&keywords.timeout, &pause.and_then(|repeat| repeat.pause.clone())]
            .map(|node| self.seconds(node.as_ref().filter(|_| !waits), scope).filter(|seconds| *seconds > 0));
        let (become_user, become_method) = self.become_user(elevate, user, method, scope);
        let place = self.place(task, delegate);
        let no_log = self.flag(no_log);
        let register = task
            .register
            .as_ref()
            .map(|(name, _)| Register { name: name.clone(), item: item.as_ref().map(|item| item.at) });
        let tries = if waits { None } else { task.judging.tries(scope, self.offline, &mut self.errors) };
        let mut name = self.name(task, scope, waits);
        for label in around.labels.iter().chain(item.as_ref().map(|item| &item.label)) {
            name = format!("{name} ({label})");
        }
        let blocks = self.blocks(&task.blocks, around);
        let ends = if task.handler { vec![] } else { self.ends.clone() };
        if task.is_meta("end_host") {
            self.ends.push(id);
        }
        self.ids.entry(index).or_default().push(id);
        self.flush_of.push(self.flushes);
        let sets = match task.resource.0.as_str() {
            "set_fact" => task.params.as_map().into_iter().flat_map(|map| map.keys().cloned()).collect(),
            _ => vec![],
        };
        self.tasks.push(HostTask {
            id,
            name,
            resource: shared.type_of(task).row.name,
            handler: task.handler,
            place,
            become_user,
            become_method,
            register,
            notify: vec![],
            needs: vec![],
            reads: vec![],
            ignore_errors,
            no_log,
            blocks,
            judged: task.judging.any(),
            tries,
            sets,
            ends,
            only_looks,
            ignore_unreachable,
            touches,
            timeout_s,
            pause_s: pause_s.unwrap_or(0),
            follows: None,
            is_dynamic: false,
            once: self.once(index, around).filter(|_| once),
            in_step: self.in_step(index),
            origin: task.origin.clone(),
            source: index,
            item: (!around.variables.is_empty()).then(|| Arc::new(around.variables.clone())),
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

    /// Who does a task that runs once; `None` when there is only this host.
    pub(super) fn once(&self, index: usize, around: &Around) -> Option<Once> {
        let together = self.shared.together(self.shared.index[index].play, &self.host.name);
        let key = (index, around.rounds());
        let (leader, others) = together.split_first().filter(|(_, others)| !others.is_empty())?;
        Some(match *leader == self.host.name {
            true => Once::Leads { key, others: others.iter().map(ToString::to_string).collect() },
            false => Once::Follows { key, leader: leader.to_string() },
        })
    }

    /// Adds a task that another host does.
    pub(super) fn follow(&mut self, index: usize, once: Once, around: &Around) {
        let task = self.shared.task(index);
        let scope = self.scopes.with(self.shared, index, None, &Registered::default());
        // What it says of itself may need the items of the other host's loop.
        self.pending.insert(TaskId(self.tasks.len() as u32), Arc::from("another host does it"));
        self.add(index, &scope, None, around);
        self.pending.remove(&TaskId(self.tasks.len() as u32 - 1));
        let host_task = self.tasks.last_mut().expect("it was added");
        host_task.once = Some(once);
        host_task.place = Place::Host;
        host_task.become_user = None;
        host_task.register =
            task.register.as_ref().map(|(name, _)| Register { name: name.clone(), item: None });
    }

    /// The play, when its hosts go through it in step. Handlers run when they are owed.
    fn in_step(&self, index: usize) -> Option<usize> {
        let play = self.shared.index[index].play;
        (self.shared.playbook.plays[play].in_step && !self.shared.task(index).handler).then_some(play)
    }

    /// The areas that the task touches besides what its resource says.
    fn touches(&mut self, node: &Node, scope: &Scope) -> Vec<Area> {
        let Some(rendered) = self.settle(node, scope) else { return vec![] };
        self.errors.take(Touch::read(&rendered)).unwrap_or_default()
    }

    pub(super) fn seconds(&mut self, node: Option<&Node>, scope: &Scope) -> Option<u32> {
        number(node?, "a number of seconds", scope, self.offline, &mut self.errors)
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
    fn become_user(
        &mut self,
        elevate: Option<Node>,
        user: Option<Node>,
        method: Option<Node>,
        scope: &Scope,
    ) -> (Option<String>, BecomeMethod) {
        let mut from_host = |name: &str| {
            let node = scope.written(name).filter(|node| !node.is_null())?.clone();
            self.settle(&node, scope)
        };
        let elevate = elevate.or_else(|| from_host("ansible_become"));
        let user = user.or_else(|| from_host("ansible_become_user"));
        let method = method.or_else(|| from_host("ansible_become_method"));
        if !self.flag(elevate) {
            return (None, BecomeMethod::default());
        }
        let user = self.text(user, "the name of a user");
        let user = user.map_or_else(|| "root".into(), |(name, _)| name);
        let read = method.as_ref().and_then(|node| self.errors.take(become_method(node))).unwrap_or_default();
        let password = ["ansible_become_password", "ansible_become_pass"];
        let password =
            password.into_iter().find_map(|name| scope.written(name)).filter(|node| !node.is_null());
        if let (BecomeMethod::Doas, Some(method), Some(password)) = (read, method, password) {
            let error = Diagnostic::error("doas takes a password from a terminal only").at(&method.origin);
            let error = error.related(&password.origin, "this one cannot be given to it");
            self.errors.push(
                error.hint(
                    "let it do without: `permit nopass USER` in the host's /etc/doas.conf; or use `sudo`",
                ),
            );
        }
        (Some(user), read)
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

pub(super) fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Str(text) => Some(text.to_string()),
        Value::Int(n) => Some(n.to_string()),
        Value::Float(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}
