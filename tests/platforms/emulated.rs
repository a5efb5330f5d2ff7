//! An arm64 host: its kernel says so, and programs of that kind are run by qemu-user.

use crate::{folder, keeps_the_law, sshd::Sshd};
use std::{fs, path::Path};

const EMULATOR: &str = "/usr/bin/qemu-aarch64-static";
/// The beginning of an ELF file for aarch64, and the bits of it that count: see binfmt_misc in the kernel's documentation.
const MAGIC: &str = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00";
const MASK: &str = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff";

/// Where the machine itself has no emulator registered, the kernel has this one for as long as the host's namespace mounts the
/// registry. F: opened now, so it need not be in the host's folders. C: as whom the file says, which sudo needs.
fn platform() -> String {
    assert!(Path::new(EMULATOR).exists(), "{EMULATOR} is missing: apt-get install qemu-user-static");
    format!(
        r#"registry=/proc/sys/fs/binfmt_misc
[ -e $registry/register ] || mount -t binfmt_misc binfmt_misc $registry
grep -qs '^interpreter.*qemu-aarch64' $registry/* || printf '%s' ':lpt-aarch64:M::{MAGIC}:{MASK}:{EMULATOR}:FC' >$registry/register
echo aarch64 >arch
mount --bind arch /proc/sys/kernel/arch
"#
    )
}

#[test]
fn arm64() {
    let host = Sshd::start_as(&platform());
    let home = folder(&host);
    keeps_the_law(&host, "alice", &home, &home, "");
    assert_eq!(fs::read_to_string(home.join("rendered")).unwrap(), "aarch64 greets alice\n");
    fs::remove_dir_all(&home).unwrap();
    let home = folder(&host);
    keeps_the_law(&host, "alice", &home, &home, "  become: true\n");
}
