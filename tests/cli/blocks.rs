//! `block`, `rescue`, `always`.

use crate::project::{Project, play};

/// Tasks that write down that they ran, in a file of their own each.
fn ran(name: &str, more: &str) -> String {
    format!(
        "- {{name: {name}, shell: {{cmd: \"touch {{{{home}}}}/{name}{more}\", touches: [\"{{{{home}}}}/{name}\"]}}}}"
    )
}

fn names(project: &Project) -> Vec<String> {
    let names = project.tree("h/a").into_keys();
    names.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

fn project(main: &[String], rescue: &[String], always: &[String], after: &[String]) -> Project {
    let project = Project::local(&["a"], "");
    project.write("site.yml", &in_one(main, rescue, always, after));
    project
}

/// A play with one block and what comes after it.
fn in_one(main: &[String], rescue: &[String], always: &[String], after: &[String]) -> String {
    let lines = |indent: &str, tasks: &[String]| -> String {
        tasks.iter().map(|task| format!("{indent}{task}\n")).collect()
    };
    let part = |name: &str, tasks: &[String]| {
        if tasks.is_empty() { String::new() } else { format!("      {name}:\n{}", lines("        ", tasks)) }
    };
    play(&format!(
        "    - name: all of it\n      block:\n{}{}{}{}",
        lines("        ", main),
        part("rescue", rescue),
        part("always", always),
        lines("    ", after)
    ))
}

fn needing(task: &str, needs: &str) -> String {
    let open = task.strip_suffix('}').expect("a task is a mapping");
    format!("{open}, needs: [{needs}]}}")
}

#[test]
fn without_a_failure_the_rescue_does_not_run_and_always_does() {
    let project =
        project(&[ran("main", "")], &[ran("rescue", "")], &[ran("always", "")], &[ran("after", "")]);
    project.check().exits(10).lacks(&["> rescue"]);
    project.go().exits(0).row("a 0 3 1 0 0 0");
    assert_eq!(names(&project), ["after", "always", "main"]);
}

#[test]
fn a_failure_is_rescued_and_what_comes_after_goes_on() {
    let fails = ran("fails", "; exit 3");
    let project = project(
        &[fails, needing(&ran("blocked", ""), "fails"), ran("free", "")],
        &[ran("rescue", ""), ran("more", "")],
        &[ran("always", "")],
        &[needing(&ran("after", ""), "fails")],
    );
    let went = project.go();
    went.exits(0).has(&["error: a: fails", "a blocked blocked", "a changed rescue", "1 rescued"]);
    assert_eq!(names(&project), ["after", "always", "fails", "free", "more", "rescue"]);
    // In file order: the rescue after the main part, the rest after the rescue.
    let at = |part: &str| went.out.find(part).unwrap_or_else(|| panic!("{part}: {}", went.out));
    assert!(at("error: a: fails") < at("a changed rescue") && at("a changed rescue") < at("a changed after"));
    assert!(at("a changed more") < at("a changed always"));
}

#[test]
fn a_rescue_that_fails_leaves_the_failure_as_it_is() {
    let project = project(
        &[ran("fails", "; exit 3")],
        &[ran("rescue", "; exit 4")],
        &[ran("always", "")],
        &[needing(&ran("after", ""), "fails"), ran("free", "")],
    );
    project.go().exits(40).row("a 0 2 0 2 1 0").has(&["a blocked after"]).lacks(&["rescued"]);
    assert_eq!(names(&project), ["always", "fails", "free", "rescue"]);
}

#[test]
fn always_alone_runs_and_the_failure_counts() {
    let file =
        |name: &str| format!("- {{name: {name}, copy: {{dest: \"{{{{home}}}}/x/{name}\", content: x}}}}");
    let project = project(
        // What stands behind depends on the failed one only by way of the one that always runs.
        &["- {name: fails, shell: {cmd: \"exit 3\", touches: [\"{{home}}/x\"]}}".to_owned()],
        &[],
        &["- {name: always, file: {path: \"{{home}}/x\", state: directory}}".to_owned()],
        &[file("after")],
    );
    project.go().exits(40).has(&["a changed always", "a blocked after"]);
}

#[test]
fn a_block_that_was_not_entered_has_nothing_to_rescue() {
    let project = Project::tasks(&format!(
        "    {}\n    - block:\n        {}\n      rescue:\n        {}\n      always:\n        {}\n",
        ran("before", "; exit 1"),
        needing(&ran("main", ""), "before"),
        ran("rescue", ""),
        needing(&ran("always", ""), "main"),
    ));
    project.go().exits(40).has(&["a blocked main", "a blocked always"]).lacks(&["a changed rescue"]);
    assert_eq!(names(&project), ["before"]);
}

#[test]
fn an_inner_block_mends_for_the_outer_one() {
    let project = Project::tasks(&format!(
        "    - block:\n        - block:\n            {}\n          rescue:\n            {}\n        {}\n      rescue:\n        {}\n",
        ran("fails", "; exit 1"),
        ran("inner", ""),
        needing(&ran("goes-on", ""), "fails"),
        ran("outer", ""),
    ));
    project.go().exits(0).has(&["1 rescued"]);
    assert_eq!(names(&project), ["fails", "goes-on", "inner"]);
}

#[test]
fn a_rescue_may_put_back_what_the_main_part_owns() {
    let project = Project::tasks(
        "    - block:\n        - {name: new, copy: {dest: \"{{home}}/conf\", content: new}}\n        \
         - {name: test it, shell: {cmd: \"! grep -q new {{home}}/conf\", touches: [nothing]}, needs: [new]}\n      rescue:\n        \
         - {name: old, copy: {dest: \"{{home}}/conf\", content: old}}\n    \
         - {name: use, shell: {cmd: \"cp {{home}}/conf {{home}}/used\", touches: [\"{{home}}/used\"], reads: [\"{{home}}/conf\"]}}\n",
    );
    project.go().exits(0).has(&["a changed old", "1 rescued"]);
    assert_eq!((project.read("h/a/conf"), project.read("h/a/used")), ("old".into(), "old".into()));
}

#[test]
fn a_rescue_that_nothing_calls_for_hides_no_failure() {
    let project = Project::tasks(&format!(
        "    - {{name: before, shell: {{cmd: \"exit 1\", touches: [\"{{{{home}}}}/conf\"]}}}}\n    \
         - block:\n        {}\n      rescue:\n        - {{name: rescue, shell: \"touch {{{{home}}}}/rescue\"}}\n    \
         - {{name: reads, shell: {{cmd: \"touch {{{{home}}}}/reads\", touches: [\"{{{{home}}}}/reads\"], reads: [\"{{{{home}}}}/conf\"]}}}}\n",
        ran("main", "")
    ));
    project.go().exits(40).has(&["a changed main", "a blocked reads"]);
    assert_eq!(names(&project), ["main"]);
}

#[test]
fn a_part_of_a_rescue_that_went_well_is_not_the_whole_of_it() {
    let conf = |name: &str, end: &str| {
        format!(
            "- {{name: {name}, shell: {{cmd: \"touch {{{{home}}}}/{name}; exit {end}\", touches: [\"{{{{home}}}}/conf\"]}}}}"
        )
    };
    let project = project(
        &[conf("fails", "1")],
        &[conf("one", "0"), ran("two", "; exit 1")],
        &[],
        &["- {name: reads, shell: {cmd: \"touch {{home}}/reads\", touches: [\"{{home}}/reads\"], reads: [\"{{home}}/conf\"]}}".to_owned()],
    );
    project.go().exits(40).has(&["a changed one", "a blocked reads"]);
    assert_eq!(names(&project), ["fails", "one", "two"]);
}

#[test]
fn who_reads_a_result_waits_for_the_rescue_too() {
    let project = project(
        &["- {name: fails, shell: {cmd: \"exit 3\", touches: [nothing]}, register: r}".to_owned()],
        &["- {name: rescue, shell: {cmd: \"sleep 0.3; touch {{home}}/rescue\", touches: [\"{{home}}/rescue\"]}}".to_owned()],
        &[],
        &["- {name: told, copy: {dest: \"{{home}}/told\", content: \"{{r.rc}}\"}}".to_owned()],
    );
    project.go().exits(0).has(&["1 rescued"]);
    assert_eq!(project.read("h/a/told"), "3");
    // The same name in the rescue: it is the main part's as long as that goes well.
    let project = Project::tasks(
        "    - block:\n        - {name: main, shell: {cmd: \"echo main\", touches: [nothing]}, register: r}\n      rescue:\n        \
         - {name: rescue, shell: {cmd: \"echo rescue\", touches: [nothing]}, register: r}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{r.stdout}}\"}}\n",
    );
    project.go().exits(0);
    assert_eq!(project.read("h/a/told"), "main");
}

#[test]
fn handlers_of_a_role_in_a_block_are_the_plays() {
    let project = Project::tasks(&format!(
        "    - block:\n        - import_role: web\n      rescue:\n        {}\n      always:\n        - {{name: always, shell: \"touch {{{{home}}}}/always\"}}\n",
        ran("rescue", "")
    ));
    project.write(
        "roles/web/tasks/main.yml",
        "- {name: conf, copy: {dest: \"{{home}}/conf\", content: x}, notify: restart}\n",
    );
    project.write(
        "roles/web/handlers/main.yml",
        "- {name: restart, shell: {cmd: \"touch {{home}}/restart\", touches: [\"{{home}}/restart\"], reads: [\"{{home}}/conf\"]}}\n",
    );
    project.go().exits(0).has(&["a changed web : restart"]);
    assert_eq!(names(&project), ["always", "conf", "restart"]);
}

#[test]
fn a_look_that_fails_while_planning_calls_for_the_rescue_when_applying() {
    let project = project(
        &["- {name: look, command: {cmd: \"test -e {{home}}/it\", changes: false}}".to_owned()],
        &[ran("it", "")],
        &[],
        &[needing(&ran("after", ""), "look")],
    );
    project.check().exits(10);
    project.go().exits(0).has(&["1 rescued"]);
    assert_eq!(names(&project), ["after", "it"]);
    project.go().exits(0).lacks(&["rescued"]);
}

#[test]
fn what_blocked_a_task_from_outside_no_rescue_puts_right() {
    let project = Project::tasks(&format!(
        "    {}\n    - block:\n        {}\n        {}\n      rescue:\n        {}\n    {}\n",
        ran("outside", "; exit 1"),
        ran("fails", "; exit 1"),
        needing(&ran("blocked", ""), "outside"),
        ran("rescue", ""),
        needing(&ran("after", ""), "blocked"),
    ));
    project.go().exits(40).has(&["a changed rescue", "a blocked blocked", "a blocked after", "1 rescued"]);
    assert_eq!(names(&project), ["fails", "outside", "rescue"]);
}

#[test]
fn a_rescue_may_have_a_rescue_of_its_own() {
    let project = Project::tasks(&format!(
        "    - block:\n        {}\n      rescue:\n        - block:\n            {}\n          rescue:\n            {}\n    {}\n",
        ran("fails", "; exit 1"),
        ran("first-try", "; exit 1"),
        ran("second-try", ""),
        needing(&ran("after", ""), "fails"),
    ));
    project.go().exits(0).has(&["2 rescued"]);
    assert_eq!(names(&project), ["after", "fails", "first-try", "second-try"]);
}

#[test]
fn a_saved_plan_says_what_calls_for_a_rescue_and_lets_it_run() {
    let conf =
        |name: &str| format!("- {{name: {name}, copy: {{dest: \"{{{{home}}}}/conf\", content: {name}}}}}");
    let test =
        "- {name: test it, shell: {cmd: \"! grep -q new {{home}}/conf\", touches: [nothing]}, needs: [new]}";
    let notifies = format!("{}, notify: told}}", ran("more", "").strip_suffix('}').unwrap());
    let in_turn = project(&[conf("new"), test.into()], &[conf("old"), notifies], &[], &[]);
    let handler = "  handlers:\n    - {name: told, copy: {dest: \"{{home}}/told\", content: x}}\n";
    in_turn.write("site.yml", &(in_turn.read("site.yml") + handler));
    let said = ["! old  [a] site.yml:", "    only if one of `new`, `test it` fails\n", "! more", "! told"];
    in_turn.check().exits(10).has(&said);
    in_turn.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10).has(&said);
    in_turn.run(&["show", "p.plan"]).exits(0).has(&said);
    in_turn.run(&["apply", "p.plan"]).exits(0).has(&["a changed old", "a changed more", "1 rescued"]);
    assert_eq!(in_turn.read("h/a/conf"), "old");
    assert_eq!(in_turn.read("h/a/told"), "x");
    // One that does not run then, either, and who only that one would notify.
    let never = format!("{}, when: false, notify: told}}", ran("never", "").strip_suffix('}').unwrap());
    let idle = project(&[ran("main", "")], &[never], &[], &[]);
    idle.write("site.yml", &(idle.read("site.yml") + handler));
    idle.check().exits(10).has(&["> main"]).lacks(&["never", "told"]);
    // But whose condition is about the failure itself.
    let fails = format!("{}, register: c}}", ran("fails", "; exit 1").strip_suffix('}').unwrap());
    let done = "- {name: done, set_fact: {done: true}, needs: [fails]}";
    let about = |name: &str, when: &str| {
        format!("{}, when: {when}, notify: told}}", ran(name, "").strip_suffix('}').unwrap())
    };
    let rescues = [about("of-result", "c.failed"), about("of-fact", "not (default done false)")];
    let about = project(&[fails, done.into()], &rescues, &[], &[]);
    about.write("site.yml", &(about.read("site.yml") + handler));
    about.check().exits(10).has(&["! of-result", "! of-fact", "! told"]);
    about.go().exits(0).has(&["a changed of-result", "a changed told"]);
    // Where nothing acts, nothing calls for it.
    let quiet = project(&["- {name: look, stat: {path: /}}".into()], &[ran("rescue", "")], &[], &[]);
    quiet.check().exits(0).lacks(&["! rescue"]);
    // One that follows a rescue which may be called for.
    let inner = "- block:\n            - {name: one, shell: {cmd: \"exit 1\", touches: [nothing]}}\n          rescue:\n            - {name: two, debug: {msg: two}}";
    let nested = project(&[ran("main", "")], &[inner.into()], &[], &[]);
    nested.check().exits(10).has(&["only if `main` fails", "! two", "only if `one` fails"]);
}

