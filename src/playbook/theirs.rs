//! Ansible's names of parameters, where a type has another one or none.

use crate::{
    diag::Diagnostic,
    yaml::{Entry, Map, Node, Value},
};

/// What a name of Ansible's is here.
#[derive(Clone, Copy, Debug)]
pub enum Theirs {
    /// Another name of this parameter: it is taken everywhere.
    Is(&'static str),
    /// The name of a variable, whose value is shown in this parameter.
    Shown(&'static str),
    /// It is not there, or is something else: what to do instead.
    Not(&'static str),
    /// The same where its value begins so; `{}` in it is the rest of that.
    NotSo(&'static str, &'static str),
    /// The same of one value of a parameter that is there.
    Word(&'static str, &'static str),
    /// The same of all values that begin so.
    Begins(&'static str, &'static str),
    /// A parameter of ours that is needed: how to come by it.
    Needed(&'static str),
}

/// The names of a type.
pub type Names = &'static [(&'static str, Theirs)];

/// All names of a type.
#[derive(Clone, Copy, Debug, Default)]
pub struct OtherNames(pub &'static [Names]);

impl OtherNames {
    /// Ansible's names, with what they are here.
    pub fn all(&self) -> impl Iterator<Item = &'static (&'static str, Theirs)> {
        self.0.iter().copied().flatten()
    }

    /// The other names of parameters, each with the parameter.
    pub fn aliases(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.all().filter_map(|(theirs, what)| match what {
            Theirs::Is(ours) | Theirs::Shown(ours) => Some((*theirs, *ours)),
            _ => None,
        })
    }

    /// What to do instead of a parameter of Ansible's that is not there.
    pub fn instead(&self, name: &str) -> Option<&'static str> {
        self.all().find_map(|(theirs, what)| match what {
            Theirs::Not(hint) if *theirs == name => Some(*hint),
            _ => None,
        })
    }

    /// What to do instead of this value of it.
    fn instead_of_value(&self, name: &str, node: &Node) -> Option<String> {
        let text = node.as_str().filter(|_| !node.secret)?;
        self.all().find_map(|(theirs, what)| match what {
            Theirs::NotSo(start, hint) if *theirs == name => {
                text.strip_prefix(start).map(|rest| hint.replacen("{}", rest.trim(), 1))
            }
            _ => None,
        })
    }

    /// How to come by a parameter that is needed.
    pub fn needed(&self, name: &str) -> Option<&'static str> {
        self.all().find_map(|(ours, what)| match what {
            Theirs::Needed(hint) if *ours == name => Some(*hint),
            _ => None,
        })
    }

    /// A value of Ansible's that a parameter does not take, in words, and what to do instead.
    fn instead_of_word(&self, name: &str, node: &Node) -> Option<(String, &'static str)> {
        let text = match &node.value {
            _ if node.secret => return None,
            Value::Bool(truth) => {
                if *truth {
                    "true"
                } else {
                    "false"
                }
            }
            _ => node.as_str()?,
        };
        self.all().filter(|(theirs, _)| *theirs == name).find_map(|(_, what)| match what {
            Theirs::Word(word, hint) if *word == text => Some((format!("be `{word}`"), *hint)),
            Theirs::Begins(start, hint) if text.starts_with(start) => {
                Some((format!("begin with `{start}`"), *hint))
            }
            _ => None,
        })
    }

    /// The parameters of a task by their own names.
    ///
    /// # Errors
    /// One that is given twice, by both of its names.
    pub fn in_our_names(&self, node: &Node) -> Result<Node, Diagnostic> {
        let Some(map) = node.as_map().filter(|_| !self.0.is_empty()) else { return Ok(node.clone()) };
        let mut renamed = Map::new();
        for (name, entry) in map {
            let is = self.all().find(|(theirs, _)| theirs == name).map(|(_, what)| what);
            let (ours, entry) = match is {
                Some(Theirs::Is(ours)) => (*ours, entry.clone()),
                Some(Theirs::Shown(ours)) => (*ours, shown(entry)?),
                _ => (name.as_str(), entry.clone()),
            };
            let other = renamed.get(ours).map(|entry: &Entry| entry.key.clone());
            if let Some(other) = other.or_else(|| (ours != name).then(|| Some(map.get(ours)?.key.clone()))?) {
                let names: Vec<_> = map.keys().filter(|key| self.ours(key) == ours).collect();
                let listed: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                let error = Diagnostic::error(format!("{} are the same parameter", listed.join(" and ")));
                return Err(error
                    .at(&entry.key)
                    .related(&other, "the other one")
                    .hint(format!("write `{ours}` alone")));
            }
            renamed.insert(ours.into(), entry);
        }
        Ok(Node { value: Value::Map(renamed), ..node.clone() })
    }

    fn ours<'n>(&self, name: &'n str) -> &'n str {
        self.aliases().find(|(theirs, _)| *theirs == name).map_or(name, |(_, ours)| ours)
    }

    /// Parameters and values of Ansible's that are not there.
    pub fn strangers(&self, kind: &str, node: &Node) -> Vec<Diagnostic> {
        let mut errors = vec![];
        for (name, entry) in node.as_map().into_iter().flatten() {
            if let Some(hint) = self.instead(name) {
                let error = Diagnostic::error(format!("`{kind}` has no parameter `{name}`")).at(&entry.key);
                errors.push(match self.instead_of_value(name, &entry.node) {
                    Some(hint) => error.hint(hint),
                    None => error.hint(hint),
                });
            } else if let Some((what, hint)) = self.instead_of_word(name, &entry.node) {
                let error = Diagnostic::error(format!("`{name}` of `{kind}` cannot {what}"));
                errors.push(error.at(&entry.node.origin).hint(hint));
            }
        }
        errors
    }
}

/// A text with the value of the variable that is named.
fn shown(entry: &Entry) -> Result<Entry, Diagnostic> {
    let text = entry.node.expect_str("the name of a variable")?.trim();
    let inner = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
    let name = inner.unwrap_or(text).trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_.[]@".contains(c));
    if !is_name {
        let error = Diagnostic::error("this is no name of a variable").at(&entry.node.origin);
        return Err(error.hint("`msg` takes a text with expressions: `msg: \"{{to_json (items x)}}\"`"));
    }
    let node = Node::new(Value::str(format!("{name}: {{{{to_json {name}}}}}")), entry.node.origin.clone());
    Ok(Entry { node, ..entry.clone() })
}
