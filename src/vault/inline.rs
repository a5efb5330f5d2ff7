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

use super::{Key, Opened, Passwords, Sealed, VaultError, open_values, sealed::TAGS};
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
    /// Where values are that open, but are written in a way in which nothing can be put in their place.
    fixed: Vec<Origin>,
}

#[derive(Debug)]
struct Locked<'p> {
    way: Way,
    cut: Cut,
    sealed: Sealed,
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
        let (mut values, mut fixed, mut errors) = (vec![], vec![], Diagnostics::default());
        let others = |error: &VaultError| match error {
            VaultError::WrongPassword { id: Some(id), .. } => {
                own && passwords.list().iter().all(|password| password.label.as_ref() != Some(id))
            }
            _ => false,
        };
        for (way, node, cut) in cuts(&tree, &TAGS) {
            let text = node.as_str().ok_or(VaultError::NotAVault);
            let opened =
                text.and_then(Sealed::parse).and_then(|sealed| Ok((passwords.open(&sealed)?, sealed)));
            match (opened, cut) {
                (Ok((Opened { plain, key }, sealed)), Some(cut)) => {
                    values.push(Locked { way, cut, sealed, plain, key });
                }
                (Err(error), _) if others(&error) => {}
                (Err(error), Some(_)) => errors.push(error.diagnostic(&node.origin)),
                (_, None) => fixed.push(node.origin.clone()),
            }
        }
        errors.into_result(Self { source, values, fixed })
    }

    /// Whether there is no encrypted value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The encrypted texts.
    pub fn sealed(&self) -> impl Iterator<Item = &Sealed> {
        self.values.iter().map(|value| &value.sealed)
    }

    /// Where there are values that cannot be replaced, for [`Self::relocked`] leaves them as they are.
    ///
    /// # Errors
    /// One for each of them.
    pub fn all_replaceable(&self) -> Result<(), Diagnostics> {
        let error = |place| {
            Diagnostic::error("an encrypted value that is written in a way in which it cannot be replaced")
                .at(place)
                .hint("write it as `name: !vault |` with the encrypted text on the lines below")
        };
        Diagnostics(self.fixed.iter().map(error).collect()).into_result(())
    }

    /// Something that locks one of these values.
    pub fn any_key(&self) -> Option<Key<'p>> {
        self.values.iter().find_map(|value| value.key.clone())
    }

    /// What locks the value at a way.
    pub fn key_at(&self, way: &Way) -> Option<&Key<'p>> {
        self.values.iter().find(|value| value.way == *way)?.key.as_ref()
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
    /// Of `with`.
    pub fn relocked(
        &self,
        mut with: impl FnMut(&Way, &Secret, &Sealed) -> Result<Option<String>, Diagnostic>,
    ) -> Result<String, Diagnostic> {
        let mut pieces = vec![];
        for value in &self.values {
            let old = self.source.text[value.cut.at.clone()].to_owned();
            let new = with(&value.way, &value.plain, &value.sealed)?;
            pieces.push((&value.cut, Some(new.map_or(old, |new| cut::locked(&new, &value.cut)))));
        }
        Ok(replaced(&self.source.text, pieces.into_iter()).to_string())
    }

    /// The ciphertext and the plain value at a way.
    pub fn at(&self, way: &Way) -> Option<(String, &Secret)> {
        let value = self.values.iter().find(|value| value.way == *way)?;
        Some((value.cut.text(&self.source.text)?, &value.plain))
    }

    /// An edited text with every `!plain` value locked: with the ciphertext that it has here, if it is the same one, also at
    /// another place; a copy with what locks the first; else with what locked the value at that place before, if that one did not move
    /// away; else with `default`.
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
        let found = cuts(&tree, &[PLAIN]).into_iter();
        for (way, node, cut) in found.filter_map(|(way, node, cut)| Some((way, node, cut?))) {
            match cut::scalar(node) {
                Some(plain) => open.push(Open { way, cut, plain }),
                None => errors.push(node.expected("a text after `!plain`")),
            }
        }
        let same = self.same(&open);
        let used: BTreeSet<usize> = same.iter().flatten().copied().collect();
        let mut pieces = vec![];
        for (value, same) in open.iter().zip(same) {
            let sealed = same.and_then(|known| self.kept(&self.values[known], value));
            let sealed = sealed.or_else(|| errors.take(self.lock(value, &used, default)));
            pieces.push(sealed.map(|sealed| (&value.cut, Some(sealed))));
        }
        errors.into_result(())?;
        let locked = replaced(&source.text, pieces.into_iter().flatten()).to_string();
        verify(path, &tree, &locked)?;
        Ok(locked)
    }

    /// Which known value each open one is, each at most once: equal ciphertexts would tell that two values are equal.
    fn same(&self, open: &[Open]) -> Vec<Option<usize>> {
        let here = |value: &Open| {
            self.values.iter().position(|known| known.way == value.way && known.plain == value.plain)
        };
        let mut same: Vec<Option<usize>> = open.iter().map(here).collect();
        let mut used: BTreeSet<usize> = same.iter().flatten().copied().collect();
        // Renamed or moved.
        for (value, same) in open.iter().zip(&mut same).filter(|(_, same)| same.is_none()) {
            let mut free = self.values.iter().enumerate().filter(|(at, _)| !used.contains(at));
            *same = free.find(|(_, known)| known.plain == value.plain).map(|(at, _)| at);
            used.extend(*same);
        }
        same
    }

    /// A known ciphertext at another place.
    fn kept(&self, known: &Locked, value: &Open) -> Option<String> {
        if cut::alike(&known.cut, &value.cut) {
            return Some(self.source.text[known.cut.at.clone()].to_owned());
        }
        Some(cut::locked(&known.cut.text(&self.source.text)?, &value.cut))
    }

    fn lock(
        &self,
        value: &Open,
        used: &BTreeSet<usize>,
        default: Option<&Key>,
    ) -> Result<String, Diagnostic> {
        let same = self.values.iter().filter(|known| known.plain == value.plain);
        let known: Vec<_> = same.map(|known| known.key.as_ref()).collect();
        // What moved away is not what was changed here.
        let mut stayed = self.values.iter().enumerate().filter(|(at, _)| !used.contains(at));
        let here = stayed.find(|(_, known)| known.way == value.way).and_then(|(_, known)| known.key.as_ref());
        let key = match known[..] {
            [] => here.or(default),
            // Never with what does not lock this text already.
            [first, ..] => {
                [here, default].into_iter().find(|key| key.is_some() && known.contains(key)).unwrap_or(first)
            }
        };
        let key = key.ok_or_else(|| {
            let error = Diagnostic::error(format!(
                "nothing says what locks the new value of `{}`",
                way_text(&value.way)
            ));
            error.hint("name it: --encrypt-vault-id LABEL, or recipients")
        })?;
        Ok(cut::locked(&key.seal(&value.plain)?, &value.cut))
    }
}

