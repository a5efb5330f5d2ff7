//! What a plan was made of, and files that are none.

use super::{TASKS, resealed, saved};
use crate::project::Project;
use std::{fs, os::unix::fs::PermissionsExt, process::Command};

#[test]
fn inputs_that_changed_are_named() {
    let project = Project::tasks(
        "    - {name: page, template: {dest: \"{{home}}/page\", src: page.hbs}}\n    \
         - {name: file, copy: {dest: \"{{home}}/file\", src: file}}\n",
    );
    project.write("templates/page.hbs", "hello {{word}}\n");
    project.write("files/file", "content\n");
    project.write("group_vars/all.yml", "word: one\n");
    project.write("more.yml", "more: 1\n");
    let make = || {
        project.run(&["plan", "inventory.yml", "-e", "@more.yml", "-o", "p.plan"]).exits(10);
    };
    make();
    let plan = saved(&project, "p.plan");
    let names: Vec<_> =
        plan["inputs"].as_array().unwrap().iter().map(|input| input["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["files/file", "group_vars/all.yml", "inventory.yml", "more.yml", "site.yml", "templates/page.hbs"]
    );
    // Anybody can look at them.
    let sum = Command::new("sha256sum").arg(project.path("files/file")).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert_eq!(plan["inputs"][0]["sha256"].as_str(), sum.split(' ').next());
    for name in names {
        let before = project.read(name);
        project.write(name, &format!("{before} "));
        let refused = project.run(&["apply", "p.plan"]);
        refused
            .exits(20)
            .has(&[&format!("{name} has changed since the plan was made")])
            .lacks(&["page"].into_iter().filter(|_| !name.contains("page")).collect::<Vec<_>>());
        fs::remove_file(project.path(name)).unwrap();
        project
            .run(&["apply", "p.plan"])
            .exits(20)
            .has(&[&format!("{name} cannot be read, of which the plan was made")]);
        project.write(name, &before);
    }
    // Each is told at once; a new one is one as well.
    project.write("files/file", "x");
    project.write("more.yml", "more: 2\n");
    project.run(&["apply", "p.plan"]).exits(20).has(&[
        "files/file has changed",
        "more.yml has changed",
        "2 errors",
    ]);
    project.write("files/file", "content\n");
    project.write("more.yml", "more: 1\n");
    project.write("host_vars/a.yml", "word: two\n");
    project
        .run(&["apply", "p.plan"])
        .exits(20)
        .has(&["host_vars/a.yml is read, and was not when the plan was made"]);
    fs::remove_file(project.path("host_vars/a.yml")).unwrap();
    assert!(!project.has("h/a/page"));
    project.run(&["apply", "p.plan"]).exits(0);
    // What a program says is an input, too.
    project.write("prog", &format!("#!/bin/sh\ncat {}\n", project.path("said.json").display()));
    fs::set_permissions(project.path("prog"), fs::Permissions::from_mode(0o755)).unwrap();
    let hosts = |word: &str| {
        let home = project.home("a");
        let vars = format!(
            "{{\"ansible_connection\": \"local\", \"home\": \"{}\", \"word\": \"{word}\"}}",
            home.display()
        );
        format!("{{\"all\": {{\"hosts\": [\"a\"]}}, \"_meta\": {{\"hostvars\": {{\"a\": {vars}}}}}}}")
    };
    fs::remove_file(project.path("group_vars/all.yml")).unwrap();
    project.write("said.json", &hosts("three"));
    project.run(&["plan", "prog", "-p", "site.yml", "-o", "p.plan"]).exits(10);
    project.write("said.json", &hosts("four"));
    project
        .run(&["apply", "p.plan"])
        .exits(20)
        .has(&["`prog --list` prints something else than when the plan was made"]);
    project.write("said.json", &hosts("three"));
    project.run(&["apply", "p.plan"]).exits(0);
    assert_eq!(project.read("h/a/page"), "hello three\n");
}

/// The mode of a file in the project, where it decides, is what a plan is held to.
#[test]
fn a_mode_that_is_preserved_is_part_of_a_plan() {
    let project = Project::tasks(
        "    - {name: page, template: {dest: \"{{home}}/page\", src: page.hbs, mode: \"{{how}}\"}}\n    \
         - {name: tool, copy: {dest: \"{{home}}/tool\", src: tool, mode: preserve}}\n    \
         - name: again\n      \
           copy: {dest: \"{{home}}/again\", src: \"{{home}}/tool\", remote_src: true, mode: preserve}\n",
    );
    project.write("group_vars/all.yml", "how: preserve\n");
    project.write("templates/page.hbs", "hello\n");
    project.write("files/tool", "content\n");
    let set = |name: &str, mode| {
        fs::set_permissions(project.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let mode = |name: &str| fs::metadata(project.path(name)).unwrap().permissions().mode() & 0o7777;
    set("templates/page.hbs", 0o640);
    set("files/tool", 0o755);
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10).has(&["mode: 0640", "mode: 0755"]);
    set("files/tool", 0o775);
    project.run(&["apply", "p.plan"]).exits(41).has(&["`tool`"]);
    assert!(!project.has("h/a/tool"));
    set("files/tool", 0o755);
    project.run(&["apply", "p.plan"]).exits(0);
    assert_eq!(["page", "tool", "again"].map(|name| mode(&format!("h/a/{name}"))), [0o640, 0o755, 0o755]);
    // Of one that is as it is here, too.
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(0);
    set("files/tool", 0o745);
    project.run(&["apply", "p.plan"]).exits(41).has(&["`tool`"]);
    project.run(&["apply", "inventory.yml", "--yes"]).exits(0).has(&["mode: 0755 -> 0745"]);
    assert_eq!(["tool", "again"].map(|name| mode(&format!("h/a/{name}"))), [0o745, 0o745]);
    project.run(&["apply", "inventory.yml", "--check"]).exits(0);
}

#[test]
fn what_is_no_plan_of_this_program_is_refused() {
    let project = Project::tasks(TASKS);
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10);
    let text = project.read("p.plan");
    let refused = |name: &str, text: &str, parts: &[&str]| {
        project.write(name, text);
        for verb in ["apply", "show"] {
            if verb == "apply" || !parts[0].contains("another program") {
                project.run(&[verb, name]).exits(20).has(parts);
            }
        }
    };
    refused("q.plan", "", &["q.plan is no saved plan", "`plan INVENTORY -o FILE` makes one"]);
    refused("q.plan", "all:\n  hosts:\n", &["q.plan is no saved plan"]);
    refused("q.plan", "{\"all\": {}}\n", &["it does not say `\"kind\": \"lustores-provision plan\"`"]);
    refused("q.plan", &text[..text.len() / 2], &["q.plan is no saved plan", "it is cut off"]);
    // Also under another name, once it says what it is.
    refused("artifact", &text[..text.len() / 2], &["artifact is no saved plan", "it is cut off"]);
    refused(
        "q.plan",
        &text.replace("\"schema\": 1", "\"schema\": 7"),
        &["it is of version 7 of saved plans"],
    );
    refused(
        "q.plan",
        &text.replace("\"hosts\"", "\"hoists\""),
        &["q.plan is no saved plan", "missing field `hosts`"],
    );
    refused(
        "q.plan",
        &text.replace("\"program\": \"", "\"program\": \"9"),
        &["the plan was made by another program"],
    );
    let agent =
        saved(&project, "p.plan")["made"]["agents"].as_object().unwrap().values().next().unwrap().to_string();
    refused(
        "q.plan",
        &text.replace(&agent, "\"00\""),
        &["the plan was made by another program", "its agent for"],
    );
    project.run(&["apply", "nowhere.plan"]).exits(20).has(&["cannot read the plan nowhere.plan"]);
    // Another inventory in its place, and another host in it.
    let inventory = project.read("inventory.yml");
    project.write("inventory.yml", &inventory.replace("    a:", "    b:"));
    project.run(&["apply", "p.plan"]).exits(20).has(&["inventory.yml has changed since the plan was made"]);
    project.write("inventory.yml", &inventory);
    // Written over by hand: no word of it may be another one. By one who has the key: what is shown is held against the host as well.
    let mut edits = vec![];
    for (from, to) in [("+b=2", ""), ("b=2", "b=9"), ("\"scalar\": \"0644\"", "\"scalar\": \"0600\"")] {
        let edited = text.replace(from, to);
        if edited != text {
            project.write("q.plan", &edited);
            project.run(&["apply", "q.plan"]).exits(20).has(&[
                "q.plan",
                "the plan is not as it was saved",
                "plan again",
            ]);
            project.write("q.plan", &resealed(&serde_json::from_str(&edited).unwrap()));
            project.run(&["apply", "q.plan"]).exits(41);
            edits.push(from);
        }
    }
    assert_eq!(edits.len(), 2, "{edits:?}");
    // What would deceive whoever looks at it is spelled out.
    project.write(
        "q.plan",
        &text.replace("\"b=2", "\"\\u001b[2Kb=2").replace("a=1\\nb=2", "a=1\\u001b[1A\\n\\u202eb=2"),
    );
    let shown = project.run(&["show", "q.plan"]);
    shown.exits(0).has(&["\\u{1b}[1A", "\\u{202e}b=2"]);
    for ran in [shown, project.run(&["apply", "q.plan"]), project.run(&["diff", "p.plan", "q.plan"])] {
        assert!(!ran.text().contains(['\u{1b}', '\u{202e}']), "{}", ran.text());
    }
    let mut other = saved(&project, "p.plan");
    other["hosts"][0]["host"] = "z".into();
    project.write("q.plan", &resealed(&other));
    project.run(&["apply", "q.plan"]).exits(41).has(&[
        "z: ",
        "has no plan now",
        "a: ",
        "has a plan now, and had none",
    ]);
    let mut less = saved(&project, "p.plan");
    less["hosts"][0]["tasks"].as_array_mut().unwrap().remove(1);
    project.write("q.plan", &resealed(&less));
    project.run(&["apply", "q.plan"]).exits(41).has(&["`asks`: now `conf` (path:", "stands in its place"]);
    assert!(!project.has("h/a/etc"));
}
