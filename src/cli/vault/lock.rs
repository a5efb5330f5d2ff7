//! What opens and locks: passwords, identities, recipients; and encrypted files as they were read.

use super::{cannot, place};
use crate::cli::vault_args::{Typed, VaultArgs};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{Origin, Source};
use crate::vault::{Key, Opened, Passwords, Recipients, Sealed, VaultError, is_vault};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that names whom a project's secrets are for: in the folder of what is locked, or above it in the repository.
const RECIPIENTS: &str = "vault-recipients";

/// Passwords, and which of them locks a new vault.
#[derive(Args, Clone, Debug, Default)]
pub struct Lock {
    #[command(flatten)]
    pub vault: VaultArgs,
    /// Encrypt with the password of this vault id, and name it in the file
    #[arg(long, value_name = "LABEL", help_heading = "Vault")]
    pub encrypt_vault_id: Option<String>,
    #[command(flatten)]
    pub recipients: RecipientArgs,
}

/// age recipients. Without any of these: those in `vault-recipients`, if there is such a file.
#[derive(Args, Clone, Debug, Default)]
pub struct RecipientArgs {
    /// Encrypt for this public key of age or ssh (ed25519) in place of a password
    #[arg(help_heading = "Vault", long, value_name = "KEY")]
    pub recipient: Vec<String>,
    /// Encrypt for the public keys in this file, one a line
    #[arg(help_heading = "Vault", long, value_name = "FILE")]
    pub recipients_file: Vec<PathBuf>,
}

impl RecipientArgs {
    pub(super) fn given(&self) -> bool {
        !self.recipient.is_empty() || !self.recipients_file.is_empty()
    }

    /// Those that are given, or else those in the nearest recipients file.
    pub(in crate::cli) fn read(&self, near: &Path) -> Result<Recipients, Diagnostics> {
        let mut recipients = Recipients::default();
        let mut errors = Diagnostics::default();
        for key in &self.recipient {
            errors.take(recipients.add(key).map_err(|error| error.at(&Origin::named("--recipient"))));
        }
        let found = if self.given() { None } else { nearest(near) };
        for file in self.recipients_file.iter().chain(&found) {
            let text = std::fs::read_to_string(file).map_err(|error| cannot("read", file, &error));
            let Some(text) = errors.take(text) else { continue };
            let source = Arc::new(Source { path: file.clone(), text, secret: false });
            let mut start = 0;
            for line in source.text.split_inclusive('\n') {
                let origin = Origin { source: source.clone(), span: start..start + line.trim_end().len() };
                errors.take(recipients.add(line).map_err(|error| error.at(&origin)));
                start += line.len();
            }
        }
        if self.given() && recipients.is_empty() && !errors.has_errors() {
            errors.push(Diagnostic::error("no recipient is named").at(&Origin::named("--recipients-file")));
        }
        errors.into_result(recipients)
    }
}

/// The recipients file in the folder of this file or above it, up to the edge of the repository; outside of one, only beside it.
fn nearest(file: &Path) -> Option<PathBuf> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = folder.join(RECIPIENTS);
    if beside.is_file() {
        return Some(beside);
    }
    let folder = folder.canonicalize().ok()?;
    let edge = folder.ancestors().position(|folder| folder.join(".git").exists())?;
    folder.ancestors().take(edge + 1).map(|folder| folder.join(RECIPIENTS)).find(|path| path.is_file())
}

impl Lock {
    /// What locks something new in a file, asked for if need be.
    pub(super) fn for_new(&self, file: &Path) -> Result<Passwords, Diagnostics> {
        let recipients = self.recipients.read(file)?;
        let mut passwords = self.vault.passwords_or_ask(Typed::New, recipients.is_empty())?;
        passwords.recipients = recipients;
        Ok(passwords)
    }

    /// What locks each of these files: each may have recipients of its own. A password is asked for once, for those without any.
    pub(super) fn for_each_new(&self, files: &[PathBuf]) -> Result<Vec<Passwords>, Diagnostics> {
        let mut errors = Diagnostics::default();
        let recipients: Vec<_> =
            files.iter().filter_map(|file| errors.take(self.recipients.read(file))).collect();
        errors.into_result(())?;
        let given = self.vault.passwords_or_ask(Typed::New, false)?;
        let wanted = given.is_empty() && recipients.iter().any(Recipients::is_empty);
        let asked =
            if wanted { self.vault.passwords_or_ask(Typed::New, true)? } else { Passwords::default() };
        let each = recipients.into_iter().map(|recipients| {
            let list = if recipients.is_empty() && wanted { asked.list() } else { given.list() };
            let mut passwords = Passwords::new(list.to_vec());
            passwords.recipients = recipients;
            passwords
        });
        Ok(each.collect())
    }

