//! The units that make the network.

use super::{
    armed,
    unit::{unit, unit_query},
    way_in::{Loss, refuse},
};
use crate::{
    model::Area,
    resource::{Observe, Seen},
};
use agent::wire::{Probe, Query};

/// Where it is told what they make.
pub const CONFIGURATION: &[&str] = &[
    "/etc/network",
    "/etc/default/networking",
    "/etc/netplan",
    "/run/netplan",
    "/etc/systemd/network",
    "/run/systemd/network",
    "/usr/local/lib/systemd/network",
    "/usr/lib/systemd/network",
    "/etc/systemd/networkd.conf",
    "/etc/systemd/networkd.conf.d",
    "/etc/NetworkManager",
    "/run/NetworkManager/system-connections",
    "/run/NetworkManager/conf.d",
    "/usr/lib/NetworkManager",
    "/etc/sysconfig/network",
    "/etc/sysconfig/network-scripts",
];

/// A unit, and where it writes down which interfaces it looks after.
const MANAGERS: [(&str, &str); 3] = [
    ("networking.service", "/run/network"),
    ("systemd-networkd.service", "/run/systemd/netif"),
    ("NetworkManager.service", "/run/NetworkManager"),
];

/// The unit of the network that this is, or a part of.
pub fn manager(name: &str) -> Option<&'static str> {
    // What udev starts for one interface. A template does not run.
    let instance = name.strip_prefix("ifup@").and_then(|rest| rest.strip_suffix(".service"));
    let name = if instance.is_some_and(|instance| !instance.is_empty()) { MANAGERS[0].0 } else { name };
    MANAGERS.into_iter().map(|(manager, _)| manager).find(|manager| *manager == name)
}

/// Where a manager writes down what it looks after.
pub fn state(manager: &str) -> Area {
    let known = MANAGERS.into_iter().find(|(name, _)| *name == manager);
    Area::Path(known.map_or("/run", |(_, path)| path).into())
}

/// Where all of them do: what [`Probe::Carriers`] depends on.
pub fn states() -> Vec<Area> {
    MANAGERS.into_iter().map(|(name, _)| state(name)).collect()
}

/// The other units.
pub fn others(name: &str) -> impl Iterator<Item = &'static str> {
    MANAGERS.into_iter().map(|(manager, _)| manager).filter(move |manager| *manager != name)
}

/// A socket and the unit that it starts with the next word from the kernel.
const SOCKET: (&str, &str) = ("systemd-networkd.socket", MANAGERS[1].0);

/// The unit of the network that runs once this one is started.
pub fn started_by(name: &str) -> Option<&'static str> {
    if name == SOCKET.0 { Some(SOCKET.1) } else { manager(name) }
}

/// What would start a unit again.
pub fn socket_of(manager: &str) -> Option<&'static str> {
    (manager == SOCKET.1).then_some(SOCKET.0)
}

/// Whether it takes down the interface that the connection came by when it stops, although it does not run: ifupdown takes down what it has
/// brought up, also where it has failed or udev had it do so.
///
/// # Errors
/// The question.
pub fn takes_down(manager: &str, seen: &Seen) -> Observe<bool> {
    if manager != MANAGERS[0].0 {
        return Ok(false);
    }
    let said = seen.run(Probe::Carriers)?;
    Ok(String::from_utf8_lossy(said.stdout.bytes()).lines().any(|carrier| carrier == manager))
}

/// The other units, and what they say.
pub fn reads(name: &str) -> Vec<Area> {
    others(name).map(|unit| Area::Unit(unit.into())).chain(states()).collect()
}

/// Whether the task stops a unit of the network. Refuses that, or that it starts no more, where it alone looks after the interface that the
/// connection came by, or takes it down as it stops.
///
/// # Errors
/// Questions, and that fault.
pub fn guard(name: &str, manager: &str, loss: Loss, seen: &Seen) -> Observe<bool> {
    seen.all([Query::Run(Probe::BySsh), Query::Run(Probe::Carriers)])?;
    if !armed::by_ssh(seen)? {
        return Ok(false);
    }
    let said = seen.run(Probe::Carriers)?;
    let said = String::from_utf8_lossy(said.stdout.bytes()).into_owned();
    let (own, others): (Vec<&str>, Vec<&str>) = said.lines().partition(|carrier| *carrier == manager);
    if !own.is_empty() {
        seen.each(others.iter().map(|other| unit_query(other)))?;
        let (mut runs, mut starts) = (false, false);
        for other in &others {
            let other = unit(seen, other)?;
            runs |= other.runs();
            starts |= other.boot_word() == "enabled";
        }
        // Ifupdown takes down what it has brought up, whoever else looks after it by then.
        let takes_down = manager == MANAGERS[0].0;
        let lacks = (loss.stops && (takes_down || !runs), (loss.disables || loss.masks) && !starts);
        let remedy = match takes_down && lacks.0 && starts {
            true => "it takes the interface down: disable it without stopping it, and `reboot`",
            false => "have another unit of the network look after the interface and start at boot before",
        };
        refuse(name, lacks, remedy)?;
    }
    Ok(loss.stops)
}

#[cfg(test)]
mod tests {
    use super::manager;

    #[test]
    fn the_units_of_the_network_are_known_by_their_names() {
        assert_eq!(manager("networking.service"), Some("networking.service"));
        assert_eq!(manager("ifup@eth0.service"), Some("networking.service"));
        assert_eq!(manager("systemd-networkd.service"), Some("systemd-networkd.service"));
        for name in ["ifup@.service", "systemd-networkd-wait-online.service", "network-online.target", "x"] {
            assert_eq!(manager(name), None, "{name}");
        }
    }
}
