//! One task with what is known by now: its conditions, then its parameters.

use super::{
    HostTask, HostTasks, Judgement, Preparation, Prepare, Registered,
    brought::Coming,
    facts,
    kinds::TypeInfo,
    later::Ended,
    loops::{Items, is_included, items_of},
    parameters::{
        conditions, given_parameters, known_parameters, missing, placed, refuse_secrets, shown_json, unknown,
    },
    within,
};
use crate::{
    diag::{Diagnostic, Diagnostics},
    inventory::ACCEPT,
    model::{Footprint, Origin, TaskId},
    playbook::Task,
    resource::SourceParam,
    template::{Scope, Truth, condition, render, render_file},
    yaml::{Entry, Map, Node, Value},
};
use agent::frame;
use std::sync::Arc;

/// How thorough to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    Run,
    /// Offline: look at the parameters although the condition is not known yet.
    Check,
}

impl Prepare for HostTasks {
    fn tasks(&self) -> &[HostTask] {
        &self.tasks
    }

    fn prepare(&self, task: TaskId, registered: &Registered) -> Result<Preparation, Diagnostics> {
        self.prepare_for(task, registered, Aim::Run).map_err(|errors| self.hide(errors))
    }

    fn judge(&self, task: TaskId, registered: &Registered, result: &Node) -> Result<Judgement, Diagnostics> {
        self.judgement(task, registered, result)
    }

    fn is_out(&self, task: TaskId, registered: &Registered) -> bool {
        let host_task = &self.tasks[task.0 as usize];
        let scope = self.scopes.of(&self.shared, host_task, registered);
        let includes = &self.shared.task(host_task.source).includes;
        matches!(self.ended(host_task, registered), Ended::Yes(_))
            || matches!(is_included(includes, &scope), Ok(Ok(false)))
    }

    fn is_visited_before(&self, task: TaskId) -> bool {
        let task = &self.tasks[task.0 as usize];
        self.visited.get(&task.place).is_some_and(|first| *first < task.source)
    }

    fn judging(&self, task: TaskId) -> (String, String) {
        let judging = &self.shared.task(self.tasks[task.0 as usize].source).judging;
        (judging.failing(), judging.ending())
    }

    fn line_of(&self, task: TaskId, line: usize) -> Option<Origin> {
        self.line_in_project(task, line)
    }

    fn known(&self, task: TaskId) -> Option<[u8; 32]> {
        within::digest(self, task)
    }

    fn acceptances(&self) -> Option<&Node> {
        self.shared.inventory.host(&self.host)?.vars.get(ACCEPT)
    }
}

impl HostTasks {
    pub(super) fn prepare_for(
        &self,
        id: TaskId,
        registered: &Registered,
        aim: Aim,
    ) -> Result<Preparation, Diagnostics> {
        match self.prepare_as_known(id, registered, aim)? {
            // The host has said what it is: a fact that is missing now is another host's, and will not come.
            Preparation::NotYet(why, _) if self.scopes.has_facts && why.starts_with(facts::UNKNOWN) => {
                let task = self.shared.task(self.tasks[id.0 as usize].source);
                let error =
                    Diagnostic::error("facts of another host are not known").at(&task.origin).cause(why);
                Err(error.hint("let both hosts be part of the run, or keep facts: `--fact-cache DIR`").into())
            }
            preparation => Ok(preparation),
        }
    }

    fn prepare_as_known(
        &self,
        id: TaskId,
        registered: &Registered,
        aim: Aim,
    ) -> Result<Preparation, Diagnostics> {
        let host_task = &self.tasks[id.0 as usize];
        let task = self.shared.task(host_task.source);
        if let Some(why) = self.pending.get(&id) {
            return Ok(Preparation::NotYet(why.to_string(), Footprint::everything()));
        }
        let ended = self.ended(host_task, registered);
        let mut unknown = match ended {
            Ended::Yes(why) if aim == Aim::Run => return Ok(Preparation::Skip(why)),
            Ended::Yes(_) | Ended::No => None,
            Ended::Perhaps(why) => Some(why),
        };
        if registered.is_empty()
            && unknown.is_none()
            && let Some(prepared) = self.ready().get(&id)
        {
            return Ok(Preparation::Ready(prepared.clone()));
        }
        if let (true, Some(repeat)) = (host_task.is_dynamic, &task.repeat) {
            let scope = self.scopes.of(&self.shared, host_task, registered);
            match items_of(repeat, &scope)? {
                Items::Known(_) if unknown.is_some() => {}
                Items::Known(items) => return self.items(id, repeat, items, registered, aim),
                Items::NotYet(why) | Items::Later(why) => unknown = unknown.or(Some(why)),
            }
        }
        self.prepare_one(id, unknown, registered, aim)
    }

