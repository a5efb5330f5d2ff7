//! Where a task acts of which not all is known yet.

use super::{HostTasks, Preparation, Registered, kinds::TypeInfo};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{Footprint, Origin, TaskId},
    resource::with_program,
    yaml::{Node, Value},
};

/// As many ways of putting something in the place of what is not known are tried: of two parameters all.
const TRIES: usize = 200;

/// What may stand in the place of a parameter whose value says nothing of where the task acts: for each that takes only some texts one that
/// it takes.
pub fn stand_ins() -> Vec<Value> {
    let key = format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{}", "A".repeat(43));
    let sum = format!("sha256:{}", "0".repeat(64));
    let hash = format!("$6$saltsalt${}", "a".repeat(86));
    let texts = ["0644", "x1", "/bin/sh", "https://localhost/a", "10.0.0.1", "64M", &key, &sum, &hash];
    let others = [Value::Int(1), Value::Bool(true), Value::Seq(vec![]), Value::Map([].into())];
    texts.map(Value::str).into_iter().chain(others).collect()
}

/// See [`Prepare::known`](super::Prepare::known).
pub(super) fn digest(tasks: &HostTasks, id: TaskId) -> Option<[u8; 32]> {
    let (host_task, registered) = (&tasks.tasks[id.0 as usize], Registered::default());
    let scope = tasks.scopes.of(&tasks.shared, host_task, &registered);
    let task = tasks.shared.task(host_task.source);
    let parameters = tasks.parameters(host_task, task, &scope, tasks.coming(host_task, &registered));
    parameters.ok().map(|(parameters, _)| parameters.digest())
}

/// What a task touches, whatever those of its parameters come to that are not known yet; everything, where that cannot be told.
///
/// # Errors
/// What is wrong with parameters that are known, whatever the others come to.
pub(super) fn footprint(kind: &TypeInfo, params: &Node, hidden: bool) -> Result<Footprint, Diagnostics> {
    Ok(known(kind, params, hidden)?.unwrap_or_else(Footprint::everything))
}

fn known(kind: &TypeInfo, params: &Node, hidden: bool) -> Result<Option<Footprint>, Diagnostics> {
    let Some(map) = params.as_map() else { return Ok(None) };
    let open: Vec<_> = map.iter().filter(|(_, entry)| entry.node.unknown().is_some()).collect();
    // The name of a job is made of all the others.
    if map.contains_key("async_job") || !open.iter().all(|(name, _)| kind.is_content(name)) {
        return Ok(None);
    }
    let is_told = |error: &Diagnostic| error.place.as_ref().is_some_and(|(place, _)| is_told(params, place));
    let stand_ins = stand_ins();
    let mut wrong: Option<Vec<Diagnostic>> = None;
    for way in 0..stand_ins.len().saturating_pow(open.len() as u32).min(TRIES) {
        let (mut filled, mut way, mut is_empty) = (params.clone(), way, false);
        if let Value::Map(map) = &mut filled.value {
            for (name, _) in &open {
                let stand_in = &stand_ins[way % stand_ins.len()];
                is_empty |= matches!(stand_in, Value::Seq(_) | Value::Map(_));
                map.get_mut(*name).into_iter().for_each(|entry| fill_in(&mut entry.node, stand_in));
                way /= stand_ins.len();
            }
        }
        match kind.prepare(&filled, hidden) {
            Ok(prepared) => {
                let is_open =
                    kind.name() == "command" && map.iter().any(|(name, entry)| is_program(name, &entry.node));
                return Ok(Some(with_program(&*prepared, is_open)));
            }
            // What is said of a stand-in, or since a list has nothing in it, is not said of what is to come.
            Err(errors) if is_empty || !errors.0.iter().all(is_told) => {}
            Err(errors) => {
                let said = |one: &Diagnostic| errors.0.iter().any(|other| same(one, other));
                match &mut wrong {
                    Some(always) => always.retain(said),
                    None => wrong = Some(errors.0),
                }
            }
        }
    }
    // What stays wrong without what is to come has nothing to do with it.
    let (Some(mut always), Some(told)) = (wrong, told(params)) else { return Ok(None) };
    let alone = kind.prepare(&told, hidden).err().unwrap_or_default();
    always.retain(|one| alone.0.iter().any(|other| same(one, other)));
    if always.is_empty() { Ok(None) } else { Err(Diagnostics(always)) }
}

/// Whether the program of a command is in a parameter, and not known.
fn is_program(name: &str, node: &Node) -> bool {
    let first = match &node.value {
        Value::Seq(words) => words.first(),
        _ => Some(node),
    };
    ["cmd", "argv"].contains(&name) && first.is_some_and(|word| word.unknown().is_some())
}

/// A value without what is not known of it.
fn told(node: &Node) -> Option<Node> {
    let mut rest = node.clone();
    match &mut rest.value {
        Value::Unknown(_) => return None,
        Value::Seq(items) => *items = items.iter().filter_map(told).collect(),
        Value::Map(map) => {
            map.retain(|_, entry| match told(&entry.node) {
                Some(known) => {
                    entry.node = known;
                    true
                }
                None => false,
            });
        }
        _ => {}
    }
    Some(rest)
}

/// Whether a place is that of something written there, rather than of the whole or of what is to come.
fn is_told(node: &Node, place: &Origin) -> bool {
    let is_at = |origin: &Origin| origin.source.path == place.source.path && origin.span == place.span;
    let is_of = |node: &Node| match node.value {
        Value::Unknown(_) => false,
        _ => is_at(&node.origin) || is_told(node, place),
    };
    match &node.value {
        Value::Seq(items) => items.iter().any(is_of),
        Value::Map(map) => map.values().any(|entry| {
            // With another kind of value than was thought of, the key may be named for it.
            let is_known = entry.node.unknown().is_none();
            is_known && is_at(&entry.key) || is_of(&entry.node)
        }),
        _ => false,
    }
}

fn same(one: &Diagnostic, other: &Diagnostic) -> bool {
    let place = |error: &Diagnostic| error.place.as_ref().map(|(origin, _)| origin.span.clone());
    one.message == other.message && place(one) == place(other)
}

fn fill_in(node: &mut Node, stand_in: &Value) {
    match &mut node.value {
        Value::Unknown(_) => node.value = stand_in.clone(),
        Value::Seq(items) => items.iter_mut().for_each(|item| fill_in(item, stand_in)),
        Value::Map(map) => map.values_mut().for_each(|entry| fill_in(&mut entry.node, stand_in)),
        _ => {}
    }
}

/// What a task touches of which it is not known whether it is done at all.
pub(super) fn perhaps(preparation: &Result<Preparation, Diagnostics>) -> Footprint {
    match preparation {
        Ok(Preparation::Ready(prepared) | Preparation::Awaits(_, prepared)) => {
            with_program(&**prepared, false)
        }
        Ok(Preparation::NotYet(_, footprint)) => footprint.clone(),
        Ok(Preparation::Sets(_)) => Footprint::default(),
        // What is wrong with it may be right by then.
        Ok(Preparation::Items(_) | Preparation::Skip(_)) | Err(_) => Footprint::everything(),
    }
}
