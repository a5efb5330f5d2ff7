//! age: texts for everybody who has one of several keys, instead of a password that all share.
//!
//! Source: the format is age-encryption.org/v1 (C2SP), armored; recipients are X25519 (`age1...`) and ssh-ed25519 keys.

use super::VaultError;
use crate::diag::Diagnostic;
use age::ssh;
use agent::secret::Secret;
use base64::Engine;
use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};
use zeroize::Zeroizing;

/// How an armored text begins.
pub const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// Asks for the passphrase of the key in a file; `None` where nobody can be asked.
pub type AskPassphrase = Arc<dyn Fn(&str) -> Option<Secret> + Send + Sync>;

/// Public keys that something is locked for.
#[derive(Default)]
pub struct Recipients {
    keys: Vec<Box<dyn age::Recipient + Send + Sync>>,
    /// As they were written.
    names: Vec<String>,
}

impl Recipients {
    /// Adds the key on a line of a recipients file (or given as a flag): `age1...` or `ssh-ed25519 ...`. An empty line and a comment add
    /// nothing.
    ///
    /// # Errors
    /// What is no such key; the place is for the caller to add.
    pub fn add(&mut self, line: &str) -> Result<(), Diagnostic> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        self.keys.push(recipient(line)?);
        self.names.push(line.to_owned());
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn seal(&self, plain: &Secret) -> Result<String, Diagnostic> {
        let failed = |error: &dyn std::fmt::Display| Diagnostic::error("cannot encrypt for age").cause(error);
        let keys = self.keys.iter().map(|key| &**key as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(keys).map_err(|error| failed(&error))?;
        let mut armored = vec![];
        let write = |armored: &mut Vec<u8>| {
            let armor = age::armor::ArmoredWriter::wrap_output(armored, age::armor::Format::AsciiArmor)?;
            let mut writer = encryptor.wrap_output(armor)?;
            writer.write_all(plain.expose())?;
            writer.finish()?.finish().map(drop)
        };
        write(&mut armored).map_err(|error| failed(&error))?;
        let text = String::from_utf8(armored).map_err(|error| failed(&error))?;
        Ok(if text.ends_with('\n') { text } else { text + "\n" })
    }
}

impl PartialEq for Recipients {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl Eq for Recipients {}

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}

fn recipient(line: &str) -> Result<Box<dyn age::Recipient + Send + Sync>, Diagnostic> {
    const KNOWN: &str = "`age1...` (from `age-keygen`) and `ssh-ed25519 ...` (the `.pub` file) are known";
    let unknown = |message: String| Err(Diagnostic::error(message).hint(KNOWN));
    let kind = line.split_whitespace().next().unwrap_or_default();
    if line.starts_with("AGE-SECRET-KEY-") || line.starts_with("-----BEGIN") {
        return unknown("this is a private key, where a public one is wanted".into());
    }
    if kind.starts_with("ssh-") || kind.starts_with("sk-") || kind.starts_with("ecdsa-") {
        return match line.parse::<ssh::Recipient>() {
            Ok(key @ ssh::Recipient::SshEd25519(..)) => Ok(Box::new(key)),
            Ok(ssh::Recipient::SshRsa(..)) | Err(_) if kind != "ssh-ed25519" => {
                unknown(format!("keys of the kind `{kind}` cannot be used"))
            }
            _ => unknown("this is no sound ssh key".into()),
        };
    }
    match line.parse::<age::x25519::Recipient>() {
        Ok(key) => Ok(Box::new(key)),
        Err(error) => unknown(format!("this is no key of age: {error}")),
    }
}

/// Whether a private key of ssh is of this kind, which it says in clear. RSA is left out: see `deny.toml`.
fn is_ed25519(content: &[u8]) -> bool {
    const KIND: &[u8] = b"ssh-ed25519";
    let body = content.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"-----")).flatten();
    let body = Zeroizing::new(body.copied().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<u8>>());
    let decoded = base64::engine::general_purpose::STANDARD.decode(body.as_slice());
    decoded.is_ok_and(|bytes| Zeroizing::new(bytes).windows(KIND.len()).any(|part| part == KIND))
}

