//! All hosts of a run: planned in parallel, approved together, then each worked through on its own.

use super::{
    Doing, Events, Keeping, Open,
    arrival::{Arrival, Said, Ways},
    executor::HostRun,
    host::plan_host,
    interlude::nobody,
    meeting::Meeting,
    record::Recording,
};
use crate::{
    diag::{Diagnostics, Exit},
    event::{About, Event, Failure},
    plan::{saved::Planned, task_failure},
    playbook::Rolling,
    resource::Mask,
    site::Prepare,
};
use agent::{secret::Content, wire::Facts};
use std::{collections::HashSet, sync::Arc};
use tokio::sync::{Semaphore, watch};

/// Whose tasks a run has.
pub trait Hosts: Send + Sync {
    fn names(&self) -> Vec<String>;

    /// The tasks of a host; without facts as far as they are known offline.
    ///
    /// # Errors
    /// All that is wrong with them.
    fn tasks(&self, host: &str, facts: Option<&Facts>) -> Result<Arc<dyn Prepare>, Diagnostics>;

    /// Takes note of what a host says of itself; `None` when it cannot be reached.
    fn gathered(&self, host: &str, facts: Option<&Facts>);

    /// Whether tasks may use what other hosts say of themselves: all are reached then before any is planned.
    fn looks_across(&self) -> bool;
}

/// Asked once, when the plans of all hosts are there and something would change.
pub trait Approve: Send + Sync {
    fn approve(&self, changes: usize, deferred: usize) -> Doing<'_, bool>;

    /// Whether it is also asked where commands run that are said to change nothing.
    fn is_wary(&self) -> bool {
        false
    }

    /// Sees the plans of all hosts before any is acted on; `whole`: no host of the run is without one. What is not to be carried out is
    /// told by host.
    ///
    /// # Errors
    /// Why nothing is done; empty when that was said already.
    fn look(&self, _: &[Planned], _whole: bool) -> Result<(), Vec<(String, Failure)>> {
        Ok(())
    }

    /// Whether no more may be done than the plan shows.
    fn is_exact(&self) -> bool {
        false
    }
}

/// Whoever started the run, at a terminal.
pub trait Somebody: Send + Sync {
    /// A line that they type; a secret when it does not show (`echo`).
    fn line<'a>(&'a self, text: &'a str, echo: bool) -> Doing<'a, Result<Content, String>>;
}

pub struct RunOptions {
    pub run: String,
    pub about: About,
    /// Plan and show only.
    pub check: bool,
    /// Whoever asks only wants to know: a finding that refuses is told, and the plan all the same.
    pub looks: bool,
    /// Links over which a second pass looks whether anything is left to do.
    pub prove: Option<Arc<dyn Open>>,
    /// Hosts worked on at a time.
    pub forks: usize,
    /// Hosts are worked on in batches; all at once without it.
    pub rolling: Option<Rolling>,
    pub mask: Mask,
    /// Keeps what is fetched.
    pub keep: Keeping,
    /// Turns true when the user wants to stop: nothing new is started.
    pub cancel: watch::Receiver<bool>,
    /// What the hosts keep of it.
    pub recording: Option<Arc<Recording>>,
    /// The name of the playbook's file, for what its handlers are owed; none where no playbook is carried out.
    pub playbook: Option<Arc<str>>,
    /// For what a task asks; `None`: nobody is there.
    pub somebody: Option<Arc<dyn Somebody>>,
}

