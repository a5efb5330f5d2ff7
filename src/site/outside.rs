//! What templates may ask of the machine that the run is started on.

use super::Shared;
use crate::{
    diag::Diagnostics,
    model::Origin,
    template::Outside,
    yaml::{Node, Value},
};
use agent::{secret::Secret, wire::Facts};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{PoisonError, Weak},
};

/// What is known of the machine that the run is started on, and kept there from earlier runs. Read once, by whoever starts it: a run
/// then means the same from beginning to end.
#[derive(Clone, Default)]
pub struct Controller {
    /// Seconds since 1970.
    pub now: i64,
    /// The working folder.
    pub folder: PathBuf,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Facts of hosts from earlier runs, fresh enough to be used.
    pub facts: BTreeMap<String, Facts>,
}

/// The controller as the tasks of one play and role see it.
pub(super) struct Desk {
    pub shared: Weak<Shared>,
    /// Whose `files/` are looked in, first to last.
    pub places: Vec<PathBuf>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl Outside for Desk {
    fn now(&self) -> i64 {
        self.shared.upgrade().map_or(0, |shared| shared.controller.now)
    }

    fn env(&self, name: &str) -> Option<String> {
        self.shared.upgrade()?.controller.env.get(name).cloned()
    }

    fn file(&self, name: &str, at: &Origin) -> Result<Node, Diagnostics> {
        let shared = self.shared.upgrade().expect("whoever renders holds it");
        let places: Vec<&Path> = self.places.iter().map(PathBuf::as_path).collect();
        let path = shared.sources.find(&places, "files", name, at)?;
        shared.sources.bytes(&path)
    }

    fn hide(&self, secret: &Node) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut hidden = shared.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        super::reach::leaves(secret, &mut hidden);
        // A file ends with a line break, and what is made of it mostly doesn't.
        if let Value::Str(text) = &secret.value {
            hidden.insert(Secret::new(text.trim().as_bytes()));
        }
    }
}
