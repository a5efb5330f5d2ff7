//! Finding the folder in which an op acts, so that nobody else can lead the agent astray.
//!
//! The rule: a symbolic link on the way is followed only when it sits in a folder that nobody but root and the
//! agent's own user can write. Elsewhere (`/tmp`, another user's home) it is refused: whoever owns that folder could
//! point it at `/etc` between the question and the act. What is made, replaced or removed is named relative to the
//! opened folder, and is itself never followed.

mod held;

pub use self::held::{Held, each, each_with_links, each_within, hold};

use crate::reason;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

/// As many as the kernel follows.
const MOST_LINKS: usize = 40;
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

/// A name in an opened folder.
#[derive(Debug)]
pub struct Place {
    pub folder: OwnedFd,
    pub name: OsString,
}

impl Place {
    /// The path with every link on the way resolved.
    pub fn real_path(&self) -> std::io::Result<PathBuf> {
        let folder = std::fs::read_link(format!("/proc/self/fd/{}", self.folder.as_raw_fd()))?;
        Ok(folder.join(&self.name))
    }
}

/// Opens the folder that holds `path`.
///
/// # Errors
/// A message for a person: not absolute, no such folder, an unsafe link on the way.
pub fn place(path: &str) -> Result<Place, String> {
    let whole = Path::new(path);
    if !whole.is_absolute() || path.contains('\0') {
        return Err(format!("{path:?} is not an absolute path"));
    }
    let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Err(format!("{path} names no entry of a folder"));
    };
    let folder = folder(parent).map_err(|why| format!("cannot enter {}: {why}", parent.display()))?;
    Ok(Place { folder, name: name.to_os_string() })
}

/// Opens an absolute folder by the rule above.
pub fn folder(path: &Path) -> Result<OwnedFd, String> {
    // One system call where no link is on the way, which is nearly always.
    if let Ok(folder) = rustix::fs::openat2(CWD, path, FOLDER, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        return Ok(folder);
    }
    walk(path)
}

fn walk(path: &Path) -> Result<OwnedFd, String> {
    let root = || rustix::fs::open("/", FOLDER, Mode::empty()).map_err(reason);
    let mut here = root()?;
    let mut seen = PathBuf::from("/");
    let mut todo = steps(path);
    let mut links = 0;
    while let Some(step) = todo.pop() {
        if step == OsStr::new("/") {
            (here, seen) = (root()?, PathBuf::from("/"));
            continue;
        }
        let failed = |error: Errno| match error {
            Errno::NOENT => format!("there is no {}", seen.join(&step).display()),
            error => format!("{}: {}", seen.join(&step).display(), reason(error)),
        };
        let stat = rustix::fs::statat(&here, &step, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            if !only_ours(&here)? {
                return Err(format!(
                    "{} is a link in a folder that others can write, and is not followed",
                    seen.join(&step).display()
                ));
            }
            links += 1;
            if links > MOST_LINKS {
                return Err("too many links on the way".into());
            }
            let target = rustix::fs::readlinkat(&here, &step, vec![]).map_err(failed)?;
            todo.extend(steps(Path::new(&OsString::from_vec(target.into_bytes()))));
            continue;
        }
        here = rustix::fs::openat(&here, &step, FOLDER, Mode::empty()).map_err(failed)?;
        seen.push(&step);
    }
    Ok(here)
}

/// The steps of a path, the first one last.
fn steps(path: &Path) -> Vec<OsString> {
    let step = |component: Component<'_>| match component {
        Component::RootDir => Some(OsString::from("/")),
        Component::CurDir | Component::Prefix(_) => None,
        Component::ParentDir => Some(OsString::from("..")),
        Component::Normal(name) => Some(name.to_os_string()),
    };
    let mut steps: Vec<_> = path.components().filter_map(step).collect();
    steps.reverse();
    steps
}

/// Whether nobody but root and the agent's user can change entries of this folder.
fn only_ours(folder: &OwnedFd) -> Result<bool, String> {
    let stat = rustix::fs::fstat(folder).map_err(reason)?;
    let owner_is_trusted = stat.st_uid == 0 || stat.st_uid == rustix::process::geteuid().as_raw();
    Ok(owner_is_trusted && stat.st_mode & 0o022 == 0)
}

const TEMPORARY: &[u8] = b".provision-";

fn temporary_start(name: &OsStr) -> Vec<u8> {
    [b".", &name.as_bytes()[..name.len().min(200)], TEMPORARY].concat()
}

/// A name for a temporary entry beside `name`.
pub fn temporary(name: &OsStr) -> OsString {
    let mut random = [0; 8];
    let filled = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
    if !matches!(filled, Ok(8)) {
        random = (u64::from(std::process::id()) << 32 ^ crate::serve::now().1).to_le_bytes();
    }
    temporary_for(name, u64::from_le_bytes(random))
}

/// A name for a temporary entry beside `name` that is found again by its mark.
pub fn temporary_for(name: &OsStr, mark: u64) -> OsString {
    let mut bytes = temporary_start(name);
    bytes.extend(format!("{mark:016x}").as_bytes());
    OsString::from_vec(bytes)
}

/// Whether an entry has a name that [`temporary`] makes for `name`.
pub fn is_temporary(entry: &OsStr, name: &OsStr) -> bool {
    let random = entry.as_bytes().strip_prefix(&*temporary_start(name));
    random.is_some_and(|random| random.len() == 16 && random.iter().all(u8::is_ascii_hexdigit))
}
