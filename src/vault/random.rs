//! Randomness from the operating system.

use agent::secret::Secret;
use rustix::rand::{GetRandomFlags, getrandom};
use std::io;
use zeroize::Zeroizing;

/// The characters of a generated secret. None needs quoting in a Handlebars template or ends a YAML string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// `A-Z a-z 0-9`.
    #[default]
    Alphanumeric,
    /// `0-9 a-f`.
    Hex,
    /// `0-9`.
    Digits,
    /// Letters, digits and punctuation without quotes, backslash, `$`, backtick and braces.
    Symbols,
}

impl Charset {
    fn characters(self) -> &'static [u8] {
        match self {
            Self::Alphanumeric => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            Self::Hex => b"0123456789abcdef",
            Self::Digits => b"0123456789",
            Self::Symbols => {
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#%&()*+,-./:;<=>?@[]^_~"
            }
        }
    }
}

/// A salt for one vault text.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn fresh_salt() -> io::Result<[u8; 32]> {
    let mut salt = [0; 32];
    fill(&mut salt)?;
    Ok(salt)
}

/// `length` characters, each as likely as any other of the set.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn random_text(length: usize, charset: Charset) -> io::Result<Secret> {
    let characters = charset.characters();
    // Bytes above the last whole multiple would favour the first characters of the set: drawn again.
    let fair = 256 / characters.len() * characters.len();
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    let mut bytes = Zeroizing::new([0; 64]);
    while text.len() < length {
        fill(&mut *bytes)?;
        let drawn = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        let missing = length - text.len();
        text.extend(drawn.take(missing).map(|byte| characters[byte % characters.len()]));
    }
    Ok(Secret::new(text.as_slice()))
}

fn fill(mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match getrandom(&mut *bytes, GetRandomFlags::empty()) {
            Ok(count) => bytes = &mut bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
