//! One path, brought back to what it was before a run.

use crate::{
    model::{Address, Area, Footprint},
    resource::{Change, Effect, Facet, Facets, Fault, Lookup, Mask, Observe, Outcome, Pause, Prepared, Seen},
};
use agent::{
    frame,
    mode::is_private,
    secret::Content,
    wire::{Answer, Attrs, Kind, Meta, Op, Query, undo::Changed},
};
use std::sync::Arc;

/// What is brought back is read here, to be shown and sent: not more than this.
const READ_LIMIT: u64 = 16 << 20;

pub struct Restore {
    pub changed: Changed,
    /// What this undo takes away: a folder with nothing else in it is empty then.
    pub goes: Arc<[String]>,
    pub run: String,
}

/// What to do, and how it is shown.
struct Wish {
    from: Facets,
    to: Facets,
    ops: Vec<Op>,
    notes: Vec<String>,
}

impl Restore {
    fn wish(&self, seen: &Seen) -> Observe<Wish> {
        let Changed { path, before, after, wanted, .. } = &self.changed;
        let now = seen.meta(path)?;
        if same(now.as_ref(), before.as_ref()) {
            return Ok(Wish { from: Facets::new(), to: Facets::new(), ops: vec![], notes: vec![] });
        }
        let as_left = match after {
            Some(after) => same(now.as_ref(), after.as_ref()),
            // The run was cut off: it is its work when it is what was to be written.
            None => wanted.is_some() && now.as_ref().and_then(digest) == *wanted,
        };
        if !as_left {
            let fault = Fault::new(format!("{path} has changed since run {}", self.run));
            let kept = self
                .changed
                .saved
                .as_ref()
                .map(|saved| format!("; what was there before the run is {saved} on the host"));
            return Err(fault.hint(format!("undo it by hand{}", kept.unwrap_or_default())).into());
        }
        let secret = self.changed.secret
            || [now.as_ref(), before.as_ref()]
                .into_iter()
                .flatten()
                .any(|meta| is_file(meta) && is_private(meta.mode));
        let (from, _) = self.facets(now.as_ref(), path, secret, seen)?;
        let Some(before) = before else { return self.removal(now.as_ref(), from, seen) };
        let attrs = Attrs {
            mode: Some(before.mode),
            owner: Some(before.owner.clone()),
            group: Some(before.group.clone()),
        };
        let path = path.clone();
        if now
            .as_ref()
            .is_some_and(|now| now.kind == before.kind && !matches!(before.kind, Kind::Link { .. }))
        {
            let to = attributes(before);
            let from = from.into_iter().filter(|(name, _)| to.contains_key(name)).collect();
            return Ok(Wish { from, to, ops: vec![Op::SetAttrs { path, attrs }], notes: vec![] });
        }
        let mut ops = vec![];
        if now
            .as_ref()
            .is_some_and(|now| matches!(now.kind, Kind::Folder) != matches!(before.kind, Kind::Folder))
        {
            let fault = Fault::new(format!(
                "{path} was something else than a folder, or a folder, before run {}",
                self.run
            ));
            return Err(fault.hint("undo it by hand").into());
        }
        let saved = match &before.kind {
            Kind::File { .. } => Some(self.saved(before)?),
            _ => None,
        };
        let (to, content) = self.facets(Some(before), saved.unwrap_or(&path), secret, seen)?;
        match (&before.kind, content) {
            (Kind::File { digest }, Some(content)) => {
                if Some(content.digest()) != *digest {
                    let fault = Fault::new(format!("what was kept of {path} is no longer what it was"));
                    return Err(fault
                        .hint("somebody has written into it by another name; undo it by hand")
                        .into());
                }
                ops.push(Op::WriteFile { path, content, attrs, check: None });
            }
            (Kind::Folder, _) => ops.push(Op::MakeFolder { path, attrs }),
            (Kind::Link { target }, _) => ops.push(Op::MakeLink { path, target: target.clone() }),
            _ => {
                let fault = Fault::new(format!("{path} was neither a file nor a folder nor a link"));
                return Err(fault.hint("undo it by hand").into());
            }
        }
        Ok(Wish { from, to, ops, notes: vec![] })
    }

    fn removal(&self, now: Option<&Meta>, from: Facets, seen: &Seen) -> Observe<Wish> {
        let path = &self.changed.path;
        if now.is_some_and(|now| matches!(now.kind, Kind::Folder)) {
            let Answer::Names(names) = seen.get(Query::List { path: path.clone() })? else {
                return Err(Fault::new("no list").into());
            };
            let stays =
                |name: &String| !self.goes.contains(&format!("{}/{name}", path.trim_end_matches('/')));
            let others: Vec<String> = names.unwrap_or_default().into_iter().filter(stays).collect();
            if let Some(first) = others.first() {
                let more =
                    if others.len() > 1 { format!(" and {} more", others.len() - 1) } else { String::new() };
                let notes = vec![format!("the folder stays: there is {first}{more} in it")];
                return Ok(Wish { from: Facets::new(), to: Facets::new(), ops: vec![], notes });
            }
        }
        let ops = vec![Op::Remove { path: path.clone(), recursive: false }];
        Ok(Wish { from, to: Facets::new(), ops, notes: vec![] })
    }

