//! Values that may travel to a host but never to a person, a log or a report.

use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use zeroize::Zeroize;

/// Bytes that must not be shown.
///
/// There is no `Display`, `Debug` prints `[secret]`, and there is no serde `Serialize`: an event, a diff or a
/// plan derives `Serialize`, so one that held a secret would not compile. The only encoding is the wire's.
/// The memory is overwritten when the value is dropped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
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

/// Bytes of a file, an environment value or an output, with the knowledge of whether they may be shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Content {
    Clear(Vec<u8>),
    Secret(Secret),
}

impl Content {
    pub fn new(bytes: impl Into<Vec<u8>>, secret: bool) -> Self {
        if secret { Self::Secret(Secret::new(bytes)) } else { Self::Clear(bytes.into()) }
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
        *blake3::hash(self.bytes()).as_bytes()
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
        Self::Clear(text.as_bytes().to_vec())
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
