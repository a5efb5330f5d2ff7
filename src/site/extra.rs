//! `-e`: variables from the command line.

use super::reach::maps;
use crate::{
    diag::{Diagnostic, Diagnostics},
    inventory::{Inventory, conceal},
    model::{Origin, Source},
    playbook::{Files, Playbook, is_reserved},
    yaml::{self, Hidden, Node, Value},
};
use indexmap::IndexMap;
use std::{path::Path, sync::Arc};

/// Reads the values of `-e`: `name=value` (a string), a JSON or YAML mapping, or `@file`. Later ones win.
///
/// # Errors
/// All that are none of these.
pub fn extra_vars(values: &[String], files: &dyn Files) -> Result<IndexMap<String, Node>, Diagnostics> {
    let mut errors = Diagnostics::default();
    let mut all = IndexMap::new();
    let origin = Origin::named("-e");
    for value in values {
        let tree = if let Some(path) = value.strip_prefix('@') {
            let path = Path::new(path);
            if !files.is_file(path) {
                let beside =
                    files.list(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")));
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let error = Diagnostic::error(format!("no such file: {}", path.display())).at(&origin);
                let error = error.hint("behind `@` stands a file of variables");
                errors.push(error.suggest(&name, beside.iter().map(String::as_str)));
                continue;
            }
            files.yaml(path, &mut errors)
        } else if value.trim_start().starts_with('{') && !value.trim_start().starts_with("{{") {
            let source = Source { path: "-e".into(), text: value.clone(), secret: false };
            let mut tree = errors.take(yaml::parse(&Arc::new(source)));
            tree.iter_mut().for_each(|node| files.open(node, &mut errors));
            tree
        } else if let Some((name, value)) = value.split_once('=') {
            all.insert(name.trim().to_string(), Node::string(value, &origin));
            continue;
        } else {
            let error = Diagnostic::error("a variable without a value").at(&origin);
            errors.push(error.hint("write `-e name=value`, `-e '{name: value}'` or `-e @file.yml`"));
            continue;
        };
        match tree.map(|node| node.value) {
            Some(Value::Map(map)) => all.extend(map.into_iter().map(|(name, entry)| (name, entry.node))),
            Some(Value::Null) | None => {}
            Some(_) => {
                let error = Diagnostic::error(format!("`{value}` holds no variables")).at(&origin);
                errors.push(error.hint("write a mapping: `name: value`"));
            }
        }
    }
    for (name, node) in all.iter().filter(|(name, _)| is_reserved(name)) {
        let error = Diagnostic::error(format!("`-e` cannot set `{name}`: that name is always in scope"));
        errors.push(error.at(&node.origin).hint("choose another name"));
    }
    errors.into_result(all)
}

/// Marks what is a secret whoever gives it: passwords by their name, and what stands in for a secret of the project.
pub(super) fn conceal_all(extra: &mut IndexMap<String, Node>, inventory: &Inventory, playbook: &Playbook) {
    conceal(extra, &Hidden::default());
    for (name, node) in extra {
        let hosts = inventory.hosts().chain(inventory.host("localhost"));
        let of_hosts = hosts.filter_map(|host| host.vars.get(name.as_str()));
        let of_plays = playbook.plays.iter().flat_map(maps).filter_map(|map| map.get(name.as_str()));
        of_hosts.chain(of_plays.map(|entry| &entry.node)).for_each(|like| conceal_like(node, like));
    }
}

/// What stands where a secret stands in the other one.
fn conceal_like(node: &mut Node, like: &Node) {
    if like.secret {
        return node.taint();
    }
    if let (Value::Map(map), Value::Map(others)) = (&mut node.value, &like.value) {
        for (key, entry) in map.iter_mut() {
            if let Some(other) = others.get(key) {
                conceal_like(&mut entry.node, &other.node);
            }
        }
    }
}
