//! Access control lists: what another change of a file does to its list, and a list to the mode of its file.

use super::{Overlay, list::List};
use crate::{model::path_within, resource::Look};
use agent::wire::{Answer, AttributeProbe, Attrs, Kind, Meta, Op, Probe, Query};

/// The bit of a folder that gives its group to what is made in it.
const SETGID: u32 = 0o2000;

fn list_of(path: &str, recursive: bool) -> Query {
    Query::Run(Probe::Attribute(AttributeProbe::Acl { path: path.into(), recursive }))
}

/// What has to be known to tell what becomes of the mode: of all that is below a folder, nobody has asked for that of the folder itself.
pub(in crate::plan) fn questions(op: &Op) -> Option<Query> {
    match op {
        Op::SetAcl { path, recursive: true, .. } => Some(list_of(path, false)),
        _ => None,
    }
}

impl Overlay {
    /// Takes note of a list that is set: what it is then, and the mode that goes with it. Where that cannot be told, a file's mode is not known;
    /// that of a folder hardly anybody asks for, and whoever puts something into it asks for the folder.
    pub(super) fn note_acl(
        &mut self,
        task: &str,
        path: &str,
        entries: &[String],
        recursive: bool,
        real: &dyn Fn(&Query) -> Option<Answer>,
    ) {
        if entries.iter().any(|entry| entry.starts_with("default:")) {
            self.giving.push((path.into(), task.into(), self.seq));
        }
        let meta = self.look_or(&Query::File { path: path.into() }, real);
        let own = list_of(path, false);
        let list = match &meta {
            Look::Known(Answer::Meta(Some(meta))) => self.list_after(meta, &own, entries, real),
            _ => None,
        };
        self.listed.push((path.into(), task.into(), self.seq, recursive));
        // In a new folder there is nothing else.
        if recursive && self.known_below(path).is_none() {
            self.trees.push((path.into(), task.into(), self.seq));
        }
        if let (Look::Known(Answer::Meta(Some(meta))), Some(list)) = (&meta, list) {
            let mode = meta.mode & !0o777 | list.mode();
            if mode != meta.mode {
                let (attrs, content) =
                    (Attrs { mode: Some(mode), ..Attrs::default() }, self.content(path, real));
                self.set(path, meta.kind.clone(), content, &attrs, mode, real);
            }
            self.answers.insert(own, (list.told(path), self.seq));
            return;
        }
        let is_file = match (meta, real(&list_of(path, recursive))) {
            (Look::Known(Answer::Meta(Some(meta))), _) => matches!(meta.kind, Kind::File { .. }),
            (_, Some(Answer::Output(told))) => told.stdout.bytes().starts_with(b"f\t"),
            _ => false,
        };
        if is_file {
            self.masked.push((path.into(), task.into(), self.seq));
        }
    }

    /// A list once these entries are set in it, or taken out, which have no rights then.
    fn list_after(
        &self,
        meta: &Meta,
        own: &Query,
        entries: &[String],
        real: &dyn Fn(&Query) -> Option<Answer>,
    ) -> Option<List> {
        let mut list = match self.look_or(own, real) {
            Look::Known(Answer::Output(told)) => match std::str::from_utf8(told.stdout.bytes()).ok()? {
                "" => List::of_mode(meta),
                text => List::read(text)?,
            },
            _ => return None,
        };
        for is_default in [false, true] {
            let mut changed = vec![];
            for entry in entries {
                let (entry, default) =
                    entry.strip_prefix("default:").map_or((&**entry, false), |entry| (entry, true));
                if default != is_default {
                    continue;
                }
                let (tag, rest) = entry.split_once(':')?;
                let (who, rights) =
                    rest.split_once(':').map_or((rest, None), |(who, rights)| (who, Some(rights)));
                changed.push((format!("{tag}:{}:", self.number(tag, who, real)?), rights));
            }
            if !changed.is_empty() {
                list.set(is_default, &changed);
            }
        }
        Some(list)
    }

    fn number(&self, tag: &str, who: &str, real: &dyn Fn(&Query) -> Option<Answer>) -> Option<String> {
        if who.is_empty() || who.parse::<u32>().is_ok() {
            return Some(who.into());
        }
        let name = who.to_string();
        let query = if tag == "user" { Query::User { name } } else { Query::Group { name } };
        let number = match self.look_or(&query, real) {
            Look::Known(Answer::User(Some(user))) => user.uid,
            Look::Known(Answer::Group(Some(group))) => group.gid,
            _ => return None,
        };
        // That of an account which is made before nobody knows.
        Some(number).filter(|number| *number != u32::MAX).map(|number| number.to_string())
    }

