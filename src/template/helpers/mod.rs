//! The helpers: one table that evaluation, documentation and tests read.

mod collections;
mod data;
mod lists;
mod net;
mod numbers;
mod strings;
mod table;
mod text;
mod time;
mod version;

pub use table::HELPERS;
pub(crate) use time::strftime_utc;

use crate::yaml::{Map, Node, Value};

/// One helper.
pub struct Helper {
    pub name: &'static str,
    /// What it works on.
    pub group: &'static str,
    /// As it is called; `[x]` may be left out, `x...` stands for one or more.
    pub signature: &'static str,
    /// What it gives on the first line; perhaps more on the second.
    pub doc: &'static str,
    /// A template without variables, and what it renders to.
    pub example: (&'static str, &'static str),
    pub(super) call: Call,
}

#[derive(Clone, Copy)]
pub(super) enum Call {
    /// Does not take all its arguments' values: the evaluator knows it.
    Form,
    /// Looks into its arguments: the result is secret, or unknown, when anything in one of them is.
    Whole(fn(&Args) -> Result<Value, Fault>),
    /// Hands on parts of its arguments, each with its own marks.
    Parts(fn(&Args) -> Result<Node, Fault>),
    /// The same, but which parts these are can be told only when all is known.
    Chosen(fn(&Args) -> Result<Node, Fault>),
}

impl std::fmt::Debug for Helper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Helper {
    /// Names of the arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &'static str> {
        self.signature.split(' ').skip(1).map(|word| word.trim_matches(['[', ']', '.']))
    }

    /// Least and most number of arguments.
    pub fn arity(&self) -> (usize, usize) {
        let words = || self.signature.split(' ').skip(1);
        let least = words().filter(|w| !w.starts_with('[')).count();
        (least, if words().any(|w| w.contains("...")) { usize::MAX } else { words().count() })
    }
}

/// Most items of a list that a helper makes.
const MOST_ITEMS: usize = 100_000;
/// Longest text that is read as JSON or YAML, in bytes.
const LONGEST_DATA: usize = 4 << 20;

fn too_many() -> Fault {
    Fault::new(format!("the result has more than {MOST_ITEMS} items"))
}

/// The helper of that name.
pub(super) fn find(name: &str) -> Option<&'static Helper> {
    HELPERS.iter().find(|helper| helper.name == name)
}

/// Why a call failed. Never holds a value.
pub(super) struct Fault {
    pub argument: Option<usize>,
    pub message: String,
    pub hint: Option<String>,
}

impl Fault {
    fn new(message: impl Into<String>) -> Self {
        Self { argument: None, message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Evaluated arguments; their number is right.
pub(super) struct Args<'a> {
    pub helper: &'static Helper,
    pub values: &'a [Node],
}

impl<'a> Args<'a> {
    fn fault(&self, index: usize, what: &str) -> Fault {
        let names: Vec<&str> = self.helper.arguments().collect();
        let name = names.get(index).or(names.last()).copied().unwrap_or("argument");
        self.wrong(index, format!("`{name}` must be {what}, found {}", self.values[index].value.kind()))
    }

    fn wrong(&self, index: usize, message: String) -> Fault {
        Fault { argument: Some(index), message, hint: None }
    }

    /// A string; other scalars count as their text.
    fn text(&self, index: usize) -> Result<String, Fault> {
        super::output::scalar_text(&self.values[index].value).ok_or_else(|| self.fault(index, "a string"))
    }

    fn optional_text(&self, index: usize, otherwise: &str) -> Result<String, Fault> {
        if index < self.values.len() { self.text(index) } else { Ok(otherwise.to_string()) }
    }

    fn integer(&self, index: usize) -> Result<i64, Fault> {
        match &self.values[index].value {
            Value::Int(i) => Ok(*i),
            _ => Err(self.fault(index, "an integer")),
        }
    }

    fn list(&self, index: usize) -> Result<&'a [Node], Fault> {
        self.values[index].as_seq().ok_or_else(|| self.fault(index, "a list"))
    }

    fn map(&self, index: usize) -> Result<&'a Map, Fault> {
        self.values[index].as_map().ok_or_else(|| self.fault(index, "a mapping"))
    }

    /// A computed node: its place is that of the first argument.
    fn node(&self, value: Value) -> Node {
        Node::new(value, self.values[0].origin.clone())
    }
}
