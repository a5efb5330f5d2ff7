//! What a killed agent leaves, and how the next one clears it away.

use crate::harness::*;
use agent::{secret::Content, wire::*};
use std::fs;
use std::path::Path;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// Brings a program along that is at work as long as there is a file beside the mark that it sets.
fn patient(folder: &Path, mark: &str) -> Request {
    let text = "#!/bin/sh\ntouch \"$1\"; while [ -e \"$2\" ]; do sleep 0.1; done\n";
    let script = Script { name: "patient.sh".into(), content: text.into(), at: 0 };
    let argv = [text_of(&folder.join(mark)), text_of(&folder.join("wait"))];
    change(vec![Op::Exec { exec: Exec { script: Some(script), ..Exec::new(argv) }, ok: vec![] }])
}

fn text_of(path: &Path) -> String {
    text(path)
}

fn kill(mut agent: Agent) {
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
}

#[test]
fn programs_that_a_killed_agent_brought_along_go_and_those_of_a_living_one_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (state, scripts) = (folder.path().join("state"), folder.path().join("state/scripts"));
    fs::write(folder.path().join("wait"), "").unwrap();
    let mut dead = Agent::open(&state, Session::ReadWrite, "r");
    dead.send(patient(folder.path(), "dead"));
    eventually("the first", || folder.path().join("dead").exists());
    let of_dead = names(&scripts);
    assert_eq!(of_dead.len(), 1);
    let mut alive = Agent::open(&state, Session::ReadWrite, "r");
    alive.send(patient(folder.path(), "alive"));
    eventually("the second", || folder.path().join("alive").exists());
    assert_eq!(names(&scripts).len(), 2, "nothing of a living one was taken");
    kill(dead);
    // As agents of before named theirs: known by the number of their process.
    fs::create_dir(scripts.join(format!("{}-0", std::process::id()))).unwrap();
    fs::create_dir(scripts.join(format!("{}-0", u32::MAX / 2))).unwrap();
    drop(Agent::open(&state, Session::ReadOnly, "other"));
    let left = names(&scripts);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(!left.contains(&of_dead[0]) && left.contains(&format!("{}-0", std::process::id())));
    fs::remove_file(folder.path().join("wait")).unwrap();
}

#[test]
fn copies_for_a_trial_go_when_their_agent_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    fs::create_dir_all(run.join("bin")).unwrap();
    let program = "#!/bin/sh\ntouch /run/begun-$PPID\nwhile [ ! -e /run/go ]; do sleep 0.1; done\n";
    fs::write(run.join("bin/logrotate"), program).unwrap();
    fs::set_permissions(run.join("bin/logrotate"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let place = "mount --bind \"$1\" /run && mount --bind /run/bin /usr/local/sbin && shift && exec \"$@\"";
    let place = ["unshare", "-m", "sh", "-ec", place, "sh", &text(&run)];
    let agent = || Agent::open_in(&place, &folder.path().join("state"), Session::ReadOnly, "r");
    let trials =
        || -> Vec<String> { names(&run).into_iter().filter(|name| name.starts_with("provision-")).collect() };
    let ask = || Request::Observe(vec![Query::Run(Probe::Logrotate { config: "secret".into() })]);
    let mut dead = agent();
    dead.send(ask());
    eventually("the first trial", || trials().len() == 1);
    let of_dead = trials();
    let mut alive = agent();
    let asked = alive.send(ask());
    eventually("the second trial", || trials().len() == 2);
    let pid = dead.pid();
    eventually("its program", || run.join(format!("begun-{pid}")).exists());
    kill(dead);
    let foreign = run.join("provision-else.0123456789abcdef");
    fs::create_dir(&foreign).unwrap();
    std::os::unix::fs::chown(&foreign, Some(47001), None).unwrap();
    drop(agent());
    let left = trials();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(!left.contains(&of_dead[0]) && foreign.is_dir());
    fs::write(run.join("go"), "").unwrap();
    assert!(matches!(alive.answer(asked), Response::Answers(_)));
    assert_eq!(trials(), ["provision-else.0123456789abcdef"]);
}

#[test]
fn names_in_a_journal_are_of_one_process_and_old_ones_are_still_read() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let target = folder.path().join("conf");
    let old = state.join("runs/old");
    fs::create_dir_all(&old).unwrap();
    let begun = format!(
        "{{\"at\":1,\"id\":\"4711-0\",\"state\":\"begin\",\"task\":\"t\",\"ops\":[{{\"op\":\"write_file\",\"what\":\"{}\"}}]}}\n",
        target.display()
    );
    fs::write(old.join("journal"), begun).unwrap();
    let half = folder.path().join(".conf.provision-0123456789abcdef");
    fs::write(&half, "half").unwrap();
    let mut agent = Agent::open(&state, Session::ReadWrite, "new");
    assert!(!half.exists());
    let journal = fs::read_to_string(old.join("journal")).unwrap();
    assert!(journal.contains("\"id\":\"4711-0\",\"state\":\"interrupted\""), "{journal}");
    // Two processes of one run whose numbers may be the same in two boots.
    agent.done(write(&target, "one"));
    let pid = agent.pid();
    drop(agent);
    let mut agent = Agent::open(&state, Session::ReadWrite, "new");
    agent.done(write(&target, "two"));
    let journal = fs::read_to_string(state.join("runs/new/journal")).unwrap();
    let begun = journal.lines().filter(|line| line.contains("begin"));
    let ids: Vec<&str> =
        begun.map(|line| line.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap()).collect();
    let tag = |id: &str| id.split('-').nth(1).unwrap().to_string();
    assert!(ids[0].starts_with(&format!("{pid}-")) && ids.len() == 2, "{ids:?}");
    assert!(tag(ids[0]).len() == 8 && tag(ids[0]) != tag(ids[1]), "{ids:?}");
    let saved = names(&state.join("runs/new/saved"));
    assert_eq!(saved.len(), 1, "{saved:?}");
}

