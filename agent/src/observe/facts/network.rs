//! Interfaces from `/sys/class/net` (sysfs-class-net in the kernel's ABI documentation), and the way out.

use super::netlink::Known;
use super::tree::Tree;
use crate::wire::facts::{Address, Dns, Interface, Route};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// `RTF_GATEWAY` and `RTF_REJECT`.
const GATEWAY: u32 = 0x2;
const REJECT: u32 = 0x200;

pub fn interfaces(tree: &Tree, addresses: &[Known]) -> BTreeMap<String, Interface> {
    let mut found = BTreeMap::new();
    for name in tree.names("sys/class/net") {
        let file = |file: &str| format!("sys/class/net/{name}/{file}");
        // `bonding_masters` is a file.
        let Some(number) = tree.number(&file("ifindex")) else { continue };
        let own = |v4: bool| {
            let own =
                addresses.iter().filter(|a| u64::from(a.interface) == number && a.address.is_ipv4() == v4);
            own.map(address).collect()
        };
        let mac = tree.line(&file("address"));
        // Without the power to say more (`unknown`), a loopback or a tunnel is up when it is switched on.
        let flags = u32::from_str_radix(tree.line(&file("flags")).trim_start_matches("0x"), 16).unwrap_or(0);
        let up = flags & 1 != 0 && matches!(tree.line(&file("operstate")).as_str(), "up" | "unknown");
        let interface = Interface {
            mac: if mac.chars().all(|c| "0:".contains(c)) { String::new() } else { mac },
            mtu: tree.number(&file("mtu")).unwrap_or(0) as u32,
            up,
            kind: kind(tree, &name).to_string(),
            ipv4: own(true),
            ipv6: own(false),
        };
        found.insert(name, interface);
    }
    found
}

fn address(known: &Known) -> Address {
    let scope = match known.scope {
        0 => "global",
        253 => "link",
        254 => "host",
        _ => "site",
    };
    Address {
        address: known.address.to_string(),
        prefix: known.prefix,
        network: network(known.address, known.prefix),
        scope: scope.into(),
    }
}

fn network(address: IpAddr, prefix: u32) -> String {
    let first = match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::from(Ipv4Addr::from(u32::from(ip) & mask))
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::from(Ipv6Addr::from(u128::from(ip) & mask))
        }
    };
    format!("{first}/{prefix}")
}

fn kind(tree: &Tree, name: &str) -> &'static str {
    let folder = format!("sys/class/net/{name}");
    let has = |inner: &str| tree.exists(&format!("{folder}/{inner}"));
    // `ARPHRD_*`: loopback, ethernet, and tunnels of several kinds.
    let number = tree.number(&format!("{folder}/type"));
    if number == Some(772) {
        return "loopback";
    }
    let event = tree.read(&format!("{folder}/uevent"));
    match (event.lines().find_map(|line| line.strip_prefix("DEVTYPE=")), number) {
        (Some("bridge"), _) => "bridge",
        (Some("vlan"), _) => "vlan",
        (Some("bond"), _) => "bond",
        (Some("wireguard"), _) => "wireguard",
        (_, Some(768 | 769 | 776 | 778 | 65534)) => "tunnel",
        (_, Some(1)) if has("device") => "ether",
        _ if has("tun_flags") => "tunnel",
        _ => "virtual",
    }
}

pub fn default_ipv4(interfaces: &BTreeMap<String, Interface>, routes: &str) -> Route {
    let address = source_address("0.0.0.0:0", "192.0.2.1:9");
    route(interfaces, address, &routes_ipv4(routes))
}

pub fn default_ipv6(interfaces: &BTreeMap<String, Interface>, routes: &str) -> Route {
    let address = source_address("[::]:0", "[2001:db8::1]:9");
    route(interfaces, address, &routes_ipv6(routes))
}

/// A way out: metric, interface, router.
type Way = (u32, String, String);

/// The best way that leaves by the interface with that address; without one by any.
fn route(interfaces: &BTreeMap<String, Interface>, address: Option<IpAddr>, ways: &[Way]) -> Route {
    let Some(address) = address.map(|address| address.to_string()) else { return Route::default() };
    let own = |interface: &Interface| {
        let mut all = interface.ipv4.iter().chain(&interface.ipv6);
        all.find(|own| own.address == address).map(|own| own.prefix)
    };
    let holder = interfaces.iter().find_map(|(name, interface)| Some((name, own(interface)?)));
    let best = |wanted: Option<&String>| {
        let ways = ways.iter().filter(|(_, interface, _)| wanted.is_none_or(|name| name == interface));
        ways.min_by_key(|(metric, ..)| *metric)
    };
    // An address may sit on the loopback and leave elsewhere.
    let way = best(holder.map(|(name, _)| name)).or_else(|| best(None));
    let name = way.map(|(_, name, _)| name).or(holder.map(|(name, _)| name));
    let interface = name.and_then(|name| interfaces.get(name));
    Route {
        address,
        prefix: holder.map_or(0, |(_, prefix)| prefix),
        interface: name.cloned().unwrap_or_default(),
        gateway: way.map(|(_, _, gateway)| gateway.clone()).unwrap_or_default(),
        mac: interface.map(|interface| interface.mac.clone()).unwrap_or_default(),
        mtu: interface.map_or(0, |interface| interface.mtu),
    }
}

/// `/proc/net/route`: numbers as they lie in memory.
fn routes_ipv4(text: &str) -> Vec<Way> {
    let way = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let hex = |at: usize| u32::from_str_radix(words.get(at)?, 16).ok();
        let (flags, metric) = (hex(3)?, words.get(6)?.parse().ok()?);
        if hex(1)? != 0 || hex(7)? != 0 || flags & REJECT != 0 {
            return None;
        }
        let gateway = if flags & GATEWAY == 0 {
            String::new()
        } else {
            Ipv4Addr::from(hex(2)?.to_ne_bytes()).to_string()
        };
        Some((metric, words[0].to_string(), gateway))
    };
    text.lines().filter_map(way).collect()
}

