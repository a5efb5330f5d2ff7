//! What a play says of itself, besides its tasks.

use super::{keywords::variables, load::Loader};
use crate::{diag::Diagnostic, model::Origin, yaml::Map};
use std::path::Path;

impl Loader<'_> {
    pub(super) fn in_step(&mut self, map: &Map) -> bool {
        let Some(entry) = map.get("strategy") else { return false };
        match self.errors.take(entry.node.expect_str("`linear` or `free`")) {
            Some("linear" | "ansible.builtin.linear") => true,
            Some("free" | "ansible.builtin.free" | "host_pinned") | None => false,
            Some(other) => {
                let error = Diagnostic::error(format!("unknown strategy `{other}`")).at(&entry.node.origin);
                let hint = "known here: `linear` (all hosts do a task before any begins the next), `free` (each at its own pace)";
                self.errors.push(error.hint(hint).suggest(other, ["linear", "free"]));
                false
            }
        }
    }

    pub(super) fn hosts(&mut self, map: &Map, play: &Origin) -> (String, Origin) {
        let Some(entry) = map.get("hosts") else {
            self.errors.push(
                Diagnostic::error("the play has no `hosts`")
                    .at(play)
                    .hint("say where it runs, e.g. `hosts: all`"),
            );
            return (String::new(), play.clone());
        };
        let strings = entry
            .node
            .expect_strings("a host or group pattern")
            .map_err(|error| error.hint("write a name, a group or a list of these, e.g. `hosts: web`"));
        let Some(strings) = self.errors.take(strings) else {
            return (String::new(), entry.node.origin.clone());
        };
        let pattern = strings.iter().map(|(s, _)| s.as_str()).collect::<Vec<_>>().join(",");
        if pattern.contains("{{") {
            let error = Diagnostic::error("a template is not supported yet in `hosts`");
            self.errors.push(error.at(&entry.node.origin).hint("use a group and `--limit`"));
        } else if pattern.trim().is_empty() {
            self.errors.push(
                Diagnostic::error("`hosts` is empty")
                    .at(&entry.key)
                    .hint("say where the play runs, e.g. `hosts: all`"),
            );
        }
        (pattern, entry.node.origin.clone())
    }

    pub(super) fn vars_files(&mut self, map: &Map) -> Map {
        let mut all = Map::default();
        let Some(entry) = map.get("vars_files") else { return all };
        let names = self.errors.take(entry.node.expect_strings("a list of files")).unwrap_or_default();
        self.read_beside(names.iter().map(|(name, _)| self.folder.join(name)).collect());
        for (name, origin) in names {
            if name.contains("{{") {
                let error = Diagnostic::error("a template is not supported yet in `vars_files`");
                self.errors.push(error.at(&origin).hint("use group_vars/ or host_vars/ for what differs"));
                continue;
            }
            let path = self.folder.join(&name);
            all.extend(self.vars_file(&path, Some(&origin)));
        }
        all
    }

    fn vars_file(&mut self, path: &Path, wanted_at: Option<&Origin>) -> Map {
        let Some(node) = self.yaml(path, wanted_at) else { return Map::default() };
        variables(&node, self.errors).unwrap_or_default()
    }
}
