//! What shows only while a play goes on: variables that tasks set, items that tasks find, and where a play ends for a host.

use super::{HostTask, HostTasks, Preparation, PreparedItem, Registered, loops::shown, prepare::Aim};
use crate::{
    diag::Diagnostics,
    model::TaskId,
    playbook::{Loop, Task},
    template::{Scope, render},
    yaml::{Entry, Map, Node, Value},
};
use std::sync::Arc;

/// Whether the play has ended for the host before a task.
pub(super) enum Ended {
    No,
    /// With the reason.
    Yes(String),
    /// What it depends on.
    Perhaps(Arc<str>),
}

impl HostTasks {
    /// Each item of a loop, with its variables in the place of results. What one sets, the next ones see.
    pub(super) fn items(
        &self,
        id: TaskId,
        repeat: &Loop,
        items: Vec<Node>,
        registered: &Registered,
        aim: Aim,
    ) -> Result<Preparation, Diagnostics> {
        let mut errors = Diagnostics::default();
        let (mut known, mut all) = (registered.clone(), vec![]);
        for (at, node) in items.into_iter().enumerate() {
            let mut registered = known.clone();
            let is_hidden = self.tasks[id.0 as usize].no_log;
            let (mut label, origin) = (shown(&node, at), node.origin.clone());
            registered.results.insert(repeat.var.clone(), node);
            if let Some(name) = &repeat.index_var {
                registered.results.insert(name.clone(), Node::new(Value::Int(at as i64), origin));
            }
            if let Some(wanted) = &repeat.label {
                let scope = self.scopes.of(&self.shared, &self.tasks[id.0 as usize], &registered);
                label = errors.take(render(wanted, &scope)).map_or(label, |node| shown(&node, at));
            }
            if is_hidden {
                label = format!("#{}", at + 1);
            }
            let Some(preparation) = errors.take(self.prepare_one(id, None, &registered, aim)) else {
                continue;
            };
            if let Preparation::Sets(values) = &preparation {
                known.set(values);
            }
            all.push(PreparedItem { label, preparation, registered });
        }
        if errors.has_errors() {
            return Err(errors);
        }
        if self.tasks[id.0 as usize].sets.is_empty() {
            return Ok(Preparation::Items(Arc::new(all)));
        }
        // What the last one sets is what is set.
        let mut values = Map::default();
        for item in all {
            match item.preparation {
                Preparation::Sets(own) => values.extend((*own).clone()),
                Preparation::NotYet(..) => return Ok(item.preparation),
                _ => {}
            }
        }
        Ok(if values.is_empty() {
            Preparation::Skip("no item of its loop is for this host".into())
        } else {
            Preparation::Sets(Arc::new(values))
        })
    }

    /// Whether an earlier `end_host` has ended the play for this host. What has not been decided has not ended it.
    pub(super) fn ended(&self, host_task: &HostTask, registered: &Registered) -> Ended {
        let mut ended = Ended::No;
        for end in &host_task.ends {
            match registered.results.get(&HostTask::end_name(*end)).map(|node| &node.value) {
                Some(Value::Unknown(why)) => ended = Ended::Perhaps(why.clone()),
                Some(_) => {
                    let end = &self.tasks[end.0 as usize];
                    return Ended::Yes(format!(
                        "the play has ended for this host: {} ({})",
                        end.name, end.origin
                    ));
                }
                None => {}
            }
        }
        ended
    }

    /// That the play ends here.
    pub(super) fn end(&self, host_task: &HostTask) -> Preparation {
        let (key, node) = (host_task.origin.clone(), Node::new(Value::Bool(true), host_task.origin.clone()));
        Preparation::Sets(Arc::new(Map::from([(HostTask::end_name(host_task.id), Entry { key, node })])))
    }

    /// The variables that a `set_fact` sets.
    pub(super) fn facts(&self, task: &Task, scope: &Scope) -> Result<Preparation, Diagnostics> {
        let written = task.params.as_map().expect("the playbook gives a mapping");
        let mut errors = Diagnostics::default();
        let mut values = Map::default();
        for (name, entry) in written {
            let Some(node) = errors.take(render(&entry.node, scope)) else { continue };
            // One value that is not known, or a part of it, makes only that variable unknown.
            let node = match node.unknown().cloned() {
                Some(why) => Node::new(Value::Unknown(why), node.origin),
                None => node,
            };
            values.insert(name.clone(), Entry { node, ..entry.clone() });
        }
        errors.into_result(Preparation::Sets(Arc::new(values)))
    }
}
