//! What is shown, and of what: diffs, JSON, `--limit`, `--tags`, `-e`; and that `--check` only looks.

use crate::{
    project::{Project, play, tree},
    sshd::Sshd,
};
use serde_json::Value;

#[test]
fn a_diff_is_printed_once_for_hosts_that_agree() {
    let project = Project::local(
        &["a", "b", "c"],
        &play("    - {name: motd, copy: {dest: \"{{home}}/motd\", content: \"hello\\n\"}}\n"),
    );
    project.write("h/c/motd", "old\n");
    let ran = project.check();
    ran.exits(10).has(&["~ motd  [a, b] site.yml:3:14", "~ motd  [c] site.yml:3:14", "-old"]);
    assert_eq!(ran.out.matches("~ motd").count(), 2, "{}", ran.out);
    project.write("h/a/motd", "old\n");
    project.write("h/b/motd", "old\n");
    let ran = project.go();
    ran.exits(0).has(&["~ motd  [all hosts]"]);
    assert_eq!(ran.out.matches("-old").count(), 1, "{}", ran.out);
    assert_eq!(ran.out.matches("changed motd").count(), 3, "{}", ran.out);
}

#[test]
fn json_is_one_object_a_line() {
    let project = Project::local(
        &["a", "b"],
        &play(
            "    - {name: motd, copy: {dest: \"{{home}}/motd\", content: \"he said \\\"hü\\\"\\n\\t\"}}\n    \
             - {name: bad, shell: {cmd: \"printf 'x\\\\033[31m\\\\n\\\\377\\\\n'; exit 1\", touches: [nothing]}}\n",
        ),
    );
    let events = |ran: &crate::project::Ran| -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let events: Vec<Value> = ran.out.lines().map(parse).collect();
        assert!(events.iter().all(|event| event["event"].is_string()));
        assert_eq!(events[0]["event"], "run_started");
        let last = &events[events.len() - 1];
        assert_eq!(
            (&last["event"], last["exit"].as_i64()),
            (&"run_finished".into(), ran.code.map(i64::from))
        );
        assert_eq!(ran.err, "", "nothing but JSON");
        events
    };
    let ran = project.apply(&["--check", "--json"]);
    let of = |events: &[Value], name: &str| events.iter().filter(|e| e["event"] == name).count();
    let check = events(ran.exits(10));
    assert_eq!(
        (of(&check, "task_started"), of(&check, "host_planned"), of(&check, "host_finished")),
        (0, 2, 2)
    );
    let ran = project.apply(&["--yes", "--json"]);
    let applied = events(ran.exits(40));
    assert_eq!((of(&applied, "task_started"), of(&applied, "task_finished")), (4, 4));
    assert_eq!(project.read("h/a/motd"), "he said \"hü\"\n\t");
}

#[test]
fn limit_tags_and_extra_variables() {
    let project = Project::local(
        &["a", "b", "c"],
        "- hosts: all\n  vars: {text: plain}\n  tasks:\n    \
           - {name: one, copy: {dest: \"{{home}}/one\", content: \"{{text}}\"}, tags: [first]}\n    \
           - {name: two, copy: {dest: \"{{home}}/two\", content: \"{{text}}\"}, tags: [second]}\n    \
           - {name: never, copy: {dest: \"{{home}}/never\", content: x}, tags: [never, rare]}\n    \
           - {name: always, copy: {dest: \"{{home}}/always\", content: x}, tags: [always]}\n",
    );
    let ran = project.apply(&["--yes", "--limit", "a:b:!b", "--tags", "first"]);
    ran.exits(0).row("a 0 2 0 0 0 0").lacks(&["b connected"]);
    assert!(project.tree("h/b").is_empty() && !project.has("h/a/two") && project.has("h/a/always"));
    assert_eq!(project.read("h/a/one"), "plain");
    project.apply(&["--yes", "-l", "b", "--skip-tags", "first", "-e", "text=it's \"extra\""]).exits(0);
    assert_eq!(project.read("h/b/two"), "it's \"extra\"");
    assert!(!project.has("h/b/one") && !project.has("h/b/never"));
    project.write("more.yml", "text: {{no: 1}\n");
    project.apply(&["--yes", "-l", "c", "-e", "@more.yml"]).exits(20).has(&["more.yml:1:"]);
    project.write("more.yml", "text: from a file\n");
    project.apply(&["--yes", "-l", "c", "-t", "second,rare", "-e", "@more.yml"]).exits(0);
    assert_eq!(project.read("h/c/two"), "from a file");
    assert!(project.has("h/c/never"));
    project.apply(&["--yes", "-l", "c", "-e", "{\"text\": \"json\"}"]).exits(0);
    assert_eq!(project.read("h/c/one"), "json");
}

