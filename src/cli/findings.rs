//! Diagnostics for programs: JSON, SARIF, the annotations of GitHub Actions and the Code Quality reports of GitLab.
//!
//! Sources: "Static Analysis Results Interchange Format (SARIF) Version 2.1.0" (OASIS); GitHub's "Workflow commands".

use super::ci;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::Origin;
use crate::report::ci::{Ci, Service, codequality_refused};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// An array of objects, in the order in which they would be shown.
pub fn json(found: &Diagnostics) -> String {
    let one = |diagnostic: &Diagnostic| {
        let related: Vec<Json> = diagnostic
            .related
            .iter()
            .map(|(origin, label)| json!({ "place": place(origin), "label": label }))
            .collect();
        json!({
            "severity": severity(diagnostic),
            "rule": diagnostic.rule,
            "message": diagnostic.message,
            "place": diagnostic.place.as_ref().map(|(origin, _)| place(origin)),
            "label": diagnostic.place.as_ref().map(|(_, label)| label).filter(|label| !label.is_empty()),
            "causes": diagnostic.causes,
            "hint": diagnostic.hint,
            "related": related,
        })
    };
    format!("{:#}\n", Json::Array(found.0.iter().map(one).collect()))
}

/// A SARIF log with one run.
pub fn sarif(found: &Diagnostics) -> String {
    let one = |diagnostic: &Diagnostic| {
        let location = |origin: &Origin, label: Option<&str>| {
            let mut location = json!({ "physicalLocation": {
                "artifactLocation": { "uri": utf8_percent_encode(&uri(origin), RESERVED).to_string() },
                "region": region(origin),
            }});
            if let Some(label) = label.filter(|label| !label.is_empty()) {
                location["message"] = json!({ "text": label });
            }
            location
        };
        let files =
            |(origin, label): &(Origin, String)| is_file(origin).then(|| location(origin, Some(label)));
        json!({
            "ruleId": rule(diagnostic),
            "level": severity(diagnostic),
            "message": { "text": text(diagnostic) },
            "locations": diagnostic.place.iter().filter_map(files).collect::<Vec<_>>(),
            "relatedLocations": diagnostic.related.iter().filter_map(files).collect::<Vec<_>>(),
        })
    };
    let used: BTreeSet<&str> = found.0.iter().map(rule).collect();
    let rules: Vec<Json> = used
        .into_iter()
        .map(|id| match id {
            CONFIGURATION => {
                let text = "What is wrong with an inventory, a playbook or a role";
                json!({ "id": id, "shortDescription": { "text": text } })
            }
            id => json!({ "id": id }),
        })
        .collect();
    let log = json!({
        "version": "2.1.0",
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json",
        "runs": [{
            "tool": { "driver": {
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            // Columns count characters, not UTF-16 units.
            "columnKind": "unicodeCodePoints",
            "results": found.0.iter().map(one).collect::<Vec<_>>(),
        }],
    });
    format!("{log:#}\n")
}

/// A workflow command for each, on a line of its own.
pub fn github(found: &Diagnostics) -> String {
    let folder = std::env::current_dir().unwrap_or_default();
    let ci = Ci { service: Service::GitHub, root: folder.clone(), folder };
    let ci = ci::service().filter(|ci| ci.service == Service::GitHub).unwrap_or(&ci);
    found.0.iter().map(|diagnostic| ci.annotation(&ci::note(diagnostic))).collect()
}

/// A Code Quality report of GitLab.
pub fn gitlab(found: &Diagnostics) -> String {
    codequality_refused(found, ci::service())
}

/// The rule of what has no name of its own.
const CONFIGURATION: &str = "configuration";

fn rule(diagnostic: &Diagnostic) -> &'static str {
    diagnostic.rule.unwrap_or(CONFIGURATION)
}

fn severity(diagnostic: &Diagnostic) -> &'static str {
    match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn details(diagnostic: &Diagnostic) -> Vec<String> {
    let hint = diagnostic.hint.iter().map(|hint| format!("hint: {hint}"));
    diagnostic.causes.iter().cloned().chain(hint).collect()
}

fn text(diagnostic: &Diagnostic) -> String {
    let mut lines = vec![diagnostic.message.clone()];
    lines.extend(details(diagnostic));
    lines.join("\n")
}

/// Whether it is a place in a file, not on the command line or in what was computed.
fn is_file(origin: &Origin) -> bool {
    !origin.source.text.is_empty() || origin.source.path.is_file()
}

fn place(origin: &Origin) -> Json {
    let path = origin.source.path.display().to_string();
    if !is_file(origin) {
        return json!({ "name": path });
    }
    let (line, column) = origin.line_column();
    json!({ "file": path, "line": line, "column": column })
}

fn region(origin: &Origin) -> Json {
    let (line, column) = origin.line_column();
    let end = Origin { span: origin.span.end..origin.span.end, ..origin.clone() };
    let (end_line, end_column) = end.line_column();
    if (end_line, end_column) <= (line, column) {
        return json!({ "startLine": line, "startColumn": column });
    }
    json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column })
}

/// A path relative to the working folder.
fn uri(origin: &Origin) -> String {
    let path = origin.source.path.display().to_string();
    path.strip_prefix("./").map_or(path.clone(), str::to_owned)
}

/// What may not stand in a URI reference as it is (RFC 3986), but for the slashes.
const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Source;
    use std::sync::Arc;

    fn found() -> Diagnostics {
        let source = Source { path: "./play, one.yml".into(), text: "é: x\ny: z\n".into(), secret: false };
        let source = Arc::new(source);
        let at = |span| Origin { source: source.clone(), span };
        Diagnostics(vec![
            Diagnostic::error("100% wrong: really")
                .at(&at(4..5))
                .cause("because")
                .hint("do\nthis")
                .related(&at(6..7), "first"),
            Diagnostic::warning("odd").at(&Origin::named("--limit")),
        ])
    }

    #[test]
    fn annotations_are_escaped_as_github_wants_them() {
        assert_eq!(
            github(&found()),
            "::error file=play%2C one.yml,line=1,col=4,title=100%25 wrong%3A really::because%0Ahint: do%0Athis\n\
             ::warning title=odd::odd\n"
        );
    }

    #[test]
    fn json_and_sarif_name_places() {
        let parsed: Json = serde_json::from_str(&json(&found())).unwrap();
        assert_eq!(parsed[0]["place"], json!({"file": "./play, one.yml", "line": 1, "column": 4}));
        assert_eq!(parsed[0]["related"][0]["place"]["line"], 2);
        assert_eq!(parsed[1]["place"], json!({"name": "--limit"}));
        let log: Json = serde_json::from_str(&sarif(&found())).unwrap();
        let results = &log["runs"][0]["results"];
        assert_eq!(
            results[0]["locations"][0]["physicalLocation"]["region"],
            json!({"startLine": 1, "startColumn": 4, "endLine": 1, "endColumn": 5})
        );
        let place = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(place, "play%2C%20one.yml");
        assert_eq!(results[0]["message"]["text"], "100% wrong: really\nbecause\nhint: do\nthis");
        assert_eq!(
            (&results[1]["level"], results[1]["locations"].as_array().unwrap().len()),
            (&json!("warning"), 0)
        );
    }
}
