//! What is known of a certificate.

use crate::resource::Fault;
use agent::{secret::Content, wire::Output};
use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;

pub const SELF_SIGNED: &str = "self-signed";

#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// [`SELF_SIGNED`], or by whom it was issued.
    pub kind: String,
    /// DNS names and addresses, sorted.
    pub names: Vec<String>,
    pub fingerprint: String,
    /// It has ended, or will within the time that was asked about.
    pub ends: bool,
    /// Whether the private key `fits`, `differs`, or is `missing`.
    pub key: String,
}

/// Reads the agent's answer.
pub fn certificate(output: &Output) -> Option<Certificate> {
    let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
    let value = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key)).map(str::trim);
    let (subject, issuer) = (value("subject=")?, value("issuer=")?);
    let fingerprint = text.lines().find_map(|line| Some(line.split_once("Fingerprint=")?.1.trim()))?;
    // `DNS:a.org, IP Address:10.0.0.1` stands alone on the line after its title.
    let listed = text.lines().map(str::trim).find(|l| l.starts_with("DNS:") || l.starts_with("IP Address:"));
    let names = listed.into_iter().flat_map(|line| line.split(", "));
    let names: Vec<String> = names.filter_map(|name| Some(name.split_once(':')?.1.to_string())).collect();
    Some(Certificate {
        kind: if subject == issuer { SELF_SIGNED.into() } else { format!("issued by {issuer}") },
        names: sorted(&names),
        fingerprint: fingerprint.to_lowercase(),
        ends: value("expires:") == Some("yes"),
        key: match value("key:")? {
            "matches" => "fits".into(),
            other => other.into(),
        },
    })
}

impl Certificate {
    /// Whether it may be used for all of these names.
    pub fn covers(&self, wanted: &[String]) -> bool {
        let covered = |name: &String| {
            let rest = name.split_once('.').map(|(_, rest)| format!("*.{rest}"));
            self.names.iter().any(|known| known == name || Some(known) == rest.as_ref())
        };
        sorted(wanted).iter().all(covered)
    }
}

/// Names in one form: lowercase, addresses in their short one, sorted, none twice.
pub fn sorted(names: &[String]) -> Vec<String> {
    let plain = |name: &String| match name.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => name.to_lowercase(),
    };
    let mut names: Vec<String> = names.iter().map(plain).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Refuses what is neither a DNS name nor an address; also what openssl would take for more than a name.
///
/// # Errors
/// A fault that names it.
pub fn check_name(name: &str) -> Result<(), Fault> {
    let label = |label: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && label.chars().all(good)
    };
    let host = name.strip_prefix("*.").unwrap_or(name);
    if name.parse::<IpAddr>().is_ok() || name.len() <= 253 && host.split('.').all(label) {
        return Ok(());
    }
    Err(Fault::new(format!("`{}` is neither a DNS name nor an IP address", name.escape_debug()))
        .hint("international names are written in their ASCII form (xn--...)"))
}

/// SHA-256 fingerprint of the first certificate in a PEM text, as openssl writes it but in lowercase.
pub fn fingerprint(pem: &Content) -> Option<String> {
    let text = std::str::from_utf8(pem.bytes()).ok()?;
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).ok().filter(|der| !der.is_empty())?;
    let pairs: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect();
    Some(pairs.join(":"))
}
