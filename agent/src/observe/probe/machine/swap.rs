//! Swap in files and on devices, from these themselves, `/proc/swaps` and `/proc/meminfo`.

use super::{device, filesystem};
use rustix::fs::{statfs, statvfs};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// A line of `/proc/swaps`; sizes in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Active {
    path: String,
    size: u64,
    used: u64,
    priority: i64,
}

/// `/swapfile  file  2097148  1024  -2`; a blank in a path is `\040`.
fn parse(line: &str) -> Option<Active> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [path, _, size, used, priority] = words[..] else { return None };
    let kib = |text: &str| text.parse::<u64>().ok().map(|kib| kib << 10);
    let path = path.replace("\\040", " ");
    Some(Active { path, size: kib(size)?, used: kib(used)?, priority: priority.parse().ok()? })
}

/// Bytes of memory that can be had.
fn available(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// Whether what is swapped out into `own` has another place: memory less a tenth, and other swap.
fn fits(own: &Active, others: &[&Active], available: u64) -> bool {
    let free: u64 = others.iter().map(|other| other.size.saturating_sub(other.used)).sum();
    own.used <= (available - available / 10).saturating_add(free)
}

/// The filesystem that holds a path, as far as it matters for swap.
fn filesystem_of(folder: &Path) -> &'static str {
    match statfs(folder).map(|stat| stat.f_type as u64 & 0xffff_ffff) {
        Ok(0xef53) => "ext4",
        Ok(0x5846_5342) => "xfs",
        Ok(0x9123_683e) => "btrfs",
        Ok(0x0102_1994) => "tmpfs",
        Ok(0x8584_58f6) => "ramfs",
        Ok(0x6969) => "nfs",
        Ok(0x794c_7630) => "overlay",
        Ok(0x2fc1_2fc1) => "zfs",
        _ => "other",
    }
}

