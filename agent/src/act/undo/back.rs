//! What an armed revert brings back: changes at some paths that nobody has confirmed.
//!
//! A change is confirmed when a new connection came after something was started with it ([`super::confirm`]), and when the host has come up
//! since. So what a run has left that was cut off, or failed, before it started anything, goes back with the next one that does.

use super::{Record, look, records};
use crate::act::kept;
use crate::act::state::newest_first;
use crate::secret::Content;
use crate::wire::undo::{Changed, Deed};
use crate::wire::{Attrs, Kind, Meta, Op};
use crate::{act::arm::this_boot, observe::Observer};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where systemd reads what units are.
const UNIT_FOLDERS: [&str; 7] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The paths of [`crate::wire::Earlier::Files`].
pub fn paths(below: &[String], units: &[String], login: bool) -> Vec<String> {
    let mut names: Vec<String> = units.iter().flat_map(|unit| files_of(unit)).collect();
    names.sort_unstable();
    names.dedup();
    let of_units =
        UNIT_FOLDERS.iter().flat_map(|folder| names.iter().map(move |name| format!("{folder}/{name}")));
    let home = crate::observe::probe::login_home().filter(|_| login);
    let keys = home.map(|home| format!("{}/.ssh", home.trim_end_matches('/')));
    below.iter().cloned().chain(of_units).chain(keys).collect()
}

/// A unit's file, and the folders of what is dropped in: its own, and those that it has in common with others.
fn files_of(unit: &str) -> Vec<String> {
    let Some((stem, kind)) = unit.rsplit_once('.') else { return vec![] };
    let shared = stem.match_indices('-').map(|(at, _)| format!("{}.{kind}.d", &stem[..=at]));
    [unit.to_string(), format!("{unit}.d"), format!("{kind}.d")].into_iter().chain(shared).collect()
}

/// A change that nobody has confirmed.
struct Open {
    /// The last one is the own run.
    run: usize,
    number: String,
    changed: Changed,
    /// A folder that was removed with what was in it.
    tree: bool,
}

fn is_within(path: &str, above: &str) -> bool {
    Path::new(path).starts_with(above)
}

/// Whether a change at a path is one below another, or takes that away.
fn concerns(path: &str, tree: bool, other: &str) -> bool {
    is_within(path, other) || tree && is_within(other, path)
}

/// Oldest first.
fn open(runs: &[PathBuf], below: &[String]) -> Vec<Open> {
    let boot = this_boot();
    let mut open: Vec<Open> = vec![];
    for (run, folder) in runs.iter().enumerate() {
        // What says no boot was written by an agent that knew of none.
        let mut is_since = false;
        for record in records(folder) {
            match record {
                Record::Boot(at) => is_since = at == boot,
                Record::Begin(..) | Record::End(..) if !is_since => {}
                Record::Begin(number, steps) => {
                    let known = steps.into_iter().filter_map(|step| {
                        let (changed, tree) = match step.deed {
                            Deed::Path(changed) => (changed, false),
                            Deed::Tree(changed) => (changed, true),
                            Deed::Other(_) => return None,
                        };
                        Some(Open { run, number: number.clone(), changed, tree })
                    });
                    open.extend(
                        known.filter(|it| below.iter().any(|to| concerns(&it.changed.path, it.tree, to))),
                    );
                }
                Record::End(number, after) => {
                    for it in open.iter_mut().filter(|it| it.run == run && it.number == number) {
                        let of_it = after.iter().find(|(path, _)| *path == it.changed.path);
                        it.changed.after = of_it.map(|(_, meta)| meta.clone());
                    }
                }
                Record::Confirmed(paths) => {
                    open.retain(|it| !paths.iter().any(|at| concerns(&it.changed.path, it.tree, at)));
                }
            }
        }
    }
    open
}

/// What is known of a path on the way back.
struct Known {
    /// Of the last change that went back.
    run: usize,
    meta: Option<Meta>,
    /// Somebody else has changed it since an earlier run: what was before that is nobody's any more.
    lost: bool,
}

