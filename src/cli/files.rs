//! The files of a project as they are on disk, vaults opened.

use super::programs;
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{Origin, Source},
    playbook::{Call, FileKind, Files},
    vault::{Passwords, Sealed, is_vault, open_values, read_yaml},
    yaml::{Node, parse},
};
use agent::secret::{Content, Secret};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The disk, and what opens the vaults on it.
pub struct Disk {
    pub passwords: Arc<Passwords>,
}

impl Files for Disk {
    fn read(&self, path: &Path, errors: &mut Diagnostics) -> Option<Content> {
        let place = Origin::named(&path.display().to_string());
        let bytes = std::fs::read(path)
            .map_err(|e| Diagnostic::error(format!("cannot read {}", path.display())).cause(e));
        let bytes = errors.take(bytes)?;
        self.passwords.note(path, &bytes);
        if !is_vault(&bytes) {
            return Some(Content::new(bytes, false));
        }
        let vault = Sealed::parse(&String::from_utf8_lossy(&bytes));
        let plain = vault.and_then(|vault| vault.decrypt(&self.passwords));
        errors.take(plain.map_err(|e| e.diagnostic(&place))).map(Content::Secret)
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        use std::os::unix::fs::PermissionsExt;
        let meta = path.symlink_metadata().ok()?;
        Some(match meta.file_type() {
            kind if kind.is_dir() => FileKind::Folder,
            kind if kind.is_file() => FileKind::File { executable: meta.permissions().mode() & 0o100 != 0 },
            kind if kind.is_symlink() => {
                FileKind::Link(path.read_link().ok()?.to_string_lossy().into_owned())
            }
            _ => FileKind::Other,
        })
    }

    fn mode(&self, path: &Path) -> Option<u32> {
        use std::os::unix::fs::PermissionsExt;
        Some(path.metadata().ok()?.permissions().mode() & 0o7777)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn yaml(&self, path: &Path, errors: &mut Diagnostics) -> Option<Node> {
        read_yaml(path, &self.passwords, errors)
    }

    fn call(&self, call: &Call) -> Result<Secret, Diagnostic> {
        if let Some(inputs) = &self.passwords.inputs
            && let Ok(bytes) = std::fs::read(call.program)
        {
            inputs.file(call.program, &bytes);
        }
        let mut answer = None;
        programs::waiting(&mut || answer = Some(programs::converse(call)));
        answer.expect("it was waited for")
    }

    fn open(&self, node: &mut Node, errors: &mut Diagnostics) {
        open_values(node, &self.passwords, errors);
        self.passwords.programs.adopt(node, errors);
    }
}

/// The disk, with a playbook for all hosts that does nothing.
pub struct NoTasks {
    pub disk: Disk,
    pub playbook: PathBuf,
}

impl Files for NoTasks {
    fn read(&self, path: &Path, errors: &mut Diagnostics) -> Option<Content> {
        self.disk.read(path, errors)
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        self.disk.kind(path)
    }

    fn mode(&self, path: &Path) -> Option<u32> {
        self.disk.mode(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        path == self.playbook || self.disk.is_file(path)
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        self.disk.list(folder)
    }

    fn yaml(&self, path: &Path, errors: &mut Diagnostics) -> Option<Node> {
        if path != self.playbook {
            return self.disk.yaml(path, errors);
        }
        let text = "- hosts: all\n  tasks: []\n".to_string();
        errors.take(parse(&Arc::new(Source { path: path.into(), text, secret: false })))
    }

    fn call(&self, call: &Call) -> Result<Secret, Diagnostic> {
        self.disk.call(call)
    }

    fn open(&self, node: &mut Node, errors: &mut Diagnostics) {
        self.disk.open(node, errors);
    }
}
