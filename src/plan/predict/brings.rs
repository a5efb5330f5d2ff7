//! What earlier changes may bring besides what is laid down of them: a package its files, programs, accounts and services, a command
//! anything that it touches.

use super::{
    Overlay,
    packages::{changes, installs},
};
use crate::{
    model::{Area, path_within},
    plan::laid::{Named, Seen},
    resource::Effect,
};
use agent::wire::{Answer, Op, Query};

/// Where programs are found.
const PROGRAMS: [&str; 8] = [
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/libexec",
    // Docker's plugins, compose among them.
    "/usr/local/lib/docker",
];
/// And those of docker that a user has.
const PLUGINS: &str = "/.docker/cli-plugins";

impl Overlay {
    /// Takes note of what a change may bring. `writes`: what its task is declared to write.
    pub(super) fn may_bring_of(&mut self, ops: &[Op], effects: &[Effect], writes: &[Area]) {
        // Who says which accounts there are by then brings no others, but homes.
        let tells =
            |effect: &Effect| matches!(effect, Effect::Answer(Query::User { .. } | Query::Group { .. }, _));
        let tells_accounts = effects.iter().any(tells);
        for op in ops {
            match op {
                // Whatever is in the packages.
                Op::Packages { args, .. } if installs(args) => self.brings.push(Area::Everything),
                // Lists and marks bring nothing.
                Op::Packages { .. } if !changes(op) => {}
                // What is removed may leave something in another place.
                Op::Packages { .. } => {
                    self.brings.extend(writes.iter().filter(|area| **area != Area::Packages).cloned());
                }
                Op::Exec { .. } | Op::Job { .. } | Op::Steps(_) | Op::Unpack(_) => {
                    let is_told = |area: &Area| tells_accounts && *area == Area::Accounts;
                    self.brings.extend(writes.iter().filter(|area| !is_told(area)).cloned());
                    self.brings.extend(effects.iter().filter_map(home));
                }
                // What is there may be run, or reached, from then on.
                Op::SetTree(wish) => self.opens.push(Area::Path(wish.path.clone())),
                Op::SetAttrs { path, .. } | Op::SetAcl { path, .. } => {
                    self.opens.push(Area::Path(path.clone()));
                }
                // Ops on files say all.
                _ => {}
            }
        }
        let unknown = effects.iter().filter_map(|effect| match effect {
            Effect::Unknown(area) => Some(area).filter(|area| **area != Area::Packages),
            Effect::Answer(..) => None,
        });
        self.brings.extend(unknown.cloned());
    }

    /// Whether any change so far may have brought what is missing in one of these places.
    pub fn may_bring(&self, missing: &[Area]) -> bool {
        missing
            .iter()
            .any(|missing| self.brings.iter().any(|area| brings(area, missing)) || self.lays_down(missing))
    }

    /// The same of a program that is to run, or of a folder to run in: something may make it as it starts, and what is there already may be
    /// closed to whoever runs it.
    pub fn may_let_run(&self, missing: &[Area]) -> bool {
        use Area::{Compose, Docker, DockerPart, Packages, Unit};
        let starts = |area: &Area| matches!(area, Unit(_) | Docker | DockerPart(_) | Compose(_));
        self.may_bring(missing)
            || missing.contains(&Packages) && self.brings.iter().any(starts)
            || missing.iter().any(|missing| self.opens.iter().any(|area| brings(area, missing)))
    }

    /// Whether a change so far may make another of what is at one of these paths, or close it.
    pub fn replaces(&self, paths: &[String]) -> bool {
        paths.iter().any(|path| {
            let (there, at) = (Query::There { path: path.clone() }, Area::Path(path.clone()));
            let mut places = self.brings.iter().chain(&self.opens);
            self.node(path).is_some()
                || self.behind_link(&there).is_some()
                || places.any(|area| matches!(area, Area::Path(_)) && area.overlaps(&at))
        })
    }

    /// What tasks named that was laid down since, or that may bring something or open it, as they name it.
    pub fn named_since(&self, seen: &mut Seen) -> Vec<Named> {
        let files = self.files.iter().filter(|(_, file)| file.seq > seen.seq);
        let places = self.brings[seen.brings..].iter().chain(&self.opens[seen.opens..]);
        let places = places.filter_map(|area| match area {
            Area::Path(path) => Some(Named::Place(path.clone())),
            _ => None,
        });
        let named = files.map(|(path, _)| Named::File(path.clone())).chain(places).collect();
        *seen = Seen { seq: self.seq, brings: self.brings.len(), opens: self.opens.len() };
        named
    }

    /// Whether something is laid down under this name.
    pub fn lays(&self, name: &str) -> bool {
        self.files.get(name).is_some_and(|file| file.meta.is_some())
    }

