//! The agents that the build embedded, one for each architecture.

use sha2::{Digest, Sha256};
use std::sync::OnceLock;

include!(concat!(env!("OUT_DIR"), "/agents.rs"));

/// An agent as it is sent to a host.
pub(super) struct Embedded {
    /// As `uname -m` says.
    pub arch: &'static str,
    pub bytes: &'static [u8],
    /// SHA-256 in hexadecimal: every host has a program to check it.
    pub sha256: String,
}

pub(super) fn all() -> &'static [Embedded] {
    static ALL: OnceLock<Vec<Embedded>> = OnceLock::new();
    ALL.get_or_init(|| {
        let embedded = |&(arch, bytes): &(&'static str, &'static [u8])| {
            let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            Embedded { arch, bytes, sha256 }
        };
        AGENTS.iter().map(embedded).collect()
    })
}

#[cfg(test)]
mod tests {
    /// Every host gets one, perhaps over a thin line.
    #[test]
    fn an_agent_has_at_most_a_mebibyte() {
        assert!(!super::AGENTS.is_empty());
        for (arch, bytes) in super::AGENTS {
            assert!(bytes.len() <= 1 << 20, "{arch}: {} bytes", bytes.len());
        }
    }
}
