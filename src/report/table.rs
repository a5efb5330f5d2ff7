//! The closing table.

use super::{BOLD, GREEN, RED, YELLOW, paint};
use crate::event::Summary;
use std::collections::BTreeMap;

/// One row a host, in the order of the inventory.
pub(super) fn render(
    order: &[String],
    summaries: &BTreeMap<String, Summary>,
    check: bool,
    color: bool,
) -> String {
    let width = order.iter().map(String::len).chain([4]).max().unwrap_or(4);
    let changed = if check { "would change" } else { "changed" };
    let head = format!(
        "{:width$}  {:>5}  {changed:>12}  {:>7}  {:>6}  {:>7}  {:>8}",
        "host", "ok", "skipped", "failed", "blocked", "deferred"
    );
    let mut out = format!("\n{}\n", paint(head.trim_end(), BOLD, color));
    for host in order {
        let Some(s) = summaries.get(host) else {
            out += &format!("{host:width$}  not reached\n");
            continue;
        };
        let style = match s {
            s if s.failed > s.ignored || s.unreachable => RED,
            s if s.changed + s.deferred > 0 => YELLOW,
            _ => GREEN,
        };
        let row = format!(
            "{:>5}  {:>12}  {:>7}  {:>6}  {:>7}  {:>8}",
            s.ok,
            s.changed,
            s.skipped,
            s.failed - s.ignored,
            s.blocked,
            s.deferred
        );
        let mut note = String::new();
        for (count, word) in [(s.ignored, "ignored"), (s.rescued, "rescued")] {
            if count > 0 {
                note += &format!("  {count} {word}");
            }
        }
        if s.unreachable {
            note += "  unreachable";
        }
        out += &format!("{}  {row}{note}\n", paint(&format!("{host:width$}"), style, color));
    }
    out
}
