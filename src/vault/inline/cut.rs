//! Where a tagged value begins and ends in a text, and how another one is written in its place.

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
    /// Between the tag and the value: ` &name`, or nothing.
    anchor: String,
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
    /// The value that the parser found at `span` under `tag`, behind a key that ends at `after`; `None` when it is written in a way that
    /// is not known here.
    pub fn find(text: &str, span: Range<usize>, tag: &str, after: usize) -> Option<Self> {
        let before = text.get(..span.start)?;
        let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |at| from + at);
        // Of a line such as `- - name: !plain x`, the column of the name.
        let column = |start: usize| {
            let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
            text[line..start].find(|c| !matches!(c, ' ' | '-')).unwrap_or(start - line)
        };
        // Of a block the parser says where its text begins.
        let head_end = line_end(before.trim_end().len());
        let line = text[..head_end].rfind('\n').map_or(0, |at| at + 1);
        let from = if (line..head_end).contains(&after) { after } else { line };
        // The first one: in a comment behind it there may be another.
        let tags = text[from..head_end].match_indices(tag).map(|(at, _)| from + at);
        let block = tags.filter_map(|start| Some((start, block(&text[start + tag.len()..head_end])?))).next();
        if let Some((start, (anchor, rest))) = block {
            let (body, end) = body(text, head_end);
            let column = column(start);
            return Some(Self {
                at: start..end,
                form: Form::Block { indent: body.unwrap_or(column + 2) },
                column,
                anchor: anchor.into(),
                rest: rest?.into(),
            });
        }
        let start = before.rfind(tag)?;
        let (anchor, between) = split_anchor(&before[start + tag.len()..]);
        if !between.chars().all(|c| matches!(c, ' ' | '\t')) {
            return None;
        }
        let name = column(start);
        let indent = name + 2;
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
                anchor: anchor.into(),
                rest: rest.into(),
            });
        }
        Some(Self {
            at: start..end,
            form: Form::Flow,
            column: name,
            anchor: anchor.into(),
            rest: String::new(),
        })
    }

    /// The lines of the encrypted text that is cut out, without indentation.
    pub fn text(&self, text: &str) -> Option<String> {
        let cut = &text[self.at.clone()];
        match self.form {
            Form::Block { .. } => {
                Some(cut.lines().skip(1).map(|line| format!("{}\n", line.trim())).collect())
            }
            Form::Line { .. } | Form::Flow => {
                let scalar = split_anchor(&cut[cut.find([' ', '\t'])?..]).1.trim();
                let scalar = scalar.strip_suffix(self.rest.as_str()).unwrap_or(scalar).trim();
                serde_json::from_str(scalar).ok()
            }
        }
    }
}

/// What follows a tag: an anchor, if any, with the blanks before it; and the rest.
fn split_anchor(text: &str) -> (&str, &str) {
    let blanks = text.len() - text.trim_start_matches([' ', '\t']).len();
    if blanks == 0 || !text[blanks..].starts_with('&') {
        return ("", text);
    }
    let end = text[blanks..].find(char::is_whitespace).map_or(text.len(), |at| blanks + at);
    text.split_at(end)
}

/// What follows the tag of a block on its line: an anchor, and the comment. There is no comment to know where an indentation indicator is.
fn block(header: &str) -> Option<(&str, Option<&str>)> {
    let (anchor, header) = split_anchor(header);
    let trimmed = header.trim_start_matches([' ', '\t']);
    if trimmed.len() == header.len() {
        return None;
    }
    let indicators = trimmed.strip_prefix(['|', '>'])?;
    let rest = indicators.trim_start_matches(['+', '-']);
    let is_comment =
        rest.trim().is_empty() || (rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#'));
    Some((anchor, is_comment.then(|| rest.trim_end())))
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
            let room = lines.len()
                + cut.anchor.len()
                + (lines.matches('\n').count() + 2) * (indent + 1)
                + cut.rest.len();
            let mut text = String::with_capacity(tag.len() + 4 + room);
            text.extend([tag, &cut.anchor, " ", chomp, &cut.rest]);
            for line in lines.split('\n') {
                text.push('\n');
                if !line.is_empty() {
                    text.extend(std::iter::repeat_n(' ', indent));
                }
                text.push_str(line);
            }
            text
        }
        _ => format!("{tag}{} {}{}", cut.anchor, quoted(value), cut.rest),
    }
}

/// An encrypted text in the place of another value.
pub(super) fn locked(sealed: &str, cut: &Cut) -> String {
    let is_age = !sealed.trim_start().starts_with('$');
    let tag = if is_age { "!age" } else { "!vault" };
    match cut.form {
        Form::Flow => format!("{tag}{} {}", cut.anchor, quoted(sealed)),
        Form::Block { indent } | Form::Line { indent } => {
            let lines = sealed.lines().map(|line| format!("\n{:indent$}{}", "", line.trim()));
            format!("{tag}{} |{}{}", cut.anchor, cut.rest, lines.collect::<String>())
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
    same && one.rest == other.rest && one.anchor == other.anchor
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
