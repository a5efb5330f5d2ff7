//! What was done, written down before it is done; and what was there before.
//!
//! One line of JSON a record in `runs/<run>/journal`: `begin` with the ops, then `done` or `failed`. No content, no
//! argument of a command and no environment is written, since each may be secret. Previous content is in
//! `runs/<run>/saved/`, under the name that the record gives.

use super::state::{KEPT_BYTES, private_file, private_folder};
use super::walk::Place;
use crate::wire::{Apply, Op};
use crate::{reason, serve};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

pub struct Journal {
    state: PathBuf,
    run: PathBuf,
    written: Mutex<Written>,
    synced: Condvar,
    /// Makes names unlike those of another process of our number: after a reboot they are given again.
    tag: String,
    count: AtomicU64,
    saved_bytes: AtomicU64,
}

#[derive(Default)]
struct Written {
    /// Opened with the first record: a run that changes nothing leaves nothing.
    file: Option<Arc<File>>,
    records: u64,
    durable: u64,
    syncing: bool,
}

impl Journal {
    pub fn new(state: PathBuf, run: &str) -> Self {
        let run = state.join("runs").join(run);
        Self {
            state,
            run,
            written: Mutex::default(),
            synced: Condvar::new(),
            tag: tag(),
            count: AtomicU64::new(0),
            saved_bytes: AtomicU64::new(0),
        }
    }

    /// The agent's state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The run's own folder.
    pub fn folder(&self) -> &Path {
        &self.run
    }

    /// The run's name.
    pub fn run(&self) -> &str {
        self.run.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default()
    }

