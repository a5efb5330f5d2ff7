//! What is below a folder once the changes are made, and whether two paths are one file then.

use super::{Account, Overlay, Predicted};
use crate::{model::path_within, resource::Look};
use agent::{
    mode::kept,
    secret::Content,
    wire::{Answer, AttributeProbe, Kind, Meta, Output, Probe, Query, TREE_NAMES, TreeAttrs},
};
use std::collections::BTreeMap;

pub(super) fn output(text: &str) -> Answer {
    Answer::Output(Output { code: 0, stdout: Content::from(text), stderr: Content::from("") })
}

/// The folder of a question about all that is below one.
pub(super) fn of_tree(query: &Query) -> Option<&str> {
    match query {
        Query::Run(Probe::Attribute(AttributeProbe::Tree { path })) => Some(path),
        _ => None,
    }
}

/// What is below a folder: kind, mode, owner and group, with how many have them and the first of these. As the agent tells it.
struct Below(BTreeMap<Alike, (u64, Vec<String>)>);

/// Whether it is a file, mode, owner, group.
type Alike = (bool, u32, String, String);

impl Below {
    fn read(answer: &Answer) -> Option<Self> {
        let Answer::Output(Output { code: 0, stdout, .. }) = answer else { return None };
        let text = std::str::from_utf8(stdout.bytes()).ok()?;
        let line = |line: &str| {
            let mut fields = line.split('\t');
            let (kind, count, mode) = (fields.next()?, fields.next()?, fields.next()?);
            let (owner, group) = (fields.next()?, fields.next()?);
            let alike =
                (kind != "d", u32::from_str_radix(mode, 8).ok()?, owner.to_string(), group.to_string());
            Some((alike, (count.parse().ok()?, fields.map(str::to_string).collect())))
        };
        text.lines().map(line).collect::<Option<_>>().map(Self)
    }

    fn told(&self) -> Answer {
        let line = |((is_file, mode, owner, group), (count, first)): (&Alike, &(u64, Vec<String>))| {
            let kind = if *is_file { 'f' } else { 'd' };
            format!("{kind}\t{count}\t{mode:04o}\t{owner}\t{group}\t{}\n", first.join("\t"))
        };
        output(&self.0.iter().map(line).collect::<String>())
    }

    /// Links are passed over.
    fn alike(meta: Option<&Meta>) -> Option<Alike> {
        let meta = meta.filter(|meta| !matches!(meta.kind, Kind::Link { .. }))?;
        Some((meta.kind != Kind::Folder, meta.mode, meta.owner.clone(), meta.group.clone()))
    }

    fn change(&mut self, name: &str, was: Option<&Meta>, now: Option<&Meta>) {
        let (was, now) = (Self::alike(was), Self::alike(now));
        if was == now {
            return;
        }
        let name = name.replace(['\n', '\t'], "\u{fffd}");
        if let Some(was) = was
            && let Some((count, first)) = self.0.get_mut(&was)
        {
            *count = count.saturating_sub(1);
            first.retain(|known| *known != name);
            if *count == 0 {
                self.0.remove(&was);
            }
        }
        if let Some(now) = now {
            self.add(now, 1, &[name]);
        }
    }

    fn add(&mut self, alike: Alike, more: u64, names: &[String]) {
        let (count, first) = self.0.entry(alike).or_default();
        *count += more;
        first.extend_from_slice(names);
        first.sort_unstable();
        first.truncate(TREE_NAMES);
    }

    fn set(self, wish: &TreeAttrs) -> Self {
        let mut set = Self(BTreeMap::new());
        for ((is_file, mode, owner, group), (count, first)) in self.0 {
            let (mode, owner, group) = wanted(wish, !is_file, mode, owner, group);
            set.add((is_file, mode, owner, group), count, &first);
        }
        set
    }
}

/// What becomes of one entry.
fn wanted(
    wish: &TreeAttrs,
    is_folder: bool,
    mode: u32,
    owner: String,
    group: String,
) -> (u32, String, String) {
    let (new_owner, new_group) =
        (wish.owner.clone().unwrap_or(owner.clone()), wish.group.clone().unwrap_or(group.clone()));
    let kept = kept(mode, is_folder, new_owner != owner || new_group != group);
    let rule = if is_folder { &wish.folders } else { &wish.files };
    (rule.as_ref().map_or(kept, |rule| rule.of(kept, is_folder)), new_owner, new_group)
}