/// The ops that bring back what nobody has confirmed at these paths and below them, the latest change first. Of what was not kept only mode
/// and owner come back.
pub fn back(state: &Path, own: &Path, below: &[String]) -> Vec<Op> {
    let mut runs = newest_first(&state.join("runs"));
    runs.retain(|run| run != own);
    runs.reverse();
    runs.push(own.into());
    let mut observer = Observer::default();
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let (mut trees, mut ops): (Vec<String>, Vec<Op>) = (vec![], vec![]);
    for Open { run, changed, tree, .. } in open(&runs, below).into_iter().rev() {
        let path = changed.path.clone();
        let fits = match known.get(&path) {
            Some(known) if known.lost || known.run == run => !known.lost,
            Some(known) => is_as_left(&changed, &known.meta),
            // In its own run everything is meant to go back, and what is in a folder that comes back is as it was then.
            None if run + 1 == runs.len() || trees.iter().any(|tree| is_within(&path, tree)) => true,
            None => is_as_left(&changed, &look(&mut observer, &path)),
        };
        known.insert(path.clone(), Known { run, meta: changed.before.clone(), lost: !fits });
        match tree {
            _ if !fits => {}
            true => {
                ops.extend(tree_before(changed, below));
                trees.push(path);
            }
            false => ops.extend(before(changed)),
        }
    }
    ops
}

/// Whether a path is as a change has left it, as far as that is known.
fn is_as_left(changed: &Changed, now: &Option<Meta>) -> bool {
    let digest = |meta: &Option<Meta>| match meta {
        Some(Meta { kind: Kind::File { digest }, .. }) => *digest,
        _ => None,
    };
    match (&changed.after, changed.wanted) {
        (Some(after), _) => after == now,
        // The run was ended in the middle of it.
        (None, Some(wanted)) => digest(now) == Some(wanted) || *now == changed.before,
        (None, None) => true,
    }
}

fn before(changed: Changed) -> Vec<Op> {
    let path = changed.path;
    let Some(meta) = changed.before else { return vec![Op::Remove { path, recursive: false }] };
    let attrs = Attrs { mode: Some(meta.mode), owner: Some(meta.owner), group: Some(meta.group) };
    match (meta.kind, changed.saved.map(fs::read)) {
        (Kind::Link { target }, _) => vec![Op::MakeLink { path, target }],
        (Kind::File { .. }, Some(Ok(bytes))) => {
            vec![Op::WriteFile { path, content: Content::new(bytes, true), attrs, check: None }]
        }
        // It may be there still, and go with the task that this is for.
        (Kind::Folder, _) => vec![Op::MakeFolder { path, attrs }],
        (Kind::File { .. }, _) => vec![Op::SetAttrs { path, attrs }],
        _ => vec![],
    }
}

/// A folder with what was in it, as far as it concerns these paths.
fn tree_before(changed: Changed, below: &[String]) -> Vec<Op> {
    let path = PathBuf::from(&changed.path);
    // It goes with the task that this is for, or could not be kept.
    let kept = changed.saved.as_ref().map(PathBuf::from).filter(|kept| kept.symlink_metadata().is_ok());
    let source = kept.unwrap_or_else(|| path.clone());
    if source.symlink_metadata().is_err() {
        return before(changed);
    }
    if below.iter().any(|to| is_within(&changed.path, to)) {
        return kept::ops(&source, &path);
    }
    let mut ops = vec![];
    for inside in below.iter().filter_map(|to| Path::new(to).strip_prefix(&path).ok()) {
        if source.join(inside).symlink_metadata().is_err() {
            continue;
        }
        let above: Vec<&Path> = inside.ancestors().skip(1).collect();
        for above in above.into_iter().rev() {
            ops.extend(kept::folder(&joined(&source, above), &joined(&path, above)));
        }
        ops.extend(kept::ops(&source.join(inside), &path.join(inside)));
    }
    ops
}

/// As [`Path::join`], without a `/` at the end.
fn joined(path: &Path, inside: &Path) -> PathBuf {
    if inside == Path::new("") { path.into() } else { path.join(inside) }
}

#[cfg(test)]
mod tests {
    use super::files_of;

    #[test]
    fn what_is_dropped_in_for_several_units_is_a_units_own_too() {
        assert_eq!(
            files_of("systemd-networkd.service"),
            ["systemd-networkd.service", "systemd-networkd.service.d", "service.d", "systemd-.service.d"]
        );
        assert_eq!(files_of("ssh@.service"), ["ssh@.service", "ssh@.service.d", "service.d"]);
    }
}
