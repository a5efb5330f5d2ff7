//! Which TCP ports accept a connection: many connects at once, none waited for alone.

use crate::reason;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, connect, getsockname, ipproto, socket_with, sockopt,
};
use std::collections::BTreeSet;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// One scan at a time: each may use most of the file descriptors.
static SCANNING: Mutex<()> = Mutex::new(());
/// Descriptors left to the rest of the agent.
const SPARE: u64 = 200;

/// Scans every address of `host` (names, IPv4, IPv6, `fe80::1%eth0`).
///
/// # Errors
/// When the host has no address, or none that can be reached from here at all.
pub fn scan(host: &str, ranges: &[(u16, u16)], timeout_ms: u32) -> Result<Vec<u16>, String> {
    let _alone = SCANNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let failed = |why: String| format!("cannot scan {host}: {why}");
    let addresses =
        (host.trim_matches(['[', ']']), 0).to_socket_addrs().map_err(|error| failed(reason(error)))?;
    let timeout = Duration::from_millis(if timeout_ms == 0 { 1000 } else { timeout_ms.into() });
    let mut open = BTreeSet::new();
    let (mut scanned, mut why) = (false, "it has no address".to_string());
    for address in addresses.collect::<BTreeSet<_>>() {
        match scan_address(address, ranges, timeout, &mut open) {
            Ok(()) => scanned = true,
            Err(error) => why = reason(error),
        }
    }
    if scanned { Ok(open.into_iter().collect()) } else { Err(failed(why)) }
}

fn scan_address(
    mut address: SocketAddr,
    ranges: &[(u16, u16)],
    timeout: Duration,
    open: &mut BTreeSet<u16>,
) -> Result<(), Errno> {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1024);
    let most = most.saturating_sub(SPARE).clamp(64, 4096) as usize;
    let mut ports =
        ranges.iter().flat_map(|(first, last)| *first..=*last).filter(|port| *port != 0).peekable();
    let mut pending: Vec<(OwnedFd, u16, Instant)> = vec![];
    while ports.peek().is_some() || !pending.is_empty() {
        while pending.len() < most
            && let Some(port) = ports.next()
        {
            address.set_port(port);
            match begin(&address)? {
                Attempt::Pending(socket) => pending.push((socket, port, Instant::now() + timeout)),
                Attempt::Open => _ = open.insert(port),
                Attempt::Closed => {}
            }
        }
        let Some((_, _, first)) = pending.first() else { continue };
        let wait = first.saturating_duration_since(Instant::now());
        let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
        let mut fds: Vec<_> =
            pending.iter().map(|(socket, _, _)| PollFd::new(socket, PollFlags::OUT)).collect();
        match poll(&mut fds, Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let now = Instant::now();
        let mut ready = ready.into_iter();
        pending.retain(|(socket, port, deadline)| {
            if !ready.next().unwrap_or(false) {
                return *deadline > now;
            }
            if matches!(sockopt::socket_error(socket), Ok(Ok(()))) && !met_itself(socket, *port) {
                open.insert(*port);
            }
            false
        });
    }
    Ok(())
}

enum Attempt {
    Pending(OwnedFd),
    Open,
    Closed,
}

/// # Errors
/// Only what says that this machine cannot ask; a refusal by the other side is an answer.
fn begin(address: &SocketAddr) -> Result<Attempt, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    match connect(&socket, address) {
        Ok(()) if met_itself(&socket, address.port()) => Ok(Attempt::Closed),
        Ok(()) => Ok(Attempt::Open),
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(Attempt::Pending(socket)),
        Err(Errno::CONNREFUSED | Errno::HOSTUNREACH | Errno::TIMEDOUT | Errno::CONNRESET) => {
            Ok(Attempt::Closed)
        }
        Err(error) => Err(error),
    }
}

/// On loopback a socket may be given the very port it connects to, and then connects to itself.
fn met_itself(socket: &OwnedFd, port: u16) -> bool {
    let own = getsockname(socket).ok().and_then(|own| SocketAddr::try_from(own).ok());
    let peer =
        rustix::net::getpeername(socket).ok().flatten().and_then(|peer| SocketAddr::try_from(peer).ok());
    own.is_some() && own == peer && own.is_some_and(|own| own.port() == port)
}
