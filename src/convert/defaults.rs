//! Parameters that a task leaves out, and that then mean something else here: they are written down.

use super::yaml::Editor;
use crate::{
    diag::Diagnostic,
    model::Origin,
    yaml::{Entry, Map, Node},
};

/// A resource, the parameter that makes a default matter, the parameter that is left out, and Ansible's default.
const WRITTEN_DOWN: &[(&str, &str, &str, bool)] =
    &[("assemble", "src", "remote_src", true), ("user", "groups", "append", false)];

impl Editor {
    /// Writes down Ansible's defaults where ours are others.
    pub fn defaults(&mut self, resource: &str, node: &Node) {
        let Some(map) = node.as_map() else { return };
        for (_, beside, name, value) in WRITTEN_DOWN.iter().filter(|(kind, ..)| *kind == resource) {
            let Some(entry) = map.get(*beside).filter(|_| !map.contains_key(*name)) else { continue };
            if !self.add(node, &entry.key, name, *value) {
                let message =
                    format!("`{name}` is `{value}` in Ansible unless it is said, and `{}` here", !value);
                self.report(&entry.key, message, &format!("write `{name}: {value}`"));
            }
        }
        if let Some(entry) = removed(map).filter(|_| resource == "file" && !map.contains_key("recursive")) {
            let message = "`absent` removes no directory with something in it here";
            let warning = Diagnostic::warning(message).at(&entry.node.origin);
            self.left.push(warning.hint("where it is one, add `recursive: true`"));
        }
    }

    /// Adds a parameter to a mapping, before one that stands there; false where that stands elsewhere: behind an alias.
    fn add(&mut self, node: &Node, before: &Origin, name: &'static str, value: bool) -> bool {
        let (start, at) = (node.origin.span.start, before.span.start);
        if at < start {
            return false;
        }
        let text = &self.source.text;
        let line = &text[text[..at].rfind('\n').map_or(0, |end| end + 1)..at];
        let new = match text[start..].starts_with('{') {
            true => format!("{name}: {value}, "),
            false if line.trim().is_empty() => format!("{name}: {value}\n{line}"),
            false => return false,
        };
        self.insert(start, at, new, (name, value));
        true
    }
}

fn removed(map: &Map) -> Option<&Entry> {
    map.get("state").filter(|entry| entry.node.as_str() == Some("absent"))
}
