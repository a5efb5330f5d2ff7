//! A value of any kind.

use super::{Error, Node};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::{cell::Cell, fmt};

/// A value of any kind in a resource's parameters, of which any part may be secret.
#[derive(Clone)]
pub struct Tree(pub Node);

pub(super) const TREE: &str = "$Tree";

thread_local! {
    /// On its way to its visitor: serde itself would forget what of it is secret.
    static HANDED: Cell<Option<Tree>> = const { Cell::new(None) };
}

pub(super) fn hand<'de, V: Visitor<'de>>(node: &Node, visitor: V) -> Result<V::Value, Error> {
    if let Some(why) = node.unknown() {
        return Err(Error::new(format!("not known yet: {why}")).at(&node.origin));
    }
    HANDED.set(Some(Tree(node.clone())));
    visitor.visit_unit()
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.value.kind())
    }
}

impl JsonSchema for Tree {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tree".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        // Numbers and truths stand wherever a text may that may be secret.
        schemars::json_schema!({ "type": ["string", "object", "array"], "writeOnly": true })
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TreeVisitor;
        impl Visitor<'_> for TreeVisitor {
            type Value = Tree;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Tree, E> {
                HANDED.take().ok_or_else(|| E::invalid_type(de::Unexpected::Unit, &self))
            }
        }
        deserializer.deserialize_newtype_struct(TREE, TreeVisitor)
    }
}
