//! What serde says on the way from a tree to a struct, with its place.

use super::Node;
use crate::{diag::Diagnostic, model::Origin};
use serde::de;
use std::fmt;

/// An error on the way, with the innermost place it passed through.
#[derive(Debug)]
pub(super) struct Error {
    message: String,
    origin: Option<Origin>,
    /// An unknown name, and what would have been right.
    unknown: Option<(String, &'static [&'static str])>,
    hint: Option<String>,
}

impl Error {
    pub(super) fn new(message: String) -> Self {
        Self { message, origin: None, unknown: None, hint: None }
    }

    /// What is wrong with a value, without its place.
    pub(super) fn from_diagnostic(diagnostic: Diagnostic) -> Self {
        Self { hint: diagnostic.hint, ..Self::new(diagnostic.message) }
    }

    pub(super) fn at(mut self, origin: &Origin) -> Self {
        self.origin.get_or_insert_with(|| origin.clone());
        self
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(super) fn into_diagnostic(self, node: &Node) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.message).at(self.origin.as_ref().unwrap_or(&node.origin));
        let diagnostic = match &self.hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        };
        match &self.unknown {
            Some((name, known)) => diagnostic.hint(self::known(known)).suggest(name, known.iter().copied()),
            None => diagnostic,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    /// A message may bring its hint along: `message\nhint: what to do`.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        match text.split_once("\nhint: ") {
            Some((message, hint)) => Self { hint: Some(hint.into()), ..Self::new(message.into()) },
            None => Self::new(text),
        }
    }

    fn invalid_type(found: de::Unexpected, expected: &dyn de::Expected) -> Self {
        let wanted = wanted(expected);
        let error = Self::new(format!("expected {wanted}, found {}", kind(&found)));
        match (found, wanted.as_str()) {
            (de::Unexpected::Map, "a list") => error.hint("begin each item with `- `"),
            (de::Unexpected::Seq, "a mapping") => error.hint("write `key: value` without a dash in front"),
            _ => error,
        }
    }

    fn invalid_value(found: de::Unexpected, expected: &dyn de::Expected) -> Self {
        let (wanted, kind) = (wanted(expected), kind(&found));
        let kind = kind.trim_start_matches("an ").trim_start_matches("a ");
        Self::new(format!("expected {wanted}, found another {kind}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self { unknown: Some((field.into(), expected)), ..Self::new(format!("unknown parameter `{field}`")) }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self { unknown: Some((variant.into(), expected)), ..Self::new(format!("unknown value `{variant}`")) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("parameter `{field}` is missing"))
    }
}

/// The names that would be right, for a hint.
pub(super) fn known(names: &[&str]) -> String {
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("known here: {}", listed.join(", "))
}

/// What is wanted, without the names of Rust's types.
fn wanted(expected: &dyn de::Expected) -> String {
    let text = expected.to_string();
    let most: u32 = match text.as_str() {
        "u8" => u8::MAX.into(),
        "u16" => u16::MAX.into(),
        "u32" => u32::MAX,
        "u64" | "usize" => return "a whole number of at least 0".into(),
        "i8" | "i16" | "i32" | "i64" => return "a whole number".into(),
        "a map" => return "a mapping".into(),
        "a sequence" => return "a list".into(),
        _ => return text,
    };
    format!("a whole number from 0 to {most}")
}

/// Never the value: it may be secret.
fn kind(found: &de::Unexpected) -> &'static str {
    use de::Unexpected as U;
    match found {
        U::Bool(_) => "a boolean",
        U::Unsigned(_) | U::Signed(_) => "an integer",
        U::Float(_) => "a number",
        U::Str(_) | U::Char(_) => "a string",
        U::Unit | U::Option => "nothing",
        U::Seq => "a list",
        U::Map => "a mapping",
        _ => "something else",
    }
}
