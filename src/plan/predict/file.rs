//! A file as it will be.

use super::Overlay;
use crate::{model::path_within, resource::Look};
use agent::{
    secret::Content,
    wire::{Answer, FileType, Kind, Meta, Query, Stat},
};

/// A file as it will be.
#[derive(Clone, Debug)]
pub(super) struct Predicted {
    pub meta: Option<Meta>,
    /// Of a regular file.
    pub content: Option<Content>,
    /// Its content is known to change, but not to what.
    pub seq: usize,
    /// As the host has it, where that is known.
    pub was: Option<Meta>,
    /// When a folder is made where nothing was: all that will be in it is predicted.
    pub made: Option<usize>,
}

/// The path that a question is about.
pub(super) fn path_of(query: &Query) -> Option<&str> {
    match query {
        Query::File { path }
        | Query::There { path }
        | Query::Stat { path, .. }
        | Query::List { path }
        | Query::Read { path, .. } => Some(path),
        _ => None,
    }
}

impl Predicted {
    /// As much of it as is known before. `None` of what no change makes: it is there already.
    pub fn stat(&self) -> Option<Answer> {
        let Some(meta) = &self.meta else { return Some(Answer::Stat(None)) };
        let kind = match &meta.kind {
            Kind::File { .. } => FileType::File,
            Kind::Folder => FileType::Folder,
            Kind::Link { target } => FileType::Link { target: target.clone() },
            Kind::Other => return None,
        };
        let (owner, group) = (meta.owner.clone(), meta.group.clone());
        Some(Answer::Stat(Some(Box::new(Stat { kind, mode: meta.mode, owner, group, moving: None }))))
    }
}

impl Overlay {
    pub(super) fn put(
        &mut self,
        path: &str,
        meta: Option<Meta>,
        content: Option<Content>,
        made: Option<usize>,
        real: &dyn Fn(&Query) -> Option<Answer>,
    ) {
        let was = self.was(path, real);
        self.files.insert(path.into(), Predicted { meta, content, seq: self.seq, was, made });
    }

    pub(super) fn was(&self, path: &str, real: &dyn Fn(&Query) -> Option<Answer>) -> Option<Meta> {
        match (self.files.get(path), real(&Query::File { path: path.into() })) {
            (Some(known), _) => known.was.clone(),
            (None, Some(Answer::Meta(meta))) => meta,
            _ => None,
        }
    }

    /// What a file will hold, as far as that is known.
    pub(super) fn content(&self, path: &str, real: &dyn Fn(&Query) -> Option<Answer>) -> Option<Content> {
        match self.look_or(&Query::Read { path: path.into(), limit: 1 << 20, secret: false }, real) {
            Look::Known(Answer::Content(content)) => content,
            _ => None,
        }
    }

    /// The last change that puts another file there, at the path itself or with a folder above; 0 for none.
    pub(super) fn replaced_at(&self, path: &str) -> usize {
        let replaced = self.replaced.iter().filter(|(new, _)| path_within(path, new));
        replaced.map(|(_, seq)| *seq).max().unwrap_or(0)
    }

