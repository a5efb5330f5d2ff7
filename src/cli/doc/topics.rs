//! The pages of `docs/` that people wrote, for the terminal: what is no type, keyword, helper or fact (`doc undo`, `doc vault`).

use super::wrap::{first_sentence, wrapped};
use crate::diag::Diagnostic;
use regex::Regex;
use std::sync::LazyLock;

pub(super) struct Topic {
    /// As the file.
    pub name: &'static str,
    /// What else somebody would type for it.
    pub others: &'static [&'static str],
    text: &'static str,
}

macro_rules! topic {
    ($name:literal, $others:expr) => {
        Topic { name: $name, others: &$others, text: include_str!(concat!("../../../docs/", $name, ".md")) }
    };
}

/// By how soon they are needed.
pub(super) const TOPICS: &[Topic] = &[
    topic!("apply", ["check", "diff", "run", "validate", "graph", "exit-codes"]),
    topic!("language", ["playbook", "playbooks", "conditions", "templates", "variables"]),
    topic!("inventory", ["hosts", "groups", "patterns", "ssh"]),
    topic!("roles", ["inputs", "argument_specs"]),
    topic!("vault", ["secrets", "age", "password", "passwords"]),
    topic!("plan", ["plans", "saved", "approve", "show"]),
    topic!("drift", ["moved", "record"]),
    topic!("explain", ["why", "provenance", "origin"]),
    topic!("undo", ["revert", "rollback"]),
    topic!("way-back", ["armed", "confirm_within", "lockout", "locked-out"]),
    topic!("events", ["runs", "replay", "json"]),
    topic!("report", ["pictures", "html", "svg", "critical-path"]),
    topic!("ci", ["github", "gitlab", "enroll", "known_hosts", "junit", "actions", "pipeline"]),
    topic!("warnings", ["lint", "strict"]),
    topic!("external-resources", ["library", "external", "own"]),
    topic!("platforms", ["arm64", "busybox", "dnf"]),
    topic!("from-ansible", ["ansible", "convert", "modules"]),
    topic!("shell", ["completions", "completion", "man"]),
    topic!("editor", ["schema", "schemas", "editors"]),
    topic!("lab", ["vms", "vm"]),
];

/// Pages that are written from the code, which `doc` shows under their names.
const WRITTEN: [&str; 3] = ["keywords", "helpers", "facts"];

pub(super) fn find(name: &str) -> Option<&'static Topic> {
    let by_name = TOPICS.iter().find(|topic| topic.name == name);
    by_name.or_else(|| TOPICS.iter().find(|topic| topic.others.contains(&name)))
}

pub(super) fn list() -> String {
    let width = TOPICS.iter().map(|topic| topic.name.len()).max().unwrap_or(0);
    let lines = TOPICS.iter().map(|topic| format!("  {:width$}  {}\n", topic.name, topic.title()));
    format!("Pages\n{}\n`doc topics NAME` shows one.\n", lines.collect::<String>())
}

/// A page by its name or another word for it.
///
/// # Errors
/// An unknown name.
pub(super) fn page(name: &str) -> Result<String, Diagnostic> {
    find(name).map(Topic::page).ok_or_else(|| {
        let error = Diagnostic::error(format!("unknown topic `{name}`")).hint("`doc topics` lists them");
        error.suggest(name, TOPICS.iter().map(|topic| topic.name))
    })
}

