//! Which members of an archive become what in a folder, and which are refused because they would lead out of it.

use super::{Kind, Member};
use crate::glob::covers;
use crate::wire::Unpack;
use std::collections::BTreeSet;

/// A member that is wanted, under its path in the folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Chosen {
    pub path: String,
    /// The path of [`Kind::Same`] is one in the folder as well.
    pub kind: Kind,
    pub mode: u32,
    /// The mode is the task's, not the archive's.
    pub mode_is_asked: bool,
}

/// Chooses one by one; knows the links that came before.
pub struct Chooser<'a> {
    wish: &'a Unpack,
    links: BTreeSet<String>,
}

impl<'a> Chooser<'a> {
    pub fn new(wish: &'a Unpack) -> Self {
        Self { wish, links: BTreeSet::new() }
    }

    /// # Errors
    /// Why the archive is not unpacked.
    pub fn choose(&mut self, member: &Member) -> Result<Option<Chosen>, String> {
        let written = member.path.trim_start_matches("./").trim_end_matches('/');
        let refused = |why: &str| Err(format!("`{}` in the archive {why}", member.path.escape_debug()));
        let named = |patterns: &[String]| patterns.iter().any(|pattern| covers(pattern, written));
        if named(&self.wish.exclude) || !self.wish.include.is_empty() && !named(&self.wish.include) {
            return Ok(None);
        }
        let Some(steps) = steps(&member.path) else { return refused("leads out of the folder") };
        let Some(path) = self.strip(&steps) else { return Ok(None) };
        let above = path.match_indices('/').any(|(at, _)| self.links.contains(&path[..at]));
        if above {
            return refused("lies behind a link of the archive");
        }
        let kind = match &member.kind {
            Kind::Other(what) => return refused(&format!("is {what}")),
            Kind::Link { target } if leads_out(&path, target) => {
                return refused(&format!("is a link that leads out of the folder, to {target}"));
            }
            Kind::Same { as_path } => {
                let as_path = self::steps(as_path).and_then(|steps| self.strip(&steps));
                let Some(as_path) = as_path else {
                    return refused("is another name for what is not unpacked");
                };
                Kind::Same { as_path }
            }
            kind => kind.clone(),
        };
        // A later member of the same name takes an earlier one's place.
        match kind {
            Kind::Link { .. } => _ = self.links.insert(path.clone()),
            _ => _ = self.links.remove(&path),
        }
        let own = member.mode & 0o777;
        let mode = match (&kind, self.wish.mode) {
            // Who may read a folder may enter it.
            (Kind::Folder, Some(mode)) => mode | (mode & 0o444) >> 2,
            (_, Some(mode)) => mode,
            (Kind::Folder, None) => own | 0o700,
            (_, None) => own,
        };
        Ok(Some(Chosen { path, kind, mode, mode_is_asked: self.wish.mode.is_some() }))
    }

    fn strip(&self, steps: &[&str]) -> Option<String> {
        let rest = steps.get(self.wish.strip as usize..)?;
        (!rest.is_empty()).then(|| rest.join("/"))
    }
}

/// The names on a path; `None` when it begins at the root or goes up.
fn steps(path: &str) -> Option<Vec<&str>> {
    let bad = path.starts_with('/') || path.contains('\0') || path.split('/').any(|step| step == "..");
    (!bad).then(|| path.split('/').filter(|step| !step.is_empty() && *step != ".").collect())
}

/// Whether a link at `path` leads out of the folder. Up is fine as far as the folder, and only at the beginning: behind a name it
/// could go up from wherever another link leads.
fn leads_out(path: &str, target: &str) -> bool {
    let mut depth = path.matches('/').count();
    let mut named = false;
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." if named || depth == 0 => return true,
            ".." => depth -= 1,
            _ => named = true,
        }
    }
    target.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Archive;

    fn wish(strip: u32, include: &[&str], exclude: &[&str]) -> Unpack {
        let list = |patterns: &[&str]| patterns.iter().map(ToString::to_string).collect();
        Unpack {
            from: Archive::OnHost("/a".into()),
            dest: "/d".into(),
            strip,
            include: list(include),
            exclude: list(exclude),
            checksum: None,
            mode: None,
            owner: None,
            group: None,
        }
    }

    fn file(path: &str) -> Member {
        Member { path: path.into(), kind: Kind::File { size: 0 }, mode: 0o4755 }
    }

    fn link(path: &str, target: &str) -> Member {
        Member { kind: Kind::Link { target: target.into() }, ..file(path) }
    }

    fn path(wish: &Unpack, member: &Member) -> Result<Option<String>, String> {
        Chooser::new(wish).choose(member).map(|chosen| chosen.map(|chosen| chosen.path))
    }

    #[test]
    fn names_are_made_plain_stripped_and_chosen() {
        let all = wish(0, &[], &[]);
        assert_eq!(path(&all, &file("./a//b/./c/")), Ok(Some("a/b/c".into())));
        assert_eq!(path(&all, &file("./")), Ok(None));
        assert_eq!(path(&wish(1, &[], &[]), &file("a/b/c")), Ok(Some("b/c".into())));
        assert_eq!(path(&wish(1, &[], &[]), &file("a")), Ok(None));
        let some = wish(0, &["a/*"], &["*.o", "a/c"]);
        for (name, taken) in [("a/b", true), ("a/c/x", false), ("a/b.o", false), ("b", false)] {
            assert_eq!(path(&some, &file(name)).unwrap().is_some(), taken, "{name}");
        }
        let chosen = Chooser::new(&all).choose(&file("a")).unwrap().unwrap();
        assert_eq!(chosen.mode, 0o755, "set-id bits are left out");
    }

    #[test]
    fn what_leads_out_is_refused() {
        let all = wish(0, &[], &[]);
        for name in ["/etc/passwd", "../x", "a/../../x", "a/.."] {
            assert!(path(&all, &file(name)).unwrap_err().contains("leads out"), "{name}");
            assert_eq!(path(&wish(0, &[], &[name]), &file(name)), Ok(None), "what is left out harms nobody");
        }
        for (name, target, out) in [
            ("a", "b", false),
            ("a/b", "../c", false),
            ("a/b/c", "../../d/e", false),
            ("a", "/etc", true),
            ("a", "..", true),
            ("a/b", "../..", true),
            ("a/b", "c/../d", true),
        ] {
            assert_eq!(path(&all, &link(name, target)).is_err(), out, "{name} -> {target}");
        }
        let mut chooser = Chooser::new(&all);
        chooser.choose(&link("a", ".")).unwrap();
        assert!(chooser.choose(&file("a/b")).unwrap_err().contains("behind a link"));
        let other = Member { kind: Kind::Other("a device"), ..file("null") };
        assert!(path(&all, &other).unwrap_err().contains("is a device"));
    }
}
