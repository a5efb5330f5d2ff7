//! Rounds of questions until every task of a host has a verdict.

use super::{Ask, predict::Overlay, result};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    event::{Failure, PlannedTask, Verdict},
    graph::{Node as GraphNode, TaskGraph, Why},
    model::{Area, Footprint, TaskId},
    resource::{Change, Fault, Look, Lookup, Mask, Outcome, Prepared},
    site::{HostTask, Place, Preparation, Prepare, Registered},
};
use agent::wire::{Answer, Output, Query};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Who acts for a task: where, and as whom. Each has a link of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat {
    pub place: Place,
    pub become_user: Option<String>,
}

/// The verdict on one task, with what acting on it needs.
#[derive(Clone)]
pub enum TaskPlan {
    Unchanged { asked: Vec<Query> },
    Change(Box<Change>),
    Deferred { why: String, after: Vec<TaskId> },
    Skipped { why: String },
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
    /// Round trips it took.
    pub rounds: usize,
}

/// Plans one host.
pub struct Planner {
    host: Arc<dyn Prepare>,
    seats: Vec<Seat>,
    seat_of: Vec<usize>,
    machine_of: Vec<u16>,
    answers: Vec<HashMap<Query, Answer>>,
    prepared: Vec<Option<Arc<dyn Prepared>>>,
    registered: Registered,
    mask: Mask,
    user: String,
}

/// What a task sees: answers of its seat under the predictions for its machine.
struct View<'a> {
    answers: &'a HashMap<Query, Answer>,
    overlay: &'a Overlay,
    depends: &'a [Area],
    after: &'a [TaskId],
    tasks: &'a [HostTask],
}

impl Lookup for View<'_> {
    fn look(&self, query: &Query) -> Look {
        if let Some(look) = self.overlay.look(query, self.depends) {
            return look;
        }
        if let (Query::Test(_), Some(first)) = (query, self.after.first()) {
            let name = &self.tasks[first.0 as usize].name;
            return Look::Unknown(format!("its condition depends on what `{name}` changes"));
        }
        self.answers.get(query).map_or(Look::NotAsked, |answer| Look::Known(answer.clone()))
    }

    fn may_still_come(&self) -> bool {
        !self.after.is_empty()
    }
}

enum Pass {
    Need(Vec<(usize, Vec<Query>)>),
    Done(Box<HostPlan>),
}

impl Planner {
    /// `user` is the one the agent runs as on the host: the owner of new files that name none.
    pub fn new(host: Arc<dyn Prepare>, mask: Mask, user: &str) -> Self {
        let (mut seats, mut places) = (vec![], vec![Place::Host]);
        let (mut seat_of, mut machine_of) = (vec![], vec![]);
        for task in host.tasks() {
            let seat = Seat { place: task.place.clone(), become_user: task.become_user.clone() };
            seat_of.push(index_of(&mut seats, seat));
            machine_of.push(index_of(&mut places, task.place.clone()) as u16);
        }
        let count = host.tasks().len();
        Self {
            answers: vec![HashMap::new(); seats.len()],
            prepared: vec![None; count],
            registered: Registered::default(),
            user: user.into(),
            host,
            seats,
            seat_of,
            machine_of,
            mask,
        }
    }

    /// The seats whose links are needed, in the order that [`Self::plan`] wants them.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// For each task the index of its seat.
    pub fn seat_of(&self) -> &[usize] {
        &self.seat_of
    }

    /// For each task the machine it acts on; 0 is the host.
    pub fn machine_of(&self) -> &[u16] {
        &self.machine_of
    }

    /// What one seat will surely be asked, as far as it shows before anything was answered.
    pub fn questions(&mut self, seat: &Seat) -> Vec<Query> {
        let Some(index) = self.seats.iter().position(|s| s == seat) else { return vec![] };
        let (host, none, overlay) = (self.host.clone(), Registered::default(), Overlay::new(""));
        let mut questions = BTreeSet::new();
        for task in host.tasks().iter().filter(|t| !t.handler) {
            let at = task.id.0 as usize;
            if self.seat_of[at] != index {
                continue;
            }
            let Ok(Preparation::Ready(prepared)) = self.prepare(task, &none) else { continue };
            let answers = &self.answers[index];
            let view = View { answers, overlay: &overlay, depends: &[], after: &[], tasks: host.tasks() };
            if let Ok(Outcome::Need(queries)) = prepared.plan(&view, &self.mask) {
                // What the user's own commands ask may depend on earlier tasks: not before the plan says so.
                questions.extend(queries.into_iter().filter(|q| !matches!(q, Query::Test(_))));
            }
        }
        questions.into_iter().collect()
    }

