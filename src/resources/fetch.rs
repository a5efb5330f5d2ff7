//! `fetch`: a file of the host's on this machine.

use super::shared::HostPath;
use crate::{
    model::{Address, Footprint},
    resource::{Facet, Facets, Fault, Keep, Observe, Resource, Seen, State, Topic},
    yaml::Text,
};
use agent::{
    mode::is_private,
    secret::Content,
    wire::{Kind, Op},
};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Fetch;

/// Brings a file from the host to the machine that the program runs on.
///
/// A diff compares it with the file that is here. It is written whole, readable by nobody else (`0600`), and only when it differs; `--check`
/// writes nothing. Up to 48 MiB.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file on the host.
    src: HostPath,
    /// The folder here, as seen from the playbook's folder; in it the file has the path `HOST/SRC`.
    dest: String,
    /// `true`: `dest` is the file itself, or with a `/` at its end the folder that the file is put into. Give each host another one.
    #[serde(default)]
    flat: bool,
    /// `false`: that there is no such file on the host is no failure.
    #[serde(default = "yes")]
    fail_on_missing: bool,
    /// Treats the content as secret. It is in any case where not everybody may read it on the host.
    #[serde(default)]
    secret: bool,
    /// Given by the program: the path here.
    #[schemars(extend("x-internal" = true))]
    here_path: Option<String>,
    /// Given by the program: what is there now.
    #[schemars(extend("x-internal" = true))]
    here: Option<Text>,
}

fn yes() -> bool {
    true
}

/// Largest file in bytes: it travels in one message.
const LARGEST: u64 = 48 << 20;
/// Larger ones are shown by size and digest.
const SHOWN: u64 = 1 << 20;

impl Spec {
    /// The path here as the task says it, where nobody has told it in full.
    fn path(&self) -> String {
        if self.flat { self.dest.clone() } else { format!("{}/HOST{}", self.dest, self.src) }
    }
}

/// What is here, or will be.
pub struct Kept {
    path: String,
    now: Option<Facet>,
    /// What the host has, when that is something else.
    other: Option<Content>,
}

impl State for Kept {
    fn facets(&self) -> Facets {
        self.now.iter().map(|content| (self.path.clone(), content.clone())).collect()
    }
}

fn shown(content: &Content) -> Facet {
    match Facet::content(content) {
        Facet::Content { digest, size, .. } if size > SHOWN && !content.is_secret() => {
            Facet::Content { digest, size, content: None }
        }
        facet => facet,
    }
}

impl Resource for Fetch {
    const NAME: &'static str = "fetch";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = &["PATH"];
    const EXAMPLE: &'static str = "\
name: Keep the public keys of all hosts
fetch:
  src: /etc/ssh/ssh_host_ed25519_key.pub
  dest: known-hosts
";

    type Spec = Spec;
    type State = Kept;

    fn check(spec: &Spec) -> Result<(), Fault> {
        if spec.dest.is_empty() || spec.dest.contains('\0') {
            return Err(Fault::new("`dest` is empty").hint("name a folder here, such as `fetched`"));
        }
        if spec.here.as_ref().is_some_and(Text::is_secret) {
            let path = spec.here_path.as_deref().unwrap_or(&spec.dest);
            let fault = Fault::new(format!("{path} is encrypted, and would be written in clear"));
            return Err(fault.hint("fetch into another file, and encrypt that with `vault encrypt`"));
        }
        Ok(())
    }

    /// It owns nothing on the host.
    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::reads([spec.src.area()])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Kept> {
        let src = &spec.src;
        let path = spec.here_path.clone().unwrap_or_else(|| spec.path());
        let here = spec.here.as_ref().map(|text| &text.0);
        let mut kept = Kept { path, now: here.map(shown), other: None };
        let Some(meta) = seen.meta(src)? else {
            if spec.fail_on_missing {
                return Err(seen.lacks(&[src.area()], format!("there is no file {src} on the host")));
            }
            return Ok(kept);
        };
        let fault = match meta.kind {
            Kind::File { digest: Some(digest) } if here.is_some_and(|here| here.digest() == digest) => {
                return Ok(kept);
            }
            Kind::File { digest: Some(_) } if meta.size > LARGEST => {
                Fault::new(format!("{src} is larger than 48 MiB")).hint("pack or split it on the host first")
            }
            Kind::File { digest: Some(_) } => {
                kept.other = seen.content(src, LARGEST, spec.secret || is_private(meta.mode))?;
                return Ok(kept);
            }
            Kind::File { digest: None } => {
                Fault::new(format!("{src} may not be read")).hint("`become: true` runs the task as root")
            }
            Kind::Folder => {
                Fault::new(format!("{src} is a directory")).hint("name each file, perhaps with a `loop`")
            }
            Kind::Link { target } => {
                Fault::new(format!("{src} is a link to {target}")).hint("name the file that it points to")
            }
            Kind::Other => Fault::new(format!("{src} is not a file")),
        };
        Err(fault.into())
    }

    fn desired(_: &Spec, observed: &Kept) -> Result<Kept, Fault> {
        let now = observed.other.as_ref().map(shown).or_else(|| observed.now.clone());
        Ok(Kept { path: observed.path.clone(), now, other: None })
    }

    fn ops(spec: &Spec, from: &Kept, to: &Kept) -> Vec<Op> {
        // The agent looks once more whether the file is as it was shown, and does nothing else.
        let text = format!("{} is kept as {}", spec.src, to.path);
        from.other.iter().map(|_| Op::Note { text: text.as_str().into() }).collect()
    }

    fn keep(_: &Spec, from: &Kept, _: &Kept) -> Option<Keep> {
        from.other.as_ref().map(|content| Keep { path: from.path.clone(), content: content.clone() })
    }

    fn kept(spec: &Spec) -> Option<String> {
        spec.here_path.clone()
    }

    /// What it changes is here: the host is not looked at again.
    fn acts(_: &Spec) -> bool {
        true
    }
}