/// What the run `r` did to one path.
fn changed(agent: &mut Agent, path: &Path) -> undo::Changed {
    let Answer::Output(output) = agent.observe(Query::Run(Probe::Undo { run: "r".into() })) else { panic!() };
    let steps = undo::read(output.stdout.bytes());
    let of_path = steps.into_iter().find_map(|step| match step.deed {
        undo::Deed::Path(changed) if changed.path == text(path) => Some(changed),
        _ => None,
    });
    of_path.expect("the path is in what the run did")
}

#[test]
fn a_copy_that_was_cut_short_leaves_no_half_and_its_secret_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let at = |name: &str| folder.path().join(name);
    let conf = at("conf");
    fs::create_dir(&conf).unwrap();
    fs::write(at("key"), "private").unwrap();
    fs::write(conf.join("key"), "old").unwrap();
    fs::write(at("wait"), "").unwrap();
    let digest = Content::new("private", true).digest();
    let copy = |check: &str| {
        let check = ["sh", "-c", check, "sh", &text(at("begun")), &text(at("wait"))].map(String::from);
        Op::CopyFile(CopyFile {
            from: text(at("key")),
            path: text(conf.join("key")),
            digest,
            size: 7,
            attrs: Attrs { mode: Some(0o640), owner: None, group: None },
            check: Some(check.into()),
            secret: true,
        })
    };
    let mut agent = Agent::open(&state, Session::ReadWrite, "r");
    agent.send(change(vec![copy("touch \"$1\"; while [ -e \"$2\" ]; do sleep 0.1; done")]));
    eventually("its check", || at("begun").exists());
    assert_eq!(names(&conf).len(), 2, "the new file is beside the old one");
    kill(agent);
    let mut agent = Agent::open(&state, Session::ReadWrite, "next");
    assert_eq!(
        (names(&conf), fs::read_to_string(conf.join("key")).unwrap()),
        (vec!["key".into()], "old".into())
    );
    let cut = changed(&mut agent, &conf.join("key"));
    // It is the run's work wherever it has this content, also if nobody could write down how it ended.
    assert_eq!((cut.after, cut.wanted, cut.secret), (None, Some(digest), true));
    assert_eq!(fs::read_to_string(cut.saved.unwrap()).unwrap(), "old");
    fs::remove_file(at("wait")).unwrap();
    drop(agent);
}
