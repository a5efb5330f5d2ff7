//! Keywords that change how a task is done: `check_mode`, `timeout`, `touches`, `ignore_unreachable`, `run_once`, `strategy`.

use crate::project::Project;

#[test]
fn check_mode_tells_and_does_not_act() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  tasks:\n    \
         - {name: would it, copy: {dest: \"{{home}}/file\", content: x}, check_mode: true, register: r, notify: told}\n    \
         - {name: it would, copy: {dest: \"{{home}}/would\", content: y}, when: r.changed}\n  handlers:\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: z}}\n",
    );
    project.check().exits(10).has(&["`check_mode`: would change", "it would"]);
    // It is as the plan shows it: nothing was changed.
    project.go().exits(0).row("a 1 2 0 0 0 0");
    assert!(!project.has("h/a/file") && project.has("h/a/would") && project.has("h/a/told"));
    project.write("h/a/file", "x");
    project.go().exits(0).row("a 1 0 2 0 0 0");
    let project = Project::tasks("    - {command: x, check_mode: false}\n");
    project.check().exits(20).has(&["nothing acts under `--check`", "`changes: false`"]);
}

#[test]
fn a_task_that_takes_too_long_is_ended() {
    let project = Project::tasks(
        "    - {name: slow, shell: {cmd: \"sleep 60; echo done > {{home}}/done\", touches: [nothing]}, timeout: 1}\n    \
         - {name: look, command: {cmd: sleep 60, changes: false}, timeout: \"{{add 0 1}}\", ignore_errors: true}\n    \
         - {name: own, shell: {cmd: \"sleep 2; echo x > {{home}}/own\", timeout: 30, touches: [nothing]}, timeout: 40}\n    \
         - {name: wait, wait_for: {path: \"{{home}}/never\"}, timeout: 1, ignore_errors: true}\n",
    );
    project.go().exits(40).has(&[
        "error: a: slow: `/bin/sh` ran out of time",
        "a changed own",
        "ran out of time after 1 s",
    ]);
    assert!(!project.has("h/a/done") && project.has("h/a/own"));
    let project = Project::tasks("    - {command: x, timeout: soon}\n    - {command: x, timeout: -1}\n");
    project.check().exits(20).has(&["expected a number of seconds"]);
}

#[test]
fn touches_adds_to_the_footprint_of_any_task() {
    let project = Project::tasks(
        "    - {name: first, copy: {dest: \"{{home}}/a\", content: x}, touches: [\"{{home}}/shared\"]}\n    \
         - {name: second, command: {cmd: \"touch {{home}}/b\", creates: \"{{home}}/b\"}, touches: [\"{{home}}/shared\"]}\n    \
         - {name: third, copy: {dest: \"{{home}}/c\", content: x}}\n",
    );
    let graph = project.run(&["graph", "inventory.yml"]);
    graph.exits(0).has(&["shared"]);
    let line = graph.out.lines().find(|line| line.contains("third")).unwrap_or_default().to_string();
    assert!(!line.contains("shared") && !line.contains("everything"), "{}", graph.out);
    project.go().exits(0).row("a 0 3 0 0 0 0");
    let project = Project::tasks("    - {copy: {dest: /x, content: x}, touches: [dokcer]}\n");
    project.check().exits(20).has(&["unknown area `dokcer`", "did you mean `docker`?"]);
}

#[test]
fn a_host_out_of_reach_may_be_no_failure() {
    let task = "- hosts: all\n  ignore_unreachable: true\n  tasks:\n    - {name: one, copy: {dest: \"{{home}}/x\", content: x}}\n";
    let project = Project::local(&["a"], task);
    let inventory = project.read("inventory.yml");
    project.write(
        "inventory.yml",
        &(inventory + "    gone: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}\n"),
    );
    project.go().exits(0).has(&["gone"]);
    assert!(project.has("h/a/x"));
    project.write("site.yml", &task.replace("  ignore_unreachable: true\n", ""));
    project.go().exits(30);
}

fn shared_log(project: &Project) -> Vec<String> {
    project.read("log").lines().map(str::to_string).collect()
}