/// `/proc/net/ipv6_route`.
fn routes_ipv6(text: &str) -> Vec<Way> {
    let way = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [to, prefix, _, _, gateway, metric, _, _, flags, interface] = words[..] else { return None };
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        let flags = hex(flags)?;
        if hex(prefix)? != 0 || to.bytes().any(|c| c != b'0') || flags & REJECT != 0 || interface == "lo" {
            return None;
        }
        let router = Ipv6Addr::from(u128::from_str_radix(gateway, 16).ok()?);
        let gateway = if flags & GATEWAY == 0 { String::new() } else { router.to_string() };
        Some((hex(metric)?, interface.to_string(), gateway))
    };
    text.lines().filter_map(way).collect()
}

/// The address from which a packet to `far` would be sent; connecting a datagram socket sends nothing.
fn source_address(any: &str, far: &str) -> Option<IpAddr> {
    let address =
        UdpSocket::bind(any).and_then(|socket| socket.connect(far).and_then(|()| socket.local_addr()));
    address.ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

/// resolv.conf(5); of several `search` and `domain` lines the last one counts.
pub fn dns(text: &str) -> Dns {
    let mut dns = Dns::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => dns.nameservers.extend(words.next().map(str::to_string)),
            Some("search" | "domain") => dns.search = words.map(str::to_string).collect(),
            _ => {}
        }
    }
    dns
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_interface_has_its_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let make = |path: &str, text: &str| {
            let path = folder.path().join("sys/class/net").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (path, text) in [
            ("eth0/ifindex", "2\n"),
            ("eth0/address", "02:fc:00:00:00:01\n"),
            ("eth0/mtu", "1400\n"),
            ("eth0/flags", "0x1003\n"),
            ("eth0/operstate", "up\n"),
            ("eth0/type", "1\n"),
            ("eth0/device/vendor", "x\n"),
            ("lo/ifindex", "1\n"),
            ("lo/address", "00:00:00:00:00:00\n"),
            ("lo/flags", "0x9\n"),
            ("lo/operstate", "unknown\n"),
            ("lo/type", "772\n"),
            ("br0/ifindex", "3\n"),
            ("br0/uevent", "DEVTYPE=bridge\nINTERFACE=br0\n"),
            ("br0/flags", "0x1002\n"),
            ("br0/operstate", "down\n"),
        ] {
            make(path, text);
        }
        fs::write(folder.path().join("sys/class/net/bonding_masters"), "").unwrap();
        let known = |interface, address: &str, prefix, scope| Known {
            interface,
            address: address.parse().unwrap(),
            prefix,
            scope,
        };
        let all =
            [known(2, "192.0.2.77", 26, 0), known(2, "2001:db8::5", 64, 0), known(2, "fe80::1", 64, 253)];
        let found = interfaces(&Tree::new(folder.path()), &all);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["br0", "eth0", "lo"]);
        let eth0 = &found["eth0"];
        assert_eq!(
            (eth0.mac.as_str(), eth0.mtu, eth0.up, eth0.kind.as_str()),
            ("02:fc:00:00:00:01", 1400, true, "ether")
        );
        assert_eq!((eth0.ipv4[0].network.as_str(), eth0.ipv4[0].prefix), ("192.0.2.64/26", 26));
        assert_eq!((eth0.ipv6[1].scope.as_str(), eth0.ipv6[0].network.as_str()), ("link", "2001:db8::/64"));
        assert_eq!(
            (found["lo"].mac.as_str(), found["lo"].up, found["lo"].kind.as_str()),
            ("", true, "loopback")
        );
        assert_eq!((found["br0"].up, found["br0"].kind.as_str()), (false, "bridge"));

        let way = (100, "eth0".to_string(), "192.0.2.65".to_string());
        let worse = (200, "eth0".to_string(), "192.0.2.66".to_string());
        let out = route(&found, Some("192.0.2.77".parse().unwrap()), &[worse, way]);
        assert_eq!((out.interface.as_str(), out.gateway.as_str(), out.prefix), ("eth0", "192.0.2.65", 26));
        assert_eq!((out.mac.as_str(), out.mtu), ("02:fc:00:00:00:01", 1400));
        assert_eq!(route(&found, None, &[]), Route::default());
    }

    #[test]
    fn ways_out_are_read_as_the_kernel_writes_them() {
        let four = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
            eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0\n\
            wg0 00000000 00000000 0001 0 0 50 00000000 0 0 0\n\
            eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n";
        let owned = |metric, name: &str, gateway: &str| (metric, name.to_string(), gateway.to_string());
        assert_eq!(routes_ipv4(four), [owned(100, "eth0", "192.0.2.1"), owned(50, "wg0", "")]);
        let zero = "0".repeat(32);
        let six = format!(
            "{zero} 00 {zero} 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n\
             {zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n\
             fe800000000000000000000000000000 40 {zero} 00 {zero} 00000100 00000002 00000000 00000001 eth0\n"
        );
        assert_eq!(routes_ipv6(&six), [owned(1024, "eth0", "fd00::1")]);
    }

    #[test]
    fn name_servers_are_read() {
        let found =
            dns("# x\nnameserver 192.0.2.53\nsearch a.org b.org\nnameserver 2001:db8::53\noptions ndots:1\n");
        assert_eq!(found.nameservers, ["192.0.2.53", "2001:db8::53"]);
        assert_eq!(found.search, ["a.org", "b.org"]);
    }
}
