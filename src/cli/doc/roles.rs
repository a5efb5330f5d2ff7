//! `doc role`: what a role takes.

use crate::{
    cli::{Color, complain, files::Disk, vault_args::VaultArgs},
    diag::{Diagnostic, Diagnostics},
    playbook::{Files, Input, Inputs, Role},
    yaml::Node,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where roles are looked for, from the working folder.
const FOLDERS: [&str; 3] = ["roles", "playbooks/roles", "../roles"];
/// Widest that a default is shown in its column; a longer one stands below.
const WIDEST: usize = 32;

/// A role's page, by name or folder; without either, the list of roles.
///
/// # Errors
/// An unknown role; what is wrong with its files.
pub(super) fn page(name: Option<&str>, vault: &VaultArgs, color: Color) -> Result<String, Diagnostics> {
    let files = Disk { passwords: Arc::new(vault.passwords()?) };
    let Some(name) = name else { return list(&files) };
    let folder = find(name, &files)?;
    let mut errors = Diagnostics::default();
    let role = Role::load(&folder, &files, &mut errors);
    if errors.has_errors() {
        return Err(errors);
    }
    complain(&errors, color);
    Ok(text(&role))
}

fn find(name: &str, files: &Disk) -> Result<PathBuf, Diagnostic> {
    let name = name.trim_end_matches('/');
    let path = Path::new(name);
    if name.contains('/') {
        let there = path.is_dir();
        return there
            .then(|| path.to_path_buf())
            .ok_or_else(|| Diagnostic::error(format!("no folder {name}")));
    }
    let found = FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|folder| folder.is_dir());
    found.ok_or_else(|| {
        let known: Vec<String> = FOLDERS.iter().flat_map(|folder| files.list(Path::new(folder))).collect();
        let error = FOLDERS.iter().fold(Diagnostic::error(format!("no role `{name}`")), |error, folder| {
            error.cause(format!("not in {folder}/"))
        });
        let error = error.hint("name the role's folder, or run this where roles/ is");
        error.suggest(name, known.iter().map(String::as_str))
    })
}

/// The folders of the roles here, of those whose name no other has.
pub(super) fn folders(files: &Disk) -> Vec<PathBuf> {
    let listed = |folder: &'static str| {
        let folder = PathBuf::from(folder);
        files.list(&folder).into_iter().map(move |name| folder.join(name))
    };
    let all: Vec<PathBuf> = FOLDERS.into_iter().flat_map(listed).filter(|role| role.is_dir()).collect();
    let is_alone =
        |role: &&PathBuf| all.iter().filter(|other| other.file_name() == role.file_name()).count() == 1;
    all.iter().filter(is_alone).cloned().collect()
}

