//! `file`: a directory, an empty file, a link, the attributes of what is there, or that nothing is there.

mod below;
mod spec;

use super::shared::{
    FileState, HostPath, What, link_ops, nothing_comes, observe_entry, owners, owners_of, parent_there,
};
use crate::{
    model::{Address, Footprint},
    resource::{Facets, Fault, Observe, Pause, Resource, Seen, State, Topic},
};
use agent::wire::{Answer, AttributeProbe, Attrs, Kind, MachineProbe, Op, Probe, Query};
use spec::{Spec, Wanted};

pub struct File;

/// What is at a path, and below it.
#[derive(Default)]
pub struct Entry {
    file: FileState,
    below: Facets,
    /// The file that it is another name of.
    same: Option<String>,
}

impl State for Entry {
    fn facets(&self) -> Facets {
        let mut facets = self.file.facets();
        facets.extend(self.same.iter().map(|same| ("same as".to_string(), same.as_str().into())));
        facets.extend(self.below.clone());
        facets
    }
}

impl From<FileState> for Entry {
    fn from(file: FileState) -> Self {
        Self { file, ..Self::default() }
    }
}

impl Spec {
    fn removable(&self, seen: &Seen) -> Observe<()> {
        let path = self.path.to_string();
        let mounts = Probe::Machine(MachineProbe::MountsIn { path: path.clone() });
        let list = (!self.recursive).then(|| Query::List { path: path.clone() });
        seen.each([Query::Run(mounts.clone())].into_iter().chain(list))?;
        let mounts = seen.run(mounts)?;
        if let Some(mount) = String::from_utf8_lossy(mounts.stdout.bytes()).lines().next() {
            let fault = Fault::new(format!("cannot remove {path}: {mount} is a mount point"));
            return Err(fault.hint("`mount` with `state: absent` takes it off first").into());
        }
        if self.recursive {
            return Ok(());
        }
        match seen.get(Query::List { path })? {
            Answer::Names(Some(names)) if !names.is_empty() => {
                let fault = Fault::new(format!("the directory {} is not empty", self.path));
                Err(fault.hint("`recursive: true` removes it with all that is in it").into())
            }
            _ => Ok(()),
        }
    }

    /// A link by name: what is in its way, and its owner.
    fn observe_link(&self, seen: &Seen) -> Observe<FileState> {
        let (mut state, meta) = observe_entry(&self.path, &Attrs::default(), seen)?;
        match (&state.what, meta) {
            (None, _) => parent_there(&self.path, seen)?,
            (Some(What::Link(_)), Some(meta)) => {
                (state.owner, state.group) = owners_of(&meta, &self.attrs(None), seen)?;
            }
            (Some(what), _) if !self.force => return Err(self.in_the_way(what, "link")),
            _ => {}
        }
        Ok(state)
    }

    fn in_the_way(&self, what: &What, wanted: &str) -> Pause {
        let kind = if *what == What::Folder { "directory" } else { "file" };
        let fault = Fault::new(format!("{} is a {kind}, not a {wanted}", self.path));
        fault.hint("`force: true` replaces it").into()
    }

    /// Another name of a file.
    fn observe_hard(&self, src: &HostPath, seen: &Seen) -> Observe<Entry> {
        let (path, other) = (self.path.to_string(), src.to_string());
        let probe = Probe::Attribute(AttributeProbe::Same { path: path.clone(), other: other.clone() });
        let file = |path: &str| Query::File { path: path.into() };
        seen.all([file(&path), file(&other), Query::Run(probe.clone())])?;
        match seen.meta(src)?.map(|meta| meta.kind) {
            Some(Kind::File { .. }) => {}
            Some(Kind::Link { target }) => {
                let fault = Fault::new(format!("{src} is a link to {target}"));
                return Err(fault.hint("name the file that it points to").into());
            }
            Some(_) => return Err(Fault::new(format!("{src} is not a file: it has one name only")).into()),
            None => seen.presume(
                &[src.area()],
                format!("the file {src} does not exist and no earlier task makes it"),
            )?,
        }
        let (state, _) = observe_entry(&self.path, &Attrs::default(), seen)?;
        match &state.what {
            None => parent_there(&self.path, seen)?,
            Some(What::Folder) => return Err(Fault::new(format!("{path} is a directory")).into()),
            Some(_) => {}
        }
        let is_same = state.what == Some(What::File) && !seen.run(probe)?.stdout.bytes().is_empty();
        match &state.what {
            Some(what) if !is_same && !self.force => {
                let kind = if matches!(what, What::Link(_)) { "link" } else { "file" };
                let fault = Fault::new(format!("{path} is a {kind} of its own, not a name of {src}"));
                Err(fault.hint("`force: true` replaces it").into())
            }
            _ => Ok(Entry { same: is_same.then_some(other), ..state.into() }),
        }
    }
}

