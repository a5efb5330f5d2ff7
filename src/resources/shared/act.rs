//! The state of actions: nothing is there before, and what will be done is what a diff shows.

use crate::resource::{Facet, Facets, State};

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
