//! What a host will say once the changes planned so far are made: their effects, laid over its answers.

mod acl;
mod brings;
mod file;
mod linked;
mod list;
mod owned;
mod packages;
mod sums;
mod tree;
mod within;

pub(super) use self::acl::questions;
use self::{file::Predicted, owned::Account};
use super::areas_of;
use crate::{
    model::{Area, path_within},
    resource::{AptAhead, Effect, Look},
};
use agent::{
    secret::Content,
    wire::{Answer, AttributeProbe, Attrs, Kind, Meta, Op, Probe, Query, facts::Login},
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

/// The effects of planned changes on one machine.
#[derive(Debug, Default)]
pub struct Overlay {
    files: BTreeMap<String, Predicted>,
    answers: HashMap<Query, (Answer, usize)>,
    unknown: Vec<(Area, String, usize)>,
    /// Folders below which mode and owner of all are set.
    trees: Vec<(String, String, usize)>,
    /// Files whose access control list is set, by which task and when.
    masked: Vec<(String, String, usize)>,
    /// The last one that installs or removes packages.
    packages: Option<(String, usize)>,
    /// Where an access control list is set, by which task and when, and whether below it as well.
    listed: Vec<(String, String, usize, bool)>,
    /// Folders that give a list to what is made in them, by which task and when.
    giving: Vec<(String, String, usize)>,
    /// What is at a path is another file than before.
    replaced: BTreeMap<String, usize>,
    seq: usize,
    /// Where changes may bring more than is laid down here.
    brings: Vec<Area>,
    /// Where they may make what is there fit to be run, or to be reached.
    opens: Vec<Area>,
    /// A task waits for what is in no plan: anything may be there by then.
    pub waits: bool,
    /// What apt is told beside the next installation; `None` once it cannot tell any more what comes along with one.
    apt: Option<AptAhead>,
    /// When packages are installed last; 0 for never.
    installed: usize,
    /// Who acts, and the group: owners of files that name none.
    user: String,
    group: String,
}

impl Overlay {
    pub fn new(user: &str) -> Self {
        Self { user: user.into(), group: user.into(), apt: Some(AptAhead::default()), ..Self::default() }
    }

    /// Who does what is added next.
    pub fn acts_as(&mut self, user: &Login) {
        if !user.name.is_empty() {
            (self.user, self.group) = (user.name.clone(), user.group.clone());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.seq == 0
    }

    /// Adds what a task's change will do. `writes`: what it is declared to write. `real` answers what the host says now.
    pub fn add(
        &mut self,
        task: &str,
        ops: &[Op],
        effects: &[Effect],
        writes: &[Area],
        real: &dyn Fn(&Query) -> Option<Answer>,
    ) {
        self.may_bring_of(ops, effects, writes);
        self.note_apt(ops, effects, real);
        for op in ops {
            self.seq += 1;
            self.note_packages(task, op);
            match &*self.on_real_name(op) {
                Op::MakeFolder { path, attrs } => {
                    // With those above it that are known to be missing.
                    for (end, _) in path.match_indices('/').filter(|(at, _)| *at > 0) {
                        let above = &path[..end];
                        let found = self.look_or(&Query::File { path: above.into() }, real);
                        if matches!(found, Look::Known(Answer::Meta(None))) {
                            self.set(above, Kind::Folder, None, &Attrs::default(), 0o755, real);
                        }
                    }
                    self.set(path, Kind::Folder, None, attrs, 0o755, real);
                }
                Op::WriteFile { path, content, attrs, .. } => {
                    self.replaced.insert(path.clone(), self.seq);
                    let kind = Kind::File { digest: Some(content.digest()) };
                    self.set(path, kind, Some(content.clone()), attrs, 0o644, real);
                }
                Op::SetAttrs { path, attrs } => {
                    let Look::Known(Answer::Meta(Some(meta))) =
                        self.look_or(&Query::File { path: path.clone() }, real)
                    else {
                        continue;
                    };
                    let kind = meta.kind.clone();
                    let content = self.content(path, real);
                    self.set(path, kind, content, attrs, meta.mode, real);
                }
                Op::MakeHardLink { path, target } => {
                    let there = self.look_or(&Query::File { path: target.clone() }, real);
                    if let Look::Known(Answer::Meta(Some(meta))) = there {
                        let content = self.content(target, real);
                        self.put(path, Some(meta), content, None, real);
                    }
                    self.made_one(path, target);
                }
                Op::MakeLink { path, target } => {
                    self.replaced.insert(path.clone(), self.seq);
                    let kind = Kind::Link { target: target.clone() };
                    self.set(path, kind, None, &Attrs::default(), 0o777, real);
                }
                Op::Remove { path, .. } => {
                    let was = self.was(path, real);
                    let gone = Predicted { meta: None, content: None, seq: self.seq, was, made: None };
                    self.files.retain(|known, _| !path_within(known, path));
                    self.replaced.insert(path.clone(), self.seq);
                    self.files.insert(path.clone(), gone);
                }
                Op::SetTree(wish) => self.set_tree(task, wish, real),
                Op::CopyFile(copy) => {
                    self.replaced.insert(copy.path.clone(), self.seq);
                    let content = self.content(&copy.from, real);
                    let kind = Kind::File { digest: Some(copy.digest) };
                    self.set(&copy.path, kind, content, &copy.attrs, 0o644, real);
                    if let Some(meta) = self.files.get_mut(&copy.path).and_then(|file| file.meta.as_mut()) {
                        meta.size = copy.size;
                    }
                }
                Op::Download(download) => {
                    self.replaced.insert(download.path.clone(), self.seq);
                }
                Op::SetAcl { path, entries, recursive, .. } => {
                    self.note_acl(task, path, entries, *recursive, real);
                }
                Op::SetXattr { .. }
                | Op::Exec { .. }
                | Op::Job { .. }
                | Op::Packages { .. }
                | Op::Steps(_)
                | Op::Unpack(_)
                | Op::Arm { .. }
                | Op::Wait(_)
                | Op::Note { .. }
                | Op::Earlier(_) => {}
            }
        }
        for effect in effects {
            self.seq += 1;
            match effect {
                Effect::Answer(query, answer) => {
                    let query = self.by_real_name(query).map_or_else(|_| query.clone(), Cow::into_owned);
                    self.answers.insert(query, (answer.clone(), self.seq));
                }
                Effect::Unknown(area) => self.unknown.push((self.at_real_name(area), task.into(), self.seq)),
            }
        }
    }

    fn set(
        &mut self,
        path: &str,
        kind: Kind,
        content: Option<Content>,
        attrs: &Attrs,
        default_mode: u32,
        real: &dyn Fn(&Query) -> Option<Answer>,
    ) {
        let (before, is_missing) = match self.look_or(&Query::File { path: path.into() }, real) {
            Look::Known(Answer::Meta(meta)) => (meta.clone(), meta.is_none()),
            _ => (None, false),
        };
        let known = self.files.get(path).filter(|known| known.meta.is_some());
        let made = known.map_or_else(|| is_missing.then_some(self.seq), |known| known.made);
        let made = made.filter(|_| kind == Kind::Folder);
        let same_kind = before.filter(|m| std::mem::discriminant(&m.kind) == std::mem::discriminant(&kind));
        let size =
            content.as_ref().map_or(same_kind.as_ref().map_or(0, |m| m.size), |c| c.bytes().len() as u64);
        let owner = same_kind.as_ref().map_or_else(|| self.user.clone(), |m| m.owner.clone());
        let group = same_kind.as_ref().map(|m| m.group.clone()).or_else(|| self.group_within(path, real));
        let group = group.unwrap_or_else(|| self.group.clone());
        let meta = Meta {
            mode: attrs.mode.or(same_kind.as_ref().map(|m| m.mode)).unwrap_or(default_mode),
            owner: self.owned_by(attrs.owner.as_ref(), owner, Account::User, real),
            group: self.owned_by(attrs.group.as_ref(), group, Account::Group, real),
            size,
            kind,
        };
        self.put(path, Some(meta), content, made, real);
    }

    /// The names in a folder with those that will come and without those that will go, or all that is below it.
    pub fn names(&self, query: &Query, answer: Answer) -> Answer {
        if let Some(path) = tree::of_tree(query) {
            return self.with_below(path, answer);
        }
        if let Query::Run(Probe::Below { path }) = query {
            return self.listed_below(path, answer);
        }
        let (Query::List { path }, Answer::Names(names)) = (query, &answer) else { return answer };
        let is_folder = matches!(self.files.get(path), Some(Predicted { meta: Some(_), .. }));
        let mut names = names.clone().or_else(|| is_folder.then(Vec::new));
        let below = format!("{}/", path.trim_end_matches('/'));
        let own = self.files.iter().filter_map(|(known, file)| Some((known.strip_prefix(&below)?, file)));
        for (name, file) in own.filter(|(name, _)| !name.contains('/')) {
            let Some(names) = &mut names else { break };
            names.retain(|known| known != name);
            names.extend(file.meta.is_some().then(|| name.to_string()));
        }
        names.iter_mut().for_each(|names| names.sort_unstable());
        Answer::Names(names)
    }

    /// What the changes so far make of a query; `None` when they do not touch it. `depends` is what a [`Query::Test`] is
    /// declared to depend on.
    pub fn look(&self, query: &Query, depends: &[Area]) -> Option<Look> {
        if self.is_empty() {
            return None;
        }
        let query = &*match self.by_real_name(query) {
            Ok(query) => query,
            Err(link) => {
                let why = format!("what is behind {link}, which is made a link, is not known before");
                return Some(Look::Unknown(why));
            }
        };
        let (known, known_at) = self.known(query);
        let own = areas_of(query);
        let areas = if matches!(query, Query::Test(_)) { depends } else { &own };
        let covers = |(area, ..): &&(Area, String, usize)| match (query, area) {
            // What happens below a folder is nothing to the folder itself.
            (
                Query::File { path } | Query::Read { path, .. } | Query::Stat { path, .. },
                Area::Path(above),
            ) => path_within(path, above),
            _ => areas.iter().any(|a| area.shows_in(a)),
        };
        let unknown = self.unknown.iter().filter(covers).max_by_key(|(.., seq)| *seq);
        match unknown {
            Some((area, task, seq)) if *seq > known_at => {
                Some(Look::Unknown(format!("`{task}` changes {area} in a way that cannot be told before")))
            }
            _ => match self.unclear(query, known_at) {
                Some(why) => Some(Look::Unknown(why)),
                None => match query {
                    // The host only says what the file holds now.
                    Query::Read { path, .. } | Query::Run(Probe::Checksum { path, .. })
                        if known.is_none() && known_at > 0 =>
                    {
                        Some(Look::Unknown(format!("what {path} holds by then is not known before")))
                    }
                    _ => known.map(Look::Known),
                },
            },
        }
    }

    fn known(&self, query: &Query) -> (Option<Answer>, usize) {
        if let Some((answer, at)) = tree::of_tree(query).and_then(|path| self.known_below(path)) {
            return (Some(answer), at);
        }
        if let Query::Run(Probe::Attribute(AttributeProbe::Same { path, other })) = query {
            return self.same(query, path, other);
        }
        let laid = match query {
            Query::Run(Probe::Checksum { path, algorithm }) => self.known_sum(path, *algorithm),
            _ => self.laid_down(query),
        };
        match self.answers.get(query) {
            Some((answer, seq)) if *seq >= laid.1 => (Some(answer.clone()), *seq),
            _ => laid,
        }
    }

    /// What ops on files make of a query.
    fn laid_down(&self, query: &Query) -> (Option<Answer>, usize) {
        let Some(path) = file::path_of(query) else { return (None, 0) };
        let Some((file, seq)) = self.node(path) else { return (None, 0) };
        let meta = file.and_then(|file| file.meta.as_ref());
        let is_folder = meta.is_some_and(|meta| meta.kind == Kind::Folder);
        let answer = match query {
            Query::File { .. } => Answer::Meta(meta.cloned()),
            Query::There { .. } => Answer::There(meta.is_some()),
            Query::Stat { .. } => return (file.map_or(Some(Answer::Stat(None)), Predicted::stat), seq),
            Query::List { .. } => match file.and_then(|file| file.made) {
                Some(made) => return (Some(self.names(query, Answer::Names(Some(vec![])))), made),
                None if is_folder => return (None, 0),
                None => Answer::Names(None),
            },
            Query::Read { secret, .. } => match (meta, file.and_then(|file| file.content.as_ref())) {
                (Some(_), Some(content)) => {
                    Answer::Content(Some(Content::new(content.bytes(), content.is_secret() || *secret)))
                }
                // What it holds is as old as the file.
                (Some(meta), None) if matches!(meta.kind, Kind::File { .. }) => {
                    return (None, self.replaced_at(path));
                }
                _ => Answer::Content(None),
            },
            _ => return (None, 0),
        };
        (Some(answer), seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Query {
        Query::File { path: path.into() }
    }

    fn write(path: &str, text: &str) -> Op {
        Op::WriteFile {
            path: path.into(),
            content: Content::from(text),
            attrs: Attrs::default(),
            check: None,
        }
    }

    #[test]
    fn a_written_file_is_there_with_its_content() {
        let mut overlay = Overlay::new("root");
        overlay.add("t", &[write("/a", "hi")], &[], &[], &|_| Some(Answer::Meta(None)));
        let Some(Look::Known(Answer::Meta(Some(meta)))) = overlay.look(&file("/a"), &[]) else { panic!() };
        assert_eq!((meta.mode, meta.owner.as_str(), meta.size), (0o644, "root", 2));
        let read = Query::Read { path: "/a".into(), limit: 10, secret: false };
        let Some(Look::Known(Answer::Content(Some(content)))) = overlay.look(&read, &[]) else { panic!() };
        assert_eq!(content.bytes(), b"hi");
        assert!(overlay.look(&file("/b"), &[]).is_none());
    }

    #[test]
    fn a_folder_lists_what_will_be_in_it() {
        let list = Query::List { path: "/etc/x.d".into() };
        let names = |names: &[&str]| Answer::Names(Some(names.iter().map(ToString::to_string).collect()));
        let mut overlay = Overlay::new("root");
        overlay.add("t", &[write("/etc/x.d/b", ""), write("/etc/x.d/in/c", "")], &[], &[], &|_| None);
        overlay.add("u", &[Op::Remove { path: "/etc/x.d/a".into(), recursive: false }], &[], &[], &|_| None);
        assert!(overlay.look(&list, &[]).is_none());
        assert_eq!(overlay.names(&list, names(&["a", "z"])), names(&["b", "z"]));
        assert_eq!(overlay.names(&list, Answer::Names(None)), Answer::Names(None));
        overlay.add(
            "v",
            &[Op::MakeFolder { path: "/etc/x.d".into(), attrs: Attrs::default() }],
            &[],
            &[],
            &|_| None,
        );
        assert_eq!(overlay.names(&list, Answer::Names(None)), names(&["b"]));
        overlay.add("w", &[Op::Remove { path: "/etc".into(), recursive: true }], &[], &[], &|_| None);
        assert!(matches!(overlay.look(&list, &[]), Some(Look::Known(Answer::Names(None)))));
    }

    #[test]
    fn what_comes_later_wins() {
        let mut overlay = Overlay::new("root");
        overlay.add("first", &[], &[Effect::Unknown(Area::Path("/etc".into()))], &[], &|_| None);
        assert!(matches!(overlay.look(&file("/etc/x"), &[]), Some(Look::Unknown(_))));
        overlay.add("second", &[write("/etc/x", "")], &[], &[], &|_| None);
        assert!(matches!(overlay.look(&file("/etc/x"), &[]), Some(Look::Known(_))));
        assert!(overlay.look(&file("/"), &[]).is_none());
        overlay.add("third", &[Op::Remove { path: "/etc".into(), recursive: true }], &[], &[], &|_| None);
        let Some(Look::Known(Answer::Meta(None))) = overlay.look(&file("/etc/x"), &[]) else { panic!() };
    }
}
