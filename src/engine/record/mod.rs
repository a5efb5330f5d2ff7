//! What an apply leaves on each host about the states that it found or brought, so that `drift` can tell what has moved since.

mod compare;
mod text;

pub(super) use text::{Record, name_of};

use super::{act::Fresh, executor::HostRun};
use crate::{
    event::{Event, Failure, Since},
    model::TaskId,
    plan::{Ask, HostPlan, TaskPlan},
    resource::{Held, Mask, Outcome},
    site::{HostTask, Place, Prepare},
};
use agent::wire::{Answer, Query, Request};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// How a run deals with records.
#[derive(Clone)]
pub struct Recording {
    /// The name of the playbook's file, wherever that is on this machine.
    pub playbook: String,
    /// Not all of its tasks are looked at: what is known of the others stays.
    pub partial: bool,
    /// Compares, and leaves none.
    pub drift: bool,
    /// For the fingerprints of a new record.
    pub key: [u8; 32],
    /// Whether there is a secret in a text.
    pub hides: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    pub since: Since,
}

/// What the tasks of a host are called in its record: those that are states on the host itself.
fn names(tasks: &[HostTask], plan: &HostPlan) -> Vec<(TaskId, String)> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut names = vec![];
    for task in tasks.iter().filter(|task| task.place == Place::Host && task.leader().is_none()) {
        let Some(prepared) = &plan.prepared[task.id.0 as usize] else { continue };
        if prepared.acts() || matches!(plan.tasks[task.id.0 as usize], TaskPlan::Skipped { .. }) {
            continue;
        }
        let name = match prepared.address() {
            Some(address) => address.to_string(),
            None => format!("{}: {}", task.resource, task.name),
        };
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        names.push((task.id, if *count == 1 { name } else { format!("{name} #{count}") }));
    }
    names
}

/// A task, its name in the record, and what planning it on the host's own answers comes to.
type State = (TaskId, String, Outcome);

/// Asks the host for the states of these tasks, whatever the plan predicts; those that cannot be told are left out.
async fn states(
    named: Vec<(TaskId, String)>,
    plan: &HostPlan,
    seat_of: &[usize],
    mut answers: Vec<HashMap<Query, Answer>>,
    asks: &[Arc<dyn Ask>],
    mask: &Mask,
) -> Result<Vec<State>, Failure> {
    // What belongs to a user who has not come into being is not told.
    let mut mute = HashSet::new();
    // As often as a task may ask.
    for _ in 0..16 {
        let mut needs: Vec<Vec<Query>> = vec![vec![]; asks.len()];
        let fresh: Vec<Fresh> = answers.into_iter().map(Fresh).collect();
        let mut told = vec![];
        for (id, name) in &named {
            let (at, seat) = (id.0 as usize, seat_of[id.0 as usize]);
            let Some(prepared) = plan.prepared[at].as_ref().filter(|_| !mute.contains(&seat)) else {
                continue;
            };
            match prepared.plan(&fresh[seat], mask) {
                Ok(Outcome::Need(queries)) => needs[seat].extend(queries),
                Ok(Outcome::NotYet(_)) | Err(_) => {}
                Ok(outcome) => told.push((*id, name.clone(), outcome)),
            }
        }
        answers = fresh.into_iter().map(|fresh| fresh.0).collect();
        if needs.iter().all(Vec::is_empty) {
            return Ok(told);
        }
        for (seat, mut queries) in needs.into_iter().enumerate().filter(|(_, queries)| !queries.is_empty()) {
            queries.sort();
            queries.dedup();
            let said = match asks[seat].ask(queries.clone()).await {
                Err(_) if plan.absent.contains(&seat) => {
                    mute.insert(seat);
                    continue;
                }
                said => said?,
            };
            answers[seat].extend(queries.into_iter().zip(said));
        }
    }
    Ok(vec![])
}

/// The record of a host that is worked on.
pub(super) struct HostRecord {
    pub recording: Arc<Recording>,
    /// Whose agent keeps it.
    pub seat: usize,
    pub before: Option<Record>,
    /// Why that cannot be read, where there is one.
    pub unreadable: Option<String>,
    /// Whether anything differs, where that is what is asked.
    pub differs: Option<bool>,
}

