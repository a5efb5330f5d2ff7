//! The pages of `docs/` that are written from the code, all at once: `doc --markdown docs`.

use super::{
    events, facts, helpers, keywords,
    parameters::{Parameter, about, parameters},
    types::{example, notes, of_topic, results},
    wrap::first_sentence,
};
use crate::{
    diag::Diagnostic,
    resource::{ResourceType, Topic},
    resources::TABLE,
};
use std::path::Path;

/// The folder of the pages of types.
const FOLDER: &str = "resources";
/// The first line of a page that stands beside others and is written from the code.
const MARK: &str = "<!-- Written by `lustores-provision doc --markdown docs`: change the code. -->";

/// Every page that is written from the code, with its path below `folder`, which is `docs/`.
pub fn pages(folder: &Path) -> Vec<(String, String)> {
    let mut all = vec![
        ("events.md".into(), events::markdown()),
        ("facts.md".into(), facts::markdown()),
        ("helpers.md".into(), helpers::markdown()),
        ("keywords.md".into(), keywords::markdown()),
        (format!("{FOLDER}/README.md"), index()),
    ];
    if let Ok(old) = std::fs::read_to_string(folder.join("SUMMARY.md")) {
        all.push(("SUMMARY.md".into(), summary(&old)));
    }
    all.extend(TABLE.iter().map(|row| (format!("{FOLDER}/{}.md", row.name), page(row))));
    all
}

/// Writes all pages below `folder`, and removes those of types that are no more.
///
/// # Errors
/// When one cannot be written.
pub fn write(folder: &Path) -> Result<(), Diagnostic> {
    let failed = |path: &Path, error: std::io::Error| {
        Diagnostic::error(format!("cannot write {}", path.display())).cause(error)
    };
    let resources = folder.join(FOLDER);
    std::fs::create_dir_all(&resources).map_err(|error| failed(&resources, error))?;
    for path in strangers(folder) {
        std::fs::remove_file(&path).map_err(|error| failed(&path, error))?;
    }
    for (name, text) in pages(folder) {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// Pages of types that are no more.
pub fn strangers(folder: &Path) -> Vec<std::path::PathBuf> {
    let known = pages(folder);
    let entries = std::fs::read_dir(folder.join(FOLDER)).into_iter().flatten().flatten();
    let is_stranger = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_ours = std::fs::read_to_string(path).is_ok_and(|text| text.starts_with(MARK));
        is_ours && known.iter().all(|(page, _)| *page != format!("{FOLDER}/{name}"))
    };
    entries.map(|entry| entry.path()).filter(is_stranger).collect()
}

/// The page of a type.
pub(super) fn page(row: &ResourceType) -> String {
    let mut out = format!("{MARK}\n\n# {}\n\n{}\n\n```yaml\n{}```\n", row.name, about(row), example(row));
    let parameters = parameters(row);
    if !parameters.is_empty() {
        out += "\n## Parameters\n\n| parameter | value | |\n|---|---|---|\n";
        for parameter in &parameters {
            line(parameter, "", &mut out);
        }
    }
    let results = results(row);
    if !results.is_empty() {
        out += "\n## Result\n\nWith `register`:\n\n";
        for (name, about) in results {
            out += &format!("- `{name}`: {about}\n");
        }
    }
    out += "\n## Notes\n\n";
    for note in notes(row) {
        out += &format!("- {note}\n");
    }
    out + &format!("\n{}; [all types](README.md), [keywords of tasks](../keywords.md)\n", row.topic.title())
}

/// A line of the table, and those of what is inside of it.
fn line(parameter: &Parameter, path: &str, out: &mut String) {
    let cell = |text: &str| text.replace('|', "\\|").replace("\n\n", "<br>").replace('\n', " ");
    let words: Vec<_> = parameter.choices.iter().map(|(word, _)| format!("`{word}`")).collect();
    let mut value = match parameter.kind.as_str() {
        "word" => words.join(", "),
        kind if words.is_empty() => kind.to_owned(),
        kind => format!("{kind}: {}", words.join(", ")),
    };
    if parameter.required {
        value += "; **required**";
    }
    if let Some(default) = &parameter.default {
        value += &format!("; default `{default}`");
    }
    let mut text = cell(&parameter.about);
    for (word, about) in parameter.choices.iter().filter(|(_, about)| !about.is_empty()) {
        text += &format!("<br>`{word}`: {}", cell(about));
    }
    let name = format!("{path}{}", parameter.name);
    *out += &format!("| `{name}` | {} | {text} |\n", cell(&value));
    for inner in &parameter.inside {
        line(inner, &format!("{name}."), out);
    }
}

fn index() -> String {
    let mut out = format!(
        "{MARK}\n\n# Resource types\n\nWhat a task can bring about. `lustores-provision doc TYPE` shows a page in the terminal, \
         `doc --search WORDS` looks through all of them.\n"
    );
    for topic in Topic::ALL {
        let rows: Vec<_> = of_topic(topic).collect();
        if rows.is_empty() {
            continue;
        }
        out += &format!("\n## {}\n\n| type | |\n|---|---|\n", topic.title());
        for row in rows {
            let text = first_sentence(&about(row)).replace('|', "\\|");
            out += &format!("| [{0}]({0}.md) | {text} |\n", row.name);
        }
    }
    out
}

/// The list of chapters with one for each type below that of all types. The other ones are written by people.
fn summary(old: &str) -> String {
    let mut out = String::new();
    for line in
        old.lines().filter(|line| !line.starts_with("  - [") || !line.contains(&format!("]({FOLDER}/")))
    {
        out += &format!("{line}\n");
        if line.ends_with(&format!("]({FOLDER}/README.md)")) {
            for row in Topic::ALL.into_iter().flat_map(of_topic) {
                out += &format!("  - [{0}]({FOLDER}/{0}.md)\n", row.name);
            }
        }
    }
    out
}
