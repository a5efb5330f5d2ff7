//! One pass over a host's tasks in their order: each is planned on what is known and on what those before it will do.

use super::{
    Counts, PlanError, Planner, failure::cycle_failure, predict::Overlay, result, verdict::HostPlan,
    walk::Walk,
};
use crate::{
    event::Failure,
    graph::TaskGraph,
    model::{Footprint, Part, TaskId},
    site::{HostTask, Preparation, Registered},
};
use agent::wire::Query;

/// What a pass comes to.
pub(super) enum Pass {
    Need(Vec<(usize, Vec<Query>)>),
    Done(Box<HostPlan>),
}

impl Planner {
    pub(super) fn pass(&mut self) -> Result<Pass, PlanError> {
        let host = self.host.clone();
        let tasks = host.tasks();
        let known = std::mem::take(&mut self.registered);
        let preparations = self.preparations(tasks).map_err(PlanError::Tasks)?;
        let nodes = self.nodes(tasks, &preparations);
        let graph =
            TaskGraph::build(&nodes).map_err(|cycle| PlanError::Tasks(vec![cycle_failure(&cycle, tasks)]))?;
        let machines = self.machine_of.iter().max().map_or(1, |m| usize::from(*m) + 1);
        let mut walk = Walk {
            overlays: (0..machines).map(|_| Overlay::new(&self.user)).collect(),
            plans: vec![None; tasks.len()],
            after: vec![vec![]; tasks.len()],
            open: vec![false; tasks.len()],
            needs: vec![Default::default(); self.seats.len()],
            laid: self.seats.iter().map(|_| Default::default()).collect(),
            registered: Registered::default(),
            results: vec![None; tasks.len()],
            also_known_as: vec![vec![]; tasks.len()],
            once: Default::default(),
            said: vec![Default::default(); tasks.len()],
            counts: preparations.iter().map(counts_by_type).collect(),
            rescued: tasks.iter().flat_map(|task| task.in_part(Part::Rescue)).collect(),
            any_register: tasks.iter().any(|task| task.names().next().is_some()),
            settled: true,
            faults: vec![],
            planner: self,
            tasks,
            preparations,
            nodes: &nodes,
            graph: &graph,
        };
        for id in graph.order() {
            walk.task(*id);
        }
        let Walk { preparations, plans, needs, registered, results, also_known_as, .. } = walk;
        let (once, said, counts, settled, faults) =
            (walk.once, walk.said, walk.counts, walk.settled, walk.faults);
        let settled = settled && result::same(&known, &registered);
        self.registered = registered;
        let needs = needs.into_iter().enumerate().filter(|(_, n)| !n.is_empty());
        let needs: Vec<_> = needs.map(|(seat, n)| (seat, n.into_iter().collect())).collect();
        // So that all that is wrong is told at once.
        if needs.is_empty() && !faults.is_empty() {
            return Err(PlanError::Tasks(faults));
        }
        if !needs.is_empty() || !settled {
            return Ok(Pass::Need(needs));
        }
        let tasks =
            plans.into_iter().map(|p| p.expect("nothing is needed, so every task has a verdict")).collect();
        let prepared = preparations.into_iter().map(|p| match p {
            Preparation::Ready(prepared) => (Some(prepared), None),
            Preparation::Awaits(_, prepared) => (None, Some(prepared)),
            _ => (None, None),
        });
        let (prepared, awaiting) = prepared.unzip();
        Ok(Pass::Done(Box::new(HostPlan {
            graph,
            nodes,
            tasks,
            prepared,
            awaiting,
            owing: self.owing.clone(),
            absent: self.absent.clone(),
            also_known_as,
            said,
            results,
            counts,
            once,
            rounds: 0,
        })))
    }

    /// What the tasks are, as far as it is known before the pass.
    ///
    /// # Errors
    /// Those that cannot be done as they are.
    fn preparations(&mut self, tasks: &[HostTask]) -> Result<Vec<Preparation>, Vec<(TaskId, Failure)>> {
        let mut faults = vec![];
        let mut preparations = vec![];
        for task in tasks {
            // What it was in the last pass: a name may be set more than once, and this one sees what was before it.
            if let Some(last) = self.last[task.id.0 as usize].clone() {
                preparations.push(last);
                continue;
            }
            preparations.push(self.prepare(task, &Registered::default()).unwrap_or_else(|failure| {
                // A rescue may be about what only a failure brings.
                if !task.is_rescue() {
                    faults.push((task.id, failure));
                }
                Preparation::NotYet("it cannot be prepared".into(), Footprint::everything())
            }));
        }
        if faults.is_empty() { Ok(preparations) } else { Err(faults) }
    }
}

/// Whether acting on the task is a change: that of a check, a wait or a request is none.
pub(super) fn counts_by_type(preparation: &Preparation) -> Counts {
    match preparation {
        Preparation::Ready(prepared) if !prepared.counts_as_change() => Counts::No,
        Preparation::Items(items)
            if items.iter().all(|item| counts_by_type(&item.preparation) == Counts::No) =>
        {
            Counts::No
        }
        _ => Counts::Yes,
    }
}
