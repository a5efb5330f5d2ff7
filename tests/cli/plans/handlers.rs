//! Handlers that a `rescue` or an `always` notifies, in plans that were saved.

use crate::{project::Project, sshd::Sshd};
use std::{fs, path::PathBuf};

/// `{{home}}/bad` lets the block fail, `{{home}}/worse` its rescue too.
const TASKS: &str = r#"    - name: all of it
      block:
        - {name: works, shell: {cmd: "test ! -e {{home}}/bad", touches: [nothing]}}
        - {name: conf, copy: {dest: "{{home}}/conf", content: "new\n"}, needs: works}
      rescue:
        - {name: mends, copy: {dest: "{{home}}/mended", content: "x\n"}, notify: mended}
        - {name: works too, shell: {cmd: "test ! -e {{home}}/worse", touches: [nothing]}, needs: mends}
      always:
        - {name: cleans, copy: {dest: "{{home}}/clean", content: "x\n"}, notify: cleaned}
        - {name: keeps, copy: {dest: "{{home}}/kept", src: "{{home}}/conf", remote_src: true}, notify: kept}
  handlers:
    - {name: mended, shell: {cmd: "echo mended >> {{home}}/log", touches: ["{{home}}/log"]}}
    - {name: cleaned, shell: {cmd: "test ! -e {{home}}/worst && echo cleaned >> {{home}}/log", touches: ["{{home}}/log"]}}
    - {name: kept, shell: {cmd: "echo kept >> {{home}}/log", touches: ["{{home}}/log"]}}
"#;

struct Host {
    sshd: Sshd,
    project: Project,
}

impl Host {
    fn new() -> Self {
        let sshd = Sshd::start();
        let project = Project::ssh(&sshd, TASKS);
        Self { sshd, project }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.sshd.home("alice").join("work").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
        std::os::unix::fs::chown(self.file(name), Some(47001), Some(47000)).unwrap();
    }

    fn plan(&self) -> crate::project::Ran {
        self.project.run(&["plan", "inventory.yml", "-o", "p.plan"])
    }

    fn apply(&self) -> crate::project::Ran {
        self.project.run(&["apply", "p.plan"])
    }

    /// What the handlers have written, which is empty then.
    fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file("log")).unwrap_or_default();
        let _ = fs::remove_file(self.file("log"));
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn handlers_of_always_are_planned_and_run_as_planned() {
    let host = Host::new();
    host.plan().exits(10).has(&["~ cleans", "> cleaned", "> kept", "! mends", "! mended"]);
    let shown = host.project.run(&["show", "p.plan"]);
    shown.exits(0).has(&["> cleaned", "> kept"]);
    assert!(!host.file("clean").exists(), "it only looks");
    host.apply().exits(0).has(&["changed cleans", "changed cleaned"]).lacks(&["changed mended"]);
    assert_eq!(host.log(), ["cleaned", "kept"]);
    // With nothing to do nobody is notified.
    host.plan().exits(10).lacks(&["> cleaned", "> kept", "~ "]);
    host.apply().exits(0).lacks(&["changed cleaned", "changed kept"]);
    assert_eq!(host.log(), [""; 0]);
}

#[test]
fn a_failure_calls_the_handlers_of_its_rescue_and_those_of_always() {
    let host = Host::new();
    host.write("conf", "old\n");
    host.plan().exits(10);
    host.write("bad", "");
    let rescued = host.apply();
    rescued.exits(0).has(&["changed mends", "changed mended", "changed cleaned", "1 rescued"]);
    assert_eq!(host.log(), ["mended", "cleaned", "kept"]);
    assert_eq!(fs::read_to_string(host.file("kept")).unwrap(), "old\n", "the block has not come to `conf`");
}

/// What `always` changes since its block has failed is shown by no plan, and its handler runs all the same.
#[test]
fn a_handler_is_not_lost_that_only_the_failure_has_notified() {
    let host = Host::new();
    host.write("conf", "old\n");
    host.write("kept", "new\n");
    host.write("clean", "x\n");
    host.plan().exits(10).has(&["~ conf"]).lacks(&["~ keeps", "> kept", "> cleaned"]);
    host.write("bad", "");
    host.apply().exits(0).has(&["changed keeps", "changed kept"]);
    assert_eq!(host.log(), ["mended", "kept"]);
}

/// Where the rescue fails as well the host has failed, and what has been changed is told to its handlers all the same. One that fails is
/// owed, and the next plan has it.
#[test]
fn handlers_of_a_failed_host_run_and_one_that_fails_is_in_the_next_plan() {
    let host = Host::new();
    host.write("conf", "old\n");
    host.plan().exits(10);
    for name in ["bad", "worse", "worst"] {
        host.write(name, "");
    }
    host.apply().exits(40).has(&["changed mends", "changed mended", "changed kept"]);
    assert_eq!(host.log(), ["mended", "kept"]);
    for name in ["bad", "worse", "worst"] {
        fs::remove_file(host.file(name)).unwrap();
    }
    host.plan().exits(10).has(&["~ conf", "> cleaned", "owed since run"]).lacks(&["> mended"]);
    host.apply().exits(0).has(&["changed conf", "changed cleaned"]).lacks(&["changed mended"]);
    assert_eq!(host.log(), ["cleaned", "kept"]);
    host.plan().exits(10).lacks(&["> mended", "> cleaned", "> kept"]);
}
