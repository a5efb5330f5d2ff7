//! Playbooks and files of tasks.
//!
//! What an item of a list is shows in its keys (`block`, `import_tasks`, ...), so the schema branches with `if`: an editor then tells
//! the one key that is wrong, where a plain list of alternatives would only say that none of them fits.

use super::{Own, TEMPLATE, closed, parameters};
use crate::{
    playbook::{Level, RESERVED, Shape},
    resources::TABLE,
};
use serde_json::{Map, Value as Json, json};

/// What a task may be besides one with a resource, by the key that says so.
const KINDS: [(&str, Level); 5] = [
    ("block", Level::Block),
    ("import_tasks", Level::ImportTasks),
    ("include_tasks", Level::IncludeTasks),
    ("import_role", Level::ImportRole),
    ("include_role", Level::IncludeRole),
];

pub(super) fn playbook(own: &Own) -> Json {
    let mut definitions = definitions(own);
    definitions.insert("play".into(), level(Level::Play, &["hosts"]));
    definitions.insert("import_playbook".into(), level(Level::ImportPlaybook, &["import_playbook"]));
    definitions.insert("prompt".into(), level(Level::Prompt, &["name"]));
    json!({
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "if": {"required": ["import_playbook"]},
            "then": {"$ref": "#/definitions/import_playbook"},
            "else": {"$ref": "#/definitions/play"},
        },
        "definitions": definitions,
    })
}

pub(super) fn tasks(own: &Own) -> Json {
    let mut definitions = definitions(own);
    // A file does not say whether it holds tasks or handlers.
    definitions.insert("task".into(), item("handler"));
    json!({"type": ["array", "null"], "items": {"$ref": "#/definitions/task"}, "definitions": definitions})
}

fn definitions(own: &Own) -> Map<String, Json> {
    let mut all = Map::new();
    all.insert("task".into(), item("plain_task"));
    all.insert("handlers".into(), item("handler"));
    all.insert("plain_task".into(), with_resource(Level::Task, own));
    all.insert("handler".into(), with_resource(Level::Handler, own));
    for (key, kind) in KINDS {
        let mut schema = level(kind, &[key]);
        let rules = if key.ends_with("_role") { own.of_tasks(key) } else { vec![] };
        if !rules.is_empty() {
            schema["allOf"] = rules.into();
        }
        all.insert(key.into(), schema);
    }
    all.insert("role".into(), role(own));
    for row in TABLE {
        all.insert(format!("resource.{}", row.name), parameters::of(row));
    }
    for (name, schema) in own.types() {
        all.insert(format!("resource.{name}"), schema.clone());
    }
    all
}

/// An item of a list of tasks: which kind it is, its keys say.
fn item(plain: &str) -> Json {
    let mut schema = json!({"$ref": format!("#/definitions/{plain}")});
    for (key, _) in KINDS.iter().rev() {
        let then = json!({"$ref": format!("#/definitions/{key}")});
        schema = json!({"if": {"required": [key]}, "then": then, "else": schema});
    }
    let about = |level: Level, name: &str| {
        let keyword = level.keywords().into_iter().find(|keyword| keyword.name == name);
        json!({"description": keyword.map_or("", |keyword| keyword.about)})
    };
    // Named here too, so that an editor offers them before any of them is written.
    let kinds = KINDS.iter().map(|(key, level)| ((*key).to_owned(), about(*level, key)));
    schema["type"] = "object".into();
    schema["properties"] = Json::Object(kinds.collect());
    schema
}

/// A task: keywords, and exactly one resource.
fn with_resource(at: Level, own: &Own) -> Json {
    let mut properties = keywords(at);
    let names = || TABLE.iter().map(|row| row.name).chain(own.types().map(|(name, _)| name));
    for name in names() {
        properties.insert(name.into(), json!({"$ref": format!("#/definitions/resource.{name}")}));
    }
    let mut schema = closed(properties);
    let one: Vec<Json> = names().map(|name| json!({"required": [name]})).collect();
    schema.insert("oneOf".into(), one.into());
    schema.into()
}