    /// Takes answers that were had already.
    pub fn learn(&mut self, seat: &Seat, answers: impl IntoIterator<Item = (Query, Answer)>) {
        if let Some(index) = self.seats.iter().position(|s| s == seat) {
            self.answers[index].extend(answers);
        }
    }

    /// Asks and predicts until every task has its verdict. `asks` are the seats' links.
    ///
    /// # Errors
    /// A broken link, or all tasks that cannot be planned.
    pub async fn plan(&mut self, asks: &[Arc<dyn Ask>]) -> Result<HostPlan, PlanError> {
        // Every round answers at least one more question of at least one task.
        let most = self.host.tasks().len() * 4 + 16;
        for rounds in 0..most {
            match self.pass()? {
                Pass::Done(mut plan) => {
                    plan.rounds = rounds;
                    return Ok(*plan);
                }
                Pass::Need(needs) => {
                    let rounds = needs.into_iter().map(|(seat, queries)| {
                        let ask = asks[seat].clone();
                        async move { (seat, ask.ask(queries.clone()).await, queries) }
                    });
                    for (seat, answers, queries) in join_all(rounds).await {
                        let answers = answers.map_err(PlanError::Link)?;
                        self.answers[seat].extend(queries.into_iter().zip(answers));
                    }
                }
            }
        }
        Err(PlanError::Link(failure("planning does not come to an end: a bug", Exit::Bug)))
    }

    /// Hands over what was answered, by seat, for the run to go on with.
    pub fn into_answers(self) -> Vec<HashMap<Query, Answer>> {
        self.answers
    }

