//! `vault rekey`: the same content under another password, or for other recipients.

use super::edit::with_values;
use super::lock::{Locked, RecipientArgs, wants_password};
use super::{Typed, VaultArgs, cannot, place, save};
use crate::diag::{Diagnostic, Diagnostics};
use crate::vault::{Inline, Key, Passwords, Recipients, Sealed, is_vault};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What locks the files from now on.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct NewPassword {
    /// File with the new password, or an executable that prints it; asked for on the terminal without it
    #[arg(long, value_name = "FILE", conflicts_with = "new_vault_id")]
    pub new_vault_password_file: Option<PathBuf>,
    /// The new password and its vault id, which the files then name; SOURCE is a file, an executable or `prompt`
    #[arg(long, value_name = "LABEL@SOURCE")]
    pub new_vault_id: Option<String>,
    #[command(flatten)]
    pub recipients: RecipientArgs,
}

impl NewPassword {
    fn names_password(&self) -> bool {
        self.new_vault_password_file.is_some() || self.new_vault_id.is_some()
    }

    /// Before anything is asked for.
    fn check(&self) -> Result<(), Diagnostic> {
        if self.names_password() && self.recipients.given() {
            return Err(
                Diagnostic::error("a new password and recipients are both given").hint("use one of them")
            );
        }
        Ok(())
    }

    /// The new password: a named one, or asked for if there is something that it is for.
    fn password(&self, wanted: bool) -> Result<Passwords, Diagnostics> {
        if self.recipients.given() || (!wanted && !self.names_password()) {
            return Ok(Passwords::default());
        }
        let new = VaultArgs {
            vault_password_file: self.new_vault_password_file.iter().cloned().collect(),
            vault_id: self.new_vault_id.iter().cloned().collect(),
            ask_vault_pass: !self.names_password(),
            ..VaultArgs::default()
        };
        new.given(Typed::New, "New vault password")
    }

    /// Those that are given or, for what is locked for some already, those in the file's own recipients file.
    fn recipients(&self, old: &Old) -> Result<Recipients, Diagnostics> {
        if self.names_password() || !(self.recipients.given() || old.has(false)) {
            return Ok(Recipients::default());
        }
        let recipients = self.recipients.read(old.path())?;
        if recipients.is_empty() {
            let error = Diagnostic::error("no recipients are known to encrypt for").at(&place(old.path()));
            return Err(error.hint("list their public keys in `vault-recipients` beside the file").into());
        }
        Ok(recipients)
    }
}

/// What locks a file from now on. What is under a password stays so, and what is for recipients too, but where it was said otherwise.
struct NewKeys<'a> {
    passwords: Option<Key<'a>>,
    recipients: Option<Key<'a>>,
}

impl<'a> NewKeys<'a> {
    fn of(&self, old: &Sealed) -> Option<Key<'a>> {
        match old {
            Sealed::Age(_) => self.recipients.clone(),
            Sealed::Vault(_) => match self.passwords.clone()? {
                Key::Password { password, id } => {
                    Some(Key::Password { password, id: id.or_else(|| old.id().map(str::to_owned)) })
                }
                recipients @ Key::Recipients(_) => Some(recipients),
            },
        }
    }
}

/// What a file is.
enum Old<'a, 'p> {
    Whole { locked: Locked<'a>, plain: agent::secret::Secret },
    Values { path: &'a Path, text: String, inline: Inline<'p> },
}

impl Old<'_, '_> {
    fn path(&self) -> &Path {
        match self {
            Self::Whole { locked, .. } => locked.path,
            Self::Values { path, .. } => path,
        }
    }

    fn is_current(&self) -> bool {
        match self {
            Self::Whole { locked, .. } => locked.is_current(),
            Self::Values { path, text, .. } => std::fs::read(path).is_ok_and(|now| now == text.as_bytes()),
        }
    }

    /// Whether something in it is under a password; or for recipients.
    fn has(&self, password: bool) -> bool {
        match self {
            Self::Whole { locked, .. } => locked.wants_password() == password,
            Self::Values { inline, .. } => {
                inline.sealed().any(|sealed| matches!(sealed, Sealed::Vault(_)) == password)
            }
        }
    }

