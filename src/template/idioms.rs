//! What people who know Jinja write, and what to write here.

use super::helpers;
use std::ops::Range;

const OPERATORS: [(&str, &str); 6] =
    [("==", "eq"), ("!=", "ne"), ("<=", "le"), (">=", "ge"), ("<", "lt"), (">", "gt")];

/// What is wrong with a tag that the parser did not take, and what to write; none of its words when it is secret.
pub(super) fn find(tag: &str, secret: bool) -> Option<(String, String)> {
    let inside = tag.trim_matches(['{', '}', '~', ' ']);
    let words: Vec<&str> = inside.split_whitespace().collect();
    let has = |word: &str| words.contains(&word);
    if let Some((sign, helper)) = OPERATORS.iter().find(|(sign, _)| has(sign)) {
        let hint = match words.as_slice() {
            [a, _, b] if !secret => format!("write `{helper} {a} {}`", b.replace('\'', "\"")),
            _ => format!("instead of `a {sign} b` write `{helper} a b`"),
        };
        return Some((format!("`{sign}` is no operator here"), hint));
    }
    if has("is") && has("defined") {
        return Some((
            "`is defined` is no test here".into(),
            "write `defined x`, or `not (defined x)`".into(),
        ));
    }
    let pipe = tag.find('|').filter(|pipe| !tag[..*pipe].trim_end().ends_with(" as"));
    if pipe.is_some() {
        let written = if secret { None } else { filtered(inside) };
        let hint =
            written.map_or("instead of `x | lower` write `lower x`".into(), |text| format!("write `{text}`"));
        return Some(("`|` is no filter here".into(), hint));
    }
    let open = inside.find(['(', '[']).filter(|open| *open > 0 && !inside[..*open].contains(' '));
    if let Some(open) = open.filter(|_| inside.ends_with([')', ']'])) {
        let hint = match &inside[open..=open] {
            "[" => "write `a.b`, or `lookup a b` where the key is computed",
            _ => "a helper's arguments stand behind it, without brackets: `lower a.b`",
        };
        return Some(("this is no way to ask for a value here".into(), hint.into()));
    }
    None
}

/// `name | default('x')` as `default name "x"`, where each filter is a helper.
fn filtered(inside: &str) -> Option<String> {
    let mut parts = inside.split('|').map(str::trim);
    let mut written =
        parts.next().filter(|first| !first.is_empty() && !first.contains([' ', '(']))?.to_string();
    for part in parts {
        let (name, arguments) =
            part.split_once('(').map_or((part, ""), |(name, rest)| (name, rest.trim_end_matches(')')));
        let helper = helpers::find(name.trim())?;
        let arguments = arguments.split(',').map(|argument| argument.trim().replace('\'', "\""));
        let arguments: String =
            arguments.filter(|argument| !argument.is_empty()).map(|a| format!(" {a}")).collect();
        let inner = if written.contains(' ') { format!("({written})") } else { written };
        written = format!("{} {inner}{arguments}", helper.name);
    }
    Some(written)
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
