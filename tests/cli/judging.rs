//! `failed_when`, `changed_when`, `until` and `retries`, with real commands.

use crate::project::{Project, play};

#[test]
fn failed_when_alone_says_what_a_failure_is() {
    let project = Project::tasks(
        "    - {name: two is fine, shell: {cmd: \"exit 2\", touches: [nothing]}, register: r, failed_when: gt r.rc 2}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{r.rc}} {{r.failed}} {{r.changed}}\"}}\n    \
         - {name: a word is not, shell: {cmd: \"echo all is lost\", touches: [nothing]}, register: w, failed_when: in \"lost\" w.stdout}\n    \
         - {name: after, copy: {dest: \"{{home}}/after\", content: x}, needs: [two is fine]}\n    \
         - {name: never, copy: {dest: \"{{home}}/never\", content: x}, needs: [a word is not]}\n",
    );
    let ran = project.go();
    ran.exits(40).has(&[
        "a changed two is fine",
        "error: a: a word is not: `failed_when` holds: in \"lost\" w.stdout",
        "all is lost",
        "a changed after",
        "a blocked never",
    ]);
    assert_eq!(project.read("h/a/told"), "2 false true");
}

#[test]
fn a_command_that_only_looks_is_judged_under_check_too() {
    let project = Project::tasks(
        "    - {name: look, command: {cmd: \"grep -q x {{home}}/file\", changes: false}, register: found, failed_when: gt found.rc 1}\n    \
         - {name: when it is not there, copy: {dest: \"{{home}}/copy\", content: y}, when: eq found.rc 1}\n",
    );
    project.check().exits(40).has(&["`failed_when` holds: gt found.rc 1"]);
    project.write("h/a/file", "y\n");
    project.check().exits(10).has(&["when it is not there"]);
    project.go().exits(0);
    assert_eq!(project.read("h/a/copy"), "y");
    project.write("h/a/file", "x\n");
    project.go().exits(0).row("a 1 0 1 0 0 0");
}

#[test]
fn changed_when_decides_whether_handlers_are_notified() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  tasks:\n    \
           - {name: never, shell: {cmd: \"date >> {{home}}/dates\", touches: [\"{{home}}/dates\"]}, changed_when: false, notify: not this}\n    \
           - {name: perhaps, shell: {cmd: \"cat {{home}}/say\", touches: [nothing]}, register: said, changed_when: eq said.stdout \"new\", notify: this}\n  handlers:\n    \
           - {name: this, shell: {cmd: \"echo this >> {{home}}/handled\", touches: [\"{{home}}/handled\"]}}\n    \
           - {name: not this, shell: {cmd: \"echo not >> {{home}}/handled\", touches: [\"{{home}}/handled\"]}}\n",
    );
    project.write("h/a/say", "old\n");
    // Whether it changes something is not known before it has run.
    project.check().exits(10).has(&["whether something notifies it shows when that has run"]);
    project.go().exits(0).row("a 2 0 2 0 0 0");
    assert!(!project.has("h/a/handled") && project.has("h/a/dates"));
    project.write("h/a/say", "new\n");
    project.go().exits(0).has(&["a changed perhaps", "a changed this"]);
    assert_eq!(project.read("h/a/handled"), "this\n");
}

#[test]
fn it_is_tried_again_until_it_is_as_wanted() {
    let count = "n=$(cat {{home}}/n 2> /dev/null || echo 0); echo $((n + 1)) > {{home}}/n; echo $n";
    let task = |more: &str| {
        play(&format!(
            "    - name: counts\n      shell: {{cmd: \"{count}\", touches: [\"{{{{home}}}}/n\"]}}\n      register: r\n{more}    \
             - {{name: told, copy: {{dest: \"{{{{home}}}}/told\", content: \"{{{{r.stdout}}}}\"}}}}\n"
        ))
    };
    let project = Project::local(&["a"], &task("      until: eq r.stdout \"2\"\n      delay: 0\n"));
    project.go().exits(0).has(&[
        "try 1 of 4: `until` does not hold: eq r.stdout \"2\"",
        "try 2 of 4",
        "a changed counts",
    ]);
    assert_eq!((project.read("h/a/n"), project.read("h/a/told")), ("3\n".into(), "2".into()));

    let project =
        Project::local(&["a"], &task("      until: eq r.stdout \"9\"\n      retries: 1\n      delay: 0\n"));
    project.go().exits(40).has(&[
        "`until` does not hold: eq r.stdout \"9\"",
        "tried 2 times",
        "a blocked told",
    ]);
    assert_eq!(project.read("h/a/n"), "2\n");
}

