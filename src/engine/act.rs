//! One task: the planned ops under their guard, or planned anew where something before it has moved the host.

use super::{
    ActError, Events,
    done::{Done, Stopped},
    executor::HostRun,
};
use crate::{
    diag::Exit,
    event::{Event, Failure, Status},
    model::{Area, TaskId},
    plan::{ResultOf, TaskPlan, brought, diagnostics_failure, printed, result_node, task_failure},
    resource::{Change, Fault, Look, Lookup, Outcome, Prepared},
    site::{HostTask, Preparation, Tries},
};
use agent::wire::{Answer, Apply, Output, Query, ended_by_force};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::watch;

/// The host's own answers, gathered for one task.
pub(super) struct Fresh(pub HashMap<Query, Answer>);

impl Lookup for Fresh {
    fn look(&self, query: &Query) -> Look {
        self.0.get(query).map_or(Look::NotAsked, |answer| Look::Known(answer.clone()))
    }

    fn may_still_come(&self, _: &[Area]) -> bool {
        false
    }
}

impl HostRun {
    /// Does a task as it was planned; one with `until` or `retries` again, until it is as wanted or the tries are used up.
    /// `dirty`: something it depends on has changed the host since it was planned.
    pub(super) async fn do_task(
        &self,
        id: TaskId,
        dirty: bool,
        notified: bool,
        events: &Events,
        mut cancel: watch::Receiver<bool>,
    ) -> Done {
        let task = &self.prepare.tasks()[id.0 as usize];
        if task.once.is_some() {
            let registered = self.registered.lock().expect("no panic holds it").clone();
            if self.prepare.is_out(id, &registered) {
                return Done::quiet(Status::Skipped);
            }
        }
        let stopped = async |cancel: &mut watch::Receiver<bool>| {
            let _ = cancel.wait_for(|cancelled| *cancelled).await;
        };
        tokio::select! {
            end = self.meeting.turn(&self.host, task) => {
                if let Some(end) = end {
                    return self.done_by_another(task, end);
                }
            }
            () = stopped(&mut cancel) => return Done::quiet(Status::Blocked),
        }
        if task.pause_s > 0 && !task.is_dynamic {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(task.pause_s.into())) => {}
                () = stopped(&mut cancel) => return Done::quiet(Status::Blocked),
            }
        }
        let tries = task.tries.unwrap_or(Tries { retries: 0, delay_s: 0 });
        let (mut tried, mut acted, mut diff) = (0, false, None);
        loop {
            let mut done = self.attempt(id, dirty || tried > 0, notified, tried > 0, events, &cancel).await;
            // What an earlier try did is a change though this one found nothing to do any more.
            if acted && done.status == Status::Ok {
                (done.status, done.diff) = (Status::Changed, diff.take());
            }
            acted |= done.acted;
            done.acted = acted;
            // Each of its items has been judged by itself.
            if task.is_dynamic {
                return done;
            }
            let registered = self.registered.lock().expect("no panic holds it").clone();
            let (mut done, again) = self.judged(task, done, &registered);
            tried += 1;
            let Some(why) = again.filter(|_| task.tries.is_some()) else { return done };
            if tried > tries.retries {
                return self.used_up(task, done, &why, tried);
            }
            diff = diff.or(done.diff.take());
            let line = format!("try {tried} of {}: {why}; again in {} s", tries.retries + 1, tries.delay_s);
            events(Event::TaskOutput { host: self.host.clone(), task: id, line });
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(tries.delay_s.into())) => {}
                _ = cancel.wait_for(|cancelled| *cancelled) => return self.used_up(task, done, &why, tried),
            }
        }
    }

    /// One attempt at a task. It is planned anew only when the results that it reads make another task of it than was
    /// predicted, or could not be predicted, and when it is tried again.
    async fn attempt(
        &self,
        id: TaskId,
        dirty: bool,
        notified: bool,
        again: bool,
        events: &Events,
        cancel: &watch::Receiver<bool>,
    ) -> Done {
        let at = id.0 as usize;
        let task = &self.prepare.tasks()[at];
        let registered = self.registered.lock().expect("no panic holds it").clone();
        let (prepared, as_planned) = match &self.plan.prepared[at] {
            Some(prepared) if task.reads.is_empty() => (prepared.clone(), !again),
            planned => match self.prepare.prepare(id, &registered) {
                Ok(Preparation::Ready(prepared)) => {
                    let same = planned.as_ref().is_some_and(|planned| planned.digest() == prepared.digest());
                    (prepared, same && !again)
                }
                Ok(Preparation::Skip(_)) => return Done::quiet(Status::Skipped),
                Ok(Preparation::Sets(values)) => return self.set(task, &values),
                Ok(Preparation::Items(items)) => {
                    return self.do_items(task, &items, events, cancel.clone()).await;
                }
                Ok(Preparation::NotYet(why, _) | Preparation::Awaits(why, _)) => {
                    let fault = Fault::new(format!("{why} is not known"))
                        .hint("the task that should have set it was skipped or failed");
                    return Done::fatal(task_failure(task, &fault), None);
                }
                Err(diagnostics) => {
                    // It was fine as far as it could be known: what an earlier task brought does not fit.
                    let failure = diagnostics_failure(Some(task), &diagnostics);
                    return Done::fatal(Failure { exit: Exit::TaskFailed as u8, ..failure }, None);
                }
            },
        };
        let planned = match &self.plan.tasks[at] {
            TaskPlan::Change(change) if as_planned => Some(change.clone()),
            TaskPlan::Unchanged { .. } if as_planned && !dirty => return self.as_predicted(id),
            _ => None,
        };
        let fresh = planned.is_none();
        let outcome = match planned {
            Some(change) => Ok((Some(change), HashMap::new())),
            None => self.observe(task, &*prepared).await,
        };
        let change = match outcome {
            Ok((Some(_), _)) if task.only_looks => return self.would_change(&*prepared),
            Ok((Some(change), _)) => change,
            Ok((None, answers)) => return self.nothing_to_do(&*prepared, answers),
            Err(stopped) => return stopped.into(),
        };
        if let Some(strays) = self.strays(task, &change).filter(|_| fresh && !again) {
            return strays;
        }
        if !again {
            events(Event::TaskStarted { host: self.host.clone(), task: id, name: task.name.clone() });
        }
        if let Some(interlude) = prepared.interlude() {
            return self.interlude(task, &interlude, &change, events, cancel.clone()).await;
        }
        match self.apply(task, &prepared, &change, events).await {
            // The plan was made on predictions, and something before this task has acted: look again, once.
            Err(ActError::HostChanged(_)) if (dirty || notified) && !fresh => {
                match self.observe(task, &*prepared).await {
                    Ok((Some(change), _)) => match self.strays(task, &change) {
                        Some(strays) => strays,
                        None => self.conclude(task, &prepared, &change, events).await,
                    },
                    Ok((None, answers)) => self.nothing_to_do(&*prepared, answers),
                    Err(stopped) => stopped.into(),
                }
            }
            result => self.judge(task, &prepared, &change, result).await,
        }
    }

    pub(super) async fn conclude(
        &self,
        task: &HostTask,
        prepared: &Arc<dyn Prepared>,
        change: &Change,
        events: &Events,
    ) -> Done {
        let result = self.apply(task, prepared, change, events).await;
        self.judge(task, prepared, change, result).await
    }

    async fn apply(
        &self,
        task: &HostTask,
        prepared: &Arc<dyn Prepared>,
        change: &Change,
        events: &Events,
    ) -> Result<super::Applied, ActError> {
        let link = self.link(self.seat_of[task.id.0 as usize]);
        let then = if prepared.acts() { vec![] } else { change.asked() };
        let mut ops = change.ops.clone();
        task.timeout_s.into_iter().for_each(|seconds| ops.iter_mut().for_each(|op| op.limit(seconds)));
        let (seat, dues) = (self.seat_of[task.id.0 as usize], self.dues(task, &**prepared, change));
        let apply =
            Apply { task: task.name.clone(), guard: change.guard.clone(), ops, then, dues: dues.clone() };
        let progress = |content: agent::secret::Content| {
            if content.is_secret() || task.no_log {
                return;
            }
            for line in String::from_utf8_lossy(content.bytes()).lines() {
                // Of a line that was written over and over (`12%... 13%...`), the last version.
                let line = line.rsplit('\r').find(|version| !version.trim().is_empty()).unwrap_or_default();
                let (host, line) = (self.host.clone(), line.to_string());
                events(Event::TaskOutput { host, task: task.id, line });
            }
        };
        let Some(reboot) = prepared.reboots() else {
            let told = link.apply(apply, Box::new(progress)).await;
            self.ledger.applied(seat, dues, &told);
            return told;
        };
        let before = self.boot(task).await?;
        let told = link.apply(apply, Box::new(progress)).await;
        self.come_back(task, reboot, &before, told, events).await
    }

    /// After acting: disarm what was armed, look again, and say what came of it.
    async fn judge(
        &self,
        task: &HostTask,
        prepared: &Arc<dyn Prepared>,
        change: &Change,
        result: Result<super::Applied, ActError>,
    ) -> Done {
        let applied = match result {
            Ok(applied) => applied,
            Err(ActError::Link(failure)) => {
                return Done::fatal(Failure { place: Some(task.origin.to_string()), ..failure }, None);
            }
            Err(ActError::HostChanged(query)) => {
                let fault =
                    Fault::new("the host changed since the plan").hint("plan again and look at the diff");
                let failure = Failure {
                    causes: vec![query],
                    exit: Exit::HostChanged as u8,
                    ..task_failure(task, &fault)
                };
                return Done::fatal(failure, None);
            }
            Err(ActError::OpFailed { index, message, output }) => {
                let hint = output.as_ref().and_then(|output| prepared.remedy(output));
                let mut failure = task_failure(task, &Fault { hint, ..Fault::new(message) });
                if change.ops.len() > 1 {
                    failure.causes.push(format!(
                        "step {} of {}; those before it were done",
                        index + 1,
                        change.ops.len()
                    ));
                }
                failure.output = output.as_ref().filter(|_| !task.no_log).map(tail).unwrap_or_default();
                let own = output.as_ref().is_none_or(|output| !ended_by_force(output.code));
                let acted = prepared.counts_as_change();
                let (output, found) = brought(&**prepared, output.as_ref());
                let result =
                    Some(result_node(&ResultOf { failed: true, output, found, ..Default::default() }));
                return Done { own, acted, result, ..Done::failed(failure, None) };
            }
        };
        if let Some(token) = change.armed()
            && let Err(failure) = self.confirm(task, token).await
        {
            return Done { acted: true, ..Done::fatal(failure, None) };
        }
        if let Some(Err(why)) = change.keep.as_ref().map(|keep| (self.keep)(keep)) {
            return Done::fatal(task_failure(task, &Fault::new(why)), None);
        }
        let (output, found) = brought(&**prepared, applied.outputs.last());
        let changed = prepared.counts_as_change();
        let job = prepared.job();
        let result = Some(result_node(&ResultOf { changed, output, job, found, ..Default::default() }));
        let status = if changed { Status::Changed } else { Status::Ok };
        if !prepared.acts() {
            let answers: HashMap<_, _> = change.asked().into_iter().zip(applied.answers).collect();
            match self.settle(task, &**prepared, answers).await {
                Ok((None, _)) => {}
                Ok((Some(left), _)) => {
                    let fault = Fault::new("did not converge: after acting, this is still different");
                    let causes = left.diff.facets.iter().map(|f| f.facet.clone()).collect();
                    let failure =
                        Failure { causes, exit: Exit::NotConverged as u8, ..task_failure(task, &fault) };
                    let acted = changed;
                    return Done { diff: Some(left.diff), acted, ..Done::fatal(failure, output) };
                }
                Err(stopped) => return Done { acted: changed, ..Done::fatal(stopped.failure, output) },
            }
        }
        Done { status, diff: Some(change.diff.clone()), failure: None, result, acted: changed, own: true }
    }

    /// Disarms over a fresh connection: proof that the change has not cut us off.
    async fn confirm(&self, task: &HostTask, token: &str) -> Result<(), Failure> {
        let seat = &self.seats[self.seat_of[task.id.0 as usize]];
        let hint = "the change reverts itself; check what it lets in";
        match self.open.disarm(&self.host, seat, token).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let fault = Fault::new("the change was reverted before it could be confirmed").hint(hint);
                Err(task_failure(task, &fault))
            }
            Err(failure) => {
                let fault = Fault::new("after this change no new connection gets through").hint(hint);
                let mut causes = vec![failure.message];
                causes.extend(failure.causes);
                Err(Failure { causes, ..task_failure(task, &fault) })
            }
        }
    }

    /// Observes a task from nothing and plans it on what the host says now.
    pub(super) async fn observe(
        &self,
        task: &HostTask,
        prepared: &dyn Prepared,
    ) -> Result<(Option<Box<Change>>, HashMap<Query, Answer>), Stopped> {
        self.settle(task, prepared, HashMap::new()).await
    }

    async fn settle(
        &self,
        task: &HostTask,
        prepared: &dyn Prepared,
        answers: HashMap<Query, Answer>,
    ) -> Result<(Option<Box<Change>>, HashMap<Query, Answer>), Stopped> {
        let link = self.link(self.seat_of[task.id.0 as usize]);
        let mut fresh = Fresh(answers);
        for _ in 0..16 {
            let stopped = |fault: Fault| Stopped {
                failure: task_failure(task, &fault),
                own: !fault.is_final,
                output: printed(prepared, |query| fresh.0.get(query).cloned())
                    .filter(|_| prepared.look().is_some()),
            };
            match prepared.plan(&fresh, &self.mask).map_err(stopped)? {
                Outcome::Need(queries) => {
                    let answers = link.ask(queries.clone()).await;
                    let answers = answers.map_err(|failure| {
                        let place = failure.place.clone().or_else(|| Some(task.origin.to_string()));
                        Stopped { failure: Failure { place, ..failure }, own: false, output: None }
                    })?;
                    fresh.0.extend(queries.into_iter().zip(answers));
                }
                Outcome::NotYet(why) => return Err(stopped(Fault::new(why))),
                Outcome::Unchanged { .. } => return Ok((None, fresh.0)),
                Outcome::Change(change) => return Ok((Some(change), fresh.0)),
            }
        }
        let fault =
            Fault::new(format!("bug in resource type `{}`: it never stops asking", prepared.type_name()));
        let failure = Failure { exit: Exit::Bug as u8, ..task_failure(task, &fault) };
        Err(Stopped { failure, own: false, output: None })
    }
}

/// The last lines of what a failing command printed, if they may be shown.
fn tail(output: &Output) -> Vec<String> {
    let texts = [&output.stdout, &output.stderr].into_iter().filter(|c| !c.is_secret());
    let texts: Vec<_> = texts.map(|c| String::from_utf8_lossy(c.bytes())).collect();
    last_lines(texts.iter().flat_map(|text| text.lines()))
}

pub(super) fn last_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    const LINES: usize = 20;
    let lines: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(ToString::to_string).collect()
}
