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
        return secret_file_claims(path, mode, seen);
    }
    let is_daemons = **path == *DAEMON_FILE;
    Ok(is_daemons.then(|| daemon_claim(content.bytes())).flatten().into_iter().collect())
}

/// Of a file that holds a secret, wherever it is.
///
/// # Errors
/// As [`Seen::meta`].
pub fn secret_file_claims(path: &HostPath, mode: Option<Mode>, seen: &Seen) -> Observe<Vec<Claim>> {
    Ok(secret_claim(path, mode, seen)?.into_iter().chain(unit_claim(path)).collect())
}

/// Of a unit file, or a part of one, that holds a secret.
pub fn unit_claim(path: &str) -> Option<Claim> {
    let name = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"]
        .iter()
        .find_map(|folder| path.strip_prefix(folder)?.strip_prefix("/systemd/")?.strip_prefix("system/"))?;
    let unit = name.split('/').next()?;
    Some(Claim::Readable {
        what: format!("the settings of {}", unit.strip_suffix(".d").unwrap_or(unit)),
        why: "systemd tells environments and commands to whoever asks (`systemctl show`), whatever the mode of the file is",
        hint: "let the unit name a file with the secret, `EnvironmentFile=` or `LoadCredential=`: `env_file` and `copy` write one",
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_known_by_their_place() {
        let unit = |path: &str| match unit_claim(path) {
            Some(Claim::Readable { what, .. }) => what.strip_prefix("the settings of ").map(str::to_string),
            _ => None,
        };
        let app = Some("app.service".to_string());
        assert_eq!(unit("/etc/systemd/system/app.service"), app);
        assert_eq!(unit("/run/systemd/system/app.service.d/secret.conf"), app);
        assert_eq!(unit("/etc/systemd/network/app.network"), None);
        assert_eq!(unit("/etc/app/systemd/system/app.service"), None);
    }
}
