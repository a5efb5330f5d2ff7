//! The kinds of facets that a type declares.
//!
//! A kind is a facet's text in which words in capitals stand for names: `NAME` for one word, another (`PATH`, `VARIABLE`) for any text. Of
//! several kinds that fit a facet, the one with the most letters of its own counts: `mode` is not a `VARIABLE`, though one may be called so.

/// The one kind of these that a facet is of; none where no kind fits, or two fit equally well.
pub fn kind_of(kinds: &'static [&'static str], facet: &str) -> Option<&'static str> {
    let own = |kind: &&str| kind.chars().filter(|c| !c.is_ascii_uppercase()).count();
    let mut fit: Vec<&'static str> = kinds.iter().copied().filter(|kind| fits(kind, facet)).collect();
    fit.sort_by_key(own);
    let best = fit.pop()?;
    fit.last().is_none_or(|next| own(next) < own(&best)).then_some(best)
}

fn fits(kind: &str, facet: &str) -> bool {
    let Some(at) = kind.find(|c: char| c.is_ascii_uppercase()) else { return kind == facet };
    let Some(text) = facet.strip_prefix(&kind[..at]) else { return false };
    let end = kind[at..].find(|c: char| !c.is_ascii_uppercase()).map_or(kind.len(), |length| at + length);
    let (name, rest) = (&kind[at..end], &kind[end..]);
    let one_word = name == "NAME";
    let ends = text.char_indices().map(|(at, letter)| (at + letter.len_utf8(), letter));
    ends.take_while(|(_, letter)| !one_word || *letter != ' ').any(|(end, _)| fits(rest, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_facet_is_of_one_kind() {
        let kinds = &["mode", "VARIABLE", "PATH mode", "service NAME", "service NAME label LABEL"];
        for (facet, kind) in [
            ("mode", Some("mode")),
            ("MODE", Some("VARIABLE")),
            ("a b mode", Some("PATH mode")),
            ("service web", Some("service NAME")),
            ("service web label a b", Some("service NAME label LABEL")),
            ("service web label", Some("VARIABLE")),
            ("service é", Some("service NAME")),
            ("", None),
        ] {
            assert_eq!(kind_of(kinds, facet), kind, "{facet}");
        }
        assert_eq!(kind_of(&["service NAME"], "service web ports"), None, "a name is one word");
        assert_eq!(kind_of(&["user:NAME", "NAME hold"], "user:x hold"), Some("NAME hold"));
        assert_eq!(kind_of(&["PATH a", "PATH b", "a NAME", "b NAME"], "a b"), None, "two fit equally well");
    }
}