#[test]
fn retries_alone_mean_until_it_does_not_fail() {
    let project = Project::tasks(
        "    - name: third time\n      shell: {cmd: \"echo x >> {{home}}/n; test $(wc -l < {{home}}/n) = 3\", touches: [\"{{home}}/n\"]}\n      \
         retries: 5\n      delay: 0\n",
    );
    project.go().exits(0).has(&["try 2 of 6", "a changed third time"]);
    assert_eq!(project.read("h/a/n"), "x\nx\nx\n");
}

#[test]
fn a_look_that_does_not_hold_yet_is_waited_for_when_applying() {
    let project = Project::tasks(
        "    - name: ready\n      command: {cmd: \"cat {{home}}/state\", changes: false}\n      register: r\n      \
         until: eq r.stdout \"ready\"\n      retries: 40\n      delay: 1\n",
    );
    project.write("h/a/state", "starting\n");
    project.check().exits(10).has(&["what it waits for does not hold yet"]);
    let running = project.start(&["--yes"]);
    running.prints("try 1 of 41");
    project.write("h/a/state", "ready\n");
    running.end().exits(0);
    project.check().exits(0);
}

#[test]
fn mistakes_in_conditions_are_found_before_anything_runs() {
    let project = Project::tasks(
        "    - {name: one, command: x, failed_when: gt nothing.rc 2}\n    \
         - {name: two, command: x, register: r, until: eq r.rc, retries: many}\n    \
         - {name: three, command: x, delay: 3}\n    \
         - {name: four, command: x, changed_when: 3}\n",
    );
    let ran = project.check();
    ran.exits(20).has(&["`delay` without `retries` or `until`", "expected a condition, found an integer"]);
    let project = Project::tasks(
        "    - {name: one, command: x, failed_when: gt nothing.rc 2}\n    \
         - {name: two, command: x, register: r, until: eq r.rc 0, retries: many}\n",
    );
    project
        .check()
        .exits(20)
        .has(&["undefined variable `nothing`", "expected a number of tries, found a string"]);
}

#[test]
fn a_look_that_counts_as_a_change_is_a_change_in_the_plan_too() {
    let project = Project::tasks(
        "    - {name: version, command: {cmd: \"cat {{home}}/v\", changes: false}, register: v, changed_when: ne v.stdout \"2\"}\n    \
         - {name: upgrade, copy: {dest: \"{{home}}/new\", content: x}, when: v.changed}\n",
    );
    project.write("h/a/v", "2\n");
    project.check().exits(0);
    project.write("h/a/v", "1\n");
    project.check().exits(10).has(&["~ upgrade"]);
    project.go().exits(0);
    assert!(project.has("h/a/new"));
}

#[test]
fn what_runs_every_time_and_is_no_change_is_in_the_way_of_no_plan() {
    let project = Project::tasks(
        "    - {name: reload, shell: \"date >> {{home}}/../dates\", changed_when: false}\n    \
         - {name: file, copy: {dest: \"{{home}}/file\", content: x}}\n",
    );
    for _ in 0..2 {
        project.go().exits(0);
    }
    assert_eq!(project.read("h/dates").lines().count(), 2);
}

#[test]
fn a_command_that_is_not_needed_ended_well() {
    let project = Project::tasks(
        "    - {name: once, shell: {cmd: \"touch {{home}}/it; exit 1\", creates: \"{{home}}/it\", touches: [\"{{home}}/it\"]}, register: o, failed_when: gt o.rc 1}\n    \
         - {name: migrate, shell: {cmd: \"exit 3\", onlyif: \"test -e {{home}}/wanted\", touches: [nothing]}, register: m, failed_when: ne m.rc 0}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{m.rc}}{{m.stdout}}\"}}\n",
    );
    project.go().exits(0);
    project.go().exits(0).row("a 3 0 0 0 0 0");
    assert_eq!(project.read("h/a/told"), "0");
    project.write("h/a/wanted", "");
    project.go().exits(40).has(&["`failed_when` holds: ne m.rc 0"]);
}

