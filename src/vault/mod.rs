//! Encrypted files and values in, [`Secret`]s out: Ansible's own vault format, 1.1 and 1.2, so that existing
//! vaults open as they are and ours open in Ansible.
//!
//! * [`VaultText`]: the text as it stands in a file, taken apart
//! * [`Passwords`]: what can open one; filled by `cli`, since this room reads no environment and asks nobody
//! * [`encrypt`]: the way back
//! * [`read_yaml`], [`open_values`]: YAML files that are vaults or hold `!vault` values
//! * [`random_text`], [`fresh_salt`]: strong randomness from the operating system

mod cipher;
mod format;
mod passwords;
mod random;
mod values;

pub use cipher::encrypt;
pub use format::{VaultText, is_vault};
pub use passwords::{Opened, Password, Passwords};
pub use random::{Charset, fresh_salt, random_text};
pub use values::{open_values, read_yaml};

#[cfg(doc)]
use agent::secret::Secret;

use crate::diag::Diagnostic;
use crate::model::Origin;

/// Why a vault does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("not a vault: the text does not begin with `$ANSIBLE_VAULT;`")]
    NotAVault,
    #[error("unknown vault version `{0}`")]
    UnknownVersion(String),
    #[error("unknown vault cipher `{0}`")]
    UnknownCipher(String),
    /// The text cannot be a whole vault, whatever the password.
    #[error("damaged vault: {0}")]
    Damaged(String),
    #[error("no vault password given{}", for_id(.id.as_deref()))]
    NoPassword { id: Option<String> },
    /// Nothing opens it. Its parts are all there, so most likely the password is another one.
    #[error("wrong vault password{}", for_id(.id.as_deref()))]
    WrongPassword { id: Option<String>, tried: usize },
}

fn for_id(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(" for vault id `{id}`"))
}

impl VaultError {
    /// The error as shown to people, at the place of the vault text.
    pub fn diagnostic(&self, origin: &Origin) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.to_string()).at(origin);
        match self {
            Self::NotAVault => diagnostic,
            Self::UnknownVersion(_) => diagnostic.hint("versions 1.1 and 1.2 are known"),
            Self::UnknownCipher(_) => diagnostic.hint("only AES256 is known"),
            Self::Damaged(_) => diagnostic.hint("restore the text from version control or a backup"),
            Self::NoPassword { .. } => diagnostic.hint(
                "give --vault-password-file FILE, --ask-vault-pass, or set LUSTORES_VAULT_PASSWORD_FILE",
            ),
            Self::WrongPassword { tried, .. } => diagnostic
                .cause(format!("{tried} password{} tried", if *tried == 1 { " was" } else { "s were" }))
                .hint("check the password source; a text that was changed after encryption looks the same"),
        }
    }
}

#[cfg(test)]
mod tests;
