//! The key of a plan's fingerprints. It is random, and stands in the plan locked in the way the project's secrets are: a published plan
//! tells nobody who cannot open these which of their guesses is right.

use crate::{
    cli::vault::RecipientArgs,
    diag::{Diagnostic, Diagnostics, Exit},
    model::Origin,
    plan::saved::{Locked, SavedPlan, With},
    vault::{Key, Password, Passwords, Sealed, VaultError},
};
use agent::secret::Secret;
use std::{collections::BTreeSet, path::Path};

/// Bytes that all secrets together must have at least to lock a key.
const ENOUGH: usize = 16;

/// What helps where nothing locks a key.
pub const ANY_PASSWORD: &str = "give `plan` and `apply` a vault password (--vault-password-file FILE): any long one, also where there is no vault";

/// Locks a key: with the first vault password that is given, else for the project's age recipients, else with the secrets themselves.
///
/// # Errors
/// A recipients file that is wrong; secrets that are too short to lock anything.
pub fn lock(
    key: &[u8; 32],
    passwords: &Passwords,
    inventory: &Path,
    secrets: &[Secret],
) -> Result<Locked, Diagnostics> {
    let plain = Secret::new(blake3::Hash::from(*key).to_hex().to_string());
    if let Some(password) = passwords.list().first() {
        return Ok(Locked { with: With::Vault, text: Key::of(password).seal(&plain)? });
    }
    if !passwords.identities.is_empty() {
        let recipients = RecipientArgs::default().read(inventory)?;
        if !recipients.is_empty() {
            return Ok(Locked { with: With::Age, text: Key::Recipients(&recipients).seal(&plain)? });
        }
    }
    if secrets.is_empty() {
        return Ok(Locked { with: With::Nothing, text: String::from_utf8_lossy(plain.expose()).into() });
    }
    let Some(password) = together(secrets) else {
        let error = Diagnostic::error("the secrets of this project are too short to lock a plan with");
        let why = "who has the published plan could guess them";
        return Err(error.cause(why).hint(ANY_PASSWORD).into());
    };
    Ok(Locked { with: With::Secrets, text: Key::of(&password).seal(&plain)? })
}

/// Opens the key of a plan.
///
/// # Errors
/// When it is locked for others, or with other secrets.
pub fn open(
    locked: &Locked,
    plan: &Path,
    passwords: &Passwords,
    secrets: &[Secret],
) -> Result<[u8; 32], Diagnostic> {
    let place = Origin::named(&plan.display().to_string());
    let failed = |error: VaultError| {
        let error = error.diagnostic(&place);
        error.cause("the fingerprints of the plan are locked as the project's secrets are").exit(Exit::Config)
    };
    let plain = match locked.with {
        With::Nothing => Secret::new(locked.text.as_bytes()),
        With::Vault | With::Age => {
            Sealed::parse(&locked.text).and_then(|text| text.decrypt(passwords)).map_err(failed)?
        }
        With::Secrets => {
            let list = together(secrets).into_iter().collect();
            let opened = Sealed::parse(&locked.text).and_then(|text| text.decrypt(&Passwords::new(list)));
            opened.map_err(|error| match error {
                VaultError::NoPassword { .. } | VaultError::WrongPassword { .. } => {
                    let error = Diagnostic::error("the secrets are others than when the plan was made");
                    error.at(&place).hint("plan again")
                }
                error => failed(error),
            })?
        }
    };
    let text = std::str::from_utf8(plain.expose()).unwrap_or_default();
    blake3::Hash::from_hex(text)
        .map(Into::into)
        .map_err(|_| Diagnostic::error("the key of this plan is damaged").at(&place).hint("plan again"))
}

