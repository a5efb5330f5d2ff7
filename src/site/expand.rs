//! The tasks of one host as a flat list.

use super::{
    HostTask, Place, Register, Registered, Shared, dues,
    inputs::UseAt,
    loops::Around,
    once::{asks, first_visits},
    scopes::Scopes,
};
use crate::{
    diag::Diagnostics,
    inventory::Host,
    model::TaskId,
    playbook::Task,
    resource::Prepared,
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
    pub(super) host: String,
    pub(super) tasks: Vec<HostTask>,
    pub(super) scopes: Scopes,
    /// Tasks whose loop cannot be told yet, and why.
    pub(super) pending: HashMap<TaskId, Arc<str>>,
    /// Uses of roles with inputs that only results can tell.
    pub(super) late: HashSet<UseAt>,
    /// For each place at which they act, the first task of the playbook that may act there for another host.
    pub(super) visited: HashMap<Place, usize>,
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
    pub host: &'a Host,
    pub offline: bool,
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
    /// For each flush so far the `flush_handlers` that it is at; none of the end of a play.
    pub flushes: Vec<Option<usize>>,
    /// Where handlers are flushed, while they are.
    pub flushed_at: Option<usize>,
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
            flushes: vec![],
            flushed_at: None,
            handlers: vec![],
            ends: vec![],
        };
        for play in wanted.chunk_by(|a, b| shared.index[*a].play == shared.index[*b].play) {
            expander.play(play);
        }
        let Expander { mut tasks, scopes, pending, mut errors, offline, ids, flush_of, flushes, .. } =
            expander;
        dues::name(shared, &mut tasks, &flush_of, &flushes, &wanted);
        for at in 0..tasks.len() {
            let task = shared.task(tasks[at].source);
            let all = |list: &[usize]| {
                let mut found: Vec<TaskId> =
                    list.iter().filter_map(|i| ids.get(i)).flatten().copied().collect();
                found.sort_unstable();
                found.dedup();
                found
            };
            let (mut notify, mut needs) = (all(&task.notify), all(&task.needs));
            if task.is_meta("end_host")
                && let Some(inside) = tasks[at].blocks.last().copied()
            {
                // Where a task before it fails, it is not come to.
                let before = tasks[..at].iter().filter(|before| before.blocks.contains(&inside));
                needs.extend(before.map(|before| before.id));
            }
            notify.retain(|handler| flush_of[handler.0 as usize] == flush_of[at]);
            // The items of a loop with pauses come one after the other.
            let previous = at
                .checked_sub(1)
                .filter(|previous| tasks[at].pause_s > 0 && tasks[*previous].source == tasks[at].source);
            let follows = previous.map(|previous| tasks[previous].id);
            (tasks[at].notify, tasks[at].needs, tasks[at].follows) = (notify, needs, follows);
        }
        let (late, ready) = (HashSet::new(), Mutex::default());
        let (host, visited) = (name.to_string(), first_visits(shared, name, &tasks));
        let mut host_tasks =
            Self { shared: shared.clone(), host, tasks, scopes, pending, late, visited, ready };
        host_tasks.find_reads();
        host_tasks.find_brought();
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
        self.flush(None);
    }

    /// The play's handlers, for what notified them since they ran last; behind that task.
    pub(super) fn flush(&mut self, at: Option<usize>) {
        self.flushed_at = at;
        for handler in self.handlers.clone() {
            self.add_all(&[handler], 0, &Around::default());
        }
        self.flushed_at = None;
        self.flushes.push(at);
    }

    /// The scope of a task, before anything has run.
    pub(super) fn scope(&self, index: usize, around: &Around) -> Scope {
        let at = self.flushed_at.unwrap_or(index);
        self.scopes.with(self.shared, index, at, around.layer(), &Registered::default())
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
        let own =
            item.as_ref().map(|item| if no_log { format!("#{}", item.at.0 + 1) } else { item.label.clone() });
        for label in around.labels.iter().chain(&own) {
            name = format!("{name} ({label})");
        }
        let blocks = self.blocks(&task.blocks, around);
        let ends = if task.handler { vec![] } else { self.ends.clone() };
        if task.is_meta("end_host") {
            self.ends.push(id);
        }
        self.ids.entry(index).or_default().push(id);
        self.flush_of.push(self.flushes.len() as u32);
        let sets = match task.resource.0.as_str() {
            "set_fact" => task.params.as_map().into_iter().flat_map(|map| map.keys().cloned()).collect(),
            "meta" if task.is_meta("end_host") => vec![HostTask::end_name(id)],
            _ => vec![],
        };
        self.tasks.push(HostTask {
            id,
            name,
            resource: shared.type_of(task).name().into(),
            handler: task.handler,
            due: None,
            is_idle: false,
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
            brings: None,
            brought_by: vec![],
            ends,
            only_looks,
            ignore_unreachable,
            touches,
            timeout_s,
            pause_s: pause_s.unwrap_or(0),
            follows: None,
            is_dynamic: false,
            once: self.once(index, around).filter(|_| once || asks(task)),
            in_step: self.in_step(index, around),
            seen_at: self.flushed_at.unwrap_or(index),
            origin: task.origin.clone(),
            source: index,
            item: (!around.variables.is_empty()).then(|| Arc::new(around.variables.clone())),
        });
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
