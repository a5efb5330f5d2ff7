//! Networks of containers.

use super::{Finding, Known, SUBNETS};
use crate::model::Claim;
use agent::wire::{Answer, Probe, Query};
use std::net::IpAddr;

/// A range of addresses: the first and the last. IPv4 and IPv6 do not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    is_v4: bool,
    first: u128,
    last: u128,
}

impl Range {
    /// `10.20.0.0/24`, or one address.
    pub fn read(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, length)| (a, Some(length)));
        let (is_v4, bits, address) = match address.parse().ok()? {
            IpAddr::V4(address) => (true, 32, u128::from(u32::from(address))),
            IpAddr::V6(address) => (false, 128, u128::from(address)),
        };
        let length: u32 = length.map_or(Some(bits), |length| length.parse().ok())?;
        let free = bits.checked_sub(length)?;
        let mask = 1u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
        Some(Self { is_v4, first: address & !mask, last: address | mask })
    }

    pub fn meets(&self, other: &Self) -> bool {
        self.is_v4 == other.is_v4 && self.first <= other.last && other.first <= self.last
    }
}

pub(super) fn question() -> Query {
    Query::Run(Probe::Subnets)
}

/// What the host has: Docker's networks by name, and its routes. Those of Docker's networks are left out, but for the default ones.
fn of_host(known: &Known) -> Vec<(String, String, Range)> {
    let Some(Answer::Output(output)) = known.answers.get(&question()) else { return vec![] };
    let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
    let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.rsplit_once(' ')).collect();
    let of_docker: Vec<&str> =
        lines.iter().filter(|(name, _)| !name.starts_with("route:")).map(|(_, s)| *s).collect();
    let name = |name: &str, subnet: &str| match name.strip_prefix("route:") {
        Some(_) if of_docker.contains(&subnet) => None,
        Some(device) => Some(format!("the route through {device}")),
        None => Some(format!("the network `{name}`")),
    };
    let read =
        |(of, subnet): &(&str, &str)| Some((name(of, subnet)?, (*subnet).to_string(), Range::read(subnet)?));
    lines.iter().filter_map(read).collect()
}

/// Networks that lie over another one of the plan, of which the later one is told, or over what the host has.
pub(super) fn findings(all: &Known) -> Vec<Finding> {
    let mut known: Vec<(String, String, Range)> = of_host(all);
    let mut found: Vec<Finding> = vec![];
    for (task, claim) in &all.claims {
        let Claim::Network { name, subnets, spot } = claim else { continue };
        let mut own = vec![];
        for subnet in subnets {
            let Some(range) = Range::read(subnet) else { continue };
            let own_name = format!("the network `{name}`");
            if let Some((other, theirs, _)) =
                known.iter().find(|(other, _, theirs)| *other != own_name && theirs.meets(&range))
            {
                found.push(Finding {
                    lint: SUBNETS,
                    task: *task,
                    spot: spot.clone(),
                    message: format!("the network `{name}` lies over {other}"),
                    causes: vec![format!("{subnet} and {theirs} have addresses in common: Docker refuses the second one, or packets go astray")],
                    hint: "give one of them a private range that nothing else on the host uses".into(),
                });
            }
            own.push((own_name, subnet.clone(), range));
        }
        known.extend(own);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TaskId;
    use agent::{secret::Content, wire::Output};

    fn meet(one: &str, other: &str) -> bool {
        Range::read(one).unwrap().meets(&Range::read(other).unwrap())
    }

    #[test]
    fn ranges_meet_where_they_have_an_address_in_common() {
        assert!(meet("172.20.0.0/16", "172.20.5.0/24") && meet("172.20.5.0/24", "172.20.0.0/16"));
        assert!(meet("0.0.0.0/0", "10.1.2.3") && meet("10.0.0.1/8", "10.255.255.255/32"));
        assert!(!meet("172.20.0.0/16", "172.21.0.0/16") && !meet("10.0.0.0/25", "10.0.0.128/25"));
        assert!(meet("fd00::/8", "fd12::1") && !meet("fd00::/64", "fd00:0:0:1::/64"));
        assert!(!meet("::/0", "0.0.0.0/0"), "they are different addresses");
        assert!(["10.0.0.0/33", "10.0.0", "x", "::/129", ""].iter().all(|text| Range::read(text).is_none()));
    }

    fn network(task: u32, name: &str, subnets: &[&str]) -> (TaskId, Claim) {
        let subnets = subnets.iter().map(|subnet| (*subnet).into()).collect();
        (TaskId(task), Claim::Network { name: name.into(), subnets, spot: None })
    }

    #[test]
    fn the_later_of_two_networks_is_told() {
        let claims = vec![
            network(0, "edge", &["10.20.0.0/16"]),
            network(1, "shop", &["10.30.0.0/16", "10.20.7.0/24"]),
            network(2, "edge", &["10.20.0.0/16"]),
        ];
        let found = findings(&Known { claims, ..Known::default() });
        assert_eq!(found.len(), 2, "one is not over itself");
        assert_eq!(found[0].message, "the network `shop` lies over the network `edge`");
        assert!(found[0].causes[0].starts_with("10.20.7.0/24 and 10.20.0.0/16 have"));
    }

    #[test]
    fn what_the_host_has_is_in_the_way() {
        let says = "bridge 172.17.0.0/16\nroute:br-12 172.20.0.0/16\nroute:docker0 172.17.0.0/16\nroute:tun0 10.8.0.0/24\nshop 172.20.0.0/16\n";
        let of = |subnet: &str| {
            let output = Output { code: 0, stdout: Content::from(says), stderr: Content::from("") };
            let answers = [(question(), Answer::Output(output))].into();
            let found = findings(&Known { claims: vec![network(0, "shop", &[subnet])], answers });
            found.into_iter().map(|it| it.message).collect::<Vec<_>>()
        };
        // As it is: the route is its own.
        assert!(of("172.20.0.0/16").is_empty() && of("192.168.9.0/24").is_empty());
        assert_eq!(of("10.8.0.128/25"), ["the network `shop` lies over the route through tun0"]);
        assert_eq!(of("172.17.3.0/24"), ["the network `shop` lies over the network `bridge`"]);
    }
}
