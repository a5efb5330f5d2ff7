//! A device is one thing, by whichever of its names it is written.

use crate::project::{Project, Ran, play};
use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A loop device, and a mount namespace with an /etc of its own and the names for the device that udev and the device mapper would make.
struct Device {
    node: String,
    folder: tempfile::TempDir,
    holder: Child,
}

/// Held by one process: what swaps is shown by its path in the namespace of whoever took it into use.
const PLACE: &str = r#"
    mount --bind "$1/etc" /etc
    mount -t tmpfs -o mode=755 tmpfs /dev/disk && mount -t tmpfs -o mode=755 tmpfs /dev/mapper
    mkdir /dev/disk/by-id /dev/disk/by-uuid /dev/disk/by-label
    ln -s "$2" /dev/disk/by-id/virtio-law && ln -s "$2" /dev/mapper/vg-law
    echo ready && exec cat"#;

/// As udev does whenever something else is on it.
const LINKS: &str = r#"
    node=$1; shift
    rm -f /dev/disk/by-uuid/* /dev/disk/by-label/*
    uuid=$(blkid --probe -o value -s UUID "$node") || true
    label=$(blkid --probe -o value -s LABEL "$node") || true
    [ -z "$uuid" ] || ln -s "$node" "/dev/disk/by-uuid/$uuid"
    [ -z "$label" ] || ln -s "$node" "/dev/disk/by-label/$label"
    exec "$@""#;

fn sh(script: &str, words: &[&str]) -> String {
    let done = Command::new("sh").args(["-ec", script, "sh"]).args(words).output().unwrap();
    assert!(done.status.success(), "{script}: {done:?}");
    String::from_utf8(done.stdout).unwrap().trim().into()
}

impl Device {
    fn new() -> Self {
        assert!(rustix::process::geteuid().is_root(), "these tests make devices: run them as root");
        let folder = tempfile::tempdir().unwrap();
        let script = "mkdir -p /dev/disk /dev/mapper && cp -a /etc \"$1/etc\" && : >\"$1/etc/fstab\"
            truncate -s 96M \"$1/img\" && losetup --find --show \"$1/img\"";
        let node = sh(script, &[folder.path().to_str().unwrap()]);
        let mut holder = Command::new("unshare")
            .args(["--mount", "--", "sh", "-ec", PLACE, "sh"])
            .arg(folder.path())
            .arg(&node)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the namespace could not be made");
        Self { node, folder, holder }
    }

    fn fstab(&self) -> PathBuf {
        self.folder.path().join("etc/fstab")
    }

    /// A command in its namespace.
    fn inside(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string(), "--mount", "--"]);
        command
    }

    fn in_use(&self) -> bool {
        let swaps = self.inside().args(["cat", "/proc/swaps"]).output().unwrap();
        let swaps = String::from_utf8(swaps.stdout).unwrap();
        swaps.lines().any(|line| line.starts_with(&format!("{} ", self.node)))
    }

    /// `apply` of these tasks, with more arguments.
    fn apply(&self, tasks: &str, more: &[&str]) -> Ran {
        let project = Project::local(&["a"], &play(&tasks.replace("NODE", &self.node)));
        let mut command = self.inside();
        command.args(["sh", "-ec", LINKS, "sh", &self.node, env!("CARGO_BIN_EXE_lustores-provision")]);
        // What nsenter enters has another working directory.
        let inventory = project.path("inventory.yml");
        let arguments = [&["apply", inventory.to_str().unwrap()], more].concat();
        let done = project.in_its_place(command, &arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is UTF-8");
        Ran { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.inside().args(["swapoff", &self.node]).output();
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
        sh("losetup --detach \"$1\"", &[&self.node]);
    }
}

const UUID: &str = "1ef93183-6d45-4132-bbc7-40d3a9fd531e";

fn filesystems(one: &str, other: &str) -> String {
    format!(
        "    - {{name: one, filesystem: {{device: {one}, fstype: ext4}}}}\n    \
         - {{name: other, filesystem: {{device: {other}, fstype: ext4}}}}\n"
    )
}

#[test]
fn two_tasks_for_one_device_are_refused_whatever_they_call_it() {
    let device = Device::new();
    let names = ["NODE", "/dev/disk/by-id/virtio-law", "/dev/mapper/vg-law"];
    for (at, one) in names.iter().enumerate() {
        for other in &names[at + 1..] {
            let ran = device.apply(&filesystems(one, other), &["--yes"]);
            ran.exits(20).has(&["is owned by two tasks: `one` and `other`"]);
        }
    }
    assert_eq!(sh("blkid --probe \"$1\" || true", &[&device.node]), "", "nothing was made");
    // Names that come from what is on it.
    sh("mkfs.ext4 -q -U \"$2\" -L law \"$1\"", &[&device.node, UUID]);
    let by_uuid = format!("/dev/disk/by-uuid/{UUID}");
    for (one, other) in
        [("NODE", &*by_uuid), (&by_uuid, "/dev/disk/by-label/law"), ("/dev/mapper/vg-law", &by_uuid)]
    {
        let ran = device.apply(&filesystems(one, other), &["--check"]);
        ran.exits(20).has(&["is owned by two tasks: `one` and `other`"]);
    }
    device.apply(&filesystems(&by_uuid, "NODE").replace("one,", "one, when: false,"), &["--check"]).exits(0);
}

#[test]
fn swap_on_a_device_is_made_used_and_given_up() {
    let device = Device::new();
    let tasks = "    - {name: made, filesystem: {device: /dev/disk/by-id/virtio-law, fstype: swap, label: law}}\n    \
         - {name: used, swap: {path: NODE, priority: 3}}\n";
    device.apply(tasks, &["--check"]).exits(10).has(&["~ made", "~ used"]);
    device.apply(tasks, &["--yes"]).exits(0);
    assert!(device.in_use());
    let line = format!("{} none swap sw,pri=3 0 0\n", device.node);
    assert_eq!(std::fs::read_to_string(device.fstab()).unwrap(), line);
    device.apply(tasks, &["--check"]).exits(0);

    // By each other name it is the same, in use and in the file, also when the file has another one.
    let uuid = sh("blkid --probe -o value -s UUID \"$1\"", &[&device.node]);
    let by_uuid = format!("/dev/disk/by-uuid/{uuid}");
    let names =
        ["NODE", "/dev/disk/by-id/virtio-law", "/dev/mapper/vg-law", "/dev/disk/by-label/law", &by_uuid];
    let used = |name: &str, more: &str| format!("    - {{name: used, swap: {{path: {name}, {more}}}}}\n");
    for name in names {
        device.apply(&used(name, "priority: 3"), &["--check"]).exits(0);
    }
    let written = format!("/dev/vdz none swap sw 0 0\nUUID=\"{uuid}\" none swap sw,pri=3 0 0\n");
    std::fs::write(device.fstab(), &written).unwrap();
    for name in names {
        device.apply(&used(name, "priority: 3"), &["--check"]).exits(0);
    }
    device.apply(&used("/dev/mapper/vg-law", "priority: 4"), &["--yes"]).exits(0);
    assert!(device.in_use());
    let written = written.replace("pri=3", "pri=4");
    assert_eq!(std::fs::read_to_string(device.fstab()).unwrap(), written);

    let two = used(names[1], "priority: 4") + &used(names[3], "priority: 5").replace("used", "again");
    device.apply(&two, &["--yes"]).exits(20).has(&["is owned by two tasks: `used` and `again`"]);
    // A filesystem of another kind is refused, and says what is there.
    let other = "    - {name: other, filesystem: {device: NODE, fstype: ext4}}\n";
    device.apply(other, &["--check"]).exits(40).has(&["holds swap"]);

    device.apply(&used(names[4], "state: absent"), &["--yes"]).exits(0);
    assert!(!device.in_use());
    assert_eq!(std::fs::read_to_string(device.fstab()).unwrap(), "/dev/vdz none swap sw 0 0\n");
    assert_eq!(sh("blkid --probe -o value -s TYPE \"$1\"", &[&device.node]), "swap", "the device keeps it");
    device.apply(&used(names[4], "state: absent"), &["--check"]).exits(0);
}

#[test]
fn what_is_no_swap_is_not_touched() {
    let device = Device::new();
    let task = "    - {name: used, swap: {path: NODE}}\n";
    device
        .apply(task, &["--yes"])
        .exits(40)
        .has(&["there is no swap on", "`filesystem` with `fstype: swap` makes it"]);
    sh("mkfs.ext4 -q \"$1\"", &[&device.node]);
    device.apply(task, &["--yes"]).exits(40).has(&["holds ext4, not just swap"]);
    let task = "    - {name: used, swap: {path: NODE, size: 1G}}\n";
    device.apply(task, &["--check"]).exits(20).has(&["`size`: the device", "has its own"]);
    assert_eq!(sh("blkid --probe -o value -s TYPE \"$1\"", &[&device.node]), "ext4");
}

#[test]
fn a_swap_file_is_one_by_whichever_links_it_is_reached() {
    let project = Project::tasks(
        "    - {name: one, swap: {path: \"{{home}}/real/swap\", size: 1M}}\n    \
         - {name: other, swap: {path: \"{{home}}/link/swap\", size: 1M}}\n",
    );
    std::fs::create_dir(project.home("a").join("real")).unwrap();
    std::os::unix::fs::symlink("real", project.home("a").join("link")).unwrap();
    project.check().exits(20).has(&["is owned by two tasks: `one` and `other`"]);
}
