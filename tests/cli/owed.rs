//! Handlers that a run which was cut off owes: the next one runs them, though all that notified them is as wanted by then.

use crate::{
    project::{Project, Ran, play, until},
    sshd::Sshd,
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// `long` holds up the run until the test lets it go; what it is for is done once it is.
const TASKS: &str = "    - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"a=1\\n\"}, notify: restart}\n    \
     - {name: long, shell: {cmd: \"sleep 120\", creates: \"{{home}}/go\"}}\n  \
     handlers:\n    - {name: restart, shell: \"echo ran >> {{home}}/ran\"}\n";

/// How a handler is told that nothing in this run notifies.
const OWED: &str = "owed since run ";

fn drift(project: &Project) -> Ran {
    project.run(&["drift", "inventory.yml"])
}

/// The books of a local project's agent: what it owes.
fn books(project: &Project) -> Vec<PathBuf> {
    let entries = fs::read_dir(project.path("state/owed")).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().path());
    names.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.')).collect()
}

/// Whether the host is free again: the agent of a run that was cut off has noticed.
fn is_free(project: &Project) -> bool {
    project.write("free.yml", &play("    - meta: noop\n"));
    project.apply(&["--yes", "--playbook", "free.yml"]).code != Some(43)
}

/// A run of [`TASKS`] that is cut off when `conf` is there and its handler has not run.
fn cut_off(project: &Project, home: &Path, cut: impl FnOnce(&crate::project::Running)) {
    let running = project.start(&["--yes"]);
    running.prints("... long");
    cut(&running);
    assert_ne!(running.end().code, Some(0));
    assert!(home.join("conf").exists() && !home.join("ran").exists());
    fs::write(home.join("go"), "").unwrap();
}

/// What a run finds that comes after one that was cut off, and what it leaves.
fn is_run_once(project: &Project, home: &Path) {
    until("the agent of the first run has ended", || is_free(project));
    let check = project.check();
    check.exits(10).has(&["> restart", OWED, "by `conf`", "0 would change, 1 to run"]).lacks(&["~ conf"]);
    let moved = drift(project);
    moved.exits(10).has(&["owed: notified, and not run since\n    > restart  by `conf` in run ", ", 1 owed"]);
    assert!(!home.join("ran").exists(), "neither of them runs it");
    let json = project.run(&["drift", "inventory.yml", "--json"]);
    let events = json.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = events.filter(|event| event["event"] == "host_drift").collect::<Vec<_>>();
    assert_eq!(
        (&told[0]["owed"][0]["handler"], &told[0]["owed"][0]["task"]),
        (&"restart".into(), &"conf".into())
    );
    project.go().exits(0).has(&["changed restart"]).lacks(&["changed conf"]);
    assert_eq!(fs::read_to_string(home.join("ran")).unwrap(), "ran\n");
    // That was it.
    project.check().exits(0).lacks(&[OWED]);
    drift(project).exits(0).lacks(&["owed"]);
    project.go().exits(0).lacks(&["restart"]);
    assert_eq!(fs::read_to_string(home.join("ran")).unwrap(), "ran\n");
}

fn over_ssh(sshd: &Sshd) -> (Project, PathBuf) {
    (Project::ssh(sshd, TASKS), sshd.home("alice").join("work"))
}

#[test]
fn a_killed_controller_leaves_its_handlers_to_the_next_run() {
    let sshd = Sshd::start();
    let (project, home) = over_ssh(&sshd);
    cut_off(&project, &home, |running| running.signal("-KILL"));
    is_run_once(&project, &home);
    let books = sshd.home("alice").join(".local/state/provision-agent/owed");
    let left = fs::read_dir(books).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(left, [".gate"], "where nothing is owed there is no book");
}

#[test]
fn a_link_that_breaks_leaves_its_handlers_to_the_next_run() {
    let sshd = Sshd::start();
    let (project, home) = over_ssh(&sshd);
    // One that is about to start a command is two for a moment.
    cut_off(&project, &home, |_| assert_ne!(sshd.kill_agents(47001), 0));
    is_run_once(&project, &home);
}

