//! `json_merge`: values inside a JSON file.

use super::shared::{
    FileState, HostPath, attrs, content_ops, file_claims, merge, nothing_comes, observe_edited, owners,
    parent_there,
};
use crate::{
    model::{Address, Claim, Footprint},
    resource::{Facet, Fault, Observe, Resource, Seen, Topic},
    yaml::Mode,
};
use agent::{
    secret::Content,
    wire::{Attrs, Op},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

pub struct JsonMerge;

/// Merges values into a JSON file, leaving its other entries as they are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file on the host, of up to 16 MiB.
    path: HostPath,
    /// Merged into the file's object: mappings key by key, anything else replaces what is there, `null` removes the key.
    values: Map<String, Value>,
    /// Makes the file when it is missing.
    #[serde(default = "yes")]
    create: bool,
    /// Shows keys but no values of the file.
    #[serde(default)]
    secret: bool,
    /// Permission bits, quoted: `"0644"`. Default: as it is; a new file has `0644`, or `0600` when its content is secret.
    mode: Option<Mode>,
    /// Name or number of the owner. Default: as it is; a new file belongs to whom the task runs as.
    owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    group: Option<String>,
}

fn yes() -> bool {
    true
}

impl Spec {
    fn attrs(&self) -> Attrs {
        attrs(self.mode, self.owner.as_ref(), self.group.as_ref())
    }

    /// `of_secret`: it is made of what must not be shown.
    fn pretty(&self, map: &Map<String, Value>, of_secret: bool) -> Content {
        let text = serde_json::to_string_pretty(map).expect("JSON has text keys");
        Content::new(text + "\n", self.secret || of_secret)
    }

    fn read(&self, bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err(Fault::new(format!("{} holds no JSON object", self.path))),
            Err(error) => {
                // Line and column only: the rest may quote the file.
                let place = format!("line {}, column {}", error.line(), error.column());
                let fault = Fault::new(format!("{} is not JSON ({place})", self.path));
                Err(fault.hint("mend it by hand, or write it whole with `copy`"))
            }
        }
    }
}

impl Resource for JsonMerge {
    const NAME: &'static str = "json_merge";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = FileState::EDITED;
    const EXAMPLE: &'static str = "\
name: Rotate the logs of containers
json_merge:
  path: /etc/docker/daemon.json
  values:
    log-driver: json-file
    log-opts: { max-size: 10m, max-file: \"3\" }
";
    const CONTENT: &'static [&'static str] = &["values", "mode"];

    type Spec = Spec;
    type State = FileState;

    /// Several tasks may each own keys.
    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area()]).and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()))
    }

    /// The content in the state is the file's meaning, laid out as we would: a layout by hand is no difference.
    fn observe(spec: &Spec, seen: &Seen) -> Observe<FileState> {
        let mut state = observe_edited(&spec.path, &spec.attrs(), spec.secret, seen)?;
        if let Some(content) = state.read() {
            let pretty = spec.pretty(&spec.read(content.bytes())?, content.is_secret());
            state.content = Some(Facet::content(&pretty));
        } else if !spec.create {
            let why = format!("the file {} does not exist (`create: true` makes it)", spec.path);
            return Err(seen.lacks(&[spec.path.area()], why));
        } else {
            nothing_comes(&spec.path, seen)?;
            parent_there(&spec.path, seen)?;
        }
        Ok(state)
    }

    fn desired(spec: &Spec, observed: &FileState) -> Result<FileState, Fault> {
        let mut map = spec.read(observed.read().map_or(&b""[..], Content::bytes))?;
        merge(&mut map, &spec.values);
        observed.with_edited(&spec.path, &spec.pretty(&map, observed.holds_secret()), &spec.attrs())
    }

    fn ops(spec: &Spec, from: &FileState, to: &FileState) -> Vec<Op> {
        let content = to.read();
        content.map(|content| content_ops(&spec.path, content, None, from, to)).unwrap_or_default()
    }

    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        let wanted = Self::desired(spec, &Self::observe(spec, seen)?)?;
        wanted.read().map_or(Ok(vec![]), |content| file_claims(&spec.path, content, spec.mode, seen))
    }
}
