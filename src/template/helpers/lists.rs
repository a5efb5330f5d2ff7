//! Lists and mappings.

use super::{Args, Fault, MOST_ITEMS, too_many};
use crate::yaml::{Entry, Map, Node, Value};
use std::collections::HashSet;

pub(super) fn first(args: &Args) -> Result<Node, Fault> {
    args.list(0)?.first().cloned().ok_or_else(|| args.wrong(0, "`list` is empty".into()))
}

pub(super) fn last(args: &Args) -> Result<Node, Fault> {
    args.list(0)?.last().cloned().ok_or_else(|| args.wrong(0, "`list` is empty".into()))
}

pub(super) fn length(args: &Args) -> Result<Node, Fault> {
    let length = match &args.values[0].value {
        Value::Seq(items) => items.len(),
        Value::Map(map) => map.len(),
        Value::Str(text) => text.chars().count(),
        _ => return Err(args.fault(0, "a list, a mapping or a string")),
    };
    Ok(args.node(Value::Int(i64::try_from(length).unwrap_or(i64::MAX))))
}

pub(super) fn unique(args: &Args) -> Result<Value, Fault> {
    let mut seen = HashSet::new();
    let items = args.list(0)?.iter().filter(|item| seen.insert(item.to_json().to_string()));
    Ok(Value::Seq(items.cloned().collect()))
}

pub(super) fn sort(args: &Args) -> Result<Value, Fault> {
    let mut items = args.list(0)?.to_vec();
    for item in &items {
        if super::data::order(&items[0].value, &item.value).is_none() {
            return Err(args.wrong(0, "`list` must hold only numbers or only strings".into()));
        }
    }
    items.sort_by(|a, b| super::data::order(&a.value, &b.value).unwrap_or(std::cmp::Ordering::Equal));
    Ok(Value::Seq(items))
}

pub(super) fn list(args: &Args) -> Result<Node, Fault> {
    Ok(args.node(Value::Seq(args.values.to_vec())))
}

/// Keys and values in turns. A key shows, so it is no secret.
pub(super) fn mapping(args: &Args) -> Result<Node, Fault> {
    let mut map = Map::new();
    for at in (0..args.values.len()).step_by(2) {
        let (key, value) = (&args.values[at], args.values.get(at + 1));
        let Some(value) = value else { return Err(Fault::new("the last key has no value")) };
        if key.secret {
            return Err(args.wrong(at, "a secret cannot be a key".into()));
        }
        map.insert(args.text(at)?, Entry { key: key.origin.clone(), node: value.clone() });
    }
    Ok(args.node(Value::Map(map)))
}

pub(super) fn concat(args: &Args) -> Result<Node, Fault> {
    let mut items = vec![];
    for index in 0..args.values.len() {
        items.extend_from_slice(args.list(index)?);
        if items.len() > MOST_ITEMS {
            return Err(too_many());
        }
    }
    Ok(args.node(Value::Seq(items)))
}

pub(super) fn keys(args: &Args) -> Result<Node, Fault> {
    let keys = args.map(0)?.iter().map(|(key, entry)| Node::string(key, &entry.key));
    Ok(args.node(Value::Seq(keys.collect())))
}

pub(super) fn values(args: &Args) -> Result<Node, Fault> {
    Ok(args.node(Value::Seq(args.map(0)?.values().map(|entry| entry.node.clone()).collect())))
}

pub(super) fn range(args: &Args) -> Result<Value, Fault> {
    let (start, end) = match args.values.len() {
        1 => (0, args.integer(0)?),
        _ => (args.integer(0)?, args.integer(1)?),
    };
    if end.saturating_sub(start) > i64::try_from(MOST_ITEMS).unwrap_or(i64::MAX) {
        return Err(too_many());
    }
    Ok(Value::Seq((start..end).map(|i| args.node(Value::Int(i))).collect()))
}

pub(super) fn merge(args: &Args) -> Result<Node, Fault> {
    let mut merged = Map::new();
    for index in 0..args.values.len() {
        lay_over(&mut merged, args.map(index)?);
    }
    Ok(args.node(Value::Map(merged)))
}

fn lay_over(under: &mut Map, over: &Map) {
    for (key, Entry { key: place, node }) in over {
        if let Value::Map(over) = &node.value
            && let Some(Entry { node: below, .. }) = under.get_mut(key)
            && let Value::Map(map) = &mut below.value
        {
            lay_over(map, over);
            below.secret |= node.secret;
            continue;
        }
        under.insert(key.clone(), Entry { key: place.clone(), node: node.clone() });
    }
}
