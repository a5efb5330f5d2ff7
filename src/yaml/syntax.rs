//! What the parser says about text that is no YAML, in the words of those who write it.

use crate::{
    diag::Diagnostic,
    model::{Origin, Source},
};
use std::{ops::Range, sync::Arc};

/// A part of the parser's message, what it means, and the remedy.
const TOLD: &[(&str, &str, &str)] = &[
    (
        "mapping values are not allowed",
        "a `:` stands where no key can be",
        "a text that holds `: ` must be quoted; a key that belongs to the mapping above begins in its column",
    ),
    (
        "did not find expected key",
        "this line does not fit those before it",
        "the keys of one mapping begin in the same column, and so do the dashes of one list",
    ),
    (
        "did not find expected '-' indicator",
        "this line does not fit the list before it",
        "the dashes of one list begin in the same column, what belongs to an item stands behind its dash",
    ),
    (
        "expected ',' or '}'",
        "a `,` or the closing `}` is missing before this",
        "a `{` further up is not closed, or two entries have no `,` between them",
    ),
    (
        "expected ',' or ']'",
        "a `,` or the closing `]` is missing before this",
        "a `[` further up is not closed, or two items have no `,` between them",
    ),
    (
        "simple key expected ':'",
        "a `:` is missing behind this key",
        "write `key: value`, with a space behind the colon",
    ),
    (
        "simple key is no longer valid",
        "a `:` is missing behind this key",
        "a key stands on one line with its colon",
    ),
    (
        "unclosed quote",
        "a quote is not closed",
        "write the closing quote; inside of single quotes a quote is written twice",
    ),
    ("document indicator", "a quote is not closed", "it begins before the `---`"),
    ("unclosed bracket", "a bracket is not closed", "write the closing `}` or `]`"),
    ("mismatched bracket", "a bracket is closed by the other kind", "`{` goes with `}`, and `[` with `]`"),
    ("misplaced bracket", "a bracket is closed that was not opened", "remove it, or quote the text"),
    (
        "unknown anchor",
        "no anchor has this name",
        "anchors are set with `&name` further up; a text that begins with `*` must be quoted",
    ),
    ("trailing content after", "text follows the closing quote", "put the quotes around the whole value"),
    (
        "merge value must be",
        "`<<` wants a mapping, or a list of mappings",
        "write `<<: *name`, where `&name` marks a mapping",
    ),
    (
        "unknown escape character",
        "this is no escape in double quotes",
        "write single quotes, in which a backslash stands for itself, or `\\\\`",
    ),
    ("expected string scalar", "a key must be a plain text", "write the key as one word or in quotes"),
    (
        "block sequence entries are not allowed",
        "a list cannot begin here",
        "put the first `- ` on a line of its own below the key",
    ),
    (
        "mapping keys are not allowed",
        "a key cannot stand here",
        "put it on a line of its own, in the column of the keys before it",
    ),
    (
        "indentation in multiline quoted",
        "a quoted text goes on in this line",
        "indent it, or close the quote before it",
    ),
    (
        "indentation in flow",
        "a bracket is still open in this line",
        "indent it, or close the bracket before it",
    ),
    (
        "wrongly indented line in block scalar",
        "this line is indented less than the text it belongs to",
        "indent all lines of the text alike",
    ),
    ("non-finite", "a number is too large", "a text that looks like a number must be quoted"),
    ("tab", "a tab stands where only spaces may be", "replace it with spaces"),
    (
        "did not find expected comment or line break",
        "a text cannot begin behind `|` or `>`",
        "begin it on the next line, indented",
    ),
    ("recursion limit", "nested too deep", "write it flatter"),
    ("epth", "nested too deep", "write it flatter"),
    ("budget breached", "the file stands for too much", "use fewer anchors and aliases"),
    ("alias", "the aliases stand for too much", "use fewer anchors and aliases"),
];

