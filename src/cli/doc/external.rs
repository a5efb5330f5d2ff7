//! `doc NAME` for a resource type that is a program of the project.

use crate::{
    cli::files::Disk,
    diag::Diagnostics,
    external::External,
    playbook::{Files, Input, types_in},
    yaml::Node,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where they are looked for, from the working folder.
const FOLDERS: [&str; 3] = ["library", "playbooks/library", "../library"];
const ROLES: [&str; 3] = ["roles", "playbooks/roles", "../roles"];

/// The page of a type of the project, by its name or the path of the program; `None` when there is none.
///
/// # Errors
/// What is wrong with the program, or with what it says of itself.
pub(super) fn page(name: &str, files: &Arc<Disk>) -> Result<Option<String>, Diagnostics> {
    let Some((name, path)) = find(name, files) else { return Ok(None) };
    let external = External::new(&name, &path, files.clone());
    let description = external.description()?;
    let mut out =
        format!("{name}\n\n{}\n\nIt is the program {}.\n\n", description.about.trim_end(), path.display());
    if description.parameters.items.is_empty() {
        out += "it takes no parameters\n";
    } else {
        out += "parameters:\n";
    }
    for (name, input) in &description.parameters.items {
        out += &format!("  {name} ({})\n", notes(input).join(", "));
        for line in input.about.as_deref().unwrap_or_default().lines() {
            out += &format!("      {line}\n");
        }
    }
    if let Some(example) = &description.example {
        out += "\nexample:\n";
        out += &example.lines().map(|line| format!("  {line}\n")).collect::<String>();
    }
    Ok(Some(out))
}

/// The types of the project by name, with their programs.
pub(super) fn all(files: &Arc<Disk>) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = vec![];
    for (name, path) in every(files) {
        if found.iter().all(|(known, _)| *known != name) {
            found.push((name, path));
        }
    }
    found
}

/// Whether there is one program of that name.
pub(super) fn is_one(name: &str, files: &Arc<Disk>) -> bool {
    every(files).iter().filter(|(known, _)| known == name).count() == 1
}

fn every(files: &Arc<Disk>) -> Vec<(String, PathBuf)> {
    let roles = ROLES.iter().flat_map(|roles| {
        files.list(Path::new(roles)).into_iter().map(move |role| Path::new(roles).join(role).join("library"))
    });
    let folders = FOLDERS.iter().map(PathBuf::from).chain(roles);
    let found = folders.flat_map(|folder| types_in(&folder, &**files));
    found.filter(|(name, _)| crate::resources::find(name).is_none()).collect()
}

fn find(name: &str, files: &Arc<Disk>) -> Option<(String, PathBuf)> {
    if !name.contains('/') {
        return all(files).into_iter().find(|(known, _)| known == name);
    }
    let path = Path::new(name);
    let folder = path.parent()?;
    types_in(folder, &**files).into_iter().find(|(_, known)| known == path)
}

fn notes(input: &Input) -> Vec<String> {
    let shown =
        |node: &Node| node.as_str().map_or_else(|| node.to_json().to_string(), |text| format!("{text:?}"));
    let mut notes = vec![kind(input)];
    if input.required {
        notes.push("required".into());
    }
    if input.secret {
        notes.push("secret".into());
    }
    if !input.choices.is_empty() {
        notes.push(format!("one of {}", input.choices.iter().map(shown).collect::<Vec<_>>().join(" | ")));
    }
    notes.extend(input.min.map(|min| format!("at least {min}")));
    notes.extend(input.max.map(|max| format!("at most {max}")));
    let default = input.default.as_ref().filter(|node| !node.is_null() && !input.secret);
    notes.extend(default.map(|node| format!("default {}", shown(node))));
    notes
}

fn kind(input: &Input) -> String {
    let items = input.items.as_ref().map(|items| format!(" of {}", kind(items)));
    format!("{}{}", input.kind.name(), items.unwrap_or_default())
}
