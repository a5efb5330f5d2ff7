//! The guests' disk image, made from Debian's packages.

use super::Lab;
use super::command::{Result, on, program, remove, run};
use super::progress::Step;
use super::spec::Suite;
use crate::diag::{Diagnostic, Exit};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const INIT: &str = include_str!("guest/init.sh");
const IDENTITY: &str = include_str!("guest/identity.sh");
const SETUP: &str = include_str!("guest/setup.sh");

const PACKAGES: &str = "systemd,systemd-sysv,dbus,udev,openssh-server,sudo,iproute2,ca-certificates,kmod,procps,\
                        e2fsprogs,linux-image-cloud-amd64";
/// Modules that the initrd needs to mount the root disk.
const MODULES: [&str; 3] = ["virtio_pci", "virtio_blk", "ext4"];
/// Size that the guests see; what they do not write takes no room.
const DISK_SIZE: &str = "10G";

/// A built image.
pub(super) struct Image {
    /// Changes with everything that goes into it.
    pub key: String,
    dir: PathBuf,
}

impl Image {
    pub fn disk(&self) -> PathBuf {
        self.dir.join("base.qcow2")
    }
    pub fn kernel(&self) -> PathBuf {
        self.dir.join("vmlinuz")
    }
    pub fn initrd(&self) -> PathBuf {
        self.dir.join("initrd")
    }
}

/// The image of `suite`, built unless it is there.
pub(super) fn ensure(lab: &Lab, suite: Suite) -> Result<Image> {
    // For people behind a mirror of their own; mmdebstrap's default otherwise.
    let mirror = std::env::var("LUSTORES_LAB_MIRROR").ok();
    let authorized = lab.read_key("id.pub")?;
    let host_key = lab.read_key("host_key")?;
    // `FORM`: to be changed with how the image is made from these.
    const FORM: &str = "1";
    let key = super::key_of(&[
        FORM,
        suite.name(),
        mirror.as_deref().unwrap_or_default(),
        PACKAGES,
        &MODULES.concat(),
        DISK_SIZE,
        INIT,
        IDENTITY,
        SETUP,
        &authorized,
        &host_key,
    ]);
    let dir = lab.dir.join("images").join(format!("{}-{key}", suite.name()));
    let image = Image { key, dir };
    if image.dir.is_dir() {
        return Ok(image);
    }
    let step = Step::start(format!("building the Debian {} image", suite.name()), "60 s");
    let new = lab.dir.join("images/.new");
    remove(&new)?;
    fs::create_dir_all(&new).map_err(on("create", &new))?;
    let root = new.join("root");
    bootstrap(suite, mirror.as_deref(), &root)?;
    configure(&root, &authorized, &host_key, &lab.dir)?;
    boot_files(&root, &new)?;
    let raw = new.join("base.raw");
    run(program("mke2fs")
        .args(["-q", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", "-d"])
        .args([&root, &raw])
        .arg(DISK_SIZE))?;
    run(Command::new("qemu-img").args(["convert", "-O", "qcow2"]).args([&raw, &new.join("base.qcow2")]))?;
    fs::remove_file(&raw).map_err(on("remove", &raw))?;
    remove(&root)?;
    fs::rename(&new, &image.dir).map_err(on("create", &image.dir))?;
    step.done();
    Ok(image)
}

fn bootstrap(suite: Suite, mirror: Option<&str>, root: &Path) -> Result<()> {
    let mut command = program("mmdebstrap");
    command.args(["--quiet", "--mode=root", "--format=directory", "--variant=minbase"]);
    command.arg(format!("--include={PACKAGES}"));
    command.args(["--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\""]);
    for tree in ["man", "doc", "locale"] {
        command.arg(format!("--dpkgopt=path-exclude=/usr/share/{tree}/*"));
    }
    command.arg(suite.name()).arg(root).args(mirror);
    run(&mut command).map(drop)
}

fn configure(root: &Path, authorized: &str, host_key: &str, lab_dir: &Path) -> Result<()> {
    let ssh = root.join("etc/ssh");
    for entry in fs::read_dir(&ssh).map_err(on("read", &ssh))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("ssh_host_") {
            fs::remove_file(entry.path()).map_err(on("remove", &entry.path()))?;
        }
    }
    write(&ssh.join("ssh_host_ed25519_key"), host_key.as_bytes(), 0o600)?;
    let public = fs::read(lab_dir.join("keys/host_key.pub")).map_err(on("read", lab_dir))?;
    write(&ssh.join("ssh_host_ed25519_key.pub"), &public, 0o644)?;
    write(&root.join("usr/local/sbin/lab-identity"), IDENTITY.as_bytes(), 0o755)?;
    run(program("chroot").arg(root).args(["/bin/sh", "-c", SETUP]).env("LAB_KEY", authorized.trim()))?;
    Ok(())
}

/// Takes the kernel out of the image and packs an initrd of one busybox and a few modules: it boots sooner than
/// the distribution's.
fn boot_files(root: &Path, out: &Path) -> Result<()> {
    let modules = root.join("usr/lib/modules");
    let release = fs::read_dir(&modules)
        .map_err(on("read", &modules))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .next()
        .ok_or_else(|| Diagnostic::error("the image has no kernel").exit(Exit::TaskFailed))?;
    let kernel = root.join(format!("boot/vmlinuz-{release}"));
    fs::copy(&kernel, out.join("vmlinuz")).map_err(on("copy", &kernel))?;

    let busybox = run(Command::new("sh").args(["-c", "command -v busybox"]))?;
    let busybox = PathBuf::from(String::from_utf8_lossy(&busybox).trim());
    let mut archive = Archive::default();
    for folder in ["bin", "dev", "proc", "new", "modules"] {
        archive.add(folder, 0o040_755, &[]);
    }
    archive.add("bin/busybox", 0o100_755, &fs::read(&busybox).map_err(on("read", &busybox))?);
    archive.add("init", 0o100_755, INIT.as_bytes());
    let mut seen = vec![];
    for module in MODULES {
        let listed = run(program("chroot").arg(root).args([
            "modprobe",
            "--set-version",
            &release,
            "--show-depends",
            module,
        ]))?;
        for line in String::from_utf8_lossy(&listed).lines() {
            let Some(path) = line.strip_prefix("insmod ").map(str::trim) else { continue };
            if seen.iter().any(|known| known == path) {
                continue;
            }
            let file = root.join(path.trim_start_matches('/'));
            let content = if path.ends_with(".xz") {
                run(Command::new("xz").arg("-dc").arg(&file))?
            } else {
                fs::read(&file).map_err(on("read", &file))?
            };
            archive.add(&format!("modules/{:02}", seen.len()), 0o100_644, &content);
            seen.push(path.to_owned());
        }
    }
    let initrd = out.join("initrd");
    fs::write(&initrd, archive.finish()).map_err(on("write", &initrd))
}

fn write(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(content))
        .map_err(on("write", path))
}