    /// Whether a package that is installed may bring what is at a path: where no task has said anything of it since. A folder that is made
    /// where nothing was is empty.
    pub fn packages_may_bring(&self, path: &str) -> bool {
        let told = self.files.get(path).map_or(0, |file| file.seq);
        let above = self.files.iter().filter(|(folder, _)| path_within(path, folder));
        let made = above.filter_map(|(_, file)| file.made).max().unwrap_or(0);
        self.installed > told.max(self.replaced_at(path)).max(made)
    }

    /// Whether a file is written there.
    fn lays_down(&self, missing: &Area) -> bool {
        let mut there = self.files.iter().filter(|(_, file)| file.meta.is_some()).map(|(path, _)| path);
        match missing {
            Area::Path(folder) => there.any(|path| path_within(path, folder)),
            Area::Packages => there.any(|path| holds_programs(path)),
            _ => false,
        }
    }
}

/// The home of an account that is told.
fn home(effect: &Effect) -> Option<Area> {
    match effect {
        Effect::Answer(Query::User { .. }, Answer::User(Some(user))) => Some(Area::Path(user.home.clone())),
        _ => None,
    }
}

/// Whether a path is among programs, or has them below it.
fn holds_programs(path: &str) -> bool {
    let overlaps = |folder: &str| path_within(path, folder) || path_within(folder, path);
    path.contains(PLUGINS) || PROGRAMS.iter().any(|folder| overlaps(folder))
}

