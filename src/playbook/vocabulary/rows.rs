//! The rows: a line for each keyword. What means the same at several levels is written once.

use super::{Keyword, Level, Shape};

const fn row(name: &'static str, about: &'static str, shape: Shape) -> Keyword {
    Keyword { name, about, shape }
}

/// What means the same wherever it may stand.
pub(super) const GENERAL: &[Keyword] = &[
    row("hosts", "Where the play runs: a pattern over hosts and groups, or a list of these.", Shape::Texts),
    row("name", "What it is called in what is shown; tasks and handlers are found by it.", Shape::Text),
    row("when", "A condition: an expression without braces; of a list, all must hold.", Shape::Condition),
    row(
        "tags",
        "Words that `--tags` and `--skip-tags` select by; `always` and `never` are known.",
        Shape::Texts,
    ),
    row("vars", "Variables for what is inside of it.", Shape::Variables),
    row("vars_files", "Files of variables, beside the playbook.", Shape::Texts),
    row(
        "vars_prompt",
        "Variables that somebody is asked for before anything is done.",
        Shape::LevelList(Level::Prompt),
    ),
    row("roles", "Roles, which run before `tasks`.", Shape::Roles),
    row("pre_tasks", "Tasks before the roles.", Shape::Tasks(Level::Task)),
    row("tasks", "Tasks, after the roles.", Shape::Tasks(Level::Task)),
    row("post_tasks", "Tasks after `tasks`.", Shape::Tasks(Level::Task)),
    row("handlers", "What runs at the end of the play when it was notified.", Shape::Tasks(Level::Handler)),
    row("become", "Act as another user, root unless `become_user` says otherwise.", Shape::Flag),
    row("become_user", "The user to become.", Shape::Text),
    row("become_method", "How: `sudo` (the usual) or `doas`.", Shape::WordsOrTemplate(&["sudo", "doas"])),
    row(
        "environment",
        "Variables of the environment for commands; merged, inner over outer.",
        Shape::Environment,
    ),
    row("no_log", "Everything of it is treated as secret.", Shape::Flag),
    row(
        "ignore_errors",
        "When it fails, what comes behind goes on; not when the host has changed since the plan.",
        Shape::Flag,
    ),
    row("ignore_unreachable", "A host out of reach is no failure of the run.", Shape::Flag),
    row("delegate_to", "Act on this host, with the variables of the one that it is for.", Shape::Text),
    row("connection", "`local`: act on the controller; `ssh` is the usual.", Shape::Words(&["ssh", "local"])),
    row("timeout", "Seconds that each command and each wait of a task may take.", Shape::Number),
    row("check_mode", "`true`: only tell what it would do, also when applying.", Shape::Flag),
    row("run_once", "One host does it for all of its batch.", Shape::Flag),
    row("gather_facts", "Accepted and ignored: facts are always there.", Shape::Bool),
    row(
        "strategy",
        "`free`: each host at its own pace; `linear`: none begins a task before all have done those before it.",
        Shape::Words(&["free", "linear", "host_pinned", "ansible.builtin.free", "ansible.builtin.linear"]),
    ),
    row("serial", "How many hosts at a time: a number, a percentage, or a list of these.", Shape::Batches),
    row(
        "max_fail_percentage",
        "When more hosts of a batch have failed, no other batch begins.",
        Shape::Percentage,
    ),
    row("any_errors_fatal", "When any host of a batch has failed, no other batch begins.", Shape::Bool),
    row("import_playbook", "The plays of another file.", Shape::Text),
    row("listen", "Further names under which a handler is notified.", Shape::Texts),
    row("loop", "The task once for each item: a list, a mapping, or a template that gives one.", Shape::Loop),
    row(
        "loop_control",
        "The names of the loop's variables, what is shown, and a pause.",
        Shape::Level(Level::LoopControl),
    ),
    row("register", "Keeps the result in this variable.", Shape::Text),
    row("notify", "Handlers that run when this changed something.", Shape::Texts),
    row("needs", "Tasks that must come before, by name; `role:NAME` is all of a role.", Shape::Texts),
    row(
        "touches",
        "What it touches besides what its resource says; the words are those of `command`.",
        Shape::Texts,
    ),
    row(
        "async",
        "Seconds that a `command` or `shell` may go on, whatever becomes of the link.",
        Shape::Number,
    ),
    row("poll", "Seconds between two looks at an `async` command (15); 0: nobody waits.", Shape::Number),
    row("changed_when", "A condition on the result: whether it counts as a change.", Shape::Condition),
    row(
        "failed_when",
        "A condition on the result: whether it has failed. The exit code alone says nothing then.",
        Shape::Condition,
    ),
    row("until", "A condition on the result: it is tried again until this holds.", Shape::Condition),
    row("retries", "How often it is tried again after the first time (3).", Shape::Number),
    row("delay", "Seconds between two tries (5).", Shape::Number),
    row("block", "Tasks that share what is said beside it.", Shape::Tasks(Level::Task)),
    row(
        "rescue",
        "Tasks that run when one of the block has failed; when they go well, the failure counts no more.",
        Shape::Tasks(Level::Task),
    ),
    row(
        "always",
        "Tasks that run after the block and its `rescue`, however they ended.",
        Shape::Tasks(Level::Task),
    ),
    row("import_tasks", "The tasks of a file, known before any host is.", Shape::TaskFile),
    row(
        "include_tasks",
        "The tasks of a file; the name may be a template, and it may be looped over.",
        Shape::TaskFile,
    ),
    row("import_role", "The tasks of a role.", Shape::Role(Level::RoleOfTask)),
    row("include_role", "The tasks of a role; it may be looped over.", Shape::Role(Level::RoleOfTask)),
];

