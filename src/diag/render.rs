//! Diagnostics to text, with excerpts. `annotate-snippets` draws them: the renderer rustc uses, four crates where
//! miette brings seventy.

use super::{Diagnostic, Severity};
use crate::model::Origin;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Draws one diagnostic. `color` as the terminal allows.
pub fn render(diagnostic: &Diagnostic, color: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let paths: Vec<String> =
        places(diagnostic).map(|(o, _, _)| o.source.path.display().to_string()).collect();
    let mut group = Group::with_title(level.primary_title(&diagnostic.message));
    let mut unshown = vec![];
    for ((origin, label, kind), path) in places(diagnostic).zip(&paths) {
        if origin.source.secret || origin.source.text.is_empty() {
            unshown.push(if label.is_empty() {
                format!("at {origin}")
            } else {
                format!("{label}: {origin}")
            });
            continue;
        }
        let end = origin.span.end.min(origin.source.text.len());
        let span = origin.span.start.min(end)..end;
        let annotation = kind.span(span);
        let annotation = if label.is_empty() { annotation } else { annotation.label(label) };
        group = group.element(Snippet::source(&origin.source.text).path(path).annotation(annotation));
    }
    for text in unshown.iter().chain(&diagnostic.causes) {
        group = group.element(Level::NOTE.with_name("cause").message(text));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

fn places(diagnostic: &Diagnostic) -> impl Iterator<Item = (&Origin, &str, AnnotationKind)> {
    let first = diagnostic.place.iter().map(|(o, l)| (o, l.as_str(), AnnotationKind::Primary));
    first.chain(diagnostic.related.iter().map(|(o, l)| (o, l.as_str(), AnnotationKind::Context)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Source;
    use std::sync::Arc;

    fn source(secret: bool) -> Arc<Source> {
        let text = "hosts: all\ntasks:\n  - file:\n      mod: '0644'\n".into();
        Arc::new(Source { path: "site.yml".into(), text, secret })
    }

    #[test]
    fn an_error_shows_place_excerpt_and_hint() {
        let origin = Origin { source: source(false), span: 34..37 };
        let diagnostic = Diagnostic::error("unknown parameter `mod`").at(&origin).suggest("mod", ["mode"]);
        let text = render(&diagnostic, false);
        assert!(text.contains("error: unknown parameter `mod`"), "{text}");
        assert!(text.contains("site.yml:4:7"), "{text}");
        assert!(text.contains("mod: '0644'"), "{text}");
        assert!(text.contains("hint: did you mean `mode`?"), "{text}");
    }

    #[test]
    fn a_decrypted_file_is_never_quoted() {
        let origin = Origin { source: source(true), span: 34..37 };
        let text = render(&Diagnostic::error("wrong type").at(&origin), false);
        assert!(text.contains("site.yml:4:7") && !text.contains("0644"), "{text}");
    }
}
