//! JSON Schemas (draft-07, which editors take) of what people write: playbooks, files of tasks, inventories, variables, and
//! what roles take. Made of the same tables that the parser and the resource types read with.
//!
//! A schema knows keys and the shapes of values, not names: that a handler, a variable or a host is there, `validate` says.

mod events;
mod inputs;
mod inventory;
mod language;
mod own;
mod parameters;

use serde_json::{Map, Value as Json, json};

pub use events::{events, plan, written};
pub use own::Own;
pub use parameters::{lowered, plainly, requires};

/// What a text with a template in it looks like: it may stand where something else than a text is wanted.
pub(crate) const TEMPLATE: &str = r"\{\{";

/// A schema by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A playbook.
    Playbook,
    /// A file of tasks or of handlers: `roles/*/tasks/*.yml`.
    Tasks,
    /// An inventory in YAML.
    Inventory,
    /// `roles/*/meta/inputs.yml`.
    RoleInputs,
    /// A file of variables: `group_vars/`, `host_vars/`, `defaults/`, `vars/`.
    Vars,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Playbook, Self::Tasks, Self::Inventory, Self::RoleInputs, Self::Vars];

    /// As it is written on the command line; the file is `NAME.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Playbook => "playbook",
            Self::Tasks => "tasks",
            Self::Inventory => "inventory",
            Self::RoleInputs => "role-inputs",
            Self::Vars => "vars",
        }
    }

    /// The schema, for a project that brings this along.
    pub fn schema(self, own: &Own) -> Json {
        let (title, body) = match self {
            Self::Playbook => ("A playbook", language::playbook(own)),
            Self::Tasks => ("Tasks or handlers", language::tasks(own)),
            Self::Inventory => ("An inventory", inventory::inventory()),
            Self::RoleInputs => ("What a role takes", inputs::inputs()),
            Self::Vars => ("Variables", inventory::variables(own)),
        };
        let mut schema = json!({"$schema": "http://json-schema.org/draft-07/schema#", "title": title});
        let (Json::Object(whole), Json::Object(body)) = (&mut schema, body) else { return schema };
        whole.extend(body);
        schema
    }
}

/// A mapping with these keys and no other.
fn closed(properties: Map<String, Json>) -> Map<String, Json> {
    let mut schema = Map::new();
    schema.insert("type".into(), "object".into());
    schema.insert("additionalProperties".into(), false.into());
    schema.insert("properties".into(), properties.into());
    schema
}

/// A mapping whose value a program on the controller prints: `!secret {command: [...]}`.
fn asked() -> Json {
    json!({
        "type": "object",
        "required": ["command"],
        "additionalProperties": false,
        "properties": {
            "command": {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1,
                "description": "The program on this machine that prints the value, and its arguments."},
            "timeout": {"type": ["integer", "string"], "description": "Seconds it may take (30)."},
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in a schema, with its path.
    fn walk(schema: &Json, path: &str, visit: &mut dyn FnMut(&str, &Json)) {
        visit(path, schema);
        match schema {
            Json::Object(map) => {
                map.iter().for_each(|(key, inner)| walk(inner, &format!("{path}/{key}"), visit))
            }
            Json::Array(items) => {
                items.iter().enumerate().for_each(|(at, inner)| walk(inner, &format!("{path}/{at}"), visit));
            }
            _ => {}
        }
    }

    #[test]
    fn schemas_are_draft_07_and_every_reference_leads_somewhere() {
        for kind in Kind::ALL {
            let mut own = Own::default();
            own.add_type("own_type", None);
            let schema = kind.schema(&own);
            walk(&schema, "#", &mut |path, inner| {
                let Some(map) = inner.as_object() else { return };
                if let Some(reference) = map.get("$ref").and_then(Json::as_str) {
                    let target = reference.strip_prefix('#').and_then(|pointer| schema.pointer(pointer));
                    assert!(target.is_some(), "{kind:?} {path}: {reference}");
                    assert_eq!(
                        map.len(),
                        1,
                        "{kind:?} {path}: draft-07 ignores what stands beside a reference"
                    );
                }
                // Keywords of later drafts, unless they are names of parameters.
                if !path.ends_with("/properties") {
                    for later in ["$defs", "prefixItems", "unevaluatedProperties", "dependentRequired"] {
                        assert!(!map.contains_key(later), "{kind:?} {path}: {later}");
                    }
                }
            });
        }
    }
}
