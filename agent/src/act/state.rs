//! The agent's own folder on the host: the lease, journals, saved content, armed reverts.

use crate::reason;
pub use crate::wire::safe_name;
use rustix::fs::{Access, FlockOperation, Mode, OFlags, flock};
use std::fs::{self, DirBuilder, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Runs whose journal and saved content are kept.
const KEPT_RUNS: usize = 10;
/// Bytes of saved content that are kept over all runs.
pub const KEPT_BYTES: u64 = 256 << 20;

/// Where an account has its folder whose home takes none.
const SHARED: &str = "/var/tmp";

/// Where the folder is: `/var/lib/provision-agent` for root, `~/.local/state/provision-agent` for others, and for an account
/// whose home takes none (`/usr/sbin`, `/nonexistent`) `/var/tmp/provision-agent-state-NUMBER`. `PROVISION_AGENT_STATE` names
/// another.
///
/// # Errors
/// Where there is no place for it, or somebody else has taken that.
pub fn path() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("PROVISION_AGENT_STATE").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let user = rustix::process::geteuid();
    if user.is_root() {
        return Ok("/var/lib/provision-agent".into());
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    choose(home.as_deref(), &Path::new(SHARED).join(format!("provision-agent-state-{}", user.as_raw())))
}

/// The home where that takes the folder, else `other`: the same at each run, also where the home has become one since.
fn choose(home: Option<&Path>, other: &Path) -> Result<PathBuf, String> {
    if let Some(path) = home.map(|home| home.join(".local/state/provision-agent"))
        && is_own(&path)
    {
        return Ok(path);
    }
    match (is_closed(other), home.filter(|home| takes_more(home))) {
        (Ok(false) | Err(_), Some(home)) => Ok(home.join(".local/state/provision-agent")),
        (Ok(false), None) if !may_write(other.parent().unwrap_or(other)) => {
            let home = home.map_or("there is no home".into(), |home| format!("not in {}", home.display()));
            Err(format!("there is no place for the agent's state: {home}, and not in {SHARED}"))
        }
        (found, _) => found.map(|_| other.into()),
    }
}

fn is_own(path: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == own)
}

fn may_write(path: &Path) -> bool {
    rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// Whether a home is the account's own, and the folder can be made there.
fn takes_more(home: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let parents = [".local/state", ".local", ""].map(|name| home.join(name));
    fs::metadata(home).is_ok_and(|meta| meta.is_dir() && meta.uid() == own)
        && parents.iter().find(|path| path.symlink_metadata().is_ok()).is_some_and(|path| may_write(path))
}

/// Whether a folder is there, of those in a place where anybody can put one: what is there is trusted only where nobody else can
/// have been in it. One that is open is not closed now, since what is in it stays.
fn is_closed(path: &Path) -> Result<bool, String> {
    let meta = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        found => found.map_err(|error| format!("cannot use {}: {}", path.display(), reason(error)))?,
    };
    if meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o077 == 0 {
        return Ok(true);
    }
    Err(format!(
        "cannot use {} for the agent's state: it is not a folder that only its account can use (owner, mode 0700, no link): \
         remove it",
        path.display()
    ))
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
    if path.parent() == Some(Path::new(SHARED)) {
        // Also one that came there just now.
        let _ = DirBuilder::new().mode(0o700).create(&path);
        is_closed(&path)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn an_account_whose_home_takes_no_folder_has_it_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let (home, other) = (dir.path().join("home"), dir.path().join("other"));
        let at_home = home.join(".local/state/provision-agent");
        // There is none.
        assert_eq!(choose(None, &other), Ok(other.clone()));
        assert_eq!(choose(Some(&home), &other), Ok(other.clone()));
        assert!(!home.exists() && !other.exists(), "it only looks");
        fs::create_dir(&home).unwrap();
        assert_eq!(choose(Some(&home), &other), Ok(at_home.clone()));
        // What was begun elsewhere is found again, and what is at home before that.
        private_folder(&other).unwrap();
        assert_eq!(choose(Some(&home), &other), Ok(other.clone()));
        fs::create_dir_all(&at_home).unwrap();
        assert_eq!(choose(Some(&home), &other), Ok(at_home.clone()));
        // A file in the way.
        fs::remove_dir(&other).unwrap();
        fs::remove_dir_all(home.join(".local")).unwrap();
        fs::write(home.join(".local"), "").unwrap();
        assert_eq!(choose(Some(&home), &other), Ok(other));
    }

    #[test]
    fn what_others_may_have_put_there_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let (home, other) = (dir.path().join("home"), dir.path().join("other"));
        let refused = || {
            let why = choose(None, &other).unwrap_err();
            assert!(why.contains("not a folder that only its account can use"), "{why}");
        };
        // Open: somebody may have been in it.
        fs::create_dir(&other).unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o777)).unwrap();
        refused();
        assert_eq!(other.metadata().unwrap().mode() & 0o777, 0o777, "it stays as it is");
        // It keeps nobody from a home of their own.
        fs::create_dir(&home).unwrap();
        assert_eq!(choose(Some(&home), &other), Ok(home.join(".local/state/provision-agent")));
        fs::remove_dir(&other).unwrap();
        private_folder(&dir.path().join("real")).unwrap();
        symlink("real", &other).unwrap();
        refused();
        fs::remove_file(&other).unwrap();
        fs::write(&other, "").unwrap();
        refused();
        fs::remove_file(&other).unwrap();
        private_folder(&other).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&other, Some(1), None).unwrap();
            refused();
        }
    }
}
