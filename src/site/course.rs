//! What tasks bring on the way to others, for `explain`: as far as the files say it, `set_fact` is done while going through them. Results
//! show only in a run, as far as no plan of the host knows them.

use super::{
    HostTask, HostTasks, Preparation, Registered, Traced,
    loops::{Items, items_of},
    prepare::Aim,
};
use crate::{
    model::TaskId,
    template::{Brought, Notes, Read, Watch},
    yaml::{Entry, Map, Node, Value},
};
use std::{collections::HashMap, sync::Arc};

/// The tasks of a host one after the other, each with what those before it have brought.
pub struct Course<'a> {
    tasks: &'a HostTasks,
    /// From which task on each holds.
    stages: Vec<(u32, Stage)>,
}

#[derive(Clone, Default)]
struct Stage {
    registered: Registered,
    notes: Notes,
}

impl HostTasks {
    /// Goes through the tasks. `results`: what is registered behind each task, as far as a plan of the host knows it.
    pub fn course(&self, results: &HashMap<TaskId, Node>) -> Course<'_> {
        let mut stage = Stage::default();
        // Where nothing has brought it yet, it is the first that will.
        for task in self.tasks.iter().rev() {
            self.bring(task, &mut stage);
        }
        let mut stages = vec![(0, stage.clone())];
        for task in self.tasks.iter().filter(|task| task.names().next().is_some()) {
            self.bring(task, &mut stage);
            if let Some(register) = &task.register {
                match results.get(&task.id) {
                    Some(result) => {
                        stage.registered.results.insert(register.name.clone(), result.clone());
                    }
                    None => {
                        stage.registered.results.remove(&register.name);
                    }
                }
                stage.registered.unset.remove(&register.name);
            }
            if &*task.resource == "set_fact" {
                self.set(task, &mut stage);
            }
            stages.push((task.id.0 + 1, stage.clone()));
        }
        Course { tasks: self, stages }
    }

    /// Takes note of the task as what a variable comes from.
    fn bring(&self, task: &HostTask, stage: &mut Stage) {
        let by = |is_result| Arc::new(Brought { task: name(task), origin: task.origin.clone(), is_result });
        if let Some(register) = &task.register {
            stage.notes.bring(&register.name, &by(true));
        }
        if &*task.resource == "set_fact" {
            let by = by(false);
            task.sets.iter().for_each(|name| stage.notes.bring(name, &by));
        }
    }

    /// Does a `set_fact`.
    fn set(&self, task: &HostTask, stage: &mut Stage) {
        let own = self.shared.task(task.source);
        if task.is_rescue() {
            return;
        }
        // Whether it comes to this, or what another host sets, shows only in a run.
        if task.handler || task.leader().is_some() {
            for name in &task.sets {
                stage.registered.results.remove(name);
                stage.registered.unset.remove(name);
            }
            return;
        }
        let Some(repeat) = own.repeat.as_ref().filter(|_| task.is_dynamic) else {
            let registered = stage.registered.clone();
            let values = self.values(task, &registered, stage);
            return self.take(task, values, stage);
        };
        let watch = Watch::knowing(&stage.notes);
        let scope = self.scopes.of(&self.shared, task, &stage.registered).watched(&watch);
        let Ok(Items::Known(items)) = items_of(repeat, &scope) else {
            return self.take(task, Values::Unknown(None), stage);
        };
        for (at, node) in items.into_iter().enumerate() {
            let mut registered = stage.registered.clone();
            if let Some(name) = &repeat.index_var {
                let index = Node::new(Value::Int(at as i64), node.origin.clone());
                registered.results.insert(name.clone(), index);
            }
            registered.results.insert(repeat.var.clone(), node);
            let values = self.values(task, &registered, stage);
            self.take(task, values, stage);
        }
    }

    /// What a `set_fact` comes to. Takes note of what that is made of.
    fn values(&self, task: &HostTask, registered: &Registered, stage: &mut Stage) -> Values {
        let watch = Watch::knowing(&stage.notes);
        let traced = self.traced(task.id, registered, &watch);
        let prepared = match task.is_dynamic {
            true => self.prepare_one(task.id, None, registered, Aim::Run),
            false => self.prepare_for(task.id, registered, Aim::Run),
        };
        let values = match prepared {
            Ok(Preparation::Sets(values)) => Values::Set(values),
            Ok(Preparation::Skip(_)) => Values::Not,
            Ok(Preparation::NotYet(why, _)) => Values::Unknown(Some(why)),
            _ => Values::Unknown(None),
        };
        let written = self.shared.task(task.source).params.as_map();
        let shadowed = |name: &String| self.shared.extra.contains_key(name);
        for (name, entry) in written.into_iter().flatten().filter(|(name, _)| !shadowed(name)) {
            // What decided about an older value counts as long as this one may be skipped.
            if matches!(values, Values::Set(_)) {
                stage.notes.forget(name);
            }
            if !matches!(values, Values::Not) {
                stage.notes.keep(&watch, &entry.node);
            }
            let causes = traced.conditions.iter().chain(&traced.loops);
            let reads: Vec<Arc<Read>> = causes.flat_map(|cause| cause.reads.iter().cloned()).collect();
            stage.notes.decide(name, &reads);
        }
        values
    }

    fn take(&self, task: &HostTask, values: Values, stage: &mut Stage) {
        let registered = &mut stage.registered;
        match values {
            Values::Set(values) => {
                for name in values.keys() {
                    registered.unset.remove(name);
                }
                registered.set(&values);
            }
            Values::Not => {
                let never = task.sets.iter().filter(|name| !registered.results.contains_key(*name));
                registered.unset.extend(never.cloned().collect::<Vec<_>>());
            }
            Values::Unknown(why) => {
                let written = self.shared.task(task.source).params.as_map();
                for (name, Entry { key, .. }) in written.into_iter().flatten() {
                    registered.unset.remove(name);
                    registered.results.remove(name);
                    if let Some(why) = &why {
                        let node = Node::new(Value::Unknown(Arc::from(why.as_str())), key.clone());
                        registered.results.insert(name.clone(), node);
                    }
                }
            }
        }
    }
}

/// What a `set_fact` sets.
enum Values {
    Set(Arc<Map>),
    /// Nothing: it is skipped.
    Not,
    /// That is not known, for this reason.
    Unknown(Option<String>),
}

impl Course<'_> {
    /// A task with what is known when it is come to, and with all that is read for it.
    pub fn trace(&self, id: TaskId) -> Traced {
        let at = self.stages.partition_point(|(first, _)| *first <= id.0) - 1;
        let stage = &self.stages[at].1;
        self.tasks.traced(id, &stage.registered, &Watch::knowing(&stage.notes))
    }
}

/// A task's name; of the items of a loop that of the whole.
fn name(task: &HostTask) -> Arc<str> {
    let is_item = task.register.as_ref().is_some_and(|register| register.item.is_some());
    let whole = task.name.rsplit_once(" (").filter(|_| is_item);
    whole.map_or(task.name.as_str(), |(name, _)| name).into()
}
