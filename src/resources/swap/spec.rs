//! The parameters, and what they name.

use super::MIB;
use crate::{
    model::Address,
    resource::{Fault, Observe, Seen},
    resources::shared::{HostPath, device, fstab::Entry},
};
use agent::wire::{MachineProbe, Probe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Begins the option of an entry that says which swap is used first.
const PRIORITY: &str = "pri=";

/// The priority that an entry asks for.
pub fn priority_of(entry: &Entry) -> Option<&str> {
    let said = entry.options.split(',').rev().find_map(|option| option.strip_prefix(PRIORITY));
    said.filter(|priority| priority.parse::<i16>().is_ok())
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Presence {
    #[default]
    Present,
    Absent,
}

/// Makes a swap file and uses it, now and at boot; or uses a device that `filesystem` has made swap.
///
/// An entry that is in `/etc/fstab` already keeps all that the task does not name: `discard`, `nofail`, its priority; only `noauto` goes.
///
/// A device is the same by whichever of its names it is written here, in `/etc/fstab` (where the entry keeps its name) or in
/// another task, which is then refused.
///
/// A file that holds anything but swap is never touched. Another size means that the file is made anew: what is swapped out goes back into
/// memory first, and where there is not enough of that the task is refused. How eagerly the kernel swaps is the `sysctl`
/// `vm.swappiness`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file, or the device: `/dev/vdb2`, `/dev/disk/by-id/…`.
    pub path: HostPath,
    /// In units of 1024: `512M`, `2G`. Needed with `present`; of a device it is its own.
    pub size: Option<String>,
    /// Which swap is used first: the highest, 0 to 32767. Default: as its entry in `/etc/fstab` says, else after all that have one, as the kernel gives it.
    pub priority: Option<u16>,
    /// `present` (default), or `absent`: no longer in use, the file and its entry in `/etc/fstab` removed; a device stays swap.
    #[serde(default)]
    pub state: Presence,
}

/// Bytes of `512M`.
fn bytes(text: &str) -> Option<u64> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[number.len()..] {
        "M" | "MB" | "MiB" => MIB,
        "G" | "GB" | "GiB" => MIB << 10,
        "T" | "TB" | "TiB" => MIB << 20,
        _ => return None,
    };
    let number = number.trim_end();
    let plain = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    plain.then(|| number.parse::<u64>().ok()?.checked_mul(unit)).flatten().filter(|size| *size > 0)
}

impl Spec {
    pub fn size(&self) -> u64 {
        self.size.as_deref().and_then(bytes).unwrap_or(0)
    }

    pub fn is_device(&self) -> bool {
        self.path.starts_with("/dev/")
    }

    pub fn check(&self) -> Result<(), Fault> {
        match &self.size {
            Some(_) if self.is_device() => {
                let fault = Fault::new(format!("`size`: the device {} has its own", self.path));
                return Err(fault.hint("leave it out; a swap file is elsewhere, e.g. `/swapfile`"));
            }
            None if self.is_device() => {}
            None if self.state == Presence::Present => {
                return Err(Fault::new("`size` is missing").hint("e.g. `size: 2G`"));
            }
            Some(size) if bytes(size).is_none() => {
                let fault = Fault::new(format!("`{}` is no size of a swap file", size.escape_debug()));
                return Err(fault.hint("a whole number with `M`, `G` or `T`: `512M`, `2G`"));
            }
            _ => {}
        }
        if self.priority.is_some_and(|priority| priority > 32767) {
            return Err(
                Fault::new("`priority` is a number from 0 to 32767").hint("the highest is used first")
            );
        }
        let system = ["/proc", "/sys", "/run", "/etc"];
        let is_system = system.iter().any(|folder| crate::model::path_within(&self.path, folder));
        if is_system || matches!(&*self.path, "/" | "/dev") {
            let fault = Fault::new(format!("`{}` is no place for a swap file", self.path));
            return Err(fault.hint("e.g. `/swapfile`, or a device, e.g. `/dev/vdb2`"));
        }
        Ok(())
    }

    /// The entry in `/etc/fstab`. One that is there stays as it is but for the priority, where that is named, and for what keeps it from
    /// being used at boot.
    pub fn entry(&self, there: Option<&Entry>) -> Entry {
        let entry = there.cloned().unwrap_or_else(|| Entry {
            source: self.path.to_string(),
            path: "none".into(),
            kind: "swap".into(),
            options: "sw".into(),
            dump: 0,
            passno: 0,
        });
        let named = self.priority.map(|priority| format!("{PRIORITY}{priority}"));
        let mut fresh = named.clone();
        let mut options: Vec<String> = vec![];
        for option in entry.options.split(',').filter(|option| !matches!(*option, "" | "noauto")) {
            match named {
                // In the place of the first; the others go.
                Some(_) if option.starts_with(PRIORITY) => options.extend(fresh.take()),
                _ => options.push(option.into()),
            }
        }
        if options.is_empty() {
            options.push("sw".into());
        }
        options.extend(fresh);
        Entry { options: options.join(","), ..entry }
    }

    pub fn question(&self) -> Probe {
        self.question_of(&self.path)
    }

    pub fn question_of(&self, path: &str) -> Probe {
        Probe::Machine(MachineProbe::Swap { path: path.into(), size: self.size() })
    }

    pub fn address_of(&self, path: &str) -> Address {
        Address(format!("{}:{path}", if self.is_device() { "swap" } else { "path" }))
    }

    /// Refuses, where it is to be used, what is neither swap nor can become it.
    pub fn check_device(&self, kind: &str, found: &[&str], seen: &Seen) -> Observe<()> {
        let path = &self.path;
        match (kind, found) {
            _ if self.state == Presence::Absent => Ok(()),
            ("device", ["swap"]) => Ok(()),
            ("missing", _) => seen.presume(device::area(path).as_slice(), format!("there is no {path}")),
            ("device", []) => seen.presume(
                device::area(path).as_slice(),
                format!("there is no swap on {path} (`filesystem` with `fstype: swap` makes it)"),
            ),
            ("device", found) => {
                let fault =
                    Fault::new(format!("{path} is there and holds {}, not just swap", found.join(", ")));
                Err(fault.hint("name another device; what is on this one is not touched").into())
            }
            _ => Err(Fault::new(format!("{path} is no device"))
                .hint("name a disk, a partition or a volume")
                .into()),
        }
    }
}
