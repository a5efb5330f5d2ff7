//! Labels as reasons for a recreation.

use super::reasons::{Reason, short, text, veil};
use serde_json::Value;

/// The id of the image that compose made the container from.
const IMAGE: &str = "com.docker.compose.image";

/// Changed labels.
pub fn labels(name: &str, wanted: &Value, has: &Value, values: &[String], reasons: &mut Vec<Reason>) {
    let wanted = wanted.as_object().into_iter().flatten();
    let changed: Vec<_> = wanted
        .map(|(key, value)| (key, text(&has[key]), text(value)))
        .filter(|(_, before, after)| before != after)
        .collect();
    let hashes = |list: &[Option<String>]| list.iter().all(|text| text.as_deref().is_some_and(is_hash));
    let alone = changed.len() == 1;
    for (key, before, after) in changed {
        let facet = match alone && hashes(&[before.clone(), after.clone()]) {
            true => format!("service {name} mounted content (label {key})"),
            false => format!("service {name} label {key}"),
        };
        let show = |text: Option<String>| text.map(|text| veil(text, values));
        reasons.push(Reason { facet, before: show(before), after: show(after) });
    }
}

/// What the template helper `content_hash` makes.
fn is_hash(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

/// A container that another tool recreated from a newer image of the same name keeps the label by which compose knows the
/// image: to compose it is out of date though it has the image wanted. Whether anything else differs only compose knows.
pub fn updated_outside(name: &str, image_id: &str, local: Option<&str>, has: &Value) -> Option<Reason> {
    let known = has["Labels"][IMAGE].as_str().filter(|known| *known != image_id)?;
    (local? == image_id && !image_id.is_empty()).then(|| Reason {
        facet: format!("service {name} image label of an update made outside of compose"),
        before: Some(short(known).into()),
        after: Some(short(image_id).into()),
    })
}
