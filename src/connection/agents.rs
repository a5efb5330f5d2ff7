//! The agents that the build embedded, one for each architecture.

include!(concat!(env!("OUT_DIR"), "/agents.rs"));

/// An agent as it is sent to a host.
pub(super) struct Embedded {
    /// As `uname -m` says.
    pub arch: &'static str,
    pub bytes: &'static [u8],
    /// SHA-256 in hexadecimal: every host has a program to check it.
    pub sha256: &'static str,
}

pub(super) fn all() -> impl Iterator<Item = Embedded> {
    AGENTS.iter().zip(AGENTS_SHA256).map(|((arch, bytes), sha256)| Embedded { arch, bytes, sha256 })
}

/// The SHA-256 of each agent in hexadecimal, by architecture.
pub fn digests() -> impl Iterator<Item = (&'static str, &'static str)> {
    all().map(|agent| (agent.arch, agent.sha256))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_embedded_hash_is_that_of_the_embedded_bytes() {
        use sha2::{Digest, Sha256};
        for agent in super::all() {
            let hash: String = Sha256::digest(agent.bytes).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(agent.sha256, hash, "{}", agent.arch);
        }
    }

    /// Every host gets one, perhaps over a thin line.
    #[test]
    fn an_agent_has_at_most_a_mebibyte_and_a_half() {
        assert!(!super::AGENTS.is_empty());
        for (arch, bytes) in super::AGENTS {
            assert!(bytes.len() <= 3 << 19, "{arch}: {} bytes", bytes.len());
        }
    }
}
