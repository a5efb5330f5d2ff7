//! The passwords of a run, and the keys they became.

use super::cipher::Keys;
use super::{VaultError, VaultText};
use agent::secret::Secret;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One password, perhaps with the vault id (label) it belongs to.
#[derive(Clone, Debug)]
pub struct Password {
    pub label: Option<String>,
    pub text: Secret,
}

/// Number of the password, and the salt.
type PasswordAndSalt = (usize, Vec<u8>);

/// All passwords of a run. Keys are derived once per password and salt.
#[derive(Default)]
pub struct Passwords {
    list: Vec<Password>,
    keys: Mutex<HashMap<PasswordAndSalt, Arc<Keys>>>,
    #[cfg(test)]
    derived: std::sync::atomic::AtomicUsize,
}

/// A decrypted text and the password that opened it, so that it can be locked again with the same one.
#[derive(Debug)]
pub struct Opened<'a> {
    pub plain: Secret,
    pub password: &'a Password,
}

impl Passwords {
    pub fn new(list: Vec<Password>) -> Self {
        Self { list, ..Self::default() }
    }

    pub fn list(&self) -> &[Password] {
        &self.list
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Decrypts: first with the passwords whose label is the text's id, then with the others, as Ansible does.
    ///
    /// # Errors
    /// [`VaultError::NoPassword`] when there is none at all, `WrongPassword` when none fits, `Damaged`.
    pub fn open(&self, vault: &VaultText) -> Result<Opened<'_>, VaultError> {
        let id = || vault.id().map(str::to_owned);
        if self.list.is_empty() {
            return Err(VaultError::NoPassword { id: id() });
        }
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        order.sort_by_key(|index| vault.id().is_none() || self.list[*index].label.as_deref() != vault.id());
        for index in order {
            if let Some(plain) = self.keys(index, &vault.salt).open(vault)? {
                return Ok(Opened { plain, password: &self.list[index] });
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

impl VaultText {
    /// The plain bytes.
    ///
    /// # Errors
    /// As [`Passwords::open`].
    pub fn decrypt(&self, passwords: &Passwords) -> Result<Secret, VaultError> {
        passwords.open(self).map(|opened| opened.plain)
    }
}
