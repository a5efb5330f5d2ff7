//! What an apply leaves on each host about the states that it found or brought, so that `drift` can tell what has moved since.
//!
//! A text of lines of JSON: the first is about the run, with a random key; each other one is a task with the facets of its state, short
//! values as they are and all else as fingerprints under that key. Only the agent's user may read it.

use super::{act::Fresh, executor::HostRun};
use crate::{
    event::{Cause, DriftedFacet, DriftedTask, Event, Failure, Owed, Since},
    model::TaskId,
    plan::{Ask, HostPlan, TaskPlan},
    resource::{Held, Mark, Mask, Outcome},
    site::{HostTask, Place, Prepare},
};
use agent::{
    secret::Content,
    wire::{Answer, Query, Request, safe_name},
};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// The version of the text. Another one is not read, and replaced.
const FORM: u32 = 1;

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

/// The first line.
#[derive(Clone, Serialize, Deserialize)]
struct Head {
    form: u32,
    /// In hex.
    key: String,
    since: Since,
}

/// Each other line: what a task owns on the host, or its type and name, and the facets of its state.
type Line = (String, IndexMap<String, Kept>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Is(String),
    Print(String),
}

/// What a host keeps, read.
pub(super) struct Record {
    head: Head,
    /// Empty when only the digest was asked for.
    tasks: IndexMap<String, IndexMap<String, Kept>>,
    digest: String,
}

/// By which name a host keeps what is about it and a playbook: several may be one machine.
pub(super) fn name_of(host: &str, playbook: &str) -> String {
    let name = format!("{host}__{playbook}");
    if safe_name(&name) { name } else { blake3::hash(name.as_bytes()).to_hex().to_string() }
}

impl Recording {
    /// The question about what is there; with `whole` also about the tasks.
    pub(super) fn question(&self, host: &str, whole: bool) -> Query {
        Query::Record { name: name_of(host, &self.playbook), whole }
    }

    /// The text to be kept, unless what is there says the same already. `before` has the tasks when the run is a partial one.
    fn text(&self, now: &[(String, Held)], before: Option<&Record>) -> Option<Content> {
        let key = before.and_then(|record| key_of(&record.head)).unwrap_or(self.key);
        let mut tasks = match before {
            Some(record) if self.partial => record.tasks.clone(),
            _ => IndexMap::new(),
        };
        for (task, held) in now {
            let facets = held.iter().map(|(facet, mark)| (facet.clone(), self.kept(mark, &key)));
            tasks.insert(task.clone(), facets.collect());
        }
        let line = |line: Line| serde_json::to_string(&line).expect("texts are JSON") + "\n";
        let lines: String = tasks.into_iter().map(line).collect();
        let digest = blake3::hash(lines.as_bytes()).to_hex();
        if before.is_some_and(|record| record.digest == *digest) {
            return None;
        }
        let head =
            Head { form: FORM, key: blake3::Hash::from(key).to_hex().to_string(), since: self.since.clone() };
        let head = serde_json::to_string(&head).expect("texts are JSON");
        Some(Content::new(format!("{head}\n{lines}"), true))
    }

    /// A facet for the record. A secret is refused in a short value, but one may stand there all the same: what is not shown is not kept.
    fn kept(&self, mark: &Mark, key: &[u8; 32]) -> Kept {
        match mark {
            Mark::Clear(text) if !(self.hides)(text) => Kept::Is(text.clone()),
            mark => Kept::Print(print(mark, key)),
        }
    }
}

impl Kept {
    /// Whether it is what was kept of this.
    fn is_of(&self, mark: &Mark, key: &[u8; 32]) -> bool {
        match self {
            Self::Is(text) => *mark == Mark::Clear(text.clone()),
            Self::Print(kept) => *kept == print(mark, key),
        }
    }
}

