//! What `lab up` was asked for.

use super::command::Result;
use crate::diag::Diagnostic;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A Debian release that guests can run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// Debian 13
    #[default]
    Trixie,
    /// Debian 12
    Bookworm,
}

impl Suite {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Trixie => "trixie",
            Self::Bookworm => "bookworm",
        }
    }
}

/// A file that every guest sees as the read-only disk `/dev/disk/by-id/virtio-NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    pub name: String,
    /// Absolute.
    pub file: PathBuf,
}

impl Disk {
    /// Reads `NAME=FILE`.
    ///
    /// # Errors
    /// The name cannot be a disk's serial number, or there is no such file.
    pub fn parse(text: &str) -> Result<Self> {
        let Some((name, file)) = text.split_once('=') else {
            return Err(Diagnostic::error(format!("`{text}` is not NAME=FILE")).into());
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 20 || !name.chars().all(is_plain) || name == "data" {
            return Err(Diagnostic::error(format!("a disk cannot be named `{name}`"))
                .hint("1 to 20 letters, digits, `-` or `_`; `data` is the empty disk that every guest has")
                .into());
        }
        let file = std::fs::canonicalize(file)
            .map_err(|error| Diagnostic::error(format!("cannot open {file}")).cause(error))?;
        Ok(Self { name: name.to_owned(), file })
    }
}

/// What all machines of the lab have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    pub suite: Suite,
    /// MiB.
    pub memory: u32,
    pub disks: Vec<Disk>,
    /// Programs cannot be run from `/tmp`, as on hardened hosts.
    #[serde(default)]
    pub noexec_tmp: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_a_name_and_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a=b, c.tar");
        std::fs::write(&file, "").unwrap();
        let parsed = |name: &str| Disk::parse(&format!("{name}={}", file.display()));
        let file = file.canonicalize().unwrap();
        for name in ["images", "a-B_9", "12345678901234567890"] {
            assert_eq!(parsed(name).unwrap(), Disk { name: name.into(), file: file.clone() });
        }
        // A serial number that QEMU would cut, take apart, or that another disk has.
        for name in ["", "data", "a b", "a,b", "ü", "123456789012345678901"] {
            let errors = parsed(name).unwrap_err();
            assert_eq!(errors.0[0].message, format!("a disk cannot be named `{name}`"));
            assert!(errors.0[0].hint.as_ref().is_some_and(|hint| hint.contains("1 to 20 letters")));
        }
        let message = |text: &str| Disk::parse(text).unwrap_err().0.remove(0).message;
        assert_eq!(message("images"), "`images` is not NAME=FILE");
        assert_eq!(message("images=/no/such"), "cannot open /no/such");
        assert_eq!(message("images="), "cannot open ");
    }
}
