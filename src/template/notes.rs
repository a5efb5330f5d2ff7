//! What is known of variables that tasks have brought before: their results, and what `set_fact` has set.

use super::{
    made::Made,
    trace::{Key, Read, Watch, key},
};
use crate::{
    model::Origin,
    yaml::{Node, Value},
};
use std::{collections::HashMap, sync::Arc};

/// The task that has brought a variable.
#[derive(Clone, Debug)]
pub struct Brought {
    /// Its name.
    pub task: Arc<str>,
    /// Where it stands.
    pub origin: Origin,
    /// It is its result; otherwise `set_fact` has set it.
    pub is_result: bool,
}

/// What one [`Watch`] has seen that another one is to know.
#[derive(Clone, Default)]
pub struct Notes {
    /// What became of the templates of what was set.
    pub(super) made: HashMap<Key, (Origin, Made)>,
    pub(super) brought: HashMap<String, Arc<Brought>>,
    /// What decided whether a variable was set.
    pub(super) deciding: HashMap<String, Vec<Arc<Read>>>,
}

impl Notes {
    /// A variable comes from this task from now on.
    pub fn bring(&mut self, name: &str, by: &Arc<Brought>) {
        self.brought.insert(name.into(), by.clone());
    }

    /// What was set before says nothing any more: it is set anew.
    pub fn forget(&mut self, name: &str) {
        self.deciding.remove(name);
    }

    /// Whether a variable was set depends on these.
    pub fn decide(&mut self, name: &str, reads: &[Arc<Read>]) {
        let reads = reads.iter().map(|read| Arc::new(read.shallow()));
        let known = self.deciding.entry(name.into()).or_default();
        known.extend(reads);
    }

    /// Takes over what the watch knows of a value, and of all values in it, as it is written.
    pub fn keep(&mut self, watch: &Watch, written: &Node) {
        if let Some(made) = watch.made(&written.origin) {
            self.made.insert(key(&None, &written.origin), (written.origin.clone(), made));
        }
        match &written.value {
            Value::Seq(items) => items.iter().for_each(|node| self.keep(watch, node)),
            Value::Map(map) => map.values().for_each(|entry| self.keep(watch, &entry.node)),
            _ => {}
        }
    }
}