impl Record {
    /// Reads what a host answers; `None` where there is nothing, or what another version has left.
    pub(super) fn read(answer: &Answer, whole: bool) -> Option<Self> {
        let Answer::Content(Some(content)) = answer else { return None };
        let text = std::str::from_utf8(content.bytes()).ok()?;
        let (head, rest) = text.split_once('\n')?;
        let head: Head = serde_json::from_str(head).ok().filter(|head: &Head| head.form == FORM)?;
        key_of(&head)?;
        if !whole {
            return Some(Self { head, tasks: IndexMap::new(), digest: rest.into() });
        }
        let lines = rest.lines().map(serde_json::from_str::<Line>);
        let tasks = lines.collect::<Result<_, _>>().ok()?;
        Some(Self { head, tasks, digest: blake3::hash(rest.as_bytes()).to_hex().to_string() })
    }
}

fn key_of(head: &Head) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(&head.key).ok().map(Into::into)
}

fn print(mark: &Mark, key: &[u8; 32]) -> String {
    let digest = match mark {
        Mark::Clear(text) => *blake3::hash(text.as_bytes()).as_bytes(),
        Mark::Digest(digest) => *digest,
    };
    blake3::keyed_hash(key, &digest).to_hex()[..32].into()
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
        let event = drift(host, prepare.tasks(), &named, record, &states, partial, plan.owing.all());
        self.differs = Some(
            matches!(&event, Event::HostDrift { tasks, owed, .. } if !(tasks.is_empty() && owed.is_empty())),
        );
        Ok(event)
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
                match said.first().and_then(|answer| Record::read(answer, true)) {
                    Some(whole) => Some(whole),
                    // What cannot be read cannot be added to: the next whole apply replaces it.
                    None => return Ok(()),
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

/// What differs on a host from what the last apply left, and what the configuration wants otherwise. `states`: what the host itself says
/// of each task.
fn drift(
    host: &str,
    tasks: &[HostTask],
    planned: &[(TaskId, String)],
    record: Option<&Record>,
    states: &[State],
    partial: bool,
    owed: Vec<Owed>,
) -> Event {
    let key = record.and_then(|record| key_of(&record.head)).unwrap_or_default();
    let mut drifted = vec![];
    for (id, name, state) in states {
        let (seen, wanted) = match state {
            Outcome::Unchanged { held, .. } => (held, held),
            Outcome::Change(change) => (&change.held, &change.wanted),
            Outcome::Need(_) | Outcome::NotYet(_) => continue,
        };
        let left = record.and_then(|record| record.tasks.get(name));
        let mut facets: Vec<&str> = wanted.iter().chain(seen).map(|(name, _)| name.as_str()).collect();
        facets.extend(left.into_iter().flat_map(IndexMap::keys).map(String::as_str));
        let mut known = HashSet::new();
        facets.retain(|facet| known.insert(*facet));
        let facets = facets.into_iter().filter_map(|facet| {
            let of = |held: &Held| held.iter().find(|(name, _)| name == facet).map(|(_, mark)| mark.clone());
            let (seen, wanted) = (of(seen), of(wanted));
            let Some(left) = left else {
                let cause = Cause::New;
                return (seen != wanted).then(|| DriftedFacet { facet: facet.into(), cause, left: None });
            };
            let left = left.get(facet);
            let is = |mark: &Option<Mark>| match (left, mark) {
                (Some(left), Some(mark)) => left.is_of(mark, &key),
                (left, mark) => left.is_none() && mark.is_none(),
            };
            let cause = match (is(&seen), is(&wanted), seen == wanted) {
                (true, true, _) => return None,
                (true, false, _) => Cause::Configuration,
                (false, true, _) => Cause::Host,
                (false, false, true) => Cause::HostAsWanted,
                (false, false, false) => Cause::Both,
            };
            let left = match left {
                Some(Kept::Is(text)) => Some(text.clone()),
                _ => None,
            };
            Some(DriftedFacet { facet: facet.into(), cause, left })
        });
        let facets: Vec<_> = facets.collect();
        if !facets.is_empty() {
            let name = tasks[id.0 as usize].name.clone();
            drifted.push(DriftedTask { task: *id, name, facets });
        }
    }
    let is_planned = |name: &String| planned.iter().any(|(_, planned)| planned == name);
    let left = record.into_iter().flat_map(|record| record.tasks.keys());
    let gone = left.filter(|name| !partial && !is_planned(name)).cloned().collect();
    let since = record.map(|record| record.head.since.clone());
    Event::HostDrift { host: host.into(), since, tasks: drifted, gone, owed }
}
