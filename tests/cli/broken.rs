//! Links that break in the middle of a run, and the run after it.

use crate::{
    exits::PATIENT,
    project::{Project, tree, until},
    sshd::Sshd,
};
use std::fs;

/// A file before and one after the task that is at work when the link breaks.
fn tasks() -> String {
    format!(
        "    - {{name: before, copy: {{dest: \"{{{{home}}}}/before\", content: new}}}}\n{PATIENT}      needs: [before]\n    \
         - {{name: after, copy: {{dest: \"{{{{home}}}}/after\", content: new}}, needs: [patient]}}\n"
    )
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let names = tree(folder).into_keys();
    names.map(|path| path.file_name().unwrap().to_str().unwrap().to_string()).collect()
}

/// Lets `cut` break the link while `patient` runs; the next run must converge.
fn breaks(cut: impl FnOnce(&mut Sshd), mend: impl FnOnce(&mut Sshd)) {
    let mut sshd = Sshd::start();
    let project = Project::ssh(&sshd, &tasks());
    let work = sshd.home("alice").join("work");
    fs::write(work.join("after"), "old").unwrap();
    std::os::unix::fs::chown(work.join("after"), Some(47001), Some(47000)).unwrap();
    let running = project.start(&["--yes"]);
    until("the task is at work", || work.join("begun").exists());
    cut(&mut sshd);
    let ran = running.end();
    ran.exits(30)
        .has(&["error: web1: patient: the link to the agent is lost (site.yml:4:", "web1 changed before"]);
    ran.has(&["web1 blocked after"]).row("web1 0 1 0 1 1 0 unreachable");
    assert_eq!(names(&work), ["after", "before", "begun"], "nothing half written");
    assert_eq!(fs::read_to_string(work.join("after")).unwrap(), "old");
    mend(&mut sshd);
    // It can be done by a next run: the lease died with the agent, and what it started as well.
    fs::write(work.join("go"), "").unwrap();
    until("the next run gets the lease", || !project.check().text().contains("held by another run"));
    let ran = project.go();
    ran.exits(0).has(&["web1 changed patient", "web1 changed after"]).row("web1 1 2 0 0 0 0");
    assert_eq!(names(&work), ["after", "before", "begun", "ended", "go"]);
    assert_eq!(fs::read_to_string(work.join("after")).unwrap(), "new");
    let state = sshd.home("alice").join(".local/state/provision-agent");
    let journals = tree(&state).into_iter().filter(|(path, _)| path.ends_with("journal"));
    let journals: String = journals.map(|(_, file)| String::from_utf8(file.3).unwrap()).collect();
    assert_eq!(journals.matches("\"interrupted\"").count(), 1, "{journals}");
}

/// Lets `cut` break the link while a file is written: its new content is there under another name, and is being checked.
fn breaks_a_write(cut: impl FnOnce(&mut Sshd), mend: impl FnOnce(&mut Sshd)) {
    let mut sshd = Sshd::start();
    let check =
        "sh -c 'touch {{home}}/begun; while ! [ -e {{home}}/go ]; do sleep 0.05; done; test -s $0' {}";
    let project = Project::ssh(
        &sshd,
        &format!(
            "    - {{name: conf, copy: {{dest: \"{{{{home}}}}/conf\", content: \"new\\n\", validate: \"{check}\"}}}}\n"
        ),
    );
    let work = sshd.home("alice").join("work");
    fs::write(work.join("conf"), "old\n").unwrap();
    std::os::unix::fs::chown(work.join("conf"), Some(47001), Some(47000)).unwrap();
    let running = project.start(&["--yes"]);
    until("the new content is checked", || work.join("begun").exists());
    let half = || names(&work).into_iter().filter(|name| !["begun", "conf", "go"].contains(&name.as_str()));
    let temporary: Vec<_> = half().collect();
    assert_eq!(temporary.len(), 1, "{temporary:?}");
    assert_eq!(fs::read_to_string(work.join(&temporary[0])).unwrap(), "new\n");
    cut(&mut sshd);
    running.end().exits(30).has(&["error: web1: conf: the link to the agent is lost (site.yml:3:"]);
    assert_eq!(fs::read_to_string(work.join("conf")).unwrap(), "old\n", "half written");
    mend(&mut sshd);
    fs::write(work.join("go"), "").unwrap();
    until("the next run gets the lease", || !project.check().text().contains("held by another run"));
    assert_eq!(fs::read_to_string(work.join("conf")).unwrap(), "old\n");
    project.go().exits(0).has(&["web1 changed conf"]).row("web1 0 1 0 0 0 0");
    assert_eq!(fs::read_to_string(work.join("conf")).unwrap(), "new\n");
    assert_eq!(half().count(), 0, "a temporary file is left: {:?}", names(&work));
    project.go().exits(0).row("web1 1 0 0 0 0 0");
}

#[test]
fn sshd_is_killed_while_a_file_is_written() {
    breaks_a_write(Sshd::kill, Sshd::restart);
}

#[test]
fn the_agent_is_killed_while_a_file_is_written() {
    breaks_a_write(|sshd| assert_eq!(sshd.kill_agents(47001), 1), |_| ());
}

#[test]
fn sshd_is_killed_while_a_task_runs() {
    breaks(Sshd::kill, Sshd::restart);
}

#[test]
fn the_agent_is_killed_while_a_task_runs() {
    breaks(|sshd| assert_eq!(sshd.kill_agents(47001), 1), |_| ());
}

#[test]
fn the_program_is_killed_and_the_host_is_free_again() {
    let project = Project::tasks(&tasks());
    let running = project.start(&["--yes"]);
    until("the task is at work", || project.has("h/a/begun"));
    running.signal("-KILL");
    assert_eq!(running.end().code, None);
    project.write("h/a/go", "");
    until("the agent ends", || project.go().code != Some(43));
    assert_eq!((project.read("h/a/after"), project.read("h/a/before")), ("new".into(), "new".into()));
    project.go().exits(0);
}

/// What a file tells of a run may be anything: tasks that are not there, and circles.
#[test]
fn a_graph_that_cannot_be_is_drawn_without_what_cannot_be() {
    let copy = |name: &str, more: &str| {
        format!("    - {{name: {name}, copy: {{dest: \"{{{{home}}}}/{name}\", content: x}}{more}}}\n")
    };
    let project = Project::tasks(
        &[copy("one", ""), copy("two", ", needs: [one]"), copy("three", ", needs: [two]")].concat(),
    );
    let ran = project.apply(&["--yes", "--json"]);
    ran.exits(0);
    let edge = |to: usize| format!("\"after\":[{{\"task\":{to}");
    assert!(ran.out.contains(&edge(0)) && ran.out.contains(&edge(1)), "{}", ran.out);
    for wrong in [
        ran.out.replace(&edge(1), &edge(999)),
        ran.out.replace(&edge(0), &edge(2)),
        ran.out.replace(&edge(1), &edge(2)),
    ] {
        project.write("wrong.jsonl", &wrong);
        project.run(&["replay", "wrong.jsonl", "--report", "wrong.html"]).exits(0);
        let page = project.read("wrong.html");
        assert!(["one", "two", "three"].iter().all(|name| page.contains(name)));
    }
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(0);
    let plan = project.read("p.plan");
    let task = "\"task\": 1";
    assert!(plan.contains(task), "{plan}");
    project.write("p.plan", &plan.replace(task, "\"task\": 99999"));
    let shown = project.run(&["show", "p.plan", "--report", "plan.html"]);
    assert!(matches!(shown.code, Some(0 | 20)), "{}", shown.text());
}
