//! What is known of a host from the first frame on: `facts` in templates. The doc comments here are what `doc facts` prints.
//!
//! Every fact is always there: what a host doesn't have is an empty text, 0, `false`, an empty list or mapping. Sizes are in MiB
//! (`_mb`). A line `Volatile` says that two looks at the same host may tell something else.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Number of the form that the facts have; another one has been kept by another version.
pub const FORM: u32 = 2;

/// What is known of a host without asking it anything. Nothing is started to find it out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Facts {
    /// The machine as the kernel calls it.
    pub arch: String,
    /// The machine as Debian and most downloads call it.
    pub deb_arch: String,
    /// The host's own name, up to the first dot.
    pub hostname: String,
    /// The name with its domain, from the kernel or `/etc/hosts`; without one the name alone. No name server is asked.
    pub fqdn: String,
    /// The domain of `fqdn`.
    pub domain: String,
    /// The kernel's release.
    pub kernel: String,
    /// The distribution, from os-release.
    pub os: Os,
    /// The processors.
    pub cpu: Cpu,
    /// Main memory and swap.
    pub memory: Memory,
    /// Disks by name, without loop devices and those in memory.
    pub disks: BTreeMap<String, Disk>,
    /// Mounted file systems on disks and on the network.
    pub mounts: Vec<Mount>,
    /// Network interfaces by name.
    pub interfaces: BTreeMap<String, Interface>,
    /// How a packet to the internet would leave, over IPv4.
    pub default_ipv4: Route,
    /// How a packet to the internet would leave, over IPv6.
    pub default_ipv6: Route,
    /// How names are resolved, from `/etc/resolv.conf`.
    pub dns: Dns,
    /// The tool that installs packages: `apt`, `dnf`, `yum`, `zypper`, `apk`, `pacman`, `emerge`, `xbps`.
    pub package_manager: String,
    /// What runs as process 1: `systemd`, `openrc`, `runit`, `s6`, or the program's name.
    pub init: String,
    /// Whether that is systemd, and units can be managed.
    pub systemd: bool,
    /// The Docker engine, as it was before this run.
    pub docker: Docker,
    /// The host's clock.
    pub time: Time,
    /// Whether this is a machine of its own.
    pub virtualization: Virtualization,
    /// The maker's name of the machine, or of what emulates it.
    pub vendor: String,
    /// The maker's name of the model.
    pub product: String,
    /// The user that the agent runs as: the login user, or the one most tasks become.
    pub user: Login,
    /// Whether installed updates wait for a restart (Debian and Ubuntu say so).
    pub reboot_required: bool,
}

/// The distribution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Os {
    /// Its short name: `debian`, `ubuntu`, `rocky`, `alpine`.
    pub id: String,
    /// `debian` for Debian and what says it is like it, `redhat`, `suse`; else the id.
    pub family: String,
    /// The release, as a text. Compare with `version`: `version facts.os.version ">=" "12"`.
    pub version: String,
    /// The first number of the release; 0 where it has none.
    pub major: u32,
    /// The release's name.
    pub codename: String,
    /// Name and release as shown to people.
    pub pretty: String,
}

/// The processors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cpu {
    /// Model of the first one; empty where the kernel doesn't say.
    pub model: String,
    /// Packages with pins.
    pub sockets: u32,
    /// Cores of all sockets together.
    pub cores: u32,
    /// What the kernel schedules on: cores times threads of each.
    pub threads: u32,
    /// As many of them as a process may use: less than `threads` in a container with a limit.
    pub usable: u32,
}

/// Main memory and swap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Memory {
    /// MiB that the kernel manages.
    pub total_mb: u64,
    /// MiB that could be had without swapping. Volatile.
    pub available_mb: u64,
    /// MiB of swap, used or not.
    pub swap_mb: u64,
}

