//! YAML into a tree in which every value knows its place, and from there into typed structs.
//!
//! `serde-saphyr` (the maintained successor of the archived `serde_yaml`, see `docs/decisions/`) parses once, into
//! [`Node`]; everything else reads nodes. No other room names the YAML crate.

mod asked;
mod hidden;
mod node;
mod parse;
mod syntax;
mod typed;

pub use asked::{Ask, Programs, Question, Wait};
pub use hidden::Hidden;
pub use node::{Entry, Map, Node, Value};
pub use parse::{parse, parse_documents};
pub use typed::{FileMode, Mode, ModeRule, PRESERVE, SECRET_HERE, Text, from_node, tree::Tree};

/// A tree as YAML text. Secrets are included.
///
/// # Errors
/// What the writer could not express.
pub fn to_text(node: &Node) -> Result<String, String> {
    serde_saphyr::to_string(&node.to_json()).map_err(|error| error.to_string())
}
