//! Random secrets into a vault file, without touching what it holds.

use super::{Lock, Locked, cannot, parse_yaml, save};
use crate::diag::{Diagnostic, Diagnostics};
use crate::vault::{Charset, random_text};
use agent::secret::Secret;
use std::path::Path;
use zeroize::Zeroizing;

/// Adds a random value under each key that the file does not have; keys it has keep their values. The text that is
/// there stays as it is: lines are appended.
pub(super) fn generate(
    path: &Path,
    keys: &[String],
    length: usize,
    charset: Charset,
    lock: &Lock,
) -> Result<(), Diagnostics> {
    check_names(keys)?;
    if path.symlink_metadata().is_err() {
        let passwords = lock.for_new(path)?;
        let key = lock.choose(&passwords)?;
        let text = Zeroizing::new(appended(&Secret::new("---\n"), keys, length, charset)?);
        let sealed = key.seal(&Secret::new(text.as_slice()))?;
        save::create(path, sealed.as_bytes()).map_err(|error| cannot("write", path, &error))?;
        return tell(path, keys, &[]);
    }
    let locked = Locked::read(path)?;
    let passwords = lock.for_known(path, locked.wants_password())?;
    let opened = locked.open(&passwords)?;
    let before = parse_yaml(path, &opened.plain)?;
    if before.as_map().is_none() && !before.is_null() {
        return Err(before.expected("a mapping of names to secrets").into());
    }
    let (kept, added): (Vec<String>, Vec<String>) =
        keys.iter().cloned().partition(|key| before.get(key).is_some());
    if added.is_empty() {
        return tell(path, &added, &kept);
    }
    let text = Zeroizing::new(appended(&opened.plain, &added, length, charset)?);
    let text = Secret::new(text.as_slice());
    // A text that ends in a flow mapping, a block of text or a `...` cannot simply be added to.
    let size = |node: &crate::yaml::Node| node.as_map().map_or(0, indexmap::IndexMap::len);
    let sound = parse_yaml(path, &text).is_ok_and(|after| {
        size(&after) == size(&before) + added.len() && added.iter().all(|key| after.get(key).is_some())
    });
    if !sound {
        return Err(Diagnostic::error("lines cannot be appended to this file: nothing was changed")
            .at(&super::place(path))
            .hint(format!("write it as plain `key: value` lines with `vault edit {}`", path.display()))
            .into());
    }
    let sealed = locked.key(&opened)?.seal(&text)?;
    if !locked.is_current() {
        let problem = Diagnostic::error("the file was changed by somebody else meanwhile");
        return Err(problem.at(&super::place(path)).hint("run the command again").into());
    }
    save::replace(path, sealed.as_bytes()).map_err(|error| cannot("write", path, &error))?;
    tell(path, &added, &kept)
}

fn check_names(keys: &[String]) -> Result<(), Diagnostics> {
    let mut errors = Diagnostics::default();
    for (index, key) in keys.iter().enumerate() {
        let mut characters = key.chars();
        let start = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !start || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let error = Diagnostic::error(format!("`{key}` cannot be the name of a variable"));
            errors.push(error.hint("a name is made of letters, digits and `_`, and starts with no digit"));
        }
        if keys[..index].contains(key) {
            errors.push(Diagnostic::error(format!("`{key}` is named twice")));
        }
    }
    errors.into_result(())
}

/// The text with one more line for each key.
fn appended(text: &Secret, keys: &[String], length: usize, charset: Charset) -> Result<Vec<u8>, Diagnostic> {
    // Room for all of it: a buffer that grows leaves copies behind.
    let room = text.expose().len() + 1 + keys.iter().map(|key| key.len() + length + 5).sum::<usize>();
    let mut bytes = Vec::with_capacity(room);
    bytes.extend_from_slice(text.expose());
    if bytes.last().is_some_and(|last| *last != b'\n') {
        bytes.push(b'\n');
    }
    for key in keys {
        let value = random_text(length, charset)
            .map_err(|error| Diagnostic::error("no randomness for a secret").cause(error))?;
        // Always quoted: `0123` or `12e4` would be read as a number. No set holds a quote or a backslash.
        bytes.extend_from_slice(format!("{key}: \"").as_bytes());
        bytes.extend_from_slice(value.expose());
        bytes.extend_from_slice(b"\"\n");
    }
    Ok(bytes)
}

fn tell(path: &Path, added: &[String], kept: &[String]) -> Result<(), Diagnostics> {
    for key in added {
        println!("{}: {key} added", path.display());
    }
    for key in kept {
        println!("{}: {key} kept as it is", path.display());
    }
    Ok(())
}
