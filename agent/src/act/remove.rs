//! Removing: never a mount point, never another device, never the system itself.

use super::file::{kind, look, sync_folder};
use super::walk::place;
use crate::{folders, reason};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Removes what is at `path`; nothing there is not an error. With `kept`, a folder is moved there, or copied where it is on another
/// filesystem.
pub fn remove(path: &str, recursive: bool, kept: Option<&Path>) -> Result<(), String> {
    let refused = |why: &str| format!("cannot remove {path}: {why}");
    let failed = |error: Errno| refused(&reason(error));
    let place = match place(path) {
        Ok(place) => place,
        Err(_) if matches!(rustix::fs::lstat(path), Err(Errno::NOENT | Errno::NOTDIR)) => return Ok(()),
        Err(why) => return Err(refused(&why)),
    };
    let Some(now) = look(&place).map_err(failed)? else { return Ok(()) };
    let real = place.real_path().map_err(|error| refused(&reason(error)))?;
    if folders::SYSTEM.iter().any(|folder| real == Path::new(folder)) {
        return Err(refused("it is a folder of the system"));
    }
    if let Some(mount) = mounts().into_iter().find(|mount| mount.starts_with(&real)) {
        return Err(refused(&format!("{} is a mount point", mount.display())));
    }
    if kind(&now) != FileType::Directory {
        rustix::fs::unlinkat(&place.folder, &place.name, AtFlags::empty()).map_err(failed)?;
        return sync_folder(&place).map_err(failed);
    }
    if !recursive {
        return match rustix::fs::unlinkat(&place.folder, &place.name, AtFlags::REMOVEDIR) {
            Ok(()) => sync_folder(&place).map_err(failed),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Err(refused("the folder is not empty")),
            Err(error) => Err(failed(error)),
        };
    }
    let moved = match kept.map(|kept| (kept, rustix::fs::renameat(&place.folder, &place.name, CWD, kept))) {
        Some((_, Ok(()))) => true,
        // What cannot be kept, for want of room, is removed all the same: that may be what makes room.
        Some((kept, Err(Errno::XDEV))) => {
            if super::kept::copy(path, kept).is_err() {
                let _ = std::fs::remove_dir_all(kept);
            }
            false
        }
        _ => false,
    };
    if !moved {
        remove_folder(place.folder.as_fd(), &place.name, now.st_dev).map_err(failed)?;
    }
    sync_folder(&place).map_err(failed)
}

/// Every mount point, links resolved, as the kernel lists them.
pub fn mounts() -> Vec<PathBuf> {
    let text = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let point = |line: &[u8]| line.split(|byte| *byte == b' ').nth(4).map(unescape);
    text.split(|byte| *byte == b'\n').filter_map(point).collect()
}

/// `\040` is how the kernel writes a space.
fn unescape(escaped: &[u8]) -> PathBuf {
    let mut bytes = vec![];
    let mut rest = escaped;
    while let Some((first, tail)) = rest.split_first() {
        let octal = (*first == b'\\').then(|| tail.get(..3)).flatten();
        let value = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(value.unwrap_or(*first));
        rest = if value.is_some() { &tail[3..] } else { tail };
    }
    PathBuf::from(OsStr::from_bytes(&bytes))
}

/// Removes a folder and what is in it, entry by entry relative to opened folders: no link is followed.
fn remove_folder(parent: std::os::fd::BorrowedFd<'_>, name: &OsStr, device: u64) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder: OwnedFd = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    if rustix::fs::fstat(&folder)?.st_dev != device {
        return Err(Errno::XDEV);
    }
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR | Errno::PERM) => remove_folder(folder.as_fd(), name, device)?,
            Err(error) => return Err(error),
        }
    }
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_with_spaces_are_read() {
        assert_eq!(unescape(br"/mnt/a\040b\134c"), PathBuf::from(r"/mnt/a b\c"));
        assert!(mounts().contains(&PathBuf::from("/proc")));
    }
}
