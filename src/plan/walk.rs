//! One task after the other, each behind all that it depends on: what it comes to on what is known so far.

use super::{
    Counts, Planner, TaskPlan,
    behind::{Behind, behind},
    failure::task_failure,
    items,
    laid::Laid,
    late::late,
    owed::Notified,
    pass::counts_by_type,
    predict::Overlay,
    result,
    view::{View, waits},
};
use crate::{
    event::Failure,
    graph::{Node as GraphNode, TaskGraph, Why},
    model::{Address, Part, TaskId},
    resource::{Fault, Outcome},
    site::{HostTask, OnceKey, Preparation, Registered},
    yaml::{Map, Node},
};
use agent::wire::Query;
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
};

/// What is known on the way.
pub(super) struct Walk<'a> {
    pub planner: &'a mut Planner,
    pub tasks: &'a [HostTask],
    pub graph: &'a TaskGraph,
    pub nodes: &'a [GraphNode],
    pub preparations: Vec<Preparation>,
    /// The blocks that have a rescue.
    pub rescued: BTreeSet<u32>,
    pub any_register: bool,
    /// By machine.
    pub overlays: Vec<Overlay>,
    pub plans: Vec<Option<TaskPlan>>,
    /// The changes that each task depends on.
    pub after: Vec<Vec<TaskId>>,
    /// Tasks that wait for answers, and those behind them: what is wrong with these may still turn out right.
    pub open: Vec<bool>,
    pub counts: Vec<Counts>,
    pub registered: Registered,
    pub results: Vec<Option<Node>>,
    pub also_known_as: Vec<Vec<Address>>,
    pub said: Vec<items::Said>,
    pub once: HashMap<OnceKey, Map>,
    /// By seat.
    pub needs: Vec<BTreeSet<Query>>,
    pub laid: Vec<RefCell<Laid>>,
    /// Whether the tasks that read results are what they were in the last pass.
    pub settled: bool,
    pub faults: Vec<(TaskId, Failure)>,
}

/// What planning one task comes to.
enum Verdict {
    Plan(TaskPlan),
    /// It is planned when these are answered.
    Need(Vec<Query>),
    /// It may turn out otherwise when what is before it is planned.
    Open,
    Wrong(Failure),
}

