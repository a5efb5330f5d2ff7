//! The seal of a saved plan: a fingerprint of all else that is in the file, also of what this program does not know, however it is laid out.

use serde_json::Value;

/// The field that holds it.
pub const FIELD: &str = "seal";

/// A digest of a plan without its seal: the same whatever the order of its fields and the spaces between them.
pub fn digest(plan: &Value) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    match plan {
        Value::Object(fields) => object(fields.iter().filter(|(name, _)| *name != FIELD), &mut hasher),
        other => feed(other, &mut hasher),
    }
    *hasher.finalize().as_bytes()
}

/// What who has the key makes of that digest.
pub fn seal(digest: &[u8; 32], key: &[u8; 32]) -> String {
    let key = blake3::keyed_hash(key, b"seal of a plan");
    blake3::keyed_hash(key.as_bytes(), digest).to_hex().to_string()
}

fn feed(value: &Value, hasher: &mut blake3::Hasher) {
    match value {
        Value::Object(fields) => object(fields.iter(), hasher),
        Value::Array(items) => {
            hasher.update(b"[").update(&(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| feed(item, hasher));
        }
        scalar => text(b"=", &scalar.to_string(), hasher),
    }
}

fn object<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>, hasher: &mut blake3::Hasher) {
    let mut fields: Vec<_> = fields.collect();
    fields.sort_by_key(|(name, _)| *name);
    hasher.update(b"{").update(&(fields.len() as u64).to_le_bytes());
    for (name, value) in fields {
        text(b":", name, hasher);
        feed(value, hasher);
    }
}

fn text(kind: &[u8; 1], text: &str, hasher: &mut blake3::Hasher) {
    hasher.update(kind).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{digest, seal};
    use serde_json::{Value, json};

    #[test]
    fn what_is_laid_out_otherwise_is_the_same_and_all_else_is_not() {
        let plan = json!({"a": [1, "2", {"b": null, "c": true}], "d": "", "seal": "x"});
        let again = json!({"seal": "y", "d": "", "a": [1, "2", {"c": true, "b": null}]});
        assert_eq!(digest(&plan), digest(&again));
        for other in [
            json!({"a": [1, 2, {"b": null, "c": true}], "d": ""}),
            json!({"a": [1, "2", {"b": null, "c": true}], "d": null}),
            json!({"a": [1, "2", {"b": null}], "c": true, "d": ""}),
            json!({"a": ["2", 1, {"b": null, "c": true}], "d": ""}),
            json!({"a": [1, "2", {"b": null, "c": true}], "d": "", "e": ""}),
            json!({"a": [1, "2", {"b": null, "c": true, "seal": "x"}], "d": ""}),
            Value::Null,
        ] {
            assert_ne!(digest(&plan), digest(&other), "{other}");
        }
        assert_ne!(seal(&digest(&plan), &[1; 32]), seal(&digest(&plan), &[2; 32]));
    }
}
