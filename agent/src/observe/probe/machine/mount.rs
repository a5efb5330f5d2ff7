//! What is mounted where, from the kernel's own table (proc_pid_mountinfo(5)).

use super::SOON;
use crate::child::probe;
use rustix::fs::{AtFlags, CWD, StatxFlags, major, minor, statx};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

/// A line of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    id: u64,
    /// Of the device: `254:1`.
    pub numbers: String,
    pub path: String,
    options: Vec<String>,
    pub kind: String,
    pub source: String,
}

/// All lines of the table.
pub fn all(info: &str) -> impl DoubleEndedIterator<Item = Mount> {
    info.lines().filter_map(parse)
}

/// `36 35 98:0 / /mnt rw,noatime shared:1 - ext4 /dev/vda1 rw,errors=continue`
fn parse(line: &str) -> Option<Mount> {
    let (own, filesystem) = line.split_once(" - ")?;
    let own: Vec<&str> = own.split(' ').collect();
    let [id, _, numbers, _, path, options, ..] = own[..] else { return None };
    let mut filesystem = filesystem.split(' ');
    let (kind, source) = (filesystem.next()?, filesystem.next()?);
    let of_filesystem = filesystem.next().unwrap_or_default().split(',');
    let mut all: Vec<String> = options.split(',').map(plain).collect();
    for option in of_filesystem.filter(|option| !option.is_empty()).map(plain) {
        if option == "ro" {
            // A filesystem that is read-only is so at every place.
            all.retain(|known| known != "rw" && known != "ro");
            all.insert(0, option);
        } else if option != "rw" && !all.contains(&option) {
            all.push(option);
        }
    }
    Some(Mount {
        id: id.parse().ok()?,
        numbers: numbers.into(),
        path: plain(path),
        options: all,
        kind: plain(kind),
        source: plain(source),
    })
}

/// Without the escapes of the table: `\040` is a blank.
fn plain(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = rest.get(1..4).and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is on top at `path`.
fn at(info: &str, path: &str) -> Option<Mount> {
    let flags = AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    let there = statx(CWD, path, flags, StatxFlags::MNT_ID).ok()?;
    let real =
        fs::canonicalize(path).map_or_else(|_| path.into(), |real| real.to_string_lossy().into_owned());
    let mut mounts = all(info).filter(|mount| mount.path == real);
    // Older kernels do not tell by which mount a path is reached: the last is on top.
    let told = there.stx_mask & StatxFlags::MNT_ID.bits() != 0;
    mounts.rfind(|mount| !told || mount.id == there.stx_mnt_id)
}

/// The path of the device or file that `source` means; `None` when there is none. What is no path at all is `Some` of itself.
fn resolve(source: &str) -> Option<PathBuf> {
    let Some((tag, value)) = source.split_once('=').filter(|_| !source.starts_with('/')) else {
        return if source.starts_with('/') && !source.starts_with("//") {
            fs::canonicalize(source).ok()
        } else {
            Some(source.into())
        };
    };
    let folder = match tag {
        "UUID" => "by-uuid",
        "LABEL" => "by-label",
        "PARTUUID" => "by-partuuid",
        "PARTLABEL" => "by-partlabel",
        "ID" => "by-id",
        _ => return Some(source.into()),
    };
    let value = value.trim_matches('"');
    if let Ok(device) = fs::canonicalize(format!("/dev/disk/{folder}/{value}")) {
        return Some(device);
    }
    // udev writes what is no letter in its own way, and is not everywhere.
    let found = probe(&["findfs", &format!("{tag}={value}")], None, SOON);
    let path = String::from_utf8_lossy(found.stdout.bytes()).trim().to_string();
    if found.code == 0 { fs::canonicalize(path).ok() } else { None }
}

/// Whether what is mounted is what `source`, found at `wanted`, means.
fn is_wanted(mount: &Mount, path: &str, source: &str, wanted: Option<&PathBuf>, bind: bool) -> bool {
    let Some(wanted) = wanted else { return mount.source == source };
    if bind {
        let same = |a: &fs::Metadata, b: &fs::Metadata| a.dev() == b.dev() && a.ino() == b.ino();
        return matches!((fs::metadata(wanted), fs::metadata(path)), (Ok(a), Ok(b)) if same(&a, &b));
    }
    if mount.kind == "fuse" || mount.kind.starts_with("fuse.") {
        // What the program says it is of: its source, or just its own name.
        let source = source.split_once('#').map_or(source, |(_, source)| source);
        let real = |path: &str| fs::canonicalize(path).ok();
        return mount.source.trim_end_matches('/') == source.trim_end_matches('/')
            || mount.kind.strip_prefix("fuse.") == Some(&mount.source)
            || source.starts_with('/') && real(&mount.source).is_some_and(|path| real(source) == Some(path));
    }
    if wanted.is_absolute() {
        let Ok(meta) = fs::metadata(wanted) else { return false };
        if meta.file_type().is_block_device() {
            let numbers = format!("{}:{}", major(meta.rdev()), minor(meta.rdev()));
            return numbers == mount.numbers
                || fs::canonicalize(&mount.source).is_ok_and(|real| real == *wanted);
        }
        // A file is mounted through a loop device.
        let name = mount.source.strip_prefix("/dev/").unwrap_or_default();
        let backing = fs::read_to_string(format!("/sys/block/{name}/loop/backing_file")).unwrap_or_default();
        return fs::canonicalize(backing.trim_end()).is_ok_and(|file| file == *wanted);
    }
    mount.source.trim_end_matches('/') == source.trim_end_matches('/')
}

fn folder(path: &str) -> &'static str {
    if fs::metadata(path).is_err() {
        return "missing";
    }
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().map_or("empty", |_| "filled"),
        Err(_) => "other",
    }
}

