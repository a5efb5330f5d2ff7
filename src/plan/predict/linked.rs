//! What is behind links that tasks make: it goes by the name that it has without them.

use super::{Overlay, file::path_of};
use crate::{model::Area, resource::Look};
use agent::wire::{Answer, CopyFile, Download, Kind, Op, Query};
use std::borrow::Cow;

/// As many links in a row as the kernel follows (`path_resolution(7)`).
const LINKS: usize = 40;

impl Overlay {
    /// The link that a path leads through, where a task makes it and says nothing of the path itself since; and where that leads.
    fn link_above<'a>(&self, path: &'a str) -> Option<(&'a str, &str)> {
        let own = self.files.get(path).map(|file| file.seq);
        let mut above =
            path.match_indices('/').map(|(at, _)| &path[..at]).filter(|above| !above.is_empty()).rev();
        let (link, file) = above.find_map(|above| Some((above, self.files.get(above)?)))?;
        match &file.meta.as_ref()?.kind {
            Kind::Link { target } if own.is_none_or(|own| own < file.seq) => Some((link, target)),
            _ => None,
        }
    }

    /// The same of what a question is about.
    pub fn behind_link<'a>(&self, query: &'a Query) -> Option<&'a str> {
        self.link_above(path_of(query)?).map(|(link, _)| link)
    }

    /// A path without the links above it that tasks make.
    ///
    /// # Errors
    /// A link that leads to nobody knows where before it is there.
    fn without_links<'a>(&self, path: &'a str) -> Result<Cow<'a, str>, String> {
        let mut path = Cow::Borrowed(path);
        for _ in 0..LINKS {
            let Some((link, target)) = self.link_above(&path) else { return Ok(path) };
            let folder =
                if target.starts_with('/') { "" } else { link.rsplit_once('/').map_or("", |(up, _)| up) };
            let whole = format!("{target}{}", &path[link.len()..]);
            path = Cow::Owned(self.joined(folder, &whole).ok_or_else(|| link.to_string())?);
        }
        Err(path.into_owned())
    }

    /// A path as seen from a folder. What is above one that may be a link itself, is not known.
    fn joined(&self, folder: &str, path: &str) -> Option<String> {
        let mut whole = folder.to_string();
        for name in path.split('/').filter(|name| !name.is_empty() && *name != ".") {
            if name != ".." {
                whole = format!("{whole}/{name}");
                continue;
            }
            let file = self.files.get(&whole)?;
            file.meta.as_ref().filter(|meta| meta.kind == Kind::Folder)?;
            whole.truncate(whole.rfind('/').unwrap_or(0));
        }
        Some(whole)
    }

    /// A question as it is asked without links that tasks make.
    ///
    /// # Errors
    /// See [`Self::without_links`].
    pub fn by_real_name<'q>(&self, query: &'q Query) -> Result<Cow<'q, Query>, String> {
        let Some(path) = path_of(query) else { return Ok(Cow::Borrowed(query)) };
        let Cow::Owned(path) = self.without_links(path)? else { return Ok(Cow::Borrowed(query)) };
        let mut query = query.clone();
        if let Query::File { path: own }
        | Query::There { path: own }
        | Query::Stat { path: own, .. }
        | Query::List { path: own }
        | Query::Read { path: own, .. } = &mut query
        {
            *own = path;
        }
        Ok(Cow::Owned(query))
    }

    /// The same of those that are to be asked.
    pub fn asked(&self, queries: Vec<Query>) -> Vec<Query> {
        let real = |query: &Query| self.by_real_name(query).map(Cow::into_owned).ok();
        queries.into_iter().map(|query| real(&query).unwrap_or(query)).collect()
    }

    /// An op on a file, where that is known, by the file's own name.
    pub(super) fn on_real_name<'o>(&self, op: &'o Op) -> Cow<'o, Op> {
        let (Op::MakeFolder { path, .. }
        | Op::WriteFile { path, .. }
        | Op::SetAttrs { path, .. }
        | Op::SetAcl { path, .. }
        | Op::MakeHardLink { path, .. }
        | Op::MakeLink { path, .. }
        | Op::Remove { path, .. }
        | Op::CopyFile(CopyFile { path, .. })
        | Op::Download(Download { path, .. })) = op
        else {
            return Cow::Borrowed(op);
        };
        let Ok(Cow::Owned(real)) = self.without_links(path) else { return Cow::Borrowed(op) };
        let mut op = op.clone();
        if let Op::MakeFolder { path, .. }
        | Op::WriteFile { path, .. }
        | Op::SetAttrs { path, .. }
        | Op::SetAcl { path, .. }
        | Op::MakeHardLink { path, .. }
        | Op::MakeLink { path, .. }
        | Op::Remove { path, .. }
        | Op::CopyFile(CopyFile { path, .. })
        | Op::Download(Download { path, .. }) = &mut op
        {
            *path = real;
        }
        Cow::Owned(op)
    }

    /// Everything a task writes is unknown: it could not be planned itself.
    pub fn add_unknown(&mut self, task: &str, writes: &[Area]) {
        self.seq += 1;
        self.brings.extend(writes.iter().cloned());
        let unknown = writes.iter().map(|area| (self.at_real_name(area), task.to_string(), self.seq));
        self.unknown.extend(unknown.collect::<Vec<_>>());
    }

    /// The same as [`Self::look`], on top of what the host says now.
    pub(super) fn look_or(&self, query: &Query, real: &dyn Fn(&Query) -> Option<Answer>) -> Look {
        let known = self.look(query, &[]);
        let real = || real(&*self.by_real_name(query).ok()?).map(Look::Known);
        known.or_else(real).unwrap_or(Look::NotAsked)
    }

    /// A place of which nothing is known any more, by its own name.
    pub(super) fn at_real_name(&self, area: &Area) -> Area {
        match area {
            Area::Path(path) => match self.without_links(path) {
                Ok(path) => Area::Path(path.into_owned()),
                Err(_) => area.clone(),
            },
            _ => area.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Effect;
    use agent::{secret::Content, wire::Attrs};

    fn write(path: &str) -> Op {
        let (content, attrs) = (Content::from("x"), Attrs::default());
        Op::WriteFile { path: path.into(), content, attrs, check: None }
    }

    fn link(path: &str, target: &str) -> Op {
        Op::MakeLink { path: path.into(), target: target.into() }
    }

    fn after(ops: &[Op]) -> Overlay {
        let mut overlay = Overlay::new("root");
        overlay.add("t", ops, &[], &[], &|_| Some(Answer::Meta(None)));
        overlay
    }

    #[test]
    fn what_is_behind_a_link_is_asked_for_by_its_own_name() {
        let folder = |path: &str| Op::MakeFolder { path: path.into(), attrs: Attrs::default() };
        let releases = [folder("/app/releases/7"), link("/app/releases/7/config", "../../shared/config")];
        for (ops, path, expected) in [
            (vec![link("/a", "/b")], "/a/x/y", Ok("/b/x/y")),
            (vec![link("/a", "/b")], "/a", Ok("/a")),
            (vec![link("/a", "/b")], "/ab/x", Ok("/ab/x")),
            (vec![link("/app/current", "releases/7")], "/app/current/x", Ok("/app/releases/7/x")),
            (vec![link("/a", "./b/"), link("/b", "/c")], "/a/x", Ok("/c/x")),
            (vec![link("/a", "/b"), write("/a/x")], "/a/x", Ok("/b/x")),
            (vec![write("/a/x"), link("/a", "/b")], "/a/x", Ok("/b/x")),
            (vec![link("/a", "b"), link("/b", "a")], "/a/x", Err("/a/x")),
            // Whether `/srv/app` is a link, nobody has asked.
            (vec![link("/srv/app/a", "../b")], "/srv/app/a/x", Err("/srv/app/a")),
            (releases.to_vec(), "/app/releases/7/config/x", Ok("/app/shared/config/x")),
        ] {
            let overlay = after(&ops);
            let real = overlay.without_links(path);
            assert_eq!(real.as_deref().map_err(String::as_str), expected, "{ops:?} {path}");
        }
    }

    #[test]
    fn what_is_done_behind_a_link_is_done_to_what_is_there() {
        let file = |path: &str| Query::File { path: path.into() };
        let there = |overlay: &Overlay, path: &str| match overlay.look(&file(path), &[]) {
            Some(Look::Known(Answer::Meta(meta))) => Some(meta.is_some()),
            _ => None,
        };
        let current = [link("/current", "/one"), write("/current/x")];
        let overlay = after(&current);
        assert_eq!(
            ["/current/x", "/one/x", "/two/x"].map(|path| there(&overlay, path)),
            [Some(true), Some(true), None]
        );
        let mut overlay = after(&[&current[..], &[link("/current", "/two")]].concat());
        assert_eq!(["/current/x", "/one/x"].map(|path| there(&overlay, path)), [None, Some(true)]);
        let gone = Effect::Unknown(Area::Path("/current/y".into()));
        overlay.add("u", &[], &[gone], &[], &|_| None);
        assert!(matches!(overlay.look(&file("/two/y"), &[]), Some(Look::Unknown(_))));
    }
}
