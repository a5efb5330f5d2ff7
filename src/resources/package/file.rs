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

/// The path of a file, when a name is one.
///
/// # Errors
/// A fault that says what to write instead of what is no file of dnf's.
pub fn in_name(word: &str) -> Result<Option<HostPath>, Fault> {
    if word.contains("://") {
        let fault = Fault::new(format!("`{}` is a URL", word.escape_debug()));
        return Err(
            fault.hint("it is fetched by a task of `get_url` before this one, which knows its checksum")
        );
    }
    if !word.starts_with('/') {
        return Ok(None);
    }
    let path = HostPath::new(word).map_err(|why| match why.split_once("\nhint: ") {
        Some((why, hint)) => Fault::new(why).hint(hint),
        None => Fault::new(why),
    })?;
    if path.ends_with(".deb") {
        return Err(Fault::new(format!("`{path}` is no name")).hint(format!("for apt: `deb: {path}`")));
    }
    check(&path, ".rpm")?;
    Ok(Some(path))
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
    let mut all: Vec<Named> = vec![];
    for one in named {
        let one = match one.file.clone() {
            Some(file) => ask(file, manager, seen)?,
            None => one,
        };
        if all.iter().any(|other| other.name == one.name) {
            return Err(Fault::new(format!("`{}` is named twice", one.name)).hint("name it once").into());
        }
        all.push(one);
    }
    Ok(all)
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
    /// The files that packages are installed from.
    pub fn files(&self) -> impl Iterator<Item = HostPath> {
        let in_names = self.name.0.iter().filter_map(|word| in_name(word).ok()?);
        self.deb.iter().cloned().chain(in_names)
    }
}
