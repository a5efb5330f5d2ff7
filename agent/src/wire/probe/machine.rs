//! Looks at the machine itself: mounts and locales.

use borsh::{BorshDeserialize, BorshSerialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum MachineProbe {
    /// What is mounted at `path`, and whether that is `source` (a device, `UUID=`, `LABEL=`, a file, a network's name; with `bind` a
    /// folder). Lines `KEY=VALUE`:
    /// `mounted=yes|no`; of what is mounted `source`, `type`, `options` (its own, then the filesystem's), `is=wanted|other`;
    /// `there=yes|no`: whether that device, file or folder exists; `folder=missing|empty|filled|other`: what it would be mounted on
    /// (of what is mounted: `empty`).
    Mounted { path: String, source: String, bind: bool },
    /// `locale -a`: the locales that are generated.
    Locales,
}
