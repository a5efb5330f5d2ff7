//! Files and folders as they are.

use super::Names;
use crate::reason;
use crate::secret::Content;
use crate::wire::{Kind, Meta};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;

/// Bytes read at once while a digest is computed.
const CHUNK: usize = 128 << 10;

fn absent(error: Errno) -> bool {
    error == Errno::NOENT || error == Errno::NOTDIR
}

/// Opens a regular file without following a link and without waiting for the other end of a pipe.
fn open(path: &str) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    rustix::fs::open(path, flags, Mode::empty()).map(File::from)
}

pub fn meta(path: &str, names: &mut Names, buffer: &mut Vec<u8>) -> Result<Option<Meta>, String> {
    let failed = |error: Errno| format!("cannot look at {path}: {}", reason(error));
    let mut stat = match rustix::fs::lstat(path) {
        Ok(stat) => stat,
        Err(error) if absent(error) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => match open(path) {
            Ok(file) => {
                // What was opened counts, should it have been replaced meanwhile.
                stat = rustix::fs::fstat(&file).map_err(failed)?;
                let digest =
                    digest(file, buffer).map_err(|e| format!("cannot read {path}: {}", reason(e)))?;
                Kind::File { digest: Some(digest) }
            }
            Err(Errno::ACCESS | Errno::PERM) => Kind::File { digest: None },
            Err(error) if absent(error) => return Ok(None),
            Err(error) => return Err(format!("cannot read {path}: {}", reason(error))),
        },
        FileType::Directory => Kind::Folder,
        FileType::Symlink => {
            let target = rustix::fs::readlink(path, vec![]).map_err(failed)?;
            Kind::Link { target: target.to_string_lossy().into_owned() }
        }
        _ => Kind::Other,
    };
    Ok(Some(describe(kind, &stat, names)))
}

pub fn there(path: &str) -> Result<bool, String> {
    match rustix::fs::lstat(path) {
        Ok(_) => Ok(true),
        Err(error) if absent(error) => Ok(false),
        Err(error) => Err(format!("cannot look at {path}: {}", reason(error))),
    }
}

fn describe(kind: Kind, stat: &Stat, names: &mut Names) -> Meta {
    let size = if matches!(kind, Kind::File { .. }) { stat.st_size as u64 } else { 0 };
    Meta {
        kind,
        mode: stat.st_mode & 0o7777,
        owner: names.owner(stat.st_uid),
        group: names.owning_group(stat.st_gid),
        size,
    }
}

fn digest(mut file: File, buffer: &mut Vec<u8>) -> std::io::Result<[u8; 32]> {
    buffer.resize(CHUNK, 0);
    let mut hasher = blake3::Hasher::new();
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok(*hasher.finalize().as_bytes()),
            Ok(n) => _ = hasher.update(&buffer[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A regular file, opened; a link is not followed, as in [`meta`].
pub fn regular(path: &str) -> Result<Option<File>, String> {
    let failed = |error: std::io::Error| format!("cannot read {path}: {}", reason(error));
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if absent(error) => return Ok(None),
        // A link (ELOOP) or a socket (ENXIO) is not a regular file.
        Err(Errno::LOOP | Errno::NXIO) => return Ok(None),
        Err(error) => return Err(failed(error.into())),
    };
    Ok(file.metadata().map_err(failed)?.is_file().then_some(file))
}

/// Content of a regular file.
pub fn read(path: &str, limit: u64, secret: bool) -> Result<Option<Content>, String> {
    let failed = |error: std::io::Error| format!("cannot read {path}: {}", reason(error));
    let Some(file) = regular(path)? else { return Ok(None) };
    let meta = file.metadata().map_err(failed)?;
    let too_large = || format!("{path} is larger than {limit} bytes");
    if meta.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    // Files of /proc and /sys say size 0: the limit counts while reading too.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(Some(Content::new(bytes, secret)))
}

pub fn list(path: &str) -> Result<Option<Vec<String>>, String> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let failed = |error: std::io::Error| format!("cannot list {path}: {}", reason(error));
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(failed)
    };
    let mut names = entries.map(name).collect::<Result<Vec<_>, _>>()?;
    names.sort_unstable();
    Ok(Some(names))
}
