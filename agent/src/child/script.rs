//! A program that a command brings along: a private file for as long as the command runs.

use crate::act::state::{Held, folder, path, private_folder};
use crate::reason;
use crate::wire::Script;
use rustix::process::{Pid, test_kill_process};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

pub struct Placed {
    folder: PathBuf,
    _held: Held,
    pub path: String,
}

impl Placed {
    /// In the agent's own folder, since `/tmp` is often one from which nothing may be run.
    pub fn put(script: &Script) -> Result<Self, String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let plain = !script.name.contains(['/', '\0']) && !["", ".", ".."].contains(&&*script.name);
        if !plain {
            return Err(format!("{:?} is not the name of a file", script.name));
        }
        let scripts = folder()?.join("scripts");
        private_folder(&scripts)?;
        let (own, held) = loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let own = scripts.join(format!("{}.{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&own) {
                // One that is swept at that moment, or was left by another process of our number.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(format!("cannot make {}: {}", own.display(), reason(error))),
                Ok(()) => {
                    if let Ok(held) = Held::take(&own) {
                        break (own, held);
                    }
                }
            }
        };
        let path = own.join(&script.name);
        let placed = Self { folder: own, _held: held, path: path.to_string_lossy().into_owned() };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path);
        file.and_then(|mut file| file.write_all(script.content.bytes()))
            .map_err(|error| format!("cannot write {}: {}", placed.path, reason(error)))?;
        Ok(placed)
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes what agents left that were killed. What a living one runs, it holds; one of before is known by its number (`PID-COUNT`).
pub fn sweep() {
    let is_of_before = |name: &str| {
        let pid = name.split_once('-').and_then(|(pid, _)| pid.parse().ok()).and_then(Pid::from_raw);
        pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
    };
    let Ok(scripts) = path().map(|state| state.join("scripts")) else { return };
    for entry in fs::read_dir(scripts).into_iter().flatten().flatten() {
        let at_work = entry.file_name().to_str().is_some_and(is_of_before);
        if !at_work && let Ok(_held) = Held::take(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
