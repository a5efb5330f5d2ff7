//! Rounds of questions until every task of a host has a verdict.

use super::{
    Ask, HostPlan, Owing, PlanError,
    failure::{diagnostics_failure, failure},
    items,
    pass::Pass,
    predict::Overlay,
    view::View,
};
use crate::{
    diag::Exit,
    event::Failure,
    model::BecomeMethod,
    resource::{Mask, Outcome, Prepared},
    site::{HostTask, OnceKey, Place, Preparation, Prepare, Registered},
    yaml::Map,
};
use agent::wire::{Answer, Query, facts::Login};
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Who acts for a task: where, and as whom. Each has a link of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat {
    pub place: Place,
    pub become_user: Option<String>,
    pub become_method: BecomeMethod,
}

impl Seat {
    /// The one of a task.
    pub fn of(task: &HostTask) -> Self {
        Self {
            place: task.place.clone(),
            become_user: task.become_user.clone(),
            become_method: task.become_method,
        }
    }

    /// The one that most tasks on the host itself have: its link is opened first, brings the facts, and keeps the record. Behind it the
    /// others, in the order in which they take its place when its user is not there yet.
    pub fn first(host: &dyn Prepare) -> (Self, Vec<Self>) {
        let mut counts: HashMap<Self, usize> = HashMap::new();
        for task in host.tasks().iter().filter(|task| task.leader().is_none()) {
            *counts.entry(Self::of(task)).or_default() += 1;
        }
        let mut seats: Vec<(Self, usize)> = counts.into_iter().collect();
        seats.sort_by_key(|(seat, count)| (seat.place == Place::Host, *count, seat.clone()));
        let mut seats = seats.into_iter().rev().map(|(seat, _)| seat);
        let nobody = Self { place: Place::Host, become_user: None, become_method: BecomeMethod::default() };
        let first = seats.next().unwrap_or(nobody);
        let others = seats.filter(|seat| seat.place == first.place).collect();
        (first, others)
    }
}

/// Plans one host.
pub struct Planner {
    pub(super) host: Arc<dyn Prepare>,
    pub(super) seats: Vec<Seat>,
    pub(super) seat_of: Vec<usize>,
    pub(super) machine_of: Vec<u16>,
    pub(super) answers: Vec<HashMap<Query, Answer>>,
    prepared: Vec<Option<Arc<dyn Prepared>>>,
    pub(super) registered: Registered,
    /// What the tasks that read results came to in the last pass.
    pub(super) last: Vec<Option<Preparation>>,
    /// The names by which what each task needs comes, besides those that it says itself.
    pub(super) brought: Vec<BTreeSet<String>>,
    /// What other hosts are planned to set by tasks that they do for this one.
    pub(super) from_others: HashMap<OnceKey, Map>,
    /// What the host owes since earlier runs.
    pub(super) owing: Owing,
    /// The seats whose users are not there yet.
    pub(super) absent: BTreeSet<usize>,
    pub(super) mask: Mask,
    pub(super) user: String,
    /// Whoever each seat is; empty where nobody told.
    pub(super) users: Vec<Login>,
}

impl Planner {
    /// `user` is the one the agent runs as on the host: the owner of new files that name none.
    pub fn new(host: Arc<dyn Prepare>, mask: Mask, user: &str) -> Self {
        let (mut seats, mut places) = (vec![], vec![Place::Host]);
        let (mut seat_of, mut machine_of) = (vec![], vec![]);
        for task in host.tasks() {
            seat_of.push(index_of(&mut seats, Seat::of(task)));
            machine_of.push(index_of(&mut places, task.place.clone()) as u16);
        }
        let count = host.tasks().len();
        Self {
            answers: vec![HashMap::new(); seats.len()],
            users: vec![Login::default(); seats.len()],
            prepared: vec![None; count],
            last: vec![None; count],
            brought: vec![BTreeSet::new(); count],
            from_others: HashMap::new(),
            owing: Owing::default(),
            absent: BTreeSet::new(),
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
        for task in host.tasks().iter().filter(|t| !t.handler && t.leader().is_none()) {
            let at = task.id.0 as usize;
            if self.seat_of[at] != index {
                continue;
            }
            let Ok(preparation @ Preparation::Ready(_)) = &self.prepare(task, &none) else { continue };
            let answers = &self.answers[index];
            let (tasks, overlay) = (host.tasks(), &overlay);
            let (is_open, all_told, lets_come, laid) = (false, false, false, &RefCell::default());
            let (depends, after) = (&[], &[]);
            let view = View {
                answers,
                overlay,
                depends,
                after,
                tasks,
                is_open,
                all_told,
                lets_come,
                laid,
                preparation,
            };
            if let Ok(Outcome::Need(queries)) =
                items::outcome(preparation, &view, &self.mask, task.only_looks)
            {
                // What the user's own commands ask may depend on earlier tasks: not before the plan says so.
                questions.extend(queries.into_iter().filter(|q| !matches!(q, Query::Test(_))));
            }
        }
        questions.into_iter().collect()
    }

    /// The hosts that do tasks for this one.
    pub fn leaders(&self) -> BTreeSet<String> {
        self.host.tasks().iter().filter_map(|task| task.leader().map(str::to_string)).collect()
    }

    /// Takes what other hosts are planned to set by tasks that they do for this one.
    pub fn learn_once(&mut self, values: HashMap<OnceKey, Map>) {
        self.from_others = values;
    }

    /// Takes answers that were had already.
    pub fn learn(&mut self, seat: &Seat, answers: impl IntoIterator<Item = (Query, Answer)>) {
        if let Some(index) = self.seats.iter().position(|s| s == seat) {
            self.answers[index].extend(answers);
        }
    }

    /// Takes what the host owes since earlier runs.
    pub fn learn_owed(&mut self, owing: Owing) {
        self.owing = owing;
    }

    /// Takes which of [`Self::seats`] have a user who is not there: what is done as such a one is decided when an earlier task has made
    /// them.
    pub fn learn_absent(&mut self, absent: BTreeSet<usize>) {
        for seat in &absent {
            let name = self.seats[*seat].become_user.clone().unwrap_or_default();
            self.answers[*seat].insert(Query::User { name }, Answer::User(None));
        }
        self.absent = absent;
    }

    /// Takes the seats' users, in the order of [`Self::seats`].
    pub fn learn_users(&mut self, users: Vec<Login>) {
        self.users = users;
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

    /// Prepared tasks are kept; only those that read a result are tried again.
    pub(super) fn prepare(
        &mut self,
        task: &HostTask,
        registered: &Registered,
    ) -> Result<Preparation, Failure> {
        if let Some(leader) = task.leader() {
            return Ok(Preparation::Skip(format!("runs once, on `{leader}`")));
        }
        let at = task.id.0 as usize;
        let none = Registered::default();
        let registered = if task.reads.is_empty() { &none } else { registered };
        if registered.is_empty()
            && let Some(prepared) = &self.prepared[at]
        {
            return Ok(Preparation::Ready(prepared.clone()));
        }
        let preparation =
            self.host.prepare(task.id, registered).map_err(|d| diagnostics_failure(Some(task), &d))?;
        if let (Preparation::Ready(prepared), true) = (&preparation, registered.is_empty()) {
            self.prepared[at] = Some(prepared.clone());
        }
        Ok(preparation)
    }
}

pub(super) fn index_of<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
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
