//! The frozen running state: a booted guest, written down once, from which machines wake up in seconds.

use super::Lab;
use super::accel::{Accel, qemu_version};
use super::command::{Result, on, remove};
use super::image::Image;
use super::machine::{Machine, Origin};
use super::progress::Step;
use super::spec::Spec;
use std::fs;
use std::path::PathBuf;

pub(super) struct Frozen {
    dir: PathBuf,
}

impl Frozen {
    pub fn disk(&self) -> PathBuf {
        self.dir.join("disk.qcow2")
    }

    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }
}

/// The frozen state of `image` on this QEMU, made unless it is there.
pub(super) fn ensure(lab: &Lab, image: &Image, spec: &Spec, accel: Accel) -> Result<Frozen> {
    // `FORM`: to be changed with the machine's devices and the kernel's parameters.
    const FORM: &str = "3";
    let memory = spec.memory.to_string();
    let key = super::key_of(&[FORM, &image.key, &qemu_version()?, accel.name(), &memory]);
    let frozen = Frozen { dir: lab.dir.join("frozen").join(format!("{}-{key}", spec.suite.name())) };
    if frozen.dir.is_dir() {
        return Ok(frozen);
    }
    let usual = if accel == Accel::Kvm { "10 s" } else { "45 s" };
    let step = Step::start("booting once, to freeze the running state", usual);
    let machine = Machine::new(lab, 0);
    machine.destroy()?;
    machine.start(&Origin { image, disk: image.disk(), state: None, accel, memory: spec.memory })?;
    machine.wait()?;
    machine.script(
        "systemctl is-system-running --wait > /dev/null || true; sync; echo 3 > /proc/sys/vm/drop_caches; sync",
        &[],
    )?;
    let new = lab.dir.join("frozen/.new");
    remove(&new)?;
    fs::create_dir_all(&new).map_err(on("create", &new))?;
    machine.monitor()?.freeze(&new.join("state"))?;
    let disk = machine.dir().join("disk.qcow2");
    fs::rename(&disk, new.join("disk.qcow2")).map_err(on("move", &disk))?;
    fs::rename(&new, &frozen.dir).map_err(on("create", &frozen.dir))?;
    machine.destroy()?;
    step.done();
    Ok(frozen)
}
