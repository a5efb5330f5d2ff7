//! Each keyword of the language with a line for the reader and the shape of its value: `doc keywords` and the JSON Schemas are made of
//! it. Which keywords there are, the lists say that the parser itself reads with.

mod rows;

use super::{
    inputs::INPUT,
    names::{
        BLOCK, COMMON, HANDLER, IMPORT, IMPORT_PLAYBOOK, IMPORT_ROLE, IMPORT_ROLE_TASK, INCLUDE,
        INCLUDE_ROLE_TASK, LOOP_CONTROL, META, PLAY, ROLE_USE, TASK,
    },
    prompts::KEYS,
};
use rows::GENERAL;

/// A keyword.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    pub name: &'static str,
    /// What it says, in a line or two.
    pub about: &'static str,
    pub shape: Shape,
}

/// What the value of a keyword looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `true` or `false`, not a template.
    Bool,
    /// `true`, `false` or a template.
    Flag,
    Text,
    /// A text or a list of texts.
    Texts,
    /// An expression without braces, a boolean, or a list of these.
    Condition,
    /// A number, perhaps as a template.
    Number,
    /// Variables: a mapping.
    Variables,
    /// A mapping, or a template that gives one.
    Environment,
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of these words, or a template.
    WordsOrTemplate(&'static [&'static str]),
    /// A list or a mapping, or a template that gives one.
    Loop,
    /// The keywords of this level, as a mapping.
    Level(Level),
    /// A list of mappings with the keywords of this level.
    LevelList(Level),
    /// A list of tasks or of handlers.
    Tasks(Level),
    /// A list of roles, by name or with keywords.
    Roles,
    /// A role by name, or the keywords of this level.
    Role(Level),
    /// A file by name, or `file:`.
    TaskFile,
    /// Numbers of hosts or percentages.
    Batches,
    Percentage,
    Any,
}

/// Where a keyword may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Play,
    ImportPlaybook,
    Role,
    Task,
    Handler,
    Block,
    ImportTasks,
    IncludeTasks,
    ImportRole,
    IncludeRole,
    RoleOfTask,
    LoopControl,
    Prompt,
    RoleMeta,
    Input,
}

impl Level {
    /// All of them, from the outside to the inside.
    pub const ALL: [Self; 15] = [
        Self::Play,
        Self::ImportPlaybook,
        Self::Role,
        Self::Task,
        Self::Handler,
        Self::Block,
        Self::ImportTasks,
        Self::IncludeTasks,
        Self::ImportRole,
        Self::IncludeRole,
        Self::RoleOfTask,
        Self::LoopControl,
        Self::Prompt,
        Self::RoleMeta,
        Self::Input,
    ];

    /// As a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Play => "Play",
            Self::ImportPlaybook => "Beside plays",
            Self::Role => "Role in a play",
            Self::Task => "Task",
            Self::Handler => "Handler",
            Self::Block => "Block",
            Self::ImportTasks => "Import of a file",
            Self::IncludeTasks => "Include of a file",
            Self::ImportRole => "Import of a role",
            Self::IncludeRole => "Include of a role",
            Self::RoleOfTask => "Below `import_role` and `include_role`",
            Self::LoopControl => "Below `loop_control`",
            Self::Prompt => "Below `vars_prompt`",
            Self::RoleMeta => "meta/main.yml of a role",
            Self::Input => "An input in meta/inputs.yml",
        }
    }

    /// The names that the parser knows there. A task has a resource type besides.
    pub fn names(self) -> Vec<&'static str> {
        let lists: &[&[&str]] = match self {
            Self::Play => &[PLAY],
            Self::ImportPlaybook => &[IMPORT_PLAYBOOK],
            Self::Role => &[ROLE_USE],
            Self::Task => &[TASK, COMMON],
            Self::Handler => &[HANDLER, TASK, COMMON],
            Self::Block => &[BLOCK, COMMON],
            Self::ImportTasks => &[IMPORT, COMMON],
            Self::IncludeTasks => &[INCLUDE, COMMON],
            Self::ImportRole => &[IMPORT_ROLE_TASK, COMMON],
            Self::IncludeRole => &[INCLUDE_ROLE_TASK, COMMON],
            Self::RoleOfTask => &[IMPORT_ROLE],
            Self::LoopControl => &[LOOP_CONTROL],
            Self::Prompt => &[KEYS],
            Self::RoleMeta => &[META],
            Self::Input => &[INPUT],
        };
        lists.iter().flat_map(|list| list.iter().copied()).collect()
    }

    /// Its keywords. What stands at several levels and means the same is written once.
    pub fn keywords(self) -> Vec<&'static Keyword> {
        let own = self.own();
        let find = |name: &str| own.iter().chain(GENERAL).find(|keyword| keyword.name == name);
        self.names().into_iter().filter_map(find).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_of_the_parser_is_documented_and_no_other() {
        for level in Level::ALL {
            let documented: Vec<&str> = level.keywords().iter().map(|keyword| keyword.name).collect();
            for name in level.names() {
                let title = level.title();
                assert!(documented.contains(&name), "`{name}` ({title}) needs a row in vocabulary/rows.rs");
            }
            for keyword in level.own() {
                assert!(level.names().contains(&keyword.name), "{}: no keyword at {level:?}", keyword.name);
            }
        }
        for keyword in GENERAL {
            let known = Level::ALL.into_iter().any(|level| level.names().contains(&keyword.name));
            assert!(known, "{}: no keyword anywhere", keyword.name);
        }
    }

    #[test]
    fn what_is_said_of_a_keyword_is_a_sentence() {
        for level in Level::ALL {
            for keyword in level.keywords() {
                assert!(keyword.about.ends_with('.') && !keyword.about.contains('\n'), "{}", keyword.name);
            }
        }
    }
}
