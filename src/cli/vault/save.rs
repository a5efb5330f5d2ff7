//! Replacing files so that at any moment either the old or the new content is there, whole.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Mode of files that did not exist before.
const NEW: u32 = 0o600;

/// Replaces a file's content, keeping its mode and, where permitted, its owner. A symbolic link stays one: what it
/// points to is replaced.
pub(in crate::cli) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = path.canonicalize()?;
    let meta = path.metadata()?;
    let temp = written(&path, bytes, meta.mode())?;
    let (uid, gid) = (rustix::fs::Uid::from_raw(meta.uid()), rustix::fs::Gid::from_raw(meta.gid()));
    let now = temp.as_file().metadata()?;
    if (now.uid(), now.gid()) != (meta.uid(), meta.gid())
        && rustix::fs::fchown(temp.as_file(), Some(uid), Some(gid)).is_ok()
    {
        // A change of owner takes set-id bits away.
        temp.as_file().set_permissions(Permissions::from_mode(meta.mode() & 0o7777))?;
    }
    temp.persist(&path).map_err(|error| error.error)?;
    sync_folder(&path)
}

/// Writes a file that does not exist yet, mode 0600; an existing one is [`io::ErrorKind::AlreadyExists`].
pub(in crate::cli) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    written(path, bytes, NEW)?.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(path)
}

/// Writes next to `path` under the first free name of `PATH.rejected`, `PATH.rejected.2`, ...
pub(super) fn create_rejected(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut count = 1;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(if count == 1 { ".rejected".into() } else { format!(".rejected.{count}") });
        match create(Path::new(&name), bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => count += 1,
            result => return result.map(|()| name.into()),
        }
    }
}

fn written(path: &Path, bytes: &[u8], mode: u32) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let mut temp =
        builder.prefix(".vault-").permissions(Permissions::from_mode(NEW)).tempfile_in(folder(path))?;
    temp.write_all(bytes)?;
    temp.as_file().set_permissions(Permissions::from_mode(mode & 0o7777))?;
    temp.as_file().sync_all()?;
    Ok(temp)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
