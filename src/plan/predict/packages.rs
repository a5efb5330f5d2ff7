//! What packages provide once some of them come or go.
//!
//! Which are installed by name a task says itself. Which names they provide, and what comes along with them, only the package manager
//! knows.

use super::Overlay;
use crate::model::Area;
use agent::wire::{Op, PackageTool, Probe, Query};

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

impl Overlay {
    /// Whether apt would say of an installation now what it says then: no task installs or removes something, or changes its settings.
    pub fn is_apt_as_it_is(&self) -> bool {
        let settings = Area::Path("/etc/apt".into());
        let touches = |path: &String| Area::Path(path.clone()).overlaps(&settings);
        let is_unknown = self.unknown.iter().any(|(area, ..)| area.overlaps(&settings));
        self.packages.is_none() && !is_unknown && !self.files.keys().any(touches)
    }

    pub(super) fn note_packages(&mut self, task: &str, op: &Op) {
        if changes(op) {
            self.packages = Some((task.into(), self.seq));
        }
        if matches!(op, Op::Packages { args, .. } if installs(args)) {
            self.installed = self.seq;
        }
    }

    /// Why it is not known what provides a name.
    pub(super) fn unclear_providers(&self, query: &Query, known_at: usize) -> Option<String> {
        let Query::Run(Probe::DpkgProvides { .. } | Probe::RpmProvides { .. }) = query else { return None };
        let (task, _) = self.packages.as_ref().filter(|(_, seq)| *seq > known_at)?;
        Some(format!("`{task}` changes which packages are there, and with them the names that they provide"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Look;

    fn packages(tool: PackageTool, args: &[&str]) -> Op {
        let args = args.iter().map(ToString::to_string).collect();
        Op::Packages { tool, args, stdin: None, lock_timeout_s: 1, refresh: false }
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
}
