//! Merges of encrypted files that are no simple ones: real git, and signals.

use crate::{
    project::until,
    vaults::{Repository, VAULT, project, value, vault},
};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

#[test]
fn a_key_that_was_added_at_two_places_leaves_ours_and_says_so() {
    let repository = Repository::new();
    let value = |name: &str, text: &str| value(&repository.0, name, text);
    let (one, two) = (value("one", "1"), value("two", "2"));
    let (new, other) = (value("new", "kanari-1"), value("new", "kanari-2"));
    let write = |parts: &[&str]| repository.0.write("vars.yml", &parts.concat());
    let ours = [&two, "x: 1\n", "y: 1\n", "z: 1\n", &one, &new].map(str::to_owned).concat();
    repository.fork(
        "vars.yml",
        || write(&[&two, "x: 1\n", "y: 1\n", "z: 1\n", &one]),
        || write(&[&other, &two, "x: 1\n", "y: 1\n", "z: 1\n", &one]),
        || write(&[&ours]),
    );
    let ran = repository.try_git(&["merge", "-q", "theirs"]);
    ran.exits(1).has(&["conflict in vars.yml: it is left as ours", "`new` was changed on both sides"]);
    ran.lacks(&["marks", "kanari"]);
    assert_eq!(repository.0.read("vars.yml"), ours);
}

#[test]
fn the_hint_at_marks_can_be_followed() {
    let repository = Repository::new();
    let value = |text: &str| value(&repository.0, "one", text);
    let write = |text: &str| repository.0.write("vars.yml", &value(text));
    repository.fork("vars.yml", || write("b"), || write("kanari-t"), || write("kanari-o"));
    let ran = repository.try_git(&["merge", "-q", "theirs"]);
    ran.exits(1)
        .has(&["between git's marks", "take the lines of one side and git's marks out by hand, then"]);
    let marked = repository.0.read("vars.yml");
    let ours = marked.split("<<<<<<< ours\n").nth(1).unwrap().split("=======\n").next().unwrap();
    let head: String = marked.split("<<<<<<< ours\n").next().unwrap().into();
    repository.0.write("vars.yml", &(head + ours));
    vault(&repository.0, &["view", "vars.yml"]).exits(0).has(&["kanari-o"]);
}

/// Values under the old password, of which one is changed, on the one side; all of them under the new one on the other.
fn rekeyed_beside_a_change(ours_is_rekeyed: bool) {
    let repository = Repository::new();
    let project = &repository.0;
    let both = ["--vault-password-file", "other"];
    let driver = repository.git(&["config", "merge.vault.driver"]).out;
    let driver = format!("{} --vault-password-file {}", driver.trim(), project.path("other").display());
    repository.git(&["config", "merge.vault.driver", &driver]);
    let [one, two, three] = [("one", "1"), ("two", "2"), ("three", "3")].map(|(n, t)| value(project, n, t));
    let (changed, new) = (value(project, "two", "kanari"), value(project, "new", "kanari"));
    let write = |two: &str, more: &str| {
        let parts = [more, "w: 1\nv: 1\nu: 1\n", &one, "x: 1\n", two, "y: 1\n", &three];
        project.write("vars.yml", &parts.concat());
    };
    let change = || write(&changed, &new);
    let rekey = || {
        vault(project, &["rekey", "vars.yml", "--new-vault-password-file", "other"]).exits(0);
    };
    let base = || write(&two, "");
    if ours_is_rekeyed {
        repository.fork("vars.yml", base, change, rekey);
    } else {
        repository.fork("vars.yml", base, rekey, change);
    }
    repository.git(&["merge", "-q", "theirs", "-m", "m"]);
    let ran = project.run(&[&["vault", "view", "vars.yml"], &both[..]].concat());
    let shown = |name: &str, text: &str| format!("{name}: !plain |-\n  {text}\n");
    let (one, two, three) = (shown("one", "1"), shown("two", "kanari"), shown("three", "3"));
    let new = shown("new", "kanari");
    assert_eq!(ran.exits(0).out, format!("{new}w: 1\nv: 1\nu: 1\n{one}x: 1\n{two}y: 1\n{three}"));
}

#[test]
fn a_change_beside_a_new_password_is_under_the_new_one() {
    rekeyed_beside_a_change(true);
    rekeyed_beside_a_change(false);
}

#[test]
fn a_signal_while_git_merges_leaves_no_plain_text() {
    let project = project();
    for (name, plain) in [("base", "a: 1\n"), ("ours", "a: kanari-o\n"), ("theirs", "a: kanari-t\n")] {
        project.write(name, plain);
        vault(&project, &["encrypt", name]).exits(0);
    }
    let before = project.read("ours");
    // git, slow.
    project
        .write("bin/git", "#!/bin/sh\nfor last; do :; done\necho \"$last\" > at\nmv at started\nsleep 1\n");
    fs::set_permissions(project.path("bin/git"), fs::Permissions::from_mode(0o755)).unwrap();
    for signal in ["-TERM", "-INT", "-HUP"] {
        let mut command = project.command(&[
            "vault",
            "merge-driver",
            "base",
            "ours",
            "theirs",
            "v.yml",
            VAULT[0],
            VAULT[1],
        ]);
        let path = format!("{}:{}", project.path("bin").display(), std::env::var("PATH").unwrap());
        let child = command.env("PATH", path).stderr(std::process::Stdio::piped()).spawn().unwrap();
        until("git runs", || project.has("started"));
        let text = PathBuf::from(project.read("started").trim());
        assert!(fs::read_to_string(&text).unwrap().contains("kanari"), "{text:?}");
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{signal}: {said}");
        assert!(said.contains("ended by a signal: nothing was changed"), "{said}");
        assert!(!text.parent().unwrap().exists(), "{signal}: plain text was left behind");
        assert_eq!(project.read("ours"), before);
        fs::remove_file(project.path("started")).unwrap();
    }
}
