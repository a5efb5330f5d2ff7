//! The parameters of a certificate.

use super::read::{self, Certificate as Found};
use crate::{
    resource::Fault,
    resources::shared::{HostPath, OneOrMany},
    yaml::{Mode, Text},
};
use agent::{secret::Content, wire::Attrs};
use schemars::JsonSchema;
use serde::Deserialize;

/// Makes sure that there is a TLS certificate with a private key that fits.
///
/// `self_signed`: made on the host; its key never leaves it. Made anew when names change or it ends soon.
/// `supplied`: certificate and key that you bring along; before they are put in place they are checked to fit, not to have
/// ended, and to cover the names, if any are given.
/// `keep`: any valid certificate that covers the names stays (one from Let's Encrypt, say); without one a self-signed
/// certificate is made. Changing the method switches in place, each way.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The certificate, with its chain if it has one.
    pub path: HostPath,
    /// The private key.
    pub key: HostPath,
    /// Where the certificate comes from.
    pub method: Method,
    /// DNS names (also `*.example.org`) and IP addresses; the first is its common name.
    #[serde(default)]
    pub names: OneOrMany<String>,
    /// For how many days a self-signed one is made. Default: 825.
    #[serde(default = "default_days")]
    pub days: u32,
    /// Days before its end that a self-signed one is made anew; fewer than `days`. Default: 30.
    #[serde(default = "default_renew")]
    pub renew_before: u32,
    /// With `keep`: a certificate whose issuer contains this text is not kept but replaced (`(STAGING)`, for one from the
    /// test service of Let's Encrypt). Default: none.
    pub replace_issuer: Option<String>,
    /// With `supplied`: the certificate in PEM form. Or `content_src`: a file in `files/`.
    pub content: Option<Text>,
    /// With `supplied`: the private key in PEM form, without a passphrase. Or `key_src`: a file in `files/`.
    pub key_content: Option<Text>,
    /// Owner of the private key. Default: as it is; a new one belongs to the user the task runs as.
    pub owner: Option<String>,
    /// Group of the private key. Default: as it is.
    pub group: Option<String>,
    /// Mode of the private key. Default: `"0600"`.
    #[serde(default = "private")]
    pub key_mode: Mode,
}

#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    SelfSigned,
    Supplied,
    Keep,
}

fn default_days() -> u32 {
    825
}

fn default_renew() -> u32 {
    30
}

fn private() -> Mode {
    Mode(0o600)
}

impl Spec {
    pub fn key_attrs(&self) -> Attrs {
        Attrs { mode: Some(self.key_mode.0), owner: self.owner.clone(), group: self.group.clone() }
    }

    pub fn supplied(&self) -> Option<(&Content, &Content)> {
        let (Text(certificate), Text(key)) = (self.content.as_ref()?, self.key_content.as_ref()?);
        (self.method == Method::Supplied).then_some((certificate, key))
    }

    /// Parameters that cannot be meant together.
    pub fn contradicts(&self) -> Result<(), Fault> {
        if self.method == Method::SelfSigned && self.days <= self.renew_before {
            let (days, before) = (self.days, self.renew_before);
            return Err(Fault::new(format!(
                "a certificate for {days} days that is made anew {before} days before its end would be made anew each time"
            ))
            .hint("`days` must be more than `renew_before`"));
        }
        match &self.replace_issuer {
            Some(_) if self.method != Method::Keep => {
                Err(Fault::new("`replace_issuer` is for `method: keep`")
                    .hint("remove it, or keep what is there"))
            }
            Some(text) if text.trim().is_empty() => {
                Err(Fault::new("`replace_issuer` is empty: it would match any"))
            }
            _ => Ok(()),
        }
    }

    /// What can be found without the host.
    pub fn check(&self) -> Result<(), Fault> {
        if self.path == self.key {
            return Err(
                Fault::new("certificate and key cannot be the same file").hint("give them a path each")
            );
        }
        self.names.0.iter().try_for_each(|name| read::check_name(name))?;
        if self.method != Method::Supplied {
            if self.names.0.is_empty() {
                let fault = Fault::new("`names` is missing: a certificate is made for at least one");
                return Err(fault.hint("write `names: [www.example.org]`"));
            }
            return Ok(());
        }
        let Some((certificate, _)) = self.supplied() else {
            return Err(Fault::new("`method: supplied` needs `content` and `key_content`")
                .hint("or `content_src` and `key_src`, files in `files/`"));
        };
        read::fingerprint(certificate).map(|_| ()).ok_or_else(|| {
            Fault::new("`content` holds no certificate").hint("PEM form: -----BEGIN CERTIFICATE-----")
        })
    }

    /// Whether a certificate that is there may stay under `keep`.
    pub fn keeps(&self, found: &Found) -> bool {
        let unwanted = self.replace_issuer.as_ref().is_some_and(|text| found.kind.contains(text));
        !found.ends && found.key == "fits" && found.covers(&self.names.0) && !unwanted
    }

    /// What is wrong with a supplied certificate that is in place already.
    pub fn check_in_place(&self, found: &Found) -> Result<(), Fault> {
        if found.ends {
            return Err(Fault::new("the supplied certificate has ended").hint("supply a new one"));
        }
        match self.names.0.iter().find(|name| !found.covers(std::slice::from_ref(name))) {
            Some(name) => Err(Fault::new(format!("the supplied certificate does not cover {name}"))
                .hint(format!("it is for {}", found.names.join(", ")))),
            None => Ok(()),
        }
    }
}
