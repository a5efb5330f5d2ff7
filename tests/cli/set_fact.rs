//! `set_fact` and `meta`, with real files.

use crate::project::{Project, play};

#[test]
fn what_is_set_holds_for_the_tasks_behind_and_keeps_its_type() {
    let playbook = "- hosts: all\n  vars: {x: first, n: 1}\n  tasks:\n    \
         - {name: before, copy: {dest: \"{{home}}/before\", content: \"{{x}}\"}}\n    \
         - {name: set, set_fact: {x: second, list: [1, \"{{n}}\"]}}\n    \
         - {name: after, copy: {dest: \"{{home}}/after\", content: \"{{x}} {{to_json list}}\"}}\n    \
         - {name: again, set_fact: {x: \"{{x}} and third\"}}\n    \
         - {name: last, copy: {dest: \"{{home}}/last\", content: \"{{x}}\"}, vars: {x: hidden}}\n\
         - hosts: all\n  vars: {x: the play's}\n  tasks:\n    \
         - {name: next play, copy: {dest: \"{{home}}/next\", content: \"{{x}}\"}}\n";
    let project = Project::local(&["a"], playbook);
    let check = project.check();
    check.exits(10).has(&["second [1,1]", "second and third"]).lacks(&["hidden"]);
    project.go().exits(0).row("a 2 4 0 0 0 0");
    let read = |name: &str| project.read(&format!("h/a/{name}"));
    assert_eq!((read("before"), read("after")), ("first".into(), "second [1,1]".into()));
    assert_eq!((read("last"), read("next")), ("second and third".into(), "second and third".into()));
    project.check().exits(0);
    project.apply(&["--yes", "-e", "x=from outside"]).exits(0);
    assert_eq!(read("next"), "from outside");
}

#[test]
fn it_may_collect_over_a_loop_and_be_skipped() {
    let project = Project::tasks(
        "    - {name: start, set_fact: {all: []}}\n    \
         - {name: collect, set_fact: {all: \"{{concat all (split item ',')}}\"}, loop: [a, b, c]}\n    \
         - {name: not this, set_fact: {all: none, other: x}, when: eq 1 2}\n    \
         - {name: told, copy: {dest: \"{{home}}/all\", content: \"{{join all ','}}{{#unless (defined other)}}!{{/unless}}\"}}\n",
    );
    project.go().exits(0);
    assert_eq!(project.read("h/a/all"), "a,b,c!");
    project.check().exits(0);
}

#[test]
fn what_is_not_set_is_what_it_was() {
    let playbook = "- hosts: all\n  vars: {told: before}\n  tasks:\n    \
         - {name: look, stat: {path: \"{{home}}/x\"}, register: r}\n    \
         - {name: says, shell: {cmd: echo no json, touches: [nothing]}, register: s}\n    \
         - block:\n        - {name: goes well, stat: {path: \"{{home}}/y\"}}\n      \
           rescue:\n        - {name: uncalled, set_fact: {told: \"uncalled {{r.changed}}\"}}\n      \
           always:\n        - {name: one, copy: {dest: \"{{home}}/one\", content: \"{{told}}\"}}\n    \
         - block:\n        - {name: fails, shell: {cmd: exit 3, touches: [nothing]}}\n        \
           - {name: blocked, set_fact: {told: \"blocked {{r.changed}}\"}, needs: [fails]}\n      \
           rescue:\n        - {name: two, copy: {dest: \"{{home}}/two\", content: \"{{told}}\"}}\n    \
         - block:\n        - {name: breaks, set_fact: {told: \"{{from_json s.stdout}}\"}}\n      \
           rescue:\n        - {name: three, copy: {dest: \"{{home}}/three\", content: \"{{told}}\"}}\n";
    let project = Project::local(&["a"], playbook);
    project.go().exits(0);
    for file in ["one", "two", "three"] {
        assert_eq!(project.read(&format!("h/a/{file}")), "before", "{file}");
    }
}

