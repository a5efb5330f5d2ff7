//! The last line of defence: known secret values, in the forms in which they may turn up, never leave.

mod coded;

use self::coded::Coding;
use agent::secret::Secret;
use base64::{Engine, engine::general_purpose as b64};
use std::borrow::Cow;

/// Shortest secret that is searched for, in bytes: replacing shorter ones would only garble the output.
const SHORTEST: usize = 4;

/// Replaces secrets in text: as they are, base64, hexadecimal, URL-encoded, shell-quoted and escaped with backslashes.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a form that contains another one goes whole.
    forms: Vec<Form>,
    /// What they say, for texts in which each character may be written in several ways; longest first.
    said: Vec<Vec<u8>>,
}

/// A text in which a secret turns up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    text: String,
    /// In base64: whether the character before, and the one after, still hold bits of the secret beside those of its neighbours.
    edges: (bool, bool),
}

impl From<String> for Form {
    fn from(text: String) -> Self {
        Self { text, edges: (false, false) }
    }
}

impl Redactor {
    pub fn new(secrets: &[Secret]) -> Self {
        let mut this = Self::default();
        this.add(secrets);
        this
    }

    /// Knows more secrets from now on.
    pub fn add(&mut self, secrets: &[Secret]) {
        self.forms.extend(secrets.iter().flat_map(forms_of).filter(|f| f.text.len() >= SHORTEST));
        self.forms.sort_by(|a, b| b.text.len().cmp(&a.text.len()).then_with(|| a.cmp(b)));
        self.forms.dedup();
        self.said.extend(secrets.iter().flat_map(parts_of).map(String::into_bytes));
        self.said.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.said.dedup();
    }

    /// The text without the secrets in it.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for form in &self.forms {
            if text.contains(form.text.as_str()) {
                text = Cow::Owned(form.replaced(&text));
            }
        }
        for coding in Coding::ALL {
            if let Some(replaced) = coding.replaced(&text, &self.said) {
                text = Cow::Owned(replaced);
            }
        }
        text
    }
}

impl Form {
    fn replaced(&self, text: &str) -> String {
        let base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(at) = rest.find(&self.text) {
            let before = &rest[..at];
            out.push_str(if self.edges.0 { before.strip_suffix(base64).unwrap_or(before) } else { before });
            out.push_str("[secret]");
            rest = &rest[at + self.text.len()..];
            rest = if self.edges.1 { rest.strip_prefix(base64).unwrap_or(rest) } else { rest };
        }
        out + rest
    }
}

impl super::Reporter {
    /// A text as it may be kept.
    pub fn redacted(&self, text: &str) -> String {
        self.inner.lock().expect("no panic holds it").redactor.redact(text).into_owned()
    }
}

/// Base64 of a text that may stand at any place of a longer one (`user:secret`): encoded after no, one and two other bytes, each time
/// without the characters that depend on what is around it.
fn base64_of(part: &str) -> Vec<Form> {
    let at = |before: usize| {
        let bytes = [&[0; 2][..before], part.as_bytes()].concat();
        let encoded = b64::STANDARD_NO_PAD.encode(&bytes);
        let (first, last) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        Form { text: encoded[first..last].to_string(), edges: (before > 0, bytes.len() % 3 > 0) }
    };
    let mut forms: Vec<Form> = (0..3).map(at).collect();
    for at in 0..forms.len() {
        forms.push(Form { text: forms[at].text.replace('+', "-").replace('/', "_"), ..forms[at] });
    }
    forms
}

/// A secret, and of one with several lines each that is long enough.
fn parts_of(secret: &Secret) -> Vec<String> {
    let text = String::from_utf8_lossy(secret.expose()).into_owned();
    let trimmed = text.trim();
    if trimmed.len() < SHORTEST {
        return vec![];
    }
    let lines = trimmed.lines().map(str::trim).filter(|line| line.len() >= 8);
    [trimmed].into_iter().chain(lines).map(Into::into).collect()
}

fn forms_of(secret: &Secret) -> Vec<Form> {
    let mut forms = vec![];
    for part in parts_of(secret) {
        let hex: String = part.bytes().map(|byte| format!("{byte:02x}")).collect();
        let texts =
            [hex.to_uppercase(), hex, part.replace('\'', "'\\''"), part.replace('$', "$$"), part.clone()];
        forms.extend(texts.map(Form::from));
        forms.extend(base64_of(&part));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

    #[test]
    fn every_form_is_found() {
        let secret = "p@ss/w#rd?'x\"y-._~+ é€";
        let redactor = Redactor::new(&[Secret::new(secret)]);
        let forms = [
            secret.to_string(),
            b64::STANDARD.encode(secret),
            b64::URL_SAFE_NO_PAD.encode(secret),
            secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
            // All of it, all but the unreserved, as browsers and forms do it, and with small letters.
            percent_encode(secret.as_bytes(), NON_ALPHANUMERIC).to_string(),
            "p%40ss%2Fw%23rd%3F%27x%22y-._~%2B%20%C3%A9%E2%82%AC".to_string(),
            "p%40ss%2Fw%23rd%3F'x%22y-._~%2B%20%c3%a9%e2%82%ac".to_string(),
            "p%40ss%2Fw%23rd%3F%27x%22y-._%7E%2B+%C3%A9%E2%82%AC".to_string(),
            "p@ss/w#rd?'\\''x\"y-._~+ é€".to_string(),
            serde_json::to_string(secret).unwrap(),
            // As PHP, Python and shells write it.
            r#"p@ss\/w#rd?'x\"y-._~+ \u00e9\u20AC"#.to_string(),
            r#"p@ss/w#rd?\'x"y-._~+ \xc3\xa9\xE2\x82\xAC"#.to_string(),
        ];
        for form in forms {
            let text = redactor.redact(&format!("before {form} after")).into_owned();
            assert!(
                text.contains("[secret]") && !text.contains("ss/w") && !text.contains(&form),
                "{form}: {text}"
            );
        }
        // What is around it stays as it is written.
        let text =
            redactor.redact("a%20b+c=p%40ss%2Fw%23rd%3F%27x%22y-._~%2B%20%C3%A9%E2%82%AC&d=%2").into_owned();
        assert_eq!(text, "a%20b+c=[secret]&d=%2");
        assert_eq!(redactor.redact(r"100% of \d+\u12 \"), r"100% of \d+\u12 \");
        // Somewhere in a longer text that was encoded as a whole.
        for user in ["", "u", "us", "use", "user-"] {
            for more in ["", ":", "::", ":::"] {
                let encoded = b64::STANDARD.encode(format!("{user}{secret}{more}"));
                let text = redactor.redact(&format!("Authorization: Basic {encoded}")).into_owned();
                assert!(text.starts_with("Authorization: Basic ") && text.contains("[secret]"), "{text}");
                let left = text.trim_start_matches("Authorization: Basic ").replace("[secret]", "");
                let around = user.len() + more.len();
                assert!(
                    left.trim_end_matches('=').len() <= (around * 8).div_ceil(6),
                    "{user:?} {more:?}: {text}"
                );
            }
        }
        assert_eq!(Redactor::new(&[Secret::new("ab")]).redact("about"), "about");
    }
}
