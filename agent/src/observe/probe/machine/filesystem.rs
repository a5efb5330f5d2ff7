//! What a device holds. Nothing here writes: `wipefs --no-act` and `blkid --probe` read bytes, sizes come from superblocks and sysfs.

use super::SOON;
use super::device::{is_claimed, mounted, names, users};
use crate::child::probe;
use crate::wire::Output;
use rustix::fs::{SeekFrom as Place, major, minor, seek};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};

/// Bytes of the larger of two superblocks, with what stands before it.
const HEAD: usize = 2048;
/// Bytes that are read at each end of what bears no signature: of a file, of a device.
const ENDS: [u64; 2] = [16 << 20, 4 << 20];
/// Places between the ends that are read, and bytes of each.
const PLACES: u64 = 64;
const SAMPLE: u64 = 64 << 10;
/// Bytes of a file's extents that are read.
const EXTENTS: u64 = 256 << 20;

/// The types in what `wipefs --no-act --parsable` prints: `0x438,UUID,LABEL,ext4`.
fn signatures(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let mut types: Vec<String> =
        lines.map(|line| line.rsplit(',').next().unwrap_or_default().trim().to_string()).collect();
    types.dedup();
    types
}

/// A value in what `blkid -o export` prints, which puts a backslash before what a shell would take for its own.
pub fn value(text: &str, key: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    let mut plain = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    Some(plain)
}

/// Size in bytes that an ext2, ext3, ext4 or XFS superblock tells.
fn size_of(kind: &str, head: &[u8]) -> Option<u64> {
    let little = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
    match kind {
        "ext2" | "ext3" | "ext4" => {
            const AT: usize = 1024;
            const WIDE: u32 = 0x80;
            let (low, shift, incompatible) = (little(AT + 0x4)?, little(AT + 0x18)?, little(AT + 0x60)?);
            let high = if incompatible & WIDE == 0 { 0 } else { little(AT + 0x150)? };
            (u64::from(high) << 32 | u64::from(low)).checked_mul(1024_u64.checked_shl(shift)?)
        }
        "xfs" => {
            let block = u32::from_be_bytes(head.get(4..8)?.try_into().ok()?);
            let blocks = u64::from_be_bytes(head.get(8..16)?.try_into().ok()?);
            blocks.checked_mul(block.into())
        }
        _ => None,
    }
}

/// Blocks of data in what `xfs_info` prints: `data     =                       bsize=4096   blocks=65536, imaxpct=25`.
fn size_of_xfs(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("data "))?;
    let number = |key: &str| {
        let rest = line.split_once(key)?.1;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse::<u64>().ok()
    };
    number("bsize=")?.checked_mul(number("blocks=")?)
}

/// The number and the size of this device in what `btrfs filesystem show --raw` prints, which has names of its own for devices:
/// `devid    1 size 1073741824 used 8388608 path /dev/vdb`.
fn of_btrfs(text: &str, is_it: impl Fn(&str) -> bool) -> Option<(u64, u64)> {
    let line = text.lines().map(str::trim).find(|line| {
        line.starts_with("devid") && line.split_once(" path ").is_some_and(|(_, path)| is_it(path.trim()))
    })?;
    let after = |word: &str| {
        let mut words = line.split_whitespace();
        words.find(|found| *found == word)?;
        words.next()?.parse().ok()
    };
    Some((after("devid")?, after("size")?))
}

fn failed(program: &str, output: &Output) -> String {
    let said = String::from_utf8_lossy(output.stderr.bytes()).trim().to_string();
    format!(
        "{program} cannot look at it: {}",
        if said.is_empty() { format!("code {}", output.code) } else { said }
    )
}