/// A `cpio` archive in the form the kernel unpacks (`newc`).
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    fn add(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let size = u32::try_from(content.len()).expect("files of an initrd are small");
        let name_size = u32::try_from(name.len() + 1).expect("names are short");
        // Magic, then: inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name size, check.
        self.bytes.extend(b"070701");
        for field in [self.entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0] {
            self.bytes.extend(format!("{field:08X}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.add("TRAILER!!!", 0, &[]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    #[test]
    fn cpio_reads_the_archive_back() {
        let mut archive = Archive::default();
        archive.add("bin", 0o040_755, &[]);
        // Lengths of each remainder by four: what follows must be found all the same.
        let files: Vec<(String, Vec<u8>)> =
            (0..6).map(|n| (format!("bin/{}", "x".repeat(n + 1)), vec![b'a' + n as u8; n * 7])).collect();
        for (name, content) in &files {
            archive.add(name, 0o100_751, content);
        }
        let bytes = archive.finish();
        let folder = tempfile::tempdir().unwrap();
        let cpio = |arguments: &[&str]| {
            let mut command = Command::new("cpio");
            command.args(arguments).current_dir(folder.path());
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("cpio is there: tests/deps installs it");
            child.stdin.take().unwrap().write_all(&bytes).unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let names: Vec<_> =
            std::iter::once("bin").chain(files.iter().map(|(name, _)| name.as_str())).collect();
        assert_eq!(cpio(&["--quiet", "-t"]).lines().collect::<Vec<_>>(), names);
        let long = cpio(&["--quiet", "-tv"]);
        assert!(long.starts_with("drwxr-xr-x") && long.matches("-rwxr-x--x").count() == 6, "{long}");
        cpio(&["--quiet", "-i"]);
        for (name, content) in &files {
            assert_eq!(&fs::read(folder.path().join(name)).unwrap(), content, "{name}");
        }
    }
}