#[test]
fn an_interrupt_leaves_its_handlers_to_the_next_run() {
    let sshd = Sshd::start();
    let (project, home) = over_ssh(&sshd);
    cut_off(&project, &home, |running| {
        running.signal("-INT");
        running.prints("stopping:");
        running.signal("-INT");
    });
    is_run_once(&project, &home);
}

#[test]
fn a_handler_that_fails_stays_owed_until_it_has_run() {
    let tasks = "    - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"a=1\\n\"}, notify: [restart, quiet, other]}\n  \
         handlers:\n    - {name: restart, shell: \"test -e {{home}}/go && echo ran >> {{home}}/ran\"}\n    \
         - {name: quiet, command: \"false\", ignore_errors: true}\n    \
         - {name: other, copy: {dest: \"{{home}}/other\", content: x}}\n";
    let project = Project::tasks(tasks);
    project.go().exits(40).has(&["error: a: restart"]);
    // Of the others one has run, and of one the failure is none.
    let check = project.check();
    check.exits(10).has(&["> restart", OWED, "by `conf`"]).lacks(&["> quiet", "other"]);
    project.go().exits(40);
    assert_eq!(books(&project).len(), 1);
    project.write("h/a/go", "");
    project.go().exits(0).has(&["changed restart"]);
    assert_eq!(project.read("h/a/ran"), "ran\n");
    assert_eq!(books(&project), [] as [PathBuf; 0]);
    project.check().exits(0);
}

/// The debt is of the handler, whatever it is notified by: by its name, by `listen`, by another handler, from a task that says itself whether
/// it has changed something.
#[test]
fn whatever_notifies_a_handler_owes_it() {
    let tasks = "    - {name: by name, copy: {dest: \"{{home}}/a\", content: x}, notify: one}\n    \
         - {name: by listen, copy: {dest: \"{{home}}/b\", content: x}, notify: all of them}\n    \
         - {name: says so, shell: {cmd: \"echo changed\", touches: [\"{{home}}/none\"]}, register: said, \
         changed_when: eq said.stdout \"changed\", when: not FINE, notify: five}\n    \
         - {name: says not, command: echo same, register: same, changed_when: eq same.stdout \"changed\", notify: six}\n    \
         - {name: fails, command: \"test -e {{home}}/go\", changed_when: false, notify: six}\n  \
         handlers:\n    - {name: one, command: \"test -e {{home}}/go\"}\n    \
         - {name: two, listen: all of them, command: \"test -e {{home}}/go\"}\n    \
         - {name: three, listen: all of them, command: \"test -e {{home}}/go\"}\n    \
         - {name: five, command: \"test -e {{home}}/go\", notify: four}\n    \
         - {name: four, command: \"true\"}\n    - {name: six, command: \"true\"}\n";
    let project = Project::tasks(&tasks.replace("not FINE", "'true'"));
    project.go().exits(40).lacks(&["changed six"]);
    let project_of = |fine: &str| project.write("site.yml", &play(&tasks.replace("not FINE", fine)));
    project_of("'false'");
    let check = project.check();
    check.has(&["> one", "by `by name`", "> two", "> three", "by `by listen`", "> five", "by `says so`"]);
    check.lacks(&["> six"]);
    project.write("h/a/go", "");
    let ran = project.go();
    ran.exits(0)
        .has(&["changed one", "changed two", "changed three", "changed five"])
        .lacks(&["changed six"]);
    assert_eq!(books(&project), [] as [PathBuf; 0]);
}

