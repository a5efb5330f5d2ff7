//! The files that tasks bring along: from `templates/` and `files/` of the role, else of the playbook.

use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{Origin, Source},
    playbook::Files,
    template::{Partials, names_in_text},
    yaml::{Node, Value},
};
use agent::secret::Content;
use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Reads each file once.
pub(super) struct Sources {
    files: Arc<dyn Files>,
    read: Mutex<HashMap<PathBuf, Result<Arc<Content>, Diagnostics>>>,
    texts: Mutex<HashMap<PathBuf, Result<Arc<Source>, Diagnostics>>>,
    names: Mutex<HashMap<PathBuf, Arc<Names>>>,
}

/// The names that a template mentions, and the partials that it includes.
type Names = (BTreeSet<String>, BTreeSet<String>);

impl Sources {
    pub fn new(files: Arc<dyn Files>) -> Self {
        Self { files, read: Mutex::default(), texts: Mutex::default(), names: Mutex::default() }
    }

    /// Where they come from.
    pub fn files(&self) -> Arc<dyn Files> {
        self.files.clone()
    }

    /// The path of `name` in `folder` (`templates`, `files`) of the role or the playbook: `places`.
    ///
    /// # Errors
    /// Where it was looked for, and what is there with a similar name.
    pub fn find(
        &self,
        places: &[&Path],
        folder: &str,
        name: &str,
        at: &Origin,
    ) -> Result<PathBuf, Diagnostic> {
        let folders: Vec<PathBuf> = match Path::new(name).is_absolute() {
            true => vec![PathBuf::new()],
            false => places.iter().map(|base| base.join(folder)).collect(),
        };
        let mut there = vec![];
        for folder in &folders {
            let path = folder.join(name);
            if self.files.is_file(&path) {
                return Ok(path);
            }
            there.extend(self.files.list(folder));
        }
        let is_folder = folders.iter().any(|folder| !self.files.list(&folder.join(name)).is_empty());
        let mut diagnostic = Diagnostic::error(match is_folder {
            true => format!("`{name}` is a folder; one file is wanted"),
            false => format!("no such file: `{name}`"),
        });
        for folder in folders.iter().filter(|f| !f.as_os_str().is_empty()) {
            diagnostic = diagnostic.cause(format!("looked in {}/", folder.display()));
        }
        if is_folder {
            diagnostic = diagnostic.hint(match folder {
                "files" => "`synchronize` brings a folder with all that is in it",
                _ => "name each file, perhaps with a `loop`",
            });
        }
        let diagnostic = diagnostic.at(at);
        let is_there = |path: &Path| self.files.is_file(path);
        if let Some(hint) = misplaced(places, folder, name, is_there).filter(|_| !is_folder) {
            return Err(diagnostic.hint(hint));
        }
        if is_folder {
            return Err(diagnostic);
        }
        let diagnostic = match folders.first().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => diagnostic.hint(format!("put it at {}", folder.join(name).display())),
            None => diagnostic.hint("a path that begins with `/` is one of this machine"),
        };
        Err(diagnostic.suggest(name, there.iter().map(String::as_str)))
    }

    fn content(&self, path: &Path) -> Result<Arc<Content>, Diagnostics> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let load = || {
            let mut errors = Diagnostics::default();
            let content = self.files.read(path, &mut errors);
            content.map(Arc::new).ok_or(errors)
        };
        read.entry(path.to_path_buf()).or_insert_with(load).clone()
    }

    /// Forgets of a file, or of all below a folder, what is not as it is on the disk now: a task has made it meanwhile.
    pub fn renew(&self, path: &Path) {
        // One lock at a time: a template is read under that of the texts, and asks for the content.
        let known: Vec<_> = {
            let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            let within = read.iter().filter(|(known, _)| known.starts_with(path));
            within.map(|(known, old)| (known.clone(), old.clone())).collect()
        };
        for (known, old) in known {
            let now = self.files.read(&known, &mut Diagnostics::default());
            if matches!((&old, &now), (Ok(old), Some(now)) if **old == *now) {
                continue;
            }
            self.read.lock().unwrap_or_else(PoisonError::into_inner).remove(&known);
            self.texts.lock().unwrap_or_else(PoisonError::into_inner).remove(&known);
            self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(&known);
        }
    }

    /// A file as it is.
    ///
    /// # Errors
    /// That it cannot be read or decrypted.
    pub fn bytes(&self, path: &Path) -> Result<Node, Diagnostics> {
        let content = self.content(path)?;
        let origin = Origin::named(&path.display().to_string());
        let bytes = match &*content {
            Content::Clear(bytes) => bytes.clone(),
            Content::Secret(secret) => secret.expose().into(),
        };
        Ok(Node::new(Value::Bytes(bytes), origin).with_secret(content.is_secret()))
    }

    /// A file as the text of a template.
    ///
    /// # Errors
    /// As [`Self::bytes`], and that it is no UTF-8.
    pub fn text(&self, path: &Path) -> Result<Arc<Source>, Diagnostics> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let load = || {
            let content = self.content(path)?;
            let text = String::from_utf8(content.bytes().to_vec()).map_err(|error| {
                let error = match content.is_secret() {
                    true => Diagnostic::error("").at(&Origin::named(&path.display().to_string())),
                    false => crate::vault::not_utf8(path, error),
                };
                let error = Diagnostic { message: "the template is not UTF-8".into(), ..error };
                error.hint("save it in UTF-8, or use `copy` for a file that is no text")
            })?;
            Ok(Arc::new(Source { path: path.to_path_buf(), text, secret: content.is_secret() }))
        };
        texts.entry(path.to_path_buf()).or_insert_with(load).clone()
    }

    /// What a template mentions; found once.
    pub fn names(&self, source: &Source) -> Arc<Names> {
        let mut known = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let find = || {
            let mut names = Names::default();
            names_in_text(&source.text, &mut names.0, &mut names.1);
            Arc::new(names)
        };
        known.entry(source.path.clone()).or_insert_with(find).clone()
    }

    /// What a template in such a folder may include.
    pub fn partials<'a>(&'a self, places: &'a [&'a Path], folder: &'a str) -> Beside<'a> {
        Beside { sources: self, places, folder }
    }

    /// A partial: another file in the same kind of folder, with or without an ending.
    pub fn partial(&self, places: &[&Path], folder: &str, name: &str) -> Option<Arc<Source>> {
        let at = Origin::named("a template");
        let path = ["", ".hbs", ".j2"]
            .iter()
            .find_map(|end| self.find(places, folder, &format!("{name}{end}"), &at).ok())?;
        self.text(&path).ok()
    }
}

