//! The schema of a resource type's parameters, as it is derived from its code, in draft-07 and open for templates: where a number, a
//! boolean or a list is wanted, `"{{...}}"` may stand too.

use super::{TEMPLATE, asked};
use crate::resource::{ResourceType, is_internal};
use serde_json::{Map, Value as Json, json};

/// More than any type needs; one that stands in itself must come to an end.
const DEEPEST: usize = 12;

/// What may stand behind the key of a type.
pub fn of(row: &ResourceType) -> Json {
    let raw = (row.schema)().to_value();
    let Json::Object(mut whole) = lowered(&raw) else { return json!({}) };
    for key in ["$schema", "title", "pattern"] {
        whole.remove(key);
    }
    // Parameters that are given by naming a file.
    for source in row.sources {
        if let Some(Json::Object(properties)) = whole.get_mut("properties") {
            let about = source.about(is_internal(&raw, source.into));
            properties.entry(source.key).or_insert(json!({"type": "string", "description": about}));
        }
        if is_internal(&raw, source.into) {
            if requires(&raw, source.into)
                && let Json::Array(required) = whole.entry("required").or_insert(json!([]))
            {
                required.push(source.key.into());
            }
            continue;
        }
        let Some(Json::Array(required)) = whole.get_mut("required") else { continue };
        let count = required.len();
        required.retain(|name| name != source.into);
        if required.len() < count {
            let either: Vec<Json> =
                [source.into, source.key].iter().map(|name| json!({"required": [name]})).collect();
            whole.insert("oneOf".into(), either.into());
        }
    }
    aliases(row, &mut whole);
    let needs_none = whole.get("required").and_then(Json::as_array).is_none_or(Vec::is_empty)
        && !whole.contains_key("oneOf")
        && !whole.contains_key("allOf");
    let mut types = vec!["object"];
    if row.free.is_some() {
        types.extend(["string", "number", "boolean"]);
    }
    if needs_none {
        types.push("null");
    }
    whole.insert("type".into(), types.into());
    whole.into()
}

