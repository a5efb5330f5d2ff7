//! Where paths lead by the links that a host has, or is to have.

use crate::resource::{Look, Lookup};
use agent::wire::{Answer, Kind, Meta, Query};
use std::{cell::RefCell, collections::BTreeSet};

/// As many links in a row are followed as the kernel does.
const MOST: usize = 40;

/// Follows links, and keeps what has to be asked for it.
pub(super) struct Links<'a> {
    lookup: &'a dyn Lookup,
    open: RefCell<BTreeSet<Query>>,
}

impl<'a> Links<'a> {
    pub fn new(lookup: &'a dyn Lookup) -> Self {
        Self { lookup, open: RefCell::default() }
    }

    /// What has to be asked before all is known that was wanted.
    pub fn open(&self) -> Vec<Query> {
        self.open.borrow().iter().cloned().collect()
    }

    /// How many those are.
    pub fn count(&self) -> usize {
        self.open.borrow().len()
    }

    /// The path without links above it. `None` where that is not known.
    pub fn real(&self, path: &str) -> Option<String> {
        self.walk(path, false).filter(|(_, is_sure)| *is_sure).map(|(real, _)| real)
    }

    /// The same of what is at the path, should that be a link itself. Or as far as that is known: then it is not sure.
    pub fn leads(&self, path: &str) -> Option<(String, bool)> {
        self.walk(path, true)
    }

    fn walk(&self, path: &str, follows: bool) -> Option<(String, bool)> {
        let names = |path: &str| -> Vec<String> {
            let names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
            names.rev().map(str::to_string).collect()
        };
        let (mut real, mut rest, mut links) = (String::new(), names(path), 0);
        while let Some(name) = rest.pop() {
            if name == ".." {
                real.truncate(real.rfind('/').unwrap_or(0));
                continue;
            }
            let next = format!("{real}/{name}");
            if rest.is_empty() && !follows {
                return Some((next, true));
            }
            match self.lookup.look(&Query::File { path: next.clone() }) {
                Look::NotAsked => {
                    self.ask(next, &rest, follows);
                    return None;
                }
                Look::Known(Answer::Meta(Some(Meta { kind: Kind::Link { target }, .. }))) => {
                    links += 1;
                    if links > MOST {
                        return None;
                    }
                    if target.starts_with('/') {
                        real.clear();
                    }
                    rest.extend(names(&target));
                }
                Look::Known(_) => real = next,
                Look::Unknown(_) => {
                    let rest = rest.iter().rev().map(|name| format!("/{name}"));
                    return Some((rest.fold(next, |path, name| path + &name), false));
                }
            }
        }
        Some((if real.is_empty() { "/".into() } else { real }, true))
    }

    /// All at once, for most paths have no link in them.
    fn ask(&self, mut path: String, rest: &[String], follows: bool) {
        let mut open = self.open.borrow_mut();
        for (left, name) in rest.iter().enumerate().rev() {
            open.insert(Query::File { path: path.clone() });
            if name == ".." || left == 0 && !follows {
                return;
            }
            path = format!("{path}/{name}");
        }
        open.insert(Query::File { path });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Area;

    /// A host with links at these paths and folders everywhere else, of which only those of `known` were asked for.
    struct Host {
        links: Vec<(&'static str, &'static str)>,
        known: Option<Vec<Query>>,
    }

    impl Lookup for Host {
        fn look(&self, query: &Query) -> Look {
            let Query::File { path } = query else { return Look::NotAsked };
            if self.known.as_ref().is_some_and(|known| !known.contains(query)) {
                return Look::NotAsked;
            }
            let link = self.links.iter().find(|(at, _)| at == path);
            let kind = link.map_or(Kind::Folder, |(_, to)| Kind::Link { target: to.to_string() });
            let (owner, group) = ("root".into(), "root".into());
            Look::Known(Answer::Meta(Some(Meta { kind, mode: 0o755, owner, group, size: 0 })))
        }

        fn may_still_come(&self, _: &[Area]) -> bool {
            false
        }
    }

    const LINKS: [(&str, &str); 5] = [
        ("/lib", "usr/lib"),
        ("/var/run", "/run"),
        ("/srv/now", "../opt/./app//1"),
        ("/usr/bin/x", "/etc/alternatives/x"),
        ("/loop", "loop"),
    ];

    #[test]
    fn a_path_leads_where_its_links_lead() {
        let host = Host { links: LINKS.into(), known: None };
        let links = Links::new(&host);
        for (path, real, followed) in [
            ("/lib/x", Some("/usr/lib/x"), Some("/usr/lib/x")),
            ("/var/run/app", Some("/run/app"), Some("/run/app")),
            ("/srv//now/./x", Some("/opt/app/1/x"), Some("/opt/app/1/x")),
            ("/srv/now/../x", Some("/opt/app/x"), Some("/opt/app/x")),
            ("/usr/bin/x", Some("/usr/bin/x"), Some("/etc/alternatives/x")),
            ("/loop/x", None, None),
            ("/..", Some("/"), Some("/")),
        ] {
            assert_eq!(links.real(path).as_deref(), real, "{path}");
            assert_eq!(links.leads(path).as_ref().map(|(real, _)| &**real), followed, "{path}");
        }
        assert!(links.open().is_empty());
    }

    #[test]
    fn the_folders_above_are_asked_for_at_once() {
        let host = Host { links: LINKS.into(), known: Some(vec![]) };
        let asked = |paths: &[&str]| -> Vec<Query> {
            paths.iter().map(|path| Query::File { path: path.to_string() }).collect()
        };
        let links = Links::new(&host);
        assert_eq!(links.real("/a/b/c"), None);
        assert_eq!(links.open(), asked(&["/a", "/a/b"]));
        assert_eq!(links.leads("/a/b/c"), None);
        assert_eq!(links.open(), asked(&["/a", "/a/b", "/a/b/c"]));
        let host = Host { known: Some(asked(&["/var", "/var/run"])), ..host };
        let links = Links::new(&host);
        assert_eq!(links.real("/var/run/a/b"), None);
        assert_eq!(links.open(), asked(&["/run", "/run/a"]));
    }
}
