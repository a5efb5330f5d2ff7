//! The names of all that is below a folder, once the changes are made.

use super::{Overlay, tree::output};
use agent::wire::{Answer, Kind, Output};
use std::collections::BTreeMap;

impl Overlay {
    /// What the host lists of all that is below, with what is predicted there. What is mounted on stays as it is.
    pub(super) fn listed_below(&self, path: &str, answer: Answer) -> Answer {
        let Answer::Output(Output { code: 0, stdout, .. }) = &answer else { return answer };
        let Ok(text) = std::str::from_utf8(stdout.bytes()) else { return answer };
        let is_empty = self.node(path).is_some_and(|(file, _)| {
            let folder = file.filter(|file| matches!(&file.meta, Some(meta) if meta.kind == Kind::Folder));
            folder.is_none_or(|folder| folder.made.is_some())
        });
        let told = if is_empty { "" } else { text };
        let told = told.split('\0').filter_map(|line| line.split_once(' '));
        // By steps, so that a folder comes before what is in it.
        let steps = |path: &str| path.split('/').map(String::from).collect::<Vec<_>>();
        let mut all: BTreeMap<Vec<String>, &str> = told.map(|(kind, path)| (steps(path), kind)).collect();
        for (name, file) in self.below(path) {
            let at = steps(name);
            if (1..=at.len()).any(|end| all.get(&at[..end]) == Some(&"mount")) {
                continue;
            }
            let kind = file.meta.as_ref().map(|meta| match meta.kind {
                Kind::File { .. } => "file",
                Kind::Folder => "directory",
                Kind::Link { .. } => "link",
                Kind::Other => "other",
            });
            if kind != Some("directory") || file.made.is_some() {
                all.retain(|known, _| !known.starts_with(&at));
            }
            all.extend(kind.map(|kind| (at, kind)));
        }
        let lines = all.into_iter().map(|(at, kind)| format!("{kind} {}\0", at.join("/")));
        output(&lines.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent::{
        secret::Content,
        wire::{Attrs, Meta, Op, Probe, Query},
    };

    /// `/d` has folders `a` and `m`, which is a mount point, and files.
    fn real(query: &Query) -> Option<Answer> {
        let Query::File { path } = query else { return None };
        let (owner, group) = ("root".into(), "root".into());
        let kind = match path.as_str() {
            "/d" | "/d/a" | "/d/m" => Kind::Folder,
            "/d/a/b" | "/d/a-b" | "/d/c" => Kind::File { digest: None },
            _ => return Some(Answer::Meta(None)),
        };
        Some(Answer::Meta(Some(Meta { kind, mode: 0o755, owner, group, size: 1 })))
    }

    #[test]
    fn all_below_is_what_the_changes_leave_there() {
        let write = |path: &str| {
            let (content, attrs) = (Content::from("x"), Attrs::default());
            Op::WriteFile { path: path.into(), content, attrs, check: None }
        };
        let folder = |path: &str| Op::MakeFolder { path: path.into(), attrs: Attrs::default() };
        let gone = |path: &str| Op::Remove { path: path.into(), recursive: true };
        let link = |path: &str| Op::MakeLink { path: path.into(), target: "/".into() };
        let told = "directory a\0file a/b\0file a-b\0file c\0mount m\0";
        for (ops, expected) in [
            (vec![], told),
            (vec![write("/e/f"), write("/d/m/f"), write("/d/c")], told),
            (
                vec![write("/d/a/a"), link("/d/l")],
                "directory a\0file a/a\0file a/b\0file a-b\0file c\0link l\0mount m\0",
            ),
            (vec![gone("/d/a"), write("/d/a-b")], "file a-b\0file c\0mount m\0"),
            (
                vec![gone("/d/a"), folder("/d/a"), write("/d/a/n"), gone("/d/c")],
                "directory a\0file a/n\0file a-b\0mount m\0",
            ),
            (vec![gone("/d")], ""),
            (vec![gone("/d"), folder("/d"), write("/d/n")], "file n\0"),
        ] {
            let mut overlay = Overlay::new("root");
            overlay.add("t", &ops, &[], &[], &real);
            let query = Query::Run(Probe::Below { path: "/d".into() });
            assert_eq!(overlay.names(&query, output(told)), output(expected), "{ops:?}");
        }
    }
}
