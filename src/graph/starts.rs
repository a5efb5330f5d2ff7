//! What starts finds the machine as it is: a service reads its configuration wherever that is, runs as an account, and needs what the
//! kernel allows. It looks at none of that before, so that nothing of it is a reason to look again; but it comes behind all who wrote such a
//! thing before it, and before all who do so later.

use super::{DiGraph, Node, NodeIndex, TaskGraph, Why, blocks};
use crate::model::{Area, Footprint};
use std::collections::BTreeMap;

/// As many writers wait by themselves for who starts something. Of more, one who starts stands for all before it.
const WRITERS: usize = 128;

/// Who writes what a start may find, and who starts something, on one machine.
#[derive(Default)]
pub(super) struct Starts {
    writers: Vec<(u32, Area)>,
    /// Those who came since the last writer, or before it when nobody has since.
    starters: Vec<u32>,
    started_last: bool,
}

/// Whether a write to this starts, stops or makes anew something that runs. A mount or swap finds nothing but its device.
fn runs(area: &Area) -> bool {
    match area {
        Area::Unit(name) => ![".mount", ".automount", ".swap"].iter().any(|end| name.ends_with(end)),
        area => matches!(area, Area::Compose(_)),
    }
}

/// What a task starts. Who loads the packet filter starts nothing, though it writes the unit that does so at boot.
fn started(footprint: &Footprint) -> Option<&Area> {
    let filters = footprint.writes.contains(&Area::Firewall);
    footprint.writes.iter().find(|area| runs(area) && !filters)
}

/// Whether what starts may find this.
fn is_found(area: &Area) -> bool {
    matches!(area, Area::Path(_) | Area::Accounts | Area::Sysctl(_))
}

type Edge = (u32, u32, Why);

/// Adds the edges of what starts to all the others. What comes before what is told by these: `needs` may put a task behind one that is
/// later in the file.
pub(super) fn add(nodes: &[Node], edges: &mut Vec<Edge>, by_result: &[Edge]) {
    // Per machine, since everything was written.
    let mut starts: BTreeMap<u16, Starts> = BTreeMap::new();
    for task in order(nodes, edges, by_result) {
        let Node { footprint, machine, .. } = &nodes[task as usize];
        if footprint.writes.contains(&Area::Everything) || footprint.reads.contains(&Area::Everything) {
            starts.remove(machine);
            continue;
        }
        starts.entry(*machine).or_default().add(task, footprint, edges);
    }
}

/// The order that the others leave; nothing when they are a cycle.
fn order(nodes: &[Node], edges: &[Edge], by_result: &[Edge]) -> Vec<u32> {
    if edges.iter().chain(by_result).all(|(from, to, _)| from < to) {
        return (0..nodes.len() as u32).collect();
    }
    let mut edges = edges.to_vec();
    blocks::add(nodes, &mut edges, by_result);
    let mut graph = DiGraph::with_capacity(nodes.len(), edges.len());
    nodes.iter().for_each(|_| {
        graph.add_node(());
    });
    for (from, to, why) in edges.into_iter().chain(by_result.iter().cloned()) {
        graph.add_edge(NodeIndex::new(from as usize), NodeIndex::new(to as usize), why);
    }
    let order = TaskGraph { graph, order: vec![] }.topological().unwrap_or_default();
    order.into_iter().map(|task| task.0).collect()
}

impl Starts {
    /// Adds the next task in that order and the edges it needs.
    fn add(&mut self, task: u32, footprint: &Footprint, edges: &mut Vec<(u32, u32, Why)>) {
        let started = started(footprint);
        let found = footprint.writes.iter().find(|area| is_found(area));
        if let Some(started) = &started {
            edges.extend(self.writers.iter().map(|(writer, area)| (*writer, task, Why::Start(area.clone()))));
            if self.writers.len() >= WRITERS {
                self.writers = vec![(task, (*started).clone())];
            }
        }
        if let Some(found) = found {
            let order = |starter: &u32| (*starter, task, Why::Order(found.clone()));
            edges.extend(self.starters.iter().map(order));
            self.started_last = false;
            self.writers.push((task, found.clone()));
        }
        if started.is_some() {
            // Every writer since waits for those before it.
            if !self.started_last {
                self.starters.clear();
            }
            self.starters.push(task);
            self.started_last = true;
        }
    }
}
