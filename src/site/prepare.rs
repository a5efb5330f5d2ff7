//! One task with what is known by now: its conditions, then its parameters.

use super::{
    HostTask, HostTasks, Judgement, Preparation, Prepare, Registered,
    brought::Coming,
    facts,
    kinds::TypeInfo,
    later::Ended,
    loops::{Items, is_included, items_of},
    parameters::{known_parameters, missing, placed, refuse_secrets, unknown},
    within,
};
use crate::{
    diag::{Diagnostic, Diagnostics},
    inventory::ACCEPT,
    model::{Footprint, Origin, TaskId},
    playbook::Task,
    template::{Scope, Truth, condition},
    yaml::{Node, Value},
};
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
