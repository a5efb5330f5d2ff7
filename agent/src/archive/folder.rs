//! The folder that an archive becomes: what of it is there already, and what is put there. No link on the way is followed.

use super::choose::{Chooser, Chosen};
use super::{Kind, read};
use crate::act::walk;
use crate::child;
use crate::observe::probe::transfer::digest;
use crate::observe::{Names, file};
use crate::reason;
use crate::wire::{Archive, Unpack};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};

/// Why an archive cannot be looked at.
#[derive(Debug)]
pub enum Why {
    /// There is none.
    Missing(String),
    /// It is not as it should be, or not for this folder.
    Refused(String),
}

impl From<String> for Why {
    fn from(why: String) -> Self {
        Self::Refused(why)
    }
}

impl Why {
    pub fn message(self) -> String {
        match self {
            Self::Missing(why) | Self::Refused(why) => why,
        }
    }
}

/// What differs, by path in the folder: what is there, if anything, and what is wanted, in words.
pub type Differences = BTreeMap<String, (Option<String>, String)>;

/// The archive, opened at its beginning and checked.
pub fn open(wish: &Unpack) -> Result<File, Why> {
    let (mut file, name) = match &wish.from {
        Archive::OnHost(path) => {
            let missing = || Why::Missing(format!("there is no file {path} on the host"));
            (file::regular(path)?.ok_or_else(missing)?, path.as_str())
        }
        Archive::Sent(content) => (child::memory(content.bytes()).map_err(reason)?, "the archive"),
    };
    if let Some(wanted) = &wish.checksum {
        let copy = file.try_clone().map_err(reason)?;
        let found = digest(copy, wanted.algorithm)?;
        if found != wanted.hex {
            if matches!(&wish.from, Archive::Sent(content) if content.is_secret()) {
                return Err(Why::Refused("the archive has another checksum".into()));
            }
            let algorithm = wanted.algorithm.name();
            return Err(Why::Refused(format!("{name} has another checksum: {algorithm}:{found}")));
        }
        file.seek(SeekFrom::Start(0)).map_err(reason)?;
    }
    Ok(file)
}

/// A file of the archive, for what is another name for it.
#[derive(Clone)]
struct Known {
    digest: blake3::Hash,
    size: u64,
    mode: u32,
}

/// What of the archive is not in the folder as it should be.
pub fn differences(wish: &Unpack, names: &mut Names) -> Result<Differences, Why> {
    let archive = open(wish)?;
    let dest = walk::folder(wish.dest.as_ref()).ok();
    let owner = Owner::of(wish, names);
    let (mut chooser, mut found) = (Chooser::new(wish), Differences::new());
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    read(archive, &mut |member, content| {
        let Some(chosen) = chooser.choose(member)? else { return Ok(()) };
        let there = match &dest {
            Some(dest) => find(dest, &chosen.path)?,
            None => None,
        };
        let own = match &chosen.kind {
            Kind::File { .. } => {
                let (digest, size) = hash(content)?;
                Some(Known { digest, size, mode: chosen.mode })
            }
            Kind::Same { as_path } => {
                let first = known.get(as_path).cloned();
                Some(first.ok_or_else(|| {
                    format!("`{}` is another name for what does not come before it", chosen.path)
                })?)
            }
            _ => None,
        };
        if let Some(own) = &own {
            known.insert(chosen.path.clone(), own.clone());
        }
        match compare(&chosen, own.as_ref(), there, &owner, names)? {
            Some(difference) => _ = found.insert(chosen.path, difference),
            None => _ = found.remove(&chosen.path),
        }
        Ok(())
    })
    .map_err(|why| Why::Refused(format!("cannot unpack the archive: {why}")))?;
    Ok(found)
}

/// Who all of it is given to.
struct Owner {
    text: String,
    uid: Option<Option<u32>>,
    gid: Option<Option<u32>>,
}

impl Owner {
    /// A name that nobody has yet is nobody's: an earlier task may make it.
    fn of(wish: &Unpack, names: &mut Names) -> Self {
        let uid = wish.owner.as_deref().map(|name| names.uid(name).ok());
        let gid = wish.group.as_deref().map(|name| names.gid(name).ok());
        let text = match (&wish.owner, &wish.group) {
            (None, None) => String::new(),
            (owner, group) => {
                format!(" {}:{}", owner.as_deref().unwrap_or_default(), group.as_deref().unwrap_or_default())
            }
        };
        Self { text, uid, gid }
    }

    fn has(&self, stat: &Stat) -> bool {
        self.uid.is_none_or(|uid| uid == Some(stat.st_uid))
            && self.gid.is_none_or(|gid| gid == Some(stat.st_gid))
    }

