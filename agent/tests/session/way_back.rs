//! What an armed revert brings back, beyond what its own run did to single files.

use crate::harness::*;
use agent::wire::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

/// Arms with this, and waits until it has fired.
fn goes_back(agent: &mut Agent, state: &Path, token: &str, files: Vec<Op>) {
    let mark = state.join(format!("{token}.reverted"));
    let revert = files.into_iter().chain([exec(&format!("touch {}", mark.display()))]).collect();
    agent.done(Op::Arm { token: token.into(), seconds: 1, revert });
    eventually("the revert", || mark.exists());
    eventually("its end", || !state.join(format!("armed/{token}.fired")).exists());
}

fn confirmed(agent: &mut Agent, token: &str, files: Vec<Op>) {
    agent.done(Op::Arm { token: token.into(), seconds: 3600, revert: files });
    let done = agent.ask(Request::Disarm { token: token.into() });
    assert_eq!(done, Response::Disarmed { was_armed: true });
}

fn killed(mut agent: Agent) {
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
}

fn removed(path: impl AsRef<Path>) -> Op {
    Op::Remove { path: text(path), recursive: true }
}

/// Mode, owner, group and content or target of all that is in a folder, and of itself.
fn all(folder: &Path) -> BTreeMap<String, (u32, u32, u32, String)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(path) = waiting.pop() {
        let Ok(meta) = path.symlink_metadata() else { continue };
        let content = if meta.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            String::new()
        } else if meta.is_symlink() {
            text(fs::read_link(&path).unwrap())
        } else {
            fs::read_to_string(&path).unwrap()
        };
        found.insert(text(&path), (meta.mode(), meta.uid(), meta.gid(), content));
    }
    found
}

