//! What several resource types need.

pub mod account;
pub mod unit;
pub mod words;
