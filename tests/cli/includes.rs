//! `include_tasks`, `include_role`, and loops of all kinds.

use crate::project::{Project, play};

#[test]
fn a_file_is_chosen_by_a_variable_and_all_are_checked() {
    let project = Project::tasks("    - {name: by os, include_tasks: \"os/{{facts.os.family}}.yml\"}\n");
    project.write("os/debian.yml", "- {name: here, copy: {dest: \"{{home}}/debian\", content: x}}\n");
    project.write("os/redhat.yml", "- {name: there, copy: {dest: \"{{home}}/redhat\", content: x}}\n");
    let ran = project.go();
    ran.exits(0).has(&["a changed here"]).lacks(&["there"]);
    assert!(project.has("h/a/debian") && !project.has("h/a/redhat"));
    // A mistake in the file that is not taken is found offline.
    project.write("os/redhat.yml", "- {name: there, copy: {dest: \"{{hmoe}}/redhat\", content: x}}\n");
    project.run(&["validate", "inventory.yml"]).exits(20).has(&["os/redhat.yml:1", "did you mean `home`?"]);
    // One that isn't there.
    project.write("os/redhat.yml", "[]\n");
    std::fs::remove_file(project.path("os/debian.yml")).unwrap();
    project.write("os/suse.yml", "- {name: suse, command: x}\n");
    project
        .go()
        .exits(20)
        .has(&["no such file to include: `os/debian.yml`", "did you mean `os/redhat.yml`?"]);
    std::fs::remove_dir_all(project.path("os")).unwrap();
    project.check().exits(20).has(&["no file fits `os/{{facts.os.family}}.yml`", "looked in"]);
}

#[test]
fn an_include_is_repeated_as_a_whole() {
    let project = Project::tasks(
        "    - name: each\n      include_tasks: one.yml\n      loop: [{name: x, deep: [1, 2]}, {name: y, deep: [3]}]\n      \
         loop_control: {loop_var: site, index_var: n}\n",
    );
    project.write(
        "one.yml",
        "- {name: folder, file: {path: \"{{home}}/{{site.name}}\", state: directory}}\n\
         - {name: files, copy: {dest: \"{{home}}/{{site.name}}/{{item}}\", content: \"{{n}}\"}, loop: \"{{site.deep}}\"}\n",
    );
    project.go().exits(0).has(&["folder (x)", "files (x) (1)", "files (y) (3)"]).row("a 0 5 0 0 0 0");
    assert_eq!((project.read("h/a/x/2"), project.read("h/a/y/3")), ("0".into(), "1".into()));
    project.check().exits(0);
}

#[test]
fn what_the_last_round_registers_holds_after_it() {
    let project = Project::tasks(
        "    - {include_tasks: one.yml, loop: [\"0.4\", \"0\"], loop_control: {loop_var: round}}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{r.stdout}} {{join (map many.results 'stdout') ','}}\"}}\n",
    );
    project.write(
        "one.yml",
        "- {name: one, shell: {cmd: \"sleep {{round}}; echo {{round}}\", touches: [nothing]}, register: r}\n\
         - {name: many, shell: {cmd: \"sleep {{round}}; echo {{round}} {{item}}\", touches: [nothing]}, loop: [a, b], register: many}\n",
    );
    project.go().exits(0);
    assert_eq!(project.read("h/a/told"), "0 0 a,0 b");
}

#[test]
fn each_round_has_its_own_rescue() {
    let project = Project::tasks("    - {include_tasks: try.yml, loop: [bad, good]}\n");
    project.write(
        "try.yml",
        "- block:\n    - {name: try, shell: {cmd: \"test {{item}} = good\", touches: [nothing]}}\n  rescue:\n    \
         - {name: mend, copy: {dest: \"{{home}}/mended-{{item}}\", content: x}}\n",
    );
    project.go().exits(0).row("a 0 2 1 0 0 0 1 rescued");
    assert!(project.has("h/a/mended-bad") && !project.has("h/a/mended-good"));
}

#[test]
fn a_role_is_included_for_each_item() {
    let project = Project::tasks(
        "    - {name: each, include_role: {name: site}, loop: {x: 80, y: 81}, vars: {port: \"{{item.value}}\"}}\n",
    );
    project.write(
        "roles/site/tasks/main.yml",
        "- {name: conf, copy: {dest: \"{{home}}/{{item.key}}\", content: \"{{port}}\"}}\n",
    );
    project.go().exits(0).has(&["site : conf (x)"]);
    assert_eq!((project.read("h/a/x"), project.read("h/a/y")), ("80".into(), "81".into()));
}

