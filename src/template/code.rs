//! A compiled template, and where its parts stand in the file they were written in.

use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{Origin, Source},
};
use handlebars::{
    Template, TemplateError, TemplateErrorReason,
    template::{HelperTemplate, TemplateElement, TemplateMapping},
};
use std::{
    cell::OnceCell,
    collections::HashMap,
    ops::{Deref, Range},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How deep blocks, subexpressions, partials and variables may nest. The parser is recursive: what is deeper must not
/// reach it.
pub(super) const DEPTH: usize = 64;

pub(super) struct Code {
    pub template: Arc<Template>,
    /// The place of the whole text.
    pub origin: Origin,
    /// Nothing of the text may be shown.
    pub secret: bool,
    text: Text,
    /// Where lines begin, once it was asked for.
    starts: OnceCell<Vec<usize>>,
    form: Form,
}

/// The text of a template: that of a file is not copied.
enum Text {
    Written(Arc<str>),
    File(Arc<Source>),
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Written(text) => text,
            Self::File(source) => &source.text,
        }
    }
}

impl From<&Text> for Arc<str> {
    fn from(text: &Text) -> Self {
        match text {
            Text::Written(text) => text.clone(),
            Text::File(source) => Self::from(source.text.as_str()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A YAML scalar: its text stands in the file, perhaps indented or with escapes.
    Scalar,
    /// As a scalar, with the braces around it added by us.
    Condition,
    /// The text is the file.
    File,
}

/// Most texts that are kept parsed.
const KEPT: usize = 20_000;

/// Parses a text, once: tasks are prepared several times, for every host and every item of a loop. A secret text is not
/// kept. There are hardly more texts than a project's files hold; all are forgotten when there are too many after all (what a
/// helper made may be parsed too).
fn compiled(text: &Text, secret: bool) -> Result<Arc<Template>, TemplateError> {
    let template = Arc::new(Template::compile(text)?);
    if !secret {
        let mut parsed = parsed();
        let parsed = parsed.get_or_insert_default();
        if parsed.len() >= KEPT {
            parsed.clear();
        }
        parsed.insert(text.into(), template.clone());
    }
    Ok(template)
}

/// What was parsed before.
fn known(text: &str, secret: bool) -> Option<Arc<Template>> {
    if secret { None } else { parsed().get_or_insert_default().get(text).cloned() }
}

type Parsed = Option<HashMap<Arc<str>, Arc<Template>>>;

fn parsed() -> MutexGuard<'static, Parsed> {
    static PARSED: Mutex<Parsed> = Mutex::new(None);
    PARSED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Code {
    pub fn scalar(text: &Arc<str>, origin: &Origin, secret: bool) -> Result<Self, Diagnostics> {
        Self::compile(Text::Written(text.clone()), origin.clone(), secret, Form::Scalar)
    }

    pub fn file(origin: &Origin) -> Result<Self, Diagnostics> {
        Self::compile(Text::File(origin.source.clone()), origin.clone(), false, Form::File)
    }

    /// The text of a condition, written without braces.
    pub fn condition(text: &str, origin: &Origin, secret: bool) -> Result<Self, Diagnostics> {
        Self::compile(
            Text::Written(format!("{{{{{text}}}}}").into()),
            origin.clone(),
            secret,
            Form::Condition,
        )
    }

    fn compile(text: Text, origin: Origin, secret: bool, form: Form) -> Result<Self, Diagnostics> {
        let secret = secret || origin.source.secret;
        let mut code = Self { template: Arc::default(), origin, secret, text, starts: OnceCell::new(), form };
        if let Some(known) = known(&code.text, secret) {
            code.template = known;
            return Ok(code);
        }
        if nesting(&code.text) > DEPTH {
            return Err(Diagnostic::error(format!("template nested deeper than {DEPTH}"))
                .at(&code.origin)
                .hint("set parts of it as variables")
                .into());
        }
        match compiled(&code.text, secret) {
            Ok(template) => {
                code.template = template;
                Ok(code)
            }
            Err(error) => Err(code.syntax(&error).into()),
        }
    }

    fn syntax(&self, error: &handlebars::TemplateError) -> Diagnostic {
        let at = error.pos().map_or(0, |(line, column)| offset(&self.text, line, column));
        let tag_at = self.text[..at].rfind("{{").unwrap_or(at);
        let tag = &self.text[tag_at..tag_end(&self.text, tag_at)];
        let subject = if self.form == Form::Condition { "condition" } else { "template" };
        let told = |what: &str| Diagnostic::error(format!("invalid {subject}: {what}"));
        match error.reason() {
            TemplateErrorReason::MismatchingClosedHelper(open, close)
            | TemplateErrorReason::MismatchingClosedDecorator(open, close)
                if !self.secret =>
            {
                let bare = |name: &str| name.trim_matches('"').to_string();
                let what = format!("`{{{{#{}}}}}` is closed by `{{{{/{}}}}}`", bare(open), bare(close));
                return told(&what)
                    .at(&self.tag(at))
                    .hint("blocks end in the reverse order in which they begin");
            }
            _ => {}
        }
        let idiom = super::idioms::find(tag, self.form == Form::Condition, self.secret);
        let (what, hint) = match (error.reason(), idiom) {
            (_, Some((what, hint))) => (what, Some(hint)),
            (TemplateErrorReason::InvalidParam(written), _) if !self.secret => {
                (format!("`{written}` is no valid number or string"), None)
            }
            _ if tag.starts_with("{{") && !tag.ends_with("}}") => {
                let hint = "write the closing `}}`; to write the braces themselves, put a `\\` before them";
                ("a `{{` is not closed".into(), Some(hint.into()))
            }
            _ => match super::idioms::unclosed(&self.text) {
                Some(open) => {
                    let name = if self.secret {
                        "a block".into()
                    } else {
                        format!("`{}`", &self.text[open.clone()])
                    };
                    let hint = "every `{{#block}}` needs its `{{/block}}`";
                    return told(&format!("{name} is not closed")).at(&self.place(open)).hint(hint);
                }
                None => {
                    let hint =
                        "an expression is a path such as `a.b`, or a helper with arguments: `lower a.b`";
                    ("it is not valid Handlebars".into(), Some(hint.into()))
                }
            },
        };
        let place = if at >= self.text.len() { self.tag(tag_at) } else { self.place(at..at + 1) };
        let diagnostic = told(&what).at(&place);
        match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        }
    }

    /// The one expression that is the whole template, if it is that.
    pub fn bare(&self) -> Option<&HelperTemplate> {
        match self.template.elements.as_slice() {
            [TemplateElement::Expression(e) | TemplateElement::HtmlExpression(e)] => Some(e),
            _ => None,
        }
    }

    /// Byte offset of an element of a (nested) template; `None` where the parser kept no position.
    pub fn element(&self, template: &Template, index: usize) -> Option<usize> {
        let start: &TemplateMapping = template.mapping.get(index)?;
        let starts = self.starts.get_or_init(|| line_starts(&self.text));
        Some(offset_by(starts, &self.text, start.0, start.1))
    }

    /// The tag at a byte offset, as it is written; of a secret text nothing.
    pub fn written(&self, at: usize) -> &str {
        if self.secret { "…" } else { &self.text[at..tag_end(&self.text, at)] }
    }

    /// Whether the tag at a byte offset stands alone on its line, which then goes with it.
    pub fn is_alone(&self, at: usize) -> bool {
        let before = self.text[..at].rsplit('\n').next().unwrap_or_default();
        let behind = self.text[tag_end(&self.text, at)..].split('\n').next().unwrap_or_default();
        before.trim().is_empty() && behind.trim().is_empty()
    }

    /// The place of the tag at a byte offset.
    pub fn tag(&self, at: usize) -> Origin {
        self.place(at..tag_end(&self.text, at))
    }

    /// What the tag at a byte offset means when it is read as Jinja2, as it is written here.
    pub fn as_jinja(&self, at: usize) -> Option<String> {
        let tag = self.text.get(at..tag_end(&self.text, at))?;
        super::idioms::rewritten(tag, self.form == Form::Condition).ok()
    }

    /// The place of a name in the tag at `at`, or in a later one where the parser kept no position.
    pub fn name(&self, at: usize, name: &str) -> Origin {
        self.nth_name(at, name, 0)
    }

    /// As [`Self::name`], of several the one with so many before it.
    pub fn nth_name(&self, at: usize, name: &str, before: usize) -> Origin {
        let within = self.text.get(at..).unwrap_or("");
        let part = |c: char| c.is_alphanumeric() || "_-.@$".contains(c);
        let hits = within.match_indices(name).map(|(hit, _)| at + hit);
        let mut hits = hits.filter(|&hit| {
            let (before, after) = (&self.text[..hit], &self.text[hit + name.len()..]);
            let inside = before.rfind("{{") > before.rfind("}}");
            let tag = &before[before.rfind("{{").unwrap_or(0)..];
            inside && !within_string(tag) && !before.ends_with(part) && !after.starts_with(part)
        });
        hits.nth(before).map_or_else(|| self.tag(at), |hit| self.place(hit..hit + name.len()))
    }

    /// The place in the file of a part of the text.
    fn place(&self, part: Range<usize>) -> Origin {
        let part = self.text.floor_char_boundary(part.start)..self.text.ceil_char_boundary(part.end);
        let first_line = self.text[part.clone()].find('\n').map_or(part.end, |n| part.start + n);
        let source = &self.origin.source;
        if self.form == Form::File {
            return Origin { source: source.clone(), span: part.start..first_line };
        }
        let braces = if self.form == Form::Condition { 2 } else { 0 };
        let value = self.text.get(braces..self.text.len() - braces).unwrap_or_default();
        if let Some(places) = super::quoted::places(&source.text, self.origin.span.start, value) {
            let at = |at: usize| places[at.saturating_sub(braces).min(value.len())];
            let (start, end) = (at(part.start), at(first_line));
            return if start < end {
                Origin { source: source.clone(), span: start..end }
            } else {
                self.origin.clone()
            };
        }
        // A text without quotes stands in the file line by line; the same part is the one with as many likes before it.
        let mut needle = &self.text[part.start..first_line];
        let mut before = &self.text[..part.start];
        if self.form == Form::Condition {
            needle = needle.strip_prefix("{{").unwrap_or(needle);
            needle = needle.strip_suffix("}}").unwrap_or(needle);
            before = before.strip_prefix("{{").unwrap_or(before);
        }
        let start = self.origin.span.start.min(source.text.len());
        let lines = self.text.lines().count();
        let end = (start + 2 * self.text.len() + 64 * (lines + 1)).min(source.text.len());
        let window = source.text.get(start..source.text.floor_char_boundary(end)).unwrap_or("");
        let found = |needle: &str, count: usize| {
            let (hit, text) = window.match_indices(needle).nth(count)?;
            Some(start + hit..start + hit + text.len())
        };
        if needle.trim().is_empty() {
            return self.origin.clone();
        }
        let count = before.matches(needle).count();
        let escaped = needle.replace('\\', "\\\\").replace('"', "\\\"");
        let span = found(needle, count).or_else(|| found(&escaped, count)).or_else(|| {
            let doubled = needle.replace('\'', "''");
            found(&doubled, count)
        });
        span.map_or_else(|| self.origin.clone(), |span| Origin { source: source.clone(), span })
    }
}

/// Whether a text holds anything for the parser to do.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{")
}

/// Byte offset of a line and column, both from 1; the column counts characters.
fn offset(text: &str, line: usize, column: usize) -> usize {
    offset_by(&line_starts(text), text, line, column)
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

fn offset_by(starts: &[usize], text: &str, line: usize, column: usize) -> usize {
    let start = starts[line.clamp(1, starts.len()) - 1];
    text[start..].char_indices().nth(column.saturating_sub(1)).map_or(text.len(), |(at, _)| start + at)
}

fn tag_end(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let Some(close) = rest.find("}}") else { return text.len() };
    let braces = rest[close..].len() - rest[close..].trim_start_matches('}').len();
    at + close + braces.min(4)
}

/// Whether the end of this beginning of a tag is in one of its strings.
fn within_string(tag: &str) -> bool {
    let (mut open, mut letters) = (None, tag.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if open.is_some() => _ = letters.next(),
            '"' | '\'' if open.is_none() => open = Some(letter),
            _ if open == Some(letter) => open = None,
            _ => {}
        }
    }
    open.is_some()
}

/// An upper bound of how deep the parser would recurse.
fn nesting(text: &str) -> usize {
    let (mut blocks, mut brackets, mut most) = (0_usize, 0_usize, 0);
    let mut rest = text;
    let mut inside = false;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("{{") {
            inside = true;
            brackets = 0;
            let tag = rest.trim_start_matches(['{', '~']);
            if tag.starts_with('#') {
                blocks += 1;
            } else if tag.starts_with('/') {
                blocks = blocks.saturating_sub(1);
            }
            rest = tag;
            most = most.max(blocks);
            continue;
        }
        match c {
            '}' if rest.starts_with("}}") => inside = false,
            '(' | '[' | '{' if inside => brackets += 1,
            ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        most = most.max(blocks + brackets);
        rest = &rest[c.len_utf8()..];
    }
    most
}
