//! The agent: the only part of the program that acts on a host.
//!
//! It is one static binary, uploaded once per version, that speaks frames over stdin and stdout.
//! The library holds what both sides speak; with the feature `bin` it also holds the hands.
//!
//! * [`wire`]: questions, answers, ops, and the requests that carry them
//! * [`secret`]: values that travel but are never shown
//! * [`frame`]: how a message becomes bytes
//! * [`folders`]: which folders nothing removes
//! * [`glob`]: patterns for paths
//! * [`calendar`]: days and dates
//! * [`mode`]: permission bits, in full or as changes
//! * [`pattern`]: regular expressions
//! * `child` runs commands, `observe` answers queries, `act` performs ops, `serve` is the session (feature `bin`)

pub mod calendar;
pub mod folders;
pub mod frame;
pub mod glob;
pub mod mode;
pub mod pattern;
pub mod secret;
pub mod wire;

#[cfg(feature = "bin")]
pub mod act;
#[cfg(feature = "bin")]
mod archive;
#[cfg(feature = "bin")]
pub mod child;
#[cfg(feature = "bin")]
pub mod observe;
#[cfg(feature = "bin")]
pub mod serve;
#[cfg(feature = "bin")]
mod unit_files;

/// An I/O error as the end of a sentence: `no space left on device`.
#[cfg(feature = "bin")]
pub(crate) fn reason(error: impl Into<std::io::Error>) -> String {
    let text = error.into().to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        // "I/O error" stays; "No space left" does not.
        Some(first) if !letters.as_str().starts_with('/') => {
            first.to_lowercase().collect::<String>() + letters.as_str()
        }
        _ => text.to_string(),
    }
}
