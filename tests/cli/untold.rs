//! Tasks of which not all is known before a command has run: they hold up what they touch, and nothing else.

use crate::{
    project::{Project, play, until},
    sshd::Sshd,
};
use serde_json::Value;
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

const SAYS: &str = "    - {name: says, shell: {cmd: \"echo said >> {{home}}/log; echo said\", touches: [\"{{home}}/log\"]}, register: r}\n";

/// How each task came out, by its name.
fn statuses(out: &str) -> BTreeMap<String, String> {
    let events = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ended = events.filter(|event| event["event"] == "task_finished");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    ended.map(|event| (text(&event["name"]), text(&event["status"]))).collect()
}

/// What comes of each task in the plan, and then in the run.
fn shown_and_done(project: &Project) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let check = project.apply(&["--check", "--json"]);
    check.exits(10);
    let apply = project.apply(&["--yes", "--json"]);
    apply.exits(0);
    (statuses(&check.out), statuses(&apply.out))
}

#[test]
fn what_a_command_tells_holds_up_nothing_but_what_it_goes_into() {
    let sshd = Sshd::start();
    let project = Project::ssh(
        &sshd,
        &(SAYS.to_owned()
            + "    - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{r.stdout}}\\n\", mode: \"0644\"}}\n    \
               - {name: line, lineinfile: {path: \"{{home}}/lines\", line: \"{{r.stdout}}\", create: true}}\n    \
               - {name: values, env_file: {path: \"{{home}}/env\", values: {A: \"{{r.stdout}}\", B: b}}}\n    \
               - {name: maybe, copy: {dest: \"{{home}}/maybe\", content: x}, when: eq r.stdout \"said\"}\n    \
               - {name: never, copy: {dest: \"{{home}}/never\", content: x}, when: eq r.stdout \"else\"}\n    \
               - {name: shown, debug: {msg: \"{{r.stdout}}\"}}\n    \
               - {name: each, copy: {dest: \"{{home}}/each\", content: \"{{item}}\"}, loop: \"{{r.stdout_lines}}\"}\n    \
               - {name: runs, shell: {cmd: \"echo {{r.stdout}} > {{home}}/ran\", touches: [\"{{home}}/ran\"]}}\n    \
               - {name: free, copy: {dest: \"{{home}}/free\", content: \"free\\n\"}}\n    \
               - {name: free folder, file: {path: \"{{home}}/folder/in\", state: directory}}\n    \
               - {name: behind told, replace: {path: \"{{home}}/told\", regexp: said, replace: done}}\n    \
               - {name: behind maybe, lineinfile: {path: \"{{home}}/maybe\", line: y}}\n    \
               - {name: behind ran, copy: {dest: \"{{home}}/ran\", content: z}}\n"),
    );
    let ran = project.apply(&["--check", "--json"]);
    ran.exits(10);
    let shown = statuses(&ran.out);
    let deferred: Vec<&str> =
        shown.iter().filter(|(_, status)| *status == "deferred").map(|(name, _)| name.as_str()).collect();
    let expected = [
        "behind maybe",
        "behind ran",
        "behind told",
        "each",
        "line",
        "maybe",
        "never",
        "runs",
        "shown",
        "told",
        "values",
    ];
    assert_eq!(deferred, expected);
    // The same to whoever asks what waits for what.
    let graph = project.run(&["graph", "inventory.yml"]);
    graph.exits(0).has(&["behind told\n        after   2 told ("]).lacks(&["free\n        after"]);
    let plan = project.run(&["plan", "inventory.yml", "-o", "p.plan"]);
    plan.exits(10).has(&["~ free", "? told", "? behind told"]);
    let ran = project.run(&["apply", "p.plan", "--json"]);
    ran.exits(0);
    let done = statuses(&ran.out);
    for (name, status) in shown.iter().filter(|(_, status)| *status != "deferred") {
        assert_eq!(done[name], status.replace("would_change", "changed"), "{name}\n{}", ran.text());
    }
    assert_eq!(done["never"], "skipped");
    let read = |name: &str| fs::read_to_string(sshd.home("alice").join("work").join(name)).unwrap();
    let texts = ["told", "lines", "each", "ran", "free"].map(read);
    assert_eq!(texts, ["done\n", "said\n", "said", "z", "free\n"]);
    assert_eq!(read("maybe"), "x\ny\n");
}

