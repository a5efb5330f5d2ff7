//! The types of Ansible's `argument_specs`. As there, a value fits when it can be converted; it is not converted for the role.

use crate::yaml::{Node, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loose {
    Str,
    Int,
    Float,
    Bool,
    List,
    Dict,
    Path,
    Raw,
    Json,
    Bytes,
    Bits,
}

impl Loose {
    pub const ALL: [Self; 11] = [
        Self::Str,
        Self::Int,
        Self::Float,
        Self::Bool,
        Self::List,
        Self::Dict,
        Self::Path,
        Self::Raw,
        Self::Json,
        Self::Bytes,
        Self::Bits,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::List => "list",
            Self::Dict => "dict",
            Self::Path => "path",
            Self::Raw => "raw",
            Self::Json => "json",
            Self::Bytes => "bytes",
            Self::Bits => "bits",
        }
    }

    /// What an error says was expected.
    pub fn wanted(self) -> &'static str {
        match self {
            Self::Str => "a string",
            Self::Int => "an integer",
            Self::Float => "a number",
            Self::Bool => "a boolean",
            Self::List => "a list",
            Self::Dict => "a mapping",
            Self::Path => "a path",
            Self::Raw => "a value",
            Self::Json => "JSON, a list or a mapping",
            Self::Bytes => "a size such as `10M`",
            Self::Bits => "a size in bits such as `10Mb`",
        }
    }

    /// The value as this type; `None` when it cannot be one.
    pub fn convert(self, node: &Node) -> Option<Node> {
        let with = |value: Value| Some(Node { value, ..node.clone() });
        let same = || Some(node.clone());
        match (self, &node.value) {
            (Self::Raw, _)
            | (Self::Str | Self::Path | Self::Json, Value::Str(_))
            | (Self::Int, Value::Int(_))
            | (Self::Float, Value::Int(_) | Value::Float(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::List, Value::Seq(_))
            | (Self::Dict, Value::Map(_))
            | (Self::Json, Value::Seq(_) | Value::Map(_)) => same(),
            // Python's text of a boolean.
            (Self::Str | Self::Path, Value::Bool(b)) => with(Value::str(if *b { "True" } else { "False" })),
            (Self::Str | Self::Path, _) => with(Value::str(node.to_json().to_string())),
            (Self::Int, Value::Bool(b)) => with(Value::Int(i64::from(*b))),
            (Self::Int, Value::Float(f)) if f.fract() == 0.0 && f.abs() < 9e15 => with(Value::Int(*f as i64)),
            (Self::Int, Value::Str(text)) => text.trim().parse().ok().map(Value::Int).and_then(with),
            (Self::Float, Value::Str(text)) => text.trim().parse().ok().map(Value::Float).and_then(with),
            (Self::Bool, Value::Int(n @ (0 | 1))) => with(Value::Bool(*n == 1)),
            (Self::Bool, Value::Str(text)) => boolean(text).map(Value::Bool).and_then(with),
            (Self::List, Value::Str(text)) => with(Value::Seq(
                text.split(',').map(|part| Node { value: Value::str(part), ..node.clone() }).collect(),
            )),
            (Self::List, Value::Int(_) | Value::Float(_)) => {
                with(Value::Seq(vec![Node { value: Value::str(node.to_json().to_string()), ..node.clone() }]))
            }
            (Self::Dict, Value::Str(text)) => dict(text, node),
            (Self::Bytes | Self::Bits, Value::Int(n)) => (*n >= 0).then(|| node.clone()),
            (Self::Bytes | Self::Bits, Value::Float(_)) => same(),
            (Self::Bytes, Value::Str(text)) => is_size(text, 'B', "byte").then(|| node.clone()),
            (Self::Bits, Value::Str(text)) => is_size(text, 'b', "bit").then(|| node.clone()),
            _ => None,
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "y" | "yes" | "on" | "1" | "true" | "t" => Some(true),
        "n" | "no" | "off" | "0" | "false" | "f" => Some(false),
        _ => None,
    }
}

/// JSON, or `key=value` with commas or spaces between.
fn dict(text: &str, node: &Node) -> Option<Node> {
    let text = text.trim();
    let json = if text.starts_with('{') {
        serde_json::from_str(text).ok()?
    } else {
        let parts = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
        let pairs = parts.map(|part| part.split_once('='));
        let pair = |(key, value): (&str, &str)| (key.to_owned(), serde_json::Value::from(value));
        let map: serde_json::Map<_, _> = pairs.map(|found| found.map(pair)).collect::<Option<_>>()?;
        if map.is_empty() {
            return None;
        }
        serde_json::Value::Object(map)
    };
    json.is_object().then(|| Node::from_json(&json, &node.origin).with_secret(node.secret))
}

const SCALES: &[(char, &str)] = &[
    ('B', ""),
    ('K', "kilo"),
    ('M', "mega"),
    ('G', "giga"),
    ('T', "tera"),
    ('P', "peta"),
    ('E', "exa"),
    ('Z', "zetta"),
    ('Y', "yotta"),
];

/// A number, perhaps with `K` to `Y`, perhaps with the unit behind it.
fn is_size(text: &str, unit: char, word: &str) -> bool {
    let text = text.trim();
    let number = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    if text[..number].parse::<f64>().is_err() {
        return false;
    }
    let behind = text[number..].trim_start();
    let first = behind.chars().next().unwrap_or('B').to_ascii_uppercase();
    let Some((_, prefix)) = SCALES.iter().find(|(scale, _)| *scale == first) else { return false };
    match behind.chars().count() {
        0 | 1 => true,
        2 => first != 'B' && behind.starts_with(first) && behind.ends_with(unit),
        _ => behind.to_lowercase() == format!("{prefix}{word}"),
    }
}
