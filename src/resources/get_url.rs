//! `get_url`: a file that the host fetches by itself.

use super::shared::{
    FileState, HostPath, What, attrs,
    checksum::{self, shown},
    file_path, observe_entry, owners, parent_there,
    url::{self, check_no_login, check_url},
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic, Untold},
    yaml::{Mode, Text},
};
use agent::{
    secret::Content,
    wire::{Algorithm, Answer, Attrs, Digest, Download, Kind, Op, Probe, Query},
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

pub struct GetUrl;

/// Fetches a file over HTTP or HTTPS, on the host, with curl or wget.
///
/// The file is known by its checksum: where it is there already, nothing is asked of the network. What is fetched takes its place only
/// when its checksum is right; what was cut off goes on where it stopped. Redirects are followed, from HTTPS to HTTPS only.
/// With `delegate_to: localhost` the machine that the run is started on fetches it: a later `copy` or `unarchive` brings it to hosts that
/// do not reach the network.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Where it is fetched from. A password does not belong here: it is `url_password`.
    url: String,
    /// The file on the host. Its folder must be there.
    #[serde(deserialize_with = "file_path")]
    dest: HostPath,
    /// `sha256:` or `sha512:` and the digest in hexadecimal.
    checksum: String,
    /// Permission bits, quoted: `"0644"`. Default: as it is; a new file has `0644`.
    mode: Option<Mode>,
    /// Name or number of the owner. Default: as it is; a new file belongs to whom the task runs as.
    owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    group: Option<String>,
    /// Sent with the request; the place for a secret. After a redirect to another host all but `Authorization` and `Cookie` are
    /// sent there too. Where the host has wget and no curl, redirects are not followed with headers or from HTTPS. Default: none.
    #[serde(default)]
    headers: IndexMap<String, Text>,
    /// The name of a login, which is sent with the first request (basic authentication), and to no other host. Default: none.
    url_username: Option<Text>,
    /// The password of the login. Always secret. Default: an empty one.
    url_password: Option<Text>,
    /// Seconds that the server may be silent: while connecting, and later.
    #[serde(default = "half_a_minute")]
    timeout: u32,
    /// Added to the environment of curl or wget, as the task's `environment` is: `https_proxy` is the usual one. Default: none.
    #[serde(default)]
    env: IndexMap<String, Text>,
}

fn half_a_minute() -> u32 {
    30
}

/// Seconds for a whole download where the task says nothing.
const LONGEST: u32 = 6 * 3600;

impl Spec {
    fn attrs(&self) -> Attrs {
        attrs(self.mode, self.owner.as_ref(), self.group.as_ref())
    }

    fn wanted(&self) -> Result<Digest, Fault> {
        checksum::read(&self.checksum)
    }

    fn headers(&self) -> Result<Vec<(String, Content)>, Fault> {
        url::headers(&self.headers, self.url_username.as_ref(), self.url_password.as_ref())
    }

    fn probe(&self, algorithm: Algorithm) -> Query {
        Query::Run(Probe::Checksum { path: self.dest.to_string(), algorithm })
    }
}

/// A file as all have it, with its checksum in place of its content.
pub struct Fetched {
    file: FileState,
    checksum: Option<String>,
}

impl State for Fetched {
    fn facets(&self) -> Facets {
        let mut facets = self.file.facets();
        facets.extend(self.checksum.iter().map(|sum| ("checksum".to_string(), sum.as_str().into())));
        facets
    }
}

