//! Which tasks are to run: `--tags`, `--skip-tags` and `--start-at-task`.

use super::{Options, Site};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{Origin, Part},
    playbook::{Playbook, Task},
    yaml::Node,
};
use std::collections::{BTreeSet, HashSet};

/// The flag, for those who are told of it.
const START: &str = "--start-at-task";

/// Words with a meaning of their own on the command line.
const SPECIAL: [&str; 3] = ["all", "tagged", "untagged"];

pub(super) struct Selection {
    tags: Vec<String>,
    skip: Vec<String>,
    /// Those before the task to start at, by [`Task::index`].
    before: HashSet<usize>,
}

impl Selection {
    /// Reports each tag that no task has, and a start at what is no task.
    pub fn new(options: &Options, playbook: &Playbook, errors: &mut Diagnostics) -> Self {
        let split = |list: &[String]| -> Vec<String> {
            let words = list.iter().flat_map(|text| text.split(','));
            words.map(|word| word.trim().to_string()).filter(|word| !word.is_empty()).collect()
        };
        let before = options.start_at_task.and_then(|name| errors.take(before(name, playbook)));
        let before = before.unwrap_or_default();
        let selection = Self { tags: split(options.tags), skip: split(options.skip_tags), before };
        let tasks = playbook.plays.iter().flat_map(|play| play.tasks.iter().chain(&play.handlers));
        let known: BTreeSet<&str> =
            tasks.flat_map(|t| t.keywords.tags.iter().map(|(tag, _)| tag.as_str())).collect();
        for (flag, list) in [("--tags", &selection.tags), ("--skip-tags", &selection.skip)] {
            for tag in list {
                if SPECIAL.contains(&tag.as_str())
                    || ["always", "never"].contains(&tag.as_str())
                    || known.contains(tag.as_str())
                {
                    continue;
                }
                let error =
                    Diagnostic::error(format!("no task has the tag `{tag}`")).at(&Origin::named(flag));
                let listed: Vec<String> = known.iter().map(|k| format!("`{k}`")).collect();
                let error = if listed.is_empty() {
                    error.hint("no task of this playbook has a tag")
                } else {
                    error.hint(format!("there are: {}", listed.join(", ")))
                };
                errors.push(error.suggest(tag, known.iter().copied()));
            }
        }
        selection
    }

    /// Whether a task is to run. Handlers always are: whether they run is up to who notifies them.
    pub fn takes(&self, task: &Task) -> bool {
        if task.handler {
            return true;
        }
        if self.before.contains(&task.index) {
            return false;
        }
        let has = |tag: &str| task.keywords.tags.iter().any(|(t, _)| t == tag);
        let named = |word: &String| match word.as_str() {
            "all" => true,
            "tagged" => !task.keywords.tags.is_empty(),
            "untagged" => task.keywords.tags.is_empty(),
            tag => has(tag),
        };
        if self.skip.iter().any(named) {
            return false;
        }
        if has("never") {
            // `all` and the like do not reach it, only one of its tags does.
            return self.tags.iter().any(|tag| has(tag));
        }
        self.tags.is_empty() || has("always") || self.tags.iter().any(named)
    }
}

/// The tasks before the first one of this name, in all plays.
fn before(wanted: &str, playbook: &Playbook) -> Result<HashSet<usize>, Diagnostics> {
    let mut before = HashSet::new();
    let mut known = BTreeSet::new();
    for play in &playbook.plays {
        for task in &play.tasks {
            let name = task.name.as_ref().and_then(Node::as_str).unwrap_or_default();
            let role = task.role.map(|role| play.roles[role].role.name.as_str());
            let whole = role.map(|role| format!("{role} : {name}"));
            if !name.is_empty() && (fits(wanted, name) || whole.is_some_and(|whole| fits(wanted, &whole))) {
                return match task.blocks.iter().any(|block| block.part == Part::Rescue) {
                    false => Ok(before),
                    true => {
                        let error = Diagnostic::error(format!(
                            "`{name}` is in a `rescue`, which runs only after a failure"
                        ));
                        Err(error.at(&task.origin).hint("start at a task of the `block` before it").into())
                    }
                };
            }
            before.insert(task.index);
            known.insert(name);
        }
    }
    let error = Diagnostic::error(format!("no task has the name `{wanted}`")).at(&Origin::named(START));
    let error = error.hint("the name as the playbook has it, also `ROLE : NAME`; `*` stands for anything");
    Err(error.suggest(wanted, known.into_iter().filter(|name| !name.is_empty())).into())
}

/// Whether a name is the wanted one, in which `*` stands for anything.
fn fits(wanted: &str, name: &str) -> bool {
    let mut parts = wanted.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

impl Site {
    /// Says of each variable that is missing because the task that registers it does not run, that this is why.
    pub fn explain_left_out(&self, found: &mut Diagnostics) {
        let shared = &self.shared;
        let tasks = || shared.playbook.plays.iter().flat_map(|play| &play.tasks);
        for error in &mut found.0 {
            let name =
                error.message.strip_prefix("undefined variable `").and_then(|rest| rest.strip_suffix('`'));
            let registers = |task: &&Task| task.register.as_ref().map(|(name, _)| name.as_str()) == name;
            let Some(task) = name.and_then(|_| tasks().find(registers)) else { continue };
            if shared.selection.takes(task) {
                continue;
            }
            let name = task.name.as_ref().and_then(Node::as_str).unwrap_or(&task.resource.0);
            error.hint = Some(match shared.selection.before.contains(&task.index) {
                true => format!(
                    "`{name}` registers it and comes before the task to start at: start there, or earlier"
                ),
                false => format!(
                    "`{name}` registers it and does not run: it has none of the tags that are asked for"
                ),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_anything() {
        for (wanted, name, is) in [
            ("Install nginx", "Install nginx", true),
            ("Install", "Install nginx", false),
            ("Install*", "Install nginx", true),
            ("*nginx", "Install nginx", true),
            ("*", "x", true),
            ("I*ll*x", "Install nginx", true),
            ("I*x*", "Install nginx", true),
            ("a*a", "a", false),
            ("nginx : *", "nginx : Install", true),
        ] {
            assert_eq!(fits(wanted, name), is, "{wanted} {name}");
        }
    }
}
