//! Which line of a text was made of which line of the project.

use crate::model::Origin;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// For each line of a text the line of the block (`|`) that it was made of, where the text is written as one.
pub(super) fn of_block(origin: &Origin, made: &str) -> Vec<Option<Origin>> {
    let written = block(origin);
    let (old, new): (Vec<&str>, Vec<&str>) =
        (written.iter().map(|(_, line)| *line).collect(), made.lines().map(str::trim).collect());
    let place = |at: usize| {
        let (start, line) = written[at];
        Origin { source: origin.source.clone(), span: start..start + line.len() }
    };
    pairs(&old, &new).into_iter().map(|at| at.map(place)).collect()
}

/// The lines of the block of which the first one begins here, with where each begins; none if it is written otherwise.
fn block(origin: &Origin) -> Vec<(usize, &str)> {
    let text = &origin.source.text;
    let start = text.get(..origin.span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let head = text[..start].trim_end().rsplit('\n').next().unwrap_or_default();
    let mark = head.rsplit(char::is_whitespace).next().unwrap_or_default();
    let is_block = mark.strip_prefix('|').is_some_and(|more| more.chars().all(|c| "+-123456789".contains(c)));
    if !is_block {
        return vec![];
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let least = indent(text[start..].lines().next().unwrap_or_default());
    let (mut lines, mut at) = (vec![], start);
    for line in text[start..].split_inclusive('\n') {
        let shown = line.trim();
        if !shown.is_empty() && indent(line) < least {
            break;
        }
        lines.push((at + if shown.is_empty() { 0 } else { indent(line) }, shown));
        at += line.len();
    }
    lines
}

/// For each line of what was made (they come without their indentation, which may differ) which of the written ones it was made of.
pub fn pairs(written: &[&str], made: &[&str]) -> Vec<Option<usize>> {
    let mut found = vec![None; made.len()];
    for op in capture_diff_slices(Algorithm::Patience, written, made) {
        match op {
            DiffOp::Equal { old_index, new_index, len } => {
                (0..len).for_each(|at| found[new_index + at] = Some(old_index + at));
            }
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                for new in new_index..new_index + new_len {
                    found[new] = (old_index..old_index + old_len).find(|old| fits(written[*old], made[new]));
                }
            }
            DiffOp::Insert { .. } | DiffOp::Delete { .. } => {}
        }
    }
    found
}

/// Whether a line may be made of this line of a template: what stands around its expressions is there, in that order.
fn fits(template: &str, made: &str) -> bool {
    let mut rest = made;
    let mut is_first = true;
    let mut any = false;
    for part in template.split("{{") {
        let text = if is_first {
            part
        } else {
            part.split_once("}}").map_or("", |(_, text)| text.trim_start_matches('}'))
        };
        let Some(at) = rest.find(text).filter(|at| !is_first || *at == 0) else { return false };
        any |= !text.trim().is_empty();
        rest = &rest[at + text.len()..];
        is_first = false;
    }
    any && (template.ends_with("}}") || rest.is_empty())
}
