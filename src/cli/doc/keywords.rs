//! The keywords of the language: `docs/keywords.md` is `doc keywords --markdown`.

use super::wrap::flow;
use crate::{
    diag::Diagnostic,
    playbook::{Keyword, Level, Shape},
};

const HEAD: &str = "# Keywords

What plays, roles, blocks, tasks and handlers may say besides their resource. How they work together is told in
[language.md](language.md); the parameters of a resource are on [its page](resources/README.md).

This page is `lustores-provision doc keywords --markdown`.
";

/// By level, one line each.
pub(super) fn list() -> String {
    let all = Level::ALL.iter().flat_map(|level| level.names());
    let width = all.map(str::len).max().unwrap_or(0);
    let mut out = String::new();
    for level in Level::ALL {
        out += &format!("{}\n", level.title());
        if let Some(like) = like(level) {
            flow(&like, 2, 2, &mut out);
        }
        for keyword in own(level) {
            let mut text = String::new();
            flow(keyword.about, width + 4, width + 4, &mut text);
            out += &format!("  {:width$}  {}", keyword.name, text.trim_start());
        }
        out.push('\n');
    }
    out + "`doc keywords NAME` shows where one may stand, and what its value is.\n"
}

/// What a level shares with another one is not written twice.
fn like(level: Level) -> Option<String> {
    let kinds = "the keywords of a task but for those of its result: `when`, `tags`, `become`, ...";
    match level {
        Level::Handler => Some("All of a task, and:".into()),
        Level::Block => Some(format!("Beside it stand {kinds}")),
        Level::ImportTasks | Level::IncludeTasks | Level::ImportRole | Level::IncludeRole => {
            Some(format!("Beside it stand {kinds}"))
        }
        _ => None,
    }
}

fn own(level: Level) -> Vec<&'static Keyword> {
    let task = Level::Task.names();
    let all = level.keywords();
    match like(level) {
        Some(_) => all.into_iter().filter(|keyword| !task.contains(&keyword.name)).collect(),
        None => all,
    }
}

/// One keyword, with where it may stand.
///
/// # Errors
/// A name that is no keyword.
pub(super) fn page(name: &str) -> Result<String, Diagnostic> {
    let mut out = format!("{name}\n");
    let mut told: Vec<(&Keyword, Vec<Level>)> = vec![];
    for level in Level::ALL {
        let Some(keyword) = level.keywords().into_iter().find(|keyword| keyword.name == name) else {
            continue;
        };
        match told.iter_mut().find(|(known, _)| known.about == keyword.about) {
            Some((_, levels)) => levels.push(level),
            None => told.push((keyword, vec![level])),
        }
    }
    if told.is_empty() {
        let all = Level::ALL.iter().flat_map(|level| level.names());
        let error = Diagnostic::error(format!("unknown keyword `{name}`"));
        return Err(error.hint("`doc keywords` lists them").suggest(name, all));
    }
    for (keyword, levels) in told {
        let titles: Vec<_> = levels.iter().map(|level| level.title()).collect();
        out.push('\n');
        flow(keyword.about, 0, 0, &mut out);
        flow(&format!("value: {}", value(keyword.shape)), 4, 8, &mut out);
        flow(&format!("where: {}", titles.join("; ")), 4, 8, &mut out);
    }
    Ok(out)
}

/// Whether there is such a keyword.
pub(super) fn is_known(name: &str) -> bool {
    Level::ALL.iter().any(|level| level.names().contains(&name))
}

/// What its value is, in words.
pub(super) fn value(shape: Shape) -> String {
    let words = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match shape {
        Shape::Bool => "`true` or `false`".into(),
        Shape::Flag => "`true` or `false`, or a template".into(),
        Shape::Text => "text".into(),
        Shape::Texts => "text, or a list of texts".into(),
        Shape::Condition => "a condition, or a list of them".into(),
        Shape::Number => "a number, or a template".into(),
        Shape::Variables => "a mapping of variables".into(),
        Shape::Environment => "a mapping, or a template".into(),
        Shape::Words(known) => words(known),
        Shape::WordsOrTemplate(known) => format!("{}, or a template", words(known)),
        Shape::Loop => "a list or a mapping, or a template".into(),
        Shape::Level(_) => "a mapping".into(),
        Shape::LevelList(_) => "a list of mappings".into(),
        Shape::Tasks(Level::Handler) => "a list of handlers".into(),
        Shape::Tasks(_) => "a list of tasks".into(),
        Shape::Roles => "a list of roles".into(),
        Shape::Role(_) => "a role's name, or a mapping".into(),
        Shape::TaskFile => "a file".into(),
        Shape::Batches => "a number, a percentage, or a list of these".into(),
        Shape::Percentage => "a percentage".into(),
        Shape::Any => "any".into(),
    }
}

pub(super) fn markdown() -> String {
    let mut out = HEAD.to_owned();
    let cell = |text: &str| text.replace('|', "\\|");
    for level in Level::ALL {
        out += &format!("\n## {}\n\n", level.title());
        if let Some(like) = like(level) {
            out += &format!("{like}\n\n");
        }
        out += "| keyword | | value |\n|---|---|---|\n";
        for keyword in own(level) {
            out += &format!("| `{}` | {} | {} |\n", keyword.name, cell(keyword.about), value(keyword.shape));
        }
    }
    out
}
