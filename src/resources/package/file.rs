//! A package in a file of the host: which one it is, only the host can tell.

use super::{
    apt::text,
    spec::{Manager, Named, Spec},
};
use crate::{
    model::Area,
    resource::{Fault, Observe, Seen},
    resources::shared::HostPath,
};
use agent::wire::{Kind, PackageTool, Probe};

/// Refuses a name that is meant as a file.
///
/// # Errors
/// A fault that says where it stands.
pub fn no_name(word: &str) -> Result<(), Fault> {
    if word.contains("://") {
        let fault = Fault::new(format!("`{}` is a URL", word.escape_debug()));
        return Err(
            fault.hint("it is fetched by a task of `get_url` before this one, which knows its checksum")
        );
    }
    if !word.starts_with('/') {
        return Ok(());
    }
    let parameter = if word.ends_with(".deb") { "deb" } else { "rpm" };
    Err(Fault::new(format!("`{}` is a path and no name", word.escape_debug()))
        .hint(format!("a file of the host stands in `{parameter}`")))
}

/// Refuses what apt and dnf would not take for a file, or for several.
///
/// # Errors
/// A fault that names it.
pub fn check(path: &HostPath, ending: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_alphanumeric() || "/+-._:~^@%=,".contains(c);
    if let Some(bad) = path.chars().find(|c| !good(*c)) {
        let fault = Fault::new(format!("`{path}` holds {bad:?}, by which more than one file may be meant"));
        return Err(fault.hint("give the file another name"));
    }
    if !path.ends_with(ending) {
        let fault = Fault::new(format!("`{path}` does not end in `{ending}`"));
        return Err(
            fault.hint("by its ending it is told from the name of a package: give the file another name")
        );
    }
    Ok(())
}

/// The packages by their names, with the versions that are in files.
pub fn read(named: Vec<Named>, manager: Manager, seen: &Seen) -> Observe<Vec<Named>> {
    let read = |one: Named| match one.file.clone() {
        Some(file) => ask(file, manager, seen),
        None => Ok(one),
    };
    named.into_iter().map(read).collect()
}

fn ask(file: HostPath, manager: Manager, seen: &Seen) -> Observe<Named> {
    match seen.meta(&file)?.map(|meta| meta.kind) {
        Some(Kind::File { .. }) => {}
        Some(Kind::Link { .. }) => {
            let fault = Fault::new(format!("{file} is a link"));
            return Err(fault.hint("name the file that it points to").into());
        }
        Some(_) => return Err(Fault::new(format!("{file} is not a file")).into()),
        None => {
            let why =
                format!("there is no {file} on the host; `copy` or `get_url` brings it in a task before");
            return Err(seen.lacks(&[Area::Path(file.to_string())], why));
        }
    }
    let tool = if manager == Manager::Dnf { PackageTool::Dnf } else { PackageTool::AptGet };
    let said = seen.run(Probe::PackageFile { tool, path: file.to_string() })?;
    let words = text(&said);
    match words.trim_end().split_once('\t').filter(|_| said.code == 0) {
        Some((name, version)) => {
            let version = version.strip_prefix("0:").unwrap_or(version).to_string();
            Ok(Named { name: name.into(), version: Some(version), file: Some(file) })
        }
        None => {
            let why = String::from_utf8_lossy(said.stderr.bytes()).trim().to_string();
            Err(Fault::new(format!("{file} is no package: {why}")).into())
        }
    }
}

impl Spec {
    /// The file that a package is installed from.
    pub fn file(&self) -> Option<&HostPath> {
        self.deb.as_ref().or(self.rpm.as_ref())
    }
}
