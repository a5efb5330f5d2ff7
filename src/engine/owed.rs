//! Handlers that are owed: each agent keeps those that its changes have notified, from before the change until the handler has run, so that
//! the next run knows of them when this one is cut off. What is said to an agent goes along with a change wherever that can be.

use super::{
    Act, ActError, Applied, Events,
    done::Done,
    executor::{HostRun, is_excusable},
    record::name_of,
};
use crate::{
    diag::Exit,
    event::{Event, Failure, Status},
    model::TaskId,
    plan::{HostPlan, Owing},
    resource::{Change, Prepared},
    site::HostTask,
};
use agent::wire::{
    Answer, Query, Request,
    owed::{Debt, Due, Dues},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::{SystemTime, UNIX_EPOCH},
};

/// What is owed on a host, and the seats whose agents keep that.
pub(super) struct Ledger {
    /// `None`: no playbook is carried out.
    book: Option<String>,
    held: Mutex<BTreeMap<Due, BTreeSet<usize>>>,
}

/// By which name a host keeps what a playbook's handlers are owed.
pub(super) fn question(host: &str, playbook: Option<&str>) -> Option<Query> {
    playbook.map(|playbook| Query::Owed { book: name_of(host, playbook) })
}

impl Ledger {
    /// `answers`: what the agent of each seat has said, where it was asked. Also what is owed, and why it is not known in parts.
    pub fn new(
        book: Option<Query>,
        answers: Vec<Option<Answer>>,
        tasks: &[HostTask],
    ) -> (Self, Owing, Vec<String>) {
        let (mut held, mut debts, mut failed) = (BTreeMap::<Due, BTreeSet<usize>>::new(), vec![], vec![]);
        for (seat, answer) in answers.into_iter().enumerate() {
            match answer {
                Some(Answer::Owed(owed)) => {
                    for debt in owed {
                        held.entry(debt.due.clone()).or_default().insert(seat);
                        // Two seats may be one user, whose agents keep one book.
                        if !debts.iter().any(|known: &Debt| known.due == debt.due) {
                            debts.push(debt);
                        }
                    }
                }
                Some(Answer::Failed(why)) => failed.push(why),
                _ => {}
            }
        }
        let book = match book {
            Some(Query::Owed { book }) => Some(book),
            _ => None,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        (Self { book, held: Mutex::new(held) }, Owing::new(tasks, debts, now), failed)
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Due, BTreeSet<usize>>> {
        self.held.lock().expect("no panic holds it")
    }

    /// Takes note of what went along with a change.
    pub fn applied(&self, seat: usize, dues: Option<Dues>, told: &Result<Applied, ActError>) {
        match (told, dues) {
            (Ok(_), Some(dues)) => self.told(seat, &dues),
            // Some of its steps were done.
            (Err(ActError::OpFailed { index: 1.., .. }), Some(dues)) => {
                self.told(seat, &Dues { pays: vec![], ..dues });
            }
            _ => {}
        }
    }

    /// Takes note of what the agent of a seat keeps from now on, and no longer.
    pub fn told(&self, seat: usize, dues: &Dues) {
        let mut held = self.held();
        for due in &dues.owes {
            held.entry(due.clone()).or_default().insert(seat);
        }
        for due in &dues.pays {
            if let Some(seats) = held.get_mut(due) {
                seats.remove(&seat);
            }
        }
        held.retain(|_, seats| !seats.is_empty());
    }
}

/// Whether a handler that failed so has run: the link held, and the host was the one of the plan.
fn is_a_run(failure: &Failure) -> bool {
    is_excusable(failure) && failure.exit != Exit::Unreachable as u8
}

impl HostPlan {
    /// As what this handler is owed: in this run, and since earlier ones.
    fn dues_of(&self, task: &HostTask) -> BTreeSet<Due> {
        let earlier = self.owing.runs.get(&task.id).into_iter().flatten().map(|debt| &debt.due);
        task.due.iter().chain(earlier).cloned().collect()
    }
}

impl HostRun {
    /// Whether the host owes this handler since an earlier run.
    pub(super) fn is_owed(&self, id: TaskId) -> bool {
        self.plan.owing.runs.contains_key(&id)
    }

    /// Whether an agent is to hear that this handler has run.
    pub(super) fn is_due(&self, task: &HostTask) -> bool {
        let held = self.ledger.held();
        task.handler && self.plan.dues_of(task).iter().any(|due| held.contains_key(due))
    }

    /// What goes along with a task's change.
    pub(super) fn dues(&self, task: &HostTask, prepared: &dyn Prepared, change: &Change) -> Option<Dues> {
        let book = self.ledger.book.clone()?;
        let seat = self.seat_of[task.id.0 as usize];
        // Whether it has changed something is said afterwards.
        let is_sure = prepared.counts_as_change() && !task.judged;
        let owes: Vec<Due> = if is_sure { self.notifies(task) } else { vec![] };
        // What is looked at afterwards has run only when that went well.
        let is_all = prepared.acts() && prepared.reboots().is_none() && !task.judged && !task.is_dynamic;
        let is_all = is_all && change.armed().is_none() && change.keep.is_none();
        let pays = if task.handler && is_all { self.plan.dues_of(task) } else { BTreeSet::new() };
        let held = self.ledger.held();
        let is_here = |due: &Due| held.get(due).is_some_and(|seats| seats.contains(&seat));
        let pays: Vec<Due> = pays.into_iter().filter(is_here).collect();
        (!owes.is_empty() || !pays.is_empty()).then_some(Dues { book, owes, pays })
    }

    fn notifies(&self, task: &HostTask) -> Vec<Due> {
        let tasks = self.prepare.tasks();
        let dues = task.notify.iter().filter_map(|handler| tasks[handler.0 as usize].due.clone());
        dues.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Tells the agents what came of a task, as far as they do not know it.
    pub(super) async fn account(&self, task: &HostTask, done: &Done, events: &Events) {
        let Some(book) = self.ledger.book.clone() else { return };
        let own = self.seat_of[task.id.0 as usize];
        let mut tell: BTreeMap<usize, Dues> = BTreeMap::new();
        let dues = || Dues { book: book.clone(), owes: vec![], pays: vec![] };
        {
            let held = self.ledger.held();
            if done.status == Status::Changed {
                let owes: Vec<Due> =
                    self.notifies(task).into_iter().filter(|due| !held.contains_key(due)).collect();
                if !owes.is_empty() {
                    tell.entry(own).or_insert_with(dues).owes = owes;
                }
            }
            // A handler that fails stays owed, unless its failure is none.
            let has_run = match done.status {
                Status::Changed | Status::Ok | Status::Skipped => true,
                Status::Failed => task.ignore_errors && done.failure.as_ref().is_some_and(is_a_run),
                Status::Blocked | Status::Deferred | Status::WouldChange => false,
            };
            if task.handler && has_run {
                for due in self.plan.dues_of(task) {
                    for seat in held.get(&due).into_iter().flatten() {
                        tell.entry(*seat).or_insert_with(dues).pays.push(due.clone());
                    }
                }
            }
        }
        self.write_down(&task.name, tell, events).await;
    }

    /// Forgets what is owed to handlers that are no more: it has been told.
    pub(super) async fn forget(&self, events: &Events) {
        let Some(book) = self.ledger.book.clone() else { return };
        let mut tell: BTreeMap<usize, Dues> = BTreeMap::new();
        {
            let held = self.ledger.held();
            for due in self.plan.owing.gone.iter().map(|debt| &debt.due) {
                for seat in held.get(due).into_iter().flatten() {
                    let dues = || Dues { book: book.clone(), owes: vec![], pays: vec![] };
                    tell.entry(*seat).or_insert_with(dues).pays.push(due.clone());
                }
            }
        }
        self.write_down("", tell, events).await;
    }

    async fn write_down(&self, task: &str, tell: BTreeMap<usize, Dues>, events: &Events) {
        for (seat, dues) in tell {
            let link: Arc<dyn Act> = self.link(seat);
            match link.keep(Request::Settle { task: task.into(), dues: dues.clone() }).await {
                Ok(()) => self.ledger.told(seat, &dues),
                // Of a link that is gone enough is said already.
                Err(failure) if failure.exit == Exit::Unreachable as u8 => {}
                Err(failure) => {
                    let why = [vec![failure.message], failure.causes].concat().join(": ");
                    let message = match dues.owes.is_empty() {
                        true => {
                            format!("that a handler has run cannot be written down: {why}; it runs once more")
                        }
                        false => {
                            format!("that `{task}` has notified a handler cannot be written down: {why}")
                        }
                    };
                    events(Event::Warning { host: Some(self.host.clone()), message });
                }
            }
        }
    }
}
