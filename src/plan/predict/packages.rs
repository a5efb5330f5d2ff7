//! What packages provide once some of them come or go.
//!
//! Which are installed by name a task says itself. Which names they provide, and what comes along with them, only the package manager
//! knows.

use super::Overlay;
use crate::{
    model::Area,
    resource::{AptAhead, Effect, PackagesAhead},
};
use agent::wire::{Answer, Op, PackageTool, Probe, Query};

/// Whether an op installs or removes something.
pub(super) fn changes(op: &Op) -> bool {
    let Op::Packages { tool, args, .. } = op else { return false };
    let is_of_lists = |word: &String| matches!(word.as_str(), "update" | "makecache");
    *tool != PackageTool::AptMark && !args.first().is_some_and(is_of_lists)
}

/// Whether the words to a package manager install something.
pub(super) fn installs(args: &[String]) -> bool {
    args.iter().any(|word| matches!(word.as_str(), "install" | "upgrade" | "dist-upgrade"))
}

/// Whether dpkg says that a package is there: the second letter of what it says.
fn is_installed(answer: &Answer) -> bool {
    let Answer::Output(said) = answer else { return false };
    let text = String::from_utf8_lossy(said.stdout.bytes()).into_owned();
    let status = |line: &str| line.split('\t').nth(1).and_then(|status| status.chars().nth(1));
    text.lines().any(|line| matches!(status(line), Some('i' | 'W' | 't')))
}

impl Overlay {
    /// What apt is to be told beside the next installation, so that it says of that now what it says then. It cannot once something is
    /// removed or upgraded, or apt's settings are changed.
    pub fn packages_ahead(&self) -> PackagesAhead {
        let settings = Area::Path("/etc/apt".into());
        let touches = |path: &String| Area::Path(path.clone()).overlaps(&settings);
        let is_unclear = |here: &Area| self.unknown.iter().any(|(area, ..)| area.overlaps(here));
        match &self.apt {
            Some(ahead) if !is_unclear(&settings) && !self.files.keys().any(touches) => {
                PackagesAhead::Apt(ahead.clone())
            }
            _ => PackagesAhead::Unclear { installs: self.installed > 0 || is_unclear(&Area::Packages) },
        }
    }

    /// Takes what a task installs, and what it is predicted to bring along, as further words to apt.
    pub(super) fn note_apt(
        &mut self,
        ops: &[Op],
        effects: &[Effect],
        real: &dyn Fn(&Query) -> Option<Answer>,
    ) {
        for op in ops.iter().filter(|op| changes(op)) {
            let install = match op {
                Op::Packages { tool: PackageTool::AptGet, args, .. } => args.split_first(),
                _ => None,
            };
            let Some((_, words)) = install.filter(|(verb, _)| *verb == "install") else {
                self.apt = None;
                continue;
            };
            let (options, names): (Vec<_>, Vec<_>) =
                words.iter().cloned().partition(|word| word.starts_with('-'));
            // Beside its name, apt would take another version than that of a file.
            let is_file = names.iter().any(|name| name.starts_with('/'));
            let goes_on = |ahead: &AptAhead| ahead.goes_on_with(&options) && !names.is_empty() && !is_file;
            let Some(mut ahead) = self.apt.take().filter(goes_on) else { continue };
            ahead.names.extend(names);
            self.apt = Some(AptAhead { options, ..ahead });
        }
        let Some(ahead) = &mut self.apt else { return };
        ahead.moves |= ops.iter().any(|op| matches!(op, Op::Packages { .. }));
        let came = effects.iter().filter_map(|effect| match effect {
            Effect::Answer(query @ Query::Run(Probe::DpkgStatus { names }), answer) => {
                // Apt would take the newest of what is there already, were it named.
                let is_new = is_installed(answer) && !real(query).is_some_and(|now| is_installed(&now));
                names.first().filter(|_| is_new)
            }
            _ => None,
        });
        let is_new = |name: &&String| !ahead.names.iter().any(|known| known.split('=').next() == Some(name));
        let came: Vec<String> = came.filter(is_new).cloned().collect();
        ahead.names.extend(came);
    }

    pub(super) fn note_packages(&mut self, task: &str, op: &Op) {
        if changes(op) {
            self.packages = Some((task.into(), self.seq));
        }
        if matches!(op, Op::Packages { args, .. } if installs(args)) {
            self.installed = self.seq;
        }
    }

