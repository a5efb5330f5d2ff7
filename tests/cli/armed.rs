//! Changes that would cut off whoever makes them, on a real sshd with a real sudo: they come back of themselves.

use crate::{
    project::Project,
    sshd::{PASSWORD, Sshd},
};
use std::{fs, path::PathBuf, time::Duration};

const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICHnj+LZ5yM7nCCyvHacgV56OkdKuNS3vlg0TALaxoec other";

fn keys(sshd: &Sshd) -> PathBuf {
    sshd.home("alice").join(".ssh/authorized_keys")
}

/// Waits until the file reads so again.
fn comes_back(file: &PathBuf, text: &str) {
    let began = std::time::Instant::now();
    while fs::read_to_string(file).unwrap_or_default() != text {
        assert!(began.elapsed() < Duration::from_secs(40), "it does not come back");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A host whose rules are in a folder of its own.
fn with_rules(alice: &str) -> (Sshd, PathBuf) {
    let platform = format!(
        "mkdir -p rules; mount --bind rules /etc/sudoers.d\nprintf '%s\\n' '{alice}' >/etc/sudoers.d/10-alice\n\
         chmod 0440 /etc/sudoers.d/10-alice\nsed /^alice/d sudoers >sudoers.less\n\
         echo '@includedir /etc/sudoers.d' >>sudoers.less\ncat sudoers.less >/etc/sudoers\n"
    );
    let sshd = Sshd::start_as(&platform);
    let file = sshd.base.join("rules/10-alice");
    (sshd, file)
}

#[test]
fn a_rule_that_one_becomes_root_by_comes_back() {
    let rule = "alice ALL=(ALL) NOPASSWD: ALL";
    let (sshd, file) = with_rules(rule);
    let before = format!("{rule}\n");
    for change in [
        "{name: 10-alice, state: absent, confirm_within: 4}",
        "{name: 10-alice, user: alice, commands: [/bin/ls], confirm_within: 4}",
    ] {
        let project = Project::ssh(&sshd, &format!("    - {{name: it, sudoers: {change}, become: true}}\n"));
        project.go().exits(40).has(&["after this change no new connection gets through"]);
        comes_back(&file, &before);
    }
    // What leaves the way to root open is confirmed, and stays.
    let wider = "    - {name: it, become: true, sudoers: {name: 10-alice, user: alice, runas: ALL, commands: [ALL], \
                 confirm_within: 4}}\n";
    let project = Project::ssh(&sshd, wider);
    project.go().exits(0);
    std::thread::sleep(Duration::from_secs(5));
    assert!(fs::read_to_string(&file).unwrap().ends_with("alice ALL=(ALL) NOPASSWD: ALL\n"));
    project.go().exits(0).row("web1 1 0 0 0 0 0");
}

#[test]
fn a_key_that_one_logs_in_by_comes_back() {
    let sshd = Sshd::start();
    let own = fs::read_to_string(keys(&sshd)).unwrap();
    let before = format!("{own}{OTHER}\n");
    fs::write(keys(&sshd), &before).unwrap();
    let own = own.trim();
    let tasks = |how: &str| {
        format!(
            "    - {{name: it, authorized_key: {{user: alice, path: \"{}\", manage_dir: false, confirm_within: 4, {how}}}, \
             become: true}}\n",
            keys(&sshd).display()
        )
    };
    for how in [
        format!("key: \"{own}\", state: absent"),
        format!("key: \"{own}\", key_options: 'from=\"192.0.2.1\"'"),
    ] {
        let project = Project::ssh(&sshd, &tasks(&how));
        project.go().exits(40).has(&["after this change no new connection gets through"]);
        comes_back(&keys(&sshd), &before);
    }
    let project = Project::ssh(&sshd, &tasks(&format!("key: \"{OTHER}\", state: absent")));
    project.go().exits(0);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(fs::read_to_string(keys(&sshd)).unwrap(), format!("{own}\n"));
}

/// A host whose accounts can be changed, and where alice becomes root by a group.
fn with_a_group() -> Sshd {
    let platform = "cp -a /etc own-etc\nmount --bind own-etc /etc\necho 'lptest-root:x:47100:paula,alice' >>/etc/group\n\
                    sed -i 's/^alice .*/%lptest-root ALL=(ALL) NOPASSWD: ALL/' /etc/sudoers\n";
    Sshd::start_as(platform)
}

fn line_of(sshd: &Sshd, file: &str, name: &str) -> String {
    let text = fs::read_to_string(sshd.base.join("own-etc").join(file)).unwrap();
    text.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap_or_default().to_string()
}

#[test]
fn what_shuts_out_the_account_that_one_logs_in_as_comes_back() {
    let sshd = with_a_group();
    let before = ["passwd", "shadow", "group"].map(|file| {
        let name = if file == "group" { "lptest-root" } else { "alice" };
        (file, name, line_of(&sshd, file, name))
    });
    // Another home is what usermod itself refuses while one is logged in.
    for change in ["groups: [], append: false", "shell: /usr/sbin/nologin", "expires: 2015-01-28"] {
        let task =
            format!("    - {{name: it, user: {{name: alice, confirm_within: 4, {change}}}, become: true}}\n");
        let project = Project::ssh(&sshd, &task);
        project.go().exits(40).has(&["after this change no new connection gets through"]);
        let began = std::time::Instant::now();
        // As a set: account tools sort what they write.
        while before.iter().any(|(file, name, line)| line_of(&sshd, file, name) != *line) {
            assert!(began.elapsed() < Duration::from_secs(40), "{change}: it does not come back");
            std::thread::sleep(Duration::from_millis(100));
        }
        // The revert has ended when a connection becomes root again.
        let looks = "    - {name: look, command: {cmd: id -u, changes: false}, become: true}\n";
        crate::project::until("a connection", || Project::ssh(&sshd, looks).go().code == Some(0));
    }
    // What leaves the way open stays.
    let task = "    - {name: it, become: true, user: {name: alice, shell: /bin/sh, confirm_within: 4}}\n";
    let project = Project::ssh(&sshd, task);
    project.go().exits(0);
    std::thread::sleep(Duration::from_secs(5));
    assert!(line_of(&sshd, "passwd", "alice").ends_with(":/bin/sh"));
    project.go().exits(0).row("web1 1 0 0 0 0 0");
}

/// This sshd lets in nobody whose password is locked. The old hash leaves the host neither before nor after.
#[test]
fn the_password_of_the_account_that_one_logs_in_as_comes_back() {
    let sshd = with_a_group();
    let new =
        "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
    let old = new.replace("qFmFH", "HFmFq");
    let set = |field: &str| {
        let task = format!(
            "    - {{name: it, user: {{name: alice, confirm_within: 4, password: \"{field}\", password_lock: false}}, \
             become: true}}\n"
        );
        Project::ssh(&sshd, &task).go().exits(0);
    };
    set(&old);
    let field = || line_of(&sshd, "shadow", "alice").split(':').nth(1).unwrap().to_string();
    assert_eq!(field(), old);
    let task = format!(
        "    - {{name: it, user: {{name: alice, confirm_within: 4, password: \"{new}\", password_lock: true}}, \
         become: true}}\n"
    );
    Project::ssh(&sshd, &task).go().exits(40).has(&["after this change no new connection gets through"]);
    crate::project::until("the old password", || field() == old);
    // Nobody is asked for one here: without any, the way stays open.
    let task = "    - {name: it, user: {name: alice, confirm_within: 4, password: \"*\"}, become: true}\n";
    let project = Project::ssh(&sshd, task);
    crate::project::until("a connection", || project.go().code == Some(0));
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(field(), "*");
}

/// sudo asks for it here, and the run goes on with the old one.
#[test]
fn a_password_that_one_becomes_root_by_comes_back() {
    let sshd = Sshd::start_as("cp -a /etc own-etc\nmount --bind own-etc /etc\n");
    let hash = |password: &str| {
        let made = std::process::Command::new("openssl").args(["passwd", "-6", password]).output().unwrap();
        String::from_utf8(made.stdout).unwrap().trim().to_string()
    };
    let paula = |password: &str| {
        let task = format!(
            "    - {{name: it, become: true, user: {{name: paula, confirm_within: 4, password: \"{}\"}}}}\n",
            hash(password)
        );
        let project = Project::ssh(&sshd, &task);
        let inventory = project.read("inventory.yml").replace("alice", "paula");
        let with = format!("    ansible_become_password: {PASSWORD}\n  hosts:\n");
        project.write("inventory.yml", &inventory.replace("  hosts:\n", &with));
        project
    };
    let field = || line_of(&sshd, "shadow", "paula").split(':').nth(1).unwrap().to_string();
    let old = field();
    paula("another one").go().exits(40).has(&["after this change no new connection gets through"]);
    crate::project::until("the old password", || field() == old);
    // The same one, written otherwise.
    let same = paula(PASSWORD);
    crate::project::until("a connection", || same.go().code == Some(0));
    std::thread::sleep(Duration::from_secs(5));
    assert_ne!(field(), old);
    same.go().exits(0).row("web1 1 0 0 0 0 0");
}

/// sshd reads its configuration anew on a signal and listens again soon, which stands for systemd here.
const SYSTEMCTL: &str = "#!/bin/sh
case $1 in
show) printf 'LoadState=loaded\\nActiveState=active\\nSubState=x\\nUnitFileState=enabled\\nNeedDaemonReload=no\\n' ;;
restart) kill -HUP 1; sleep 1 ;;
esac
";

