//! Tree to typed structs through serde, with errors that know the place.

mod error;
mod mode;
pub mod tree;

use super::{Entry, Node, Value};
use crate::{diag::Diagnostic, model::Origin};
use agent::secret::Content;
use error::{Error, known};
pub use mode::{FileMode, Mode, ModeRule, PRESERVE};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, Visitor};
use std::{cell::Cell, fmt};

/// The message for a secret where none may stand.
pub const SECRET_HERE: &str = "a secret cannot be used here";

/// Reads a struct from a node. Unknown keys, missing keys and wrong types become a diagnostic at the guilty value.
///
/// # Errors
/// The first mistake. The value itself is never shown.
pub fn from_node<T: de::DeserializeOwned>(node: &Node) -> Result<T, Diagnostic> {
    T::deserialize(NodeDeserializer(node)).map_err(|error| error.into_diagnostic(node))
}

/// A text or file content in a resource's parameters that may be secret. Any other string field refuses a secret value,
/// so that nothing secret ends in a path, a name or a diff by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(pub Content);

const TEXT: &str = "$Text";
const MODE: &str = "$Mode";

impl Text {
    pub fn is_secret(&self) -> bool {
        self.0.is_secret()
    }

    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Content::from(text))
    }
}

impl JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        // It may be a secret.
        schemars::json_schema!({ "type": "string", "writeOnly": true })
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Text, E> {
                HANDED.take().ok_or_else(|| E::invalid_type(de::Unexpected::Unit, &self))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text::from(text))
            }
        }
        deserializer.deserialize_newtype_struct(TEXT, TextVisitor)
    }
}

thread_local! {
    /// A text on its way from the node to its visitor: serde itself would copy the bytes and forget that they are secret.
    static HANDED: Cell<Option<Text>> = const { Cell::new(None) };
}

struct NodeDeserializer<'a>(&'a Node);

impl NodeDeserializer<'_> {
    fn mode<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Origin { source, span } = &self.0.origin;
        let written = source.text.get(span.clone()).unwrap_or("");
        let bare = !written.is_empty() && written.chars().all(|c| c.is_ascii_digit());
        if bare || matches!(self.0.value, Value::Int(_)) {
            let digits = if bare { written.to_string() } else { self.0.to_json().to_string() };
            let hint = format!("write \"{:0>4}\", with the quotes", digits.trim_start_matches('0'));
            let error = Error::new("a mode must be a quoted octal string, found a bare number".into());
            return Err(error.hint(hint).at(&self.0.origin));
        }
        self.deserialize_any(visitor)
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let node = self.0;
        let result = match &node.value {
            _ if node.secret && !matches!(node.value, Value::Seq(_) | Value::Map(_)) => {
                Err(Error::new(SECRET_HERE.into())
                    .hint("secrets may be used in contents, environments, bodies and stdin"))
            }
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Int(i) => visitor.visit_i64(*i),
            Value::Float(f) => visitor.visit_f64(*f),
            Value::Str(s) => visitor.visit_str(s),
            Value::Bytes(_) => Err(Error::new("the content of a file cannot be used here".into())),
            Value::Unknown(why) => Err(Error::new(format!("not known yet: {why}"))),
            Value::Asked(_) => Err(Error::new(format!("{} cannot be used here", node.value.kind()))),
            Value::Seq(items) => visitor.visit_seq(SeqAccess(items.iter())),
            Value::Map(map) => visitor.visit_map(MapAccess { entries: map.iter(), value: None }),
        };
        result.map_err(|e| e.at(&node.origin))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.secret || matches!(self.0.value, Value::Bool(_) | Value::Unknown(_)) {
            return self.deserialize_any(visitor);
        }
        let told = self.0.expect_bool("`true` or `false`").err();
        Err(told
            .map_or_else(|| Error::new("expected `true` or `false`".into()), Error::from_diagnostic)
            .at(&self.0.origin))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            MODE => return self.mode(visitor),
            tree::TREE => return tree::hand(self.0, visitor),
            TEXT => {}
            _ => return visitor.visit_newtype_struct(self),
        }
        let bytes = match &self.0.value {
            Value::Str(s) => s.as_bytes().to_vec(),
            Value::Bytes(bytes) if !self.0.secret => {
                HANDED.set(Some(Text(Content::Clear(bytes.clone()))));
                return visitor.visit_unit();
            }
            Value::Bytes(bytes) => bytes.to_vec(),
            Value::Int(i) => i.to_string().into_bytes(),
            Value::Float(f) => f.to_string().into_bytes(),
            Value::Bool(b) => b.to_string().into_bytes(),
            _ => {
                return Err(Error::new(format!("expected a string, found {}", self.0.value.kind()))
                    .at(&self.0.origin));
            }
        };
        HANDED.set(Some(Text(Content::new(bytes, self.0.secret))));
        visitor.visit_unit()
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // A number where text is wanted (`key: 10`) means the text that was written.
        match &self.0.value {
            Value::Int(i) if !self.0.secret => visitor.visit_string(i.to_string()),
            Value::Float(f) if !self.0.secret => visitor.visit_string(f.to_string()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let text = self.0.as_str().filter(|_| !self.0.secret);
        let text = text.ok_or_else(|| {
            Error::new(format!("expected a word, found {}", self.0.value.kind())).hint(known(variants))
        });
        let result = text.and_then(|t| visitor.visit_enum(de::value::StrDeserializer::<Error>::new(t)));
        result.map_err(|e| e.at(&self.0.origin))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct SeqAccess<'a>(std::slice::Iter<'a, Node>);

impl<'de> de::SeqAccess<'de> for SeqAccess<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(node) = self.0.next() else { return Ok(None) };
        seed.deserialize(NodeDeserializer(node)).map(Some).map_err(|e| e.at(&node.origin))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct MapAccess<'a> {
    entries: indexmap::map::Iter<'a, String, Entry>,
    value: Option<&'a Node>,
}

