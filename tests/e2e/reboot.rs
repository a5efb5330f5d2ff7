//! A reboot in the middle of a run, on a real machine: the host goes down, proves that it runs another boot, and the run goes on there.

use crate::guest::Guest;
use crate::program::{Program, Run};
use std::fs;

const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";

fn said(run: &Run, host: &str) -> String {
    let events = run.events();
    let lines = events.iter().filter(|event| event["event"] == "task_output" && event["host"] == host);
    lines.filter_map(|event| event["line"].as_str()).map(|line| format!("{line}\n")).collect()
}

/// What a plan makes of a task.
fn verdict(run: &Run, host: &str, name: &str) -> String {
    let events = run.events();
    let mut plans = events.iter().filter(|event| event["event"] == "host_planned" && event["host"] == host);
    let tasks = plans.next().and_then(|plan| plan["tasks"].as_array()).cloned().unwrap_or_default();
    let task = tasks.iter().find(|task| task["name"] == name);
    task.and_then(|task| task["verdict"]["verdict"].as_str()).unwrap_or("not in the plan").to_owned()
}

/// Tasks before it are done before, those after it after, with rights of both kinds; a check only tells; a reboot that nothing asks for is
/// none; a host that does not go down is told from one that does not come back.
pub fn reboot(program: &Program, guest: &Guest) {
    let host = guest.name;
    let path = program.scratch.join("reboot.yml");
    let playbook = format!(
        "- hosts: {host}
  become: true
  tasks:
    - name: before
      copy: {{dest: /root/reboot-before, content: \"x\\n\"}}
    - name: what does not last
      copy: {{dest: /run/reboot-lost, content: \"x\\n\"}}
    - name: only if asked for
      reboot: {{only_if_required: true}}
    - name: unasked
      reboot: {{timeout: 900, message: \"the tests' own\", pre_delay: 1, post_delay: 1}}
      when: default really false
      register: r
    - name: after
      shell: cat /proc/sys/kernel/random/boot_id > /root/reboot-after
    - name: without rights
      shell: id -u > /tmp/reboot-user
      become: false
    - name: looked at anew
      copy: {{dest: /run/reboot-new, content: \"x\\n\"}}
"
    );
    fs::write(&path, playbook).unwrap();
    let path = path.display().to_string();
    let apply =
        |more: &[&str]| program.apply(&[&["--playbook", &path, "--json", "--limit", host], more].concat());
    let before = guest.sh(BOOT_ID);

    let check = apply(&["--check", "-e", "{really: true}"]).expect(10);
    assert_eq!(verdict(&check, host, "unasked"), "run", "{check}");
    assert_eq!(verdict(&check, host, "only if asked for"), "unchanged", "{check}");
    assert_eq!(guest.sh(BOOT_ID), before, "a check reboots nothing");

    // Nothing asks for one.
    apply(&["--yes"]).expect(0);
    assert_eq!(guest.sh(BOOT_ID), before, "nothing asked for a reboot");

    let run = apply(&["--yes", "-e", "{really: true}"]).expect(0);
    let after = guest.sh(BOOT_ID);
    assert_ne!(after, before, "it runs another boot\n{run}");
    assert!(run.changed(host).contains(&"unasked".into()), "{run}");
    assert!(said(&run, host).contains("it is back after"), "{run}");
    assert_eq!(guest.sh("cat /root/reboot-after"), after, "what comes after it ran on the new boot");
    assert_ne!(
        guest.sh("cat /tmp/reboot-user").trim(),
        "0",
        "the link without rights was opened anew as well"
    );
    guest.sh("test -e /root/reboot-before && test -e /run/reboot-new && test ! -e /run/reboot-lost");
    println!("   rebooted in {:.0} s", run.seconds);

    // As a package does.
    guest.sh("touch /run/reboot-required");
    let run = apply(&["--yes"]).expect(0);
    assert!(run.changed(host).contains(&"only if asked for".into()), "{run}");
    let third = guest.sh(BOOT_ID);
    assert_ne!(third, after, "a package asked for it\n{run}");

    // One that is told and does not go.
    guest.sh("printf '#!/bin/sh\\n' > /usr/local/sbin/shutdown && chmod 0755 /usr/local/sbin/shutdown");
    let refused = program.scratch.join("reboot-refused.yml");
    let text = format!(
        "- hosts: {host}\n  become: true\n  tasks:\n    - name: stays\n      reboot: {{timeout: 20}}\n"
    );
    fs::write(&refused, text).unwrap();
    let refused = refused.display().to_string();
    let run = program.apply(&["--playbook", &refused, "--json", "--yes", "--limit", host]).expect(40);
    assert!(run.out.contains("told to reboot and has not"), "{run}");
    assert_eq!(guest.sh(BOOT_ID), third);
    guest.sh("rm -f /usr/local/sbin/shutdown /root/reboot-before /root/reboot-after /tmp/reboot-user /run/reboot-*");
}
