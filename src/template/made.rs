//! What a rendered text was made of, part by part and line by line.

use super::{output::scalar_text, trace::Read};
use crate::yaml::Node;
use std::{ops::Range, sync::Arc};

/// A part of a text, as bytes, and what was read for it.
#[derive(Clone, Debug)]
pub struct Span {
    pub range: Range<usize>,
    pub reads: Vec<Arc<Read>>,
    /// It only says whether, or how often, the part is there.
    pub condition: bool,
    /// What is there must not be shown.
    pub secret: bool,
}

/// What became of a template.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// The text; what is not known yet stands in it as `{{...}}`.
    pub text: Option<Arc<str>>,
    pub reads: Vec<Arc<Read>>,
    pub spans: Vec<Span>,
    /// The value of one expression, as it is.
    pub(super) is_bare: bool,
}

/// A line of a text.
#[derive(Clone, Debug)]
pub struct Line {
    /// With its secrets hidden; what is not known yet stands in it as `{{...}}`.
    pub text: String,
    /// What was read for it; and whether that only says that the line is there.
    pub reads: Vec<(Arc<Read>, bool)>,
}

/// What was read for a text that stands from `from` to `to`. `plain`: it is the value itself.
pub(super) fn spans(from: usize, to: usize, reads: Vec<Arc<Read>>, plain: bool, secret: bool) -> Vec<Span> {
    let whole = |reads| Span { range: from..to, reads, condition: false, secret };
    match reads.as_slice() {
        [] => vec![],
        [one] if plain && !one.parts.is_empty() => {
            let part = |span: &Span| Span {
                range: span.range.start + from..(span.range.end + from).min(to),
                reads: vec![one.of(span.reads.clone())],
                ..span.clone()
            };
            let parts: Vec<_> = one.parts.iter().map(part).collect();
            // What only the variable that was read itself has made: its own text around the parts.
            [whole(vec![one.of(vec![])])].into_iter().chain(parts).collect()
        }
        _ => vec![whole(reads)],
    }
}

impl Made {
    /// A text from its parts.
    pub(super) fn text(text: &str, spans: Vec<Span>) -> Self {
        let mut reads: Vec<Arc<Read>> = vec![];
        for read in spans.iter().flat_map(|span| &span.reads) {
            if !reads.iter().any(|known| Arc::ptr_eq(known, read)) {
                reads.push(read.clone());
            }
        }
        Self { text: Some(text.into()), reads, spans, is_bare: false }
    }

    /// The value of one expression. `plain`: it is a path.
    pub(super) fn bare(node: &Node, reads: Vec<Arc<Read>>, plain: bool) -> Self {
        let text = scalar_text(&node.value).map(Arc::from);
        let length = text.as_ref().map_or(0, |text: &Arc<str>| text.len());
        let spans = match &text {
            Some(_) => spans(0, length, reads.clone(), plain, node.secret),
            None => vec![],
        };
        Self { text, reads, spans, is_bare: plain }
    }

    /// A value that no template made, read from these.
    pub fn value(node: &Node, reads: Vec<Arc<Read>>) -> Self {
        Self { is_bare: false, ..Self::bare(node, reads, false) }
    }

    /// For each line of the text what was read for it.
    pub fn lines(&self) -> Vec<Line> {
        let text = self.text.as_deref().unwrap_or_default();
        let mut start = 0;
        let mut lines = vec![];
        for line in text.split('\n') {
            let end = start + line.len();
            let touches = |span: &&Span| {
                let Range { start: from, end: to } = span.range.clone();
                match (from == to, span.condition) {
                    (true, _) => (start..=end).contains(&from),
                    (false, true) => from <= end && to > start,
                    // A value that ends a line is also why the next one begins there.
                    (false, false) => from <= end && to >= start,
                }
            };
            let spans = self.spans.iter().filter(touches);
            let reads = spans.flat_map(|span| span.reads.iter().map(|read| (read.clone(), span.condition)));
            lines.push(Line { text: self.masked(start..end), reads: reads.collect() });
            start = end + 1;
        }
        // Behind the last end of a line there is nothing.
        if lines.len() > 1 && text.ends_with('\n') {
            lines.pop();
        }
        lines
    }

    /// A part of the text, with the secrets in it hidden.
    fn masked(&self, part: Range<usize>) -> String {
        const MASK: &str = "********";
        let text = self.text.as_deref().unwrap_or_default();
        let mut hidden: Vec<&Range<usize>> =
            self.spans.iter().filter(|span| span.secret && !span.condition).map(|span| &span.range).collect();
        hidden.sort_by_key(|range| range.start);
        let (mut out, mut at) = (String::new(), part.start);
        for range in hidden {
            let (from, to) = (range.start.max(at), range.end.min(part.end));
            if from < to {
                out += text.get(at..from).unwrap_or_default();
                out += MASK;
                at = to;
            }
        }
        out + text.get(at..part.end).unwrap_or_default()
    }
}
