//! A reboot ends the countdown, and what was changed on disk stays: so a unit that is there for as long as the revert is
//! pending reverts when the machine comes up. Units that load what may be reverted come after it by its name,
//! `provision-revert-TOKEN.service`.

use super::beside;
use crate::reason;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

const UNITS: &str = "/etc/systemd/system";

fn paths(token: &str) -> (PathBuf, PathBuf) {
    let name = format!("provision-revert-{token}.service");
    let units = Path::new(UNITS);
    (units.join(&name), units.join("sysinit.target.wants").join(name))
}

/// Root's, where systemd runs.
fn serves() -> bool {
    rustix::process::geteuid().is_root() && Path::new("/run/systemd/system").is_dir()
}

fn write(path: &Path, mode: u32, bytes: &[u8]) -> std::io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub fn install(plan: &Path, token: &str) -> Result<(), String> {
    if !serves() {
        return Ok(());
    }
    let (unit, wanted) = paths(token);
    // The agent's own file may be in memory only.
    let agent = beside(plan, "agent");
    let text = format!(
        "[Unit]\nDescription=Goes back from a change that nobody confirmed\nDefaultDependencies=no\n\
         RequiresMountsFor=\"{}\"\nWants=network-pre.target\nAfter=local-fs.target systemd-modules-load.service\n\
         Before=network-pre.target shutdown.target\nConflicts=shutdown.target\n\n\
         [Service]\nType=oneshot\nTimeoutStartSec=120\nExecStart=\"{}\" revert-at-boot \"{}\"\n\n[Install]\nWantedBy=sysinit.target\n",
        plan.display(),
        agent.display(),
        plan.display()
    );
    let made = fs::read("/proc/self/exe")
        .and_then(|bytes| write(&agent, 0o700, &bytes))
        .and_then(|()| write(&unit, 0o644, text.as_bytes()))
        .and_then(|()| fs::create_dir_all(wanted.parent().unwrap_or(Path::new(UNITS))))
        .and_then(|()| {
            let _ = fs::remove_file(&wanted);
            symlink(&unit, &wanted)
        })
        .and_then(|()| fs::File::open(UNITS)?.sync_all())
        .and_then(|()| fs::File::open(wanted.parent().unwrap_or(Path::new(UNITS)))?.sync_all());
    made.map_err(|error| format!("cannot make it survive a reboot: {}", reason(error)))
}

pub fn remove(plan: &Path, token: &str) {
    if serves() {
        let (unit, wanted) = paths(token);
        for path in [wanted, unit, beside(plan, "agent")] {
            let _ = fs::remove_file(path);
        }
    }
}
