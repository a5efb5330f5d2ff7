//! What people who know Jinja write, and what to write here.

use crate::jinja::{self, Left};
use std::ops::Range;

const OPERATORS: [(&str, &str); 6] =
    [("==", "eq"), ("!=", "ne"), ("<=", "le"), (">=", "ge"), ("<", "lt"), (">", "gt")];

/// What is wrong with a tag that the parser did not take, and what to write; none of its words when it is secret.
pub(super) fn find(tag: &str, condition: bool, secret: bool) -> Option<(String, String)> {
    let inside = tag.trim_matches(['{', '}', '~', ' ']);
    let words: Vec<&str> = inside.split_whitespace().collect();
    let has = |word: &str| words.contains(&word);
    let hint = |general: &str| match rewritten(tag, condition) {
        _ if secret => general.to_owned(),
        Ok(text) => format!("write `{text}`"),
        Err(left) => match left.hint {
            Some(hint) => format!("{}: {hint}", left.message),
            None => general.to_owned(),
        },
    };
    let pipe = pipe_at(tag).filter(|pipe| !tag[..*pipe].trim_end().ends_with(" as"));
    if pipe.is_some() {
        return Some(("`|` is no filter here".into(), hint("instead of `x | lower` write `lower x`")));
    }
    if let Some((sign, helper)) = OPERATORS.iter().find(|(sign, _)| has(sign)) {
        let general = format!("instead of `a {sign} b` write `{helper} a b`");
        return Some((format!("`{sign}` is no operator here"), hint(&general)));
    }
    if has("is") && has("defined") {
        let general = "write `defined x`, or `not (defined x)`";
        return Some(("`is defined` is no test here".into(), hint(general)));
    }
    let between = words.get(1..).unwrap_or_default();
    if let Some(word) = ["and", "or", "in", "not"].into_iter().find(|word| between.contains(word) && !secret)
    {
        let hint = match rewritten(tag, condition) {
            Ok(text) => Some(format!("write `{text}`")),
            Err(left) => left.hint.map(|hint| format!("{}: {hint}", left.message)),
        };
        if let Some(hint) = hint {
            return Some((format!("`{word}` is no operator here"), hint));
        }
    }
    let open = inside.find(['(', '[']).filter(|open| *open > 0 && !inside[..*open].contains(' '));
    if let Some(open) = open.filter(|_| inside.ends_with([')', ']'])) {
        let general = match &inside[open..=open] {
            "[" => "write `a.b`, or `lookup a b` where the key is computed",
            _ => "a helper's arguments stand behind it, without brackets: `lower a.b`",
        };
        return Some(("this is no way to ask for a value here".into(), hint(general)));
    }
    None
}

/// What a tag means when it is read as Jinja2, as it is written here.
///
/// # Errors
/// What cannot be turned.
pub(super) fn rewritten(tag: &str, condition: bool) -> Result<String, Left> {
    let inside = tag.strip_prefix("{{").unwrap_or(tag);
    let inside = inside.strip_suffix("}}").unwrap_or(inside).trim_matches('~').trim();
    // What a backslash means depends on where it stands.
    if inside.contains('\\') {
        return Err(Left { at: 0, message: String::new(), hint: None });
    }
    let block =
        ["#if ", "#unless ", "else if "].iter().find_map(|word| Some((word, inside.strip_prefix(word)?)));
    match block {
        Some((word, inside)) => jinja::condition(inside).map(|text| format!("{{{{{word}{text}}}}}")),
        None if condition => jinja::condition(inside),
        None => jinja::output(inside),
    }
}

/// The first `|` outside of quotes.
fn pipe_at(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (None, '|') => return Some(at),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        None
    })
}

/// The last tag that opens a block which nothing closes.
pub(super) fn unclosed(text: &str) -> Option<Range<usize>> {
    let mut open = vec![];
    let mut at = 0;
    while let Some(found) = text[at..].find("{{") {
        let start = at + found;
        let end = text[start..].find("}}").map_or(text.len(), |end| start + end + 2);
        match text[start + 2..end].trim_start_matches('~').chars().next() {
            Some('#') => open.push(start..end),
            Some('/') => drop(open.pop()),
            _ => {}
        }
        at = end;
    }
    open.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_told_as_they_mean_or_in_general() {
        for (tag, hint) in [
            ("{{ xs | join(', ') }}", "write `join xs \", \"`"),
            ("{{ xs | join }}", "write `join xs \"\"`"),
            ("{{~ xs | map(attribute='a') | list }}", "write `map xs \"a\"`"),
            ("{{ xs | sort(reverse=true) }}", "write `reverse (sort xs)`"),
            ("{{ x | default('a|b, c') | upper }}", "write `upper (default x \"a|b, c\")`"),
            ("{{#if x | bool}}", "write `{{#if bool x}}`"),
            (
                "{{ x | nonsense }}",
                "the filter `nonsense` is not there: `lustores-provision doc helpers` lists",
            ),
            ("{{ x | default('y', true) }}", "replaces what is empty too: `default x y` replaces only"),
            ("{{ x | regex_replace('\\d', '') }}", "instead of `x | lower` write `lower x`"),
            ("{{ x | }}", "instead of `x | lower` write `lower x`"),
        ] {
            let found = find(tag, false, false).unwrap_or_else(|| panic!("{tag}"));
            assert_eq!(found.0, "`|` is no filter here", "{tag}");
            assert!(found.1.contains(hint), "{tag}: {}", found.1);
            let secret = find(tag, false, true).unwrap_or_else(|| panic!("{tag}"));
            assert_eq!(secret.1, "instead of `x | lower` write `lower x`");
        }
        assert_eq!(find("{{x | length}}", true, false).unwrap().1, "write `ne (length x) 0`");
        assert_eq!(find("{{a == 'x y' and b}}", true, false).unwrap().1, "write `and (eq a \"x y\") b`");
        for (tag, hint) in [
            ("{{st.stat.exists and not st.stat.isdir}}", "write `and st.stat.exists (not st.stat.isdir)`"),
            ("{{'web' in group_names}}", "write `in \"web\" group_names`"),
            ("{{inventory_hostname in groups['web']}}", "write `in inventory_hostname groups.web`"),
        ] {
            assert_eq!(find(tag, true, false).unwrap().1, hint, "{tag}");
        }
        assert_eq!(
            find("{{ lookup('file', 'a.pub') }}", false, false).unwrap().1,
            "write `trim (file \"a.pub\")`"
        );
        assert_eq!(find("{{lower \"a and b}}", false, false), None);
        assert_eq!(find("{{'secret' in group_names}}", true, true), None);
        assert_eq!(find("{{#each list as |x|}}", false, false), None);
    }
}
