//! Disks from `/sys/block` (sysfs-block in the kernel's ABI documentation), what is on them from udev's database, and where it
//! is mounted (proc_pid_mountinfo(5)).

use super::tree::Tree;
use crate::wire::facts::{Disk, Mount, Partition};
use std::collections::BTreeMap;

/// Sizes in sysfs are in sectors of this many bytes, whatever the disk's own are.
const SECTOR: u64 = 512;
const MB: u64 = 1 << 20;
/// File systems of which the network may not answer.
const REMOTE: &[&str] =
    &["nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "virtiofs", "fuse.sshfs", "beegfs", "lustre"];

/// A mount, with the numbers of its device: some kernels call the root's `/dev/root`.
pub type Numbered = (String, Mount);

pub fn disks(tree: &Tree, mounts: &[Numbered]) -> BTreeMap<String, Disk> {
    let mut disks = BTreeMap::new();
    for name in tree.names("sys/block") {
        let folder = format!("sys/block/{name}");
        let in_memory = ["loop", "ram", "zram", "fd", "sr"]
            .iter()
            .any(|kind| name.strip_prefix(kind).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit())));
        if in_memory || tree.number(&format!("{folder}/size")).unwrap_or(0) == 0 {
            continue;
        }
        let flag = |file: &str| tree.line(&format!("{folder}/{file}")) == "1";
        let whole = volume(tree, mounts, &folder, &name);
        let mut partitions = BTreeMap::new();
        for part in tree.names(&folder).into_iter().filter(|part| part.starts_with(&name)) {
            let inner = format!("{folder}/{part}");
            if tree.exists(&format!("{inner}/partition")) {
                partitions.insert(part.clone(), volume(tree, mounts, &inner, &part));
            }
        }
        let disk = Disk {
            path: whole.path,
            size_mb: whole.size_mb,
            model: tree.line(&format!("{folder}/device/model")),
            rotational: flag("queue/rotational"),
            removable: flag("removable"),
            filesystem: whole.filesystem,
            uuid: whole.uuid,
            label: whole.label,
            mount: whole.mount,
            partitions,
        };
        disks.insert(name, disk);
    }
    disks
}

/// A disk or a partition: what both have.
fn volume(tree: &Tree, mounts: &[Numbered], folder: &str, name: &str) -> Partition {
    let mapped = tree.line(&format!("{folder}/dm/name"));
    // In sysfs, a `/` in a name is a `!`.
    let path = if mapped.is_empty() {
        format!("/dev/{}", name.replace('!', "/"))
    } else {
        format!("/dev/mapper/{mapped}")
    };
    let numbers = tree.line(&format!("{folder}/dev"));
    let known = tree.read(&format!("run/udev/data/b{numbers}"));
    let property = |key: &str| {
        let value =
            known.lines().find_map(|line| line.strip_prefix("E:")?.strip_prefix(key)?.strip_prefix('='));
        value.unwrap_or_default().to_string()
    };
    let plain = format!("/dev/{name}");
    let is_own = |(of, mount): &&Numbered| *of == numbers || mount.device == path || mount.device == plain;
    let mount = mounts.iter().find(is_own).map(|(_, mount)| mount);
    let filesystem = mount.map_or_else(|| property("ID_FS_TYPE"), |mount| mount.filesystem.clone());
    Partition {
        size_mb: tree.number(&format!("{folder}/size")).unwrap_or(0).saturating_mul(SECTOR) / MB,
        filesystem,
        uuid: property("ID_FS_UUID"),
        label: property("ID_FS_LABEL"),
        mount: mount.map(|mount| mount.path.clone()).unwrap_or_default(),
        path,
    }
}

