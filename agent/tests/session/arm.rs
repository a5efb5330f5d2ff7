use crate::harness::*;
use agent::wire::*;

fn arm(token: &str, seconds: u32, script: &str) -> Op {
    Op::Arm { token: token.into(), seconds, revert: vec![Op::Exec { exec: shell(script), ok: vec![] }] }
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
    agent.done(arm("t2", 6, &format!("touch {}", mark.display())));
    // Armed later, and to fire later: when it has, the other one would have.
    let later = folder.path().join("later");
    agent.done(arm("t3", 7, &format!("touch {}", later.display())));
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

/// A retry of a change that nobody confirmed: what the first one went back to is what counts, once, at the new time.
#[test]
fn a_pending_revert_is_taken_over_with_what_it_goes_back_to() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mark = |name: &str| folder.path().join(name);
    let write = |name: &str| format!("echo x >> {}", mark(name).display());
    let pending = |agent: &mut Agent| {
        let probe = Probe::Unconfirmed { token: "t3".into() };
        let Answer::Output(output) = agent.observe(Query::Run(probe)) else { panic!() };
        String::from_utf8_lossy(output.stdout.bytes()).into_owned()
    };
    let mut first = Agent::open(&state, Session::ReadWrite, "r1");
    assert_eq!(pending(&mut first), "");
    let probe = Query::Run(Probe::Unconfirmed { token: "t3".into() });
    let ops = vec![arm("t3", 20, &write("original"))];
    let apply = Apply { task: "t".into(), guard: vec![], ops, then: vec![probe], dues: None };
    let Response::Applied { answers, .. } = first.ask(Request::Apply(apply)) else { panic!() };
    let nothing = Output { code: 0, stdout: "".into(), stderr: "".into() };
    assert_eq!(answers, [Answer::Output(nothing)], "its own is no surprise to it");
    drop(first);
    let mut second = Agent::open(&state, Session::ReadWrite, "r2");
    assert_eq!(pending(&mut second), "pending\n");
    second.done(arm("t3", 3600, &write("unconfirmed")));
    // The first countdown ends without effect: its process has gone, the plan is still there.
    eventually("the end of the first countdown", || countdowns(&state) == 1);
    assert!(!mark("original").exists() && state.join("armed/t3").exists());
    let mut third = Agent::open(&state, Session::ReadWrite, "r2");
    third.done(arm("t3", 1, &write("unconfirmed")));
    eventually("the revert", || mark("original").exists());
    eventually("the end of all", || countdowns(&state) == 0);
    assert_eq!(std::fs::read_to_string(mark("original")).unwrap(), "x\n", "once");
    assert!(!mark("unconfirmed").exists());
}

/// Processes that count down for a plan in this state folder.
fn countdowns(state: &std::path::Path) -> usize {
    let plans = state.join("armed").display().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(" revert ") && line.contains(&plans))
        .count()
}

/// An agent on a machine that seems to have systemd, with a place for units of its own.
fn with_systemd(folder: &std::path::Path, state: &std::path::Path) -> Agent {
    let units = folder.join("units");
    std::fs::create_dir_all(&units).unwrap();
    let enter = "mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && mkdir /run/systemd/system && \
                 mount --bind \"$1\" /etc/systemd/system && shift && exec \"$@\"";
    let place = ["unshare", "-m", "sh", "-c", enter, "sh", &text(&units)];
    Agent::open_in(&place, state, Session::ReadWrite, "r1")
}

fn revert_at_boot(folder: &std::path::Path, state: &std::path::Path) {
    let enter = "mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && mkdir /run/systemd/system && \
                 mount --bind \"$1\" /etc/systemd/system && exec \"$2\" revert-at-boot \"$3\"";
    let agent = state.join("armed/t4.agent");
    let status = std::process::Command::new("unshare")
        .args([
            "-m",
            "sh",
            "-c",
            enter,
            "sh",
            &text(folder.join("units")),
            &text(agent),
            &text(state.join("armed/t4")),
        ])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_reboot_reverts_what_nobody_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mark = folder.path().join("reverted");
    let units = folder.path().join("units");
    let wanted = units.join("sysinit.target.wants/provision-revert-t4.service");
    let mut agent = with_systemd(folder.path(), &state);
    agent.done(arm("t4", 3600, &format!("echo back >> {}", mark.display())));
    let unit = std::fs::read_to_string(units.join("provision-revert-t4.service")).unwrap();
    let start =
        format!("ExecStart=\"{0}/t4.agent\" revert-at-boot \"{0}/t4\"", state.join("armed").display());
    assert!(unit.contains(&start) && wanted.symlink_metadata().is_ok(), "{unit}");
    // Something starts the unit while the countdown is on: nothing happens.
    revert_at_boot(folder.path(), &state);
    assert!(!mark.exists() && state.join("armed/t4").exists());
    // After a reboot the boot is another one.
    let plan = state.join("armed/t4");
    let this = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let bytes = std::fs::read(&plan).unwrap();
    let at =
        bytes.windows(36).position(|part| part == this.trim().as_bytes()).expect("the boot is in the plan");
    let other = [&bytes[..at], &[b'0'; 36], &bytes[at + 36..]].concat();
    std::fs::remove_file(&plan).unwrap();
    std::fs::write(&plan, other).unwrap();
    revert_at_boot(folder.path(), &state);
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "back\n");
    assert!(
        !plan.exists()
            && wanted.symlink_metadata().is_err()
            && !units.join("provision-revert-t4.service").exists()
    );
    eventually("the end of the countdown", || countdowns(&state) == 0);
}

