//! The last line of defence: known secret values, in the forms in which they may turn up, never leave.

use agent::secret::Secret;
use base64::{Engine, engine::general_purpose as b64};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;
use std::borrow::Cow;

/// Shortest secret that is searched for, in bytes: replacing shorter ones would only garble the output.
const SHORTEST: usize = 4;

/// Replaces secrets in text: as they are, base64, URL-encoded, shell-quoted and JSON-escaped.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a form that contains another one goes whole.
    forms: Vec<String>,
}

impl Redactor {
    pub fn new(secrets: &[Secret]) -> Self {
        let mut forms: Vec<String> =
            secrets.iter().flat_map(forms_of).filter(|f| f.len() >= SHORTEST).collect();
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self { forms }
    }

    /// Redacts each text in a JSON value, and the names in it.
    pub fn redact_json(&self, json: &mut Value) {
        match json {
            Value::String(text) => {
                if let Cow::Owned(redacted) = self.redact(text) {
                    *text = redacted;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            Value::Object(fields) => {
                for (name, mut value) in std::mem::take(fields) {
                    self.redact_json(&mut value);
                    fields.insert(self.redact(&name).into_owned(), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for form in &self.forms {
            if text.contains(form.as_str()) {
                text = Cow::Owned(text.replace(form.as_str(), "[secret]"));
            }
        }
        text
    }
}

fn forms_of(secret: &Secret) -> Vec<String> {
    let bytes = secret.expose();
    let text = String::from_utf8_lossy(bytes).into_owned();
    let trimmed = text.trim();
    if trimmed.len() < SHORTEST {
        return vec![];
    }
    let mut forms = vec![];
    // Of a secret with several lines, each long enough line is one as well.
    let lines = trimmed.lines().map(str::trim).filter(|line| line.len() >= 8);
    for part in [trimmed].into_iter().chain(lines) {
        forms.push(part.to_string());
        // Without the last characters, which depend on what follows the secret in the encoded text.
        let encoded = b64::STANDARD_NO_PAD.encode(part);
        forms.push(encoded.clone());
        forms.push(encoded.replace('+', "-").replace('/', "_"));
        forms.push(percent_encode(part.as_bytes(), NON_ALPHANUMERIC).to_string());
        forms.push(part.replace('\'', "'\\''"));
        forms.push(part.replace('\'', "\\'"));
        forms.push(part.replace('$', "$$"));
        let json = serde_json::to_string(part).unwrap_or_default();
        forms.push(json.trim_matches('"').to_string());
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found() {
        let secret = "p@ss/w#rd?'x\"y";
        let redactor = Redactor::new(&[Secret::new(secret)]);
        let forms = [
            secret.to_string(),
            b64::STANDARD.encode(secret),
            b64::URL_SAFE_NO_PAD.encode(secret),
            percent_encode(secret.as_bytes(), NON_ALPHANUMERIC).to_string(),
            "p@ss/w#rd?'\\''x\"y".to_string(),
            serde_json::to_string(secret).unwrap(),
        ];
        for form in forms {
            let text = redactor.redact(&format!("before {form} after")).into_owned();
            assert!(
                text.contains("[secret]") && !text.contains("ss/w") && !text.contains(&form),
                "{form}: {text}"
            );
        }
        // Quoted for a file, then written as JSON.
        let mut json = serde_json::json!({ "lines": [format!("A='{}'", secret.replace('\'', "\\'"))] });
        redactor.redact_json(&mut json);
        assert_eq!(json, serde_json::json!({ "lines": ["A='[secret]'"] }));
        assert_eq!(Redactor::new(&[Secret::new("ab")]).redact("about"), "about");
    }
}
