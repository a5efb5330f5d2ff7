//! What a rendered text was made of, part by part and line by line.

use super::{lines::of_block, output::scalar_text, trace::Read};
use crate::{model::Origin, yaml::Node};
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
    /// Where the first of what was read is written, of a text of many lines: the line that this is made of.
    pub at: Option<Origin>,
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

/// What was read for this text, which stands at `from`. `plain`: it is the value itself.
pub(super) fn spans(from: usize, text: &str, reads: Vec<Arc<Read>>, plain: bool, secret: bool) -> Vec<Span> {
    let all = |reads| Span { range: from..from + text.len(), reads, condition: false, secret, at: None };
    let [one] = reads.as_slice() else {
        return if reads.is_empty() { vec![] } else { vec![all(reads)] };
    };
    let lines = if plain { lines(one, text) } else { vec![] };
    if one.parts.is_empty() || !plain {
        return split(all(reads), from, &lines);
    }
    // What only the variable that was read itself has made: its own text around the parts.
    let mut found = split(all(vec![one.of(vec![])]), from, &lines);
    for part in &one.parts {
        let range = part.range.start + from..(part.range.end + from).min(from + text.len());
        // Its own line is one of another text: it stays with what was read from there.
        let reads = part.placed().map(|(read, _)| read).collect();
        let part = Span { range, reads: vec![one.of(reads)], at: None, ..part.clone() };
        found.extend(split(part, from, &lines));
    }
    found
}

/// The lines of a text of several, with where each is written; none where that does not tell more than where the text begins.
fn lines(read: &Read, text: &str) -> Vec<(Range<usize>, Option<Origin>)> {
    if !text.trim_end().contains('\n') {
        return vec![];
    }
    let places = of_block(&read.origin, text);
    if places.iter().all(Option::is_none) {
        return vec![];
    }
    let mut at = 0;
    let line = |(line, origin): (&str, Option<Origin>)| {
        at += line.len();
        (at - line.len()..at, origin)
    };
    text.split_inclusive('\n').zip(places).map(line).collect()
}

/// A span taken apart where its lines are.
fn split(span: Span, from: usize, lines: &[(Range<usize>, Option<Origin>)]) -> Vec<Span> {
    let Range { start, end } = span.range.clone();
    let within = |(range, at): &(Range<usize>, Option<Origin>)| {
        let (first, last) = (range.start + from, range.end + from);
        let is_end = end <= last;
        // The end of a line within it is not why the next one begins.
        let to = if is_end || span.condition { end.min(last) } else { last - 1 };
        let is_in = start < last && (first < end || first <= start);
        is_in.then(|| Span {
            range: first.max(start)..to.max(first.max(start)),
            at: at.clone(),
            ..span.clone()
        })
    };
    let parts: Vec<Span> = lines.iter().filter_map(within).collect();
    if parts.is_empty() { vec![span] } else { parts }
}

impl Span {
    /// What was read for it, where that is written; and whether that only decides.
    fn placed(&self) -> impl Iterator<Item = (Arc<Read>, bool)> {
        self.reads.iter().enumerate().map(|(index, read)| {
            let own = self.at.clone().filter(|_| index == 0);
            let placed = own.map(|origin| Arc::new(Read { origin, ..(**read).clone() }));
            (placed.unwrap_or_else(|| read.clone()), self.condition)
        })
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
        let text: Option<Arc<str>> = scalar_text(&node.value).map(Arc::from);
        let spans = match &text {
            Some(text) => spans(0, text, reads.clone(), plain, node.secret),
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
            let reads = spans.flat_map(Span::placed).collect();
            lines.push(Line { text: self.masked(start..end), reads });
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