#[test]
fn one_host_does_it_for_all() {
    let playbook = "- hosts: all\n  tasks:\n    \
         - {name: before, shell: {cmd: \"echo before >> {{home}}/../../log\", touches: [nothing]}}\n    \
         - {name: once, shell: {cmd: \"echo once >> {{home}}/../../log; echo from {{host}}\"}, run_once: true, register: r}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{r.stdout}}\"}}\n";
    let project = Project::local(&["a", "b", "c"], playbook);
    project.check().exits(10).row("b 0 1 1 0 0 1");
    project.go().exits(0);
    // What comes before it has been done on all hosts by then, and all have its result.
    assert_eq!(shared_log(&project), ["before", "before", "before", "once"]);
    for host in ["a", "b", "c"] {
        assert_eq!(project.read(&format!("h/{host}/told")), "from a");
    }
    // By a look, all is known when planning.
    let look = "- hosts: all\n  tasks:\n    \
         - {name: look, command: {cmd: \"cat {{home}}/../../look\", changes: false}, run_once: true, register: r}\n    \
         - {name: facts, set_fact: {x: \"{{r.stdout}}!\"}, run_once: true}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{x}}\"}}\n";
    project.write("site.yml", look);
    project.write("look", "seen\n");
    project.check().exits(10).has(&["+seen!"]).lacks(&["not known"]);
    project.go().exits(0);
    assert_eq!(project.read("h/c/told"), "seen!");
    project.check().exits(0);
}

#[test]
fn a_loop_that_runs_once_has_the_first_hosts_items() {
    let project = Project::local(
        &["a", "b"],
        "- hosts: all\n  tasks:\n    \
         - {name: once, shell: {cmd: \"echo {{item}}\", touches: [nothing]}, loop: \"{{split 'a,x' ','}}\", run_once: true, register: r}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{#each r.results}}{{stdout}} {{/each}}\"}}\n",
    );
    project.go().exits(0);
    assert_eq!((project.read("h/a/told"), project.read("h/b/told")), ("a x ".into(), "a x ".into()));
}

#[test]
fn where_it_fails_once_it_fails_for_all() {
    let playbook = "- hosts: all\n  tasks:\n    \
         - {name: once, shell: exit 3, run_once: true}\n    \
         - {name: behind, copy: {dest: \"{{home}}/behind\", content: x}}\n";
    let project = Project::local(&["a", "b"], playbook);
    project.go().exits(40).has(&["b: once: it failed on `a`, where it runs once", "b blocked behind"]);
    assert!(!project.has("h/b/behind"));
    // A first host that never comes to it.
    project.write(
        "inventory.yml",
        &project.read("inventory.yml").replace(
            "    a:\n",
            "    a: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}\n",
        ),
    );
    project.go().exits(40).has(&["error: b: once: `/bin/sh` exited with 3"]);
    // One that fails before it: the next one does it.
    let project = Project::local(
        &["a", "b"],
        &playbook
            .replace("tasks:\n", "tasks:\n    - {name: bad, shell: \"test {{host}} = b\"}\n")
            .replace("exit 3", "\"true\""),
    );
    project.go().exits(40).has(&["a blocked once", "b changed once"]);
}

#[test]
fn each_batch_does_it_once() {
    let project = Project::local(
        &["a", "b", "c"],
        "- hosts: all\n  serial: 2\n  tasks:\n    \
         - {name: once, shell: \"echo {{host}} >> {{home}}/../../log\", run_once: true}\n",
    );
    project.go().exits(0);
    assert_eq!(shared_log(&project), ["a", "c"]);
}

#[test]
fn in_step_no_host_begins_a_task_before_all_have_done_those_before() {
    let step = |name: &str| {
        format!(
            "    - {{name: {name}, shell: {{cmd: \"sleep 0.$(od -An -N1 -tu1 /dev/urandom | tr -d ' '); echo {name} >> {{{{home}}}}/../../log\", touches: [nothing]}}}}\n"
        )
    };
    let tasks = ["one", "two", "three"].map(step).concat();
    let playbook = format!("- hosts: all\n  strategy: linear\n  tasks:\n{tasks}");
    let project = Project::local(&["a", "b", "c"], &playbook);
    project.apply(&["--yes", "--forks", "2"]).exits(0);
    assert_eq!(shared_log(&project).join(" "), "one one one two two two three three three");
    project.write("site.yml", &playbook.replace("linear", "lineer"));
    project.check().exits(20).has(&["unknown strategy `lineer`", "did you mean `linear`?"]);
    project.write("site.yml", &playbook.replace("name: one,", "name: one, needs: [two],"));
    project.check().exits(20).has(&["with `strategy: linear` a task cannot need a later one"]);
}