/// The values under one of these tags, in the order of the text, each once; without a cut those that are written in a way that is not
/// known here.
fn cuts<'n>(tree: &'n Node, tags: &[&str]) -> Vec<(Way, &'n Node, Option<Cut>)> {
    let mut found = BTreeMap::new();
    walk(tree, &mut vec![], 0, &mut |way, node, after| {
        let Some(tag) = node.tag.as_deref().filter(|tag| tags.contains(tag)) else { return false };
        let span = node.origin.span.clone();
        let cut = Cut::find(&node.origin.source.text, span.clone(), tag, after);
        // An alias stands for a value that is cut out where it is written.
        if cut.is_none()
            && node.origin.source.text.get(span.start..).is_some_and(|text| text.starts_with('*'))
        {
            return true;
        }
        let at = cut.as_ref().map_or(span.start, |cut| cut.at.start);
        found.entry(at).or_insert_with(|| (way.clone(), node, cut));
        true
    });
    found.into_values().collect()
}

/// Calls `visit` for each node, with where its key ends; below one for which it says `true` nothing is visited.
fn walk<'n>(
    node: &'n Node,
    way: &mut Way,
    after: usize,
    visit: &mut impl FnMut(&Way, &'n Node, usize) -> bool,
) {
    if visit(way, node, after) {
        return;
    }
    let mut below = |segment: Segment, node: &'n Node, after: usize| {
        way.push(segment);
        walk(node, way, after, visit);
        way.pop();
    };
    match &node.value {
        Value::Seq(items) => {
            items.iter().enumerate().for_each(|(at, item)| below(Segment::Item(at), item, 0));
        }
        Value::Map(map) => map
            .iter()
            .for_each(|(key, entry)| below(Segment::Key(key.clone()), &entry.node, entry.key.span.end)),
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
        walk(tree, &mut vec![], 0, &mut |way, node, _| {
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
