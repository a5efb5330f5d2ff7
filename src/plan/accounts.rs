//! Accounts that own what a task writes: one that is missing is told before anything is done, and whose a number is.

use crate::{
    model::Area,
    resource::{Change, Fault, Look, Lookup},
};
use agent::wire::{Answer, Op, Query};
use std::collections::BTreeSet;

/// The questions that are open about the accounts that a change names.
///
/// # Errors
/// One of them is not there, and no earlier task may make it.
pub(super) fn open_questions(change: &Change, lookup: &dyn Lookup) -> Result<Vec<Query>, Fault> {
    let mut open = vec![];
    for query in change.ops.iter().filter_map(owners).flat_map(asked_of).collect::<BTreeSet<_>>() {
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

/// Whom an op makes the owner, and the group.
fn owners(op: &Op) -> Option<[Option<&String>; 2]> {
    let attrs = match op {
        Op::MakeFolder { attrs, .. } | Op::WriteFile { attrs, .. } | Op::SetAttrs { attrs, .. } => attrs,
        Op::CopyFile(copy) => &copy.attrs,
        Op::Download(download) => &download.attrs,
        Op::SetTree(wish) => return Some([wish.owner.as_ref(), wish.group.as_ref()]),
        _ => return None,
    };
    Some([attrs.owner.as_ref(), attrs.group.as_ref()])
}

/// A name has to be there. A number needs no account: the host tells it by its name where it has one, and so do the tasks behind. Root is
/// everywhere.
fn asked_of([owner, group]: [Option<&String>; 2]) -> impl Iterator<Item = Query> {
    let user = owner.map(|name| match name.parse() {
        Ok(uid) => Query::UserOf { uid },
        Err(_) => Query::User { name: name.clone() },
    });
    let group = group.map(|name| match name.parse() {
        Ok(gid) => Query::GroupOf { gid },
        Err(_) => Query::Group { name: name.clone() },
    });
    let roots = [
        Query::UserOf { uid: 0 },
        Query::GroupOf { gid: 0 },
        Query::User { name: "root".into() },
        Query::Group { name: "root".into() },
    ];
    user.into_iter().chain(group).filter(move |query| !roots.contains(query))
}
