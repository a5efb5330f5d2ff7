//! What a project brings along: the parameters of the resource types in its `library/`, and what its roles take where they are used.

use super::{TEMPLATE, asked, closed, language::keywords};
use crate::{
    external::Description,
    playbook::{Files, Input, Kind, Level, Role, Type},
    yaml::Node,
};
use serde_json::{Map, Value as Json, json};

/// What is known of a project.
#[derive(Default)]
pub struct Own {
    /// Resource types by name, each with what stands behind its key.
    types: Vec<(String, Json)>,
    roles: Vec<OwnRole>,
}

/// What may be written where a role is used.
struct OwnRole {
    name: String,
    /// What it may be given, by name.
    known: Map<String, Json>,
    /// It has `meta/inputs.yml`: `vars` take nothing else.
    says_all: bool,
}

impl Own {
    /// A type that a program is. Without a description, its parameters are not looked at.
    pub fn add_type(&mut self, name: &str, description: Option<&Description>) {
        let Some(description) = description else {
            self.types.push((name.into(), json!({"description": "A resource type of this project."})));
            return;
        };
        let mut schema = mapping(&description.parameters.items, |input| value(input, input.secret));
        schema.insert("description".into(), description.about.trim().into());
        let kinds = if schema.contains_key("required") { json!("object") } else { json!(["object", "null"]) };
        schema.insert("type".into(), kinds);
        self.types.push((name.into(), schema.into()));
    }

    /// A role, with what it takes.
    pub fn add_role(&mut self, role: &Role, files: &dyn Files) {
        let mut known: Map<String, Json> =
            role.known(files).into_iter().map(|name| (name, json!({}))).collect();
        let mut counts: Vec<&str> = vec![];
        for (_, inputs) in role.entry_points() {
            for (name, input) in &inputs.items {
                // An entry point of its own may take another thing of that name.
                let schema = if counts.contains(&name.as_str()) { json!({}) } else { value(input, true) };
                counts.push(name);
                known.insert(name.clone(), schema);
            }
        }
        self.roles.push(OwnRole { name: role.name.clone(), known, says_all: role.says_all() });
    }

    /// The names of the types, and what stands behind each of them.
    pub(super) fn types(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.types.iter().map(|(name, schema)| (name.as_str(), schema))
    }

    /// What is given to roles by a task with this key.
    pub(super) fn of_tasks(&self, key: &str) -> Vec<Json> {
        let given = self.roles.iter().filter_map(|role| Some((role, role.given()?)));
        let rules = |(role, given): (&OwnRole, Json)| {
            let named = [json!({"const": role.name})].into_iter().chain(role.is_named());
            let rule = |named| {
                json!({
                    "if": {"required": [key], "properties": {key: named}},
                    "then": {"properties": {"vars": given}},
                })
            };
            named.map(rule).collect::<Vec<_>>()
        };
        given.flat_map(rules).collect()
    }

    /// What stands beside a role in a play.
    pub(super) fn of_plays(&self) -> Vec<Json> {
        let rules = |role: &OwnRole| {
            let mut properties = role.known.clone();
            for (name, _) in keywords(Level::Role) {
                properties.insert(name, json!({}));
            }
            properties.extend(role.given().map(|given| ("vars".into(), given)));
            let then = closed_beside(properties);
            role.is_named().map(|named| json!({"if": named, "then": then}))
        };
        self.roles.iter().flat_map(rules).collect()
    }

    /// What roles take, for who sets it in a file of variables. Its kind is not looked at: a host may have a variable of that
    /// name for something else.
    pub(super) fn inputs(&self) -> Map<String, Json> {
        let mut found = Map::new();
        for role in &self.roles {
            for (name, schema) in &role.known {
                let about = schema.get("description").and_then(Json::as_str);
                let about = about.map(|about| format!("{about}\n\n")).unwrap_or_default();
                let about = format!("{about}Role `{}`.", role.name);
                let entry = found.entry(name).or_insert(json!({"description": ""}));
                let before = entry["description"].as_str().filter(|text| !text.is_empty());
                let about = before.map_or_else(|| about.clone(), |before| format!("{before}\n\n{about}"));
                entry["description"] = about.into();
            }
        }
        found
    }
}

impl OwnRole {
    /// `vars`, where the role says all that it takes.
    fn given(&self) -> Option<Json> {
        self.says_all.then(|| closed_beside(self.known.clone()))
    }

    /// A mapping that names it, and reads it from its usual files: in one way, or in the other. Not with `anyOf` nor with
    /// `propertyNames`: for the language server each fits the beginning of a word, and a mapping that is being written would be another.
    fn is_named(&self) -> [Json; 2] {
        ["role", "name"].map(|key| {
            json!({
                "type": "object",
                "required": [key],
                "properties": {
                    key: {"const": self.name},
                    "defaults_from": false,
                    "vars_from": false,
                    "rolespec_validate": false,
                },
            })
        })
    }
}

/// These keys, those by which a host is reached, and no other.
fn closed_beside(properties: Map<String, Json>) -> Json {
    let mut schema = closed(properties);
    // What else it may be, is said elsewhere.
    schema.remove("type");
    schema.insert("patternProperties".into(), json!({"^ansible_": {}}));
    schema.into()
}

