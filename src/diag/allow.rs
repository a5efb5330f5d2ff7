//! Warnings that a comment silences: `# provision: allow(unused-variable)` on the line, or on a line of its own before it.

use super::Diagnostic;

const MARK: &str = "provision: allow(";

/// Whether a comment at its place silences this warning.
pub fn is_allowed(diagnostic: &Diagnostic) -> bool {
    let (Some(rule), Some((origin, _))) = (diagnostic.rule, &diagnostic.place) else { return false };
    let text = &origin.source.text;
    let start = text.floor_char_boundary(origin.span.start.min(text.len()));
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    let before = text[..line_start].lines().next_back().unwrap_or("").trim_start();
    let alone = before.starts_with(['#', ';']) || before.starts_with("{{!");
    names(line, rule) || alone && names(before, rule)
}

fn names(line: &str, rule: &str) -> bool {
    let Some((_, list)) = line.split_once(MARK) else { return false };
    let list = list.split(')').next().unwrap_or("");
    list.split(',').any(|name| name.trim() == rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Origin, Source};
    use std::sync::Arc;

    #[test]
    fn a_comment_silences_the_rules_that_it_names() {
        let text =
            "a: 1 # provision: allow(unused-variable)\n# provision: allow(x, unused-variable)\nb: 2\nc: 3\n";
        let source = Arc::new(Source { path: "t.yml".into(), text: text.into(), secret: false });
        let allowed = |rule, name: &str| {
            let at = text.find(&format!("{name}:")).unwrap();
            let place = Origin { source: source.clone(), span: at..at + 1 };
            is_allowed(&Diagnostic::lint(rule, "odd").at(&place))
        };
        assert!(allowed("unused-variable", "a") && allowed("unused-variable", "b"));
        assert!(!allowed("unused-variable", "c") && !allowed("shadowed-variable", "a"));
    }
}
