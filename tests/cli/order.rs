//! What a failure stops, and what it does not.

use crate::project::{Project, play};
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn a_failed_task_stops_what_depends_on_it_and_nothing_else() {
    let project = Project::tasks(
        "    - {name: fails, shell: {cmd: \"exit 1\", touches: [\"{{home}}/below\"]}}\n    \
         - {name: declared, copy: {dest: \"{{home}}/declared\", content: x}, needs: [fails]}\n    \
         - {name: below, copy: {dest: \"{{home}}/below/x\", content: x}}\n    \
         - {name: after, copy: {dest: \"{{home}}/after\", content: x}, needs: [declared]}\n    \
         - {name: free, copy: {dest: \"{{home}}/free\", content: x}}\n    \
         - {name: also free, copy: {dest: \"{{home}}/also\", content: x}, needs: [free]}\n",
    );
    let ran = project.go();
    ran.exits(40).has(&["error: a: fails:", "a blocked declared", "a blocked below", "a blocked after"]);
    ran.has(&["a changed free", "a changed also free"]).row("a 0 2 0 1 3 0");
    let names: Vec<_> = project.tree("h/a").into_keys().collect();
    assert_eq!(names, [project.path("h/a/also"), project.path("h/a/free")]);
}

#[test]
fn handlers_that_are_owed_run_though_a_later_task_failed() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  tasks:\n    \
           - {name: config, copy: {dest: \"{{home}}/config\", content: x}, notify: reload}\n    \
           - {name: fails, shell: {cmd: \"exit 1\", touches: [\"{{home}}/other\"]}, needs: [config], notify: unowed}\n  handlers:\n    \
           - {name: reload, shell: {cmd: \"cat {{home}}/config >> {{home}}/reloaded\", touches: [\"{{home}}\"]}}\n    \
           - {name: unowed, shell: {cmd: \"touch {{home}}/unowed\", touches: [\"{{home}}/unowed\"]}}\n",
    );
    project.go().exits(40).has(&["error: a: fails", "a changed reload"]).lacks(&["changed unowed"]);
    assert_eq!(project.read("h/a/reloaded"), "x");
    assert!(!project.has("h/a/unowed"));
    project.go().exits(40).lacks(&["changed reload"]);
    assert_eq!(project.read("h/a/reloaded"), "x", "nothing changed, so nothing is owed");
}

#[test]
fn a_handler_runs_once_for_all_that_notify_it_and_after_them() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  tasks:\n    \
           - {name: one, copy: {dest: \"{{home}}/one\", content: \"1\"}, notify: count}\n    \
           - {name: two, copy: {dest: \"{{home}}/two\", content: \"2\"}, notify: count}\n  handlers:\n    \
           - {name: count, shell: {cmd: \"cat {{home}}/one {{home}}/two >> {{home}}/count\", touches: [\"{{home}}/count\"]}}\n",
    );
    project.check().exits(10).has(&["> count"]);
    project.go().exits(0);
    assert_eq!(project.read("h/a/count"), "12");
    project.go().exits(0).lacks(&["> count"]);
    assert_eq!(project.read("h/a/count"), "12");
}

#[test]
fn a_failure_on_one_host_is_none_of_the_others() {
    let project = Project::local(
        &["a", "b"],
        &play(
            "    - {name: picky, shell: {cmd: \"test {{host}} = b\", touches: [nothing]}}\n    \
             - {name: after, copy: {dest: \"{{home}}/after\", content: x}, needs: [picky]}\n",
        ),
    );
    project.go().exits(40).row("a 0 0 0 1 1 0").row("b 0 2 0 0 0 0");
    assert!(!project.has("h/a/after") && project.has("h/b/after"));
}

#[test]
fn a_failure_that_is_ignored_stops_nothing() {
    let project = Project::tasks(
        "    - {name: fails, shell: {cmd: \"exit 1\", touches: [nothing]}, ignore_errors: true}\n    \
         - {name: after, copy: {dest: \"{{home}}/after\", content: x}, needs: [fails]}\n",
    );
    project.go().exits(0).has(&["a changed after"]);
    assert!(project.has("h/a/after"));
}