#[test]
fn what_depends_on_results_is_known_when_these_are() {
    let project = Project::tasks(
        "    - {name: look, command: {cmd: \"cat {{home}}/in\", changes: false}, register: r}\n    \
         - {name: act, shell: {cmd: echo acted, touches: [nothing]}, register: s, when: eq r.stdout \"go\"}\n    \
         - {name: set, set_fact: {seen: \"{{r.stdout}}\", did: \"{{s.stdout}}\"}, when: eq r.stdout \"go\"}\n    \
         - {name: seen, copy: {dest: \"{{home}}/seen\", content: \"{{default seen 'nothing'}}\"}}\n    \
         - {name: did, copy: {dest: \"{{home}}/did\", content: \"{{default did 'no'}}\"}}\n",
    );
    project.write("h/a/in", "stop\n");
    project.check().exits(10).has(&["+nothing", "+no"]);
    project.go().exits(0);
    assert_eq!(project.read("h/a/did"), "no");
    project.write("h/a/in", "go\n");
    // The one is known from the look, the other only when the command has run.
    project.check().exits(10).has(&["+go", "what `act` prints"]);
    project.go().exits(0);
    assert_eq!((project.read("h/a/did"), project.read("h/a/seen")), ("acted".into(), "go".into()));
}

#[test]
fn mistakes_in_it_are_found_before_anything_runs() {
    let project = Project::tasks(
        "    - set_fact: {facts: 1, 2x: 3, y: \"{{nowhere}}\"}\n    - set_fact: {}\n    \
         - {name: no typo, copy: {dest: \"{{home}}/{{thing}}\", content: x}}\n    - {set_fact: {thing: a}}\n",
    );
    project.check().exits(20).has(&[
        "the variable `facts` is always in scope",
        "not the name of a variable",
        "`set_fact` sets nothing",
    ]);
    let project = Project::tasks("    - set_fact: {y: \"{{nowhere}}\"}\n");
    project.check().exits(20).has(&["nowhere", "site.yml:3"]);
}

#[test]
fn a_secret_stays_one() {
    let project = Project::tasks(
        "    - {name: look, command: {cmd: echo hunter22, changes: false, secret: true}, register: r}\n    \
         - {name: set, set_fact: {password: \"{{r.stdout}}\"}}\n    \
         - {name: use, copy: {dest: \"{{home}}/pw\", content: \"it is {{password}}\\n\"}}\n",
    );
    project.check().exits(10).lacks(&["hunter22"]);
    project.go().exits(0).lacks(&["hunter22"]);
    assert_eq!(project.read("h/a/pw"), "it is hunter22\n");
}

#[test]
fn handlers_run_where_they_are_flushed_and_again_at_the_end() {
    let log = |what: &str| {
        format!("shell: {{cmd: \"echo {what} >> {{{{home}}}}/log\", touches: [\"{{{{home}}}}/log\"]}}")
    };
    let playbook = format!(
        "- hosts: all\n  tasks:\n    \
         - {{name: one, copy: {{dest: \"{{{{home}}}}/one\", content: \"{{{{default v 1}}}}\"}}, notify: [restart]}}\n    \
         - meta: flush_handlers\n    - {{name: between, {}}}\n    \
         - {{name: two, copy: {{dest: \"{{{{home}}}}/two\", content: \"{{{{default w 1}}}}\"}}, notify: [restart, reload]}}\n  handlers:\n    \
         - {{name: restart, {}}}\n    - {{name: reload, {}}}\n",
        log("between"),
        log("restart"),
        log("reload"),
    );
    let project = Project::local(&["a"], &playbook);
    project.go().exits(0);
    assert_eq!(project.read("h/a/log"), "restart\nbetween\nrestart\nreload\n");
    project.write("h/a/log", "");
    project.apply(&["--yes", "-e", "w=2"]).exits(0);
    assert_eq!(project.read("h/a/log"), "between\nrestart\nreload\n");
}

