//! What `vars_prompt` asks for.

use super::{Shared, Site, scopes::Variables};
use crate::{
    playbook::Prompt,
    yaml::{Node, Value},
};
use indexmap::IndexMap;
use std::sync::{Arc, PoisonError};

impl Site {
    /// The variables that somebody is to be asked for: of all plays that run on a host, each name once, without those that the
    /// command line gives. Until [`Self::answer`] they are not known.
    pub fn prompts(&self) -> Vec<&Prompt> {
        let shared = &self.shared;
        let runs = |play: &usize| shared.hosts.iter().any(|host| shared.play_hosts[*play].contains(host));
        let plays = shared.playbook.plays.iter().enumerate().filter(|(at, _)| runs(at));
        let mut prompts: Vec<&Prompt> = vec![];
        for prompt in plays.flat_map(|(_, play)| &play.prompts) {
            let is_known = shared.extra.contains_key(&prompt.name)
                || prompts.iter().any(|other| other.name == prompt.name);
            if !is_known {
                prompts.push(prompt);
            }
        }
        prompts
    }

    /// Sets what was answered, by name. What was found without the answers is to be looked for again.
    pub fn answer(&self, answers: IndexMap<String, Node>) {
        self.shared.validated.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.shared.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
    }
}

impl Shared {
    /// The variables of a play that are asked for.
    pub(super) fn prompted(&self, play: usize) -> Variables {
        let prompts = &self.playbook.plays[play].prompts;
        if prompts.is_empty() {
            return Variables::default();
        }
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let value = |prompt: &Prompt| {
            let unknown = || {
                let why = format!("the answer to the prompt for `{}`", prompt.name);
                let node = Node::new(Value::Unknown(Arc::from(why)), prompt.origin.clone());
                node.with_secret(prompt.private)
            };
            (prompt.name.clone(), answers.get(&prompt.name).cloned().unwrap_or_else(unknown))
        };
        Arc::new(prompts.iter().map(value).collect())
    }
}
