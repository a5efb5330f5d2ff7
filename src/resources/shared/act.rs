//! The state of actions: nothing is there before, and what will be done is what a diff shows.

use crate::resource::{Facet, Facets, Fault, State};

/// Before acting it is empty; afterwards it names the action.
#[derive(Clone, Debug, Default)]
pub struct Act(pub Facets);

impl Act {
    pub fn new(name: &str, what: impl Into<Facet>) -> Self {
        Self(Facets::from([(name.to_string(), what.into())]))
    }
}

impl State for Act {
    fn facets(&self) -> Facets {
        self.0.clone()
    }
}

/// Refuses what cannot be a name or an address to connect to.
///
/// # Errors
/// A fault that names it.
pub fn check_host(host: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_alphanumeric() || "._-:%[]".contains(c);
    if !host.is_empty() && host.chars().all(good) {
        return Ok(());
    }
    let fault = Fault::new(format!("`{}` is no host", host.escape_debug()));
    Err(fault.hint("write a name or an address, without a port"))
}
