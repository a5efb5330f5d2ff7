//! What a program says of itself: `describe`.

use super::VERSION;
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{Address, Area, Footprint, Origin, Source},
    playbook::Inputs,
    resource::Topic,
    resources::Touch,
    yaml::{self, Node, Value},
};
use std::{path::Path, sync::Arc};

/// A description, read and checked.
pub struct Description {
    /// What it is for; the first line is the summary.
    pub about: String,
    pub topic: Topic,
    /// As those of a role.
    pub parameters: Inputs,
    /// With `{parameter}` in it.
    address: String,
    reads: Vec<(String, Origin)>,
    writes: Vec<(String, Origin)>,
    /// Seconds for an answer.
    pub timeout_s: u64,
    /// A task that shows its use, as YAML.
    pub example: Option<String>,
}

const KEYS: [&str; 9] =
    ["version", "description", "topic", "parameters", "address", "reads", "writes", "timeout", "example"];

const TIMEOUT_S: u64 = 30;
const LONGEST_S: i64 = 600;

impl Description {
    /// Reads what a program answers to `describe`.
    ///
    /// # Errors
    /// All that is wrong with it, with places in its text.
    pub(super) fn read(name: &str, path: &Path, json: &serde_json::Value) -> Result<Self, Diagnostics> {
        let text = serde_json::to_string_pretty(json).expect("JSON has text keys");
        let path = format!("{} describe", path.display()).into();
        let node = yaml::parse(&Arc::new(Source { path, text, secret: false }))?;
        let mut errors = Diagnostics::default();
        let map = node.expect_map("a description")?;
        for (key, entry) in map.iter().filter(|(key, _)| !KEYS.contains(&key.as_str())) {
            let error = Diagnostic::error(format!("unknown key `{key}` in a description")).at(&entry.key);
            let listed = KEYS.map(|key| format!("`{key}`")).join(", ");
            errors.push(error.hint(format!("known here: {listed}")).suggest(key, KEYS));
        }
        let get = |key: &str| map.get(key).map(|entry| &entry.node).filter(|node| !node.is_null());
        match get("version").map(|node| (&node.value, &node.origin)) {
            Some((Value::Int(VERSION), _)) => {}
            Some((_, origin)) => {
                let error = Diagnostic::error("this program speaks another version").at(origin);
                errors
                    .push(error.hint(format!("write `\"version\": {VERSION}`, and answer as that wants it")));
            }
            None => {
                let error = Diagnostic::error("a description has a `version`").at(&node.origin);
                errors.push(error.hint(format!("write `\"version\": {VERSION}`")));
            }
        }
        let mut text =
            |key: &str| get(key).and_then(|node| errors.take(node.expect_str("a text").map(str::to_string)));
        let (about, address, example) = (text("description"), text("address"), text("example"));
        let topic = text("topic").unwrap_or_else(|| "system".into());
        let parameters = match get("parameters") {
            Some(node) => Inputs::parameters(node, &mut errors),
            None => Inputs { about: None, items: Default::default(), origin: node.origin.clone() },
        };
        let found = Topic::ALL.into_iter().find(|known| format!("{known:?}").to_lowercase() == topic);
        if found.is_none() {
            let names = Topic::ALL.map(|topic| format!("{topic:?}").to_lowercase());
            let error = Diagnostic::error(format!("unknown topic `{}`", topic.escape_debug()));
            let place = get("topic").map_or(&node.origin, |node| &node.origin);
            let error = error.at(place).hint(format!("topics are: {}", names.join(", ")));
            errors.push(error.suggest(&topic, names.iter().map(String::as_str)));
        }
        let mut list = |key: &str| match get(key) {
            Some(node) => errors.take(node.expect_strings("areas")).unwrap_or_default(),
            None => vec![],
        };
        let (reads, writes) = (list("reads"), list("writes"));
        for (area, origin) in
            reads.iter().chain(&writes).chain(&address.clone().map(|text| (text, node.origin.clone())))
        {
            for name in holes(area) {
                if !parameters.items.contains_key(name) {
                    let error = Diagnostic::error(format!("`{{{name}}}` is no parameter")).at(origin);
                    errors.push(error.suggest(name, parameters.items.keys().map(String::as_str)));
                } else if parameters.items[name].secret {
                    errors.push(
                        Diagnostic::error(format!("`{name}` is a secret and cannot stand here")).at(origin),
                    );
                }
            }
        }
        let fixed = reads.iter().chain(&writes).filter(|(area, _)| !area.contains('{'));
        for (area, origin) in fixed {
            errors.take(Touch::read(&Node::string(area, origin)).map(drop));
        }
        for (key, missing) in [
            ("description", about.is_none()),
            ("address", address.is_none()),
            ("writes", get("writes").is_none()),
        ] {
            if missing && !errors.has_errors() {
                let error = Diagnostic::error(format!("a description has a `{key}`")).at(&node.origin);
                errors.push(error.hint(match key {
                    "writes" => "list what it may change: paths, `packages`, `unit:NAME`, `accounts`, ...; `{parameter}` stands for one",
                    "address" => "say what a task owns, such as `path:{path}`: two tasks that own the same are refused",
                    _ => "say what it is for",
                }));
            }
        }
        let timeout_s = match get("timeout").map(|node| (&node.value, node)) {
            None => TIMEOUT_S,
            Some((Value::Int(seconds @ 1..=LONGEST_S), _)) => seconds.cast_unsigned(),
            Some((_, node)) => {
                errors.push(node.expected_another(&format!("seconds from 1 to {LONGEST_S}")));
                TIMEOUT_S
            }
        };
        if errors.has_errors() {
            let named = |error: Diagnostic| error.cause(format!("so `{name}` cannot be used"));
            return Err(Diagnostics(errors.0.into_iter().map(named).collect()));
        }
        Ok(Self {
            about: about.unwrap_or_default(),
            topic: found.unwrap_or(Topic::System),
            parameters,
            address: address.unwrap_or_default(),
            reads,
            writes,
            timeout_s,
            example,
        })
    }