#[test]
fn what_always_runs_is_not_kept_from_it_by_a_saved_plan() {
    let file = |name: &str, needs: &str| {
        format!(
            "- {{name: {name}, copy: {{dest: \"{{{{home}}}}/conf\", content: \"one\\n\"}}, needs: [{needs}]}}"
        )
    };
    let end = "- {name: end, lineinfile: {path: \"{{home}}/conf\", line: two, create: true}}";
    let fails = "- {name: fails, shell: {cmd: \"exit 3\", touches: [nothing]}}";
    let project = project(&[fails.into(), file("conf", "fails")], &[], &[end.into()], &[]);
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10).has(&["~ end"]);
    project.run(&["apply", "p.plan"]).exits(40).has(&["a blocked conf", "a changed end"]);
    assert_eq!(project.read("h/a/conf"), "two\n");
}

#[test]
fn what_follows_a_rescue_does_no_more_than_the_saved_plan_shows() {
    let conf =
        |name: &str| format!("- {{name: {name}, copy: {{dest: \"{{{{home}}}}/conf\", content: {name}}}}}");
    let test = "- {name: test it, shell: {cmd: \"exit 1\", touches: [nothing]}, needs: [new]}";
    let after = "- {name: after, replace: {path: \"{{home}}/conf\", regexp: old, replace: other}}";
    let project = project(&[conf("new"), test.into()], &[conf("old")], &[], &[after.into()]);
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10).lacks(&["~ after"]);
    let ran = project.run(&["apply", "p.plan"]);
    ran.exits(41).has(&[
        "a changed old",
        "after: the host changed",
        "the saved plan shows nothing to do here",
    ]);
    assert_eq!(project.read("h/a/conf"), "old");
    project.go().exits(0).has(&["a changed after"]);
}

