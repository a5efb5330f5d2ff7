use crate::harness::*;
use agent::wire::*;

fn arm(token: &str, seconds: u32, script: &str) -> Op {
    Op::Arm { token: token.into(), seconds, revert: vec![shell(script)] }
}

#[test]
fn an_armed_revert_fires_after_the_agent_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut agent = Agent::open(&state, Session::ReadWrite, "r1");
    let mark = folder.path().join("reverted");
    agent.done(arm("t1", 1, &format!("echo back > {}", mark.display())));
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    eventually("the revert", || mark.exists());
    let log = state.join("armed/t1.log");
    eventually("its log", || std::fs::read_to_string(&log).is_ok_and(|log| log.contains("sh: exit code 0")));
    eventually("the plan's end", || !state.join("armed/t1.fired").exists());
    // Too late now.
    let mut later = Agent::open(&state, Session::ReadOnly, "r1");
    assert_eq!(later.ask(Request::Disarm { token: "t1".into() }), Response::Disarmed { was_armed: false });
}

#[test]
fn a_disarmed_revert_does_not_fire() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mark = folder.path().join("reverted");
    let mut agent = Agent::open(&state, Session::ReadWrite, "r1");
    agent.done(arm("t2", 1, &format!("touch {}", mark.display())));
    // Armed later, and to fire later: when it has, the other one would have.
    let later = folder.path().join("later");
    agent.done(arm("t3", 2, &format!("touch {}", later.display())));
    let mut fresh = Agent::open(&state, Session::ReadWrite, "r1");
    assert_eq!(fresh.ask(Request::Disarm { token: "t2".into() }), Response::Disarmed { was_armed: true });
    assert_eq!(fresh.ask(Request::Disarm { token: "t2".into() }), Response::Disarmed { was_armed: false });
    eventually("the other revert", || later.exists());
    assert!(!mark.exists());
    let armed = || std::fs::read_dir(state.join("armed")).unwrap().flatten();
    let of_t2 = armed().filter(|entry| entry.file_name().to_string_lossy().starts_with("t2"));
    assert_eq!(of_t2.count(), 0);
}

#[test]
fn a_token_cannot_leave_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(&folder.path().join("state"), Session::ReadWrite, "r1");
    assert!(agent.fails(arm("../x", 1, "true")).contains("is not a plain name"));
}
