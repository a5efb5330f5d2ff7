//! The tree itself, and hand extraction from it.

use super::Question;
use crate::{
    diag::Diagnostic,
    model::{Origin, Source},
};
use agent::secret::Bytes;
use indexmap::IndexMap;
use std::sync::Arc;

/// A value with its place. Rendering a template keeps the place and adds the taint.
#[derive(Clone, Debug)]
pub struct Node {
    pub value: Value,
    pub origin: Origin,
    /// Came from a vault, or was computed from what did.
    pub secret: bool,
    /// A YAML tag such as `!vault`, with its exclamation mark.
    pub tag: Option<Arc<str>>,
}

#[derive(Clone)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    /// Content of a file that a task brings along.
    Bytes(Bytes),
    Seq(Vec<Node>),
    Map(Map),
    /// Not known yet: a fact before the host was asked, the result of a task that has not run. Holds what it waits for.
    Unknown(Arc<str>),
    /// As written, before rendering: what a program on the controller prints.
    Asked(Arc<Question>),
}

impl std::fmt::Debug for Value {
    /// Only the kind: a debug print must not become the place where a secret shows.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}]", self.kind())
    }
}

pub type Map = IndexMap<String, Entry>;

/// A mapping's value, with the place of its key.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Origin,
    pub node: Node,
}

impl Value {
    pub fn str(text: impl AsRef<str>) -> Self {
        Self::Str(Arc::from(text.as_ref()))
    }

    /// What a person calls it: `a string`, `a mapping`, ...
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Str(_) => "a string",
            Self::Bytes(_) => "bytes",
            Self::Seq(_) => "a list",
            Self::Map(_) => "a mapping",
            Self::Unknown(_) => "a value that is not known yet",
            Self::Asked(_) => "a secret that a program prints",
        }
    }
}

impl Node {
    pub fn new(value: Value, origin: Origin) -> Self {
        Self { value, origin, secret: false, tag: None }
    }

    /// A clear string at a place.
    pub fn string(text: impl AsRef<str>, origin: &Origin) -> Self {
        Self::new(Value::str(text), origin.clone())
    }

