//! What is odd, but no mistake: warnings, each with a stable name by which a comment silences it.
//!
//! * `definitions`: every place where a variable gets a value
//! * `uses`: every name that is used anywhere
//! * `variables`: variables that nothing uses, or that another always hides
//! * `tasks`: handlers that nothing notifies, tasks that notify in vain, users that nobody becomes
//!
//! Edges of the graph are looked at in the room `plan`.

mod definitions;
mod tasks;
mod uses;
mod variables;

use super::{Shared, Site};
use crate::{
    diag::{Diagnostic, Diagnostics},
    inventory::Inventory,
    playbook::is_reserved,
};
use definitions::Definition;
use std::collections::HashSet;
use uses::Uses;

impl Site {
    /// Odd things, to be asked for after [`Site::validate`] has found no mistake. What a comment silences is among them.
    pub fn lint(&self) -> Diagnostics {
        let shared: &Shared = &self.shared;
        let mut found = Diagnostics::default();
        let definitions = definitions::all(shared);
        let uses = Uses::of(shared, &definitions);
        variables::unused(shared, &definitions, &uses, &mut found);
        variables::hidden(shared, &definitions, &uses, &mut found);
        variables::unread(&definitions, &mut found);
        tasks::odd(self, &mut found);
        uses.statements(&mut found);
        found
    }
}

/// What the inventory sets and nobody sees, since those names are always in scope.
pub(super) fn reserved(inventory: &Inventory, errors: &mut Diagnostics) {
    let vars = inventory.hosts().flat_map(|host| &host.vars).filter(|(name, _)| is_reserved(name));
    let mut told = HashSet::new();
    for (name, node) in vars.filter(|(name, node)| told.insert(((*name).clone(), node.origin.to_string()))) {
        let warning =
            Diagnostic::lint("reserved-name", format!("nobody sees the variable `{name}` of the inventory"));
        errors.push(warning.at(&node.origin).hint("that name is always in scope: choose another one"));
    }
}