    /// The content under the new keys; and what was done.
    fn under(&self, new: &NewKeys) -> Result<(String, String), Diagnostic> {
        let what = |key: &Key| match key {
            Key::Password { .. } => "the new password",
            Key::Recipients(_) => "the recipients",
        };
        let nothing = || {
            let error = Diagnostic::error("nothing in this file is under a password").at(&place(self.path()));
            error.hint(
                "of what is for age recipients, change the recipients: `vault rekey` without a new password",
            )
        };
        match self {
            Self::Whole { locked, plain } => {
                let key = new.of(&locked.sealed).ok_or_else(nothing)?;
                Ok((key.seal(plain)?, format!("has {}", what(&key))))
            }
            Self::Values { inline, .. } => {
                let mut counts = BTreeMap::new();
                let text = inline.relocked(|_, plain, sealed| {
                    let Some(key) = new.of(sealed) else { return Ok(None) };
                    *counts.entry(what(&key)).or_insert(0) += 1;
                    key.seal(plain).map(Some)
                })?;
                if counts.is_empty() {
                    return Err(nothing());
                }
                let values = counts.iter().map(|(what, count)| match count {
                    1 => format!("1 value has {what}"),
                    _ => format!("{count} values have {what}"),
                });
                Ok((text, values.collect::<Vec<_>>().join(", ")))
            }
        }
    }
}

/// Opens all files before the first one is written: a wrong password changes none of them. Of a file with single encrypted values, those
/// under other vault ids than the given ones stay as they are.
pub(super) fn rekey(paths: &[PathBuf], vault: &VaultArgs, new: &NewPassword) -> Result<(), Diagnostics> {
    new.check()?;
    let mut errors = Diagnostics::default();
    for path in paths {
        errors.take(check(path));
    }
    errors.into_result(())?;
    let wanted = paths.iter().any(|path| std::fs::read(path).is_ok_and(|bytes| wants_password(&bytes)));
    let passwords = vault.passwords_or_ask(Typed::Known, wanted)?;
    let mut errors = Diagnostics::default();
    let old: Vec<Old> = paths.iter().filter_map(|path| errors.take(open(path, &passwords))).collect();
    errors.into_result(())?;

    let mut errors = Diagnostics::default();
    let recipients: Vec<_> = old.iter().filter_map(|one| errors.take(new.recipients(one))).collect();
    errors.into_result(())?;
    let has_password = old.iter().any(|one| one.has(true));
    let password = new.password(has_password)?;
    let password = password.list().first().map(Key::of);
    let sealed = old.iter().zip(&recipients).map(|(one, recipients)| {
        let recipients = Some(Key::Recipients(recipients)).filter(|_| !recipients.is_empty());
        let given = recipients.clone().filter(|_| new.recipients.given());
        // A password for files that have none can only mean that they shall have one.
        let turned = password.clone().filter(|_| !has_password);
        one.under(&NewKeys { passwords: given.or(password.clone()), recipients: recipients.or(turned) })
    });
    let mut errors = Diagnostics::default();
    let sealed: Vec<_> = sealed.filter_map(|sealed| errors.take(sealed)).collect();
    errors.into_result(())?;
    // Meanwhile somebody may have been asked for a password.
    let mut errors = Diagnostics::default();
    for one in old.iter().filter(|one| !one.is_current()) {
        errors.push(
            Diagnostic::error("the file was changed by somebody else meanwhile").at(&place(one.path())),
        );
    }
    errors.into_result(())?;
    for (at, (one, (text, what))) in old.iter().zip(&sealed).enumerate() {
        if let Err(error) = save::replace(one.path(), text.as_bytes()) {
            let error = cannot("write", one.path(), &error);
            let done = if at == 0 {
                "no file was changed".into()
            } else {
                format!("{at} of {} files are done", old.len())
            };
            return Err(error.cause(done).into());
        }
        println!("{}: {what}", one.path().display());
    }
    Ok(())
}

fn check(path: &Path) -> Result<(), Diagnostic> {
    let bytes = std::fs::read(path).map_err(|error| cannot("read", path, &error))?;
    if with_values(&bytes).is_some() { Ok(()) } else { Locked::of(path, bytes).map(drop) }
}

fn open<'a, 'p>(path: &'a Path, passwords: &'p Passwords) -> Result<Old<'a, 'p>, Diagnostics> {
    let bytes = std::fs::read(path).map_err(|error| cannot("read", path, &error))?;
    if is_vault(&bytes) {
        let locked = Locked::of(path, bytes)?;
        let plain = locked.open(passwords)?.plain;
        return Ok(Old::Whole { locked, plain });
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let inline = Inline::read(path, &text, passwords, true)?;
    inline.all_replaceable()?;
    if inline.is_empty() {
        return Err(Diagnostic::error("no value in this file is under the old password")
            .at(&place(path))
            .into());
    }
    Ok(Old::Values { path, text, inline })
}
