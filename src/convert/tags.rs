//! Where the tags of a text are.

use crate::jinja::Left;

/// One part of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag<'t> {
    pub kind: char,
    /// What stands between the signs, and where that begins.
    pub inner: &'t str,
    pub at: usize,
    pub start: usize,
    pub end: usize,
    /// `-` at its ends.
    pub trims: (bool, bool),
}

/// Where the next tag begins.
pub(super) fn next_tag(text: &str, from: usize) -> Option<usize> {
    text[from..]
        .match_indices('{')
        .map(|(at, _)| from + at)
        .find(|at| matches!(text.as_bytes().get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// The tag that begins at a byte offset.
///
/// # Errors
/// When it has no end.
pub(super) fn tag_at(text: &str, start: usize) -> Result<Tag<'_>, Left> {
    let kind = char::from(text.as_bytes()[start + 1]);
    let close = match kind {
        '{' => "}}",
        '%' => "%}",
        _ => "#}",
    };
    let begin = start + 2;
    let end = end_of(text, begin, close, kind != '#');
    let end = end.ok_or_else(|| Left::new(start, format!("`{}` without `{close}`", &text[start..begin])))?;
    let inner = &text[begin..end];
    let trims = (inner.starts_with('-'), inner.ends_with('-') && inner.len() > 1);
    let from = begin + usize::from(inner.starts_with(['-', '+']));
    let to = end - usize::from(inner.ends_with(['-', '+']) && end > from);
    Ok(Tag { kind, inner: &text[from..to], at: from, start, end: end + 2, trims })
}

/// Where a tag's closing sign stands, strings and brackets left out.
fn end_of(text: &str, from: usize, close: &str, strings: bool) -> Option<usize> {
    let mut quote = None;
    let mut braces = 0_usize;
    let mut letters = text[from..].char_indices();
    while let Some((at, c)) = letters.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                letters.next();
            }
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') if strings => quote = Some(c),
            (None, '{') if strings => braces += 1,
            (None, '}') if strings && braces > 0 => braces -= 1,
            (None, _) if text[from + at..].starts_with(close) => return Some(from + at),
            _ => {}
        }
    }
    None
}

/// A tag of ours with `~` where theirs has `-`.
pub(super) fn trimmed(text: &str, (before, after): (bool, bool)) -> String {
    let mut text = text.to_owned();
    if after && text.ends_with("}}") {
        text.insert(text.len() - 2, '~');
    }
    if before && text.starts_with("{{") {
        text.insert(2, '~');
    }
    text
}

/// The first line of a template, with its end, when it holds settings; and these.
pub(super) fn header(text: &str) -> Option<(&str, &str)> {
    let line = text.split_inclusive('\n').next()?;
    Some((line, line.strip_prefix("#jinja2:")?))
}

/// What the `#jinja2:` line of a template says; whether white space before a statement vanishes, as it does here.
///
/// Source: Ansible's documentation of the module `template`.
pub(super) fn overrides(line: &str) -> Result<bool, Left> {
    let mut strips = false;
    for setting in line.trim().split(',').filter(|setting| !setting.trim().is_empty()) {
        let (name, value) = setting.split_once(':').unwrap_or((setting, ""));
        match (name.trim(), value.trim().to_lowercase().as_str()) {
            ("trim_blocks", "true") => {}
            ("lstrip_blocks", value @ ("true" | "false")) => strips = value == "true",
            (name, _) => {
                return Err(Left::new(0, format!("the template sets `{name}` for itself"))
                    .hint("rewrite it without this line, with Ansible's usual tags and line breaks"));
            }
        }
    }
    Ok(strips)
}
