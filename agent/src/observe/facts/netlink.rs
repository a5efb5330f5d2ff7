//! The addresses of all interfaces, asked of the kernel (rtnetlink(7)).

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `RTM_GETADDR` and what answers it; `NLMSG_ERROR`, `NLMSG_DONE`.
const GET: u16 = 22;
const NEW: u16 = 20;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 1 | 0x300;
/// `IFA_ADDRESS`, and `IFA_LOCAL`: of a link from point to point the near end.
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
/// A message's header, and that of an address (`struct ifaddrmsg`).
const HEADER: usize = 16;
const OWN: usize = 8;

/// An address as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Number of its interface.
    pub interface: u32,
    pub address: IpAddr,
    pub prefix: u32,
    /// `RT_SCOPE_*`.
    pub scope: u8,
}

/// In the kernel's order: an interface's main address first.
pub fn addresses() -> Result<Vec<Known>, Errno> {
    // No protocol is number 0, which is `NETLINK_ROUTE`.
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let mut question = vec![];
    question.extend(((HEADER + OWN) as u32).to_ne_bytes());
    question.extend(GET.to_ne_bytes());
    question.extend(DUMP.to_ne_bytes());
    question.extend([0; 8 + OWN]);
    rustix::net::sendto(&socket, &question, SendFlags::empty(), &netlink::SocketAddrNetlink::new(0, 0))?;
    let mut found = vec![];
    let mut buffer = vec![0; 64 << 10];
    loop {
        let (_, count) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        if count == 0 || read(&buffer[..count.min(64 << 10)], &mut found) {
            return Ok(found);
        }
    }
}

/// Adds the addresses of one datagram; whether it was the last one.
fn read(mut bytes: &[u8], found: &mut Vec<Known>) -> bool {
    while let Some(length) = number(bytes, 0) {
        let length = length as usize;
        let Some(message) = bytes.get(..length).filter(|message| message.len() >= HEADER) else {
            return true;
        };
        match u16::from_ne_bytes([message[4], message[5]]) {
            ERROR | DONE => return true,
            NEW => found.extend(known(&message[HEADER..])),
            _ => {}
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    false
}

fn known(message: &[u8]) -> Option<Known> {
    let (own, mut attributes) = message.split_at_checked(OWN)?;
    let (mut address, mut local) = (None, None);
    while let [a, b, c, d, ..] = *attributes {
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let Some(value) = attributes.get(4..length) else { break };
        match u16::from_ne_bytes([c, d]) {
            ADDRESS => address = ip(value),
            LOCAL => local = ip(value),
            _ => {}
        }
        attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(Known {
        interface: number(own, 4)?,
        address: local.or(address)?,
        prefix: own[1].into(),
        scope: own[3],
    })
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(|b| Ipv4Addr::from(b).into());
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|b| Ipv6Addr::from(b).into())).ok()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_this_hosts_addresses() {
        let found = addresses().unwrap();
        let is_home = |known: &&Known| known.address == IpAddr::from([127, 0, 0, 1]);
        let home = found.iter().find(is_home).unwrap();
        assert_eq!((home.prefix, home.scope), (8, 254));
    }

    #[test]
    fn what_is_cut_off_or_nonsense_ends_the_reading() {
        let mut message = vec![];
        message.extend(40_u32.to_ne_bytes());
        message.extend(NEW.to_ne_bytes());
        message.extend([0; 10]);
        message.extend([2, 24, 0, 0]);
        message.extend(7_u32.to_ne_bytes());
        message.extend([8_u16.to_ne_bytes(), ADDRESS.to_ne_bytes()].concat());
        message.extend([10, 0, 0, 1]);
        message.extend([8_u16.to_ne_bytes(), LOCAL.to_ne_bytes()].concat());
        message.extend([10, 0, 0, 2]);
        let mut found = vec![];
        assert!(!read(&message, &mut found));
        assert_eq!(found, [Known { interface: 7, address: [10, 0, 0, 2].into(), prefix: 24, scope: 0 }]);
        for cut in 0..message.len() {
            read(&message[..cut], &mut vec![]);
        }
        for at in 0..message.len() {
            let mut damaged = message.clone();
            damaged[at] = 0xff;
            read(&damaged, &mut vec![]);
            damaged[at] = 0;
            read(&damaged, &mut vec![]);
        }
    }
}
