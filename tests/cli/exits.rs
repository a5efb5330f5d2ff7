//! The exit codes, each from the thing it stands for.

use crate::{
    project::{Project, until},
    sshd::Sshd,
    terminal::Terminal,
};
use std::fs;

const FILE: &str = "    - {name: motd, copy: {dest: \"{{home}}/motd\", content: \"hello\\n\"}}\n";

#[test]
fn done_and_changes_pending() {
    let project = Project::tasks(FILE);
    project.check().exits(10).has(&["~ motd", "+hello", "a: 1 would change"]).row("a 0 1 0 0 0 0");
    assert!(!project.has("h/a/motd") && !project.has("state"));
    project.go().exits(0).has(&["a changed motd"]).row("a 0 1 0 0 0 0");
    assert_eq!(project.read("h/a/motd"), "hello\n");
    project.go().exits(0).has(&["a: 0 to change", "1 as wanted"]).lacks(&["~ motd"]).row("a 1 0 0 0 0 0");
    project.check().exits(0).row("a 1 0 0 0 0 0");
}

#[test]
fn a_bad_configuration_is_told_at_once_and_touches_nothing() {
    let project = Project::tasks(&format!(
        "{FILE}    - tempalte: {{src: a, dest: /b}}\n    - copy: {{dest: \"{{{{home}}}}/c\", content: \"{{{{nobody}}}}\"}}\n    \
         - {{copy: {{dest: \"{{{{home}}}}/d\", content: x, mode: 0644}}, notify: ghost}}\n",
    ));
    for arguments in [&["--yes"][..], &["--check"], &["--yes", "--json"]] {
        let ran = project.apply(arguments);
        ran.exits(20).has(&[
            "`tempalte`",
            "did you mean `template`?",
            "site.yml:4:7",
            "`nobody`",
            "a mode must be a quoted octal string",
            "no handler `ghost`",
            "4 errors",
        ]);
        assert_eq!(ran.out, "", "errors go to stderr");
    }
    // One after the other is mended.
    let playbook = project.read("site.yml").replace("tempalte: {src: a, dest: /b}", "command: x");
    let handlers = "  handlers:\n    - {name: ghost, command: x}\n";
    project.write("site.yml", &(playbook + handlers));
    let ran = project.go();
    ran.exits(20).has(&["`nobody`", "site.yml:5:", "a mode must be a quoted octal string", "site.yml:6:"]);
    ran.has(&["2 errors"]);
    assert!(project.tree("h/a").is_empty() && !project.has("state"), "something was touched");
}

#[test]
fn nobody_can_be_asked_without_a_terminal() {
    let project = Project::tasks(FILE);
    project.apply(&[]).exits(20).has(&["nobody can be asked", "hint: add `--yes`"]);
    assert!(project.tree("h/a").is_empty());
}

#[test]
fn a_host_that_is_down_does_not_hold_up_another() {
    let project = Project::local(&["a"], &crate::project::play(FILE));
    let inventory = project.read("inventory.yml");
    project.write(
        "inventory.yml",
        &format!(
            "{inventory}    down: {{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}}\n"
        ),
    );
    let ran = project.go();
    ran.exits(30).has(&["error: down: 127.0.0.1 port 1 refuses the connection", "hint: is sshd running"]);
    ran.row("a 0 1 0 0 0 0").row("down 0 0 0 0 0 0 unreachable");
    assert_eq!(project.read("h/a/motd"), "hello\n");
    project.go().exits(30).row("a 1 0 0 0 0 0");
}

