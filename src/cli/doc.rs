//! `doc`: the documentation of resource types, helpers and roles, from the same source as the code.

mod roles;

use super::{Color, vault_args::VaultArgs};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    resource::ResourceType,
    resources::TABLE,
    template::HELPERS,
};
use serde_json::Value as Json;

#[derive(Debug, clap::Args)]
pub struct Doc {
    /// A resource type, `helpers`, or `role`; without it, the list of types
    name: Option<String>,
    /// With `role`: its name or its folder; without it, the list of roles
    role: Option<String>,
    #[command(flatten)]
    vault: VaultArgs,
}

impl Doc {
    /// Prints it.
    ///
    /// # Errors
    /// An unknown name.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        if let (Some(extra), false) = (&self.role, self.name.as_deref() == Some("role")) {
            let error = Diagnostic::error(format!("`{extra}` is one name too many"));
            return Err(error.hint("`doc TYPE` shows a type, `doc role NAME` a role").into());
        }
        let text = match self.name.as_deref() {
            None => list(),
            Some("helpers") => helpers(),
            Some("role") => roles::page(self.role.as_deref(), &self.vault, color)?,
            Some(path) if path.contains('/') => roles::page(Some(path), &self.vault, color)?,
            Some(name) => match crate::resources::find(name) {
                Some(found) => page(found),
                None => {
                    let known = TABLE.iter().map(|t| t.name).chain(["helpers", "role"]);
                    let error = Diagnostic::error(format!("unknown resource type `{name}`"));
                    return Err(error.hint("`doc` alone lists them").suggest(name, known).into());
                }
            },
        };
        anstream::print!("{text}");
        Ok(Exit::Done)
    }
}

fn list() -> String {
    let width = TABLE.iter().map(|t| t.name.len()).max().unwrap_or(0);
    let line = |t: &ResourceType| {
        let schema = (t.schema)().to_value();
        let summary = schema["description"].as_str().unwrap_or("").lines().next().unwrap_or("").to_string();
        format!("{:width$}  {summary}\n", t.name)
    };
    TABLE.iter().map(line).collect::<String>()
        + "\n`doc TYPE` shows a type, `doc helpers` the template helpers, `doc role NAME` what a role takes.\n"
}

/// A type's page: what it is, its parameters, an example.
fn page(found: &ResourceType) -> String {
    let schema = (found.schema)().to_value();
    let mut out = format!("{}\n\n", found.name);
    if let Some(text) = schema["description"].as_str() {
        out += &format!("{text}\n\n");
    }
    out += "parameters:\n";
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let mut notes = vec![kind(property, &schema)];
        if required.contains(&name.as_str()) {
            notes.push("required".into());
        }
        if let Some(default) = property.get("default").filter(|d| !d.is_null()) {
            notes.push(format!("default {default}"));
        }
        out += &format!("  {name} ({})\n", notes.join(", "));
        for line in property["description"].as_str().unwrap_or("").lines() {
            out += &format!("      {line}\n");
        }
    }
    for source in found.sources {
        out += &format!(
            "  {} (string)\n      A file from {}/, in place of `{}`.\n",
            source.key, source.folder, source.into
        );
    }
    out + "\nexample:\n" + &found.example.lines().map(|l| format!("  {l}\n")).collect::<String>()
}

fn kind(property: &Json, root: &Json) -> String {
    if let Some(reference) = property["$ref"].as_str() {
        let target = reference.trim_start_matches("#/").split('/').fold(root, |at, key| &at[key]);
        return kind(target, root);
    }
    for key in ["enum", "oneOf", "anyOf"] {
        if let Some(options) = property[key].as_array() {
            let word = |option: &Json| match option.as_str().or_else(|| option["const"].as_str()) {
                Some(word) => Some(word.to_string()),
                None => Some(kind(option, root)).filter(|k| k != "null"),
            };
            let mut words: Vec<String> = options.iter().filter_map(word).collect();
            words.dedup();
            return words.join(" | ");
        }
    }
    match &property["type"] {
        Json::String(kind) => kind.clone(),
        Json::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Json::as_str).filter(|k| *k != "null").collect();
            kinds.join(" | ")
        }
        _ => "any".into(),
    }
}

fn helpers() -> String {
    let mut out = String::new();
    for helper in HELPERS {
        out += &format!(
            "{}\n    {}\n    {}  ->  {}\n",
            helper.signature, helper.doc, helper.example.0, helper.example.1
        );
    }
    out
}
