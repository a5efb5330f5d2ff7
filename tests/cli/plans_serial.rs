//! Saved plans for hosts that go in batches (`serial`), or that one does something for (`run_once`): three hosts, each behind a real
//! sshd of its own.

use crate::{
    project::{Project, Ran},
    sshd::Sshd,
};
use std::{fs, path::PathBuf};

/// `web1`, `web2` and `web3`.
struct Fleet {
    project: Project,
    sshds: Vec<Sshd>,
}

impl Fleet {
    /// `{{log}}` is a file that all hosts see.
    fn new(play: &str) -> Self {
        let sshds = [(); 3].map(|()| Sshd::start());
        let project = Project::fleet(&sshds, play);
        let log = sshds[0].home("alice").join("log");
        project.write("group_vars/all.yml", &format!("log: {}\n", log.display()));
        Self { project, sshds: sshds.into() }
    }

    fn file(&self, host: usize, name: &str) -> PathBuf {
        self.sshds[host - 1].home("alice").join("work").join(name)
    }

    fn has(&self, name: &str) -> [bool; 3] {
        [1, 2, 3].map(|host| self.file(host, name).exists())
    }

    fn read(&self, name: &str) -> [String; 3] {
        [1, 2, 3].map(|host| fs::read_to_string(self.file(host, name)).unwrap_or_default())
    }

    /// What the hosts have written to `{{log}}`, which is empty then.
    fn log(&self) -> Vec<String> {
        let path = self.sshds[0].home("alice").join("log");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.lines().map(str::to_owned).collect()
    }

    fn plan(&self, more: &[&str]) -> Ran {
        self.project.run(&[&["plan", "inventory.yml", "-o", "p.plan"], more].concat())
    }

    fn apply(&self) -> Ran {
        self.project.run(&["apply", "p.plan"])
    }
}

const IN_BATCHES: &str = "- hosts: all\n  serial: 1\n  tasks:\n    \
     - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"a=1\\n\"}}\n    \
     - {name: works, shell: {cmd: \"echo {{host}} >> {{log}}; test ! -e {{home}}/bad\", touches: [nothing]}, needs: conf}\n";

#[test]
fn a_saved_plan_goes_in_its_batches() {
    let fleet = Fleet::new(IN_BATCHES);
    fleet.plan(&[]).exits(10).has(&["~ conf", "> works"]);
    assert_eq!((fleet.has("conf"), fleet.log()), ([false; 3], vec![]), "it only looks");
    let ran = fleet.apply();
    ran.exits(0).has(&["batch 1 of 3: web1\n", "batch 2 of 3: web2\n", "batch 3 of 3: web3\n"]);
    assert_eq!(
        (fleet.has("conf"), fleet.log()),
        ([true; 3], ["web1", "web2", "web3"].map(Into::into).into())
    );

    // Some of the hosts, also in batches.
    fs::write(fleet.file(2, "conf"), "a=0\n").unwrap();
    fs::write(fleet.file(3, "conf"), "a=0\n").unwrap();
    fleet.plan(&["--limit", "web2,web3"]).exits(10);
    let ran = fleet.apply();
    ran.exits(0).has(&["batch 1 of 2: web2\n", "batch 2 of 2: web3\n"]).lacks(&["web1"]);
    assert_eq!(fleet.log(), ["web2", "web3"]);
    // Whoever changes the batches has to plan again.
    fleet.plan(&[]).exits(10);
    fleet.project.write("site.yml", &IN_BATCHES.replace("serial: 1", "serial: 2"));
    fleet.apply().exits(20).has(&["site.yml has changed since the plan was made"]);
    assert_eq!(fleet.log(), [""; 0]);
}

