//! Tasks that are done as a user whom the same run makes.

use crate::{
    project::{Project, play},
    sshd::Sshd,
};
use std::{fs, path::PathBuf};

/// A host on which `useradd` can make users: with files of accounts that can be replaced, as on any host.
fn host() -> Sshd {
    Sshd::start_as(
        "mkdir -m 755 $BASE/whole-etc $BASE/srv; cp -a /etc/. $BASE/whole-etc/; mount --bind $BASE/whole-etc /etc\n",
    )
}

fn tasks(sshd: &Sshd, first: &str) -> String {
    let srv = sshd.base.join("srv").display().to_string();
    format!(
        "{first}    - {{name: own, become: true, become_user: lately, copy: {{dest: \"{srv}/lately/own\", content: \"x\\n\"}}}}\n    \
         - {{name: whoami, become: true, become_user: lately, shell: {{cmd: \"id -un > {srv}/lately/who\", touches: [\"{srv}/lately/who\"]}}}}\n    \
         - {{name: free, copy: {{dest: \"{{{{home}}}}/free\", content: x}}}}\n"
    )
}

fn user(sshd: &Sshd) -> String {
    let home = sshd.base.join("srv/lately").display().to_string();
    format!("    - {{name: account, become: true, user: {{name: lately, home: {home}, shell: /bin/sh}}}}\n")
}

fn owner(path: PathBuf) -> String {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map(|meta| meta.uid().to_string()).unwrap_or_default()
}

#[test]
fn a_task_is_done_as_a_user_whom_an_earlier_one_makes() {
    let sshd = host();
    let (home, free) = (sshd.base.join("srv/lately"), sshd.home("alice").join("work/free"));
    let project = Project::ssh(&sshd, &tasks(&sshd, &user(&sshd)));
    let yet = "not knowable yet: there is no user `lately` yet, as whom it is done";
    project.check().exits(10).has(&["~ account", "? own", "? whoami", yet, "after: account", "~ free"]);
    assert!(!home.exists() && !free.exists());
    project.run(&["drift", "inventory.yml"]).exits(10).has(&["+ account", "2 not knowable"]);
    project.go().exits(0).has(&["changed account", "changed own", "changed whoami", "changed free"]);
    assert_eq!(fs::read_to_string(home.join("who")).unwrap(), "lately\n");
    assert_eq!(fs::read_to_string(home.join("own")).unwrap(), "x\n");
    assert_eq!(owner(home.join("own")), owner(home.clone()));
    assert!(free.exists());
    // From then on they are as any user.
    project.check().exits(10).has(&["> whoami", "0 not knowable yet"]).lacks(&["? own", "~ own"]);
    project.run(&["drift", "inventory.yml"]).exits(0).has(&["web1: since run "]);
    project.go().exits(0).lacks(&["changed own"]);
}

/// Also where nearly all is done as that user, so that theirs is the link with which a run begins.
#[test]
fn a_run_begins_as_somebody_else_where_its_user_is_not_there_yet() {
    let sshd = host();
    let home = sshd.base.join("srv/lately");
    let playbook = tasks(&sshd, &user(&sshd))
        .replace("- {name: free, copy", "- {name: free, become: true, become_user: lately, copy");
    let project =
        Project::ssh(&sshd, &playbook.replace("{{home}}/free", &home.join("free").display().to_string()));
    project.check().exits(10).has(&["~ account", "? own", "? free"]);
    project.go().exits(0).has(&["changed account", "changed own", "changed free"]);
    assert!(home.join("free").exists());
    project.check().exits(10).has(&["0 would change, 1 to run"]);
}

#[test]
fn a_user_whom_nothing_makes_is_an_error_of_the_task() {
    let sshd = host();
    let none = "there is no user `lately` on the host, as whom it is done";
    let other = user(&sshd).replace("name: lately", "name: another");
    for first in ["", &other] {
        let project = Project::ssh(&sshd, &tasks(&sshd, first));
        for ran in [project.check(), project.go()] {
            ran.exits(40).has(&[&format!("error: web1: own: {none}"), "site.yml:", "user: {name: lately}"]);
        }
        assert!(!sshd.home("alice").join("work/free").exists(), "nothing is done");
    }
    // What may make them and does not: the task that needs them fails, and nothing else.
    let tasks =
        tasks(&sshd, "    - {name: hope, become: true, command: {cmd: \"true\", touches: [accounts]}}\n");
    let project = Project::ssh(&sshd, &tasks);
    project.check().exits(10).has(&["> hope", "? own", "~ free"]);
    let ran = project.go();
    ran.exits(40).has(&[
        "error: web1: own: sudo cannot become lately (site.yml:4:",
        "unknown user",
        "changed free",
    ]);
    // Somebody who is there and must not be become is told as ever.
    let sudoers = sshd.base.join("whole-etc/sudoers");
    let text = fs::read_to_string(&sudoers).unwrap().replace("alice ALL=(ALL)", "alice ALL=(root)");
    fs::write(&sudoers, text).unwrap();
    let playbook = play(
        "    - {name: a, become: true, command: \"true\"}\n    - {name: b, become: true, become_user: carol, command: \"true\"}\n",
    );
    project.write("site.yml", &playbook);
    project.go().exits(30).has(&["error: web1: "]).lacks(&["there is no user"]);
}

/// What such a task owes is kept by its own agent.
#[test]
fn what_a_late_user_owes_is_kept() {
    let sshd = host();
    let handlers = "  handlers:\n    - {name: restart, command: \"test -e {{home}}/go\"}\n";
    let tasks =
        tasks(&sshd, &user(&sshd)).replace("content: \"x\\n\"}}", "content: \"x\\n\"}, notify: restart}");
    let project = Project::ssh(&sshd, &(tasks + handlers));
    project.go().exits(40).has(&["changed own", "error: web1: restart"]);
    fs::write(sshd.home("alice").join("work/go"), "").unwrap();
    project.go().exits(0).has(&["owed since run ", "by `own`", "changed restart"]);
    project.check().exits(10).lacks(&["restart"]);
}
