//! Who looks after the interface that the connection comes by changes hands, with the real ifupdown, systemd-networkd and NetworkManager; and
//! a network that leads nowhere comes back.

use crate::guest::Guest;
use crate::program::{Program, Run};
use std::fs;

/// The first interface: QEMU's user network, through which the host's port 22 is reached.
const ADDRESS: &str = "10.0.2.15/24";
const GATEWAY: &str = "10.0.2.2";
const OURS: &str = "/etc/systemd/network/10-user.network";

/// The interface's name.
fn interface(guest: &Guest) -> String {
    guest.sh("ip -o addr show to 10.0.2.15 | awk '{print $2}'").trim().to_owned()
}

/// What networkd is told of it: an address of its own, which stays while nobody runs.
fn networkd(address: &str) -> String {
    format!(
        "[Match]\nMACAddress=52:54:00:00:00:01\n[Network]\nAddress={address}\nGateway={GATEWAY}\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n"
    )
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("          {line}\n")).collect()
}

fn file(path: &str, mode: &str, text: &str, more: &str) -> String {
    format!(
        "    - name: {path}\n      copy:\n        dest: {path}\n        mode: \"{mode}\"\n        content: |\n{}{more}",
        indented(text)
    )
}

fn service(name: &str, what: &str) -> String {
    format!("    - {{name: {name} {}, service: {{name: {name}, {what}}}}}\n", what.replace([':', ','], ""))
}

fn play(program: &Program, guest: &Guest, tasks: &[String], more: &[&str]) -> Run {
    let path = program.scratch.join("network.yml");
    let tasks = tasks.concat();
    fs::write(&path, format!("- hosts: {}\n  become: true\n  tasks:\n{tasks}", guest.name)).unwrap();
    let words = ["--playbook", path.to_str().unwrap(), "--limit", guest.name];
    program.apply(&[&words[..], more].concat())
}

const UP: &str = "state: started, enabled: true";
const DOWN: &str = "state: stopped, enabled: false";

pub fn network(program: &Program, guest: &Guest) {
    let interface = interface(guest);
    let apply = |tasks: &[String]| play(program, guest, tasks, &["--yes"]);
    let unit =
        |name: &str| guest.sh(&format!("systemctl is-active {name}; systemctl is-enabled {name}; true"));
    let refused = |name: &str| {
        let run = apply(&[service(name, DOWN)]);
        assert!(run.to_string().contains("has to stay: we are connected by it"), "{run}");
        assert_ne!(run.exit, Some(0), "{run}");
        assert_eq!(unit(name), "active\nenabled\n");
    };

    // A file that leads nowhere: the restart is taken back, and the file with it.
    apply(&[file(OURS, "0644", &networkd(ADDRESS), ""), service("systemd-networkd", "state: restarted")])
        .expect(0);
    let before = guest.sh(&format!("cat {OURS}"));
    let wrong = [
        file(OURS, "0644", &networkd("192.0.2.7/24"), "      notify: again\n"),
        "  handlers:\n    - {name: again, service: {name: systemd-networkd, state: restarted, confirm_within: 15}}\n".into(),
    ];
    let run = apply(&wrong).expect(40);
    // New connections may hang until the old way is back.
    let said = [
        "after this change no new connection gets through",
        "the change was reverted before it could be confirmed",
    ];
    assert!(said.iter().any(|said| run.to_string().contains(said)), "{run}");
    assert_eq!(guest.sh(&format!("cat {OURS}")), before);

    refused("systemd-networkd");

    // To ifupdown in one play, in which networkd is no longer needed once `networking` runs.
    let interfaces = format!(
        "auto lo\niface lo inet loopback\nauto {interface}\niface {interface} inet manual\n    \
         up ip address replace {ADDRESS} dev {interface}\n    up ip route replace default via {GATEWAY}\n"
    );
    let run = apply(&[
        "    - {name: ifupdown, package: {name: ifupdown}}\n".into(),
        file("/etc/network/interfaces", "0644", &interfaces, ""),
        service("networking", UP),
        // It would start networkd again with the next word from the kernel.
        service("systemd-networkd.socket", DOWN),
        service("systemd-networkd", DOWN),
    ])
    .expect(0);
    assert_eq!(unit("networking"), "active\nenabled\n", "{run}");
    assert_eq!(unit("systemd-networkd"), "inactive\ndisabled\n", "{run}");
    refused("networking");

    // Back: networkd takes over, and `networking`, which would take the interface down, is out of it with the next boot.
    let run = apply(&[
        service("systemd-networkd", UP),
        service("networking", "enabled: false"),
        "    - {name: a boot, reboot: {timeout: 900}}\n".into(),
    ])
    .expect(0);
    assert_eq!(unit("systemd-networkd"), "active\nenabled\n", "{run}");
    assert_eq!(unit("networking"), "inactive\ndisabled\n", "{run}");
    refused("systemd-networkd");

    // To NetworkManager, and back.
    let connection = format!(
        "[connection]\nid=user\ntype=ethernet\ninterface-name={interface}\n\n[ipv4]\nmethod=manual\naddress1={ADDRESS},{GATEWAY}\n\n[ipv6]\nmethod=disabled\n"
    );
    let run = apply(&[
        "    - {name: NetworkManager's package, package: {name: network-manager}}\n".into(),
        // What ifupdown knows of is none of NetworkManager's business on Debian.
        "    - {name: no interfaces, file: {path: /etc/network/interfaces, state: absent}}\n".into(),
        file("/etc/NetworkManager/system-connections/user.nmconnection", "0600", &connection, ""),
        service("NetworkManager", "state: restarted, enabled: true"),
        service("systemd-networkd.socket", DOWN),
        "    - {name: it is connected, command: \"nmcli -w 30 connection up user\"}\n".into(),
        service("systemd-networkd", DOWN),
    ])
    .expect(0);
    assert_eq!(unit("NetworkManager"), "active\nenabled\n", "{run}");
    assert_eq!(unit("systemd-networkd"), "inactive\ndisabled\n", "{run}");
    refused("NetworkManager");

    // One that starts with a file that leads nowhere is stopped again, also for the next boot, and who had the interface takes it back.
    let run = apply(&[
        file(OURS, "0644", &networkd("192.0.2.7/24"), ""),
        service("systemd-networkd", &format!("{UP}, confirm_within: 15")),
    ])
    .expect(40);
    assert!(said.iter().any(|said| run.to_string().contains(said)), "{run}");
    assert_eq!(guest.sh(&format!("cat {OURS}")), before);
    assert_eq!(unit("systemd-networkd"), "inactive\ndisabled\n", "{run}");
    assert_eq!(unit("NetworkManager"), "active\nenabled\n", "{run}");

    let run = apply(&[service("systemd-networkd", UP), service("NetworkManager", DOWN)]).expect(0);
    assert_eq!(unit("systemd-networkd"), "active\nenabled\n", "{run}");
    assert_eq!(unit("NetworkManager"), "inactive\ndisabled\n", "{run}");
    // And it stays so.
    let back = [service("systemd-networkd", UP), service("NetworkManager", DOWN)];
    play(program, guest, &back, &["--check"]).expect(0);
}
