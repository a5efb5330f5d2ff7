//! The graph as text, Graphviz dot and Mermaid.

use super::{Node, TaskGraph, Why};
use crate::model::TaskId;
use std::fmt::Write;

fn edges(graph: &TaskGraph) -> impl Iterator<Item = (TaskId, TaskId, &Why)> {
    let tasks = (0..graph.len() as u32).map(TaskId);
    tasks.flat_map(move |to| graph.before(to).map(move |(from, why)| (from, to, why)))
}

/// One line per task in run order, with what it waits for and why.
pub fn text(graph: &TaskGraph, nodes: &[Node]) -> String {
    let mut out = String::new();
    for task in graph.order() {
        let _ = writeln!(out, "{:>4}  {}", task.0 + 1, nodes[task.0 as usize].name);
        let mut before: Vec<_> = graph.before(*task).collect();
        before.sort_by_key(|(id, _)| *id);
        for (id, why) in before {
            let _ = writeln!(out, "        after {:>3} {} ({why})", id.0 + 1, nodes[id.0 as usize].name);
        }
    }
    out
}

/// Graphviz.
pub fn dot(graph: &TaskGraph, nodes: &[Node]) -> String {
    let mut out =
        String::from("digraph tasks {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (at, node) in nodes.iter().enumerate() {
        let _ = writeln!(out, "  t{at} [label={:?}];", node.name);
    }
    for (from, to, why) in edges(graph) {
        let style = match why {
            Why::Notify => ", style=dashed",
            why if why.is_order_only() => ", style=dotted",
            _ => "",
        };
        let _ = writeln!(out, "  t{} -> t{} [label={:?}{style}];", from.0, to.0, why.to_string());
    }
    out + "}\n"
}

/// Mermaid flowchart.
pub fn mermaid(graph: &TaskGraph, nodes: &[Node]) -> String {
    let clean = |text: &str| text.replace('"', "'").replace('|', "/");
    let mut out = String::from("flowchart LR\n");
    for (at, node) in nodes.iter().enumerate() {
        let _ = writeln!(out, "  t{at}[\"{}\"]", clean(&node.name));
    }
    for (from, to, why) in edges(graph) {
        let arrow = if matches!(why, Why::Notify) || why.is_order_only() { "-.->" } else { "-->" };
        let _ = writeln!(out, "  t{} {arrow}|\"{}\"| t{}", from.0, clean(&why.to_string()), to.0);
    }
    out
}
