//! A run that is over, host by host: what reports are made of.

use super::{drift::Drift, findings::Findings};
use crate::{
    diag::Exit,
    event::{About, Event, Excuse, Excused, Failure, PlannedTask, Recorded, Status, Summary},
    model::Diff,
};
use std::collections::BTreeMap;

/// A run, from its events. Times are in milliseconds since it began.
#[derive(Default)]
pub struct Story<'a> {
    pub run: &'a str,
    pub check: bool,
    pub about: About,
    /// In the order of the inventory.
    pub hosts: Vec<Host<'a>>,
    /// The plan of all hosts was complete.
    pub planned: Option<u64>,
    pub warnings: Vec<(Option<&'a str>, &'a str)>,
    /// What the lint of plans found.
    pub findings: Findings,
    /// None of a run that was killed.
    pub exit: Option<u8>,
    /// How long it took, as far as is known.
    pub millis: u64,
    /// The second look of `--prove`.
    pub proof: Option<Box<Self>>,
}

#[derive(Default)]
pub struct Host<'a> {
    pub name: &'a str,
    pub os: &'a str,
    pub arch: &'a str,
    pub connecting: Option<u64>,
    pub connected: Option<u64>,
    pub planned: Option<u64>,
    /// In file order; nothing where there is no plan.
    pub tasks: &'a [PlannedTask],
    /// By number of the task.
    pub began: BTreeMap<u32, u64>,
    pub ended: BTreeMap<u32, Ended<'a>>,
    pub output: BTreeMap<u32, Vec<&'a str>>,
    /// Why it could not be worked on at all.
    pub failure: Option<&'a Failure>,
    pub summary: Option<Summary>,
    pub finished: Option<u64>,
    /// Of `drift`: what has moved since the last apply.
    pub drift: Option<Drift>,
}

/// How a task came out.
pub struct Ended<'a> {
    pub at: u64,
    /// The how manieth of all events: many come within a millisecond.
    pub order: usize,
    pub name: &'a str,
    pub status: Status,
    pub diff: Option<&'a Diff>,
    pub failure: Option<&'a Failure>,
    /// Why the failure counts as none.
    pub excuse: Option<Excuse>,
}

impl<'a> Story<'a> {
    /// Of the events of a run, as many as there are.
    pub fn new(run: &'a [Recorded]) -> Self {
        let mut story = Self::default();
        let mut index: BTreeMap<&str, usize> = BTreeMap::new();
        for (order, Recorded { at, event }) in run.iter().enumerate() {
            story.millis = *at;
            if matches!(event, Event::ProofStarted {}) {
                // Nothing more is said of the first pass but its end.
                let mut proof = Self::new(&run[order + 1..]);
                (story.exit, story.millis) = (proof.exit, proof.millis);
                let names = story.hosts.iter().map(|host| host.name);
                let at = |name: &str| names.clone().position(|known| known == name);
                proof.hosts.sort_by_key(|host| at(host.name));
                story.proof = Some(Box::new(proof));
                break;
            }
            if let Event::RunStarted { run, check, hosts, about, .. } = event {
                (story.run, story.check, story.about) = (run, *check, about.clone());
                hosts.iter().for_each(|host| _ = story.host(&mut index, host));
            }
            story.take(&mut index, order, *at, event);
        }
        story
    }

    fn host(&mut self, index: &mut BTreeMap<&'a str, usize>, name: &'a str) -> &mut Host<'a> {
        let at = *index.entry(name).or_insert_with(|| {
            self.hosts.push(Host { name, ..Host::default() });
            self.hosts.len() - 1
        });
        &mut self.hosts[at]
    }

    fn take(&mut self, index: &mut BTreeMap<&'a str, usize>, order: usize, at: u64, event: &'a Event) {
        match event {
            Event::HostConnecting { host } => {
                self.host(index, host).connecting.get_or_insert(at);
            }
            Event::HostConnected { host, os, arch, .. } => {
                let host = self.host(index, host);
                (host.os, host.arch, host.connected) = (os, arch, Some(at));
            }
            Event::HostFailed { host, failure } => self.host(index, host).failure = Some(failure),
            Event::HostPlanned { host, tasks } => {
                let host = self.host(index, host);
                (host.tasks, host.planned) = (tasks, Some(at));
            }
            Event::PlanComplete { .. } => self.planned = Some(at),
            Event::TaskStarted { host, task, .. } => {
                self.host(index, host).began.insert(task.0, at);
            }
            Event::TaskOutput { host, task, line } => {
                self.host(index, host).output.entry(task.0).or_default().push(line);
            }
            Event::TaskFinished { host, task, name, status, diff, failure, .. } => {
                let (diff, failure) = (diff.as_ref(), failure.as_ref());
                let ended = Ended { at, order, name, status: *status, diff, failure, excuse: None };
                self.host(index, host).ended.insert(task.0, ended);
            }
            Event::HostFinished { host, summary, excused, .. } => {
                let host = self.host(index, host);
                for Excused { task, by } in excused {
                    host.ended.entry(task.0).and_modify(|ended| ended.excuse = Some(*by));
                }
                (host.summary, host.finished) = (Some(*summary), Some(at));
            }
            Event::RunFinished { exit, millis } => (self.exit, self.millis) = (Some(*exit), *millis),
            Event::Finding { host, finding } => self.findings.add(host, finding),
            Event::Warning { host, message } => self.warnings.push((host.as_deref(), message)),
            Event::HostDrift { host, since, unreadable, tasks, gone, owed } => {
                let (since, tasks, gone, owed) = (since.clone(), tasks.clone(), gone.clone(), owed.clone());
                let unreadable = unreadable.clone();
                self.host(index, host).drift =
                    Some(Drift { host: host.clone(), since, unreadable, tasks, gone, owed });
            }
            Event::RunStarted { .. }
            | Event::HostWaiting { .. }
            | Event::BatchStarted { .. }
            | Event::ProofStarted {} => {}
        }
    }

    /// What it was: `apply --check of inventory/prod.yml`.
    pub fn title(&self) -> String {
        format!("{} of {}", self.about.called(self.check), self.about.inventory)
    }

    /// How it ended: `changes pending (exit code 10)`.
    pub fn outcome(&self) -> String {
        match self.exit {
            None => "cut off: the run was killed".into(),
            Some(0) => Exit::Done.word().into(),
            Some(code) => format!("{} (exit code {code})", Exit::of(code).map_or("?", Exit::word)),
        }
    }

    /// The host on which work ended last; the first one where nothing was done.
    pub fn last_host(&self) -> Option<&Host<'a>> {
        let end = |host: &&Host| host.began.keys().filter_map(|task| Some(host.ended.get(task)?.at)).max();
        let worked = self.hosts.iter().filter(|host| end(host).is_some());
        worked.max_by_key(|host| end(host)).or_else(|| self.hosts.first())
    }
}

/// A status as a word of one piece.
pub fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Changed => "changed",
        Status::Skipped => "skipped",
        Status::Failed => "failed",
        Status::Blocked => "blocked",
        Status::Deferred => "deferred",
        Status::WouldChange => "would-change",
    }
}

/// `350 ms`, `1.2 s`, `3 min 20 s`.
pub fn duration(millis: u64) -> String {
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..100_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1000),
    }
}
