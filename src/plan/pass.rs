//! One pass over a host's tasks in their order: each is planned on what is known and on what those before it will do.

use super::{
    Counts, PlanError, Planner, TaskPlan,
    behind::behind,
    failure::{cycle_failure, task_failure},
    items,
    late::late,
    owed::Notified,
    predict::Overlay,
    result,
    verdict::HostPlan,
};
use crate::{
    event::Failure,
    graph::{TaskGraph, Why},
    model::{Area, Footprint, Part, TaskId},
    resource::{Fault, Look, Lookup, Outcome},
    site::{HostTask, Preparation, Registered},
};
use agent::wire::{Answer, Op, Query};
use std::collections::{BTreeSet, HashMap};

/// What a task sees: answers of its seat under the predictions for its machine.
pub(super) struct View<'a> {
    pub answers: &'a HashMap<Query, Answer>,
    pub overlay: &'a Overlay,
    pub depends: &'a [Area],
    pub after: &'a [TaskId],
    pub tasks: &'a [HostTask],
    /// Whether what is missing may come though no task before it is known to bring it.
    pub lets_come: bool,
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
        let known = self.answers.get(query).cloned();
        known.map_or(Look::NotAsked, |answer| Look::Known(self.overlay.names(query, answer)))
    }

    fn may_still_come(&self, missing: &[Area]) -> bool {
        !self.after.is_empty() && self.overlay.may_bring(missing)
    }

    fn lets_come(&self) -> bool {
        self.lets_come
    }

    fn plans_ahead(&self) -> bool {
        self.overlay.is_apt_as_it_is()
    }

    fn packages_may_bring(&self, path: &str) -> bool {
        self.overlay.packages_may_bring(path)
    }
}

/// Whether a task waits for something, or for somebody.
fn waits(plan: &TaskPlan, preparation: &Preparation) -> bool {
    let TaskPlan::Change(change) = plan else { return false };
    let asks = || matches!(preparation, Preparation::Ready(prepared) if prepared.interlude().is_some());
    change.ops.iter().any(|op| matches!(op, Op::Wait(_))) || asks()
}

/// What a pass comes to.
pub(super) enum Pass {
    Need(Vec<(usize, Vec<Query>)>),
    Done(Box<HostPlan>),
}

