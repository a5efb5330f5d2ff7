//! The keys by which a host proves who it is, as it offers them now.
//!
//! ssh itself asks for them, so that jump hosts, ports and aliases are those of a run. The key exchange is all that happens: nobody logs in,
//! and nothing is trusted here.

use super::{
    LinkError, Ssh, Target,
    error::Kind,
    explain::{explain, is_busy},
    ssh::{RETRIES, address, after_a_while, arguments, no_ssh},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use sha2::{Digest, Sha256};
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{process::Command, time::timeout};

/// One key type at a time: a host shows one key in an exchange.
const ALGORITHMS: [&str; 3] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521",
    "rsa-sha2-512,rsa-sha2-256",
];

/// A host's public key: a line of a `known_hosts` file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKey {
    /// What ssh looks for: the address or the alias, as `[address]:port` when the port is not 22.
    pub name: String,
    /// `ssh-ed25519`
    pub kind: String,
    /// In base64.
    pub key: String,
}

impl HostKey {
    /// The keys in lines of a `known_hosts` file; lines with a marker (`@cert-authority`) and hashed names are no keys of a host by name, and are
    /// left out.
    pub fn read(text: &str) -> Vec<Self> {
        let key = |line: &str| {
            let mut words = line.split_whitespace();
            let (name, kind, key) = (words.next()?, words.next()?, words.next()?);
            let is_key = !name.starts_with(['#', '@']);
            is_key.then(|| Self { name: name.into(), kind: kind.into(), key: key.into() })
        };
        text.lines().filter_map(key).collect()
    }

    /// As `ssh-keygen -l` shows it: `SHA256:...`; `None` for what is no base64.
    pub fn fingerprint(&self) -> Option<String> {
        let blob = base64::engine::general_purpose::STANDARD.decode(&self.key).ok()?;
        Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob))))
    }

    /// The line of the file.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.name, self.kind, self.key)
    }
}

/// Asks a host for its keys. `folder` is an empty one that is ours, for ssh to write to.
///
/// # Errors
/// When the host cannot be reached, or shows no key of a kind that is known here.
pub async fn host_keys(
    target: &Target,
    ssh: &Ssh,
    patience: Duration,
    folder: &Path,
) -> Result<Vec<HostKey>, LinkError> {
    let mut keys: Vec<HostKey> = vec![];
    let mut last = String::new();
    for (at, algorithms) in ALGORITHMS.iter().enumerate() {
        let file = folder.join(at.to_string());
        let mut tries = 0;
        last = loop {
            let said = exchange(target, ssh, patience, &file, algorithms).await?;
            if file.exists() || tries >= RETRIES || !is_busy(&said) {
                break said;
            }
            tries += 1;
            after_a_while(tries).await;
        };
        // Those of a jump host are in the user's own files; what is here is of this host.
        keys.extend(HostKey::read(&std::fs::read_to_string(&file).unwrap_or_default()));
        if keys.is_empty() && !last.contains("no matching host key type") {
            break;
        }
    }
    if keys.is_empty() {
        let settings = super::ssh::settings(target, ssh, patience).await;
        return Err(explain(&target.name, &last, &settings));
    }
    Ok(keys)
}

/// A key exchange; what ssh printed.
async fn exchange(
    target: &Target,
    ssh: &Ssh,
    patience: Duration,
    file: &Path,
    algorithms: &str,
) -> Result<String, LinkError> {
    let mut command = Command::new("ssh");
    // Of an option that is given twice, ssh takes the first.
    for (name, value) in [
        ("UserKnownHostsFile", file.display().to_string().as_str()),
        ("GlobalKnownHostsFile", "/dev/null"),
        ("StrictHostKeyChecking", "accept-new"),
        ("HostKeyAlgorithms", algorithms),
        ("HashKnownHosts", "no"),
        ("UpdateHostKeys", "no"),
        ("VerifyHostKeyDNS", "no"),
        ("PreferredAuthentications", "none"),
        ("PubkeyAuthentication", "no"),
        ("ControlMaster", "no"),
        ("ControlPath", "none"),
    ] {
        command.arg("-o").arg(format!("{name}={value}"));
    }
    command.args(arguments(ssh, patience, Duration::ZERO));
    command.args(["-T", "--", address(target, ssh), "true"]);
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let ended = timeout(patience * 2, command.output()).await.map_err(|_| {
        let message = format!("no answer after {} s", patience.as_secs() * 2);
        LinkError::new(Kind::Unreachable, &target.name, message)
            .hint("is the host up, and does a firewall let ssh through?")
    })?;
    let output = ended.map_err(|error| no_ssh(target, &error))?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_fingerprint_that_ssh_keygen_shows() {
        let text = "# a comment\n@cert-authority * ssh-ed25519 AAAA\n[10.0.0.5]:2222 ssh-ed25519 \
                    AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl comment\n";
        let keys = HostKey::read(text);
        assert_eq!((keys.len(), keys[0].name.as_str()), (1, "[10.0.0.5]:2222"));
        // That of github.com, which it publishes.
        let fingerprint = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU";
        assert_eq!(keys[0].fingerprint().as_deref(), Some(fingerprint));
        assert_eq!(HostKey { key: "%".into(), ..keys[0].clone() }.fingerprint(), None);
    }
}
