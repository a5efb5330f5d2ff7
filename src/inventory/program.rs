//! A program that prints the inventory: called with `--list` it prints all groups as JSON, with `--host NAME` a host's variables,
//! unless `_meta` in the first had them all.
//!
//! Source: Ansible's documentation, "Developing dynamic inventory", "Inventory scripts".

use super::Run;
use super::tree::{ALL, Tree, UNGROUPED, Vars, to_vars};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::Origin;
use crate::vault::{Passwords, open_values};
use crate::yaml::{Entry, Node, Value};
use std::path::Path;

const META: &str = "_meta";
const KEYS: [&str; 3] = ["hosts", "vars", "children"];

/// Adds what a program says.
pub(super) fn read(path: &Path, passwords: &Passwords, run: Run, tree: &mut Tree, errors: &mut Diagnostics) {
    let Some(mut root) = errors.take(ask(path, &["--list"], run)) else { return };
    open_values(&mut root, passwords, errors);
    let Some(groups) = errors.take(root.expect_map("a mapping of groups").map_err(|error| {
        error.hint("what it prints looks like {\"web\": {\"hosts\": [\"a\"]}, \"_meta\": {\"hostvars\": {}}}")
    })) else {
        return;
    };
    let mut hosts = vec![];
    for (name, entry) in groups.iter().filter(|(name, _)| *name != META) {
        group(name, entry, tree, &mut hosts, errors);
    }
    let all = groups.get(META).and_then(|meta| meta.node.get("hostvars"));
    for host in hosts {
        let answer;
        let vars = match all {
            Some(all) => all.get(&host),
            None => {
                answer = errors.take(ask(path, &["--host", &host], run)).map(|mut node| {
                    open_values(&mut node, passwords, errors);
                    node
                });
                answer.as_ref()
            }
        };
        let Some(vars) = vars.filter(|vars| !vars.is_null()) else { continue };
        if let Some(vars) = errors.take(vars.expect_map("a mapping of variables")) {
            tree.hosts[&host].vars.extend(to_vars(vars));
        }
    }
}

fn ask(path: &Path, arguments: &[&str], run: Run) -> Result<Node, Diagnostic> {
    let call = format!("{} {}", path.display(), arguments.join(" "));
    let output = run(path, arguments)?;
    let text = String::from_utf8(output).map_err(|error| {
        Diagnostic::error("the output is not UTF-8").at(&Origin::named(&call)).cause(error.utf8_error())
    })?;
    if text.trim().is_empty() {
        let error = Diagnostic::error("the program printed nothing").at(&Origin::named(&call));
        return Err(error.hint("it must print the inventory as JSON; `{}` where there is nothing to say"));
    }
    let origin = Origin::named(&call);
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
        Diagnostic::error("the output is no JSON")
            .at(&origin)
            .cause(error)
            .hint("run it by hand to see what it prints")
    })?;
    let mut root = Node::from_json(&json, &origin);
    unmark(&mut root);
    Ok(root)
}

/// Ansible's marks on values, `{"__ansible_vault": TEXT}`, as the tags that YAML has for them.
fn unmark(node: &mut Node) {
    let marked =
        |key: &str| node.as_map().filter(|map| map.len() == 1)?.get(key).map(|entry| entry.node.clone());
    for (key, tag) in [("__ansible_vault", "!vault"), ("__ansible_unsafe", "!unsafe")] {
        if let Some(inner) = marked(key) {
            *node = Node { tag: Some(tag.into()), ..inner };
            return;
        }
    }
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(unmark),
        Value::Map(map) => map.values_mut().for_each(|entry| unmark(&mut entry.node)),
        _ => {}
    }
}

fn group(name: &str, entry: &Entry, tree: &mut Tree, hosts: &mut Vec<String>, errors: &mut Diagnostics) {
    tree.group(name, &entry.key);
    let add = |node: &Node, tree: &mut Tree, hosts: &mut Vec<String>, errors: &mut Diagnostics| {
        let Some(names) = errors.take(node.expect_strings("a list of hosts")) else { return };
        for (host, origin) in names {
            if tree.add_host(name, &host, &origin, Vars::new(), errors) && !hosts.contains(&host) {
                hosts.push(host);
            }
        }
    };
    if entry.node.as_seq().is_some() {
        return add(&entry.node, tree, hosts, errors);
    }
    let Some(map) = errors.take(entry.node.expect_map("a group: `hosts`, `children`, `vars`")) else {
        return;
    };
    if !map.is_empty() && !KEYS.iter().any(|key| map.contains_key(*key)) && name != ALL && name != UNGROUPED {
        // An old form: a host with its variables where a group should be.
        if tree.add_host(name, name, &entry.key, to_vars(map), errors)
            && !hosts.iter().any(|host| host == name)
        {
            hosts.push(name.to_owned());
        }
        return;
    }
    for (key, entry) in map {
        match key.as_str() {
            "hosts" => add(&entry.node, tree, hosts, errors),
            "vars" => {
                let Some(vars) = errors.take(entry.node.expect_map("a mapping of variables")) else {
                    continue;
                };
                for (variable, value) in vars {
                    tree.set_group_var(name, variable, &value.key, &value.node, errors);
                }
            }
            "children" => {
                let Some(names) = errors.take(entry.node.expect_strings("a list of groups")) else {
                    continue;
                };
                for (child, origin) in names {
                    tree.group(&child, &origin);
                    tree.group(name, &origin).children.insert(child);
                }
            }
            other => {
                let warning = Diagnostic::lint(
                    "key-without-effect",
                    format!("`{other}` of group `{name}` has no effect"),
                );
                errors.push(warning.at(&entry.key).suggest(other, KEYS));
            }
        }
    }
}
