//! What a task that registers its result adds to it.

use crate::{
    model::Origin,
    yaml::{Entry, Map, Node, Value},
};

/// Names and values as a part of a registered result.
pub fn entries<'a>(values: impl IntoIterator<Item = (&'a str, Value)>) -> Map {
    let origin = Origin::named("registered result");
    let entry = |value| Entry { key: origin.clone(), node: Node::new(value, origin.clone()) };
    values.into_iter().map(|(name, value)| (name.to_string(), entry(value))).collect()
}
