//! YAML texts with encrypted values in them, shown with these values in plain and brought back: what was not changed keeps its
//! ciphertext, byte for byte.
//!
//! An encrypted value is shown under the tag `!plain`:
//!
//! ```yaml
//! user: app
//! password: !plain |-
//!   hunter2
//! ```
//!
//! YAML is not written anew, since nothing else of the text may change: only the tagged values are cut out and put in. What comes out is
//! read again and compared, so that a text which this room takes for something else is an error and not a damage.

mod cut;

use super::{Key, Passwords, Sealed, VaultError, open_values, sealed::TAGS};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{Origin, Source};
use crate::yaml::{self, Node, Value};
use agent::secret::Secret;
use cut::Cut;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The tag of a value that is shown in plain.
pub(super) const PLAIN: &str = "!plain";

/// The way to a value: keys, and numbers in lists.
pub type Way = Vec<Segment>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    Key(String),
    Item(usize),
}

/// A way as people write it: `db.hosts[0].password`.
pub fn way_text(way: &[Segment]) -> String {
    let mut text = String::new();
    for segment in way {
        match segment {
            Segment::Key(key) if text.is_empty() => text.push_str(key),
            Segment::Key(key) => text.push_str(&format!(".{key}")),
            Segment::Item(at) => text.push_str(&format!("[{at}]")),
        }
    }
    text
}

/// A text with its encrypted values, all of them opened.
#[derive(Debug)]
pub struct Inline<'p> {
    source: Arc<Source>,
    values: Vec<Locked<'p>>,
}

#[derive(Debug)]
struct Locked<'p> {
    way: Way,
    cut: Cut,
    plain: Secret,
    key: Option<Key<'p>>,
}

/// A value that is to be locked.
struct Open {
    way: Way,
    cut: Cut,
    plain: Secret,
}

impl<'p> Inline<'p> {
    /// Reads a text.
    ///
    /// # Errors
    /// What is no YAML, and each value that does not open; with `own`, those left out that are under an id that no password was given for.
    pub fn read(path: &Path, text: &str, passwords: &'p Passwords, own: bool) -> Result<Self, Diagnostics> {
        let source = Arc::new(Source { path: path.to_owned(), text: text.to_owned(), secret: false });
        let tree = yaml::parse(&source)?;
        // All at once, on all cores: the keys are remembered.
        open_values(&mut tree.clone(), passwords, &mut Diagnostics::default());
        let (mut values, mut errors) = (vec![], Diagnostics::default());
        let others = |error: &VaultError| match error {
            VaultError::WrongPassword { id: Some(id), .. } => {
                own && passwords.list().iter().all(|password| password.label.as_ref() != Some(id))
            }
            _ => false,
        };
        for (way, node, cut) in cuts(&tree, &TAGS) {
            let text = node.as_str().ok_or(VaultError::NotAVault);
            match text.and_then(Sealed::parse).and_then(|sealed| passwords.open(&sealed)) {
                Ok(opened) => values.push(Locked { way, cut, plain: opened.plain, key: opened.key }),
                Err(error) if others(&error) => {}
                Err(error) => errors.push(error.diagnostic(&node.origin)),
            }
        }
        errors.into_result(Self { source, values })
    }