/// Private keys that open things.
#[derive(Default)]
pub struct Identities {
    keys: Vec<Box<dyn age::Identity + Send + Sync>>,
    /// What was typed as the passphrases of some of them, once it was asked for.
    typed: Vec<Arc<OnceLock<Option<Secret>>>>,
}

impl Identities {
    /// Adds the keys in a file: one of `age-keygen`, or a private ssh-ed25519 key, whose passphrase is asked for when it is first needed.
    ///
    /// # Errors
    /// What is neither. Nothing of the content is in it.
    pub fn add(&mut self, name: &str, content: &Secret, ask: &AskPassphrase) -> Result<(), Diagnostic> {
        let failed = |message: &str| Err(Diagnostic::error(format!("{message} in `{name}`")));
        let known = "a file of `age-keygen` or a private ssh-ed25519 key is wanted";
        if content.expose().starts_with(b"-----BEGIN") {
            let key = ssh::Identity::from_buffer(content.expose(), Some(name.to_owned()));
            return match key {
                Ok(_) if !is_ed25519(content.expose()) => {
                    failed("a key of another kind than ed25519").map_err(|error| error.hint(known))
                }
                Ok(key @ (ssh::Identity::Unencrypted(_) | ssh::Identity::Encrypted(_))) => {
                    let ask = Passphrase { ask: ask.clone(), name: name.to_owned(), typed: Arc::default() };
                    self.typed.push(ask.typed.clone());
                    self.keys.push(Box::new(key.with_callbacks(ask)));
                    Ok(())
                }
                _ => failed("there is no key that can be used").map_err(|error| error.hint(known)),
            };
        }
        let text = std::str::from_utf8(content.expose()).unwrap_or_default();
        let mut found = false;
        for (at, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Ok(key) = line.parse::<age::x25519::Identity>() else {
                return failed(&format!("line {} is no key", at + 1)).map_err(|error| error.hint(known));
            };
            self.keys.push(Box::new(key));
            found = true;
        }
        if found { Ok(()) } else { failed("there is no key").map_err(|error| error.hint(known)) }
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn open(&self, armored: &str) -> Result<Secret, VaultError> {
        use age::DecryptError as Error;
        let damaged = |what: &dyn std::fmt::Display| VaultError::Damaged(what.to_string());
        let reader = age::armor::ArmoredReader::new(armored.as_bytes());
        let decryptor = age::Decryptor::new_buffered(reader).map_err(|error| damaged(&error))?;
        if decryptor.is_scrypt() {
            return Err(VaultError::Passphrase);
        }
        if self.is_empty() {
            return Err(VaultError::NoIdentity);
        }
        let keys = self.keys.iter().map(|key| &**key as &dyn age::Identity);
        let mut reader = decryptor.decrypt(keys).map_err(|error| match error {
            Error::NoMatchingKeys if self.typed.iter().any(|typed| matches!(typed.get(), Some(None))) => {
                VaultError::NoPassphrase
            }
            Error::NoMatchingKeys => VaultError::WrongIdentity { tried: self.keys.len() },
            Error::KeyDecryptionFailed => VaultError::WrongPassphrase,
            error => damaged(&error),
        })?;
        // As much as there can be, so that the buffer never has to grow.
        let mut plain = Zeroizing::new(Vec::with_capacity(armored.len()));
        reader.read_to_end(&mut plain).map_err(|error| damaged(&error))?;
        Ok(Secret::new(plain.as_slice()))
    }
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} identities", self.keys.len())
    }
}

/// Asks once for the passphrase of one file, however many texts it opens.
#[derive(Clone)]
struct Passphrase {
    ask: AskPassphrase,
    name: String,
    typed: Arc<OnceLock<Option<Secret>>>,
}

impl age::Callbacks for Passphrase {
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, _: &str) -> Option<age::secrecy::SecretString> {
        let typed = self.typed.get_or_init(|| (self.ask)(&self.name)).as_ref()?;
        String::from_utf8(typed.expose().to_vec()).ok().map(Into::into)
    }
}
