//! What is at a path and below it, each held open while it is looked at or changed: nobody can put a link in its place meanwhile.

use super::place;
use crate::reason;
use rustix::fs::{Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

const AS_PLACE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A file or folder, however it may be called by now.
pub struct Held {
    pub file: Rc<OwnedFd>,
    pub stat: Stat,
    /// What it was called.
    pub path: PathBuf,
}

impl Held {
    /// The kernel's own name for it, also for the programs that the agent starts.
    pub fn through(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    pub fn is_folder(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == FileType::Directory
    }
}

/// Holds what is at a path, itself not followed.
///
/// # Errors
/// A message for a person: an unsafe link on the way, or that nothing is there.
pub fn hold(path: &str) -> Result<Held, String> {
    let file = first(path)?;
    let stat = rustix::fs::fstat(&file).map_err(|error| failed(Path::new(path), error))?;
    Ok(Held { file: Rc::new(file), stat, path: path.into() })
}

fn first(path: &str) -> Result<OwnedFd, String> {
    // `/` has no folder that holds it.
    if path == "/" {
        return rustix::fs::open("/", AS_PLACE, Mode::empty())
            .map_err(|error| failed(Path::new(path), error));
    }
    let place = place(path).map_err(|why| format!("cannot look at {path}: {why}"))?;
    open(&place.folder, &place.name).map_err(|error| failed(Path::new(path), error))
}

/// Visits what is at a path, and with `recursive` all that is below it, a folder before what is in it. Links are passed over.
///
/// # Errors
/// A message for a person: an unsafe link on the way, what cannot be opened, and what `visit` says.
pub fn each(
    path: &str,
    recursive: bool,
    visit: &mut dyn FnMut(Held) -> Result<(), String>,
) -> Result<(), String> {
    walk(path, recursive, false, &[], visit)
}

/// As [`each`] with all that is below, and with links.
///
/// # Errors
/// As [`each`].
pub fn each_with_links(path: &str, visit: &mut dyn FnMut(Held) -> Result<(), String>) -> Result<(), String> {
    walk(path, true, true, &[], visit)
}

/// As [`each`] with all that is below, but for what is mounted there.
///
/// # Errors
/// As [`each`].
pub fn each_within(path: &str, visit: &mut dyn FnMut(Held) -> Result<(), String>) -> Result<(), String> {
    let real = std::fs::read_link(hold(path)?.through()).map_err(reason)?;
    let below = |mount: &PathBuf| Some(Path::new(path).join(mount.strip_prefix(&real).ok()?));
    let mounts: Vec<PathBuf> =
        crate::act::mounts().iter().filter_map(below).filter(|at| at != Path::new(path)).collect();
    walk(path, true, false, &mounts, visit)
}

fn walk(
    path: &str,
    recursive: bool,
    links: bool,
    without: &[PathBuf],
    visit: &mut dyn FnMut(Held) -> Result<(), String>,
) -> Result<(), String> {
    let first = first(path)?;
    let mut waiting: Vec<(Rc<OwnedFd>, PathBuf)> = vec![];
    let mut next = Some((first, PathBuf::from(path)));
    loop {
        if let Some((file, path)) = next.take() {
            let stat = rustix::fs::fstat(&file).map_err(|error| failed(&path, error))?;
            if links || FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
                let held = Held { file: Rc::new(file), stat, path };
                if recursive && held.is_folder() {
                    let names = names(&held.file).map_err(|error| failed(&held.path, error))?;
                    let inside = names.into_iter().map(|name| held.path.join(OsStr::from_bytes(&name)));
                    let inside = inside.filter(|path| !without.contains(path));
                    waiting.extend(inside.map(|path| (held.file.clone(), path)));
                }
                visit(held)?;
            }
        }
        let Some((folder, path)) = waiting.pop() else { return Ok(()) };
        match open(&folder, path.file_name().unwrap_or_default()) {
            Ok(file) => next = Some((file, path)),
            // It went away meanwhile.
            Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(&path, error)),
        }
    }
}

fn failed(path: &Path, error: Errno) -> String {
    format!("cannot look at {}: {}", path.display(), reason(error))
}

fn open(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(folder, name, AS_PLACE, Mode::empty())
}

fn names(folder: &OwnedFd) -> Result<Vec<Vec<u8>>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(folder, ".", flags, Mode::empty())?;
    let mut names = vec![];
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    /// Each is replaced by a link the moment before it is changed, as its owner could do it.
    #[test]
    fn a_link_that_is_swapped_in_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["tree/d", "victim", "aside"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        for name in ["tree/d/x", "victim/x"] {
            fs::write(at(name), "").unwrap();
            fs::set_permissions(at(name), PermissionsExt::from_mode(0o644)).unwrap();
        }
        fs::set_permissions(at("victim"), PermissionsExt::from_mode(0o755)).unwrap();
        let mut visited = vec![];
        each(at("tree").to_str().unwrap(), true, &mut |held| {
            let name = held.path.file_name().unwrap().to_str().unwrap().to_owned();
            if name != "tree" {
                // `x` is in `aside/d` by then: the path leads to the victim.
                let real = if name == "x" { at("aside/d/x") } else { held.path.clone() };
                fs::rename(&real, at("aside").join(&name)).unwrap();
                symlink(at("victim").join(if name == "x" { "x" } else { "" }), &real).unwrap();
            }
            fs::set_permissions(held.through(), PermissionsExt::from_mode(0o700)).map_err(reason)?;
            visited.push(name);
            Ok(())
        })
        .unwrap();
        assert_eq!(visited, ["tree", "d", "x"]);
        assert_eq!((mode(&at("victim")), mode(&at("victim/x"))), (0o755, 0o644));
        assert_eq!((mode(&at("aside/d")), mode(&at("aside/x"))), (0o700, 0o700));
    }

    #[test]
    fn links_and_what_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        symlink("/etc", folder.path().join("link")).unwrap();
        let mut count = 0;
        let link = folder.path().join("link");
        each(link.to_str().unwrap(), true, &mut |_| Err("a link".into())).unwrap();
        each("/", false, &mut |held| {
            count += u32::from(held.is_folder());
            Ok(())
        })
        .unwrap();
        assert_eq!(count, 1);
        assert!(each("/nowhere/x", true, &mut |_| Ok(())).unwrap_err().contains("/nowhere"));
    }
}
