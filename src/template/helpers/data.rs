//! Comparing, and writing data as text.

use super::{Args, Fault};
use crate::model::Source;
use crate::yaml::{Node, Value};
use std::cmp::Ordering;
use std::sync::Arc;

pub(super) fn eq(args: &Args) -> Result<Value, Fault> {
    comparable(args)?;
    Ok(Value::Bool(equal(&args.values[0], &args.values[1])))
}

pub(super) fn ne(args: &Args) -> Result<Value, Fault> {
    comparable(args)?;
    Ok(Value::Bool(!equal(&args.values[0], &args.values[1])))
}

pub(super) fn lt(args: &Args) -> Result<Value, Fault> {
    compare(args, Ordering::is_lt)
}

pub(super) fn le(args: &Args) -> Result<Value, Fault> {
    compare(args, Ordering::is_le)
}

pub(super) fn gt(args: &Args) -> Result<Value, Fault> {
    compare(args, Ordering::is_gt)
}

pub(super) fn ge(args: &Args) -> Result<Value, Fault> {
    compare(args, Ordering::is_ge)
}

pub(super) fn contains(args: &Args) -> Result<Value, Fault> {
    let needle = &args.values[0];
    let found = match &args.values[1].value {
        Value::Seq(items) => items.iter().any(|item| equal(item, needle)),
        Value::Map(map) => map.contains_key(&args.text(0)?),
        Value::Str(text) => text.contains(&args.text(0)?),
        _ => return Err(args.fault(1, "a list, a mapping or a string")),
    };
    Ok(Value::Bool(found))
}

pub(super) fn to_json(args: &Args) -> Result<Value, Fault> {
    Ok(Value::str(args.values[0].to_json().to_string()))
}

pub(super) fn to_json_pretty(args: &Args) -> Result<Value, Fault> {
    Ok(Value::str(format!("{:#}", args.values[0].to_json())))
}

pub(super) fn to_yaml(args: &Args) -> Result<Value, Fault> {
    crate::yaml::to_text(&args.values[0]).map(Value::str).map_err(Fault::new)
}

pub(super) fn bool(args: &Args) -> Result<Value, Fault> {
    let truth = match &args.values[0].value {
        Value::Bool(truth) => Some(*truth),
        Value::Int(number @ (0 | 1)) => Some(*number == 1),
        Value::Str(text) => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    };
    truth.map(Value::Bool).ok_or_else(|| args.fault(0, "`true` or `false`, or a word for one of these"))
}

/// What it is, in a word that conditions can compare.
pub(super) fn kind(args: &Args) -> Result<Value, Fault> {
    Ok(Value::str(match &args.values[0].value {
        Value::Null | Value::Unknown(_) | Value::Asked(_) => "null",
        Value::Bool(_) => "boolean",
        Value::Int(_) => "integer",
        Value::Float(_) => "number",
        Value::Str(_) => "string",
        Value::Bytes(_) => "bytes",
        Value::Seq(_) => "list",
        Value::Map(_) => "mapping",
    }))
}

pub(super) fn from_json(args: &Args) -> Result<Value, Fault> {
    let text = readable(args)?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
        // The place without the text around it, which may be secret.
        args.wrong(0, format!("`text` is no JSON: line {}, column {}", error.line(), error.column()))
    })?;
    Ok(Node::from_json(&json, &args.values[0].origin).value)
}

pub(super) fn from_yaml(args: &Args) -> Result<Value, Fault> {
    let source = Source { path: "text".into(), text: readable(args)?, secret: true };
    let node = crate::yaml::parse(&Arc::new(source)).map_err(|error| {
        let line = error.place.as_ref().map(|(origin, _)| format!(" (line {})", origin.line_column().0));
        args.wrong(0, format!("`text` is no YAML{}", line.unwrap_or_default()))
    })?;
    Ok(Node::from_json(&node.to_json(), &args.values[0].origin).value)
}

/// A text to be read as data: of a tree much more memory is needed.
fn readable(args: &Args) -> Result<String, Fault> {
    let text = args.text(0)?;
    match text.len() {
        0..=super::LONGEST_DATA => Ok(text),
        _ => Err(args.wrong(0, format!("`text` is larger than {} MiB", super::LONGEST_DATA >> 20))),
    }
}

/// The same text for values that are equal.
pub(super) fn likeness(node: &Node) -> String {
    let mut text = String::new();
    write_likeness(node, &mut text);
    text
}

#[expect(clippy::cast_precision_loss, reason = "only integers that a float holds exactly")]
fn write_likeness(node: &Node, text: &mut String) {
    use std::fmt::Write;
    // Writing to a string cannot fail.
    let _ = match &node.value {
        Value::Null | Value::Unknown(_) | Value::Asked(_) => write!(text, "n"),
        Value::Bool(truth) => write!(text, "{truth}"),
        Value::Int(number) if number.unsigned_abs() <= 1 << 53 => write!(text, "{:?}", *number as f64 + 0.0),
        Value::Int(number) => write!(text, "{number}"),
        Value::Float(number) => write!(text, "{:?}", number + 0.0),
        Value::Str(part) => write!(text, "{part:?}"),
        Value::Bytes(bytes) => write!(text, "b{:?}", &bytes[..]),
        Value::Seq(items) => {
            text.push('[');
            for item in items {
                write_likeness(item, text);
                text.push(',');
            }
            write!(text, "]")
        }
        Value::Map(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (key, entry) in entries {
                let _ = write!(text, "{key:?}:");
                write_likeness(&entry.node, text);
                text.push(',');
            }
            write!(text, "}}")
        }
    };
}

/// A string is never equal to a number or boolean: to compare them is a slip, not a question.
fn comparable(args: &Args) -> Result<(), Fault> {
    let is_text = |node: &Node| matches!(node.value, Value::Str(_));
    let is_plain = |node: &Node| matches!(node.value, Value::Int(_) | Value::Float(_) | Value::Bool(_));
    let (a, b) = (&args.values[0], &args.values[1]);
    if (is_text(a) && is_plain(b)) || (is_plain(a) && is_text(b)) {
        let message = format!("{} and {} are never equal", a.value.kind(), b.value.kind());
        return Err(Fault::new(message)
            .hint("in an expression strings are quoted; numbers, `true` and `false` are not"));
    }
    Ok(())
}

pub(super) fn equal(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Seq(a), Value::Seq(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|(k, e)| b.get(k).is_some_and(|other| equal(&e.node, &other.node)))
        }
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (a, b) => order(a, b) == Some(Ordering::Equal),
    }
}

fn compare(args: &Args, holds: fn(Ordering) -> bool) -> Result<Value, Fault> {
    let (a, b) = (&args.values[0].value, &args.values[1].value);
    match order(a, b) {
        Some(ordering) => Ok(Value::Bool(holds(ordering))),
        None => {
            let message = format!("wants two numbers or two strings, found {} and {}", a.kind(), b.kind());
            Err(Fault::new(message))
        }
    }
}

/// The order of two numbers or two strings.
#[expect(
    clippy::cast_precision_loss,
    reason = "an integer is compared with a float only when one is written"
)]
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
        _ => None,
    }
}
