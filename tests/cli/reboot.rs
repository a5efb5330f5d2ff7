//! `reboot` against a host that is a real sshd in namespaces of its own: it goes down with all its sessions and comes up as another boot.
//! What tells the boots apart, and what is called to go down, lies over the real ones there.

use crate::{
    project::Project,
    sshd::{Sshd, run},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Makes it a host that runs the boot `id`, and that leaves a mark when it is told to go down.
fn boot(sshd: &Sshd, id: &str) {
    let file = |name: &str, text: &str| {
        let path = sshd.base.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let id = file("boot_id", &format!("{id}\n"));
    let shutdown = file("shutdown", &format!("#!/bin/sh\necho \"$*\" >> {}/told\n", sshd.base.display()));
    let root = sshd.root();
    let holder = root.parent().unwrap().file_name().unwrap().to_str().unwrap().to_string();
    let script = "mount --bind \"$1\" /proc/sys/kernel/random/boot_id && mount -t tmpfs tmpfs /usr/local/sbin \
        && cp \"$2\" /usr/local/sbin/shutdown";
    let mut command = Command::new("nsenter");
    command.args(["--target", &holder, "--mount", "sh", "-ec", script, "sh"]).arg(id).arg(shutdown);
    run(&mut command);
}

fn told(sshd: &Sshd) -> String {
    fs::read_to_string(sshd.base.join("told")).unwrap_or_default()
}

fn until_told(sshd: &Sshd) {
    let began = Instant::now();
    while told(sshd).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "it was never told to go down");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const TASKS: &str = "    - {name: before, copy: {dest: \"{{home}}/before\", content: x}}\n    \
     - {name: it, reboot: {timeout: 60, message: \"it's $(time)\"}, register: r, become: true}\n    \
     - {name: after, shell: \"cat /proc/sys/kernel/random/boot_id > {{home}}/after\", when: r.changed}\n    \
     - {name: as root, shell: \"id -u > {{home}}/root\", become: true}\n";

#[test]
fn a_host_that_reboots_is_waited_for_and_gone_on_with() {
    let mut sshd = Sshd::start();
    boot(&sshd, "first");
    let project = Project::ssh(&sshd, TASKS);
    project.check().exits(10).has(&["> it"]);
    assert_eq!(told(&sshd), "");
    let mut child = project
        .command(&["apply", "inventory.yml", "--yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until_told(&sshd);
    assert!(
        sshd.home("alice").join("work/before").exists() && !sshd.home("alice").join("work/after").exists()
    );
    sshd.kill();
    std::thread::sleep(Duration::from_secs(3));
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    sshd.restart();
    boot(&sshd, "second");
    let output = child.wait_with_output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("it is back after") && text.contains("web1 changed it"), "{text}");
    assert_eq!(told(&sshd), "-r now it's $(time)\n");
    let read = |name: &str| fs::read_to_string(sshd.home("alice").join("work").join(name)).unwrap();
    assert_ne!(read("after"), "first\n", "it ran on another boot");
    assert_eq!(read("root"), "0\n", "the link with other rights was opened anew as well");
}

#[test]
fn a_host_that_does_not_go_down_is_no_rebooted_one() {
    let sshd = Sshd::start();
    boot(&sshd, "first");
    let tasks = "    - {name: it, reboot: {timeout: 3}, become: true, ignore_errors: true}\n    \
         - {name: after, copy: {dest: \"{{home}}/after\", content: x}}\n";
    let project = Project::ssh(&sshd, tasks);
    let ran = project.go();
    ran.exits(0).has(&[
        "the host was told to reboot and has not within",
        "it still runs the boot that it ran before",
    ]);
    assert!(sshd.home("alice").join("work/after").exists(), "what goes on all the same has a link");
}

#[test]
fn a_host_that_does_not_come_back_is_out_of_reach() {
    let mut sshd = Sshd::start();
    boot(&sshd, "first");
    let project = Project::ssh(
        &sshd,
        "    - {name: it, reboot: {timeout: 4}, become: true}\n    - {name: after, command: \"true\"}\n",
    );
    let child = project
        .command(&["apply", "inventory.yml", "--yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    until_told(&sshd);
    sshd.kill();
    let output = child.unwrap().wait_with_output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(30), "{text}");
    assert!(text.contains("the host has not come back: told to reboot, and waited for "), "{text}");
}

#[test]
fn only_what_asks_for_it_is_rebooted_and_never_this_machine() {
    let sshd = Sshd::start();
    boot(&sshd, "first");
    let project = Project::ssh(&sshd, "    - {name: it, reboot: {only_if_required: true}, become: true}\n");
    project.go().exits(0).row("web1 1 0 0 0 0 0");
    fs::write(sshd.root().join("run/reboot-required"), "").unwrap();
    project.check().exits(10).has(&["> it"]);
    assert_eq!(told(&sshd), "");
    let project = Project::tasks("    - {name: it, reboot: {}}\n");
    project.check().exits(20).has(&["this machine cannot be rebooted by a run on itself", "site.yml:3:"]);
}

#[test]
fn a_host_on_the_kernel_that_the_run_is_on_is_not_rebooted() {
    let sshd = Sshd::start();
    // Nothing but the way there tells it from another machine.
    boot(&sshd, fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim());
    let project = Project::ssh(&sshd, "    - {name: it, reboot: {}, become: true}\n");
    project.go().exits(40).has(&["the host runs on the same kernel as this run, which would end with it"]);
    assert_eq!(told(&sshd), "");
}
