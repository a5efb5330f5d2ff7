//! The ports that the rules admit, read from the rules themselves: from a listing of what is in force, and from those wanted.

use crate::model::{Exposed, Gate, OpenPort, Reach};
use agent::secret::Content;

/// `listing` is the table as the host lists it now; none where there is no table.
pub fn of(listing: Option<&str>, wanted: &Content) -> Exposed {
    let text = String::from_utf8_lossy(wanted.bytes()).into_owned();
    Exposed { gate: Gate::Firewall, before: listing.map_or(Reach::Everything, reach), after: reach(&text) }
}

/// What the chain for all that arrives admits.
fn reach(rules: &str) -> Reach {
    let chain = rules.lines().map(str::trim).skip_while(|line| !line.starts_with("chain prerouting"));
    let chain: Vec<&str> = chain.skip(1).take_while(|line| *line != "}").collect();
    let is_drop = |line: &&str| line.starts_with("counter") && line.ends_with("drop");
    // What comes behind an open end is admitted, as by a table without such a chain.
    let Some(end) = chain.iter().position(is_drop) else { return Reach::Everything };
    let (mut ports, mut others) = (vec![], vec![]);
    for rule in chain[..end].iter().filter(|rule| !is_ours(rule)) {
        match admitted(rule) {
            Some(found) => ports.extend(found),
            // A rule that drops opens nothing.
            None if rule.ends_with("accept") || rule.contains("jump") => others.push((*rule).to_string()),
            None => {}
        }
    }
    match Reach::only(ports) {
        Reach::Only { ports, .. } => Reach::Only { ports, others },
        reach => reach,
    }
}

/// Rules of each table of this type, which open no port: for what has a connection, comes from inside, or is no port.
fn is_ours(rule: &str) -> bool {
    const BEGINNINGS: [&str; 8] = [
        "type filter hook",
        "iifname ",
        "ct state established,related accept",
        "fib daddr type != local accept",
        "meta l4proto { icmp, ipv6-icmp } accept",
        "icmpv6 type",
        "udp sport 67 udp dport 68 accept",
        "udp sport 547 udp dport 546 accept",
    ];
    BEGINNINGS.iter().any(|beginning| rule.starts_with(beginning)) || rule.contains("ipv6-icmp } accept")
}

/// `ip saddr 10.0.0.0/8 tcp dport 22 accept`, `meta nfproto ipv4 tcp dport { 80, 443 } accept`.
fn admitted(rule: &str) -> Option<Vec<OpenPort>> {
    let rule = rule.strip_suffix(" accept")?;
    let (source, proto, ports) = ["tcp", "udp"].iter().find_map(|proto| {
        let (source, ports) = rule.split_once(&format!("{proto} dport "))?;
        Some((source.trim(), *proto, ports))
    })?;
    let words: Vec<&str> = source.split(' ').collect();
    let only = match words[..] {
        [""] => None,
        ["ip" | "ip6", "saddr", network] => Some(network.to_string()),
        ["meta", "nfproto", "ipv4"] => Some("0.0.0.0/0".into()),
        ["meta", "nfproto", "ipv6"] => Some("::/0".into()),
        _ => return None,
    };
    let ports = ports.trim_start_matches("{ ").trim_end_matches(" }").split(", ");
    let port = |port: &str| {
        let is_port = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit() || c == '-');
        let (only, to) = (only.clone(), None);
        is_port.then(|| OpenPort { port: port.into(), proto: proto.into(), only, to })
    };
    ports.map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(reach: &Reach) -> Vec<String> {
        let Reach::Only { ports, others } = reach else { return vec![format!("{reach:?}")] };
        let port = |port: &OpenPort| {
            let only = port.only.as_ref().map(|only| format!(" from {only}")).unwrap_or_default();
            format!("{}/{}{only}", port.port, port.proto)
        };
        ports.iter().map(port).chain(others.iter().map(|other| format!("? {other}"))).collect()
    }

    #[test]
    fn a_listing_and_the_file_say_the_same_of_the_ports() {
        // As nft 1.0.6 lists it.
        let listing = "table inet provision {\n\tchain prerouting {\n\t\ttype filter hook prerouting priority -150; policy accept;\n\
            \t\tiifname \"lo\" accept\n\t\tct state established,related accept\n\t\tfib daddr type != local accept\n\
            \t\tmeta l4proto { icmp, ipv6-icmp } accept\n\t\tudp sport 67 udp dport 68 accept\n\t\ttcp dport 80 accept\n\
            \t\ttcp dport 8000-8010 accept\n\t\tip saddr 10.0.0.0/8 tcp dport 22 accept\n\t\tmeta nfproto ipv6 udp dport 53 accept\n\
            \t\tcounter drop\n\t}\n\tchain forward {\n\t\ttcp dport 9 accept\n\t\tcounter drop\n\t}\n}\n";
        let expected = ["22/tcp from 10.0.0.0/8", "53/udp from ::/0", "80/tcp", "8000-8010/tcp"];
        assert_eq!(words(&reach(listing)), expected);
        // By hand: a set, a rule that is not understood, one that closes; and an open end.
        let more = listing.replace(
            "\t\ttcp dport 80 accept\n",
            "\t\ttcp dport { 80, 443 } accept\n\t\tether saddr aa:bb accept\n\t\ttcp dport 25 drop\n",
        );
        let found = words(&reach(&more));
        assert!(
            found.contains(&"443/tcp".into()) && found.contains(&"? ether saddr aa:bb accept".into()),
            "{found:?}"
        );
        assert!(!found.iter().any(|word| word.contains("25")), "{found:?}");
        assert_eq!(
            reach(&listing.replace("\t\tcounter drop\n\t}\n\tchain", "\t}\n\tchain")),
            Reach::Everything
        );
        assert_eq!(of(None, &Content::from(listing)).before, Reach::Everything);
        assert_eq!(of(Some(listing), &Content::from(listing)).before, reach(listing));
    }
}
