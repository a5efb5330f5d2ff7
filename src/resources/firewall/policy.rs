//! What a policy says, and the ruleset that says it to nftables.

use crate::resource::Fault;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Visitor},
};
use std::{fmt, fmt::Write as _, net::IpAddr};

/// Who may reach which ports.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// A port, a range (`8000-8010`), or a list of them.
    pub port: Ports,
    /// `tcp` (default) or `udp`.
    #[serde(default)]
    pub proto: Proto,
    /// Networks that may reach it, IPv4 or IPv6 (`10.0.0.0/8`, `2001:db8::/32`). Default: from everywhere.
    #[serde(default)]
    pub from: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Proto {
    #[default]
    Tcp,
    Udp,
}

/// Ports as ranges, both ends included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ports(pub Vec<(u16, u16)>);

impl Ports {
    pub fn holds(&self, port: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&port))
    }
}

impl JsonSchema for Ports {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ports".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = schemars::json_schema!({ "type": ["integer", "string"] });
        schemars::json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PortsVisitor;
        impl<'de> Visitor<'de> for PortsVisitor {
            type Value = Ports;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a port from 1 to 65535, a range such as \"8000-8010\", or a list of them")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Ports, E> {
                let port = u16::try_from(number).ok().filter(|port| *port > 0);
                let port = port
                    .ok_or_else(|| E::custom(format!("{number} is not a port: they go from 1 to 65535")))?;
                Ok(Ports(vec![(port, port)]))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ports, E> {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                match (first.trim().parse(), last.trim().parse()) {
                    (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(Ports(vec![(first, last)])),
                    _ => {
                        Err(E::custom(format!("`{}` is not a port or a range of ports", text.escape_debug())))
                    }
                }
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Ports, A::Error> {
                let mut ports = vec![];
                while let Some(Ports(more)) = items.next_element()? {
                    ports.extend(more);
                }
                ports.sort_unstable();
                ports.dedup();
                Ok(Ports(ports))
            }
        }
        deserializer.deserialize_any(PortsVisitor)
    }
}

/// The policy as the renderer needs it.
pub struct Policy<'a> {
    pub table: &'a str,
    pub allow: &'a [Allow],
    /// TCP ports for everyone.
    pub public: &'a Ports,
    /// Interfaces whose traffic is trusted; a trailing `*` matches any rest.
    pub trusted: &'a [String],
    /// Original destination ports of translated connections that may be forwarded to trusted interfaces.
    pub forward: &'a Ports,
    pub icmp: bool,
}

/// A network as nft's match on the source; the host part is cleared.
fn source(network: &str) -> Result<String, Fault> {
    let bad = || Fault::new(format!("`{}` is not a network", network.escape_debug()));
    let (address, bits) = network.split_once('/').map_or((network, None), |(a, b)| (a, Some(b)));
    let address: IpAddr =
        address.parse().map_err(|_| bad().hint("write an address or a network such as 10.0.0.0/8"))?;
    let most: u32 = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(bad)?,
        None => most,
    };
    let (family, keyword) = if address.is_ipv4() { ("ipv4", "ip") } else { ("ipv6", "ip6") };
    if bits == 0 {
        return Ok(format!("meta nfproto {family}"));
    }
    let cleared: IpAddr = match address {
        IpAddr::V4(v4) => std::net::Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << (32 - bits))).into(),
        IpAddr::V6(v6) => std::net::Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - bits))).into(),
    };
    let bits = if bits == most { String::new() } else { format!("/{bits}") };
    Ok(format!("{keyword} saddr {cleared}{bits}"))
}

fn span((first, last): &(u16, u16)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

const INTERFACE: &str = "an interface's name";

/// Refuses what nft would read as something else.
fn check_name(what: &str, name: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let stem = name.strip_suffix('*').filter(|_| what == INTERFACE).unwrap_or(name);
    let (first, most) = (stem.chars().next(), if what == INTERFACE { 15 } else { 64 });
    let starts = first.is_some_and(|c| c.is_ascii_alphabetic());
    if starts && stem.chars().all(good) && stem.len() <= most {
        return Ok(());
    }
    Err(Fault::new(format!("`{}` is not {what}", name.escape_debug())))
}

impl Policy<'_> {
    /// Whether a host could still be reached for administration.
    pub fn admits(&self, ssh_port: u16) -> bool {
        let allowed = |allow: &Allow| allow.proto == Proto::Tcp && allow.port.holds(ssh_port);
        self.public.holds(ssh_port) || self.allow.iter().any(allowed)
    }

    /// The ruleset file. Loading it replaces the table as one transaction, and touches no other table.
    ///
    /// Both chains stand before the container engine's: `prerouting` sees the port that the client asked for, before it
    /// is translated, so that published ports are closed whoever publishes them; `forward` closes the way of a
    /// neighbour that routes straight to a container's address. One rule per port and network: a listing of such rules
    /// reads the same whenever it is made, which sets do not promise.
    ///
    /// # Errors
    /// A fault for names and networks that are none.
    pub fn render(&self) -> Result<String, Fault> {
        let table = self.table;
        check_name("a table's name", table)?;
        self.trusted.iter().try_for_each(|name| check_name(INTERFACE, name))?;
        let mut text = format!(
            "#!/usr/sbin/nft -f\n# Written by provisioning: changes made here are lost.\n\
             table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n\tchain prerouting {{\n"
        );
        let mut rule = |rule: &str| _ = writeln!(text, "\t\t{rule}");
        rule("type filter hook prerouting priority -150; policy accept;");
        rule("iifname \"lo\" accept");
        self.trusted.iter().for_each(|name| rule(&format!("iifname \"{name}\" accept")));
        rule("ct state established,related accept");
        rule("fib daddr type != local accept");
        rule(if self.icmp {
            "meta l4proto { icmp, ipv6-icmp } accept"
        } else {
            // IPv6 has no neighbours without these.
            "icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept"
        });
        // Answers to the host's own DHCP requests.
        rule("udp sport 67 udp dport 68 accept");
        rule("udp sport 547 udp dport 546 accept");
        for ports in &self.public.0 {
            rule(&format!("tcp dport {} accept", span(ports)));
        }
        for allow in self.allow {
            let proto = if allow.proto == Proto::Tcp { "tcp" } else { "udp" };
            for ports in &allow.port.0 {
                let ports = format!("{proto} dport {} accept", span(ports));
                if allow.from.is_empty() {
                    rule(&ports);
                }
                for network in &allow.from {
                    rule(&format!("{} {ports}", source(network)?));
                }
            }
        }
        rule("counter drop");
        text.push_str("\t}\n\tchain forward {\n");
        let mut rule = |rule: &str| _ = writeln!(text, "\t\t{rule}");
        rule("type filter hook forward priority -1; policy accept;");
        rule("ct state established,related accept");
        self.trusted.iter().for_each(|name| rule(&format!("iifname \"{name}\" accept")));
        for name in self.trusted {
            for ports in &self.forward.0 {
                let original = format!("meta l4proto tcp ct original proto-dst {} accept", span(ports));
                rule(&format!("oifname \"{name}\" ct status dnat {original}"));
            }
            rule(&format!("oifname \"{name}\" counter drop"));
        }
        text.push_str("\t}\n}\n");
        Ok(text)
    }
}