    fn pass(&mut self) -> Result<Pass, PlanError> {
        let host = self.host.clone();
        let tasks = host.tasks();
        let mut faults: Vec<(TaskId, Failure)> = vec![];
        let known = std::mem::take(&mut self.registered);
        let mut preparations = vec![];
        for task in tasks {
            preparations.push(self.prepare(task, &known).unwrap_or_else(|failure| {
                faults.push((task.id, failure));
                Preparation::NotYet("it cannot be prepared".into())
            }));
        }
        if !faults.is_empty() {
            return Err(PlanError::Tasks(faults));
        }
        let nodes = self.nodes(tasks, &preparations);
        let graph =
            TaskGraph::build(&nodes).map_err(|cycle| PlanError::Tasks(vec![cycle_failure(&cycle, tasks)]))?;
        let machines = self.machine_of.iter().max().map_or(1, |m| usize::from(*m) + 1);
        let mut overlays: Vec<Overlay> = (0..machines).map(|_| Overlay::new(&self.user)).collect();
        let mut plans: Vec<Option<TaskPlan>> = vec![None; tasks.len()];
        let mut after: Vec<Vec<TaskId>> = vec![vec![]; tasks.len()];
        // Tasks that wait for answers, and those behind them: what is wrong with these may still turn out right.
        let mut open = vec![false; tasks.len()];
        let mut needs: Vec<BTreeSet<Query>> = vec![BTreeSet::new(); self.seats.len()];
        let mut registered = Registered::default();
        let any_register = tasks.iter().any(|t| t.register.is_some());
        for id in graph.order().iter().copied() {
            let at = id.0 as usize;
            let task = &tasks[at];
            let behind = behind(id, &graph, &plans, &after, &preparations);
            let mut before = graph.before(id).filter(|(_, why)| !matches!(why, Why::Order(_)));
            open[at] = before.any(|(before, _)| open[before.0 as usize]);
            if any_register {
                match self.prepare(task, &registered) {
                    Ok(again) => preparations[at] = again,
                    Err(failure) => {
                        faults.push((id, failure));
                        continue;
                    }
                }
            }
            let (seat, machine) = (self.seat_of[at], usize::from(self.machine_of[at]));
            let notified = notified(id, &graph, &plans);
            let plan = match &preparations[at] {
                Preparation::Skip(why) => TaskPlan::Skipped { why: why.clone() },
                _ if task.handler && notified == Notified::No => {
                    TaskPlan::Skipped { why: "nothing notifies it".into() }
                }
                Preparation::NotYet(why) => TaskPlan::Deferred { why: why.clone(), after: behind.clone() },
                Preparation::Ready(_) if task.handler && notified == Notified::Perhaps => {
                    TaskPlan::Deferred {
                        why: "what notifies it is deferred itself".into(),
                        after: behind.clone(),
                    }
                }
                Preparation::Ready(prepared) => {
                    let footprint = &nodes[at].footprint;
                    let depends: Vec<Area> =
                        footprint.reads.iter().chain(&footprint.writes).cloned().collect();
                    let view = View {
                        answers: &self.answers[seat],
                        overlay: &overlays[machine],
                        depends: &depends,
                        after: &behind,
                        tasks,
                    };
                    match prepared.plan(&view, &self.mask) {
                        Ok(Outcome::Need(queries)) => {
                            needs[seat].extend(queries);
                            open[at] = true;
                            continue;
                        }
                        Err(_) if open[at] => continue,
                        Ok(Outcome::NotYet(_)) if open[at] => continue,
                        Err(fault) => {
                            faults.push((id, task_failure(task, &fault)));
                            continue;
                        }
                        Ok(Outcome::NotYet(why)) if behind.is_empty() => {
                            faults.push((id, task_failure(task, &Fault::new(why))));
                            continue;
                        }
                        Ok(Outcome::NotYet(why)) => TaskPlan::Deferred { why, after: behind.clone() },
                        Ok(Outcome::Unchanged { asked }) => TaskPlan::Unchanged { asked },
                        Ok(Outcome::Change(change)) => TaskPlan::Change(change),
                    }
                }
            };
            let writes = &nodes[at].footprint.writes;
            match &plan {
                TaskPlan::Change(change) => {
                    let answers = &self.answers[seat];
                    overlays[machine]
                        .add(&task.name, &change.ops, &change.effects, &|q| answers.get(q).cloned());
                }
                TaskPlan::Deferred { .. } => overlays[machine].add_unknown(&task.name, writes),
                TaskPlan::Unchanged { .. } | TaskPlan::Skipped { .. } => {}
            }
            if let Some(register) = &task.register {
                let output = self.output_of(seat, &plan);
                let node = match &plan {
                    TaskPlan::Deferred { .. } => None,
                    TaskPlan::Skipped { .. } => {
                        Some(result::node(&result::Outcome { skipped: true, ..Default::default() }))
                    }
                    TaskPlan::Unchanged { .. } => {
                        Some(result::node(&result::Outcome { output: output.as_ref(), ..Default::default() }))
                    }
                    TaskPlan::Change(_) => Some(result::node(&result::Outcome {
                        changed: true,
                        predicted: Some(&task.name),
                        ..Default::default()
                    })),
                };
                if let Some(node) = node {
                    result::register(&mut registered, register, node);
                }
            }
            after[at] = behind;
            plans[at] = Some(plan);
        }
        if !faults.is_empty() {
            return Err(PlanError::Tasks(faults));
        }
        let settled = same(&known, &registered);
        self.registered = registered;
        let needs = needs.into_iter().enumerate().filter(|(_, n)| !n.is_empty());
        let needs: Vec<_> = needs.map(|(seat, n)| (seat, n.into_iter().collect())).collect();
        if !needs.is_empty() || !settled {
            return Ok(Pass::Need(needs));
        }
        let tasks =
            plans.into_iter().map(|p| p.expect("nothing is needed, so every task has a verdict")).collect();
        let prepared = preparations.into_iter().map(|p| match p {
            Preparation::Ready(prepared) => Some(prepared),
            _ => None,
        });
        Ok(Pass::Done(Box::new(HostPlan { graph, nodes, tasks, prepared: prepared.collect(), rounds: 0 })))
    }

    /// What the read-only command behind an unchanged verdict printed.
    fn output_of(&self, seat: usize, plan: &TaskPlan) -> Option<Output> {
        let TaskPlan::Unchanged { asked } = plan else { return None };
        asked.iter().rev().find_map(|query| match (query, self.answers[seat].get(query)) {
            (Query::Test(_), Some(Answer::Output(output))) => Some(output.clone()),
            _ => None,
        })
    }