/// Packets to it vanish, as behind a firewall that drops them.
#[test]
fn a_host_that_does_not_answer_at_all_is_given_up() {
    let inventory =
        "all:\n  hosts:\n    silent: {ansible_host: 127.0.0.1, ansible_port: 2222, home: /nowhere}\n";
    let project = Project::tasks(FILE);
    project.write("inventory.yml", inventory);
    let script = "ip link set lo up && nft 'add table inet t; \
                  add chain inet t in { type filter hook input priority 0; policy drop; }' && exec \"$0\" \"$@\"";
    let program = env!("CARGO_BIN_EXE_lustores-provision");
    let apply = ["apply", "inventory.yml", "--yes", "--connect-timeout", "1"];
    let words = [&["--net", "--", "sh", "-c", script, program][..], &apply].concat();
    let output = project.in_its_place(std::process::Command::new("unshare"), &words).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(30), "{text}");
    for part in [
        "error: silent: 127.0.0.1 port 2222 does not answer in time",
        "hint: is the host up, and does a firewall let ssh through?",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn another_host_key_is_refused() {
    let sshd = Sshd::start();
    let project = Project::ssh(&sshd, FILE);
    let known = fs::read_to_string(sshd.base.join("known_hosts")).unwrap();
    let other = fs::read_to_string(sshd.base.join("key.pub")).unwrap();
    let (place, _) = known.split_once(' ').unwrap();
    fs::write(sshd.base.join("known_hosts"), format!("{place} {other}")).unwrap();
    let ran = project.go();
    ran.exits(30).has(&["error: web1: the host key is not the one that is known", "ssh-keygen -R"]);
    assert!(sshd.cached("alice").is_empty(), "something was sent to a stranger");
}

/// All that a run without the right to become root could have left on the host.
fn seen(sshd: &Sshd) -> Vec<crate::project::Tree> {
    let folders = ["run/provision-agent", "run/x", "var/cache", "var/lib", "dev/shm"];
    let folders = folders.map(|folder| sshd.root().join(folder)).into_iter();
    let users = ["alice", "carol", "paula"].map(|user| sshd.home(user).join(".cache"));
    folders.chain(users).map(|folder| crate::project::tree(&folder)).collect()
}

#[test]
fn no_sudo_and_sudo_that_refuses() {
    let playbook = "- hosts: all\n  become: true\n  tasks:\n    - copy: {dest: /run/x, content: x}\n";
    let sshd = Sshd::start_with(true);
    let project = Project::ssh(&sshd, "");
    project.write("site.yml", playbook);
    let before = seen(&sshd);
    project.go().exits(30).has(&["error: web1: there is no sudo on the host", "hint: install it"]);
    assert!(seen(&sshd) == before, "something was left on the host");
    drop(sshd);
    let sshd = Sshd::start();
    let project = Project::ssh(&sshd, "");
    project.write("site.yml", playbook);
    project.write(
        "inventory.yml",
        &project
            .read("inventory.yml")
            .replace("alice", "carol")
            .replace(&sshd.home("carol").join("work").display().to_string(), "/nowhere"),
    );
    let before = seen(&sshd);
    project.go().exits(30).has(&[
        "error: web1: sudo wants a password for becoming root",
        "hint: give a become password, or allow the user NOPASSWD in /etc/sudoers.d",
    ]);
    // A password that is not the right one.
    let inventory = project.read("inventory.yml").replace("carol", "paula");
    project.write(
        "inventory.yml",
        &inventory.replace("  hosts:\n", "    ansible_become_password: wrong secret\n  hosts:\n"),
    );
    let ran = project.go();
    ran.exits(30).has(&["error: web1: sudo refuses the password for becoming root", "hint: "]);
    ran.lacks(&["wrong secret"]);
    assert!(seen(&sshd) == before, "something was left on the host");
}

#[test]
fn a_failed_task_shows_where_what_it_printed_and_a_hint() {
    let project = Project::tasks(
        "    - {name: broken, shell: {cmd: \"seq 100; echo so sorry >&2; exit 7\", touches: [nothing]}}\n",
    );
    let ran = project.go();
    ran.exits(40).has(&[
        "error: a: broken: `/bin/sh` exited with 7 (site.yml:3:14)",
        "3 |     - {name: broken, shell:",
        "    | 100\n",
        "    | so sorry\n",
    ]);
    ran.lacks(&["    | 50\n"]).row("a 0 0 0 1 0 0");
    let project = Project::tasks("    - {name: t, copy: {dest: \"{{home}}/no/x\", content: x}}\n");
    project.go().exits(40).has(&["error: a: t: ", "/no does not exist", "site.yml:3:"]);
}

#[test]
fn a_host_that_changed_since_the_plan_is_left_alone() {
    let project = Project::tasks(FILE);
    project.write("h/a/motd", "old\n");
    let mut terminal = Terminal::start(&project, &["apply", "inventory.yml"]);
    terminal.shows("make 1 change? [y/N]");
    project.write("h/a/motd", "somebody else's\n");
    terminal.types("y\r");
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(41), "{screen}");
    assert!(screen.contains("error: a: motd: the host changed since the plan"), "{screen}");
    assert!(screen.contains("h/a/motd") && screen.contains("hint: plan again"), "{screen}");
    assert_eq!(project.read("h/a/motd"), "somebody else's\n");
    project.go().exits(0);
    assert_eq!(project.read("h/a/motd"), "hello\n");
}

