//! Tasks that are done as an account whose home takes no files: `become_user: www-data`.

use crate::{project::Project, sshd::Sshd};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

/// Accounts of Debian: the home is a folder of root's, and there is none.
const HOMELESS: [(&str, u32); 2] = [("daemon", 1), ("nobody", 65534)];

fn tasks(user: &str, folder: &Path) -> String {
    let (folder, of) = (folder.display(), format!("become: true, become_user: {user}"));
    format!(
        "    - {{name: own, {of}, copy: {{dest: \"{folder}/own\", content: \"new\\n\"}}, notify: then}}\n    \
         - {{name: runs, {of}, script: {{content: \"#!/bin/sh\\nid -un >{folder}/who\\n\", creates: \"{folder}/who\"}}}}\n  \
         handlers:\n    - {{name: then, {of}, command: \"test -e {folder}/go\"}}\n"
    )
}

fn state(root: &Path, number: u32) -> PathBuf {
    root.join(format!("var/tmp/provision-agent-state-{number}"))
}

fn folder_of(host: &Sshd, number: u32) -> PathBuf {
    let folder = host.base.join(number.to_string());
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("own"), "old\n").unwrap();
    for path in [&folder, &folder.join("own")] {
        chown(path, Some(number), Some(number)).unwrap();
    }
    folder
}

#[test]
fn what_is_kept_for_an_account_without_a_home_is_found_again() {
    let host = Sshd::start();
    for (user, number) in HOMELESS {
        let folder = folder_of(&host, number);
        let project = Project::ssh(&host, &tasks(user, &folder));
        project.check().exits(10).has(&["~ own", "~ runs"]);
        let kept = state(&host.root(), number);
        assert!(!kept.exists(), "a check writes nothing");
        project.go().exits(40).has(&["changed own", "changed runs", "error: web1: then"]);
        assert_eq!(fs::read_to_string(folder.join("who")).unwrap(), format!("{user}\n"));
        let meta = fs::symlink_metadata(&kept).unwrap();
        assert_eq!((meta.uid(), meta.mode() & 0o7777, meta.is_dir()), (number, 0o700, true));
        // What is owed, what there was, and what was left.
        fs::write(folder.join("go"), "").unwrap();
        project.go().exits(0).has(&["owed since run ", "by `own`", "changed then"]);
        project.run(&["drift", "inventory.yml"]).exits(0).has(&["web1: since run "]);
        fs::write(folder.join("own"), "other\n").unwrap();
        project.go().exits(0).has(&["changed own"]);
        let runs = fs::read_dir(kept.join("runs")).unwrap().count();
        assert!(runs >= 2, "{runs}");
    }
}

/// `/var/tmp` is for anybody: what somebody else has put there is not used, and a check says so as well.
#[test]
fn a_folder_that_somebody_else_has_put_there_is_refused() {
    let host = Sshd::start();
    let (user, number) = HOMELESS[0];
    let folder = folder_of(&host, number);
    let project = Project::ssh(&host, &tasks(user, &folder));
    let kept = state(&host.root(), number);
    for (owner, mode) in [(47002, 0o777), (47002, 0o700), (number, 0o777)] {
        fs::create_dir_all(&kept).unwrap();
        fs::set_permissions(&kept, fs::Permissions::from_mode(mode)).unwrap();
        chown(&kept, Some(owner), None).unwrap();
        for ran in [project.check(), project.go()] {
            ran.exits(40).has(&[
                "the agent refuses",
                "/var/tmp/provision-agent-state-1",
                "owner, mode 0700",
                "remove it",
            ]);
        }
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(folder.join("own")).unwrap(), "old\n");
    }
    fs::remove_dir(&kept).unwrap();
    project.go().exits(40).has(&["changed own"]);
}

/// The same where root itself becomes them, without ssh.
#[test]
fn root_of_this_machine_becomes_an_account_without_a_home() {
    let base = tempfile::tempdir().unwrap();
    fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
    chown(base.path(), Some(1), None).unwrap();
    fs::write(base.path().join("go"), "").unwrap();
    let project = Project::tasks(&tasks("daemon", base.path()));
    // In a place of its own for what anybody may write.
    let apart = |arguments: &[&str]| {
        let mut unshare = Command::new("unshare");
        let mount = "mount -t tmpfs -o mode=1777 tmpfs /var/tmp; mount -t tmpfs -o mode=1777 tmpfs /dev/shm; \"$@\"; code=$?; \
                     ls -ldn /var/tmp/provision-agent-state-1; exit $code";
        unshare.args(["--mount", "sh", "-c", mount, "sh", env!("CARGO_BIN_EXE_lustores-provision")]);
        project.in_its_place(unshare, arguments).output().unwrap()
    };
    let checked = apart(&["apply", "inventory.yml", "--check"]);
    assert_eq!(checked.status.code(), Some(10), "{}", String::from_utf8_lossy(&checked.stderr));
    let went = apart(&["apply", "inventory.yml", "--yes"]);
    let (said, failed) = (String::from_utf8_lossy(&went.stdout), String::from_utf8_lossy(&went.stderr));
    assert_eq!(went.status.code(), Some(0), "{said}{failed}");
    assert!(said.lines().any(|line| line.starts_with("drwx------ ") && line.contains(" 1 ")), "{said}");
    assert_eq!(fs::read_to_string(base.path().join("who")).unwrap(), "daemon\n");
}
