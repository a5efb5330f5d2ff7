//! Handlers that are owed: a change has notified them, and they have not run since.

use borsh::{BorshDeserialize, BorshSerialize};

/// A handler, where it runs: what stays the same from run to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Due {
    pub play: String,
    /// `role : name`.
    pub handler: String,
    /// At which of the places of the play where handlers run.
    pub flush: u32,
}

/// What becomes of the debts in a book: there is one for each host and playbook.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Dues {
    /// A name as [`super::safe_name`] has it.
    pub book: String,
    /// Owed from now on.
    pub owes: Vec<Due>,
    /// Owed no longer.
    pub pays: Vec<Due>,
}

/// A handler that is owed, and by what.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Debt {
    pub due: Due,
    /// The task that notified it first.
    pub task: String,
    /// In which run that was.
    pub run: String,
    /// In seconds since 1970, by the host's clock.
    pub at: u64,
}
