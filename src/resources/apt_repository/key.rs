//! The key that signs a source.

use super::{KEYRINGS, Spec};
use crate::resource::Fault;
use agent::{
    secret::Content,
    wire::{Exec, Op},
};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// How a key is written; apt tells by the ending of the file's name.
#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As text.
    Armored,
    Binary,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Armored => "armored",
            Self::Binary => "binary",
        }
    }

    pub fn of(key: &Content) -> Self {
        let armored = key.bytes().trim_ascii_start().starts_with(BEGIN.as_bytes());
        if armored { Self::Armored } else { Self::Binary }
    }

    pub fn path(self, name: &str) -> String {
        let ending = if self == Self::Armored { "asc" } else { "gpg" };
        format!("{KEYRINGS}/{name}.{ending}")
    }
}

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// Fetches `$1` with apt's own program, which checks the sum `$3`; then it takes the place `$2`, when it is written as `$4` says.
const FETCH: &str = "set -eu; umask 022; d=$(mktemp -d \"${2%/*}/.provision-XXXXXXXX\"); trap 'rm -rf \"$d\"' EXIT; \
    /usr/lib/apt/apt-helper -q download-file \"$1\" \"$d/fetched\" \"SHA256:$3\"; cat \"$d/fetched\" > \"$d/key\"; \
    if grep -aq -e '-----BEGIN PGP PUBLIC KEY BLOCK-----' \"$d/key\"; then form=armored; else form=binary; fi; \
    [ \"$form\" = \"$4\" ] || { echo \"the key is $form: write 'key_format: $form'\" >&2; exit 1; }; \
    sync \"$d/key\"; mv -fT \"$d/key\" \"$2\"; sync \"${2%/*}/\"";

/// A key to be fetched, and the sum that it must have.
#[derive(Clone, PartialEq)]
pub struct Remote {
    pub url: String,
    pub sum: String,
    pub format: Format,
}

impl Remote {
    pub fn fetch(&self, path: &str) -> Op {
        let words = ["sh", "-c", FETCH, "sh", &self.url, path, &self.sum, self.format.name()];
        Op::Exec { exec: Exec::new(words), ok: vec![] }
    }
}

/// Whether a source names exactly this file as its keyring.
pub fn signs(source: &Content, path: &str) -> bool {
    let text = String::from_utf8_lossy(source.bytes());
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.any(|(name, value)| name.eq_ignore_ascii_case("signed-by") && value.trim() == path)
}

/// As `key_checksum` writes it.
pub fn sum(content: &Content) -> String {
    Sha256::digest(content.bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Spec {
    /// The key that is fetched, when there is one.
    pub fn remote(&self) -> Option<Remote> {
        let url = self.key_url.clone()?;
        let binary = [".gpg", ".pgp", ".bin"].iter().any(|ending| url.ends_with(ending));
        let format = self.key_format.unwrap_or(if binary { Format::Binary } else { Format::Armored });
        let sum = self.key_checksum.as_deref().unwrap_or_default();
        let sum = sum.strip_prefix("sha256:").unwrap_or(sum).to_ascii_lowercase();
        Some(Remote { url, sum, format })
    }

    pub fn check_key(&self) -> Result<(), Fault> {
        let ways = [
            ("key", self.key.is_some()),
            ("key_url", self.key_url.is_some()),
            ("signed_by", self.signed_by.is_some()),
            ("trusted", self.trusted),
        ];
        let mut given = ways.iter().filter(|(_, given)| *given).map(|(name, _)| name);
        match (given.next(), given.next()) {
            (Some(one), Some(other)) => {
                let fault = Fault::new(format!("`{one}` and `{other}` exclude each other"));
                return Err(fault.hint("leave one of them out"));
            }
            (None, _) if self.state == super::Wanted::Present => {
                let fault = Fault::new(
                    "a source needs a key: without one, anybody on the way can change its packages",
                );
                return Err(fault.hint(
                    "`key`, `key_src`, `key_url` or `signed_by`; `trusted: true` takes it as it comes",
                ));
            }
            _ => {}
        }
        if let Some(key) = self.key.as_ref().map(|text| &text.0)
            && Format::of(key) == Format::Binary
            && key.bytes().first().is_none_or(|byte| byte & 0x80 == 0)
        {
            let fault = Fault::new("`key` is not an OpenPGP key");
            return Err(fault.hint("give the key itself, not its fingerprint; `key_url` is for a URL"));
        }
        let Some(remote) = self.remote() else {
            let stray =
                [("key_checksum", self.key_checksum.is_some()), ("key_format", self.key_format.is_some())];
            return match stray.iter().find(|(_, given)| *given) {
                Some((name, _)) => Err(Fault::new(format!("`{name}` goes with `key_url`"))),
                None => Ok(()),
            };
        };
        let known = ["https://", "http://", "file:/"].iter().any(|scheme| remote.url.starts_with(scheme));
        if !known || remote.url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let fault = Fault::new(format!("`{}` is no URL of a key", remote.url.escape_debug()));
            return Err(fault.hint("it begins with `https://`"));
        }
        if remote.sum.len() != 64 || !remote.sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let fault = Fault::new("`key_url` needs a `key_checksum`: `sha256:` and 64 hexadecimal digits");
            return Err(fault.hint("`curl -fsSL URL | sha256sum` prints them; compare the key's fingerprint with what its owner says"));
        }
        Ok(())
    }
}
