//! What an attacker sees: connections from a machine of its own on the lab's network.

use crate::guest::Guest;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The network namespace that stands for that machine, see `lab outside`.
const NAMESPACE: &str = "labprobe";
/// What must never be reached: replit-auth, app, db, redis.
pub const PRIVATE: [u16; 4] = [3001, 5000, 5432, 6379];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    Open,
    /// The host, or what stands before it, says that nobody listens.
    Refused,
}

/// A machine's addresses on the network.
pub fn addresses(guest: &Guest) -> [SocketAddr; 2] {
    let link = run(&["ip", "-n", NAMESPACE, "-o", "link", "show", "outside"]);
    let scope =
        link.split(':').next().and_then(|number| number.trim().parse().ok()).expect("a link's number");
    let v6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x5054, 0x00ff, 0xfe01, u16::from(guest.number));
    let v4 = Ipv4Addr::new(10, 77, 0, 10 + guest.number);
    [SocketAddr::new(IpAddr::V4(v4), 0), SocketAddr::V6(SocketAddrV6::new(v6, 0, 0, scope))]
}

/// Does something on the outside machine.
pub fn outside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let namespace = File::open(format!("/run/netns/{NAMESPACE}")).expect("the lab is up");
            let kind = Some(rustix::thread::LinkNameSpaceType::Network);
            rustix::thread::move_into_link_name_space(namespace.as_fd(), kind).expect("root may");
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The ports that answer at all; those that keep silent for `patience` are left out.
pub fn scan(address: SocketAddr, ports: &[u16], patience: Duration) -> BTreeMap<u16, Port> {
    let ports: Arc<[u16]> = ports.into();
    outside(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let next = Arc::new(AtomicUsize::new(0));
            let mut workers = tokio::task::JoinSet::new();
            for _ in 0..ports.len().min(2000) {
                let (next, ports) = (next.clone(), ports.clone());
                workers.spawn(async move {
                    let mut found = vec![];
                    while let Some(port) = ports.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let mut address = address;
                        address.set_port(*port);
                        let connect = tokio::net::TcpStream::connect(address);
                        match tokio::time::timeout(patience, connect).await {
                            Ok(Ok(_)) => found.push((*port, Port::Open)),
                            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                                found.push((*port, Port::Refused));
                            }
                            // Silence, or nobody at that address: a machine that boots.
                            _ => {}
                        }
                    }
                    found
                });
            }
            workers.join_all().await.into_iter().flatten().collect()
        })
    })
}

/// While it lives, packets to the containers' network are sent to one machine, as a neighbour could.
pub struct Route {
    network: &'static str,
}

impl Route {
    pub fn through(guest: &Guest) -> Self {
        let network = "172.20.0.0/16";
        let [via, _] = addresses(guest);
        run(&["ip", "-n", NAMESPACE, "route", "replace", network, "via", &via.ip().to_string()]);
        Self { network }
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["-n", NAMESPACE, "route", "del", self.network]).output();
    }
}

fn run(words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
