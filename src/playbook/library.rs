//! Resource types that are programs: `library/` of a role, beside the playbook, and beside its folder.

use super::{
    Files,
    load::{Loader, Place},
    names::is_task_key,
};
use std::path::{Path, PathBuf};

impl Loader<'_> {
    /// The types of the project that a task may be of, the nearest first.
    pub(super) fn library(&mut self, place: &Place) -> Vec<(String, PathBuf)> {
        let role = place.role.and_then(|at| self.uses.get(at)).map(|use_| use_.role.folder.clone());
        let around = self.beside("library");
        let mut found: Vec<(String, PathBuf)> = vec![];
        for folder in role.map(|folder| folder.join("library")).into_iter().chain(around) {
            let files = self.files;
            let types = self.libraries.entry(folder).or_insert_with_key(|folder| types_in(folder, files));
            found.extend(
                types
                    .iter()
                    .filter(|(name, _)| found.iter().all(|(known, _)| known != name))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
        }
        found
    }
}

/// The programs in a folder that can be types, by name: up to the first dot. Of several with one name the first counts.
pub fn types_in(folder: &Path, files: &dyn Files) -> Vec<(String, PathBuf)> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && !is_task_key(name)
    };
    let mut found: Vec<(String, PathBuf)> = vec![];
    for file in files.list(folder) {
        let name = file.split('.').next().unwrap_or_default();
        let path = folder.join(&file);
        if is_name(name) && found.iter().all(|(known, _)| known != name) && files.is_file(&path) {
            found.push((name.into(), path));
        }
    }
    found
}
