//! `vault rekey`: the same content under another password.

use super::{Locked, Typed, VaultArgs, cannot, place, save, seal};
use crate::diag::{Diagnostic, Diagnostics};
use std::path::{Path, PathBuf};

/// Where the new password comes from.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct NewPassword {
    /// File with the new password, or an executable that prints it; asked for on the terminal without it
    #[arg(long, value_name = "FILE", conflicts_with = "new_vault_id")]
    pub new_vault_password_file: Option<PathBuf>,
    /// The new password and its vault id, which the files then name; SOURCE is a file, an executable or `prompt`
    #[arg(long, value_name = "LABEL@SOURCE")]
    pub new_vault_id: Option<String>,
}

/// Opens all files before the first one is written: a wrong password changes none of them.
pub(super) fn rekey(paths: &[PathBuf], vault: &VaultArgs, new: &NewPassword) -> Result<(), Diagnostics> {
    let mut errors = Diagnostics::default();
    let locked: Vec<_> = paths.iter().filter_map(|path| errors.take(Locked::read(path))).collect();
    errors.into_result(())?;
    let old = vault.passwords_or_ask(Typed::Known)?;
    let mut errors = Diagnostics::default();
    let plain: Vec<_> = locked.iter().filter_map(|one| Some(errors.take(one.open(&old))?.plain)).collect();
    errors.into_result(())?;

    let new = VaultArgs {
        vault_password_file: new.new_vault_password_file.iter().cloned().collect(),
        vault_id: new.new_vault_id.iter().cloned().collect(),
        ask_vault_pass: new.new_vault_password_file.is_none() && new.new_vault_id.is_none(),
    };
    let new = new.given(Typed::New, "New vault password")?;
    let [password] = new.list() else {
        return Err(Diagnostic::error("no new password is given").into());
    };
    let id = |one: &Locked| password.label.clone().or_else(|| one.text.id().map(str::to_owned));
    let sealed: Vec<_> = locked
        .iter()
        .zip(&plain)
        .map(|(one, plain)| seal(plain, password, id(one).as_deref()))
        .collect::<Result<_, _>>()?;
    // Meanwhile somebody may have been asked for a password.
    let mut errors = Diagnostics::default();
    for one in locked.iter().filter(|one| !one.is_current()) {
        errors
            .push(Diagnostic::error("the file was changed by somebody else meanwhile").at(&place(one.path)));
    }
    errors.into_result(())?;
    for (at, (one, text)) in locked.iter().zip(&sealed).enumerate() {
        let path: &Path = one.path;
        if let Err(error) = save::replace(path, text.as_bytes()) {
            let error = cannot("write", path, &error);
            let done = if at == 0 {
                "no file was changed".into()
            } else {
                format!("{at} of {} files have the new password", locked.len())
            };
            return Err(error.cause(done).into());
        }
        println!("{}: has the new password", path.display());
    }
    Ok(())
}
