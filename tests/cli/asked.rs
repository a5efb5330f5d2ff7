//! `!secret` values: programs on this machine that print them.

use crate::project::{Project, play, until};
use std::{fs, os::unix::fs::PermissionsExt};

/// A project whose variables are these, with a program `keys` in `bin/` that notes down what it is asked.
fn project(vars: &str, tasks: &str) -> Project {
    let project = Project::tasks(tasks);
    project.write("group_vars/all.yml", vars);
    program(
        &project,
        "bin/keys",
        "echo \"$@\" >> \"$(dirname \"$0\")/../asked\"\nprintf 'kanari-%s\\n' \"$2\"",
    );
    project
}

fn program(project: &Project, name: &str, script: &str) {
    project.write(name, &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(project.path(name), fs::Permissions::from_mode(0o755)).unwrap();
}

fn asked(project: &Project) -> Vec<String> {
    if !project.has("asked") {
        return vec![];
    }
    let mut lines: Vec<String> = project.read("asked").lines().map(str::to_owned).collect();
    lines.sort();
    fs::remove_file(project.path("asked")).unwrap();
    lines
}

const VARS: &str = "token: !secret {command: [../bin/keys, read, token]}\n\
                    again: !secret {command: [../bin/keys, read, token], timeout: 5}\n\
                    own: !secret\n  command: [../bin/keys, read, \"{{host}}\"]\n\
                    unused: !secret {command: [../bin/keys, read, unused]}\n\
                    nested: {url: \"db://u:{{token}}@h\", key: !secret {command: [../bin/keys, read, key]}}\n";
const TASKS: &str = "    - {name: file, copy: {dest: \"{{home}}/x\", content: \"{{token}} {{again}} {{own}} {{nested.url}} {{nested.key}}\\n\"}}\n    \
                     - {name: tells, shell: {cmd: \"cat {{home}}/x\", touches: [nothing], reads: [\"{{home}}/x\"]}, register: it}\n    \
                     - {name: says, debug: {msg: \"it is {{it.stdout}}\"}}\n";

#[test]
fn a_program_is_asked_once_for_what_a_run_needs_and_never_offline() {
    let project = project(VARS, TASKS);
    project.run(&["validate", "inventory.yml"]).exits(0);
    project.run(&["graph", "inventory.yml"]).exits(0);
    project.run(&["inventory", "inventory.yml", "--host", "a"]).exits(0).has(&["\"token\": \"********\""]);
    assert_eq!(asked(&project), [""; 0], "run offline");
    let needed = ["read a", "read key", "read token"];
    project.check().exits(10).has(&["~ file"]).lacks(&["kanari"]);
    assert_eq!(asked(&project), needed);
    assert!(!project.has("h/a/x"));
    project.go().exits(0).has(&["it is [secret]"]).lacks(&["kanari"]);
    assert_eq!(asked(&project), needed);
    let token = "kanari-token";
    assert_eq!(project.read("h/a/x"), format!("{token} {token} kanari-a db://u:{token}@h kanari-key\n"));
    project.apply(&["--yes", "--json"]).exits(0).lacks(&["kanari"]);
}

#[test]
fn a_secret_may_stand_wherever_a_value_may() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  vars:\n    one: !secret {command: [printf, kanari-1]}\n  vars_files: [more.yml]\n  tasks:\n    \
         - {name: file, copy: {dest: \"{{home}}/x\", content: \"{{one}} {{two}} {{three}}\"}}\n    \
         - {name: direct, copy: {dest: \"{{home}}/y\", content: !secret {command: [printf, kanari-4]}}}\n",
    );
    project.write("more.yml", "two: !secret {command: [printf, kanari-2]}\n");
    let extra = ["--yes", "-e", "{three: !secret {command: [printf, kanari-3]}}"];
    project.apply(&extra).exits(0).lacks(&["kanari"]);
    assert_eq!(
        (project.read("h/a/x"), project.read("h/a/y")),
        ("kanari-1 kanari-2 kanari-3".into(), "kanari-4".into())
    );
}

#[test]
fn a_secret_that_only_a_fact_asks_for_is_asked_for_then() {
    let tasks = "    - {name: file, copy: {dest: \"{{home}}/x\", content: \"{{#if facts.arch}}{{token}}{{/if}}\"}}\n    \
                 - {name: tells, shell: {cmd: \"cat {{home}}/x\", touches: [nothing], reads: [\"{{home}}/x\"]}, register: it}\n    \
                 - {name: says, debug: {msg: \"it is {{it.stdout}}\"}}\n";
    let project = project(VARS, tasks);
    project.go().exits(0).has(&["it is [secret]"]).lacks(&["kanari"]);
    assert_eq!(asked(&project), ["read token"]);
    assert_eq!(project.read("h/a/x"), "kanari-token");
}

#[test]
fn what_gives_no_secret_stops_the_run_before_anything_is_touched() {
    let cases: &[(&str, &[&str])] = &[
        (
            "echo kanari; for i in 1 2 3; do echo \"line $i\" >&2; done; exit 3",
            &["group_vars/../bin/keys` gave no secret", "exit status: 3", "line 3"],
        ),
        ("exit 0", &["printed nothing"]),
        ("printf 'kanari\\377'", &["is not UTF-8"]),
        ("echo kanari; sleep 60", &["it has not ended after 1 s", "`timeout: 2`"]),
        ("head -c 2000000 /dev/zero", &["it printed more than 1 MiB"]),
    ];
    let tasks = "    - {name: first, copy: {dest: \"{{home}}/first\", content: x}}\n    \
                 - {name: file, copy: {dest: \"{{home}}/x\", content: \"{{token}}\"}}\n";
    let project = project("token: !secret {command: [../bin/keys], timeout: 1}\n", tasks);
    for (script, parts) in cases {
        program(&project, "bin/keys", script);
        let ran = project.go();
        ran.exits(20).has(parts).has(&["group_vars/all.yml:1:"]).lacks(&["kanari"]);
        assert!(!project.has("h/a/first"), "{script}");
    }
    for (command, parts) in [
        (
            "no-such-program-here, x",
            &["cannot run `no-such-program-here`", "hint: install `no-such-program-here`"][..],
        ),
        ("../bin/missing", &["No such file", "relative path begins at the folder of the file"]),
        ("../site.yml", &["Permission denied", "chmod +x"]),
    ] {
        project.write("group_vars/all.yml", &format!("token: !secret {{command: [{command}]}}\n"));
        project.go().exits(20).has(parts).has(&["group_vars/all.yml:1:"]);
    }
}

#[test]
fn mistakes_in_how_it_is_written_are_found_offline() {
    for (written, parts) in [
        ("!secret hunter2", &["expected a mapping with `command`", "hint: write `!secret {command:"][..]),
        ("!secret {command: op read x}", &["there is no shell"]),
        ("!secret {command: [op, \"{{missing}}\"]}", &["undefined variable `missing`"]),
        ("!secret {command: [op, \"{{other}}\"]}", &["a secret cannot be an argument"]),
    ] {
        let project = project(
            &format!("token: {written}\nother: !secret {{command: [printf, x]}}\n"),
            "    - {name: file, copy: {dest: \"{{home}}/x\", content: \"{{token}}\"}}\n",
        );
        let ran = project.run(&["validate", "inventory.yml"]);
        ran.exits(20).has(parts).has(&["group_vars/all.yml:1:"]);
    }
}

#[test]
fn a_password_for_sudo_may_come_from_a_program() {
    let project = Project::local(&["a"], &play("    - {name: tells, debug: {msg: hello}}\n"));
    project.write(
        "group_vars/all.yml",
        "ansible_become_password: !secret {command: [sh, -c, \"echo asked >> asked; echo kanari-pw\"]}\n",
    );
    project.go().exits(0).lacks(&["kanari"]);
    assert_eq!(project.read("asked"), "asked\n");
}

#[test]
fn hosts_that_wait_for_a_secret_do_not_keep_the_program_from_ending() {
    let hosts: Vec<String> = (0..12).map(|number| format!("h{number}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let tasks =
        "    - {name: file, copy: {dest: \"{{home}}/x\", content: \"{{#if facts.arch}}{{token}}{{/if}}\"}}\n";
    let project = Project::local(&hosts, &play(tasks));
    project.write("group_vars/all.yml", "token: !secret {command: [../bin/keys], timeout: 60}\n");
    program(
        &project,
        "bin/keys",
        "touch \"$(dirname \"$0\")/../started\"; sleep 50; touch \"$(dirname \"$0\")/../ended\"",
    );
    let running = project.start(&["--yes"]);
    until("it is asked", || project.has("started"));
    // The others have come as far.
    std::thread::sleep(std::time::Duration::from_secs(2));
    running.signal("-INT");
    std::thread::sleep(std::time::Duration::from_millis(500));
    running.signal("-INT");
    assert_eq!(running.end().code, Some(130));
    assert!(!project.has("ended"), "it waited for the program");
}
