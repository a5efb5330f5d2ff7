//! Handlers that are owed from before a change until they have run.

use crate::harness::*;
use agent::wire::{
    owed::{Due, Dues},
    *,
};
use std::os::unix::fs::PermissionsExt;

fn due(handler: &str) -> Due {
    Due { play: "web".into(), handler: handler.into(), flush: 0 }
}

fn act(task: &str, ops: Vec<Op>, owes: &[&str], pays: &[&str]) -> Request {
    let all = |names: &[&str]| names.iter().map(|name| due(name)).collect();
    let dues = Some(Dues { book: "a__site.yml".into(), owes: all(owes), pays: all(pays) });
    Request::Apply(Apply { task: task.into(), guard: vec![], ops, then: vec![], dues })
}

fn exec(program: &str) -> Op {
    Op::Exec { exec: Exec::new([program]), ok: vec![] }
}

/// Handlers and the tasks that notified them, in the order of the names.
fn owed(agent: &mut Agent) -> Vec<(String, String)> {
    let Answer::Owed(debts) = agent.observe(Query::Owed { book: "a__site.yml".into() }) else { panic!() };
    let mut owed: Vec<_> = debts.into_iter().map(|debt| (debt.due.handler, debt.task)).collect();
    owed.sort();
    owed
}

fn pair(handler: &str, task: &str) -> (String, String) {
    (handler.into(), task.into())
}

#[test]
fn what_a_change_owes_is_known_to_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let (state, file) = (folder.path().join("state"), folder.path().join("f"));
    let mut agent = Agent::open(&state, Session::ReadWrite, "r1");
    assert_eq!(owed(&mut agent), []);
    assert!(matches!(
        agent.ask(act("conf", vec![write(&file, "x")], &["restart"], &[])),
        Response::Applied { .. }
    ));
    // Of a change not one step of which was done nothing is owed; where one was, it is.
    assert!(matches!(
        agent.ask(act("bad", vec![exec("false")], &["other"], &[])),
        Response::OpFailed { index: 0, .. }
    ));
    assert!(matches!(
        agent.ask(act("bad", vec![exec("false")], &["restart"], &[])),
        Response::OpFailed { .. }
    ));
    let half = vec![write(&file, "y"), exec("false")];
    assert!(matches!(agent.ask(act("half", half, &["reload"], &[])), Response::OpFailed { index: 1, .. }));
    // Nor where the guard did not hold.
    let guard = vec![(Query::There { path: text(&file) }, [0; 32])];
    let Request::Apply(apply) = act("moved", vec![write(&file, "z")], &["never"], &[]) else { panic!() };
    assert!(matches!(agent.ask(Request::Apply(Apply { guard, ..apply })), Response::HostChanged { .. }));
    let both = [pair("reload", "half"), pair("restart", "conf")];
    assert_eq!(owed(&mut agent), both);
    let mode = |name: &str| state.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("owed"), mode("owed/a__site.yml")), (0o700, 0o600));
    agent.hang_up();
    // Who only looks is told, and changes nothing.
    let mut agent = Agent::open(&state, Session::ReadOnly, "r2");
    assert_eq!(owed(&mut agent), both);
    let dues = Dues { book: "a__site.yml".into(), owes: vec![], pays: vec![due("reload")] };
    let settle = Request::Settle { task: "t".into(), dues };
    assert_eq!(agent.ask(settle.clone()), Response::Refused("the session is read-only".into()));
    agent.hang_up();
    // A handler that fails stays owed, and one that has run does not.
    let mut agent = Agent::open(&state, Session::ReadWrite, "r3");
    assert!(matches!(
        agent.ask(act("restart", vec![exec("false")], &[], &["restart"])),
        Response::OpFailed { .. }
    ));
    assert_eq!(owed(&mut agent), both);
    assert!(matches!(
        agent.ask(act("restart", vec![exec("true")], &[], &["restart"])),
        Response::Applied { .. }
    ));
    assert_eq!(owed(&mut agent), both[..1]);
    assert_eq!(agent.ask(settle), Response::Remembered);
    assert_eq!(owed(&mut agent), []);
    assert!(!state.join("owed/a__site.yml").exists());
    assert!(matches!(agent.observe(Query::Owed { book: "../x".into() }), Answer::Failed(_)));
}