#[test]
fn a_command_goes_on_in_the_background_and_is_asked_for_later() {
    let project = Project::tasks(
        "    - {name: start, shell: {cmd: \"sleep 1; echo out; echo done > {{home}}/done\", touches: [nothing]}, async: 60, poll: 0, register: r}\n    \
         - {name: meanwhile, copy: {dest: \"{{home}}/meanwhile\", content: \"{{r.started}}\"}}\n    \
         - {name: wait, async_status: {jid: \"{{r.ansible_job_id}}\"}, register: job, until: job.finished, retries: 60, delay: 1}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{job.rc}} {{job.stdout}}\"}}\n",
    );
    project.check().exits(10).has(&["wait"]);
    project.go().exits(0);
    assert_eq!((project.read("h/a/told"), project.read("h/a/done")), ("0 out".into(), "done\n".into()));
    assert_eq!(project.read("h/a/meanwhile"), "true");
    // One that fails does so where it is asked for.
    let project = Project::tasks(
        "    - {name: start, shell: {cmd: \"echo lost >&2; exit 7\", touches: [nothing]}, async: 60, poll: 0, register: r}\n    \
         - {name: wait, async_status: \"{{r.ansible_job_id}}\", register: job, until: \"default job.finished false\", retries: 9, delay: 1}\n",
    );
    project.go().exits(40).has(&["the job ended with 7: lost"]);
}

#[test]
fn a_job_outlives_a_run_that_was_cut_off_and_the_next_one_takes_it_up() {
    let project = Project::tasks(
        "    - {name: long, shell: {cmd: \"echo begun >> {{home}}/log; sleep 3; echo done >> {{home}}/log; echo told\", touches: [nothing]}, async: 60, poll: 1, register: r}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{r.stdout}}\"}}\n",
    );
    let running = project.start(&["--yes"]);
    crate::project::until("the job begins", || project.has("h/a/log"));
    running.signal("-KILL");
    running.end();
    let ran = project.go();
    ran.exits(0).has(&["a changed told"]);
    // Begun once only: it was waited for, or its end was kept.
    assert_eq!(project.read("h/a/log"), "begun\ndone\n");
    assert_eq!(project.read("h/a/told"), "told");
    // Its end has been told: it is done anew.
    project.go().exits(0);
    assert_eq!(project.read("h/a/log"), "begun\ndone\nbegun\ndone\n");
}

#[test]
fn a_job_that_takes_too_long_is_ended() {
    let project = Project::tasks(
        "    - {name: long, shell: {cmd: \"sleep 60; echo x > {{home}}/x\", touches: [nothing]}, async: 1, poll: 1}\n    \
         - {name: wrong, copy: {dest: /x, content: x}, async: 5}\n    - {name: lonely, command: x, poll: 5}\n",
    );
    project
        .check()
        .exits(20)
        .has(&["`async` is for `command` and `shell`, not for `copy`", "`poll` without `async`"]);
    let project = Project::tasks(
        "    - {name: long, shell: {cmd: \"sleep 60\", touches: [nothing]}, async: 1, poll: 1}\n",
    );
    project.go().exits(40).has(&["ran out of time"]);
}

#[test]
fn where_the_first_host_has_no_part_in_it_the_next_one_does_it() {
    let once = "shell: {cmd: \"echo {{host}} >> {{home}}/../../log\", touches: [nothing]}, run_once: true";
    // The play has ended for it.
    let ended = format!(
        "- hosts: all\n  tasks:\n    - {{meta: end_host, when: eq host \"a\"}}\n    - {{name: once, {once}}}\n"
    );
    let project = Project::local(&["a", "b"], &ended);
    project.go().exits(0);
    assert_eq!(shared_log(&project), ["b"]);
    // A handler that only the second host notifies, with a loop of its own.
    let handler = format!(
        "- hosts: all\n  tasks:\n    - {{name: tell, copy: {{dest: \"{{{{home}}}}/x\", content: x}}, notify: h, when: eq host \"b\"}}\n  handlers:\n    - {{name: h, {once}, loop: \"{{{{split 'x,y' ','}}}}\"}}\n"
    );
    let project = Project::local(&["a", "b"], &handler);
    project.go().exits(0);
    assert_eq!(shared_log(&project), ["b", "b"]);
    // A rescue that only the second host calls for.
    let rescue = format!(
        "- hosts: all\n  tasks:\n    - block:\n        - {{name: bad, shell: {{cmd: \"test {{{{host}}}} = a\", touches: [nothing]}}}}\n      rescue:\n        - {{name: mend, {once}}}\n"
    );
    let project = Project::local(&["a", "b"], &rescue);
    project.go().exits(0);
    assert_eq!(shared_log(&project), ["b"]);
}

#[test]
fn handlers_that_run_once_are_flushed_without_waiting_for_ever() {
    let once = |what: &str| {
        format!(
            "shell: {{cmd: \"echo {what} >> {{{{home}}}}/../../log\", touches: [nothing]}}, run_once: true"
        )
    };
    let playbook = format!(
        "- hosts: all\n  tasks:\n    - {{name: f, copy: {{dest: \"{{{{home}}}}/f\", content: x}}, notify: h}}\n    - meta: flush_handlers\n    \
         - {{name: once, {}}}\n  handlers:\n    - {{name: h, {}}}\n",
        once("once"),
        once("handler"),
    );
    let project = Project::local(&["a", "b"], &playbook);
    project.go().exits(0);
    assert_eq!(shared_log(&project), ["handler", "once"]);
}