/// One that is to come last is held against the plan before the first one begins.
#[test]
fn a_host_of_a_later_batch_that_has_moved_keeps_all_from_beginning() {
    let fleet = Fleet::new(IN_BATCHES);
    fleet.plan(&[]).exits(10);
    fs::write(fleet.file(3, "conf"), "a=7\n").unwrap();
    let moved = fleet.apply();
    moved.exits(41).has(&[
        "error: web3: it is not as it was when the plan was made: nothing is done",
        "`conf` (path:",
        "work/conf): type is not changed now, and was",
    ]);
    moved.lacks(&["error: web1", "error: web2", "batch 1", "changed conf"]);
    assert_eq!((fleet.has("conf"), fleet.log()), ([false, false, true], vec![]));
    assert_eq!(fs::read_to_string(fleet.file(3, "conf")).unwrap(), "a=7\n");
    fs::remove_file(fleet.file(3, "conf")).unwrap();
    fleet.apply().exits(0);
}

/// What moves once the run is under way is seen where it is due, and no host behind it begins.
#[test]
fn a_host_that_moves_while_batches_before_it_are_at_work_is_not_changed() {
    let fleet = Fleet::new(IN_BATCHES);
    // The first one writes into the second one's file.
    let other = fleet.file(2, "conf").display().to_string();
    let moves = format!(
        "    - {{name: moves, shell: {{cmd: \"test {{{{host}}}} != web1 || echo a=9 > {other}\", touches: [nothing]}}}}\n"
    );
    fleet.project.write("site.yml", &(IN_BATCHES.to_owned() + &moves));
    fleet.plan(&[]).exits(10);
    let moved = fleet.apply();
    moved.exits(41).has(&["error: web2: conf: the host changed since the plan", "1 more is left as it is"]);
    assert_eq!(fleet.read("conf"), ["a=1\n", "a=9\n", ""]);
    assert_eq!(fleet.log(), ["web1"]);
    moved.row("web1 0 3 0 0 0 0").row("web3 0 0 0 0 3 0");
}

#[test]
fn what_a_failed_batch_leaves_wants_another_plan() {
    let fleet = Fleet::new(IN_BATCHES);
    fs::write(fleet.file(2, "bad"), "").unwrap();
    fleet.plan(&[]).exits(10);
    let failed = fleet.apply();
    failed.exits(40).has(&["1 of 1 hosts of this batch failed: 1 more is left as it is"]);
    assert_eq!(fleet.has("conf"), [true, true, false]);
    assert_eq!(fleet.log(), ["web1", "web2"]);
    fs::remove_file(fleet.file(2, "bad")).unwrap();
    // The first two are not as they were; the third one is.
    let again = fleet.apply();
    again.exits(41).has(&["error: web1: it is not as it was", "error: web2: it is not as it was"]);
    again.has(&["now nothing to do, was a change"]).lacks(&["error: web3"]);
    assert!(!fleet.file(3, "conf").exists());
    fleet.project.run(&["plan", "--refresh", "p.plan"]).exits(10).has(&["now nothing to do, was a change"]);
    fleet.apply().exits(0);
    assert_eq!(fleet.has("conf"), [true; 3]);
}

