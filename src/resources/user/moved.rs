//! A home that goes to another place, with what is in it.

use super::{
    remove,
    spec::{self, Spec},
};
use crate::{
    model::path_within,
    resource::{Fault, Observe, Seen},
    resources::shared::parent_there,
};
use agent::wire::{Kind, Query, User as Known};

/// The home from which files go along. `None` where it stays, or is not there.
pub fn look(spec: &Spec, user: &Known, ours: bool, seen: &Seen) -> Observe<Option<String>> {
    let Some(new) = spec.home.as_ref().filter(|_| spec.move_home) else { return Ok(None) };
    let old = user.home.trim_end_matches('/');
    if old == &**new {
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
        None => return Ok(None),
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