fn level(at: Level, required: &[&str]) -> Json {
    let mut schema = closed(keywords(at));
    schema.insert("required".into(), json!(required));
    schema.into()
}

pub(super) fn keywords(at: Level) -> Map<String, Json> {
    let property = |keyword: &crate::playbook::Keyword| {
        let mut schema = shape(keyword.shape);
        schema.insert("description".into(), keyword.about.into());
        (keyword.name.to_owned(), schema.into())
    };
    at.keywords().into_iter().map(property).collect()
}

/// A role where it is used: by name, or with keywords and the variables that it declares beside them.
fn role(own: &Own) -> Json {
    let mut schema = json!({
        "type": ["string", "object"],
        "properties": keywords(Level::Role),
        "anyOf": [{"required": ["role"]}, {"required": ["name"]}, {"type": "string"}],
    });
    let rules = own.of_plays();
    if !rules.is_empty() {
        schema["allOf"] = rules.into();
    }
    schema
}

fn shape(shape: Shape) -> Map<String, Json> {
    let reference = |name: &str| json!({"$ref": format!("#/definitions/{name}")});
    let schema = match shape {
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Flag => json!({"type": ["boolean", "string"], "pattern": TEMPLATE}),
        Shape::Text => json!({"type": "string"}),
        Shape::Texts => json!({"type": ["string", "array"], "items": {"type": "string"}}),
        Shape::Condition => {
            json!({"type": ["string", "boolean", "array"], "items": {"type": ["string", "boolean"]}})
        }
        Shape::Number => json!({"type": ["number", "string"], "pattern": format!("{TEMPLATE}|^[0-9]+$")}),
        Shape::Variables => json!({"type": ["object", "null"], "propertyNames": {"not": {"enum": RESERVED}}}),
        Shape::Environment => json!({"type": ["object", "string"], "pattern": TEMPLATE}),
        Shape::Words(words) => json!({"enum": words}),
        Shape::WordsOrTemplate(words) => {
            json!({"anyOf": [{"enum": words}, {"type": "string", "pattern": format!(r"{TEMPLATE}|\.")}]})
        }
        Shape::Loop => json!({"type": ["array", "object", "string"], "pattern": TEMPLATE}),
        Shape::Level(inner) => Json::Object(closed(keywords(inner))),
        Shape::LevelList(_) => json!({"type": ["array", "null"], "items": reference("prompt")}),
        Shape::Tasks(inner) => {
            let item = if inner == Level::Handler { "handlers" } else { "task" };
            json!({"type": ["array", "null"], "items": reference(item)})
        }
        Shape::Roles => json!({"type": ["array", "null"], "items": reference("role")}),
        Shape::Role(inner) => {
            let mut schema = closed(keywords(inner));
            schema.insert("type".into(), json!(["string", "object"]));
            let named = json!([{"required": ["name"]}, {"required": ["role"]}, {"type": "string"}]);
            schema.insert("anyOf".into(), named);
            schema.into()
        }
        Shape::TaskFile => {
            let file = json!({"type": "string", "description": "The file of tasks."});
            json!({
                "type": ["string", "object"], "properties": {"file": file},
                "required": ["file"], "additionalProperties": false,
            })
        }
        Shape::Batches => {
            let size = r"^[0-9.]+ *%?$";
            json!({
                "type": ["integer", "string", "array"], "minimum": 1, "pattern": size,
                "items": {"type": ["integer", "string"], "minimum": 1, "pattern": size},
            })
        }
        Shape::Percentage => {
            json!({"type": ["number", "string"], "minimum": 0, "maximum": 100, "pattern": r"^[0-9.]+ *%?$"})
        }
        Shape::Any => json!({}),
    };
    match schema {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