/// `ignore_errors` is about what the task itself comes to, not about a plan that does not hold any more.
#[test]
fn a_host_that_changed_since_the_plan_is_no_error_to_ignore() {
    let project = Project::tasks(
        "    - {name: motd, copy: {dest: \"{{home}}/motd\", content: \"hello\\n\"}, ignore_errors: true, register: motd}\n    \
         - {name: behind, copy: {dest: \"{{home}}/behind\", content: x}, needs: [motd]}\n    \
         - block:\n        - {name: inner, copy: {dest: \"{{home}}/inner\", content: x}, ignore_errors: true}\n      \
         rescue:\n        - {name: rescue, copy: {dest: \"{{home}}/rescue\", content: x}}\n    \
         - {name: fails, command: {cmd: \"false\", touches: [nothing]}, ignore_errors: true}\n    \
         - {name: goes on, copy: {dest: \"{{home}}/on\", content: x}, needs: [fails]}\n",
    );
    for name in ["motd", "inner"] {
        project.write(&format!("h/a/{name}"), "old\n");
    }
    let mut terminal = Terminal::start(&project, &["apply", "inventory.yml"]);
    terminal.shows("[y/N]");
    for name in ["motd", "inner"] {
        project.write(&format!("h/a/{name}"), "somebody else's\n");
    }
    terminal.types("y\r");
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(41), "{screen}");
    for name in ["motd", "inner"] {
        assert!(screen.contains(&format!("error: a: {name}: the host changed since the plan")), "{screen}");
        assert_eq!(project.read(&format!("h/a/{name}")), "somebody else's\n");
    }
    // What depends on it is not done, nor does a rescue put it right; what the task itself comes to is ignored as ever.
    assert!(!project.has("h/a/behind") && !project.has("h/a/rescue"), "{screen}");
    assert!(screen.contains("blocked behind") && project.has("h/a/on"), "{screen}");
    project.go().exits(0);
    assert_eq!(project.read("h/a/motd"), "hello\n");
}

#[test]
fn a_registered_result_is_no_leave_to_do_what_was_not_approved() {
    let copy = |name: &str, more: &str| {
        format!("    - {{name: {name}, copy: {{dest: \"{{{{home}}}}/{name}\", content: new}}, {more}}}\n")
    };
    let tasks = [
        "    - {name: looks, shell: {cmd: \"echo yes\", touches: [nothing], changes: false}, register: looked}\n",
        "    - {name: does, shell: {cmd: \"true\", touches: [nothing]}, register: done}\n",
        &copy("plain", "needs: [looks]"),
        &copy("kept", "needs: [looks]"),
        &copy("reads", "when: eq looked.stdout \"yes\""),
        &copy("follows", "when: done.changed"),
    ];
    let project = Project::tasks(&tasks.concat());
    project.write("h/a/kept", "new");
    let mut terminal = Terminal::start(&project, &["apply", "inventory.yml"]);
    terminal.shows("[y/N]");
    for name in ["plain", "kept", "reads", "follows"] {
        project.write(&format!("h/a/{name}"), "somebody else's");
    }
    terminal.types("y\r");
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(41), "{screen}");
    for name in ["plain", "reads", "follows"] {
        assert!(screen.contains(&format!("error: a: {name}: the host changed since the plan")), "{screen}");
    }
    for name in ["plain", "kept", "reads", "follows"] {
        assert_eq!(project.read(&format!("h/a/{name}")), "somebody else's", "{name}");
    }
    project.go().exits(0);
    assert_eq!(project.read("h/a/follows"), "new");
}

