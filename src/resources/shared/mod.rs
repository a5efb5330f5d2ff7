//! What several resource types have in common. Types do not use each other; they use this.

pub mod account;
mod act;
pub mod checksum;
pub mod docker;
pub mod dotenv;
mod edit;
mod file;
pub mod fstab;
mod list;
mod merge;
mod path;
mod pattern;
pub mod postgres;
mod run;
pub mod scram;
mod touch;
pub mod unit;
pub mod url;
mod words;

pub use act::{Act, check_host};
pub use edit::{Edited, Presence, Validate, body, line_break, place};
pub use file::{
    FileState, What, attrs, content_ops, observe_bytes, observe_content, observe_entry, parent_there, roots,
};
pub use list::OneOrMany;
pub use merge::merge;
pub use path::HostPath;
pub use pattern::{check_groups, expand, pattern, pattern_of_lines};
pub use run::{CommandLine, GUARDS, LOOKS, Params};
pub use touch::Touch;
pub use words::{Words, join};

/// Largest file in bytes that is read to be shown or edited.
pub const READ_LIMIT: u64 = 1 << 20;