impl<'de> de::MapAccess<'de> for MapAccess<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, entry)) = self.entries.next() else { return Ok(None) };
        self.value = Some(&entry.node);
        let key = seed.deserialize(de::value::StrDeserializer::<Error>::new(key));
        key.map(Some).map_err(|e| e.at(&entry.key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let node = self.value.take().expect("serde asks for a key first");
        seed.deserialize(NodeDeserializer(node)).map_err(|e| e.at(&node.origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Source;
    use std::sync::Arc;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors matter")]
    struct Spec {
        path: String,
        content: Option<Text>,
        #[serde(default)]
        state: State,
        #[serde(default)]
        mode: Option<Mode>,
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        #[default]
        Present,
        Absent,
    }

    fn read(text: &str, secret: &str) -> Result<Spec, String> {
        let source = Arc::new(Source { path: "t.yml".into(), text: text.into(), secret: false });
        let mut node = crate::yaml::parse(&source).unwrap();
        if let Value::Map(map) = &mut node.value
            && let Some(entry) = map.get_mut(secret)
        {
            entry.node.taint();
        }
        from_node(&node).map_err(|d| crate::diag::render(&d, false))
    }

    #[test]
    fn mistakes_are_placed_and_explained() {
        let text = read("path: /x\ncontnet: a\n", "").unwrap_err();
        assert!(text.contains("t.yml:2:1") && text.contains("did you mean `content`?"), "{text}");
        let text = read("path: [1]\n", "").unwrap_err();
        assert!(text.contains("t.yml:1:7") && text.contains("expected a string, found a list"), "{text}");
        let text = read("path: /x\nstate: presnt\n", "").unwrap_err();
        assert!(text.contains("t.yml:2:8") && text.contains("did you mean `present`?"), "{text}");
        assert!(read("content: a\n", "").unwrap_err().contains("parameter `path` is missing"));
    }

    #[test]
    fn a_mode_is_a_quoted_octal_string() {
        for bare in ["0644", "644"] {
            let text = read(&format!("path: /x\nmode: {bare}\n"), "").unwrap_err();
            assert!(
                text.contains("t.yml:2:7") && text.contains("hint: write \"0644\", with the quotes"),
                "{text}"
            );
        }
        assert!(read("path: /x\nmode: \"rw-r--r--\"\n", "").unwrap_err().contains("this is no mode"));
        assert_eq!(read("path: /x\nmode: \"0644\"\n", "").unwrap().mode, Some(Mode(0o644)));
    }

    #[test]
    fn a_secret_goes_only_where_text_is_wanted() {
        let text = read("path: hunter2\n", "path").unwrap_err();
        assert!(text.contains("a secret cannot be used here"), "{text}");
        let spec = read("path: /x\ncontent: hunter2\n", "content").unwrap();
        assert!(spec.content.as_ref().unwrap().is_secret());
        assert!(!format!("{spec:?}").contains("hunter2"));
        assert!(matches!(read("path: /x\nstate: absent\n", "").unwrap().state, State::Absent));
    }
}
