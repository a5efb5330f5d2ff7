//! What earlier tasks lay down, by its real name: one folder may have two.

use super::{links::Links, predict::Overlay, walk::Walk};
use crate::{model::Area, site::HostTask};
use std::collections::BTreeSet;

/// The real names of what is laid down in a pass on one machine, as one seat sees it. Each is looked for once.
#[derive(Default)]
pub(super) struct Laid {
    /// Of files, each with the name that a task gives it.
    files: BTreeSet<(String, String)>,
    /// The same of places where more may come, or where what is there is opened.
    places: BTreeSet<(String, String)>,
    /// Those for which the host has to be asked.
    open: Vec<Named>,
    seen: Seen,
    /// The names by which what the task at hand needs may come.
    found: BTreeSet<String>,
}

/// How far an overlay was read.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    pub seq: usize,
    pub brings: usize,
    pub opens: usize,
}

/// As a task names it.
pub(super) enum Named {
    File(String),
    Place(String),
}

impl Laid {
    /// Whether anything laid down so far may be what is at a path that is free of links. `again`: what was asked for already is not waited
    /// for yet, and is asked for once more.
    pub fn is_at(&mut self, path: &str, overlay: &Overlay, links: &Links, again: bool) -> bool {
        let mut all = overlay.named_since(&mut self.seen);
        if again {
            all.append(&mut self.open);
        }
        for named in all {
            let (Named::File(name) | Named::Place(name)) = &named;
            let asked = links.count();
            let real = links.real(name).unwrap_or_else(|| name.clone());
            if links.count() > asked {
                self.open.push(named);
                continue;
            }
            match named {
                Named::File(name) => self.files.insert((real, name)),
                Named::Place(name) => self.places.insert((real, name)),
            };
        }
        let files = at_or_below(&self.files, path).filter(|name| overlay.lays(name));
        let above = path.match_indices('/').map(|(end, _)| if end == 0 { "/" } else { &path[..end] });
        let places = above.flat_map(|above| at(&self.places, above)).chain(at_or_below(&self.places, path));
        let names: Vec<String> = files.chain(places).cloned().collect();
        let is_found = !names.is_empty();
        self.found.extend(names);
        is_found
    }
}

type Names = BTreeSet<(String, String)>;

fn at<'a>(names: &'a Names, path: &str) -> impl Iterator<Item = &'a String> + use<'a> {
    let path = path.to_string();
    names
        .range((path.clone(), String::new())..)
        .take_while(move |(real, _)| *real == path)
        .map(|(_, name)| name)
}

fn at_or_below<'a>(names: &'a Names, path: &str) -> impl Iterator<Item = &'a String> + use<'a> {
    let bound = |end: char| (format!("{}{end}", path.trim_end_matches('/')), String::new());
    // '0' follows '/' in ASCII.
    at(names, path).chain(names.range(bound('/')..bound('0')).map(|(_, name)| name))
}

