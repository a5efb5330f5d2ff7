//! Values that are merged into those of a file.

use serde_json::{Map, Value};

/// As RFC 7396 merges: mappings key by key, `null` removes, anything else replaces.
pub fn merge(into: &mut Map<String, Value>, values: &Map<String, Value>) {
    for (key, value) in values {
        match value {
            Value::Null => {
                into.shift_remove(key);
            }
            Value::Object(values) => {
                let there = into.entry(key).or_insert(Value::Null);
                if !there.is_object() {
                    *there = Value::Object(Map::new());
                }
                if let Value::Object(there) = there {
                    merge(there, values);
                }
            }
            value => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}
