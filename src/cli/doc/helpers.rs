//! The helpers as text and as Markdown: `docs/helpers.md` is `doc helpers --markdown`.

use crate::template::{HELPERS, Helper};

const HEAD: &str = "# Helpers

What may be called in templates, in values and in conditions: `{{lower name}}`, and inside of another call `(lower name)`. A bare
`\"{{helper ...}}\"` keeps the type of its result. What a secret goes into is secret; what is computed from something that is not known
yet is not known yet. `[x]` may be left out, `x...` stands for one or more.

The examples are rendered without variables, with a file `motd` that holds `welcome`, in a run that began with the year 2026 (UTC).
Tests hold them. This page is `lustores-provision doc helpers --markdown`.
";

/// One line each, by what they work on.
pub(super) fn list() -> String {
    let width = HELPERS.iter().map(|helper| helper.signature.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, group) in groups() {
        out += &format!("{name}\n");
        for helper in group {
            out += &format!("  {:width$}  {}\n", helper.signature, first_line(helper));
        }
        out.push('\n');
    }
    out + "`doc helpers NAME` shows one with an example.\n"
}

/// One helper; `None` when there is none of that name.
pub(super) fn page(name: &str) -> Option<String> {
    let helper = HELPERS.iter().find(|helper| helper.name == name)?;
    let (template, result) = helper.example;
    let indented = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
    Some(format!(
        "{}\n\n{}\n\nexample:\n{}gives:\n{}",
        helper.signature,
        helper.doc,
        indented(template),
        indented(result)
    ))
}

pub(super) fn markdown() -> String {
    let mut out = HEAD.to_string();
    // A bar would end the cell, also inside of code.
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let code = |text: &str| format!("`{}`", cell(&text.replace('\n', "\\n")));
    for (name, group) in groups() {
        out += &format!(
            "\n## {}{}\n\n| call | | example | gives |\n|---|---|---|---|\n",
            name[..1].to_uppercase(),
            &name[1..]
        );
        for helper in group {
            let (template, result) = helper.example;
            let text = cell(helper.doc.replacen('\n', ". ", 1).as_str());
            out +=
                &format!("| {} | {text} | {} | {} |\n", code(helper.signature), code(template), code(result));
        }
    }
    out
}

fn first_line(helper: &Helper) -> &str {
    helper.doc.lines().next().unwrap_or_default()
}

fn groups() -> Vec<(&'static str, Vec<&'static Helper>)> {
    let mut groups: Vec<(&str, Vec<&Helper>)> = vec![];
    for helper in HELPERS {
        match groups.last_mut() {
            Some((name, group)) if *name == helper.group => group.push(helper),
            _ => groups.push((helper.group, vec![helper])),
        }
    }
    groups
}
