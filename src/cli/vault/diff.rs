//! `vault diff`: which secrets differ between two files, without showing one.

use super::{VaultArgs, cannot, parse_yaml, place, wants_password};
use crate::cli::vault_args::Typed;
use crate::diag::{Diagnostic, Diagnostics};
use crate::vault::{Passwords, Sealed, Segment, Way, is_vault, open_values, way_text};
use crate::yaml::{Node, Value};
use agent::secret::Secret;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Prints each key that only one file has or whose value differs, and how many are equal.
///
/// # Errors
/// What does not open, and what is no mapping.
pub(super) fn diff(old: &Path, new: &Path, vault: &VaultArgs) -> Result<bool, Diagnostics> {
    let passwords = vault.passwords_or_ask(
        Typed::Known,
        [old, new].iter().any(|path| std::fs::read(path).is_ok_and(|bytes| wants_password(&bytes))),
    )?;
    let mut errors = Diagnostics::default();
    let [old, new] = [old, new].map(|path| errors.take(values(path, &passwords)));
    let (Some(old), Some(new)) = (old, new) else { return Err(errors) };
    let (lines, equal) = compare(&old, &new);
    lines.iter().for_each(|line| println!("{line}"));
    println!("{equal} of {} values are equal", equal + lines.len());
    Ok(lines.is_empty())
}

/// A line for each difference, and how many values are equal.
pub(super) fn compare(old: &Values, new: &Values) -> (Vec<String>, usize) {
    let paths: BTreeSet<&Way> = old.keys().chain(new.keys()).collect();
    let mut equal = 0;
    let mut lines = vec![];
    for path in paths {
        let (sign, what) = match (old.get(path), new.get(path)) {
            (Some(a), Some(b)) if a == b => {
                equal += 1;
                continue;
            }
            (Some(_), Some(_)) => ("~", "changed"),
            (Some(_), None) => ("-", "removed"),
            _ => ("+", "added"),
        };
        lines.push(format!("{sign} {}  {what}", way_text(path)));
    }
    (lines, equal)
}

/// By where they are; a digest is enough to tell whether two are equal, and holds no secret.
pub(super) type Values = BTreeMap<Way, [u8; 32]>;

/// The values of a file by where they are in it.
pub(super) fn values(path: &Path, passwords: &Passwords) -> Result<Values, Diagnostics> {
    let bytes = std::fs::read(path).map_err(|error| cannot("read", path, &error))?;
    values_of(path, bytes, passwords)
}

/// The values of what was read from a file; an empty one has none.
pub(super) fn values_of(path: &Path, bytes: Vec<u8>, passwords: &Passwords) -> Result<Values, Diagnostics> {
    let plain = if is_vault(&bytes) {
        let text = Sealed::parse(&String::from_utf8_lossy(&bytes));
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
    collect(&mut vec![], &node, &mut values);
    Ok(values)
}

fn collect(path: &mut Way, node: &Node, values: &mut Values) {
    let mut below = |segment: Segment, node: &Node| {
        path.push(segment);
        collect(path, node, values);
        path.pop();
    };
    match &node.value {
        Value::Map(map) if !map.is_empty() => {
            map.iter().for_each(|(key, entry)| below(Segment::Key(key.clone()), &entry.node));
        }
        Value::Seq(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, item)| below(Segment::Item(at), item));
        }
        _ if path.is_empty() => {}
        _ => {
            // From a vault or in clear: a value is the same.
            let clear = Node { secret: false, ..node.clone() };
            values.insert(path.clone(), clear.digest());
        }
    }
}
