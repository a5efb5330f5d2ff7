//! What an agent says of itself and its host, unasked.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Hello {
    pub version: u32,
    pub facts: Facts,
}

/// What is known of a host from the first frame on. Serializable: templates and reports use it as `facts`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Facts {
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// Debian's name of it: `amd64`, `arm64`.
    pub deb_arch: String,
    pub hostname: String,
    pub kernel: String,
    pub os: Os,
    /// The user the agent runs as.
    pub user: String,
    pub uid: u32,
    pub cpus: u32,
    pub memory_mb: u64,
    /// Systemd is PID 1.
    pub systemd: bool,
    /// First non-loopback addresses of the default route's interface; empty when there is none.
    pub default_ipv4: String,
    pub default_ipv6: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Os {
    /// `ID` of os-release: `debian`, `ubuntu`.
    pub id: String,
    /// `debian` for Debian and what says it is like it, `redhat`, ...; else the id.
    pub family: String,
    /// `VERSION_ID`: `12`.
    pub version: String,
    /// `VERSION_CODENAME`: `bookworm`.
    pub codename: String,
    pub pretty: String,
}
