//! The passwords of a run, and the keys they became.

use super::cipher::Keys;
use super::{Identities, Inputs, Key, Recipients, Sealed, VaultError, VaultText};
use crate::yaml::Programs;
use agent::secret::Secret;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One password, perhaps with the vault id (label) it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    pub label: Option<String>,
    pub text: Secret,
}

/// Number of the password, and the salt.
type PasswordAndSalt = (usize, Vec<u8>);

/// All that opens vaults in a run. Keys are derived once per password and salt.
#[derive(Default)]
pub struct Passwords {
    list: Vec<Password>,
    keys: Mutex<HashMap<PasswordAndSalt, Arc<Keys>>>,
    /// What prints the `!secret` values of the files that are read with these passwords.
    pub programs: Arc<Programs>,
    /// Takes note of what is read, if anybody wants to know.
    pub inputs: Option<Arc<Inputs>>,
    /// What opens age texts.
    pub identities: Identities,
    /// Whom age texts are locked for.
    pub recipients: Recipients,
    #[cfg(test)]
    derived: std::sync::atomic::AtomicUsize,
}

/// A decrypted text and what locks it again: the password that opened it, or the recipients, if there are any.
#[derive(Debug)]
pub struct Opened<'a> {
    pub plain: Secret,
    pub key: Option<Key<'a>>,
}

impl Passwords {
    pub fn new(list: Vec<Password>) -> Self {
        Self { list, ..Self::default() }
    }

    /// One more, tried after the others.
    pub fn add(&mut self, password: Password) {
        self.list.push(password);
    }

    pub fn list(&self) -> &[Password] {
        &self.list
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Says that this file was read.
    pub fn note(&self, path: &std::path::Path, bytes: &[u8]) {
        self.inputs.iter().for_each(|inputs| inputs.file(path, bytes));
    }

    /// Decrypts.
    ///
    /// # Errors
    /// [`VaultError::NoPassword`] or `NoIdentity` when there is none at all, `WrongPassword` or `WrongIdentity` when none fits, `Damaged`.
    pub fn open(&self, sealed: &Sealed) -> Result<Opened<'_>, VaultError> {
        match sealed {
            Sealed::Vault(text) => self.open_vault(text),
            Sealed::Age(text) => {
                let key = (!self.recipients.is_empty()).then_some(Key::Recipients(&self.recipients));
                Ok(Opened { plain: self.identities.open(text)?, key })
            }
        }
    }

    /// First with the passwords whose label is the text's id, then with the others, as Ansible does.
    fn open_vault(&self, vault: &VaultText) -> Result<Opened<'_>, VaultError> {
        let id = || vault.id().map(str::to_owned);
        if self.list.is_empty() {
            return Err(VaultError::NoPassword { id: id() });
        }
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        order.sort_by_key(|index| vault.id().is_none() || self.list[*index].label.as_deref() != vault.id());
        for index in order {
            if let Some(plain) = self.keys(index, &vault.salt).open(vault)? {
                let key = Key::Password { password: &self.list[index], id: id() };
                return Ok(Opened { plain, key: Some(key) });
            }
        }
        Err(VaultError::WrongPassword { id: id(), tried: self.list.len() })
    }

    fn keys(&self, index: usize, salt: &[u8]) -> Arc<Keys> {
        let cache = || self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (index, salt.to_vec());
        if let Some(keys) = cache().get(&key) {
            return keys.clone();
        }
        // Derived without the lock: values are decrypted in parallel.
        let keys = Arc::new(Keys::derive(&self.list[index].text, salt));
        #[cfg(test)]
        self.derived.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        cache().entry(key).or_insert(keys).clone()
    }

    /// How often keys were derived.
    #[cfg(test)]
    pub(super) fn derived(&self) -> usize {
        self.derived.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.list.iter().map(|password| &password.label)).finish()
    }
}