/// A disk, or what the kernel shows as one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Disk {
    /// The device.
    pub path: String,
    /// Size in MiB.
    pub size_mb: u64,
    /// The maker's name of it; empty for most virtual ones.
    pub model: String,
    /// Whether it turns. Virtual disks often claim it.
    pub rotational: bool,
    /// Whether it can be taken out.
    pub removable: bool,
    /// The file system that is on it as a whole; empty when there is none, or udev doesn't know.
    pub filesystem: String,
    /// UUID of that file system.
    pub uuid: String,
    /// Label of that file system.
    pub label: String,
    /// Where it is mounted as a whole, first place.
    pub mount: String,
    /// Partitions by name.
    pub partitions: BTreeMap<String, Partition>,
}

/// A partition of a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Partition {
    /// The device.
    pub path: String,
    /// Size in MiB.
    pub size_mb: u64,
    /// Its file system, as far as udev knows.
    pub filesystem: String,
    /// UUID of that file system.
    pub uuid: String,
    /// Label of that file system.
    pub label: String,
    /// Where it is mounted, first place.
    pub mount: String,
}

/// A mounted file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mount {
    /// Where.
    pub path: String,
    /// What: a device, or `server:/folder`.
    pub device: String,
    /// Its kind.
    pub filesystem: String,
    /// Mount options.
    pub options: Vec<String>,
    /// MiB; 0 for one on the network, which might not answer.
    pub size_mb: u64,
    /// MiB that users other than root may still use. Volatile.
    pub free_mb: u64,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interface {
    /// Hardware address; empty where it has none.
    pub mac: String,
    /// Longest packet in bytes.
    pub mtu: u32,
    /// Whether it is switched on and has a link.
    pub up: bool,
    /// `ether`, `loopback`, `bridge`, `vlan`, `bond`, `wireguard`, `tunnel`, or `virtual` for one without hardware.
    pub kind: String,
    /// IPv4 addresses, the first one is the main one.
    pub ipv4: Vec<Address>,
    /// IPv6 addresses, those of the link too.
    pub ipv6: Vec<Address>,
}

/// An address of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Address {
    /// The address.
    pub address: String,
    /// Bits of its network.
    pub prefix: u32,
    /// The network that it is in.
    pub network: String,
    /// How far it is valid: `global`, `link`, `host`.
    pub scope: String,
}

/// How packets leave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Route {
    /// The address that they come from; empty when there is no such way out.
    pub address: String,
    /// Bits of that address's network.
    pub prefix: u32,
    /// The interface.
    pub interface: String,
    /// The router; empty where packets need none.
    pub gateway: String,
    /// Hardware address of the interface.
    pub mac: String,
    /// Longest packet in bytes.
    pub mtu: u32,
}

/// How names are resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Dns {
    /// Addresses of name servers.
    pub nameservers: Vec<String>,
    /// Domains tried after a short name.
    pub search: Vec<String>,
}

/// The Docker engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Docker {
    /// Whether the program `docker` is there.
    pub installed: bool,
    /// Whether the daemon runs.
    pub running: bool,
    /// The daemon's version; empty when it doesn't run, or the agent's user may not speak to it.
    pub version: String,
}

/// The host's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Time {
    /// Seconds since 1970. Volatile.
    pub epoch: u64,
    /// The same in UTC, ISO 8601. Volatile.
    pub iso8601: String,
    /// Name of the time zone.
    pub timezone: String,
}

/// Whether this is a machine of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Virtualization {
    /// `none`, `kvm`, `qemu`, `vmware`, `virtualbox`, `xen`, `hyperv`, `parallels`, `bhyve`; in a container `docker`, `podman`,
    /// `lxc`, `nspawn`, `kubernetes`, `openvz`, `wsl`; `unknown` when it is virtual and doesn't say how.
    pub kind: String,
    /// Whether it is a container: the kernel is another machine's.
    pub container: bool,
}

/// The user that the agent runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Login {
    /// Name, or the number where it has none.
    pub name: String,
    /// Number.
    pub uid: u32,
    /// Number of its group.
    pub gid: u32,
    /// Name of its group, or the number where it has none.
    pub group: String,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
}