impl Resource for GetUrl {
    const NAME: &'static str = "get_url";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = &["type", "target", "mode", "owner", "group", "checksum"];
    const UNTOLD: &'static [Untold] = &[Untold::Below];
    const EXAMPLE: &'static str = "\
name: Fetch the exporter
get_url:
  url: https://releases.example/exporter-1.8.2.linux-amd64.tar.gz
  dest: /opt/exporter-1.8.2.tar.gz
  checksum: sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
";
    const CONTENT: &'static [&'static str] =
        &["url", "checksum", "headers", "url_username", "url_password", "env", "mode"];

    type Spec = Spec;
    type State = Fetched;

    fn address(spec: &Spec) -> Option<Address> {
        Some(spec.dest.address())
    }

    fn footprint(spec: &Spec) -> Footprint {
        // What fetches comes with a package, and what is fetched may come from a service of the host itself.
        Footprint::writes([spec.dest.area()])
            .and_reads([Area::Packages, Area::Network])
            .and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Fetched> {
        let wanted = spec.wanted()?;
        check_no_login(&spec.url)?;
        check_url(&spec.url)?;
        spec.headers()?;
        let file = Query::File { path: spec.dest.to_string() };
        // Together, so that they are answered in one round.
        let [_, sum] = seen.all([file, spec.probe(wanted.algorithm)])?;
        let (file, meta) = observe_entry(&spec.dest, &spec.attrs(), seen)?;
        let checksum = match (meta.map(|meta| meta.kind), sum) {
            (Some(Kind::Folder), _) => {
                let fault = Fault::new(format!("{} is a directory", spec.dest));
                return Err(fault.hint("name the file in it").into());
            }
            (Some(Kind::File { .. }), Answer::Output(output)) if output.code == 0 => {
                let hex = String::from_utf8_lossy(output.stdout.bytes()).trim().to_string();
                Some(shown(&Digest { algorithm: wanted.algorithm, hex }))
            }
            (Some(Kind::File { .. }), answer) => {
                let why = match answer {
                    Answer::Failed(why) => why,
                    _ => format!("the checksum of {} cannot be told", spec.dest),
                };
                return Err(Fault::new(why).hint("`become: true` runs the task as root").into());
            }
            _ => None,
        };
        if file.what.is_none() {
            parent_there(&spec.dest, seen)?;
        }
        if checksum.as_deref() != Some(&shown(&wanted)) {
            let which = |program: &str| Query::Run(Probe::Which { program: program.into() });
            let found = seen.all([which("curl"), which("wget")])?;
            if found.iter().all(|found| matches!(found, Answer::Output(output) if output.code != 0)) {
                seen.presume(
                    &[Area::Packages],
                    "the host has neither curl nor wget (`package: curl` brings one)",
                )?;
            }
        }
        Ok(Fetched { file, checksum })
    }

    fn desired(spec: &Spec, observed: &Fetched) -> Result<Fetched, Fault> {
        let file = observed.file.with_attrs(What::File, &spec.attrs(), 0o644);
        Ok(Fetched { file, checksum: Some(shown(&spec.wanted()?)) })
    }

    fn ops(spec: &Spec, from: &Fetched, to: &Fetched) -> Vec<Op> {
        let path = spec.dest.to_string();
        let (Ok(checksum), Ok(headers)) = (spec.wanted(), spec.headers()) else { return vec![] };
        if from.facets() == to.facets() {
            return vec![];
        }
        if from.file.what == to.file.what && from.checksum == to.checksum {
            return vec![Op::SetAttrs { path, attrs: to.file.attrs() }];
        }
        vec![Op::Download(Download {
            url: spec.url.clone(),
            path,
            checksum,
            headers,
            env: spec.env.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect(),
            attrs: to.file.attrs(),
            silence_s: spec.timeout,
            timeout_s: LONGEST,
        })]
    }

    /// What the file will hold is known by its checksum only.
    fn effects(spec: &Spec, _: &Fetched, _: &Fetched, ops: &[Op]) -> Vec<Effect> {
        let (Some(Op::Download(download)), Ok(wanted)) = (ops.first(), spec.wanted()) else { return vec![] };
        let output = super::shared::unit::output(0, &format!("{}\n", wanted.hex));
        vec![
            Effect::Unknown(spec.dest.area()),
            Effect::Answer(Query::There { path: download.path.clone() }, Answer::There(true)),
            Effect::Answer(spec.probe(wanted.algorithm), Answer::Output(output)),
        ]
    }
}
