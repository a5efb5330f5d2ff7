//! `stat`, `fail`: what is on a real host decides about the tasks behind.

use crate::{project::Project, sshd::Sshd};
use std::{fs, os::unix::fs::symlink, process::Command};

/// Writes what it found where the test can read it.
fn told(path: &str, more: &str) -> String {
    format!(
        "    - {{name: look, stat: {{path: \"{{{{home}}}}/{path}\"{more}}}, register: r}}\n    \
         - {{name: told, copy: {{dest: \"{{{{home}}}}/told\", content: \"{{{{to_json r.stat}}}}\\n\"}}}}\n"
    )
}

fn found(project: &Project) -> serde_json::Value {
    serde_json::from_str(&project.read("h/a/told")).unwrap()
}

#[test]
fn what_is_there_is_told_as_the_tools_of_the_host_tell_it() {
    let project = Project::tasks(&told("x y", ", checksum_algorithm: sha256"));
    let path = project.home("a").join("x y");
    fs::write(&path, "hello\n").unwrap();
    let sh = |script: &str| {
        let output = Command::new("sh").args(["-ec", script, "sh"]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{script}");
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    };
    sh("chown daemon:games \"$1\"; chmod 2751 \"$1\"; touch -d @1700000000 \"$1\"");
    project.check().exits(10);
    project.go().exits(0);
    let stat = found(&project);
    for (key, format) in [
        ("uid", "%u"),
        ("gid", "%g"),
        ("size", "%s"),
        ("inode", "%i"),
        ("nlink", "%h"),
        ("blocks", "%b"),
        ("block_size", "%o"),
    ] {
        assert_eq!(stat[key].to_string(), sh(&format!("stat -c {format} \"$1\"")), "{key}");
    }
    assert_eq!((stat["pw_name"].as_str(), stat["gr_name"].as_str()), (Some("daemon"), Some("games")));
    assert_eq!((stat["mode"].as_str(), stat["isgid"].as_bool()), (Some("2751"), Some(true)));
    assert_eq!(stat["mtime"].as_f64(), Some(1_700_000_000.0));
    assert_eq!(stat["checksum"].as_str().unwrap(), &sh("sha256sum < \"$1\"")[..64]);
    assert!(stat["exists"] == true && stat["isreg"] == true && stat["islnk"] == false, "{stat}");
    // Whoever looks again after a change sees the change.
    fs::write(&path, "hello, hello\n").unwrap();
    project.go().exits(0);
    assert_eq!(found(&project)["size"], 13);
    for (kind, make) in [("isdir", "mkdir"), ("isfifo", "mkfifo")] {
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
        sh(&format!("{make} \"$1\""));
        project.go().exits(0);
        assert!(found(&project)[kind] == true && found(&project).get("checksum").is_none(), "{kind}");
    }
    fs::remove_file(&path).unwrap();
    project.go().exits(0);
    assert_eq!(found(&project)["exists"], false);
    assert_eq!(found(&project).as_object().unwrap().len(), 8);
}

#[test]
fn a_link_is_told_or_followed() {
    for (more, link) in [("", true), (", follow: true", false)] {
        let project = Project::tasks(&told("l", more));
        fs::create_dir(project.home("a").join("in")).unwrap();
        fs::write(project.home("a").join("in/x"), "").unwrap();
        symlink("in/x", project.home("a").join("l")).unwrap();
        project.go().exits(0);
        let stat = found(&project);
        assert_eq!((stat["islnk"] == true, stat["isreg"] == true), (link, !link), "{stat}");
        if link {
            assert_eq!(stat["lnk_target"], "in/x");
            assert_eq!(stat["lnk_source"], project.home("a").join("in/x").to_str().unwrap());
        }
    }
}

const MAKE: &str = "    - {name: make, copy: {dest: \"{{home}}/x\", content: hi, mode: \"0640\"}}\n    \
     - {name: look, stat: {path: \"{{home}}/x\"}, register: r}\n";

#[test]
fn under_check_it_sees_what_earlier_tasks_will_make() {
    let project = Project::tasks(&format!(
        "{MAKE}    - {{name: known, copy: {{dest: \"{{{{home}}}}/known\", content: \"{{{{r.stat.mode}}}}\"}}, when: r.stat.exists}}\n    \
         - {{name: later, copy: {{dest: \"{{{{home}}}}/later\", content: \"{{{{r.stat.size}}}}\"}}}}\n"
    ));
    project.check().exits(10).has(&["+0640", "? later", "not knowable yet: what an earlier task makes of"]);
    assert_eq!(project.tree("h/a").len(), 0);
    project.go().exits(0);
    assert_eq!((project.read("h/a/known"), project.read("h/a/later")), ("0640".into(), "2".into()));
    project.check().exits(0);
}

#[test]
fn what_a_command_makes_shows_when_it_has_run() {
    let project = Project::tasks(&format!(
        "{MAKE}    - {{name: other, command: {{cmd: \"mkdir {{{{home}}}}/d\", creates: \"{{{{home}}}}/d\"}}}}\n    \
         - {{name: look too, stat: {{path: \"{{{{home}}}}/d/e\"}}, register: d}}\n    \
         - {{name: last, fail: {{msg: there is no e}}, when: not d.stat.exists}}\n"
    ));
    project.check().exits(10).has(&["? look too", "`other` changes", "? last"]);
    project.go().exits(40).has(&["error: a: last: there is no e", "site.yml:7"]);
    // Now it is known beforehand, and nothing is touched.
    fs::remove_file(project.path("h/a/x")).unwrap();
    project.check().exits(40).has(&["there is no e"]);
    project.go().exits(40).has(&["there is no e"]);
    assert!(!project.has("h/a/x"));
    fs::write(project.path("h/a/d/e"), "").unwrap();
    project.go().exits(0);
    project.check().exits(0);
}

#[test]
fn a_failure_is_one_for_rescue_and_for_items() {
    let project = Project::tasks(
        "    - block:\n        - {name: bad, fail: {msg: \"{{item}} is bad\"}, loop: [one, two], when: eq item 'two'}\n      \
         rescue:\n        - {name: saved, copy: {dest: \"{{home}}/saved\", content: x}}\n        \
         - {name: again, fail: {msg: over}}\n",
    );
    project.go().exits(40).has(&["two is bad", "again: over"]).lacks(&["one is bad"]);
    assert!(project.has("h/a/saved"));
    let project = Project::tasks(
        "    - {name: odd, fail: , ignore_errors: true}\n    - {name: t, copy: {dest: \"{{home}}/x\", content: x}}\n",
    );
    project.go().exits(0).has(&["Failed as requested from task"]);
    assert!(project.has("h/a/x"));
}

#[test]
fn over_ssh_with_what_the_user_may_not_read() {
    let sshd = Sshd::start();
    let project = Project::ssh(
        &sshd,
        "    - {name: look, stat: {path: /etc/shadow}, register: r}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{r.stat.readable}} {{r.stat.pw_name}} {{defined r.stat.checksum}}\"}}\n",
    );
    project.go().exits(0);
    assert_eq!(fs::read_to_string(sshd.home("alice").join("work/told")).unwrap(), "false root false");
}

/// The host tells owners by name, whoever is named by number.
#[test]
fn an_owner_by_number_is_told_as_the_host_tells_it() {
    let tasks = |path: &str, owner: &str| {
        format!(
            "    - {{name: owned, copy: {{dest: \"{{{{home}}}}/{path}\", content: x, owner: \"{owner}\", group: \"{owner}\"}}}}\n    \
             - {{name: look, stat: {{path: \"{{{{home}}}}/{path}\"}}, register: r}}\n    \
             - {{name: told, copy: {{dest: \"{{{{home}}}}/told\", content: \"{{{{r.stat.pw_name}}}} {{{{r.stat.gr_name}}}}\"}}}}\n"
        )
    };
    for (path, owner, name) in [
        ("x", "1", "daemon"),
        ("x", "64321", "64321"),
        ("of", "1", "daemon"),
        ("x", "0", "root"),
        ("x", "daemon", "daemon"),
    ] {
        let project = Project::tasks(&tasks(path, owner));
        fs::write(project.home("a").join("of"), "").unwrap();
        std::os::unix::fs::chown(project.home("a").join("of"), Some(1), Some(1)).unwrap();
        project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10);
        project.run(&["apply", "p.plan"]).exits(0);
        assert_eq!(project.read("h/a/told"), format!("{name} {name}"), "{path} {owner}");
    }
}