    fn saved(&self, before: &Meta) -> Result<&String, Fault> {
        let path = &self.changed.path;
        if before.size > READ_LIMIT {
            let kept = self.changed.saved.clone().unwrap_or_default();
            let fault =
                Fault::new(format!("{path} was {} bytes: too much to bring back from here", before.size));
            return Err(fault.hint(format!("copy it by hand; it is kept as {kept} on the host")));
        }
        self.changed.saved.as_ref().ok_or_else(|| {
            Fault::new(format!("the previous content of {path} was not kept"))
                .hint("it was too much; bring it back from a backup")
        })
    }

    /// What is shown of a path, and the content of a file, read at `at`.
    fn facets(
        &self,
        meta: Option<&Meta>,
        at: &str,
        secret: bool,
        seen: &Seen,
    ) -> Observe<(Facets, Option<Content>)> {
        let mut facets = Facets::new();
        let Some(meta) = meta else { return Ok((facets, None)) };
        let kind = match &meta.kind {
            Kind::File { .. } => "file",
            Kind::Folder => "directory",
            Kind::Link { .. } => "link",
            Kind::Other => "other",
        };
        facets.insert("type".into(), kind.into());
        if let Kind::Link { target } = &meta.kind {
            facets.insert("target".into(), target.as_str().into());
            return Ok((facets, None));
        }
        facets.extend(attributes(meta));
        let mut content = None;
        if let Kind::File { digest } = &meta.kind {
            if meta.size <= READ_LIMIT {
                content = seen.content(at, READ_LIMIT, secret)?;
                if content.is_none() && at != self.changed.path {
                    let fault = Fault::new(format!(
                        "the previous content of {} is no longer kept",
                        self.changed.path
                    ));
                    return Err(fault
                        .hint("too many runs came after it; bring it back from a backup")
                        .into());
                }
            }
            let digest = digest.unwrap_or_default();
            facets.insert(
                "content".into(),
                Facet::Content { digest, size: meta.size, content: content.clone() },
            );
        }
        Ok((facets, content))
    }
}

fn is_file(meta: &Meta) -> bool {
    matches!(meta.kind, Kind::File { .. })
}

fn digest(meta: &Meta) -> Option<[u8; 32]> {
    match meta.kind {
        Kind::File { digest } => digest,
        _ => None,
    }
}

fn attributes(meta: &Meta) -> Facets {
    let mode = ("mode".to_string(), format!("{:04o}", meta.mode).into());
    let owner = ("owner".to_string(), meta.owner.as_str().into());
    [mode, owner, ("group".to_string(), meta.group.as_str().into())].into_iter().collect()
}

/// A link has no mode or owner that matters.
fn same(a: Option<&Meta>, b: Option<&Meta>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) if matches!(a.kind, Kind::Link { .. }) => a.kind == b.kind,
        _ => a == b,
    }
}

/// What only tells: an undo leaves it.
pub struct Left {
    pub others: Vec<String>,
}

impl Prepared for Restore {
    fn type_name(&self) -> &str {
        "undo"
    }

    fn address(&self) -> Option<Address> {
        // Two users' agents may have changed one file.
        None
    }

    fn footprint(&self) -> Footprint {
        Footprint::writes([Area::Path(self.changed.path.clone())])
    }

    fn digest(&self) -> [u8; 32] {
        *blake3::hash(self.changed.path.as_bytes()).as_bytes()
    }

    fn plan(&self, lookup: &dyn Lookup, mask: &Mask) -> Result<Outcome, Fault> {
        let seen = Seen::new(lookup);
        let Wish { from, to, ops, notes } = match self.wish(&seen) {
            Ok(wish) => wish,
            Err(Pause::Need(queries)) => return Ok(Outcome::Need(queries)),
            Err(Pause::NotYet(why)) => return Ok(Outcome::NotYet(why)),
            Err(Pause::Fault(fault)) => return Err(fault),
        };
        let asked = seen.into_asked();
        if ops.is_empty() {
            return Ok(Outcome::Unchanged {
                asked: asked.into_iter().map(|(query, _)| query).collect(),
                notes,
                held: vec![],
            });
        }
        let guard = asked.into_iter().map(|(query, answer)| {
            let digest = frame::guard(&query, &answer);
            (query, digest)
        });
        let guard = guard.collect();
        let effects: Vec<Effect> = vec![];
        Ok(Outcome::Change(Box::new(Change {
            diff: mask.diff(&from, &to),
            guard,
            ops,
            effects,
            notes,
            keep: None,
            held: vec![],
            wanted: vec![],
        })))
    }
}

impl Prepared for Left {
    fn type_name(&self) -> &str {
        "undo"
    }

    fn address(&self) -> Option<Address> {
        None
    }

    fn footprint(&self) -> Footprint {
        Footprint::default()
    }

    fn digest(&self) -> [u8; 32] {
        [0; 32]
    }

    fn plan(&self, _: &dyn Lookup, _: &Mask) -> Result<Outcome, Fault> {
        let notes = self.others.iter().map(|what| format!("stays: {what}")).collect();
        Ok(Outcome::Unchanged { asked: vec![], notes, held: vec![] })
    }
}
