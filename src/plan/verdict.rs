//! What planning came to: a verdict for every task of a host.

use super::{Owing, items::Said};
use crate::{
    event::{After, Failure, PlannedTask, Verdict},
    graph::{Node as GraphNode, TaskGraph, Why, reduced},
    model::{Address, Part, TaskId},
    resource::{Change, Held, Prepared},
    site::{HostTask, OnceKey},
    yaml::{Map, Node as ResultNode},
};
use agent::wire::Query;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// The verdict on one task, with what acting on it needs.
#[derive(Clone)]
pub enum TaskPlan {
    Unchanged {
        asked: Vec<Query>,
        notes: Vec<String>,
        held: Held,
    },
    Change(Box<Change>),
    Deferred {
        why: String,
        after: Vec<TaskId>,
    },
    /// `callable`: the failure of another task may call for it, or for one that notifies it.
    Skipped {
        why: String,
        callable: bool,
    },
}

/// Why there is no plan for a host.
pub enum PlanError {
    /// The link broke.
    Link(Failure),
    /// These tasks cannot be done as they are.
    Tasks(Vec<(TaskId, Failure)>),
}

/// A host's plan.
pub struct HostPlan {
    pub graph: TaskGraph,
    pub nodes: Vec<GraphNode>,
    pub tasks: Vec<TaskPlan>,
    pub prepared: Vec<Option<Arc<dyn Prepared>>>,
    /// The same of those of which a part is to come.
    pub awaiting: Vec<Option<Arc<dyn Prepared>>>,
    /// What the host owes since earlier runs.
    pub owing: Owing,
    /// The seats whose users are not there yet.
    pub absent: BTreeSet<usize>,
    /// Other names of what each task owns, as the host tells them.
    pub also_known_as: Vec<Vec<Address>>,
    /// What each task says of itself: the ports that it opens or closes, and what the lint goes by.
    pub said: Vec<Said>,
    /// What is predicted for each task that registers its result.
    pub results: Vec<Option<ResultNode>>,
    /// Whether acting on a task counts as a change.
    pub counts: Vec<Counts>,
    /// What tasks that it does for other hosts are predicted to set.
    pub once: HashMap<OnceKey, Map>,
    /// Round trips it took.
    pub rounds: usize,
}

impl HostPlan {
    /// The plan as an event shows it.
    pub fn shown(&self, tasks: &[HostTask]) -> Vec<PlannedTask> {
        let name = |id: &TaskId| tasks[id.0 as usize].name.clone();
        let called = self.called(tasks);
        let verdict = |task: &HostTask| match &self.tasks[task.id.0 as usize] {
            TaskPlan::Unchanged { .. } => Verdict::Unchanged,
            TaskPlan::Skipped { .. } if !called[task.id.0 as usize].is_empty() => {
                let names: Vec<String> = called[task.id.0 as usize].iter().map(name).collect();
                Verdict::Skipped { why: only_if(&names) }
            }
            TaskPlan::Skipped { why, .. } => Verdict::Skipped { why: why.clone() },
            TaskPlan::Deferred { why, after } => {
                Verdict::Deferred { why: why.clone(), after: after.iter().map(name).collect() }
            }
            TaskPlan::Change(change) => {
                let prepared = self.prepared[task.id.0 as usize].as_ref();
                let by = self.graph.before(task.id).find(|(_, why)| matches!(why, Why::Notify));
                match prepared {
                    Some(p) if p.acts() => Verdict::Run {
                        why: match (by, self.owing.why(task.id)) {
                            (_, Some(owed)) => owed,
                            (Some(_), None) => "notified".into(),
                            (None, None) => "runs every time".into(),
                        },
                        diff: change.diff.clone(),
                    },
                    _ => Verdict::Change { diff: change.diff.clone() },
                }
            }
        };
        let edges = reduced(&self.graph);
        let after = |(task, why): &(TaskId, &Why)| After {
            task: *task,
            why: why.to_string(),
            order_only: why.is_order_only(),
        };
        tasks
            .iter()
            .map(|task| PlannedTask {
                task: task.id,
                name: task.name.clone(),
                resource: task.resource.to_string(),
                place: task.origin.to_string(),
                verdict: verdict(task),
                notes: match &self.tasks[task.id.0 as usize] {
                    TaskPlan::Unchanged { notes, .. } => notes.as_slice(),
                    TaskPlan::Change(change) => &change.notes,
                    TaskPlan::Deferred { .. } | TaskPlan::Skipped { .. } => &[],
                }
                .iter()
                .cloned()
                .chain(self.owing.why(task.id))
                .collect(),
                after: edges[task.id.0 as usize].iter().map(after).collect(),
                exposes: self.said[task.id.0 as usize].exposed.clone(),
                if_fails: called[task.id.0 as usize].clone(),
            })
            .collect()
    }

    /// For each task of a rescue those that act, as far as the plan tells, and whose failure calls for it; for each handler that only such
    /// tasks notify, all those.
    pub fn called(&self, tasks: &[HostTask]) -> Vec<Vec<TaskId>> {
        let mut called: Vec<Vec<TaskId>> = vec![vec![]; tasks.len()];
        for task in tasks {
            if !matches!(self.tasks[task.id.0 as usize], TaskPlan::Skipped { callable: true, .. }) {
                continue;
            }
            // Those further out are entered already when it comes to this one.
            let Some(block) = task.in_part(Part::Rescue).last() else {
                let notifiers = self.graph.before(task.id).filter(|(_, why)| matches!(why, Why::Notify));
                let by: BTreeSet<TaskId> =
                    notifiers.flat_map(|(by, _)| called[by.0 as usize].clone()).collect();
                called[task.id.0 as usize] = by.into_iter().collect();
                continue;
            };
            let acts = |id: TaskId| match self.tasks[id.0 as usize] {
                TaskPlan::Change(_) | TaskPlan::Deferred { .. } => true,
                TaskPlan::Unchanged { .. } | TaskPlan::Skipped { .. } => !called[id.0 as usize].is_empty(),
            };
            let main = tasks.iter().filter(|other| other.in_part(Part::Main).any(|own| own == block));
            let by = main.map(|other| other.id).filter(|id| acts(*id)).collect();
            called[task.id.0 as usize] = by;
        }
        called
    }

    /// Whether acting on this task changes the host (an action such as a check does not).
    pub fn changes(&self, id: TaskId) -> bool {
        let at = id.0 as usize;
        matches!(self.tasks[at], TaskPlan::Change(_)) && self.counts[at] != Counts::No
    }
}

fn only_if(names: &[String]) -> String {
    const NAMED: usize = 3;
    let quoted: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    match names.len() {
        1 => format!("only if {} fails", quoted[0]),
        2..=NAMED => format!("only if one of {} fails", quoted.join(", ")),
        count => format!("only if one of {} or {} more fails", quoted.join(", "), count - NAMED),
    }
}

/// Whether what a task does counts as a change, by what its type and its own `changed_when` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    No,
    /// Its result will tell.
    Perhaps,
    Yes,
}
