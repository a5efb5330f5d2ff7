//! `sha256:` and a digest, as a person writes it.

use crate::resource::Fault;
use agent::wire::{Algorithm, Digest};

/// Reads it.
///
/// # Errors
/// A fault that says how it is written.
pub fn read(text: &str) -> Result<Digest, Fault> {
    let refused = || {
        let fault = Fault::new(format!("`{}` is no checksum", text.escape_debug()));
        fault.hint("`sha256:` and 64 digits, as `sha256sum` prints them, or `sha512:` and 128")
    };
    let (name, hex) = text.split_once(':').ok_or_else(refused)?;
    let algorithm = Algorithm::ALL.into_iter().find(|one| one.name() == name).ok_or_else(refused)?;
    let hex = hex.trim().to_lowercase();
    if hex.starts_with("http") {
        let fault = Fault::new("`checksum` is fetched from somewhere, and so proves nothing");
        return Err(fault.hint("look it up once and write the digest here"));
    }
    if hex.len() != algorithm.digits() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(refused());
    }
    Ok(Digest { algorithm, hex })
}

/// As it is written.
pub fn shown(checksum: &Digest) -> String {
    format!("{}:{}", checksum.algorithm.name(), checksum.hex)
}