    /// What opens a file and locks it again.
    pub(super) fn for_known(&self, file: &Path, wants_password: bool) -> Result<Passwords, Diagnostics> {
        let mut passwords = self.vault.passwords_or_ask(Typed::Known, wants_password)?;
        passwords.recipients = self.recipients.read(file)?;
        Ok(passwords)
    }

    /// What locks something new.
    pub(super) fn choose<'a>(&self, passwords: &'a Passwords) -> Result<Key<'a>, Diagnostic> {
        if self.recipients.given() && self.encrypt_vault_id.is_some() {
            return Err(Diagnostic::error("a vault id and recipients are both given").hint("use one of them"));
        }
        if self.recipients.given() {
            return Ok(Key::Recipients(&passwords.recipients));
        }
        match (&self.encrypt_vault_id, passwords.list()) {
            (None, [only]) => Ok(Key::of(only)),
            (None, []) if !passwords.recipients.is_empty() => Ok(Key::Recipients(&passwords.recipients)),
            (None, []) => Err(VaultError::NoPassword { id: None }.diagnostic(&Origin::named("command line"))),
            (None, _) => Err(Diagnostic::error("several vault passwords given: with which one to encrypt?")
                .hint("name it with --encrypt-vault-id LABEL")),
            (Some(label), list) => {
                let chosen = list.iter().find(|password| password.label.as_ref() == Some(label));
                chosen.map(Key::of).ok_or_else(|| {
                    let error = Diagnostic::error(format!("no password was given for vault id `{label}`"));
                    error.suggest(label, list.iter().filter_map(|password| password.label.as_deref()))
                })
            }
        }
    }
}

/// An encrypted file as it was read.
pub(super) struct Locked<'a> {
    pub path: &'a Path,
    pub bytes: Vec<u8>,
    pub sealed: Sealed,
}

impl<'a> Locked<'a> {
    pub fn read(path: &'a Path) -> Result<Self, Diagnostic> {
        Self::of(path, std::fs::read(path).map_err(|error| cannot("read", path, &error))?)
    }

    /// What was read from a file.
    pub fn of(path: &'a Path, bytes: Vec<u8>) -> Result<Self, Diagnostic> {
        if !is_vault(&bytes) {
            let hint = format!("encrypt it with `vault encrypt {}`", path.display());
            return Err(Diagnostic::error("this file is not encrypted").at(&place(path)).hint(hint));
        }
        let sealed = Sealed::parse(&String::from_utf8_lossy(&bytes));
        let sealed = sealed.map_err(|error| error.diagnostic(&place(path)))?;
        Ok(Self { path, bytes, sealed })
    }

    pub fn open<'p>(&self, passwords: &'p Passwords) -> Result<Opened<'p>, Diagnostic> {
        passwords.open(&self.sealed).map_err(|error| error.diagnostic(&place(self.path)))
    }

    /// What locks it again.
    pub fn key<'p>(&self, opened: &Opened<'p>) -> Result<Key<'p>, Diagnostic> {
        opened.key.clone().ok_or_else(|| unknown_recipients(self.path))
    }

    pub fn wants_password(&self) -> bool {
        matches!(self.sealed, Sealed::Vault(_))
    }

    /// Whether the file still holds what was read.
    pub fn is_current(&self) -> bool {
        std::fs::read(self.path).is_ok_and(|now| now == self.bytes)
    }
}

/// The error for an age text that shall be locked again.
pub(super) fn unknown_recipients(path: &Path) -> Diagnostic {
    let error = Diagnostic::error("whom to encrypt it for is not known").at(&place(path));
    error.cause("an age text does not name its recipients").hint(format!(
        "list the public keys, one a line, in `{RECIPIENTS}` beside the file or above it, or give --recipients-file FILE"
    ))
}

/// Whether a password opens something in a text.
pub(super) fn wants_password(bytes: &[u8]) -> bool {
    bytes.windows(MARK.len()).any(|part| part == MARK)
}

const MARK: &[u8] = b"$ANSIBLE_VAULT;";
