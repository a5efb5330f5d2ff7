//! What of a folder is not on the host as it should be.

use super::{Spec, Synced};
use crate::{
    resource::{Facet, Facets, Fault, Observe, Seen},
    resources::shared::{FileState, HostPath, READ_LIMIT, What, attrs, observe_entry, parent_there},
};
use agent::{
    mode::is_private,
    secret::Content,
    wire::{Answer, Attrs, Kind, Meta, Op, Probe, Query},
};
use std::collections::{BTreeMap, BTreeSet};

/// Files whose text is shown, and how long each may be.
const TEXTS: usize = 20;
const TEXT: usize = 64 << 10;
/// Paths that are shown.
const SHOWN: usize = 200;

/// What should be at a path.
pub enum Entry<'a> {
    Folder,
    File { content: &'a Content, executable: bool },
    Link(&'a str),
}

impl Entry<'_> {
    fn what(&self) -> What {
        match self {
            Self::Folder => What::Folder,
            Self::File { .. } => What::File,
            Self::Link(target) => What::Link((*target).into()),
        }
    }
}

/// Mode and owner as the task names them; of a file also the mode it has by itself.
fn named(spec: &Spec, entry: &Entry) -> Attrs {
    let mode = match entry {
        Entry::Folder => spec.directory_mode,
        _ => spec.mode,
    };
    let mut named = attrs(mode, spec.owner.as_ref(), spec.group.as_ref());
    if let (Entry::File { content, executable }, None) = (entry, named.mode) {
        named.mode = Some(match (content.is_secret(), executable) {
            (false, false) => 0o644,
            (false, true) => 0o755,
            (true, false) => 0o600,
            (true, true) => 0o700,
        });
    }
    named
}

/// Collects what differs.
struct Found<'a> {
    spec: &'a Spec,
    synced: Synced,
    /// In this order: what is in the way goes, folders come before what is in them, what is too much goes.
    ways: Vec<Op>,
    folders: Vec<Op>,
    others: Vec<Op>,
    paths: usize,
    texts: usize,
}

