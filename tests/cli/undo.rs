//! `undo` on hosts behind a real sshd: what a run did to files is taken back byte for byte, and never what somebody did since.

use crate::{
    project::{Project, Tree, tree, until},
    sshd::Sshd,
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

/// A folder of alice's with all that the tasks below find there.
fn before(sshd: &Sshd) -> PathBuf {
    let work = sshd.home("alice").join("work");
    let put = |name: &str, content: &[u8], mode: u32| {
        fs::write(work.join(name), content).unwrap();
        fs::set_permissions(work.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    put("text", b"first\nold line\nlast\n", 0o664);
    put("binary", b"\0\xff\x01old", 0o644);
    put("private", b"token=s3cret-before\n", 0o600);
    put("gone", b"it was here\n", 0o604);
    put("mode", b"same\n", 0o755);
    fs::create_dir(work.join("emptied")).unwrap();
    symlink("/somewhere", work.join("link")).unwrap();
    symlink("/nowhere", work.join("dead")).unwrap();
    for name in ["text", "binary", "private", "gone", "mode", "emptied"] {
        chown(work.join(name), Some(47001), Some(47000)).unwrap();
    }
    std::os::unix::fs::lchown(work.join("link"), Some(47001), Some(47000)).unwrap();
    std::os::unix::fs::lchown(work.join("dead"), Some(47001), Some(47000)).unwrap();
    work
}

const TASKS: &str = "    - {name: text, copy: {dest: \"{{home}}/text\", content: \"first\\nnew line\\nlast\\n\", mode: \"0644\"}}\n    \
     - {name: twice, lineinfile: {path: \"{{home}}/text\", line: appended}}\n    \
     - {name: binary, copy: {dest: \"{{home}}/binary\", content: text}}\n    \
     - {name: private, copy: {dest: \"{{home}}/private\", content: \"token=s3cret-after\\n\"}, no_log: true}\n    \
     - {name: gone, file: {path: \"{{home}}/gone\", state: absent}}\n    \
     - {name: mode, file: {path: \"{{home}}/mode\", mode: \"0700\"}}\n    \
     - {name: emptied, file: {path: \"{{home}}/emptied\", state: absent}}\n    \
     - {name: link, link: {path: \"{{home}}/link\", target: /elsewhere}}\n    \
     - {name: dead, file: {path: \"{{home}}/dead\", state: absent}}\n    \
     - {name: folder, file: {path: \"{{home}}/made/a/b\", state: directory}}\n    \
     - {name: made, copy: {dest: \"{{home}}/made/a/b/new\", content: x}}\n    \
     - {name: command, shell: {cmd: \"true --password=s3cret-arg\", touches: [nothing]}}\n    \
     - {name: roots, copy: {dest: \"{{home}}/roots\", content: x}, become: true}\n";

fn applied(sshd: &Sshd) -> (Project, PathBuf, Tree, Tree) {
    let project = Project::ssh(sshd, TASKS);
    let work = before(sshd);
    let was = tree(&work);
    project.go().exits(0);
    let is = tree(&work);
    assert!(was != is);
    (project, work, was, is)
}

fn undo(project: &Project, more: &[&str]) -> crate::project::Ran {
    project.run(&[&["undo", "inventory.yml"], more].concat())
}

/// The first word of the list: the last run.
fn last(project: &Project) -> String {
    let ran = undo(project, &["--list"]);
    ran.exits(0);
    ran.out.split_whitespace().next().unwrap().to_string()
}

#[test]
fn what_a_run_did_to_files_is_taken_back_byte_for_byte_and_so_is_an_undo() {
    let sshd = Sshd::start();
    let (project, work, was, is) = applied(&sshd);
    let listed = undo(&project, &["--list"]);
    listed.exits(0).has(&[" UTC  web1 (13 paths, 1 that cannot be undone)"]);
    assert_eq!(listed.out.lines().count(), 1, "{}", listed.out);
    for choice in [["--tags", "x"], ["--skip-tags", "x"], ["--start-at-task", "text"]] {
        undo(&project, &choice).exits(20).has(&["tasks cannot be chosen here"]);
    }
    let checked = undo(&project, &["--check"]);
    let at = |name: &str| work.join(name).display().to_string();
    checked.exits(10).has(&[
        "bring back ",
        &at("text"),
        "-new line",
        "+old line",
        "-appended",
        "take away ",
        &at("made/a/b/new"),
        "what cannot be undone",
        "stays: `/bin/sh ...` (command)",
    ]);
    checked.lacks(&["s3cret"]);
    undo(&project, &["last", "--check"]).exits(10).has(&["bring back ", &at("text"), "take away "]);
    assert_eq!(tree(&work), is, "--check only looks");
    let ran = undo(&project, &["--yes"]);
    ran.exits(0).lacks(&["s3cret"]);
    assert_eq!(tree(&work), was);
    // There is nothing left of it to do.
    let run = listed.out.split_whitespace().next().unwrap();
    undo(&project, &[run, "--check"]).exits(0);
    // The last run is the undo now.
    assert_ne!(last(&project), run);
    undo(&project, &["--yes", "--json"]).exits(0).lacks(&["s3cret"]);
    assert_eq!(tree(&work), is);
    project.check().exits(10).has(&["> command"]).lacks(&["~ binary", "~ made"]);
}

#[test]
fn what_has_changed_since_is_refused_by_name_and_nothing_else_is_touched() {
    let sshd = Sshd::start();
    let (project, work, _, _) = applied(&sshd);
    let run = last(&project);
    fs::write(work.join("text"), "by hand\n").unwrap();
    fs::set_permissions(work.join("made/a/b/new"), fs::Permissions::from_mode(0o444)).unwrap();
    let is = tree(&work);
    for how in ["--check", "--yes"] {
        let ran = undo(&project, &[how]);
        ran.exits(40).has(&[
            &format!("{} has changed since run {run}", work.join("text").display()),
            &format!("{} has changed since run {run}", work.join("made/a/b/new").display()),
            "hint: undo it by hand; what was there before the run is ",
        ]);
        assert_eq!(tree(&work), is);
    }
    undo(&project, &["no-such-run", "--yes"]).exits(20).has(&["no host knows the run no-such-run"]);
    undo(&project, &["../x", "--yes"]).exits(20).has(&["`../x` is not the name of a run"]);
}

#[test]
fn a_folder_that_was_made_stays_when_there_is_something_else_in_it() {
    let sshd = Sshd::start();
    let (project, work, _, _) = applied(&sshd);
    fs::write(work.join("made/mine"), "by hand\n").unwrap();
    undo(&project, &["--yes"]).exits(0).has(&["the folder stays: there is mine in it"]);
    assert!(work.join("made/mine").exists() && !work.join("made/a").exists());
}

#[test]
fn content_that_is_no_longer_what_was_kept_is_not_put_back() {
    let sshd = Sshd::start();
    let (project, work, _, is) = applied(&sshd);
    let saved = sshd.home("alice").join(".local/state/provision-agent/runs");
    for (path, file) in tree(&saved) {
        if file.3 == b"it was here\n" {
            fs::write(path, "tampered\n").unwrap();
        }
    }
    let ran = undo(&project, &["--yes"]);
    let gone = work.join("gone");
    ran.exits(40).has(&[&format!("what was kept of {} is no longer what it was", gone.display())]);
    assert_eq!(tree(&work), is);
}

#[test]
fn without_a_playbook_that_can_be_read_files_are_brought_back_as_well() {
    let sshd = Sshd::start();
    let (project, work, was, _) = applied(&sshd);
    project.write("site.yml", "- hosts: [all\n");
    undo(&project, &["--yes"]).exits(0);
    assert_eq!(tree(&work), was);
    fs::remove_file(project.path("site.yml")).unwrap();
    undo(&project, &["--list"]).exits(0);
}

/// Whole files with this content; temporary ones come and go.
fn count(work: &Path, content: &str) -> usize {
    let names = fs::read_dir(work).unwrap().map(|entry| entry.unwrap().path());
    let whole = names.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    whole.filter(|path| fs::read(path).is_ok_and(|read| read == content.as_bytes())).count()
}

#[test]
fn an_undo_that_is_killed_in_the_middle_is_taken_up_by_the_next() {
    const FILES: usize = 300;
    let sshd = Sshd::start();
    let names: Vec<String> = (0..FILES).map(|n| format!("f{n}")).collect();
    let project = Project::ssh(
        &sshd,
        &format!(
            "    - {{name: many, copy: {{dest: \"{{{{home}}}}/{{{{item}}}}\", content: new}}, loop: [{}]}}\n",
            names.join(", ")
        ),
    );
    let work = sshd.home("alice").join("work");
    for name in &names {
        fs::write(work.join(name), "old").unwrap();
        chown(work.join(name), Some(47001), Some(47000)).unwrap();
    }
    let was = tree(&work);
    project.go().exits(0);
    let run = last(&project);
    assert_eq!(count(&work, "new"), FILES);
    let mut command = project.command(&["undo", "inventory.yml", "--yes"]);
    let mut child =
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    until("the first is back", || count(&work, "old") > 0);
    sshd.kill_agents(47001);
    let code = child.wait().unwrap().code();
    let done = count(&work, "old");
    println!("{done} of {FILES} were back, it ended with {code:?}");
    assert_eq!(count(&work, "new") + done, FILES, "nothing half written");
    until("the lease is free", || !undo(&project, &[&run, "--check"]).text().contains("held by another run"));
    undo(&project, &[&run, "--yes"]).exits(0);
    assert_eq!(tree(&work), was, "and no temporary file is left");
}

#[test]
fn a_key_that_was_copied_on_the_host_is_not_shown_when_it_is_taken_back() {
    let sshd = Sshd::start();
    let tasks = "    - {name: key, copy: {src: \"{{home}}/private\", remote_src: true, dest: \"{{home}}/text\", mode: \"0640\"}}\n    \
         - {name: anew, copy: {src: \"{{home}}/text\", remote_src: true, dest: \"{{home}}/anew\"}}\n";
    let project = Project::ssh(&sshd, tasks);
    let work = before(&sshd);
    let was = tree(&work);
    project.go().exits(0).lacks(&["s3cret"]);
    let mode = |name: &str| work.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode("text"), mode("anew")),
        (0o640, 0o640),
        "others may not read what they may not read there"
    );
    assert_eq!(fs::read(work.join("anew")).unwrap(), b"token=s3cret-before\n");
    project.check().exits(0).lacks(&["s3cret"]);
    for how in ["--check", "--yes"] {
        undo(&project, &[how]).has(&["bring back ", "take away ", "[secret "]).lacks(&["s3cret"]);
    }
    assert_eq!(tree(&work), was);
}
