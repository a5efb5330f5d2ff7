//! All that is below a folder, as far as its own file system goes.

use super::output;
use crate::reason;
use crate::wire::Output;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;

/// More than so many entries are no folder that somebody keeps in a project.
const MOST: usize = 100_000;

/// `KIND PATH\0` for each entry, a folder before what is in it. `KIND` is `file`, `directory`, `link`, `other`, or `mount` for a folder
/// that another file system is mounted on, which is not looked into. Nothing when there is no folder.
pub fn below(path: &str) -> Result<Output, String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(output(0, "")),
        Err(error) => return Err(format!("cannot look into {path}: {}", reason(error))),
    };
    let mut lines = String::new();
    let mut count = 0;
    let mounts = mounts();
    let real = std::fs::canonicalize(path).map_err(reason)?;
    walk(&folder, "", &real, &mounts, &mut count, &mut lines)
        .map_err(|why| format!("cannot look into {path}: {why}"))?;
    Ok(output(0, lines))
}

/// Mount points, also those of a part of the same file system.
fn mounts() -> Vec<std::path::PathBuf> {
    crate::act::mounts()
}

fn walk(
    folder: &OwnedFd,
    at: &str,
    root: &Path,
    mounts: &[std::path::PathBuf],
    count: &mut usize,
    lines: &mut String,
) -> Result<(), String> {
    let mut names = vec![];
    for entry in Dir::read_from(folder).map_err(reason)? {
        let name = entry.map_err(reason)?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(String::from_utf8(name).map_err(|_| format!("a name in it is not UTF-8, in `{at}`"))?);
        }
    }
    names.sort_unstable();
    for name in names {
        *count += 1;
        if *count > MOST {
            return Err(format!("it holds more than {MOST} entries"));
        }
        let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
        let stat = match rustix::fs::statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(format!("{path}: {}", reason(error))),
        };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            _ if mounts.contains(&root.join(&path)) => "mount",
            FileType::Directory => "directory",
            FileType::RegularFile => "file",
            FileType::Symlink => "link",
            _ => "other",
        };
        lines.push_str(&format!("{kind} {path}\0"));
        if kind == "directory" {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let inner = rustix::fs::openat(folder, &name, flags, Mode::empty());
            let inner = inner.map_err(|error| format!("{path}: {}", reason(error)))?;
            walk(&inner, &path, root, mounts, count, lines)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_folder_is_told_up_to_where_another_is_mounted() {
        let folder = tempfile::tempdir().unwrap();
        let sh = |script: &str| {
            assert!(
                Command::new("sh")
                    .args(["-ec", script])
                    .current_dir(folder.path())
                    .status()
                    .unwrap()
                    .success()
            );
        };
        sh(
            "mkdir -p a/b m same; echo x > a/b/'c d'; ln -s / a/l; mkfifo p; mount -t tmpfs tmpfs m; echo x > m/inside; mount --bind a same",
        );
        let said = below(folder.path().to_str().unwrap());
        sh("umount m same");
        let said = String::from_utf8(said.unwrap().stdout.bytes().to_vec()).unwrap();
        let lines: Vec<&str> = said.split_terminator('\0').collect();
        assert_eq!(
            lines,
            ["directory a", "directory a/b", "file a/b/c d", "link a/l", "mount m", "other p", "mount same"]
        );
        assert_eq!(below("/nowhere/at/all").unwrap().stdout.bytes(), b"");
    }
}