impl Resource for File {
    const NAME: &'static str = "file";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] =
        &["type", "target", "mode", "owner", "group", "same as", "mode below", "owner below", "group below"];
    const EXAMPLE: &'static str = "\
name: Make room for backups
file:
  path: /srv/backups
  state: directory
  mode: \"0750\"
  owner: root
  group: adm
";
    const CONTENT: &'static [&'static str] = &["mode"];

    type Spec = Spec;
    type State = Entry;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.check()
    }

    fn address(spec: &Spec) -> Option<Address> {
        Some(spec.path.address())
    }

    fn footprint(spec: &Spec) -> Footprint {
        let own =
            Footprint::writes([spec.path.area()]).and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()));
        match spec.state {
            Wanted::Directory => own.and_folders_above(&spec.path),
            Wanted::Hard => own.and_reads(spec.hard().map(|src| src.area())),
            _ => own,
        }
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Entry> {
        let path = &spec.path;
        if spec.state == Wanted::Link {
            return Ok(spec.observe_link(seen)?.into());
        }
        if let (Wanted::Hard, Some(src)) = (spec.state, spec.hard()) {
            return spec.observe_hard(&src, seen);
        }
        let (state, _) = observe_entry(path, &spec.attrs(Some(0)), seen)?;
        let fault = match (spec.state, &state.what) {
            (Wanted::File, None) => {
                let why = format!("the file {path} does not exist and no earlier task makes it");
                return Err(seen.lacks(&[path.area()], why));
            }
            (Wanted::Touch, None) => {
                parent_there(path, seen)?;
                return Ok(state.into());
            }
            (Wanted::Absent, None) => return nothing_comes(path, seen).map(|()| state.into()),
            (Wanted::Absent, Some(What::Folder)) => return spec.removable(seen).map(|()| state.into()),
            (Wanted::File | Wanted::Directory | Wanted::Touch, Some(What::Link(target))) => {
                Fault::new(format!("{path} is a link to {target}")).hint("name what it points to")
            }
            (Wanted::File, Some(What::Folder)) => {
                Fault::new(format!("{path} is a directory")).hint("write `state: directory`")
            }
            (Wanted::Directory, Some(What::File)) => {
                Fault::new(format!("{path} is a file, not a directory")).hint("remove it first")
            }
            _ => {
                let below = match spec.is_tree(state.what.as_ref()) {
                    true => spec.below(seen)?,
                    false => Facets::new(),
                };
                return Ok(Entry { below, ..state.into() });
            }
        };
        Err(fault.into())
    }

    fn desired(spec: &Spec, observed: &Entry) -> Result<Entry, Fault> {
        let now = &observed.file;
        let what = match spec.state {
            Wanted::Absent => return Ok(Entry::default()),
            Wanted::Link => {
                let what = Some(What::Link(spec.src.clone().unwrap_or_default()));
                let Attrs { owner, group, .. } = spec.attrs(None);
                return Ok(FileState { what, owner, group, ..FileState::default() }.into());
            }
            Wanted::Hard => {
                let file = FileState { what: Some(What::File), ..FileState::default() };
                return Ok(Entry { same: spec.hard().map(|src| src.to_string()), ..file.into() });
            }
            Wanted::File => What::File,
            Wanted::Directory => What::Folder,
            Wanted::Touch => now.what.clone().unwrap_or(What::File),
        };
        let new_mode = if what == What::Folder { 0o755 } else { 0o644 };
        // As the agent does it: a rule changes what a change of owner leaves of the mode.
        let before = now.kept_mode(&spec.attrs(None)).unwrap_or(new_mode);
        let mode = spec.mode_of(before, what == What::Folder);
        let file = now.with_attrs(what, &spec.attrs(mode), new_mode);
        let below = match spec.is_tree(now.what.as_ref()) {
            true => spec.wanted_of(&observed.below),
            false => Facets::new(),
        };
        Ok(Entry { below, ..file.into() })
    }

    fn ops(spec: &Spec, from: &Entry, to: &Entry) -> Vec<Op> {
        let path = spec.path.to_string();
        if from.facets() == to.facets() {
            return vec![];
        }
        let (old, new) = (&from.file, &to.file);
        let attrs_differ = (old.mode, &old.owner, &old.group) != (new.mode, &new.owner, &new.group);
        match (&old.what, &new.what) {
            (_, Some(What::Link(_))) => {
                let mut ops = link_ops(&spec.path, old, new);
                // One that is made anew belongs to whoever makes it.
                if new.owner.is_some() || new.group.is_some() {
                    ops.push(Op::SetAttrs { path, attrs: new.attrs() });
                }
                ops
            }
            (_, Some(_)) if to.same.is_some() => {
                let target = to.same.clone().unwrap_or_default();
                vec![Op::MakeHardLink { path, target }]
            }
            (None, Some(What::Folder)) => vec![Op::MakeFolder { path, attrs: new.attrs() }],
            (None, Some(_)) => {
                vec![Op::WriteFile { path, content: "".into(), attrs: new.attrs(), check: None }]
            }
            (Some(_), None) => vec![Op::Remove { path, recursive: spec.recursive }],
            _ => {
                let tree = (from.below != to.below).then(|| Op::SetTree(spec.tree_attrs()));
                let attrs = attrs_differ.then(|| Op::SetAttrs { path, attrs: new.attrs() });
                attrs.into_iter().chain(tree).collect()
            }
        }
    }

    fn notes(spec: &Spec, _: &Entry) -> Vec<String> {
        spec.notes()
    }
}