#[test]
fn what_a_restart_of_ssh_would_make_final_comes_back() {
    let platform = format!(
        "cp -a /etc own-etc\nmount --bind own-etc /etc\nmkdir -p /etc/ssh/more\necho 'MaxAuthTries 5' >/etc/ssh/more/own.conf\n\
         echo 'Include /etc/ssh/more/*.conf' >>sshd_config\ncat >systemctl <<'END'\n{SYSTEMCTL}END\nchmod 0755 systemctl\n\
         mount --bind systemctl /usr/bin/systemctl\n"
    );
    let sshd = Sshd::start_as(&platform);
    let project = |text: &str| {
        let project = Project::ssh(&sshd, "");
        project.write(
            "site.yml",
            &format!(
                "- hosts: all\n  become: true\n  tasks:\n    - {{name: shut, copy: {{dest: /etc/ssh/more/own.conf, content: \"{text}\\n\"}}, \
                 notify: ssh}}\n  handlers:\n    - {{name: ssh, service: {{name: ssh, state: restarted, confirm_within: 4}}}}\n"
            ),
        );
        project
    };
    let text = || fs::read_to_string(sshd.base.join("own-etc/ssh/more/own.conf")).unwrap();
    project("DenyUsers alice").go().exits(40).has(&["after this change no new connection gets through"]);
    crate::project::until("the old file", || text() == "MaxAuthTries 5\n");
    let open = project("MaxAuthTries 4");
    crate::project::until("a connection", || open.check().code == Some(10));
    // Until the revert has ended as well.
    std::thread::sleep(Duration::from_secs(3));
    open.go().exits(0);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(text(), "MaxAuthTries 4\n");
}