#[test]
fn check_leaves_nothing_on_the_host_not_even_the_agent() {
    let sshd = Sshd::start();
    let tasks = "    - {name: motd, copy: {dest: \"{{home}}/motd\", content: x}}\n    \
                 - {name: makes, command: {cmd: touch made, chdir: \"{{home}}\", creates: \"{{home}}/made\"}}\n    \
                 - {name: run, command: \"touch {{home}}/run\"}\n";
    let project = Project::ssh(&sshd, tasks);
    // As the user, then as root.
    for r#become in [false, true] {
        let playbook = play(tasks).replace("  tasks:", &format!("  become: {become}\n  tasks:"));
        project.write("site.yml", &playbook);
        let disks = ["var/cache", "var/tmp", "var/lib"].map(|folder| sshd.root().join(folder));
        let seen = || [vec![tree(&sshd.home(""))], disks.iter().map(|disk| tree(disk)).collect()].concat();
        let before = seen();
        project.check().exits(10).has(&["web1 connected", "agent uploaded", "~ motd"]);
        assert!(before == seen(), "--check wrote to a disk");
        project.check().exits(10).lacks(&["agent uploaded"]);
        assert!(before == seen(), "--check wrote to a disk");
    }
    let memory = ["dev/shm/provision-agent-47001", "run/provision-agent"].map(|name| sshd.root().join(name));
    assert!(memory.iter().all(|folder| tree(folder).len() == 1), "the agent is in memory");
    // What was looked at is not what is kept: a run that may write finds the agent where it is.
    project.go().exits(0).row("web1 0 3 0 0 0 0");
    project.go().exits(0).row("web1 2 1 0 0 0 0");
}

#[test]
fn what_is_shipped_has_no_mistakes() {
    let project = Project::tasks("");
    let shipped = |name: &str| format!("{}/inventory/{name}", env!("CARGO_MANIFEST_DIR"));
    let password = shipped("example-vault-password");
    for name in ["lab.yml", "staging.yml", "prod.yml"] {
        let ran = project.run(&["validate", &shipped(name), "--vault-password-file", &password]);
        ran.exits(0).has(&["no mistakes found"]).lacks(&["warning"]);
    }
}

#[test]
fn validate_reports_for_programs_too() {
    let project = Project::tasks(
        "    - {name: one, tempalte: {src: x}}\n    - {name: two, command: x, notify: gone}\n",
    );
    let run = |format: &str| project.run(&["validate", "inventory.yml", "--format", format]);
    let ran = run("github");
    ran.exits(20)
        .has(&["::error file=site.yml,line=3,col=19,title=unknown key or resource `tempalte` in a task"]);
    let found: serde_json::Value = serde_json::from_str(&run("json").exits(20).out).unwrap();
    assert_eq!(found[0]["place"], serde_json::json!({"file": "site.yml", "line": 3, "column": 19}));
    let log: serde_json::Value = serde_json::from_str(&run("sarif").exits(20).out).unwrap();
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 2);
    let good = Project::tasks("    - {name: one, copy: {dest: \"{{home}}/x\", content: x}}\n");
    let ran = good.run(&["validate", "inventory.yml", "--format", "json"]);
    assert_eq!(ran.exits(0).out, "[]\n");
}

#[test]
fn warnings_are_for_validate_and_can_be_silenced() {
    let task = "    - {name: one, command: {cmd: \"true\", chdir: \"{{home}}\"}, register: answer}\n";
    let project = Project::tasks(task);
    let validate = |more: &[&str]| project.run(&[&["validate", "inventory.yml"], more].concat());
    validate(&[]).exits(0).has(&["warning[unused-result]: nothing uses the result `answer`", "1 warning"]);
    validate(&["--strict"]).exits(20).has(&["warning[unused-result]", "`--strict`"]);
    let log: serde_json::Value =
        serde_json::from_str(&validate(&["--format", "sarif"]).exits(0).out).unwrap();
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "unused-result");
    project.check().exits(10).lacks(&["warning"]);
    let playbook = project
        .read("site.yml")
        .replace("    - {name: one", "    # provision: allow(unused-result)\n    - {name: one");
    project.write("site.yml", &playbook);
    validate(&["--strict"]).exits(0).has(&["1 host: no mistakes found"]).lacks(&["warning"]);
}