/// Where a task acts, and what an earlier job is called, may hang on what was told: then all behind it waits.
#[test]
fn what_a_command_tells_of_where_to_act_holds_up_everything() {
    for told in [
        "copy: {dest: \"{{home}}/{{r.stdout}}\", content: x}",
        "copy: {dest: \"{{home}}/a\", content: x, owner: \"{{default r.owner 'root'}}\"}, when: eq r.stdout \"no\", vars: {home: \"/nowhere/{{r.stdout}}\"}",
        "shell: {cmd: \"true {{r.stdout}}\", touches: [nothing]}, async: 5, poll: 1",
    ] {
        let project = Project::tasks(&format!(
            "{SAYS}    - {{name: told, {told}}}\n    - {{name: free, copy: {{dest: \"{{{{home}}}}/free\", content: x}}}}\n"
        ));
        let ran = project.apply(&["--check", "--json"]);
        ran.exits(10);
        assert_eq!(statuses(&ran.out)["free"], "deferred", "{told}\n{}", ran.text());
        project.go().exits(0);
        assert!(project.has("h/a/free"));
    }
}

#[test]
fn who_touches_the_same_waits_though_not_all_of_it_is_known() {
    let line = |name: &str, what: &str| {
        format!(
            "    - {{name: {name}, shell: {{cmd: \"{what} >> {{{{home}}}}/order\", touches: [\"{{{{home}}}}/order\"]}}}}\n"
        )
    };
    let tasks = [
        SAYS.to_owned(),
        line("first", "sleep 1; echo 1 {{r.stdout}}"),
        line("second", "echo 2"),
        "    - {name: third, blockinfile: {path: \"{{home}}/order\", block: \"{{r.stdout}}\", marker: \"{mark}\"}}\n".into(),
        line("fourth", "echo 4"),
    ];
    let project = Project::tasks(&tasks.concat());
    project.go().exits(0);
    assert_eq!(project.read("h/a/order"), "1 said\n2\nBEGIN\nsaid\nEND\n4\n");
}

/// As in Ansible, and in the plan as in the run.
#[test]
fn a_loop_without_items_is_skipped() {
    let project = Project::tasks(
        "    - {name: looks, shell: {cmd: \"true\", changes: false, touches: [nothing]}, register: r}\n    \
         - {name: none, copy: {dest: \"{{home}}/{{item}}\", content: x}, loop: \"{{r.stdout_lines}}\", register: of}\n    \
         - {name: at once, copy: {dest: \"{{home}}/{{item}}\", content: x}, loop: [], register: empty}\n    \
         - {name: left out, copy: {dest: \"{{home}}/{{item}}\", content: x}, loop: [a, b], when: eq item \"c\", register: out}\n    \
         - {name: one, copy: {dest: \"{{home}}/{{item}}\", content: x}, loop: [a, b], when: eq item \"a\", register: one}\n    \
         - {name: tells, copy: {dest: \"{{home}}/told\", content: \"{{of.skipped}} {{empty.skipped}} {{out.skipped}} {{one.skipped}} {{of.changed}}\"}}\n",
    );
    let (shown, done) = shown_and_done(&project);
    for name in ["none", "at once"] {
        assert_eq!((&*shown[name], &*done[name]), ("skipped", "skipped"), "{name}");
    }
    assert_eq!(shown["tells"], "would_change");
    assert_eq!(project.read("h/a/told"), "true true true false false");
}

/// What a file holds is what the last change before has put there, not what the host says of it still.
#[test]
fn what_follows_another_file_is_planned_on_what_that_holds() {
    let copy =
        "    - {name: copy, copy: {src: \"{{home}}/from\", dest: \"{{home}}/to\", remote_src: true}}\n";
    let replace = "    - {name: replace, replace: {path: \"{{home}}/to\", regexp: new, replace: latest}}\n";
    let attrs = "    - {name: attrs, lineinfile: {path: \"{{home}}/to\", line: new, mode: \"0640\"}}\n";
    let hard = "    - {name: hard, file: {src: \"{{home}}/other\", path: \"{{home}}/to\", state: hard, force: true}}\n";
    for (before, holds) in [(copy.to_owned() + attrs, "latest\n"), (hard.to_owned(), "other latest\n")] {
        let project = Project::tasks(&format!("{before}{replace}"));
        for (name, text) in [("from", "new\n"), ("to", "old\n"), ("other", "other new\n")] {
            project.write(&format!("h/a/{name}"), text);
        }
        let (shown, done) = shown_and_done(&project);
        for (name, status) in shown.iter().filter(|(_, status)| *status != "deferred") {
            assert_eq!(done[name], status.replace("would_change", "changed"), "{name}");
        }
        assert_eq!(project.read("h/a/to"), holds);
    }
}

