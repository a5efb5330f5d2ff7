//! What a type takes, from the schema of its code: the terminal, the pages and the search read it.

use crate::{
    resource::{ResourceType, is_internal},
    schema,
};
use serde_json::Value as Json;

/// A parameter, or a key inside of one.
#[derive(Debug)]
pub(super) struct Parameter {
    pub name: String,
    /// `list of string`.
    pub kind: String,
    pub required: bool,
    /// As JSON.
    pub default: Option<String>,
    /// The words that it may be, each with what is said of it.
    pub choices: Vec<(String, String)>,
    pub about: String,
    /// The keys of the mapping, or of each mapping of the list, that it is.
    pub inside: Vec<Parameter>,
}

/// What is said of a type.
pub(super) fn about(row: &ResourceType) -> String {
    (row.schema)().to_value()["description"].as_str().unwrap_or_default().trim().to_owned()
}

/// The parameters of a type, those that are given by naming a file behind the others.
pub(super) fn parameters(row: &ResourceType) -> Vec<Parameter> {
    let raw = (row.schema)().to_value();
    let schema = schema::plainly(&raw);
    let mut found = keys(&schema);
    for source in row.sources {
        if let Some(own) = found.iter_mut().find(|parameter| parameter.name == source.into) {
            // Either of them.
            own.required = false;
        }
        if found.iter().any(|parameter| parameter.name == source.key) {
            continue;
        }
        let alone = is_internal(&raw, source.into);
        let required = alone && schema::requires(&raw, source.into);
        let about = source.about(alone);
        let (name, kind) = (source.key.to_owned(), "string".to_owned());
        let file = Parameter { name, kind, required, default: None, choices: vec![], about, inside: vec![] };
        found.push(file);
    }
    found
}

fn keys(schema: &Json) -> Vec<Parameter> {
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
    };
    let properties = schema["properties"].as_object();
    let parameter = |(name, property): (&String, &Json)| Parameter {
        name: name.clone(),
        kind: kind(property),
        required: required(name),
        default: property.get("default").filter(|d| !d.is_null()).map(ToString::to_string),
        choices: choices(property),
        about: property["description"].as_str().unwrap_or_default().trim().to_owned(),
        inside: inside(property),
    };
    properties.into_iter().flatten().map(parameter).collect()
}

fn inside(property: &Json) -> Vec<Parameter> {
    let mut found = keys(property);
    let parts = property["anyOf"].as_array().into_iter().flatten();
    for part in parts.chain([&property["items"], &property["additionalProperties"]]) {
        for key in if part.is_object() { inside(part) } else { vec![] } {
            if found.iter().all(|known| known.name != key.name) {
                found.push(key);
            }
        }
    }
    found
}

fn choices(property: &Json) -> Vec<(String, String)> {
    let own = property["enum"].as_array();
    let Some(words) = own else {
        let parts = property["anyOf"].as_array().into_iter().flatten().chain([&property["items"]]);
        return parts.filter(|part| part.is_object()).flat_map(choices).collect();
    };
    let about = property["enumDescriptions"].as_array();
    let row = |(at, word): (usize, &Json)| {
        let word = word.as_str().map_or_else(|| word.to_string(), str::to_owned);
        let said = about.and_then(|about| about.get(at)?.as_str()).unwrap_or_default();
        (word, said.trim().to_owned())
    };
    words.iter().enumerate().filter(|(_, word)| !word.is_null()).map(row).collect()
}

fn kind(property: &Json) -> String {
    if property["enum"].is_array() {
        return "word".into();
    }
    if let Some(parts) = property["anyOf"].as_array() {
        let mut kinds: Vec<String> = parts.iter().map(kind).collect();
        kinds.dedup();
        return kinds.join(" or ");
    }
    let one = |name: &str| match name {
        "array" => match kind(&property["items"]).as_str() {
            "any" => "list".to_owned(),
            inner => format!("list of {inner}"),
        },
        "object" => match &property["additionalProperties"] {
            inner @ Json::Object(map) if !map.is_empty() => format!("mapping of {}", kind(inner)),
            _ => "mapping".to_owned(),
        },
        other => other.to_owned(),
    };
    let types = property["type"].as_array().into_iter().flatten();
    let kinds: Vec<String> = types.filter_map(Json::as_str).filter(|name| *name != "null").map(one).collect();
    let secret = if property["writeOnly"] == Json::Bool(true) { ", may be secret" } else { "" };
    // `integer or list of integer` is said shorter.
    let (lists, ones): (Vec<String>, Vec<String>) =
        kinds.into_iter().partition(|kind| kind.starts_with("list of "));
    let one = ones.join(" or ");
    match &lists[..] {
        [] if ones.is_empty() => "any".into(),
        [] => one + secret,
        [list] if *list == format!("list of {one}") => format!("{one}, or a list of them{secret}"),
        _ => ones.into_iter().chain(lists).collect::<Vec<_>>().join(" or ") + secret,
    }
}