/// Of all mounts those of devices and of the network: not the kernel's own, and not the layers of containers.
pub fn mounts(text: &str) -> Vec<Numbered> {
    text.lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Numbered> {
    let (front, back) = line.split_once(" - ")?;
    let front: Vec<&str> = front.split(' ').collect();
    let [filesystem, device, ..] = back.split(' ').collect::<Vec<_>>()[..] else { return None };
    let (path, device) = (unescaped(front.get(4)?), unescaped(device));
    let is_remote = REMOTE.contains(&filesystem);
    let is_local = device.starts_with("/dev/") && !filesystem.starts_with("fuse");
    // Also file systems that name themselves as their device.
    let is_pool = matches!(filesystem, "zfs" | "btrfs" | "bcachefs");
    if !is_remote && !is_local && !is_pool {
        return None;
    }
    let sizes = if is_remote { None } else { rustix::fs::statvfs(&*path).ok() };
    let mb = |blocks: u64, size: u64| blocks.saturating_mul(size) / MB;
    let mount = Mount {
        size_mb: sizes.as_ref().map_or(0, |s| mb(s.f_blocks, s.f_frsize)),
        free_mb: sizes.as_ref().map_or(0, |s| mb(s.f_bavail, s.f_frsize)),
        path,
        device,
        filesystem: filesystem.to_string(),
        options: front.get(5)?.split(',').map(str::to_string).collect(),
    };
    Some((front.get(2)?.to_string(), mount))
}

/// Blanks and the like stand in mountinfo as `\040`.
fn unescaped(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let octal = match rest {
            [b'\\', code @ ..] => code.get(..3).and_then(|code| std::str::from_utf8(code).ok()),
            _ => None,
        };
        match octal.and_then(|code| u8::from_str_radix(code, 8).ok()) {
            Some(byte) => (bytes.push(byte), rest = &rest[4..]).1,
            None => (bytes.push(*first), rest = more).1,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn mounts_are_those_of_devices_and_of_the_network() {
        let text = "22 27 0:21 / /proc rw,relatime - proc proc rw\n\
            27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard\n\
            40 27 0:50 / /mnt/a\\040b ro,noexec master:2 - nfs4 store:/a\\134b rw\n\
            41 27 0:51 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n\
            42 27 0:52 / /run/user/0/doc rw - fuse.portal /dev/fuse rw\n\
            broken\n43 1 2\n";
        let found: Vec<Mount> = mounts(text).into_iter().map(|(_, mount)| mount).collect();
        let shown: Vec<_> =
            found.iter().map(|m| (m.path.as_str(), m.device.as_str(), m.filesystem.as_str())).collect();
        assert_eq!(shown, [("/", "/dev/vda1", "ext4"), ("/mnt/a b", "store:/a\\b", "nfs4")]);
        assert_eq!(found[1].options, ["ro", "noexec"]);
        assert!(found[0].size_mb > 0 && found[0].free_mb <= found[0].size_mb);
        assert_eq!((found[1].size_mb, found[1].free_mb), (0, 0));
    }

    #[test]
    fn a_disk_has_its_partitions_and_what_udev_knows() {
        let folder = tempfile::tempdir().unwrap();
        let make = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (path, text) in [
            ("sys/block/sda/size", "41943040\n"),
            ("sys/block/sda/dev", "8:0\n"),
            ("sys/block/sda/removable", "0\n"),
            ("sys/block/sda/queue/rotational", "1\n"),
            ("sys/block/sda/device/model", "QEMU HARDDISK   \n"),
            ("sys/block/sda/sda1/partition", "1\n"),
            ("sys/block/sda/sda1/size", "2048\n"),
            ("sys/block/sda/sda1/dev", "8:1\n"),
            ("sys/block/sda/stat", ""),
            ("sys/block/dm-0/size", "4096\n"),
            ("sys/block/dm-0/dm/name", "vg-data\n"),
            ("sys/block/dm-0/dev", "253:0\n"),
            ("sys/block/loop0/size", "4096\n"),
            ("sys/block/sr0/size", "4096\n"),
            ("sys/block/nbd0/size", "0\n"),
            (
                "run/udev/data/b8:1",
                "S:disk/by-uuid/1\nE:ID_FS_TYPE=xfs\nE:ID_FS_UUID=6a-1\nE:ID_FS_LABEL=boot\n",
            ),
        ] {
            make(path, text);
        }
        let boot = |numbers: &str, device: &str, path: &str| {
            let mount = Mount {
                path: path.into(),
                device: device.into(),
                filesystem: "ext4".into(),
                ..Mount::default()
            };
            (numbers.to_string(), mount)
        };
        // The first one has the numbers of a file system, not of a disk.
        let mounts = [boot("0:44", "/dev/sda1", "/boot"), boot("253:0", "/dev/root", "/")];
        let disks = disks(&Tree::new(folder.path()), &mounts);
        assert_eq!(disks.keys().collect::<Vec<_>>(), ["dm-0", "sda"]);
        let sda = &disks["sda"];
        assert_eq!(
            (sda.path.as_str(), sda.size_mb, sda.model.as_str()),
            ("/dev/sda", 20480, "QEMU HARDDISK")
        );
        assert_eq!((sda.rotational, sda.removable, sda.filesystem.as_str()), (true, false, ""));
        let boot = &sda.partitions["sda1"];
        assert_eq!((boot.size_mb, boot.uuid.as_str(), boot.label.as_str()), (1, "6a-1", "boot"));
        // What is mounted knows better than what was found when it was plugged in.
        assert_eq!((boot.filesystem.as_str(), boot.mount.as_str()), ("ext4", "/boot"));
        assert_eq!((disks["dm-0"].path.as_str(), disks["dm-0"].mount.as_str()), ("/dev/mapper/vg-data", "/"));
    }
}
