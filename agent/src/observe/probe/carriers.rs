//! What looks after the interface that the connection came by: ifupdown, systemd-networkd, NetworkManager, as each writes it down for itself.

use super::{SOON, accounts, output};
use crate::child::probe;
use crate::wire::Output;
use std::fs;
use std::path::Path;

pub fn carriers() -> Output {
    let connection = accounts::ssh().flatten();
    let own = connection.as_deref().and_then(|said| said.split(' ').nth(2)).and_then(interface);
    output(
        0,
        names(Path::new("/run"), own.as_ref()).iter().map(|name| format!("{name}\n")).collect::<String>(),
    )
}

/// Number and name.
type Interface = (String, String);

/// The interface that has an address of this machine.
fn interface(address: &str) -> Option<Interface> {
    let address = address.split('%').next().unwrap_or(address);
    // An address of version 4 on a socket of version 6.
    let address = address.strip_prefix("::ffff:").unwrap_or(address);
    let said = probe(&["ip", "-o", "addr", "show", "to", address], None, SOON);
    line(&String::from_utf8_lossy(said.stdout.bytes()))
}

/// Of `2: eth0    inet 192.0.2.7/24 ...`.
fn line(said: &str) -> Option<Interface> {
    let mut words = said.lines().next()?.split_whitespace();
    let (number, name) = (words.next()?.strip_suffix(':')?, words.next()?);
    Some((number.into(), name.split('@').next().unwrap_or(name).into()))
}

/// The units that look after this interface; after any, where it is not known.
fn names(run: &Path, interface: Option<&Interface>) -> Vec<&'static str> {
    let state_of = |folder: &str, is_carried: fn(&str) -> bool| {
        let entries = fs::read_dir(run.join(folder)).into_iter().flatten().flatten();
        entries
            .filter(|entry| interface.is_none_or(|(number, _)| entry.file_name().to_str() == Some(number)))
            .any(|entry| is_carried(&fs::read_to_string(entry.path()).unwrap_or_default()))
    };
    let of_ifupdown = fs::read_to_string(run.join("network/ifstate")).unwrap_or_default();
    let is_up = |line: &str| {
        let name = line.split('=').next().unwrap_or_default().trim();
        interface.map_or(!matches!(name, "" | "lo"), |(_, own)| name == own)
    };
    let found = [
        ("networking.service", of_ifupdown.lines().any(is_up)),
        (
            "systemd-networkd.service",
            state_of("systemd/netif/links", |text| {
                has(text, "ADMIN_STATE", &["configured", "configuring", "degraded"])
            }),
        ),
        (
            "NetworkManager.service",
            state_of("NetworkManager/devices", |text| {
                has(text, "managed", &["true", "1"])
                    && text.lines().any(|line| line.starts_with("connection-uuid="))
            }),
        ),
    ];
    found.into_iter().filter_map(|(name, is_found)| is_found.then_some(name)).collect()
}

fn has(text: &str, key: &str, values: &[&str]) -> bool {
    let value = |line: &str| Some(line.strip_prefix(key)?.strip_prefix('=')?.trim().to_string());
    text.lines().filter_map(value).any(|value| values.contains(&value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_after_an_interface_is_read_where_each_says_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let of = |number: &str, name: &str| names(folder.path(), Some(&(number.into(), name.into())));
        assert!(of("2", "eth0").is_empty() && names(folder.path(), None).is_empty());
        write("network/ifstate", "lo=lo\neth0=eth0\n");
        write("systemd/netif/links/1", "# This is private data.\nADMIN_STATE=unmanaged\n");
        write("systemd/netif/links/2", "ADMIN_STATE=unmanaged\nOPER_STATE=routable\n");
        write("systemd/netif/links/3", "ADMIN_STATE=configured\nOPER_STATE=routable\n");
        write("NetworkManager/devices/2", "[device]\nmanaged=false\n");
        write("NetworkManager/devices/3", "[device]\nmanaged=true\n");
        write("NetworkManager/devices/4", "[device]\nconnection-uuid=1f0c\nmanaged=true\n");
        assert_eq!(of("2", "eth0"), ["networking.service"]);
        assert_eq!(of("3", "eth1"), ["systemd-networkd.service"]);
        assert_eq!(of("4", "wlan0"), ["NetworkManager.service"]);
        assert_eq!(names(folder.path(), None).len(), 3);
        assert_eq!(of("1", "lo"), ["networking.service"]);
    }

    #[test]
    fn an_interface_is_read_with_its_number() {
        let said =
            "5: eth0@if6    inet 192.0.2.7/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever\n";
        assert_eq!(line(said), Some(("5".into(), "eth0".into())));
        assert_eq!(line(""), None);
        assert_eq!(interface("127.0.0.1").map(|(_, name)| name).as_deref(), Some("lo"));
    }
}