impl HostRecord {
    /// What differs on the host from what the last apply left, and what is configured otherwise. `answers`: what it has said already, by
    /// seat.
    #[expect(clippy::too_many_arguments, reason = "a host that is being planned, in its parts")]
    pub(super) async fn compare(
        &mut self,
        host: &str,
        prepare: &dyn Prepare,
        plan: &HostPlan,
        seat_of: &[usize],
        answers: Vec<HashMap<Query, Answer>>,
        asks: &[Arc<dyn Ask>],
        mask: &Mask,
    ) -> Result<Event, Failure> {
        let named = names(prepare.tasks(), plan);
        let mut states = states(named.clone(), plan, seat_of, answers, asks, mask).await?;
        // Below a folder that is gone: what the plan makes of it.
        let told: HashSet<TaskId> = states.iter().map(|(id, ..)| *id).collect();
        let untold = named.iter().filter(|(id, _)| !told.contains(id));
        states.extend(untold.filter_map(|(id, name)| match &plan.tasks[id.0 as usize] {
            TaskPlan::Change(change) => Some((*id, name.clone(), Outcome::Change(change.clone()))),
            _ => None,
        }));
        states.sort_by_key(|(id, ..)| *id);
        let (record, partial) = (self.before.as_ref(), self.recording.partial);
        let compared = compare::States { tasks: prepare.tasks(), planned: &named, states: &states, partial };
        let (tasks, gone) = compared.with(record);
        let (owed, unreadable) = (plan.owing.all(), self.unreadable.clone());
        self.differs = Some(!(tasks.is_empty() && owed.is_empty()) || unreadable.is_some());
        let since = record.map(|record| record.head.since.clone());
        Ok(Event::HostDrift { host: host.into(), since, unreadable, tasks, gone, owed })
    }
}

impl HostRun {
    /// Whether anything is to be done; where the record is what is asked about, whether anything differs.
    pub(super) fn is_pending(&self) -> bool {
        let differs = self.record.as_ref().and_then(|record| record.differs);
        differs.unwrap_or_else(|| self.changes() + self.deferred() > 0)
    }

    /// Leaves the record, if it says anything new. `moved`: something was done. What goes wrong is a message.
    pub(super) async fn leave_record(&self, moved: bool) -> Result<(), String> {
        let Some(HostRecord { recording, seat, before, .. }) = &self.record else { return Ok(()) };
        let link = self.link(*seat);
        // Its user has not come into being.
        if !link.is_open() {
            return Ok(());
        }
        let failed = |failure: Failure| failure.message;
        // What a choice of tasks leaves is no whole: it goes into what there is.
        let whole = match before {
            None if recording.partial => return Ok(()),
            Some(_) if recording.partial => {
                let said = link.ask(vec![recording.question(&self.host, true)]).await.map_err(failed)?;
                match said.first().map(|answer| Record::read(answer, true)) {
                    Some(Ok(Some(whole))) => Some(whole),
                    // What cannot be read cannot be added to: the next whole apply replaces it.
                    _ => return Ok(()),
                }
            }
            _ => None,
        };
        let named = names(self.prepare.tasks(), &self.plan);
        let held = |id: TaskId| match &self.plan.tasks[id.0 as usize] {
            TaskPlan::Unchanged { held, .. } if !held.is_empty() => Some(held.clone()),
            _ => None,
        };
        let as_planned: Option<Vec<(String, Held)>> =
            named.iter().map(|(id, name)| Some((name.clone(), held(*id)?))).collect();
        let now = match as_planned.filter(|_| !moved) {
            Some(held) => held,
            None => {
                let seats = self.links.len();
                let asks: Vec<Arc<dyn Ask>> =
                    (0..seats).map(|seat| self.link(seat) as Arc<dyn Ask>).collect();
                let answers = vec![HashMap::new(); seats];
                let states = states(named, &self.plan, &self.seat_of, answers, &asks, &self.mask).await;
                let held = |outcome| match outcome {
                    Outcome::Unchanged { held, .. } => held,
                    Outcome::Change(change) => change.held,
                    Outcome::Need(_) | Outcome::NotYet(_) => vec![],
                };
                states.map_err(failed)?.into_iter().map(|(_, name, state)| (name, held(state))).collect()
            }
        };
        match recording.text(&now, whole.as_ref().or(before.as_ref())) {
            Some(text) => {
                let name = name_of(&self.host, &recording.playbook);
                link.keep(Request::Remember { name, text }).await.map_err(failed)
            }
            None => Ok(()),
        }
    }
}
