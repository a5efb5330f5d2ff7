//! Extended attributes.

use super::walk::{Place, place};
use crate::reason;
use crate::secret::Content;
use rustix::fs::{FileType, Mode, OFlags, XattrFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

/// Sets an attribute of what is there, without following a link; no value removes it.
pub(super) fn set(path: &str, name: &str, value: Option<&Content>) -> Result<(), String> {
    let failed = |error: Errno| match error {
        Errno::OPNOTSUPP => format!("the filesystem of {path} keeps no attribute {name}"),
        error => format!("cannot set {name} of {path}: {}", reason(error)),
    };
    let place = place(path).map_err(|why| format!("cannot set {name} of {path}: {why}"))?;
    let (_held, through) = hold(&place).map_err(failed)?;
    let done = match value {
        Some(value) => rustix::fs::setxattr(through, name, value.bytes(), XattrFlags::empty()),
        None => rustix::fs::removexattr(through, name),
    };
    match done {
        Err(Errno::NODATA) if value.is_none() => Ok(()),
        done => done.map_err(failed),
    }
}

/// What is at a place, held open, and the kernel's own name for it: attributes are refused to a descriptor opened only as a place.
fn hold(place: &Place) -> Result<(OwnedFd, String), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(&place.folder, &place.name, flags, Mode::empty())?;
    let through = format!("/proc/self/fd/{}", held.as_raw_fd());
    Ok((held, through))
}

/// Gives a file that takes the place of another the attributes and access control list of that. What the kernel itself ties to the old
/// content (capabilities, checksums) is not among them.
pub(super) fn keep(place: &Place, new: &File) -> Result<(), Errno> {
    let (held, through) = match hold(place) {
        Ok(held) => held,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error),
    };
    if FileType::from_raw_mode(rustix::fs::fstat(&held)?.st_mode) != FileType::RegularFile {
        return Ok(());
    }
    let mut names = vec![0; 64 << 10];
    let length = match rustix::fs::listxattr(&through, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut value = vec![0; 64 << 10];
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let kept =
            name.starts_with(b"user.") || name.starts_with(b"trusted.") || name == ACL || name == LABEL;
        if !kept {
            continue;
        }
        match rustix::fs::getxattr(&through, name, &mut value[..]) {
            Ok(length) => rustix::fs::fsetxattr(new, name, &value[..length], XattrFlags::empty())?,
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

const ACL: &[u8] = b"system.posix_acl_access";
const LABEL: &[u8] = b"security.selinux";
