//! YAML files: what changes is replaced in the text; all else stays byte by byte.

use super::{
    Converted,
    scalar::{self, Style},
    template,
};
use crate::{
    diag::{Diagnostic, Diagnostics, Severity},
    jinja::Left,
    model::{Origin, Source},
    yaml::{Map, Node, Value, parse},
};
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

/// Turns a file.
pub(super) fn turn(source: &Arc<Source>) -> Result<Converted, Diagnostic> {
    let root = parse(source)?;
    let mut editor = Editor {
        source: source.clone(),
        edits: vec![],
        values: HashMap::new(),
        mappings: HashSet::new(),
        added: HashMap::new(),
        left: Diagnostics::default(),
    };
    editor.root(&root);
    editor.edits.sort_by_key(|(range, _)| range.start);
    editor.edits.dedup_by_key(|(range, _)| range.start);
    let mut text = String::with_capacity(source.text.len());
    let mut done = 0;
    for (range, new) in &editor.edits {
        text.push_str(&source.text[done..range.start]);
        text.push_str(new);
        done = range.end;
    }
    text.push_str(&source.text[done..]);
    let again = Arc::new(Source { path: source.path.clone(), text, secret: source.secret });
    let sound = parse(&again).is_ok_and(|now| editor.is_as_meant(&root, &now));
    if !sound {
        let whole = Origin { source: source.clone(), span: 0..0 };
        let error =
            Diagnostic::error("what was turned could not be written into this file, which is left as it was");
        editor.left.push(error.at(&whole).hint("write its values in quotes, without aliases"));
        return Ok(Converted { text: source.text.clone(), left: editor.left });
    }
    Ok(Converted { text: again.text.clone(), left: editor.left })
}

/// What is to change in one file.
pub(super) struct Editor {
    pub source: Arc<Source>,
    edits: Vec<(Range<usize>, String)>,
    /// The new values, by where the old ones begin; `None`: no longer a string.
    values: HashMap<usize, Option<String>>,
    /// Where strings that became mappings began.
    mappings: HashSet<usize>,
    /// Parameters that mappings got, by where these begin.
    added: HashMap<usize, (&'static str, bool)>,
    pub left: Diagnostics,
}

impl Editor {
    /// Whether the new tree is the old one with the new values.
    fn is_as_meant(&self, old: &Node, new: &Node) -> bool {
        let start = old.origin.span.start;
        // What it stands for is looked at where it is written.
        if self.source.text[start..].starts_with('*') {
            return true;
        }
        match (&old.value, &new.value) {
            (Value::Seq(a), Value::Seq(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.is_as_meant(a, b))
            }
            (Value::Map(a), Value::Map(b)) => {
                let key =
                    |key: &String, at: usize| self.values.get(&at).cloned().flatten().unwrap_or(key.clone());
                let added = self.added.get(&start);
                let is_added = |name: &str, node: &Node| {
                    added.is_some_and(|(added, value)| {
                        name == *added && matches!(&node.value, Value::Bool(now) if now == value)
                    })
                };
                let rest = b.iter().filter(|(name, entry)| !is_added(name, &entry.node));
                a.len() + usize::from(added.is_some()) == b.len()
                    && rest.clone().count() == a.len()
                    && a.iter().zip(rest).all(|((k, a), (l, b))| {
                        key(k, a.key.span.start) == *l && self.is_as_meant(&a.node, &b.node)
                    })
            }
            (Value::Str(_), Value::Map(_)) => self.mappings.contains(&start),
            (Value::Str(was), now) => match (self.values.get(&start), now) {
                (Some(Some(wanted)), Value::Str(now)) => **wanted == **now,
                (Some(None), now) => !matches!(now, Value::Map(_) | Value::Seq(_)),
                (None, Value::Str(now)) => was == now,
                _ => false,
            },
            _ => old.to_json() == new.to_json(),
        }
    }

    /// Any value: texts with tags, and what YAML 1.1 took for a boolean.
    pub fn value(&mut self, node: &Node) {
        if matches!(node.tag.as_deref(), Some("!vault" | "!vault-encrypted" | "!unsafe")) {
            return;
        }
        match &node.value {
            Value::Str(text) => self.text(text, node),
            Value::Seq(items) => items.iter().for_each(|item| self.value(item)),
            Value::Map(map) => self.map(map),
            _ => {}
        }
    }

    pub fn map(&mut self, map: &Map) {
        for (key, entry) in map {
            if key.contains("{{") || key.contains("{%") {
                self.text(key, &Node::string(key, &entry.key));
            }
            match entry.node.as_str() {
                Some(text) if key == "mode" => self.mode(text, &entry.node),
                _ => self.value(&entry.node),
            }
        }
    }