#[test]
fn mappings_and_ranges_are_looped_over() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  vars: {users: {ann: {uid: 1}, bob: {uid: 2}}}\n  tasks:\n    \
         - {name: user, copy: {dest: \"{{home}}/{{item.key}}\", content: \"{{item.value.uid}}\"}, loop: \"{{users}}\"}\n    \
         - {name: number, copy: {dest: \"{{home}}/n{{item}}\", content: x}, loop: \"{{range 1 4}}\"}\n",
    );
    project.go().exits(0).has(&["user (ann)", "number (3)"]).row("a 0 5 0 0 0 0");
    assert_eq!(project.read("h/a/bob"), "2");
}

#[test]
fn a_pause_keeps_items_apart() {
    let project = Project::tasks(
        "    - name: steps\n      shell: {cmd: \"echo {{item}} $(date +%s%N) >> {{home}}/log\", touches: [nothing]}\n      \
         loop: [a, b, c]\n      loop_control: {pause: 1}\n",
    );
    project.go().exits(0);
    let log = project.read("h/a/log");
    let lines: Vec<(&str, u64)> = log
        .lines()
        .map(|line| line.split_once(' ').map(|(name, at)| (name, at.parse().unwrap())).unwrap())
        .collect();
    assert_eq!(lines.iter().map(|(name, _)| *name).collect::<String>(), "abc");
    assert!(lines.windows(2).all(|pair| pair[1].1 - pair[0].1 >= 1_000_000_000), "{log}");
}

#[test]
fn a_file_that_includes_itself_is_an_error() {
    let project = Project::tasks("    - include_tasks: round.yml\n");
    project.write("round.yml", "- include_tasks: round.yml\n");
    project.check().exits(20).has(&["round.yml imports itself"]);
    let project = Project::local(&["a"], &play("    - {include_tasks: round.yml, loop: [1]}\n"));
    project.write("round.yml", "- {include_tasks: round.yml, loop: [1]}\n");
    project.check().exits(20).has(&["round.yml imports itself"]);
}

#[test]
fn a_loop_may_be_about_what_a_task_found() {
    let project = Project::tasks(
        "    - {name: find, command: {cmd: \"ls {{home}}/in\", changes: false}, register: found}\n    \
         - {name: copy each, copy: {dest: \"{{home}}/out-{{item}}\", content: \"{{n}}\"}, loop: \"{{found.stdout_lines}}\", loop_control: {index_var: n}, when: ne item \"skip\", register: done, notify: told}\n    \
         - {name: count, copy: {dest: \"{{home}}/count\", content: \"{{length done.results}}\"}}\n\
         \x20 handlers:\n    - {name: told, copy: {dest: \"{{home}}/told\", content: x}}\n",
    );
    for name in ["a", "skip", "z"] {
        project.write(&format!("h/a/in/{name}"), "");
    }
    project.check().exits(10).has(&["2 of 3 items are not as wanted"]);
    project.go().exits(0).has(&["a: content", "z: content"]);
    assert!(project.has("h/a/out-a") && !project.has("h/a/out-skip") && project.has("h/a/told"));
    assert_eq!((project.read("h/a/out-z"), project.read("h/a/count")), ("2".into(), "3".into()));
    // As wanted now: the plan knows it, and asks nobody to act.
    project.go().exits(0).row("a 3 0 1 0 0 0");
    project.check().exits(0);
}

#[test]
fn an_item_that_fails_keeps_no_other_from_its_turn() {
    let project = Project::tasks(
        "    - {name: make, shell: {cmd: \"printf 'a\\nb\\nc\\n'\", touches: [nothing]}, register: made}\n    \
         - {name: each, shell: {cmd: \"echo {{item}} >> {{home}}/log; test {{item}} != b\", touches: [nothing]}, loop: \"{{made.stdout_lines}}\", register: r, ignore_errors: true}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{#each r.results}}{{rc}}{{/each}} {{r.failed}}\"}}\n",
    );
    project.check().exits(10).has(&["each"]);
    project.go().exits(0).has(&["(b) `/bin/sh` exited with 1"]);
    assert_eq!((project.read("h/a/log"), project.read("h/a/told")), ("a\nb\nc\n".into(), "010 true".into()));
}

#[test]
fn set_fact_collects_over_what_was_found() {
    let project = Project::tasks(
        "    - {name: start, set_fact: {all: []}}\n    \
         - {name: find, command: {cmd: \"printf 'a\\nb\\n'\", changes: false}, register: found}\n    \
         - {name: collect, set_fact: {all: \"{{concat all (split item ',')}}\"}, loop: \"{{found.stdout_lines}}\"}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{join all '-'}}\"}}\n",
    );
    project.check().exits(10).has(&["+a-b"]);
    project.go().exits(0);
    assert_eq!(project.read("h/a/told"), "a-b");
}