/// It runs where its play would have run it, and not before.
#[test]
fn an_owed_handler_runs_at_its_own_place() {
    let tasks = |fails: &str| {
        play(&format!(
            "    - {{name: first, copy: {{dest: \"{{{{home}}}}/first\", content: x}}, notify: restart}}\n    \
             - meta: flush_handlers\n    \
             - {{name: between, shell: \"echo between >> {{{{home}}}}/order\"}}\n    \
             - {{name: second, copy: {{dest: \"{{{{home}}}}/second\", content: x}}, notify: restart}}\n    \
             - {{name: last, shell: \"echo last >> {{{{home}}}}/order\"}}\n  \
             handlers:\n    - {{name: restart, shell: \"{fails}echo restart >> {{{{home}}}}/order\"}}\n"
        ))
    };
    let project = Project::local(&["a"], &tasks(""));
    project.write("h/a/first", "x");
    project.write("site.yml", &tasks("false; exit 1; "));
    // Only the second one notifies it.
    project.go().exits(40);
    assert_eq!(project.read("h/a/order"), "between\nlast\n");
    fs::remove_file(project.path("h/a/order")).unwrap();
    project.write("site.yml", &tasks(""));
    project.check().exits(10).has(&["by `second`", "3 to run"]);
    project.go().exits(0);
    assert_eq!(project.read("h/a/order"), "between\nlast\nrestart\n");
    // Both: each where it is owed.
    for name in ["first", "second", "order"] {
        fs::remove_file(project.path("h/a").join(name)).unwrap();
    }
    project.write("site.yml", &tasks("false; exit 1; "));
    project.go().exits(40);
    let _ = fs::remove_file(project.path("h/a/order"));
    project.write("site.yml", &tasks(""));
    project.go().exits(0);
    assert_eq!(project.read("h/a/order"), "restart\nbetween\nlast\nrestart\n");
    assert_eq!(books(&project), [] as [PathBuf; 0]);
}

#[test]
fn a_handler_of_a_play_that_is_not_in_the_run_stays_owed_and_one_that_is_gone_is_told_once() {
    let site = |handler: &str| {
        format!(
            "- name: web\n  hosts: all\n  tasks:\n    \
             - {{name: conf, tags: web, copy: {{dest: \"{{{{home}}}}/conf\", content: x}}, notify: {handler}}}\n    \
             - {{name: more, tags: more, copy: {{dest: \"{{{{home}}}}/more\", content: x}}}}\n  \
             handlers:\n    - {{name: {handler}, command: \"test -e {{{{home}}}}/go\"}}\n\
             - name: db\n  hosts: all\n  tasks:\n    - {{name: base, tags: db, copy: {{dest: \"{{{{home}}}}/base\", content: x}}}}\n"
        )
    };
    let project = Project::local(&["a"], &site("restart"));
    project.go().exits(40);
    let ran = project.apply(&["--yes", "--tags", "db"]);
    ran.exits(0)
        .has(&["warning: a: `restart` is owed since run ", "stays so: no task of its play is in this run"]);
    // Another playbook has debts of its own, and another host.
    project.write("other.yml", "- hosts: all\n  tasks: [{meta: noop}]\n");
    project.apply(&["--yes", "--playbook", "other.yml"]).exits(0).lacks(&["owed"]);
    // So has one of the same file name, which is taken for this one.
    project.write("more/site.yml", "- name: others\n  hosts: all\n  tasks: [{meta: noop}]\n");
    let ran = project.apply(&["--yes", "--playbook", "more/site.yml"]);
    ran.exits(0).has(&["this playbook has no play `web` with handlers", "and stays so"]);
    let ran = project.apply(&["--check", "--tags", "more"]);
    ran.exits(10).has(&["> restart", OWED]);
    // Renamed: nobody can tell that it is the same.
    project.write("site.yml", &site("reload"));
    project.write("h/a/go", "");
    let gone =
        "the playbook has no such handler for this host any more: it does not run, and an apply forgets it";
    project.check().exits(0).has(&["warning: a: `restart` is owed since run ", gone]);
    drift(&project).exits(10).has(&["> restart  by `conf`"]);
    project.go().exits(0).has(&[gone]);
    project.go().exits(0).lacks(&["owed", "warning"]);
    assert_eq!(books(&project), [] as [PathBuf; 0]);
    drift(&project).exits(0);
}

