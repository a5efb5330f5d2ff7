//! A block device: its names, and who has it in use.

use rustix::fs::{Mode, OFlags};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// The names of a device: the kernel's, then those by which it is found whatever is on it.
pub fn names(device: &str) -> Vec<String> {
    let Ok(real) = fs::canonicalize(device) else { return vec![] };
    let mut names = vec![];
    for folder in ["by-id", "by-path", "by-partuuid", "by-partlabel"].map(|by| format!("/dev/disk/{by}")) {
        names.extend(links(&folder, &real));
    }
    names.extend(links("/dev/mapper", &real));
    names.sort();
    names.insert(0, real.to_string_lossy().into_owned());
    names
}

/// The names of a device that come from what is on it, and those that only /etc/fstab knows: `UUID=1-2`. `told` is what blkid says of it.
pub fn aliases(device: &str, told: &str) -> Vec<String> {
    let Ok(real) = fs::canonicalize(device) else { return vec![] };
    let mut names = vec![];
    for (tag, folder) in [("UUID", "by-uuid"), ("LABEL", "by-label")] {
        names.extend(links(&format!("/dev/disk/{folder}"), &real));
        names.extend(super::filesystem::value(told, tag).map(|value| format!("{tag}={value}")));
    }
    for (tag, folder) in [("PARTUUID", "by-partuuid"), ("PARTLABEL", "by-partlabel"), ("ID", "by-id")] {
        let folder = format!("/dev/disk/{folder}");
        let own = links(&folder, &real).into_iter();
        names.extend(
            own.filter_map(|path| Some(format!("{tag}={}", path.strip_prefix(&folder)?.strip_prefix('/')?))),
        );
    }
    names
}

fn links(folder: &str, real: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let of = paths.filter(|path| path != real && fs::canonicalize(path).is_ok_and(|path| path == real));
    of.map(|path| path.to_string_lossy().into_owned()).collect()
}

/// Whether something has a block device for itself, also what is seen in no table: a mount of another namespace. It is claimed for
/// a moment to find out, so this is asked only where nothing else speaks against formatting it.
pub fn is_claimed(device: &str) -> bool {
    let flags = OFlags::RDONLY | OFlags::EXCL | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(device, flags, Mode::empty()).err() == Some(rustix::io::Errno::BUSY)
}

/// The names of the devices of the Btrfs that a device is part of.
fn with_it_in_btrfs(own: &Path) -> Vec<OsString> {
    let Some(name) = own.file_name() else { return vec![] };
    let filesystems = fs::read_dir("/sys/fs/btrfs").into_iter().flatten().flatten();
    for folder in filesystems.map(|entry| entry.path().join("devices")) {
        let devices = fs::read_dir(folder).into_iter().flatten().flatten();
        let devices: Vec<_> = devices.map(|entry| entry.file_name()).collect();
        if devices.iter().any(|device| device == name) {
            return devices;
        }
    }
    vec![]
}

/// What is made of a block device: names of holders, and of partitions.
pub fn users(numbers: &str) -> Vec<String> {
    let folder = format!("/sys/dev/block/{numbers}");
    let names = |path: &str| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let partitions = names(&folder)
        .into_iter()
        .filter(|name| fs::exists(format!("{folder}/{name}/partition")).unwrap_or(false));
    let mut users: Vec<String> = names(&format!("{folder}/holders")).into_iter().chain(partitions).collect();
    users.sort();
    users
}

/// Where it is mounted, by the kernel's table, or used as swap.
pub fn mounted(device: &str, numbers: Option<&str>) -> Option<String> {
    let real = |path: &str| fs::canonicalize(path).ok();
    let own = real(device);
    let info = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let backing = |source: &str| {
        let name = source.strip_prefix("/dev/")?;
        fs::read_to_string(format!("/sys/block/{name}/loop/backing_file")).ok()
    };
    let together = own.as_deref().map(with_it_in_btrfs).unwrap_or_default();
    for mount in super::mount::all(&info) {
        let is_part = || {
            let source = real(&mount.source);
            mount.kind == "btrfs"
                && source
                    .as_deref()
                    .and_then(Path::file_name)
                    .is_some_and(|name| together.iter().any(|one| one == name))
        };
        let by_file = || backing(&mount.source).is_some_and(|file| real(file.trim_end()) == own);
        let by_path = || mount.source.starts_with('/') && real(&mount.source) == own;
        if numbers == Some(mount.numbers.as_str()) || own.is_some() && (by_path() || by_file() || is_part()) {
            return Some(mount.path);
        }
    }
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let mut swaps = swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    swaps.any(|path| own.is_some() && real(path) == own).then(|| "[swap]".into())
}
