//! What is wrong with parameters on every host alike.

use super::{Fault, Look, Lookup, Pause, Resource, Seen};
use crate::{
    model::{Area, Origin},
    yaml::{Node, Value},
};
use agent::wire::Query;

/// The fault of parameters that shows before the host was asked for anything.
///
/// # Errors
/// That fault.
pub fn shows_at_once<R: Resource>(spec: &R::Spec) -> Result<(), Fault> {
    struct Nothing;
    impl Lookup for Nothing {
        fn look(&self, _: &Query) -> Look {
            Look::NotAsked
        }

        fn may_still_come(&self, _: &[Area]) -> bool {
            true
        }
    }
    match R::observe(spec, &Seen::new(&Nothing)) {
        // What was told without an answer is the same on every host.
        Ok(state) => R::desired(spec, &state).map(drop),
        Err(Pause::Fault(fault)) => Err(fault),
        Err(Pause::Need(_) | Pause::NotYet(_)) => Ok(()),
    }
}

/// Where a parameter stands that a fault names by its key or by its value.
pub(super) fn place_of(node: &Node, name: &str) -> Option<Origin> {
    let is_written = |origin: &Origin| !origin.source.text.is_empty();
    match &node.value {
        Value::Map(map) => map.iter().find_map(|(key, entry)| {
            if key != name {
                return place_of(&entry.node, name);
            }
            let scalar = !matches!(entry.node.value, Value::Map(_) | Value::Seq(_) | Value::Bytes(_));
            let value = scalar && is_written(&entry.node.origin) && !entry.node.secret;
            Some(if value { entry.node.origin.clone() } else { entry.key.clone() }).filter(is_written)
        }),
        Value::Seq(items) => items.iter().find_map(|item| place_of(item, name)),
        Value::Str(text) if !node.secret && text.escape_debug().eq(name.chars()) => {
            Some(node.origin.clone()).filter(is_written)
        }
        _ => None,
    }
}