#[test]
fn tasks_mean_what_they_mean_one_by_one() {
    let project = Project::tasks(
        "    - {name: folder, file: {path: \"{{home}}/app/conf\", state: directory}}\n    \
         - {name: first, copy: {dest: \"{{home}}/app/conf/a\", content: \"1\\n\"}}\n    \
         - {name: more, shell: {cmd: \"echo 2 >> {{home}}/app/conf/a\"}}\n    \
         - {name: last, copy: {dest: \"{{home}}/app/conf/b\", content: \"3\\n\"}}\n    \
         - {name: all, shell: {cmd: \"cat {{home}}/app/conf/* > {{home}}/all\"}}\n",
    );
    project.check().exits(10);
    project.go().exits(0);
    assert_eq!(project.read("h/a/all"), "1\n2\n3\n");
}

#[test]
fn what_starts_comes_behind_the_files_before_it_and_before_those_behind_it() {
    let start = |name: &str, unit: &str, cmd: &str| {
        format!("    - {{name: {name}, shell: {{cmd: \"{cmd}\", touches: [\"unit:{unit}\"]}}}}\n")
    };
    let project = Project::tasks(
        &[
            "    - {name: slow, shell: {cmd: \"sleep 1; echo new > {{home}}/conf\", touches: [\"{{home}}/conf\"]}}\n",
            &start("starts", "a", "cp {{home}}/conf {{home}}/found"),
            &start("also starts", "b", "sleep 1; test ! -e {{home}}/later"),
            "    - {name: later, copy: {dest: \"{{home}}/later\", content: x}}\n",
        ]
        .concat(),
    );
    project.go().exits(0);
    assert_eq!(project.read("h/a/found"), "new\n");
    // What was to be there is not: nothing starts without it; what comes later waits, and is done all the same.
    let project = Project::tasks(
        &[
            "    - {name: fails, shell: {cmd: \"exit 1\", touches: [\"{{home}}/conf\"]}}\n",
            &start("starts", "a", "touch {{home}}/started"),
            "    - {name: later, copy: {dest: \"{{home}}/later\", content: x}}\n",
        ]
        .concat(),
    );
    project.go().exits(40).has(&["a blocked starts", "a changed later"]);
    assert!(!project.has("h/a/started"));
}

#[test]
fn a_file_that_changes_leaves_nothing_unknown_of_what_starts() {
    let tasks = |unless: &str| {
        format!(
            "    - {{name: conf, copy: {{dest: \"{{{{home}}}}/conf\", content: \"{{{{text}}}}\"}}}}\n    \
             - {{name: starts, shell: {{cmd: \"echo x >> {{{{home}}}}/starts\", unless: \"test -e {{{{home}}}}/starts\", \
             touches: [\"unit:a\"{unless}]}}}}\n"
        )
    };
    let project = Project::tasks(&tasks(""));
    project.apply(&["--check", "-e", "text=1"]).exits(10).has(&["a: 2 would change"]);
    project.apply(&["--yes", "-e", "text=1"]).exits(0).row("a 0 2 0 0 0 0");
    project.apply(&["--check", "-e", "text=2"]).exits(10).has(&["a: 1 would change"]).lacks(&["starts"]);
    project.apply(&["--yes", "-e", "text=2"]).exits(0).row("a 1 1 0 0 0 0");
    assert_eq!(project.read("h/a/starts"), "x\n");
    // Where it says that it does depend on the file, that is another thing.
    let project = Project::tasks(&tasks(", \"{{home}}/conf\""));
    project.apply(&["--yes", "-e", "text=1"]).exits(0);
    project
        .apply(&["--check", "-e", "text=2"])
        .exits(10)
        .has(&["its condition depends on what `conf` changes"]);
}

#[test]
fn what_counts_as_no_change_notifies_nobody_and_is_no_change_to_those_who_ask() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  tasks:\n    \
           - {name: looks, shell: {cmd: \"true\", touches: [nothing], changes: false}, register: r, notify: reload}\n    \
           - {name: tells, debug: {msg: hello}, register: d, notify: reload}\n    \
           - {name: follows, shell: {cmd: \"touch {{home}}/followed\", touches: [\"{{home}}\"]}, when: or r.changed d.changed}\n  handlers:\n    \
           - {name: reload, shell: {cmd: \"touch {{home}}/reloaded\", touches: [\"{{home}}\"]}}\n",
    );
    project.check().exits(0).lacks(&["reload", "follows"]).has(&["a: 0 would change"]).row("a 2 0 2 0 0 0");
    project.go().exits(0).lacks(&["reload", "follows"]).row("a 2 0 2 0 0 0");
    assert!(project.tree("h/a").is_empty());
}

