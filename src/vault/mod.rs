//! Encrypted files and values in, [`Secret`]s out: Ansible's own vault format, 1.1 and 1.2, so that existing
//! vaults open as they are and ours open in Ansible.
//!
//! age texts too, for recipients in place of a password.
//!
//! * [`Sealed`]: an encrypted text as it stands in a file; [`VaultText`]: Ansible's form, taken apart
//! * [`Passwords`]: what can open one; filled by `cli`, since this room reads no environment and asks nobody
//! * [`Key`]: the way back; [`encrypt`] for Ansible's form
//! * [`Recipients`], [`Identities`]: age's public and private keys
//! * [`read_yaml`], [`open_values`]: YAML files that are vaults or hold `!vault` values
//! * [`random_text`], [`fresh_salt`]: strong randomness from the operating system

mod cipher;
mod format;
mod inline;
mod inputs;
mod passwords;
mod random;
#[cfg(feature = "age")]
mod recipients;
#[cfg(not(feature = "age"))]
#[path = "without_age.rs"]
mod recipients;
mod sealed;
mod values;

pub use cipher::encrypt;
pub use format::VaultText;
pub use inline::{Inline, Segment, Way, way_text};
pub use inputs::Inputs;
pub use passwords::{Opened, Password, Passwords};
pub use random::{Charset, fresh_salt, random_text};
pub use recipients::{AskPassphrase, Identities, Recipients};
pub use sealed::{Key, Sealed, is_vault};
pub use values::{UNOPENED, not_utf8, open_values, read_yaml};

#[cfg(doc)]
use agent::secret::Secret;

use crate::diag::{Diagnostic, Kind};
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
    #[error("encrypted for age recipients, and no identity is given")]
    NoIdentity,
    /// It is for others.
    #[error("encrypted for other age recipients")]
    WrongIdentity { tried: usize },
    #[error("the passphrase of the ssh key does not open it")]
    WrongPassphrase,
    #[error("the passphrase of an ssh key is needed, and there is no terminal to ask on")]
    NoPassphrase,
    #[error("an age text under a passphrase")]
    Passphrase,
    #[error("this program was built without age")]
    NoAge,
    #[error("wrong vault password{}", for_id(.id.as_deref()))]
    WrongPassword { id: Option<String>, tried: usize },
}

const WITHOUT_AGE: &str = "build it with the cargo feature `age` (it is on by default)";

fn for_id(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(" for vault id `{id}`"))
}

impl VaultError {
    /// The error as shown to people, at the place of the vault text.
    pub fn diagnostic(&self, origin: &Origin) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.to_string()).at(origin).kind(Kind::Sealed);
        match self {
            Self::NotAVault => {
                diagnostic.hint("`!vault` stands before encrypted text: leave it out, or encrypt the value")
            }
            Self::UnknownVersion(_) => diagnostic.hint("versions 1.1 and 1.2 are known"),
            Self::UnknownCipher(_) => diagnostic.hint("only AES256 is known"),
            Self::Damaged(_) => diagnostic.hint("restore the text from version control or a backup"),
            Self::NoPassword { .. } => diagnostic.hint(
                "give --vault-password-file FILE, --ask-vault-pass, or set LUSTORES_VAULT_PASSWORD_FILE",
            ),
            Self::NoIdentity => diagnostic
                .hint("give --identity FILE, or set LUSTORES_AGE_IDENTITY to the file of your private key"),
            Self::WrongIdentity { tried } => diagnostic
                .cause(format!("{tried} identit{} tried", if *tried == 1 { "y was" } else { "ies were" }))
                .hint("ask somebody who can open it to add your public key and to run `vault rekey`"),
            Self::WrongPassphrase => diagnostic.hint("type the passphrase of the key that --identity names"),
            Self::NoPassphrase => {
                diagnostic.hint("give a key of `age-keygen` with --identity, or run it on a terminal")
            }
            Self::Passphrase => {
                diagnostic.hint("encrypt it for recipients: `age -d FILE | age -a -R vault-recipients`")
            }
            Self::NoAge => diagnostic.hint(WITHOUT_AGE),
            Self::WrongPassword { tried, .. } => diagnostic
                .cause(format!("{tried} password{} tried", if *tried == 1 { " was" } else { "s were" }))
                .hint("check the password source; a text that was changed after encryption looks the same"),
        }
    }
}

#[cfg(test)]
mod tests;