    /// `0644` is a number there and a text here; a mode wants quotes.
    fn mode(&mut self, text: &str, node: &Node) {
        let bare = text.len() == 4 && text.chars().all(|c| ('0'..='7').contains(&c));
        match scalar::find(&self.source.text, node.origin.span.start, text) {
            Some(found) if bare && found.style == Style::Plain => {
                self.edits.push((found.range, format!("\"{text}\"")));
            }
            _ => self.value(node),
        }
    }

    fn text(&mut self, text: &str, node: &Node) {
        let truth = match text {
            "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "True" | "TRUE" => Some("true"),
            "no" | "No" | "NO" | "off" | "Off" | "OFF" | "False" | "FALSE" => Some("false"),
            _ => None,
        };
        if let Some(truth) = truth {
            let found = scalar::find(&self.source.text, node.origin.span.start, text);
            if let Some(found) = found.filter(|found| found.style == Style::Plain) {
                self.values.insert(node.origin.span.start, None);
                self.edits.push((found.range, truth.into()));
            }
            return;
        }
        if ["{{", "{%", "{#"].iter().any(|sign| text.contains(sign)) {
            self.change(text, node, |text| template::turn(text, true));
        }
    }

    /// Replaces a scalar by what becomes of its text. Of a block it is the lines as they are written.
    pub fn change(&mut self, text: &str, node: &Node, turn: impl Fn(&str) -> (String, Vec<(bool, Left)>)) {
        let start = node.origin.span.start;
        let Some(found) = scalar::find(&self.source.text, start, text) else {
            // An alias: what it stands for is turned where it is written.
            if !self.source.text[start..].starts_with('*') {
                let left = Left::new(0, "this value could not be found in the file");
                self.left.push(left.hint("write it in quotes").diagnostic(&node.origin));
            }
            return;
        };
        let source = self.source.clone();
        let written = &source.text[found.range.clone()];
        let is_block = found.style == Style::Block;
        let (new, lefts) = turn(if is_block { written } else { text });
        for (is_left, left) in lefts {
            let base = if is_block { Some(0) } else { written.find(text) };
            let origin = match base {
                Some(base) => {
                    let at = source.text.floor_char_boundary(found.range.start + base + left.at);
                    let end = source.text.ceil_char_boundary((at + 1).min(source.text.len()));
                    Origin { source: source.clone(), span: at..end }
                }
                None => node.origin.clone(),
            };
            let mut diagnostic = left.diagnostic(&origin);
            if !is_left {
                diagnostic.severity = Severity::Warning;
            }
            self.left.push(diagnostic);
        }
        if is_block {
            if new != written {
                // Its value is what the lines say, folded or not: as much as YAML makes of them.
                self.values.insert(start, None);
                self.edits.push((found.range, new));
            }
        } else if new != text {
            self.edits.push((found.range, scalar::write(found.style, &new, text)));
            self.values.insert(start, Some(new));
        }
    }

    /// Puts a mapping on one line where a string on one line is; false where that is none.
    pub fn replace(&mut self, node: &Node, new: &str) -> bool {
        let (start, text) = (node.origin.span.start, node.as_str().unwrap_or_default());
        let found = scalar::find(&self.source.text, start, text);
        let is_line = |found: &scalar::Scalar| !self.source.text[found.range.clone()].contains('\n');
        let Some(found) = found.filter(|found| found.style != Style::Block && is_line(found)) else {
            return false;
        };
        self.mappings.insert(start);
        self.edits.push((found.range, new.to_owned()));
        true
    }

    /// Puts a parameter into the mapping that begins at `mapping`.
    pub fn insert(&mut self, mapping: usize, at: usize, new: String, parameter: (&'static str, bool)) {
        self.added.insert(mapping, parameter);
        self.edits.push((at..at, new));
    }

    /// Replaces a key.
    pub fn rename(&mut self, key: &str, origin: &Origin, new: &str) {
        let found = scalar::find(&self.source.text, origin.span.start, key);
        match found.filter(|found| found.style != Style::Block) {
            Some(found) => {
                self.values.insert(origin.span.start, Some(new.to_owned()));
                self.edits.push((found.range.clone(), scalar::write(found.style, new, key)));
            }
            None => self.report(origin, format!("`{key}` could not be renamed"), &format!("write `{new}`")),
        }
    }

    /// Lists what is left. An empty hint is none.
    pub fn report(&mut self, origin: &Origin, message: String, hint: &str) {
        let error = Diagnostic::error(message).at(origin);
        self.left.push(if hint.is_empty() { error } else { error.hint(hint) });
    }
}