/// What to write for a name that does not begin where names are looked for: in `folder`.
pub(super) fn misplaced(
    places: &[&Path],
    folder: &str,
    name: &str,
    is_there: impl Fn(&Path) -> bool,
) -> Option<String> {
    if let Some(rest) = name.strip_prefix("~/") {
        return Some(format!("`~` is not expanded: write `{{{{env \"HOME\"}}}}/{rest}`"));
    }
    if Path::new(name).is_absolute() {
        return None;
    }
    // `{{playbook_dir}}` may be `.`.
    let plain = name.trim_start_matches("./");
    if let Some(rest) = plain.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) {
        return Some(match rest {
            "" => format!("write the names of what is in it: {folder}/ is where it is looked for"),
            rest => format!("write `{rest}`: {folder}/ is where it is looked for"),
        });
    }
    let beside = places.iter().any(|place| is_there(&place.join(plain)));
    beside.then(|| format!("it is looked for in {folder}/: write `../{plain}`, or put it there"))
}

/// The files that templates include by name.
pub(super) struct Beside<'a> {
    sources: &'a Sources,
    places: &'a [&'a Path],
    folder: &'a str,
}

impl Partials for Beside<'_> {
    fn find(&self, name: &str) -> Option<Arc<Source>> {
        self.sources.partial(self.places, self.folder, name)
    }

    fn names(&self) -> Vec<String> {
        let files = self.places.iter().flat_map(|place| self.sources.files.list(&place.join(self.folder)));
        let short = |file: String| match file.strip_suffix(".hbs").or_else(|| file.strip_suffix(".j2")) {
            Some(short) => short.to_string(),
            None => file,
        };
        files.map(short).collect()
    }
}
