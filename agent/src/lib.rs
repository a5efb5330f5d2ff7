//! The agent: the only part of the program that acts on a host.
//!
//! It is one static binary, uploaded once per version, that speaks frames over stdin and stdout.
//! The library holds what both sides speak; with the feature `bin` it also holds the hands.
//!
//! * [`wire`]: questions, answers, ops, and the requests that carry them
//! * [`secret`]: values that travel but are never shown
//! * [`frame`]: how a message becomes bytes
//! * `observe` answers queries, `act` performs ops (feature `bin`)

pub mod frame;
pub mod secret;
pub mod wire;

#[cfg(feature = "bin")]
pub mod act;
#[cfg(feature = "bin")]
pub mod observe;
#[cfg(feature = "bin")]
pub mod serve;
