//! The text form: a header line, then hex of (hex salt, hex mac, hex ciphertext), wrapped at 80 columns.

use super::VaultError;
use std::fmt::Write;

const MAGIC: &str = "$ANSIBLE_VAULT";
const CIPHER: &str = "AES256";
const WRAP: usize = 80;
pub(super) const MAC_LENGTH: usize = 32;
pub(super) const BLOCK: usize = 16;

/// A vault text taken apart: its structure is sound, nothing is decrypted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultText {
    pub(super) id: Option<String>,
    pub(super) salt: Vec<u8>,
    pub(super) mac: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
}

impl VaultText {
    /// Takes a file's text or a `!vault` value apart. Indentation, CR LF and the wrapping of lines do not matter.
    ///
    /// # Errors
    /// [`VaultError::NotAVault`], `UnknownVersion`, `UnknownCipher`, or `Damaged` with what is wrong.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let (header, body) = text.split_once('\n').unwrap_or((text, ""));
        let id = parse_header(header.trim())?;
        let body: String = body.split_whitespace().collect();
        if body.is_empty() {
            return Err(damaged("nothing follows the header"));
        }
        let inner = unhex(body.as_bytes(), "the body")?;
        let parts: Vec<&[u8]> = inner.split(|byte| *byte == b'\n').collect();
        let [salt, mac, ciphertext] = parts[..] else {
            return Err(damaged(format!("it holds {} of 3 parts: the end is missing", parts.len().min(2))));
        };
        let this = Self {
            id,
            salt: unhex(salt, "the salt")?,
            mac: unhex(mac, "the checksum")?,
            ciphertext: unhex(ciphertext, "the content")?,
        };
        if this.salt.is_empty() {
            return Err(damaged("the salt is empty"));
        }
        if this.mac.len() != MAC_LENGTH {
            return Err(damaged(format!("the checksum has {} of {MAC_LENGTH} bytes", this.mac.len())));
        }
        if this.ciphertext.is_empty() || !this.ciphertext.len().is_multiple_of(BLOCK) {
            return Err(damaged("the end of the content is missing"));
        }
        Ok(this)
    }

    /// The vault id (label) in the header, if it has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The text as it goes into a file, with a final newline.
    pub(super) fn render(&self) -> String {
        let parts = [&self.salt, &self.mac, &self.ciphertext].map(|part| hex(part));
        let body = hex(parts.join("\n").as_bytes());
        let mut text = match &self.id {
            Some(id) => format!("{MAGIC};1.2;{CIPHER};{id}\n"),
            None => format!("{MAGIC};1.1;{CIPHER}\n"),
        };
        for line in body.as_bytes().chunks(WRAP) {
            text.extend(line.iter().map(|byte| char::from(*byte)));
            text.push('\n');
        }
        text
    }
}

fn parse_header(header: &str) -> Result<Option<String>, VaultError> {
    let mut fields = header.split(';').map(str::trim);
    if fields.next() != Some(MAGIC) {
        return Err(VaultError::NotAVault);
    }
    let version = fields.next().ok_or(VaultError::NotAVault)?;
    if !matches!(version, "1.1" | "1.2") {
        return Err(VaultError::UnknownVersion(version.into()));
    }
    let cipher = fields.next().ok_or_else(|| damaged("the header names no cipher"))?;
    if cipher != CIPHER {
        return Err(VaultError::UnknownCipher(cipher.into()));
    }
    // Ansible writes 1.1 without an id; what follows in a 1.1 header has no meaning.
    let id = fields.next().filter(|id| version == "1.2" && !id.is_empty());
    Ok(id.map(str::to_owned))
}

pub(super) fn damaged(what: impl Into<String>) -> VaultError {
    VaultError::Damaged(what.into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

fn unhex(text: &[u8], what: &str) -> Result<Vec<u8>, VaultError> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (pairs, rest) = text.as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some((digit(high)? * 16 + digit(low)?) as u8);
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    let bytes = bytes.ok_or_else(|| damaged(format!("{what} holds a character that is not hexadecimal")))?;
    if rest.is_empty() {
        Ok(bytes)
    } else {
        Err(damaged(format!("{what} has an odd number of hexadecimal digits: the end is missing")))
    }
}
