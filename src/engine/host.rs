//! One host on its way to a plan: connected to, asked, planned.

use super::{
    Events, Open,
    arrival::Ways,
    dispatcher::Hosts,
    executor::HostRun,
    late::{self, Late},
    owed::{self, Ledger},
    record::{HostRecord, Record},
};
use crate::{
    diag::Exit,
    event::{Event, Failure, Status, Summary},
    plan::{
        Ask, PlanError, Planner, Seat, diagnostic_failure, diagnostics_failure, double_owner, lint,
        owners_finding,
    },
    resource::Mask,
    site::Place,
};
use agent::wire::facts::Login;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

/// Connects and plans; says what went wrong itself.
pub(super) async fn plan_host(
    host: &str,
    hosts: &dyn Hosts,
    open: Arc<dyn Open>,
    events: &Events,
    mask: Mask,
    ways: Ways,
) -> Result<HostRun, Exit> {
    let fail = |failure: Failure| {
        let unreachable = failure.exit == Exit::Unreachable as u8;
        let exit =
            [Exit::Unreachable, Exit::LockHeld, Exit::Config, Exit::Bug, Exit::TaskFailed, Exit::HostChanged]
                .into_iter()
                .find(|e| *e as u8 == failure.exit)
                .unwrap_or(Exit::TaskFailed);
        events(Event::HostFailed { host: host.into(), failure });
        let summary = Summary { unreachable, ..Summary::default() };
        events(Event::HostFinished { host: host.into(), summary, round_trips: 0, excused: vec![] });
        exit
    };
    let offline = hosts.tasks(host, None).map_err(|d| fail(diagnostics_failure(None, &d)))?;
    if offline.tasks().is_empty() {
        events(Event::Warning { host: Some(host.into()), message: "no task is for this host".into() });
    }
    let (mut first, others) = Seat::first(&*offline);
    // Whose agent keeps the record, also when another one is asked first.
    let keeper = first.clone();
    let mut others = others.into_iter();
    events(Event::HostConnecting { host: host.into() });
    let is_forgiven = !offline.tasks().is_empty() && offline.tasks().iter().all(|t| t.ignore_unreachable);
    let Ways { arrival, turn, forks, meeting, somebody, keep, recording, playbook, exact, looks } = ways;
    let recording = recording.filter(|_| first.place == Place::Host);
    let owed = owed::question(host, playbook.as_deref());
    let mut refused: Vec<(Seat, Failure)> = vec![];
    let (mut opened, questions) = loop {
        let questions = Planner::new(offline.clone(), mask.clone(), "").questions(&first);
        let of_record = recording.iter().map(|recording| recording.question(host, recording.drift));
        let first_questions = questions.iter().cloned().chain(of_record).chain(owed.clone()).collect();
        let failure = match open.open(host, &first, first_questions).await {
            Ok(opened) => break (opened, questions),
            Err(failure) => failure,
        };
        let failure = match (late::may_be_missing(&first, &failure), others.next()) {
            (true, Some(next)) => {
                refused.push((std::mem::replace(&mut first, next), failure));
                continue;
            }
            (true, None) => refused.into_iter().next().map_or(failure, |(_, failure)| failure),
            (false, _) => failure,
        };
        return Err(match fail(failure) {
            Exit::Unreachable if is_forgiven => Exit::Done,
            exit => exit,
        });
    };
    let facts = opened.facts;
    events(Event::HostConnected {
        host: host.into(),
        os: facts.os.pretty.clone(),
        arch: facts.arch.clone(),
        uploaded: opened.uploaded,
    });
    let of_first = owed.as_ref().and_then(|_| opened.first.pop());
    let before = recording.as_ref().and_then(|own| Some(Record::read(&opened.first.pop()?, own.drift)));
    let (before, unreadable) = match before.filter(|_| first == keeper).unwrap_or(Ok(None)) {
        Ok(before) => (before, None),
        Err(why) => (None, Some(why)),
    };
    let mut turn = arrival.with((first.place == Place::Host).then_some(&facts), turn, forks.clone()).await;
    let tasks = hosts.tasks(host, Some(&facts)).map_err(|d| fail(diagnostics_failure(None, &d)))?;
    let mut planner =
        Planner::new(tasks.clone(), mask.clone(), first.become_user.as_deref().unwrap_or(&facts.user.name));
    planner.learn(&first, questions.into_iter().zip(opened.first));
    let (mut links, mut users, mut owes) = (vec![], vec![], vec![]);
    let mut absent = BTreeSet::new();
    for (at, seat) in planner.seats().iter().enumerate() {
        let known = refused.iter().find(|(refused, _)| refused == seat).map(|(_, failure)| failure.clone());
        let other = match known {
            Some(failure) => Err(failure),
            None if *seat == first => {
                links.push(opened.link.clone());
                users.push(facts.user.clone());
                owes.push(of_first.clone());
                continue;
            }
            None => open.open(host, seat, owed.iter().cloned().collect()).await,
        };
        match other {
            Ok(mut other) => {
                links.push(other.link);
                users.push(other.facts.user);
                owes.push(other.first.pop());
            }
            Err(failure) => {
                let mut near = planner.seats().iter().zip(&links);
                let near = near.find(|(other, link)| other.place == seat.place && link.is_open());
                let near = near.map(|(_, link)| link);
                let near = if seat.place == first.place { Some(&opened.link) } else { near };
                links.push(Late::instead(&open, host, seat, failure, near).await.map_err(fail)?);
                users.push(Login::default());
                owes.push(None);
                absent.insert(at);
            }
        }
    }
    planner.learn_absent(absent);
    let (ledger, owing, unread) = Ledger::new(owed, owes, tasks.tasks());
    for why in unread {
        let message = format!("whether handlers are owed since earlier runs is not known: {why}");
        events(Event::Warning { host: Some(host.into()), message });
    }
    // Who asks what has moved is told of all that is owed.
    if recording.as_ref().is_none_or(|recording| !recording.drift) {
        for message in owing.warnings() {
            events(Event::Warning { host: Some(host.into()), message });
        }
    }
    planner.learn_owed(owing);
    planner.learn_users(users);
    let leaders = planner.leaders();
    if !leaders.is_empty() {
        // The turn is given back in the meantime: whoever is waited for may need it.
        drop(turn.take());
        planner.learn_once(meeting.plans(&leaders).await);
        turn = forks.acquire_owned().await.ok();
    }
    let asks: Vec<_> = links.iter().cloned().map(|link| link as Arc<dyn Ask>).collect();
    let plan = planner.plan(&asks).await;
    for message in links.iter().flat_map(|link| link.notes()) {
        events(Event::Warning { host: Some(host.into()), message });
    }
    let plan = match plan {
        Ok(plan) => plan,
        Err(PlanError::Link(failure)) => return Err(fail(failure)),
        Err(PlanError::Tasks(failures)) => {
            let mut exit = Exit::TaskFailed;
            for (id, failure) in &failures {
                if failure.exit == Exit::Config as u8 {
                    exit = Exit::Config;
                }
                let name = tasks.tasks()[id.0 as usize].name.clone();
                events(Event::TaskFinished {
                    host: host.into(),
                    task: *id,
                    name,
                    status: Status::Failed,
                    diff: None,
                    failure: Some(failure.clone()),
                    millis: 0,
                });
            }
            let summary = Summary { failed: failures.len(), ..Summary::default() };
            events(Event::HostFinished { host: host.into(), summary, round_trips: 0, excused: vec![] });
            return Err(exit);
        }
    };
    match double_owner(&plan, tasks.tasks()) {
        Some((task, error)) if looks => {
            events(Event::Finding { host: host.into(), finding: owners_finding(task, &error) });
        }
        Some((_, error)) => return Err(fail(diagnostic_failure(&error))),
        None => {}
    }
    let found = lint::of_plan(&*tasks, &plan);
    found.iter().for_each(|found| events(found.event(host)));
    if let Some(failure) = lint::refusal(&found).filter(|_| !looks) {
        return Err(fail(failure));
    }
    drop(turn);
    meeting.planned(host, Some(plan.once.clone()));
    events(Event::HostPlanned { host: host.into(), tasks: plan.shown(tasks.tasks()) });
    let (seats, seat_of) = (planner.seats().to_vec(), planner.seat_of().to_vec());
    let mut record = recording
        .zip(seats.iter().position(|seat| *seat == keeper))
        .map(|(recording, seat)| HostRecord { recording, seat, before, unreadable, differs: None });
    if let Some(record) = record.as_mut().filter(|record| record.recording.drift) {
        let said = record.compare(host, &*tasks, &plan, &seat_of, planner.into_answers(), &asks, &mask).await;
        events(said.map_err(fail)?);
    }
    Ok(HostRun {
        host: host.into(),
        prepare: tasks,
        plan,
        links: links.into_iter().map(Mutex::new).collect(),
        spent: AtomicU64::new(0),
        seats,
        seat_of,
        open,
        mask,
        registered: Mutex::default(),
        meeting,
        somebody,
        keep,
        record,
        ledger,
        exact,
        unforeseen: Mutex::default(),
    })
}