pub fn look(path: &str, wanted: u64) -> Result<String, String> {
    let mut text = String::new();
    let mut add = |key: &str, value: &str| text += &format!("{key}={value}\n");
    let yes = |is: bool| if is { "yes" } else { "no" };
    let own = Path::new(path);
    let folder = own.parent().filter(|folder| folder.is_dir());
    // Of a device most names are links.
    let is_device = own.starts_with("/dev");
    let meta = if is_device { fs::metadata(own) } else { fs::symlink_metadata(own) }.ok();
    let is_block = |meta: &fs::Metadata| meta.file_type().is_block_device();
    match &meta {
        None => add("kind", "missing"),
        Some(meta) if is_device && is_block(meta) => {
            add("kind", "device");
            let (found, told) = filesystem::found(path)?;
            found.iter().for_each(|kind| add("found", kind));
            device::names(path).iter().for_each(|name| add("name", name));
            device::aliases(path, &told).iter().for_each(|name| add("alias", name));
        }
        Some(meta) if !meta.is_file() => add("kind", "other"),
        Some(meta) => {
            add("kind", "file");
            add("size", &meta.len().to_string());
            add("mode", &format!("{:04o}", meta.mode() & 0o7777));
            filesystem::found(path)?.0.iter().for_each(|kind| add("found", kind));
            add("holes", yes(meta.blocks() * 512 < meta.len()));
        }
    }
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let swaps: Vec<Active> = swaps.lines().skip(1).filter_map(parse).collect();
    // By whichever name it was taken into use.
    let number = |meta: &fs::Metadata| match is_block(meta) {
        true => (u64::MAX, meta.rdev()),
        false => (meta.dev(), meta.ino()),
    };
    let own_number = meta.as_ref().map(number);
    let is_own = |swap: &Active| {
        let there = fs::metadata(&swap.path).ok();
        swap.path == path || own_number.is_some() && there.as_ref().map(number) == own_number
    };
    let active = swaps.iter().find(|swap| is_own(swap));
    add("active", yes(active.is_some()));
    if let Some(active) = active {
        add("priority", &active.priority.to_string());
        let others: Vec<&Active> = swaps.iter().filter(|swap| !is_own(swap)).collect();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        add("fits", yes(fits(active, &others, available(&meminfo))));
    }
    if let Some(folder) = folder.filter(|_| !is_device) {
        add("filesystem", filesystem_of(folder));
        // By whichever links its folder is reached.
        if let (Ok(real), Some(name)) = (fs::canonicalize(folder), own.file_name()) {
            add("name", &real.join(name).to_string_lossy());
        }
        let free = statvfs(folder).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        // The old one goes before the new one comes.
        let freed = meta.as_ref().filter(|meta| meta.is_file()).map_or(0, |meta| meta.blocks() * 512);
        add("room", yes(free.saturating_add(freed) >= wanted));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/dev/vda2                               partition\t1048572\t\t524288\t\t-2
/srv/swap\\040file                       file\t\t2097148\t\t1048576\t\t10\n";

    #[test]
    fn active_swap_is_read() {
        let swaps: Vec<Active> = REAL.lines().skip(1).filter_map(parse).collect();
        assert_eq!(
            swaps[1],
            Active { path: "/srv/swap file".into(), size: 2097148 << 10, used: 1 << 30, priority: 10 }
        );
        assert_eq!(swaps[0].priority, -2);
        let meminfo = "MemTotal:       2000000 kB\nMemFree:  1 kB\nMemAvailable:    600000 kB\n";
        assert_eq!(available(meminfo), 600000 << 10);
        // 540,000 KiB of memory and 524,284 KiB of other swap for 1,048,576 KiB.
        assert!(fits(&swaps[1], &[&swaps[0]], available(meminfo)));
        assert!(!fits(&swaps[1], &[], available(meminfo)));
    }

    #[test]
    fn files_are_looked_at() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("swap");
        let name = path.to_str().unwrap();
        assert!(look(name, 4096).unwrap().starts_with("kind=missing\nactive=no\nfilesystem="));
        assert!(look(name, u64::MAX).unwrap().ends_with("room=no\n"));
        std::os::unix::fs::symlink(temp.path(), temp.path().join("other")).unwrap();
        let through = look(temp.path().join("other/swap").to_str().unwrap(), 4096).unwrap();
        assert!(through.contains(&format!("name={name}\n")), "{through}");
        fs::File::create(&path).unwrap().set_len(1 << 20).unwrap();
        let told = look(name, 4096).unwrap();
        assert!(told.contains("kind=file\nsize=1048576\n") && told.contains("holes=yes\n"), "{told}");
        let made = std::process::Command::new("mkswap").arg(&path).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        assert!(look(name, 4096).unwrap().contains("found=swap\n"));
    }

    #[test]
    fn a_device_is_known_by_all_its_names() {
        let sh = |script: &str| {
            let done = std::process::Command::new("sh").args(["-ec", script]).output().unwrap();
            assert!(done.status.success(), "{script}: {done:?}");
            String::from_utf8(done.stdout).unwrap().trim().to_string()
        };
        let temp = tempfile::tempdir().unwrap();
        let image = temp.path().join("img");
        fs::File::create(&image).unwrap().set_len(8 << 20).unwrap();
        let device = sh(&format!("losetup --find --show {}", image.display()));
        let empty = look(&device, 0).unwrap();
        sh(&format!("mkswap --label 'a b' --uuid 1ef93183-6d45-4132-bbc7-40d3a9fd531e {device}"));
        let told = look(&device, 0).unwrap();
        sh(&format!("losetup --detach {device}"));
        let name = format!("name={device}");
        let has = |told: &str, line: &str| told.lines().any(|told| told == line);
        assert!(has(&empty, "kind=device") && has(&empty, &name) && !empty.contains("found="), "{empty}");
        let aliases = ["alias=UUID=1ef93183-6d45-4132-bbc7-40d3a9fd531e", "alias=LABEL=a b"];
        for line in [&["found=swap", &name, "active=no"][..], &aliases].concat() {
            assert!(has(&told, line), "{line} is not in:\n{told}");
        }
    }
}
