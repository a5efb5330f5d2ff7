//! What a person is shown of a change. Serializable; holds no secret (it would not compile).

use super::{Facet, Facets};
use crate::model::{Diff, FacetDiff, Shown};
use agent::secret::Content;

/// Makes tags for secret values under a random key that lives for one run.
#[derive(Clone)]
pub struct Mask {
    key: [u8; 32],
}

impl Mask {
    /// `key` must be random and used for one run only.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    fn tag(&self, bytes: &[u8]) -> String {
        blake3::keyed_hash(&self.key, bytes).to_hex()[..6].to_string()
    }

    /// A secret text line by line. Keys are shown (`KEY=[secret 1f2e3d]`) where the whole text is made of keys and values; of any other
    /// text a part before a `=` or `:` may be as secret as what follows it (base64, `user:hash`), so that whole lines are masked.
    fn structure(&self, text: &str) -> String {
        let keys = is_key_value(text);
        let mask_line = |line: &str| {
            let (body, end) = line.strip_suffix('\n').map_or((line, ""), |b| (b, "\n"));
            if body.trim().is_empty() || BRACKETS.contains(&body.trim()) {
                return line.to_string();
            }
            match value_at(body).filter(|_| keys) {
                Some(at) => format!("{}[secret {}]{end}", &body[..at], self.tag(&body.as_bytes()[at..])),
                None => format!("[secret {}]{end}", self.tag(body.as_bytes())),
            }
        };
        text.split_inclusive('\n').map(mask_line).collect()
    }

    fn show(&self, facet: Option<&Facet>) -> Shown {
        match facet {
            None => Shown::Absent,
            Some(Facet::Scalar(text)) => Shown::Scalar(text.clone()),
            Some(Facet::Secret(bytes)) => Shown::Masked(self.tag(bytes)),
            Some(Facet::Content { digest, size, content }) => {
                let text = content.as_ref().and_then(|c| std::str::from_utf8(c.bytes()).ok().map(|t| (c, t)));
                match text {
                    Some((Content::Secret(_), text)) => Shown::Text(self.structure(text)),
                    Some((_, text)) if !text.contains('\0') => Shown::Text(text.into()),
                    _ if matches!(content, Some(Content::Secret(_))) => Shown::Masked(self.tag(digest)),
                    _ => Shown::Binary {
                        size: *size,
                        digest: blake3::Hash::from(*digest).to_hex()[..12].into(),
                    },
                }
            }
        }
    }
}

/// Lines of JSON that say nothing.
const BRACKETS: [&str; 6] = ["{", "}", "[", "]", "},", "],"];

/// Where the value begins in a line `KEY=value`, `key: value` or `"key": value`; `None` for any other line.
fn value_at(line: &str) -> Option<usize> {
    let sign = line.find(['=', ':'])?;
    let key = line[..sign].trim_start();
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    let starts = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !key.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return None;
    }
    let rest = &line[sign + 1..];
    let apart = line[sign..].starts_with('=') || rest.starts_with(' ');
    // Of base64, only its padding follows the sign.
    let is_value = apart && rest.contains(|c: char| c != '=' && !c.is_whitespace());
    is_value.then_some(sign + 1)
}

/// Whether a text is made of keys and values, comments, brackets and `[sections]` aside. One that is a single line is so in the form of
/// an environment file only.
fn is_key_value(text: &str) -> bool {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<&str> = lines.collect();
    if let [line] = lines.as_slice() {
        let environment = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let key = line.split_once('=').filter(|(key, _)| key.chars().all(environment));
        return key.is_some() && value_at(line).is_some();
    }
    let section = |line: &str| {
        let name = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        name.is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "_.- ".contains(c)))
    };
    let mut rest = lines.iter().filter(|line| !BRACKETS.contains(*line) && !section(line)).peekable();
    rest.peek().is_some() && rest.all(|line| value_at(line).is_some())
}

/// The text as it is, but for those lines that `public` does not have: these are masked.
fn known_lines(mask: &Mask, text: &str, public: &str) -> String {
    let public: std::collections::HashSet<&str> = public.lines().collect();
    let masked = mask.structure(text);
    let lines = text.split_inclusive('\n').zip(masked.split_inclusive('\n'));
    lines
        .map(
            |(line, masked)| if public.contains(line.trim_end_matches(['\n', '\r'])) { line } else { masked },
        )
        .collect()
}

impl Mask {
    /// What differs, in the order of the desired state's facets, then what goes away.
    pub fn diff(&self, from: &Facets, to: &Facets) -> Diff {
        let gone = from.keys().filter(|name| !to.contains_key(*name));
        let facets = to.keys().chain(gone).filter(|name| from.get(*name) != to.get(*name));
        let facets = facets.map(|name| {
            let (before, after) = (from.get(name), to.get(name));
            if let Some((old, new)) = secret_becomes_public(before, after) {
                let before = Shown::Text(known_lines(self, old, new));
                return FacetDiff { facet: name.clone(), before, after: Shown::Text(new.into()) };
            }
            // Any other content that is secret on either side is shown as such on both; of one that was not read, the digest.
            let secret = [before, after]
                .iter()
                .any(|f| matches!(f, Some(Facet::Content { content: Some(Content::Secret(_)), .. })));
            let veil = |facet: Option<&Facet>| match facet {
                Some(Facet::Content { digest, size, content: Some(content) }) if secret => {
                    let content = Some(Content::new(content.bytes(), true));
                    self.show(Some(&Facet::Content { digest: *digest, size: *size, content }))
                }
                Some(Facet::Content { digest, content: None, .. }) if secret => {
                    Shown::Masked(self.tag(digest))
                }
                other => self.show(other),
            };
            FacetDiff { facet: name.clone(), before: veil(before), after: veil(after) }
        });
        Diff { facets: facets.collect() }
    }
}

