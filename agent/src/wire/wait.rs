//! Waiting.

use super::Exec;
use crate::pattern::Pattern;
use crate::secret::Content;
use borsh::{BorshDeserialize, BorshSerialize};

/// Waiting as an op: for ports, files, HTTP answers, healthy services.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Wait {
    pub until: Until,
    pub timeout_s: u32,
    pub interval_ms: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Until {
    PortOpen {
        host: String,
        port: u16,
    },
    PortClosed {
        host: String,
        port: u16,
    },
    PathExists {
        path: String,
    },
    PathAbsent {
        path: String,
    },
    /// The pattern is found in a regular file.
    FileHolds {
        path: String,
        pattern: Pattern,
    },
    /// The pattern is found in what comes by itself over a connection to the port.
    PortSays {
        host: String,
        port: u16,
        pattern: Pattern,
    },
    /// Of these TCP ports exactly those answer that should; the ranges (both ends included) must be closed.
    Ports {
        host: String,
        open: Vec<u16>,
        closed: Vec<(u16, u16)>,
        /// For each connection.
        timeout_ms: u32,
    },
    /// The command exits 0. Its last output is the error when time runs out.
    Succeeds(Exec),
    /// An HTTP(S) request through curl is answered with this status (and body part). Certificates are checked unless `insecure`. Its
    /// output: the status as `code` (-1 without an answer), the body as `stdout`.
    Http(Http),
    /// All these compose services are running and, where they have a health check, healthy; or have ended with 0 when nothing
    /// restarts them. On failure the message holds the failing probe's last output and the log's tail.
    ComposeHealthy {
        project: String,
        directory: String,
        services: Vec<String>,
        /// Of these services those that must have ended with 0.
        jobs: Vec<String>,
    },
}

/// Bytes of an answer's body that come back at most.
pub const BODY_LIMIT: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Http {
    pub url: String,
    pub method: String,
    /// Sent to this address instead of the one the name resolves to (`curl --connect-to`).
    pub connect_to: Option<String>,
    pub headers: Vec<(String, Content)>,
    pub body: Option<Content>,
    pub status: Vec<u16>,
    pub contains: Option<String>,
    /// The body comes back whatever it is, and must not be longer than [`BODY_LIMIT`]; otherwise one that says it is JSON does.
    pub content: bool,
    pub follow: Follow,
    /// It is made again although the server may have got it before. Otherwise only where no connection to it came about.
    pub repeat: bool,
    /// PEM file with the authority to trust, on the agent's machine.
    pub ca: Option<String>,
    pub insecure: bool,
    pub timeout_s: u32,
}

/// Which redirects are followed. None leads from HTTPS to HTTP, and what is secret or a login is not sent to another host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Follow {
    None,
    /// Of requests that only look.
    Safe,
    All,
}
