//! What a run has done to a host, as it is kept for an undo.

use super::Meta;
use borsh::{BorshDeserialize, BorshSerialize};

/// A thing that a task did, in the order in which it was done.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Step {
    /// The task as the journal names it.
    pub task: String,
    pub deed: Deed,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Deed {
    Path(Changed),
    /// What can't be taken back by putting files in their place, in words: no argument that may be secret.
    Other(String),
    /// A folder that was removed with what was in it; `saved` is where that is kept.
    Tree(Changed),
}

/// A path, before and after.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Changed {
    pub path: String,
    pub before: Option<Meta>,
    /// `None`: the run was ended before it was known.
    pub after: Option<Option<Meta>>,
    /// The content that was to be written, as far as it was known before.
    pub wanted: Option<[u8; 32]>,
    /// Where the previous content is kept.
    pub saved: Option<String>,
    /// The content is not to be shown.
    pub secret: bool,
}

impl Changed {
    /// A removed folder in words.
    pub fn removal(&self) -> String {
        let kept = self.saved.as_ref().map(|kept| format!(", which is kept as {kept}")).unwrap_or_default();
        format!("removal of the folder {} with what was in it{kept}", self.path)
    }
}

/// Steps as [`super::Probe::Undo`] answers them.
pub fn read(bytes: &[u8]) -> Vec<Step> {
    borsh::from_slice(bytes).unwrap_or_default()
}