impl Planner {
    pub(super) fn pass(&mut self) -> Result<Pass, PlanError> {
        let host = self.host.clone();
        let tasks = host.tasks();
        let mut faults: Vec<(TaskId, Failure)> = vec![];
        let known = std::mem::take(&mut self.registered);
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
        let rescued: BTreeSet<u32> = tasks.iter().flat_map(|task| task.in_part(Part::Rescue)).collect();
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
        let (mut results, mut also_known_as) = (vec![None; tasks.len()], vec![vec![]; tasks.len()]);
        let (mut once, mut said) = (HashMap::new(), vec![items::Said::default(); tasks.len()]);
        let mut counts: Vec<Counts> = preparations.iter().map(counts_by_type).collect();
        let any_register = tasks.iter().any(|t| t.names().next().is_some());
        let mut settled = true;
        for id in graph.order().iter().copied() {
            let at = id.0 as usize;
            let task = &tasks[at];
            let behind_by =
                |matters: fn(&Why) -> bool| behind(id, matters, &graph, &plans, &after, &preparations);
            let behind = behind_by(Why::may_show);
            // A result is nothing that a host could be asked for.
            let on_host = behind_by(|why| why.may_show() && !matches!(why, Why::Result(_)));
            let mut before = graph.before(id).filter(|(_, why)| why.may_show());
            open[at] = before.any(|(before, _)| open[before.0 as usize]);
            if any_register {
                match self.prepare(task, &registered) {
                    Ok(again) => {
                        if !task.reads.is_empty() {
                            settled &=
                                self.last[at].as_ref().is_some_and(|last| same_preparation(last, &again));
                            self.last[at] = Some(again.clone());
                        }
                        preparations[at] = again;
                    }
                    Err(_) if task.is_rescue() => {}
                    Err(failure) => {
                        faults.push((id, failure));
                        continue;
                    }
                }
            }
            // Whatever stood under its name before is not what it comes to.
            result::register_unknown(&mut registered, task);
            if let (Some(leader), Some(once)) = (task.leader(), &task.once) {
                match self.from_others.get(&once.key) {
                    Some(values) => registered.set(values),
                    None => {
                        registered.set_unknown(task, &format!("what `{}` comes to on `{leader}`", task.name));
                    }
                }
                // Done there, it may show here as well.
                overlays[usize::from(self.machine_of[at])].waits = true;
                counts[at] = Counts::No;
                after[at] = behind;
                plans[at] = Some(TaskPlan::Skipped { why: format!("runs once, on `{leader}`") });
                continue;
            }
            let (seat, machine) = (self.seat_of[at], usize::from(self.machine_of[at]));
            // A failure of it is for a rescue to see.
            let is_saved = task.in_part(Part::Main).any(|block| rescued.contains(&block));
            let notified = Notified::of(id, &self.owing, &graph, &plans, &counts);
            let footprint = &nodes[at].footprint;
            let depends: Vec<Area> = footprint.reads.iter().chain(&footprint.writes).cloned().collect();
            let (answers, overlay) = (&self.answers[seat], &overlays[machine]);
            // Whoever names what a task needs knows why. Of a loop that is known as a whole only, one item may bring what another lacks.
            let lets_come = task.is_dynamic
                || overlay.waits
                || graph.before(id).any(|(before, why)| {
                    matches!(why, Why::Declared | Why::Notify)
                        && matches!(
                            plans[before.0 as usize],
                            Some(TaskPlan::Change(_) | TaskPlan::Deferred { .. })
                        )
                });
            let view = View { answers, overlay, depends: &depends, after: &on_host, tasks, lets_come };
            let mut plan = match &preparations[at] {
                Preparation::Skip(why) => TaskPlan::Skipped { why: why.clone() },
                Preparation::Items(items) if items::all_skipped(items).is_some() => {
                    TaskPlan::Skipped { why: items::all_skipped(items).unwrap_or_default() }
                }
                _ if task.is_rescue() => {
                    TaskPlan::Skipped { why: "runs only when a task of its block fails".into() }
                }
                _ if task.handler && notified == Notified::No => {
                    TaskPlan::Skipped { why: "nothing notifies it".into() }
                }
                Preparation::NotYet(why, _) | Preparation::Awaits(why, _) => {
                    TaskPlan::Deferred { why: why.clone(), after: behind.clone() }
                }
                Preparation::Sets(values) => {
                    registered.set(values);
                    TaskPlan::Unchanged { asked: vec![], notes: vec![], held: vec![] }
                }
                _ if task.handler && notified == Notified::Perhaps => TaskPlan::Deferred {
                    why: "whether something notifies it shows when that has run".into(),
                    after: behind.clone(),
                },
                _ if self.absent.contains(&seat) => match late(
                    task,
                    &view,
                    (0..at)
                        .filter(|i| self.machine_of[*i] == self.machine_of[at])
                        .filter_map(|i| plans[i].as_ref()),
                ) {
                    Ok(why) => TaskPlan::Deferred { why, after: on_host.clone() },
                    Err(_) if open[at] => continue,
                    Err(fault) => {
                        faults.push((id, task_failure(task, &fault)));
                        continue;
                    }
                },
                Preparation::Ready(_) | Preparation::Items(_) => {
                    match items::outcome(&preparations[at], &view, &self.mask) {
                        Ok(Outcome::Need(queries)) => {
                            needs[seat].extend(queries);
                            open[at] = true;
                            continue;
                        }
                        Err(_) if open[at] => continue,
                        Ok(Outcome::NotYet(_)) if open[at] => continue,
                        // It is tried again when it runs, or such an end is no failure.
                        Err(fault)
                            if task.tries.is_some() || task.ignore_errors || task.judged || is_saved =>
                        {
                            TaskPlan::Deferred { why: fault.message, after: on_host.clone() }
                        }
                        Err(fault) => {
                            faults.push((id, task_failure(task, &fault)));
                            continue;
                        }
                        Ok(Outcome::NotYet(why)) if on_host.is_empty() && !lets_come => {
                            faults.push((id, task_failure(task, &Fault::new(why))));
                            continue;
                        }
                        Ok(Outcome::NotYet(why)) => TaskPlan::Deferred { why, after: on_host.clone() },
                        Ok(Outcome::Unchanged { asked, notes, held }) => {
                            TaskPlan::Unchanged { asked, notes, held }
                        }
                        Ok(Outcome::Change(change)) => TaskPlan::Change(change),
                    }
                }
            };
            counts[at] = match &plan {
                TaskPlan::Unchanged { .. } | TaskPlan::Skipped { .. } => Counts::No,
                TaskPlan::Change(_) | TaskPlan::Deferred { .. } => counts_by_type(&preparations[at]),
            };
            if task.only_looks
                && let (TaskPlan::Change(_), Preparation::Ready(prepared)) = (&plan, &preparations[at])
                && prepared.is_command()
            {
                plan = TaskPlan::Skipped { why: "`check_mode`: a command is not run".into() };
                counts[at] = Counts::No;
            }
            if task.only_looks
                && let TaskPlan::Change(change) = &plan
            {
                let facets: Vec<_> = change.diff.facets.iter().map(|facet| facet.facet.as_str()).collect();
                let notes = vec![format!("`check_mode`: would change {}, and does not", facets.join(", "))];
                plan = TaskPlan::Unchanged { asked: change.asked(), notes, held: change.held.clone() };
                counts[at] = counts_by_type(&preparations[at]);
            }
            if task.is_dynamic && task.judged {
                counts[at] =
                    items::judged(&*self.host, task, &mut plan, &preparations[at], counts[at], &view);
            } else if task.judged
                && let Some(judged) =
                    self.judged(task, &view, &plan, &preparations[at], counts[at], &registered)
            {
                counts[at] = judged.counts;
                let why = match judged.failed {
                    Some(_) if open[at] => continue,
                    // It may come out otherwise when it runs, or such an end is no failure.
                    Some(failure)
                        if task.tries.is_some() || task.ignore_errors || is_saved || !on_host.is_empty() =>
                    {
                        Some(failure.message)
                    }
                    Some(failure) => {
                        faults.push((id, failure));
                        continue;
                    }
                    None => judged.pending,
                };
                if let Some(why) = why {
                    plan = TaskPlan::Deferred { why, after: behind.clone() };
                    counts[at] = if judged.has_changed_when {
                        Counts::Perhaps
                    } else {
                        counts_by_type(&preparations[at])
                    };
                }
            }
            let result = match task.register {
                // What those before it do is not known yet: it may turn out otherwise.
                Some(_) if open[at] => None,
                Some(_) => self.result(task, &view, &plan, &preparations[at], counts[at]),
                None => None,
            };
            also_known_as[at] = items::also_known(&preparations[at], &view);
            said[at] = items::said(&preparations[at], &view);
            let writes = &nodes[at].footprint.writes;
            // What a task waits for comes from elsewhere, and more with it. What a rescue does is not planned.
            overlays[machine].waits |=
                task.is_rescue() || task.tries.is_some() || waits(&plan, &preparations[at]);
            match &plan {
                TaskPlan::Change(change) => {
                    let answers = &self.answers[seat];
                    overlays[machine]
                        .add(&task.name, &change.ops, &change.effects, writes, &|q| answers.get(q).cloned());
                }
                TaskPlan::Deferred { why, .. } => {
                    overlays[machine].add_unknown(&task.name, writes);
                    if !task.sets.is_empty() {
                        registered.set_unknown(task, why);
                    }
                }
                TaskPlan::Skipped { .. } => registered.unset.extend(task.sets.iter().cloned()),
                TaskPlan::Unchanged { .. } => {}
            }
            registered.bring(task, matches!(plan, TaskPlan::Change(_) | TaskPlan::Deferred { .. }));
            if let (Some(register), Some(node)) = (&task.register, result) {
                // An uncalled rescue leaves what the main part registered.
                if !task.is_rescue() || !registered.results.contains_key(&register.name) {
                    results[at] = Some(node.clone());
                    result::register(&mut registered, register, node);
                }
            }
            if let Some(own) = &task.once {
                once.insert(own.key.clone(), registered.of(task));
            }
            after[at] = behind;
            plans[at] = Some(plan);
        }
        if !faults.is_empty() {
            return Err(PlanError::Tasks(faults));
        }
        let settled = settled && result::same(&known, &registered);
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
        Ok(Pass::Done(Box::new(HostPlan {
            graph,
            nodes,
            tasks,
            prepared: prepared.collect(),
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

/// Whether both are the same to the graph and to those who look.
fn same_preparation(a: &Preparation, b: &Preparation) -> bool {
    match (a, b) {
        (Preparation::Ready(a), Preparation::Ready(b)) => a.digest() == b.digest(),
        (Preparation::Items(a), Preparation::Items(b)) => {
            let mut pairs = a.iter().zip(b.iter());
            a.len() == b.len() && pairs.all(|(a, b)| same_preparation(&a.preparation, &b.preparation))
        }
        // What is set is compared with the results.
        (Preparation::Sets(_), Preparation::Sets(_)) => true,
        (Preparation::Awaits(_, a), Preparation::Awaits(_, b)) => a.digest() == b.digest(),
        (Preparation::Skip(_), Preparation::Skip(_)) => true,
        (Preparation::NotYet(_, a), Preparation::NotYet(_, b)) => a == b,
        _ => false,
    }
}
