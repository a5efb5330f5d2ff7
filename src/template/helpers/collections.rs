//! Lists made of lists: chosen, combined, turned around.

use super::{Args, Fault, data};
use crate::template::output::scalar_text;
use crate::yaml::{Entry, Map, Node, Value};
use indexmap::IndexMap;
use std::collections::HashSet;

pub(super) fn items(args: &Args) -> Result<Node, Fault> {
    let pair = |(key, entry): (&String, &Entry)| {
        let field = |name: &str, node: Node| (name.to_owned(), Entry { key: entry.key.clone(), node });
        let fields = [field("key", Node::string(key, &entry.key)), field("value", entry.node.clone())];
        Node::new(Value::Map(Map::from(fields)), entry.key.clone())
    };
    Ok(args.node(Value::Seq(args.map(0)?.iter().map(pair).collect())))
}

pub(super) fn from_items(args: &Args) -> Result<Node, Fault> {
    let mut map = Map::new();
    let mut secret = false;
    for item in args.list(0)? {
        secret |= item.get("key").is_some_and(|key| key.secret);
        let (Some(key), Some(value)) = (item.get("key").and_then(Node::as_str), item.get("value")) else {
            return Err(args.wrong(0, "each item needs a `key`, which is a string, and a `value`".into()));
        };
        map.insert(key.to_owned(), Entry { key: item.origin.clone(), node: value.clone() });
    }
    let mut node = args.node(Value::Map(map));
    if secret {
        node.taint();
    }
    Ok(node)
}

/// What stands under a key in each item.
pub(super) fn map(args: &Args) -> Result<Node, Fault> {
    let key = args.text(1)?;
    let shown = if args.values[1].secret { "…" } else { &key };
    let field = |item: &Node| {
        if let Value::Unknown(_) = item.value {
            return Ok(item.clone());
        }
        item.get(&key).cloned().ok_or_else(|| args.wrong(0, format!("an item of `list` has no `{shown}`")))
    };
    let fields = args.list(0)?.iter().map(field).collect::<Result<_, _>>()?;
    Ok(args.node(Value::Seq(fields)))
}

pub(super) fn select(args: &Args) -> Result<Node, Fault> {
    chosen(args, true)
}

pub(super) fn reject(args: &Args) -> Result<Node, Fault> {
    chosen(args, false)
}

/// The items whose `key` has the value, or is there and neither null nor false when no value is given.
fn chosen(args: &Args, wanted: bool) -> Result<Node, Fault> {
    let key = args.text(1)?;
    let fits = |item: &&Node| {
        let found = match (item.get(&key), args.values.get(2)) {
            (None, _) => false,
            (Some(node), Some(value)) => data::equal(node, value),
            (Some(node), None) => !matches!(node.value, Value::Null | Value::Bool(false)),
        };
        found == wanted
    };
    Ok(args.node(Value::Seq(args.list(0)?.iter().filter(fits).cloned().collect())))
}

pub(super) fn reverse(args: &Args) -> Result<Node, Fault> {
    if let Value::Str(text) = &args.values[0].value {
        return Ok(args.node(Value::str(text.chars().rev().collect::<String>())));
    }
    Ok(args.node(Value::Seq(args.list(0)?.iter().rev().cloned().collect())))
}

/// Counted from 0; a negative one counts from the end.
pub(super) fn slice(args: &Args) -> Result<Node, Fault> {
    let letters: Option<Vec<char>> = args.values[0].as_str().map(|text| text.chars().collect());
    let length = match &letters {
        Some(letters) => letters.len(),
        None => args.list(0)?.len(),
    };
    let at = |number: i64| {
        let number = if number < 0 { number.saturating_add(length as i64) } else { number };
        usize::try_from(number).unwrap_or(0).min(length)
    };
    let start = at(args.integer(1)?);
    let end = if args.values.len() > 2 { at(args.integer(2)?) } else { length };
    let part = start..end.max(start);
    Ok(args.node(match letters {
        Some(letters) => Value::str(letters[part].iter().collect::<String>()),
        None => Value::Seq(args.list(0)?[part].to_vec()),
    }))
}

pub(super) fn zip(args: &Args) -> Result<Node, Fault> {
    let pair = |(a, b): (&Node, &Node)| args.node(Value::Seq(vec![a.clone(), b.clone()]));
    Ok(args.node(Value::Seq(args.list(0)?.iter().zip(args.list(1)?).map(pair).collect())))
}

pub(super) fn batch(args: &Args) -> Result<Node, Fault> {
    let size = usize::try_from(args.integer(1)?).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| args.wrong(1, "`size` must be at least 1".into()))?;
    let lists = args.list(0)?.chunks(size).map(|list| args.node(Value::Seq(list.to_vec())));
    Ok(args.node(Value::Seq(lists.collect())))
}

pub(super) fn group_by(args: &Args) -> Result<Node, Fault> {
    let key = args.text(1)?;
    let mut groups: IndexMap<String, Vec<Node>> = IndexMap::new();
    let mut secret = false;
    for item in args.list(0)? {
        let field = item.get(&key);
        secret |= field.is_some_and(|field| field.secret);
        let name = field.and_then(|field| scalar_text(&field.value));
        let name = name.ok_or_else(|| args.wrong(0, "each item needs a text or a number there".into()))?;
        groups.entry(name).or_default().push(item.clone());
    }
    let entry = |(name, items)| {
        (name, Entry { key: args.values[0].origin.clone(), node: args.node(Value::Seq(items)) })
    };
    let mut node = args.node(Value::Map(groups.into_iter().map(entry).collect()));
    if secret {
        node.taint();
    }
    Ok(node)
}

pub(super) fn flatten(args: &Args) -> Result<Node, Fault> {
    let mut flat = vec![];
    let mut rest: Vec<&Node> = args.list(0)?.iter().rev().collect();
    while let Some(node) = rest.pop() {
        match node.as_seq() {
            Some(inner) => rest.extend(inner.iter().rev()),
            None if node.is_null() => {}
            None => flat.push(node.clone()),
        }
    }
    Ok(args.node(Value::Seq(flat)))
}

pub(super) fn difference(args: &Args) -> Result<Value, Fault> {
    kept(args, false)
}

pub(super) fn intersect(args: &Args) -> Result<Value, Fault> {
    kept(args, true)
}

fn kept(args: &Args, wanted: bool) -> Result<Value, Fault> {
    let other: HashSet<String> = args.list(1)?.iter().map(data::likeness).collect();
    let mut seen = HashSet::new();
    let is_wanted = |item: &&Node| {
        let likeness = data::likeness(item);
        other.contains(&likeness) == wanted && seen.insert(likeness)
    };
    Ok(Value::Seq(args.list(0)?.iter().filter(is_wanted).cloned().collect()))
}

pub(super) fn min(args: &Args) -> Result<Node, Fault> {
    outermost(args, std::cmp::Ordering::is_lt)
}

pub(super) fn max(args: &Args) -> Result<Node, Fault> {
    outermost(args, std::cmp::Ordering::is_gt)
}

fn outermost(args: &Args, better: fn(std::cmp::Ordering) -> bool) -> Result<Node, Fault> {
    let mut items = args.list(0)?.iter();
    let mut best = items.next().ok_or_else(|| args.wrong(0, "`list` is empty".into()))?;
    for item in items {
        let order = data::order(&item.value, &best.value);
        let order =
            order.ok_or_else(|| args.wrong(0, "`list` must hold only numbers or only strings".into()))?;
        if better(order) {
            best = item;
        }
    }
    Ok(best.clone())
}
