//! In which order mistakes are told, and which of them only follow from others.

use super::project::Project;
use crate::{
    diag::{Diagnostic, Diagnostics, Kind},
    model::Origin,
    vault::UNOPENED,
};
use std::{collections::HashSet, path::Path, sync::Arc};

/// Files in the order in which they are read: what the command line says, the inventory with its variables, the playbook, the rest.
pub fn rank(path: &Path, project: &Project) -> usize {
    let is_flag = path.as_os_str().is_empty() || path.to_string_lossy().starts_with('-');
    let of_vars = |name: &str| path.components().any(|part| part.as_os_str() == name);
    match path {
        _ if is_flag => 0,
        path if path.starts_with(&project.inventory) => 1,
        _ if of_vars("group_vars") || of_vars("host_vars") => 2,
        path if project.playbook().is_ok_and(|playbook| playbook == path) => 3,
        _ => 4,
    }
}

/// Without what only follows from another mistake: variables of files that could not be read, results of tasks that could not, what is
/// wrong with a value as long as a vault does not open in which it, or another one for it, may be.
pub fn without_follow_ups(mut found: Diagnostics, first: &Diagnostics, project: &Project) -> Diagnostics {
    const FILES: [&str; 8] = [
        "invalid YAML",
        "no such file",
        "no role",
        "cannot read",
        "expected variables",
        "a tab is",
        "the text is not UTF-8",
        "a template is not supported yet",
    ];
    let hides = |error: &Diagnostic| {
        let Some((place, _)) = &error.place else { return false };
        match error.kind {
            // A single value has a name all the same.
            Kind::Sealed => place.source.text.is_empty(),
            Kind::Owners | Kind::Other => {
                rank(&place.source.path, project) < 3
                    || FILES.iter().any(|start| error.message.starts_with(start))
            }
        }
    };
    let all_hidden = first.0.iter().any(hides);
    let is_vault = |error: &Diagnostic| error.kind == Kind::Sealed && hides(error);
    let vault_hidden = first.0.iter().any(is_vault);
    let lost: HashSet<&str> = first
        .0
        .iter()
        .filter_map(|error| error.place.as_ref())
        .filter_map(|(place, _)| registered(&place.source.text, place.span.start))
        .collect();
    found.0.retain(|error| {
        let is_missing = missing(&error.message).is_some_and(|name| all_hidden || lost.contains(name));
        // A role's default is the weakest: what is in a vault that does not open may win.
        let is_default = || error.place.as_ref().is_some_and(|(place, _)| is_default(&place.source.path));
        !(is_missing || vault_hidden && is_default())
    });
    found
}

/// The name of a variable that is not there.
fn missing(message: &str) -> Option<&str> {
    let needs = || {
        Some(
            message
                .strip_prefix("the role `")?
                .strip_suffix(", which is not set")?
                .split_once("` needs `")?
                .1,
        )
    };
    let of_host = || Some(message.split_once(" has no variable `")?.1);
    let named = message.strip_prefix("undefined variable `").or_else(needs).or_else(of_host)?;
    named.split('`').next()
}

/// `defaults/main.yml` of a role, or a file in its folder `defaults/main`.
fn is_default(path: &Path) -> bool {
    let named = |path: &Path| path.file_stem().is_some_and(|stem| stem == "main");
    let within = |folder: &Path| folder.ends_with("defaults");
    path.parent().is_some_and(|folder| {
        within(folder) && named(path) || named(folder) && folder.parent().is_some_and(within)
    })
}

/// Without what is wrong with values only because their vaults do not open.
pub fn without_unopened(mut found: Diagnostics) -> Diagnostics {
    let of = |error: &Diagnostic| error.place.as_ref().map(|(place, _)| place.clone());
    let sealed: Vec<Origin> =
        found.0.iter().filter(|error| error.kind == Kind::Sealed).filter_map(of).collect();
    let is_sealed = |place: &Origin| {
        sealed
            .iter()
            .any(|sealed| Arc::ptr_eq(&sealed.source, &place.source) && sealed.span.start == place.span.start)
    };
    found.0.retain(|error| {
        let follows = of(error).is_some_and(|place| is_sealed(&place))
            || error.causes.iter().any(|cause| cause.contains(UNOPENED));
        error.kind == Kind::Sealed || !follows
    });
    found
}

/// The name that the task registers in which a place of a playbook stands.
fn registered(text: &str, at: usize) -> Option<&str> {
    let at = text.floor_char_boundary(at.min(text.len()));
    let mut start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    // From the item of a list that it stands in to those around it: the first that registers something is its task.
    let mut inside = usize::MAX;
    loop {
        let line = text[start..].lines().next().unwrap_or("");
        let indent = line.len() - line.trim_start().len();
        let is_item = line[indent..].starts_with("- ") && indent < inside;
        if is_item && let Some(name) = registered_by(&text[start..], indent) {
            return Some(name);
        }
        let counts = !line.trim().is_empty() && !line.trim_start().starts_with('#');
        inside = if counts { inside.min(indent) } else { inside };
        start = text[..start.checked_sub(1)?].rfind('\n').map_or(0, |end| end + 1);
    }
}

/// What the item of a list registers that a text begins with, at this indentation.
fn registered_by(text: &str, indent: usize) -> Option<&str> {
    let ends = |line: &str| !line.trim().is_empty() && line.len() - line.trim_start().len() <= indent;
    let lines = text.lines().enumerate().take_while(|(at, line)| *at == 0 || !ends(line));
    let first = text[indent + 1..].lines().next().unwrap_or("");
    let column = indent + 1 + (first.len() - first.trim_start().len());
    let in_braces = first.trim_start().starts_with('{');
    let key = |line: &'_ str| match in_braces {
        true => ["{register:", " register:", ",register:"]
            .iter()
            .find_map(|key| Some(line.find(key)? + key.len())),
        false => {
            let (before, key) = line.split_at_checked(column)?;
            let is_own = before.trim_start().trim_start_matches('-').trim().is_empty();
            (is_own && key.starts_with("register:")).then_some(column + "register:".len())
        }
    };
    lines.map(|(_, line)| line).find_map(|line| {
        let value = line[key(line)?..].trim_start().trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(value.len());
        Some(&value[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_belongs_to_the_task_around_it() {
        let text = "\
- hosts: all
  tasks:
  - comand: a
    register: one # said
  - block:
      - needs:
        - first
        register: \"two\"
      - {comand: c, register: three}
    nme: d
  - command: x
";
        let of = |word: &str| registered(text, text.find(word).unwrap());
        assert_eq!([of("comand: a"), of("said")], [Some("one"); 2]);
        assert_eq!([of("first"), of("needs")], [Some("two"); 2]);
        assert_eq!(of("comand: c"), Some("three"));
        assert_eq!([of("nme"), of("command: x"), of("hosts")], [None; 3]);
    }
}
