//! Keys of hosts beside the inventory: gathered, shown, written, and then the only ones that count.

use crate::{project::Project, sshd::Sshd};
use std::{fs, process::Command};

const TASKS: &str = "    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n";

/// What the host's own ssh-keygen says of its key.
fn fingerprint(sshd: &Sshd) -> String {
    let key = sshd.base.join("host_key.pub");
    let output = Command::new("ssh-keygen").arg("-lf").arg(key).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().nth(1).unwrap().to_owned()
}

/// Another key of the same kind as the host has.
fn other_key(project: &Project) -> String {
    let path = project.path("other");
    let _ = fs::remove_file(&path);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status();
    assert!(made.unwrap().success());
    project.read("other.pub").split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn keys_are_shown_written_and_then_the_only_ones_that_count() {
    let sshd = Sshd::start();
    let project = Project::ssh(&sshd, TASKS);
    let shown = fingerprint(&sshd);
    let enroll = |more: &[&str]| project.run(&[&["enroll", "inventory.yml"], more].concat());

    enroll(&["--check"]).exits(10).has(&[
        "web1",
        "new",
        "ED25519",
        &shown,
        "compare with what each host says",
    ]);
    assert!(!project.has("known_hosts"));
    enroll(&[]).exits(20).has(&["nobody can be asked here", "--yes"]);
    enroll(&["--yes"]).exits(0).has(&["wrote 1 key to known_hosts"]);
    let name = format!("[127.0.0.1]:{}", sshd.port);
    let text = project.read("known_hosts");
    assert!(text.starts_with(&format!("{name} ssh-ed25519 ")), "{text}");
    enroll(&["--check"]).exits(0).has(&["known", "known_hosts has the keys of all hosts"]);
    project.apply(&["--check"]).exits(10);

    // ssh's own configuration knows the right key; what lies beside the inventory counts all the same.
    let comment = "# of the office\nelsewhere ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n";
    project.write("known_hosts", &format!("{comment}{name} {}\n", other_key(&project)));
    let refused = project.apply(&["--check", "--fresh"]);
    refused.exits(30).has(&["the host key is not the one that is known", "enroll INVENTORY --replace"]);
    enroll(&["--check"]).exits(41).has(&["ANOTHER", &shown, "`--replace`"]);
    let before = project.read("known_hosts");
    enroll(&["--yes"]).exits(41).has(&["web1 shows another ED25519 key than known_hosts has"]);
    assert_eq!(project.read("known_hosts"), before);
    enroll(&["--yes", "--replace"]).exits(0).has(&["wrote 1 key"]);
    assert_eq!(project.read("known_hosts"), format!("{comment}{text}"));
    project.apply(&["--check", "--fresh"]).exits(10);

    // One that shows only a key of another kind than the file has is a stranger too. Other names on a line keep their key.
    let rsa = Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-N", "", "-f"])
        .arg(project.path("rsa"))
        .status();
    assert!(rsa.unwrap().success());
    let rsa = project.read("rsa.pub").split(' ').take(2).collect::<Vec<_>>().join(" ");
    project.write("known_hosts", &format!("{name},elsewhere {rsa}\n"));
    enroll(&["--yes"]).exits(41).has(&["ANOTHER", "web1 shows another ED25519 key"]);
    enroll(&["--yes", "--replace"]).exits(0);
    assert_eq!(project.read("known_hosts"), format!("elsewhere {rsa}\n{text}"));
    // A hashed line goes as well.
    project.write("known_hosts", &format!("{name} {}\n", other_key(&project)));
    let hashed =
        Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(project.path("known_hosts")).status();
    assert!(hashed.unwrap().success() && project.read("known_hosts").starts_with("|1|"));
    enroll(&["--yes"]).exits(41);
    enroll(&["--yes", "--replace"]).exits(0);
    assert_eq!(project.read("known_hosts"), text);

    // A host that is not in the file is not let through.
    project.write("known_hosts", comment);
    let refused = project.apply(&["--check", "--fresh"]);
    refused.exits(30).has(&["is not known", "lies beside the inventory", "enroll INVENTORY"]);
}

#[test]
fn hosts_that_do_not_answer_hold_up_no_other_and_local_ones_have_no_key() {
    let sshd = Sshd::start();
    let project = Project::ssh(&sshd, TASKS);
    let more = "    down:\n      ansible_port: 1\n    here:\n      ansible_connection: local\n";
    project.write("inventory.yml", &(project.read("inventory.yml") + more));
    let ran = project.run(&["enroll", "inventory.yml", "--yes"]);
    ran.exits(30).has(&["down: 127.0.0.1 port 1 refuses the connection", "wrote 1 key"]).lacks(&["\nhere\n"]);
    assert_eq!(project.read("known_hosts").lines().count(), 1);
    project
        .run(&["enroll", "inventory.yml", "--check", "--limit", "here"])
        .exits(20)
        .has(&["no host is reached by ssh"]);
    // An inventory that is a folder has the file in it, and does not read it.
    fs::create_dir(project.path("hosts")).unwrap();
    fs::rename(project.path("inventory.yml"), project.path("hosts/main.yml")).unwrap();
    project.run(&["enroll", "hosts", "--yes", "--limit", "web1"]).exits(0);
    assert!(project.has("hosts/known_hosts"));
    project.run(&["enroll", "hosts", "--check", "--limit", "web1"]).exits(0).has(&["known"]);
}
