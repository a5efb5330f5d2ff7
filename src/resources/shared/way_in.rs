//! The units that ssh comes in by, and those of the network that carries it. What takes one of them away is refused, or comes back unless a
//! new connection could be made.

use super::{
    armed, network,
    unit::{systemctl, unit, unit_query},
};
use crate::{
    model::Area,
    resource::{Fault, Observe, Seen},
};
use agent::wire::{Earlier, Op, Probe, Query};

/// Seconds until it comes back, where the task does not say.
pub fn minute() -> u32 {
    60
}

/// Where else it is told how they let in.
const CONFIGURATION: [&str; 8] = [
    "/etc/ssh",
    "/etc/dropbear",
    "/etc/default/ssh",
    "/etc/default/dropbear",
    "/etc/sysconfig/sshd",
    "/etc/sysconfig/sshd-permitrootlogin",
    "/etc/sysconfig/dropbear",
    "/etc/pam.d/sshd",
];

/// What a task takes from a unit.
#[derive(Clone, Copy, Default)]
pub struct Loss {
    pub stops: bool,
    pub disables: bool,
    pub masks: bool,
}

impl Loss {
    fn is_any(self) -> bool {
        self.stops || self.disables || self.masks
    }
}

/// What a server of ssh may be called, where this is one of its names: on Debian `sshd.service` is another name of `ssh.service`.
fn stems(stem: &str) -> Option<&'static [&'static str]> {
    match stem {
        "ssh" => Some(&["ssh", "sshd"]),
        "sshd" => Some(&["sshd", "ssh"]),
        "dropbear" => Some(&["dropbear"]),
        _ => None,
    }
}

/// What else may let in where this unit of a server of ssh does: the socket for the service and for the template of one service for each
/// connection; the service for the socket. Nothing: it is another unit.
pub fn beside(name: &str) -> Vec<String> {
    let Some((whole, kind)) = name.rsplit_once('.') else { return vec![] };
    let (stem, is_one) = whole.split_once('@').map_or((whole, true), |(stem, _)| (stem, false));
    let other = match kind {
        "service" => "socket",
        "socket" if is_one => "service",
        _ => return vec![],
    };
    stems(stem).into_iter().flatten().map(|stem| format!("{stem}.{other}")).collect()
}

/// Whether connections come by such a unit.
pub fn is_one(name: &str) -> bool {
    !beside(name).is_empty() || network::manager(name).is_some()
}

/// Whether a unit that does not run may take the interface from who looks after it, once it is started, and the connection came by ssh.
///
/// # Errors
/// Questions.
pub fn takes_over(name: &str, seen: &Seen) -> Observe<bool> {
    let Some(manager) = network::started_by(name) else { return Ok(false) };
    // A socket beside its service, which runs, takes nothing.
    Ok(armed::by_ssh(seen)? && (manager == name || !unit(seen, manager)?.runs()))
}

/// Whether the way back may stop a unit that does not run.
///
/// # Errors
/// The question.
pub fn may_be_stopped(name: &str, seen: &Seen) -> Observe<bool> {
    Ok(match network::started_by(name) {
        Some(manager) => !network::takes_down(manager, seen)?,
        None => true,
    })
}

/// Whether it is such a unit, and the connection came by ssh.
///
/// # Errors
/// The question.
pub fn is_ours(name: &str, seen: &Seen) -> Observe<bool> {
    if is_one(name) { armed::by_ssh(seen) } else { Ok(false) }
}

/// Whether the connection stands on the unit and the task takes it away. Refuses what leaves no way in, now or at the next boot.
///
/// # Errors
/// Questions, and that fault.
pub fn guard(name: &str, loss: Loss, seen: &Seen) -> Observe<bool> {
    if !loss.is_any() {
        return Ok(false);
    }
    if let Some(manager) = network::manager(name) {
        return network::guard(name, manager, loss, seen);
    }
    let others = beside(name);
    if others.is_empty() {
        return Ok(false);
    }
    let Loss { stops, disables, masks } = loss;
    seen.each([Query::Run(Probe::BySsh)].into_iter().chain(others.iter().map(|other| unit_query(other))))?;
    if !armed::by_ssh(seen)? {
        return Ok(false);
    }
    let mut found = vec![];
    for other in &others {
        found.push(unit(seen, other)?);
    }
    // A socket starts the service, which a mask forbids.
    let lacks_it_now =
        stops && !found.iter().any(|other| other.runs()) || masks && name.ends_with(".service");
    let lacks_it_at_boot = (disables || masks) && !found.iter().any(|other| other.boot_word() == "enabled");
    // By the name that it has here.
    let other = others.iter().zip(&found).find(|(_, found)| found.found).map_or(&others[0], |(name, _)| name);
    refuse(name, (lacks_it_now, lacks_it_at_boot), &format!("start and enable `{other}` before"))?;
    Ok(stops)
}

/// Refuses what leaves no way in now, or at the next boot.
pub(super) fn refuse(name: &str, (now, at_boot): (bool, bool), remedy: &str) -> Result<(), Fault> {
    let what = match (now, at_boot) {
        (false, false) => return Ok(()),
        (true, _) => "we are connected by it, and no new connection would come",
        (false, true) => "we are connected by it, and none would come after the next boot",
    };
    let fault = Fault::new(format!("`{name}` has to stay: {what}"));
    Err(fault.hint(format!("{remedy}, or do it from the host itself with `connection: local`")))
}