/// The agent of another user keeps what its own changes owe.
#[test]
fn what_another_user_owes_is_found_and_paid() {
    let sshd = Sshd::start();
    let tasks = "    - {name: conf, become: true, copy: {dest: \"{{home}}/conf\", content: x}, notify: restart}\n    \
         - {name: own, copy: {dest: \"{{home}}/own\", content: x}, notify: restart}\n    \
         - {name: more, copy: {dest: \"{{home}}/more\", content: x}}\n  \
         handlers:\n    - {name: restart, shell: \"test -e {{home}}/go && echo ran >> {{home}}/ran\"}\n";
    let (project, home) = (Project::ssh(&sshd, tasks), sshd.home("alice").join("work"));
    project.go().exits(40);
    let book = |folder: PathBuf| folder.join("owed/web1__site.yml");
    let books = [
        book(sshd.root().join("var/lib/provision-agent")),
        book(sshd.home("alice").join(".local/state/provision-agent")),
    ];
    assert!(books.iter().all(|book| book.exists()), "each keeps its own");
    fs::write(home.join("go"), "").unwrap();
    let ran = project.go();
    ran.exits(0).has(&["changed restart"]);
    assert_eq!(ran.out.matches(OWED).count(), 1, "{}", ran.out);
    assert!(!books.iter().any(|book| book.exists()));
    project.check().exits(0);
}

/// A plan that was made while nothing was owed does not hold any more, and one that shows it does.
#[test]
fn what_is_owed_is_a_part_of_a_saved_plan_and_of_an_explanation() {
    let tasks = "    - {name: conf, copy: {dest: \"{{home}}/conf\", content: x}, notify: restart}\n  \
         handlers:\n    - {name: restart, shell: \"test -e {{home}}/go && echo ran >> {{home}}/ran\"}\n";
    let project = Project::tasks(tasks);
    project.write("h/a/conf", "x");
    project.run(&["plan", "inventory.yml", "-o", "none.plan"]).exits(0);
    fs::remove_file(project.path("h/a/conf")).unwrap();
    project.go().exits(40);
    project.run(&["apply", "none.plan"]).exits(41).has(&["`restart`: now to be run, was skipped"]);
    project.run(&["plan", "inventory.yml", "-o", "owed.plan"]).exits(10).has(&["> restart", OWED]);
    project.run(&["show", "owed.plan"]).exits(0).has(&["> restart", OWED, "by `conf`"]);
    project.run(&["explain", "inventory.yml", "a", "restart"]).has(&["would run", OWED, "by `conf`"]);
    project.write("h/a/go", "");
    project.run(&["apply", "owed.plan"]).exits(0).has(&["changed restart"]);
    assert_eq!(project.read("h/a/ran"), "ran\n");
    project.run(&["apply", "owed.plan"]).exits(41).has(&["`restart`: now skipped", "was to be run"]);
}

/// What is owed is asked for along with the first questions, and told along with the changes.
#[test]
fn it_takes_no_more_round_trips_and_a_run_that_owes_nothing_writes_nothing() {
    let tasks = |notify: &str| {
        format!(
            "    - {{name: conf, copy: {{dest: \"{{{{home}}}}/conf\", content: x}}{notify}}}\n    \
             - {{name: other, copy: {{dest: \"{{{{home}}}}/other\", content: x}}{notify}}}\n  \
             handlers:\n    - {{name: restart, command: \"true\"}}\n"
        )
    };
    let trips = |ran: &Ran| {
        ran.exits(0);
        let finished = ran.out.lines().find(|line| line.contains("host_finished")).unwrap();
        serde_json::from_str::<Value>(finished).unwrap()["round_trips"].as_u64().unwrap()
    };
    let sshd = Sshd::start();
    let project = Project::ssh(&sshd, &tasks(", notify: restart"));
    // The handler is one more that acts.
    project.apply(&["--yes", "--json"]).exits(0);
    let state = sshd.home("alice").join(".local/state/provision-agent");
    fs::remove_dir_all(state.join("owed")).unwrap();
    let same = (0..3).map(|_| trips(&project.apply(&["--yes", "--json"]))).min();
    assert!(!state.join("owed").exists(), "nothing is owed, so nothing is written");
    project.write("site.yml", &play(&tasks("")));
    let bare = (0..3).map(|_| trips(&project.apply(&["--yes", "--json"]))).min();
    assert_eq!(same, bare);
}
