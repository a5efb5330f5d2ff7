use crate::harness::*;
use agent::frame;
use agent::secret::{Content, Secret};
use agent::wire::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

fn session() -> (tempfile::TempDir, Agent) {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::open(&folder.path().join("state"), Session::ReadWrite, "run-1");
    (folder, agent)
}

#[test]
fn a_written_file_is_seen_as_written() {
    let (folder, mut agent) = session();
    let path = folder.path().join("hello.conf");
    agent.done(Op::WriteFile {
        path: text(&path),
        content: Content::Secret(Secret::new("hello")),
        attrs: Attrs { mode: Some(0o640), owner: None, group: Some("daemon".into()) },
        check: Some(vec!["grep".into(), "hello".into(), "{}".into()]),
    });
    assert_eq!(fs::read_to_string(&path).unwrap(), "hello");
    let Answer::Meta(Some(meta)) = agent.observe(Query::File { path: text(&path) }) else { panic!() };
    assert_eq!((meta.mode, meta.group.as_str(), meta.size), (0o640, "daemon", 5));
    assert_eq!(meta.kind, Kind::File { digest: Some(Content::from("hello").digest()) });
    // A later write that names no mode and owner leaves them.
    agent.done(write(&path, "other"));
    let meta = fs::metadata(&path).unwrap();
    assert_eq!((meta.permissions().mode() & 0o7777, meta.gid()), (0o640, 1));
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("provision-")), "{names:?}");
}

#[test]
fn a_failing_check_leaves_the_old_file_and_no_other() {
    let (folder, mut agent) = session();
    let path = folder.path().join("f");
    fs::write(&path, "old").unwrap();
    let check = Some(vec!["grep".into(), "-q".into(), "never".into(), "{}".into()]);
    let op = Op::WriteFile { path: text(&path), content: "new".into(), attrs: Attrs::default(), check };
    assert!(agent.fails(op).contains("its check `grep` exited with 1"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the file and the state folder");
}

#[test]
fn a_guard_that_does_not_hold_does_nothing() {
    let (folder, mut agent) = session();
    let path = folder.path().join("f");
    let absent = frame::digest(&Answer::Meta(None));
    let guarded = |content: &str| {
        Request::Apply(Apply {
            task: "t".into(),
            guard: vec![(Query::File { path: text(&path) }, absent)],
            ops: vec![write(&path, content)],
            then: vec![Query::Read { path: text(&path), limit: 100, secret: false }],
            dues: None,
        })
    };
    let Response::Applied { answers, .. } = agent.ask(guarded("one")) else { panic!() };
    assert_eq!(answers, [Answer::Content(Some("one".into()))]);
    assert_eq!(agent.ask(guarded("two")), Response::HostChanged { query: text(&path) });
    assert_eq!(fs::read_to_string(&path).unwrap(), "one");
}

#[test]
fn a_link_in_the_way_is_replaced_or_refused_but_never_followed() {
    let (folder, mut agent) = session();
    let target = folder.path().join("target");
    fs::write(&target, "precious").unwrap();
    let link = folder.path().join("link");
    symlink(&target, &link).unwrap();
    agent.done(write(&link, "new"));
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    assert!(fs::symlink_metadata(&link).unwrap().is_file());

    // A folder that others can write: a link on the way is refused; the same link in a private folder is followed.
    let open_folder = folder.path().join("open");
    fs::create_dir(&open_folder).unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    symlink(folder.path().join("real"), open_folder.join("way")).unwrap();
    fs::set_permissions(&open_folder, fs::Permissions::from_mode(0o1777)).unwrap();
    let message = agent.fails(write(open_folder.join("way/f"), "x"));
    assert!(message.contains("is a link in a folder that others can write"), "{message}");
    assert!(!folder.path().join("real/f").exists());
    fs::set_permissions(&open_folder, fs::Permissions::from_mode(0o755)).unwrap();
    agent.done(write(open_folder.join("way/f"), "x"));
    assert_eq!(fs::read_to_string(folder.path().join("real/f")).unwrap(), "x");
}

/// The owner of a folder may put another file where a name was; what is given away is the file that was made.
#[test]
fn a_name_that_was_swapped_gives_no_other_file_away() {
    let (folder, mut agent) = session();
    let shared = folder.path().join("shared");
    fs::create_dir(&shared).unwrap();
    let precious = folder.path().join("precious");
    fs::write(&precious, "root's own").unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let relaxed = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(relaxed) {
                for entry in fs::read_dir(&shared).unwrap().flatten() {
                    let path = entry.path();
                    if fs::remove_file(&path).is_ok() {
                        let _ = fs::hard_link(&precious, &path);
                    }
                }
            }
        });
        for _ in 0..10 {
            let attrs = Attrs { owner: Some("daemon".into()), ..Attrs::default() };
            // It takes long enough to write that the swap comes between.
            let content = Content::new(vec![0; 1 << 20], false);
            let path = text(shared.join("given"));
            agent.act(Op::WriteFile { path, content, attrs, check: None });
        }
        done.store(true, relaxed);
    });
    assert_eq!(fs::metadata(&precious).unwrap().uid(), 0);
}

