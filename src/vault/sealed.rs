//! What is encrypted, in either form, and what it is locked with again.

use super::{Password, Passwords, Recipients, VaultError, VaultText, encrypt, fresh_salt, recipients::BEGIN};
use crate::diag::Diagnostic;
use agent::secret::Secret;

/// The tags of encrypted values in YAML.
pub(super) const TAGS: [&str; 3] = ["!vault", "!vault-encrypted", "!age"];
const ANSIBLE: &str = "$ANSIBLE_VAULT;";

/// Whether these bytes begin like a vault of Ansible or an armored age file; says nothing about its soundness.
pub fn is_vault(bytes: &[u8]) -> bool {
    bytes.starts_with(ANSIBLE.as_bytes()) || bytes.starts_with(BEGIN.as_bytes())
}

/// An encrypted text; nothing of it is decrypted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// Ansible's form.
    Vault(VaultText),
    /// Armored age.
    Age(String),
}

impl Sealed {
    /// Takes the text of a file or of a tagged value. Indentation and CR LF do not matter.
    ///
    /// # Errors
    /// As [`VaultText::parse`].
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let trimmed = text.trim_start_matches('\u{feff}').trim();
        if !trimmed.starts_with(BEGIN) {
            return VaultText::parse(text).map(Self::Vault);
        }
        Ok(Self::Age(trimmed.lines().map(|line| format!("{}\n", line.trim())).collect()))
    }

    /// The vault id (label) in the header, if there is one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Vault(text) => text.id(),
            Self::Age(_) => None,
        }
    }

    /// The plain bytes.
    ///
    /// # Errors
    /// As [`Passwords::open`].
    pub fn decrypt(&self, passwords: &Passwords) -> Result<Secret, VaultError> {
        passwords.open(self).map(|opened| opened.plain)
    }
}

/// What something is locked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// A password, and the vault id that is written down with it.
    Password { password: &'a Password, id: Option<String> },
    /// Whoever has the identity of one of these.
    Recipients(&'a Recipients),
}

impl<'a> Key<'a> {
    /// A password with the id that it was given for.
    pub fn of(password: &'a Password) -> Self {
        Self::Password { password, id: password.label.clone() }
    }

    /// The text as it goes into a file.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(&self, plain: &Secret) -> Result<String, Diagnostic> {
        let failed = |error: std::io::Error| Diagnostic::error("no randomness for a salt").cause(error);
        match self {
            Self::Password { password, id } => {
                Ok(encrypt(plain, &password.text, id.as_deref(), fresh_salt().map_err(failed)?))
            }
            Self::Recipients(recipients) => recipients.seal(plain),
        }
    }

    /// The tag of a value that is locked with it.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Password { .. } => TAGS[0],
            Self::Recipients(_) => TAGS[2],
        }
    }
}
