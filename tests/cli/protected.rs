//! Hosts that are protected: changed only by a run that names the inventory.

use crate::{project::Project, terminal::Terminal};

fn project(vars: &str) -> Project {
    let project = Project::tasks("    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n");
    let inventory = project.read("inventory.yml").replace("  vars:\n", &format!("  vars:\n    {vars}\n"));
    project.write("prod.yml", &inventory);
    project
}

#[test]
fn a_protected_inventory_is_named_or_nothing_is_changed() {
    let project = project("protected: true");
    let refused = project.run(&["apply", "prod.yml", "--yes"]);
    refused.exits(20).has(&["`a` is protected", "prod.yml:3:16", "add `--confirm prod`"]);
    assert!(!refused.text().contains("~ motd"), "it is said before a host is reached: {}", refused.text());
    let wrong = project.run(&["apply", "prod.yml", "--yes", "--confirm", "staging"]);
    wrong.exits(20).has(&["`--confirm staging` is not this inventory", "its name is `prod`"]);
    // Also where it is not protected: it was meant for another one.
    project
        .run(&["apply", "inventory.yml", "--yes", "--confirm", "prod"])
        .exits(20)
        .has(&["its name is `lpc"]);
    assert!(!project.has("h/a/motd"));
    // Looking needs no word.
    project.run(&["apply", "prod.yml", "--check"]).exits(10);
    project
        .run(&["apply", "prod.yml", "--yes", "-e", "protected=false"])
        .exits(20)
        .has(&["`a` is protected"]);
    project.run(&["apply", "prod.yml", "--yes", "--confirm", "prod"]).exits(0).has(&["changed motd"]);
    project.run(&["undo", "prod.yml", "--yes"]).exits(20).has(&["`a` is protected"]);
    assert!(project.has("h/a/motd"));
    project.run(&["undo", "prod.yml", "--list"]).exits(0);
    project.run(&["undo", "prod.yml", "--yes", "--confirm", "prod"]).exits(0);
    assert!(!project.has("h/a/motd"));
}

#[test]
fn at_a_terminal_the_name_is_typed() {
    let project = project("protected: true");
    for (answer, done) in [("y\r", false), ("yes\r", false), ("prod.yml\r", false), ("prod\r", true)] {
        let mut terminal = Terminal::start(&project, &["apply", "prod.yml"]);
        terminal.shows("make 1 change? these hosts are protected, type `prod` to go on:");
        terminal.types(answer);
        let (code, screen) = terminal.end();
        assert_eq!(code, Some(if done { 0 } else { 130 }), "{screen}");
        assert_eq!(project.has("h/a/motd"), done, "{screen}");
    }
    // Also where nothing is said to change.
    let quiet = Project::tasks("    - {name: looks, command: touch ran, changed_when: \"false\"}\n");
    let inventory = quiet.read("inventory.yml").replace("  vars:\n", "  vars:\n    protected: true\n");
    quiet.write("prod/hosts.yml", &inventory);
    let mut terminal = Terminal::start(&quiet, &["apply", "prod/hosts.yml", "-p", "site.yml"]);
    terminal.shows("type `prod` to go on:");
    terminal.types("y\r");
    assert_eq!(terminal.end().0, Some(130));
    // The word was given: a yes is enough.
    project.write("h/a/motd", "other");
    let mut terminal = Terminal::start(&project, &["apply", "prod.yml", "--confirm", "prod"]);
    terminal.shows("make 1 change? [y/N]");
    terminal.types("y\r");
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn one_protected_host_protects_the_run_and_other_values_are_errors() {
    let tasks = "- hosts: all\n  tasks:\n    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n";
    let project = Project::local(&["a", "b"], tasks);
    let inventory = project.read("inventory.yml").replace("    b:\n", "    b: {protected: true}\n");
    project.write("prod.yml", &inventory);
    project.run(&["apply", "prod.yml", "--yes"]).exits(20).has(&["`b` is protected"]);
    project.run(&["apply", "prod.yml", "--yes", "--limit", "a"]).exits(0);
    // Nor by a task that another host does for it.
    let delegated = tasks.replace("{name: motd,", "{name: motd, delegate_to: b,");
    project.write("site.yml", &delegated);
    project.run(&["apply", "prod.yml", "--yes", "--limit", "a"]).exits(20).has(&["`b` is protected"]);
    project.write("site.yml", tasks);
    for value in ["\"yes\"", "1", "[true]", "\"{{true}}\""] {
        project.write("prod.yml", &inventory.replace("protected: true", &format!("protected: {value}")));
        let ran = project.run(&["apply", "prod.yml", "--yes", "--confirm", "prod"]);
        ran.exits(20).has(&["`protected` is neither true nor false", "write `protected: true`"]);
    }
    for value in ["false", "null"] {
        project.write("prod.yml", &inventory.replace("protected: true", &format!("protected: {value}")));
        project.run(&["apply", "prod.yml", "--yes"]).exits(0);
    }
    // In a play it would protect nothing.
    project.write("site.yml", &tasks.replace("  tasks:", "  vars: {protected: true}\n  tasks:"));
    project.run(&["validate", "inventory.yml"]).has(&["`protected` says nothing here"]);
}

/// Which host it is shows only when another one was asked, or has done something.
#[test]
fn a_protected_host_that_shows_on_the_way_is_left_alone() {
    let play = |task: &str| format!("- hosts: all\n  tasks:\n{task}");
    let copy = "copy: {dest: \"{{home}}/motd\", content: hi}";
    let known = |delegate: &str| play(&format!("    - {{name: motd, {copy}, {delegate}}}\n"));
    let by_fact = "delegate_to: \"{{#if facts.os.id}}b{{else}}a{{/if}}\"";
    let by_item = "loop: \"{{split facts.os.id '-'}}\", delegate_to: \"{{#if item}}b{{/if}}\"";
    for delegate in [by_fact, by_item] {
        let project = Project::local(&["a", "b"], &known(delegate));
        let inventory = project.read("inventory.yml").replace("    b:\n", "    b: {protected: true}\n");
        project.write("prod.yml", &inventory);
        let only_a = |more: &[&str]| project.run(&[&["apply", "prod.yml", "--limit", "a"], more].concat());
        only_a(&["--yes"]).exits(20).has(&["`b` is protected", "prod.yml:", "add `--confirm prod`"]);
        assert!(!project.has("h/a/motd") && !project.has("h/b/motd"), "{delegate}");
        // Looking needs no word.
        only_a(&["--check"]).exits(10);
        only_a(&["--yes", "--confirm", "prod"]).exits(0).has(&["changed motd"]);
    }
    // What a task prints chooses no host.
    let said = "    - {name: says, command: {cmd: echo b, changes: false}, register: said}\n";
    let task = format!("{said}    - {{name: motd, {copy}, delegate_to: \"{{{{said.stdout}}}}\"}}\n");
    let project = Project::local(&["a", "b"], &play(&task));
    for verb in ["apply", "validate"] {
        let more: &[&str] = if verb == "apply" { &["--yes"] } else { &[] };
        let ran = project.run(&[&[verb, "inventory.yml"], more].concat());
        ran.exits(20)
            .has(&["this must be known before the tasks run", "what a result decides can stand in `when`"]);
    }
}