/// Each by its name or its number, as the host names it by then.
#[test]
fn who_owned_it_is_shown_before_as_in_the_run() {
    for (first, then) in [("1", "64321"), ("1", "bin"), ("64321", "1"), ("daemon", "2"), ("2", "daemon")] {
        let owned = |owner: &str| format!("owner: \"{owner}\", group: \"{owner}\"");
        let (first, last) = (owned(first), owned(then));
        let project = Project::tasks(&format!(
            "    - {{name: first, copy: {{dest: \"{{{{home}}}}/d/x\", content: x, {first}}}}}\n    \
             - {{name: then, file: {{path: \"{{{{home}}}}/d\", state: directory, recurse: true, {last}}}}}\n"
        ));
        fs::create_dir_all(project.home("a").join("d")).unwrap();
        fs::write(project.home("a").join("d/y"), "").unwrap();
        let shown = |text: &str| -> Vec<String> {
            let lines = text.lines().map(str::trim);
            lines.filter(|line| line.contains("below")).map(Into::into).collect()
        };
        let (check, done) = (project.check(), project.go());
        assert_eq!(shown(&check.exits(10).out), shown(&done.exits(0).out), "{first} {then}");
        assert_eq!(shown(&check.out).len(), 2, "{}", check.out);
    }
}

