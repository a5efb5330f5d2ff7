//! Mode and owner of all that is below a folder, and whether two paths are one file.

use super::output;
use crate::act::walk::each_within;
use crate::observe::Names;
use crate::wire::{Output, TREE_NAMES};
use rustix::fs::{lstat, stat};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::path::Path;

/// Entries that are looked at.
const MOST: u64 = 2_000_000;

/// Kind, mode, owner, group.
type Alike = (char, u32, u32, u32);
/// The same with the names of owner and group.
type Named = (char, u32, String, String);

/// Code 2: there is no folder.
pub fn modes(path: &str, names: &mut Names) -> Result<Output, String> {
    match lstat(path) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(output(2, "")),
        Ok(stat) if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::Directory => {
            return Ok(output(2, ""));
        }
        _ => {}
    }
    let mut groups: BTreeMap<Alike, (u64, Vec<String>)> = BTreeMap::new();
    let mut left = MOST;
    each_within(path, &mut |held| {
        let Ok(below) = held.path.strip_prefix(path) else { return Ok(()) };
        if below == Path::new("") {
            return Ok(());
        }
        left = left.checked_sub(1).ok_or_else(|| format!("more than {MOST} files are below {path}"))?;
        let kind = if held.is_folder() { 'd' } else { 'f' };
        let alike = (kind, held.stat.st_mode & 0o7777, held.stat.st_uid, held.stat.st_gid);
        let (count, first) = groups.entry(alike).or_default();
        *count += 1;
        // Which of them are named must not depend on the order of a folder.
        let name = below.to_string_lossy().replace(['\n', '\t'], "\u{fffd}");
        if first.len() < TREE_NAMES || first.last().is_some_and(|last| name < *last) {
            let at = first.partition_point(|known| *known < name);
            first.insert(at, name);
            first.truncate(TREE_NAMES);
        }
        Ok(())
    })?;
    // By names, which is how the controller works out what will be there: guards compare the two.
    let mut named: BTreeMap<Named, (u64, Vec<String>)> = BTreeMap::new();
    for ((kind, mode, uid, gid), (count, mut first)) in groups {
        let alike = (kind, mode, names.owner(uid), names.owning_group(gid));
        let (all, known) = named.entry(alike).or_default();
        *all += count;
        known.append(&mut first);
        known.sort_unstable();
        known.truncate(TREE_NAMES);
    }
    let line = |((kind, mode, owner, group), (count, first)): (Named, (u64, Vec<String>))| {
        format!("{kind}\t{count}\t{mode:04o}\t{owner}\t{group}\t{}\n", first.join("\t"))
    };
    Ok(output(0, named.into_iter().map(line).collect::<String>()))
}

/// `same` when both paths, links on the way followed and the last step not, are one file.
pub fn same(path: &str, other: &str) -> Output {
    let is_same = match (lstat(path), stat(other)) {
        (Ok(a), Ok(b)) => (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino),
        _ => false,
    };
    output(0, if is_same { "same\n" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_told_by_what_is_alike_up_to_where_another_is_mounted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let sh = |script: &str| {
            let done = std::process::Command::new("sh").args(["-ec", script]).current_dir(path).status();
            assert!(done.unwrap().success());
        };
        sh("mkdir -m 0750 d m same; touch d/a d/b d/c d/e; chmod 0640 d/*; install -m 0600 /dev/null x; cp -p x y; ln -s /etc/passwd l
            chmod 0755 m same; mount -t tmpfs none m; touch m/inside; mount --bind d same; chown daemon:games x");
        let said = modes(path, &mut Names::default());
        sh("umount m same");
        let said = String::from_utf8(said.unwrap().stdout.bytes().to_vec()).unwrap();
        assert_eq!(
            said,
            "d\t1\t0750\troot\troot\td\nf\t1\t0600\tdaemon\tgames\tx\nf\t1\t0600\troot\troot\ty\nf\t4\t0640\troot\troot\td/a\td/b\td/c\td/e\n"
        );
        assert_eq!(modes("/nowhere/x", &mut Names::default()).unwrap().code, 2);
        assert_eq!(modes("/etc/passwd", &mut Names::default()).unwrap().code, 2);
    }

    #[test]
    fn one_file_by_two_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
        std::fs::write(at("a"), "").unwrap();
        std::fs::hard_link(at("a"), at("b")).unwrap();
        std::fs::write(at("c"), "").unwrap();
        std::os::unix::fs::symlink("a", at("l")).unwrap();
        let told = |a: &str, b: &str| !same(&at(a), &at(b)).stdout.bytes().is_empty();
        assert!(told("a", "b") && told("a", "l"));
        assert!(!told("l", "a") && !told("a", "c") && !told("no", "a") && !told("a", "no"));
    }
}