    /// The path's own prediction, `None` where nothing will be since a folder above goes, or is made anew; and since when.
    pub(super) fn node(&self, path: &str) -> Option<(Option<&Predicted>, usize)> {
        if let Some(file) = self.files.get(path) {
            return Some((Some(file), file.seq));
        }
        let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
        let mut above = ends.filter_map(|at| self.files.get(&path[..at])).rev();
        above.find_map(|file| match file.meta {
            None => Some((None, file.seq)),
            Some(_) => file.made.map(|made| (None, made)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Effect;
    use agent::wire::{Attrs, CopyFile, Op};

    fn read(path: &str) -> Query {
        Query::Read { path: path.into(), limit: 1 << 20, secret: false }
    }

    fn holds(overlay: &Overlay, path: &str) -> Option<String> {
        match overlay.look(&read(path), &[]) {
            Some(Look::Known(Answer::Content(Some(content)))) => {
                Some(String::from_utf8(content.bytes().to_vec()).unwrap())
            }
            Some(Look::Unknown(_)) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_behind_a_link_to_nobody_knows_where_is_not_known_but_for_what_is_put_there() {
        let mut overlay = Overlay::new("root");
        let link = Op::MakeLink { path: "/srv/now".into(), target: "../1".into() };
        let file = Op::WriteFile {
            path: "/srv/now/etc/x".into(),
            content: Content::from("x"),
            attrs: Attrs::default(),
            check: None,
        };
        overlay.add("t", &[link, file], &[], &[], &|_| Some(Answer::Meta(None)));
        for path in ["/srv/now/etc", "/srv/now/etc/y"] {
            let look = overlay.look(&Query::File { path: path.into() }, &[]);
            assert!(matches!(look, Some(Look::Unknown(_))), "{path}: {look:?}");
        }
        assert_eq!(holds(&overlay, "/srv/now/etc/x").as_deref(), Some("x"));
        assert!(overlay.look(&read("/srv/nowhere"), &[]).is_none());
    }

    #[test]
    fn a_folder_that_goes_and_comes_is_empty() {
        let old = |query: &Query| match query {
            Query::File { .. } => Some(Answer::Meta(Some(Meta {
                kind: Kind::Folder,
                mode: 0o755,
                owner: "root".into(),
                group: "root".into(),
                size: 0,
            }))),
            _ => None,
        };
        let list = Query::List { path: "/d".into() };
        let names = |overlay: &Overlay| match overlay.look(&list, &[]) {
            Some(Look::Known(Answer::Names(names))) => names,
            other => panic!("{other:?}"),
        };
        let mut overlay = Overlay::new("root");
        overlay.add("t", &[Op::Remove { path: "/d".into(), recursive: true }], &[], &[], &old);
        assert_eq!(names(&overlay), None);
        let folder = Op::MakeFolder { path: "/d/e".into(), attrs: Attrs::default() };
        overlay.add("u", &[folder], &[], &[], &old);
        assert_eq!(names(&overlay), Some(vec!["e".into()]));
        for path in ["/d/a", "/d/e/a"] {
            assert!(matches!(overlay.look(&read(path), &[]), Some(Look::Known(Answer::Content(None)))));
        }
        // What a command puts there, nobody knows.
        overlay.add("v", &[], &[Effect::Unknown(crate::model::Area::Path("/d".into()))], &[], &old);
        assert!(matches!(overlay.look(&read("/d/a"), &[]), Some(Look::Unknown(_))));
    }

    #[test]
    fn a_file_holds_what_was_put_there_last() {
        let content = |text: &str| Answer::Content(Some(Content::from(text)));
        let real = |query: &Query| match query {
            Query::Read { path, .. } => (path != "/far").then(|| content("old")),
            Query::File { .. } => Some(Answer::Meta(Some(Meta {
                kind: Kind::File { digest: None },
                mode: 0o644,
                owner: "root".into(),
                group: "root".into(),
                size: 3,
            }))),
            _ => None,
        };
        let mut overlay = Overlay::new("root");
        let copy = Op::CopyFile(CopyFile {
            from: "/far".into(),
            path: "/to".into(),
            digest: [0; 32],
            size: 3,
            attrs: Attrs::default(),
            check: None,
            secret: false,
        });
        overlay.add("copy", &[copy], &[Effect::Answer(read("/to"), content("new"))], &[], &real);
        assert_eq!(holds(&overlay, "/to").as_deref(), Some("new"));
        let attrs = |path: &str| {
            let attrs = Attrs { mode: Some(0o600), ..Attrs::default() };
            Op::SetAttrs { path: path.into(), attrs }
        };
        overlay.add("mode", &[attrs("/to")], &[], &[], &real);
        assert_eq!(holds(&overlay, "/to").as_deref(), Some("new"));
        let hard = |target: &str| Op::MakeHardLink { path: "/to".into(), target: target.into() };
        overlay.add("hard", &[hard("/near")], &[], &[], &real);
        assert_eq!(holds(&overlay, "/to").as_deref(), Some("old"));
        // Nobody has read what that one holds.
        overlay.add("hard", &[hard("/far")], &[], &[], &real);
        assert_eq!(holds(&overlay, "/to"), None);
        overlay.add("mode", &[attrs("/to"), attrs("/far")], &[], &[], &real);
        assert_eq!(holds(&overlay, "/to"), None);
        // What is only given another mode holds what it holds.
        assert!(overlay.look(&read("/far"), &[]).is_none());
    }
}
