//! `vars_prompt`: variables that somebody is asked for.

use super::{keywords::is_reserved, load::Loader, names};
use crate::{
    diag::Diagnostic,
    model::Origin,
    yaml::{Map, Node},
};

/// A variable that is asked for before anything is done.
#[derive(Clone, Debug)]
pub struct Prompt {
    pub name: String,
    /// What is asked, without the colon.
    pub text: String,
    /// Counts when nothing is typed, or nobody can be asked.
    pub default: Option<Node>,
    /// Not shown while it is typed, and secret.
    pub private: bool,
    /// Asked twice.
    pub confirm: bool,
    /// Braces in the answer are no template.
    pub raw: bool,
    pub origin: Origin,
}

pub(super) const KEYS: &[&str] = &["name", "prompt", "default", "private", "confirm", "unsafe"];
/// Ansible hashes the answer; here nothing does that while it runs.
const HASHING: [&str; 3] = ["encrypt", "salt", "salt_size"];

impl Loader<'_> {
    pub(super) fn prompts(&mut self, play: &Map) -> Vec<Prompt> {
        let Some(entry) = play.get("vars_prompt") else { return vec![] };
        let items = self.list(&entry.node, "a list of prompts: `- name: ...`").unwrap_or_default();
        let mut prompts: Vec<Prompt> = vec![];
        for item in items {
            let Some(prompt) = self.prompt(item) else { continue };
            if let Some(first) = prompts.iter().find(|other| other.name == prompt.name) {
                let error =
                    Diagnostic::error(format!("`{}` is asked for twice", prompt.name)).at(&prompt.origin);
                self.errors.push(error.related(&first.origin, "first here"));
            }
            prompts.push(prompt);
        }
        prompts
    }

    fn prompt(&mut self, item: &Node) -> Option<Prompt> {
        let map = self.errors.take(item.expect_map("a prompt: `name: ...`"))?;
        if let Some(entry) = HASHING.iter().find_map(|key| map.get(*key)) {
            let error = Diagnostic::error("an answer is not hashed here").at(&entry.key);
            self.errors.push(error.hint(
                "hash it beforehand (`openssl passwd -6`), keep the hash in a vault, and ask for nothing",
            ));
        }
        names::check_keys(map, "a prompt", &[KEYS, &HASHING], self.errors);
        let Some(entry) = map.get("name") else {
            let error = Diagnostic::error("the prompt has no `name`").at(&item.origin);
            self.errors.push(error.hint("it is the variable that the answer goes to"));
            return None;
        };
        let name = self.variable_name(&entry.node)?;
        let at = &entry.node.origin;
        if is_reserved(&name) {
            let error =
                Diagnostic::error(format!("the variable `{name}` is always in scope and cannot be set"));
            self.errors.push(error.at(at).hint("choose another name"));
        } else if name.starts_with("ansible_") {
            let error = Diagnostic::error(format!("`{name}` cannot be asked for by a play")).at(at);
            self.errors.push(error.hint(match name.starts_with("ansible_become_pass") {
                true => "`apply --ask-become-pass` asks for it",
                false => "how a host is reached stands in the inventory, or is given with `-e`",
            }));
        }
        let mut flag = |key: &str, usual: bool| {
            let entry = map.get(key);
            entry
                .and_then(|entry| self.errors.take(entry.node.expect_bool("`true` or `false`")))
                .unwrap_or(usual)
        };
        let (private, confirm, raw) = (flag("private", true), flag("confirm", false), flag("unsafe", false));
        let text = map.get("prompt").filter(|entry| !entry.node.is_null());
        let text = text.and_then(|entry| self.errors.take(entry.node.expect_str("what to ask")));
        Some(Prompt {
            text: text.unwrap_or(&name).trim().trim_end_matches(':').to_owned(),
            default: map.get("default").map(|entry| entry.node.clone()).filter(|node| !node.is_null()),
            private,
            confirm,
            raw,
            origin: at.clone(),
            name,
        })
    }
}

impl Prompt {
    /// The variable's value for what was typed; `None`: the default, if there is one.
    pub fn answer(&self, typed: Option<&str>) -> Option<Node> {
        let node = match typed {
            Some(text) => {
                let mut node = Node::string(text, &self.origin);
                node.tag = self.raw.then(|| "!unsafe".into());
                node
            }
            None => self.default.clone()?,
        };
        Some(node.with_secret(self.private))
    }
}