    /// The task itself, or an item of it. `unknown`: whether it runs depends on that.
    pub(super) fn prepare_one(
        &self,
        id: TaskId,
        mut unknown: Option<Arc<str>>,
        registered: &Registered,
        aim: Aim,
    ) -> Result<Preparation, Diagnostics> {
        let host_task = &self.tasks[id.0 as usize];
        let task = self.shared.task(host_task.source);
        let scope = self.scopes.of(&self.shared, host_task, registered);
        match is_included(&task.includes, &scope)? {
            Ok(true) => {}
            Ok(false) => return Ok(Preparation::Skip("another file is included".into())),
            Err(why) => unknown = unknown.or(Some(why)),
        }
        for node in &task.keywords.when {
            match condition(node, &scope)? {
                Truth::True => {}
                Truth::False => return Ok(Preparation::Skip(condition_text(node))),
                Truth::Unknown(why) => unknown = unknown.or(Some(why)),
            }
        }
        if unknown.is_none() {
            self.check_late(task, &scope)?;
        }
        if aim == Aim::Check {
            self.check_judging(host_task, &scope)?;
        }
        let preparation = match task.resource.0.as_str() {
            "set_fact" => self.facts(task, &scope),
            "meta" if task.is_meta("end_host") => Ok(self.end(host_task)),
            _ => self.resource(host_task, task, &scope, self.coming(host_task, registered)),
        };
        let preparation = match unknown {
            Some(why) if aim == Aim::Run || preparation.is_ok() => {
                Preparation::NotYet(why.to_string(), within::perhaps(&preparation))
            }
            _ => preparation?,
        };
        if let (Preparation::Ready(prepared), true) = (&preparation, registered.is_empty()) {
            self.ready().insert(id, prepared.clone());
        }
        Ok(preparation)
    }

    fn resource(
        &self,
        host_task: &HostTask,
        task: &Task,
        scope: &Scope,
        coming: Option<Coming>,
    ) -> Result<Preparation, Diagnostics> {
        let (params, awaits) = self.parameters(host_task, task, scope, coming)?;
        let kind = self.shared.type_of(task);
        if let Some(why) = params.unknown() {
            known_parameters(kind, &params)?;
            refuse_secrets(kind, &params)?;
            let footprint = within::footprint(kind, &params, host_task.no_log)
                .map_err(|errors| explained(errors, kind, task))?;
            return Ok(Preparation::NotYet(why.to_string(), footprint));
        }
        match kind.prepare(&params, host_task.no_log) {
            Ok(prepared) => Ok(match awaits {
                None => Preparation::Ready(Arc::from(prepared)),
                Some(why) => Preparation::Awaits(why, Arc::from(prepared)),
            }),
            // It may be about what is not there yet.
            Err(errors) => {
                let footprint = Footprint::everything();
                awaits
                    .map(|why| Preparation::NotYet(why, footprint))
                    .ok_or_else(|| explained(errors, kind, task))
            }
        }
    }

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

/// What a type says of its parameters, as whoever wrote the task reads it.
fn explained(errors: Diagnostics, kind: &TypeInfo, task: &Task) -> Diagnostics {
    let explain = |error| placed(unknown(missing(error, kind), kind), task);
    Diagnostics(errors.0.into_iter().map(explain).collect())
}

pub(super) fn condition_text(node: &Node) -> String {
    match &node.value {
        Value::Str(text) => text.to_string(),
        Value::Bool(b) => b.to_string(),
        _ => "condition".into(),
    }
}