    /// What a task with these parameters owns.
    pub(super) fn address(&self, parameters: &Node) -> Address {
        Address(fill(&self.address, parameters).into_iter().next().unwrap_or_default())
    }

    /// Whether what a task reads and writes depends on this parameter.
    pub(super) fn places(&self, parameter: &str) -> bool {
        self.reads.iter().chain(&self.writes).any(|(area, _)| holes(area).any(|name| name == parameter))
    }

    /// What a task with these parameters reads and writes.
    ///
    /// # Errors
    /// A parameter that makes no area.
    pub(super) fn footprint(&self, parameters: &Node) -> Result<Footprint, Diagnostic> {
        let areas = |list: &[(String, Origin)]| -> Result<Vec<Area>, Diagnostic> {
            let mut areas = vec![];
            for (area, _) in list {
                for text in fill(area, parameters) {
                    let read = Touch::read(&Node::string(&text, &parameters.origin));
                    areas.extend(read.map_err(|errors| errors.0.into_iter().next().expect("there is one"))?);
                }
            }
            Ok(areas)
        };
        Ok(Footprint { reads: areas(&self.reads)?, writes: areas(&self.writes)? })
    }
}

/// The names in braces.
fn holes(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// A text with parameters in the place of their names; of a list, one for each item. Nothing, when one is not given.
fn fill(text: &str, parameters: &Node) -> Vec<String> {
    let mut texts = vec![text.to_string()];
    for name in holes(text) {
        let Some(node) = parameters.get(name) else { return vec![] };
        let items = node.as_seq().map_or_else(|| vec![node], |items| items.iter().collect());
        let values: Vec<String> = items.into_iter().map(plain).collect();
        let with = |text: &String| {
            values.iter().map(|value| text.replacen(&format!("{{{name}}}"), value, 1)).collect::<Vec<_>>()
        };
        texts = texts.iter().flat_map(with).collect();
    }
    texts
}

fn plain(node: &Node) -> String {
    match &node.value {
        Value::Str(text) => text.to_string(),
        _ => node.to_json().to_string(),
    }
}
