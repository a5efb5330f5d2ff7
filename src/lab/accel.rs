//! How guests are run: `/dev/kvm` where it really works, plain emulation elsewhere.

use super::Lab;
use super::command::{Result, on, run};
use super::image::Image;
use super::progress::{Step, say};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A KVM that works says so within two seconds; one that does not may hang.
const TRIAL: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accel {
    Kvm,
    Emulation,
}

impl Accel {
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Emulation => "emulation",
        }
    }

    /// One when emulated: QEMU's threads for several lose track of code that the kernel patches while it runs, and a guest
    /// then dies of an `int3` every now and then.
    pub fn cpus(self) -> &'static str {
        match self {
            Self::Kvm => "2",
            Self::Emulation => "1",
        }
    }

    pub fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            // A CPU without wide vectors: those are slow to emulate.
            Self::Emulation => ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem-v1"],
        }
    }
}

pub(super) fn qemu_version() -> Result<String> {
    let text = run(Command::new("qemu-system-x86_64").arg("--version"))?;
    Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned())
}

/// Finds out, once per boot of this machine, whether KVM runs the guests' kernel.
pub(super) fn choose(lab: &Lab, image: &Image) -> Result<Accel> {
    if !Path::new("/dev/kvm").exists() {
        return Ok(Accel::Emulation);
    }
    let known = fs::read_to_string(lab.dir.join("accel")).unwrap_or_default();
    for accel in [Accel::Kvm, Accel::Emulation] {
        if known == memo(image, accel)? {
            return Ok(accel);
        }
    }
    let step = Step::start("trying /dev/kvm", "5 s");
    let accel = if kvm_runs(lab, image)? { Accel::Kvm } else { Accel::Emulation };
    step.done();
    if accel == Accel::Emulation {
        say("/dev/kvm does not run this kernel: guests are emulated, which is slower");
    }
    remember(lab, image, accel)?;
    Ok(accel)
}

/// What a trial came to, valid until this machine is booted again.
fn memo(image: &Image, accel: Accel) -> Result<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Ok(format!("{} {}", super::key_of(&[&qemu_version()?, &boot, &image.key]), accel.name()))
}

/// Keeps a choice, so that it is not tried again before the next boot.
pub(super) fn remember(lab: &Lab, image: &Image, accel: Accel) -> Result<()> {
    let file = lab.dir.join("accel");
    fs::write(&file, memo(image, accel)?).map_err(on("write", &file))
}

/// Boots the kernel far enough to run our initrd, which then says so.
fn kvm_runs(lab: &Lab, image: &Image) -> Result<bool> {
    let console = lab.dir.join("kvm-trial.log");
    let file = fs::File::create(&console).map_err(on("create", &console))?;
    let mut command = Command::new("qemu-system-x86_64");
    command.args(Accel::Kvm.arguments()).args(["-smp", Accel::Kvm.cpus(), "-m", "512", "-machine", "pc"]);
    command.args(["-display", "none", "-nodefaults", "-no-user-config", "-no-reboot", "-serial", "stdio"]);
    command.arg("-kernel").arg(image.kernel()).arg("-initrd").arg(image.initrd());
    command.args(["-append", "console=ttyS0 panic=-1 quiet lab.probe"]);
    command.stdin(Stdio::null()).stderr(file.try_clone().map_err(on("open", &console))?).stdout(file);
    let Ok(mut child) = command.spawn() else { return Ok(false) };
    let runs = watch(&mut child, &console, TRIAL);
    let _ = child.kill();
    let _ = child.wait();
    Ok(runs)
}

/// Whether what `child` writes to `console` says, within `limit`, that the kernel runs.
fn watch(child: &mut Child, console: &Path, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        let ended = !matches!(child.try_wait(), Ok(None));
        let text = fs::read(console).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        if text.contains("lab-kernel-runs") {
            return true;
        }
        if ended || text.contains("KVM internal error") {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a child that does this, as QEMU would, with its console as stdout.
    fn watched(script: &str, limit: Duration) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let console = folder.path().join("console");
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(fs::File::create(&console).unwrap());
        let mut child = command.spawn().unwrap();
        let runs = watch(&mut child, &console, limit);
        let _ = child.kill();
        child.wait().unwrap();
        runs
    }

    /// More than any of these needs: a wrong turn would wait for it.
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_kernel_that_says_it_runs_is_believed() {
        assert!(watched("echo booting; sleep 0.3; echo lab-kernel-runs; exec sleep 1000", LONG));
        // The last words of one that has ended.
        assert!(watched("echo lab-kernel-runs", LONG));
    }

    #[test]
    fn an_error_of_kvm_or_an_early_end_means_emulation() {
        assert!(!watched("echo 'KVM internal error. Suberror: 1'; exec sleep 1000", LONG));
        assert!(!watched("echo booting; exit 1", LONG));
    }

    #[test]
    fn a_silent_one_is_given_up() {
        assert!(!watched("echo booting; exec sleep 1000", Duration::from_millis(300)));
    }
}
