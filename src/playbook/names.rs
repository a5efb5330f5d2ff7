//! The keys of the language: which are known where, which are Ansible's but not ours yet.

use super::modules::{done_here, instead_of_module, other_name};
use crate::{
    diag::{Diagnostic, Diagnostics},
    yaml::Map,
};

pub(super) const COMMON: &[&str] = &[
    "name",
    "when",
    "tags",
    "become",
    "become_user",
    "become_method",
    "vars",
    "environment",
    "no_log",
    "ignore_errors",
    "delegate_to",
    "connection",
    "timeout",
    "check_mode",
    "ignore_unreachable",
    "run_once",
];
pub(super) const TASK: &[&str] = &[
    "loop",
    "loop_control",
    "register",
    "notify",
    "needs",
    "touches",
    "async",
    "poll",
    "changed_when",
    "failed_when",
    "until",
    "retries",
    "delay",
];
pub(super) const BLOCK: &[&str] = &["block", "rescue", "always"];
pub(super) const IMPORT: &[&str] = &["import_tasks"];
pub(super) const INCLUDE: &[&str] = &["include_tasks", "loop", "loop_control"];
pub(super) const IMPORT_ROLE_TASK: &[&str] = &["import_role"];
pub(super) const INCLUDE_ROLE_TASK: &[&str] = &["include_role", "loop", "loop_control"];
pub(super) const IMPORT_ROLE: &[&str] = &[
    "name",
    "role",
    "tasks_from",
    "handlers_from",
    "defaults_from",
    "vars_from",
    "allow_duplicates",
    "public",
    "rolespec_validate",
];
pub(super) const IMPORT_PLAYBOOK: &[&str] = &["import_playbook", "name", "when", "tags", "vars"];
pub(super) const LOOP_CONTROL: &[&str] = &["loop_var", "index_var", "label", "pause"];
pub(super) const HANDLER: &[&str] = &["listen"];
pub(super) const PLAY: &[&str] = &[
    "hosts",
    "name",
    "become",
    "become_user",
    "become_method",
    "connection",
    "vars",
    "vars_files",
    "vars_prompt",
    "roles",
    "pre_tasks",
    "tasks",
    "post_tasks",
    "handlers",
    "tags",
    "environment",
    "no_log",
    "ignore_errors",
    "timeout",
    "check_mode",
    "ignore_unreachable",
    "run_once",
    "gather_facts",
    "strategy",
    "serial",
    "max_fail_percentage",
    "any_errors_fatal",
];
pub(super) const ROLE_USE: &[&str] = &[
    "role",
    "name",
    "vars",
    "when",
    "tags",
    "become",
    "become_user",
    "become_method",
    "environment",
    "delegate_to",
    "connection",
    "no_log",
    "ignore_errors",
    "timeout",
    "check_mode",
    "ignore_unreachable",
    "run_once",
];
pub(super) const META: &[&str] = &["dependencies", "galaxy_info", "argument_specs", "allow_duplicates"];

/// Ansible's keywords that are not ours yet, and what to do instead where there is something.
const LATER: &[(&str, &str)] = &[
    ("order", ""),
    ("throttle", ""),
    ("force_handlers", "handlers that are owed always run here"),
    ("diff", "diffs are always shown here"),
    ("debugger", ""),
    ("module_defaults", ""),
    ("collections", ""),
    ("remote_user", "set `ansible_user` in the inventory"),
    ("port", "set `ansible_port` in the inventory"),
    ("become_flags", "sudo is called with `-H -u USER`, doas with `-u USER`"),
    ("become_exe", "the `sudo` or `doas` found in PATH is used"),
    ("gather_subset", ""),
    ("gather_timeout", ""),
    ("fact_path", ""),
    ("delegate_facts", ""),
    ("action", "write the resource itself as the key"),
    ("local_action", "use `delegate_to: localhost`"),
    (
        "args",
        "write the parameters below the resource, e.g. `command: {cmd: ..., chdir: ...}`, `shell: {cmd: ..., executable: /bin/bash}`",
    ),
    ("include_vars", "use `vars_files:` of the play"),
    ("include", "use `import_tasks`"),
];

/// Keywords that Ansible also writes as `ansible.builtin.include_tasks` and the like.
const KEYWORDS_WITH_LONG_NAMES: &[&str] =
    &["import_playbook", "import_role", "import_tasks", "include_role", "include_tasks"];