/// A list of a folder shows in its mode, whether all below gets it as well or not.
#[test]
fn a_mode_behind_a_list_is_shown_before_as_in_the_run() {
    for (below, before) in [(false, ""), (true, ""), (true, "new"), (true, "d/y")] {
        let made = format!("copy: {{dest: \"{{{{home}}}}/{before}\", content: y}}");
        let made = if before.is_empty() { "debug: {msg: none}".into() } else { made };
        let list = |right: &str| {
            format!(
                "acl: {{path: \"{{{{home}}}}/d\", entries: [\"user:daemon:{right}\"], recursive: {below}}}"
            )
        };
        let project = Project::tasks(&format!(
            "    - {{name: before, {made}}}\n    - {{name: list, {}}}\n    \
             - {{name: then, file: {{path: \"{{{{home}}}}/d\", state: directory, mode: \"0700\"}}}}\n",
            list("rwX")
        ));
        fs::create_dir_all(project.home("a").join("d")).unwrap();
        fs::write(project.home("a").join("d/x"), "").unwrap();
        let shown =
            |text: &str| text.lines().map(str::trim).find(|line| line.contains("0700")).map(String::from);
        let (check, done) = (project.check(), project.go());
        let (check, done) = (shown(&check.exits(10).out), shown(&done.exits(0).out));
        assert!(done.as_ref().is_some_and(|line| line.contains("0775")), "{done:?}");
        // Of what an earlier task brings below it, it shows in the run who has the entry.
        assert_eq!(check, done.filter(|_| before != "d/y"), "{below} {before}");
    }
}

/// What is new below a folder has no entry yet.
#[test]
fn a_list_of_all_below_is_about_what_is_new_there() {
    let acl = "acl: {path: \"{{home}}/d\", entries: [\"user:daemon:rwX\"], recursive: true}";
    let project = Project::tasks(&format!("    - {{name: list, {acl}}}\n"));
    fs::create_dir_all(project.home("a").join("d")).unwrap();
    project.go().exits(0);
    project.check().exits(0);
    let copy = "copy: {dest: \"{{home}}/d/y\", content: y}";
    project.write(
        "site.yml",
        &crate::project::play(&format!("    - {{name: new, {copy}}}\n    - {{name: list, {acl}}}\n")),
    );
    project.check().exits(10).has(&["~ new  [a]", "? list  [a]"]);
    project.go().exits(0).row("a 0 2 0 0 0 0");
    project.check().exits(0);
}
