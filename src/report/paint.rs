//! Colours of the terminal.

use anstyle::{AnsiColor, Style};
use std::borrow::Cow;

pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const RED: Style = AnsiColor::Red.on_default();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// `text` in a style, or bare.
pub(crate) fn paint(text: &str, style: Style, color: bool) -> String {
    if color { format!("{style}{text}{style:#}") } else { text.into() }
}

/// Text of hosts and files as a terminal may have it: colours stay, any other control character is written out. What a file or
/// a command holds must not move the cursor, rename the window or turn the reading order round.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let is_odd = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_odd) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(is_odd) {
        out += &rest[..at];
        rest = &rest[at..];
        let kept = colour(rest);
        if kept > 0 {
            out += &rest[..kept];
            rest = &rest[kept..];
        } else if let Some(c) = rest.chars().next() {
            out.extend(c.escape_default());
            rest = &rest[c.len_utf8()..];
        }
    }
    (out + rest).into()
}

/// Bytes of the sequence that a text begins with, if all it does is to set colours and the like (ECMA-48, SGR).
fn colour(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\x1b[") else { return 0 };
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(parameters.len());
    if parameters[end..].starts_with('m') { 2 + end + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_pass() {
        assert!(matches!(visible("a\tb\n"), Cow::Borrowed(_)));
        assert_eq!(visible("\x1b[1;31mred\x1b[0m"), "\x1b[1;31mred\x1b[0m");
        assert_eq!(visible("\x1b[2J\x1b]0;title\x07x\r\n"), "\\u{1b}[2J\\u{1b}]0;title\\u{7}x\\r\n");
        assert_eq!(visible("a\u{202e}b\x1b[3"), "a\\u{202e}b\\u{1b}[3");
    }
}
