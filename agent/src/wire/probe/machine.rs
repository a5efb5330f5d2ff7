//! Looks at the machine itself: mounts, locales, filesystems, swap, modules of the kernel.

use borsh::{BorshDeserialize, BorshSerialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum MachineProbe {
    /// What is mounted at `path`, and whether that is `source` (a device, `UUID=`, `LABEL=`, a file, a network's name; with `bind` a
    /// folder). Lines `KEY=VALUE`:
    /// `mounted=yes|no`; of what is mounted `source`, `type`, `options` (its own, then the filesystem's), `is=wanted|other`, and
    /// where that is a tmpfs `memory`, the host's in KiB, of which its size may be a share;
    /// `there=yes|no`: whether that device, file or folder exists; `folder=missing|empty|filled|other`: what it would be mounted on
    /// (of what is mounted: `empty`).
    Mounted { path: String, source: String, bind: bool },
    /// `locale -a`: the locales that are generated.
    Locales,
    /// What a device or a file holds, by `wipefs` and `blkid -p`, which look at the bytes themselves. Lines `KEY=VALUE`:
    /// `kind=missing|device|file|other`, `size` in bytes; for each signature `found=ext4`; of what blkid takes it for `type`, `label`,
    /// `uuid`; `filesystem_size` in bytes where it is known, and `devid` of Btrfs; `mounted=PATH` where it is, by whichever name,
    /// `mounted=[swap]`; `used=NAME` for whatever else is made of it (LVM, RAID, partitions; `the kernel`: nobody says by whom).
    /// `name=PATH` for each of its names that does not come from what is on it, the kernel's first; of a file its path without links.
    Filesystem { device: String },
    /// A swap file, and whether it could have `size` bytes, or a device of swap (a path below /dev). Lines `KEY=VALUE`:
    /// `kind=missing|file|device|other`, `found=TYPE` for what is in it; of a file `size`, `mode`, `holes=yes|no`; `active=yes|no`, then
    /// `priority`; `filesystem=TYPE` of what a file is on; `room=yes|no`: whether there is space for the size wanted; `fits=yes|no`:
    /// whether what is swapped out into it has its place in memory and other swap; `name=PATH` as of `Filesystem`; `alias=NAME` for each
    /// name that comes from what is on a device, and for each way to write one in /etc/fstab.
    Swap { path: String, size: u64 },
    /// What is mounted on a path or below it, links of its folder resolved: a path on each line.
    MountsIn { path: String },
    /// `modinfo -F filename NAME`: where a module of the running kernel is; `(builtin)`.
    Module { name: String },
}