#[test]
fn what_one_logs_in_as_and_becomes_root_by_is_not_removed() {
    let sshd = with_a_group();
    let tasks = [
        ("user: {name: alice, state: absent}", "the user `alice` is not removed: we log in as this one"),
        ("group: {name: lptest-root, state: absent}", "the group `lptest-root` is not removed"),
    ];
    for (task, why) in tasks {
        let project = Project::ssh(&sshd, &format!("    - {{name: it, {task}, become: true}}\n"));
        project.check().exits(40).has(&[why]);
    }
    assert!(!line_of(&sshd, "passwd", "alice").is_empty());
}

#[test]
fn a_password_is_set_by_its_hash_and_nobody_sees_it() {
    let sshd = with_a_group();
    let hash =
        "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
    let task = format!("    - {{name: it, become: true, user: {{name: carol, password: \"{hash}\"}}}}\n");
    let project = Project::ssh(&sshd, &task);
    project.check().exits(10).has(&["password"]).lacks(&[hash, &hash[12..]]);
    project.apply(&["--yes", "--json"]).exits(0).lacks(&[hash, &hash[12..]]);
    assert!(line_of(&sshd, "shadow", "carol").starts_with(&format!("carol:{hash}:")));
    project.go().exits(0).row("web1 1 0 0 0 0 0");
}