/// Whether a change of the one, which nobody can tell before, may bring what is missing in the other.
fn brings(area: &Area, missing: &Area) -> bool {
    use Area::{Accounts, Compose, Docker, DockerPart, Everything, Packages, Path, Postgres, Unit};
    match (area, missing) {
        (Everything | Packages, _) | (_, Everything) => true,
        (Path(path), Packages) => holds_programs(path),
        // A home; what a service or a container makes for itself.
        (Accounts | Unit(_) | Docker | DockerPart(_) | Compose(_), Path(_)) => true,
        // A daemon answers once it runs.
        (Unit(_), Docker | DockerPart(_) | Compose(_) | Postgres(_)) => true,
        (Docker | DockerPart(_) | Compose(_), Postgres(_)) => true,
        (area, missing) => area.overlaps(missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent::{
        secret::Content,
        wire::{Attrs, Exec, PackageTool, User},
    };

    fn path(path: &str) -> Area {
        Area::Path(path.into())
    }

    fn run() -> Op {
        Op::Exec { exec: Exec::new(["true"]), ok: vec![] }
    }

    fn after(ops: &[Op], writes: &[Area]) -> Overlay {
        let mut overlay = Overlay::new("root");
        overlay.add("t", ops, &[], writes, &|_| None);
        overlay
    }

    #[test]
    fn a_program_comes_with_what_may_install_one() {
        let program = [Area::Packages];
        for (writes, expected) in [
            (vec![Area::Everything], true),
            (vec![Area::Packages], true),
            (vec![path("/usr/local")], true),
            (vec![path("/usr/local/bin/x")], true),
            (vec![path("/home/a/.docker/cli-plugins")], true),
            (vec![path("/etc/nginx")], false),
            (vec![Area::Unit("nginx.service".into())], false),
            (vec![Area::Compose("shop".into())], false),
            (vec![Area::Accounts], false),
        ] {
            assert_eq!(after(&[run()], &writes).may_bring(&program), expected, "{writes:?}");
        }
        // What is written is there, and is no package.
        let write = |path: &str| Op::WriteFile {
            path: path.into(),
            content: Content::from(""),
            attrs: Attrs::default(),
            check: None,
        };
        assert!(after(&[write("/usr/local/bin/x")], &[]).may_bring(&program));
        assert!(!after(&[write("/etc/x")], &[path("/etc/x")]).may_bring(&program));
    }

    #[test]
    fn an_account_that_is_made_brings_no_other() {
        let known = User {
            name: "app".into(),
            uid: 1,
            gid: 1,
            group: "app".into(),
            home: "/home/app".into(),
            shell: "/bin/sh".into(),
            comment: String::new(),
            groups: vec![],
        };
        let made = Effect::Answer(Query::User { name: "app".into() }, Answer::User(Some(known)));
        let after = |effects: &[Effect]| {
            let mut overlay = Overlay::new("root");
            overlay.add("t", &[run()], effects, &[Area::Accounts], &|_| None);
            overlay
        };
        assert!(!after(std::slice::from_ref(&made)).may_bring(&[Area::Accounts]));
        assert!(after(std::slice::from_ref(&made)).may_bring(&[path("/home/app")]));
        assert!(!after(std::slice::from_ref(&made)).may_bring(&[path("/etc/nsswitch.conf")]));
        // A command that touches accounts may make any.
        assert!(after(&[]).may_bring(&[Area::Accounts]));
    }

    #[test]
    fn what_packages_bring_is_there_until_something_else_is_done_to_it() {
        let install = || Op::Packages {
            tool: PackageTool::AptGet,
            args: vec!["install".into(), "law".into()],
            stdin: None,
            lock_timeout_s: 1,
            refresh: false,
        };
        let remove = |path: &str| Op::Remove { path: path.into(), recursive: true };
        let file = "/etc/law/one.conf";
        for (ops, expected) in [
            (vec![], false),
            (vec![install()], true),
            (vec![remove(file), install()], true),
            (vec![remove("/etc/law"), install()], true),
            (vec![install(), remove(file)], false),
            (vec![install(), remove("/etc/law")], false),
            (vec![install(), remove("/etc/law"), install()], true),
            (vec![install(), remove("/etc/law.d")], true),
        ] {
            assert_eq!(after(&ops, &[]).packages_may_bring(file), expected, "{ops:?}");
        }
        // A folder that is made where nothing was is empty; of one that was there nobody knows what comes into it.
        let folder = || Op::MakeFolder { path: "/etc/law".into(), attrs: Attrs::default() };
        let nothing = |_: &Query| Some(Answer::Meta(None));
        for (ops, expected) in [(vec![install(), folder()], false), (vec![folder(), install()], true)] {
            let mut overlay = Overlay::new("root");
            overlay.add("t", &ops, &[], &[], &nothing);
            assert_eq!(overlay.packages_may_bring(file), expected, "{ops:?}");
        }
        assert!(after(&[install(), folder()], &[]).packages_may_bring(file));
    }

    #[test]
    fn lists_and_marks_bring_nothing() {
        let apt = |tool, words: &[&str]| Op::Packages {
            tool,
            args: words.iter().map(ToString::to_string).collect(),
            stdin: None,
            lock_timeout_s: 1,
            refresh: false,
        };
        let areas = [path("/etc"), path("/usr"), Area::Packages];
        for (op, expected) in [
            (apt(PackageTool::AptGet, &["update"]), false),
            (apt(PackageTool::AptMark, &["hold", "x"]), false),
            (apt(PackageTool::AptGet, &["install", "x"]), true),
            (apt(PackageTool::AptGet, &["dist-upgrade"]), true),
        ] {
            let overlay = after(std::slice::from_ref(&op), &areas);
            assert_eq!(overlay.may_bring(&[path("/etc/x")]), expected, "{op:?}");
            assert_eq!(overlay.may_bring(&[Area::Packages]), expected, "{op:?}");
        }
    }

    #[test]
    fn what_is_missing_comes_from_where_it_is() {
        let docker = [Area::Packages, Area::Docker, Area::Unit("docker.service".into())];
        let unit = |name: &str| after(&[run()], &[Area::Unit(name.into())]);
        assert!(unit("docker.service").may_bring(&docker));
        assert!(unit("nginx.service").may_bring(&[path("/run/nginx")]));
        assert!(!unit("nginx.service").may_bring(&[Area::Accounts]));
        assert!(!after(&[run()], &[path("/srv/a")]).may_bring(&[path("/srv/b")]));
        assert!(after(&[run()], &[path("/srv")]).may_bring(&[path("/srv/b")]));
        let compose = after(&[run()], &[Area::Compose("db".into())]);
        assert!(compose.may_bring(&[Area::Postgres("db/role/app".into())]));
    }

    #[test]
    fn a_program_may_also_be_made_by_what_starts_or_be_opened() {
        let program = [Area::Packages];
        for (area, expected) in [
            (Area::Unit("nginx.service".into()), true),
            (Area::Docker, true),
            (Area::DockerPart("network edge".into()), true),
            (Area::Compose("shop".into()), true),
            (Area::Accounts, false),
            (path("/etc/nginx"), false),
        ] {
            assert_eq!(
                after(&[run()], std::slice::from_ref(&area)).may_let_run(&program),
                expected,
                "{area}"
            );
        }
        let attrs = |path: &str| Op::SetAttrs { path: path.into(), attrs: Attrs::default() };
        let list = |path: &str| {
            let path = path.into();
            Op::SetAcl { path, entries: vec!["user:1:rwx".into()], remove: false, recursive: false }
        };
        let tree = |path: &str| {
            let (folders, files, owner, group) = (None, None, None, None);
            Op::SetTree(agent::wire::TreeAttrs { path: path.into(), folders, files, owner, group })
        };
        for op in [attrs, list, tree] {
            let opened = after(&[op("/srv/a")], &[]);
            assert!(opened.may_let_run(&[path("/srv/a/x")]) && !opened.may_let_run(&[path("/srv/b/x")]));
            // Nothing else comes by that.
            assert!(!opened.may_bring(&[path("/srv/a/x")]) && !opened.may_let_run(&program));
            assert!(after(&[op("/usr/local/bin/x")], &[]).may_let_run(&program));
        }
    }
}