#[test]
fn what_must_be_known_before_cannot_depend_on_such_an_item() {
    let project = Project::tasks(
        "    - {name: find, command: {cmd: ls, changes: false}, register: found}\n    \
         - {name: where, copy: {dest: /x, content: x}, loop: \"{{found.stdout_lines}}\", delegate_to: \"{{item}}\"}\n    \
         - {name: again, command: ls, loop: \"{{found.stdout_lines}}\", retries: 3}\n    \
         - {include_tasks: more.yml, loop: \"{{found.stdout_lines}}\"}\n",
    );
    project.write("more.yml", "- {name: more, command: ls}\n");
    project.check().exits(20).has(&[
        "this must be known before the tasks run",
        "cannot be tried again",
        "an include cannot be repeated for the result of a task",
    ]);
}

#[test]
fn handlers_are_flushed_in_each_round_of_an_include() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  tasks:\n    - {include_tasks: one.yml, loop: [x, y]}\n  handlers:\n    \
         - {name: told, shell: {cmd: \"echo handler >> {{home}}/log\", touches: [\"{{home}}/log\"]}}\n",
    );
    project.write(
        "one.yml",
        "- {name: file, copy: {dest: \"{{home}}/{{item}}\", content: x}, notify: told}\n- meta: flush_handlers\n\
         - {name: after, shell: {cmd: \"echo {{item}} >> {{home}}/log\", touches: [\"{{home}}/log\"]}}\n",
    );
    project.go().exits(0);
    assert_eq!(project.read("h/a/log"), "handler\nx\nhandler\ny\n");
}

#[test]
fn files_beside_the_playbook_are_found_and_only_the_one_that_is_named_is_taken() {
    let project =
        Project::tasks("    - {set_fact: {kind: db}}\n    - {name: it, include_tasks: \"x-{{kind}}.yml\"}\n");
    project.write("x-web.yml", "- {name: web, copy: {dest: \"{{home}}/web\", content: x}}\n");
    project.go().exits(20).has(&["no such file to include: `x-db.yml`"]);
    project.write("x-db.yml", "- {name: db, copy: {dest: \"{{home}}/db\", content: x}}\n");
    project.go().exits(0);
    assert!(project.has("h/a/db") && !project.has("h/a/web"));
    project.write("x-db.yml", "- {set_fact: {kind: web}}\n");
    project.check().exits(20).has(&["an included file cannot set `kind`, by which it is chosen"]);
}

#[test]
fn items_are_judged_one_by_one_also_when_planning() {
    let project = Project::tasks(
        "    - {name: list, command: {cmd: \"printf 'a\\nb\\n'\", changes: false}, register: r}\n    \
         - {name: each, command: {cmd: \"test {{item}} = a\", changes: false}, loop: \"{{r.stdout_lines}}\", register: x, failed_when: gt x.rc 1}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{join (map x.results 'rc')}}\"}}\n    \
         - {name: partly, copy: {dest: \"{{home}}/{{item}}\", content: x}, loop: [\"p\", \"{{first r.stdout_lines}}\"]}\n    \
         - {name: none, command: x, loop: [], register: empty}\n    \
         - {name: empty, copy: {dest: \"{{home}}/empty\", content: \"{{length empty.results}}\"}}\n",
    );
    project.check().exits(10).has(&["+0,1"]);
    project.go().exits(0);
    assert_eq!((project.read("h/a/told"), project.read("h/a/empty")), ("0,1".into(), "0".into()));
    assert!(project.has("h/a/p") && project.has("h/a/a"));
    project.check().exits(0);
}

#[test]
fn a_role_that_says_what_it_takes_is_included_for_each_item() {
    let project = Project::tasks(
        "    - {include_role: {name: web}, vars: {port: \"{{item}}\"}, loop: [80, 81]}\n    \
         - {include_role: {name: web}, loop: [82], loop_control: {loop_var: port}}\n",
    );
    project.write("roles/web/meta/inputs.yml", "port: {type: port, required: true}\n");
    project.write(
        "roles/web/tasks/main.yml",
        "- {name: conf, copy: {dest: \"{{home}}/{{port}}\", content: x}}\n",
    );
    project.go().exits(0);
    assert!(["80", "81", "82"].iter().all(|port| project.has(&format!("h/a/{port}"))));
}
