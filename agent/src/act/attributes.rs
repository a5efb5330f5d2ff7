//! Extended attributes, and access control lists.

use super::walk::{self, Held, Place, each};
use super::{Failed, ended};
use crate::secret::Content;
use crate::wire::Exec;
use crate::{child, reason};
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
    let held = walk::hold(path)?;
    if FileType::from_raw_mode(held.stat.st_mode) == FileType::Symlink {
        return Err(format!("{path} is a link, and is not followed"));
    }
    let through = held.through();
    let done = match value {
        Some(value) => rustix::fs::setxattr(through, name, value.bytes(), XattrFlags::empty()),
        None => rustix::fs::removexattr(through, name),
    };
    match done {
        Err(Errno::NODATA) if value.is_none() => Ok(()),
        done => done.map_err(failed),
    }
}

/// As many are given to `setfacl` at a time.
const BATCH: usize = 200;

/// Sets entries of access control lists, or takes them away, of what is at a path and below it. `setfacl` gets what is held open, never
/// a path. Entries for what is made later are for folders only.
pub(super) fn set_acl(path: &str, entries: &[String], remove: bool, recursive: bool) -> Result<(), Failed> {
    let mut waiting: Vec<Held> = vec![];
    let mut refused = None;
    let mut found = false;
    let walked = each(path, recursive, &mut |held| {
        found = true;
        waiting.push(held);
        if waiting.len() < BATCH {
            return Ok(());
        }
        setfacl(&std::mem::take(&mut waiting), entries, remove).map_err(|failed| {
            let message = failed.message.clone();
            refused = Some(failed);
            message
        })
    });
    match (walked, refused) {
        (Err(_), Some(failed)) => Err(failed),
        (Err(why), None) => Err(why.into()),
        (Ok(()), _) if !found => Err(format!("{path} is a link, and is not followed").into()),
        (Ok(()), _) => setfacl(&waiting, entries, remove),
    }
}

fn setfacl(all: &[Held], entries: &[String], remove: bool) -> Result<(), Failed> {
    for folders in [true, false] {
        let fitting = |entry: &&String| folders || !entry.starts_with("default:");
        let entries: Vec<&str> = entries.iter().filter(fitting).map(String::as_str).collect();
        let names: Vec<String> =
            all.iter().filter(|held| held.is_folder() == folders).map(Held::through).collect();
        if names.is_empty() || entries.is_empty() {
            continue;
        }
        let verb = if remove { "-x" } else { "-m" }.to_string();
        let argv = ["setfacl".to_string(), verb, entries.join(","), "--".into()].into_iter().chain(names);
        let mut output =
            child::run(&Exec::new(argv), &mut |_| {}).map_err(|failure| Failed::from(failure.message()))?;
        if output.code != 0 {
            let mut said = String::from_utf8_lossy(output.stderr.bytes()).into_owned();
            for held in all {
                said = said.replace(&format!("{}:", held.through()), &format!("{}:", held.path.display()));
            }
            output.stderr = Content::from(said.as_str());
            return Err(ended("setfacl", output));
        }
    }
    Ok(())
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
    for (name, value) in of(&through)? {
        rustix::fs::fsetxattr(new, &*name, &value, XattrFlags::empty())?;
    }
    Ok(())
}

/// The attributes of a file or folder that go with it where it is made anew, by the kernel's own name for it.
pub(super) fn of(through: &str) -> Result<Vec<(String, Vec<u8>)>, Errno> {
    let mut names = vec![0; 64 << 10];
    let length = match rustix::fs::listxattr(through, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let (mut value, mut kept) = (vec![0; 64 << 10], vec![]);
    for name in names[..length].split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok()) {
        if !(name.starts_with("user.") || name.starts_with("trusted.") || OTHERS.contains(&name)) {
            continue;
        }
        match rustix::fs::getxattr(through, name, &mut value[..]) {
            Ok(length) => kept.push((name.to_string(), value[..length].to_vec())),
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(kept)
}

/// Access control lists, that of a folder for what is made in it too; and the label.
const OTHERS: [&str; 3] = ["system.posix_acl_access", "system.posix_acl_default", "security.selinux"];
