//! A program that a command brings along: a private file for as long as the command runs.

use crate::act::state::{folder, private_folder};
use crate::reason;
use crate::wire::Script;
use rustix::process::{Pid, test_kill_process};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub struct Placed {
    folder: PathBuf,
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
        clear(&scripts);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let own = scripts.join(format!("{}-{number}", std::process::id()));
        private_folder(&own)?;
        let path = own.join(&script.name);
        let placed = Self { folder: own, path: path.to_string_lossy().into_owned() };
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

/// Removes what agents left that were killed.
fn clear(scripts: &Path) {
    for entry in fs::read_dir(scripts).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.split('-').next()?.parse().ok()).and_then(Pid::from_raw);
        if pid.is_none_or(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