/// The types that are found, and what blkid takes it for.
///
/// # Errors
/// When one of the two programs could not look: then nothing is known.
pub fn found(device: &str) -> Result<(Vec<String>, String), String> {
    let wipefs = probe(&["wipefs", "--no-act", "--parsable", "--", device], None, SOON);
    if wipefs.code != 0 {
        return Err(failed("wipefs", &wipefs));
    }
    let mut types = signatures(&String::from_utf8_lossy(wipefs.stdout.bytes()));
    let blkid = probe(&["blkid", "--probe", "--output", "export", "--", device], None, SOON);
    let told = String::from_utf8_lossy(blkid.stdout.bytes()).into_owned();
    match blkid.code {
        0 | 2 => {}
        // Several that contradict each other.
        8 => types.push("several signatures".into()),
        _ => return Err(failed("blkid", &blkid)),
    }
    for kind in [value(&told, "TYPE"), value(&told, "PTTYPE")].into_iter().flatten() {
        // The boot sector of vfat looks like a partition table.
        let is_of_vfat = kind == "dos" && types.iter().any(|kind| kind == "vfat");
        if !is_of_vfat && !types.contains(&kind) {
            types.push(kind);
        }
    }
    Ok((types, told))
}

/// Whether any byte of this part is not zero. What is shorter ends it.
fn is_written(file: &fs::File, mut at: u64, len: u64) -> std::io::Result<bool> {
    let (end, mut buffer) = (at.saturating_add(len), vec![0; 1 << 20]);
    while at < end {
        let wanted = buffer.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
        let count = match file.read_at(&mut buffer[..wanted], at) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        if count == 0 {
            break;
        }
        if buffer[..count].iter().any(|byte| *byte != 0) {
            return Ok(true);
        }
        at += count as u64;
    }
    Ok(false)
}

/// Whether there is data that bears no signature, such as an archive or a database on a raw device: what is large is read in places.
fn has_data(file: &fs::File, size: u64, is_file: bool) -> std::io::Result<bool> {
    let end = ENDS[usize::from(!is_file)];
    if is_written(file, 0, end)? || is_written(file, size.saturating_sub(end).max(end), end)? {
        return Ok(true);
    }
    for place in 1..=PLACES {
        if is_written(file, size / (PLACES + 1) * place, SAMPLE)? {
            return Ok(true);
        }
    }
    let (mut at, mut left) = (0, if is_file { EXTENTS } else { 0 });
    while at < size && left > 0 {
        let start = match seek(file, Place::Data(at)) {
            Ok(start) => start,
            // Nothing but a hole from here on.
            Err(rustix::io::Errno::NXIO) => break,
            Err(_) => at,
        };
        let hole = seek(file, Place::Hole(start)).unwrap_or(size).max(start + 1);
        if is_written(file, start, left.min(hole - start))? {
            return Ok(true);
        }
        left = left.saturating_sub(hole - start);
        at = hole;
    }
    Ok(false)
}

