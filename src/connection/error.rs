//! What can go wrong between a controller and a host.

use crate::diag::{Diagnostic, Exit};
use agent::wire::Output;
use std::fmt;

/// What sort of failure it is, for those who decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No connection: host down, name unknown, refused, timed out.
    Unreachable,
    /// The server dropped us before the key exchange, as it does when too many connect at once.
    Busy,
    HostKey,
    /// Login refused.
    Denied,
    /// Becoming another user failed.
    Become,
    /// The agent could not be put in place or did not start.
    Agent,
    /// The link was there and is gone.
    Lost,
    /// Another run holds the host's lease.
    LeaseHeld,
    /// The agent is there and refused the request: it cannot keep its state, a message is too large.
    Refused,
}

/// A failure of the link to one host.
#[derive(Clone, Debug)]
pub struct LinkError {
    pub kind: Kind,
    pub host: String,
    /// Lowercase fragment without the host's name.
    pub message: String,
    pub causes: Vec<String>,
    pub hint: Option<String>,
}

impl LinkError {
    pub(super) fn new(kind: Kind, host: &str, message: impl Into<String>) -> Self {
        Self { kind, host: host.into(), message: message.into(), causes: vec![], hint: None }
    }

    /// Adds a cause, unless it says nothing.
    pub(super) fn cause(mut self, cause: impl Into<String>) -> Self {
        let cause = cause.into();
        let cause = cause.trim();
        if !cause.is_empty() {
            self.causes.push(cause.to_string());
        }
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn exit(&self) -> Exit {
        match self.kind {
            Kind::LeaseHeld => Exit::LockHeld,
            // The host was reached, and may still be.
            Kind::Refused => Exit::TaskFailed,
            _ => Exit::Unreachable,
        }
    }
}

/// The message of a program that cannot become this user: not for want of a right or a password, which it says otherwise.
pub(super) fn cannot(program: &str, user: &str) -> String {
    format!("{program} cannot become {user}")
}

/// Whether an error says that a user cannot be become.
pub fn cannot_become(user: &str, message: &str) -> bool {
    ["sudo", "doas"].iter().any(|program| message == cannot(program, user))
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.host, self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for LinkError {}

impl From<LinkError> for Diagnostic {
    fn from(error: LinkError) -> Self {
        let exit = error.exit();
        let message = format!("{}: {}", error.host, error.message);
        let diagnostic = error.causes.into_iter().fold(Self::error(message).exit(exit), Self::cause);
        match error.hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        }
    }
}

/// Why a change was not made, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A guard did not hold; nothing was done.
    #[error("the host changed since it was planned: {query}")]
    HostChanged { query: String },
    /// Op number `index` failed; those before it were done.
    #[error("{message}")]
    OpFailed { index: u32, message: String, output: Option<Output> },
    /// Nothing was done.
    #[error("refused: {0}")]
    Refused(String),
    /// Whether it was done is not known.
    #[error(transparent)]
    Link(#[from] LinkError),
}
