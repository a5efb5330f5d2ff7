//! Handlers that run: those that this plan notifies, and those that the host owes since earlier runs.

use super::{Counts, TaskPlan};
use crate::{
    event::Owed,
    graph::{TaskGraph, Why},
    model::TaskId,
    site::HostTask,
    template::strftime_utc,
};
use agent::wire::owed::{Debt, Due};
use std::collections::BTreeMap;

/// What a host owes since earlier runs, by the handlers of this one.
#[derive(Clone, Debug, Default)]
pub struct Owing {
    /// By the handler that runs for it.
    pub runs: BTreeMap<TaskId, Vec<Debt>>,
    /// Of plays of which nothing is in this run.
    pub waits: Vec<Debt>,
    /// Of plays that this playbook does not have: another one of the same name may.
    pub others: Vec<Debt>,
    /// The playbook has no such handler for this host any more.
    pub gone: Vec<Debt>,
}

/// For how many seconds a play that is not found may still be another playbook's: 30 days.
const PATIENCE: u64 = 30 * 24 * 3600;

impl Owing {
    /// Finds the handler of each debt: where it was to run, or where the play runs it last when that place is gone.
    /// `now`: seconds since 1970.
    pub fn new(tasks: &[HostTask], debts: Vec<Debt>, now: u64) -> Self {
        let mut owing = Self::default();
        for debt in debts {
            let is = |due: &Due| (&due.play, &due.handler) == (&debt.due.play, &debt.due.handler);
            let same = tasks.iter().filter(|task| task.due.as_ref().is_some_and(is));
            let Some(last) = same.clone().next_back() else {
                let mut dues = tasks.iter().filter_map(|task| task.due.as_ref());
                let is_other = dues.all(|due| due.play != debt.due.play);
                let is_young = now.saturating_sub(debt.at) < PATIENCE;
                if is_other && is_young {
                    owing.others.push(debt)
                } else {
                    owing.gone.push(debt)
                }
                continue;
            };
            let there = same.clone().find(|task| task.due.as_ref() == Some(&debt.due));
            match there.unwrap_or(last) {
                task if task.is_idle => owing.waits.push(debt),
                task => owing.runs.entry(task.id).or_default().push(debt),
            }
        }
        owing
    }

    /// Why a handler runs though nothing in this run notifies it.
    pub fn why(&self, task: TaskId) -> Option<String> {
        let first = self.runs.get(&task)?.iter().min_by_key(|debt| debt.at)?;
        Some(since(first))
    }

    /// All of it, for those who are told.
    pub fn all(&self) -> Vec<Owed> {
        let debts = self.runs.values().flatten().chain(&self.waits).chain(&self.others).chain(&self.gone);
        let mut all: Vec<Owed> = debts.map(owed).collect();
        all.sort_by(|a, b| (a.at, &a.handler).cmp(&(b.at, &b.handler)));
        all
    }

    /// What a person is to know of that no task of this run tells.
    pub fn warnings(&self) -> Vec<String> {
        let waits = self.waits.iter().map(|debt| {
            format!(
                "`{}` is {}, and stays so: no task of its play is in this run",
                debt.due.handler,
                since(debt)
            )
        });
        let others = self.others.iter().map(|debt| {
            format!(
                "`{}` is {}, and this playbook has no play `{}` with handlers: it is taken for another playbook's for 30 days, and stays so",
                debt.due.handler,
                since(debt),
                debt.due.play
            )
        });
        let gone = self.gone.iter().map(|debt| {
            format!(
                "`{}` is {}, and the playbook has no such handler for this host any more: it does not run, and an apply forgets it",
                debt.due.handler,
                since(debt)
            )
        });
        waits.chain(others).chain(gone).collect()
    }
}

fn since(debt: &Debt) -> String {
    let time = i64::try_from(debt.at).ok().and_then(|at| strftime_utc(at, "%F %T UTC").ok());
    format!("owed since run {} ({}) by `{}`", debt.run, time.unwrap_or_default(), debt.task)
}

fn owed(debt: &Debt) -> Owed {
    Owed { handler: debt.due.handler.clone(), task: debt.task.clone(), run: debt.run.clone(), at: debt.at }
}

/// Whether a handler is notified.
#[derive(PartialEq)]
pub(super) enum Notified {
    No,
    Perhaps,
    Yes,
}

impl Notified {
    pub fn of(
        id: TaskId,
        owing: &Owing,
        graph: &TaskGraph,
        plans: &[Option<TaskPlan>],
        counts: &[Counts],
    ) -> Self {
        if owing.runs.contains_key(&id) {
            return Self::Yes;
        }
        let notifiers = graph.before(id).filter(|(_, why)| matches!(why, Why::Notify));
        let mut answer = Self::No;
        for (notifier, _) in notifiers {
            let at = notifier.0 as usize;
            match (&plans[at], counts[at]) {
                // Not planned yet in this round: ask as if it were notified.
                (None, _) => return Self::Yes,
                (Some(_), Counts::No) => {}
                // Also what only looks may say that it counts as a change.
                (Some(TaskPlan::Change(_) | TaskPlan::Unchanged { .. }), Counts::Yes) => return Self::Yes,
                (Some(_), _) => answer = Self::Perhaps,
            }
        }
        answer
    }
}
