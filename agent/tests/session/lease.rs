use crate::harness::*;
use agent::wire::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_read_only_session_refuses_ops_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut agent = Agent::start(&state);
    assert_eq!(agent.hello.version, VERSION);
    assert_eq!(agent.hello.facts.arch, std::env::consts::ARCH);
    assert!(!agent.hello.facts.os.id.is_empty() && agent.hello.facts.memory.total_mb > 0);
    let refused = Response::Refused("the session was not opened".into());
    assert_eq!(agent.ask(Request::Observe(vec![])), refused);
    assert_eq!(agent.ask(open(Session::ReadOnly, "r", 0)), Response::Opened);
    let path = folder.path().join("f");
    for op in [write(&path, "x"), exec("true")] {
        assert_eq!(agent.act(op), Response::Refused("the session is read-only".into()));
    }
    assert_eq!(agent.observe(Query::File { path: text(&path) }), Answer::Meta(None));
    assert_eq!(agent.observe(Query::List { path: text(folder.path()) }), Answer::Names(Some(vec![])));
    assert!(agent.hang_up().success());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "not even the state folder");
}

#[test]
fn one_run_at_a_time_and_the_kernel_gives_the_lease_back() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut first = Agent::open(&state, Session::ReadWrite, "r1");
    // The same run may come in again; another may not, though it may look.
    let second = Agent::open(&state, Session::ReadWrite, "r1");
    let mut other = Agent::start(&state);
    let held = other.ask(open(Session::ReadWrite, "r2", 0));
    assert!(
        matches!(&held, Response::LeaseHeld { who, since_s } if who == "tests" && *since_s < 60),
        "{held:?}"
    );
    let mut looking = Agent::open(&state, Session::ReadOnly, "r3");
    assert!(matches!(looking.observe(Query::User { name: "root".into() }), Answer::User(Some(_))));
    let mut delegated = Agent::open(&state, Session::Unleased, "r4");
    delegated.done(write(folder.path().join("seen"), "x"));
    assert!(delegated.hang_up().success());
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    assert!(matches!(other.ask(open(Session::ReadWrite, "r2", 0)), Response::LeaseHeld { .. }));
    assert!(second.hang_up().success());
    assert_eq!(other.ask(open(Session::ReadWrite, "r2", 0)), Response::Opened);
}

#[test]
fn the_state_folder_must_be_ours_and_names_of_runs_plain() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::os::unix::fs::symlink(folder.path(), &state).unwrap();
    let mut agent = Agent::start(&state);
    let Response::Refused(why) = agent.ask(open(Session::ReadWrite, "r", 0)) else { panic!() };
    assert!(why.contains("is not a folder of the agent's own user"), "{why}");
    std::fs::remove_file(&state).unwrap();
    let Response::Refused(why) = agent.ask(open(Session::ReadWrite, "../r", 0)) else { panic!() };
    assert!(why.contains("is not a plain name"), "{why}");
    assert_eq!(agent.ask(open(Session::ReadWrite, "r", 0)), Response::Opened);
    assert_eq!(std::fs::metadata(&state).unwrap().permissions().mode() & 0o7777, 0o700);
}

#[test]
fn previous_content_is_kept_for_the_last_runs() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let path = folder.path().join("f");
    let tree = folder.path().join("tree");
    for run in 0..13 {
        std::fs::create_dir(&tree).unwrap();
        std::fs::write(tree.join("leaf"), "in the tree").unwrap();
        let mut agent = Agent::open(&state, Session::ReadWrite, &format!("r{run:02}"));
        agent.done(write(&path, &format!("content {run}")));
        agent.done(Op::Remove { path: text(&tree), recursive: true });
        assert!(!tree.exists());
    }
    let saved = state.join("runs/r12/saved");
    let kept: Vec<_> = std::fs::read_dir(&saved).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.iter().any(|kept| std::fs::read_to_string(kept).is_ok_and(|text| text == "content 11")));
    assert!(
        kept.iter()
            .any(|kept| std::fs::read_to_string(kept.join("leaf")).is_ok_and(|text| text == "in the tree"))
    );
    let mut runs: Vec<_> =
        std::fs::read_dir(state.join("runs")).unwrap().map(|e| e.unwrap().file_name()).collect();
    runs.sort();
    assert!(runs.len() <= 11 && !runs.iter().any(|run| run == "r00"), "{runs:?}");
}