#[test]
fn what_one_host_does_for_all_is_done_as_it_was_planned() {
    let fleet = Fleet::new(
        "- hosts: all\n  tasks:\n    \
         - {name: own, copy: {dest: \"{{home}}/own\", content: \"{{host}}\"}}\n    \
         - {name: once, shell: {cmd: \"echo {{host}} >> {{log}}; echo from {{host}}\", touches: [nothing]}, run_once: true, register: r}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{r.stdout}}\"}}\n",
    );
    let planned = fleet.plan(&[]);
    planned.exits(10).has(&["> once", "? told", "~ own"]);
    assert_eq!(fleet.log(), [""; 0]);
    fleet.project.run(&["show", "p.plan"]).exits(0).has(&["> once", "? told", "~ own"]);
    // One of the others has moved: the first one does nothing for anybody.
    fs::write(fleet.file(3, "own"), "mine").unwrap();
    fleet
        .apply()
        .exits(41)
        .has(&["error: web3: it is not as it was", "`own` (path:"])
        .lacks(&["changed once"]);
    assert_eq!((fleet.log(), fleet.has("told")), (vec![], [false; 3]));
    fs::remove_file(fleet.file(3, "own")).unwrap();
    let ran = fleet.apply();
    ran.exits(0).row("web1 0 3 0 0 0 0").row("web2 1 2 0 0 0 0").row("web3 1 2 0 0 0 0");
    assert_eq!(fleet.log(), ["web1"]);
    assert_eq!(fleet.read("told"), ["from web1"; 3]);
    // Without the first one another host would do it: a plan is for all of its hosts.
    fleet.plan(&[]).exits(10);
    let inventory = fleet.project.read("inventory.yml");
    let port = format!("ansible_port: {}", fleet.sshds[0].port);
    fleet.project.write("inventory.yml", &inventory.replace(&port, "ansible_port: 1"));
    fleet.apply().exits(20).has(&["inventory.yml has changed since the plan was made"]);
    fleet.project.write("inventory.yml", &inventory);
    fleet.apply().exits(0);
    assert_eq!(fleet.log(), ["web1"]);
}

/// What the first host has seen for all decides what is done on each: another answer is another plan.
#[test]
fn what_one_host_sees_for_all_is_held_against_the_plan_on_each() {
    let fleet = Fleet::new(
        "- hosts: all\n  tasks:\n    \
         - {name: look, command: {cmd: \"cat {{log}}\", changes: false}, run_once: true, register: r}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{r.stdout}}!\\n\", mode: \"0644\"}}\n",
    );
    let log = fleet.sshds[0].home("alice").join("log");
    fs::write(&log, "seen\n").unwrap();
    fleet.plan(&[]).exits(10).has(&["+seen!"]).lacks(&["? told"]);
    fs::write(&log, "other\n").unwrap();
    let moved = fleet.apply();
    moved.exits(41).has(&["content is to be `other!` in line 1, was to be `seen!`"]);
    moved.has(&["error: web1: it is not", "error: web2: it is not", "error: web3: it is not"]);
    assert_eq!(fleet.has("told"), [false; 3]);
    fs::write(&log, "seen\n").unwrap();
    fleet.apply().exits(0);
    assert_eq!(fleet.read("told"), ["seen!\n"; 3]);
}

#[test]
fn each_batch_of_a_saved_plan_has_a_first_host_of_its_own() {
    let fleet = Fleet::new(
        "- hosts: all\n  serial: 2\n  tasks:\n    \
         - {name: once, shell: {cmd: \"echo {{host}} >> {{log}}; echo from {{host}}\", touches: [nothing]}, run_once: true, register: r}\n    \
         - {name: told, copy: {dest: \"{{home}}/told\", content: \"{{r.stdout}}\"}}\n",
    );
    fleet.plan(&[]).exits(10);
    fleet.apply().exits(0).has(&["batch 1 of 2: web1, web2\n", "batch 2 of 2: web3\n"]);
    assert_eq!(fleet.log(), ["web1", "web3"]);
    assert_eq!(fleet.read("told"), ["from web1", "from web1", "from web3"]);
}

/// A host that is gone when the plan is to be carried out keeps all batches from beginning.
#[test]
fn a_host_out_of_reach_keeps_all_batches_from_beginning() {
    let mut fleet = Fleet::new(IN_BATCHES);
    fleet.plan(&["--fresh"]).exits(10);
    fleet.sshds[2].kill();
    let gone = fleet.project.run(&["apply", "p.plan", "--fresh"]);
    gone.exits(30)
        .has(&["nothing is done: the saved plan is for all of its hosts"])
        .lacks(&["batch 1", "changed conf"]);
    assert_eq!((fleet.has("conf"), fleet.log()), ([false; 3], vec![]));
    fleet.sshds[2].restart();
    fleet.project.run(&["apply", "p.plan", "--fresh"]).exits(0);
    assert_eq!(fleet.log(), ["web1", "web2", "web3"]);
}
