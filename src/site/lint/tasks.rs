//! Tasks and handlers that do not do what they seem to.

use super::Shared;
use crate::{
    diag::{Diagnostic, Diagnostics},
    playbook::Task,
    site::{Preparation, Prepare, Registered, Site},
    yaml::Value,
};
use std::collections::{BTreeMap, HashSet};

pub(super) fn odd(site: &Site, found: &mut Diagnostics) {
    let shared: &Shared = &site.shared;
    not_notified(shared, found);
    needs_later(shared, found);
    by_host(site, found);
}

/// Handlers that no task notifies, in none of the plays that have them.
fn not_notified(shared: &Shared, found: &mut Diagnostics) {
    let plays = &shared.playbook.plays;
    let tasks = plays.iter().flat_map(|play| play.tasks.iter().chain(&play.handlers));
    let notified: HashSet<usize> = tasks.flat_map(|task| task.notify.iter().copied()).collect();
    let place = |handler: &Task| handler.origin.to_string();
    let handlers = || plays.iter().flat_map(|play| &play.handlers);
    let live: HashSet<String> = handlers().filter(|h| notified.contains(&h.index)).map(place).collect();
    for handler in handlers().filter(|handler| !live.contains(&place(handler))) {
        let name = handler.name.as_ref().and_then(|name| name.as_str());
        let name = name.map_or("without a name".into(), |name| format!("`{name}`"));
        let warning = Diagnostic::lint("unnotified-handler", format!("nothing notifies the handler {name}"));
        found.push(warning.at(&handler.origin).hint("write `notify` in the tasks it is for, or remove it"));
    }
}

/// `needs` that name tasks further down only: they turn the order of the file round.
fn needs_later(shared: &Shared, found: &mut Diagnostics) {
    for task in shared.playbook.plays.iter().flat_map(|play| &play.tasks) {
        let later = |index: &usize| *index > task.index && !shared.task(*index).handler;
        if let Some(first) = task.needs.first().filter(|_| task.needs.iter().all(later)) {
            let warning = Diagnostic::lint("needs-later", "this task needs one that stands behind it");
            let warning = warning.at(&task.origin).related(&shared.task(*first).origin, "it runs first");
            found.push(warning.hint("put them in the order in which they run"));
        }
    }
}

/// What shows with the values of a host: tasks that notify though they never change anything, and users that nobody becomes. Told when
/// it is so on every host.
fn by_host(site: &Site, found: &mut Diagnostics) {
    let shared: &Shared = &site.shared;
    let (mut changes, mut becomes): (BTreeMap<usize, bool>, BTreeMap<usize, bool>) = Default::default();
    for name in site.hosts() {
        let Ok(host) = site.tasks(name, None) else { continue };
        for host_task in host.tasks() {
            let task = shared.task(host_task.source);
            *becomes.entry(host_task.source).or_default() |= host_task.become_user.is_some();
            if task.notify.is_empty() {
                continue;
            }
            // Nothing judges a `set_fact`.
            let never = is_false(&task.judging.changed_when) || task.resource.0 == "set_fact";
            let decided = !task.judging.changed_when.is_empty();
            let counts = match host.prepare(host_task.id, &Registered::default()) {
                Ok(Preparation::Ready(prepared)) => decided || prepared.counts_as_change(),
                _ => true,
            };
            *changes.entry(host_task.source).or_default() |= counts && !never;
        }
    }
    for (index, _) in changes.into_iter().filter(|(_, changes)| !changes) {
        let task = shared.task(index);
        let warning =
            Diagnostic::lint("notify-without-change", "this task notifies, but never counts as a change");
        let warning = warning.at(&task.origin);
        found.push(warning.hint(match task.resource.0.as_str() {
            "set_fact" => "write `notify` in the task whose result it is made of",
            _ => "say when it is a change with `changed_when`, or remove `notify`",
        }));
    }
    nobody_becomes(shared, &becomes, found);
}

/// Users that no task becomes. One that a play or a block names counts for all tasks in it, and one of these is enough.
fn nobody_becomes(shared: &Shared, becomes_by: &BTreeMap<usize, bool>, found: &mut Diagnostics) {
    let tasks = || shared.playbook.plays.iter().flat_map(|play| play.tasks.iter().chain(&play.handlers));
    let place = |task: &Task| task.keywords.become_user.as_ref().map(|user| user.origin.to_string());
    let says = |task: &Task| {
        task.keywords.r#become.as_ref().is_some_and(|node| !matches!(node.value, Value::Bool(false)))
    };
    let becomes = |task: &&Task| says(task) || becomes_by.get(&task.index).is_some_and(|becomes| *becomes);
    let live: HashSet<String> = tasks().filter(becomes).filter_map(place).collect();
    let on_a_host = tasks().filter(|task| becomes_by.contains_key(&task.index));
    for task in on_a_host.filter(|task| place(task).is_some_and(|place| !live.contains(&place))) {
        if let (Some(user), None) = (&task.keywords.become_user, &task.keywords.r#become) {
            let warning = Diagnostic::lint(
                "become-user-without-become",
                "`become_user` without `become` has no effect",
            );
            found.push(warning.at(&user.origin).hint("write `become: true` beside it"));
        }
    }
}

fn is_false(conditions: &[crate::yaml::Node]) -> bool {
    matches!(conditions, [only] if matches!(only.value, Value::Bool(false)))
}