fn mapping<'a>(
    inputs: impl IntoIterator<Item = (&'a String, &'a Input)>,
    value: impl Fn(&Input) -> Json,
) -> Map<String, Json> {
    let (mut properties, mut required) = (Map::new(), vec![]);
    for (name, input) in inputs {
        for name in std::iter::once(name).chain(&input.aliases) {
            properties.insert(name.clone(), value(input));
        }
        if input.required && input.aliases.is_empty() {
            required.push(name);
        }
    }
    let required = json!(required);
    let mut schema = closed(properties);
    if required != json!([]) {
        schema.insert("required".into(), required);
    }
    schema
}

/// A value as it is written: of its kind, a template, or nothing. `may_ask`: a program may be asked for a text.
fn value(input: &Input, may_ask: bool) -> Json {
    let mut schema = match input.kind {
        Type::Ours(kind) => of_kind(input, kind, may_ask),
        // Whatever can be converted.
        Type::Ansible(_) => Map::new(),
    };
    let mut about: Vec<String> = input.about.iter().map(|about| about.trim().to_owned()).collect();
    let default = input.default.as_ref().filter(|default| !input.secret && !default.holds_secret());
    if let Some(default) = default.filter(|default| !default.is_null()) {
        let shown = default.to_json();
        about
            .push(format!("Default: `{}`.", shown.as_str().map_or_else(|| shown.to_string(), str::to_owned)));
        schema.insert("default".into(), shown);
    }
    if input.required {
        about.push("Required.".into());
    }
    if !about.is_empty() {
        schema.insert("description".into(), about.join("\n\n").into());
    }
    schema.into()
}

fn of_kind(input: &Input, kind: Kind, may_ask: bool) -> Map<String, Json> {
    let mut schema = Map::new();
    let mut set = |key: &str, value: Json| _ = schema.insert(key.into(), value);
    let choices: Vec<Json> = input.choices.iter().map(Node::to_json).collect();
    if !choices.is_empty() && kind != Kind::List {
        set("anyOf", words(choices));
        return schema;
    }
    let mut types = vec!["null", "string"];
    let pattern = match kind {
        Kind::Any => return schema,
        Kind::String | Kind::Ip | Kind::Hostname => None,
        Kind::Path => Some("^/"),
        Kind::Cidr => Some("/"),
        Kind::Url => Some("://"),
        Kind::Mode => Some("^[0-7]{3,4}$"),
        Kind::Duration | Kind::Size => Some(r"^\s*[0-9.]+\s*[A-Za-z]"),
        Kind::Integer | Kind::Number | Kind::Port | Kind::Boolean | Kind::List | Kind::Map => Some(""),
    };
    let own = input.pattern.as_ref().and_then(|pattern| for_editors(pattern.as_str()));
    // An empty one stands for what no text is, but a template.
    match (pattern, own) {
        (Some(""), _) => set("pattern", TEMPLATE.into()),
        (_, Some(own)) => set("pattern", format!("{own}|{TEMPLATE}").into()),
        (Some(pattern), None) => set("pattern", format!("{pattern}|{TEMPLATE}").into()),
        (None, None) => {}
    }
    match kind {
        Kind::Integer => types.push("integer"),
        Kind::Number => types.push("number"),
        Kind::Boolean => types.push("boolean"),
        Kind::Port => {
            types.push("integer");
            set("minimum", 1.into());
            set("maximum", 65535.into());
        }
        Kind::Duration | Kind::Size => {
            types.push("integer");
            set("minimum", 0.into());
        }
        Kind::List => {
            types.push("array");
            if !choices.is_empty() {
                set("items", json!({"anyOf": words(choices)}));
            } else if let Some(items) = &input.items {
                set("items", value(items, may_ask));
            }
        }
        Kind::Map => {
            types.push("object");
            let inside = mapping(&input.keys, |input| value(input, may_ask));
            for (key, inner) in inside.into_iter().filter(|(key, _)| key != "type") {
                set(&key, inner);
            }
            let free = input.keys.is_empty().then(|| json!({}));
            let others = input.items.as_ref().map(|items| value(items, may_ask)).or(free);
            others.into_iter().for_each(|others| set("additionalProperties", others));
        }
        _ if may_ask => {
            types.push("object");
            if let Json::Object(asked) = asked() {
                asked.into_iter().for_each(|(key, value)| set(&key, value));
            }
        }
        _ => {}
    }
    let is_number = matches!(kind, Kind::Integer | Kind::Number | Kind::Port | Kind::Duration | Kind::Size);
    for (key, limit) in [("minimum", input.min), ("maximum", input.max)] {
        limit.filter(|_| is_number).into_iter().for_each(|limit| set(key, json!(limit)));
    }
    set("type", json!(types));
    schema
}

/// One of these, a template, or nothing.
fn words(mut choices: Vec<Json>) -> Json {
    choices.push(Json::Null);
    json!([{"enum": choices}, {"type": "string", "pattern": TEMPLATE}])
}

/// A regular expression of ours, where an editor's says the same.
fn for_editors(pattern: &str) -> Option<&str> {
    let plain = pattern.replace("(?:", "(");
    let ours = ["(?", "[[", "&&", "--", "~~", "\\p", "\\P", "\\A", "\\z", "\\x{", "\\u", "\\U", "\\h", "[]"];
    ours.iter().all(|ours| !plain.contains(ours)).then_some(pattern)
}
