//! Who registered which result last, and who has read it since. Results are the run's own: two tasks meet in one though nothing
//! that they touch on a host does.

use super::{Node, Why};
use std::collections::BTreeMap;

#[derive(Default)]
struct Known {
    /// The task of the playbook that registers it; its items of a loop are many here.
    by: Option<usize>,
    writers: Vec<u32>,
    readers: Vec<u32>,
    /// Who wrote it before these writers, and who read that.
    old_writers: Vec<u32>,
    old_readers: Vec<u32>,
}

#[derive(Default)]
pub(super) struct Results(BTreeMap<String, Known>);

impl Results {
    /// Adds the next task in file order and the edges it needs.
    pub fn add(&mut self, task: u32, node: &Node, edges: &mut Vec<(u32, u32, Why)>) {
        for name in &node.reads {
            let known = self.0.entry(name.clone()).or_default();
            // An item of a loop that registers what it reads means the result from before the loop.
            let own = node.registers.iter().any(|(own, by)| own == name && known.by == Some(*by));
            let writers = if own { &known.old_writers } else { &known.writers };
            edges.extend(writers.iter().map(|w| (*w, task, Why::Result(name.clone()))));
            if own { &mut known.old_readers } else { &mut known.readers }.push(task);
        }
        for (name, by) in &node.registers {
            let known = self.0.entry(name.clone()).or_default();
            if known.by != Some(*by) {
                known.by = Some(*by);
                known.old_writers = std::mem::take(&mut known.writers);
                known.old_readers = std::mem::take(&mut known.readers);
            }
            let before = known.old_writers.iter().chain(&known.old_readers).filter(|before| **before != task);
            edges.extend(before.map(|before| (*before, task, Why::Replaced(name.clone()))));
            known.writers.push(task);
        }
    }
}
