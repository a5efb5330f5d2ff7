//! What a role takes: `meta/inputs.yml`, or Ansible's `argument_specs`.
//!
//! * `read`: `meta/inputs.yml`; `specs`: the other form, as `ansible-doc -t role` describes it
//! * `kind`: our types; `loose`: Ansible's, which take whatever can be converted
//! * `check`: a value against what is declared

mod check;
mod kind;
mod loose;
mod read;
mod specs;
#[cfg(test)]
mod tests;

pub use kind::Kind;
pub use loose::Loose;

pub(super) use read::{KEYS as INPUT, read};
pub(super) use specs::read as read_specs;

use crate::{
    model::Origin,
    yaml::{Node, Value},
};
use indexmap::IndexMap;
use regex::Regex;

/// What a role, or one entry point of it, takes.
#[derive(Debug)]
pub struct Inputs {
    /// What it is for, where that is said.
    pub about: Option<String>,
    pub items: IndexMap<String, Input>,
    /// The file, or what in it says so.
    pub origin: Origin,
}

/// One thing that a role takes, or that stands inside of one.
#[derive(Debug)]
pub struct Input {
    pub kind: Type,
    /// What each item of a list, or each value of a mapping with free keys, is.
    pub items: Option<Box<Input>>,
    /// The keys of a mapping; none means any.
    pub keys: IndexMap<String, Input>,
    /// Other names of a key, as Ansible has them.
    pub aliases: Vec<String>,
    /// Counts when nobody says otherwise. In `argument_specs` it only documents what the role's own defaults do.
    pub default: Option<Node>,
    pub required: bool,
    /// The only values there may be; of a list, for each item. None means any.
    pub choices: Vec<Node>,
    /// Of a number its value, of a duration its seconds, of a size its bytes, of all else the length.
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Matches the whole text.
    pub pattern: Option<Regex>,
    /// Its value is never shown, wherever it comes from.
    pub secret: bool,
    pub about: Option<String>,
    pub origin: Origin,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Ours(Kind),
    Ansible(Loose),
}

impl Type {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours(kind) => kind.name(),
            Self::Ansible(loose) => loose.name(),
        }
    }

    fn is_list(self) -> bool {
        matches!(self, Self::Ours(Kind::List) | Self::Ansible(Loose::List))
    }
}

impl Input {
    fn new(kind: Type, origin: Origin) -> Self {
        Self {
            kind,
            items: None,
            keys: IndexMap::new(),
            aliases: vec![],
            default: None,
            required: false,
            choices: vec![],
            min: None,
            max: None,
            pattern: None,
            secret: false,
            about: None,
            origin,
        }
    }

    /// What somebody typed (`-e name=value`, an answer) is a text: this is the value that it stands for, where another
    /// type is wanted.
    pub fn typed(&self, node: &Node) -> Option<Node> {
        let (Type::Ours(kind), Value::Str(text)) = (self.kind, &node.value) else { return None };
        Some(Node { value: kind.typed(text)?, ..node.clone() })
    }
}

/// A value as an error may show it: short, on one line.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Str(text) => format!("`{text}`"),
        _ => format!("`{}`", node.to_json()),
    }
}