    fn now(&self, stat: &Stat, names: &mut Names) -> String {
        let (uid, gid) =
            (self.uid.map(|_| names.owner(stat.st_uid)), self.gid.map(|_| names.owning_group(stat.st_gid)));
        match (uid, gid) {
            (None, None) => String::new(),
            (uid, gid) => format!(" {}:{}", uid.unwrap_or_default(), gid.unwrap_or_default()),
        }
    }
}

fn in_words(known: &Known, owner: &str) -> String {
    let digest = known.digest.to_hex();
    format!("file {:04o}{owner}, {} bytes, {}", known.mode, known.size, &digest[..8])
}

fn compare(
    chosen: &Chosen,
    own: Option<&Known>,
    there: Option<(OwnedFd, String, Stat)>,
    owner: &Owner,
    names: &mut Names,
) -> Result<Option<(Option<String>, String)>, String> {
    let wanted = match (&chosen.kind, own) {
        (_, Some(own)) => in_words(own, &owner.text),
        (Kind::Link { target }, _) => format!("link to {target}"),
        _ => format!("directory {:04o}{}", chosen.mode, owner.text),
    };
    let Some((parent, name, stat)) = there else { return Ok(Some((None, wanted))) };
    let in_the_way = |what: &str| Err(format!("{what} is in the way of `{}`", chosen.path));
    let mode = stat.st_mode & 0o7777;
    let found = match (FileType::from_raw_mode(stat.st_mode), own) {
        (FileType::Directory, _) if chosen.kind != Kind::Folder => return in_the_way("a directory"),
        (FileType::Directory, _) => {
            // One that is there stays as it is, unless the task says how it should be.
            let stays = chosen.mode == mode || !chosen.mode_is_asked;
            if stays && owner.has(&stat) {
                return Ok(None);
            }
            format!("directory {mode:04o}{}", owner.now(&stat, names))
        }
        (FileType::RegularFile, _) if chosen.kind == Kind::Folder => return in_the_way("a file"),
        (FileType::RegularFile, own) => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let opened = rustix::fs::openat(&parent, &name, flags, Mode::empty());
            let opened = opened.map_err(|error| format!("cannot read {}: {}", chosen.path, reason(error)))?;
            let (digest, size) = hash(&mut File::from(opened))?;
            let now = Known { digest, size, mode };
            let same = own.is_some_and(|own| own.digest == digest && own.mode == mode);
            if same && owner.has(&stat) {
                return Ok(None);
            }
            in_words(&now, &owner.now(&stat, names))
        }
        (FileType::Symlink, _) if chosen.kind == Kind::Folder => return in_the_way("a link"),
        (FileType::Symlink, _) => {
            let target = rustix::fs::readlinkat(&parent, &name, vec![]).map_err(reason)?;
            let found = format!("link to {}", target.to_string_lossy());
            if found == wanted {
                return Ok(None);
            }
            found
        }
        _ => return in_the_way("what is neither a file nor a directory nor a link"),
    };
    Ok(Some((Some(found), wanted)))
}

fn hash(content: &mut dyn Read) -> Result<(blake3::Hash, u64), String> {
    let (mut hasher, mut size, mut buffer) = (blake3::Hasher::new(), 0, vec![0; 64 << 10]);
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finalize(), size)),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                size += n as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(reason(error)),
        }
    }
}

/// What is done to a folder that was made on the way.
pub type Made<'a> = dyn Fn(&OwnedFd) -> Result<(), String> + 'a;

/// The folder that holds a path, and its name there. Missing folders are made when `make` says how.
pub fn enter(dest: &OwnedFd, path: &str, make: Option<&Made>) -> Result<Option<(OwnedFd, String)>, String> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let failed = |step: &str, error: Errno| format!("cannot enter {step}: {}", reason(error));
    let mut here = dest.as_fd().try_clone_to_owned().map_err(reason)?;
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    for step in above.split('/').filter(|step| !step.is_empty()) {
        let next = match rustix::fs::openat(&here, step, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                let Some(make) = make else { return Ok(None) };
                rustix::fs::mkdirat(&here, step, Mode::from_raw_mode(0o755)).map_err(|e| failed(step, e))?;
                let made =
                    rustix::fs::openat(&here, step, flags, Mode::empty()).map_err(|e| failed(step, e))?;
                make(&made)?;
                made
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                return Err(format!(
                    "`{step}` on the way to `{path}` is a link or a file, and is not entered"
                ));
            }
            next => next.map_err(|error| failed(step, error))?,
        };
        here = next;
    }
    Ok(Some((here, name.to_string())))
}

fn find(dest: &OwnedFd, path: &str) -> Result<Option<(OwnedFd, String, Stat)>, String> {
    let Some((parent, name)) = enter(dest, path, None)? else { return Ok(None) };
    match rustix::fs::statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some((parent, name, stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(format!("cannot look at {path}: {}", reason(error))),
    }
}