/// Plans all hosts and, unless it only looks, acts on them.
pub(super) async fn pass(
    hosts: &Arc<dyn Hosts>,
    open: &Arc<dyn Open>,
    check: bool,
    options: &RunOptions,
    events: &Events,
    approve: &dyn Approve,
) -> Exit {
    let names = hosts.names();
    let forks = Arc::new(Semaphore::new(options.forks.max(1)));
    let mut exits = vec![];
    let left = watch::Sender::new(names.len());
    let mut planning = tokio::task::JoinSet::new();
    let (meeting, exact) = (Arc::new(Meeting::new()), approve.is_exact());
    for (order, host) in names.iter().cloned().enumerate() {
        let (hosts, open, events, mask) = (hosts.clone(), open.clone(), events.clone(), options.mask.clone());
        let (forks, mut cancel, meeting) = (forks.clone(), options.cancel.clone(), meeting.clone());
        let (somebody, looks) = (options.somebody.clone(), options.looks);
        let keep = options.keep.clone();
        let recording = options.recording.clone().filter(|recording| recording.drift || !check);
        let playbook = options.playbook.clone();
        let arrival = Arrival { host: host.clone(), hosts: hosts.clone(), facts: None, left: left.clone() };
        planning.spawn(async move {
            let said = Said { meeting: &meeting, host: &host };
            let Ok(turn) = forks.clone().acquire_owned().await else { return (order, Err(Exit::Bug)) };
            let meeting_too = meeting.clone();
            let ways = Ways {
                arrival,
                turn,
                forks,
                meeting: meeting_too,
                somebody,
                keep,
                recording,
                playbook,
                exact,
                looks,
            };
            let planned = tokio::select! {
                planned = plan_host(&host, &*hosts, open, &events, mask, ways) => planned,
                _ = cancel.wait_for(|c| *c) => Err(Exit::Cancelled),
            };
            drop(said);
            (order, planned)
        });
    }
    let mut forgiven = HashSet::new();
    let mut planned: Vec<Option<HostRun>> = names.iter().map(|_| None).collect();
    while let Some(result) = planning.join_next().await {
        match result {
            Ok((order, Ok(host))) => planned[order] = Some(host),
            Ok((order, Err(exit))) => {
                // Out of reach, and that is no failure.
                if exit == Exit::Done {
                    forgiven.insert(names[order].clone());
                }
                exits.push(exit);
            }
            Err(_) => exits.push(Exit::Bug),
        }
    }
    let planned: Vec<HostRun> = planned.into_iter().flatten().collect();
    let changes = planned.iter().map(HostRun::changes).sum();
    let deferred = planned.iter().map(HostRun::deferred).sum();
    events(Event::PlanComplete { changes, deferred });
    let whole = exits.iter().all(|exit| *exit == Exit::Done);
    if let Err(refused) = approve.look(&planned.iter().map(HostRun::planned).collect::<Vec<_>>(), whole) {
        for (host, failure) in refused {
            exits.extend(Exit::of(failure.exit));
            events(Event::HostFailed { host, failure });
        }
        planned.iter().for_each(|host| host.report_refused(events));
        return exits.into_iter().max().unwrap_or(Exit::HostChanged);
    }
    // What is planned only when it is called for changes things too.
    let rescues: usize = planned.iter().map(HostRun::rescues).sum();
    let acts = planned.iter().any(HostRun::acts);
    if check {
        exits.extend(planned.iter().map(|host| host.report_check(events)));
    } else if options.somebody.is_none() && planned.iter().any(|host| host.asks().is_some()) {
        for host in &planned {
            if let Some(task) = host.asks().map(|id| &host.prepare.tasks()[id.0 as usize]) {
                let failure = Failure { exit: Exit::Config as u8, ..task_failure(task, &nobody()) };
                events(Event::HostFailed { host: host.host.clone(), failure });
            }
            host.report_refused(events);
        }
        exits.push(Exit::Config);
    } else if *options.cancel.borrow()
        || (acts
            && (changes + deferred + rescues > 0
                || approve.is_wary() && planned.iter().any(HostRun::runs_commands))
            && !approved(approve, changes, deferred + rescues, options.cancel.clone()).await)
    {
        planned.iter().for_each(|host| host.report_refused(events));
        exits.push(Exit::Cancelled);
    } else {
        exits.extend(execute(planned, &names, &forgiven, &forks, options, events).await);
    }
    exits.into_iter().max().unwrap_or(Exit::Done)
}

/// Acts on all hosts, batch by batch. A host that could not even be planned counts as failed in its batch.
async fn execute(
    planned: Vec<HostRun>,
    names: &[String],
    forgiven: &HashSet<String>,
    forks: &Arc<Semaphore>,
    options: &RunOptions,
    events: &Events,
) -> Vec<Exit> {
    let sizes =
        options.rolling.as_ref().map_or_else(|| vec![names.len()], |rolling| rolling.batches(names.len()));
    let mut planned = planned.into_iter().peekable();
    let (mut exits, mut begin, mut is_over) = (vec![], 0, false);
    for (at, size) in sizes.iter().enumerate() {
        let batch = &names[begin..begin + size];
        begin += size;
        let mut hosts = vec![];
        while let Some(host) = planned.next_if(|host| batch.contains(&host.host)) {
            hosts.push(host);
        }
        if is_over {
            hosts.iter().for_each(|host| host.report_refused(events));
            continue;
        }
        if sizes.len() > 1 {
            let hosts = hosts.iter().map(|host| host.host.clone()).collect();
            events(Event::BatchStarted { number: at + 1, of: sizes.len(), hosts });
        }
        let mut failed =
            batch.len() - hosts.len() - batch.iter().filter(|name| forgiven.contains(*name)).count();
        let mut running = tokio::task::JoinSet::new();
        // Where hosts wait for each other, all have to be under way.
        let meets = hosts.iter().any(HostRun::meets);
        hosts.iter().for_each(HostRun::enter);
        for host in hosts {
            let (forks, events, cancel) = (forks.clone(), events.clone(), options.cancel.clone());
            running.spawn(async move {
                let _permit = if meets { None } else { forks.acquire_owned().await.ok() };
                Arc::new(host).execute(events, cancel).await
            });
        }
        while let Some(result) = running.join_next().await {
            let exit = result.unwrap_or(Exit::Bug);
            failed += usize::from(exit != Exit::Done);
            exits.push(exit);
        }
        if options.rolling.as_ref().is_some_and(|rolling| rolling.is_end(failed, batch.len()))
            && begin < names.len()
        {
            is_over = true;
            let left = names.len() - begin;
            let message = format!(
                "{failed} of {} hosts of this batch failed: {left} more {} left as {}",
                batch.len(),
                if left == 1 { "is" } else { "are" },
                if left == 1 { "it is" } else { "they are" },
            );
            events(Event::Warning { host: None, message });
        }
    }
    exits
}

/// Whether the plan may be carried out. A user who stops the run instead of answering has said no.
async fn approved(
    approve: &dyn Approve,
    changes: usize,
    deferred: usize,
    mut cancel: watch::Receiver<bool>,
) -> bool {
    tokio::select! {
        yes = approve.approve(changes, deferred) => yes,
        Ok(_) = cancel.wait_for(|c| *c) => false,
    }
}
