//! An isolated LAN: a bridge in a network namespace of its own, and a machine outside the guests to look at them
//! from. Nothing of it touches the host's interfaces.

use super::command::{Result, program, run};
use std::path::Path;

const BRIDGE: &str = "lablan";
/// The outside prober's namespace; its interface is `outside`, its address 10.77.0.200.
pub(super) const PROBER: &str = "labprobe";

fn exists(namespace: &str) -> bool {
    Path::new("/run/netns").join(namespace).exists()
}

fn ip(arguments: &str) -> Result<()> {
    run(program("ip").args(arguments.split_whitespace())).map(drop)
}

/// Makes the LAN unless it is there.
pub(super) fn up() -> Result<()> {
    // The prober is made last: when it is there, all is.
    if exists(BRIDGE) && exists(PROBER) {
        return Ok(());
    }
    down()?;
    ip(&format!("netns add {BRIDGE}"))?;
    ip(&format!("-n {BRIDGE} link set lo up"))?;
    ip(&format!("-n {BRIDGE} link add lan type bridge"))?;
    ip(&format!("-n {BRIDGE} link set lan up"))?;
    ip(&format!("netns add {PROBER}"))?;
    ip(&format!("-n {PROBER} link add outside type veth peer name prober netns {BRIDGE}"))?;
    ip(&format!("-n {BRIDGE} link set prober master lan up"))?;
    ip(&format!("-n {PROBER} link set lo up"))?;
    ip(&format!("-n {PROBER} link set outside up"))?;
    ip(&format!("-n {PROBER} addr add 10.77.0.200/24 dev outside"))
}

pub(super) fn down() -> Result<()> {
    for namespace in [PROBER, BRIDGE] {
        if exists(namespace) {
            ip(&format!("netns del {namespace}"))?;
        }
    }
    Ok(())
}

/// Puts a machine's interface, which QEMU has made, on the LAN. It goes away with the machine.
pub(super) fn plug(interface: &str) -> Result<()> {
    ip(&format!("link set {interface} netns {BRIDGE}"))?;
    ip(&format!("-n {BRIDGE} link set {interface} master lan up"))
}