    /// Why it is not known what list, or which extended attribute, is at a path by then: a file that is there is written anew, gets
    /// another mode, or is new below it.
    pub(super) fn unclear_attribute(&self, query: &Query, known_at: usize) -> Option<String> {
        let (path, recursive) = match query {
            Query::Run(Probe::Attribute(AttributeProbe::Acl { path, recursive })) => (path, *recursive),
            Query::Run(Probe::Attribute(AttributeProbe::Xattr { path, .. })) => (path, false),
            _ => return None,
        };
        let concerns = |changed: &str| changed == path || recursive && path_within(changed, path);
        if matches!(query, Query::Run(Probe::Attribute(AttributeProbe::Acl { .. }))) {
            let sets = |(at, _, seq, below): &&(String, String, usize, bool)| {
                *seq > known_at && (concerns(at) || *below && path_within(path, at))
            };
            if let Some((at, task, ..)) = self.listed.iter().find(sets) {
                return Some(format!("`{task}` sets the access control list of {at}"));
            }
            let made = self.files.get(path).filter(|file| file.meta.is_some() && file.was.is_none());
            let gives = |(folder, _, seq): &&(String, String, usize)| {
                path != folder && path_within(path, folder) && made.is_some_and(|made| made.seq > *seq)
            };
            if let Some((folder, task, _)) = self.giving.iter().find(gives) {
                return Some(format!("`{task}` gives what is made in {folder} a list"));
            }
        }
        let changed = |(at, file): &(&String, &super::Predicted)| {
            concerns(at.as_str()) && (file.was.is_some() || **at != *path) && file.seq > known_at
        };
        let (at, _) = self.files.iter().find(changed)?;
        Some(format!("{at} is changed before, and its attributes perhaps with it"))
    }

    /// Why a file's mode is not known.
    pub(super) fn unclear_mode(&self, path: &str, known_at: usize) -> Option<String> {
        let (_, task, _) = self.masked.iter().find(|(at, _, seq)| at == path && *seq > known_at)?;
        Some(format!("`{task}` sets the access control list of {path}, and its mode may go with it"))
    }

    /// The group of what is made in a folder that gives its own.
    pub(super) fn group_within(&self, path: &str, real: &dyn Fn(&Query) -> Option<Answer>) -> Option<String> {
        let (folder, _) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty())?;
        match self.look_or(&Query::File { path: folder.into() }, real) {
            Look::Known(Answer::Meta(Some(meta))) if meta.mode & SETGID != 0 => Some(meta.group),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tree::output, *};
    use agent::{secret::Content, wire::Output};

    fn meta(kind: Kind, mode: u32) -> Answer {
        let (owner, group) = ("root".into(), "adm".into());
        Answer::Meta(Some(Meta { mode, owner, group, size: 0, kind }))
    }

    /// `/d` gives its group to what is made in it, and has `f`.
    fn real(query: &Query) -> Option<Answer> {
        let text = |text: &str| {
            let (stdout, stderr) = (Content::from(text), Content::from(""));
            Some(Answer::Output(Output { code: 0, stdout, stderr }))
        };
        match query {
            Query::File { path } if path == "/d" => Some(meta(Kind::Folder, 0o2775)),
            Query::File { path } if path == "/d/f" => Some(meta(Kind::File { digest: None }, 0o644)),
            Query::File { .. } => Some(Answer::Meta(None)),
            Query::Run(Probe::Attribute(AttributeProbe::Acl { path, .. })) if path == "/d/g" => {
                text("f\t1\tuser::rw-\t-\t/d/g\n")
            }
            _ => None,
        }
    }

    fn list(path: &str) -> Query {
        Query::Run(Probe::Attribute(AttributeProbe::Acl { path: path.into(), recursive: false }))
    }

    fn set(path: &str) -> Op {
        Op::SetAcl { path: path.into(), entries: vec!["user:1:rw-".into()], remove: false, recursive: false }
    }

    fn after(ops: &[Op]) -> Overlay {
        let mut overlay = Overlay::new("root");
        overlay.add("t", ops, &[], &[], &real);
        overlay
    }

    fn is_unclear(overlay: &Overlay, query: &Query) -> bool {
        matches!(overlay.look(query, &[]), Some(Look::Unknown(_)))
    }

