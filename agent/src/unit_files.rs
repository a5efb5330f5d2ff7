//! Keeps looks at units apart from changes of systemd's unit files.
//!
//! Between enabling one unit and the reload after it systemd says of *every* unit that it is older than its file
//! (`NeedDaemonReload`): a task beside it would find its own unit not converged.

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static UNIT_FILES: RwLock<()> = RwLock::new(());

/// Held while a unit is looked at.
pub fn rest() -> RwLockReadGuard<'static, ()> {
    UNIT_FILES.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Held while a command runs that changes which unit files systemd knows; `None` for all others.
pub fn change(argv: &[String]) -> Option<RwLockWriteGuard<'static, ()>> {
    changes(argv).then(|| UNIT_FILES.write().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

fn changes(argv: &[String]) -> bool {
    const VERBS: [&str; 8] =
        ["enable", "disable", "reenable", "preset", "link", "mask", "unmask", "daemon-reload"];
    let is_systemctl = argv.first().is_some_and(|program| program == "systemctl");
    // The verb, not the name of a unit.
    let verb = argv.iter().skip(1).find(|word| !word.starts_with('-'));
    is_systemctl && verb.is_some_and(|verb| VERBS.contains(&verb.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_unit_files_keeps_looks_waiting() {
        let changes = |line: &str| changes(&line.split(' ').map(String::from).collect::<Vec<_>>());
        assert!(changes("systemctl daemon-reload"));
        assert!(changes("systemctl --now enable -- web.service"));
        assert!(!changes("systemctl start -- enable"));
        assert!(!changes("sh -c systemctl enable"));
        let looks = [rest(), rest()];
        assert!(UNIT_FILES.try_write().is_err(), "a change begins in the middle of a look");
        drop(looks);
        let reload = ["systemctl", "daemon-reload"].map(String::from);
        let change = change(&reload);
        assert!(
            change.is_some() && UNIT_FILES.try_read().is_err(),
            "a look begins in the middle of a change"
        );
    }
}