impl Topic {
    /// How it is asked for: a type or a keyword of that name comes first.
    pub fn asked(&self) -> String {
        let taken = super::is_known(self.name);
        if taken { format!("topics {}", self.name) } else { self.name.into() }
    }

    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches('#').trim()
    }

    /// What the search shows: the title, and the first sentence of the text.
    pub fn about(&self) -> String {
        let prose = |part: &&str| part.starts_with(|c: char| c.is_alphanumeric() || "`*".contains(c));
        let first = self.text.split("\n\n").skip(1).find(prose).unwrap_or_default();
        format!("{}. {}", self.title(), first_sentence(&linked(first)))
    }

    /// The words of its headings.
    pub fn headings(&self) -> String {
        let headings = self.text.lines().filter(|line| line.starts_with("## ") || line.starts_with("### "));
        headings.map(|line| line.trim_start_matches('#')).collect::<Vec<_>>().join(" ")
    }

    fn page(&self) -> String {
        let mut out = String::new();
        for (at, part) in self.text.split("\n```").enumerate() {
            if at % 2 == 1 {
                // Behind the fence stands the language.
                let code = part.split_once('\n').map_or("", |(_, code)| code);
                out +=
                    &format!("\n{}\n", code.lines().map(|line| format!("    {line}\n")).collect::<String>());
            } else {
                out += &wrapped(&rows(&linked(part)), 0);
            }
        }
        let ends: Vec<&str> = out.split("\n\n").map(|part| part.trim_matches('\n')).collect();
        ends.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n") + "\n"
    }
}

/// With what `doc` calls a page in place of a link to it.
fn linked(text: &str) -> String {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\[([^\]\[]+)\]\(([^)\s]+)\)").expect("it is one"));
    let shown = |found: &regex::Captures| {
        let (text, target) = (&found[1], &found[2]);
        let file = target.split('#').next().unwrap_or_default();
        let name = file.strip_suffix(".md").unwrap_or_default();
        let asked = TOPICS.iter().find(|topic| topic.name == name).map(Topic::asked);
        let asked = asked.or_else(|| WRITTEN.contains(&name).then(|| name.to_owned()));
        match asked {
            Some(asked) if text == file => format!("`doc {asked}`"),
            Some(asked) => format!("{text} (`doc {asked}`)"),
            None if target.contains("://") => format!("{text} ({target})"),
            None => text.to_owned(),
        }
    };
    LINK.replace_all(text, shown).into_owned()
}

/// With rows of tables as items of lists: a terminal is too narrow for columns.
fn rows(text: &str) -> String {
    let mut out = String::new();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let is_rule = |line: &&str| line.starts_with("|---");
        if !line.starts_with('|') {
            out += line;
        } else if is_rule(line) || lines.get(at + 1).is_some_and(is_rule) {
            continue;
        } else {
            let row = line.trim_matches('|').replace("\\|", "\u{1}");
            let cells: Vec<&str> = row.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
            let item = match &cells[..] {
                [first @ .., last] if !first.is_empty() => format!("- {}: {last}", first.join("; ")),
                _ => format!("- {}", cells.join("; ")),
            };
            out += &item.replace('\u{1}', "|");
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each chapter on using it, but for those that are written from the code.
    #[test]
    fn every_page_on_using_it_is_a_topic() {
        let summary = include_str!("../../../docs/SUMMARY.md");
        let part = summary.split("\n# ").find(|part| part.starts_with("Using it\n")).unwrap();
        let names: Vec<&str> =
            part.split("](").skip(1).filter_map(|rest| rest.split(".md)").next()).collect();
        assert!(names.len() > 10, "{names:?}");
        for name in &names {
            assert!(WRITTEN.contains(name) || TOPICS.iter().any(|topic| topic.name == *name), "{name}");
        }
        for topic in TOPICS {
            assert!(names.contains(&topic.name), "{} is in no chapter", topic.name);
        }
    }

    #[test]
    fn pages_are_for_a_terminal() {
        for topic in TOPICS {
            let page = topic.page();
            for line in page.lines().filter(|line| !line.starts_with("    ")) {
                let is_plain = !line.contains("](") && !line.contains("|---") && !line.contains("```");
                // What stands in backquotes is not broken.
                assert!(is_plain && (line.contains('`') || line.chars().count() <= 80), "{line}");
            }
            assert!(page.starts_with(&format!("# {}\n", topic.title())), "{page}");
        }
        assert!(
            linked("see [the vault](vault.md#x) and [shell.md](shell.md)")
                .contains("(`doc vault`) and `doc topics shell`")
        );
        assert_eq!(rows("| a | b |\n|---|---|\n| `x\\|y` | one |\n"), "- `x|y`: one\n");
    }
}
