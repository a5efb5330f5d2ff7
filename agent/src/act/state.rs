//! The agent's own folder on the host: the lease, journals, saved content, armed reverts.

use crate::reason;
pub use crate::wire::safe_name;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use std::fs::{self, DirBuilder, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Runs whose journal and saved content are kept.
const KEPT_RUNS: usize = 10;
/// Bytes of saved content that are kept over all runs.
pub const KEPT_BYTES: u64 = 256 << 20;

/// Where the folder is: `/var/lib/provision-agent` for root, `~/.local/state/provision-agent` for others.
/// `PROVISION_AGENT_STATE` names another.
pub fn path() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("PROVISION_AGENT_STATE").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    if rustix::process::geteuid().is_root() {
        return Ok("/var/lib/provision-agent".into());
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    home.map(|home| Path::new(&home).join(".local/state/provision-agent"))
        .ok_or_else(|| "HOME is not set, so there is no place for the agent's state".into())
}

/// Makes a folder of ours, or checks one: no link, our own, closed to others.
pub fn private_folder(path: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot use {}: {}", path.display(), reason(error));
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    let meta = fs::symlink_metadata(path).map_err(failed)?;
    if !meta.is_dir() || meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!("cannot use {}: it is not a folder of the agent's own user", path.display()));
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

/// A folder that somebody is at: whoever clears away what killed agents left takes hold of it first. The kernel lets go of it.
pub struct Held {
    _lock: File,
}

impl Held {
    /// Takes hold of a folder of ours.
    ///
    /// # Errors
    /// When somebody else holds it, or it is gone.
    pub fn take(path: &Path) -> Result<Self, String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(reason)?);
        flock(&folder, FlockOperation::NonBlockingLockExclusive).map_err(reason)?;
        // Whoever was faster may have removed it in the meantime.
        let (own, there) = (folder.metadata().map_err(reason)?, fs::symlink_metadata(path).map_err(reason)?);
        let same = (own.dev(), own.ino()) == (there.dev(), there.ino());
        if same { Ok(Self { _lock: folder }) } else { Err("it is another one".into()) }
    }

    #[cfg(test)]
    pub fn let_go(&mut self) {
        let _ = flock(&self._lock, FlockOperation::Unlock);
    }
}

/// Opens or makes a private file in a folder of ours.
pub fn private_file(path: &Path, flags: OFlags) -> Result<File, String> {
    let flags = flags | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR);
    opened.map(File::from).map_err(|error| format!("cannot write {}: {}", path.display(), reason(error)))
}

/// Makes the state folder if need be.
pub fn folder() -> Result<PathBuf, String> {
    let path = path()?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .map_err(|error| format!("cannot make {}: {}", parent.display(), reason(error)))?;
    }
    private_folder(&path)?;
    Ok(path)
}

/// The right to change this host. The kernel gives it back when the agent ends, however it ends.
#[derive(Debug)]
pub struct Lease {
    _held: File,
}

/// Why there is no lease.
pub enum NoLease {
    Held { who: String, since_s: u64 },
    Failed(String),
}

impl Lease {
    /// Takes the lease. Sessions of one run share it.
    pub fn take(folder: &Path, run: &str, who: &str) -> Result<Self, NoLease> {
        // Whoever holds the gate may look at the lease and change it: nobody slips in between.
        let gate = private_file(&folder.join("lease.gate"), OFlags::RDWR).map_err(NoLease::Failed)?;
        let failed =
            |error: rustix::io::Errno| NoLease::Failed(format!("cannot lock the host: {}", reason(error)));
        flock(&gate, FlockOperation::LockExclusive).map_err(failed)?;
        let mut lease = private_file(&folder.join("lease"), OFlags::RDWR).map_err(NoLease::Failed)?;
        let (seconds, _) = crate::serve::now();
        if flock(&lease, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let who: String = who.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let written = lease
                .set_len(0)
                .and_then(|()| lease.write_all(format!("{run}\n{seconds}\n{who}\n").as_bytes()));
            written.map_err(|error| {
                NoLease::Failed(format!("cannot write the lease in {}: {}", folder.display(), reason(error)))
            })?;
            super::recover::recover(folder);
            flock(&lease, FlockOperation::NonBlockingLockShared).map_err(failed)?;
            return Ok(Self { _held: lease });
        }
        let mut text = String::new();
        let _ = lease.read_to_string(&mut text);
        let mut lines = text.lines();
        let (holder, since) = (lines.next().unwrap_or_default(), lines.next().and_then(|s| s.parse().ok()));
        if holder == run {
            flock(&lease, FlockOperation::NonBlockingLockShared).map_err(failed)?;
            return Ok(Self { _held: lease });
        }
        let who = lines.next().unwrap_or("an unknown run").to_string();
        Err(NoLease::Held { who, since_s: since.map_or(0, |since: u64| seconds.saturating_sub(since)) })
    }
}

/// Removes what is no longer kept: all but the newest runs, and of those the oldest while there is too much.
pub fn prune(folder: &Path, current: &str) {
    let mut kept_bytes = 0;
    for (index, run) in newest_first(&folder.join("runs")).into_iter().enumerate() {
        let mine = run.file_name().is_some_and(|name| name == current);
        kept_bytes += size(&run);
        if !mine && (index >= KEPT_RUNS || kept_bytes > KEPT_BYTES) {
            let _ = fs::remove_dir_all(&run);
        }
    }
    let logs = newest_first(&folder.join("armed"));
    let logs = logs.iter().filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    for log in logs.skip(KEPT_RUNS) {
        let _ = fs::remove_file(log);
    }
}

pub(super) fn newest_first(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut dated: Vec<_> =
        entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    dated.sort_unstable();
    dated.into_iter().rev().map(|(_, path)| path).collect()
}

/// Bytes of the files under a folder.
pub fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
