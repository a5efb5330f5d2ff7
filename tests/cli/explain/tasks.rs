//! Tasks; what is not there; what programs get.

use super::{below, explain, project};

#[test]
fn a_task_says_why_it_runs_and_what_its_parameters_are_made_of() {
    let project = project();
    let ran = explain(&project, &["a", "Only on the beta"]);
    ran.exits(0).has(&[
        "Only on the beta channel on a  (copy, site.yml:9)",
        "skipped: eq channel \"beta\"",
        "when release.ready  is true  site.yml:10",
        "when eq channel \"beta\"  is false  site.yml:10",
    ]);
    assert_eq!(below(&ran.out, "is false")[0], "channel group_vars/all/vars.yml:12 \"stable\"");
    // Nobody looks at what is behind a condition that does not hold.
    ran.lacks(&["nothing_looks_here"]);
    let ran = explain(&project, &["b", "Only on the beta channel"]);
    ran.exits(0).has(&[
        "runs: all its conditions hold",
        "channel  host_vars/b.yml:1  \"beta\"",
        "nothing_looks_here",
    ]);
    // By its place, at any of its lines.
    explain(&project, &["b", "site.yml:11"]).exits(0).has(&["Only on the beta channel on b"]);
    let ran = explain(&project, &["a", "app : The settings"]);
    ran.exits(0).has(&[
        "The settings on a  (template, roles/app/tasks/main.yml:1)",
        "runs: it has no condition",
        "notifies `app : Restart the app` when it changes something",
        "before `app : The secrets`: `needs` of it says so",
    ]);
    explain(&project, &["a", "The secrets"])
        .exits(0)
        .has(&["after `app : The settings`: `needs` of this one says so"]);
    let ran = explain(&project, &["a", "Restart"]);
    ran.exits(0).has(&[
        "(handler, command,",
        "runs when it is notified",
        "notified by `app : The settings` when that changes something",
    ]);
    // Each item of a loop.
    let ran = explain(&project, &["a", "Folders"]);
    ran.exits(0).has(&["Folders (logs) on a", "Folders (data) on a", "loop over {{folders}}"]);
    let item = "item.mode group_vars/all/vars.yml:11 \"0700\"";
    assert_eq!(
        below(ran.out.split("Folders (data)").nth(1).unwrap(), "mode: 0700")[..2],
        [item, "<- folders group_vars/all/vars.yml:10 a list of 2"]
    );
    explain(&project, &["a", "Folders (data)"]).exits(0).lacks(&["(logs)"]);
}

#[test]
fn a_task_of_a_rescue_waits_for_a_failure() {
    let project = crate::project::Project::tasks(
        "    - name: both\n      block:\n        - {name: works, command: \"true\"}\n      rescue:\n        \
         - {name: mends, copy: {dest: \"{{home}}/mended\", content: x}}\n      always:\n        - {name: ends, command: \"true\"}\n",
    );
    let says = "not known yet: it runs only when a task of its block fails";
    let mended = project.home("a").join("mended").display().to_string();
    for what in ["mends", &mended] {
        project.run(&["explain", "--offline", "inventory.yml", "a", what]).exits(0).has(&[says]);
    }
    let live = project.run(&["explain", "inventory.yml", "a", "mends"]);
    live.exits(0).has(&[says, "now: skipped: only if `works` fails"]);
    for what in ["works", "ends"] {
        project
            .run(&["explain", "--offline", "inventory.yml", "a", what])
            .exits(0)
            .has(&["runs: it has no condition"]);
    }
}

#[test]
fn what_is_not_there_or_not_clear_is_told() {
    let project = project();
    let home = project.home("a").display().to_string();
    explain(&project, &["c", "The motd"]).exits(20).has(&["no host is named `c`"]);
    explain(&project, &["a", "The modt"])
        .exits(20)
        .has(&["no task and no service is named `The modt`", "did you mean `The motd`?"]);
    let ran = explain(&project, &["a", "the s"]);
    ran.exits(20).has(&[
        "`the s` is in the names of 2 tasks",
        "app : The settings  roles/app/tasks/main.yml:1",
        "app : The secrets  roles/app/tasks/main.yml:4",
        "write more of the name, or the place",
    ]);
    let ran = explain(&project, &["a", &format!("{home}/app.cnf")]);
    ran.exits(20).has(&["no task writes", &format!("did you mean `{home}/app.conf`?")]);
    explain(&project, &["a", &format!("{home}/logs/today")]).exits(20).has(&["in which it is"]);
    explain(&project, &["a", "/nowhere/at/all/is/it"]).exits(20).has(&["what a command writes is not known"]);
    project.write("site.yml", "- hosts: a\n  tasks: [{name: x, comand: y}]\n");
    explain(&project, &["a", "x"]).exits(20).has(&["comand"]);
    project.write("site.yml", "- hosts: a\n  tasks: [{name: x, command: y}]\n");
    explain(&project, &["b", "x"]).exits(20).has(&["no play is for `b`"]);
}

#[test]
fn programs_get_json() {
    let project = project();
    let path = project.home("a").join("app.conf").display().to_string();
    let ran = explain(&project, &["a", &format!("{path}:2"), "--json"]);
    let said: serde_json::Value = serde_json::from_str(&ran.exits(0).out).unwrap();
    let line = &said["files"][0]["lines"][0];
    assert_eq!((&line["number"], &line["text"]), (&2.into(), &"name = app.example.org".into()));
    assert_eq!(line["from"][0]["variable"], "domain");
    assert_eq!(line["from"][0]["place"], "roles/app/defaults/main.yml:5");
    assert_eq!(line["from"][0]["from"][0]["path"], "zone");
    assert_eq!(said["files"][0]["fate"], "runs");
    assert_eq!(said["host"], "a");
    assert!(!ran.out.contains("\u{1b}"));
    let said = explain(&project, &["a", "Only on the beta", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said.exits(0).out).unwrap();
    assert_eq!(said["tasks"][0]["fate"], "skipped");
    assert_eq!(said["tasks"][0]["conditions"][1]["value"], "false");
}