pub fn look(info: &str, path: &str, source: &str, bind: bool) -> String {
    let wanted = resolve(source);
    let mount = at(info, path);
    // What is mounted is not opened: that would mount what waits for it, or wait for a server that is gone.
    let folder = if mount.is_some() { "empty" } else { folder(path) };
    let one_line = |text: &str| text.replace('\n', " ");
    let mut text = format!("mounted={}\n", if mount.is_some() { "yes" } else { "no" });
    if let Some(mount) = &mount {
        let is = if is_wanted(mount, path, source, wanted.as_ref(), bind) { "wanted" } else { "other" };
        let (source, options) = (one_line(&mount.source), one_line(&mount.options.join(",")));
        text += &format!("source={source}\ntype={}\noptions={options}\nis={is}\n", mount.kind);
        if mount.kind == "tmpfs" {
            let facts = fs::read_to_string("/proc/meminfo").unwrap_or_default();
            let total =
                facts.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
            text += &total.map(|kib| format!("memory={kib}\n")).unwrap_or_default();
        }
    }
    let there = if wanted.is_some() { "yes" } else { "no" };
    text + &format!("there={there}\nfolder={folder}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = "\
22 28 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/root rw,discard,errors=remount-ro
99 28 0:44 / /mnt/a\\040b ro,noatime shared:55 master:2 - tmpfs tmp\\134fs rw,size=1024k,mode=755
120 28 254:17 / /srv rw,relatime - ext4 /dev/vdb1 ro
";

    #[test]
    fn the_kernels_table_is_read() {
        let mounts: Vec<Mount> = REAL.lines().filter_map(parse).collect();
        assert_eq!(mounts.len(), 4);
        assert_eq!((mounts[2].path.as_str(), mounts[2].source.as_str()), ("/mnt/a b", "tmp\\fs"));
        assert_eq!(mounts[2].options, ["ro", "noatime", "size=1024k", "mode=755"]);
        assert_eq!(mounts[3].options, ["ro", "relatime"], "a filesystem that is read-only");
        assert_eq!(mounts[1].numbers, "254:1");
        assert_eq!(parse("no table"), None);
    }

    #[test]
    fn what_is_mounted_here_is_told() {
        let info = fs::read_to_string("/proc/self/mountinfo").unwrap();
        for mount in all(&info).filter(|mount| mount.kind == "tmpfs" && mount.path == "/dev/shm") {
            let told = look(&info, &mount.path, "tmpfs", false);
            let memory = told.lines().find_map(|line| line.strip_prefix("memory=")?.parse::<u64>().ok());
            assert!(memory.is_some_and(|kib| kib > 0), "{told}");
        }
        let told = look(&info, "/proc", "proc", false);
        assert!(
            told.contains("mounted=yes\nsource=proc\ntype=proc\noptions=") && told.contains("is=wanted"),
            "{told}"
        );
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().to_str().unwrap();
        assert_eq!(look(&info, path, "UUID=no-such", false), "mounted=no\nthere=no\nfolder=empty\n");
        fs::write(temp.path().join("x"), "").unwrap();
        assert_eq!(look(&info, path, path, true), "mounted=no\nthere=yes\nfolder=filled\n");
        let file = format!("{path}/x");
        assert_eq!(look(&info, &file, "host:/export", false), "mounted=no\nthere=yes\nfolder=other\n");
        assert!(
            look(&info, &format!("{path}/y"), "/dev/no-such", false).contains("there=no\nfolder=missing")
        );
    }

    #[test]
    fn sources_are_compared_as_what_they_mean() {
        let mount = parse(REAL.lines().nth(1).unwrap()).unwrap();
        assert!(is_wanted(&mount, "/", "/dev/root", None, false));
        let nfs = parse("5 1 0:9 / /n rw - nfs4 host:/export/ rw").unwrap();
        assert!(is_wanted(&nfs, "/n", "host:/export", resolve("host:/export").as_ref(), false));
        assert!(!is_wanted(&nfs, "/n", "host:/other", resolve("host:/other").as_ref(), false));
        let here = tempfile::tempdir().unwrap();
        let path = here.path().to_str().unwrap();
        let of_program = |kind: &str, source: &str, wanted: &str| {
            let mount =
                parse(&format!("70 46 0:39 / /b rw,nosuid,nodev,relatime - {kind} {source} rw,user_id=0"))
                    .unwrap();
            is_wanted(&mount, "/b", wanted, resolve(wanted).as_ref(), false)
        };
        assert!(of_program("fuse", path, path) && of_program("fuse", path, &format!("bindfs#{path}/")));
        assert!(
            of_program("fuse.sshfs", "a@host:/x", "a@host:/x")
                && of_program("fuse.sshfs", "a@host:", "sshfs#a@host:")
        );
        assert!(of_program("fuse.s3fs", "s3fs", "bucket"));
        assert!(!of_program("fuse", "/", path) && !of_program("fuse.sshfs", "a@host:/x", "a@host:/y"));
        assert!(is_wanted(&nfs, path, path, resolve(path).as_ref(), true), "the same folder");
        assert!(!is_wanted(&nfs, "/", path, resolve(path).as_ref(), true));
    }
}
