//! Versions, compared as people read them.

use super::{Args, Fault};
use crate::yaml::Value;
use std::cmp::Ordering;

/// A run of digits or of letters.
#[derive(PartialEq, Eq)]
enum Part<'a> {
    /// Without zeros in front.
    Number(&'a str),
    Word(&'a str),
}

pub(super) fn version(args: &Args) -> Result<Value, Fault> {
    let (a, operator, b) = (args.text(0)?, args.text(1)?, args.text(2)?);
    let holds: fn(Ordering) -> bool = match operator.as_str() {
        "==" | "=" | "eq" => Ordering::is_eq,
        "!=" | "<>" | "ne" => Ordering::is_ne,
        "<" | "lt" => Ordering::is_lt,
        "<=" | "le" => Ordering::is_le,
        ">" | "gt" => Ordering::is_gt,
        ">=" | "ge" => Ordering::is_ge,
        _ => return Err(args.wrong(1, "`operator` must be `==`, `!=`, `<`, `<=`, `>` or `>=`".into())),
    };
    for (index, text) in [(0, &a), (2, &b)] {
        if !text.contains(|c: char| c.is_ascii_digit()) {
            return Err(args.wrong(index, "a version has a number in it".into()));
        }
    }
    Ok(Value::Bool(holds(order(&a, &b))))
}

fn order(a: &str, b: &str) -> Ordering {
    let strip = |text: &'_ str| text.trim().trim_start_matches(['v', 'V']).to_owned();
    let (a, b) = (strip(a), strip(b));
    let (a, b) = (parts(&a), parts(&b));
    for at in 0..a.len().max(b.len()) {
        let order = match (a.get(at), b.get(at)) {
            (Some(a), Some(b)) => compare(a, b),
            (Some(more), None) => tail(more),
            (None, Some(more)) => tail(more).reverse(),
            (None, None) => Ordering::Equal,
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn compare(a: &Part, b: &Part) -> Ordering {
    match (a, b) {
        (Part::Number(a), Part::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (Part::Word(a), Part::Word(b)) => a.cmp(b),
        (Part::Number(_), Part::Word(_)) => Ordering::Greater,
        (Part::Word(_), Part::Number(_)) => Ordering::Less,
    }
}

/// What one version has more than the other: a word stands for something before the release, zeros for nothing.
fn tail(more: &Part) -> Ordering {
    match more {
        Part::Number("") => Ordering::Equal,
        Part::Number(_) => Ordering::Greater,
        Part::Word(_) => Ordering::Less,
    }
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = vec![];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let same = |c: char| match first {
            _ if first.is_ascii_digit() => c.is_ascii_digit(),
            _ => c.is_alphabetic() == first.is_alphabetic() && !c.is_ascii_digit(),
        };
        let end = rest.find(|c| !same(c)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        if first.is_ascii_digit() {
            parts.push(Part::Number(part.trim_start_matches('0')));
        } else if first.is_alphabetic() {
            parts.push(Part::Word(part));
        }
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_in_which_they_come_out() {
        for pair in [
            ("1.9", "1.10"),
            ("9", "13"),
            ("1.0-rc1", "1.0"),
            ("1.0~beta2", "1.0~rc1"),
            ("1.0rc1", "1.0rc2"),
            ("v2.3", "2.3.1"),
            ("20.10.24", "27.3.1"),
            ("12", "12.5"),
            ("1.99999999999999999999999", "1.100000000000000000000000"),
        ] {
            assert_eq!(order(pair.0, pair.1), Ordering::Less, "{pair:?}");
            assert_eq!(order(pair.1, pair.0), Ordering::Greater, "{pair:?}");
        }
        for pair in [("1.0", "1.0.0"), ("1", "v1"), ("01.2", "1.02"), ("1.2-3", "1.2.3")] {
            assert_eq!(order(pair.0, pair.1), Ordering::Equal, "{pair:?}");
        }
    }
}
