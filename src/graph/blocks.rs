//! Blocks with `rescue` or `always`: a part waits for those before it, and what comes after a block and depends on it waits for its
//! rescue.

use super::{Node, Why};
use crate::model::Part;
use std::collections::BTreeMap;

/// The tasks of one block by part, nested ones included, in file order.
#[derive(Default)]
struct Parts {
    main: Vec<u32>,
    rescue: Vec<u32>,
    always: Vec<u32>,
}

/// Adds the edges that blocks make, beside those that are there already and those by results.
pub(super) fn add(nodes: &[Node], edges: &mut Vec<(u32, u32, Why)>, by_result: &[(u32, u32, Why)]) {
    let mut blocks: BTreeMap<u32, Parts> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        for inside in &node.blocks {
            let parts = blocks.entry(inside.block).or_default();
            let list = match inside.part {
                Part::Main => &mut parts.main,
                Part::Rescue => &mut parts.rescue,
                Part::Always => &mut parts.always,
            };
            list.push(at as u32);
        }
    }
    // Inner blocks have higher numbers: what they add counts for those around them.
    for (block, parts) in blocks.into_iter().rev() {
        let mut more = vec![];
        for rescue in &parts.rescue {
            more.extend(parts.main.iter().map(|main| (*main, *rescue, Why::Block)));
        }
        for always in &parts.always {
            let before = parts.main.iter().chain(&parts.rescue);
            more.extend(before.map(|before| (*before, *always, Why::Block)));
        }
        let is_inside = |at: u32| nodes[at as usize].blocks.iter().any(|inside| inside.block == block);
        let mut behind: Vec<u32> = edges
            .iter()
            .chain(by_result)
            .filter(|(from, to, why)| {
                (parts.main.contains(from) || parts.rescue.contains(from))
                    && !is_inside(*to)
                    && !why.is_order_only()
                    && *why != Why::Notify
            })
            .map(|(_, to, _)| *to)
            .collect();
        behind.sort_unstable();
        behind.dedup();
        for task in behind {
            more.extend(
                parts
                    .rescue
                    .iter()
                    .filter(|rescue| **rescue < task)
                    .map(|rescue| (*rescue, task, Why::Block)),
            );
        }
        edges.extend(more);
    }
}
