//! A plan that takes the place of another one.

use crate::project::Project;
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn a_plan_is_made_anew_and_says_what_is_different() {
    let tasks = "- hosts: all\n  tasks:\n    - {name: conf, tags: x, copy: {dest: \"{{home}}/conf\", content: \"{{word}}\", mode: \"0600\"}}\n    \
                 - {name: two, copy: {dest: \"{{home}}/two\", content: hi}}\n";
    let project = Project::local(&["a", "b"], tasks);
    project.write("any", "a password that locks nothing else\n");
    for host in ["a", "b"] {
        project.write(&format!("h/{host}/conf"), "PIN=1234");
        fs::set_permissions(project.home(host).join("conf"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let flag = ["--vault-password-file", "any"];
    let run = |arguments: &[&str]| project.run(&[arguments, &flag[..]].concat());
    run(&["plan", "inventory.yml", "-t", "x", "-e", "word=w", "-o", "p.plan"]).exits(10);
    fs::copy(project.path("p.plan"), project.path("old.plan")).unwrap();
    let same = run(&["plan", "--refresh", "p.plan"]);
    same.exits(10).has(&["the same is planned for each host", "saved in p.plan"]).lacks(&["two"]);
    project.run(&["diff", "old.plan", "p.plan"]).exits(0).has(&["the same is planned for each host"]);
    // A secret of the host, which is not shown, and one that is gone.
    project.write("h/a/conf", "PIN=1235");
    fs::remove_file(project.path("h/b/conf")).unwrap();
    run(&["apply", "p.plan"]).exits(41).has(&["`plan --refresh FILE` makes it anew"]);
    let told = [
        "a\n  `conf` (path:",
        "content on the host is `PIN=[secret ",
        "b\n  `conf` (path:",
        "type is changed now, and was not",
    ];
    run(&["plan", "--refresh", "p.plan", "-o", "new.plan"]).exits(10).has(&told).has(&["saved in new.plan"]);
    let differ = project.run(&["diff", "p.plan", "new.plan"]);
    differ.exits(10).has(&told).lacks(&["1234", "1235", "cannot be told"]);
    run(&["apply", "new.plan"]).exits(0);
    assert_eq!(project.read("h/a/conf"), "w");
    // Of other files, with other options, under another key.
    project.write("site.yml", &tasks.replace("0600", "0640"));
    project.write("group_vars/all.yml", "more: 1\n");
    run(&["plan", "inventory.yml", "-e", "word=v", "-o", "other.plan"]).exits(10);
    let differ = project.run(&["diff", "p.plan", "other.plan"]);
    differ.exits(10).has(&[
        "made with other options",
        "site.yml has changed",
        "group_vars/all.yml is read now",
        "`two` (path:",
        "is new",
        "whether secrets are the same cannot be told",
    ]);
    project.run(&["diff", "p.plan", "site.yml"]).exits(20).has(&["site.yml is no saved plan"]);
    // What cannot be meant.
    run(&["plan", "inventory.yml", "--refresh", "p.plan"]).exits(20).has(&["are both given"]);
    run(&["plan", "--refresh", "p.plan", "--tags", "y"])
        .exits(20)
        .has(&["`--tags` cannot be given with a saved plan"]);
    run(&["plan", "--refresh", "no.plan"]).exits(20).has(&["cannot read the plan no.plan"]);
    run(&["plan"]).exits(2);
}
