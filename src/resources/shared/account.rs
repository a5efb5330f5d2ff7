//! What users and groups have in common.

use crate::resource::Fault;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stands in predictions for a number that the host will choose.
pub const UNKNOWN_ID: u32 = u32::MAX;

#[derive(Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    #[default]
    Present,
    Absent,
}

/// Refuses what the account tools would read as an option or refuse themselves.
///
/// # Errors
/// A fault that names it.
pub fn check_name(kind: &str, name: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if first && name.len() <= 32 && name.chars().all(good) {
        return Ok(());
    }
    Err(Fault::new(format!("`{}` is not the name of a {kind}", name.escape_debug()))
        .hint("letters, digits, `_`, `-` and `.`, at most 32, starting with a letter"))
}

/// Refuses what would break the line of an account file.
///
/// # Errors
/// A fault that names the field.
pub fn check_field(field: &str, value: &str) -> Result<(), Fault> {
    if value.chars().any(|c| c == ':' || c.is_control()) {
        let fault = Fault::new(format!("`{field}` cannot hold a colon or a control character"));
        return Err(fault.hint("it is a field of /etc/passwd, whose fields are separated by colons"));
    }
    Ok(())
}
