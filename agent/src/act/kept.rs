//! Folders that are kept whole: copied where they cannot be moved, and told as ops that make them anew.

use super::walk::{Held, each_with_links};
use super::{attributes, file};
use crate::reason;
use crate::secret::Content;
use crate::wire::{Attrs, Op};
use rustix::fs::{AtFlags, CWD, FileType, Gid, OFlags, Uid, XattrFlags};
use rustix::io::Errno;
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

/// Copies a folder to a place where nothing is: names, content, links, modes, owners and attributes. Left out are sockets, pipes and
/// devices, and what may not be read.
pub fn copy(from: &str, to: &Path) -> Result<(), String> {
    // Last, since a folder may be closed even to its owner; what is in one before it.
    let mut folders = vec![];
    each_with_links(from, &mut |held| {
        let target = to.join(held.path.strip_prefix(from).unwrap_or(&held.path));
        let failed = |error: Errno| format!("{}: {}", held.path.display(), reason(error));
        let owner = (Uid::from_raw(held.stat.st_uid), Gid::from_raw(held.stat.st_gid));
        match FileType::from_raw_mode(held.stat.st_mode) {
            FileType::Directory => {
                fs::DirBuilder::new().mode(0o700).create(&target).map_err(reason)?;
                folders.push((held, target));
            }
            FileType::RegularFile => {
                let mut from = match File::open(held.through()) {
                    Ok(from) => from,
                    Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Ok(()),
                    Err(error) => return Err(format!("{}: {}", held.path.display(), reason(error))),
                };
                let mut file = super::state::private_file(&target, OFlags::WRONLY | OFlags::EXCL)?;
                std::io::copy(&mut from, &mut file).map_err(reason)?;
                give(&held, &file).map_err(failed)?;
                file.sync_data().map_err(reason)?;
            }
            FileType::Symlink => {
                symlink(points_to(&held)?, &target).map_err(reason)?;
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                let given = rustix::fs::chownat(CWD, &target, Some(owner.0), Some(owner.1), flags);
                allowed(given).map_err(failed)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    for (held, target) in folders.iter().rev() {
        let folder = File::open(target).map_err(reason)?;
        give(held, &folder).and_then(|()| rustix::fs::fsync(&folder)).map_err(reason)?;
    }
    Ok(())
}

/// Gives a copy the owner, mode and attributes of what it is a copy of.
fn give(held: &Held, copy: &File) -> Result<(), Errno> {
    let (mode, uid, gid) = (held.stat.st_mode & 0o7777, held.stat.st_uid, held.stat.st_gid);
    let given = file::give(copy, file::Numbers { mode: Some(mode), uid: Some(uid), gid: Some(gid) });
    allowed(given)?;
    for (name, value) in attributes::of(&held.through())? {
        allowed(rustix::fs::fsetxattr(copy, &*name, &value, XattrFlags::empty()))?;
    }
    Ok(())
}

/// Who is not root cannot give away what they keep, and not every filesystem keeps attributes.
fn allowed(done: Result<(), Errno>) -> Result<(), Errno> {
    done.or_else(|error| if matches!(error, Errno::PERM | Errno::OPNOTSUPP) { Ok(()) } else { Err(error) })
}

fn points_to(held: &Held) -> Result<PathBuf, String> {
    use std::os::unix::ffi::OsStringExt;
    let target = rustix::fs::readlinkat(&*held.file, "", vec![]).map_err(reason)?;
    Ok(PathBuf::from(std::ffi::OsString::from_vec(target.into_bytes())))
}

/// What makes a folder (or what else is at `from`) anew at `to`. What cannot be read is left out.
pub fn ops(from: &Path, to: &Path) -> Vec<Op> {
    let mut ops = vec![];
    let _ = each_with_links(&from.to_string_lossy(), &mut |held| {
        let below = held.path.strip_prefix(from).unwrap_or(Path::new(""));
        // A path that ends with `/` names no entry of a folder.
        let target = if below == Path::new("") { to.to_path_buf() } else { to.join(below) };
        ops.extend(entry(&held, target.to_string_lossy().into_owned()));
        Ok(())
    });
    ops
}

/// A folder by itself, without what is in it.
pub fn folder(from: &Path, to: &Path) -> Vec<Op> {
    let held = super::walk::hold(&from.to_string_lossy()).ok().filter(Held::is_folder);
    held.map(|held| entry(&held, to.to_string_lossy().into_owned())).unwrap_or_default()
}

fn entry(held: &Held, path: String) -> Vec<Op> {
    // Numbers: a name may mean another one by then.
    let (owner, group) = (Some(held.stat.st_uid.to_string()), Some(held.stat.st_gid.to_string()));
    let attrs = Attrs { mode: Some(held.stat.st_mode & 0o7777), owner, group };
    let with_attributes = |op: Op| {
        let set = |(name, value)| {
            let value = Some(Content::new(value, true));
            Op::SetXattr { path: path.clone(), name, value }
        };
        let attributes = attributes::of(&held.through()).unwrap_or_default();
        [op].into_iter().chain(attributes.into_iter().map(set)).collect()
    };
    match FileType::from_raw_mode(held.stat.st_mode) {
        FileType::Directory => with_attributes(Op::MakeFolder { path: path.clone(), attrs }),
        FileType::RegularFile => {
            let Ok(bytes) = fs::read(held.through()) else { return vec![] };
            let content = Content::new(bytes, true);
            with_attributes(Op::WriteFile { path: path.clone(), content, attrs, check: None })
        }
        FileType::Symlink => {
            let Ok(target) = points_to(held) else { return vec![] };
            let target = target.to_string_lossy().into_owned();
            let attrs = Attrs { mode: None, ..attrs };
            vec![Op::MakeLink { path: path.clone(), target }, Op::SetAttrs { path, attrs }]
        }
        _ => vec![],
    }
}
