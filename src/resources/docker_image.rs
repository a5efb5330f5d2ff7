//! `docker_image`: an image that the Docker daemon holds.

use super::shared::{HostPath, account::Wanted, docker};
use crate::{
    model::{Address, Footprint},
    resource::{Effect, Facets, Fault, Manner, Observe, Pause, Resource, Seen, State, Topic, Untold},
};
use agent::wire::{Op, Output, docker::DockerProbe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub struct DockerImage;

/// Makes sure that Docker holds an image, from a registry or from an archive on the host, or holds it not.
///
/// An image with a digest is that one and no other, and is held under the digest: what else uses it names it so, `app@sha256:...`. One
/// with a tag is pulled when there is none of that name; what the registry has under the tag by now, only `force_pull` fetches. A
/// registry that asks who pulls is logged in to before, with `docker_login`; one without TLS is not pulled from unless it is on
/// 127.0.0.1 or among the `insecure-registries` of `docker_daemon`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// `redis:7`, `registry.example:5000/team/app:1.2`, or with a digest: `redis@sha256:...`. Without either: `latest`.
    name: String,
    /// `sha256:...`: the image of this digest, whatever the tag is. Default: whichever the tag has.
    digest: Option<String>,
    /// `pull` (default): from its registry. `load`: from `archive`.
    #[serde(default)]
    source: Source,
    /// With `load`: a file on the host that `docker save` made. When its image of this name is another one than docker holds, it is
    /// loaded again. Needed with `load`.
    archive: Option<HostPath>,
    /// Pulls it every time, also when there is one of that tag.
    #[serde(default)]
    force_pull: bool,
    /// `present` (default) or `absent`.
    #[serde(default)]
    state: Wanted,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Source {
    #[default]
    Pull,
    Load,
}

/// An image's name, taken apart.
struct Reference {
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    fn read(spec: &Spec) -> Result<Self, Fault> {
        let bad = |what: &str, text: &str| {
            let fault = Fault::new(format!("`{}` is not {what}", text.escape_debug()));
            fault.hint("`redis:7`, `registry.example:5000/team/app:1.2`, or `redis@sha256:` with 64 digits")
        };
        let name = || bad("the name of an image", &spec.name);
        let (rest, digest) = match spec.name.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_string())),
            None => (spec.name.as_str(), None),
        };
        if digest.is_some() && spec.digest.is_some() && digest != spec.digest {
            let fault = Fault::new("`name` and `digest` name two digests");
            return Err(fault.hint("leave one of them out"));
        }
        let digest = digest.or_else(|| spec.digest.clone());
        if let Some(digest) = &digest {
            let hex = digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64);
            if !hex.is_some_and(|hex| hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))) {
                return Err(bad("a digest", digest));
            }
        }
        // A colon behind the last slash begins the tag; one before it, a port.
        let slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (repository, tag) = match rest[slash..].split_once(':') {
            Some((last, tag)) => (&rest[..slash + last.len()], Some(tag.to_string())),
            None => (rest, None),
        };
        let word = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-:".contains(c))
        };
        let path = repository.split('/').skip(usize::from(slash > 0));
        if !repository.split('/').all(word)
            || path.clone().any(|part| part.contains(|c: char| c.is_ascii_uppercase() || c == ':'))
        {
            return Err(name());
        }
        if slash == 0 && repository.contains(|c: char| c.is_ascii_uppercase()) {
            return Err(name());
        }
        if tag.as_ref().is_some_and(|tag| {
            tag.len() > 128
                || tag.contains(':')
                || !tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                || !tag.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
        }) {
            return Err(name());
        }
        Ok(Self { repository: repository.into(), tag, digest })
    }

    /// As docker takes it.
    fn full(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("{}@{digest}", self.repository),
            (None, Some(tag)) => format!("{}:{tag}", self.repository),
            (None, None) => format!("{}:latest", self.repository),
        }
    }

    /// Whether this is how docker tells the same name.
    fn is(&self, told: &str) -> bool {
        docker::short(told) == docker::short(&self.full())
    }
}

#[derive(Clone, Default)]
pub struct ImageState {
    id: Option<String>,
    digest: Option<String>,
    /// The containers that are made of it.
    users: Vec<String>,
    /// The ids that the archive's image may have once it is loaded.
    offered: Vec<String>,
    /// The names in the archive.
    tags: Vec<String>,
}

impl State for ImageState {
    fn facets(&self) -> Facets {
        let parts = [("image", &self.id), ("digest", &self.digest)];
        parts.into_iter().filter_map(|(name, value)| Some((name.into(), value.as_deref()?.into()))).collect()
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_string).collect()
}

/// The ids of the image of this name in an archive: that of its configuration, and of the manifests, which newer daemons count by.
fn offered(path: &HostPath, wanted: &Reference, told: &str) -> Result<(Vec<String>, Vec<String>), Fault> {
    let (mut ids, mut known) = (vec![], vec![]);
    for document in docker::read(told)? {
        for image in document.as_array().into_iter().flatten() {
            let tags = texts(&image["RepoTags"]);
            let config = image["Config"].as_str().unwrap_or_default();
            let hex = config.trim_end_matches(".json").rsplit('/').next().unwrap_or_default();
            if tags.iter().any(|tag| wanted.is(tag)) {
                ids.insert(0, format!("sha256:{hex}"));
            }
            known.extend(tags);
        }
        let manifests = document["manifests"].as_array().into_iter().flatten();
        ids.extend(manifests.filter_map(|manifest| manifest["digest"].as_str()).map(str::to_string));
    }
    if known.iter().any(|tag| wanted.is(tag)) {
        return Ok((ids, known));
    }
    let fault = Fault::new(format!("{path} holds no image `{}`", wanted.full()));
    Err(fault.hint(format!(
        "it holds {}",
        if known.is_empty() { "none with a name".into() } else { known.join(", ") }
    )))
}

