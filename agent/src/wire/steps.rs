//! Several commands that are one change.

use crate::secret::Content;
use borsh::{BorshDeserialize, BorshSerialize};

/// Commands that belong together. When one fails, those before it are undone, the last one first.
///
/// While they are under way the agent keeps `record`, durably: a session that is cut off leaves it to the next one. It goes when all is done, or
/// when all was undone and an earlier session had left none.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Steps {
    /// What the record is called: letters, digits, `.`, `_` and `-`.
    pub name: String,
    pub record: Content,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Step {
    pub argv: Vec<String>,
    /// What undoes it; `None`: nothing does, and nothing has to.
    pub undo: Option<Vec<String>>,
}