#[test]
fn who_reads_a_result_waits_for_it_and_is_blocked_with_it() {
    // What is predicted of a command is that it succeeds. Nothing that these touch overlaps.
    let probe = "    - {name: probe, shell: {cmd: \"exit 3\", touches: [nothing]}, register: r, ignore_errors: true}\n";
    let reader = |name: &str, rest: &str| {
        format!("    - {{name: {name}, copy: {{dest: \"{{{{home}}}}/{name}\", content: x}}, {rest}}}\n")
    };
    let tasks = [
        probe,
        &reader("by-when", "when: r.failed"),
        &reader("by-variable", "when: broken"),
        &reader("by-own-variable", "vars: {own: \"{{#if r.failed}}x{{/if}}\"}, when: eq own \"x\""),
        "    - {name: by-template, template: {src: t, dest: \"{{home}}/by-template\"}}\n",
    ];
    let project = Project::tasks(&tasks.concat());
    let playbook = project.read("site.yml");
    let with_vars = |text: &str| text.replace("  tasks:", "  vars: {broken: \"{{r.failed}}\"}\n  tasks:");
    project.write("site.yml", &with_vars(&playbook));
    project.write("templates/t", "{{> part}}");
    project.write("templates/part", "{{#if r.failed}}failed with {{r.rc}}{{else}}fine{{/if}}\n");
    let graph = project.run(&["graph", "inventory.yml"]);
    graph.exits(0);
    assert_eq!(graph.out.matches("after   1 probe (result `r`)").count(), 4, "{}", graph.out);
    // Of several hosts it says which one it shows.
    let inventory = project.read("inventory.yml");
    project.write("inventory.yml", &format!("{inventory}    b:\n"));
    let first = project.run(&["graph", "inventory.yml"]);
    first.exits(0).has(&["tasks of a; `--host` names another\n"]);
    let named = project.run(&["graph", "inventory.yml", "--host", "a"]);
    assert!(named.out == graph.out && first.out.ends_with(&named.out), "{}", first.out);
    project.write("inventory.yml", &inventory);
    project
        .run(&["graph", "inventory.yml", "--format", "dot"])
        .exits(0)
        .has(&["t0 -> t1 [label=\"result `r`\"]"]);
    project.go().exits(0).row("a 0 4 0 0 0 0 1 ignored");
    assert_eq!(project.read("h/a/by-template"), "failed with 3\n");
    // A check says of all of them that nobody knows yet, whether or not they are done when it fails.
    let unless_failed =
        format!("{probe}{}{}", reader("fails", "when: r.failed"), reader("fares", "when: not r.failed"));
    let project = Project::tasks(&unless_failed);
    let why = "whether `probe` fails";
    project.check().exits(10).has(&["> probe", "? fails", "? fares", why]);
    project.run(&["plan", "inventory.yml", "-o", "it.plan"]).exits(10);
    project.run(&["apply", "it.plan", "--yes"]).exits(0).row("a 0 1 1 0 0 0 1 ignored");
    assert!(project.has("h/a/fails") && !project.has("h/a/fares"));
    // What never counts as a failure is no riddle.
    let never = unless_failed.replace("ignore_errors: true", "ignore_errors: true, failed_when: false");
    Project::tasks(&never).check().exits(10).has(&["~ fares"]).lacks(&["fails  [a]", why]);
    // Nor is what a rescue may come to, outside of its block.
    let block = format!(
        "    - block:\n    {}      rescue:\n        - {{name: rescues, debug: {{msg: x}}}}\n{}",
        probe.replace(", ignore_errors: true", ""),
        reader("behind", "when: r.failed")
    );
    let project = Project::tasks(&block);
    project.check().exits(10).has(&["? behind", why]);
    project.go().exits(0).has(&["changed behind"]);
    // The same, not ignored: what reads the result does not run on what was predicted of it.
    let tasks = [
        &probe.replace(", ignore_errors: true", ""),
        &reader("reader", "when: r.changed"),
        &reader("free", "tags: []"),
    ];
    let tasks: String = tasks.map(|text| text.as_str()).concat();
    let project = Project::tasks(&tasks);
    project.check().exits(10).has(&["~ reader", "~ free"]);
    project.go().exits(40).has(&["error: a: probe:", "a blocked reader", "a changed free"]);
    assert!(!project.has("h/a/reader") && project.has("h/a/free"));
}