pub fn look(device: &str) -> Result<String, String> {
    let Ok(meta) = fs::metadata(device) else { return Ok("kind=missing\n".into()) };
    let kind = meta.file_type();
    if !kind.is_block_device() && !kind.is_file() {
        return Ok("kind=other\n".into());
    }
    let numbers = kind.is_block_device().then(|| format!("{}:{}", major(meta.rdev()), minor(meta.rdev())));
    let cannot = |error: std::io::Error| format!("cannot read {device}: {}", crate::reason(error));
    let mut file = fs::File::open(device).map_err(cannot)?;
    let size = file.seek(SeekFrom::End(0)).map_err(cannot)?;
    let mut head = vec![];
    file.rewind().and_then(|()| (&file).take(HEAD as u64).read_to_end(&mut head)).map_err(cannot)?;
    let (types, told) = found(device)?;
    let mut text = format!("kind={}\nsize={size}\n", if numbers.is_some() { "device" } else { "file" });
    let mut add = |key: &str, value: &str| text += &format!("{key}={}\n", value.replace('\n', " "));
    types.iter().for_each(|kind| add("found", kind));
    if types.is_empty() && has_data(&file, size, numbers.is_none()).map_err(cannot)? {
        add("data", "yes");
    }
    let kind = value(&told, "TYPE").unwrap_or_default();
    for (key, name) in [("type", "TYPE"), ("label", "LABEL"), ("uuid", "UUID")] {
        value(&told, name).iter().for_each(|value| add(key, value));
    }
    let place = mounted(device, numbers.as_deref());
    let filesystem = match (kind.as_str(), &place) {
        // The superblock on the device is older than what the kernel has of a mounted one.
        ("xfs", Some(place)) => {
            size_of_xfs(&String::from_utf8_lossy(probe(&["xfs_info", place], None, SOON).stdout.bytes()))
        }
        ("btrfs", _) => {
            let shown = probe(&["btrfs", "filesystem", "show", "--raw", device], None, SOON);
            let own = fs::canonicalize(device).ok();
            let is_it = |path: &str| path == device || own.is_some() && fs::canonicalize(path).ok() == own;
            let of = of_btrfs(&String::from_utf8_lossy(shown.stdout.bytes()), is_it);
            of.iter().for_each(|(devid, _)| add("devid", &devid.to_string()));
            of.map(|(_, size)| size)
        }
        (kind, _) => size_of(kind, &head),
    };
    filesystem.iter().for_each(|size| add("filesystem_size", &size.to_string()));
    place.iter().for_each(|place| add("mounted", place));
    let users = numbers.as_deref().map(users).unwrap_or_default();
    if types.is_empty() && place.is_none() && users.is_empty() && numbers.is_some() && is_claimed(device) {
        add("used", "the kernel");
    }
    users.iter().for_each(|user| add("used", user));
    names(device).iter().for_each(|name| add("name", name));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loop device of an empty file, with another name for it.
    struct Loop {
        folder: tempfile::TempDir,
        device: String,
    }

    impl Loop {
        fn new() -> Self {
            assert!(rustix::process::geteuid().is_root(), "these tests make devices: run them as root");
            let folder = tempfile::tempdir().unwrap();
            let image = folder.path().join("img");
            fs::File::create(&image).unwrap().set_len(256 << 20).unwrap();
            let device = sh(&format!("losetup --find --show {}", image.display()));
            std::os::unix::fs::symlink(&device, folder.path().join("alias")).unwrap();
            Self { folder, device }
        }

        fn alias(&self) -> String {
            self.folder.path().join("alias").to_str().unwrap().into()
        }

        fn told(&self) -> String {
            look(&self.alias()).unwrap()
        }
    }

    impl Drop for Loop {
        fn drop(&mut self) {
            sh(&format!("losetup --detach {}", self.device));
        }
    }

    fn sh(script: &str) -> String {
        let done = std::process::Command::new("sh").args(["-ec", script]).output().unwrap();
        assert!(done.status.success(), "{script}: {done:?}");
        String::from_utf8(done.stdout).unwrap().trim().into()
    }

    #[test]
    fn a_device_is_in_use_by_whichever_name_it_is_asked_for() {
        let one = Loop::new();
        let told = one.told();
        let name = format!("name={}\n", one.device);
        assert!(told.starts_with("kind=device\nsize=268435456\n") && told.ends_with(&name), "{told}");
        assert!(!told.contains("used=") && !told.contains("mounted="), "{told}");
        // Mounted where this process does not see it, with the signature taken away while it is.
        let mut holder = std::process::Command::new("unshare")
            .args(["--mount", "sh", "-ec", "mount --make-rprivate /; mkfs.ext4 -q $1; mount $1 /mnt; wipefs -qaf $1; echo up; read x || true", "sh"])
            .arg(&one.device)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut up = [0; 3];
        holder.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
        let told = one.told();
        drop(holder.stdin.take());
        holder.wait().unwrap();
        assert!(told.contains("used=the kernel\n") && !told.contains("found="), "{told}");
    }

    #[test]
    fn each_device_of_a_btrfs_is_mounted_and_has_its_number() {
        let (one, two) = (Loop::new(), Loop::new());
        let place = one.folder.path().join("on");
        fs::create_dir(&place).unwrap();
        sh(&format!("mkfs.btrfs -q {} {}; mount {} {}", one.device, two.device, one.device, place.display()));
        let told = [one.told(), two.told()];
        sh(&format!("umount {}", place.display()));
        for (told, devid) in told.iter().zip(["devid=1\n", "devid=2\n"]) {
            assert!(
                told.contains(devid) && told.contains(&format!("mounted={}\n", place.display())),
                "{told}"
            );
            assert!(told.contains("filesystem_size=268435456\n"), "{told}");
        }
    }

    #[test]
    fn what_the_programs_print_is_read() {
        let wipefs = "# offset,uuid,label,type\n0x438,1c-2d,data,ext4\n";
        assert_eq!(signatures(wipefs), ["ext4"]);
        assert_eq!(signatures("0x52,AA,,vfat\n0x0,AA,,vfat\n0x1fe,AA,,vfat\n"), ["vfat"]);
        assert_eq!(signatures(""), [""; 0]);
        let blkid = "DEVNAME=/dev/vdb\nLABEL=my\\ data\nUUID=1c-2d\nTYPE=ext4\n";
        assert_eq!(value(blkid, "LABEL").as_deref(), Some("my data"));
        assert_eq!(value(blkid, "PTTYPE"), None);
        let xfs = "meta-data=/dev/vdb               isize=512    agcount=4, agsize=16384 blks
         =                       sectsz=512   attr=2, projid32bit=1
data     =                       bsize=4096   blocks=65536, imaxpct=25
         =                       sunit=0      swidth=0 blks
log      =internal log           bsize=4096   blocks=1566, version=2\n";
        assert_eq!(size_of_xfs(xfs), Some(65536 * 4096));
        let btrfs = "Label: none  uuid: 0a-b
\tTotal devices 2 FS bytes used 147456
\tdevid    1 size 1073741824 used 8388608 path /dev/vdb
\tdevid    2 size 2147483648 used 0 path /dev/vdc\n";
        assert_eq!(of_btrfs(btrfs, |path| path == "/dev/vdc"), Some((2, 2147483648)));
        assert_eq!(of_btrfs(btrfs, |path| path == "/dev/vd"), None);
    }

    #[test]
    fn a_file_is_looked_at_and_not_touched() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("x.img");
        let name = path.to_str().unwrap();
        assert_eq!(look(name).unwrap(), "kind=missing\n");
        assert_eq!(look(temp.path().to_str().unwrap()).unwrap(), "kind=other\n");
        let file = fs::File::create(&path).unwrap();
        file.set_len(8 << 20).unwrap();
        assert_eq!(look(name).unwrap(), format!("kind=file\nsize=8388608\nname={name}\n"));
        let link = temp.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(
            look(link.to_str().unwrap()).unwrap().contains(&format!("name={name}\n")),
            "by whichever link"
        );
        // The magic number of a LUKS header, and nothing else of it.
        file.write_all_at(b"LUKS\xba\xbe\0\x01", 0).unwrap();
        assert!(look(name).unwrap().contains("found=crypto_LUKS"), "{}", look(name).unwrap());
        let made = std::process::Command::new("mkfs.ext4").args(["-q", "-L", "a b", name]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let told = look(name).unwrap();
        assert!(
            told.starts_with("kind=file\nsize=8388608\nfound=ext4\ntype=ext4\nlabel=a b\nuuid="),
            "{told}"
        );
        assert!(told.ends_with(&format!("filesystem_size=8388608\nname={name}\n")), "{told}");
    }

    #[test]
    fn data_that_no_program_knows_is_seen() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("x.img");
        let name = path.to_str().unwrap();
        let size: u64 = 100 << 20;
        // At either end, and far from every place that is looked at on a device.
        for at in [0, 700, size - 1, (50 << 20) + 123_457] {
            let file = fs::File::create(&path).unwrap();
            file.set_len(size).unwrap();
            file.write_all_at(&[0; 4096], 40 << 20).unwrap();
            assert_eq!(
                look(name).unwrap(),
                format!("kind=file\nsize={size}\nname={name}\n"),
                "zeros are none"
            );
            file.write_all_at(b"x", at).unwrap();
            assert_eq!(
                look(name).unwrap(),
                format!("kind=file\nsize={size}\ndata=yes\nname={name}\n"),
                "{at}"
            );
        }
        let file = fs::File::create(&path).unwrap();
        file.set_len(size).unwrap();
        file.write_all_at(b"x", size / (PLACES + 1) * 7 + 5).unwrap();
        let file = fs::File::open(&path).unwrap();
        assert!(has_data(&file, size, false).unwrap(), "a place between the ends of a device");
        fs::write(&path, "short\n").unwrap();
        assert!(look(name).unwrap().contains("data=yes\n"), "a short file");
    }
}
