//! Unpacks an archive into a folder: only what is not there as it should be, each file whole or not at all.

use super::file::{Numbers, give, numbers};
use super::walk::{self, temporary_for};
use crate::archive::choose::Chooser;
use crate::archive::folder::{Why, differences, enter, open};
use crate::archive::{Kind, read};
use crate::observe::Names;
use crate::reason;
use crate::wire::{Attrs, Unpack};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

pub(super) fn unpack(wish: &Unpack, names: &mut Names) -> Result<(), String> {
    let wanted = differences(wish, names).map_err(Why::message)?;
    let dest =
        walk::folder(wish.dest.as_ref()).map_err(|why| format!("cannot enter {}: {why}", wish.dest))?;
    let attrs = Attrs { mode: None, owner: wish.owner.clone(), group: wish.group.clone() };
    let owner = numbers(&attrs, names)?;
    let own = |made: &OwnedFd| {
        let (uid, gid) = (owner.uid.map(Uid::from_raw), owner.gid.map(Gid::from_raw));
        if uid.is_none() && gid.is_none() {
            return Ok(());
        }
        rustix::fs::chownat(made, "", uid, gid, AtFlags::EMPTY_PATH).map_err(reason)
    };
    let mut chooser = Chooser::new(wish);
    let mut folders = vec![];
    read(open(wish).map_err(Why::message)?, &mut |member, content| {
        let Some(chosen) = chooser.choose(member)? else { return Ok(()) };
        if !wanted.contains_key(&chosen.path) {
            return Ok(());
        }
        let failed = |why: String| format!("cannot write {}/{}: {why}", wish.dest, chosen.path);
        let place = enter(&dest, &chosen.path, Some(&own)).map_err(failed)?;
        let (parent, name) = place.expect("what was missing on the way was made");
        match &chosen.kind {
            Kind::Folder => {
                match rustix::fs::mkdirat(&parent, &name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(failed(reason(error))),
                }
                // Their modes come last: one may be closed to who writes into it.
                folders.push((chosen.path, chosen.mode));
            }
            Kind::File { .. } => {
                let attrs = Numbers { mode: Some(chosen.mode), ..owner };
                write(&parent, &name, content, attrs).map_err(failed)?;
            }
            Kind::Link { target } => {
                in_its_place(&parent, &name, |temp| rustix::fs::symlinkat(target.as_str(), &parent, temp))
                    .map_err(|error| failed(reason(error)))?;
            }
            Kind::Same { as_path } => {
                let first = enter(&dest, as_path, None).map_err(failed)?;
                let (of, first) = first.ok_or_else(|| failed(format!("there is no {as_path}")))?;
                in_its_place(&parent, &name, |temp| {
                    rustix::fs::linkat(&of, &first, &parent, temp, AtFlags::empty())
                })
                .map_err(|error| failed(reason(error)))?;
            }
            Kind::Other(what) => return Err(failed(format!("it is {what}"))),
        }
        Ok(())
    })?;
    for (path, mode) in folders.into_iter().rev() {
        let failed = |error: Errno| format!("cannot set the mode of {}/{path}: {}", wish.dest, reason(error));
        let Some((parent, name)) = enter(&dest, &path, None)? else { continue };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(&parent, &name, flags, Mode::empty()).map_err(failed)?;
        give(&File::from(folder), Numbers { mode: Some(mode), ..owner }).map_err(failed)?;
    }
    // Once for all of it: thousands of files one by one would take minutes.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(&dest, ".", flags, Mode::empty()).and_then(rustix::fs::syncfs).map_err(reason)
}

fn write(parent: &OwnedFd, name: &str, content: &mut dyn Read, attrs: Numbers) -> Result<(), String> {
    let mut copied = Ok(());
    let written = in_its_place(parent, name, |temp| {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let opened = rustix::fs::openat(parent, temp, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(opened);
        copied = std::io::copy(content, &mut file).map(drop).map_err(reason);
        if copied.is_err() { Err(Errno::IO) } else { give(&file, attrs) }
    });
    copied.and(written.map_err(reason))
}

/// Makes something beside its place and moves it there.
fn in_its_place(
    parent: &OwnedFd,
    name: &str,
    make: impl FnOnce(&OsStr) -> Result<(), Errno>,
) -> Result<(), Errno> {
    // Always the same name: what a killed run has left is found by the next.
    let temp = temporary_for(OsStr::new(name), 0);
    let clear = || match rustix::fs::unlinkat(parent, &temp, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error),
    };
    clear()?;
    let moved = make(&temp).and_then(|()| rustix::fs::renameat(parent, &temp, parent, name));
    // Of two names for one file the kernel moves none onto the other.
    let cleared = clear();
    moved.and(cleared)
}
