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

    /// A secret text with its keys and structure but no values: `KEY=[secret 1f2e3d]`.
    fn structure(&self, text: &str) -> String {
        let mask_line = |line: &str| {
            let (body, end) = line.strip_suffix('\n').map_or((line, ""), |b| (b, "\n"));
            if body.trim().is_empty() || matches!(body.trim(), "{" | "}" | "[" | "]" | "},") {
                return line.to_string();
            }
            let key = body.find(['=', ':']).filter(|at| {
                let name = body[..*at].trim().trim_matches('"');
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.- ".contains(c))
            });
            match key {
                Some(at) => format!("{}[secret {}]{end}", &body[..=at], self.tag(&body.as_bytes()[at + 1..])),
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

impl Mask {
    /// What differs, in the order of the desired state's facets, then what goes away.
    pub fn diff(&self, from: &Facets, to: &Facets) -> Diff {
        let gone = from.keys().filter(|name| !to.contains_key(*name));
        let facets = to.keys().chain(gone).filter(|name| from.get(*name) != to.get(*name));
        let facets = facets.map(|name| {
            // A content that is secret on either side is shown as such on both.
            let (before, after) = (from.get(name), to.get(name));
            let secret = [before, after]
                .iter()
                .any(|f| matches!(f, Some(Facet::Content { content: Some(Content::Secret(_)), .. })));
            let veil = |facet: Option<&Facet>| match facet {
                Some(Facet::Content { digest, size, content: Some(content) }) if secret => {
                    let content = Some(Content::new(content.bytes(), true));
                    self.show(Some(&Facet::Content { digest: *digest, size: *size, content }))
                }
                other => self.show(other),
            };
            FacetDiff { facet: name.clone(), before: veil(before), after: veil(after) }
        });
        Diff { facets: facets.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