/// A folder with all sorts of things in it.
fn full(folder: &Path) {
    fs::create_dir_all(folder.join("deep/er")).unwrap();
    for (name, mode) in [("key", 0o600), ("deep/read", 0o644), ("deep/er/set", 0o4750)] {
        fs::write(folder.join(name), format!("of {name}\n")).unwrap();
        chown(folder.join(name), Some(3), Some(4)).unwrap();
        fs::set_permissions(folder.join(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    symlink("nowhere/at all", folder.join("deep/link")).unwrap();
    std::os::unix::fs::lchown(folder.join("deep/link"), Some(3), Some(4)).unwrap();
    chown(folder.join("deep"), Some(1), Some(2)).unwrap();
    fs::set_permissions(folder.join("deep"), PermissionsExt::from_mode(0o2751)).unwrap();
    fs::set_permissions(folder.join("deep/er"), PermissionsExt::from_mode(0o500)).unwrap();
    fs::set_permissions(folder, PermissionsExt::from_mode(0o700)).unwrap();
}

fn is_full(found: &BTreeMap<String, (u32, u32, u32, String)>) {
    assert_eq!(found.len(), 7, "{found:?}");
}

/// What is kept is moved where that can be, and else copied.
#[test]
fn a_folder_that_was_removed_comes_back_whole() {
    for (place, elsewhere) in [("/tmp", false), ("/dev/shm", true)] {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let other = tempfile::tempdir_in(place).unwrap();
        let (state, conf) = (folder.path().join("state"), other.path().join("conf"));
        assert_eq!(
            folder.path().metadata().unwrap().dev() != other.path().metadata().unwrap().dev(),
            elsewhere
        );
        full(&conf.join("d"));
        let mut agent = Agent::open(&state, Session::ReadWrite, "r1");
        if !elsewhere {
            let (path, name) = (text(conf.join("d/deep/read")), "user.note".to_string());
            agent.done(Op::SetXattr { path, name, value: Some("kept".into()) });
        }
        let before = all(&conf);
        is_full(&all(&conf.join("d")));
        agent.done(removed(conf.join("d")));
        assert!(!conf.join("d").exists());
        // As a task that brings its own folder in place of what was there.
        agent.done(Op::MakeFolder { path: text(conf.join("d")), attrs: Attrs::default() });
        agent.done(write(conf.join("d/key"), "another"));
        agent.done(write(conf.join("d/new"), "new"));
        goes_back(&mut agent, &state, "t1", vec![files(&conf)]);
        assert_eq!(all(&conf), before, "{place}");
        if !elsewhere {
            let note = std::process::Command::new("getfattr")
                .args(["--only-values", "-n", "user.note"])
                .arg(conf.join("d/deep/read"))
                .output();
            assert_eq!(note.unwrap().stdout, b"kept");
        }
        // What is kept for a person is there all the same.
        let Answer::Output(said) = agent.observe(Query::Run(Probe::Undo { run: "r1".into() })) else {
            panic!()
        };
        let kept = undo::read(said.stdout.bytes()).into_iter().find_map(|step| match step.deed {
            undo::Deed::Tree(changed) => changed.saved,
            _ => None,
        });
        is_full(&all(Path::new(&kept.unwrap())));
    }
}

#[test]
fn of_a_folder_above_only_what_is_meant_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (state, home) = (folder.path().join("state"), folder.path().join("home"));
    full(&home.join(".ssh"));
    fs::write(home.join("other"), "other").unwrap();
    fs::set_permissions(&home, PermissionsExt::from_mode(0o711)).unwrap();
    let before = all(&home.join(".ssh"));
    let mut agent = Agent::open(&state, Session::ReadWrite, "r1");
    agent.done(removed(&home));
    goes_back(&mut agent, &state, "t1", vec![files(&home.join(".ssh"))]);
    assert_eq!(all(&home.join(".ssh")), before);
    assert_eq!(home.metadata().unwrap().mode() & 0o7777, 0o711);
    assert!(!home.join("other").exists());
}

/// The keys of who logs in are in the home that the host's accounts name.
#[test]
fn the_keys_of_the_login_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (state, home) = (folder.path().join("state"), folder.path().join("home"));
    full(&home.join(".ssh"));
    let before = all(&home.join(".ssh"));
    fs::write(folder.path().join("passwd"), format!("root:x:0:0::{}:/bin/sh\n", home.display())).unwrap();
    let enter = "mount --bind \"$1\" /etc/passwd && shift && exec \"$@\"";
    let place = ["unshare", "-m", "env", "-u", "SUDO_USER", "-u", "DOAS_USER", "sh", "-c", enter, "sh"];
    let passwd = text(folder.path().join("passwd"));
    let place: Vec<&str> = place.into_iter().chain([passwd.as_str()]).collect();
    let mut agent = Agent::open_in(&place, &state, Session::ReadWrite, "r1");
    agent.done(removed(home.join(".ssh")));
    let files = Op::Earlier(Earlier::Files { below: vec![], units: vec![], login: true });
    goes_back(&mut agent, &state, "t1", vec![files]);
    assert_eq!(all(&home.join(".ssh")), before);
}

/// Wherever systemd reads it, with what is dropped in for several units at once.
#[test]
fn where_a_unit_is_defined_all_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (state, units) = (folder.path().join("state"), folder.path().join("units"));
    fs::create_dir_all(&units).unwrap();
    let enter = "mount --bind \"$1\" /etc/systemd/system && mount -t tmpfs none /usr/local/lib && mount -t tmpfs none /run && mkdir /run/systemd && shift && exec \"$@\"";
    let place = ["unshare", "-m", "sh", "-ec", enter, "sh", &text(&units)];
    let mut agent = Agent::open_in(&place, &state, Session::ReadWrite, "r1");
    let own = [
        "/etc/systemd/system/ssh.service.d/own.conf",
        "/etc/systemd/system/sshd.service",
        "/etc/systemd/system/service.d/all.conf",
        "/run/systemd/system/ssh.service.d/own.conf",
        "/usr/local/lib/systemd/system/sshd.service.d/own.conf",
    ];
    let other = "/etc/systemd/system/ssh.service.wants/other";
    for path in own.into_iter().chain([other]) {
        let path = Path::new(path);
        agent.done(Op::MakeFolder { path: text(path.parent().unwrap()), attrs: Attrs::default() });
        agent.done(write(path, "new"));
    }
    let there = |agent: &mut Agent, path: &str| agent.observe(Query::There { path: path.into() });
    for path in own {
        assert_eq!(there(&mut agent, path), Answer::There(true), "{path}");
    }
    let units = ["ssh.service", "sshd.service"].map(String::from).to_vec();
    let files = Op::Earlier(Earlier::Files { below: vec![], units, login: false });
    goes_back(&mut agent, &state, "t1", vec![files]);
    for path in own {
        assert_eq!(there(&mut agent, path), Answer::There(false), "{path}");
    }
    assert_eq!(there(&mut agent, other), Answer::There(true));
}

