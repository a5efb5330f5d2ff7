//! Disks that are full or read-only, and being killed half way.

use crate::harness::*;
use agent::wire::*;
use std::path::Path;
use std::process::Command;

/// A small file system of its own; unmounted when dropped.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder.path().to_str().unwrap()];
        let done = Command::new("mount").args(mount).output();
        let mounted = done.as_ref().is_ok_and(|output| output.status.success());
        assert!(mounted, "these tests mount file systems: run them as root ({done:?})");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_leaves_the_old_file_and_says_so() {
    let disk = Mounted::new();
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(&state.path().join("s"), Session::ReadWrite, "r");
    let path = disk.path().join("f");
    agent.done(write(&path, "old"));
    let message = agent.fails(write(&path, &"x".repeat(1 << 20)));
    assert_eq!(message, format!("cannot write {}: no space left on device", path.display()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn a_full_disk_under_the_journal_stops_before_acting() {
    let disk = Mounted::new();
    let mut agent = Agent::open(&disk.path().join("state"), Session::ReadWrite, "r");
    let elsewhere = tempfile::tempdir().unwrap();
    agent.done(write(elsewhere.path().join("a"), "1"));
    let rest = "x".repeat(1 << 20);
    assert!(std::fs::write(disk.path().join("filler"), &rest).is_err());
    // The journal's last page has room for some records; then it is over.
    let messages =
        (0..200).find_map(|n| match agent.act(write(elsewhere.path().join(format!("f{n}")), "x")) {
            Response::OpFailed { message, .. } => Some((n, message)),
            _ => None,
        });
    let (n, message) = messages.expect("a full disk is noticed");
    assert!(message.contains("no space left on device"), "{message}");
    assert!(!elsewhere.path().join(format!("f{n}")).exists());
}

#[test]
fn a_read_only_disk_is_named() {
    let disk = Mounted::new();
    let path = disk.path().join("f");
    std::fs::write(&path, "old").unwrap();
    let remount = ["-o", "remount,ro", disk.path().to_str().unwrap()];
    assert!(Command::new("mount").args(remount).status().unwrap().success());
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(&state.path().join("s"), Session::ReadWrite, "r");
    let message = agent.fails(write(&path, "new"));
    assert_eq!(message, format!("cannot write {}: read-only file system", path.display()));
    let message = agent.fails(Op::Remove { path: text(&path), recursive: false });
    assert_eq!(message, format!("cannot remove {}: read-only file system", path.display()));
}

#[test]
fn mount_points_and_the_system_are_never_removed() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(&state.path().join("s"), Session::ReadWrite, "r");
    let remove = |path: &Path| Op::Remove { path: text(path), recursive: true };
    assert!(agent.fails(remove(Path::new("/"))).contains("names no entry"));
    assert_eq!(
        agent.fails(remove(Path::new("/var/lib"))),
        "cannot remove /var/lib: it is a folder of the system"
    );
    assert_eq!(
        agent.fails(remove(Path::new("/usr/../etc"))),
        "cannot remove /usr/../etc: it is a folder of the system"
    );
    let disk = Mounted::new();
    let inside = disk.path().join("kept");
    std::fs::write(&inside, "x").unwrap();
    assert!(agent.fails(remove(disk.path())).ends_with("is a mount point"));
    let parent = tempfile::tempdir().unwrap();
    let below = parent.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let bind = ["--bind", disk.path().to_str().unwrap(), below.to_str().unwrap()];
    assert!(Command::new("mount").args(bind).status().unwrap().success());
    let message = agent.fails(remove(parent.path()));
    assert!(Command::new("umount").arg(&below).status().unwrap().success());
    assert_eq!(
        message,
        format!("cannot remove {}: {} is a mount point", parent.path().display(), below.display())
    );
    assert!(inside.exists());
}

#[test]
fn a_kill_at_any_moment_leaves_old_or_new_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let (old, new) = ("o".repeat(3 << 20), "n".repeat(5 << 20));
    let entries = || std::fs::read_dir(folder.path()).unwrap().count();
    let mut hits = 0;
    // Some kills fall anywhere; then some follow the temporary file's first sight, until three fell into the writing.
    for round in 0..200 {
        std::fs::write(&path, &old).unwrap();
        let mut agent = Agent::open(&folder.path().join("state"), Session::ReadWrite, "r");
        let before = entries();
        agent.send(change(vec![write(&path, &new)]));
        if round < 6 {
            std::thread::sleep(std::time::Duration::from_millis(round * 8));
        } else {
            let written = || std::fs::metadata(&path).unwrap().len() == new.len() as u64;
            while entries() == before && !written() {}
        }
        agent.child.kill().unwrap();
        agent.child.wait().unwrap();
        let content = std::fs::read_to_string(&path).unwrap();
        assert!(content == old || content == new, "{} bytes in round {round}", content.len());
        let half = entries() > before;
        assert!(!half || content == old, "the temporary file is there beside the new content");
        hits += usize::from(half);
        if round >= 6 && hits >= 3 {
            break;
        }
    }
    assert!(hits >= 1, "no kill fell into the writing");
    // What a killed agent left half written goes when the next run takes the lease.
    Agent::open(&folder.path().join("state"), Session::ReadWrite, "r2");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "the file and the state folder");
}