/// The names of the roles here.
pub(super) fn names() -> Vec<String> {
    let folder = FOLDERS.iter().map(Path::new).find(|folder| folder.is_dir());
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn list(files: &Disk) -> Result<String, Diagnostics> {
    let mut out = String::new();
    let folder = FOLDERS.iter().map(Path::new).find(|folder| folder.is_dir());
    if let Some(folder) = folder {
        for name in files.list(folder).iter().filter(|name| folder.join(name).is_dir()) {
            // What is wrong with one is told when it is asked for.
            let role = Role::load(&folder.join(name), files, &mut Diagnostics::default());
            let count = role.entry_points().map(|(_, inputs)| inputs.items.len()).sum::<usize>();
            let what =
                if count == 0 { "does not say what it takes".into() } else { format!("{count} inputs") };
            out += &format!("{name:20}  {what}\n");
        }
    }
    if out.is_empty() {
        return Err(Diagnostic::error("there are no roles here").hint("run this where roles/ is").into());
    }
    Ok(out + "\n`doc role NAME` shows what a role takes.\n")
}

fn text(role: &Role) -> String {
    let mut out = format!("{}\n", role.name);
    let mut points = role.entry_points().peekable();
    if points.peek().is_none() {
        out += "\nIt has neither meta/inputs.yml nor argument_specs: it does not say what it takes.\n";
    }
    let only_main = role.entry_points().all(|(name, _)| name == "main");
    for (name, inputs) in points {
        if !only_main {
            out += &format!("\n{name}:\n");
        }
        if let Some(about) = &inputs.about {
            out += &format!("\n{about}\n");
        }
        out += &table(role, inputs);
    }
    let known = |name: &String| role.entry_points().any(|(_, inputs)| inputs.items.contains_key(name));
    let others: Vec<&str> = role.defaults.keys().filter(|name| !known(name)).map(String::as_str).collect();
    if !others.is_empty() {
        out += &format!("\nfurther variables in defaults/main.yml: {}\n", others.join(", "));
    }
    out
}

/// Name, type, default; below them what it is for.
fn table(role: &Role, inputs: &Inputs) -> String {
    if inputs.items.is_empty() {
        return "\nIt takes nothing.\n".into();
    }
    let mut rows = vec![["input".to_string(), "type".into(), "default".into()]];
    let mut below = vec![vec![]];
    for (name, input) in &inputs.items {
        row(role, name, input, 0, &mut rows, &mut below);
    }
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let mut out = String::from("\n");
    for ([name, kind, default], notes) in rows.iter().zip(&below) {
        out += format!("{name:first$}  {kind:second$}  {default}").trim_end();
        out.push('\n');
        for note in notes {
            out += &format!("    {note}\n");
        }
    }
    out
}

fn row(
    role: &Role,
    name: &str,
    input: &Input,
    depth: usize,
    rows: &mut Vec<[String; 3]>,
    below: &mut Vec<Vec<String>>,
) {
    let pad = "  ".repeat(depth);
    let mut notes: Vec<String> =
        input.about.iter().flat_map(|about| about.lines().map(str::to_string)).collect();
    let default = if depth == 0 { role.defaults.get(name).map(|entry| &entry.node) } else { None };
    let shown = match default.or(input.default.as_ref()) {
        _ if input.required => "required".into(),
        None => "none".into(),
        Some(node) if input.secret || node.holds_secret() => "secret".into(),
        Some(node) => short(node, &mut notes),
    };
    if !input.choices.is_empty() {
        notes.push(format!("one of: {}", input.choices.iter().map(plain).collect::<Vec<_>>().join(", ")));
    }
    let limits = [("at least", input.min), ("at most", input.max)];
    notes.extend(limits.into_iter().filter_map(|(words, limit)| Some(format!("{words} {}", limit?))));
    if let Some(pattern) = &input.pattern {
        let written = pattern.as_str().trim_start_matches("^(?:").trim_end_matches(")$");
        notes.push(format!("matches {written}"));
    }
    rows.push([format!("{pad}{name}"), kind(input), shown]);
    below.push(notes.into_iter().map(|note| format!("{pad}{note}")).collect());
    let inner = input.items.iter().flat_map(|items| &items.keys).chain(&input.keys);
    for (name, key) in inner {
        row(role, name, key, depth + 1, rows, below);
    }
}

fn kind(input: &Input) -> String {
    let mut name = input.kind.name().to_string();
    if let Some(items) = &input.items {
        name += &format!(" of {}", kind(items));
    }
    if input.secret { format!("{name}, secret") } else { name }
}

/// A default in its column, or below when it is too long for it.
fn short(node: &Node, notes: &mut Vec<String>) -> String {
    let text = plain(node);
    if text.chars().count() <= WIDEST && !text.contains('\n') {
        return text;
    }
    notes.extend(text.lines().enumerate().map(|(at, line)| match at {
        0 => format!("default: {line}"),
        _ => format!("  {line}"),
    }));
    "below".into()
}

fn plain(node: &Node) -> String {
    match node.as_str() {
        Some("") => "\"\"".into(),
        Some(text) => text.into(),
        None => node.to_json().to_string(),
    }
}
