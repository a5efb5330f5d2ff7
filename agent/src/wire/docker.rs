//! What may be asked of a Docker daemon, besides what compose is for.

use borsh::{BorshDeserialize, BorshSerialize};

/// The code of the answer is 127 without a docker, 125 when the daemon does not answer. With 0, stdout is JSON, and empty when there is no
/// such thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum DockerProbe {
    /// `{"Name", "Driver", "Internal", "Attachable", "EnableIPv6", "IPAM", "Labels", "Options"}`, then one line for each container in
    /// it, running or not: `{"Name", "Aliases", "Fixed"}`.
    Network { name: String },
    /// `{"Name", "Driver", "Labels", "Options"}`, then the names of the containers that use it.
    Volume { name: String },
    /// `{"Id", "RepoTags", "RepoDigests"}`, then the names of the containers that are made of it.
    Image { name: String },
    /// `manifest.json` of an archive that `docker save` made, then `index.json` if there is one.
    Archive { path: String },
    /// Whether containers go on while the daemon is restarted: `true` or `false`.
    LiveRestore,
    /// The command line in the daemon's unit, without its variables filled in; empty where there is none.
    Flags,
    /// What could go, a line each: `{"kind", "id", "what", "labels", "users"}`, of an image also `"digests"`.
    Removable(Removable),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Removable {
    /// Stopped ones.
    pub containers: bool,
    /// But docker's own.
    pub networks: bool,
    pub images: Images,
    /// Only what was made at least so many seconds ago.
    pub older_s: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Images {
    None,
    /// Those without a name.
    Dangling,
    All,
}
