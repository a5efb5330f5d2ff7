//! A text while it is rendered.

use super::{
    made::{Span, spans},
    trace::Read,
};
use crate::{
    diag::Diagnostics,
    yaml::{Node, Value},
};
use std::sync::Arc;

/// A text being rendered.
#[derive(Default)]
pub(super) struct Output {
    pub text: String,
    pub secret: bool,
    pub unknown: Option<Arc<str>>,
    pub errors: Diagnostics,
    pub failed: bool,
    /// What its parts were made of, where somebody wants to know.
    pub spans: Vec<Span>,
}

impl Output {
    pub fn finish(self) -> Result<Self, Diagnostics> {
        if self.failed { Err(self.errors) } else { Ok(self) }
    }

    pub fn saw(&mut self, node: &Node) {
        self.secret |= node.secret;
        if let Value::Unknown(why) = &node.value {
            self.unknown.get_or_insert_with(|| why.clone());
        }
    }

    /// Errors, if there are any.
    pub fn also(&mut self, errors: Diagnostics) {
        if !errors.0.is_empty() {
            self.error(errors);
        }
    }

    pub fn error(&mut self, error: impl Into<Diagnostics>) {
        self.failed = true;
        self.errors.extend(error);
    }

    /// What was read for the text since `from`.
    pub fn came(&mut self, from: usize, reads: Vec<Arc<Read>>, plain: bool, secret: bool) {
        let spans = spans(from, &self.text[from..], reads, plain, secret);
        self.spans.extend(spans);
    }

    /// What decided about the text since `from`. `alone`: it has lines of its own, so where there are none it touches none.
    pub fn depends(&mut self, from: usize, reads: Vec<Arc<Read>>, alone: impl FnOnce() -> bool) {
        let range = from..self.text.len();
        let is_nowhere = range.is_empty() && alone();
        if !reads.is_empty() && !is_nowhere {
            self.spans.push(Span { range, reads, condition: true, secret: false, at: None });
        }
    }

    /// Adds what a partial was rendered to, each line behind an indent; the first one where `first` says so.
    pub fn push_indented(&mut self, inner: Self, indent: &str, first: bool) {
        let start = self.text.len();
        // Where each line of it begins, and how many bytes are before it that are not its own.
        let (mut lines, mut at, mut added) = (vec![], 0, 0);
        for (index, line) in inner.text.split_inclusive('\n').enumerate() {
            if (index > 0 || first) && !(index == 0 && line.starts_with(['\n', '\r'])) {
                self.text.push_str(indent);
                added += indent.len();
            }
            lines.push((at, added));
            at += line.len();
            self.text.push_str(line);
        }
        let moved = |at: usize| {
            let before = lines.partition_point(|(line, _)| *line <= at);
            start + at + before.checked_sub(1).map_or(0, |line| lines[line].1)
        };
        let spans = inner.spans.into_iter();
        self.spans
            .extend(spans.map(|span| Span { range: moved(span.range.start)..moved(span.range.end), ..span }));
        self.secret |= inner.secret;
        self.unknown = self.unknown.take().or(inner.unknown);
    }
}

/// A scalar as it stands in a text; `None` for null and for what has no text.
pub(super) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Bool(b) => Some(b.to_string()),
        Value::Int(i) => Some(i.to_string()),
        Value::Float(f) => Some(serde_json::Value::from(*f).to_string()),
        Value::Str(s) => Some(s.to_string()),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(str::to_string),
        Value::Null | Value::Seq(_) | Value::Map(_) | Value::Unknown(_) | Value::Asked(_) => None,
    }
}
