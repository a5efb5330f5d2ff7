//! From the names in `notify` and `needs` to tasks.

use super::{Play, Task};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    yaml::Node,
};
use std::collections::HashSet;

/// Numbers all tasks and resolves the names in them. Returns how many there are.
pub(super) fn resolve(plays: &mut [Play], lost: &HashSet<String>, errors: &mut Diagnostics) -> usize {
    let known = |name: &&(String, Origin)| !lost.contains(&name.0);
    let mut count = 0;
    for play in plays.iter_mut() {
        for task in play.tasks.iter_mut().chain(&mut play.handlers) {
            task.index = count;
            count += 1;
        }
        duplicates(play, errors);
    }
    let mut links = vec![];
    for (at, play) in plays.iter().enumerate() {
        for task in play.tasks.iter().chain(&play.handlers) {
            let count = errors.0.len();
            let names = &task.names;
            let notify = names
                .notify
                .iter()
                .filter(known)
                .flat_map(|name| handlers(play, task, name, errors))
                .collect();
            let needs: Vec<usize> = names
                .needs
                .iter()
                .filter(known)
                .flat_map(|name| needed(plays, at, task, name, errors))
                .collect();
            // In step, all hosts wait for whoever is behind: nobody can wait for what comes later.
            let is_later = needs.iter().any(|need| *need > task.index);
            if play.in_step && is_later && errors.0.len() == count {
                let error = Diagnostic::error("with `strategy: linear` a task cannot need a later one");
                let error = error.at(&task.names.needs[0].1);
                errors.push(error.hint("put it behind what it needs, or leave `strategy` out"));
            }
            links.push((notify, needs));
        }
    }
    let tasks = plays.iter_mut().flat_map(|play| play.tasks.iter_mut().chain(&mut play.handlers));
    for (task, (notify, needs)) in tasks.zip(links) {
        (task.notify, task.needs) = (notify, needs);
    }
    count
}

fn name(task: &Task) -> Option<&str> {
    task.name.as_ref().and_then(Node::as_str)
}

fn role_name<'p>(play: &'p Play, task: &Task) -> Option<&'p str> {
    task.role.map(|r| play.roles[r].role.name.as_str())
}

fn duplicates(play: &Play, errors: &mut Diagnostics) {
    for (at, handler) in play.handlers.iter().enumerate() {
        let Some(own) = name(handler) else { continue };
        let same = |other: &&Task| name(other) == Some(own) && other.role == handler.role;
        if let Some(first) = play.handlers[..at].iter().find(same) {
            errors.push(
                Diagnostic::error(format!("two handlers are named `{own}`"))
                    .at(&handler.origin)
                    .related(&first.origin, "the first one")
                    .hint("rename one; what both shall react to can stand in `listen`"),
            );
        }
    }
}

/// The handlers that a name stands for: those that listen to it, and the one with that name in the task's own role,
/// else in the play, else in the only other role that has one. `role : name` names another role's.
fn handlers(
    play: &Play,
    task: &Task,
    (wanted, at): &(String, Origin),
    errors: &mut Diagnostics,
) -> Vec<usize> {
    let (role, short) = match wanted.split_once(" : ") {
        Some((role, short)) => (Some(role.trim()), short.trim()),
        None => (None, wanted.as_str()),
    };
    let named: Vec<&Task> = play
        .handlers
        .iter()
        .filter(|h| {
            name(h) == Some(wanted)
                || (role.is_some() && name(h) == Some(short) && role_name(play, h) == role)
        })
        .collect();
    let closest = |role: Option<usize>| named.iter().find(|h| h.role == role);
    let chosen = closest(task.role).or_else(|| closest(None)).or_else(|| named.first()).copied();
    if let (Some(first), true) = (chosen, chosen.is_some_and(|h| h.role.is_some() && h.role != task.role))
        && let Some(other) = named.iter().find(|h| role_name(play, h) != role_name(play, first))
    {
        errors.push(
            Diagnostic::error(format!("several roles have a handler `{wanted}`"))
                .at(at)
                .related(&first.origin, "one")
                .related(&other.origin, "another")
                .hint(format!("write `{} : {wanted}`", role_name(play, first).unwrap_or_default())),
        );
    }
    let listening = play.handlers.iter().filter(|h| h.listen.iter().any(|l| l == wanted));
    let mut found: Vec<usize> = chosen.into_iter().chain(listening).map(|h| h.index).collect();
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        let known =
            play.handlers.iter().flat_map(|h| name(h).into_iter().chain(h.listen.iter().map(String::as_str)));
        let error = Diagnostic::error(format!("no handler `{wanted}` in this play")).at(at);
        let error = match play.handlers.is_empty() {
            true => {
                error.hint("handlers stand in a role's handlers/main.yml or below `handlers:` of the play")
            }
            false => error.suggest(wanted, known),
        };
        errors.push(error);
    }
    found
}

/// The tasks that a name in `needs` stands for: in the same role, else in the same play, else anywhere.
fn needed(
    plays: &[Play],
    at: usize,
    task: &Task,
    (wanted, origin): &(String, Origin),
    errors: &mut Diagnostics,
) -> Vec<usize> {
    let fits = |play: &Play, other: &Task| match wanted.strip_prefix("role:") {
        Some(role) => !other.handler && role_name(play, other) == Some(role.trim()),
        None => name(other) == Some(wanted),
    };
    let all = |play: &Play, own_role: bool| -> Vec<usize> {
        let tasks = play.tasks.iter().chain(&play.handlers);
        let fitting = tasks.filter(|t| fits(play, t) && (!own_role || t.role == task.role));
        fitting.map(|t| t.index).collect()
    };
    let mut found = all(&plays[at], true);
    if found.is_empty() {
        found = all(&plays[at], false);
    }
    if found.is_empty() {
        found = plays.iter().flat_map(|play| all(play, false)).collect();
    }
    if found.is_empty() {
        let names = plays.iter().flat_map(|p| p.tasks.iter().chain(&p.handlers).filter_map(name));
        let roles = plays.iter().flat_map(|p| p.roles.iter().map(|u| format!("role:{}", u.role.name)));
        let roles: Vec<String> = roles.collect();
        errors.push(
            Diagnostic::error(format!("no task `{wanted}` to need"))
                .at(origin)
                .suggest(wanted, names.chain(roles.iter().map(String::as_str))),
        );
    } else if found.contains(&task.index) {
        errors.push(
            Diagnostic::error("a task cannot need itself")
                .at(origin)
                .hint("remove it; what it needs is another task"),
        );
    }
    found
}