#[test]
fn what_a_run_left_that_was_cut_off_goes_back_with_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let at = |name: &str| folder.path().join("conf").join(name);
    full(&at("tree"));
    for name in ["a", "b", "hand", "twice", "between", "late"] {
        fs::write(at(name), "old").unwrap();
    }
    let before = all(&at("tree"));
    let mut first = Agent::open(&state, Session::ReadWrite, "r1");
    for name in ["a", "a", "hand", "twice", "between", "made"] {
        first.done(write(at(name), &format!("{name} of r1")));
    }
    first.done(removed(at("tree")));
    killed(first);
    // Somebody has looked at these since, and meant it.
    fs::write(at("hand"), "by hand").unwrap();
    fs::write(at("between"), "by hand").unwrap();
    let mut second = Agent::open(&state, Session::ReadWrite, "r2");
    for name in ["b", "twice", "between"] {
        second.done(write(at(name), "of r2"));
    }
    goes_back(&mut second, &state, "t1", vec![files(&at(""))]);
    let read = |name: &str| fs::read_to_string(at(name)).ok();
    let old = Some("old".to_string());
    assert_eq!((read("a"), read("b"), read("twice"), read("made")), (old.clone(), old.clone(), old, None));
    assert_eq!((read("hand").as_deref(), read("between").as_deref()), (Some("by hand"), Some("by hand")));
    assert_eq!(all(&at("tree")), before);
}

#[test]
fn what_was_confirmed_or_the_host_has_come_up_with_stays() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("conf/in")).unwrap();
    fs::create_dir_all(at("other")).unwrap();
    let booted = |run: &str| {
        let (file, this) =
            (state.join("runs").join(run).join("undo"), fs::read("/proc/sys/kernel/random/boot_id").unwrap());
        let bytes = fs::read(&file).unwrap();
        let found =
            bytes.windows(36).position(|part| part == &this[..36]).expect("the boot is in the record");
        fs::write(file, [&bytes[..found], &[b'0'; 36], &bytes[found + 36..]].concat()).unwrap();
    };
    let run = |name: &str, paths: &[&str]| {
        let mut agent = Agent::open(&state, Session::ReadWrite, name);
        paths.iter().for_each(|path| _ = agent.done(write(at(path), name)));
        agent
    };
    killed(run("r1", &["conf/boot"]));
    booted("r1");
    // Confirmed is what was changed before, in whichever run, and only at these paths.
    killed(run("r2", &["conf/earlier", "conf/in/earlier", "other/earlier"]));
    let mut agent = run("r3", &["conf/in/own"]);
    confirmed(&mut agent, "t1", vec![files(&at("conf/in"))]);
    agent.done(write(at("conf/in/own"), "later"));
    confirmed(&mut agent, "t2", vec![Op::Remove { path: text(at("other/earlier")), recursive: false }]);
    goes_back(&mut agent, &state, "t3", vec![files(&at("conf")), files(&at("other"))]);
    let read = |name: &str| fs::read_to_string(at(name)).ok();
    assert_eq!(read("conf/boot").as_deref(), Some("r1"));
    assert_eq!(read("conf/in/earlier").as_deref(), Some("r2"));
    assert_eq!(read("conf/in/own").as_deref(), Some("r3"), "as it was when it was confirmed");
    assert_eq!(read("other/earlier").as_deref(), Some("r2"));
    assert_eq!(read("conf/earlier"), None);
}

/// A restart that was not confirmed is pending: the next one takes it over, and what has been changed in the meantime as well.
#[test]
fn files_that_were_changed_since_go_back_with_a_revert_that_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let at = |name: &str| folder.path().join("conf").join(name);
    fs::create_dir_all(at("")).unwrap();
    fs::write(at("a"), "old").unwrap();
    fs::write(at("b"), "old").unwrap();
    let mut first = Agent::open(&state, Session::ReadWrite, "r1");
    first.done(write(at("a"), "of r1"));
    first.done(Op::Arm { token: "t1".into(), seconds: 3600, revert: vec![files(&at(""))] });
    killed(first);
    let mut second = Agent::open(&state, Session::ReadWrite, "r2");
    second.done(write(at("b"), "of r2"));
    second.done(write(at("a"), "of r2"));
    second.done(Op::Arm { token: "t1".into(), seconds: 1, revert: vec![files(&at(""))] });
    eventually("the revert", || fs::read_to_string(at("b")).unwrap() == "old");
    eventually("its end", || !state.join("armed/t1.fired").exists());
    assert_eq!(fs::read_to_string(at("a")).unwrap(), "old");
}
