//! What can be told of a task's parameters before all of them are known.

use super::{TypeInfo, prepare::condition_text};
use crate::{
    diag::{Diagnostic, Diagnostics},
    playbook::Task,
    template::{Scope, Truth, condition},
    yaml::{Entry, Map, Node, SECRET_HERE, Value},
};
use std::sync::Arc;

/// While a secret is not known yet, it is known to be one: where it may not stand it is refused at once.
pub(super) fn refuse_secrets(kind: &TypeInfo, params: &Node) -> Result<(), Diagnostic> {
    let mut known = params.clone();
    if !fill_in(&mut known) {
        return Ok(());
    }
    let found = kind.prepare(&known, false).err().unwrap_or_default();
    found.0.into_iter().find(|error| error.message == SECRET_HERE).map_or(Ok(()), Err)
}

/// Puts something in the place of each secret that is not known; `false` when something else is not known either.
fn fill_in(node: &mut Node) -> bool {
    match &mut node.value {
        Value::Unknown(_) if node.secret => node.value = Value::str("0"),
        Value::Unknown(_) => return false,
        Value::Seq(items) => return items.iter_mut().all(fill_in),
        Value::Map(map) => return map.values_mut().all(|entry| fill_in(&mut entry.node)),
        _ => {}
    }
    true
}

/// While a parameter is not known yet, the names of all of them are.
pub(super) fn known_parameters(kind: &TypeInfo, params: &Node) -> Result<(), Diagnostics> {
    only(kind.parameters(), params)
}

/// Refuses what the program gives by itself, and other names that are not known.
pub(super) fn given_parameters(kind: &TypeInfo, params: &Node) -> Result<(), Diagnostics> {
    let Some(given) = kind.given() else { return Ok(()) };
    let is_own = |name: &String| kind.parameters().contains(name) && !given.contains(name);
    if let Some((name, entry)) = params.as_map().into_iter().flatten().find(|(name, _)| is_own(name)) {
        let error = Diagnostic::error(format!("the program itself gives `{name}`")).at(&entry.key);
        let hint = format!("leave it out; `lustores-provision doc {}` shows what a task gives", kind.name());
        return Err(error.hint(hint).into());
    }
    only(given, params)
}

fn only(known: &[String], params: &Node) -> Result<(), Diagnostics> {
    let mut errors = Diagnostics::default();
    for (name, entry) in params.as_map().into_iter().flatten() {
        if !known.is_empty() && !known.contains(name) {
            let listed = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
            let error = Diagnostic::error(format!("unknown parameter `{name}`")).at(&entry.key);
            let error = error.hint(format!("known here: {listed}"));
            errors.push(error.suggest(name, known.iter().map(String::as_str)));
        }
    }
    errors.into_result(())
}

/// Says more of a parameter that is missing: which of two would do, and where all are described.
pub(super) fn missing(diagnostic: Diagnostic, kind: &TypeInfo) -> Diagnostic {
    let name =
        diagnostic.message.strip_prefix("parameter `").and_then(|rest| rest.strip_suffix("` is missing"));
    let Some(name) = name else { return diagnostic };
    let message = match kind.sources().iter().find(|source| source.into == name) {
        Some(source) if kind.given().is_some_and(|given| given.iter().all(|given| given != name)) => {
            format!("parameter `{}` is missing", source.key)
        }
        Some(source) => format!("parameter `{}` or `{name}` is missing", source.key),
        None => diagnostic.message.clone(),
    };
    let hint = match kind.needed(name) {
        Some(hint) => hint.to_owned(),
        None => format!("`lustores-provision doc {}` describes all", kind.name()),
    };
    Diagnostic { message, ..diagnostic }.hint(hint)
}

/// Names the files that a task may bring among what it may give.
pub(super) fn unknown(diagnostic: Diagnostic, kind: &TypeInfo) -> Diagnostic {
    let is_list = |hint: &&String| hint.starts_with("known here: ");
    let own =
        |hint: &&String| kind.sources().iter().any(|source| hint.contains(&format!("`{}`", source.into)));
    let Some(hint) = diagnostic.hint.as_ref().filter(is_list).filter(own) else { return diagnostic };
    let more = kind.sources().iter().filter(|source| !hint.contains(&format!("`{}`", source.key)));
    let hint = more.fold(hint.clone(), |hint, source| format!("{hint}, `{}`", source.key));
    Diagnostic { hint: Some(hint), ..diagnostic }
}

/// A value without the secrets in it.
pub(super) fn shown_json(node: &Node) -> serde_json::Value {
    match &node.value {
        _ if node.secret => serde_json::Value::Null,
        Value::Seq(items) => items.iter().map(shown_json).collect(),
        Value::Map(map) => map
            .iter()
            .map(|(key, entry)| (key.clone(), shown_json(&entry.node)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        _ => node.to_json(),
    }
}

/// The conditions of an `assert` as a list of `{text, holds}`; one that is not known yet makes it unknown.
pub(super) fn conditions(node: &Node, scope: &Scope) -> Result<Node, Diagnostics> {
    let items = match &node.value {
        Value::Seq(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut errors = Diagnostics::default();
    let mut list = vec![];
    for item in items {
        let Some(truth) = errors.take(condition(item, scope)) else { continue };
        let origin = &item.origin;
        let holds = match truth {
            Truth::True => Value::Bool(true),
            Truth::False => Value::Bool(false),
            Truth::Unknown(why) => Value::Unknown(why),
        };
        let entry = |node: Node| Entry { key: origin.clone(), node };
        let map = Map::from([
            ("text".to_string(), entry(Node::string(condition_text(item), origin))),
            ("holds".to_string(), entry(Node::new(holds, origin.clone()))),
        ]);
        list.push(Node::new(Value::Map(map), origin.clone()));
    }
    errors.into_result(Node::new(Value::Seq(list), node.origin.clone()))
}

/// An error about the parameters as a whole stands at the resource's key: the mapping's own place says little.
pub(super) fn placed(diagnostic: Diagnostic, task: &Task) -> Diagnostic {
    let whole = match &diagnostic.place {
        Some((origin, _)) => {
            Arc::ptr_eq(&origin.source, &task.params.origin.source) && origin.span == task.params.origin.span
        }
        None => true,
    };
    if whole { diagnostic.at(&task.resource.1) } else { diagnostic }
}
