//! `${VARIABLE}` as compose fills it in.

use std::collections::BTreeMap;

/// A variable that came to nothing where nothing says that it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blank {
    pub name: String,
    /// It is set, to nothing.
    pub is_set: bool,
}

/// What compose or the environment of whoever calls it sets.
fn is_given(name: &str) -> bool {
    name.starts_with("COMPOSE_")
        || name.starts_with("DOCKER_")
        || ["HOME", "PATH", "PWD", "SHELL", "TERM", "TMPDIR", "UID", "USER", "LOGNAME", "LANG"]
            .contains(&name)
}

/// The text with its variables filled in. Of a variable whose value only the host has, the text stays as it is.
pub fn fill(text: &str, values: &BTreeMap<String, String>, blank: &mut dyn FnMut(Blank)) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((inside, after)) = rest.strip_prefix('{').and_then(braced) {
            out.push_str(&value(inside, values, blank).unwrap_or_else(|| format!("${{{inside}}}")));
            rest = after;
        } else {
            let name = &rest[..name_end(rest)];
            match name {
                "" => out.push('$'),
                name => out.push_str(&value(name, values, blank).unwrap_or_else(|| format!("${name}"))),
            }
            rest = &rest[name.len()..];
        }
    }
    out + rest
}

/// What stands before the brace that closes, and behind it.
fn braced(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    None
}

fn name_end(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Of `NAME`, `NAME:-default`, `NAME-default`, `NAME:?error`, `NAME?error`, `NAME:+other`, `NAME+other`; none where only the host knows.
fn value(inside: &str, values: &BTreeMap<String, String>, blank: &mut dyn FnMut(Blank)) -> Option<String> {
    let (name, how) = inside.split_at(name_end(inside));
    let known = values.get(name);
    if known.is_none() && is_given(name) {
        return None;
    }
    let or_empty = |text: Option<&String>| text.cloned().unwrap_or_default();
    let filled = known.filter(|value| !value.is_empty());
    let (colon, how) = how.strip_prefix(':').map_or((false, how), |how| (true, how));
    let counts = if colon { filled } else { known };
    Some(match how.chars().next() {
        Some('-') => match counts {
            Some(value) => value.clone(),
            None => fill(&how[1..], values, blank),
        },
        Some('+') => counts.map_or_else(String::new, |_| fill(&how[1..], values, blank)),
        // Compose itself refuses what is missing.
        Some('?') => or_empty(counts),
        _ => {
            if filled.is_none() {
                blank(Blank { name: name.into(), is_set: known.is_some() });
            }
            or_empty(known)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_as_compose_does_and_blank_ones_told() {
        let values = [("A", "1"), ("EMPTY", "")].map(|(name, value)| (name.to_string(), value.to_string()));
        let values = BTreeMap::from(values);
        let read = |text: &str| {
            let mut blanks = vec![];
            let text = fill(text, &values, &mut |blank: Blank| blanks.push((blank.name, blank.is_set)));
            (text, blanks)
        };
        let unset = |name: &str| vec![(name.to_string(), false)];
        assert_eq!(read("a:${A}-$A.$$A"), ("a:1-1.$A".into(), vec![]));
        assert_eq!(read("x${B}y"), ("xy".into(), unset("B")));
        assert_eq!(read("$B/$"), ("/$".into(), unset("B")));
        assert_eq!(read("${EMPTY}"), (String::new(), vec![("EMPTY".into(), true)]));
        // That it may be nothing is said.
        assert_eq!(read("${B:-}${B-}${EMPTY:-}${EMPTY:+x}${B:?needed}"), (String::new(), vec![]));
        assert_eq!(read("${EMPTY-x}${EMPTY:-x}${A:+y}"), ("xy".into(), vec![]));
        assert_eq!(read("${B:-${A}${C}}"), ("1".into(), unset("C")));
        // Compose and the caller know these.
        assert_eq!(read("${COMPOSE_PROJECT_NAME}:$HOME"), ("${COMPOSE_PROJECT_NAME}:$HOME".into(), vec![]));
        assert_eq!(read("${open"), ("${open".into(), vec![]));
    }
}
