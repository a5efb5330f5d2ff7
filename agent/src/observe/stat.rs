//! A path with all that the system says of it.

use super::Names;
use crate::child::probe;
use crate::reason;
use crate::wire::{Checksum, FileType, Moving, Stat};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::Duration;

/// For the checksum of the largest file that anybody asks for.
const LONG: Duration = Duration::from_secs(600);

pub fn stat(path: &str, checksum: Option<Checksum>, names: &mut Names) -> Result<Option<Stat>, String> {
    let failed = |error: std::io::Error| format!("cannot look at {path}: {}", reason(error));
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let kind = match found.file_type() {
        kind if kind.is_dir() => FileType::Folder,
        kind if kind.is_symlink() => {
            let target = std::fs::read_link(path).map_err(failed)?;
            FileType::Link { target: target.to_string_lossy().into_owned() }
        }
        kind if kind.is_char_device() => FileType::Character,
        kind if kind.is_block_device() => FileType::Block,
        kind if kind.is_fifo() => FileType::Fifo,
        kind if kind.is_socket() => FileType::Socket,
        _ => FileType::File,
    };
    let may = |access: Access| accessat(CWD, path, access, AtFlags::EACCESS).is_ok();
    let readable = may(Access::READ_OK);
    let checksum = match checksum {
        Some(checksum) if readable && kind == FileType::File => sum(path, checksum)?,
        _ => None,
    };
    let real = matches!(kind, FileType::Link { .. }).then(|| real(path));
    let time = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    let moving = Moving {
        uid: found.uid(),
        gid: found.gid(),
        size: found.size(),
        inode: found.ino(),
        dev: found.dev(),
        device_type: found.rdev(),
        nlink: found.nlink(),
        block_size: found.blksize(),
        blocks: found.blocks(),
        atime: time(found.atime(), found.atime_nsec()),
        mtime: time(found.mtime(), found.mtime_nsec()),
        ctime: time(found.ctime(), found.ctime_nsec()),
        readable,
        writable: may(Access::WRITE_OK),
        executable: may(Access::EXEC_OK),
        real,
        checksum,
    };
    let (owner, group) = (names.owner(found.uid()), names.owning_group(found.gid()));
    Ok(Some(Stat { kind, mode: found.mode() & 0o7777, owner, group, moving: Some(moving) }))
}

/// Where a link leads to in the end.
fn real(path: &str) -> String {
    let real = std::fs::canonicalize(path).or_else(|_| {
        let target = std::path::Path::new(path).parent().unwrap_or(std::path::Path::new("/"));
        let parent = std::fs::canonicalize(target)?;
        std::fs::read_link(path).map(|target| parent.join(target))
    });
    real.map_or_else(|_| path.to_string(), |real| real.to_string_lossy().into_owned())
}

/// `None` when the file went away or may not be read after all.
fn sum(path: &str, checksum: Checksum) -> Result<Option<String>, String> {
    let program = match checksum {
        Checksum::Md5 => "md5sum",
        Checksum::Sha1 => "sha1sum",
        Checksum::Sha224 => "sha224sum",
        Checksum::Sha256 => "sha256sum",
        Checksum::Sha384 => "sha384sum",
        Checksum::Sha512 => "sha512sum",
    };
    let output = probe(&[program, "--", path], None, LONG);
    match output.code {
        0 => Ok(hex(&String::from_utf8_lossy(output.stdout.bytes()))),
        127 => Err(format!("cannot compute the checksum of {path}: there is no `{program}` on this host")),
        124 => Err(format!("the checksum of {path} takes more than {} s", LONG.as_secs())),
        _ => Ok(None),
    }
}

/// The digits of `HEX  PATH`; a backslash before them says that the path is written with escapes.
fn hex(line: &str) -> Option<String> {
    let word = line.trim_start_matches('\\').split_whitespace().next()?;
    let is_hex = word.len() >= 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| word.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn look(path: &std::path::Path, checksum: Option<Checksum>) -> Option<Stat> {
        stat(path.to_str().unwrap(), checksum, &mut Names::default()).unwrap()
    }

    #[test]
    fn what_coreutils_print_is_read() {
        let sha1 = "f572d396fae9206628714fb2ce00f72e94f2258f";
        assert_eq!(hex(&format!("{sha1}  /etc/motd\n")).as_deref(), Some(sha1));
        assert_eq!(hex(&format!("\\{sha1}  /tmp/a\\nb\n")).as_deref(), Some(sha1));
        assert_eq!(hex("sha1sum: /x: Permission denied"), None);
    }

    #[test]
    fn all_is_told_of_files_links_folders_and_devices() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let hostile = path("-a \n$(id) \\ü");
        std::fs::write(&hostile, "hello\n").unwrap();
        std::fs::set_permissions(&hostile, std::fs::Permissions::from_mode(0o4750)).unwrap();
        let stat = look(&hostile, Some(Checksum::Sha1)).unwrap();
        let moving = stat.moving.unwrap();
        assert_eq!((stat.kind, stat.mode, moving.size, moving.nlink), (FileType::File, 0o4750, 6, 1));
        assert_eq!(moving.checksum.as_deref(), Some("f572d396fae9206628714fb2ce00f72e94f2258f"));
        assert!(moving.mtime > 1_600_000_000_000_000_000 && moving.readable, "{moving:?}");
        symlink("-a \n$(id) \\ü", path("link")).unwrap();
        let link = look(&path("link"), Some(Checksum::Md5)).unwrap();
        let real = std::fs::canonicalize(&hostile).unwrap();
        assert_eq!(link.kind, FileType::Link { target: "-a \n$(id) \\ü".into() });
        assert_eq!(link.moving.as_ref().unwrap().real.as_deref(), real.to_str());
        assert_eq!(link.moving.unwrap().checksum, None);
        symlink("nowhere", path("broken")).unwrap();
        let broken = look(&path("broken"), None).unwrap().moving.unwrap();
        assert!(broken.real.unwrap().ends_with("/nowhere") && !broken.readable);
        assert_eq!(look(folder.path(), None).unwrap().kind, FileType::Folder);
        let null = look(std::path::Path::new("/dev/null"), Some(Checksum::Sha1)).unwrap();
        assert_eq!((null.kind, null.moving.unwrap().checksum), (FileType::Character, None));
        assert_eq!(look(&path("none"), None), None);
        assert_eq!(look(&hostile.join("below a file"), None), None);
    }
}
