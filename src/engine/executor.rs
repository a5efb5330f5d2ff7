//! One host's graph, worked through as far as failures allow.

use super::{
    Act, Events, Keeping, Open, Somebody, blocks::Course, done::Done, meeting::Meeting, owed::Ledger,
    record::HostRecord,
};
use crate::{
    diag::Exit,
    event::{Event, Excuse, Failure, Status, Summary},
    graph::Why,
    model::TaskId,
    plan::{Counts, HostPlan, Seat, TaskPlan, register},
    resource::Mask,
    site::{HostTask, Prepare, Registered},
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::{sync::watch, task::JoinSet};

/// Tasks of one host in flight at a time.
const IN_FLIGHT: usize = 32;

/// A planned host, ready to be acted on.
pub struct HostRun {
    pub(super) host: String,
    pub(super) prepare: Arc<dyn Prepare>,
    pub(super) plan: HostPlan,
    /// One for each seat.
    pub(super) links: Vec<Mutex<Arc<dyn Act>>>,
    /// Round trips of links that are gone.
    pub(super) spent: AtomicU64,
    pub(super) seats: Vec<Seat>,
    pub(super) seat_of: Vec<usize>,
    pub(super) open: Arc<dyn Open>,
    pub(super) mask: Mask,
    pub(super) registered: Mutex<Registered>,
    pub(super) meeting: Arc<Meeting>,
    /// `None`: there is no terminal.
    pub(super) somebody: Option<Arc<dyn Somebody>>,
    pub(super) keep: Keeping,
    pub(super) record: Option<HostRecord>,
    pub(super) ledger: Ledger,
    /// No more may be done than the plan shows.
    pub(super) exact: bool,
    /// Rescues and what always runs of blocks that failed, and the handlers that they notify: what is done then is in no plan.
    pub(super) unforeseen: Mutex<BTreeSet<TaskId>>,
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting(usize),
    Running,
    Finished(Status),
}

impl HostRun {
    pub(super) fn tasks(&self) -> &[HostTask] {
        self.prepare.tasks()
    }

    /// How many tasks will change something.
    pub(super) fn changes(&self) -> usize {
        self.tasks().iter().filter(|t| self.plan.changes(t.id)).count()
    }

    pub(super) fn deferred(&self) -> usize {
        self.plan.tasks.iter().filter(|p| matches!(p, TaskPlan::Deferred { .. })).count()
    }

    /// Whether anything at all would be sent.
    pub(super) fn acts(&self) -> bool {
        self.plan.tasks.iter().any(|p| matches!(p, TaskPlan::Change(_) | TaskPlan::Deferred { .. }))
    }

    /// Whether a command of the user's runs, whatever is said of it.
    pub(super) fn runs_commands(&self) -> bool {
        let runs = |(plan, prepared): (&TaskPlan, &Option<Arc<dyn crate::resource::Prepared>>)| {
            matches!(plan, TaskPlan::Change(_))
                && prepared.as_ref().is_some_and(|prepared| prepared.is_command())
        };
        self.plan.tasks.iter().zip(&self.plan.prepared).any(runs)
    }

    /// Whether it waits for other hosts anywhere.
    pub(super) fn meets(&self) -> bool {
        self.tasks().iter().any(|task| task.once.is_some() || task.in_step.is_some())
    }

    /// Says that it begins, before any host does.
    pub(super) fn enter(&self) {
        self.meeting.enter(&self.host, self.tasks());
    }

    pub(super) fn round_trips(&self) -> u64 {
        let open = (0..self.links.len()).map(|at| self.link(at).round_trips()).sum::<u64>();
        self.spent.load(Ordering::Relaxed) + open
    }

    /// The link of a seat.
    pub(super) fn link(&self, seat: usize) -> Arc<dyn Act> {
        self.links[seat].lock().expect("no panic holds it").clone()
    }

    /// Another link for a seat.
    pub(super) fn take_link(&self, seat: usize, link: Arc<dyn Act>) {
        let old = std::mem::replace(&mut *self.links[seat].lock().expect("no panic holds it"), link);
        self.spent.fetch_add(old.round_trips(), Ordering::Relaxed);
    }

    /// Works through the graph. Handlers whose notifier changed run even when another task failed.
    pub(super) async fn execute(self: Arc<Self>, events: Events, cancel: watch::Receiver<bool>) -> Exit {
        let count_before = |task: &HostTask| self.plan.graph.before(task.id).count();
        let mut course =
            Course::new(self.tasks().iter().map(|t| Progress::Waiting(count_before(t))).collect());
        let mut dirty = vec![false; course.progress.len()];
        // Those that wait for other hosts must not keep the others from running.
        let in_flight = if self.meets() { usize::MAX } else { IN_FLIGHT };
        let mut exit = Exit::Done;
        let mut failures = vec![];
        let (mut lost, mut moved) = (false, false);
        let mut summary = Summary::default();
        let mut running: JoinSet<(TaskId, Instant, Done)> = JoinSet::new();
        let mut ready: BTreeSet<TaskId> = self.tasks().iter().map(|t| t.id).collect();
        ready.retain(|id| course.progress[id.0 as usize] == Progress::Waiting(0));
        loop {
            while running.len() < in_flight
                && let Some(id) = ready.pop_first()
            {
                let at = id.0 as usize;
                let stopped = lost || *cancel.borrow();
                // What is not done for that is no failure only where each of these says so.
                if lost && !self.tasks()[at].ignore_unreachable {
                    failures.push((id, Exit::Unreachable));
                }
                let settled = if stopped {
                    Some(Done::quiet(Status::Blocked))
                } else {
                    self.settled(id, &mut course, dirty[at])
                };
                match settled {
                    Some(done) => {
                        self.finish(
                            id,
                            done,
                            Instant::now(),
                            &events,
                            &mut summary,
                            &mut course.progress,
                            &mut dirty,
                            &mut ready,
                        );
                    }
                    None => {
                        course.progress[at] = Progress::Running;
                        let (run, events, dirty) = (self.clone(), events.clone(), dirty[at]);
                        let cancel = cancel.clone();
                        let notified = self.notified(id, &course.progress);
                        running.spawn(async move {
                            let started = Instant::now();
                            let done = run.do_task(id, dirty, notified, &events, cancel).await;
                            run.account(&run.tasks()[at], &done, &events).await;
                            (id, started, done)
                        });
                    }
                }
            }
            if !ready.is_empty() && running.len() < in_flight {
                continue;
            }
            let Some(joined) = running.join_next().await else { break };
            let Ok((id, started, done)) = joined else {
                exit = exit.max(Exit::Bug);
                continue;
            };
            if let Some(failure) = &done.failure
                && !(self.tasks()[id.0 as usize].ignore_errors && is_excusable(failure))
            {
                let is_lost = failure.exit == Exit::Unreachable as u8;
                lost |= is_lost;
                let is_forgiven = self.tasks()[id.0 as usize].ignore_unreachable;
                let exit = exit_of(failure);
                course.hard[id.0 as usize] = !matches!(exit, Exit::TaskFailed | Exit::NotConverged);
                if !(is_lost && is_forgiven) {
                    failures.push((id, exit));
                }
            }
            moved |= done.acted || matches!(done.status, Status::Changed | Status::Failed);
            let progress = &mut course.progress;
            self.finish(id, done, started, &events, &mut summary, progress, &mut dirty, &mut ready);
        }
        self.meeting.leave(&self.host);
        if !lost && !*cancel.borrow() {
            self.forget(&events).await;
        }
        if !lost && let Err(why) = self.leave_record(moved).await {
            let message = format!("what this run has left cannot be recorded for `drift`: {why}");
            events(Event::Warning { host: Some(self.host.clone()), message });
        }
        for at in 0..self.links.len() {
            self.link(at).close().await;
        }
        for (id, failed) in failures {
            if failed != Exit::Unreachable && self.rescued(id, &course) {
                (summary.failed, summary.rescued) = (summary.failed - 1, summary.rescued + 1);
            } else {
                exit = exit.max(failed);
            }
        }
        let excused = self.excused(&course);
        summary.ignored = excused.iter().filter(|it| it.by == Excuse::Ignored).count();
        summary.unreachable = lost;
        let (host, round_trips) = (self.host.clone(), self.round_trips());
        events(Event::HostFinished { host, summary, round_trips, excused });
        if *cancel.borrow() { Exit::Cancelled } else { exit }
    }

    /// The outcome of a task that needs no work, known at once.
    fn settled(&self, id: TaskId, course: &mut Course, dirty: bool) -> Option<Done> {
        let task = &self.tasks()[id.0 as usize];
        self.mark(id, course);
        if self.is_uncalled(id, course) {
            // What the main part registered under the same name stays.
            let registered = self.registered.lock().expect("no panic holds it");
            let is_taken =
                task.register.as_ref().is_some_and(|own| registered.results.contains_key(&own.name));
            let done = Done::quiet(Status::Skipped);
            return Some(if is_taken { Done { result: None, ..done } } else { done });
        }
        if self.is_stopped(id, course) {
            return Some(Done::quiet(Status::Blocked));
        }
        if task.handler && !self.notified(id, &course.progress) && !self.is_owed(id) {
            return Some(Done::quiet(Status::Skipped));
        }
        if self.is_due(task) {
            return None;
        }
        // What results say decides about those only that read one.
        if !task.reads.is_empty()
            || task.judged
            || !task.sets.is_empty()
            || task.only_looks
            || task.once.is_some()
        {
            return None;
        }
        match &self.plan.tasks[id.0 as usize] {
            TaskPlan::Unchanged { .. } if !dirty => Some(self.as_predicted(id)),
            TaskPlan::Skipped { .. } if !task.handler && !task.is_rescue() => {
                let done = Done::quiet(Status::Skipped);
                // That of a loop tells of its items as well.
                Some(Done { result: self.plan.results[id.0 as usize].clone().or(done.result), ..done })
            }
            _ => None,
        }
    }

    /// The outcome of a task that is as wanted: the plan has seen it.
    pub(super) fn as_predicted(&self, id: TaskId) -> Done {
        // With `check_mode` a change is told of and not made.
        let at = id.0 as usize;
        let tells = self.tasks()[at].only_looks && self.plan.counts[at] == Counts::Yes;
        let done =
            Done { status: if tells { Status::Changed } else { Status::Ok }, ..Done::quiet(Status::Ok) };
        Done { result: self.plan.results[id.0 as usize].clone().or(done.result), ..done }
    }

    fn notified(&self, id: TaskId, progress: &[Progress]) -> bool {
        let changed = |id: TaskId| progress[id.0 as usize] == Progress::Finished(Status::Changed);
        self.plan.graph.before(id).any(|(before, why)| matches!(why, Why::Notify) && changed(before))
    }

    #[expect(clippy::too_many_arguments, reason = "the loop's own state, taken apart for the borrow checker")]
    fn finish(
        &self,
        id: TaskId,
        done: Done,
        started: Instant,
        events: &Events,
        summary: &mut Summary,
        progress: &mut [Progress],
        dirty: &mut [bool],
        ready: &mut BTreeSet<TaskId>,
    ) {
        let task = &self.tasks()[id.0 as usize];
        if let (Some(register_as), Some(result)) = (&task.register, done.result) {
            register(&mut self.registered.lock().expect("no panic holds it"), register_as, result);
        }
        let mut registered = self.registered.lock().expect("no panic holds it");
        // Not done, it leaves what was there before.
        if !matches!(done.status, Status::Ok | Status::Changed) {
            registered.unset.extend(task.sets.iter().cloned());
        }
        // Whatever came of it: who takes it along looks for it.
        registered.bring(task, false);
        drop(registered);
        if task.once.is_some() || task.in_step.is_some() {
            let registered = self.registered.lock().expect("no panic holds it").clone();
            self.meeting.over(&self.host, task, done.status, registered.of(task));
        }
        // What only looks tells others that it would change something; itself it is as the plan shows it.
        let tells = task.only_looks && done.status == Status::Changed;
        let status = if tells { Status::Ok } else { done.status };
        count(summary, status);
        progress[id.0 as usize] = Progress::Finished(done.status);
        // A failed task may have done half of its ops.
        let moved =
            matches!(done.status, Status::Changed | Status::Failed) || done.acted || dirty[id.0 as usize];
        for (next, why) in self.plan.graph.after(id) {
            let at = next.0 as usize;
            // A result moves nothing on the host.
            let shows = match why {
                Why::Result(_) => false,
                // What is as wanted stays so; what acts may find its guard moved, and looks again then.
                Why::Start(_) => matches!(self.plan.tasks[at], TaskPlan::Change(_)),
                why => why.may_show(),
            };
            dirty[at] |= moved && shows;
            if let Progress::Waiting(left) = &mut progress[at] {
                *left -= 1;
                if *left == 0 {
                    ready.insert(next);
                }
            }
        }
        self.finished(events, task, status, done.diff, done.failure, started);
    }

    pub(super) fn finished(
        &self,
        events: &Events,
        task: &HostTask,
        status: Status,
        diff: Option<crate::model::Diff>,
        failure: Option<Failure>,
        started: Instant,
    ) {
        events(Event::TaskFinished {
            host: self.host.clone(),
            task: task.id,
            name: task.name.clone(),
            status,
            diff,
            failure,
            millis: started.elapsed().as_millis() as u64,
        });
    }
}

pub(super) fn count(summary: &mut Summary, status: Status) {
    let counter = match status {
        Status::Ok => &mut summary.ok,
        Status::Changed | Status::WouldChange => &mut summary.changed,
        Status::Skipped => &mut summary.skipped,
        Status::Failed => &mut summary.failed,
        Status::Blocked => &mut summary.blocked,
        Status::Deferred => &mut summary.deferred,
    };
    *counter += 1;
}

/// Whether `ignore_errors` is about such a failure: that the host is another one than the plan was made for is none of the task's own.
pub(super) fn is_excusable(failure: &Failure) -> bool {
    failure.exit != Exit::HostChanged as u8
}

fn exit_of(failure: &Failure) -> Exit {
    [Exit::Unreachable, Exit::HostChanged, Exit::NotConverged, Exit::LockHeld, Exit::Bug]
        .into_iter()
        .find(|exit| *exit as u8 == failure.exit)
        .unwrap_or(Exit::TaskFailed)
}