/// Compares, by one question for each path.
pub fn compare(spec: &Spec, wanted: &BTreeMap<String, Entry>, seen: &Seen) -> Observe<Synced> {
    let mut questions: Vec<Query> = wanted.keys().map(|path| Query::File { path: spec.at(path) }).collect();
    if spec.delete {
        questions.push(below(spec));
    }
    // Together, so that they are answered in one round.
    let answers = seen.each(questions)?;
    let mut found = Found {
        spec,
        synced: Synced::default(),
        ways: vec![],
        folders: vec![],
        others: vec![],
        paths: 0,
        texts: 0,
    };
    let mut replaced: Vec<&str> = vec![];
    for (path, entry) in wanted {
        // Behind what gives way to a folder, nothing is there yet.
        let is_gone =
            replaced.iter().any(|above| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')));
        let named = named(spec, entry);
        let at = HostPath::new(&spec.at(path)).map_err(Fault::new)?;
        let (state, meta) =
            if is_gone { (FileState::default(), None) } else { observe_entry(&at, &named, seen)? };
        if path.is_empty() && matches!(state.what, Some(What::Link(_))) {
            // A link to where the folder is.
            continue;
        }
        let in_the_way = matches!(
            (&state.what, entry),
            (Some(What::Folder), Entry::File { .. } | Entry::Link(_))
                | (Some(What::File | What::Link(_)), Entry::Folder)
        );
        if in_the_way && (!spec.delete || path.is_empty()) {
            let is = |what: &What| match what {
                What::File => "a file",
                What::Folder => "a directory",
                What::Link(_) => "a link",
            };
            let (there, here) = (state.what.as_ref().map_or("", is), is(&entry.what()));
            let fault = Fault::new(format!("{at} is {there} on the host and {here} in `src`"));
            return Err(fault.hint("remove it by hand; `delete: true` does, below `dest`").into());
        }
        if path.is_empty() && state.what.is_none() {
            parent_there(&at, seen)?;
        }
        if in_the_way && let Some((kind, below)) = staying(spec, path, answers.last()) {
            let why = if kind == "mount" { "mounted" } else { "excluded" };
            let here = match entry {
                Entry::Folder => "directory",
                Entry::File { .. } => "file",
                Entry::Link(_) => "link",
            };
            let there = spec.at(&below);
            let fault = Fault::new(format!("{at} must become a {here}, but {there} is {why} and stays"));
            return Err(fault.hint("move one of them by hand, or `exclude` the directory as a whole").into());
        }
        if in_the_way {
            replaced.push(path);
            found.ways.push(Op::Remove { path: at.to_string(), recursive: true });
        }
        found.one(path, &at, entry, &named, (state, meta), seen)?;
    }
    if spec.delete {
        found.too_much(wanted, answers.last())?;
    }
    Ok(found.end())
}

fn below(spec: &Spec) -> Query {
    Query::Run(Probe::Below { path: spec.dest.to_string() })
}

/// What is below a folder and must not go with it: its kind and its path.
fn staying(spec: &Spec, folder: &str, answer: Option<&Answer>) -> Option<(String, String)> {
    let Some(Answer::Output(output)) = answer else { return None };
    let text = String::from_utf8_lossy(output.stdout.bytes());
    let mut entries = text.split('\0').filter_map(|entry| entry.split_once(' '));
    let found =
        entries.find(|(kind, path)| (*kind == "mount" || spec.is_excluded(path)) && is_in(path, folder));
    found.map(|(kind, path)| (kind.into(), path.into()))
}

impl Found<'_> {
    fn one(
        &mut self,
        path: &str,
        at: &HostPath,
        entry: &Entry,
        named: &Attrs,
        (from, meta): (FileState, Option<Meta>),
        seen: &Seen,
    ) -> Observe<()> {
        let to = match entry {
            Entry::Link(_) => FileState { what: Some(entry.what()), ..FileState::default() },
            Entry::File { .. } => from.with_attrs(What::File, named, 0o644),
            Entry::Folder => from.with_attrs(What::Folder, named, 0o755),
        };
        let same_content = match (entry, meta.as_ref().map(|meta| &meta.kind)) {
            (Entry::File { content, .. }, Some(Kind::File { digest: Some(digest) })) => {
                *digest == content.digest()
            }
            (Entry::File { .. }, Some(Kind::File { digest: None })) => {
                let fault = Fault::new(format!("{at} may not be read"));
                return Err(fault.hint("`become: true` runs the task as root").into());
            }
            (Entry::File { .. }, _) => false,
            _ => true,
        };
        let is_same = |a: &FileState, b: &FileState| {
            (&a.what, a.mode, &a.owner, &a.group) == (&b.what, b.mode, &b.owner, &b.group)
        };
        if is_same(&from, &to) && same_content {
            return Ok(());
        }
        let op = match entry {
            Entry::Folder if from.what == to.what => Op::SetAttrs { path: at.to_string(), attrs: to.attrs() },
            Entry::Folder => Op::MakeFolder { path: at.to_string(), attrs: to.attrs() },
            Entry::Link(target) => Op::MakeLink { path: at.to_string(), target: (*target).into() },
            Entry::File { .. } if same_content && from.what == to.what => {
                Op::SetAttrs { path: at.to_string(), attrs: to.attrs() }
            }
            Entry::File { content, .. } => Op::WriteFile {
                path: at.to_string(),
                content: (*content).clone(),
                attrs: to.attrs(),
                check: None,
            },
        };
        let is_folder = matches!(entry, Entry::Folder);
        if is_folder {
            self.folders.push(op)
        } else {
            self.others.push(op)
        }
        self.paths += 1;
        if self.paths > SHOWN {
            return Ok(());
        }
        let name = if path.is_empty() { "." } else { path };
        if let Entry::File { content, .. } = entry
            && !same_content
        {
            let (before, after) = self.contents(at, content, meta.as_ref(), seen)?;
            self.synced.shown.extend(before.map(|before| (name.to_string(), before)));
            self.synced.wanted.insert(name.into(), after);
            put(&mut self.synced.shown, name, &from, from.what.as_ref().filter(|what| **what != What::File));
            put(&mut self.synced.wanted, name, &to, None);
        } else {
            let changes = (from.what != to.what).then_some(());
            put(&mut self.synced.shown, name, &from, from.what.as_ref().filter(|_| changes.is_some()));
            put(&mut self.synced.wanted, name, &to, to.what.as_ref().filter(|_| changes.is_some()));
        }
        Ok(())
    }

    /// Both contents of a file: as text where there are few and they are short, else by digest.
    fn contents(
        &mut self,
        at: &HostPath,
        wanted: &Content,
        meta: Option<&Meta>,
        seen: &Seen,
    ) -> Observe<(Option<Facet>, Facet)> {
        let facet = |content: &Content, show: bool| match Facet::content(content) {
            // Of a secret even the digest would tell something.
            Facet::Content { digest, size, content } if show || wanted.is_secret() => {
                Facet::Content { digest, size, content }
            }
            Facet::Content { digest, size, .. } => Facet::Content { digest, size, content: None },
            other => other,
        };
        let there = meta.and_then(|meta| match &meta.kind {
            Kind::File { digest: Some(digest) } => Some((*digest, meta)),
            _ => None,
        });
        let is_short =
            wanted.bytes().len() <= TEXT && there.as_ref().is_none_or(|(_, meta)| meta.size <= TEXT as u64);
        let show = is_short && self.texts < TEXTS;
        self.texts += usize::from(show);
        let before = match there {
            Some((digest, meta)) => {
                let secret = wanted.is_secret() || is_private(meta.mode);
                let content = if show { seen.content(at, READ_LIMIT, secret)? } else { None };
                Some(Facet::Content { digest, size: meta.size, content })
            }
            None => None,
        };
        Ok((before, facet(wanted, show)))
    }

    /// What is below the folder and not wanted there.
    fn too_much(&mut self, wanted: &BTreeMap<String, Entry>, answer: Option<&Answer>) -> Observe<()> {
        let output = match answer {
            Some(Answer::Output(output)) if output.code == 0 => output,
            Some(Answer::Output(output)) => {
                let why = String::from_utf8_lossy(output.stderr.bytes()).trim().to_string();
                return Err(Fault::new(why).into());
            }
            Some(Answer::Failed(why)) => return Err(Fault::new(why.clone()).into()),
            _ => return Ok(()),
        };
        let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
        let mut kept: BTreeSet<&str> = BTreeSet::new();
        let mut gone = vec![];
        // From the inside out: a folder stays with what stays in it.
        for (kind, path) in text.split('\0').filter_map(|entry| entry.split_once(' ')).rev() {
            let stays = wanted.contains_key(path) || self.spec.is_excluded(path) || kind == "mount";
            if stays || kept.contains(path) {
                let above = path.match_indices('/').map(|(at, _)| &path[..at]);
                kept.extend(above);
            } else if !self
                .ways
                .iter()
                .any(|op| matches!(op, Op::Remove { path: p, .. } if is_in(&self.spec.at(path), p)))
            {
                gone.push((kind, path));
            }
        }
        for (kind, path) in &gone {
            self.others.push(Op::Remove { path: self.spec.at(path), recursive: false });
            self.paths += 1;
            if self.paths <= SHOWN {
                self.synced.shown.insert((*path).into(), (*kind).into());
            }
        }
        Ok(())
    }

    fn end(mut self) -> Synced {
        if self.paths > SHOWN {
            let more = format!("{} more that differ", self.paths - SHOWN);
            self.synced.wanted.insert("more".into(), more.into());
        }
        self.synced.ops = [self.ways, self.folders, self.others].concat();
        self.synced
    }
}

fn is_in(path: &str, folder: &str) -> bool {
    crate::model::path_within(path, folder)
}

/// The facets of a path but for its content.
fn put(facets: &mut Facets, name: &str, state: &FileState, what: Option<&What>) {
    let word = what.map(|what| match what {
        What::File => "file".to_string(),
        What::Folder => "directory".to_string(),
        What::Link(target) => format!("link to {target}"),
    });
    facets.extend(word.map(|word| (name.to_string(), word.into())));
    let mode = state.mode.map(|mode| format!("{mode:04o}"));
    for (key, value) in [("mode", mode), ("owner", state.owner.clone()), ("group", state.group.clone())] {
        facets.extend(value.map(|value| (format!("{name} {key}"), Facet::from(value))));
    }
}