impl Overlay {
    pub(super) fn below(&self, path: &str) -> impl Iterator<Item = (&str, &Predicted)> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        self.files.iter().filter_map(move |(known, file)| Some((known.strip_prefix(&prefix)?, file)))
    }

    /// What is predicted below, laid over what is told.
    fn laid_over(&self, path: &str, mut told: Below) -> Below {
        self.below(path).for_each(|(name, file)| told.change(name, file.was.as_ref(), file.meta.as_ref()));
        told
    }

    /// All that is below a folder that is made where nothing was.
    pub(super) fn known_below(&self, path: &str) -> Option<(Answer, usize)> {
        let made = self.files.get(path)?.made?;
        let mut told = Below(BTreeMap::new());
        self.below(path).for_each(|(name, file)| told.change(name, None, file.meta.as_ref()));
        Some((told.told(), made))
    }

    /// What the host says of all that is below, with what is predicted there.
    pub(super) fn with_below(&self, path: &str, answer: Answer) -> Answer {
        match Below::read(&answer) {
            Some(told) => self.laid_over(path, told).told(),
            None => answer,
        }
    }

    /// Why an answer is not known that the changes so far touch.
    pub(super) fn unclear(&self, query: &Query, known_at: usize) -> Option<String> {
        if let Some(path) = of_tree(query) {
            if self.known_below(path).is_some() {
                return None;
            }
            let asked_at = self.answers.get(query).map(|(_, seq)| *seq);
            // What was in a folder that goes is counted by nobody.
            let goes = |file: &Predicted| {
                let was_folder = file.was.as_ref().is_some_and(|meta| meta.kind == Kind::Folder);
                was_folder && (file.meta.is_none() || file.made.is_some())
            };
            let mut below = self.below(path);
            let unclear = below.any(|(_, file)| goes(file) || asked_at.is_some_and(|at| file.seq > at));
            let set_at =
                |(set, ..): &&(String, String, usize)| path_within(set, path) || path_within(path, set);
            let set = self.trees.iter().filter(set_at).find(|(.., seq)| *seq > known_at);
            if let Some((set, task, _)) = set {
                return Some(format!("`{task}` sets mode and owner of all in {set}"));
            }
            return unclear.then(|| format!("what is in {path} changes before"));
        }
        let (Query::File { path } | Query::Stat { path, .. }) = query else {
            let providers = self.unclear_packages(query, known_at);
            return providers.or_else(|| self.unclear_attribute(query, known_at));
        };
        if let Some(why) = self.unclear_mode(path, known_at) {
            return Some(why);
        }
        if matches!(query, Query::Stat { .. })
            && let Some(why) = self.unclear_owner(path)
        {
            return Some(why);
        }
        let above = |(set, ..): &&(String, String, usize)| path != set && path_within(path, set);
        let (set, task, _) = self.trees.iter().filter(above).find(|(.., seq)| *seq > known_at)?;
        Some(format!("`{task}` sets mode and owner of all in {set}"))
    }

    /// Mode and owner of all that is below a folder.
    pub(super) fn set_tree(&mut self, task: &str, wish: &TreeAttrs, real: &dyn Fn(&Query) -> Option<Answer>) {
        let query = Query::Run(Probe::Attribute(AttributeProbe::Tree { path: wish.path.clone() }));
        let told_as = |overlay: &mut Self, named: &Option<String>, account| {
            named.as_ref().map(|name| overlay.owned_by(Some(name), String::new(), account, real))
        };
        let owner = told_as(self, &wish.owner, Account::User);
        let wish = &TreeAttrs { owner, group: told_as(self, &wish.group, Account::Group), ..wish.clone() };
        let told = match self.look(&query, &[]) {
            Some(Look::Known(answer)) => Some(answer),
            Some(_) => None,
            None => real(&query).map(|answer| self.names(&query, answer)),
        };
        let below: Vec<String> = self
            .below(&wish.path)
            .map(|(name, _)| format!("{}/{name}", wish.path.trim_end_matches('/')))
            .collect();
        let is_known = |path: &String| {
            matches!(self.look(&Query::File { path: path.clone() }, &[]), Some(Look::Known(_)))
        };
        let known: Vec<String> = below.into_iter().filter(is_known).collect();
        if told.is_none() || self.known_below(&wish.path).is_none() {
            self.trees.push((wish.path.clone(), task.into(), self.seq));
        }
        self.seq += 1;
        for path in known {
            let Some(file) = self.files.get_mut(&path) else { continue };
            file.seq = self.seq;
            if let Some(meta) = file.meta.as_mut().filter(|meta| !matches!(meta.kind, Kind::Link { .. })) {
                let (owner, group) = (meta.owner.clone(), meta.group.clone());
                (meta.mode, meta.owner, meta.group) =
                    wanted(wish, meta.kind == Kind::Folder, meta.mode, owner, group);
            }
        }
        if let Some(told) = told.as_ref().and_then(Below::read) {
            self.answers.insert(query, (told.set(wish).told(), self.seq));
        }
    }

    /// Two paths are two files once one of them is written anew, until it is made a name of the other.
    pub(super) fn same(&self, query: &Query, path: &str, other: &str) -> (Option<Answer>, usize) {
        let replaced = self.replaced_at(path).max(self.replaced_at(other));
        match self.answers.get(query) {
            Some((answer, seq)) if *seq >= replaced => (Some(answer.clone()), *seq),
            _ if replaced > 0 => (Some(output("")), replaced),
            _ => (None, 0),
        }
    }

    pub(super) fn made_one(&mut self, path: &str, target: &str) {
        self.replaced.insert(path.into(), self.seq);
        let (path, other) = (path.into(), target.into());
        let same = Query::Run(Probe::Attribute(AttributeProbe::Same { path, other }));
        self.answers.insert(same, (output("same\n"), self.seq));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent::{
        mode::Rule,
        wire::{Attrs, Op},
    };

    fn tree(path: &str) -> Query {
        Query::Run(Probe::Attribute(AttributeProbe::Tree { path: path.into() }))
    }

    fn file(path: &str) -> Query {
        Query::File { path: path.into() }
    }

    fn write(path: &str, owner: &str, mode: u32) -> Op {
        let attrs = Attrs { mode: Some(mode), owner: Some(owner.into()), group: None };
        Op::WriteFile { path: path.into(), content: Content::from("x"), attrs, check: None }
    }

    fn folder(path: &str) -> Op {
        Op::MakeFolder { path: path.into(), attrs: Attrs::default() }
    }

    fn set(path: &str) -> Op {
        let (folders, files) = (None, Rule::parse("g-r"));
        Op::SetTree(TreeAttrs { path: path.into(), folders, files, owner: Some("app".into()), group: None })
    }

    fn meta(kind: Kind, owner: &str, mode: u32) -> Answer {
        let (owner, group) = (owner.into(), "root".into());
        Answer::Meta(Some(Meta { kind, mode, owner, group, size: 1 }))
    }

    fn text(look: Option<Look>) -> String {
        match look {
            Some(Look::Known(Answer::Output(output))) => {
                String::from_utf8(output.stdout.bytes().to_vec()).unwrap()
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn all_below_a_new_folder_is_known_and_so_is_what_is_set_there() {
        let bare = |query: &Query| matches!(query, Query::File { .. }).then_some(Answer::Meta(None));
        let mut overlay = Overlay::new("root");
        overlay.add("make", &[folder("/srv/app")], &[], &[], &bare);
        assert_eq!(text(overlay.look(&tree("/srv/app"), &[])), "");
        overlay.add("copy", &[write("/srv/app/x", "root", 0o4644), folder("/srv/app/d")], &[], &[], &bare);
        let told = "d\t1\t0755\troot\troot\td\nf\t1\t4644\troot\troot\tx\n";
        assert_eq!(text(overlay.look(&tree("/srv/app"), &[])), told);
        overlay.add("set", &[set("/srv/app")], &[], &[], &bare);
        let told = "d\t1\t0755\tapp\troot\td\nf\t1\t0604\tapp\troot\tx\n";
        assert_eq!(text(overlay.look(&tree("/srv/app"), &[])), told);
        let Some(Look::Known(Answer::Meta(Some(meta)))) = overlay.look(&file("/srv/app/x"), &[]) else {
            panic!()
        };
        assert_eq!((meta.mode, &*meta.owner), (0o604, "app"));
        // What nobody puts there is not there.
        assert!(matches!(overlay.look(&file("/srv/app/y"), &[]), Some(Look::Known(Answer::Meta(None)))));
    }

    #[test]
    fn what_is_predicted_below_a_folder_that_is_there_is_laid_over_what_the_host_says() {
        let told = output("d\t1\t0755\tapp\troot\td\nf\t2\t0644\tapp\troot\ta\tb\n");
        let real = |query: &Query| match query {
            Query::File { path } if path.ends_with("/a") => {
                Some(meta(Kind::File { digest: None }, "app", 0o644))
            }
            Query::File { path } if path.ends_with("/new") => Some(Answer::Meta(None)),
            Query::File { .. } => Some(meta(Kind::Folder, "app", 0o755)),
            query => of_tree(query).map(|_| told.clone()),
        };
        let mut overlay = Overlay::new("root");
        let writes = [write("/srv/app/a", "root", 0o600), write("/srv/app/new", "root", 0o600)];
        overlay.add("copy", &writes, &[], &[], &real);
        assert!(overlay.look(&tree("/srv/app"), &[]).is_none());
        let now = overlay.names(&tree("/srv/app"), told.clone());
        let expected = "d\t1\t0755\tapp\troot\td\nf\t2\t0600\troot\troot\ta\tnew\nf\t1\t0644\tapp\troot\tb\n";
        assert_eq!(text(Some(Look::Known(now))), expected);
        overlay.add("set", &[set("/srv/app")], &[], &[], &real);
        let set = "d\t1\t0755\tapp\troot\td\nf\t2\t0600\tapp\troot\ta\tnew\nf\t1\t0604\tapp\troot\tb\n";
        assert_eq!(text(overlay.look(&tree("/srv/app"), &[])), set);
        // What is known is known, the folder is as it was; of the rest it shows when it has run.
        assert!(matches!(overlay.look(&file("/srv/app/a"), &[]), Some(Look::Known(_))));
        assert!(overlay.look(&file("/srv/app"), &[]).is_none());
        assert!(matches!(overlay.look(&file("/srv/app/b"), &[]), Some(Look::Unknown(_))));
        assert!(matches!(overlay.look(&tree("/srv"), &[]), Some(Look::Unknown(_))));
        let read = Query::Read { path: "/srv/app/b".into(), limit: 9, secret: false };
        assert!(overlay.look(&read, &[]).is_none());
        // And what comes into it later.
        overlay.add("copy", &[write("/srv/app/new", "root", 0o600)], &[], &[], &real);
        assert!(matches!(overlay.look(&tree("/srv/app"), &[]), Some(Look::Unknown(_))));
    }

    #[test]
    fn what_was_in_a_folder_that_goes_is_not_known() {
        let real =
            |query: &Query| matches!(query, Query::File { .. }).then(|| meta(Kind::Folder, "root", 0o755));
        let mut overlay = Overlay::new("root");
        let remove = Op::Remove { path: "/srv/app/d".into(), recursive: true };
        overlay.add("remove", &[remove], &[], &[], &real);
        assert!(matches!(overlay.look(&tree("/srv/app"), &[]), Some(Look::Unknown(_))));
        assert!(overlay.look(&tree("/srv/other"), &[]).is_none());
    }

    #[test]
    fn what_is_written_anew_is_no_name_of_another() {
        let same = |path: &str, other: &str| {
            let (path, other) = (path.into(), other.into());
            Query::Run(Probe::Attribute(AttributeProbe::Same { path, other }))
        };
        let real = |query: &Query| match query {
            Query::File { .. } => Some(meta(Kind::File { digest: None }, "root", 0o644)),
            _ => Some(output("same\n")),
        };
        let mut overlay = Overlay::new("root");
        let attrs = Attrs { mode: Some(0o600), owner: None, group: None };
        overlay.add("mode", &[Op::SetAttrs { path: "/a".into(), attrs }], &[], &[], &real);
        assert!(overlay.look(&same("/b", "/a"), &[]).is_none());
        for written in ["/a", "/b"] {
            overlay.add("copy", &[write(written, "root", 0o600)], &[], &[], &real);
            assert_eq!(text(overlay.look(&same("/b", "/a"), &[])), "");
            let link = Op::MakeHardLink { path: "/b".into(), target: "/a".into() };
            overlay.add("hard", &[link], &[], &[], &real);
            assert_eq!(text(overlay.look(&same("/b", "/a"), &[])), "same\n");
        }
        assert!(overlay.look(&same("/c", "/d"), &[]).is_none());
    }
}
