//! `vault diff`: which secrets differ between two files, without showing one.

use super::{VaultArgs, cannot, parse_yaml, place};
use crate::cli::vault_args::Typed;
use crate::diag::{Diagnostic, Diagnostics};
use crate::vault::{Passwords, VaultText, is_vault, open_values};
use crate::yaml::{Node, Value};
use agent::secret::Secret;
use std::collections::BTreeMap;
use std::path::Path;

/// Prints each key that only one file has or whose value differs, and how many are equal.
///
/// # Errors
/// What does not open, and what is no mapping.
pub(super) fn diff(old: &Path, new: &Path, vault: &VaultArgs) -> Result<bool, Diagnostics> {
    let passwords = vault.passwords_or_ask(Typed::Known)?;
    let mut errors = Diagnostics::default();
    let read = [old, new].map(|path| {
        let mut found = Diagnostics::default();
        let values = found.take(values(path, &passwords));
        errors.extend(found);
        values
    });
    let [Some(old), Some(new)] = read else { return Err(errors) };
    let mut equal = 0;
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in &keys {
        match (old.get(*key), new.get(*key)) {
            (Some(a), Some(b)) if a == b => equal += 1,
            (Some(_), Some(_)) => println!("~ {key}  changed"),
            (Some(_), None) => println!("- {key}  removed"),
            _ => println!("+ {key}  added"),
        }
    }
    println!("{equal} of {} values are equal", keys.len());
    Ok(equal == keys.len())
}

/// The values of a file by their path in it, `a.b.0`.
fn values(path: &Path, passwords: &Passwords) -> Result<BTreeMap<String, String>, Diagnostics> {
    let bytes = std::fs::read(path).map_err(|error| cannot("read", path, &error))?;
    let plain = if is_vault(&bytes) {
        let text = VaultText::parse(&String::from_utf8_lossy(&bytes));
        text.and_then(|text| text.decrypt(passwords)).map_err(|error| error.diagnostic(&place(path)))?
    } else {
        Secret::new(bytes)
    };
    let mut node = parse_yaml(path, &plain)?;
    let mut errors = Diagnostics::default();
    open_values(&mut node, passwords, &mut errors);
    errors.into_result(())?;
    if node.as_map().is_none() && !node.is_null() {
        let error = Diagnostic::error("only files of `name: value` can be compared").at(&place(path));
        return Err(error.hint("compare others with `diff <(vault view A) <(vault view B)`").into());
    }
    let mut values = BTreeMap::new();
    collect("", &node, &mut values);
    Ok(values)
}

fn collect(path: &str, node: &Node, values: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match &node.value {
        Value::Map(map) if !map.is_empty() => {
            map.iter().for_each(|(key, entry)| collect(&below(key), &entry.node, values));
        }
        Value::Seq(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, item)| collect(&below(&at.to_string()), item, values));
        }
        _ if path.is_empty() => {}
        _ => {
            values.insert(path.to_owned(), node.to_json().to_string());
        }
    }
}
