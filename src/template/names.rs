//! The names that texts mention, found without rendering them.

use super::code::is_template;
use crate::yaml::{Node, Value};
use std::collections::BTreeSet;

/// Adds all names in the templates of a value. `expression`: its strings are expressions without braces.
pub fn names_in(node: &Node, expression: bool, names: &mut BTreeSet<String>) {
    match &node.value {
        Value::Str(text) if expression => names.extend(words(text)),
        Value::Str(text) if is_template(text) => names_in_text(text, names, &mut BTreeSet::new()),
        Value::Seq(items) => items.iter().for_each(|item| names_in(item, expression, names)),
        Value::Map(map) => {
            for (key, entry) in map {
                if is_template(key) {
                    names_in_text(key, names, &mut BTreeSet::new());
                }
                names_in(&entry.node, expression, names);
            }
        }
        _ => {}
    }
}

/// Adds all names in the tags of a template, and the partials that it includes.
pub fn names_in_text(text: &str, names: &mut BTreeSet<String>, partials: &mut BTreeSet<String>) {
    for part in text.split("{{").skip(1) {
        let tag = part.split("}}").next().unwrap_or(part);
        names.extend(words(tag));
        let tag = tag.trim_start_matches(['{', '~', '#']).trim_start();
        if let Some(included) = tag.strip_prefix('>') {
            let name = included.split_whitespace().next().unwrap_or_default();
            partials.insert(name.trim_matches(['[', ']', '\'', '"', '~']).to_string());
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty()).map(str::to_string)
}
