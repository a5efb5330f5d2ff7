//! How one gets in is told in files, and a restart makes them final: what lets in nobody comes back of itself, on a real sshd.

use crate::{
    project::{Project, tree, until},
    sshd::Sshd,
};
use std::{fs, path::Path, time::Duration};

/// sshd reads its configuration anew on a signal and listens again soon, which stands for systemd here; and options of its command line are
/// given to it in a file.
const SYSTEMCTL: &str = "#!/bin/sh
case $1 in
show) printf 'LoadState=loaded\\nActiveState=active\\nSubState=x\\nUnitFileState=enabled\\nNeedDaemonReload=no\\n' ;;
restart)
    cat /etc/systemd/system/ssh*.service.d/*.conf /etc/sysconfig/sshd /etc/default/ssh 2>/dev/null |
        sed -n 's/.*sshd -D -o //p; s/^OPTIONS=-o //p' >/etc/ssh/options
    kill -HUP 1; sleep 1 ;;
esac
";

/// A host with files of its own, where sshd reads `/etc/ssh/options` and `/etc/ssh/more` before all else.
fn host(more: &str) -> Sshd {
    let platform = format!(
        "cp -a /etc own-etc\nmount --bind own-etc /etc\nmkdir -p /etc/ssh/more/deep /etc/systemd/system /etc/sysconfig /etc/default\n\
         rm -f /etc/default/ssh\n: >/etc/ssh/options\necho 'MaxAuthTries 5' >/etc/ssh/more/own.conf\n\
         {{ echo 'Include /etc/ssh/options /etc/ssh/more/*.conf'; cat sshd_config; }} >first\ncat first >sshd_config\n{more}\
         cat >systemctl <<'END'\n{SYSTEMCTL}END\nchmod 0755 systemctl\nmount --bind systemctl /usr/bin/systemctl\n"
    );
    Sshd::start_as(&platform)
}

fn etc(sshd: &Sshd, path: &str) -> std::path::PathBuf {
    sshd.base.join("own-etc").join(path)
}

/// Tasks as root, and the handlers that they notify.
fn project(sshd: &Sshd, tasks: &str, service: &str) -> Project {
    let project = Project::ssh(sshd, "");
    let handlers = format!("  handlers:\n    - {{name: ssh, service: {{{service}, confirm_within: 4}}}}\n");
    project.write("site.yml", &format!("- hosts: all\n  become: true\n  tasks:\n{tasks}{handlers}"));
    project
}

const CUT_OFF: &str = "after this change no new connection gets through";

#[test]
fn a_folder_of_the_configuration_that_was_removed_comes_back_whole() {
    // Without the folder nobody logs in by a key.
    let more = "echo 'PubkeyAuthentication yes' >>/etc/ssh/more/own.conf\necho 'PubkeyAuthentication no' >>sshd_config\n\
                chown -R alice:lptest /etc/ssh/more/deep\nchmod 2750 /etc/ssh/more/deep\necho x >/etc/ssh/more/deep/x\n\
                chmod 0600 /etc/ssh/more/deep/x\nln -s ../own.conf /etc/ssh/more/deep/link\n";
    let sshd = host(more);
    let before = tree(&etc(&sshd, "ssh"));
    let gone =
        "    - {name: gone, file: {path: /etc/ssh/more, state: absent, recursive: true}, notify: ssh}\n";
    let project = project(&sshd, gone, "name: ssh, state: restarted");
    project.go().exits(40).has(&[CUT_OFF]);
    until("the folder", || tree(&etc(&sshd, "ssh")) == before);
    until("a connection", || project.check().code == Some(10));
}

#[test]
fn the_keys_of_the_login_come_back_with_their_folder() {
    let sshd = host("");
    let keys = sshd.home("alice").join(".ssh");
    let before = tree(&keys);
    assert_eq!(before.len(), 1);
    let gone = format!(
        "    - {{name: gone, file: {{path: {}, state: absent, recursive: true}}, notify: ssh}}\n",
        keys.display()
    );
    let project = project(&sshd, &gone, "name: ssh, state: restarted");
    project.go().exits(40).has(&[CUT_OFF]);
    until("the keys", || tree(&keys) == before);
    until("a connection", || project.check().code == Some(10));
}

/// Killed between the file and the restart. Whoever restarts ssh next knows nothing of that.
#[test]
fn what_a_killed_run_left_goes_back_with_the_next_restart() {
    let sshd = host("");
    let own = etc(&sshd, "ssh/more/own.conf");
    let text = || fs::read_to_string(&own).unwrap();
    let shut = "    - {name: shut, copy: {dest: /etc/ssh/more/own.conf, content: \"DenyUsers alice\\n\"}, notify: ssh}\n    \
                - {name: long, command: sleep 600}\n";
    let killed = project(&sshd, shut, "name: ssh, state: restarted");
    let running = killed.start(&["--yes"]);
    until("the change", || text() == "DenyUsers alice\n");
    running.signal("-KILL");
    running.end();
    let next = Project::ssh(
        &sshd,
        "    - {name: again, become: true, service: {name: sshd, state: restarted, confirm_within: 4}}\n",
    );
    // Until the agent of the killed one has let go of the host.
    let ran = std::cell::RefCell::new(None);
    until("the host is free", || {
        let said = next.go();
        let is_free = said.code != Some(43);
        *ran.borrow_mut() = Some(said);
        is_free
    });
    ran.into_inner().unwrap().exits(40).has(&[CUT_OFF]);
    until("the old file", || text() == "MaxAuthTries 5\n");
    until("a connection", || next.check().code == Some(10));
    // Until the revert has ended as well.
    std::thread::sleep(Duration::from_secs(3));
    next.go().exits(0);
}

/// By either name of the unit, whatever the file is called.
#[test]
fn options_and_drop_ins_of_either_name_come_back() {
    let sshd = host("");
    let shut = "DenyUsers=alice";
    for (file, text, service) in [
        (
            "systemd/system/ssh.service.d/own.conf",
            format!("[Service]\\nExecStart=/usr/sbin/sshd -D -o {shut}\\n"),
            "sshd",
        ),
        (
            "systemd/system/sshd.service.d/own.conf",
            format!("[Service]\\nExecStart=/usr/sbin/sshd -D -o {shut}\\n"),
            "ssh",
        ),
        ("sysconfig/sshd", format!("OPTIONS=-o {shut}\\n"), "sshd"),
        ("default/ssh", format!("OPTIONS=-o {shut}\\n"), "sshd"),
    ] {
        let folder = Path::new(file).parent().unwrap().display().to_string();
        let tasks = format!(
            "    - {{name: folder, file: {{path: /etc/{folder}, state: directory}}}}\n    \
             - {{name: shut, copy: {{dest: /etc/{file}, content: \"{text}\"}}, notify: ssh}}\n"
        );
        let project = project(&sshd, &tasks, &format!("name: {service}, state: restarted"));
        project.go().exits(40).has(&[CUT_OFF]);
        until(file, || !etc(&sshd, file).exists());
        until("a connection", || project.check().code == Some(10));
        std::thread::sleep(Duration::from_secs(3));
    }
}

/// Gives the interface the address of the file, as ifupdown does.
const NETWORK: &str = "#!/bin/sh
case $1 in
show) printf 'LoadState=loaded\\nActiveState=active\\nSubState=x\\nUnitFileState=enabled\\nNeedDaemonReload=no\\n' ;;
restart)
    ip addr flush dev host0
    ip addr add $(sed -n 's/^ *address //p' /etc/network/interfaces) dev host0 ;;
esac
";

fn apart() -> Sshd {
    let platform = format!(
        "cp -a /etc own-etc\nmount --bind own-etc /etc\nmkdir -p /etc/network /run/network\necho host0=host0 >/run/network/ifstate\n\
         printf 'iface host0 inet static\\n  address %s peer %s\\n' $THERE $HERE >/etc/network/interfaces\n\
         cat >systemctl <<'END'\n{NETWORK}END\nchmod 0755 systemctl\nmount --bind systemctl /usr/bin/systemctl\n"
    );
    Sshd::start_apart(&platform)
}

#[test]
fn a_network_that_lets_nobody_through_comes_back() {
    let sshd = apart();
    let file = etc(&sshd, "network/interfaces");
    let text = || fs::read_to_string(&file).unwrap();
    let before = text();
    let write = |content: &str| {
        let content = content.replace('\n', "\\n");
        format!(
            "    - {{name: network, copy: {{dest: /etc/network/interfaces, content: \"{content}\"}}, notify: ssh}}\n"
        )
    };
    let restarts = "name: networking, state: restarted";
    project(&sshd, &write("iface host0 inet static\n  address 192.0.2.1/32\n"), restarts).go().exits(40);
    until("the old file", || text() == before);
    let kept = format!("{before}# kept\n");
    let same = project(&sshd, &write(&kept), restarts);
    until("a connection", || same.check().code == Some(10));
    std::thread::sleep(Duration::from_secs(3));
    same.go().exits(0);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(text(), kept);
    same.go().exits(0).row("web1 1 0 1 0 0 0");
}

#[test]
fn the_unit_that_alone_carries_the_connection_is_neither_stopped_nor_disabled() {
    let sshd = apart();
    let tasks =
        |what: &str| Project::ssh(&sshd, &format!("    - {{name: it, become: true, service: {{{what}}}}}\n"));
    for what in ["name: networking, state: stopped", "name: ifup@host0, state: stopped"] {
        tasks(what)
            .check()
            .exits(40)
            .has(&["has to stay: we are connected by it, and no new connection would come"]);
    }
    for what in ["name: networking, enabled: false", "name: networking, masked: true"] {
        tasks(what)
            .check()
            .exits(40)
            .has(&["has to stay: we are connected by it, and none would come after the next boot"]);
    }
    // One that looks after other interfaces may go.
    tasks("name: systemd-networkd, state: stopped, enabled: false").check().exits(10);
}
