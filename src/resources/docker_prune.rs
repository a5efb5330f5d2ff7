//! `docker_prune`: what Docker holds and nothing uses goes.

use super::shared::docker;
use crate::{
    model::{Address, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic, Untold},
};
use agent::wire::{
    Exec, Op,
    docker::{DockerProbe, Images, Removable},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub struct DockerPrune;

/// Removes what Docker holds and nothing uses: stopped containers, networks, images, the build cache. Never volumes.
///
/// What goes is shown before, name by name and with the space that it alone takes, and exactly that is removed (of the build cache: as much
/// as that; it has no names). With `containers`, what only they use goes as well.
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
    /// The build cache, but for what is in an image.
    #[serde(default)]
    builder_cache: bool,
    /// All of the build cache that no build uses.
    #[serde(default)]
    builder_cache_all: bool,
    /// Only what was made so long ago, or of the build cache used: `30m`, `24h`, `7d`. Default: however old.
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
    /// As docker tells it.
    size: Option<String>,
}

pub struct PruneState {
    things: Vec<Thing>,
    /// Records of the build cache.
    cache: Vec<Thing>,
}

impl State for PruneState {
    fn facets(&self) -> Facets {
        let things = self.things.iter().map(|thing| {
            let size = thing.size.as_ref().map(|size| format!(", {size}")).unwrap_or_default();
            (format!("{} {}", thing.kind, thing.name), format!("unused{size}").into())
        });
        let records = match self.cache.len() {
            0 => None,
            1 => Some("1 record".to_string()),
            count => Some(format!("{count} records")),
        };
        let size = human(sum(&self.cache));
        let cache = records.map(|records| ("build cache".to_string(), format!("{records}, {size}").into()));
        things.chain(cache).collect()
    }
}

/// Docker's units.
const UNITS: [(&str, f64); 5] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0)];

/// Bytes of all of them; docker tells them to a few digits.
fn sum(things: &[Thing]) -> f64 {
    let bytes = |text: &String| {
        UNITS.iter().find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
    };
    things.iter().filter_map(|thing| bytes(thing.size.as_ref()?)).sum()
}

fn human(bytes: f64) -> String {
    let (unit, factor) = UNITS.into_iter().find(|(_, factor)| bytes >= *factor).unwrap_or(("B", 1.0));
    let number = format!("{:.1}", bytes / factor);
    format!("{}{unit}", number.strip_suffix(".0").unwrap_or(&number))
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
    let size = value["size"].as_str().map(str::to_string);
    Thing { kind: text("kind"), id, name, references, size }
}

impl Resource for DockerPrune {
    const NAME: &'static str = "docker_prune";
    const TOPIC: Topic = Topic::Docker;
    const FACETS: &'static [&'static str] =
        &["container NAME", "network NAME", "image IMAGES", "build cache"];
    const UNTOLD: &'static [Untold] = &[Untold::Docker];
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
        let cache = (spec.builder_cache || spec.builder_cache_all).then_some(spec.builder_cache_all);
        if cache.is_some() && !spec.labels.is_empty() {
            let fault = Fault::new("the build cache has no `labels`");
            return Err(fault.hint("a task for the build cache, and another for what has labels").into());
        }
        if !spec.containers && !spec.networks && images == Images::None && cache.is_none() {
            let fault = Fault::new("nothing is named that could be removed");
            return Err(fault
                .hint("`containers: true`, `networks: true`, `images: dangling`, `images: all` or `builder_cache: true`")
                .into());
        }
        let question =
            Removable { containers: spec.containers, networks: spec.networks, images, cache, older_s };
        let told = docker::ask(seen, DockerProbe::Removable(question))?.unwrap_or_default();
        let (mut things, mut cache): (Vec<Thing>, Vec<Thing>) = (vec![], vec![]);
        // Containers come first: what only those use that go, nothing uses.
        for value in docker::read(&told)? {
            let goes =
                |user: &String| things.iter().any(|thing| thing.kind == "container" && thing.id == *user);
            if value["kind"] == "cache" {
                cache.push(thing(&value));
            } else if spec.has_labels(&value["labels"]) && texts(&value["users"]).iter().all(goes) {
                things.push(thing(&value));
            }
        }
        Ok(PruneState { things, cache })
    }

    fn desired(_: &Spec, _: &PruneState) -> Result<PruneState, Fault> {
        Ok(PruneState { things: vec![], cache: vec![] })
    }

    fn ops(spec: &Spec, from: &PruneState, _: &PruneState) -> Vec<Op> {
        let of = |kind: &str| from.things.iter().filter(move |thing| thing.kind == kind).collect::<Vec<_>>();
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
        if !from.cache.is_empty() {
            let all = spec.builder_cache_all.then(|| "--all".to_string());
            let older = spec.older_s().ok().filter(|seconds| *seconds > 0);
            let until = older.map(|seconds| ["--filter".to_string(), format!("until={seconds}s")]);
            let args = ["docker", "builder", "prune", "--force"].map(String::from).into_iter();
            let mut exec = Exec::new(args.chain(all).chain(until.into_iter().flatten()));
            // The daemon's own builder, whatever other one is in use.
            exec.env.push(("BUILDX_BUILDER".into(), "default".into()));
            ops.push(Op::Exec { exec, ok: vec![] });
        }
        ops
    }

    fn notes(_: &Spec, state: &PruneState) -> Vec<String> {
        let bytes = sum(&state.things) + sum(&state.cache);
        // Images may share what no other has.
        let least = if state.things.iter().any(|thing| thing.kind == "image") { "at least " } else { "" };
        (bytes > 0.0).then(|| format!("{least}{} are freed", human(bytes))).into_iter().collect()
    }

    fn effects(_: &Spec, from: &PruneState, _: &PruneState, _: &[Op]) -> Vec<Effect> {
        let things = from.things.iter().map(|thing| match thing.kind.as_str() {
            "image" => thing.references.iter().map(|name| docker::image(name)).collect(),
            kind => vec![docker::part(kind, &thing.name)],
        });
        let cache = (!from.cache.is_empty()).then(|| docker::part("build", "cache"));
        things.flatten().chain(cache).map(Effect::Unknown).collect()
    }
}
