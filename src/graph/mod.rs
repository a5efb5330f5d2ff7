//! Footprints to a graph: which task waits for which, and why.
//!
//! Tasks mean what they would mean run one by one in file order. Two whose footprints conflict keep that order; all others
//! may run in parallel. Only the edges that matter are kept: an area's last writers, and its readers since.

mod areas;
mod blocks;
mod layout;
mod picture;
mod reduce;
mod results;
mod starts;
mod svg;

pub use picture::{Arrow, Drawn, Line, Picture};
pub use reduce::reduced;
pub use svg::{drawing, escaped, plain, svg};

use crate::model::{Area, Footprint, InBlock, TaskId};
use areas::Areas;
use petgraph::{
    Direction,
    graph::{DiGraph, NodeIndex},
    visit::EdgeRef,
};
use results::Results;
use std::{cmp::Reverse, collections::BinaryHeap};

/// Why one task waits for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// `needs:` says so.
    Declared,
    /// The earlier one writes what the later one reads or writes.
    Footprint(Area),
    /// The later one writes what the earlier one reads: order only, no dependence.
    Order(Area),
    /// The later one starts or stops something, which finds what the earlier one writes.
    Start(Area),
    /// The later one reads what the earlier one registers under this name.
    Result(String),
    /// The later one registers anew what the earlier one registers or reads: order only.
    Replaced(String),
    /// The later one is a handler that the earlier one notifies.
    Notify,
    /// The parts of a block come one after the other: order only.
    Block,
    /// The items of a loop with pauses come one after the other: order only.
    Item,
}

impl Why {
    /// The later one only has to come later: it is all the same to it how the earlier one ends.
    pub fn is_order_only(&self) -> bool {
        matches!(self, Self::Order(_) | Self::Replaced(_) | Self::Block | Self::Item)
    }

    /// What the earlier one does may show where the later one looks.
    pub fn may_show(&self) -> bool {
        !self.is_order_only() && !matches!(self, Self::Start(_))
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Declared => f.write_str("needs"),
            Self::Footprint(area) => write!(f, "{area}"),
            Self::Order(area) => write!(f, "{area} is read before"),
            Self::Start(area) => write!(f, "{area} before what starts"),
            Self::Result(name) => write!(f, "result `{name}`"),
            Self::Replaced(name) => write!(f, "result `{name}` is replaced"),
            Self::Notify => f.write_str("notify"),
            Self::Block => f.write_str("block"),
            Self::Item => f.write_str("the item before it"),
        }
    }
}

/// A task as the graph sees it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub name: String,
    pub footprint: Footprint,
    /// Which machine the footprint is about: tasks on different machines conflict only over the network.
    pub machine: u16,
    pub needs: Vec<TaskId>,
    pub notifies: Vec<TaskId>,
    /// The item of its loop that it comes behind.
    pub follows: Option<TaskId>,
    /// The blocks with `rescue` or `always` that it stands in.
    pub blocks: Vec<InBlock>,
    /// The registered results that it reads.
    pub reads: Vec<String>,
    /// The names under which its results are registered, and by which task: the items of a loop share one when none reads what
    /// another sets.
    pub registers: Vec<(String, usize)>,
}

/// The graph of one host's tasks; node `n` is task `n` in file order.
#[derive(Clone, Debug)]
pub struct TaskGraph {
    graph: DiGraph<(), Why>,
    order: Vec<TaskId>,
}

/// A dependency cycle: each task waits for the next one because of what is beside it, the last for the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<(TaskId, Why)>);

