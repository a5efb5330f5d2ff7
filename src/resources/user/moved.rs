//! A home that goes to another place, with what is in it.

use super::{
    remove,
    spec::{self, Spec},
};
use crate::{
    model::path_within,
    resource::{Fault, Observe, Pause, Seen},
    resources::shared::{HostPath, parent_there, unit::run},
};
use agent::wire::{Kind, Op, Query, User as Known};

/// usermod names the new home in `/etc/passwd` before it moves anything.
const MOVE: &str = r#"usermod --move-home --home "$1" "$2" || { code=$?; [ ! -d "$3" ] || usermod --home "$3" "$2" >/dev/null; exit $code; }"#;

/// The home of the account goes from `old` to `new`. Where it cannot, the account keeps the old one.
pub fn op(name: &str, old: &str, new: &str) -> Op {
    run(["sh", "-c", MOVE, "sh", new, name, old])
}

/// That a home is there, unless the account is to have none: a move may have been cut short.
fn is_there(spec: &Spec, home: &HostPath, seen: &Seen) -> Observe<()> {
    if !spec.makes_home() || seen.meta(home)?.is_some() {
        return Ok(());
    }
    let said = seen.presume(&[home.area()], format!("the home {home} of `{}` is not there", spec.name));
    said.map_err(|pause| match pause {
        Pause::Fault(fault) => Pause::Fault(fault.hint(format!(
            "where its files are elsewhere, `usermod --home` tells the account so, and the next run moves them; else make {home}, or leave `move_home` out"
        ))),
        other => other,
    })
}

/// The home from which files go along. `None` where it stays, or where it is gone and the new one is there.
pub fn look(spec: &Spec, user: &Known, ours: bool, seen: &Seen) -> Observe<Option<String>> {
    let Some(new) = spec.home.as_ref().filter(|_| spec.move_home) else { return Ok(None) };
    let old = user.home.trim_end_matches('/');
    if old == &**new {
        is_there(spec, new, seen)?;
        return Ok(None);
    }
    let shown = if old.is_empty() { "/" } else { old };
    let refused =
        |why: String, hint: &str| Fault::new(format!("the home {shown} is not moved: {why}")).hint(hint);
    if !spec::is_one_home(old) {
        let why = "it may be more than one account's".to_string();
        return Err(
            refused(why, "leave `move_home` out, and move what is meant in a task of `command`").into()
        );
    }
    if ours {
        let why = format!("we log in as `{}`, or become it", spec.name);
        return Err(refused(why, "log in as another one, `ansible_user`, and move it then").into());
    }
    if path_within(new, old) || path_within(old, new) {
        let why = format!("one of it and {new} is within the other");
        return Err(refused(why, "name a `home` beside it").into());
    }
    let there = Query::File { path: new.to_string() };
    seen.each(remove::questions(old).chain([there]))?;
    match seen.meta(old)?.map(|meta| meta.kind) {
        None => {
            is_there(spec, new, seen)?;
            return Ok(None);
        }
        Some(Kind::Folder | Kind::Link { .. }) => {}
        Some(_) => return Err(refused("it is no directory".into(), "leave `move_home` out").into()),
    }
    remove::check_own(old, "moved", "leave `move_home` out", &spec.name, seen)?;
    if seen.meta(new)?.is_some() {
        let hint = "remove what is there, or leave `move_home` out: then only the account names another home";
        return Err(refused(format!("{new} is there already"), hint).into());
    }
    parent_there(new, seen)?;
    Ok(Some(old.into()))
}
