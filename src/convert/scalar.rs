//! Scalars as they stand in a YAML file: found, and written again in the same style where that can hold the new text.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    /// `|` or `>`.
    Block,
}

#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub style: Style,
    /// With its quotes; of a block its lines, without the header.
    pub range: Range<usize>,
}

/// The scalar that begins at or before `start` and has this value; `None` for an alias, and when it is not found.
pub(super) fn find(text: &str, start: usize, value: &str) -> Option<Scalar> {
    let mut at = start;
    // Tags and anchors stand before it.
    while text.get(at..)?.starts_with(['!', '&']) {
        let word = text[at..].find([' ', '\n'])?;
        at += word;
        at += text[at..].len() - text[at..].trim_start_matches(' ').len();
    }
    if let Some(header) = header_above(text, at) {
        return block(text, header);
    }
    let rest = &text[at..];
    match rest.chars().next()? {
        '"' => {
            let end = closing(rest, |rest, at| match rest.as_bytes().get(at)? {
                b'\\' => Some(2),
                b'"' => None,
                _ => Some(1),
            })?;
            Some(Scalar { style: Style::Double, range: at..at + end })
        }
        '\'' => {
            let end = closing(rest, |rest, at| match rest.as_bytes().get(at)? {
                b'\'' if rest[at + 1..].starts_with('\'') => Some(2),
                b'\'' => None,
                _ => Some(1),
            })?;
            Some(Scalar { style: Style::Single, range: at..at + end })
        }
        '|' | '>' => block(text, at),
        '*' => None,
        _ => plain(text, at, value),
    }
}

/// The `|` or `>` of the block whose text begins at `at`: it ends the last line above that is not empty.
fn header_above(text: &str, at: usize) -> Option<usize> {
    let line = text[..at].rfind('\n')?;
    if !text[line..at].trim().is_empty() {
        return None;
    }
    let above = text[..line].trim_end();
    let start = above.rfind('\n').map_or(0, |at| at + 1);
    let above = &above[start..];
    let code = above.split(" #").next().unwrap_or(above).trim_end();
    let word = code.rfind(' ').map_or(0, |at| at + 1);
    let is_header = code[word..].starts_with(['|', '>'])
        && code[word + 1..].chars().all(|c| c.is_ascii_digit() || "+-".contains(c));
    let before = code[..word].trim_end();
    let begins =
        before.is_empty() || before.ends_with([':', '-']) || before.contains('!') || before.contains('&');
    (is_header && begins).then_some(start + word)
}

/// The byte behind the closing quote.
fn closing(rest: &str, step: impl Fn(&str, usize) -> Option<usize>) -> Option<usize> {
    let mut at = 1;
    while at < rest.len() {
        match step(rest, at) {
            Some(length) => at += length,
            None => return Some(at + 1),
        }
    }
    None
}

/// The lines of a block whose header begins at `header`.
fn block(text: &str, header: usize) -> Option<Scalar> {
    let start = header + text[header..].find('\n')? + 1;
    let indent_of = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let lines = || text[start..].split_inclusive('\n');
    let indent = lines().find(|line| !line.trim().is_empty()).map(indent_of)?;
    let inside = lines().take_while(|line| line.trim().is_empty() || indent_of(line) >= indent);
    let end = start + inside.map(str::len).sum::<usize>();
    Some(Scalar { style: Style::Block, range: start..end })
}

/// A plain scalar may go on in further lines: then its white space is not the value's.
fn plain(text: &str, start: usize, value: &str) -> Option<Scalar> {
    let mut at = start;
    for word in value.split_whitespace() {
        at += text[at..].len() - text[at..].trim_start().len();
        at += text[at..].strip_prefix(word).map(|_| word.len())?;
    }
    (at > start).then_some(Scalar { style: Style::Plain, range: start..at })
}

/// A new text in a style, or in the next one that can hold it.
///
/// `was` is the old text: a plain one with braces in it stands outside of brackets, so the new one may have some too.
pub(super) fn write(style: Style, text: &str, was: &str) -> String {
    let on_one_line = !text.contains(|c: char| c.is_control());
    match style {
        Style::Plain if can_be_plain(text, was.contains('{')) => text.to_owned(),
        Style::Plain | Style::Single if on_one_line => single(text),
        Style::Double if on_one_line && text.contains(['"', '\\']) => single(text),
        _ => double(text),
    }
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// And not as a number, a boolean or null. `in_block`: it does not stand inside of brackets.
fn can_be_plain(text: &str, in_block: bool) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || "_/.".contains(c);
    let is_value = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    text.starts_with(is_word)
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.ends_with([':', ' '])
        && !text.contains(": ")
        && !text.contains(" #")
        && (in_block || !text.contains(['{', '}', '[', ']', ',']))
        && !text.contains(|c: char| c.is_control())
        && !is_value
}
