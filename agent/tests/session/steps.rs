//! Commands that are one change.

use crate::harness::*;
use agent::wire::*;
use std::fs;
use std::path::Path;

fn sh(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(String::from).into()
}

fn steps(steps: &[(&str, Option<&str>)]) -> Op {
    let steps = steps.iter().map(|(run, undo)| Step { argv: sh(run), undo: undo.map(sh) }).collect();
    Op::Steps(Steps { name: "a-b.c".into(), record: "what was there".into(), steps })
}

#[test]
fn what_was_done_before_a_failure_is_undone_the_last_first() {
    let state = tempfile::tempdir().unwrap();
    let (log, record) = (state.path().join("log"), state.path().join("steps/a-b.c"));
    let say = |word: &str| format!("echo {word} >> {}", text(&log));
    let mut agent = Agent::open(state.path(), Session::ReadWrite, "r");
    let said = || fs::read_to_string(&log).unwrap_or_default().replace('\n', " ");

    agent.done(steps(&[(&say("a"), Some(&say("-a"))), (&say("b"), None)]));
    assert_eq!((said().as_str(), record.exists()), ("a b ", false));

    fs::remove_file(&log).unwrap();
    let (a, b) = ((say("a"), say("-a")), (say("b"), say("-b")));
    let failing = [(a.0.as_str(), Some(a.1.as_str())), (&b.0, Some(&b.1)), ("exit 3", Some("exit 4"))];
    assert_eq!(agent.fails(steps(&failing)), "`sh` exited with 3; all is as it was before");
    assert_eq!((said().as_str(), record.exists()), ("a b -b -a ", false));

    // What cannot be undone is there for the next one, as is what an earlier one has left.
    let stuck = [(a.0.as_str(), Some("echo no way >&2; exit 5")), ("exit 3", None)];
    let message = agent.fails(steps(&stuck));
    assert_eq!(
        message,
        "`sh` exited with 3; undoing failed as well: `sh` exited with 5: no way; the next run goes on from here"
    );
    assert_eq!(fs::read_to_string(&record).unwrap(), "what was there");
    agent.fails(steps(&failing));
    assert!(record.exists());
    agent.done(steps(&[]));
    assert!(!record.exists());

    let Op::Steps(mut outside) = steps(&[]) else { unreachable!() };
    outside.name = "../x".into();
    assert_eq!(agent.fails(Op::Steps(outside)), "\"../x\" cannot be a name");
}

#[test]
fn an_agent_that_is_ended_half_way_leaves_the_record() {
    let state = tempfile::tempdir().unwrap();
    let record: &Path = &state.path().join("steps/a-b.c");
    let mut agent = Agent::open(state.path(), Session::ReadWrite, "r");
    agent.send(change(vec![steps(&[("kill -9 $PPID; sleep 60", None)])]));
    agent.child.wait().unwrap();
    assert_eq!(fs::read_to_string(record).unwrap(), "what was there");
    let journal = fs::read_to_string(state.path().join("runs/r/journal")).unwrap();
    assert!(journal.contains(r#"{"op":"steps","what":"a-b.c"}"#), "{journal}");
}