#[test]
fn in_step_the_rounds_of_an_include_come_one_after_the_other() {
    let project = Project::local(
        &["a", "b"],
        "- hosts: all\n  strategy: linear\n  tasks: [{include_tasks: f.yml, loop: [x, y]}]\n",
    );
    let step = |name: &str| {
        format!("- {{name: {name}, shell: \"echo {{{{item}}}}{name} >> {{{{home}}}}/../../log\"}}\n")
    };
    project.write("f.yml", &(step("s1") + &step("s2")));
    project.go().exits(0);
    assert_eq!(shared_log(&project).join(" "), "xs1 xs1 xs2 xs2 ys1 ys1 ys2 ys2");
}

#[test]
fn what_was_not_done_for_a_lost_host_is_a_failure_where_it_does_not_say_otherwise() {
    let task = "- hosts: all\n  serial: 1\n  ignore_unreachable: true\n  tasks:\n    - {name: one, copy: {dest: \"{{home}}/x\", content: x}}\n";
    let project = Project::local(&["a"], task);
    let gone = "  hosts:\n    gone: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}\n";
    project.write("inventory.yml", &project.read("inventory.yml").replace("  hosts:\n", gone));
    project.go().exits(0);
    assert!(project.has("h/a/x"), "a forgiven host ends no batch");
    let project = Project::tasks(
        "    - {name: kill, shell: \"kill -9 $PPID; sleep 5\", ignore_unreachable: true}\n    \
         - {name: after, copy: {dest: \"{{home}}/x\", content: x}}\n",
    );
    project.go().exits(30).has(&["a blocked after"]);
    project.write(
        "site.yml",
        &project.read("site.yml").replace("content: x}}", "content: x}, ignore_unreachable: true}"),
    );
    project.go().exits(0);
}

#[test]
fn many_jobs_begin_at_once_and_each_is_its_own() {
    let project = Project::tasks(
        "    - {name: start, shell: {cmd: \"cat >> {{home}}/out\", stdin: \"{{item}}\\n\", touches: [nothing]}, async: 60, poll: 0, loop: \"{{range 1 31}}\", register: r}\n    \
         - {name: wait, async_status: {jid: \"{{r.results.[29].ansible_job_id}}\"}, register: job, until: job.finished, retries: 60, delay: 1}\n    \
         - {name: all, async_status: {jid: \"{{item.ansible_job_id}}\"}, loop: \"{{r.results}}\", register: all, failed_when: \"not (default all.started true)\"}\n",
    );
    project.go().exits(0).lacks(&["at work already"]);
    crate::project::until("all have ended", || project.read("h/a/out").lines().count() == 30);
    let mut lines: Vec<u32> = project.read("h/a/out").lines().map(|line| line.parse().unwrap()).collect();
    lines.sort_unstable();
    assert_eq!(lines, (1..31).collect::<Vec<_>>());
}

#[test]
fn a_job_that_failed_is_not_asked_for_again() {
    let project = Project::tasks(
        "    - {name: start, shell: {cmd: \"exit 7\", touches: [nothing]}, async: 60, poll: 0, register: r}\n    \
         - {name: let it end, command: sleep 1}\n    \
         - {name: wait, async_status: \"{{r.ansible_job_id}}\", register: job, until: job.finished, retries: 100, delay: 30}\n",
    );
    project.go().exits(40).has(&["the job ended with 7"]).lacks(&["try 1"]);
    // One that nobody waits for is no state that could be looked at again.
    let project = Project::tasks(
        "    - {name: start, shell: {cmd: \"touch {{home}}/x\", creates: \"{{home}}/x\", touches: [nothing]}, async: 60, poll: 0}\n",
    );
    project.go().exits(0);
    let project = Project::tasks("    - {command: {cmd: x, changes: false}, async: 5}\n");
    project.check().exits(20).has(&["a command that only looks does not go on in the background"]);
}

#[test]
fn check_mode_makes_up_no_output() {
    let project = Project::tasks(
        "    - {name: no, command: \"false\", check_mode: true, register: r}\n    \
         - {name: behind, copy: {dest: \"{{home}}/x\", content: \"{{r.skipped}} {{defined r.rc}}\"}}\n",
    );
    project.check().exits(10).has(&["+true false"]);
    project.go().exits(0);
    assert_eq!(project.read("h/a/x"), "true false");
}
