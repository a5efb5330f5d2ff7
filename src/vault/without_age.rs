//! In place of `age` where this program was built without it: every use is an error that says so.

use super::VaultError;
use crate::diag::Diagnostic;
use agent::secret::Secret;
use std::sync::Arc;

/// How an armored text begins.
pub const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// Asks for the passphrase of the key in a file.
pub type AskPassphrase = Arc<dyn Fn(&str) -> Option<Secret> + Send + Sync>;

/// There are none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recipients(());

/// There are none.
#[derive(Debug, Default)]
pub struct Identities(());

fn missing() -> Diagnostic {
    Diagnostic::error(VaultError::NoAge.to_string()).hint(super::WITHOUT_AGE)
}

impl Recipients {
    /// # Errors
    /// Always, but for lines that name no key.
    pub fn add(&mut self, line: &str) -> Result<(), Diagnostic> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') { Ok(()) } else { Err(missing()) }
    }

    pub fn is_empty(&self) -> bool {
        true
    }

    pub(super) fn seal(&self, _: &Secret) -> Result<String, Diagnostic> {
        Err(missing())
    }
}

impl Identities {
    /// # Errors
    /// Always.
    pub fn add(&mut self, _: &str, _: &Secret, _: &AskPassphrase) -> Result<(), Diagnostic> {
        Err(missing())
    }

    pub fn is_empty(&self) -> bool {
        true
    }

    pub(super) fn open(&self, _: &str) -> Result<Secret, VaultError> {
        Err(VaultError::NoAge)
    }
}