/// The units that are one with this.
fn family(name: &str) -> Vec<String> {
    let stem = name.split(['@', '.']).next().unwrap_or(name);
    let stems = stems(stem).into_iter().flatten();
    stems
        .flat_map(|stem| {
            ["service", "socket"]
                .map(|kind| format!("{stem}.{kind}"))
                .into_iter()
                .chain([format!("{stem}@.service")])
        })
        .collect()
}

/// Brings back all of how a server of ssh lets in, or a unit of the network makes it, that nobody has confirmed.
pub fn earlier(name: &str) -> Op {
    let owned = |paths: &[&str]| paths.iter().map(ToString::to_string).collect();
    Op::Earlier(match network::started_by(name) {
        Some(_) => {
            Earlier::Files { below: owned(network::CONFIGURATION), units: vec![name.into()], login: false }
        }
        None => Earlier::Files { below: owned(&CONFIGURATION), units: family(name), login: true },
    })
}

/// What takes back all of that, and starts it as it was before; `stays`: it ran, or must not be stopped.
pub fn as_before(name: &str, stays: bool) -> Vec<Op> {
    let mut back = vec![earlier(name), systemctl("daemon-reload", None)];
    match network::started_by(name) {
        // A second one that was not at work would go on with what it has taken, and who had it does not take it back by itself.
        Some(manager) if !stays => {
            back.extend(network::socket_of(manager).map(|socket| systemctl("stop", Some(socket))));
            // `ifup@eth0` is a part of its manager, a socket only what starts it.
            let own = if network::manager(name).is_some() { name } else { manager };
            back.push(systemctl("stop", Some(own)));
            back.extend(network::others(own).map(|other| systemctl("try-restart", Some(other))));
        }
        _ => back.extend(started(name)),
    }
    back
}

/// What starts it anew with the files that are there: one for each connection by its socket.
fn started(name: &str) -> Vec<Op> {
    let socket = beside(name).into_iter().next().filter(|_| name.contains('@'));
    let name = socket.as_deref().unwrap_or(name);
    // Also forgets that it was started too often, which would refuse a start.
    vec![systemctl("reset-failed", Some(name)), systemctl("restart", Some(name))]
}

/// The name of the revert: one for all names of a unit.
pub fn token(name: &str) -> String {
    let other = name.strip_prefix("sshd").filter(|rest| rest.starts_with(['.', '@']));
    armed::token("service", &other.map_or_else(|| name.to_string(), |rest| format!("ssh{rest}")))
}

/// What else a task for such a unit looks at, so that it comes behind those before it that start or stop this.
pub fn reads(name: &str) -> Vec<Area> {
    match network::started_by(name) {
        Some(_) => network::reads(name),
        None => family(name).into_iter().filter(|unit| unit != name).map(Area::Unit).collect(),
    }
}

/// Where such a unit says what it looks after.
pub fn writes(name: &str) -> Option<Area> {
    network::started_by(name).map(network::state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_of_ssh_are_known_by_their_names() {
        for (name, others) in [
            ("ssh.service", ["ssh.socket", "sshd.socket"]),
            ("sshd.socket", ["sshd.service", "ssh.service"]),
            ("ssh@.service", ["ssh.socket", "sshd.socket"]),
            ("sshd@4-192.0.2.1:22-192.0.2.9:4242.service", ["sshd.socket", "ssh.socket"]),
        ] {
            assert_eq!(beside(name), others, "{name}");
        }
        assert_eq!(beside("dropbear.service"), ["dropbear.socket"]);
        for name in ["sshfs.service", "ssh.timer", "openssh.service", "ssh", "ssh@x.socket", "x-ssh.service"]
        {
            assert!(!is_one(name), "{name}");
        }
    }

    /// Debian's `sshd.service` is a link to `ssh.service`: what is dropped in for either counts, whichever is restarted.
    #[test]
    fn both_names_of_sshd_have_the_same_way_back() {
        let units = |name: &str| match earlier(name) {
            Op::Earlier(Earlier::Files { mut units, login: true, .. }) => {
                units.sort_unstable();
                units
            }
            op => panic!("{op:?}"),
        };
        let all =
            ["ssh.service", "ssh.socket", "ssh@.service", "sshd.service", "sshd.socket", "sshd@.service"];
        assert_eq!(units("ssh.service"), all);
        assert_eq!(units("sshd.socket"), all);
        assert_eq!(units("sshd@4-192.0.2.1:22-192.0.2.9:4242.service"), all);
        assert_eq!(token("sshd.service"), token("ssh.service"));
        assert_ne!(token("sshd.service"), token("ssh.socket"));
        assert_eq!(token("sshd-keygen.service"), "service-sshd-keygen.service");
    }

    #[test]
    fn what_is_started_for_each_connection_is_started_by_its_socket() {
        assert_eq!(started("sshd@.service")[1], systemctl("restart", Some("sshd.socket")));
        assert_eq!(started("ssh.service")[1], systemctl("restart", Some("ssh.service")));
    }
}
