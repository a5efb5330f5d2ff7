//! Extended attributes, and the access control lists (POSIX) that are kept in them.

use super::output;
use crate::act::walk::{each, hold};
use crate::reason;
use crate::secret::Content;
use crate::wire::Output;
use rustix::fs::{Stat, getxattr, lstat};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The largest value that the kernel keeps, in bytes.
const LARGEST: usize = 64 << 10;
/// Entries of a tree that are looked at.
const MOST: u64 = 2_000_000;
const ACCESS: &str = "system.posix_acl_access";
const DEFAULT: &str = "system.posix_acl_default";

/// Code 1: there is no such attribute; 2: nothing is at the path.
pub fn xattr(path: &str, name: &str, secret: bool) -> Result<Output, String> {
    if matches!(lstat(path), Err(Errno::NOENT | Errno::NOTDIR)) {
        return Ok(output(2, ""));
    }
    let mut value = vec![0; LARGEST];
    let held = hold(path)?;
    match getxattr(held.through(), name, &mut value[..]) {
        Ok(length) => {
            value.truncate(length);
            Ok(Output { code: 0, stdout: Content::new(value, secret), stderr: Content::from("") })
        }
        Err(Errno::NODATA) => Ok(output(1, "")),
        Err(Errno::OPNOTSUPP) => Err(format!("the filesystem of {path} keeps no attribute {name}")),
        Err(error) => Err(format!("cannot read {name} of {path}: {}", reason(error))),
    }
}

/// What many have alike: kind, access list, default list.
type Alike = (char, String, String);

/// Code 2: nothing is at the path.
pub fn acl(path: &str, recursive: bool) -> Result<Output, String> {
    if matches!(lstat(path), Err(Errno::NOENT | Errno::NOTDIR)) {
        return Ok(output(2, ""));
    }
    let mut groups: BTreeMap<Alike, (u64, PathBuf)> = BTreeMap::new();
    let mut left = MOST;
    let mut buffer = vec![0; LARGEST];
    each(path, recursive, &mut |held| {
        let (through, entry) = (held.through(), &held.path);
        left = left.checked_sub(1).ok_or_else(|| format!("more than {MOST} files are below {path}"))?;
        let mut list = |name: &str| match getxattr(&through, name, &mut buffer[..]) {
            Ok(length) => parse(&buffer[..length]).map(Some).ok_or_else(|| {
                format!("the access control list of {} is of an unknown form", entry.display())
            }),
            Err(Errno::NODATA) => Ok(None),
            Err(Errno::OPNOTSUPP) => {
                Err(format!("the filesystem of {} has no access control lists", entry.display()))
            }
            Err(error) => Err(format!("cannot look at {}: {}", entry.display(), reason(error))),
        };
        let access = list(ACCESS)?.unwrap_or_else(|| of_mode(&held.stat));
        let alike = match held.is_folder() {
            true => ('d', access, list(DEFAULT)?.unwrap_or_else(|| "-".into())),
            false => ('f', access, "-".into()),
        };
        let group = groups.entry(alike).or_insert_with(|| (0, entry.clone()));
        group.0 += 1;
        // Which of them is named must not depend on the order of a folder.
        if *entry < group.1 {
            group.1.clone_from(entry);
        }
        Ok(())
    })?;
    let line = |((kind, access, default), (count, first)): (Alike, (u64, PathBuf))| {
        let first = first.to_string_lossy().replace('\n', "\u{fffd}");
        format!("{kind}\t{count}\t{access}\t{default}\t{first}\n")
    };
    Ok(output(0, groups.into_iter().map(line).collect::<String>()))
}

fn rights(bits: u16) -> String {
    [(4, 'r'), (2, 'w'), (1, 'x')]
        .iter()
        .map(|(bit, letter)| if bits & bit != 0 { *letter } else { '-' })
        .collect()
}

/// A file without a list of its own has that of its mode.
fn of_mode(stat: &Stat) -> String {
    let bits = |shift: u32| rights((stat.st_mode >> shift & 7) as u16);
    format!("user::{},group::{},other::{}", bits(6), bits(3), bits(0))
}

/// The kernel's form (`linux/posix_acl_xattr.h`): a version, then tag, rights and number of each entry, all little-endian.
fn parse(bytes: &[u8]) -> Option<String> {
    let entries = bytes.strip_prefix(&2_u32.to_le_bytes())?;
    if !entries.len().is_multiple_of(8) {
        return None;
    }
    let entry = |entry: &[u8]| {
        let short = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
        let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        let rights = rights(short(2));
        Some(match short(0) {
            0x01 => format!("user::{rights}"),
            0x02 => format!("user:{id}:{rights}"),
            0x04 => format!("group::{rights}"),
            0x08 => format!("group:{id}:{rights}"),
            0x10 => format!("mask::{rights}"),
            0x20 => format!("other::{rights}"),
            _ => return None,
        })
    };
    let entries: Option<Vec<_>> = entries.chunks_exact(8).map(entry).collect();
    Some(entries?.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `getfattr -e hex -n system.posix_acl_access` after `setfacl -m u:1:rwX,g:4:r,m::rw`.
    #[test]
    fn a_list_of_the_kernel_is_read() {
        let hex = "0200000001000600ffffffff02000600010000000400040\
                   0ffffffff080004000400000010000600ffffffff20000400ffffffff";
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let text = "user::rw-,user:1:rw-,group::r--,group:4:r--,mask::rw-,other::r--";
        assert_eq!(parse(&bytes).as_deref(), Some(text));
        assert_eq!(parse(&bytes[..bytes.len() - 1]), None);
        assert_eq!(parse(&[1, 0, 0, 0]), None);
        assert_eq!(parse(&[]), None);
    }

    #[test]
    fn a_tree_is_told_by_what_is_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str, mode| {
            std::fs::set_permissions(folder.path().join(name), PermissionsExt::from_mode(mode)).unwrap();
        };
        for name in ["b", "a", "c"] {
            std::fs::write(folder.path().join(name), "").unwrap();
            mode(name, 0o640);
        }
        mode("c", 0o600);
        mode("", 0o755);
        std::os::unix::fs::symlink("a", folder.path().join("link")).unwrap();
        let text =
            |recursive| String::from_utf8(acl(path, recursive).unwrap().stdout.bytes().to_vec()).unwrap();
        let own = format!("d\t1\tuser::rwx,group::r-x,other::r-x\t-\t{path}\n");
        assert_eq!(text(false), own);
        let files = format!(
            "f\t1\tuser::rw-,group::---,other::---\t-\t{path}/c\nf\t2\tuser::rw-,group::r--,other::---\t-\t{path}/a\n"
        );
        assert_eq!(text(true), own + &files);
        assert_eq!(acl("/nowhere/x", true).unwrap().code, 2);
    }

    #[test]
    fn a_link_in_a_folder_of_others_is_not_followed() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("way")).unwrap();
        let path = folder.path().join("way/passwd");
        assert!(acl(path.to_str().unwrap(), false).unwrap_err().contains("is not followed"));
        let read = xattr(path.to_str().unwrap(), "user.no", false);
        assert!(read.unwrap_err().contains("is not followed"));
        let link = acl(folder.path().join("way").to_str().unwrap(), true).unwrap();
        assert_eq!((link.code, link.stdout.bytes()), (0, &b""[..]));
    }

    #[test]
    fn an_attribute_that_is_not_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(xattr(file.path().to_str().unwrap(), "user.no", false).unwrap().code, 1);
        assert_eq!(xattr("/nowhere/x", "user.no", false).unwrap().code, 2);
    }
}