/// An error of the parser with its place.
pub(super) fn diagnostic(said: &str, span: Range<usize>, source: &Arc<Source>) -> Diagnostic {
    let at = |span: Range<usize>| Origin { source: source.clone(), span };
    let error = |what: &str| Diagnostic::error(format!("invalid YAML: {what}"));
    let text = &source.text;
    if said.contains("duplicate mapping key") {
        return twice(span, source);
    }
    let line_start = text[..span.start].rfind('\n').map_or(0, |n| n + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    if line.contains("{{") && !said.contains("unclosed quote") {
        let bare = line.trim_start_matches([' ', '-']).split_once(": ").map(|(_, value)| value.trim());
        let value = bare.filter(|value| value.starts_with("{{") && !value.contains('"') && !source.secret);
        let hint = match value {
            Some(value) => format!("put the whole value in quotes: \"{value}\""),
            None => "put the whole value in quotes: \"...{{ ... }}...\"".into(),
        };
        return error("a value with `{{` must be quoted").at(&at(span)).hint(hint);
    }
    if said.contains("unexpected character") {
        let first = text[span.start..].chars().next().filter(|_| !source.secret);
        let what = first.map_or("this character".into(), |c| format!("`{c}`"));
        return error(&format!("a value cannot begin with {what}")).at(&at(span)).hint("put it in quotes");
    }
    let span = match said.contains("unknown escape character") {
        true => escape(text, span),
        false => span,
    };
    let word = text[span.start..].find([' ', '\n', ',', ']', '}']).map_or(text.len(), |end| span.start + end);
    let span = if span.len() == 1 && word > span.start { span.start..word } else { span };
    match TOLD.iter().find(|(part, ..)| said.contains(part)) {
        Some((_, what, hint)) => error(what).at(&at(span)).hint(*hint),
        // The parser may quote what it found.
        None if source.secret => error("this cannot be read").at(&at(span)),
        None => error(said).at(&at(span)),
    }
}

/// The first backslash in a double-quoted text that begins no escape.
fn escape(text: &str, quoted: Range<usize>) -> Range<usize> {
    let mut characters = text[quoted.start..].char_indices();
    while let Some((at, c)) = characters.next() {
        if c != '\\' {
            continue;
        }
        let Some((_, next)) = characters.next() else { break };
        if !"0abtnvfre \"/\\N_LPxuU\t\n\r".contains(next) {
            let start = quoted.start + at;
            return start..start + 1 + next.len_utf8();
        }
    }
    quoted
}

fn twice(span: Range<usize>, source: &Arc<Source>) -> Diagnostic {
    let at = |span: Range<usize>| Origin { source: source.clone(), span };
    let key = &source.text[span.clone()];
    let what = match source.secret {
        true => "a key stands twice in one mapping".to_string(),
        false => format!("the key `{}` stands twice in one mapping", key.trim_matches(['"', '\''])),
    };
    let error = Diagnostic::error(format!("invalid YAML: {what}")).at(&at(span.clone()));
    let error = match first_like(&source.text, &span) {
        Some(first) => error.related(&at(first), "first here"),
        None => error,
    };
    error.hint("remove or rename one of them")
}

/// The same key further up in the same mapping: on this line, or in this column with nothing further left in between.
fn first_like(text: &str, key: &Range<usize>) -> Option<Range<usize>> {
    let name = text.get(key.clone()).filter(|name| !name.is_empty())?;
    let is_key =
        |at: usize| text[at..].strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let line_start = text[..key.start].rfind('\n').map_or(0, |n| n + 1);
    let begins = |at: usize| text[..at].ends_with(['{', ' ', ',', '\n']) || at == 0;
    let before = text[line_start..key.start].match_indices(name).map(|(at, _)| line_start + at);
    if let Some(at) = before.filter(|at| is_key(*at) && begins(*at)).last() {
        return Some(at..at + name.len());
    }
    let column = key.start - line_start;
    let mut end = line_start;
    while end > 0 {
        let start = text[..end - 1].rfind('\n').map_or(0, |n| n + 1);
        let line = &text[start..end];
        let lead = line.len() - line.trim_start_matches([' ', '-']).len();
        if lead == column && is_key(start + column) {
            return Some(start + column..start + column + name.len());
        }
        if !line.trim().is_empty() && line.len() - line.trim_start_matches(' ').len() < column {
            return None;
        }
        end = start;
    }
    None
}
