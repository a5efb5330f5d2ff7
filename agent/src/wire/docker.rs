//! What may be asked of a Docker daemon, besides what compose is for.

use crate::secret::Content;
use borsh::{BorshDeserialize, BorshSerialize};

/// The code of the answer is 127 without a docker, 125 when the daemon does not answer. With 0, stdout is JSON, and empty when there is no
/// such thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum DockerProbe {
    /// `{"Name", "Driver", "Internal", "Attachable", "EnableIPv6", "IPAM", "Labels", "Options"}`, then one line for each container in
    /// it, running or not: `{"Id", "Name", "Aliases", "Links", "DriverOpts", "Fixed"}`. When it was being made anew and that was cut short, then
    /// `{"Cut": {what it was}}` and `{"Out": {...}}` for each container that was in it and is not.
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
    /// What could go, a line each: `{"kind", "id", "what", "labels", "users"}`, of an image also `"digests"`, of what takes space `"size"`.
    Removable(Removable),
}

/// What [`super::Steps`] are called that make a network anew. Their record: the network and its containers, a line each, as the probe tells
/// them.
pub fn network_steps(name: &str) -> String {
    let digest = Content::from(name).digest();
    let hex: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("docker-network-{hex}")
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Removable {
    /// Stopped ones.
    pub containers: bool,
    /// But docker's own.
    pub networks: bool,
    pub images: Images,
    /// Of the build cache what is in no image, or (`true`) all that no build uses.
    pub cache: Option<bool>,
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