    /// Whether there is no encrypted value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What locks these values, if it is one thing.
    pub fn key(&self) -> Option<Key<'p>> {
        let first = self.values.first()?.key.clone()?;
        self.values.iter().all(|value| value.key.as_ref() == Some(&first)).then_some(first)
    }

    /// The text with every value in plain, under the tag `!plain`. One that is no text stays encrypted.
    pub fn shown(&self) -> Secret {
        let with = |value: &Locked| {
            Some(cut::plain(PLAIN, &value.cut, std::str::from_utf8(value.plain.expose()).ok()?))
        };
        Secret::new(
            replaced(&self.source.text, self.values.iter().map(|value| (&value.cut, with(value)))).as_bytes(),
        )
    }

    /// The text with other ciphertexts: what `with` gives for a way and a plain value.
    ///
    /// # Errors
    /// Of `with`; when a value is written in a way that cannot be replaced.
    pub fn relocked(
        &self,
        mut with: impl FnMut(&Way, &Secret, &Sealed) -> Result<Option<String>, Diagnostic>,
    ) -> Result<String, Diagnostic> {
        let mut pieces = vec![];
        for value in &self.values {
            let old = self.source.text[value.cut.at.clone()].to_owned();
            let sealed = value
                .cut
                .sealed(&self.source.text)
                .map_err(|error| error.diagnostic(&self.origin(&value.cut)))?;
            let new = with(&value.way, &value.plain, &sealed)?;
            pieces.push((&value.cut, Some(new.map_or(old, |new| cut::locked(&new, &value.cut)))));
        }
        Ok(replaced(&self.source.text, pieces.into_iter()).to_string())
    }

    /// The ciphertext and the plain value at a way.
    pub fn at(&self, way: &Way) -> Option<(String, &Secret)> {
        let value = self.values.iter().find(|value| value.way == *way)?;
        Some((value.cut.text(&self.source.text)?, &value.plain))
    }

    fn origin(&self, cut: &Cut) -> Origin {
        Origin { source: self.source.clone(), span: cut.at.start..cut.at.start }
    }

    /// An edited text with every `!plain` value locked: with the ciphertext that it has here, if it is the same one; else with what locked
    /// the value at that place before; else with `default`.
    ///
    /// # Errors
    /// What is no YAML; a new value that nothing is there to lock; a value at a place where it cannot be locked.
    pub fn locked(&self, edited: &Secret, default: Option<&Key>) -> Result<String, Diagnostics> {
        let path = &self.source.path;
        let place = Origin::named(&path.display().to_string());
        let text = std::str::from_utf8(edited.expose())
            .map_err(|_| Diagnostic::error("the text is not UTF-8").at(&place))?
            .to_owned();
        let source = Arc::new(Source { path: path.clone(), text, secret: true });
        let tree = yaml::parse(&source)?;
        let mut errors = Diagnostics::default();
        let mut open = vec![];
        for (way, node, cut) in cuts(&tree, &[PLAIN]) {
            match cut::scalar(node) {
                Some(plain) => open.push(Open { way, cut, plain }),
                None => errors.push(node.expected("a text after `!plain`")),
            }
        }
        let ways: BTreeSet<&Way> = open.iter().map(|value| &value.way).collect();
        let mut pieces = vec![];
        for value in &open {
            let sealed = errors.take(self.lock(value, &ways, default));
            pieces.push(sealed.map(|sealed| (&value.cut, Some(sealed))));
        }
        errors.into_result(())?;
        let locked = replaced(&source.text, pieces.into_iter().flatten()).to_string();
        verify(path, &tree, &locked)?;
        Ok(locked)
    }

    fn lock(&self, value: &Open, ways: &BTreeSet<&Way>, default: Option<&Key>) -> Result<String, Diagnostic> {
        let here = self.values.iter().find(|known| known.way == value.way);
        let same = here.filter(|known| known.plain == value.plain).or_else(|| {
            // Renamed or moved, not copied: equal ciphertexts would tell that two values are equal.
            self.values.iter().find(|known| known.plain == value.plain && !ways.contains(&known.way))
        });
        if let Some(known) = same {
            if cut::alike(&known.cut, &value.cut) {
                return Ok(self.source.text[known.cut.at.clone()].to_owned());
            }
            if let Some(text) = known.cut.text(&self.source.text) {
                return Ok(cut::locked(&text, &value.cut));
            }
        }
        let key = here.and_then(|known| known.key.as_ref()).or(default).ok_or_else(|| {
            let error = Diagnostic::error(format!(
                "nothing says what locks the new value of `{}`",
                way_text(&value.way)
            ));
            error.hint("name it: --encrypt-vault-id LABEL, or recipients")
        })?;
        Ok(cut::locked(&key.seal(&value.plain)?, &value.cut))
    }
}

