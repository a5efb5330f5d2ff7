//! What a run leaves on the host for the next one to compare with: `records/NAME` in the agent's folder.

use super::state::{self, private_file, private_folder, safe_name};
use crate::reason;
use crate::secret::Content;
use rustix::fs::OFlags;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// No record is as large: one line for each task.
const LARGEST: u64 = 16 << 20;

fn place(state: &Path, name: &str) -> Result<PathBuf, String> {
    if safe_name(name) {
        Ok(state.join("records").join(name))
    } else {
        Err(format!("the record {name:?} has no plain name"))
    }
}

/// See [`crate::wire::Query::Record`].
pub fn look(name: &str, whole: bool) -> Result<Option<Content>, String> {
    let path = place(&state::path()?, name)?;
    let mut text = vec![];
    match File::open(&path) {
        Ok(file) => file
            .take(LARGEST)
            .read_to_end(&mut text)
            .map_err(|error| format!("cannot read {}: {}", path.display(), reason(error)))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot read {}: {}", path.display(), reason(error))),
    };
    if !whole {
        let head = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| at + 1);
        let digest = blake3::hash(&text[head..]).to_hex();
        text.truncate(head);
        text.extend(digest.as_bytes());
    }
    Ok(Some(Content::new(text, true)))
}

/// Keeps it whole or not at all.
pub fn keep(state: &Path, name: &str, text: &Content) -> Result<(), String> {
    let path = place(state, name)?;
    let folder = state.join("records");
    private_folder(&folder)?;
    let failed = |error: io::Error| format!("cannot write {}: {}", path.display(), reason(error));
    // The lease says that nobody else writes here; the name is none that a record can have.
    let new = folder.join(format!(".{name}"));
    let mut file = private_file(&new, OFlags::WRONLY | OFlags::TRUNC)?;
    file.write_all(text.bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, &path).map_err(failed)?;
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(failed)
}
