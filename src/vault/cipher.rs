//! PBKDF2-HMAC-SHA256 for the keys, HMAC-SHA256 over the ciphertext, AES-256 in counter mode with PKCS#7 padding.

use super::format::{BLOCK, damaged};
use super::{VaultError, VaultText};
use aes::cipher::{KeyIvInit, StreamCipher};
use agent::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

type Ctr = ctr::Ctr128BE<aes::Aes256>;

/// As the format has it; fuzzing would do nothing else.
const ROUNDS: u32 = if cfg!(fuzzing) { 1 } else { 10_000 };

/// What a password and a salt become; overwritten when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Keys {
    cipher: [u8; 32],
    mac: [u8; 32],
    counter: [u8; 16],
}

impl Keys {
    /// Slow on purpose: some milliseconds.
    pub(super) fn derive(password: &Secret, salt: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; 80]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password.expose(), salt, ROUNDS, &mut *bytes);
        let mut keys = Self { cipher: [0; 32], mac: [0; 32], counter: [0; 16] };
        keys.cipher.copy_from_slice(&bytes[..32]);
        keys.mac.copy_from_slice(&bytes[32..64]);
        keys.counter.copy_from_slice(&bytes[64..]);
        keys
    }

    fn mac_of(&self, ciphertext: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.mac).expect("HMAC takes keys of any length");
        mac.update(ciphertext);
        mac
    }

    /// Encrypts or decrypts in place: counter mode is its own inverse.
    fn apply(&self, bytes: &mut [u8]) {
        Ctr::new((&self.cipher).into(), (&self.counter).into()).apply_keystream(bytes);
    }

    /// The plain bytes; `Ok(None)` when these keys are not the right ones (checked in constant time).
    pub(super) fn open(&self, vault: &VaultText) -> Result<Option<Secret>, VaultError> {
        if self.mac_of(&vault.ciphertext).verify_slice(&vault.mac).is_err() {
            return Ok(None);
        }
        let mut bytes = Zeroizing::new(vault.ciphertext.clone());
        self.apply(&mut bytes);
        let padding = bytes.last().copied().map_or(0, usize::from);
        let sound = (1..=BLOCK).contains(&padding)
            && bytes.len() >= padding
            && bytes[bytes.len() - padding..].iter().all(|byte| usize::from(*byte) == padding);
        if !sound {
            return Err(damaged("the padding of the content is wrong"));
        }
        Ok(Some(Secret::new(&bytes[..bytes.len() - padding])))
    }
}

/// Encrypts into the text of a vault file: version 1.2 when an id is given, else 1.1.
///
/// `salt` must be fresh for each text ([`super::fresh_salt`]): two texts under one salt share their key stream.
pub fn encrypt(plain: &Secret, password: &Secret, id: Option<&str>, salt: [u8; 32]) -> String {
    let keys = Keys::derive(password, &salt);
    let padding = BLOCK - plain.expose().len() % BLOCK;
    let mut bytes = Zeroizing::new(Vec::with_capacity(plain.expose().len() + padding));
    bytes.extend_from_slice(plain.expose());
    bytes.extend(std::iter::repeat_n(padding as u8, padding));
    keys.apply(&mut bytes);
    let mac = keys.mac_of(&bytes).finalize().into_bytes().to_vec();
    let ciphertext = bytes.to_vec();
    VaultText { id: id.map(str::to_owned), salt: salt.to_vec(), mac, ciphertext }.render()
}
