//! Programs that commands bring along, also where nothing may be run from the agent's own folder.

use crate::harness::*;
use agent::wire::*;
use std::path::Path;
use std::process::Command;

fn script(text: &str, at: u32, argv: &[&str]) -> Exec {
    let script = Script { name: "it's.sh".into(), content: text.into(), at };
    Exec { script: Some(script), ..Exec::new(argv.iter().copied()) }
}

fn run(exec: Exec) -> Op {
    Op::Exec { exec, ok: vec![] }
}

fn left(state: &Path) -> usize {
    std::fs::read_dir(state.join("scripts")).map_or(0, Iterator::count)
}

#[test]
fn a_script_is_run_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut agent = Agent::open(&state, Session::ReadWrite, "run-1");
    let output = agent.done(run(script("#!/bin/sh\necho ${0##*/} $1; stat -c %a $0\n", 0, &["a"]))).remove(0);
    assert_eq!(String::from_utf8_lossy(output.stdout.bytes()), "it's.sh a\n700\n");
    let output = agent.done(run(script("echo $-\n", 2, &["sh", "-eu"]))).remove(0);
    assert_eq!(String::from_utf8_lossy(output.stdout.bytes()).trim(), "ue");
    let Response::OpFailed { message, .. } = agent.act(run(script("#!/bin/sh\nexit 3\n", 0, &[]))) else {
        panic!()
    };
    assert!(message.contains("exited with 3"), "{message}");
    assert_eq!(left(&state), 0);
    let outside = Script { name: "../x".into(), content: "".into(), at: 0 };
    assert!(agent.fails(run(Exec { script: Some(outside), ..Exec::new(["sh"]) })).contains("not the name"));
}

#[test]
fn where_nothing_may_be_run_an_interpreter_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let mount = |words: &[&str]| {
        assert!(Command::new(words[0]).args(&words[1..]).arg(state).status().unwrap().success())
    };
    mount(&["mount", "-t", "tmpfs", "-o", "noexec,size=8m", "tmpfs"]);
    let mut agent = Agent::open(state, Session::ReadWrite, "run-1");
    let why = agent.fails(run(script("#!/bin/sh\necho hi\n", 0, &[])));
    let output = agent.done(run(script("echo hi\n", 1, &["/bin/sh"]))).remove(0);
    let left = left(state);
    drop(agent);
    mount(&["umount"]);
    assert!(why.contains("name it as `executable`"), "{why}");
    assert_eq!((output.stdout.bytes(), left), (&b"hi\n"[..], 0));
}