/// A program that runs as its owner must not come to run as the next one, unless that is written.
#[test]
fn what_changes_hands_loses_its_set_id_bits_unless_they_are_named() {
    let (folder, mut agent) = session();
    let path = folder.path().join("run");
    let mut after = |now: u32, mode: Option<u32>, owner: &str, anew: bool| {
        fs::write(&path, "x").unwrap();
        std::os::unix::fs::chown(&path, Some(1), Some(1)).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(now)).unwrap();
        let attrs = Attrs { mode, owner: Some(owner.into()), group: None };
        let path = text(&path);
        agent.done(match anew {
            true => Op::WriteFile { path: path.clone(), content: "y".into(), attrs, check: None },
            false => Op::SetAttrs { path: path.clone(), attrs },
        });
        fs::metadata(path).unwrap().mode() & 0o7777
    };
    for anew in [false, true] {
        assert_eq!(after(0o6755, None, "root", anew), 0o755);
        assert_eq!(after(0o4755, Some(0o4750), "root", anew), 0o4750);
        // One that stays whose it is stays as it is.
        assert_eq!(after(0o6755, None, "daemon", anew), 0o6755);
    }
    let inner = folder.path().join("d");
    fs::create_dir(&inner).unwrap();
    fs::set_permissions(&inner, PermissionsExt::from_mode(0o2775)).unwrap();
    let attrs = Attrs { mode: None, owner: None, group: Some("daemon".into()) };
    agent.done(Op::SetAttrs { path: text(&inner), attrs });
    let meta = fs::metadata(&inner).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.gid()), (0o2775, 1));
}

#[test]
fn a_file_is_copied_on_the_host_with_the_content_that_was_planned() {
    let (folder, mut agent) = session();
    let (from, path) = (folder.path().join("from"), folder.path().join("to"));
    let large = vec![7; 300_000];
    fs::write(&from, &large).unwrap();
    fs::write(&path, "old").unwrap();
    let copy = |digest: [u8; 32]| {
        let attrs = Attrs { mode: Some(0o640), owner: None, group: Some("daemon".into()) };
        let (from, path) = (text(&from), text(&path));
        Op::CopyFile(CopyFile { from, path, digest, size: 300_000, attrs, check: None, secret: false })
    };
    assert!(agent.fails(copy([0; 32])).contains("changed while it was copied"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    agent.done(copy(Content::new(large.clone(), false).digest()));
    let meta = fs::metadata(&path).unwrap();
    assert_eq!((fs::read(&path).unwrap(), meta.mode() & 0o7777, meta.gid()), (large, 0o640, 1));
    assert_eq!(fs::metadata(&from).unwrap().gid(), 0);
    // No link is followed on the way out either.
    fs::remove_file(&from).unwrap();
    symlink("/etc/shadow", &from).unwrap();
    assert!(agent.fails(copy([0; 32])).contains("is not a file"));
}
