//! Parameters that a task leaves out, and that then mean something else here: they are written down.

use super::yaml::Editor;
use crate::{
    diag::Diagnostic,
    model::Origin,
    yaml::{Entry, Map, Node, Value},
};

/// A resource, the parameter that makes a default matter, the parameter that is left out, and Ansible's default.
const WRITTEN_DOWN: &[(&str, &str, &str, bool)] = &[
    ("assemble", "src", "remote_src", true),
    ("user", "groups", "append", false),
    ("user", "system", "create_home", true),
];

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
        if let Some(entry) = folder_on_host(map).filter(|_| resource == "copy") {
            let warning = Diagnostic::warning("`remote_src` of `copy` copies no directory here");
            let warning = warning.at(&entry.node.origin);
            self.left.push(warning.hint(
                "`command: {argv: [cp, -a, FROM, TO], creates: TO}` copies it once; `synchronize` brings one of the project",
            ));
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

/// What a copy is made of that can only be a directory of the host: its path ends with a slash.
fn folder_on_host(map: &Map) -> Option<&Entry> {
    let is_true = |entry: &&Entry| match &entry.node.value {
        Value::Bool(said) => *said,
        _ => matches!(entry.node.as_str(), Some("yes" | "on" | "true")),
    };
    map.get("remote_src").filter(is_true)?;
    map.get("src").filter(|entry| entry.node.as_str().is_some_and(|path| path.ends_with('/')))
}

fn removed(map: &Map) -> Option<&Entry> {
    map.get("state").filter(|entry| entry.node.as_str() == Some("absent"))
}
