//! How the hosts of a site are reached, and which of its values must never be shown.

use super::Site;
use crate::{
    diag::{Diagnostic, Diagnostics},
    inventory::{ConnectionSpec, connection_spec},
    template::{Layer, Scope, render},
    yaml::{Node, Value},
};
use agent::secret::Secret;
use indexmap::IndexMap;
use std::sync::Arc;

impl Site {
    /// How a host is reached: its connection variables, rendered with its other ones.
    ///
    /// # Errors
    /// An unknown host, or what is wrong with these variables.
    pub fn connection(&self, name: &str) -> Result<ConnectionSpec, Diagnostics> {
        let inventory = self.inventory();
        let host = inventory.host(name).ok_or_else(|| {
            let known = inventory.hosts().map(|h| h.name.as_str());
            Diagnostic::error(format!("unknown host `{name}`")).suggest(name, known)
        })?;
        let mut scope = Scope::new();
        scope.push(Arc::new(host.vars.clone()), Layer::Raw);
        scope.push(self.shared.extra.clone(), Layer::Raw);
        scope.set("inventory_hostname", Node::string(name, &host.origin));
        let concerns = |key: &String| key.starts_with("ansible_") || key == "connection_command";
        let mut errors = Diagnostics::default();
        let mut rendered = IndexMap::new();
        for (key, node) in host.vars.iter().chain(self.shared.extra.iter()).filter(|(key, _)| concerns(key)) {
            rendered.extend(errors.take(render(node, &scope)).map(|node| (key.clone(), node)));
        }
        let rendered = errors.into_result(rendered)?;
        connection_spec(name, &rendered)
    }

    /// Every secret value that any variable holds: what the report looks for in all that leaves.
    pub fn secrets(&self) -> Vec<Secret> {
        let mut found = vec![];
        let inventory = self.inventory().hosts().flat_map(|h| h.vars.values());
        let playbook = self.playbook().plays.iter().flat_map(|play| {
            let roles = play.roles.iter().flat_map(|u| u.role.vars.values().chain(u.role.defaults.values()));
            let files = play.file_vars.values();
            roles.chain(files).chain(play.vars.values()).map(|entry| &entry.node)
        });
        for node in inventory.chain(playbook).chain(self.shared.extra.values()) {
            collect(node, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn collect(node: &Node, found: &mut Vec<Secret>) {
    match &node.value {
        Value::Seq(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Map(map) => map.values().for_each(|entry| collect(&entry.node, found)),
        Value::Str(text) if node.secret => found.push(Secret::new(text.as_bytes())),
        Value::Int(number) if node.secret => found.push(Secret::new(number.to_string())),
        _ => {}
    }
}
