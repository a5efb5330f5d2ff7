//! YAML files that are vaults, or hold `!vault` values.

use super::{Passwords, Sealed, VaultError, inline::PLAIN, is_vault, sealed::TAGS};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{Origin, Source};
use crate::yaml::{self, Node, Value};
use agent::secret::Secret;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroize;

/// Why the value of a vault is not known that does not open.
pub const UNOPENED: &str = "a vault that does not open";

/// Reads a YAML or JSON file: decrypts it when the whole of it is a vault, parses it, decrypts its `!vault` values.
/// What comes from either is marked secret.
///
/// `!secret` values become questions to [`Passwords::programs`].
///
/// Mistakes go to `errors`; `None` when there is no tree at all. A value that does not open is unknown.
pub fn read_yaml(path: &Path, passwords: &Passwords, errors: &mut Diagnostics) -> Option<Node> {
    let mut node = errors.take(read_tree(path, passwords))?;
    open_values(&mut node, passwords, errors);
    refuse_plain(&node, errors);
    passwords.programs.adopt(&mut node, errors);
    Some(node)
}

fn read_tree(path: &Path, passwords: &Passwords) -> Result<Node, Diagnostic> {
    // `./group_vars/web.yml` as `group_vars/web.yml`.
    let shown = path.strip_prefix(".").unwrap_or(path);
    let place = Origin::named(&shown.display().to_string());
    let mut bytes =
        std::fs::read(path).map_err(|e| Diagnostic::error(format!("cannot read {place}")).cause(e))?;
    passwords.note(path, &bytes);
    let secret = is_vault(&bytes);
    if secret {
        let vault = Sealed::parse(&String::from_utf8_lossy(&bytes));
        let plain = vault.and_then(|vault| vault.decrypt(passwords)).map_err(|e| e.diagnostic(&place))?;
        bytes = plain.expose().to_vec();
    }
    if path.extension().is_some_and(|end| end == "json") {
        // JSON may be indented with tabs, YAML may not.
        bytes.iter_mut().filter(|byte| **byte == b'\t').for_each(|byte| *byte = b' ');
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| if secret { bare_not_utf8(&place, error) } else { not_utf8(path, error) })?;
    let mut node = yaml::parse(&Arc::new(Source { path: shown.to_owned(), text, secret }))?;
    if secret {
        node.taint();
    }
    Ok(node)
}

/// The error for a file in another encoding, at the first byte that is none of a text.
pub fn not_utf8(path: &Path, error: std::string::FromUtf8Error) -> Diagnostic {
    let at = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
    let shown = path.strip_prefix(".").unwrap_or(path).to_owned();
    let end = text.ceil_char_boundary((at + 1).min(text.len()));
    let place = Origin { source: Arc::new(Source { path: shown, text, secret: false }), span: at..end };
    bare_not_utf8(&place, error)
}

fn bare_not_utf8(place: &Origin, error: std::string::FromUtf8Error) -> Diagnostic {
    // It was decrypted.
    error.into_bytes().zeroize();
    Diagnostic::error("the text is not UTF-8").at(place).hint("save the file in UTF-8")
}

/// Decrypts every `!vault` value inside, on all cores: each takes some milliseconds.
pub fn open_values(node: &mut Node, passwords: &Passwords, errors: &mut Diagnostics) {
    let mut values = vec![];
    collect(node, &mut values);
    if values.is_empty() {
        return;
    }
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = values.len().div_ceil(threads);
    let failed = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for values in values.chunks_mut(share) {
            scope.spawn(|| {
                for node in values {
                    if let Err(error) = open_value(node, passwords) {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        let clear = matches!(error, VaultError::NotAVault);
                        let place =
                            if clear { node.clone().with_secret(true).place() } else { node.origin.clone() };
                        failed.push((node.origin.span.start, error.diagnostic(&place)));
                        // What uses it is not wrong.
                        (node.value, node.secret, node.tag) =
                            (Value::Unknown(Arc::from(UNOPENED)), true, None);
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_by_key(|(start, _)| *start);
    failed.into_iter().for_each(|(_, diagnostic)| errors.push(diagnostic));
}

/// What `vault edit` shows in plain must not have come to stay.
fn refuse_plain(node: &Node, errors: &mut Diagnostics) {
    if node.tag.as_deref() == Some(PLAIN) {
        let path = node.origin.source.path.display();
        let error = if node.origin.source.secret {
            Diagnostic::error("`!plain` in a file that is encrypted as a whole: a draft that `vault edit` has kept")
                .hint(format!("put what is in it into the file that was edited, or take the tags away with `vault edit {path}`"))
        } else {
            Diagnostic::error("a secret that is not encrypted: `!plain`")
                .hint(format!("encrypt it: save it with `vault edit {path}`"))
        };
        errors.push(error.at(&node.origin));
    }
    match &node.value {
        Value::Seq(items) => items.iter().for_each(|item| refuse_plain(item, errors)),
        Value::Map(map) => map.values().for_each(|entry| refuse_plain(&entry.node, errors)),
        _ => {}
    }
}

fn collect<'a>(node: &'a mut Node, found: &mut Vec<&'a mut Node>) {
    if node.tag.as_deref().is_some_and(|tag| TAGS.contains(&tag)) {
        found.push(node);
        return;
    }
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(|item| collect(item, found)),
        Value::Map(map) => map.values_mut().for_each(|entry| collect(&mut entry.node, found)),
        _ => {}
    }
}

fn open_value(node: &mut Node, passwords: &Passwords) -> Result<(), VaultError> {
    let text = node.as_str().ok_or(VaultError::NotAVault)?;
    let plain: Secret = Sealed::parse(text)?.decrypt(passwords)?;
    node.value = match std::str::from_utf8(plain.expose()) {
        Ok(text) => Value::str(text),
        Err(_) => Value::Bytes(plain.expose().into()),
    };
    node.secret = true;
    node.tag = None;
    Ok(())
}