#[test]
fn a_host_ends_where_it_says_so() {
    let playbook = "- hosts: all\n  tasks:\n    \
         - {name: look, command: {cmd: \"cat {{home}}/in\", changes: false}, register: r}\n    \
         - {name: first, copy: {dest: \"{{home}}/first\", content: x}, notify: told}\n    \
         - {name: enough, meta: end_host, when: eq r.stdout \"stop\"}\n    \
         - {name: second, copy: {dest: \"{{home}}/second\", content: x}}\n  handlers:\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: x}}\n\
         - hosts: all\n  tasks:\n    - {name: next play, copy: {dest: \"{{home}}/next\", content: x}}\n";
    let project = Project::local(&["a", "b"], playbook);
    project.write("h/a/in", "stop\n");
    project.write("h/b/in", "go\n");
    project.go().exits(0);
    let has = |file: &str| project.has(&format!("h/{file}"));
    assert!(has("a/first") && !has("a/second") && has("a/next") && has("a/told"));
    assert!(has("b/first") && has("b/second") && has("b/next"));
    // By a fact, known at once: and whatever is behind is checked offline all the same.
    let project = Project::local(
        &["a"],
        &play("    - meta: end_host\n    - {name: never, copy: {dest: \"{{home}}/never\", content: x}}\n"),
    );
    project.go().exits(0).row("a 1 0 1 0 0 0");
    project.write(
        "site.yml",
        &play("    - meta: end_host\n    - {copy: {dest: \"{{hmoe}}/never\", content: x}}\n"),
    );
    project.check().exits(20).has(&["did you mean `home`?"]);
}

#[test]
fn what_meta_cannot_do_says_what_to_do_instead() {
    let project = Project::tasks(
        "    - meta: end_play\n    - meta: refresh_inventory\n    - meta: flush_handler\n    \
         - {meta: flush_handlers, when: eq 1 1}\n    - {meta: end_host, loop: [1]}\n",
    );
    project.check().exits(20).has(&[
        "`meta: end_play` is not supported",
        "each run looks anew",
        "did you mean `flush_handlers`?",
        "`flush_handlers` cannot depend on a condition",
        "`meta` takes no `loop`",
    ]);
}

#[test]
fn a_play_ends_only_where_end_host_was_come_to_and_for_what_held_then() {
    let copy =
        |name: &str| format!("    - {{name: {name}, copy: {{dest: \"{{{{home}}}}/{name}\", content: x}}}}\n");
    // In a rescue that nothing called for, and behind what failed in a block.
    let tasks =
        "    - block:\n        - {name: fine, command: \"true\"}\n      rescue:\n        - meta: end_host\n"
            .to_string()
            + &copy("one")
            + "    - block:\n        - {name: bad, command: \"false\"}\n        - meta: end_host\n      rescue:\n        - {debug: mended}\n"
            + &copy("two")
            + "    - {name: look, command: {cmd: echo one, changes: false}, register: r}\n    - {meta: end_host, when: eq r.stdout \"two\"}\n    \
           - {name: again, command: {cmd: echo two, changes: false}, register: r}\n"
            + &copy("three");
    let project = Project::tasks(&tasks);
    project.go().exits(0);
    assert!(project.has("h/a/one") && project.has("h/a/two") && project.has("h/a/three"));
    // In a rescue that was called for.
    let tasks =
        "    - block:\n        - {name: bad, command: \"false\"}\n      rescue:\n        - meta: end_host\n"
            .to_string()
            + &copy("never");
    let project = Project::tasks(&tasks);
    project.go().exits(0);
    assert!(!project.has("h/a/never"));
}

#[test]
fn a_handler_sees_what_was_set_where_it_is_flushed() {
    let playbook = "- hosts: all\n  vars: {x: old}\n  tasks:\n    \
         - {name: tell, copy: {dest: \"{{home}}/f\", content: x}, notify: h}\n    - meta: flush_handlers\n    \
         - {set_fact: {x: new}}\n    - {name: more, copy: {dest: \"{{home}}/g\", content: \"{{y}}\"}, notify: h}\n  handlers:\n    \
         - {name: h, set_fact: {y: \"was {{x}}\"}}\n    - {name: log, listen: h, shell: \"echo {{x}} >> {{home}}/log\"}\n";
    let project = Project::local(&["a"], playbook);
    project.go().exits(0);
    assert_eq!((project.read("h/a/log"), project.read("h/a/g")), ("old\nnew\n".into(), "was old".into()));
}