impl Resource for DockerImage {
    const NAME: &'static str = "docker_image";
    const TOPIC: Topic = Topic::Docker;
    const FACETS: &'static [&'static str] = &["image", "digest"];
    const UNTOLD: &'static [Untold] = &[Untold::Docker];
    const MANNER: Manner = Manner::StateBut("With `force_pull` it acts each time.");
    const EXAMPLE: &'static str = "\
name: Redis is there before it is started
docker_image:
  name: redis:7.2
";
    const FREE: Option<&'static str> = Some("name");
    const CONTENT: &'static [&'static str] = &["name", "digest"];
    type Spec = Spec;
    type State = ImageState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!(
            "docker_image:{}",
            Reference::read(spec).map_or_else(|_| spec.name.clone(), |name| name.full())
        )))
    }

    fn footprint(spec: &Spec) -> Footprint {
        docker::footprint().and_reads(spec.archive.iter().map(HostPath::area))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<ImageState> {
        let name = Reference::read(spec)?;
        let fault = |what: &str, hint: &str| Err(Pause::Fault(Fault::new(what).hint(hint)));
        match (spec.source, &spec.archive) {
            (Source::Load, None) => {
                return fault(
                    "`source: load` needs an `archive`",
                    "name the file that `docker save` made, on the host",
                );
            }
            (Source::Pull, Some(_)) => {
                return fault("`archive` goes with `source: load`", "leave it out, or write `source: load`");
            }
            (Source::Load, Some(_)) if name.digest.is_some() => {
                return fault("an archive keeps no digest of a registry", "name the image by its tag");
            }
            _ => {}
        }
        if spec.force_pull
            && (name.digest.is_some() || spec.source == Source::Load || spec.state == Wanted::Absent)
        {
            return fault("`force_pull` is for a tag that is pulled", "leave it out");
        }
        let told = docker::ask(seen, DockerProbe::Image { name: name.full() })?.unwrap_or_default();
        let mut values = docker::read(&told)?.into_iter();
        let image = values.next().unwrap_or_default();
        let (tags, digests) = (texts(&image["RepoTags"]), texts(&image["RepoDigests"]));
        // Docker also takes the beginning of an id for a name.
        let found = tags.iter().chain(&digests).any(|told| name.is(told));
        let mut state = ImageState::default();
        if found {
            state.id = image["Id"].as_str().map(str::to_string);
            let own = digests.iter().find(|told| match &name.digest {
                Some(_) => name.is(told),
                None => told.split('@').next().is_some_and(|told| {
                    Reference { repository: name.repository.clone(), tag: None, digest: None }
                        .is(&format!("{told}:latest"))
                }),
            });
            state.digest = own.and_then(|told| told.split_once('@')).map(|(_, digest)| digest.to_string());
            state.users = values.filter_map(|user| user.as_str().map(str::to_string)).collect();
        }
        if let (Source::Load, Some(path), Wanted::Present) = (spec.source, &spec.archive, spec.state) {
            match docker::ask(seen, DockerProbe::Archive { path: path.to_string() })? {
                Some(told) => (state.offered, state.tags) = offered(path, &name, &told)?,
                None if state.id.is_some() => {}
                None => seen.presume(&[path.area()], format!("there is no archive {path}"))?,
            }
        }
        Ok(state)
    }

    fn desired(spec: &Spec, observed: &ImageState) -> Result<ImageState, Fault> {
        let name = Reference::read(spec)?;
        let mut state = observed.clone();
        if spec.state == Wanted::Absent {
            if !observed.users.is_empty() {
                let users = observed.users.join(", ");
                let fault =
                    Fault::new(format!("the image `{}` is not removed: it is used by {users}", name.full()));
                return Err(fault.hint("remove these containers first"));
            }
            return Ok(ImageState::default());
        }
        match (spec.source, &observed.id) {
            (Source::Pull, Some(_)) if !spec.force_pull => {}
            // Which digest a tag has by then, the registry will tell.
            (Source::Pull, Some(_)) => state.id = Some("pulled again".into()),
            (Source::Pull, None) => {
                state.id = Some("pulled".into());
                state.digest = name.digest;
            }
            (Source::Load, Some(id)) if observed.offered.is_empty() || observed.offered.contains(id) => {}
            (Source::Load, _) => {
                state.id = Some(observed.offered.first().cloned().unwrap_or_else(|| "loaded".into()));
                state.digest = None;
            }
        }
        Ok(state)
    }

    fn ops(spec: &Spec, from: &ImageState, to: &ImageState) -> Vec<Op> {
        if from.facets() == to.facets() {
            return vec![];
        }
        let Ok(name) = Reference::read(spec) else { return vec![] };
        match (&to.id, &spec.archive) {
            (None, _) => vec![docker::docker(["image", "rm", &name.full()])],
            (Some(_), None) => vec![docker::docker(["image", "pull", "--quiet", &name.full()])],
            (Some(_), Some(path)) => {
                vec![docker::docker(["image", "load", "--quiet", "--input", &path.to_string()])]
            }
        }
    }

    fn effects(spec: &Spec, _: &ImageState, to: &ImageState, _: &[Op]) -> Vec<Effect> {
        // An archive brings all that is in it.
        let name = Reference::read(spec).map_or_else(|_| spec.name.clone(), |name| name.full());
        std::iter::once(&name).chain(&to.tags).map(|name| Effect::Unknown(docker::image(name))).collect()
    }

    fn acts(spec: &Spec) -> bool {
        spec.force_pull
    }

    fn remedy(spec: &Spec, output: &Output) -> Option<String> {
        (spec.source == Source::Pull).then(|| docker::remedy(output)).flatten()
    }
}