#[test]
fn what_was_confirmed_leaves_nothing_for_a_reboot() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut agent = with_systemd(folder.path(), &state);
    agent.done(arm("t5", 3600, "true"));
    assert_eq!(agent.ask(Request::Disarm { token: "t5".into() }), Response::Disarmed { was_armed: true });
    assert_eq!(std::fs::read_dir(folder.path().join("units/sysinit.target.wants")).unwrap().count(), 0);
    assert!(!folder.path().join("units/provision-revert-t5.service").exists());
    assert_eq!(std::fs::read_dir(state.join("armed")).unwrap().count(), 0);
}

/// What tasks of a run did to a program's files is brought back by the one that starts it with them.
#[test]
fn what_this_run_changed_below_a_path_comes_back() {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("conf/d")).unwrap();
    fs::write(at("conf/main"), "old").unwrap();
    fs::write(at("conf/d/gone"), "was there").unwrap();
    fs::write(at("conf/mode"), "same").unwrap();
    fs::write(at("conf-beside"), "old").unwrap();
    fs::set_permissions(at("conf/mode"), PermissionsExt::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("main", at("conf/link")).unwrap();
    for name in ["emptied", "late"] {
        fs::create_dir(at("conf").join(name)).unwrap();
        fs::write(at("conf").join(name).join("in"), name).unwrap();
        fs::set_permissions(at("conf").join(name), PermissionsExt::from_mode(0o750)).unwrap();
        std::os::unix::fs::chown(at("conf").join(name), None, Some(1)).unwrap();
    }
    // What was confirmed stays.
    let mut before = Agent::open(&state, Session::ReadWrite, "r0");
    before.done(write(at("conf/d/earlier"), "of r0"));
    before.done(Op::Arm { token: "t0".into(), seconds: 3600, revert: vec![files(&at("conf"))] });
    assert_eq!(before.ask(Request::Disarm { token: "t0".into() }), Response::Disarmed { was_armed: true });
    drop(before);
    let mut agent = Agent::open(&state, Session::ReadWrite, "r1");
    let mode = |mode| Attrs { mode: Some(mode), owner: None, group: None };
    agent.done(Op::SetAttrs { path: text(at("conf/main")), attrs: mode(0o600) });
    agent.done(write(at("conf/main"), "new"));
    agent.done(write(at("conf/main"), "newer"));
    agent.done(write(at("conf/d/more"), "new"));
    agent.done(Op::Remove { path: text(at("conf/d/gone")), recursive: false });
    agent.done(Op::SetAttrs { path: text(at("conf/mode")), attrs: mode(0o600) });
    agent.done(Op::MakeLink { path: text(at("conf/link")), target: "d/more".into() });
    agent.done(write(at("conf-beside"), "new"));
    let gone = |name: &str| Op::Remove { path: text(at(name)), recursive: false };
    for name in ["conf/emptied/in", "conf/emptied", "conf/late/in"] {
        agent.done(gone(name));
    }
    let mark = at("reverted");
    let revert =
        vec![files(&at("conf")), Op::Exec { exec: shell(&format!("touch {}", mark.display())), ok: vec![] }];
    // With what is done beside it.
    let ops = vec![
        Op::Arm { token: "t6".into(), seconds: 1, revert },
        write(at("conf/d/same"), "by the task itself"),
        gone("conf/late"),
    ];
    assert!(matches!(agent.ask(change(ops)), Response::Applied { .. }));
    eventually("the revert", || mark.exists());
    let read = |name: &str| fs::read_to_string(at(name)).ok();
    assert_eq!(read("conf/main").as_deref(), Some("old"));
    assert_eq!(fs::metadata(at("conf/main")).unwrap().permissions().mode() & 0o7777, 0o644);
    assert_eq!(read("conf/d/gone").as_deref(), Some("was there"));
    assert_eq!(fs::metadata(at("conf/mode")).unwrap().permissions().mode() & 0o7777, 0o640);
    for name in ["emptied", "late"] {
        use std::os::unix::fs::MetadataExt;
        let meta = fs::metadata(at("conf").join(name)).unwrap();
        assert_eq!((meta.mode() & 0o7777, meta.gid()), (0o750, 1), "{name}");
        assert_eq!(read(&format!("conf/{name}/in")).as_deref(), Some(name));
    }
    assert_eq!(fs::read_link(at("conf/link")).unwrap().to_str(), Some("main"));
    assert_eq!(read("conf/d/earlier").as_deref(), Some("of r0"));
    assert_eq!(read("conf-beside").as_deref(), Some("new"));
    assert_eq!((read("conf/d/more"), read("conf/d/same")), (None, None));
    assert!(agent.fails(files(&at("conf"))).contains("only for a revert"));
}
