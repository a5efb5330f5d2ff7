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
use crate::diag::Diagnostics;
use definitions::Definition;
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
