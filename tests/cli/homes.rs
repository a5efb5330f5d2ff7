//! What a task finds in the home of whoever does it is there before it.

use crate::{
    project::{Project, play},
    sshd::Sshd,
};
use std::process::Command;

/// A repository of alice's, behind an address that only her own settings of git make a path.
fn repository(sshd: &Sshd) -> String {
    let path = sshd.base.join("site.git");
    let script = "
        git init -q --bare -b main \"$1\" && git clone -q \"$1\" \"$1.work\" 2>/dev/null && cd \"$1.work\"
        echo hello >page && git add page
        git -c user.name=x -c user.email=x@x commit -q -m one && git push -q origin HEAD:main && chown -R 47001:47000 \"$1\"";
    crate::sshd::run(Command::new("sh").args(["-ec", script, "sh"]).arg(&path));
    format!("[url \"file://{}\"]\n\tinsteadOf = https://git.example/site.git\n", path.display())
}

fn checkout(sshd: &Sshd, settings: &str, keywords: &str) -> Project {
    let home = sshd.home("alice");
    let settings = serde_json::to_string(settings).unwrap();
    Project::ssh_as(
        sshd,
        "alice",
        &home,
        &play(&format!(
            "    - {{name: settings, copy: {{dest: \"{{{{home}}}}/.gitconfig\", content: {settings}}}}}\n    \
             - {{name: site, git: {{repo: \"https://git.example/site.git\", dest: \"{{{{home}}}}/site\"}}{keywords}}}\n"
        )),
    )
}

#[test]
fn a_checkout_waits_for_the_settings_in_the_home_of_whoever_makes_it() {
    let sshd = Sshd::start();
    let settings = repository(&sshd);
    // As who logs in, and as who is become; no name says where this home is.
    let page = sshd.home("alice").join("site/page");
    for keywords in ["", ", become: true, become_user: alice"] {
        let project = checkout(&sshd, &settings, keywords);
        project.check().exits(10).has(&["? site", "after: settings"]);
        project.go().exits(0);
        assert_eq!(std::fs::read_to_string(&page).unwrap(), "hello\n", "{keywords}");
        project.check().exits(0);
        std::fs::remove_dir_all(sshd.home("alice").join("site")).unwrap();
        std::fs::remove_file(sshd.home("alice").join(".gitconfig")).unwrap();
    }
}

#[test]
fn a_checkout_waits_for_the_account_and_its_home() {
    let tasks = "    - {name: account, user: {name: deploy, home: /srv/deploy}}\n    \
         - {name: its home, file: {path: /home/other, state: directory}}\n    \
         - {name: elsewhere, copy: {dest: /srv/else/x, content: x}}\n    \
         - {name: site, git: {repo: \"https://git.example/a.git\", dest: /srv/site}, become: true, become_user: deploy}\n";
    let project = Project::tasks(tasks);
    let graph = project.run(&["graph", "inventory.yml", "--format", "dot"]);
    graph.exits(0).has(&["accounts", "/home"]);
    let edges: Vec<_> = graph.out.lines().filter(|line| line.contains("->")).collect();
    assert_eq!(edges.len(), 2, "{}", graph.out);
}