/// The texts of a secret content that is replaced by one that anybody may see: the latter says nothing about the former.
fn secret_becomes_public<'a>(
    before: Option<&'a Facet>,
    after: Option<&'a Facet>,
) -> Option<(&'a str, &'a str)> {
    let Some(Facet::Content { content: Some(old @ Content::Secret(_)), .. }) = before else { return None };
    let Some(Facet::Content { content: Some(new @ Content::Clear(_)), .. }) = after else { return None };
    let text = |content: &'a Content| std::str::from_utf8(content.bytes()).ok().filter(|t| !t.contains('\0'));
    Some((text(old)?, text(new)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let Shown::Text(shown) = Mask::new([7; 32]).show(Some(&Facet::content(&Content::new(text, true))))
        else {
            panic!("a text is shown as one")
        };
        shown
    }

    #[test]
    fn what_is_before_a_sign_may_be_the_secret() {
        let hidden = [
            "MTIzNDU2Nzg5MDEyMzQ1Ng==\n",
            "c2VjcmV0LXRva2VuLXh4eA=\n",
            "c2VjcmV0LXRva2VuLXh4\nc2VjcmV0LXRva2VuLXh4eA==\n",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nMTIzNg==\n-----END PRIVATE KEY-----\n",
            "alice:$6$salt$hash\nbob:$6$salt$hash\n",
            "correct horse battery: staple\n",
            "correct horse battery = staple\n",
            "alice: hash\n",
            "token=hunter2\n",
            "A=1\nMTIzNg==\n",
            "[MTIzNg]\nMTIzNg==\n",
        ];
        for text in hidden {
            for line in shown(text).lines() {
                assert!(line.starts_with("[secret ") && line.len() == 15, "{text}: {line}");
            }
        }
        assert_eq!(shown("{\n\n}\n"), "{\n\n}\n");
    }

    #[test]
    fn an_environment_file_shows_its_keys() {
        let masked = shown("# the PASSWORD=old\nDB_URL=postgres://u:p@h\n\nTOKEN='a=b'\napi.key: x\n");
        let keys: Vec<_> = masked.lines().map(|line| line.split("[secret ").next().unwrap()).collect();
        assert_eq!(keys, ["", "DB_URL=", "", "TOKEN=", "api.key:"], "{masked}");
        for part in ["PASSWORD", "postgres", "a=b", "x]"] {
            assert!(!masked.contains(part), "{part}: {masked}");
        }
        assert!(shown("TOKEN=hunter2\n").starts_with("TOKEN=[secret "));
        assert!(shown("[Service]\nEnvironment=A=b\n").contains("\nEnvironment=[secret "));
        assert!(shown("{\n  \"token\": \"x\"\n}\n").starts_with("{\n  \"token\":[secret "));
    }

    #[test]
    fn what_replaces_a_secret_is_shown_when_it_is_none() {
        let facets = |text: &str, secret| {
            Facets::from([("content".into(), Facet::content(&Content::new(text, secret)))])
        };
        let old = facets("[main]\nlevel = 1\npassword = hunter2\n", true);
        let diff = Mask::new([7; 32]).diff(&old, &facets("[main]\nlevel = 2\n", false));
        let Shown::Text(before) = &diff.facets[0].before else { panic!("{diff:?}") };
        assert!(before.starts_with("[main]\n[secret "), "{before}");
        assert!(!before.contains("level") && !before.contains("hunter2"), "{before}");
        assert_eq!(diff.facets[0].after, Shown::Text("[main]\nlevel = 2\n".into()));
    }

    #[test]
    fn secret_texts_show_keys_and_structure_only() {
        let mask = Mask::new([7; 32]);
        let content = |text: &str, secret| Facet::content(&Content::new(text, secret));
        let from = Facets::from([
            ("content".into(), content("A=old-hunter\nB=same\n", false)),
            ("mode".into(), "0644".into()),
        ]);
        let to = Facets::from([
            ("content".into(), content("A=hunter2\nB=same\n", true)),
            ("mode".into(), "0600".into()),
        ]);
        let diff = mask.diff(&from, &to);
        let json = serde_json::to_string(&diff).unwrap();
        assert!(!json.contains("hunter") && !json.contains("same"), "{json}");
        let Shown::Text(before) = &diff.facets[0].before else { panic!("{json}") };
        let Shown::Text(after) = &diff.facets[0].after else { panic!("{json}") };
        assert_ne!(before.lines().next(), after.lines().next(), "a changed value has another tag");
        assert_eq!(before.lines().nth(1), after.lines().nth(1), "an equal value has the same tag");
        assert!(after.starts_with("A=[secret "), "{after}");
        assert_eq!(diff.facets[1].after, Shown::Scalar("0600".into()));
    }
}
