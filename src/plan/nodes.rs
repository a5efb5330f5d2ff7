//! What the graph is told of tasks: what each reads and writes, before and after the host was asked.

use super::{Planner, late::MAKERS, planner::index_of};
use crate::{
    diag::Diagnostics,
    graph::Node as GraphNode,
    model::{Area, Footprint},
    resource::with_program,
    site::{HostTask, Place, Preparation, Prepare, Registered},
};

impl Planner {
    pub(super) fn nodes(&self, tasks: &[HostTask], preparations: &[Preparation]) -> Vec<GraphNode> {
        let node = |(task, preparation): (&HostTask, &Preparation)| {
            let at = task.id.0 as usize;
            let seat = self.seat_of[at];
            let mut node = graph_node(task, preparation, self.machine_of[at], &self.users[seat].home);
            node.footprint.reads.extend(self.brought[at].iter().cloned().map(Area::Path));
            if self.absent.contains(&seat) {
                node.footprint.reads.extend(MAKERS);
            }
            node
        };
        tasks.iter().zip(preparations).map(node).collect()
    }
}

/// The graph's nodes as far as they are known without the host.
///
/// # Errors
/// What is wrong with the tasks.
pub fn offline_nodes(host: &dyn Prepare) -> Result<Vec<GraphNode>, Diagnostics> {
    let mut machines = vec![Place::Host];
    let mut errors = Diagnostics::default();
    let mut nodes = vec![];
    for task in host.tasks() {
        let prepared = errors.take(host.prepare(task.id, &Registered::default()));
        let machine = index_of(&mut machines, task.place.clone()) as u16;
        nodes.extend(prepared.map(|p| graph_node(task, &p, machine, "")));
    }
    errors.into_result(nodes)
}

/// The same of what is known for sure: tasks that are wrong, or not known yet, touch nothing.
pub fn sure_nodes(host: &dyn Prepare) -> Vec<GraphNode> {
    let nodes = host.tasks().iter().map(|task| match host.prepare(task.id, &Registered::default()) {
        Ok(Preparation::NotYet(..)) | Err(_) => graph_node(task, &Preparation::Skip(String::new()), 0, ""),
        Ok(known) => graph_node(task, &known, 0, ""),
    });
    nodes.collect()
}

fn graph_node(task: &HostTask, preparation: &Preparation, machine: u16, home: &str) -> GraphNode {
    GraphNode {
        name: task.name.clone(),
        footprint: footprint(task, preparation, home),
        machine,
        needs: task.needs.clone(),
        notifies: task.notify.clone(),
        follows: task.follows,
        blocks: task.blocks.clone(),
        reads: task.reads.clone(),
        registers: registers(task),
    }
}

fn footprint(task: &HostTask, preparation: &Preparation, home: &str) -> Footprint {
    // What it does is not known here: all before it come before it, and all behind it behind.
    if task.leader().is_some() {
        return Footprint::everything();
    }
    let mut footprint = match preparation {
        Preparation::Ready(prepared) | Preparation::Awaits(_, prepared) => with_program(&**prepared, false),
        Preparation::Items(items) => {
            let mut all = Footprint::default();
            for item in items.iter() {
                let own = footprint(task, &item.preparation, home);
                all.reads.extend(own.reads);
                all.writes.extend(own.writes);
            }
            all
        }
        Preparation::Skip(_) | Preparation::Sets(_) => return Footprint::default(),
        Preparation::NotYet(..) if ["set_fact", "meta"].contains(&&*task.resource) => {
            return Footprint::default();
        }
        Preparation::NotYet(_, footprint) => footprint.clone(),
    };
    footprint.writes.extend(task.touches.iter().cloned());
    let user = task.become_user.as_deref();
    footprint.reads = footprint.reads.into_iter().flat_map(|area| at_home(area, user, home)).collect();
    footprint
}

/// A path in the home of whoever the task is done as. Before the host has told, root's, or somewhere in /home, since no name tells where a
/// home is; both where nobody says who that is. Where it is the account says.
fn at_home(area: Area, user: Option<&str>, home: &str) -> Vec<Area> {
    let rest = match &area {
        Area::Path(path) => path.strip_prefix("~/"),
        _ => None,
    };
    let Some(rest) = rest else { return vec![area] };
    let (root, others) = (Area::Path(format!("/root/{rest}")), Area::Path("/home".into()));
    match (home.trim_end_matches('/'), user) {
        ("", Some("root")) => vec![root, Area::Accounts],
        ("", Some(_)) => vec![others, Area::Accounts],
        ("", None) => vec![root, others, Area::Accounts],
        (home, _) => vec![Area::Path(format!("{home}/{rest}")), Area::Accounts],
    }
}

/// The names under which later tasks read what this one comes to, and by which task: of a loop by its first item, of which each round of an
/// include has another. Each item of a `set_fact` may read what the one before it set.
fn registers(task: &HostTask) -> Vec<(String, usize)> {
    const ITEMS: usize = 1 << 40;
    let first = |item: Option<(usize, usize)>| ITEMS + task.id.0 as usize - item.map_or(0, |(at, _)| at);
    let register = task.register.iter().map(|register| (register.name.clone(), first(register.item)));
    let files = task.brings.iter().map(|name| (name.clone(), task.source));
    register.chain(files).chain(task.sets.iter().map(|name| (name.clone(), first(None)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_at_home_is_of_whoever_acts() {
        let paths = |path: &str, user, home| {
            let areas = at_home(Area::Path(path.into()), user, home);
            areas.iter().map(Area::to_string).collect::<Vec<_>>()
        };
        // A home may be /home/builds/deploy.
        assert_eq!(paths("~/.ssh", Some("deploy"), ""), ["/home", "accounts"]);
        assert_eq!(paths("~/.ssh", Some("deploy"), "/srv/deploy/"), ["/srv/deploy/.ssh", "accounts"]);
        assert_eq!(paths("~/.ssh", Some("root"), ""), ["/root/.ssh", "accounts"]);
        // A login as root names nobody.
        assert_eq!(paths("~/.ssh", None, ""), ["/root/.ssh", "/home", "accounts"]);
        assert_eq!(paths("/srv/x", None, "/root"), ["/srv/x"]);
    }
}
