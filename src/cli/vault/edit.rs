//! `vault create` and `vault edit`: an encrypted file, or a YAML file with encrypted values, in the user's editor.

use super::editor::{Edited, Editor};
use super::lock::{self, Lock, Locked, wants_password};
use super::{cannot, file_name, is_yaml_name, place, save, yaml_problem};
use crate::diag::{Diagnostic, Diagnostics};
use crate::vault::{Inline, Key, is_vault};
use agent::secret::Secret;
use std::io;
use std::path::Path;

pub(super) fn create(path: &Path, lock: &Lock, editor: &Editor) -> Result<(), Diagnostics> {
    if path.symlink_metadata().is_ok() {
        let hint = format!("change it with `vault edit {}`", path.display());
        return Err(Diagnostic::error("this file exists already").at(&place(path)).hint(hint).into());
    }
    let passwords = lock.for_new(path)?;
    let key = lock.choose(&passwords)?;
    let start = Secret::new("---\n");
    let edited = editor.edit(&start, &file_name(path))?;
    if edited.text == start {
        return Err(edited
            .problem
            .unwrap_or_else(|| Diagnostic::error("nothing was written: no file made"))
            .into());
    }
    let sealed = key.seal(&edited.text)?;
    let problem = edited.problem.map(Diagnostics::from);
    let problem = problem.or_else(|| is_yaml_name(path).then(|| yaml_problem(path, &edited.text)).flatten());
    keep(path, &sealed, problem, editor, || save::create(path, sealed.as_bytes()))
}

pub(super) fn edit(path: &Path, lock: &Lock, editor: &Editor) -> Result<(), Diagnostics> {
    let bytes = std::fs::read(path).map_err(|error| cannot("read", path, &error))?;
    if let Some(text) = with_values(&bytes) {
        return edit_values(path, text, lock, editor);
    }
    let locked = Locked::of(path, bytes)?;
    let passwords = lock.for_known(path, locked.wants_password())?;
    let opened = locked.open(&passwords)?;
    // Before anything is typed that could not be saved.
    let key = locked.key(&opened)?;
    let edited = editor.edit(&opened.plain, &file_name(path))?;
    if edited.text == opened.plain {
        return unchanged(path, edited);
    }
    let sealed = key.seal(&edited.text)?;
    let mut problem = edited.problem.map(Diagnostics::from);
    // A draft is never checked, and what was no YAML before need not become it.
    if problem.is_none() && path.extension().is_none_or(|end| end != "rejected") {
        let checked = is_yaml_name(path) || yaml_problem(path, &opened.plain).is_none();
        problem = checked.then(|| yaml_problem(path, &edited.text)).flatten();
    }
    let problem = problem.or_else(|| (!locked.is_current()).then(|| overtaken(path)));
    keep(path, &sealed, problem, editor, || save::replace(path, sealed.as_bytes()))
}

/// What is no vault as a whole, but looks like YAML with encrypted values, or with some that are to be.
pub(super) fn with_values(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok().filter(|_| !is_vault(bytes))?;
    ["!vault", "!age", "!plain"].iter().any(|tag| text.contains(tag)).then_some(text)
}

/// The values of a YAML file in plain; those that were changed are locked anew.
fn edit_values(path: &Path, text: &str, lock: &Lock, editor: &Editor) -> Result<(), Diagnostics> {
    let passwords = lock.for_known(path, wants_password(text.as_bytes()) || !text.contains("!age"))?;
    let inline = Inline::read(path, text, &passwords, false)?;
    let named = lock.encrypt_vault_id.is_some() || lock.recipients.given();
    let default: Option<Key> = match inline.key() {
        Some(key) if !named => Some(key),
        _ if named || inline.is_empty() => Some(lock.choose(&passwords)?),
        _ => lock.choose(&passwords).ok(),
    };
    let draft =
        default.clone().or_else(|| inline.any_key()).or_else(|| passwords.list().first().map(Key::of));
    // Before anything is typed that could not be kept.
    let draft = draft.ok_or_else(|| lock::unknown_recipients(path))?;
    let shown = inline.shown();
    let edited = editor.edit(&shown, &file_name(path))?;
    let locked = inline.locked(&edited.text, default.as_ref());
    if locked.as_ref().is_ok_and(|locked| locked == text) {
        return unchanged(path, edited);
    }
    let problem = edited.problem.map(Diagnostics::from).or_else(|| locked.as_ref().err().cloned());
    let overtaken =
        || std::fs::read(path).ok().filter(|now| *now == text.as_bytes()).is_none().then(|| overtaken(path));
    let problem = problem.or_else(overtaken);
    let Some(problem) = problem else {
        let locked = locked.unwrap_or_default();
        return keep(path, &locked, None, editor, || save::replace(path, locked.as_bytes()));
    };
    // A draft with values in plain is encrypted as a whole.
    let sealed = draft.seal(&edited.text)?;
    Err(kept(path, &sealed, problem, editor, |draft| {
        format!("look at it with `vault view {draft}`, and put it in with `vault edit {}`", path.display())
    }))
}

fn unchanged(path: &Path, edited: Edited) -> Result<(), Diagnostics> {
    println!("{}: unchanged", path.display());
    edited.problem.map_or(Ok(()), |problem| Err(problem.into()))
}

fn overtaken(path: &Path) -> Diagnostics {
    Diagnostic::error("the file was changed by somebody else meanwhile").at(&place(path)).into()
}

/// Saves what was typed; when there is a problem, beside the file, but never nowhere.
fn keep(
    path: &Path,
    sealed: &str,
    problem: Option<Diagnostics>,
    editor: &Editor,
    save: impl FnOnce() -> io::Result<()>,
) -> Result<(), Diagnostics> {
    let problem = problem.or_else(|| save().err().map(|error| cannot("write", path, &error).into()));
    let Some(problem) = problem else {
        println!("{}: saved", path.display());
        return Ok(());
    };
    Err(kept(path, sealed, problem, editor, |draft| {
        format!("mend it with `vault edit {draft}`, then move it into place")
    }))
}

/// Keeps a draft, and says where, and what to do with it.
fn kept(
    path: &Path,
    sealed: &str,
    mut problem: Diagnostics,
    editor: &Editor,
    remedy: impl Fn(std::path::Display) -> String,
) -> Diagnostics {
    let memory = editor.folders().iter().map(|folder| folder.join(file_name(path)));
    let mut places = std::iter::once(path.to_owned()).chain(memory);
    let kept = places.find_map(|place| save::create_rejected(&place, sealed.as_bytes()).ok());
    let message = match kept {
        Some(kept) => Diagnostic::error(format!("{} was left as it is", path.display())).hint(format!(
            "what you typed is kept, encrypted, in {}: {}",
            kept.display(),
            remedy(kept.display())
        )),
        None => Diagnostic::error("what you typed could not be kept anywhere"),
    };
    problem.push(message);
    problem
}
