//! What an inventory may be: a file in YAML (or JSON) or INI form, a program that prints one, or a folder of all these.

use super::tree::Tree;
use super::{Run, ini, program};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{Origin, Source};
use crate::vault::{Passwords, is_vault, read_yaml};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads an inventory into a tree.
pub(super) struct Sources<'a> {
    pub passwords: &'a Passwords,
    pub run: Run<'a>,
    /// The folders that are being read, without links.
    pub way: Vec<PathBuf>,
}

/// What a file is, by its mode, its name and, without an ending, its first line.
enum Form {
    Folder,
    Program,
    Yaml,
    Ini,
}

/// What Ansible 2.19 leaves out in a folder (it read no `.ini` there before).
const IGNORED_ENDINGS: [&str; 12] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];
const IGNORED_NAMES: [&str; 4] = ["group_vars", "host_vars", "vars_plugins", "known_hosts"];

impl Sources<'_> {
    /// Adds what a file or folder says.
    pub(super) fn read(&mut self, path: &Path, tree: &mut Tree, errors: &mut Diagnostics) {
        let Some(form) = errors.take(form(path)) else { return };
        match form {
            Form::Folder => self.folder(path, tree, errors),
            Form::Program => program::read(path, self.passwords, self.run, tree, errors),
            Form::Yaml => {
                if let Some(root) = read_yaml(path, self.passwords, errors) {
                    tree.read(&root, errors);
                }
            }
            Form::Ini => {
                if let Some(source) = errors.take(text(path, self.passwords)) {
                    ini::read(&Arc::new(source), tree, errors);
                }
            }
        }
    }

    /// All files in it, by name; of what two say about one variable, the later one wins.
    fn folder(&mut self, folder: &Path, tree: &mut Tree, errors: &mut Diagnostics) {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        if self.way.iter().any(|above| above.starts_with(&real)) {
            let error = Diagnostic::error("the folder is inside itself").at(&place(folder));
            return errors.push(error.hint("remove the link, or give it a name that begins with a dot"));
        }
        self.way.push(real);
        let mut files = 0;
        for path in super::files::entries(folder, errors) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if is_left_out(&name) {
                continue;
            }
            files += 1;
            self.read(&path, tree, errors);
        }
        self.way.pop();
        if files == 0 {
            let error = Diagnostic::error("there is no inventory in this folder").at(&place(folder));
            errors.push(error.hint("put a file such as `hosts.yml` into it"));
        }
    }
}

/// Whether what has this name in a folder is no part of the inventory.
fn is_left_out(name: &str) -> bool {
    name.starts_with('.')
        || IGNORED_NAMES.contains(&name)
        || IGNORED_ENDINGS.iter().any(|end| name.ends_with(end))
}

/// Whether a file at this path would be read as a part of the inventory in this folder. Its own folder is there, it need not be.
pub fn is_part(folder: &Path, file: &Path) -> bool {
    let within = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = [folder, within].map(Path::canonicalize);
    let ([Ok(folder), Ok(within)], Some(name)) = (real, file.file_name()) else { return false };
    let Ok(way) = within.strip_prefix(&folder) else { return false };
    folder.is_dir() && !way.iter().chain([name]).any(|name| is_left_out(&name.to_string_lossy()))
}

fn form(path: &Path) -> Result<Form, Diagnostic> {
    let failed = |error| Diagnostic::error(format!("cannot read {}", path.display())).cause(error);
    let meta = std::fs::metadata(path).map_err(failed)?;
    if meta.is_dir() {
        return Ok(Form::Folder);
    }
    let ending = path.extension().map(|end| end.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        // Also where a file system marks all files as executable.
        Some("yml" | "yaml" | "json") => return Ok(Form::Yaml),
        Some("ini") => return Ok(Form::Ini),
        Some("toml") => {
            let error = Diagnostic::error("inventories in TOML are not supported").at(&place(path));
            return Err(error.hint("write it in YAML: `ansible-inventory --list --export --yaml` does"));
        }
        _ => {}
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let is_program = bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF");
    // Some file systems mark all files as executable.
    if is_program && meta.permissions().mode() & 0o111 != 0 {
        return Ok(Form::Program);
    }
    if is_program {
        let error = Diagnostic::error("this looks like a program, but it is not executable").at(&place(path));
        return Err(error.hint(format!("chmod +x {}", path.display())));
    }
    let first = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let first = first.into_iter().find(|line| !line.is_empty() && !line.starts_with(b"#"));
    let looks_like_yaml = |line: &[u8]| {
        line.starts_with(b"---")
            || line.starts_with(b"{")
            || line.ends_with(b":")
            || line.windows(2).any(|pair| pair == b": ")
    };
    let is_yaml = is_vault(&bytes) || ending.is_none() && first.is_none_or(looks_like_yaml);
    Ok(if is_yaml { Form::Yaml } else { Form::Ini })
}

fn text(path: &Path, passwords: &Passwords) -> Result<Source, Diagnostic> {
    let bytes = std::fs::read(path)
        .map_err(|error| Diagnostic::error(format!("cannot read {}", path.display())).cause(error))?;
    passwords.note(path, &bytes);
    let text = String::from_utf8(bytes).map_err(|error| crate::vault::not_utf8(path, error))?;
    Ok(Source { path: path.to_owned(), text, secret: false })
}

fn place(path: &Path) -> Origin {
    Origin::named(&path.display().to_string())
}

/// The folder that `group_vars/` and `host_vars/` of an inventory are in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}