    /// Prepared tasks are kept; only what waits for a result is tried again.
    fn prepare(&mut self, task: &HostTask, registered: &Registered) -> Result<Preparation, Failure> {
        let at = task.id.0 as usize;
        if registered.0.is_empty()
            && let Some(prepared) = &self.prepared[at]
        {
            return Ok(Preparation::Ready(prepared.clone()));
        }
        let preparation =
            self.host.prepare(task.id, registered).map_err(|d| diagnostics_failure(task, &d))?;
        if let (Preparation::Ready(prepared), true) = (&preparation, registered.0.is_empty()) {
            self.prepared[at] = Some(prepared.clone());
        }
        Ok(preparation)
    }

    fn nodes(&self, tasks: &[HostTask], preparations: &[Preparation]) -> Vec<GraphNode> {
        let node = |(task, preparation): (&HostTask, &Preparation)| {
            graph_node(task, preparation, self.machine_of[task.id.0 as usize])
        };
        tasks.iter().zip(preparations).map(node).collect()
    }
}

impl HostPlan {
    /// The plan as an event shows it.
    pub fn shown(&self, tasks: &[HostTask]) -> Vec<PlannedTask> {
        let name = |id: &TaskId| tasks[id.0 as usize].name.clone();
        let verdict = |task: &HostTask| match &self.tasks[task.id.0 as usize] {
            TaskPlan::Unchanged { .. } => Verdict::Unchanged,
            TaskPlan::Skipped { why } => Verdict::Skipped { why: why.clone() },
            TaskPlan::Deferred { why, after } => {
                Verdict::Deferred { why: why.clone(), after: after.iter().map(name).collect() }
            }
            TaskPlan::Change(change) => {
                let prepared = self.prepared[task.id.0 as usize].as_ref();
                let by = self.graph.before(task.id).find(|(_, why)| matches!(why, Why::Notify));
                match prepared {
                    Some(p) if p.acts() => Verdict::Run {
                        why: by.map_or_else(|| "runs every time".into(), |_| "notified".into()),
                        diff: change.diff.clone(),
                    },
                    _ => Verdict::Change { diff: change.diff.clone() },
                }
            }
        };
        tasks
            .iter()
            .map(|task| PlannedTask {
                task: task.id,
                name: task.name.clone(),
                resource: task.resource.into(),
                place: task.origin.to_string(),
                verdict: verdict(task),
            })
            .collect()
    }

    /// Whether acting on this task changes the host (an action such as a check does not).
    pub fn changes(&self, id: TaskId) -> bool {
        let at = id.0 as usize;
        matches!(self.tasks[at], TaskPlan::Change(_))
            && self.prepared[at].as_ref().is_some_and(|p| p.counts_as_change())
    }
}

#[derive(PartialEq)]
enum Notified {
    No,
    Perhaps,
    Yes,
}

fn notified(id: TaskId, graph: &TaskGraph, plans: &[Option<TaskPlan>]) -> Notified {
    let notifiers = graph.before(id).filter(|(_, why)| matches!(why, Why::Notify));
    let mut answer = Notified::No;
    for (notifier, _) in notifiers {
        match &plans[notifier.0 as usize] {
            Some(TaskPlan::Change(_)) => return Notified::Yes,
            // Not planned yet in this round: ask as if it were notified.
            None => return Notified::Yes,
            Some(TaskPlan::Deferred { .. }) => answer = Notified::Perhaps,
            _ => {}
        }
    }
    answer
}

