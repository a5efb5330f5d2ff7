//! The edges that say it all: what follows from others is left out.

use super::{TaskGraph, Why};
use crate::model::TaskId;

/// With more tasks than this, what follows from others stays: to find it takes memory in their square.
const MOST: usize = 20_000;

/// What each task waits for, without what those that it waits for have waited for already. In file order.
pub fn reduced(graph: &TaskGraph) -> Vec<Vec<(TaskId, &Why)>> {
    let count = graph.len();
    let mut position = vec![0; count];
    for (at, task) in graph.order().iter().enumerate() {
        position[task.0 as usize] = at;
    }
    let words = if count > MOST { 0 } else { count.div_ceil(64) };
    // Of each task all that come before it, as bits.
    let mut behind: Vec<Vec<u64>> = vec![vec![]; count];
    let mut kept = vec![vec![]; count];
    for task in graph.order() {
        let mut before: Vec<_> = graph.before(*task).collect();
        // Nearest first: only what is nearer can imply what is farther.
        before.sort_by_key(|(id, _)| std::cmp::Reverse(position[id.0 as usize]));
        let mut all = vec![0_u64; words];
        let mut last = None;
        for (id, why) in before {
            let (word, bit) = (id.0 as usize / 64, 1 << (id.0 % 64));
            // A second reason for the same edge is one more reason.
            if words > 0 && all[word] & bit != 0 && last != Some(id) {
                continue;
            }
            last = Some(id);
            kept[task.0 as usize].push((id, why));
            if words > 0 {
                all[word] |= bit;
                all.iter_mut().zip(&behind[id.0 as usize]).for_each(|(mine, theirs)| *mine |= theirs);
            }
        }
        kept[task.0 as usize].sort_by_key(|(id, _)| *id);
        behind[task.0 as usize] = all;
    }
    kept
}
