//! The parameters of `mount`, and what is wrong with them on every host.

use super::options::Options;
use crate::{
    resource::Fault,
    resources::shared::{HostPath, fstab::Entry},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Wanted {
    #[default]
    Mounted,
    Present,
    Ephemeral,
    Unmounted,
    Absent,
}

/// Mounts a filesystem, now and at boot.
///
/// What it mounts on is made when it is missing. A directory that holds something is not covered, nothing is unmounted that is not this
/// task's, and what is mounted there from elsewhere stays, unless the task says otherwise. Comments, order and other entries of
/// `/etc/fstab` stay as they are; an entry is written only after the kernel has accepted the mount.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The directory that it is mounted on.
    pub path: HostPath,
    /// A device (`/dev/vdb1`, `UUID=…`, `LABEL=…`), a file that holds a filesystem, `host:/export`, `tmpfs`; with `opts: bind` a
    /// directory. Needed unless it is to be unmounted.
    pub src: Option<String>,
    /// Type of the filesystem: `ext4`, `nfs`, `tmpfs`, `auto`. `none` with `opts: bind`, else needed wherever `src` is.
    pub fstype: Option<String>,
    /// Options as in `/etc/fstab`, with commas between them. On what is mounted already these are compared and set: `ro`, `nosuid`,
    /// `nodev`, `noexec`, `sync` and their opposites, where named `noatime`, `relatime`, `strictatime`, and `size` (also a share of the
    /// memory, `25%`) and `nr_inodes` of a tmpfs; others where the entry in `/etc/fstab` is new or changes on a disk or a tmpfs (`data` and those
    /// of all else take effect when it is mounted next; so do `mode`, `uid` and `gid` of a tmpfs, and a note says where they differ). What
    /// is added to a mount of FUSE that nobody asked for, `nosuid` and `nodev`, stays. Default: `defaults`.
    #[serde(default = "defaults")]
    pub opts: String,
    /// Fifth field of the entry: whether `dump` saves it, 0 or 1.
    #[serde(default)]
    pub dump: u32,
    /// Sixth field: in which pass it is checked at boot, 0 (not at all) to 2.
    #[serde(default)]
    pub passno: u32,
    /// `mounted` (default): mounted now, and at boot by an entry in `/etc/fstab`. `present`: just the entry. `ephemeral`: mounted now, no
    /// entry written. `unmounted`: not mounted, the entry stays. `absent`: neither; the directory stays.
    #[serde(default)]
    pub state: Wanted,
    /// Also mounts over a directory that holds something, which is then out of sight.
    #[serde(default)]
    pub cover: bool,
    /// Also unmounts what is mounted there from elsewhere or with another type.
    #[serde(default)]
    pub replace: bool,
}

fn defaults() -> String {
    "defaults".into()
}

/// What no host goes on without.
const SYSTEM: &[&str] = &["/", "/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/usr", "/var"];

impl Spec {
    pub fn bind(&self) -> bool {
        self.opts.split(',').any(|word| word == "bind" || word == "rbind")
    }

    /// Whether systemd mounts it when it is first used.
    pub fn automount(&self) -> bool {
        self.opts.split(',').any(|word| word == "x-systemd.automount")
    }

    pub fn src(&self) -> &str {
        self.src.as_deref().unwrap_or_default()
    }

    pub fn fstype(&self) -> &str {
        self.fstype.as_deref().unwrap_or("none")
    }

    /// Whether this task is about what is mounted now.
    pub fn is_live(&self) -> bool {
        self.state != Wanted::Present
    }

    /// Whether this task is about the entry.
    pub fn is_kept(&self) -> bool {
        matches!(self.state, Wanted::Mounted | Wanted::Present | Wanted::Absent)
    }

    /// Whether it is to be there, mounted or as an entry.
    pub fn is_wanted(&self) -> bool {
        !matches!(self.state, Wanted::Unmounted | Wanted::Absent)
    }

    pub fn entry(&self) -> Entry {
        Entry {
            source: self.src().into(),
            path: self.path.to_string(),
            kind: self.fstype().into(),
            options: self.opts.clone(),
            dump: self.dump,
            passno: self.passno,
        }
    }

    /// The type that must be seen, where one is.
    pub fn visible_type(&self) -> Option<&str> {
        self.fstype.as_deref().filter(|kind| !self.bind() && !matches!(*kind, "auto" | "none"))
    }

    /// The options that must be seen.
    pub fn visible(&self) -> Options {
        let options = Options::read(&self.opts);
        if self.fstype() == "tmpfs" { options } else { options.without_size() }
    }

    /// # Errors
    /// What is wrong with the parameters on every host.
    pub fn check(&self) -> Result<(), Fault> {
        let fault = |message: String, hint: &str| Err(Fault::new(message).hint(hint));
        for (key, value) in [("src", self.src()), ("fstype", self.fstype()), ("opts", &self.opts)] {
            if value.chars().any(char::is_control) || value.starts_with('-') {
                let value = value.escape_debug();
                return fault(
                    format!("`{key}` cannot be `{value}`"),
                    "one line that does not begin with a dash",
                );
            }
        }
        if self.opts.is_empty() || self.opts.split(',').any(str::is_empty) {
            return fault(
                format!("`opts` has an empty option: `{}`", self.opts),
                "leave it out, or write `defaults`",
            );
        }
        let secret =
            |word: &&str| ["password=", "pass=", "password2="].iter().any(|key| word.starts_with(key));
        if self.opts.split(',').any(|word| secret(&word)) {
            return fault(
                "`opts` holds a password, which everybody could read".into(),
                "write it to a file with mode 0600 and name that: `credentials=/etc/cifs.secret`",
            );
        }
        if self.dump > 1 || self.passno > 2 {
            return fault("`dump` is 0 or 1, `passno` is 0, 1 or 2".into(), "leave them out when in doubt");
        }
        let missing = match self.is_wanted() {
            true if self.src().is_empty() => Some("`src` is missing: what is mounted"),
            true if self.fstype.is_none() && !self.bind() => {
                Some("`fstype` is missing: the type of what is mounted")
            }
            _ => None,
        };
        if let Some(missing) = missing {
            return fault(
                format!("{missing} at {}", self.path),
                "e.g. `src: /dev/vdb1` and `fstype: ext4`; or `state: absent`",
            );
        }
        if self.fstype().is_empty() || self.fstype() == "swap" {
            return fault(
                "swap is not mounted".into(),
                "the type `swap` uses a device of it, or makes a swap file",
            );
        }
        if self.bind() && self.is_wanted() && !self.src().starts_with('/') {
            return fault(
                format!("`src` must be a path where `bind` is: `{}`", self.src()),
                "begin it with `/`",
            );
        }
        let is_system = SYSTEM.contains(&self.path.as_ref());
        if is_system && (!self.is_wanted() || self.replace) {
            return fault(
                format!("`{}` is not unmounted: no host goes on without it", self.path),
                "only its options and its entry can be changed",
            );
        }
        Ok(())
    }
}