/// The tasks that change something and that this one depends on, nearest first; through unchanged ones as well.
fn behind(
    id: TaskId,
    graph: &TaskGraph,
    plans: &[Option<TaskPlan>],
    after: &[Vec<TaskId>],
    preparations: &[Preparation],
) -> Vec<TaskId> {
    const ENOUGH: usize = 4;
    let mut found: Vec<TaskId> = vec![];
    let depends = graph.before(id).filter(|(_, why)| !matches!(why, Why::Order(_)));
    for (before, _) in depends {
        let at = before.0 as usize;
        let changing = match &plans[at] {
            Some(TaskPlan::Deferred { .. }) => true,
            Some(TaskPlan::Change(_)) => match &preparations[at] {
                Preparation::Ready(prepared) => prepared.counts_as_change(),
                _ => true,
            },
            _ => false,
        };
        let found_here = if changing { std::slice::from_ref(&before) } else { &after[at] };
        for task in found_here {
            if !found.contains(task) {
                found.push(*task);
            }
        }
        if found.len() >= ENOUGH {
            break;
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.truncate(ENOUGH);
    found
}

fn same(a: &Registered, b: &Registered) -> bool {
    let unknown = |n: &crate::yaml::Node| n.unknown().is_some();
    a.0.len() == b.0.len()
        && a.0
            .iter()
            .zip(&b.0)
            .all(|((x, m), (y, n))| x == y && unknown(m) == unknown(n) && m.to_json() == n.to_json())
}

fn index_of<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

/// Polls all futures of a round together. They are few: one for each seat.
async fn join_all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(move |context| {
        let mut waiting = false;
        for (future, done) in &mut pending {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(pending.iter_mut().filter_map(|(_, done)| done.take()).collect())
    })
    .await
}

fn failure(message: impl Into<String>, exit: Exit) -> Failure {
    Failure {
        message: message.into(),
        causes: vec![],
        hint: None,
        exit: exit as u8,
        place: None,
        output: vec![],
    }
}

/// A fault of a task, with its place.
pub fn task_failure(task: &HostTask, fault: &Fault) -> Failure {
    let place = Some(task.origin.to_string());
    Failure { hint: fault.hint.clone(), place, ..failure(&fault.message, Exit::TaskFailed) }
}

/// What is wrong with a task's parameters, found only with the host's facts or results.
pub fn diagnostics_failure(task: &HostTask, diagnostics: &Diagnostics) -> Failure {
    let mut rest = diagnostics.0.iter();
    let first = rest.next();
    let message = first.map_or("cannot be prepared", |d| d.message.as_str());
    let origin = first.and_then(|d| d.place.as_ref()).map_or(&task.origin, |(origin, _)| origin);
    let own = first.iter().flat_map(|d| d.causes.clone());
    let causes = own.chain(rest.map(ToString::to_string)).collect();
    let hint = diagnostics.0.iter().find_map(|d| d.hint.clone());
    Failure { causes, hint, place: Some(origin.to_string()), ..failure(message, Exit::Config) }
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
        nodes.extend(prepared.map(|p| graph_node(task, &p, machine)));
    }
    errors.into_result(nodes)
}

/// A cycle as an error with places.
pub fn cycle_diagnostic(cycle: &crate::graph::Cycle, tasks: &[HostTask]) -> Diagnostic {
    let (first, failure) = cycle_failure(cycle, tasks);
    let diagnostic = Diagnostic::error(failure.message).at(&tasks[first.0 as usize].origin);
    let diagnostic = failure.causes.into_iter().fold(diagnostic, Diagnostic::cause);
    diagnostic.hint(failure.hint.unwrap_or_default())
}

fn graph_node(task: &HostTask, preparation: &Preparation, machine: u16) -> GraphNode {
    GraphNode {
        name: task.name.clone(),
        footprint: match preparation {
            Preparation::Ready(prepared) => prepared.footprint(),
            Preparation::Skip(_) => Footprint::default(),
            Preparation::NotYet(_) => Footprint::everything(),
        },
        machine,
        needs: task.needs.clone(),
        notifies: task.notify.clone(),
    }
}

fn cycle_failure(cycle: &crate::graph::Cycle, tasks: &[HostTask]) -> (TaskId, Failure) {
    let name = |id: TaskId| format!("`{}` ({})", tasks[id.0 as usize].name, tasks[id.0 as usize].origin);
    let count = cycle.0.len();
    let step = |(i, (id, why)): (usize, &(TaskId, Why))| {
        format!("{} waits for {} ({why})", name(cycle.0[(i + 1) % count].0), name(*id))
    };
    let first = cycle.0[0].0;
    let causes = cycle.0.iter().enumerate().map(step).collect();
    let message = "tasks wait for each other";
    let hint = Some("remove one of the `needs`".into());
    let place = Some(tasks[first.0 as usize].origin.to_string());
    (first, Failure { causes, hint, place, ..failure(message, Exit::Config) })
}
