//! `--tags` and `--skip-tags`.

use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    playbook::{Playbook, Task},
};
use std::collections::BTreeSet;

/// Words with a meaning of their own on the command line.
const SPECIAL: [&str; 3] = ["all", "tagged", "untagged"];

pub(super) struct Selection {
    tags: Vec<String>,
    skip: Vec<String>,
}

impl Selection {
    /// Reports each tag that no task has.
    pub fn new(tags: &[String], skip: &[String], playbook: &Playbook, errors: &mut Diagnostics) -> Self {
        let split = |list: &[String]| -> Vec<String> {
            let words = list.iter().flat_map(|text| text.split(','));
            words.map(|word| word.trim().to_string()).filter(|word| !word.is_empty()).collect()
        };
        let selection = Self { tags: split(tags), skip: split(skip) };
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
