//! A diff as lines: unified for texts, field by field for the rest.

use super::{DIM, GREEN, RED, paint};
use crate::model::{Diff, FacetDiff, Shown};
use similar::{ChangeTag, TextDiff};

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// Lines of a single text's diff that are shown before it is cut.
const MOST: usize = 400;

/// The lines that show a diff, without indentation.
pub fn lines(diff: &Diff, color: bool) -> Vec<String> {
    diff.facets.iter().flat_map(|facet| facet_lines(facet, color)).collect()
}

fn facet_lines(facet: &FacetDiff, color: bool) -> Vec<String> {
    let name = &facet.facet;
    if let (Some(before), Some(after)) = (text(&facet.before), text(&facet.after)) {
        let mut lines = vec![format!("{name}:")];
        lines.extend(unified(before, after, color).into_iter().map(|l| format!("  {l}")));
        return lines;
    }
    if [&facet.before, &facet.after]
        .iter()
        .any(|s| matches!(s, Shown::Scalar(text) if text.trim_end().contains('\n')))
    {
        return block(facet, color);
    }
    match (&facet.before, &facet.after) {
        (Shown::Absent, after) => vec![format!("{name}: {}", paint(&short(after), GREEN, color))],
        (before, Shown::Absent) => {
            vec![format!("{name}: {} -> absent", paint(&short(before), RED, color))]
        }
        (before, after) => {
            vec![format!(
                "{name}: {} -> {}",
                paint(&short(before), RED, color),
                paint(&short(after), GREEN, color)
            )]
        }
    }
}

/// A value of several lines (a script to run), each side indented under the facet's name.
fn block(facet: &FacetDiff, color: bool) -> Vec<String> {
    let mut lines = vec![format!("{}:", facet.facet)];
    for (side, sign, style) in [(&facet.before, '-', RED), (&facet.after, '+', GREEN)] {
        if *side != Shown::Absent {
            lines.extend(
                short(side).trim_end().lines().map(|line| paint(&format!("  {sign}{line}"), style, color)),
            );
        }
    }
    lines
}

/// The side of a text diff; an absent side of one is empty.
fn text(shown: &Shown) -> Option<&str> {
    match shown {
        Shown::Text(text) => Some(text.as_str()),
        Shown::Absent => Some(""),
        _ => None,
    }
}

fn short(shown: &Shown) -> String {
    match shown {
        Shown::Absent => "absent".into(),
        Shown::Scalar(text) if text.is_empty() => "\"\"".into(),
        Shown::Scalar(text) => text.clone(),
        Shown::Text(text) => text.trim_end().into(),
        Shown::Masked(tag) => format!("[secret {tag}]"),
        Shown::Binary { size, digest } => format!("{size} bytes ({digest})"),
    }
}

fn unified(before: &str, after: &str, color: bool) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = vec![];
    for group in diff.grouped_ops(CONTEXT) {
        if let (Some(first), Some(last)) = (group.first(), group.last()) {
            let old = first.old_range().start + 1..last.old_range().end;
            let new = first.new_range().start + 1..last.new_range().end;
            let head = format!(
                "@@ -{},{} +{},{} @@",
                old.start.min(old.end.max(old.start)),
                last.old_range().end - first.old_range().start,
                new.start,
                last.new_range().end - first.new_range().start
            );
            lines.push(paint(&head, DIM, color));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let line = change.value().trim_end_matches(['\n', '\r']);
            lines.push(match change.tag() {
                ChangeTag::Delete => paint(&format!("-{line}"), RED, color),
                ChangeTag::Insert => paint(&format!("+{line}"), GREEN, color),
                ChangeTag::Equal => format!(" {line}"),
            });
            if change.missing_newline() && change.tag() != ChangeTag::Equal {
                lines.push("\\ no newline at end of file".into());
            }
        }
    }
    if lines.len() > MOST {
        let more = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(paint(&format!("... and {more} more lines"), DIM, color));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facet(name: &str, before: Shown, after: Shown) -> FacetDiff {
        FacetDiff { facet: name.into(), before, after }
    }

    #[test]
    fn texts_are_unified_and_fields_stand_side_by_side() {
        let facets = vec![
            facet("content", Shown::Text("a\nb\nc\n".into()), Shown::Text("a\nB\nc\n".into())),
            facet("mode", Shown::Scalar("0644".into()), Shown::Scalar("0600".into())),
            facet("DB", Shown::Masked("aa".into()), Shown::Masked("bb".into())),
            facet("owner", Shown::Absent, Shown::Scalar("root".into())),
        ];
        let text = lines(&Diff { facets }, false).join("\n");
        assert_eq!(
            text,
            "content:\n  @@ -1,3 +1,3 @@\n   a\n  -b\n  +B\n   c\nmode: 0644 -> 0600\nDB: [secret aa] -> [secret bb]\nowner: root"
        );
    }

    #[test]
    fn scripts_and_empty_values_are_readable() {
        let facets = vec![
            facet("run", Shown::Absent, Shown::Scalar("set -e\ntrue\n".into())),
            facet("KEY", Shown::Scalar(String::new()), Shown::Scalar("x".into())),
        ];
        assert_eq!(lines(&Diff { facets }, false), ["run:", "  +set -e", "  +true", "KEY: \"\" -> x"]);
    }

    #[test]
    fn a_new_file_is_all_added() {
        let facets = vec![facet("content", Shown::Absent, Shown::Text("x\n".into()))];
        assert_eq!(lines(&Diff { facets }, false), ["content:", "  @@ -1,0 +1,1 @@", "  +x"]);
    }
}
