//! What a plan was made of, and whether that is still the same.

use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    plan::saved::{Input, Printer, SavedPlan},
    vault::Inputs,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

const AGAIN: &str = "plan again; or bring back what the plan was made of";

/// All that was read so far, by name.
pub fn all(inputs: &Inputs, printer: &Printer) -> Vec<Input> {
    let files = inputs.all_files().into_iter().map(|(path, digest)| Input::File {
        name: name(&path),
        sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    });
    let printed = inputs.all_printed().into_iter();
    let printed = printed.map(|(name, digest)| Input::Program { name, print: printer.digest(&digest) });
    files.chain(printed).collect()
}

/// A file as it is called from here.
fn name(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// Looks at each file of a plan.
///
/// # Errors
/// Those that are gone, or are not what they were.
pub fn unchanged(plan: &SavedPlan, path: &Path) -> Result<(), Diagnostics> {
    let mut found = Diagnostics::default();
    for input in &plan.inputs {
        let Input::File { name, sha256 } = input else { continue };
        let place = Origin::named(name);
        match std::fs::read(name) {
            Ok(bytes) => {
                let now: String = Inputs::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
                if now != *sha256 {
                    let error = Diagnostic::error(format!("{name} has changed since the plan was made"));
                    found.push(error.at(&place).hint(AGAIN));
                }
            }
            Err(cause) => {
                let error = Diagnostic::error(format!("{name} cannot be read, of which the plan was made"));
                let error = error.at(&place).cause(cause);
                found.push(error.hint(format!(
                    "apply {} in the folder in which it was made, with all files that were there",
                    path.display()
                )));
            }
        }
    }
    found.into_result(())
}

/// Holds what was read now against what the plan was made of.
///
/// # Errors
/// Files that the plan does not know; programs that print something else.
pub fn same(plan: &SavedPlan, now: &Inputs, printer: &Printer) -> Result<(), Diagnostics> {
    let mut found = Diagnostics::default();
    let known: BTreeSet<&str> = plan.inputs.iter().map(Input::name).collect();
    for input in all(now, printer) {
        let name = input.name();
        let error = match &input {
            _ if !known.contains(name) => {
                Diagnostic::error(format!("{name} is read, and was not when the plan was made"))
            }
            Input::Program { .. } if !plan.inputs.contains(&input) => {
                Diagnostic::error(format!("`{name}` prints something else than when the plan was made"))
            }
            // What is read twice is looked at twice: it may change meanwhile.
            Input::File { .. } if !plan.inputs.contains(&input) => {
                Diagnostic::error(format!("{name} has changed since the plan was made"))
            }
            _ => continue,
        };
        found.push(error.at(&Origin::named(name)).hint(AGAIN));
    }
    found.into_result(())
}

/// A path as it stands in a plan.
pub fn written(path: &Path) -> String {
    let path: PathBuf = path.components().filter(|part| *part != std::path::Component::CurDir).collect();
    name(&path)
}
