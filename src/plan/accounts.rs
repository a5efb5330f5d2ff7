//! Accounts that own what a task writes: one that is missing is told before anything is done.

use crate::{
    model::Area,
    resource::{Change, Fault, Look, Lookup},
};
use agent::wire::{Answer, Attrs, Op, Query};
use std::collections::BTreeSet;

/// The questions that are open about the accounts that a change names.
///
/// # Errors
/// One of them is not there, and no earlier task may make it.
pub(super) fn open_questions(change: &Change, lookup: &dyn Lookup) -> Result<Vec<Query>, Fault> {
    let mut open = vec![];
    for query in change.ops.iter().filter_map(attrs).flat_map(named).collect::<BTreeSet<_>>() {
        let missing = match (lookup.look(&query), &query) {
            (Look::NotAsked, _) => {
                open.push(query);
                continue;
            }
            (Look::Known(Answer::User(None)), Query::User { name }) => format!("user `{name}`"),
            (Look::Known(Answer::Group(None)), Query::Group { name }) => format!("group `{name}`"),
            _ => continue,
        };
        if !lookup.may_still_come(&sources()) && !lookup.lets_come() {
            let fault = Fault::new(format!("there is no {missing} on the host, who is to own it"));
            return Err(
                fault.hint("an earlier task can make it: `user`, `group`, or a `package` that brings it")
            );
        }
    }
    Ok(open)
}

/// Where accounts come from: of a host's own, and of servers.
fn sources() -> Vec<Area> {
    let services = ["sssd", "nslcd", "winbind", "nscd"].map(|name| Area::Unit(format!("{name}.service")));
    let files = ["/etc/nsswitch.conf", "/etc/sssd", "/etc/nslcd.conf", "/etc/samba"];
    let files = files.map(|path| Area::Path(path.into()));
    [Area::Accounts].into_iter().chain(services).chain(files).collect()
}

fn attrs(op: &Op) -> Option<&Attrs> {
    match op {
        Op::MakeFolder { attrs, .. } | Op::WriteFile { attrs, .. } | Op::SetAttrs { attrs, .. } => {
            Some(attrs)
        }
        Op::CopyFile(copy) => Some(&copy.attrs),
        Op::Download(download) => Some(&download.attrs),
        _ => None,
    }
}

/// Numbers need no account, and root is everywhere.
fn named(attrs: &Attrs) -> impl Iterator<Item = Query> {
    let is_named = |name: &&String| *name != "root" && name.parse::<u32>().is_err();
    let user = attrs.owner.as_ref().filter(is_named).map(|name| Query::User { name: name.clone() });
    let group = attrs.group.as_ref().filter(is_named).map(|name| Query::Group { name: name.clone() });
    user.into_iter().chain(group)
}
