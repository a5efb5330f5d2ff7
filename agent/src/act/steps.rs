//! Commands that are one change, with a way back; and what is known of those that were cut short.

use super::state::{self, private_file, private_folder, safe_name};
use super::{Failed, ended};
use crate::child;
use crate::reason;
use crate::secret::Content;
use crate::wire::{Exec, Steps};
use rustix::fs::OFlags;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const FOLDER: &str = "steps";

/// Does them all, or none.
pub fn run(state: &Path, wanted: &Steps, progress: &mut dyn FnMut(Content)) -> Result<(), Failed> {
    let (record, was_there) = begin(state, wanted)?;
    for (at, step) in wanted.steps.iter().enumerate() {
        let Err(mut failed) = one(&step.argv, progress) else { continue };
        let mut all = true;
        for done in wanted.steps[..at].iter().rev() {
            let Some(undo) = &done.undo else {
                all = false;
                continue;
            };
            if let Err(also) = one(undo, progress) {
                all = false;
                let said = also.output.map(|output| tail(&output.stderr)).unwrap_or_default();
                failed.message.push_str(&format!("; undoing failed as well: {}: {said}", also.message));
            }
        }
        if at > 0 {
            let end = if all { "; all is as it was before" } else { "; the next run goes on from here" };
            failed.message.push_str(end);
        }
        if all && !was_there {
            forget(&record)?;
        }
        return Err(failed);
    }
    Ok(forget(&record)?)
}

fn one(argv: &[String], progress: &mut dyn FnMut(Content)) -> Result<(), Failed> {
    let output = child::run(&Exec::new(argv), progress).map_err(child::Failure::message)?;
    let program = argv.first().map_or("", String::as_str);
    if output.code == 0 { Ok(()) } else { Err(ended(program, output)) }
}

fn tail(said: &Content) -> String {
    let text = String::from_utf8_lossy(said.bytes());
    text.trim().lines().next_back().unwrap_or_default().to_string()
}

fn path(state: &Path, name: &str) -> Result<PathBuf, String> {
    if safe_name(name) {
        Ok(state.join(FOLDER).join(name))
    } else {
        Err(format!("{name:?} cannot be a name"))
    }
}

/// Writes the record. Says whether there was one.
fn begin(state: &Path, wanted: &Steps) -> Result<(PathBuf, bool), String> {
    let record = path(state, &wanted.name)?;
    let failed = |error: std::io::Error| format!("cannot write {}: {}", record.display(), reason(error));
    private_folder(&state.join(FOLDER))?;
    let was_there = record.exists();
    // A name that no record can have.
    let next = state.join(FOLDER).join(format!(".{}", wanted.name));
    let mut file = private_file(&next, OFlags::WRONLY | OFlags::TRUNC)?;
    file.write_all(wanted.record.bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&next, &record).map_err(failed)?;
    File::open(state.join(FOLDER)).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok((record, was_there))
}

fn forget(record: &Path) -> Result<(), String> {
    fs::remove_file(record).map_err(|error| format!("cannot remove {}: {}", record.display(), reason(error)))
}

/// What was left by steps of this name that were cut short.
pub fn left(name: &str) -> Result<Option<String>, String> {
    let path = path(&state::path()?, name)?;
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {}", path.display(), reason(error))),
    }
}
