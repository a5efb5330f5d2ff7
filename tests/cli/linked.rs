//! What is behind links that tasks make.

use crate::project::Project;
use std::{fs, os::unix::fs::symlink};

/// A release is laid down, and what is beside it is reached through the link to it: all of it is shown before, and is what is done.
#[test]
fn what_is_behind_a_link_that_a_task_makes_is_shown_before() {
    let tasks = "    - {name: release, file: {path: \"{{home}}/app/releases/7\", state: directory}}\n    \
         - {name: program, copy: {dest: \"{{home}}/app/releases/7/run\", content: \"#!/bin/sh\\n\", mode: \"0755\"}}\n    \
         - {name: shared, link: {path: \"{{home}}/app/releases/7/shared\", target: \"{{home}}/app/shared\"}}\n    \
         - {name: current, link: {path: \"{{home}}/app/current\", target: releases/7, force: true}}\n    \
         - {name: config, copy: {dest: \"{{home}}/app/current/conf\", content: \"one\\ntwo\\n\"}}\n    \
         - {name: edit, lineinfile: {path: \"{{home}}/app/releases/7/conf\", line: three}, needs: [config]}\n    \
         - {name: kept, lineinfile: {path: \"{{home}}/app/current/shared/kept\", line: more}}\n    \
         - {name: same, copy: {dest: \"{{home}}/app/current/shared/same\", content: same}}\n    \
         - {name: once, command: {cmd: \"touch {{home}}/once\", creates: \"{{home}}/app/current/conf\", touches: [\"{{home}}/once\"]}, needs: [config]}\n    \
         - {name: starts, command: {cmd: \"{{home}}/app/current/run\", touches: [nothing]}}\n    \
         - {name: free, copy: {dest: \"{{home}}/free\", content: x}}\n";
    let project = Project::tasks(tasks);
    let app = project.home("a").join("app");
    // What was current is another release, in which some of it is different.
    for folder in ["releases/6", "shared"] {
        fs::create_dir_all(app.join(folder)).unwrap();
    }
    fs::write(app.join("shared/kept"), "kept\n").unwrap();
    fs::write(app.join("shared/same"), "same").unwrap();
    fs::write(app.join("releases/6/conf"), "old\n").unwrap();
    symlink("releases/6", app.join("current")).unwrap();
    let check = project.check();
    check.exits(10).has(&["+two", "+three", " kept\n", "+more", "a: 8 would change"]).lacks(&["? ", "-old"]);
    check.row("a 2 9 0 0 0 0");
    project.go().exits(0).row("a 2 9 0 0 0 0");
    assert_eq!(project.read("h/a/app/releases/7/conf"), "one\ntwo\nthree\n");
    assert_eq!(project.read("h/a/app/releases/6/conf"), "old\n");
    assert_eq!(project.read("h/a/app/shared/kept"), "kept\nmore\n");
    // The link is there now.
    project.check().exits(10).lacks(&["? ", "~ kept", "~ current"]);
}

/// Where it leads is not known where a folder above may be a link itself.
#[test]
fn a_link_to_nobody_knows_where_is_left_to_the_run() {
    let tasks = "    - {name: up, link: {path: \"{{home}}/app/it\", target: ../real}}\n    \
         - {name: behind, copy: {dest: \"{{home}}/app/it/x\", content: x}}\n";
    let project = Project::tasks(tasks);
    for folder in ["far/app", "far/real", "real"] {
        fs::create_dir_all(project.home("a").join(folder)).unwrap();
    }
    symlink("far/app", project.home("a").join("app")).unwrap();
    project.check().exits(10).has(&[
        "~ up",
        "? behind",
        "/app/it, which is made a link, is not known before",
    ]);
    project.go().exits(0);
    assert!(project.has("h/a/far/real/x") && !project.has("h/a/real/x"));
}
