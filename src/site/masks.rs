//! What is not known before tasks have run.

use super::{
    Shared,
    scopes::{RESULT, Variables},
};
use crate::{
    model::Origin,
    playbook::Task,
    yaml::{Node, Value},
};
use indexmap::IndexMap;
use std::sync::Arc;

/// What is not known before tasks have run: every registered name, and what `set_fact` sets for the tasks behind it. For each number of
/// `set_fact` that are before: the index of the first task behind them, and the names.
pub(super) struct Masks(Vec<(usize, Variables)>);

impl Masks {
    pub fn new(shared: &Shared, tasks: &[usize]) -> Self {
        let unknown = |name: &str, origin: &Origin| {
            Node::new(Value::Unknown(Arc::from(format!("{RESULT} `{name}`"))), origin.clone())
        };
        let registers = tasks.iter().filter_map(|index| shared.task(*index).register.as_ref());
        let mut names: IndexMap<_, _> =
            registers.map(|(name, origin)| (name.clone(), unknown(name, origin))).collect();
        let mut masks = vec![(0, Arc::new(names.clone()))];
        for index in tasks {
            let task = shared.task(*index);
            // What a handler sets is there when it was flushed.
            let set = |task: &Task| task.resource.0 == "set_fact";
            let handlers = tasks.iter().map(|handler| shared.task(*handler)).filter(|handler| {
                handler.handler && shared.index[handler.index].play == shared.index[*index].play
            });
            let by_handlers: Vec<&Task> = if task.is_meta("flush_handlers") {
                handlers.filter(|task| set(task)).collect()
            } else {
                vec![]
            };
            if !by_handlers.is_empty() {
                let params = by_handlers.iter().filter_map(|task| task.params.as_map()).flatten();
                names.extend(params.map(|(name, entry)| (name.clone(), unknown(name, &entry.key))));
                masks.push((index + 1, Arc::new(names.clone())));
            }
            if set(task) {
                let params = task.params.as_map().into_iter().flatten();
                names.extend(params.map(|(name, entry)| (name.clone(), unknown(name, &entry.key))));
                masks.push((index + 1, Arc::new(names.clone())));
            }
        }
        Self(masks)
    }

    /// Which of them a task has.
    pub fn at(&self, index: usize) -> usize {
        self.0.partition_point(|(first, _)| *first <= index) - 1
    }

    /// What one of them hides.
    pub fn names(&self, mask: usize) -> &Variables {
        &self.0[mask].1
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }
}