    /// A tree from JSON, every value at `origin`.
    pub fn from_json(json: &serde_json::Value, origin: &Origin) -> Self {
        use serde_json::Value as Json;
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap_or(0.0)), Value::Int),
            Json::String(s) => Value::str(s),
            Json::Array(items) => Value::Seq(items.iter().map(|i| Self::from_json(i, origin)).collect()),
            Json::Object(map) => Value::Map(
                map.iter()
                    .map(|(k, v)| {
                        (k.clone(), Entry { key: origin.clone(), node: Self::from_json(v, origin) })
                    })
                    .collect(),
            ),
        };
        Self::new(value, origin.clone())
    }

    /// The tree as JSON. Secrets are included: only for what stays inside the program (helpers, files on the host).
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null | Value::Unknown(_) | Value::Asked(_) => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Int(i) => Json::from(*i),
            Value::Float(f) => Json::from(*f),
            Value::Str(s) => Json::from(&**s),
            Value::Bytes(b) => Json::from(String::from_utf8_lossy(b).into_owned()),
            Value::Seq(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(map) => map
                .iter()
                .map(|(k, e)| (k.clone(), e.node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// A digest of the tree: values, marks and the order of keys; not of the places. It must not leave the program.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        self.feed(&mut hasher);
        *hasher.finalize().as_bytes()
    }

    pub(super) fn feed(&self, hasher: &mut blake3::Hasher) {
        let mut part = |kind: u8, bytes: &[u8]| {
            hasher
                .update(&[kind, u8::from(self.secret)])
                .update(&(bytes.len() as u64).to_le_bytes())
                .update(bytes);
        };
        match &self.value {
            Value::Null => part(0, &[]),
            Value::Bool(b) => part(1, &[u8::from(*b)]),
            Value::Int(i) => part(2, &i.to_le_bytes()),
            Value::Float(f) => part(3, &f.to_bits().to_le_bytes()),
            Value::Str(s) => part(4, s.as_bytes()),
            Value::Bytes(b) => part(5, &b.digest()),
            Value::Unknown(why) => part(6, why.as_bytes()),
            Value::Asked(question) => {
                part(9, &[]);
                question.feed(hasher);
            }
            Value::Seq(items) => {
                part(7, &(items.len() as u64).to_le_bytes());
                items.iter().for_each(|item| item.feed(hasher));
            }
            Value::Map(map) => {
                part(8, &(map.len() as u64).to_le_bytes());
                for (key, entry) in map {
                    hasher.update(&(key.len() as u64).to_le_bytes()).update(key.as_bytes());
                    entry.node.feed(hasher);
                }
            }
        }
    }

    pub fn with_secret(mut self, secret: bool) -> Self {
        self.secret |= secret;
        self
    }

    /// Marks the whole tree as secret.
    pub fn taint(&mut self) {
        self.secret = true;
        match &mut self.value {
            Value::Seq(items) => items.iter_mut().for_each(Self::taint),
            Value::Map(map) => map.values_mut().for_each(|e| e.node.taint()),
            _ => {}
        }
    }

    /// Whether this or anything inside is secret.
    pub fn holds_secret(&self) -> bool {
        self.secret
            || match &self.value {
                Value::Seq(items) => items.iter().any(Self::holds_secret),
                Value::Map(map) => map.values().any(|e| e.node.holds_secret()),
                _ => false,
            }
    }

    /// The first thing inside that is not known yet.
    pub fn unknown(&self) -> Option<&Arc<str>> {
        match &self.value {
            Value::Unknown(why) => Some(why),
            Value::Seq(items) => items.iter().find_map(Self::unknown),
            Value::Map(map) => map.values().find_map(|e| e.node.unknown()),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Str(s) => Some(s),
            _ => None,
        }
    }

    pub fn as_seq(&self) -> Option<&[Self]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value under a key, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key).map(|e| &e.node)
    }

    /// Where it stands; of a secret without an excerpt, for it may stand there in clear.
    pub fn place(&self) -> Origin {
        let Origin { source, span } = &self.origin;
        if !self.secret || source.secret || source.text.is_empty() {
            return self.origin.clone();
        }
        let source = Source { path: source.path.clone(), text: source.text.clone(), secret: true };
        Origin { source: Arc::new(source), span: span.clone() }
    }

    /// An error at this place that says what was expected. The value itself is not shown.
    pub fn expected(&self, what: &str) -> Diagnostic {
        Diagnostic::error(format!("expected {what}, found {}", self.value.kind())).at(&self.place())
    }

    /// The same where the kind is right and the value is not.
    pub fn expected_another(&self, what: &str) -> Diagnostic {
        let kind = self.value.kind();
        let kind = kind.strip_prefix("an ").or_else(|| kind.strip_prefix("a ")).unwrap_or(kind);
        Diagnostic::error(format!("expected {what}, found another {kind}")).at(&self.place())
    }

    /// This as a mapping.
    ///
    /// # Errors
    /// A diagnostic at this place when it is something else.
    pub fn expect_map(&self, what: &str) -> Result<&Map, Diagnostic> {
        self.as_map().ok_or_else(|| match &self.value {
            Value::Seq(_) => self.expected(what).hint("write `key: value` without a dash in front"),
            Value::Str(text) if text.contains(':') => {
                self.expected(what).hint("a key has a space behind its colon: `key: value`")
            }
            _ => self.expected(what),
        })
    }

    /// This as a list.
    ///
    /// # Errors
    /// A diagnostic at this place when it is something else.
    pub fn expect_seq(&self, what: &str) -> Result<&[Self], Diagnostic> {
        self.as_seq().ok_or_else(|| match &self.value {
            Value::Map(_) => self.expected(what).hint("begin each item with `- `"),
            Value::Str(text) if !self.secret && !text.contains(['\n', '{']) && text.len() < 40 => {
                self.expected(what).hint(format!("write `[{text}]`"))
            }
            _ => self.expected(what),
        })
    }

    /// This as a string.
    ///
    /// # Errors
    /// A diagnostic at this place when it is something else.
    pub fn expect_str(&self, what: &str) -> Result<&str, Diagnostic> {
        self.as_str().ok_or_else(|| self.expected(what))
    }

    /// This as a boolean (`true` or `false`; YAML 1.1's `yes` is a string here, and the error says so).
    ///
    /// # Errors
    /// A diagnostic at this place when it is something else.
    pub fn expect_bool(&self, what: &str) -> Result<bool, Diagnostic> {
        match &self.value {
            Value::Bool(b) => Ok(*b),
            Value::Str(s) if matches!(s.to_lowercase().as_str(), "yes" | "no" | "on" | "off") => {
                let word = if matches!(s.to_lowercase().as_str(), "yes" | "on") { "true" } else { "false" };
                Err(self
                    .expected(what)
                    .hint(format!("write `{word}`: `yes`, `no`, `on` and `off` are texts here")))
            }
            Value::Int(0 | 1) => {
                let word = matches!(self.value, Value::Int(1));
                Err(self.expected(what).hint(format!("write `{word}`")))
            }
            _ => Err(self.expected(what)),
        }
    }

    /// This as a list of strings; one string counts as a list of one.
    ///
    /// # Errors
    /// A diagnostic at the first item that is no string.
    pub fn expect_strings(&self, what: &str) -> Result<Vec<(String, Origin)>, Diagnostic> {
        match &self.value {
            Value::Str(s) => Ok(vec![(s.to_string(), self.origin.clone())]),
            Value::Seq(items) => {
                items.iter().map(|i| Ok((i.expect_str(what)?.to_string(), i.origin.clone()))).collect()
            }
            _ => Err(self.expected(what)),
        }
    }
}
