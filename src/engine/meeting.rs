//! Where hosts wait for each other: for tasks that one host does for all (`run_once`), and in plays in step (`strategy: linear`).
//!
//! A host only ever waits for tasks that come earlier in the playbook, so that two cannot wait for each other.

use crate::{
    event::Status,
    site::{HostTask, Once, OnceKey},
    yaml::Map,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard},
};
use tokio::sync::watch;

/// What a task that runs once came to.
#[derive(Clone, Debug)]
pub(super) enum OnceEnd {
    /// The host that did it, and the variables that it set.
    Done(String, Status, Map),
    /// The host that did it was lost on the way, or no host can.
    Never(String),
}

#[derive(Default)]
struct Standing {
    /// How many tasks of each that runs once are not over.
    left: HashMap<OnceKey, usize>,
    /// Whether one of them failed or was blocked, and whether all were skipped.
    worst: HashMap<OnceKey, Status>,
    /// Those that it has come to, and has a part in.
    arrived: HashSet<OnceKey>,
    ends: HashMap<OnceKey, (Status, Map)>,
    /// By play in step: the tasks that are not over, by their place in it, and how many instances.
    open: HashMap<usize, BTreeMap<Vec<usize>, usize>>,
    is_gone: bool,
}

/// What hosts know of each other.
pub(super) struct Meeting {
    hosts: Mutex<HashMap<String, Standing>>,
    plans: Mutex<HashMap<String, Option<HashMap<OnceKey, Map>>>>,
    changed: watch::Sender<u64>,
}

impl Meeting {
    pub fn new() -> Self {
        Self { hosts: Mutex::default(), plans: Mutex::default(), changed: watch::Sender::new(0) }
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, Standing>> {
        self.hosts.lock().expect("no panic holds it")
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Waits until something is as wanted.
    async fn until<T>(&self, look: impl Fn() -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = look() {
                return found;
            }
            // The sender lives as long as `self`.
            let _ = changed.changed().await;
        }
    }

    /// What a host is planned to set by tasks that run once; `None`: it has no plan.
    pub fn planned(&self, host: &str, values: Option<HashMap<OnceKey, Map>>) {
        self.plans.lock().expect("no panic holds it").entry(host.into()).or_insert(values);
        self.tell();
    }

    /// What the hosts that do tasks for this one are planned to set.
    pub async fn plans(&self, leaders: &BTreeSet<String>) -> HashMap<OnceKey, Map> {
        let look = || {
            let plans = self.plans.lock().expect("no panic holds it");
            let found: Option<Vec<_>> = leaders.iter().map(|leader| plans.get(leader).cloned()).collect();
            Some(found?.into_iter().flatten().flatten().collect())
        };
        self.until(look).await
    }

    /// A host begins to act on these tasks.
    pub fn enter(&self, host: &str, tasks: &[HostTask]) {
        let mut standing = Standing::default();
        for task in tasks {
            if let Some(once) = &task.once {
                *standing.left.entry(once.key.clone()).or_default() += 1;
            }
            if let Some((play, place)) = &task.in_step {
                *standing.open.entry(*play).or_default().entry(place.clone()).or_default() += 1;
            }
        }
        self.hosts().insert(host.into(), standing);
    }

    /// A host has ended.
    pub fn leave(&self, host: &str) {
        if let Some(standing) = self.hosts().get_mut(host) {
            standing.is_gone = true;
        }
        self.tell();
    }

    /// Waits until a task may begin on this host. For one that another host does: until it has done it.
    pub async fn turn(&self, host: &str, task: &HostTask) -> Option<OnceEnd> {
        if let Some((play, place)) = &task.in_step {
            let is_behind = |standing: &Standing| {
                let mut open = standing.open.get(play).into_iter().flatten();
                !standing.is_gone && open.next().is_some_and(|(first, _)| first < place)
            };
            // Itself among them: one task at a time.
            self.until(|| (!self.hosts().values().any(is_behind)).then_some(())).await;
        }
        let once = task.once.as_ref()?;
        if let Some(standing) = self.hosts().get_mut(host) {
            standing.arrived.insert(once.key.clone());
        }
        self.tell();
        let leader = self.until(|| self.leader(once)).await;
        if leader == once.own {
            return (!once.may_lead).then(|| OnceEnd::Never(host.to_string()));
        }
        let leader = &once.hosts[leader];
        Some(self.until(|| self.end(leader, &once.key)).await)
    }

    /// The first host that has come to a task, once each has come to it or is known not to.
    fn leader(&self, once: &Once) -> Option<usize> {
        let hosts = self.hosts();
        let mut leader = None;
        for (at, name) in once.hosts.iter().enumerate() {
            let standing = hosts.get(name);
            let has_arrived = standing.is_some_and(|standing| standing.arrived.contains(&once.key));
            let will_not = standing.is_none_or(|standing| {
                standing.is_gone || standing.left.get(&once.key).is_none_or(|left| *left == 0)
            });
            match (has_arrived, will_not) {
                (true, _) => leader = leader.or(Some(at)),
                (false, true) => {}
                (false, false) => return None,
            }
        }
        leader
    }

    fn end(&self, leader: &str, key: &OnceKey) -> Option<OnceEnd> {
        let hosts = self.hosts();
        let standing = hosts.get(leader)?;
        match standing.ends.get(key) {
            Some((status, values)) => Some(OnceEnd::Done(leader.into(), *status, values.clone())),
            None => standing.is_gone.then(|| OnceEnd::Never(leader.into())),
        }
    }

    /// A task of this host is over. `values`: what it and those before it under the same key have set.
    pub fn over(&self, host: &str, task: &HostTask, status: Status, values: Map) {
        let mut hosts = self.hosts();
        let Some(standing) = hosts.get_mut(host) else { return };
        if let Some((play, place)) = &task.in_step
            && let Some(open) = standing.open.get_mut(play)
        {
            let left = open.entry(place.clone()).or_insert(1);
            *left -= 1;
            if *left == 0 {
                open.remove(place);
            }
        }
        if let Some(Once { key, .. }) = &task.once {
            let worst = standing.worst.entry(key.clone()).or_insert(status);
            *worst = worse(*worst, status);
            let worst = *worst;
            if let Some(left) = standing.left.get_mut(key) {
                *left -= 1;
                if *left == 0 {
                    standing.ends.insert(key.clone(), (worst, values));
                }
            }
        }
        drop(hosts);
        self.tell();
    }
}

fn worse(a: Status, b: Status) -> Status {
    let rank = |status| match status {
        Status::Skipped => 0,
        Status::Ok | Status::Deferred | Status::WouldChange => 1,
        Status::Changed => 2,
        Status::Blocked => 3,
        Status::Failed => 4,
    };
    if rank(a) >= rank(b) { a } else { b }
}
