//! How a network is made anew, with its containers, so that it can be gone back to.

use super::addresses;
use crate::{resource::Fault, resources::shared::docker};
use agent::{
    secret::Content,
    wire::{Op, Step, Steps, docker::network_steps},
};
use serde_json::Value;
use std::net::IpAddr;

/// A container that belongs in the network, running or not.
#[derive(Clone)]
pub struct Member {
    pub name: String,
    /// As docker tells it.
    pub told: Value,
    /// It was taken out, and nobody has put it back.
    pub is_out: bool,
}

impl Member {
    pub fn new(told: &Value, is_out: bool) -> Self {
        let name = told["Name"].as_str().unwrap_or_default().trim_start_matches('/').into();
        Self { name, told: told.clone(), is_out }
    }

    /// Addresses of its own choosing.
    pub fn fixed<'a>(&'a self) -> Vec<(&'static str, &'a str)> {
        let options =
            [("--ip", &self.told["Fixed"]["IPv4Address"]), ("--ip6", &self.told["Fixed"]["IPv6Address"])];
        let chosen = |(option, value): (&'static str, &'a Value)| Some((option, value.as_str()?));
        options.into_iter().filter_map(chosen).filter(|(_, ip)| !ip.is_empty()).collect()
    }

    fn connect(&self, network: &str) -> Vec<String> {
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_string).collect()
        };
        let mut args = vec![];
        let listed = [
            ("--alias", texts(&self.told["Aliases"])),
            ("--link", texts(&self.told["Links"])),
            ("--link-local-ip", texts(&self.told["Fixed"]["LinkLocalIPs"])),
        ];
        for (option, values) in listed {
            args.extend(values.into_iter().flat_map(|value| [option.to_string(), value]));
        }
        for (option, address) in self.fixed() {
            args.extend([option.to_string(), address.to_string()]);
        }
        args.extend(docker::options("--driver-opt", &self.told["DriverOpts"]));
        args.extend([network.to_string(), self.name.clone()]);
        argv(["network", "connect"], args)
    }
}

fn argv<const N: usize>(first: [&str; N], rest: Vec<String>) -> Vec<String> {
    ["docker"].into_iter().chain(first).map(str::to_string).chain(rest).collect()
}

/// The command that makes a network as it is told.
pub fn create(name: &str, network: &Value) -> Vec<String> {
    let mut args = vec!["--driver".to_string(), network["Driver"].as_str().unwrap_or("bridge").into()];
    for (field, option) in [("Subnet", "--subnet"), ("Gateway", "--gateway"), ("IPRange", "--ip-range")] {
        args.extend(addresses(network, field).into_iter().flat_map(|value| [option.to_string(), value]));
    }
    for config in network["IPAM"]["Config"].as_array().into_iter().flatten() {
        args.extend(docker::options("--aux-address", &config["AuxiliaryAddresses"]));
    }
    if let Some(driver) = network["IPAM"]["Driver"].as_str().filter(|driver| *driver != "default") {
        args.extend(["--ipam-driver".to_string(), driver.into()]);
    }
    args.extend(docker::options("--ipam-opt", &network["IPAM"]["Options"]));
    for (field, option) in
        [("Internal", "--internal"), ("Attachable", "--attachable"), ("EnableIPv6", "--ipv6")]
    {
        args.extend((network[field] == Value::Bool(true)).then(|| option.to_string()));
    }
    args.extend(docker::options("--label", &network["Labels"]));
    args.extend(docker::options("--opt", &network["Options"]));
    args.push(name.into());
    argv(["network", "create"], args)
}

/// From one network, if there is one, to another. `was` is what it was before somebody was cut short.
pub fn steps(name: &str, from: Option<&Value>, to: Option<&Value>, was: &Value, members: &[Member]) -> Op {
    let own = |argv: &[&str]| argv.iter().map(ToString::to_string).collect::<Vec<_>>();
    let anew = from != to;
    let mut steps = vec![];
    let disconnect =
        |member: &Member| own(&["docker", "network", "disconnect", "--force", name, &member.name]);
    if anew && let Some(from) = from {
        for member in members.iter().filter(|member| !member.is_out) {
            steps.push(Step { argv: disconnect(member), undo: Some(member.connect(name)) });
        }
        let remove = own(&["docker", "network", "rm", name]);
        steps.push(Step { argv: remove, undo: Some(create(name, from)) });
    }
    if let Some(to) = to {
        if anew {
            // Without one before, there is nothing to go back to.
            let undo = from.map(|_| own(&["docker", "network", "rm", name]));
            steps.push(Step { argv: create(name, to), undo });
        }
        for member in members.iter().filter(|member| anew || member.is_out) {
            let undo = (anew && from.is_some()).then(|| disconnect(member));
            steps.push(Step { argv: member.connect(name), undo });
        }
    }
    let mut record = from.unwrap_or(was).to_string() + "\n";
    for member in members {
        record.push_str(&format!("{}\n", member.told));
    }
    Op::Steps(Steps { name: network_steps(name), record: Content::new(record, false), steps })
}

/// Refuses a network in which a container could not have the address that it has chosen.
pub fn check_fixed(name: &str, members: &[Member], subnets: &[String]) -> Result<(), Fault> {
    for member in members {
        for (_, address) in member.fixed() {
            let is_within = |subnet: &String| within(address, subnet).unwrap_or(false);
            if !subnets.iter().any(is_within) {
                let what = format!(
                    "the container `{}` has chosen the address {address} in the network `{name}`, which would lie in none of its subnets",
                    member.name
                );
                return Err(
                    Fault::new(what).hint("it cannot be put back: remove it, and make it anew afterwards")
                );
            }
        }
    }
    Ok(())
}

fn within(address: &str, subnet: &str) -> Option<bool> {
    let (network, length) = subnet.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    match (address.parse().ok()?, network.parse().ok()?) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            Some((u32::from(a) ^ u32::from(b)).checked_shr(32_u32.checked_sub(length)?).unwrap_or(0) == 0)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            Some((u128::from(a) ^ u128::from(b)).checked_shr(128_u32.checked_sub(length)?).unwrap_or(0) == 0)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_in_a_subnet_or_not() {
        for (address, subnet, expected) in [
            ("10.20.0.7", "10.20.0.0/24", Some(true)),
            ("10.20.1.7", "10.20.0.0/24", Some(false)),
            ("10.20.1.7", "0.0.0.0/0", Some(true)),
            ("10.20.1.7", "10.20.1.7/32", Some(true)),
            ("fd00::7", "fd00::/64", Some(true)),
            ("fd01::7", "fd00::/64", Some(false)),
            ("fd00::7", "10.20.0.0/24", None),
        ] {
            assert_eq!(within(address, subnet), expected, "{address} {subnet}");
        }
    }
}