#[test]
fn a_registered_result_makes_no_other_task_be_planned_anew() {
    // Each notes that it was looked at.
    let note = |name: &str| format!("echo {name} >> {{{{home}}}}/../asked");
    let tasks: String = (0..9)
        .map(|n| {
            let (name, note) = (format!("f{n}"), note(&format!("f{n}")));
            format!(
                "    - {{name: {name}, shell: {{cmd: \"false\", unless: \"{note}\", touches: [\"{{{{home}}}}/{name}\"]}}, needs: [probe]}}\n"
            )
        })
        .collect();
    let probe = format!(
        "    - {{name: probe, shell: {{cmd: \"{}; echo hello\", touches: [nothing], changes: false}}REGISTER}}\n",
        note("probe")
    );
    let asked = |register: &str, more: &str| {
        let project = Project::tasks(&(probe.replace("REGISTER", register) + &tasks + more));
        let asked = |how: &str| {
            project.write("h/asked", "");
            project.apply(&[how]).exits(0);
            let mut asked: Vec<String> = project.read("h/asked").lines().map(String::from).collect();
            asked.sort_unstable();
            asked
        };
        project.apply(&["--yes"]).exits(0);
        // Nothing is to do any more: to apply that takes what to look at it takes.
        let check = asked("--check");
        assert_eq!(asked("--yes"), check, "{register}{more}");
        check
    };
    let plain = asked("", "");
    assert_eq!(plain.len(), 10, "each is asked once: {plain:?}");
    assert_eq!(asked(", register: r", ""), plain);
    // Nor is the one that reads it asked again, when it is as predicted.
    let reads = format!(
        "    - {{name: reads, shell: {{cmd: \"false {{{{r.stdout}}}}\", unless: \"{}\", touches: [\"{{{{home}}}}/r\"]}}}}\n",
        note("reads")
    );
    assert_eq!(asked(", register: r", &reads).len(), 11);
}

#[test]
fn batches_go_one_after_the_other_and_the_rest_is_left_alone_when_one_fails() {
    let playbook = |more: &str| {
        format!(
            "- hosts: all\n  serial: [1, 2]\n{more}  tasks:\n    \
             - {{name: works, shell: {{cmd: \"echo {{{{host}}}} >> {{{{home}}}}/../order; test ! -e {{{{home}}}}/bad\", touches: [nothing]}}}}\n"
        )
    };
    let project = Project::local(&["a", "b", "c", "d"], &playbook(""));
    let ran = project.go();
    ran.exits(0).has(&["batch 1 of 3: a\n", "batch 2 of 3: b, c\n", "batch 3 of 3: d\n"]);
    let order = project.read("h/order");
    let mut middle: Vec<&str> = order.lines().skip(1).take(2).collect();
    middle.sort_unstable();
    assert_eq!((order.lines().next(), middle, order.lines().last()), (Some("a"), vec!["b", "c"], Some("d")));

    // One of two is not all of a batch; the whole of one is.
    project.write("h/b/bad", "");
    project.go().exits(40).row("b 0 0 0 1 0 0").row("d 0 1 0 0 0 0");
    project.write("h/a/bad", "");
    let ran = project.go();
    ran.exits(40).has(&["1 of 1 hosts of this batch failed: 3 more are left as they are"]);
    ran.row("a 0 0 0 1 0 0").row("c 0 0 0 0 1 0").row("d 0 0 0 0 1 0");

    let strict = Project::local(&["a", "b", "c", "d"], &playbook("  max_fail_percentage: 40\n"));
    strict.write("h/c/bad", "");
    strict.go().exits(40).row("b 0 1 0 0 0 0").row("d 0 0 0 0 1 0");
    strict.check().exits(10).lacks(&["batch 1"]);
}

