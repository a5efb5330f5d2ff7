//! The units that ssh comes in by. What takes one of them away is refused, or comes back unless a new connection could be made.

use super::{
    armed,
    unit::{definitions, systemctl, unit, unit_query},
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
const CONFIGURATION: [&str; 5] =
    ["/etc/ssh", "/etc/dropbear", "/etc/default/ssh", "/etc/default/dropbear", "/etc/pam.d/sshd"];

/// What a task takes from a unit.
#[derive(Clone, Copy, Default)]
pub struct Loss {
    pub stops: bool,
    pub disables: bool,
    pub masks: bool,
}

/// What else lets in where this unit of a server of ssh does: the socket for the service and for the template of one service for each
/// connection; the service for the socket. `None`: it is another unit.
pub fn beside(name: &str) -> Option<String> {
    let (whole, kind) = name.rsplit_once('.')?;
    let (stem, is_one) = whole.split_once('@').map_or((whole, true), |(stem, _)| (stem, false));
    let other = match kind {
        "service" => "socket",
        "socket" if is_one => "service",
        _ => return None,
    };
    ["ssh", "sshd", "dropbear"].contains(&stem).then(|| format!("{stem}.{other}"))
}

/// Whether it is such a unit, and the connection came by ssh.
///
/// # Errors
/// The question.
pub fn is_ours(name: &str, seen: &Seen) -> Observe<bool> {
    if beside(name).is_none() { Ok(false) } else { armed::by_ssh(seen) }
}

/// Whether the connection stands on the unit and the task takes it away. Refuses what leaves no way in, now or at the next boot.
///
/// # Errors
/// Questions, and that fault.
pub fn guard(name: &str, loss: Loss, seen: &Seen) -> Observe<bool> {
    let Some(other) = beside(name) else { return Ok(false) };
    let Loss { stops, disables, masks } = loss;
    if !(stops || disables || masks) {
        return Ok(false);
    }
    seen.all([Query::Run(Probe::BySsh), unit_query(&other)])?;
    if !armed::by_ssh(seen)? {
        return Ok(false);
    }
    let beside = unit(seen, &other)?;
    // A socket starts the service, which a mask forbids.
    let lacks_it_now = stops && !beside.runs() || masks && name.ends_with(".service");
    let lacks_it_at_boot = (disables || masks) && beside.boot_word() != "enabled";
    let what = match (lacks_it_now, lacks_it_at_boot) {
        (false, false) => return Ok(stops),
        (true, _) => "we are connected by it, and no new connection would come",
        (false, true) => "we are connected by it, and none would come after the next boot",
    };
    let fault = Fault::new(format!("`{name}` has to stay: {what}"));
    let hint =
        format!("start and enable `{other}` before, or do it from the host itself with `connection: local`");
    Err(fault.hint(hint).into())
}

/// What takes back all that this run has changed of how a server of ssh lets in, and starts it as it was before.
pub fn as_before(name: &str) -> Vec<Op> {
    let stem = name.split(['@', '.']).next().unwrap_or(name);
    let units = [format!("{stem}.service"), format!("{stem}.socket"), format!("{stem}@.service")];
    let paths = units.iter().flat_map(|unit| definitions(unit)).filter_map(|area| match area {
        Area::Path(path) => Some(path),
        _ => None,
    });
    let below = CONFIGURATION.into_iter().map(String::from).chain(paths).collect();
    let mut back = vec![Op::Earlier(Earlier::Files { below }), systemctl("daemon-reload", None)];
    back.extend(started(name));
    back
}

/// What starts it anew with the files that are there: one for each connection by its socket.
pub fn started(name: &str) -> Vec<Op> {
    let socket = beside(name).filter(|_| name.contains('@'));
    let name = socket.as_deref().unwrap_or(name);
    // Also forgets that it was started too often, which would refuse a start.
    vec![systemctl("reset-failed", Some(name)), systemctl("restart", Some(name))]
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn the_units_of_ssh_are_known_by_their_names() {
        for (name, other) in [
            ("ssh.service", "ssh.socket"),
            ("sshd.socket", "sshd.service"),
            ("ssh@.service", "ssh.socket"),
            ("sshd@4-192.0.2.1:22-192.0.2.9:4242.service", "sshd.socket"),
            ("dropbear.service", "dropbear.socket"),
        ] {
            assert_eq!(beside(name).as_deref(), Some(other), "{name}");
        }
        for name in ["sshfs.service", "ssh.timer", "openssh.service", "ssh", "ssh@x.socket", "x-ssh.service"]
        {
            assert_eq!(beside(name), None, "{name}");
        }
    }
}
