//! Footprints to a graph: which task waits for which, and why.
//!
//! Tasks mean what they would mean run one by one in file order. Two whose footprints conflict keep that order; all others
//! may run in parallel. Only the edges that matter are kept: an area's last writers, and its readers since.

mod areas;
mod blocks;
mod picture;
mod results;

pub use picture::{dot, mermaid, text};

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
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Declared => f.write_str("needs"),
            Self::Footprint(area) => write!(f, "{area}"),
            Self::Order(area) => write!(f, "{area} is read before"),
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
        blocks::add(nodes, &mut edges, &by_result);
        for (from, to, why) in edges {
            let (from, to) = (NodeIndex::new(from as usize), NodeIndex::new(to as usize));
            // The strongest reason stays: a declared one, then a dependence, then mere order.
            match graph.find_edge(from, to) {
                Some(edge) if matches!(graph[edge], Why::Order(_)) => graph[edge] = why,
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
mod tests {
    use super::*;

    fn node(writes: &[&str], reads: &[&str]) -> Node {
        let path = |p: &&str| if *p == "*" { Area::Everything } else { Area::Path((*p).into()) };
        let footprint =
            Footprint { reads: reads.iter().map(path).collect(), writes: writes.iter().map(path).collect() };
        Node { footprint, ..Node::default() }
    }

    fn result(reads: &[&str], registers: Option<(&str, usize)>) -> Node {
        let reads = reads.iter().map(ToString::to_string).collect();
        Node {
            reads,
            registers: registers.into_iter().map(|(name, by)| (name.into(), by)).collect(),
            ..Node::default()
        }
    }

    fn edges(nodes: &[Node]) -> Vec<(u32, u32)> {
        let graph = TaskGraph::build(nodes).unwrap();
        let mut edges: Vec<_> = (0..nodes.len() as u32)
            .flat_map(|t| graph.before(TaskId(t)).map(move |(b, _)| (b.0, t)).collect::<Vec<_>>())
            .collect();
        edges.sort_unstable();
        edges
    }

    #[test]
    fn folders_come_before_what_is_in_them_and_siblings_run_in_parallel() {
        let nodes = [
            node(&["/a"], &[]),
            node(&["/a/b"], &[]),
            node(&["/a/c"], &[]),
            node(&["/ab"], &[]),
            node(&[], &["/a"]),
        ];
        assert_eq!(edges(&nodes), [(0, 1), (0, 2), (0, 4), (1, 4), (2, 4)]);
    }

    #[test]
    fn readers_share_and_a_later_writer_waits_for_them() {
        let nodes = [
            node(&["/a"], &[]),
            node(&[], &["/a"]),
            node(&[], &["/a"]),
            node(&["/a"], &[]),
            node(&[], &["/a"]),
        ];
        assert_eq!(edges(&nodes), [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3), (3, 4)]);
    }

    #[test]
    fn a_command_without_footprint_is_a_barrier() {
        let nodes = [
            node(&["/a"], &[]),
            node(&[], &["/b"]),
            node(&["*"], &[]),
            node(&["/a"], &[]),
            node(&["*"], &[]),
        ];
        assert_eq!(edges(&nodes), [(0, 2), (1, 2), (2, 3), (2, 4), (3, 4)]);
    }

    #[test]
    fn a_file_waits_for_who_makes_its_folder_on_the_way() {
        let folder = |path: &str| {
            let footprint = Footprint::writes([Area::Path(path.into())]).and_folders_above(path);
            Node { footprint, ..Node::default() }
        };
        // Folders do not wait for each other; a file waits for those below its own folder only.
        let nodes = [folder("/a/b/c"), folder("/a/b/d"), node(&["/a/b/x"], &[]), node(&["/a/x/y"], &[])];
        assert_eq!(edges(&nodes), [(0, 2), (1, 2)]);
        // Where the folder has a task of its own, that is enough.
        let nodes = [node(&["/a/b"], &[]), folder("/a/b/c"), node(&["/a/b/x"], &[])];
        assert_eq!(edges(&nodes), [(0, 1), (0, 2)]);
        // Many of them do not become many edges.
        let nodes: Vec<_> = (0..4000)
            .map(|n| if n % 2 == 0 { folder(&format!("/a/{n}")) } else { node(&[&format!("/a/{n}")], &[]) })
            .collect();
        assert!(edges(&nodes).len() < 17 * nodes.len());
    }

    #[test]
    fn a_cycle_is_told_with_its_reasons() {
        let mut nodes = [node(&["/a"], &[]), node(&[], &["/a"])];
        nodes[0].needs.push(TaskId(1));
        let cycle = TaskGraph::build(&nodes).unwrap_err();
        let area = Area::Path("/a".into());
        assert_eq!(cycle, Cycle(vec![(TaskId(0), Why::Footprint(area)), (TaskId(1), Why::Declared)]));
    }

    #[test]
    fn who_reads_a_result_waits_for_who_registers_it() {
        let nodes = [
            result(&[], Some(("r", 0))),
            result(&["r"], None),
            // A loop that registers the name anew: its items do not wait for each other.
            result(&["r"], Some(("r", 2))),
            result(&["r"], Some(("r", 2))),
            result(&["r"], None),
            result(&["other"], None),
        ];
        assert_eq!(edges(&nodes), [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4)]);
        let graph = TaskGraph::build(&nodes).unwrap();
        let why: Vec<_> = graph.before(TaskId(3)).map(|(before, why)| (before.0, why.to_string())).collect();
        assert!(
            why.contains(&(0, "result `r`".into())) && why.contains(&(1, "result `r` is replaced".into())),
            "{why:?}"
        );
    }

    #[test]
    fn a_result_is_a_reason_beside_others() {
        let area = node(&["/a"], &[]).footprint;
        let nodes = [
            Node { footprint: area.clone(), ..result(&[], Some(("r", 0))) },
            Node { footprint: area.clone(), ..result(&["r"], None) },
        ];
        let graph = TaskGraph::build(&nodes).unwrap();
        let mut why: Vec<_> = graph.before(TaskId(1)).map(|(_, why)| why.clone()).collect();
        why.sort_by_key(ToString::to_string);
        assert_eq!(why, [Why::Footprint(area.writes[0].clone()), Why::Result("r".into())]);
        assert_eq!(graph.order(), [TaskId(0), TaskId(1)]);
    }

    #[test]
    fn needs_on_a_later_task_is_honoured() {
        let mut nodes = [node(&["/a"], &[]), node(&["/b"], &[])];
        nodes[0].needs.push(TaskId(1));
        assert_eq!(TaskGraph::build(&nodes).unwrap().order(), [TaskId(1), TaskId(0)]);
    }

    #[test]
    fn a_look_from_outside_comes_after_what_changes_what_answers() {
        let on = |machine, writes: &[Area], reads: &[Area]| {
            let footprint = Footprint { reads: reads.to_vec(), writes: writes.to_vec() };
            Node { footprint, machine, ..node(&[], &[]) }
        };
        let unit = |name: &str| Area::Unit(name.into());
        let nodes = [
            on(0, &[unit("a.service")], &[]),
            on(0, &[Area::Firewall], &[]),
            on(0, &[Area::Path("/a".into())], &[]),
            on(1, &[], &[Area::Network]),
            on(0, &[], &[Area::Network]),
            on(0, &[Area::Compose("shop".into())], &[]),
            on(1, &[], &[Area::Network]),
        ];
        // Neither changes nor looks wait for each other; a later change waits for the looks, and is waited for.
        let expected = [(0, 3), (0, 4), (0, 6), (1, 3), (1, 4), (1, 6), (3, 5), (4, 5), (5, 6)];
        assert_eq!(edges(&nodes), expected);
        let graph = TaskGraph::build(&nodes).unwrap();
        let why = |task, before| {
            let found = graph.before(TaskId(task)).find(|(id, _)| *id == TaskId(before));
            found.map(|(_, why)| why.clone())
        };
        assert_eq!(why(3, 1), Some(Why::Footprint(Area::Firewall)));
        assert_eq!(why(5, 4), Some(Why::Order(Area::Network)));
    }

    #[test]
    fn a_look_from_outside_waits_also_behind_a_look_at_everything() {
        let on = |machine, writes: &[Area], reads: &[Area]| {
            let footprint = Footprint { reads: reads.to_vec(), writes: writes.to_vec() };
            Node { footprint, machine, ..node(&[], &[]) }
        };
        let nodes = [
            on(0, &[Area::Compose("shop".into())], &[]),
            on(0, &[], &[Area::Everything]),
            on(1, &[], &[Area::Network]),
            on(1, &[], &[Area::Everything]),
        ];
        let found = edges(&nodes);
        assert!(found.contains(&(0, 1)) && found.contains(&(1, 2)) && found.contains(&(1, 3)), "{found:?}");
    }

    #[test]
    fn ten_thousand_tasks_have_few_edges() {
        let nodes: Vec<_> =
            (0..10_000).map(|i| node(&[&format!("/srv/{}/{}", i % 100, i / 100)], &["/srv"])).collect();
        let nodes: Vec<_> = nodes
            .into_iter()
            .map(|mut n| {
                n.footprint.reads.clear();
                n
            })
            .collect();
        assert_eq!(TaskGraph::build(&nodes).unwrap().order().len(), 10_000);
    }
}