/// Whether the code wants this parameter.
pub fn requires(raw: &Json, name: &str) -> bool {
    raw["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
}

/// The other names of parameters.
fn aliases(row: &ResourceType, whole: &mut Map<String, Json>) {
    let Some(Json::Object(properties)) = whole.get_mut("properties") else { return };
    let mut known: Vec<(String, Vec<String>)> = vec![];
    for (theirs, ours) in row.theirs.aliases() {
        let Some(property) = properties.get(ours).cloned() else { continue };
        properties.insert(theirs.into(), property);
        match known.iter_mut().find(|(name, _)| name == ours) {
            Some((_, others)) => others.push(theirs.into()),
            None => known.push((ours.into(), vec![theirs.into()])),
        }
    }
    let Some(Json::Array(required)) = whole.get_mut("required") else { return };
    let mut either: Vec<Json> = vec![];
    for (name, others) in &known {
        let count = required.len();
        required.retain(|required| required != name);
        if required.len() < count {
            let names = std::iter::once(name).chain(others);
            either.push(json!({"anyOf": names.map(|name| json!({"required": [name]})).collect::<Vec<_>>()}));
        }
    }
    if !either.is_empty() {
        whole.insert("allOf".into(), either.into());
    }
}

/// A schema as it comes from the code, without references, in draft-07 and open for templates.
pub fn lowered(raw: &Json) -> Json {
    let mut plain = plain(raw, raw, 0);
    open(&mut plain);
    plain.into()
}

/// A schema as it comes from the code, without references and with few alternatives: for who reads it.
pub fn plainly(raw: &Json) -> Json {
    plain(raw, raw, 0).into()
}

/// Without references and later drafts' keywords; alternatives put together where one `type` can say them.
fn plain(node: &Json, root: &Json, depth: usize) -> Map<String, Json> {
    let mut out = Map::new();
    let Some(map) = node.as_object().filter(|_| depth < DEEPEST) else { return out };
    let again = |inner: &Json| plain(inner, root, depth + 1);
    for (key, value) in map {
        match (key.as_str(), value) {
            ("$ref", Json::String(path)) => {
                let target = path.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
                let target = target.map(again).unwrap_or_default();
                target.into_iter().for_each(|(key, value)| _ = out.entry(key).or_insert(value));
            }
            ("allOf", Json::Array(parts)) => {
                for part in parts {
                    again(part).into_iter().for_each(|(key, value)| _ = out.entry(key).or_insert(value));
                }
            }
            ("anyOf" | "oneOf", Json::Array(parts)) => {
                alternatives(parts.iter().map(again).collect(), &mut out)
            }
            ("const", value) => {
                out.insert("enum".into(), json!([value]));
            }
            ("type", Json::String(one)) => {
                out.insert("type".into(), json!([one]));
            }
            ("properties", Json::Object(properties)) => {
                let shown = properties.iter().filter(|(name, _)| !is_internal(node, name));
                let properties = shown.map(|(name, inner)| (name.clone(), again(inner).into()));
                out.insert("properties".into(), Json::Object(properties.collect()));
            }
            ("required", Json::Array(names)) => {
                let shown = |name: &&Json| name.as_str().is_none_or(|name| !is_internal(node, name));
                out.insert("required".into(), names.iter().filter(shown).cloned().collect());
            }
            ("items" | "additionalProperties", Json::Object(_)) => {
                out.insert(key.clone(), again(value).into());
            }
            ("$defs" | "$schema" | "title" | "format" | "examples", _) => {}
            // What is not given is no default that helps anybody.
            ("default", Json::Null) => {}
            // The words that stand where the schema is used say more than those of what it leads to.
            ("description", _) => {
                out.insert(key.clone(), value.clone());
            }
            _ => {
                out.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    out
}

/// Puts alternatives into `out`: words become one `enum`, different types one list of them, all else stays `anyOf`.
fn alternatives(parts: Vec<Map<String, Json>>, out: &mut Map<String, Json>) {
    let is_null = |part: &Map<String, Json>| part.get("type") == Some(&json!(["null"])) && part.len() == 1;
    let takes_null = parts.iter().any(is_null);
    let parts: Vec<_> = parts.into_iter().filter(|part| !is_null(part)).collect();
    let words: Option<Vec<&Vec<Json>>> = parts.iter().map(|part| part.get("enum")?.as_array()).collect();
    if let Some(words) = words {
        let mut words: Vec<Json> = words.into_iter().flatten().cloned().collect();
        let mut about: Vec<Json> = parts.iter().flat_map(said).collect();
        if takes_null {
            words.push(Json::Null);
            about.push("".into());
        }
        out.insert("enum".into(), words.into());
        if about.iter().any(|text| text != "") {
            out.insert("enumDescriptions".into(), about.into());
        }
        return;
    }
    let mut whole = Map::new();
    let mut together = true;
    for part in &parts {
        let types = part.get("type").and_then(Json::as_array).filter(|_| !part.contains_key("enum"));
        let known = whole.get("type").and_then(Json::as_array).cloned().unwrap_or_default();
        let Some(types) = types.filter(|types| types.iter().all(|one| !known.contains(one))) else {
            together = false;
            break;
        };
        let types: Vec<Json> = known.iter().chain(types).cloned().collect();
        for (key, value) in part {
            together &=
                key == "description" || whole.get(key).is_none_or(|other| other == value || key == "type");
            whole.insert(key.clone(), value.clone());
        }
        whole.insert("type".into(), types.into());
    }
    if together {
        if takes_null && let Some(Json::Array(types)) = whole.get_mut("type") {
            types.push("null".into());
        }
        whole.into_iter().for_each(|(key, value)| _ = out.entry(key).or_insert(value));
        return;
    }
    let mut parts: Vec<Json> = parts.into_iter().map(Json::Object).collect();
    if takes_null {
        parts.push(json!({"type": ["null"]}));
    }
    out.insert("anyOf".into(), parts.into());
}

/// What is said of each of the words of an alternative.
fn said(part: &Map<String, Json>) -> Vec<Json> {
    if let Some(Json::Array(said)) = part.get("enumDescriptions") {
        return said.clone();
    }
    let words = part.get("enum").and_then(Json::as_array).map_or(0, Vec::len);
    let own = part.get("description").filter(|_| words == 1).cloned();
    vec![own.unwrap_or_else(|| "".into()); words]
}

/// Lets templates in, and numbers where a text is wanted.
fn open(schema: &mut Map<String, Json>) {
    for key in ["properties", "anyOf", "items", "additionalProperties"] {
        match schema.get_mut(key) {
            Some(Json::Object(map)) if key == "properties" => {
                map.values_mut().filter_map(Json::as_object_mut).for_each(open);
            }
            Some(Json::Object(map)) => open(map),
            Some(Json::Array(parts)) => parts.iter_mut().filter_map(Json::as_object_mut).for_each(open),
            _ => {}
        }
    }
    if let Some(words) = schema.remove("enum") {
        schema.remove("type");
        let mut one = json!({"enum": words});
        if let Some(about) = schema.remove("enumDescriptions") {
            one["enumDescriptions"] = about;
        }
        schema.insert("anyOf".into(), json!([one, {"type": "string", "pattern": TEMPLATE}]));
        return;
    }
    let secret = schema.get("writeOnly") == Some(&Json::Bool(true));
    let Some(Json::Array(types)) = schema.get_mut("type") else { return };
    let has = |types: &[Json], name: &str| types.iter().any(|one| one == name);
    let is_text = has(types, "string");
    // A text with a pattern is a word of its own, such as a mode: a number is no other way to write it.
    let is_word = schema.contains_key("pattern");
    let Some(Json::Array(types)) = schema.get_mut("type") else { return };
    if is_text && !is_word && !has(types, "integer") && !has(types, "number") {
        types.push("number".into());
    }
    if is_text && secret {
        types.push("boolean".into());
        if !has(types, "object") {
            types.push("object".into());
            if let Json::Object(asked) = asked() {
                asked.into_iter().for_each(|(key, value)| _ = schema.entry(key).or_insert(value));
            }
        }
    }
    if !is_text && let Some(Json::Array(types)) = schema.get_mut("type") {
        types.push("string".into());
        schema.insert("pattern".into(), TEMPLATE.into());
    } else if let Some(Json::String(pattern)) = schema.get_mut("pattern") {
        *pattern = format!("{pattern}|{TEMPLATE}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_become_one_type_where_that_says_the_same() {
        let raw = json!({
            "properties": {
                "ports": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "array", "items": {"type": "integer"}}]},
                "state": {"description": "D.", "anyOf": [{"$ref": "#/$defs/State"}, {"type": "null"}]},
                "on": {"type": "boolean", "default": false},
                "body": {"type": ["string", "null"], "writeOnly": true, "default": null},
                "either": {"anyOf": [{"type": "object", "properties": {}}, {"type": "object"}]},
            },
            "$defs": {"State": {"oneOf": [{"const": "a", "description": "X."}, {"enum": ["b"]}]}},
        });
        let found = lowered(&raw);
        let property = |name: &str| &found["properties"][name];
        assert_eq!(property("ports")["type"], json!(["integer", "array", "string"]));
        assert_eq!(property("ports")["pattern"], TEMPLATE);
        assert_eq!(property("ports")["items"]["type"], json!(["integer", "string"]));
        assert_eq!(property("state")["anyOf"][0]["enum"], json!(["a", "b", null]));
        assert_eq!(property("state")["description"], "D.");
        assert_eq!(
            property("on"),
            &json!({"type": ["boolean", "string"], "default": false, "pattern": TEMPLATE})
        );
        assert_eq!(property("body")["type"], json!(["string", "null", "number", "boolean", "object"]));
        assert_eq!(property("body")["required"], json!(["command"]));
        assert_eq!(property("either")["anyOf"].as_array().unwrap().len(), 2);
        assert!(found.get("$defs").is_none());
    }
}