impl TaskGraph {
    /// Builds the graph.
    ///
    /// # Errors
    /// A cycle, which only `needs` can make.
    pub fn build(nodes: &[Node]) -> Result<Self, Cycle> {
        let mut graph = DiGraph::with_capacity(nodes.len(), nodes.len() * 2);
        for _ in nodes {
            graph.add_node(());
        }
        let (mut areas, mut results) = (Areas::default(), Results::default());
        let (mut edges, mut by_result) = (vec![], vec![]);
        for (at, node) in nodes.iter().enumerate() {
            areas.add(at as u32, node.machine, &node.footprint, &mut edges);
            results.add(at as u32, node, &mut by_result);
            edges.extend(node.needs.iter().map(|need| (need.0, at as u32, Why::Declared)));
            edges.extend(node.follows.map(|item| (item.0, at as u32, Why::Item)));
            edges.extend(node.notifies.iter().map(|handler| (at as u32, handler.0, Why::Notify)));
        }
        starts::add(nodes, &mut edges, &by_result);
        blocks::add(nodes, &mut edges, &by_result);
        for (from, to, why) in edges {
            let (from, to) = (NodeIndex::new(from as usize), NodeIndex::new(to as usize));
            // The strongest reason stays: a declared one, then a dependence, then mere order.
            match graph.find_edge(from, to) {
                Some(edge) if matches!(graph[edge], Why::Order(_)) => graph[edge] = why,
                Some(edge) if matches!(graph[edge], Why::Start(_)) && why.may_show() => graph[edge] = why,
                Some(_) => {}
                None => {
                    graph.add_edge(from, to, why);
                }
            }
        }
        for (from, to, why) in by_result {
            let (from, to) = (NodeIndex::new(from as usize), NodeIndex::new(to as usize));
            // Beside an edge for another reason: what the one brings about (looking again) is not what the other does.
            if !why.is_order_only() || graph.find_edge(from, to).is_none() {
                graph.add_edge(from, to, why);
            }
        }
        let mut built = Self { graph, order: vec![] };
        built.order = built.topological().ok_or_else(|| built.cycle())?;
        Ok(built)
    }

    /// Tasks in an order that respects every edge, and file order where edges leave a choice.
    pub fn order(&self) -> &[TaskId] {
        &self.order
    }

    /// What this task waits for.
    pub fn before(&self, task: TaskId) -> impl Iterator<Item = (TaskId, &Why)> {
        let edges = self.graph.edges_directed(NodeIndex::new(task.0 as usize), Direction::Incoming);
        edges.map(|edge| (TaskId(edge.source().index() as u32), edge.weight()))
    }

    /// What waits for this task.
    pub fn after(&self, task: TaskId) -> impl Iterator<Item = (TaskId, &Why)> {
        let edges = self.graph.edges_directed(NodeIndex::new(task.0 as usize), Direction::Outgoing);
        edges.map(|edge| (TaskId(edge.target().index() as u32), edge.weight()))
    }

    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Kahn's algorithm with a heap, so that the smallest task number goes first. `None` when there is a cycle.
    fn topological(&self) -> Option<Vec<TaskId>> {
        let count = |index| self.graph.edges_directed(index, Direction::Incoming).count();
        let mut waiting: Vec<usize> = self.graph.node_indices().map(count).collect();
        let ready = self.graph.node_indices().filter(|i| waiting[i.index()] == 0);
        let mut ready: BinaryHeap<_> = ready.map(|i| Reverse(i.index())).collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(Reverse(at)) = ready.pop() {
            order.push(TaskId(at as u32));
            for next in self.graph.neighbors(NodeIndex::new(at)) {
                waiting[next.index()] -= 1;
                if waiting[next.index()] == 0 {
                    ready.push(Reverse(next.index()));
                }
            }
        }
        (order.len() == self.len()).then_some(order)
    }

    /// A shortest cycle through the first task that is on one.
    fn cycle(&self) -> Cycle {
        let components = petgraph::algo::tarjan_scc(&self.graph);
        let component = components.iter().filter(|c| c.len() > 1 || self.graph.contains_edge(c[0], c[0]));
        let component = component.min_by_key(|c| c.iter().min()).expect("no order, so there is a cycle");
        let start = *component.iter().min().expect("components are not empty");
        let mut came: Vec<Option<NodeIndex>> = vec![None; self.len()];
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for next in self.graph.neighbors(at) {
                if next == start {
                    let mut path = vec![at];
                    while let Some(previous) = came[path[path.len() - 1].index()] {
                        path.push(previous);
                    }
                    path.reverse();
                    let step = |(i, node): (usize, &NodeIndex)| {
                        let to = path[(i + 1) % path.len()];
                        let edge = self.graph.find_edge(*node, to).expect("neighbours have an edge");
                        (TaskId(node.index() as u32), self.graph[edge].clone())
                    };
                    return Cycle(path.iter().enumerate().map(step).collect());
                }
                if next != start && came[next.index()].is_none() && component.contains(&next) {
                    came[next.index()] = Some(at);
                    queue.push_back(next);
                }
            }
        }
        unreachable!("a strongly connected component leads back to its start")
    }
}

#[cfg(test)]
mod tests;
