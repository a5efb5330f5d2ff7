//! `vault rekey`: the same content under another password, or for other recipients.

use super::edit::with_values;
use super::lock::{Locked, RecipientArgs, wants_password};
use super::{Typed, VaultArgs, cannot, place, save};
use crate::diag::{Diagnostic, Diagnostics};
use crate::vault::{Inline, Key, Passwords, Sealed, is_vault};
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

    /// The new password, or the recipients: those that are given or, for what is locked for some already, those in the recipients file.
    fn read(&self, near: &Path, is_age: bool) -> Result<Passwords, Diagnostics> {
        if self.names_password() && self.recipients.given() {
            return Err(Diagnostic::error("a new password and recipients are both given")
                .hint("use one of them")
                .into());
        }
        let mut recipients = Default::default();
        if !self.names_password() && (self.recipients.given() || is_age) {
            recipients = self.recipients.read(near)?;
            if recipients.is_empty() {
                let error = Diagnostic::error("no recipients are known to encrypt for");
                return Err(error
                    .hint("list their public keys in `vault-recipients` beside the file")
                    .into());
            }
        }
        let new = VaultArgs {
            vault_password_file: self.new_vault_password_file.iter().cloned().collect(),
            vault_id: self.new_vault_id.iter().cloned().collect(),
            ask_vault_pass: !self.names_password() && recipients.is_empty(),
            ..VaultArgs::default()
        };
        let mut passwords = new.given(Typed::New, "New vault password")?;
        passwords.recipients = recipients;
        Ok(passwords)
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

    /// The content under the new key; and what was done.
    fn under(&self, new: &Key) -> Result<(String, String), Diagnostic> {
        let kept_id = |sealed: &Sealed| match new {
            Key::Password { password, id } => {
                Key::Password { password, id: id.clone().or_else(|| sealed.id().map(str::to_owned)) }
            }
            Key::Recipients(_) => new.clone(),
        };
        let what = match new {
            Key::Password { .. } => "the new password",
            Key::Recipients(_) => "the recipients",
        };
        match self {
            Self::Whole { locked, plain } => {
                Ok((kept_id(&locked.sealed).seal(plain)?, format!("has {what}")))
            }
            Self::Values { inline, .. } => {
                let mut count = 0;
                let text = inline.relocked(|_, plain, sealed| {
                    count += 1;
                    kept_id(sealed).seal(plain).map(Some)
                })?;
                let values = if count == 1 { "1 value has".into() } else { format!("{count} values have") };
                Ok((text, format!("{values} {what}")))
            }
        }
    }
}

/// Opens all files before the first one is written: a wrong password changes none of them. Of a file with single encrypted values, those
/// under other vault ids than the given ones stay as they are.
pub(super) fn rekey(paths: &[PathBuf], vault: &VaultArgs, new: &NewPassword) -> Result<(), Diagnostics> {
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

    let new = new.read(&paths[0], !wanted)?;
    let key = match new.list() {
        [password] => Key::of(password),
        _ if !new.recipients.is_empty() => Key::Recipients(&new.recipients),
        _ => return Err(Diagnostic::error("no new password is given").into()),
    };
    let sealed: Vec<_> = old.iter().map(|one| one.under(&key)).collect::<Result<_, _>>()?;
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
    if inline.is_empty() {
        return Err(Diagnostic::error("no value in this file is under the old password")
            .at(&place(path))
            .into());
    }
    Ok(Old::Values { path, text, inline })
}
