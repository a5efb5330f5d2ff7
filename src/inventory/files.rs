//! `group_vars/` and `host_vars/`: which files belong to a name, and what they hold.

use super::tree::{Vars, to_vars};
use crate::diag::{Diagnostic, Diagnostics, did_you_mean};
use crate::model::Origin;
use crate::vault::{Passwords, read_yaml};
use std::path::{Path, PathBuf};

const EXTENSIONS: [&str; 3] = ["yml", "yaml", "json"];

/// The variables of one name in one folder such as `group_vars/`.
pub(super) fn read(folder: &Path, name: &str, passwords: &Passwords, errors: &mut Diagnostics) -> Vars {
    let mut vars = Vars::new();
    for path in find(folder, name, errors) {
        let Some(node) = read_yaml(&path, passwords, errors) else { continue };
        if node.is_null() {
            continue;
        }
        if let Some(map) = errors.take(node.expect_map("a mapping of variables")) {
            vars.extend(to_vars(map));
        }
    }
    vars
}

/// The files for a name: those in the folder of that name, or else one file. A second one beside the first has no
/// effect in Ansible; here that is said.
fn find(folder: &Path, name: &str, errors: &mut Diagnostics) -> Vec<PathBuf> {
    if name.contains('/') {
        return vec![];
    }
    let endings = std::iter::once(name.to_owned()).chain(EXTENSIONS.map(|end| format!("{name}.{end}")));
    let mut there = endings.map(|file| folder.join(file)).filter(|path| path.exists());
    let Some(first) = there.next() else { return vec![] };
    for ignored in there {
        let warning = Diagnostic::lint("file-without-effect", "this file has no effect").at(&place(&ignored));
        let cause = format!("{} comes first", place(&first));
        errors.push(warning.cause(cause).hint("move it into the folder, or put its content into that file"));
    }
    let mut files = vec![];
    if first.is_dir() {
        list(&first, &mut files, errors);
    } else {
        files.push(first);
    }
    files
}

/// Files below a folder by name; hidden ones, backups and those with strange endings are left out, as in Ansible.
fn list(folder: &Path, files: &mut Vec<PathBuf>, errors: &mut Diagnostics) {
    for path in entries(folder, errors) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        match path.extension() {
            None if path.is_dir() => list(&path, files, errors),
            None => files.push(path),
            Some(end) if EXTENSIONS.iter().any(|known| end == *known) && path.is_file() => files.push(path),
            Some(_) => {}
        }
    }
}

pub(super) fn entries(folder: &Path, errors: &mut Diagnostics) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>());
    let mut paths = read.unwrap_or_else(|error| {
        errors.push(Diagnostic::error(format!("cannot read {}", folder.display())).cause(error));
        vec![]
    });
    paths.sort();
    paths
}

/// Warns of files in `group_vars/` or `host_vars/` whose name is nobody's. A folder that several inventories share
/// holds names of the others, so there only near misses are told; `is_own`: it is only this one's.
pub(super) fn warn_of_strangers<'a>(
    folder: &Path,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    is_own: bool,
    errors: &mut Diagnostics,
) {
    if !folder.is_dir() {
        return;
    }
    let beside = folder.parent().map(|parent| entries(parent, errors)).unwrap_or_default();
    let is_yaml = |path: &&PathBuf| {
        path.is_file() && path.extension().is_some_and(|end| EXTENSIONS.iter().any(|known| end == *known))
    };
    let shared = !is_own && beside.iter().filter(is_yaml).count() > 1;
    for path in entries(folder, errors) {
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (stem, end) = file.rsplit_once('.').unwrap_or((&file, ""));
        let name = if EXTENSIONS.contains(&end) { stem } else { &file };
        if name.starts_with('.') || name.ends_with('~') || known.clone().any(|one| one == name) {
            continue;
        }
        let close = did_you_mean(name, known.clone());
        if shared && close.is_none() {
            continue;
        }
        let warning = Diagnostic::lint(
            "file-without-effect",
            format!("no {what} is named `{name}`: these variables have no effect"),
        );
        errors.push(warning.at(&place(&path)).suggest(name, known.clone()));
    }
}

fn place(path: &Path) -> Origin {
    Origin::named(&path.strip_prefix(".").unwrap_or(path).display().to_string())
}