/// All ways of filling in so many are more than can be counted.
#[test]
fn of_a_type_with_many_parameters_none_may_be_known() {
    let names: Vec<String> = (0..24).map(|number| format!("p{number}")).collect();
    let parameters: Vec<String> =
        names.iter().map(|name| format!(r#""{name}": {{"type": "string"}}"#)).collect();
    let given: Vec<String> = names.iter().map(|name| format!("{name}: \"{{{{r.stdout}}}}\"")).collect();
    let project = Project::tasks(&format!(
        "{SAYS}    - {{name: many, many: {{{}}}}}\n    - {{name: free, copy: {{dest: \"{{{{home}}}}/free\", content: x}}}}\n",
        given.join(", ")
    ));
    let description = format!(
        r#"{{"version": 1, "description": "Nothing.", "address": "many:all", "writes": ["{}"], "parameters": {{{}}}}}"#,
        project.path("h/a/many").display(),
        parameters.join(", ")
    );
    project.write(
        "library/many",
        &format!(
            "#!/bin/sh\ncase $1 in\ndescribe) echo '{description}';;\n*) echo '{{\"observed\": {{}}, \"desired\": {{}}}}';;\nesac\n"
        ),
    );
    fs::set_permissions(project.path("library/many"), PermissionsExt::from_mode(0o755)).unwrap();
    let check = project.apply(&["--check", "--json"]);
    check.exits(10);
    let shown = statuses(&check.out);
    assert_eq!((&*shown["many"], &*shown["free"]), ("deferred", "would_change"), "{}", check.text());
}

/// What is wrong with a parameter that is known does not hang on the others.
#[test]
fn what_is_wrong_beside_a_result_is_told_before_anything_is_done() {
    let wrong = |task: &str| {
        let project = Project::tasks(&format!("{SAYS}    - {{name: wrong, {task}}}\n"));
        for ran in [project.run(&["validate", "inventory.yml"]), project.check(), project.go()] {
            ran.exits(20).has(&["site.yml:4:"]);
        }
        assert!(!project.has("h/a/log"));
        project.go()
    };
    wrong("copy: {dest: \"{{home}}/x\", content: \"{{r.stdout}}\", mode: banana}").has(&["banana"]);
    wrong("lineinfile: {path: \"{{home}}/x\", line: \"{{r.stdout}}\", create: perhaps}").has(&["create"]);
    wrong("env_file: {path: \"{{home}}/x\", values: {\"A B\": c, D: \"{{r.stdout}}\"}}").has(&["A B"]);
    // What may be right by then is left to the run.
    let project = Project::tasks(&format!(
        "{SAYS}    - {{name: perhaps, copy: {{dest: \"{{{{home}}}}/x\", content: x, mode: \"{{{{r.stdout}}}}\"}}}}\n"
    ));
    project.check().exits(10).has(&["? perhaps"]);
    project.go().exits(40).has(&["said"]);
}

/// Behind a change that cannot bring it, too.
#[test]
fn what_nothing_brings_is_told_before_anything_is_done() {
    let copy = "- {name: in it, copy: {dest: \"{{home}}/folder/x\", content: x}}\n";
    let project = Project::tasks(&format!(
        "    - {{name: other, shell: {{cmd: \"touch {{{{home}}}}/other\", touches: [\"{{{{home}}}}/other\"]}}}}\n    {copy}"
    ));
    project.go().has(&["/folder does not exist and no earlier task makes it", "site.yml:4:"]);
    assert!(!project.has("h/a/other"));
    // What is waited for is made by somebody else, meanwhile.
    let project = Project::tasks(&format!(
        "    - {{name: wait, wait_for: {{path: \"{{{{home}}}}/folder\", timeout: 60}}}}\n    {copy}"
    ));
    project.check().exits(10).has(&["? in it"]);
    let running = project.start(&["--yes"]);
    running.prints("? in it");
    project.write("h/a/folder/there", "");
    running.end().exits(0);
    assert!(project.has("h/a/folder/x"));
    // Whoever names what it needs is believed.
    let project = Project::tasks(&format!(
        "    - {{name: other, shell: {{cmd: \"mkdir {{{{home}}}}/folder\", touches: [\"{{{{home}}}}/other\"]}}}}\n    {}",
        copy.replace("}}\n", "}, needs: [other]}\n")
    ));
    project.check().exits(10).has(&["? in it"]);
    project.go().exits(0);
    assert!(project.has("h/a/folder/x"));
}

/// Who is to own what is written, and is not there.
#[test]
fn accounts_that_nothing_makes_are_told_before_anything_is_done() {
    let first = "    - {name: first, copy: {dest: \"{{home}}/first\", content: x}}\n";
    for (owned, said) in [
        ("copy: {dest: \"{{home}}/x\", content: x, owner: nosuch}", "there is no user `nosuch`"),
        ("copy: {dest: \"{{home}}/x\", content: x, group: nosuch}", "there is no group `nosuch`"),
        ("file: {path: \"{{home}}/x\", state: directory, owner: nosuch}", "there is no user `nosuch`"),
        ("lineinfile: {path: \"{{home}}/first\", line: y, group: nosuch}", "there is no group `nosuch`"),
    ] {
        let project = Project::tasks(&format!("{first}    - {{name: owned, {owned}}}\n"));
        for ran in [project.check(), project.go()] {
            ran.exits(40).has(&[said, "site.yml:4:"]);
        }
        assert!(!project.has("h/a/first"), "{owned}");
        // Someone may make it before.
        for makes in
            ["user: {name: nosuch}", "group: {name: nosuch}", "shell: {cmd: \":\", touches: [accounts]}"]
        {
            if makes.starts_with("group") && said.contains("user") {
                continue;
            }
            let tasks = format!("{first}    - {{name: makes, {makes}}}\n    - {{name: owned, {owned}}}\n");
            Project::tasks(&tasks).check().exits(10).has(&["owned  [a]"]);
        }
        // Who makes another one does not make it, nor does who takes it away.
        for other in
            ["user: {name: nosuchone}", "group: {name: nosuchone}", "user: {name: daemon, comment: x}"]
        {
            let tasks = format!("{first}    - {{name: makes, {other}}}\n    - {{name: owned, {owned}}}\n");
            Project::tasks(&tasks).check().exits(40).has(&[said, "site.yml:5:"]);
        }
    }
    let gone = "    - {name: gone, user: {name: games, state: absent}}\n    \
                - {name: owned, copy: {dest: \"{{home}}/x\", content: x, owner: games}}\n";
    Project::tasks(gone).check().exits(40).has(&["there is no user `games`", "site.yml:4:"]);
    let numbers = "    - {name: numbers, copy: {dest: \"{{home}}/x\", content: x, owner: \"64321\", group: \"64321\"}}\n";
    Project::tasks(numbers).go().exits(0);
}

/// By who tries until it is there, by a rescue, by another host.
#[test]
fn what_may_come_otherwise_is_left_to_the_run() {
    let copy = "- {name: in it, copy: {dest: \"{{home}}/folder/x\", content: x}}\n";
    let look = format!(
        "    - {{name: look, shell: {{cmd: \"echo x >> {{{{home}}}}/tries; [ -e {{{{home}}}}/folder ]\"}}, register: r, until: eq r.rc 0, retries: 1000, delay: 0}}\n    {copy}"
    );
    let project = Project::tasks(&look);
    project.check().exits(10).has(&["? in it"]);
    let running = project.start(&["--yes"]);
    until("a look", || project.has("h/a/tries"));
    fs::create_dir(project.path("h/a/folder")).unwrap();
    running.end().exits(0);
    assert!(project.has("h/a/folder/x"));

    let folder = "shell: {cmd: \"mkdir {{home}}/folder\", touches: [\"{{home}}/folder\"]}";
    let rescued = |rescue: &str| {
        format!(
            "    - block:\n        - {{name: fails, shell: {{cmd: exit 1, touches: [nothing]}}}}\n      rescue:\n        - {{name: rescue, {rescue}}}\n    {copy}"
        )
    };
    Project::tasks(&rescued("debug: {msg: x}")).check().exits(10).has(&["? in it"]);
    let project = Project::tasks(&rescued(folder));
    project.check().exits(10).has(&["? in it"]);
    project.go().exits(0).has(&["1 rescued"]);
    assert!(project.has("h/a/folder/x"));

    let once = |more: &str| {
        let folder =
            "shell: {cmd: \"mkdir -p {{home}}/../b/folder {{home}}/folder\", touches: [\"{{home}}\"]}";
        Project::local(&["a", "b"], &play(&format!("    - {{name: makes, {folder}{more}}}\n    {copy}")))
    };
    let project = once(", run_once: true");
    project.check().exits(10).has(&["? in it"]);
    project.go().exits(0);
    assert!(project.has("h/a/folder/x") && project.has("h/b/folder/x"));
}

/// One parameter may be right only beside another that is to come.
#[test]
fn what_may_be_right_beside_a_result_is_left_to_the_run() {
    for task in [
        "replace: {path: \"{{home}}/x\", regexp: \"^(x)={{r.stdout}}$\", replace: '\\g<1>2'}",
        "wait_for: {port: 5432, delay: 5, timeout: \"{{r.rc}}\"}",
    ] {
        let project = Project::tasks(&format!("{SAYS}    - {{name: perhaps, {task}}}\n"));
        project.write("h/a/x", "x=said\n");
        project.check().exits(10).has(&["? perhaps"]);
    }
}
