//! Files, folders and links: whole or not at all, and durable when the op is done.

use super::walk::{Place, place, temporary};
use super::{Failed, ended};
use crate::observe::Names;
use crate::secret::Content;
use crate::wire::{Attrs, CopyFile, Exec};
use crate::{child, reason};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;

/// Mode and owner as numbers; `None` leaves what is.
#[derive(Clone, Copy, Default)]
pub(super) struct Numbers {
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

impl Numbers {
    fn moves(&self, now: &Stat) -> bool {
        self.uid.is_some_and(|uid| uid != now.st_uid) || self.gid.is_some_and(|gid| gid != now.st_gid)
    }

    /// The mode that stays where none is asked for.
    fn kept_of(&self, now: &Stat) -> u32 {
        let is_folder = kind(now) == FileType::Directory;
        crate::mode::kept(now.st_mode & 0o7777, is_folder, self.moves(now))
    }
}

pub(super) fn numbers(attrs: &Attrs, names: &mut Names) -> Result<Numbers, String> {
    Ok(Numbers {
        mode: attrs.mode.map(|mode| mode & 0o7777),
        uid: attrs.owner.as_deref().map(|name| names.uid(name)).transpose()?,
        gid: attrs.group.as_deref().map(|name| names.gid(name)).transpose()?,
    })
}

/// Of what is open, not of a name: in a folder of somebody else's the name may stand for another file by now.
fn chown(file: impl AsFd, want: Numbers, now: &Stat) -> Result<(), Errno> {
    let uid = want.uid.filter(|uid| *uid != now.st_uid).map(Uid::from_raw);
    let gid = want.gid.filter(|gid| *gid != now.st_gid).map(Gid::from_raw);
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    rustix::fs::fchown(file, uid, gid)
}

/// What is at a place now.
pub(super) fn look(place: &Place) -> Result<Option<Stat>, Errno> {
    match rustix::fs::statat(&place.folder, &place.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Makes the folder's entries durable.
pub(super) fn sync_folder(place: &Place) -> Result<(), Errno> {
    // The folder was opened only as a place; syncing needs it opened for reading.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::fsync(rustix::fs::openat(&place.folder, ".", flags, Mode::empty())?)
}

/// Removes the temporary entry unless it was renamed away.
pub(super) struct Temporary<'a> {
    pub place: &'a Place,
    pub name: std::ffi::OsString,
    pub kept: bool,
}

impl<'a> Temporary<'a> {
    fn beside(place: &'a Place) -> Self {
        Self { place, name: temporary(&place.name), kept: false }
    }

    pub fn take_its_place(&mut self) -> Result<(), Errno> {
        rustix::fs::renameat(&self.place.folder, &self.name, &self.place.folder, &self.place.name)?;
        self.kept = true;
        sync_folder(self.place)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.kept {
            let _ = rustix::fs::unlinkat(&self.place.folder, &self.name, AtFlags::empty());
        }
    }
}

pub(super) fn write(
    path: &str,
    content: &Content,
    attrs: &Attrs,
    check: Option<&[String]>,
    names: &mut Names,
) -> Result<(), Failed> {
    make(path, attrs, check, content.is_secret(), names, |file| {
        file.write_all(content.bytes()).map_err(|error| format!("cannot write {path}: {}", reason(error)))
    })
}

/// Copies a file of the host, with the content that it is said to have.
pub(super) fn copy(wish: &CopyFile, names: &mut Names) -> Result<(), Failed> {
    let (from, path) = (&wish.from, &wish.path);
    let unread = |error: std::io::Error| format!("cannot read {from}: {}", reason(error));
    let held = super::walk::hold(from)?;
    if kind(&held.stat) != FileType::RegularFile {
        return Err(format!("{from} is not a file").into());
    }
    let mut source = File::open(held.through()).map_err(unread)?;
    make(path, &wish.attrs, wish.check.as_deref(), wish.secret, names, |file| {
        let (mut digest, mut part) = (blake3::Hasher::new(), vec![0; 128 << 10]);
        loop {
            let bytes = match source.read(&mut part).map_err(unread)? {
                0 => break,
                count => &part[..count],
            };
            digest.update(bytes);
            file.write_all(bytes).map_err(|error| format!("cannot write {path}: {}", reason(error)))?;
        }
        if *digest.finalize().as_bytes() != wish.digest {
            return Err(format!("{from} changed while it was copied: {path} stays as it was"));
        }
        Ok(())
    })
}

/// Puts a new file in its place once `fill` has written it and its check has succeeded.
fn make(
    path: &str,
    attrs: &Attrs,
    check: Option<&[String]>,
    secret: bool,
    names: &mut Names,
    fill: impl FnOnce(&mut File) -> Result<(), String>,
) -> Result<(), Failed> {
    let failed = |error: Errno| format!("cannot write {path}: {}", reason(error));
    let place = place(path).map_err(|why| format!("cannot write {path}: {why}"))?;
    let want = wanted(&place, attrs, names).map_err(|why| format!("cannot write {path}: {why}"))?;
    let mut temp = Temporary::beside(&place);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let private = Mode::RUSR | Mode::WUSR;
    let opened = rustix::fs::openat(&place.folder, &temp.name, flags, private).map_err(failed)?;
    let mut file = File::from(opened);
    fill(&mut file)?;
    // Before the mode, whose group bits are the mask of an access control list.
    super::attributes::keep(&place, &file)
        .map_err(|error| format!("cannot keep the attributes of {path}: {}", reason(error)))?;
    give(&file, want).map_err(|error| format!("cannot give {path} to its owner: {}", reason(error)))?;
    if let Some(argv) = check {
        let beside = Path::new(path).parent().unwrap_or(Path::new("/")).join(&temp.name);
        run_check(path, argv, &beside.to_string_lossy(), secret)?;
    }
    rustix::fs::fsync(&file).map_err(failed)?;
    drop(file);
    temp.take_its_place().map_err(failed)?;
    Ok(())
}

/// Mode and owner of a file that takes a place.
pub(super) fn wanted(place: &Place, attrs: &Attrs, names: &mut Names) -> Result<Numbers, String> {
    let now = look(place).map_err(reason)?;
    if now.as_ref().is_some_and(|stat| kind(stat) == FileType::Directory) {
        return Err("it is a folder".into());
    }
    // What is there gives mode and owner that are not asked for; a link, a socket gives none.
    let now = now.filter(|stat| kind(stat) == FileType::RegularFile);
    let asked = numbers(attrs, names)?;
    Ok(Numbers {
        mode: asked.mode.or(Some(now.as_ref().map_or(0o644, |stat| asked.kept_of(stat)))),
        uid: asked.uid.or(now.as_ref().map(|stat| stat.st_uid)),
        gid: asked.gid.or(now.as_ref().map(|stat| stat.st_gid)),
    })
}

/// Sets owner and mode of what is open.
pub(super) fn give(file: &File, want: Numbers) -> Result<(), Errno> {
    let made = rustix::fs::fstat(file)?;
    // Owner before mode: a change of owner clears the set-id bits.
    chown(file, want, &made)?;
    want.mode.map_or(Ok(()), |mode| rustix::fs::fchmod(file, Mode::from_raw_mode(mode)))
}

fn run_check(path: &str, argv: &[String], temp: &str, secret: bool) -> Result<(), Failed> {
    let mut exec = Exec::new(argv.iter().map(|word| word.replace("{}", temp)));
    exec.secret = secret;
    exec.timeout_s = 60;
    let output = child::run(&exec, &mut |_| {}).map_err(child::Failure::message)?;
    if output.code == 0 {
        return Ok(());
    }
    let mut failed = ended(&exec.argv[0], output);
    failed.message = format!("the new {path} was not put in place: its check {}", failed.message);
    Err(failed)
}

pub(super) fn make_folder(path: &str, attrs: &Attrs, names: &mut Names) -> Result<(), String> {
    let failed = |error: Errno| format!("cannot make the folder {path}: {}", reason(error));
    if let Some(parent) = Path::new(path).parent().and_then(Path::to_str)
        && matches!(rustix::fs::stat(parent), Err(Errno::NOENT))
    {
        make_folder(parent, &Attrs::default(), names)?;
    }
    let place = place(path).map_err(|why| format!("cannot make the folder {path}: {why}"))?;
    let mut want = numbers(attrs, names)?;
    let made = match rustix::fs::mkdirat(&place.folder, &place.name, Mode::RWXU) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(failed(error)),
    };
    let now = look(&place).map_err(failed)?.ok_or_else(|| failed(Errno::NOENT))?;
    if kind(&now) != FileType::Directory {
        return Err(format!("cannot make the folder {path}: something else is there"));
    }
    if made {
        want.mode = want.mode.or(Some(0o755));
    }
    change(&place, want, &now).map_err(failed)?;
    if made { sync_folder(&place).map_err(failed) } else { Ok(()) }
}

pub(super) fn set_attrs(path: &str, attrs: &Attrs, names: &mut Names) -> Result<(), String> {
    let failed = |error: Errno| format!("cannot set mode and owner of {path}: {}", reason(error));
    let place = place(path).map_err(|why| format!("cannot set mode and owner of {path}: {why}"))?;
    let want = numbers(attrs, names)?;
    let now = look(&place).map_err(failed)?.ok_or_else(|| failed(Errno::NOENT))?;
    change(&place, want, &now).map_err(failed)
}

/// Sets owner, then mode, of what is at a place, without following a link (which has no mode of its own).
fn change(place: &Place, want: Numbers, now: &Stat) -> Result<(), Errno> {
    // Held open, so that owner and mode go to the same thing.
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(&place.folder, &place.name, flags, Mode::empty())?;
    let (uid, gid) = (want.uid.map(Uid::from_raw), want.gid.map(Gid::from_raw));
    let moves = want.moves(now);
    if moves {
        rustix::fs::chownat(&held, "", uid, gid, AtFlags::EMPTY_PATH)?;
    }
    // A change of owner clears set-id bits, of folders too with some kernels: the mode is set after it.
    let mode = want.mode.or(moves.then(|| want.kept_of(now)));
    let Some(mode) = mode.filter(|mode| moves || *mode != now.st_mode & 0o7777) else { return Ok(()) };
    if kind(now) == FileType::Symlink {
        return Ok(());
    }
    use std::os::fd::AsRawFd;
    // fchmod refuses a descriptor opened only as a place; the kernel's own name for it does not.
    let through = format!("/proc/self/fd/{}", held.as_raw_fd());
    rustix::fs::chmod(through, Mode::from_raw_mode(mode))
}

pub(super) fn make_hard_link(path: &str, target: &str) -> Result<(), String> {
    let failed = |error: Errno| match error {
        Errno::XDEV => {
            format!("{path} and {target} are on different filesystems: one file cannot have both names")
        }
        error => format!("cannot make {path} another name of {target}: {}", reason(error)),
    };
    let held = super::walk::hold(target)?;
    if kind(&held.stat) != FileType::RegularFile {
        return Err(format!("{target} is not a file"));
    }
    let place = place(path).map_err(|why| format!("cannot make {path} another name of {target}: {why}"))?;
    if look(&place).map_err(failed)?.is_some_and(|stat| kind(&stat) == FileType::Directory) {
        return Err(format!("cannot make {path} another name of {target}: a folder is there"));
    }
    let mut temp = Temporary::beside(&place);
    rustix::fs::linkat(rustix::fs::CWD, held.through(), &place.folder, &temp.name, AtFlags::SYMLINK_FOLLOW)
        .map_err(failed)?;
    temp.take_its_place().map_err(failed)
}

pub(super) fn make_link(path: &str, target: &str) -> Result<(), String> {
    let failed = |error: Errno| format!("cannot make the link {path}: {}", reason(error));
    let place = place(path).map_err(|why| format!("cannot make the link {path}: {why}"))?;
    if look(&place).map_err(failed)?.is_some_and(|stat| kind(&stat) == FileType::Directory) {
        return Err(format!("cannot make the link {path}: a folder is there"));
    }
    let mut temp = Temporary::beside(&place);
    rustix::fs::symlinkat(target, &place.folder, &temp.name).map_err(failed)?;
    temp.take_its_place().map_err(failed)
}
