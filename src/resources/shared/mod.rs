//! What several resource types need.

pub mod unit;
pub mod words;