    /// Why it is not known what provides a name, or which package a file is.
    pub(super) fn unclear_packages(&self, query: &Query, known_at: usize) -> Option<String> {
        if let Query::Run(Probe::PackageFile { path, .. }) = query {
            let is_new = self.replaced_at(path) > known_at;
            return is_new.then(|| format!("which package {path} holds by then is not known before"));
        }
        let Query::Run(Probe::DpkgProvides { .. } | Probe::RpmProvides { .. }) = query else { return None };
        let (task, _) = self.packages.as_ref().filter(|(_, seq)| *seq > known_at)?;
        Some(format!("`{task}` changes which packages are there, and with them the names that they provide"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Look;
    use agent::{secret::Content, wire::Output};

    fn output(code: i32, text: &str) -> Output {
        Output { code, stdout: Content::from(text), stderr: Content::from("") }
    }

    fn packages(tool: PackageTool, args: &[&str]) -> Op {
        let args = args.iter().map(ToString::to_string).collect();
        Op::Packages { tool, args, stdin: None, lock_timeout_s: 1, refresh: false }
    }

    #[test]
    fn apt_is_told_what_earlier_tasks_install() {
        use PackageTool::{AptGet, AptMark};
        let effect = |name: &str, said: &str| {
            let query = Query::Run(Probe::DpkgStatus { names: vec![name.into()] });
            Effect::Answer(query, Answer::Output(output(0, &format!("{name}\t{said}\n"))))
        };
        let there = |query: &Query| {
            let Query::Run(Probe::DpkgStatus { names }) = query else { return None };
            let is_there = names[0] == "there";
            Some(Answer::Output(output(i32::from(!is_there), if is_there { "there\tii \t1\n" } else { "" })))
        };
        let told = |ops: &[Op], effects: &[Effect]| {
            let mut overlay = Overlay::new("root");
            overlay.add("t", ops, effects, &[], &there);
            match overlay.packages_ahead() {
                PackagesAhead::Apt(ahead) => Ok((ahead.names.join(" "), ahead.options.join(" "))),
                other => Err(other.installs()),
            }
        };
        let is = |names: &str, options: &str| Ok((names.to_owned(), options.to_owned()));
        let install = || packages(AptGet, &["install", "--no-remove", "git=2", "there"]);
        assert_eq!(told(&[], &[]), is("", ""));
        assert_eq!(
            told(&[packages(AptGet, &["update"]), packages(AptMark, &["hold", "x"])], &[]),
            is("", "")
        );
        // What comes along is named, but not what was there, nor what went.
        let effects = [
            effect("git", "ii \t2"),
            effect("perl", "ii \t5"),
            effect("there", "ii \t1"),
            effect("gone", "rc \t1"),
        ];
        assert_eq!(told(&[install()], &effects), is("git=2 there perl", "--no-remove"));
        let moves = |ops: &[Op]| {
            let mut overlay = Overlay::new("root");
            overlay.add("t", ops, &[], &[], &there);
            matches!(overlay.packages_ahead(), PackagesAhead::Apt(AptAhead { moves: true, .. }))
        };
        assert!(moves(&[packages(AptGet, &["update"])]) && moves(&[packages(AptMark, &["unhold", "x"])]));
        assert!(!moves(&[Op::Remove { path: "/srv/x".into(), recursive: false }]));
        // Once apt would add what it left out before, or something goes, nobody can tell.
        let bare = || packages(AptGet, &["install", "--no-remove", "--no-install-recommends", "vim"]);
        assert_eq!(
            told(&[install(), bare()], &[]),
            is("git=2 there vim", "--no-remove --no-install-recommends")
        );
        assert_eq!(told(&[bare(), install()], &[]), Err(true));
        assert_eq!(told(&[packages(AptGet, &["remove", "git"]), install()], &[]), Err(true));
        for words in [
            &["remove", "git"][..],
            &["upgrade", "--with-new-pkgs"],
            &["install", "--fix-broken", "--no-remove"],
        ] {
            assert_eq!(told(&[packages(AptGet, words)], &[]), Err(words[0] != "remove"), "{words:?}");
        }
        let write = || Op::WriteFile {
            path: "/etc/apt/preferences.d/x".into(),
            content: Content::from(""),
            attrs: Default::default(),
            check: None,
        };
        assert_eq!(told(&[write(), install()], &[]), Err(true));
        assert_eq!(told(&[write()], &[]), Err(false));
    }

    #[test]
    fn what_provides_a_name_is_not_told_from_what_was_installed_before() {
        use PackageTool::{AptGet, AptMark, Dnf};
        let names = || vec!["mail-transport-agent".to_string()];
        let providers = [Probe::DpkgProvides { names: names() }, Probe::RpmProvides { names: names() }];
        let status = Query::Run(Probe::DpkgStatus { names: names() });
        for (op, is_unclear) in [
            (packages(AptGet, &["update"]), false),
            (packages(Dnf, &["makecache", "--refresh"]), false),
            (packages(AptMark, &["hold", "postfix"]), false),
            (packages(AptGet, &["install", "--no-remove", "postfix"]), true),
            (packages(AptGet, &["purge", "postfix"]), true),
            (packages(Dnf, &["install", "postfix"]), true),
        ] {
            let mut overlay = Overlay::new("root");
            overlay.add("mail", std::slice::from_ref(&op), &[], &[], &|_| None);
            for query in providers.iter().cloned().map(Query::Run) {
                let look = overlay.look(&query, &[]);
                assert_eq!(matches!(look, Some(Look::Unknown(_))), is_unclear, "{op:?}: {look:?}");
            }
            // That no other package has the name is known.
            assert!(overlay.look(&status, &[]).is_none());
        }
    }

    #[test]
    fn which_package_a_file_is_shows_once_it_is_there() {
        let about = |path: &str| {
            let path = path.into();
            Query::Run(Probe::PackageFile { tool: PackageTool::AptGet, path })
        };
        let mut overlay = Overlay::new("root");
        let write = Op::WriteFile {
            path: "/srv/tool.deb".into(),
            content: Content::from("new"),
            attrs: Default::default(),
            check: None,
        };
        overlay.add("brings", &[write], &[], &[], &|_| Some(Answer::Meta(None)));
        let Some(Look::Unknown(why)) = overlay.look(&about("/srv/tool.deb"), &[]) else { panic!() };
        assert_eq!(why, "which package /srv/tool.deb holds by then is not known before");
        assert!(overlay.look(&about("/srv/other.deb"), &[]).is_none());
        // What apt would take of it beside another one, it cannot say before.
        let install = packages(PackageTool::AptGet, &["install", "--no-remove", "/srv/tool.deb"]);
        overlay.add("installs", &[install], &[], &[], &|_| None);
        assert_eq!(overlay.packages_ahead(), PackagesAhead::Unclear { installs: true });
    }
}
