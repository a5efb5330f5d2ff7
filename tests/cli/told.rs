//! What the host says of files (by `git`, by `openssl`, of all that is in a folder) is not what it will say once an earlier task has
//! changed them.

use crate::{
    project::{Project, play},
    sshd::run,
};
use std::{fs, path::Path, process::Command};

pub fn git(folder: &Path, words: &[&str]) {
    let known = ["-c", "user.name=x", "-c", "user.email=x@example.org"];
    run(Command::new("git").arg("-C").arg(folder).args(known).args(words));
}

/// A repository in `files/repo` with `f`, and a work tree of it in the home.
fn with_tree(tasks: &str) -> Project {
    let project = Project::tasks(tasks);
    project.write("files/repo/f", "1\n");
    let (repo, home) = (project.path("files/repo"), project.home("a"));
    git(&repo, &["init", "--quiet", "-b", "main"]);
    git(&repo, &["add", "."]);
    git(&repo, &["commit", "--quiet", "-m", "x"]);
    git(&home, &["clone", "--quiet", &repo.display().to_string(), "w"]);
    let vars = format!("files: {}\n", project.path("files").display());
    project.write("group_vars/all.yml", &vars);
    project
}

#[test]
fn a_work_tree_is_as_the_tasks_before_leave_it() {
    for (path, force, is_known, code) in [
        ("w/f", false, false, 40),
        ("w/f", true, false, 0),
        ("w/new", false, true, 0),
        ("other", false, true, 0),
    ] {
        let project = with_tree(&format!(
            "    - {{name: edit, copy: {{dest: \"{{{{home}}}}/{path}\", content: \"other\\n\"}}}}\n    \
             - {{name: tree, git: {{repo: \"{{{{files}}}}/repo\", dest: \"{{{{home}}}}/w\", version: main, force: {force}}}}}\n"
        ));
        let check = project.check();
        check.exits(10).has(&["~ edit  [a]"]);
        if is_known {
            check.has(&["1 would change, 0 to run, 0 not knowable yet, 1 as wanted"]);
        } else {
            check.has(&["? tree  [a]", "/w changes before", "after: edit"]);
        }
        let ran = project.go();
        ran.exits(code);
        match (code, force) {
            (40, _) => drop(ran.has(&["w has local changes: f"])),
            (_, true) => assert_eq!(project.read("h/a/w/f"), "1\n"),
            _ => drop(ran.row("a 1 1 0 0 0 0")),
        }
    }
}

#[test]
fn a_folder_that_comes_with_a_task_has_no_work_tree() {
    let project = with_tree(
        "    - {name: old, file: {path: \"{{home}}/old\", state: absent, recursive: true}}\n    \
         - {name: folder, file: {path: \"{{home}}/srv\", state: directory}}\n    \
         - {name: new, git: {repo: \"{{files}}/repo\", dest: \"{{home}}/srv/w\", version: main}}\n    \
         - {name: again, git: {repo: \"{{files}}/repo\", dest: \"{{home}}/old/w\", version: main}}\n",
    );
    fs::create_dir(project.path("h/a/old")).unwrap();
    fs::rename(project.path("h/a/w"), project.path("h/a/old/w")).unwrap();
    project.check().exits(10).has(&["~ new  [a]", "branch: main", "? again  [a]"]);
    project.go().exits(0).has(&["changed new", "changed again"]);
    assert_eq!(project.read("h/a/old/w/f"), "1\n");
}

#[test]
fn a_certificate_is_held_against_the_key_that_will_be_there() {
    let cert = "    - {name: cert, certificate: {path: \"{{home}}/cert\", key: \"{{home}}/key\", method: self_signed, names: [x.example]}}\n";
    let project = Project::tasks(&format!(
        "    - {{name: key, copy: {{dest: \"{{{{home}}}}/key\", content: \"another one\\n\", mode: \"0600\"}}}}\n{cert}"
    ));
    // Where there is no certificate yet, all is known.
    project.check().exits(10).has(&["~ key  [a]", "~ cert  [a]", "0 not knowable yet"]);
    project.go().exits(0).has(&["changed key", "changed cert"]);
    project.check().exits(10).has(&["~ key  [a]", "? cert  [a]", "holds changes before", "after: key"]);
    project.go().exits(0).has(&["changed key", "changed cert"]);
    // It comes with a key of its own.
    project.write("site.yml", &play(cert));
    project.check().exits(0);
}

#[test]
fn what_is_too_much_in_a_folder_is_what_is_there_by_then() {
    let project = Project::tasks(
        "    - {name: more, copy: {dest: \"{{home}}/site/more\", content: x}}\n    \
         - {name: less, file: {path: \"{{home}}/site/old\", state: absent, recursive: true}}\n    \
         - {name: site, synchronize: {src: site, dest: \"{{home}}/site\", delete: true}}\n",
    );
    project.write("files/site/a", "a\n");
    project.write("h/a/site/a", "a\n");
    project.write("h/a/site/old/b", "b\n");
    let (check, ran) = (project.check(), project.go());
    check.exits(10);
    ran.exits(0);
    let shown = "more: file -> absent\n";
    check.has(&[shown]).lacks(&["old: directory", "old/b"]);
    ran.has(&[shown]).lacks(&["old: directory", "old/b"]);
    assert_eq!(project.tree("h/a/site").len(), 1);
}
