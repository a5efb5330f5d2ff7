//! Limits of time for what is sent.

use super::Op;

impl Op {
    /// Gives what may take long at most so many seconds. What package managers do is not cut short: only their waiting is.
    pub fn limit(&mut self, seconds: u32) {
        match self {
            Self::Exec { exec, .. } if exec.timeout_s == 0 => exec.timeout_s = seconds,
            Self::Exec { exec, .. } | Self::Job { exec, .. } => exec.timeout_s = exec.timeout_s.min(seconds),
            Self::Packages { lock_timeout_s, .. } => *lock_timeout_s = (*lock_timeout_s).min(seconds),
            Self::Download(download) => download.timeout_s = download.timeout_s.min(seconds),
            Self::Wait(wait) => wait.timeout_s = wait.timeout_s.min(seconds),
            _ => {}
        }
    }
}