#[test]
fn what_does_not_stay_as_it_was_made_has_not_converged() {
    let project = Project::tasks(
        "    - name: formatted\n      copy: {dest: \"{{home}}/x\", content: \"a\\n\", validate: \"sh -c 'echo b >> {}'\"}\n",
    );
    let ran = project.go();
    ran.exits(42).has(&["error: a: formatted: did not converge", "site.yml:3:", "cause: content", "-b"]);
    ran.row("a 0 0 0 1 0 0");
    let project = Project::tasks(
        "    - {name: never, command: {cmd: \"true\", creates: \"{{home}}/never\", touches: [nothing]}}\n",
    );
    project.go().exits(42).has(&["error: a: never: did not converge"]);
}

/// A task that is at work until the test lets it go on.
pub const PATIENT: &str = "    - name: patient\n      shell:\n        \
    cmd: \"echo begun; touch {{home}}/begun; while ! [ -e {{home}}/go ]; do sleep 0.05; done; touch {{home}}/ended\"\n        \
    touches: [\"{{home}}/ended\"]\n";

#[test]
fn one_run_at_a_time_and_the_other_is_told_who() {
    let project = Project::tasks(PATIENT);
    let first = project.start(&["--yes"]);
    until("the first run acts", || project.has("h/a/begun"));
    let second = project.go();
    second.exits(43).has(&["error: a: held by another run of tester@", &format!("(pid {})", first.pid())]);
    second.has(&["cause: since ", "hint: wait for it to end"]);
    project.check().exits(10).lacks(&["held"]);
    project.write("h/a/go", "");
    first.end().exits(0);
    project.go().exits(0);
}

#[test]
fn an_interrupt_lets_the_task_end_and_starts_none() {
    let tasks = format!(
        "{PATIENT}    - {{name: next, copy: {{dest: \"{{{{home}}}}/next\", content: x}}, needs: [patient]}}\n"
    );
    let project = Project::tasks(&tasks);
    let running = project.start(&["--yes"]);
    until("it is at work", || project.has("h/a/begun"));
    running.signal("-INT");
    running.prints("stopping: tasks that run are finished, no new one is started");
    assert!(!project.has("h/a/ended"));
    project.write("h/a/go", "");
    running.end().exits(130).has(&["a changed patient", "a blocked next"]).row("a 0 1 0 0 1 0");
    assert!(project.has("h/a/ended") && !project.has("h/a/next"));
    project.go().exits(0);
    assert!(project.has("h/a/next"));
}

#[test]
fn a_second_interrupt_ends_at_once_with_what_was_started() {
    let project = Project::tasks(
        "    - {name: endless, shell: {cmd: \"echo $$ > {{home}}/pid; echo begun; sleep 1000\", touches: [nothing]}}\n",
    );
    let running = project.start(&["--yes"]);
    running.prints("    begun");
    running.signal("-INT");
    running.prints("stopping");
    running.signal("-TERM");
    running.end().exits(130);
    let pid = project.read("h/a/pid");
    until("the command ends with its agent", || {
        !std::path::Path::new(&format!("/proc/{}", pid.trim())).exists()
    });
    project.check().exits(10);
}
