//! `docker_prune`: what Docker holds and nothing uses goes.

use super::shared::docker;
use crate::{
    model::{Address, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic},
};
use agent::wire::{
    Op,
    docker::{DockerProbe, Images, Removable},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub struct DockerPrune;

/// Removes what Docker holds and nothing uses: stopped containers, networks, images. Never volumes.
///
/// What goes is shown before, name by name, and exactly that is removed. With `containers`, what only they use goes as well.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Containers that do not run. What they have written outside of volumes is lost.
    #[serde(default)]
    containers: bool,
    /// Networks in which there is no container.
    #[serde(default)]
    networks: bool,
    /// `dangling`: images without a name; `all`: all of which no container is made; `none` (default).
    #[serde(default)]
    images: Which,
    /// Only what was made so long ago: `30m`, `24h`, `7d`. Default: however old.
    until: Option<String>,
    /// Only what has all of these labels: `key`, `key=value`; with a `!` in front: what has it not.
    #[serde(default)]
    labels: Vec<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Which {
    #[default]
    None,
    Dangling,
    All,
}

impl Spec {
    fn older_s(&self) -> Result<u64, Fault> {
        let Some(text) = &self.until else { return Ok(0) };
        let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86400)];
        let of = |(unit, seconds): (char, u64)| {
            text.strip_suffix(unit)?.parse::<u32>().ok().map(|n| u64::from(n) * seconds)
        };
        units.into_iter().find_map(of).ok_or_else(|| {
            let fault = Fault::new(format!("`{}` is no length of time", text.escape_debug()));
            fault.hint("a number and a unit: `30m`, `24h`, `7d`")
        })
    }

    fn has_labels(&self, labels: &Value) -> bool {
        self.labels.iter().all(|wanted| {
            let (wanted, is_wanted) =
                wanted.strip_prefix('!').map_or((wanted.as_str(), true), |rest| (rest, false));
            let found = match wanted.split_once('=') {
                Some((key, value)) => labels[key] == value,
                None => labels.get(wanted).is_some(),
            };
            found == is_wanted
        })
    }
}

/// A thing that goes.
struct Thing {
    kind: String,
    id: String,
    name: String,
    /// As `docker image rm` takes it: an image goes with the last of its names.
    references: Vec<String>,
}

pub struct PruneState(Vec<Thing>);

impl State for PruneState {
    fn facets(&self) -> Facets {
        self.0.iter().map(|thing| (format!("{} {}", thing.kind, thing.name), "unused".into())).collect()
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_string).collect()
}

fn thing(value: &Value) -> Thing {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_string();
    let id = text("id");
    let short: String = id.trim_start_matches("sha256:").chars().take(12).collect();
    let mut references = texts(&value["what"]);
    if references.is_empty() {
        references = texts(&value["digests"]);
    }
    let name = match &value["what"] {
        Value::String(name) => name.trim_start_matches('/').to_string(),
        _ if references.is_empty() => short,
        _ => references.join(", "),
    };
    if references.is_empty() {
        references.push(id.clone());
    }
    Thing { kind: text("kind"), id, name, references }
}

impl Resource for DockerPrune {
    const NAME: &'static str = "docker_prune";
    const TOPIC: Topic = Topic::Docker;
    const EXAMPLE: &'static str = "\
name: Old images do not fill the disk
docker_prune:
  images: all
  until: 7d
";
    type Spec = Spec;
    type State = PruneState;

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(_: &Spec) -> Footprint {
        docker::footprint()
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<PruneState> {
        let older_s = spec.older_s()?;
        if let Some(bad) =
            spec.labels.iter().find(|label| label.trim_start_matches('!').split('=').next() == Some(""))
        {
            let fault = Fault::new(format!("`{}` is no label", bad.escape_debug()));
            return Err(fault.hint("`key`, `key=value`, or `!key`").into());
        }
        let images = match spec.images {
            Which::None => Images::None,
            Which::Dangling => Images::Dangling,
            Which::All => Images::All,
        };
        if !spec.containers && !spec.networks && images == Images::None {
            let fault = Fault::new("nothing is named that could be removed");
            return Err(fault
                .hint("`containers: true`, `networks: true`, `images: dangling` or `images: all`")
                .into());
        }
        let question = Removable { containers: spec.containers, networks: spec.networks, images, older_s };
        let told = docker::ask(seen, DockerProbe::Removable(question))?.unwrap_or_default();
        let mut things: Vec<Thing> = vec![];
        // Containers come first: what only those use that go, nothing uses.
        for value in docker::read(&told)? {
            let goes =
                |user: &String| things.iter().any(|thing| thing.kind == "container" && thing.id == *user);
            if spec.has_labels(&value["labels"]) && texts(&value["users"]).iter().all(goes) {
                things.push(thing(&value));
            }
        }
        Ok(PruneState(things))
    }

    fn desired(_: &Spec, _: &PruneState) -> Result<PruneState, Fault> {
        Ok(PruneState(vec![]))
    }

    fn ops(_: &Spec, from: &PruneState, _: &PruneState) -> Vec<Op> {
        let of = |kind: &str| from.0.iter().filter(move |thing| thing.kind == kind).collect::<Vec<_>>();
        let kinds = [
            ("container", vec!["container", "rm"]),
            ("network", vec!["network", "rm"]),
            ("image", vec!["image", "rm"]),
        ];
        let mut ops = vec![];
        for (kind, mut args) in kinds {
            let things = of(kind);
            if things.is_empty() {
                continue;
            }
            match kind {
                "image" => args.extend(things.iter().flat_map(|thing| &thing.references).map(String::as_str)),
                _ => args.extend(things.iter().map(|thing| thing.id.as_str())),
            }
            ops.push(docker::docker(args));
        }
        ops
    }

    fn effects(_: &Spec, from: &PruneState, _: &PruneState, _: &[Op]) -> Vec<Effect> {
        let things = from.0.iter().map(|thing| match thing.kind.as_str() {
            "image" => thing.references.iter().map(|name| docker::image(name)).collect(),
            kind => vec![docker::part(kind, &thing.name)],
        });
        things.flatten().map(Effect::Unknown).collect()
    }
}
