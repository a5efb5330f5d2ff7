//! Diagnostics to text, with excerpts. `annotate-snippets` draws them: the renderer rustc uses, four crates where
//! miette brings seventy.

use super::{Diagnostic, Severity};
use crate::model::Origin;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::sync::Arc;

/// Draws one diagnostic. `color` as the terminal allows.
pub fn render(diagnostic: &Diagnostic, color: bool) -> String {
    let level = level(diagnostic);
    let paths = paths(diagnostic);
    let title = level.primary_title(&diagnostic.message);
    let title = match diagnostic.rule {
        Some(rule) => title.id(rule),
        None => title,
    };
    let mut group = Group::with_title(title);
    let first = places(diagnostic).next().filter(|(origin, _, kind)| is_primary(*kind) && !is_shown(origin));
    if let Some((origin, ..)) = first.filter(|(origin, ..)| !is_flag(origin)) {
        let place = annotate_snippets::Origin::path(&paths[0]);
        let (line, column) = origin.line_column();
        let is_file = !origin.source.text.is_empty();
        group = group.element(if is_file { place.line(line).char_column(column) } else { place });
    }
    group = with_places(group, diagnostic, &paths);
    let unshown: Vec<String> = places(diagnostic)
        .filter(|(origin, _, kind)| !is_shown(origin) && (!is_primary(*kind) || is_flag(origin)))
        .map(unshown)
        .collect();
    for text in unshown.iter().chain(&diagnostic.causes) {
        group = group.element(Level::NOTE.with_name("cause").message(text));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let text = renderer.render(&[group]);
    if places(diagnostic).any(|(origin, ..)| is_shown(origin)) {
        return text;
    }
    // Without line numbers it stands a column further left than with them.
    let head = diagnostic.message.lines().count().max(1);
    let lines = text.lines().enumerate();
    let lines = lines.map(|(at, line)| if at < head { line.to_string() } else { format!(" {line}") });
    lines.collect::<Vec<_>>().join("\n")
}

/// The places of a diagnostic alone, as [`render`] draws them; `None` when none of them may be shown.
pub fn excerpt(diagnostic: &Diagnostic) -> Option<String> {
    let paths = paths(diagnostic);
    places(diagnostic).find(|(origin, ..)| is_shown(origin))?;
    let group = with_places(Group::with_level(level(diagnostic)), diagnostic, &paths);
    Some(Renderer::plain().render(&[group]))
}

/// Further places of a diagnostic of which no excerpt may be shown, as text.
pub fn unshown_related(diagnostic: &Diagnostic) -> Vec<String> {
    let related = places(diagnostic).filter(|(_, _, kind)| matches!(kind, AnnotationKind::Context));
    related.filter(|(origin, ..)| !is_shown(origin)).map(unshown).collect()
}

fn level(diagnostic: &Diagnostic) -> Level<'static> {
    match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    }
}

/// Text that was decrypted is never shown, and what comes from no file cannot be.
fn is_shown(origin: &Origin) -> bool {
    !origin.source.secret && !origin.source.text.is_empty()
}

fn unshown((origin, label, _): (&Origin, &str, AnnotationKind)) -> String {
    if label.is_empty() { format!("at {origin}") } else { format!("{label}: {origin}") }
}

fn paths(diagnostic: &Diagnostic) -> Vec<String> {
    places(diagnostic).map(|(origin, ..)| origin.source.path.display().to_string()).collect()
}

/// Adds excerpts: one for each file, with all places in it.
fn with_places<'a>(mut group: Group<'a>, diagnostic: &'a Diagnostic, paths: &'a [String]) -> Group<'a> {
    let shown: Vec<_> = places(diagnostic).zip(paths).filter(|((origin, ..), _)| is_shown(origin)).collect();
    for (at, ((first, ..), path)) in shown.iter().enumerate() {
        let same = |(place, _): &&((&Origin, &str, AnnotationKind), &String)| {
            Arc::ptr_eq(&place.0.source, &first.source)
        };
        if shown[..at].iter().any(|place| same(&place)) {
            continue;
        }
        let mut snippet = Snippet::source(&first.source.text).path(*path);
        for ((origin, label, kind), _) in shown[at..].iter().filter(same) {
            let end = origin.span.end.min(origin.source.text.len());
            let annotation = kind.span(origin.span.start.min(end)..end);
            let annotation = if label.is_empty() { annotation } else { annotation.label(*label) };
            snippet = snippet.annotation(annotation);
        }
        group = group.element(snippet);
    }
    group
}

fn is_primary(kind: AnnotationKind) -> bool {
    matches!(kind, AnnotationKind::Primary)
}

/// What was written on the command line, not in a file.
fn is_flag(origin: &Origin) -> bool {
    origin.source.text.is_empty() && origin.source.path.to_string_lossy().starts_with('-')
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
        assert_eq!(excerpt(&Diagnostic::error("wrong type").at(&origin)), None);
        let other = Origin { source: source(false), span: 0..5 };
        let both = Diagnostic::error("wrong type").at(&other).related(&origin, "the other one");
        let text = excerpt(&both).unwrap();
        assert!(text.contains("hosts: all") && !text.contains("0644"), "{text}");
        assert_eq!(unshown_related(&both), ["the other one: site.yml:4:7"]);
    }

    #[test]
    fn an_excerpt_is_the_same_without_the_words() {
        let origin = Origin { source: source(false), span: 34..37 };
        let diagnostic = Diagnostic::error("unknown parameter `mod`").at(&origin).hint("x");
        let text = excerpt(&diagnostic).unwrap();
        assert!(render(&diagnostic, false).contains(&text), "{text}");
        assert!(text.contains("site.yml:4:7") && text.contains("^^^") && !text.contains("unknown"), "{text}");
    }
}
