//! What file-like types say of what they leave, for the lint of plans.

use super::{
    HostPath,
    docker::{DAEMON_FILE, daemon_claim},
};
use crate::{
    model::Claim,
    resource::{Observe, Seen},
    yaml::Mode,
};
use agent::secret::Content;

/// Of a file with this content. `mode` as the task names it: else it is as it is on the host, and a new one with a secret is its owner's.
///
/// # Errors
/// As [`Seen::meta`].
pub fn file_claims(
    path: &HostPath,
    content: &Content,
    mode: Option<Mode>,
    seen: &Seen,
) -> Observe<Vec<Claim>> {
    if content.is_secret() {
        return secret_claim(path, mode, seen);
    }
    let is_daemons = **path == *DAEMON_FILE;
    Ok(is_daemons.then(|| daemon_claim(content.bytes())).flatten().into_iter().collect())
}

/// Of a file that holds a secret.
///
/// # Errors
/// As [`Seen::meta`].
pub fn secret_claim(path: &HostPath, mode: Option<Mode>, seen: &Seen) -> Observe<Vec<Claim>> {
    let mode = match mode {
        Some(mode) => mode.0,
        None => seen.meta(path)?.map_or(0o600, |meta| meta.mode),
    };
    Ok(vec![Claim::Secret { path: path.to_string(), mode }])
}
