//! The link to a host: one ssh connection (or a child process), the agent at its far end, frames in between.
//!
//! * `ssh` starts a master of our own, so that the user's ssh configuration, agent, jump hosts and known hosts hold,
//!   and `explain` turns what ssh prints when it fails into an error with a hint
//! * `bootstrap` is the shell script that finds or receives the agent; `start` is our half of that talk
//! * `link` carries requests, many at once; `flow` holds its tasks, and notices when the far end is gone

mod agents;
mod bootstrap;
mod doas;
mod error;
mod explain;
mod flow;
mod host_keys;
mod link;
mod ssh;
mod start;
mod sudo;
mod transport;

pub use agents::digests;
pub use error::{ApplyError, Kind, LinkError, cannot_become};
pub use host_keys::{HostKey, host_keys};
pub use link::{Applied, Link, Opened, disarm};

use crate::model::BecomeMethod;
use agent::secret::Secret;
use agent::wire::{Query, Session};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A host and the way to it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The host's name in the inventory: what errors say.
    pub name: String,
    pub way: Way,
    /// Whom the agent runs as, if not the user who logs in.
    pub r#become: Option<Become>,
}

#[derive(Clone, Debug)]
pub enum Way {
    Ssh(Ssh),
    /// The agent is a child process of ours.
    Local {
        /// Put before the command: `["ip", "netns", "exec", "name"]`.
        prefix: Vec<String>,
    },
}

/// What ssh is told; all that is `None` is left to the user's ssh configuration.
#[derive(Clone, Debug, Default)]
pub struct Ssh {
    /// Address, or alias in the ssh configuration; [`Target::name`] without it.
    pub address: Option<String>,
    pub port: Option<u16>,
    pub user: Option<String>,
    /// Private key file. No other key is tried then.
    pub key: Option<PathBuf>,
    /// Configuration file instead of the user's own.
    pub config: Option<PathBuf>,
    /// The file with the host's key, in place of the user's own.
    pub known_hosts: Option<PathBuf>,
    /// Arguments put before all of ours, so that they win over ours.
    pub args: Vec<String>,
}

/// Becoming another user.
#[derive(Clone, Debug)]
pub struct Become {
    pub user: String,
    pub method: BecomeMethod,
    /// Sent only when sudo asks for it; doas takes none.
    pub password: Option<Secret>,
}

/// What a link is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// For the connection, and again for the start of the agent.
    pub connect_timeout: Duration,
    pub session: Session,
    /// Who holds the lease, for another run that finds it held.
    pub who: String,
    pub run: String,
    /// Silence after which either side takes the other for dead; zero waits for ever.
    pub heartbeat: Duration,
    /// Folder of the control sockets; [`control_dir`] unless a test wants its own.
    pub control_dir: PathBuf,
    /// Use the connection that an earlier run left open, and leave ours open (for a minute).
    pub reuse: bool,
    /// Asked together with the opening, which saves a round trip; the answers are in [`Opened::first`].
    pub first: Vec<Query>,
    pub told: Told,
}

/// Who hears at once what the agent tells while it keeps a question waiting; without one it is kept for [`Link::notes`].
#[derive(Clone, Default)]
pub struct Told(pub Option<Arc<Hears>>);

type Hears = dyn Fn(&str) + Send + Sync;

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Told(somebody)" } else { "Told(nobody)" })
    }
}

/// The folder of control sockets: its path is short, since a socket's path may have about 100 bytes.
pub fn control_dir() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty() && dir.len() < 40) {
        Some(dir) => PathBuf::from(dir).join("lp"),
        None => PathBuf::from(format!("/tmp/lp-{}", rustix::process::getuid().as_raw())),
    }
}

/// Raises the limit of open files to what the system allows: a host costs up to eight. Returns the limit.
pub fn raise_open_files() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, limit).is_ok();
    (if raised { limit.maximum } else { before }).unwrap_or(u64::MAX)
}

/// The boot of the kernel that this program runs on; `None` where there is no such thing.
pub fn own_boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_string()).filter(|id| !id.is_empty())
}