impl Walk<'_> {
    /// Plans one task. All that it depends on has had its turn.
    pub fn task(&mut self, id: TaskId) {
        let at = id.0 as usize;
        let task = &self.tasks[at];
        let mut before = self.graph.before(id).filter(|(_, why)| why.may_show());
        self.open[at] = before.any(|(before, _)| self.open[before.0 as usize]);
        let program = self.program_there(task);
        let others = |before: TaskId, why: &Why| !program.is_why(why, &self.nodes[before.0 as usize]);
        let on_host =
            |before, why: &Why| why.may_show() && !matches!(why, Why::Result(_)) && others(before, why);
        let (all, on_host) = (self.behind(id, |_, why| why.may_show()), self.behind(id, on_host));
        let own = &self.nodes[at].footprint;
        let areas =
            own.reads.iter().chain(&own.writes).filter(|area| !program.is_at(area)).cloned().collect();
        let behind = Behind { all, on_host, areas, lets_come: self.lets_come(task) };
        if self.any_register
            && let Err(failure) = self.prepare_again(task)
        {
            return self.wrong(task, behind, failure);
        }
        // Whatever stood under its name before is not what it comes to.
        result::register_unknown(&mut self.registered, task);
        if self.is_done_elsewhere(task) {
            self.after[at] = behind.all;
            return;
        }
        let verdict = self.verdict(task, &behind);
        self.comes_behind(task);
        let plan = match verdict {
            Verdict::Plan(plan) => plan,
            Verdict::Need(queries) => {
                let asked = self.overlays[self.machine(task)].asked(queries);
                self.needs[self.planner.seat_of[at]].extend(asked);
                self.open[at] = true;
                return;
            }
            Verdict::Open => return,
            Verdict::Wrong(failure) => return self.wrong(task, behind, failure),
        };
        if let (TaskPlan::Unchanged { .. }, Preparation::Sets(values)) = (&plan, &self.preparations[at]) {
            self.registered.set(values);
        }
        let (plan, counts) = self.only_looked(task, plan);
        match self.judge(task, &behind, plan, counts) {
            Ok(Some((plan, counts))) => self.keep(task, behind, plan, counts),
            Ok(None) => {}
            Err(failure) => self.wrong(task, behind, failure),
        }
    }

    /// It cannot be done as it is. What it would have brought is not missed a second time by those behind it.
    fn wrong(&mut self, task: &HostTask, behind: Behind, failure: Failure) {
        let plan = TaskPlan::Deferred { why: failure.message.clone(), after: behind.all.clone() };
        let counts = counts_by_type(&self.preparations[task.id.0 as usize]);
        self.faults.push((task.id, failure));
        self.keep(task, behind, plan, counts);
    }

    fn behind(&self, id: TaskId, matters: impl Fn(TaskId, &Why) -> bool) -> Vec<TaskId> {
        behind(id, matters, self.graph, &self.plans, &self.after, &self.preparations)
    }

    fn view<'v>(&'v self, task: &HostTask, behind: &'v Behind) -> View<'v> {
        let at = task.id.0 as usize;
        View {
            answers: &self.planner.answers[self.planner.seat_of[at]],
            overlay: &self.overlays[self.machine(task)],
            depends: &behind.areas,
            after: &behind.on_host,
            tasks: self.tasks,
            is_open: self.open[at],
            all_told: self.needs.iter().all(BTreeSet::is_empty),
            lets_come: behind.lets_come,
            laid: &self.laid[self.planner.seat_of[at]],
            preparation: &self.preparations[at],
        }
    }

    pub(super) fn machine(&self, task: &HostTask) -> usize {
        usize::from(self.planner.machine_of[task.id.0 as usize])
    }

    /// What it is with what was registered so far.
    ///
    /// # Errors
    /// It cannot be done as it is.
    fn prepare_again(&mut self, task: &HostTask) -> Result<(), Failure> {
        let at = task.id.0 as usize;
        match self.planner.prepare(task, &self.registered) {
            Ok(again) => {
                if !task.reads.is_empty() {
                    let last = self.planner.last[at].as_ref();
                    self.settled &= last.is_some_and(|last| items::same(last, &again));
                    self.planner.last[at] = Some(again.clone());
                }
                self.preparations[at] = again;
                Ok(())
            }
            Err(_) if task.is_rescue() => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Whether another host does it for all; then what that one is planned to set is known.
    fn is_done_elsewhere(&mut self, task: &HostTask) -> bool {
        let (Some(leader), Some(once)) = (task.leader(), &task.once) else { return false };
        match self.planner.from_others.get(&once.key) {
            Some(values) => self.registered.set(values),
            None => {
                let what = format!("what `{}` comes to on `{leader}`", task.name);
                self.registered.set_unknown(task, &what);
            }
        }
        let (at, machine) = (task.id.0 as usize, self.machine(task));
        // Done there, it may show here as well.
        self.overlays[machine].waits = true;
        self.counts[at] = Counts::No;
        self.plans[at] =
            Some(TaskPlan::Skipped { why: format!("runs once, on `{leader}`"), callable: false });
        true
    }

    /// Whether what is missing may come though no task before it is known to bring it. Whoever names what a task needs knows why. Of a loop
    /// that is known as a whole only, one item may bring what another lacks.
    fn lets_come(&self, task: &HostTask) -> bool {
        let changes = |id: TaskId| {
            matches!(self.plans[id.0 as usize], Some(TaskPlan::Change(_) | TaskPlan::Deferred { .. }))
        };
        let mut before = self.graph.before(task.id);
        task.is_dynamic
            || self.planner.host.is_visited_before(task.id)
            || self.overlays[self.machine(task)].waits
            || before.any(|(before, why)| matches!(why, Why::Declared | Why::Notify) && changes(before))
    }

    /// Whether a failure of it is for a rescue to see.
    fn is_saved(&self, task: &HostTask) -> bool {
        task.in_part(Part::Main).any(|block| self.rescued.contains(&block))
    }

    fn verdict(&self, task: &HostTask, behind: &Behind) -> Verdict {
        let at = task.id.0 as usize;
        let notified = Notified::of(task.id, &self.planner.owing, self.graph, &self.plans, &self.counts);
        let left = |why: &str, callable| Verdict::Plan(TaskPlan::Skipped { why: why.into(), callable });
        let deferred = |why: &str, after: &[TaskId]| {
            Verdict::Plan(TaskPlan::Deferred { why: why.into(), after: after.to_vec() })
        };
        match &self.preparations[at] {
            // Its condition may be about what only a failure brings.
            Preparation::Skip(why) => left(why, !task.reads.is_empty()),
            Preparation::Items(items) if let Some(why) = items::all_skipped(items) => {
                left(&why, !task.reads.is_empty())
            }
            _ if task.is_rescue() => left("runs only when a task of its block fails", true),
            _ if task.handler && notified == Notified::No => left("nothing notifies it", true),
            Preparation::NotYet(why, _) | Preparation::Awaits(why, _) => deferred(why, &behind.all),
            Preparation::Sets(_) => {
                Verdict::Plan(TaskPlan::Unchanged { asked: vec![], notes: vec![], held: vec![] })
            }
            _ if task.handler && notified == Notified::Perhaps => {
                deferred("whether something notifies it shows when that has run", &behind.all)
            }
            _ if self.planner.absent.contains(&self.planner.seat_of[at]) => self.of_nobody(task, behind),
            Preparation::Ready(_) | Preparation::Items(_) => self.outcome(task, behind),
        }
    }

    /// Of a task that is done as a user who is not there yet.
    fn of_nobody(&self, task: &HostTask, behind: &Behind) -> Verdict {
        let at = task.id.0 as usize;
        let machine_of = &self.planner.machine_of;
        let before = (0..at).filter(|other| machine_of[*other] == machine_of[at]);
        match late(task, &self.view(task, behind), before.filter_map(|other| self.plans[other].as_ref())) {
            Ok(why) => Verdict::Plan(TaskPlan::Deferred { why, after: behind.on_host.clone() }),
            Err(_) if self.open[at] => Verdict::Open,
            Err(fault) => Verdict::Wrong(task_failure(task, &fault)),
        }
    }

    fn outcome(&self, task: &HostTask, behind: &Behind) -> Verdict {
        let at = task.id.0 as usize;
        let open = self.open[at];
        let deferred = |why: String| Verdict::Plan(TaskPlan::Deferred { why, after: behind.on_host.clone() });
        match items::outcome(
            &self.preparations[at],
            &self.view(task, behind),
            &self.planner.mask,
            task.only_looks,
        ) {
            Ok(Outcome::Need(queries)) => Verdict::Need(queries),
            Err(_) | Ok(Outcome::NotYet(_)) if open => Verdict::Open,
            // It is tried again when it runs, or such an end is no failure.
            Err(fault)
                if task.tries.is_some() || task.ignore_errors || task.judged || self.is_saved(task) =>
            {
                deferred(fault.message)
            }
            Err(Fault { message: why, .. }) if self.may_differ(task, &behind.all) => {
                Verdict::Plan(TaskPlan::Deferred { why, after: behind.all.clone() })
            }
            Err(fault) => Verdict::Wrong(task_failure(task, &fault)),
            Ok(Outcome::NotYet(why)) if behind.on_host.is_empty() && !behind.lets_come => {
                Verdict::Wrong(task_failure(task, &Fault::new(why)))
            }
            Ok(Outcome::NotYet(why)) => deferred(why),
            Ok(Outcome::Unchanged { asked, notes, held }) => {
                Verdict::Plan(TaskPlan::Unchanged { asked, notes, held })
            }
            Ok(Outcome::Change(change)) => Verdict::Plan(TaskPlan::Change(change)),
        }
    }

    /// What is left of a task that only looks (`check_mode`), and whether acting on it counts as a change.
    fn only_looked(&self, task: &HostTask, plan: TaskPlan) -> (TaskPlan, Counts) {
        let preparation = &self.preparations[task.id.0 as usize];
        let counts = match &plan {
            TaskPlan::Unchanged { .. } | TaskPlan::Skipped { .. } => Counts::No,
            TaskPlan::Change(_) | TaskPlan::Deferred { .. } => counts_by_type(preparation),
        };
        let TaskPlan::Change(change) = &plan else { return (plan, counts) };
        if !task.only_looks {
            return (plan, counts);
        }
        if matches!(preparation, Preparation::Ready(prepared) if prepared.is_command()) {
            let why = "`check_mode`: a command is not run".into();
            return (TaskPlan::Skipped { why, callable: false }, Counts::No);
        }
        let facets: Vec<_> = change.diff.facets.iter().map(|facet| facet.facet.as_str()).collect();
        let notes = vec![format!("`check_mode`: would change {}, and does not", facets.join(", "))];
        (TaskPlan::Unchanged { asked: change.asked(), notes, held: change.held.clone() }, counts)
    }

    /// What the task's own conditions make of it; `None` while that is open.
    fn judge(
        &self,
        task: &HostTask,
        behind: &Behind,
        mut plan: TaskPlan,
        counts: Counts,
    ) -> Result<Option<(TaskPlan, Counts)>, Failure> {
        let at = task.id.0 as usize;
        let (preparation, view) = (&self.preparations[at], self.view(task, behind));
        if !task.judged {
            return Ok(Some((plan, counts)));
        }
        if task.is_dynamic {
            let host = &*self.planner.host;
            let counts = items::judged(host, task, &mut plan, preparation, counts, &view);
            return Ok(Some((plan, counts)));
        }
        let judged = self.planner.judged(task, &view, &plan, preparation, counts, &self.registered);
        let Some(judged) = judged else { return Ok(Some((plan, counts))) };
        let is_lenient = || {
            // It may come out otherwise when it runs, or such an end is no failure.
            task.tries.is_some()
                || task.ignore_errors
                || self.is_saved(task)
                || !behind.on_host.is_empty()
                || self.may_differ(task, &behind.all)
        };
        let why = match judged.failed {
            Some(_) if self.open[at] => return Ok(None),
            Some(failure) if is_lenient() => Some(failure.message),
            Some(failure) => return Err(failure),
            None => judged.pending,
        };
        let Some(why) = why else { return Ok(Some((plan, judged.counts))) };
        let counts = if judged.has_changed_when { Counts::Perhaps } else { counts_by_type(preparation) };
        Ok(Some((TaskPlan::Deferred { why, after: behind.all.clone() }, counts)))
    }

    /// Lays down what the task will do and come to, for those behind it.
    fn keep(&mut self, task: &HostTask, behind: Behind, plan: TaskPlan, counts: Counts) {
        let at = task.id.0 as usize;
        let preparation = &self.preparations[at];
        let view = self.view(task, &behind);
        let result = match task.register {
            // What those before it do is not known yet: it may turn out otherwise.
            Some(_) if !self.open[at] => {
                let may_fail = (task.ignore_errors || self.is_saved(task))
                    && !self.planner.never_fails(task, &self.registered);
                self.planner.result(task, &view, &plan, preparation, counts, may_fail)
            }
            _ => None,
        };
        let (also_known_as, said) = (items::also_known(preparation, &view), items::said(preparation, &view));
        // What a task waits for comes from elsewhere, and more with it. What a rescue does is not planned.
        let waits = task.is_rescue() || task.tries.is_some() || waits(&plan, preparation);
        let machine = self.machine(task);
        let (overlay, writes) = (&mut self.overlays[machine], &self.nodes[at].footprint.writes);
        overlay.waits |= waits;
        match &plan {
            TaskPlan::Change(change) => {
                let answers = &self.planner.answers[self.planner.seat_of[at]];
                let real = |query: &Query| answers.get(query).cloned();
                overlay.acts_as(&self.planner.users[self.planner.seat_of[at]]);
                overlay.add(&task.name, &change.ops, &change.effects, writes, &real);
            }
            TaskPlan::Deferred { why, .. } => {
                overlay.add_unknown(&task.name, writes);
                if !task.sets.is_empty() {
                    self.registered.set_unknown(task, why);
                }
            }
            TaskPlan::Skipped { .. } => self.registered.unset.extend(task.sets.iter().cloned()),
            TaskPlan::Unchanged { .. } => {}
        }
        self.registered.bring(task, matches!(plan, TaskPlan::Change(_) | TaskPlan::Deferred { .. }));
        if let (Some(register), Some(node)) = (&task.register, result) {
            // An uncalled rescue leaves what the main part registered.
            if !task.is_rescue() || !self.registered.results.contains_key(&register.name) {
                self.results[at] = Some(node.clone());
                result::register(&mut self.registered, register, node);
            }
        }
        if let Some(own) = &task.once {
            self.once.insert(own.key.clone(), self.registered.of(task));
        }
        (self.also_known_as[at], self.said[at]) = (also_known_as, said);
        self.counts[at] = counts;
        self.after[at] = behind.all;
        self.plans[at] = Some(plan);
    }
}