#[test]
fn until_sees_what_the_other_conditions_say() {
    let count = "n=$(cat {{home}}/n 2> /dev/null || echo 0); echo $((n + 1)) > {{home}}/n; exit $((n < 2))";
    let project = Project::tasks(&format!(
        "    - {{name: counts, shell: {{cmd: \"{count}\", touches: [\"{{{{home}}}}/n\"]}}, register: r, failed_when: ne r.rc 0, until: not r.failed, delay: 0}}\n"
    ));
    project.go().exits(0).has(&["try 2 of 4"]);
    assert_eq!(project.read("h/a/n"), "3\n");
}

#[test]
fn a_failure_that_is_none_is_no_change_where_nothing_was_done() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  tasks:\n    \
           - {name: claim, assert: {that: [eq 1 2]}, failed_when: false, notify: never}\n    \
           - {name: look, command: {cmd: \"test -e {{home}}/gone\", changes: false}, register: l, failed_when: ne l.rc 0, ignore_errors: true}\n    \
           - {name: after, copy: {dest: \"{{home}}/after\", content: x}, needs: [look]}\n  handlers:\n    \
           - {name: never, shell: {cmd: \"touch {{home}}/never\", touches: [\"{{home}}/never\"]}}\n",
    );
    project.go().exits(0).has(&["a changed after"]);
    assert!(!project.has("h/a/never"));
}

#[test]
fn a_command_that_ran_out_of_time_has_failed_whatever_failed_when_says() {
    let project = Project::tasks(
        "    - {name: hangs, shell: {cmd: \"sleep 60\", timeout: 1, touches: [nothing]}, failed_when: false}\n",
    );
    project.go().exits(40).has(&["error: a: hangs"]);
}

#[test]
fn what_an_earlier_try_did_is_a_change() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  tasks:\n    \
           - {name: slow, shell: {cmd: \"touch {{home}}/it; exit 1\", creates: \"{{home}}/it\", touches: [\"{{home}}/it\"]}, retries: 2, delay: 0, notify: told}\n  handlers:\n    \
           - {name: told, shell: {cmd: \"touch {{home}}/told\", touches: [\"{{home}}/told\"]}}\n",
    );
    project.go().exits(0).has(&["a changed slow", "a changed told"]);
}

#[test]
fn a_look_that_ran_out_of_time_has_failed_too() {
    let project = Project::tasks(
        "    - {name: hangs, command: {cmd: sleep 60, timeout: 1, changes: false}, failed_when: false}\n",
    );
    project.go().exits(40).has(&["error: a: hangs"]);
}

#[test]
fn what_is_put_off_is_not_what_another_one_has_left_under_its_name() {
    let look = "shell: {cmd: \"cat {{home}}/{{item}}\", changes: false, reads: [\"{{home}}/{{item}}\"], touches: [nothing]}";
    let project = Project::tasks(&format!(
        "    - {{name: one, copy: {{dest: \"{{{{home}}}}/a\", content: x}}, register: r}}\n    \
         - {{name: look, {}, register: r}}\n    \
         - {{name: told, copy: {{dest: \"{{{{home}}}}/told\", content: y}}, when: r.changed}}\n    \
         - {{name: each, {look}, loop: [b, a], register: all, changed_when: eq all.stdout \"x\"}}\n    \
         - {{name: any, copy: {{dest: \"{{{{home}}}}/any\", content: y}}, when: all.changed}}\n",
        look.replace("{{item}}", "a"),
    ));
    project.write("h/a/b", "y");
    project.check().exits(10).has(&["~ one", "? told", "? any"]).lacks(&["~ told", "~ any"]);
    project.go().exits(0);
    assert!(!project.has("h/a/told") && project.has("h/a/any"));
    // Of items that are all known it is known.
    project.write("h/a/any", "z");
    project.check().exits(10).has(&["~ any"]).lacks(&["? any"]);
}
