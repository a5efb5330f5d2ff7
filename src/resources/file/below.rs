//! Mode and owner of all that is below a folder, by what is alike.

use super::Spec;
use crate::{
    resource::{Facets, Fault, Observe, Seen},
    resources::shared::{What, same_owner},
};
use agent::{
    mode::kept,
    wire::{AttributeProbe, Probe, TreeAttrs},
};
use std::collections::BTreeMap;

const MODE: &str = "mode below";
/// How many different ones a diff names.
const SHOWN: usize = 3;

/// Entries that have mode and owner in common.
struct Alike {
    folder: bool,
    count: u64,
    mode: u32,
    owner: String,
    group: String,
    /// The paths that sort first.
    first: Vec<String>,
}

impl Alike {
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        let (kind, count, mode, owner, group) = (next()?, next()?, next()?, next()?, next()?);
        Some(Self {
            folder: kind == "d",
            count: count.parse().ok()?,
            mode: u32::from_str_radix(mode, 8).ok()?,
            owner: owner.into(),
            group: group.into(),
            first: fields.map(Into::into).collect(),
        })
    }
}

/// What has another value than it should have: by value how many, and the first of them.
#[derive(Default)]
struct Differing(BTreeMap<String, (u64, Vec<String>)>);

impl Differing {
    fn add(&mut self, value: &str, alike: &Alike) {
        let (count, first) = self.0.entry(value.into()).or_default();
        *count += alike.count;
        first.extend(alike.first.iter().cloned());
        first.sort_unstable();
        first.truncate(SHOWN);
    }

    /// `0600 on 4 of 9 (a, b, c, ...); 0644 on 1 (d)`; `None`: nothing differs.
    fn text(self, all: u64) -> Option<String> {
        let count = self.0.len();
        let one = |(value, (count, first)): (String, (u64, Vec<String>))| {
            let more = if count > first.len() as u64 { ", ..." } else { "" };
            format!("{value} on {count} of {all} ({}{more})", first.join(", "))
        };
        let mut texts: Vec<String> = self.0.into_iter().take(SHOWN).map(one).collect();
        if count > SHOWN {
            texts.push("...".into());
        }
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}

impl Spec {
    fn tree(&self) -> Probe {
        Probe::Attribute(AttributeProbe::Tree { path: self.path.to_string() })
    }

    /// What all that is below is to have.
    pub(super) fn tree_attrs(&self) -> TreeAttrs {
        let rule = |mode: &Option<crate::yaml::ModeRule>| mode.as_ref().map(|mode| mode.rule.clone());
        TreeAttrs {
            path: self.path.to_string(),
            folders: rule(&self.mode),
            files: rule(&self.file_mode).or_else(|| rule(&self.mode)),
            owner: self.owner.clone(),
            group: self.group.clone(),
        }
    }

    /// As a diff shows them.
    pub(super) fn wanted_below(&self) -> Facets {
        let mode = match (&self.mode, &self.file_mode) {
            (mode, Some(files)) => {
                let folders = mode.iter().map(|mode| format!("directories {}, ", mode.text));
                Some(folders.collect::<String>() + &format!("files {}", files.text))
            }
            (mode, None) => mode.as_ref().map(|mode| mode.text.clone()),
        };
        let all = [(MODE, mode), ("owner below", self.owner.clone()), ("group below", self.group.clone())];
        all.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?.into()))).collect()
    }

    /// The same for what was found there: where no mode is wanted, files that change hands lose their set-id bits nevertheless.
    pub(super) fn wanted_of(&self, found: &Facets) -> Facets {
        let mut facets = self.wanted_below();
        if found.contains_key(MODE) && !facets.contains_key(MODE) {
            facets.insert(MODE.into(), "without set-id bits".into());
        }
        facets
    }

    /// What differs below a folder that is there; as wanted where nothing does.
    pub(super) fn below(&self, seen: &Seen) -> Observe<Facets> {
        let output = seen.run(self.tree())?;
        let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
        let all: Option<Vec<Alike>> = text.lines().map(Alike::read).collect();
        let all = all.ok_or_else(|| Fault::new("the agent's answer about a folder cannot be read"))?;
        let (mut modes, mut owners, mut groups) =
            (Differing::default(), Differing::default(), Differing::default());
        let want = self.tree_attrs();
        let mut whole = 0;
        for alike in &all {
            whole += alike.count;
            let mut moves = false;
            if let Some(wanted) = &want.owner {
                let number = |name: &str| Ok(seen.user(name)?.map(|user| user.uid));
                if same_owner(wanted, &alike.owner, number)? != *wanted {
                    owners.add(&alike.owner, alike);
                    moves = true;
                }
            }
            if let Some(wanted) = &want.group {
                let number = |name: &str| Ok(seen.group(name)?.map(|group| group.gid));
                if same_owner(wanted, &alike.group, number)? != *wanted {
                    groups.add(&alike.group, alike);
                    moves = true;
                }
            }
            // As the agent does it.
            let kept = kept(alike.mode, alike.folder, moves);
            let rule = if alike.folder { &want.folders } else { &want.files };
            if rule.as_ref().map_or(kept, |rule| rule.of(kept, alike.folder)) != alike.mode {
                modes.add(&format!("{:04o}", alike.mode), alike);
            }
        }
        let mut facets = self.wanted_below();
        for (name, differing) in [(MODE, modes), ("owner below", owners), ("group below", groups)] {
            if let Some(text) = differing.text(whole) {
                facets.insert(name.into(), text.into());
            }
        }
        Ok(facets)
    }

    pub(super) fn is_tree(&self, what: Option<&What>) -> bool {
        self.recurse && matches!(what, Some(What::Folder))
    }
}
