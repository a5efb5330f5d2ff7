//! Failures and mistakes as a Code Quality report: what GitLab shows beside the lines of a merge request.
//!
//! Source: GitLab, "Code Quality", the report's format (a subset of the Code Climate engine specification).

use super::{Ci, Failed, Level, Note, failures, left, parts};
use crate::{
    diag::{Diagnostics, Severity},
    event::{Excuse, Recorded},
    report::story::Story,
};
use serde_json::json;

/// The report on a run.
pub fn codequality(run: &[Recorded], ci: Option<&Ci>) -> String {
    let story = Story::new(run);
    let mut notes: Vec<Note> = vec![];
    for Failed { host, task, failure, excuse } in failures(&story) {
        let task = task.map(|task| format!("{task}: ")).unwrap_or_default();
        let hint = failure.hint.as_deref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        let note = Note {
            level: if excuse.is_some() { Level::Warning } else { Level::Error },
            place: failure.place.clone(),
            title: excuse.map_or("failed", Excuse::word).into(),
            body: format!("{host}: {task}{}{hint}", failure.message),
        };
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes.extend(left(&story).into_iter().map(|(host, task)| Note {
        level: Level::Error,
        place: Some(task.place.clone()),
        title: "not converged".into(),
        body: format!("{host}: {}: it is not as wanted after the run", task.name),
    }));
    notes.extend(story.findings.open().map(|(finding, _)| Note {
        title: finding.lint.clone(),
        body: format!("{} (hint: {})", finding.message, finding.hint),
        ..Note::finding(finding)
    }));
    report(&notes, ci)
}

/// The report on what is wrong with the configuration.
pub fn refused(found: &Diagnostics, ci: Option<&Ci>) -> String {
    let notes = found.0.iter().map(|diagnostic| {
        let hint = diagnostic.hint.as_deref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        Note {
            level: match diagnostic.severity {
                Severity::Error => Level::Error,
                Severity::Warning => Level::Warning,
            },
            place: diagnostic.place.as_ref().map(|(origin, _)| origin.to_string()),
            title: diagnostic.rule.unwrap_or("configuration").into(),
            body: format!("{}{hint}", diagnostic.message),
        }
    });
    report(&notes.collect::<Vec<_>>(), ci)
}

/// Only what has a place in a file: the format has no room for anything else.
fn report(notes: &[Note], ci: Option<&Ci>) -> String {
    let one = |note: &Note| {
        let (file, line, _) = parts(note.place.as_deref()?);
        let line = line?;
        let path = ci.map_or_else(|| file.to_owned(), |ci| ci.from_root(file));
        // Without the line: a mistake that only moves is the same one.
        let of = format!("{path}\0{}\0{}", note.title, note.body);
        Some(json!({
            "description": note.body,
            "check_name": note.title,
            "fingerprint": blake3::hash(of.as_bytes()).to_hex().to_string(),
            "severity": match note.level {
                Level::Error => "critical",
                Level::Warning => "minor",
            },
            "location": { "path": path, "lines": { "begin": line } },
        }))
    };
    let report: Vec<_> = notes.iter().filter_map(one).collect();
    format!("{:#}\n", serde_json::Value::Array(report))
}
