//! The keys of the language: which are known where, which are Ansible's but not ours yet.

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
    ("args", "write the parameters below the resource, e.g. `command: {cmd: ..., chdir: ...}`"),
    ("include_vars", "use `vars_files:` of the play"),
    ("include", "use `import_tasks`"),
];

/// Ansible's modules whose work another name does here.
const OTHER_NAME: &[(&str, &str)] = &[
    ("apt", "package"),
    ("dnf", "package"),
    ("dnf5", "package"),
    ("yum", "package"),
    ("dpkg_selections", "package"),
    ("apt_key", "apt_repository"),
    ("deb822_repository", "apt_repository"),
    ("systemd", "service"),
    ("systemd_service", "service"),
    ("sysvinit", "service"),
    ("uri", "http"),
    ("docker_compose", "compose"),
    ("docker_compose_v2", "compose"),
    ("docker_container", "compose"),
    ("x509_certificate", "certificate"),
    ("openssl_certificate", "certificate"),
    ("pam_limits", "limits"),
    ("nftables", "firewall"),
    ("ufw", "firewall"),
    ("firewalld", "firewall"),
    ("iptables", "firewall"),
    ("raw", "shell"),
    ("ini_file", "ini"),
    ("locale_gen", "locale"),
    ("modprobe", "kernel_module"),
    ("kernel_blacklist", "kernel_module"),
    ("postgresql_user", "postgres_role"),
    ("postgresql_db", "postgres_db"),
    ("postgresql_ext", "postgres_db"),
    ("postgresql_query", "postgres_query"),
];

/// Modules of Ansible that are not there, or not as a whole, and what to do instead.
const INSTEAD: &[(&str, &str)] = &[
    ("add_host", "name the host in the inventory"),
    ("alternatives", "`command: {argv: [update-alternatives, --set, NAME, PATH], unless: ...}`"),
    ("find", "a task of `command` that runs find, with `register`; `stat` for one file"),
    (
        "firewalld",
        "`firewall` does it on hosts where firewalld does not run; elsewhere `command: firewall-cmd ...` with `unless`",
    ),
    ("gem", "a task of `command`, with `unless`"),
    ("get_certificate", "`certificate` looks at it by itself"),
    ("group_by", "`when`, or groups in the inventory"),
    ("known_hosts", "`lineinfile` with a line of /etc/ssh/ssh_known_hosts"),
    ("npm", "a task of `command`, with `creates` or `unless`"),
    ("package_facts", "a task of `command` that runs dpkg-query, with `register`"),
    ("ping", "leave it out: each host is reached before anything is done"),
    (
        "pip",
        "a task of `command`, with `creates` or `unless`; Python's packages of the distribution by `package`",
    ),
    ("rpm_key", "`command: {argv: [rpm, --import, FILE], unless: ...}`"),
    ("seboolean", "a task of `command` that runs setsebool, with `unless`"),
    ("selinux", "a line of /etc/selinux/config, by `lineinfile`"),
    ("service_facts", "a task of `command` that runs systemctl, with `register`"),
    ("set_stats", "`set_fact`"),
    ("setup", "leave it out: facts are always there, as `facts.NAME`"),
    ("slurp", "`command: cat FILE` with `register`; `fetch` brings a file here"),
    ("snap", "`command: {argv: [snap, install, NAME], unless: ...}`"),
    ("tempfile", "`command: mktemp` with `register`; `script` needs none"),
    (
        "wait_for_connection",
        "leave it out: each host is reached before anything is done, and `reboot` waits until it is back",
    ),
    ("yum_repository", "a file in /etc/yum.repos.d, by `copy`"),
];

const POLICY: &str =
    "the whole policy in one task: `public: [80, 443]`, `allow: [{port: 5432, from: [10.0.0.0/8]}]`";

/// What of that resource it is, where its name does not say so.
const PART: &[(&str, &str)] = &[
    ("apt_key", "`key` or `key_url` of the source"),
    ("docker_container", "a Compose file"),
    ("dpkg_selections", "`hold`"),
    ("iptables", POLICY),
    ("kernel_blacklist", "`blacklist: true`"),
    ("nftables", POLICY),
    ("postgresql_ext", "`extensions`"),
    ("ufw", POLICY),
];

/// Reports each key of `map` that is not in `known`. `what` is where we are: `a play`.
/// Returns whether all were known.
pub(super) fn check_keys(map: &Map, what: &str, known: &[&[&str]], errors: &mut Diagnostics) -> bool {
    let mut good = true;
    for (key, entry) in map {
        if known.iter().any(|list| list.contains(&key.as_str())) {
            continue;
        }
        good = false;
        let later = LATER.iter().find(|(name, _)| name == key).map(|(_, hint)| *hint);
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
        } else if let Some(hint) = instead_of_module(builtin(key).unwrap_or(key)) {
            Diagnostic::error(format!("unknown resource `{key}`")).hint(hint)
        } else if let Some(short) = builtin(key).filter(|short| all().any(|name| name == *short)) {
            Diagnostic::error(format!("unknown key `{key}` in {what}")).hint(format!("write `{short}`"))
        } else if let Some((theirs, _)) = OTHER_NAME
            .iter()
            .find(|(theirs, ours)| *theirs == builtin(key).unwrap_or(key) && all().any(|name| name == *ours))
        {
            Diagnostic::error(format!("unknown resource `{key}`")).hint(done_here(theirs).unwrap_or_default())
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

fn instead_of_module(key: &str) -> Option<&'static str> {
    INSTEAD.iter().find(|(name, _)| *name == key).map(|(_, hint)| *hint)
}

/// Modules of Ansible whose work a resource of another name does, with that name.
pub fn other_names() -> &'static [(&'static str, &'static str)] {
    OTHER_NAME
}

/// The resource that does the work of a module of Ansible with another name.
pub fn other_name(module: &str) -> Option<&'static str> {
    OTHER_NAME.iter().find(|(theirs, _)| *theirs == module).map(|(_, ours)| *ours)
}

/// The same as a hint.
pub fn done_here(module: &str) -> Option<String> {
    if let Some(hint) = instead_of_module(module) {
        return Some(hint.into());
    }
    let ours = other_name(module)?;
    let part = PART.iter().find(|(theirs, _)| *theirs == module);
    Some(format!(
        "`{ours}` does this here{}",
        part.map_or(String::new(), |(_, part)| format!(", with {part}"))
    ))
}