#[test]
fn a_run_starts_at_the_task_that_is_named() {
    let copy = |name: &str, more: &str| {
        format!("    - {{name: {name}, copy: {{dest: \"{{{{home}}}}/{name}\", content: x}}{more}}}\n")
    };
    let tasks = copy("first", ", register: r") + &copy("second", ", needs: [first]") + &copy("third", "");
    let project = Project::tasks(&tasks);
    project.apply(&["--yes", "--start-at-task", "second"]).exits(0);
    let there = ["first", "second", "third"].map(|name| project.home("a").join(name).exists());
    assert_eq!(there, [false, true, true], "the one that is named and those behind it");
    project.apply(&["--check", "--start-at-task", "th*"]).exits(0);
    project
        .apply(&["--check", "--start-at-task", "secnd"])
        .exits(20)
        .has(&["no task has the name `secnd`", "did you mean `second`?"]);
}

#[test]
fn a_start_behind_what_is_needed_says_where_to_start() {
    let project = Project::tasks(
        "    - {name: asks, command: echo x, register: r, tags: asks}\n    - {name: reads, debug: {msg: \"{{r.stdout}}\"}, tags: reads}\n    \
         - block:\n        - {name: tries, command: \"false\"}\n      rescue:\n        - {name: mends, command: \"true\"}\n",
    );
    project
        .apply(&["--check", "--start-at-task", "reads"])
        .exits(20)
        .has(&["undefined variable `r`", "`asks` registers it and comes before the task to start at"]);
    project.apply(&["--check", "--tags", "reads"]).exits(20).has(&["`asks` registers it and does not run"]);
    project.apply(&["--check", "--start-at-task", "mends"]).exits(20).has(&["`mends` is in a `rescue`"]);
    project.apply(&["--check", "--start-at-task", "tries"]).exits(10);
}

/// Who brings packages comes before a command whose program is there, and is nothing to what that says.
#[test]
fn what_looks_with_a_program_that_is_there_is_looked_at() {
    let installs = "    - {name: installs, shell: {cmd: \"touch {{home}}/came\", creates: \"{{home}}/came\", touches: [packages]}}\n";
    let project = |before: &str, looks: &str| {
        let looks = format!("    - {{name: looks, {looks}, register: r}}\n");
        let tells = "    - {name: tells, copy: {dest: \"{{home}}/x\", content: \"{{r.stdout}}\"}}\n";
        let project = Project::tasks(&[installs, before, &looks, tells].concat());
        project.write("h/a/it", "#!/bin/sh\necho old\n");
        fs::set_permissions(project.path("h/a/it"), fs::Permissions::from_mode(0o755)).unwrap();
        project
    };
    for (program, said) in [("echo new", "new"), ("/bin/echo new", "new"), ("{{home}}/it", "old")] {
        let looks = format!("command: {{cmd: \"{program}\", changes: false, touches: [nothing]}}");
        let project = project("", &looks);
        project.check().exits(10).row("a 1 2 0 0 0 0").has(&[said]).lacks(&["depends on"]);
        project.go().exits(0);
        assert_eq!(project.read("h/a/x"), said);
    }
    // Where it is to be another program, or says that packages matter to it, that is another thing.
    let copy = "    - {name: lays, copy: {dest: \"{{home}}/it\", content: \"#!/bin/sh\\necho new\\n\", mode: \"0755\"}}\n";
    let own = "command: {cmd: \"{{home}}/it\", changes: false, touches: [nothing]}";
    let reads = "command: {cmd: \"{{home}}/it\", changes: false, reads: [packages], touches: [nothing]}";
    let of_look = "what it says depends on what `lays` changes";
    let of_packages = "`installs` changes packages in a way that cannot be told before";
    for (before, looks, why, said) in [(copy, own, of_look, "new"), ("", reads, of_packages, "old")] {
        let project = project(before, looks);
        project.check().exits(10).has(&[why]);
        project.go().exits(0);
        assert_eq!(project.read("h/a/x"), said);
    }
    // What it comes to may be otherwise by then, so that it is no error yet; nor is what a check makes of it.
    let fails = "command: {cmd: \"ls {{home}}/came\", changes: false, touches: [nothing]}";
    project("", fails).check().exits(10).has(&["? looks"]);
    project("", fails).go().exits(0);
    let checks = "    - {name: checks, assert: {that: eq r.rc 7}}\n";
    let asked = project("", "command: {cmd: echo, changes: false, touches: [nothing]}");
    asked.write("site.yml", &(asked.read("site.yml") + checks));
    asked.check().exits(10).has(&["? checks"]);
}