impl Level {
    /// Those that mean something else here, or are known only here.
    pub(super) fn own(self) -> &'static [Keyword] {
        match self {
            Self::Role => {
                const {
                    &[
                        row("role", "The role by name: a folder below `roles/`.", Shape::Text),
                        row("name", "Another word for `role`.", Shape::Text),
                        row("vars", "What the role is given.", Shape::Variables),
                    ]
                }
            }
            Self::ImportRole | Self::IncludeRole => {
                const { &[row("vars", "What the role is given.", Shape::Variables)] }
            }
            Self::RoleOfTask => {
                const {
                    &[
                        row("name", "The role by name.", Shape::Text),
                        row("role", "Another word for `name`.", Shape::Text),
                        row("tasks_from", "A file of its `tasks/` in place of `main`.", Shape::Text),
                        row("handlers_from", "A file of its `handlers/` in place of `main`.", Shape::Text),
                        row("defaults_from", "A file of its `defaults/` in place of `main`.", Shape::Text),
                        row("vars_from", "A file of its `vars/` in place of `main`.", Shape::Text),
                        row(
                            "allow_duplicates",
                            "`false`: not when it ran already with the same variables.",
                            Shape::Bool,
                        ),
                        row("public", "Accepted; variables of a role are the play's anyway.", Shape::Bool),
                        row("rolespec_validate", "`false`: what it is given is not checked.", Shape::Bool),
                    ]
                }
            }
            Self::LoopControl => {
                const {
                    &[
                        row("loop_var", "The variable that holds the item, in place of `item`.", Shape::Text),
                        row("index_var", "A variable that counts the items from 0.", Shape::Text),
                        row("label", "What is shown of an item, in place of the item.", Shape::Any),
                        row("pause", "Seconds between two items.", Shape::Number),
                    ]
                }
            }
            Self::Prompt => {
                const {
                    &[
                        row("name", "The variable that the answer goes to.", Shape::Text),
                        row("prompt", "What is asked. Without it, the name.", Shape::Text),
                        row("default", "Counts when nothing is typed, or nobody can be asked.", Shape::Any),
                        row(
                            "private",
                            "Not shown while it is typed, and secret. Default: true.",
                            Shape::Bool,
                        ),
                        row("confirm", "It is asked twice.", Shape::Bool),
                        row("unsafe", "Braces in the answer are no template.", Shape::Bool),
                    ]
                }
            }
            Self::RoleMeta => {
                const {
                    &[
                        row(
                            "dependencies",
                            "Roles that run before this one, once for the same variables.",
                            Shape::Roles,
                        ),
                        row("galaxy_info", "Accepted and not read.", Shape::Any),
                        row(
                            "argument_specs",
                            "What the role takes, in Ansible's form, by entry point.",
                            Shape::Any,
                        ),
                        row(
                            "allow_duplicates",
                            "It runs again although it ran with the same variables.",
                            Shape::Bool,
                        ),
                    ]
                }
            }
            Self::Input => {
                const {
                    &[
                        row("type", "What the value must be.", Shape::Any),
                        row("items", "What each item of a list, or each value of a map, is.", Shape::Any),
                        row("elements", "Another word for `items`.", Shape::Any),
                        row(
                            "keys",
                            "The keys of a map; others are errors, unless `items` says what they are.",
                            Shape::Any,
                        ),
                        row("default", "Counts when the role is given nothing.", Shape::Any),
                        row("required", "The role must be given it.", Shape::Bool),
                        row("choices", "The only values; of a list, for its items.", Shape::Any),
                        row(
                            "min",
                            "The least value, duration (seconds), size (bytes) or length.",
                            Shape::Any,
                        ),
                        row(
                            "max",
                            "The greatest value, duration (seconds), size (bytes) or length.",
                            Shape::Any,
                        ),
                        row("pattern", "A regular expression that matches the whole text.", Shape::Text),
                        row("secret", "The value is secret in all of the play.", Shape::Bool),
                        row("description", "What it is for: a text, or a list of lines.", Shape::Texts),
                    ]
                }
            }
            _ => &[],
        }
    }
}