    /// A name that nothing else of any run has: `PID-TAG-COUNT`.
    pub fn fresh(&self) -> String {
        format!("{}-{}-{}", std::process::id(), self.tag, self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes down, durably, what is about to be done. Returns the number by which [`Journal::end`] refers to it.
    pub fn begin(&self, apply: &Apply, saved: &[Option<String>]) -> Result<String, String> {
        let number = self.fresh();
        let ops: Vec<String> =
            apply.ops.iter().zip(saved).map(|(op, saved)| describe(op, saved.as_deref())).collect();
        self.append(
            &format!(
                r#"{{"at":{},"id":"{number}","state":"begin","task":{},"ops":[{}]}}"#,
                serve::now().0,
                json(&apply.task),
                ops.join(",")
            ),
            true,
        )?;
        Ok(number)
    }

    /// Writes down how it ended. Made durable by the next record that must be.
    pub fn end(&self, number: &str, failed: Option<u32>) -> Result<(), String> {
        let how = match failed {
            None => r#""state":"done""#.to_string(),
            Some(index) => format!(r#""state":"failed","op":{index}"#),
        };
        self.append(&format!(r#"{{"at":{},"id":"{number}",{how}}}"#, serve::now().0), false)
    }

    fn append(&self, record: &str, durable: bool) -> Result<(), String> {
        let failed = |error: std::io::Error| {
            format!("cannot write the journal in {}: {}", self.run.display(), reason(error))
        };
        let mut written = self.lock();
        let file = self.open(&mut written)?;
        (&*file).write_all(format!("{record}\n").as_bytes()).map_err(failed)?;
        written.records += 1;
        let mine = written.records;
        // Group commit: one thread syncs for all that have written before it, the others wait for it.
        while durable && written.durable < mine {
            if written.syncing {
                written = self.synced.wait(written).unwrap_or_else(|poisoned| poisoned.into_inner());
                continue;
            }
            written.syncing = true;
            let up_to = written.records;
            drop(written);
            let result = file.sync_data();
            written = self.lock();
            written.syncing = false;
            if result.is_ok() {
                written.durable = up_to;
            }
            self.synced.notify_all();
            result.map_err(failed)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn open(&self, written: &mut Written) -> Result<Arc<File>, String> {
        if written.file.is_none() {
            written.file = Some(self.create()?.into());
        }
        Ok(written.file.clone().expect("it was just opened"))
    }

    fn create(&self) -> Result<File, String> {
        let runs = self.state.join("runs");
        private_folder(&runs)?;
        private_folder(&self.run)?;
        private_folder(&self.run.join("saved"))?;
        let file = private_file(&self.run.join("journal"), OFlags::WRONLY | OFlags::APPEND)?;
        for folder in [&runs, &self.run] {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| format!("cannot write {}: {}", folder.display(), reason(error)))?;
        }
        Ok(file)
    }

    /// Keeps what is at a place before it is replaced or removed: as a second name of the same data where that can
    /// be, as a copy elsewhere. For a folder (`tree`) only a name is set aside, to which the removal moves or copies it. Returns
    /// the name in `saved/`, or `None` when there is nothing to keep or it is too much.
    pub fn save(&self, place: &Place, tree: bool) -> Result<Option<String>, String> {
        let failed = |error: std::io::Error| {
            format!("cannot keep the previous content of {}: {}", place.name.display(), reason(error))
        };
        let Some(stat) = super::file::look(place).map_err(|error| failed(error.into()))? else {
            return Ok(None);
        };
        let bytes = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => stat.st_size as u64,
            FileType::Symlink => 0,
            FileType::Directory if tree => super::state::size(&place.real_path().map_err(failed)?),
            _ => return Ok(None),
        };
        if self.saved_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > KEPT_BYTES {
            self.saved_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Ok(None);
        }
        self.open(&mut self.lock())?;
        let name = self.fresh();
        let kept = self.saved(&name);
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory
            || rustix::fs::linkat(&place.folder, &place.name, CWD, &kept, AtFlags::empty()).is_ok()
        {
            return Ok(Some(name));
        }
        if kind != FileType::RegularFile {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&place.folder, &place.name, flags, Mode::empty());
        let mut from = File::from(opened.map_err(|error| failed(error.into()))?);
        let mut to = private_file(&kept, OFlags::WRONLY | OFlags::EXCL)?;
        std::io::copy(&mut from, &mut to).and_then(|_| to.sync_data()).map_err(failed)?;
        Ok(Some(name))
    }

    /// Where saved content of this name is.
    pub fn saved(&self, name: &str) -> PathBuf {
        self.run.join("saved").join(name)
    }
}

fn tag() -> String {
    let mut random = [0; 4];
    let filled = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
    let (seconds, nanoseconds) = serve::now();
    let number = u32::from_le_bytes(random);
    format!("{:08x}", if filled == Ok(4) { number } else { (seconds ^ nanoseconds) as u32 })
}

/// One op as the journal names it: no content, no arguments.
pub fn describe(op: &Op, saved: Option<&str>) -> String {
    let (name, what) = match op {
        Op::MakeFolder { path, .. } => ("make_folder", path.as_str()),
        Op::WriteFile { path, .. } => ("write_file", path.as_str()),
        Op::CopyFile(copy) => ("copy_file", copy.path.as_str()),
        Op::SetAttrs { path, .. } => ("set_attrs", path.as_str()),
        Op::SetXattr { path, .. } => ("set_xattr", path.as_str()),
        Op::SetAcl { path, .. } => ("set_acl", path.as_str()),
        Op::MakeLink { path, .. } => ("make_link", path.as_str()),
        Op::MakeHardLink { path, .. } => ("make_hard_link", path.as_str()),
        Op::SetTree(wish) => ("set_tree", wish.path.as_str()),
        Op::Remove { path, .. } => ("remove", path.as_str()),
        Op::Job { exec, .. } => ("job", exec.argv.first().map_or("", String::as_str)),
        Op::Exec { exec, .. } => ("exec", exec.argv.first().map_or("", String::as_str)),
        Op::Packages { args, .. } => ("packages", args.first().map_or("", String::as_str)),
        Op::Download(download) => ("download", download.path.as_str()),
        Op::Steps(wanted) => ("steps", wanted.name.as_str()),
        Op::Unpack(wish) => ("unpack", wish.dest.as_str()),
        Op::Arm { token, .. } => ("arm", token.as_str()),
        Op::Wait(_) => ("wait", ""),
        Op::Note { .. } => ("note", ""),
        Op::Earlier(_) => ("earlier", ""),
    };
    let saved = saved.map(|name| format!(r#","saved":{}"#, json(name))).unwrap_or_default();
    format!(r#"{{"op":"{name}","what":{}{saved}}}"#, json(what))
}

/// A JSON string.
pub fn json(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            letter if (letter as u32) < 0x20 => quoted.push_str(&format!("\\u{:04x}", letter as u32)),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_strings_are_escaped() {
        assert_eq!(json("a\"b\\c\nd\u{1}é"), "\"a\\\"b\\\\c\\nd\\u0001é\"");
    }
}