impl Walk<'_> {
    /// Puts a task behind those that bring by another name what it needs: in the next pass, whose graph knows of it.
    pub(super) fn comes_behind(&mut self, task: &HostTask) {
        let at = task.id.0 as usize;
        let found = std::mem::take(&mut self.laid[self.planner.seat_of[at]].get_mut().found);
        let own = &self.nodes[at];
        let is_everything = |area: &Area| *area == Area::Everything;
        if found.is_empty()
            || own.footprint.reads.iter().chain(&own.footprint.writes).any(is_everything)
            || !self.needs.iter().all(BTreeSet::is_empty)
        {
            return;
        }
        for name in found {
            let area = Area::Path(name.clone());
            // Whom `needs` puts elsewhere than where it stands in the file keeps its place: a new edge could close a circle.
            let in_order = self.nodes.iter().enumerate().all(|(other, node)| {
                let writes =
                    node.machine == own.machine && node.footprint.writes.iter().any(|w| w.overlaps(&area));
                other == at || !writes || (other < at) == self.plans[other].is_some()
            });
            if in_order && self.planner.brought[at].insert(name) {
                self.settled = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{Look, Lookup};
    use agent::{
        secret::Content,
        wire::{Answer, Attrs, Exec, Kind, Meta, Op, Query},
    };
    use std::cell::RefCell;

    /// `/lib` is a link to `/usr/lib`; of what is in `/far` nothing is known.
    #[derive(Default)]
    struct Host(RefCell<Vec<Query>>);

    impl Lookup for Host {
        fn look(&self, query: &Query) -> Look {
            let Query::File { path } = query else { return Look::NotAsked };
            self.0.borrow_mut().push(query.clone());
            let kind = match &**path {
                "/far" => return Look::Unknown(String::new()),
                "/lib" => Kind::Link { target: "usr/lib".into() },
                "/open" => return Look::NotAsked,
                _ => Kind::Folder,
            };
            let (owner, group) = ("root".into(), "root".into());
            Look::Known(Answer::Meta(Some(Meta { kind, mode: 0o755, owner, group, size: 0 })))
        }

        fn may_still_come(&self, _: &[Area]) -> bool {
            false
        }
    }

    fn write(path: &str) -> Op {
        let (content, attrs) = (Content::from(""), Attrs::default());
        Op::WriteFile { path: path.into(), content, attrs, check: None }
    }

    fn after(ops: &[Op], writes: &[&str]) -> Overlay {
        let mut overlay = Overlay::new("root");
        let writes: Vec<Area> = writes.iter().map(|path| Area::Path((*path).into())).collect();
        overlay.add("t", ops, &[], &writes, &|_| None);
        overlay
    }

    #[test]
    fn what_is_laid_down_by_another_name_is_there() {
        let folder = |path: &str| Op::MakeFolder { path: path.into(), attrs: Attrs::default() };
        let run = || Op::Exec { exec: Exec::new(["true"]), ok: vec![] };
        let attrs = |path: &str| Op::SetAttrs { path: path.into(), attrs: Attrs::default() };
        let remove = |path: &str| Op::Remove { path: path.into(), recursive: true };
        for (ops, writes, expected) in [
            (vec![write("/lib/x/it")], &[][..], &["/lib/x/it"][..]),
            (vec![folder("/lib/x/it")], &[], &["/lib/x/it"]),
            (vec![write("/lib/x/it/y"), write("/lib/x/it-y")], &[], &["/lib/x/it/y"]),
            (vec![folder("/lib/x")], &[], &[]),
            (vec![write("/lib/y/it")], &[], &[]),
            (vec![write("/lib/x/it"), remove("/lib/x")], &[], &[]),
            (vec![attrs("/lib/x/it")], &[], &["/lib/x/it"]),
            (vec![run()], &["/lib/x"], &["/lib/x"]),
            (vec![run()], &["/"], &["/"]),
            (vec![run()], &["/lib/x/it/below", "/lib/x/it-y"], &["/lib/x/it/below"]),
            (vec![run()], &["/lib/y", "/far/x"], &[]),
        ] {
            let (overlay, host) = (after(&ops, writes), Host::default());
            let mut laid = Laid::default();
            let is_there = laid.is_at("/usr/lib/x/it", &overlay, &Links::new(&host), true);
            assert_eq!(is_there, !expected.is_empty(), "{ops:?} {writes:?}");
            assert_eq!(laid.found.iter().collect::<Vec<_>>(), expected, "{ops:?} {writes:?}");
        }
    }

    #[test]
    fn a_name_is_looked_for_once_and_again_while_it_is_asked_for() {
        let (overlay, host, mut laid) =
            (after(&[write("/lib/a"), write("/open/b")], &[]), Host::default(), Laid::default());
        let mut is_there = |path: &str, again: bool| {
            let links = Links::new(&host);
            let is_there = laid.is_at(path, &overlay, &links, again);
            (is_there, links.count(), host.0.take().len())
        };
        assert_eq!(is_there("/usr/lib/a", true), (true, 1, 4));
        assert_eq!(is_there("/usr/lib/b", false), (false, 0, 0));
        assert_eq!(is_there("/usr/lib/b", true), (false, 1, 1));
    }
}
