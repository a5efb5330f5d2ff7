//! Values that may travel to a host but never to a person, a log or a report.

pub(crate) mod once;

use borsh::{BorshDeserialize, BorshSerialize};
use std::io::{Read, Result, Write};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::{cmp, fmt, hash};
use zeroize::Zeroize;

/// Bytes that must not be shown.
///
/// There is no `Display`, `Debug` prints `[secret]`, and there is no serde `Serialize`: an event, a diff or a
/// plan derives `Serialize`, so one that held a secret would not compile. The only encoding is the wire's.
/// The memory is overwritten when the value is dropped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(Vec<u8>);

impl Secret {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves. Every caller is a place where a secret could leak: keep them few.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl BorshSerialize for Secret {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        once::write(&self.0, true, || *blake3::hash(&self.0).as_bytes(), writer)
    }
}

impl BorshDeserialize for Secret {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        once::read_secret(reader)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Bytes that may be shown. Clones share them, and their digest, which is computed once.
#[derive(Clone)]
pub struct Bytes(Arc<Held>);

struct Held {
    bytes: Vec<u8>,
    digest: OnceLock<[u8; 32]>,
}

impl Bytes {
    /// BLAKE3 of the bytes, computed once for all clones.
    pub fn digest(&self) -> [u8; 32] {
        *self.0.digest.get_or_init(|| *blake3::hash(self).as_bytes())
    }
}

impl<T: Into<Vec<u8>>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        Self(Arc::new(Held { bytes: bytes.into(), digest: OnceLock::new() }))
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl Eq for Bytes {}

impl PartialOrd for Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bytes {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl hash::Hash for Bytes {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl BorshSerialize for Bytes {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        once::write(&self.0.bytes, false, || self.digest(), writer)
    }
}

impl BorshDeserialize for Bytes {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        once::read_clear(reader)
    }
}

/// Bytes of a file, an environment value or an output, with the knowledge of whether they may be shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Content {
    Clear(Bytes),
    Secret(Secret),
}

impl Content {
    pub fn new(bytes: impl Into<Vec<u8>>, secret: bool) -> Self {
        if secret { Self::Secret(Secret::new(bytes)) } else { Self::Clear(Bytes::from(bytes)) }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Clear(bytes) => bytes,
            Self::Secret(secret) => secret.expose(),
        }
    }

    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }

    /// Content digest as used in [`crate::wire::Meta::digest`].
    pub fn digest(&self) -> [u8; 32] {
        match self {
            Self::Clear(bytes) => bytes.digest(),
            Self::Secret(secret) => *blake3::hash(secret.expose()).as_bytes(),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear(bytes) => write!(f, "Clear({:?})", String::from_utf8_lossy(bytes)),
            Self::Secret(_) => f.write_str("[secret]"),
        }
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Clear(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_a_secret() {
        let secret = Secret::new("hunter2");
        let text = format!("{secret:?} {:?} {:?}", Content::Secret(secret.clone()), Some(&secret));
        assert_eq!(text, "[secret] [secret] Some([secret])");
    }
}
