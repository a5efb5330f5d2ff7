//! `serial`, `max_fail_percentage`, `any_errors_fatal`: how many hosts are worked on together, and when the rest is left alone.

use super::Play;
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    yaml::{Map, Node, Value},
};

/// The size of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    Hosts(usize),
    /// Of all hosts; at least one.
    Percent(f64),
}

/// What a play says about batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Rolling {
    /// The last one holds for all that follow.
    pub sizes: Vec<Size>,
    /// More failed hosts of a batch than this are the end; `None`: when all of them have failed.
    pub most_failures: Option<f64>,
}

impl Rolling {
    /// The number of hosts in each batch, of `count` in all.
    pub fn batches(&self, count: usize) -> Vec<usize> {
        let mut batches = vec![];
        let mut left = count;
        let mut sizes = self.sizes.iter();
        let mut size = sizes.next();
        while left > 0 {
            let wanted = match size {
                Some(Size::Hosts(hosts)) => *hosts,
                Some(Size::Percent(percent)) => share(count, *percent),
                None => left,
            };
            let taken = wanted.clamp(1, left);
            batches.push(taken);
            left -= taken;
            size = sizes.next().or(size);
        }
        batches
    }

    /// Whether so many failed hosts in a batch of `hosts` mean that no other batch begins.
    pub fn is_end(&self, failed: usize, hosts: usize) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "nobody has that many hosts")]
        let percent = failed as f64 * 100.0 / hosts.max(1) as f64;
        failed > 0 && (failed == hosts || self.most_failures.is_some_and(|most| percent > most))
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of the number of hosts, rounded down as in Ansible"
)]
fn share(count: usize, percent: f64) -> usize {
    (count as f64 * percent / 100.0) as usize
}

/// Reads what a play says, with the place of `serial`.
pub(super) fn read(map: &Map, errors: &mut Diagnostics) -> Option<(Rolling, Origin)> {
    let number = |node: &Node| match &node.value {
        Value::Int(number) => u32::try_from(*number).ok().map(f64::from),
        Value::Float(number) => Some(*number),
        Value::Str(text) => text.trim_end_matches('%').trim().parse().ok(),
        _ => None,
    };
    let most = map.get("max_fail_percentage").and_then(|entry| {
        let percent = number(&entry.node).filter(|percent| (0.0..=100.0).contains(percent));
        if percent.is_none() {
            let error = match number(&entry.node) {
                Some(_) => entry.node.expected_another("a percentage from 0 to 100"),
                None => entry.node.expected("a percentage from 0 to 100"),
            };
            errors.push(error.hint("of the hosts of a batch: `30` or `30%`"));
        }
        percent
    });
    let any = map
        .get("any_errors_fatal")
        .and_then(|entry| errors.take(entry.node.expect_bool("`true` or `false`")));
    let Some(entry) = map.get("serial") else {
        for key in ["max_fail_percentage", "any_errors_fatal"] {
            if let Some(entry) = map.get(key).filter(|_| key == "max_fail_percentage" || any == Some(true)) {
                let error = Diagnostic::error(format!("`{key}` needs `serial` here")).at(&entry.key);
                errors.push(error.hint(
                    "hosts of one batch are worked on side by side: say how many at a time, `serial: 1`",
                ));
            }
        }
        return None;
    };
    let items = match &entry.node.value {
        Value::Seq(items) => items.as_slice(),
        _ => std::slice::from_ref(&entry.node),
    };
    let size = |node: &Node| match &node.value {
        Value::Str(text) if text.ends_with('%') => {
            number(node).filter(|percent| *percent > 0.0 && *percent <= 100.0).map(Size::Percent)
        }
        Value::Int(hosts) => usize::try_from(*hosts).ok().filter(|hosts| *hosts > 0).map(Size::Hosts),
        Value::Str(text) => text.parse().ok().filter(|hosts| *hosts > 0).map(Size::Hosts),
        _ => None,
    };
    let sizes: Vec<Size> = items
        .iter()
        .filter_map(|node| {
            let size = size(node);
            if size.is_none() {
                let what = "a number of hosts from 1, or a percentage";
                let error = match node.value {
                    Value::Int(_) | Value::Str(_) => node.expected_another(what),
                    _ => node.expected(what),
                };
                errors.push(error.hint("write `serial: 1`, `serial: 30%` or a list of these"));
            }
            size
        })
        .collect();
    let most_failures = if any == Some(true) { Some(0.0) } else { most };
    (!sizes.is_empty()).then(|| (Rolling { sizes, most_failures }, entry.key.clone()))
}

/// The batches of a run. A host goes through all plays before the next batch begins, so the plays must agree.
pub(super) fn agreed(plays: &[Play], errors: &mut Diagnostics) {
    let mut saying = plays.iter().filter_map(|play| play.rolling.as_ref());
    let Some((first, at)) = saying.next() else { return };
    for (other, place) in saying {
        if other != first {
            let error =
                Diagnostic::error("two plays have different batches").at(place).related(at, "the other one");
            let hint =
                "hosts of a batch go through all plays before the next batch begins: write the same in both";
            errors.push(error.hint(hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rolling(sizes: &[Size], most_failures: Option<f64>) -> Rolling {
        Rolling { sizes: sizes.to_vec(), most_failures }
    }

    #[test]
    fn batches_are_ansibles() {
        let one = |sizes: &[Size], count| rolling(sizes, None).batches(count);
        assert_eq!(one(&[Size::Hosts(2)], 5), [2, 2, 1]);
        assert_eq!(one(&[Size::Hosts(1), Size::Hosts(3)], 8), [1, 3, 3, 1]);
        assert_eq!(one(&[Size::Percent(30.0)], 10), [3, 3, 3, 1]);
        assert_eq!(one(&[Size::Percent(1.0)], 3), [1, 1, 1]);
        assert_eq!(one(&[Size::Hosts(1), Size::Percent(100.0)], 4), [1, 3]);
        assert_eq!(one(&[Size::Hosts(9)], 0), Vec::<usize>::new());
    }

    #[test]
    fn the_end_is_when_too_many_have_failed() {
        let usual = rolling(&[Size::Hosts(2)], None);
        assert!(!usual.is_end(0, 2) && !usual.is_end(1, 2) && usual.is_end(2, 2));
        let strict = rolling(&[Size::Hosts(4)], Some(0.0));
        assert!(!strict.is_end(0, 4) && strict.is_end(1, 4));
        // As Ansible: it must be exceeded.
        let half = rolling(&[Size::Hosts(4)], Some(50.0));
        assert!(!half.is_end(2, 4) && half.is_end(3, 4));
    }
}
