//! `meta/inputs.yml`: what a role takes.

use super::{closed, language::keywords};
use crate::playbook::{Kind, Level};
use serde_json::{Value as Json, json};

pub(super) fn inputs() -> Json {
    let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let mut properties = keywords(Level::Input);
    let mut set = |name: &str, key: &str, value: Json| {
        if let Some(Json::Object(property)) = properties.get_mut(name) {
            property.insert(key.into(), value);
        }
    };
    set("type", "enum", json!(words));
    set("choices", "type", json!(["array", "null"]));
    for limit in ["min", "max"] {
        set(limit, "type", json!(["number", "string", "null"]));
        set(limit, "pattern", r"^\s*[0-9.]+\s*[A-Za-z]".into());
    }
    set("keys", "type", json!(["object", "null"]));
    set("keys", "additionalProperties", json!({"$ref": "#/definitions/input"}));
    for flag in ["required", "secret"] {
        set(flag, "type", json!(["boolean", "null"]));
    }
    // A reference stands alone, so what is said of these stands beside it in `allOf`.
    for key in ["items", "elements"] {
        set(key, "allOf", json!([{"$ref": "#/definitions/input"}]));
    }
    let mut whole = closed(properties);
    whole.insert("required".into(), json!(["type"]));
    json!({
        "type": ["object", "null"],
        "additionalProperties": {"$ref": "#/definitions/input"},
        "definitions": {
            // A type by name, or with more.
            "input": {
                "type": ["string", "object"],
                "if": {"type": "string"},
                "then": {"enum": words},
                "else": whole,
            },
        },
    })
}
