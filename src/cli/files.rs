//! The project's files, as the language rooms want them.

use crate::{
    diag::Diagnostics,
    playbook::Files,
    vault::{Passwords, read_yaml},
    yaml::Node,
};
use std::{io, path::Path, sync::Arc};

/// The real file system; vaults are opened on the way.
pub struct Disk(pub Arc<Passwords>);

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn yaml(&self, path: &Path, errors: &mut Diagnostics) -> Option<Node> {
        read_yaml(path, &self.0, errors)
    }
}
