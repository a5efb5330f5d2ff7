//! The graph as text, Graphviz dot and Mermaid.

use super::{Node, TaskGraph, Why};
use crate::model::TaskId;
use std::fmt::Write;

/// A graph to be drawn: of a plan, or of a run that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// In file order.
    pub tasks: Vec<Drawn>,
    pub arrows: Vec<Arrow>,
    /// Tasks in the order in which they run, or ran.
    pub order: Vec<usize>,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    pub name: String,
    /// How it came out: one lowercase word.
    pub status: Option<&'static str>,
    /// How long it took, as it is shown.
    pub took: Option<String>,
    /// On the critical path.
    pub critical: bool,
}

/// An edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    pub from: usize,
    pub to: usize,
    pub why: String,
    pub line: Line,
    pub critical: bool,
}

/// How an edge is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// What the one does may show in the other.
    Solid,
    /// Notifies.
    Dashed,
    /// Order only.
    Dotted,
}

impl Line {
    /// Of an edge as an event has it.
    pub fn of(why: &str, order_only: bool) -> Self {
        match why {
            "notify" => Self::Dashed,
            _ if order_only => Self::Dotted,
            _ => Self::Solid,
        }
    }
}

impl Picture {
    /// Without arrows from or to no task, and those in or behind a circle: what is read from a file may say anything.
    pub fn sound(mut self) -> Self {
        let count = self.tasks.len();
        self.arrows.retain(|arrow| arrow.from < count && arrow.to < count);
        let (mut behind, mut waiting) = (vec![vec![]; count], vec![0_usize; count]);
        for arrow in &self.arrows {
            behind[arrow.from].push(arrow.to);
            waiting[arrow.to] += 1;
        }
        let mut reached: Vec<usize> = (0..count).filter(|at| waiting[*at] == 0).collect();
        let mut next = 0;
        while let Some(at) = reached.get(next).copied() {
            next += 1;
            for to in &behind[at] {
                waiting[*to] -= 1;
                if waiting[*to] == 0 {
                    reached.push(*to);
                }
            }
        }
        self.arrows.retain(|arrow| waiting[arrow.from] == 0 && waiting[arrow.to] == 0);
        self
    }

    /// Of a plan, with every edge.
    pub fn whole(graph: &TaskGraph, nodes: &[Node]) -> Self {
        let before = (0..graph.len() as u32).map(|task| {
            let mut before: Vec<_> = graph.before(TaskId(task)).collect();
            before.sort_by_key(|(id, _)| *id);
            before
        });
        Self::new(graph, nodes, before)
    }

    /// Of a plan, without the edges that follow from others.
    pub fn plain(graph: &TaskGraph, nodes: &[Node]) -> Self {
        Self::new(graph, nodes, super::reduced(graph).into_iter())
    }

    fn new<'a>(
        graph: &TaskGraph,
        nodes: &[Node],
        before: impl Iterator<Item = Vec<(TaskId, &'a Why)>>,
    ) -> Self {
        let drawn = |node: &Node| Drawn { name: node.name.clone(), ..Drawn::default() };
        let arrow = |to: usize, from: TaskId, why: &Why| Arrow {
            from: from.0 as usize,
            to,
            why: why.to_string(),
            line: Line::of(&why.to_string(), why.is_order_only()),
            critical: false,
        };
        let arrows = before.enumerate().flat_map(|(to, before)| {
            before.into_iter().map(move |(from, why)| arrow(to, from, why)).collect::<Vec<_>>()
        });
        Self {
            tasks: nodes.iter().map(drawn).collect(),
            arrows: arrows.collect(),
            order: graph.order().iter().map(|task| task.0 as usize).collect(),
        }
    }

    /// One line per task in run order, with what it waits for and why. `*` marks the critical path.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut before: Vec<Vec<&Arrow>> = vec![vec![]; self.tasks.len()];
        self.arrows.iter().for_each(|arrow| before[arrow.to].push(arrow));
        for at in &self.order {
            let task = &self.tasks[*at];
            let said: Vec<&str> = task.status.into_iter().chain(task.took.as_deref()).collect();
            let said = if said.is_empty() { String::new() } else { format!("  [{}]", said.join(", ")) };
            let mark = if task.critical { "*" } else { "" };
            let _ = writeln!(out, "{:>4}  {}{said}", format!("{mark}{}", at + 1), task.name);
            for arrow in &before[*at] {
                let name = &self.tasks[arrow.from].name;
                let _ = writeln!(out, "        after {:>3} {name} ({})", arrow.from + 1, arrow.why);
            }
        }
        out
    }

    /// Graphviz.
    pub fn dot(&self) -> String {
        let mut out =
            String::from("digraph tasks {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
        for (at, task) in self.tasks.iter().enumerate() {
            let critical = if task.critical { ", color=red, penwidth=2" } else { "" };
            let _ = writeln!(out, "  t{at} [label={}{critical}];", quoted(&task.label()));
        }
        for arrow in &self.arrows {
            let style = match arrow.line {
                Line::Dashed => ", style=dashed",
                Line::Dotted => ", style=dotted",
                Line::Solid => "",
            };
            let critical = if arrow.critical { ", color=red, penwidth=2" } else { "" };
            let why = quoted(&arrow.why);
            let _ = writeln!(out, "  t{} -> t{} [label={why}{style}{critical}];", arrow.from, arrow.to);
        }
        out + "}\n"
    }

    /// Mermaid flowchart.
    pub fn mermaid(&self) -> String {
        let clean = |text: &str| text.replace('"', "'").replace('|', "/").replace(char::is_control, " ");
        let mut out = String::from("flowchart LR\n");
        for (at, task) in self.tasks.iter().enumerate() {
            let _ = writeln!(out, "  t{at}[\"{}\"]", clean(&task.label()));
        }
        for arrow in &self.arrows {
            let line = if arrow.line == Line::Solid { "-->" } else { "-.->" };
            let _ = writeln!(out, "  t{} {line}|\"{}\"| t{}", arrow.from, clean(&arrow.why), arrow.to);
        }
        for (at, _) in self.tasks.iter().enumerate().filter(|(_, task)| task.critical) {
            let _ = writeln!(out, "  style t{at} stroke:#d33,stroke-width:3px");
        }
        out
    }
}

/// A text as dot has it: in quotes, with quotes and backslashes escaped, and in one line.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace(char::is_control, " "))
}

impl Drawn {
    fn label(&self) -> String {
        let took = self.took.as_ref().map(|took| format!(" ({took})")).unwrap_or_default();
        format!("{}{took}", self.name)
    }
}
