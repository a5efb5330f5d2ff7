//! `convert`: roles of Ansible, or single files of them, into ours.

use super::{Color, complain, vault::save};
use crate::{
    convert,
    diag::{Diagnostic, Diagnostics, Exit, Severity},
    model::{Origin, Source},
    vault::is_vault,
};
use std::{
    io::{ErrorKind, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

#[derive(Debug, clap::Args)]
pub struct Convert {
    /// A file of a role or a playbook, or a folder: then each YAML file in it, and each template
    path: PathBuf,
    /// Replace the files
    #[arg(long, conflicts_with = "output")]
    write: bool,
    /// Write what comes out into this folder, under the same names; no file in it is replaced
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Yaml,
    Template,
}

/// Deeper than any role; a link may lead in a circle.
const DEEPEST: usize = 16;

impl Convert {
    /// Turns what it is given. Exit 10 when something was left.
    ///
    /// # Errors
    /// What cannot be read, is no YAML, or cannot be written.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let files = files(&self.path)?;
        let (mut left, mut errors, mut turned) = (Diagnostics::default(), Diagnostics::default(), vec![]);
        for (path, form) in files {
            let Some(source) = errors.take(read(&path, &mut left)).flatten() else { continue };
            let converted = match form {
                Form::Template => convert::template(&source),
                Form::Yaml => match errors.take(convert::yaml(&source)) {
                    Some(converted) => converted,
                    None => continue,
                },
            };
            left.extend(converted.left);
            turned.push((path, source, converted.text));
        }
        // What cannot be read is found before anything is written.
        if errors.has_errors() {
            left.extend(errors);
            return Err(left);
        }
        for (path, source, text) in &turned {
            errors.take(self.put(path, source, text, turned.len() > 1));
        }
        complain(&left, color);
        let count = left.0.iter().filter(|found| found.severity == Severity::Error).count();
        if self.write || self.output.is_some() {
            let changed = turned.iter().filter(|(_, source, text)| source.text != *text).count();
            anstream::eprintln!("{changed} of {} files changed, {count} places left", turned.len());
        }
        if errors.has_errors() {
            return Err(errors);
        }
        Ok(if count > 0 { Exit::Pending } else { Exit::Done })
    }

    fn put(&self, path: &Path, source: &Source, text: &str, several: bool) -> Result<(), Diagnostic> {
        let failed = |path: &Path, error: std::io::Error| {
            let exists = error.kind() == ErrorKind::AlreadyExists;
            let diagnostic = Diagnostic::error(format!("cannot write {}", path.display())).cause(error);
            if exists { diagnostic.hint("name a new folder, or remove the file") } else { diagnostic }
        };
        if self.write {
            return match source.text == text {
                true => Ok(()),
                false => save::replace(path, text.as_bytes()).map_err(|error| failed(path, error)),
            };
        }
        let Some(folder) = &self.output else {
            let mut out = std::io::stdout().lock();
            if several {
                let dark = std::io::stdout().is_terminal();
                let _ = writeln!(out, "{}==> {} <==", if dark { "\n" } else { "" }, path.display());
            }
            // A pipe that is closed early is no mistake.
            let _ = out.write_all(text.as_bytes());
            return Ok(());
        };
        let name = match self.path.is_dir() {
            true => path.strip_prefix(&self.path).unwrap_or(path),
            false => Path::new(path.file_name().unwrap_or_default()),
        };
        let target = folder.join(name);
        let parent = target.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        std::fs::File::create_new(&target)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| failed(&target, error))
    }
}

fn read(path: &Path, left: &mut Diagnostics) -> Result<Option<Arc<Source>>, Diagnostic> {
    let place = Origin::named(&path.display().to_string());
    let bytes = std::fs::read(path)
        .map_err(|error| Diagnostic::error(format!("cannot read {}", path.display())).cause(error))?;
    if is_vault(&bytes) {
        let warning = Diagnostic::warning("this file is a vault and stays as it is").at(&place);
        left.push(warning.hint("when it holds expressions, `vault edit` it"));
        return Ok(None);
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| Diagnostic::error("the text is not UTF-8").at(&place).cause(error.utf8_error()))?;
    Ok(Some(Arc::new(Source { path: path.to_owned(), text, secret: false })))
}

/// The files to turn, by name.
fn files(path: &Path) -> Result<Vec<(PathBuf, Form)>, Diagnostic> {
    let failed = |error| Diagnostic::error(format!("cannot read {}", path.display())).cause(error);
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_dir() {
        return match form(path, false) {
            Some(form) => Ok(vec![(path.to_owned(), form)]),
            None => {
                let error = Diagnostic::error(format!("{} is neither YAML nor a template", path.display()));
                Err(error.hint("YAML ends in .yml or .yaml, a template in .j2 or stands in `templates/`"))
            }
        };
    }
    let mut found = vec![];
    walk(path, false, 0, &mut found).map_err(failed)?;
    if found.is_empty() {
        let error = Diagnostic::error(format!("there is nothing to convert in {}", path.display()));
        return Err(error.hint("name a role, such as `roles/nginx`, or a file"));
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

fn walk(
    folder: &Path,
    templates: bool,
    depth: usize,
    found: &mut Vec<(PathBuf, Form)>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEEPEST {
            // What `copy` takes is no template.
            if name != "files" {
                walk(&path, templates || name == "templates", depth + 1, found)?;
            }
        } else if kind.is_file()
            && let Some(form) = form(&path, templates)
        {
            found.push((path, form));
        }
    }
    Ok(())
}

fn form(path: &Path, templates: bool) -> Option<Form> {
    let ending = path.extension().map(|end| end.to_string_lossy().to_lowercase());
    let inside = templates || path.parent().is_some_and(|parent| parent.ends_with("templates"));
    match ending.as_deref() {
        Some("j2" | "jinja2") => Some(Form::Template),
        _ if inside => Some(Form::Template),
        Some("yml" | "yaml") => Some(Form::Yaml),
        _ => None,
    }
}