/// Reports each key of `map` that is not in `known`. `what` is where we are: `a play`.
/// Returns whether all were known.
pub(super) fn check_keys(map: &Map, what: &str, known: &[&[&str]], errors: &mut Diagnostics) -> bool {
    let mut good = true;
    for (key, entry) in map {
        if known.iter().any(|list| list.contains(&key.as_str())) {
            continue;
        }
        good = false;
        let short = builtin(key).unwrap_or(key);
        let later = LATER.iter().find(|(name, _)| *name == short).map(|(_, hint)| *hint);
        let in_role = known.contains(&ROLE_USE);
        let later = later.filter(|_| !in_role || key != "port");
        let later = later.or_else(|| key.starts_with("with_").then_some("use `loop`"));
        let in_import = [(IMPORT, "include_tasks"), (IMPORT_ROLE_TASK, "include_role")];
        let include =
            in_import.into_iter().find(|(list, _)| known.contains(list)).map(|(_, include)| include);
        let include = include.filter(|_| key.starts_with("loop") || key.starts_with("with_"));
        let all = || known.iter().flat_map(|list| list.iter().copied());
        let diagnostic = if let Some(include) = include {
            Diagnostic::error(format!("`{key}` cannot stand in an import"))
                .hint(format!("use `{include}` with `loop`"))
        } else if let Some(hint) = later {
            match hint {
                "" => Diagnostic::error(format!("`{key}` is not supported yet")),
                hint => Diagnostic::error(format!("`{key}` is not there")).hint(hint),
            }
        } else if short != key
            && (KEYWORDS_WITH_LONG_NAMES.contains(&short) || all().any(|name| name == short))
        {
            Diagnostic::error(format!("unknown key `{key}` in {what}")).hint(format!("write `{short}`"))
        } else if let Some(hint) = instead_of_module(short).filter(|_| !in_role) {
            Diagnostic::error(format!("unknown resource `{key}`")).hint(hint)
        } else if other_name(short).is_some_and(|ours| all().any(|name| name == ours)) {
            Diagnostic::error(format!("unknown resource `{key}`")).hint(done_here(short).unwrap_or_default())
        } else if in_role {
            Diagnostic::error(format!("unknown key `{key}` beside a role"))
                .hint(format!("a variable for the role stands below `vars:`, as `vars: {{{key}: ...}}`"))
                .suggest(key, all())
        } else if let Some(place) = belongs(key) {
            Diagnostic::error(format!("`{key}` cannot stand in {what}")).hint(place)
        } else if known.len() == 1 || known.contains(&BLOCK) {
            let listed = all().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Diagnostic::error(format!("unknown key `{key}` in {what}"))
                .hint(format!("known here: {listed}"))
                .suggest(key, all())
        } else {
            Diagnostic::error(format!("unknown key or resource `{key}` in {what}"))
                .hint("`lustores-provision doc` lists the resources")
                .suggest(key, all())
        };
        errors.push(diagnostic.at(&entry.key));
    }
    good
}

/// Where a key has its place, when it is one of the language.
fn belongs(key: &str) -> Option<&'static str> {
    match key {
        "rescue" | "always" => Some("it stands beside `block`"),
        "import_playbook" => Some("it stands beside plays, not among tasks"),
        key if TASK.contains(&key) => Some("it stands in a task"),
        key if PLAY.contains(&key) && !COMMON.contains(&key) => Some("it stands in a play"),
        key if HANDLER.contains(&key) => Some("it stands in a handler"),
        _ => None,
    }
}

/// The short name of `ansible.builtin.copy` and the like.
fn builtin(key: &str) -> Option<&str> {
    let (_, short) = key.rsplit_once('.')?;
    (key.matches('.').count() == 2).then_some(short)
}

/// Whether a key of a task is one of its keywords, ours or Ansible's, and not a module.
pub fn is_task_key(key: &str) -> bool {
    [COMMON, TASK, BLOCK, HANDLER].iter().any(|list| list.contains(&key))
}

/// The same of a play, or of what stands beside one.
pub fn is_play_key(key: &str) -> bool {
    [PLAY, IMPORT_PLAYBOOK].iter().any(|list| list.contains(&key))
}

/// What to do instead of a keyword of Ansible, or of what it writes like a module, that is not there; empty when there is nothing.
pub fn instead_of(key: &str) -> Option<&'static str> {
    LATER.iter().find(|(name, _)| *name == key).map(|(_, hint)| *hint).or_else(|| instead_of_module(key))
}
