//! Disks that are full or must not be written to.

use crate::project::{Project, play};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A mount namespace in which a tmpfs lies over a folder, for as long as this lives.
struct Mounted {
    holder: Child,
    over: PathBuf,
}

impl Mounted {
    fn new(project: &Project, host: &str, options: &str, fill: &str) -> Self {
        let over = project.home(host);
        let script = format!(
            "mount -t tmpfs -o {options} tmpfs \"$1\" && cd \"$1\" && {fill} && echo ready && exec cat"
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"]).arg(&over);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let inventory = project.read("inventory.yml");
        let enter = format!("{{connection_command: [nsenter, \"--mount=/proc/{}/ns/mnt\"]}}", holder.id());
        project.write(
            "inventory.yml",
            &inventory.replace(&format!("    {host}:\n"), &format!("    {host}: {enter}\n")),
        );
        Self { holder, over }
    }

    fn path(&self, name: &str) -> PathBuf {
        let over = self.over.strip_prefix("/").unwrap();
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(over).join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn tasks() -> String {
    let big = "0123456789abcdef".repeat(8192);
    play(&format!(
        "    - {{name: big, copy: {{dest: \"{{{{home}}}}/big\", content: {big}}}}}\n    \
         - {{name: small, copy: {{dest: \"{{{{home}}}}/small\", content: new}}}}\n"
    ))
}

#[test]
fn a_full_disk_is_named_and_what_was_there_stays() {
    let project = Project::local(&["a", "b"], &tasks());
    let disk = Mounted::new(&project, "a", "size=64k", "printf old > big");
    let ran = project.go();
    ran.exits(40).has(&["error: a: big: cannot write ", "/h/a/big: no space left", "(site.yml:3:"]);
    ran.row("a 0 1 0 1 0 0").row("b 0 2 0 0 0 0");
    assert_eq!(fs::read_to_string(disk.path("big")).unwrap(), "old");
    assert_eq!(fs::read_to_string(disk.path("small")).unwrap(), "new");
    assert_eq!(disk.names(), ["big", "small"], "nothing half written is left");
    assert_eq!(project.read("h/b/big").len(), 16 * 8192);
}

#[test]
fn a_read_only_disk_is_named_and_the_rest_goes_on() {
    let project = Project::local(&["a", "b"], &tasks());
    let fill = "printf old > big && mount -o remount,ro \"$1\"";
    let disk = Mounted::new(&project, "a", "size=1m", fill);
    let ran = project.go();
    ran.exits(40).has(&["error: a: big: ", "/h/a/big: ", "read-only", "error: a: small: ", "(site.yml:4:"]);
    ran.row("a 0 0 0 2 0 0").row("b 0 2 0 0 0 0");
    assert_eq!((fs::read_to_string(disk.path("big")).unwrap().as_str(), disk.names().len()), ("old", 1));
    project.check().exits(10).row("a 0 2 0 0 0 0");
}

#[test]
fn no_room_for_the_journal_means_no_change() {
    let project = Project::local(&["a"], &tasks());
    let folder = project.path("h/a/state");
    let fill = "mkdir -m 700 state && head -c 65536 /dev/zero > state/fill || true";
    let disk = Mounted::new(&project, "a", "size=64k", fill);
    let ran = project
        .in_its_place(
            Command::new(env!("CARGO_BIN_EXE_lustores-provision")),
            &["apply", "inventory.yml", "--yes"],
        )
        .env("PROVISION_AGENT_STATE", &folder)
        .output()
        .unwrap();
    let text = String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(40), "{text}");
    assert!(
        text.contains("error: a: the agent refuses\n  cause: ") && text.contains("no space left"),
        "{text}"
    );
    assert!(text.contains("/h/a/state") && !text.contains("unreachable"), "{text}");
    assert_eq!(disk.names(), ["state"]);
}
