//! Where a tagged value begins and ends in a text, and how another one is written in its place.

use super::super::{Sealed, VaultError};
use crate::yaml::{Node, Value};
use agent::secret::Secret;
use std::ops::Range;

/// A tagged value in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// From the tag to the end of the last line, without its line end; inside of a flow collection, to the end of the scalar.
    pub at: Range<usize>,
    pub form: Form,
    /// Where its name (or, in a list, it itself) begins in its line.
    column: usize,
    /// What follows on the first line: a comment.
    rest: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A block (`|`), indented by so many spaces, with these indicators.
    Block { indent: usize },
    /// On the line of the tag; a block in its place would be indented by so many spaces.
    Line { indent: usize },
    /// Between the brackets of a flow collection.
    Flow,
}

impl Cut {
    /// The value that the parser found at `span` under `tag`; `None` when it is written in a way that is not known here.
    pub fn find(text: &str, span: Range<usize>, tag: &str) -> Option<Self> {
        let before = text.get(..span.start)?;
        // Of a block the parser says where its text begins.
        let start = before.rfind(tag)?;
        let between = &before[start + tag.len()..];
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |at| from + at);
        // Of a line such as `- - name: !plain x`, the column of the name.
        let name = text[line_start..start].find(|c| !matches!(c, ' ' | '-')).unwrap_or(start - line_start);
        let indent = name + 2;
        let header_end = line_end(start);
        let header = text[start + tag.len()..header_end].trim_start_matches([' ', '\t']);
        if let Some(header) = header.strip_prefix(['|', '>']) {
            let rest = header.trim_start_matches(['+', '-']);
            let is_comment =
                rest.trim().is_empty() || (rest.starts_with(' ') && rest.trim_start().starts_with('#'));
            let blank = text.get(header_end..span.start).is_none_or(|text| text.trim().is_empty());
            if !is_comment || !blank {
                return None;
            }
            let (body, end) = body(text, header_end);
            let indent = body.unwrap_or(indent);
            return Some(Self {
                at: start..end,
                form: Form::Block { indent },
                column: name,
                rest: rest.trim_end().into(),
            });
        }
        if !between.chars().all(|c| matches!(c, ' ' | '\t')) {
            return None;
        }
        let first_end = line_end(span.start);
        let end = span.end.max(span.start);
        let written = text.get(span.start..end)?;
        let quoted = |quote: char| written.len() > 1 && written.ends_with(quote);
        if written.contains('\n')
            || (written.starts_with('"') && !quoted('"'))
            || (written.starts_with('\'') && !quoted('\''))
        {
            return None;
        }
        let rest = text[end..first_end].trim_end();
        if rest.trim_start().is_empty() || (rest.starts_with(' ') && rest.trim_start().starts_with('#')) {
            return Some(Self {
                at: start..first_end,
                form: Form::Line { indent },
                column: name,
                rest: rest.into(),
            });
        }
        Some(Self { at: start..end, form: Form::Flow, column: name, rest: String::new() })
    }

    /// The encrypted text that is cut out.
    pub fn sealed(&self, text: &str) -> Result<Sealed, VaultError> {
        self.text(text).ok_or(VaultError::NotAVault).and_then(|text| Sealed::parse(&text))
    }

    /// The lines of the encrypted text that is cut out, without indentation.
    pub fn text(&self, text: &str) -> Option<String> {
        let cut = &text[self.at.clone()];
        match self.form {
            Form::Block { .. } => {
                Some(cut.lines().skip(1).map(|line| format!("{}\n", line.trim())).collect())
            }
            Form::Line { .. } | Form::Flow => {
                let scalar = cut.split_once([' ', '\t'])?.1.trim();
                let scalar = scalar.strip_suffix(self.rest.as_str()).unwrap_or(scalar).trim();
                serde_json::from_str(scalar).ok()
            }
        }
    }
}

/// The indentation of the block after a header that ends at `from`, and where its last line ends.
fn body(text: &str, from: usize) -> (Option<usize>, usize) {
    let (mut at, mut end, mut indent) = (from, from, None);
    while let Some(line) = text[at..].strip_prefix('\n').map(|rest| rest.split('\n').next().unwrap_or(rest)) {
        at += 1 + line.len();
        if line.trim().is_empty() {
            continue;
        }
        let spaces = line.len() - line.trim_start_matches(' ').len();
        // A block at the edge belongs to a document of nothing else.
        if spaces < *indent.get_or_insert(spaces) || spaces == 0 {
            break;
        }
        end = at;
    }
    let end = if text[..end].ends_with('\r') { end - 1 } else { end };
    (indent.filter(|indent| *indent > 0 && end > from), end)
}

/// A value in plain, in the place of an encrypted one.
pub(super) fn plain(tag: &str, cut: &Cut, value: &str) -> String {
    let (lines, chomp) = match value.strip_suffix('\n') {
        Some(lines) => (lines, "|"),
        None => (value, "|-"),
    };
    let printable = |c: char| {
        c == '\n' || c == '\t' || (!c.is_control() && !matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}'))
    };
    let simple = !lines.is_empty()
        && lines.chars().all(printable)
        && !lines.starts_with([' ', '\t', '\n'])
        && !lines.ends_with('\n');
    match cut.form {
        Form::Block { indent } if simple => {
            let room = lines.len() + (lines.matches('\n').count() + 2) * (indent + 1) + cut.rest.len();
            let mut text = String::with_capacity(tag.len() + 4 + room);
            text.extend([tag, " ", chomp, &cut.rest]);
            for line in lines.split('\n') {
                text.push('\n');
                if !line.is_empty() {
                    text.extend(std::iter::repeat_n(' ', indent));
                }
                text.push_str(line);
            }
            text
        }
        _ => format!("{tag} {}{}", quoted(value), cut.rest),
    }
}

/// An encrypted text in the place of another value.
pub(super) fn locked(sealed: &str, cut: &Cut) -> String {
    let is_age = !sealed.trim_start().starts_with('$');
    let tag = if is_age { "!age" } else { "!vault" };
    match cut.form {
        Form::Flow => format!("{tag} {}", quoted(sealed)),
        Form::Block { indent } | Form::Line { indent } => {
            let lines = sealed.lines().map(|line| format!("\n{:indent$}{}", "", line.trim()));
            format!("{tag} |{}{}", cut.rest, lines.collect::<String>())
        }
    }
}

/// Whether what was cut out at one place can be put in at another as it is.
pub(super) fn alike(one: &Cut, other: &Cut) -> bool {
    let same = match (&one.form, &other.form) {
        // Shown on one line where it could not be shown as a block.
        (Form::Block { .. }, Form::Line { .. }) => one.column == other.column,
        (a, b) => a == b,
    };
    same && one.rest == other.rest
}

/// In YAML as in JSON.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    // Not printable in YAML.
    json.replace('\u{7f}', "\\u007f").replace('\u{feff}', "\\ufeff").replace('\u{85}', "\\u0085")
}

/// A scalar as text: what looks like a number is the text that was written.
pub(super) fn scalar(node: &Node) -> Option<Secret> {
    match &node.value {
        Value::Str(text) => Some(Secret::new(text.as_bytes())),
        Value::Null => Some(Secret::new("")),
        Value::Int(_) | Value::Float(_) | Value::Bool(_) => {
            Some(Secret::new(node.origin.source.text.get(node.origin.span.clone())?.as_bytes()))
        }
        _ => None,
    }
}
