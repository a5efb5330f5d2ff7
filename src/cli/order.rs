//! In which order mistakes are told, and which of them only follow from others.

use super::project::Project;
use crate::diag::{Diagnostic, Diagnostics};
use std::path::Path;

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

/// Without what is only missing because of another mistake: variables of files that could not be read, results of tasks that could not.
pub fn without_follow_ups(mut found: Diagnostics, first: &Diagnostics, project: &Project) -> Diagnostics {
    const FILES: [&str; 7] = [
        "invalid YAML",
        "no such file",
        "no role",
        "cannot read",
        "expected variables",
        "a tab is",
        "the text is not UTF-8",
    ];
    let hides = |error: &Diagnostic| {
        let of_inventory =
            error.place.as_ref().is_some_and(|(place, _)| rank(&place.source.path, project) < 3);
        of_inventory || FILES.iter().any(|start| error.message.starts_with(start))
    };
    let all_hidden = first.0.iter().any(hides);
    let sets = |error: &Diagnostic, name: &str| {
        let text = error.place.as_ref().map_or("", |(place, _)| place.source.text.as_str());
        text.lines().any(|line| line.contains("register:") && line.contains(name))
    };
    found.0.retain(|error| {
        let name = error.message.strip_prefix("undefined variable `").and_then(|rest| rest.strip_suffix('`'));
        name.is_none_or(|name| !all_hidden && !first.0.iter().any(|first| sets(first, name)))
    });
    found
}