#[test]
fn a_rescue_that_would_do_something_else_is_not_what_was_planned() {
    let rescue = "- {name: rescue, copy: {dest: \"{{home}}/x\", content: \"{{env \\\"WORD\\\"}}\"}}";
    let project = project(&[ran("main", "; exit 1")], &[rescue.into()], &[], &[]);
    let run = |word: &str, arguments: &[&str]| {
        let output = project.command(arguments).env("WORD", word).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(run("one", &["plan", "inventory.yml", "-o", "p.plan"]).0, Some(10));
    let (code, said) = run("two", &["apply", "p.plan"]);
    assert_eq!(code, Some(41), "{said}");
    assert!(
        said.contains("`rescue` (path:") && said.contains("something else if it is called for"),
        "{said}"
    );
    assert_eq!(run("one", &["apply", "p.plan"]).0, Some(0));
    assert_eq!(project.read("h/a/x"), "one");
    // Nor is the handler that it notifies.
    let rescue = format!("{}, notify: told}}", ran("rescue", "").strip_suffix('}').unwrap());
    let handler =
        "  handlers:\n    - {name: told, copy: {dest: \"{{home}}/y\", content: \"{{env \\\"WORD\\\"}}\"}}\n";
    project.write("site.yml", &(in_one(&[ran("main", "; exit 1")], &[rescue], &[], &[]) + handler));
    assert_eq!(run("one", &["plan", "inventory.yml", "-o", "p.plan"]).0, Some(10));
    let (code, said) = run("two", &["apply", "p.plan"]);
    assert_eq!(code, Some(41), "{said}");
    assert!(said.contains("`told` (path:") && said.contains("something else if it is called for"), "{said}");
    assert_eq!(run("one", &["apply", "p.plan"]).0, Some(0));
    assert_eq!(project.read("h/a/y"), "one");
}
