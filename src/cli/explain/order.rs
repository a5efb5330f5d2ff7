//! Which tasks come before and behind one, and why.

use super::why::Edge;
use crate::{
    diag::Diagnostics,
    graph::{TaskGraph, Why, reduced},
    model::{Area, TaskId},
    plan::{cycle_diagnostic, offline_nodes},
    site::{HostTasks, Prepare},
};

/// For each task those just before it, then those just behind it: what follows from these is left out.
pub(super) type Edges = Vec<(Vec<Edge>, Vec<Edge>)>;

/// The edges of all tasks of a host.
///
/// # Errors
/// What is wrong with the tasks.
pub(super) fn edges(tasks: &HostTasks) -> Result<Edges, Diagnostics> {
    let nodes = offline_nodes(tasks)?;
    let graph = TaskGraph::build(&nodes).map_err(|cycle| cycle_diagnostic(&cycle, tasks.tasks()))?;
    let mut edges: Edges = vec![(vec![], vec![]); tasks.tasks().len()];
    let edge = |id: TaskId, why: String| {
        let task = &tasks.tasks()[id.0 as usize];
        Edge { task: task.name.clone(), place: super::find::place(task), why }
    };
    for (at, before) in reduced(&graph).into_iter().enumerate() {
        for (id, why) in before {
            edges[at].0.push(edge(id, because(why, "it", "this one")));
            edges[id.0 as usize].1.push(edge(TaskId(at as u32), because(why, "this one", "it")));
        }
    }
    Ok(edges)
}

/// Why the one comes before the other.
fn because(why: &Why, first: &str, second: &str) -> String {
    match why {
        Why::Footprint(Area::Everything) => format!("what {first} or {second} touches is not known before"),
        Why::Order(Area::Everything) => format!("what {second} touches is not known before"),
        Why::Declared => format!("`needs` of {second} says so"),
        Why::Footprint(area) => format!("{first} writes {area}, which {second} reads or writes"),
        Why::Order(area) => format!("{first} reads {area} before {second} writes it"),
        Why::Start(area) => format!("{first} writes {area} before {second} starts or stops what may read it"),
        Why::Result(name) => format!("{second} reads `{name}`, which {first} brings"),
        Why::Replaced(name) => format!("{second} sets `{name}` anew"),
        Why::Notify => format!("{first} notifies {second}"),
        Why::Block => "the parts of a block come one after the other".into(),
        Why::Item => "the items of the loop come one after the other".into(),
    }
}