    #[test]
    fn a_list_goes_with_what_changes_its_file() {
        let chmod =
            Op::SetAttrs { path: "/d/f".into(), attrs: Attrs { mode: Some(0o600), ..Attrs::default() } };
        let remove = Op::Remove { path: "/d/f".into(), recursive: false };
        for op in [chmod, remove] {
            let overlay = after(&[op]);
            assert!(is_unclear(&overlay, &list("/d/f")) && !is_unclear(&overlay, &list("/d")));
            let below = AttributeProbe::Acl { path: "/d".into(), recursive: true };
            assert!(is_unclear(&overlay, &Query::Run(Probe::Attribute(below))));
        }
        // A new file has none, and counts with all that is below.
        let made = Op::WriteFile {
            path: "/d/new".into(),
            content: Content::from(""),
            attrs: Attrs::default(),
            check: None,
        };
        let overlay = after(&[made]);
        let below = AttributeProbe::Acl { path: "/d".into(), recursive: true };
        assert!(
            !is_unclear(&overlay, &list("/d/new"))
                && is_unclear(&overlay, &Query::Run(Probe::Attribute(below)))
        );
    }

    #[test]
    fn a_mode_goes_with_the_list_of_its_file() {
        let stat = |path: &str| Query::File { path: path.into() };
        for path in ["/d/f", "/d/g"] {
            assert!(is_unclear(&after(&[set(path)]), &stat(path)), "{path}");
        }
        // Whoever puts something into a folder asks for it.
        let overlay = after(&[set("/d")]);
        assert!(!is_unclear(&overlay, &stat("/d")) && !is_unclear(&overlay, &stat("/d/f")));
    }

    #[test]
    fn a_mode_is_told_where_the_list_is_known() {
        let real = |query: &Query| match query {
            Query::Run(_) => Some(output("f\t1\tuser::rw-,group::r--,other::r--\t-\t/d/f\n")),
            query => real(query),
        };
        let mut overlay = Overlay::new("root");
        overlay.add("t", &[set("/d/f")], &[], &[], &real);
        let mode = |overlay: &Overlay| match overlay.look(&Query::File { path: "/d/f".into() }, &[]) {
            Some(Look::Known(Answer::Meta(Some(meta)))) => meta.mode,
            other => panic!("{other:?}"),
        };
        assert_eq!(mode(&overlay), 0o664);
        let wider = Op::SetAcl {
            path: "/d/f".into(),
            entries: vec!["user:2:rwx".into()],
            remove: false,
            recursive: false,
        };
        overlay.add("u", &[wider], &[], &[], &real);
        assert_eq!(mode(&overlay), 0o674);
        let expected =
            output("f\t1\tuser::rw-,user:1:rw-,user:2:rwx,group::r--,mask::rwx,other::r--\t-\t/d/f\n");
        assert!(matches!(overlay.look(&list("/d/f"), &[]), Some(Look::Known(told)) if told == expected));
    }

    #[test]
    fn a_mode_is_told_of_a_folder_whose_list_is_set_with_all_below() {
        let real = |query: &Query| match query {
            Query::Run(Probe::Attribute(AttributeProbe::Acl { recursive: false, .. })) => {
                Some(output("d\t1\tuser::rwx,group::r-x,other::r-x\t-\t/d\n"))
            }
            Query::File { path } if path == "/d" => Some(meta(Kind::Folder, 0o2755)),
            query => real(query),
        };
        let below = Op::SetAcl {
            path: "/d".into(),
            entries: vec!["user:1:rwx".into()],
            remove: false,
            recursive: true,
        };
        assert_eq!(questions(&below), Some(list("/d")));
        assert_eq!(questions(&set("/d")), None);
        let mut overlay = Overlay::new("root");
        overlay.add("t", &[below], &[], &[], &real);
        let Some(Look::Known(Answer::Meta(Some(meta)))) =
            overlay.look(&Query::File { path: "/d".into() }, &[])
        else {
            panic!()
        };
        assert_eq!(meta.mode, 0o2775);
        let told = output("d\t1\tuser::rwx,user:1:rwx,group::r-x,mask::rwx,other::r-x\t-\t/d\n");
        assert!(matches!(overlay.look(&list("/d"), &[]), Some(Look::Known(list)) if list == told));
        // What is below is another matter.
        assert!(is_unclear(&overlay, &Query::File { path: "/d/f".into() }));
        assert!(is_unclear(&overlay, &list("/d/f")));
    }

    #[test]
    fn a_folder_may_give_its_group_to_what_is_made_in_it() {
        let write = |path: &str| Op::WriteFile {
            path: path.into(),
            content: Content::from(""),
            attrs: Attrs::default(),
            check: None,
        };
        for (path, expected) in [("/d/new", "adm"), ("/e/new", "root")] {
            let Some(Look::Known(Answer::Meta(Some(meta)))) =
                after(&[write(path)]).look(&Query::File { path: path.into() }, &[])
            else {
                panic!("{path}")
            };
            assert_eq!(meta.group, expected);
        }
    }
}
