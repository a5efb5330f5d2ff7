//! Saved plans on disk.

use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    plan::saved::{FORM, KIND, SavedPlan},
};
use serde_json::Value as Json;
use std::{
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// No plan is larger, in bytes.
const LARGEST: u64 = 1 << 30;

/// Whether a file is meant as a saved plan: by its name, or by how it begins.
pub fn is_plan(path: &Path) -> bool {
    if path.extension().is_some_and(|end| end == "plan") {
        return !path.is_dir();
    }
    // Of a pipe that is an inventory nothing may be taken.
    if !path.is_file() {
        return false;
    }
    let mut start = [0; 64];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    let start = String::from_utf8_lossy(&start[..read]);
    start.trim_start().starts_with('{') && start.contains(&format!("\"{KIND}\""))
}

/// Where the signature of a file is.
pub fn name_of_signature(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Reads a saved plan; with it the bytes of the file.
///
/// # Errors
/// What is none, is cut off, or is of another version.
pub fn read(path: &Path) -> Result<(SavedPlan, Vec<u8>), Diagnostics> {
    let name = path.display();
    let mut text = String::new();
    let file = std::fs::File::open(path)
        .map_err(|error| Diagnostic::error(format!("cannot read the plan {name}")).cause(error))?;
    let none = |cause: String| {
        let error = Diagnostic::error(format!("{name} is no saved plan")).cause(cause);
        Diagnostics::from(error.hint("`plan INVENTORY -o FILE` makes one"))
    };
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| none(error.to_string()))?;
    let json: Json = serde_json::from_str(&text).map_err(|error| {
        let cut = error.is_eof() && !text.is_empty();
        none(if cut { format!("it is cut off: {error}") } else { error.to_string() })
    })?;
    if json["kind"].as_str() != Some(KIND) {
        return Err(none(format!("it does not say `\"kind\": \"{KIND}\"`")));
    }
    match json["schema"].as_u64() {
        Some(form) if form == u64::from(FORM) => {}
        Some(form) => {
            let cause = format!("it is of version {form} of saved plans, and this program knows {FORM}");
            return Err(none(cause));
        }
        None => return Err(none("it does not say of which version it is".into())),
    }
    let plan = SavedPlan::read(json).map_err(|error| none(error.to_string()))?;
    Ok((plan, text.into_bytes()))
}

/// Finds what could not be written, before anything is done.
///
/// # Errors
/// A folder that is not there, or something in the way.
pub fn may_write(path: &Path) -> Result<(), Diagnostics> {
    let error = |why: &str, hint: String| {
        let error = Diagnostic::error(format!("cannot save the plan in {}", path.display()));
        Err(error.cause(why).hint(hint).at(&Origin::named("--out")).into())
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return error("it is a directory", "name a file such as `prod.plan`".into());
    }
    if !folder.is_dir() {
        return error("there is no such directory", format!("make it first: mkdir -p {}", folder.display()));
    }
    Ok(())
}

/// The text of a saved plan.
pub fn text(plan: &SavedPlan) -> String {
    serde_json::to_string_pretty(plan).expect("texts are JSON") + "\n"
}

/// Writes a saved plan, and its signature beside it; one that is there of another plan goes.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path, text: &str, signature: Option<&[u8]>) -> Result<(), Diagnostic> {
    let beside = name_of_signature(path);
    let written = write_whole(path, text.as_bytes()).and_then(|()| match signature {
        Some(signature) => write_whole(&beside, signature),
        None if is_signature(&beside) => std::fs::remove_file(&beside),
        None => Ok(()),
    });
    written.map_err(|error| {
        Diagnostic::error(format!("the plan cannot be saved in {}", path.display())).cause(error)
    })
}

fn is_signature(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"-----BEGIN SSH SIGNATURE-----"))
}

/// Whole or not at all, for whomever a new file is for: it is to be published.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The system takes away what the user's umask takes away.
    let everyone = std::fs::Permissions::from_mode(0o666);
    let mut new = tempfile::Builder::new().prefix(".plan-").permissions(everyone).tempfile_in(folder)?;
    new.write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    Ok(())
}
