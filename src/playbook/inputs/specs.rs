//! `argument_specs`, Ansible's way to say what a role takes, as its documentation of roles describes it ("Role argument
//! validation"). Keys that only document something are passed over.

use super::{
    Input, Inputs, Loose, Type,
    read::{DEEPEST, text},
};
use crate::{
    diag::{Diagnostic, Diagnostics},
    yaml::{Entry, Map, Node},
};
use indexmap::IndexMap;

/// Reads the mapping of entry points: `main` and others that `tasks_from` names.
pub fn read(node: &Node, errors: &mut Diagnostics) -> IndexMap<String, Inputs> {
    let mut all = IndexMap::new();
    if node.is_null() {
        return all;
    }
    let map = errors.take(node.expect_map("entry points as `main: {options: ...}`"));
    for (name, entry) in map.into_iter().flatten() {
        let point = errors.take(entry.node.expect_map("an entry point: `{options: ...}`"));
        let Some(point) = point else { continue };
        let get = |key: &str| point.get(key).map(|entry| &entry.node).filter(|node| !node.is_null());
        let about = get("short_description").or_else(|| get("description"));
        let inputs = Inputs {
            about: about.and_then(|node| errors.take(text(node))),
            items: point.get("options").map(|entry| options(&entry.node, 0, errors)).unwrap_or_default(),
            origin: entry.key.clone(),
        };
        all.insert(name.clone(), inputs);
    }
    all
}

fn options(node: &Node, depth: usize, errors: &mut Diagnostics) -> IndexMap<String, Input> {
    if depth > DEEPEST {
        let error = Diagnostic::error(format!("options stand in each other more than {DEEPEST} deep"));
        errors.push(error.at(&node.origin));
        return IndexMap::new();
    }
    if node.is_null() {
        return IndexMap::new();
    }
    let map = errors.take(node.expect_map("options as `name: {type: ...}`"));
    let read = |(name, entry): (&String, &Entry)| Some((name.clone(), option(entry, depth, errors)?));
    map.into_iter().flatten().filter_map(read).collect()
}

fn option(entry: &Entry, depth: usize, errors: &mut Diagnostics) -> Option<Input> {
    let empty = Map::default();
    let map = if entry.node.is_null() {
        &empty
    } else {
        errors.take(entry.node.expect_map("an option: `{type: ...}`"))?
    };
    let get = |key: &str| map.get(key).map(|entry| &entry.node).filter(|node| !node.is_null());
    let kind = get("type").map_or(Some(Loose::Str), |node| kind(node, errors))?;
    let mut input = Input::new(Type::Ansible(kind), entry.key.clone());
    let mut flag = |key: &str| get(key).and_then(|node| errors.take(node.expect_bool("`true` or `false`")));
    (input.required, input.secret) = (flag("required").unwrap_or(false), flag("no_log").unwrap_or(false));
    input.about = get("description").and_then(|node| errors.take(text(node)));
    input.default = get("default").cloned();
    if let Some(node) = get("choices") {
        input.choices =
            errors.take(node.expect_seq("a list of values")).map(<[Node]>::to_vec).unwrap_or_default();
    }
    if let Some(node) = get("aliases") {
        let names = errors.take(node.expect_strings("a list of names")).unwrap_or_default();
        input.aliases = names.into_iter().map(|(name, _)| name).collect();
    }
    let keys = map.get("options").map(|entry| options(&entry.node, depth + 1, errors)).unwrap_or_default();
    match (kind, get("elements")) {
        (Loose::List, elements) if elements.is_some() || !keys.is_empty() => {
            let kind = elements.map_or(Some(Loose::Dict), |node| self::kind(node, errors))?;
            let mut items = Input::new(Type::Ansible(kind), entry.key.clone());
            items.keys = keys;
            input.items = Some(Box::new(items));
        }
        _ => input.keys = keys,
    }
    Some(input)
}

fn kind(node: &Node, errors: &mut Diagnostics) -> Option<Loose> {
    let word = errors.take(node.expect_str("a type"))?;
    // An older name of `json`.
    let found =
        if word == "jsonarg" { Some(Loose::Json) } else { Loose::ALL.into_iter().find(|k| k.name() == word) };
    if found.is_none() {
        let names: Vec<_> = Loose::ALL.iter().map(|kind| format!("`{}`", kind.name())).collect();
        let error = Diagnostic::error(format!("unknown type `{word}`")).at(&node.origin);
        let error = error.hint(format!("types are: {}", names.join(", ")));
        errors.push(error.suggest(word, Loose::ALL.iter().map(|kind| kind.name())));
    }
    found
}
