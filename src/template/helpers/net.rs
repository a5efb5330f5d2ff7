//! IP addresses and networks, both families.

use super::{Args, Fault};
use crate::yaml::Value;
use std::net::IpAddr;

/// A network: its first address as a number, the bits of its prefix, and the bits of its family.
struct Network {
    first: u128,
    prefix: u32,
    bits: u32,
    /// The address as it was written, which may be one inside of the network.
    address: u128,
}

pub(super) fn ip_version(args: &Args) -> Result<Value, Fault> {
    let version =
        args.text(0)?.split('/').next().unwrap_or_default().parse().map(
            |ip: IpAddr| {
                if ip.is_ipv4() { 4 } else { 6 }
            },
        );
    Ok(Value::Int(version.unwrap_or(0)))
}

pub(super) fn ip_in(args: &Args) -> Result<Value, Fault> {
    let (inner, outer) = (network(args, 0)?, network(args, 1)?);
    let inside = inner.bits == outer.bits
        && inner.prefix >= outer.prefix
        && masked(inner.first, outer.prefix, outer.bits) == outer.first;
    Ok(Value::Bool(inside))
}

pub(super) fn ip_network(args: &Args) -> Result<Value, Fault> {
    let network = network(args, 0)?;
    Ok(Value::str(format!("{}/{}", shown(network.first, network.bits), network.prefix)))
}

pub(super) fn ip_netmask(args: &Args) -> Result<Value, Fault> {
    let network = network(args, 0)?;
    let all = u128::MAX >> (128 - network.bits);
    Ok(Value::str(shown(masked(all, network.prefix, network.bits), network.bits)))
}

pub(super) fn ip_prefix(args: &Args) -> Result<Value, Fault> {
    Ok(Value::Int(network(args, 0)?.prefix.into()))
}

pub(super) fn ip_host(args: &Args) -> Result<Value, Fault> {
    let network = network(args, 0)?;
    let number = args.integer(1)?;
    let free = network.bits - network.prefix;
    let size = if free == 128 { u128::MAX } else { (1 << free) - 1 };
    let offset = match u128::try_from(number) {
        Ok(number) => Some(number),
        // -1 is the last one.
        Err(_) => size.checked_sub(u128::from(number.unsigned_abs()) - 1),
    };
    match offset.filter(|offset| *offset <= size) {
        Some(offset) => Ok(Value::str(shown(network.first + offset, network.bits))),
        None => Err(args.wrong(1, "the network has no such address".into())),
    }
}

pub(super) fn ip_address(args: &Args) -> Result<Value, Fault> {
    let network = network(args, 0)?;
    Ok(Value::str(shown(network.address, network.bits)))
}

/// `10.0.0.0/24`, or one address.
fn network(args: &Args, index: usize) -> Result<Network, Fault> {
    let text = args.text(index)?;
    let wrong = || args.wrong(index, "this is no IP address or network such as 10.0.0.0/24".into());
    let (address, prefix) = text.split_once('/').map_or((&*text, None), |(a, p)| (a, Some(p)));
    let (address, bits) = match address.parse().map_err(|_| wrong())? {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)), 32),
        IpAddr::V6(ip) => (u128::from(ip), 128),
    };
    let prefix = match prefix {
        None => bits,
        Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= bits).ok_or_else(wrong)?,
    };
    Ok(Network { first: masked(address, prefix, bits), prefix, bits, address })
}

fn masked(address: u128, prefix: u32, bits: u32) -> u128 {
    let free = bits - prefix;
    if free == 128 { 0 } else { address >> free << free }
}

fn shown(address: u128, bits: u32) -> String {
    match u32::try_from(address) {
        Ok(number) if bits == 32 => std::net::Ipv4Addr::from(number).to_string(),
        _ => std::net::Ipv6Addr::from(address).to_string(),
    }
}