/// The values under one of these tags, in the order of the text, each once.
fn cuts<'n>(tree: &'n Node, tags: &[&str]) -> Vec<(Way, &'n Node, Cut)> {
    let mut found = BTreeMap::new();
    walk(tree, &mut vec![], &mut |way, node| {
        let Some(tag) = node.tag.as_deref().filter(|tag| tags.contains(tag)) else { return false };
        // An alias stands for a value that is cut out where it is written.
        if let Some(cut) = Cut::find(&node.origin.source.text, node.origin.span.clone(), tag) {
            found.entry(cut.at.start).or_insert_with(|| (way.clone(), node, cut));
        }
        true
    });
    found.into_values().collect()
}

/// Calls `visit` for each node; below one for which it says `true` nothing is visited.
fn walk<'n>(node: &'n Node, way: &mut Way, visit: &mut impl FnMut(&Way, &'n Node) -> bool) {
    if visit(way, node) {
        return;
    }
    let mut below = |segment: Segment, node: &'n Node| {
        way.push(segment);
        walk(node, way, visit);
        way.pop();
    };
    match &node.value {
        Value::Seq(items) => items.iter().enumerate().for_each(|(at, item)| below(Segment::Item(at), item)),
        Value::Map(map) => map.iter().for_each(|(key, entry)| below(Segment::Key(key.clone()), &entry.node)),
        _ => {}
    }
}

fn replaced<'c>(text: &str, pieces: impl Iterator<Item = (&'c Cut, Option<String>)>) -> Zeroizing<String> {
    let pieces: Vec<_> = pieces.filter_map(|(cut, new)| Some((cut, Zeroizing::new(new?)))).collect();
    // Room for all of it: a buffer that grows leaves copies behind.
    let room = text.len() + pieces.iter().map(|(_, new)| new.len()).sum::<usize>();
    let (mut out, mut at) = (Zeroizing::new(String::with_capacity(room)), 0);
    for (cut, new) in &pieces {
        out.push_str(&text[at..cut.at.start]);
        out.push_str(new);
        at = cut.at.end;
    }
    out.push_str(&text[at..]);
    out
}

/// Whether a locked text says what the open one says, in all that is not locked, and has a sound encrypted value for each open one.
fn verify(path: &Path, open: &Node, locked: &str) -> Result<(), Diagnostic> {
    let source = Arc::new(Source { path: path.to_owned(), text: locked.to_owned(), secret: true });
    let leaves = |tree: &Node, may_be_plain: bool| {
        let mut leaves = BTreeMap::new();
        walk(tree, &mut vec![], &mut |way, node| {
            let tag = node.tag.as_deref();
            if tag == Some(PLAIN) || tag.is_some_and(|tag| TAGS.contains(&tag)) {
                let plain = tag == Some(PLAIN) && may_be_plain;
                let sound = plain || node.as_str().is_some_and(|text| Sealed::parse(text).is_ok());
                leaves.insert(way.clone(), sound.then_some([0; 32]));
                return true;
            }
            if !matches!(&node.value, Value::Seq(_) | Value::Map(_)) {
                let clear = Node { secret: false, ..node.clone() };
                leaves.insert(way.clone(), Some(clear.digest()));
            }
            false
        });
        leaves
    };
    let (wanted, came) =
        (leaves(open, true), yaml::parse(&source).map(|tree| leaves(&tree, false)).unwrap_or_default());
    let wrong = wanted.iter().find(|(way, leaf)| came.get(*way) != Some(leaf));
    let Some((way, _)) = wrong.or_else(|| came.iter().find(|(way, _)| !wanted.contains_key(*way))) else {
        return Ok(());
    };
    let error =
        Diagnostic::error(format!("the value of `{}` cannot be encrypted where it is", way_text(way)));
    Err(error
        .at(&Origin::named(&path.display().to_string()))
        .hint("write it on a line of its own, as `name: !plain value` or a block `name: !plain |-`"))
}

#[cfg(test)]
mod tests;
