//! What an agent says of itself and its host, unasked.

use super::facts::Facts;
use borsh::{BorshDeserialize, BorshSerialize};

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Hello {
    pub version: u32,
    pub facts: Facts,
}
