//! Changes in the text of a YAML file: only the lines of what changes are touched.

use super::emit::{Out, entry, inline, mapping};
use crate::{
    model::Origin,
    yaml::{Entry, Map, Node, Value as Yaml},
};
use serde_json::{Map as Json, Value};
use std::ops::Range;

/// Why it cannot be done so.
#[derive(Debug, PartialEq, Eq)]
pub enum Cannot {
    /// A comment in this line, from 1, would go.
    Comment(usize),
    /// It is not one key below the other.
    Shape,
}

/// The text of `root`, a mapping, with the values of `want`. Who calls this reads the result and compares.
///
/// # Errors
/// What stands in the way. With `drop`, comments do not.
pub fn edit(text: &str, root: &Node, want: &Json<String, Value>, drop: bool) -> Result<String, Cannot> {
    let mut surgeon = Surgeon { text, drop, edits: vec![] };
    let empty = Map::new();
    let map = root.as_map().unwrap_or(&empty);
    match surgeon.map(map, want) {
        Ok(()) => surgeon.operate(),
        Err(Cannot::Shape) if map.is_empty() && !want.is_empty() && root.is_null() => {
            // Nothing but comments.
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            let entries: Vec<_> = want.iter().map(|(key, value)| new(key, value)).collect();
            Ok(format!("{text}{end}{}", mapping(&entries, 0)))
        }
        Err(Cannot::Shape) => {
            surgeon.loses_nothing(0..text.len(), None)?;
            match Out::of(text, Some(root), &Value::Object(want.clone())) {
                Out::Map(entries) => Ok(mapping(&entries, 0)),
                _ => Ok("{}\n".into()),
            }
        }
        Err(comment) => Err(comment),
    }
}

fn new<'a>(key: &str, value: &'a Value) -> (String, Out<'a>) {
    let name = Value::from(key);
    (inline(&Out::New(&name)).unwrap_or_else(|| name.to_string()), Out::New(value))
}

fn has_comment(line: &str) -> bool {
    line.trim_start().starts_with('#') || line.contains(" #") || line.contains("\t#")
}

struct Surgeon<'a> {
    text: &'a str,
    drop: bool,
    edits: Vec<(Range<usize>, String)>,
}

impl Surgeon<'_> {
    fn map(&mut self, map: &Map, want: &Json<String, Value>) -> Result<(), Cannot> {
        let Some((_, first)) = map.first() else { return Err(Cannot::Shape) };
        if want.is_empty() {
            return Err(Cannot::Shape);
        }
        let column = self.column(&first.key)?;
        let mut end = 0;
        for (key, found) in map {
            if self.column(&found.key)? != column {
                return Err(Cannot::Shape);
            }
            let region = self.region(found, column);
            end = end.max(region.end);
            match want.get(key) {
                None => {
                    self.loses_nothing(region.clone(), Some(&found.node))?;
                    self.edits.push((region, String::new()));
                }
                Some(value) if found.node.to_json() == *value => {}
                Some(value) => self.change(found, value, region, column)?,
            }
        }
        let added =
            want.iter().filter(|(key, _)| !map.contains_key(*key)).map(|(key, value)| new(key, value));
        let added = mapping(&added.collect::<Vec<_>>(), column);
        if !added.is_empty() {
            let end_of_line = if self.text[..end].ends_with('\n') { "" } else { "\n" };
            self.edits.push((end..end, format!("{end_of_line}{added}")));
        }
        Ok(())
    }

    fn change(
        &mut self,
        found: &Entry,
        value: &Value,
        region: Range<usize>,
        column: usize,
    ) -> Result<(), Cannot> {
        if let (Yaml::Map(inner), Value::Object(want)) = (&found.node.value, value) {
            let before = self.edits.len();
            match self.map(inner, want) {
                // It is written anew as a whole.
                Err(Cannot::Shape) => self.edits.truncate(before),
                done => return done,
            }
        }
        let span = found.node.origin.span.clone();
        let is_scalar = !matches!(found.node.value, Yaml::Map(_) | Yaml::Seq(_)) && !span.is_empty();
        let one_line = !self.text[region.clone()].trim_end().contains('\n');
        if let (true, true, Some(text)) = (is_scalar, one_line, inline(&Out::New(value))) {
            self.edits.push((span, text));
            return Ok(());
        }
        self.loses_nothing(region.clone(), Some(&found.node))?;
        let out = Out::of(self.text, Some(&found.node), value);
        let lines = entry(&self.text[found.key.span.clone()], &out, column);
        self.edits.push((region, lines));
        Ok(())
    }

    /// Where a key begins in its line, if nothing but blanks stands before it.
    fn column(&self, key: &Origin) -> Result<usize, Cannot> {
        let start = self.line_start(key);
        let before = &self.text[start..key.span.start];
        let alone = !key.span.is_empty() && before.chars().all(|c| c == ' ');
        if alone { Ok(before.len()) } else { Err(Cannot::Shape) }
    }

    fn line_start(&self, key: &Origin) -> usize {
        self.text[..key.span.start].rfind('\n').map_or(0, |at| at + 1)
    }

    /// The lines of an entry, to the last that is indented more than its key.
    fn region(&self, found: &Entry, column: usize) -> Range<usize> {
        let start = self.line_start(&found.key);
        let mut lines = self.text[start..].split_inclusive('\n');
        let mut at = start + lines.next().map_or(0, str::len);
        let mut end = at;
        for line in lines {
            at += line.len();
            let rest = line.trim_start_matches(' ');
            let indent = line.len() - rest.len();
            let item = matches!(found.node.value, Yaml::Seq(_)) && rest.starts_with('-') && indent == column;
            if rest.trim().is_empty() || rest.starts_with('#') && indent <= column {
                continue;
            }
            if indent <= column && !item {
                break;
            }
            end = at;
        }
        start..end
    }

    /// Refuses to lose a comment. A `#` after a blank is taken for one, unless it is in the text that goes.
    fn loses_nothing(&self, region: Range<usize>, node: Option<&Node>) -> Result<(), Cannot> {
        let lines = || self.text[region.clone()].lines().enumerate().filter(|(_, line)| has_comment(line));
        let value = node.and_then(Node::as_str).unwrap_or_default();
        let inside = value.lines().filter(|line| has_comment(line)).count();
        match lines().next() {
            Some((at, _)) if !self.drop && lines().count() > inside => {
                Err(Cannot::Comment(self.text[..region.start].matches('\n').count() + at + 1))
            }
            _ => Ok(()),
        }
    }

    fn operate(mut self) -> Result<String, Cannot> {
        // Of two at one place the one that adds comes behind the one that changes.
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let newline = super::super::shared::line_break(self.text);
        let (mut new, mut done) = (String::new(), 0);
        for (range, text) in self.edits {
            if range.start < done {
                return Err(Cannot::Shape);
            }
            new += &self.text[done..range.start];
            new += &text.replace('\n', newline);
            done = range.end;
        }
        Ok(new + &self.text[done..])
    }
}