/// Opens the key of a plan that is as it was saved.
///
/// # Errors
/// As [`open`]; a plan that somebody has written over, or whose key anybody may have made.
pub fn of_whole(
    plan: &SavedPlan,
    file: &Path,
    passwords: &Passwords,
    secrets: &[Secret],
) -> Result<[u8; 32], Diagnostic> {
    let anybodys = |cause: &str| {
        let what =
            "the key of this plan is not locked as this project locks it: anybody may have made the plan";
        Err(refused(what, file).cause(cause))
    };
    if !passwords.list().is_empty() && plan.key.with != With::Vault {
        return anybodys("a vault password is given, and it does not lock the key");
    }
    if plan.key.with == With::Nothing && !secrets.is_empty() {
        return anybodys("the project has secrets, and nothing locks the key");
    }
    let key = open(&plan.key, file, passwords, secrets)?;
    if plan.is_whole(&key) { Ok(key) } else { Err(written_over(file)) }
}

/// That a plan is not as it was saved.
pub fn written_over(file: &Path) -> Diagnostic {
    refused("the plan is not as it was saved: somebody has changed it since", file)
}

fn refused(what: &str, file: &Path) -> Diagnostic {
    let error = Diagnostic::error(what).at(&Origin::named(&file.display().to_string()));
    error.hint("plan again, and look at what the new one does")
}

/// Looks whether a plan is as it was saved before a word of it is taken, as far as that can be told before the project is read: not where
/// only its secrets open the key.
///
/// # Errors
/// As [`of_whole`].
pub fn whole_so_far(plan: &SavedPlan, file: &Path, passwords: &Passwords) -> Result<(), Diagnostic> {
    let is_of_secrets = plan.key.with == With::Secrets && passwords.list().is_empty();
    if is_of_secrets { Ok(()) } else { of_whole(plan, file, passwords, &[]).map(drop) }
}

/// All secrets as one password; none where they are too short. Who wants to guess one has to guess all.
fn together(secrets: &[Secret]) -> Option<Password> {
    let distinct: BTreeSet<&Secret> = secrets.iter().collect();
    let mut hasher = blake3::Hasher::new_derive_key("lustores-provision 2026 secrets that lock a plan");
    let mut length = 0;
    for secret in distinct {
        length += secret.expose().len();
        hasher.update(&(secret.expose().len() as u64).to_le_bytes());
        hasher.update(secret.expose());
    }
    let text = Secret::new(hasher.finalize().to_hex().to_string());
    (length >= ENOUGH).then_some(Password { label: None, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(list: &[&str]) -> Vec<Secret> {
        list.iter().map(|text| Secret::new(*text)).collect()
    }

    fn opened(locked: &Locked, passwords: &Passwords, list: &[&str]) -> Result<[u8; 32], String> {
        open(locked, Path::new("p.plan"), passwords, &secrets(list)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_opens_for_those_alone_who_can_open_the_secrets() {
        let (key, none, here) = ([7; 32], Passwords::default(), Path::new("/nowhere/inventory.yml"));
        let with = |text: &str| Passwords::new(vec![Password { label: None, text: Secret::new(text) }]);
        let locked = lock(&key, &with("word"), here, &secrets(&["x"])).unwrap();
        assert_eq!((locked.with, opened(&locked, &with("word"), &[])), (With::Vault, Ok(key)));
        assert!(opened(&locked, &with("other"), &[]).unwrap_err().contains("wrong vault password"));
        assert!(opened(&locked, &none, &[]).is_err());
        // In whatever order they are found.
        let locked = lock(&key, &none, here, &secrets(&["hunter2", "a-long-one", "hunter2"])).unwrap();
        assert_eq!(locked.with, With::Secrets);
        assert_eq!(opened(&locked, &none, &["a-long-one", "hunter2"]), Ok(key));
        for wrong in [&["hunter2"][..], &["hunter2a-long-one"], &["hunter3", "a-long-one"], &[]] {
            assert!(opened(&locked, &none, wrong).unwrap_err().contains("others than"), "{wrong:?}");
        }
        assert!(lock(&key, &none, here, &secrets(&["hunter2"])).is_err());
        let locked = lock(&key, &none, here, &[]).unwrap();
        assert_eq!((locked.with, opened(&locked, &none, &["any"])), (With::Nothing, Ok(key)));
        let damaged = Locked { text: "zz".into(), ..locked };
        assert!(opened(&damaged, &none, &[]).unwrap_err().contains("damaged"));
    }
}
