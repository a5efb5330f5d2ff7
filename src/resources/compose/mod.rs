//! `compose`: a Docker Compose project, as its files say.
//!
//! What a change does is not computed here: the host's own `docker compose` is asked what it would do (`--dry-run`) with
//! the files as they will be, before they are on disk. [`files`] puts the question together, [`answer`] reads what came
//! back, [`reasons`] says why a container is recreated.

mod answer;
mod container;
mod files;
mod labels;
mod reasons;

use super::shared::OneOrMany;
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Observe, Pause, Resource, Seen, State, Topic},
};
use agent::wire::{Exec, Op, Probe, Until, Wait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub struct Compose;

/// Brings the services of a Docker Compose project to what its files say, and waits until they are healthy.
///
/// Services that did not change are not touched. A service that somebody stopped by hand (`docker stop`) stays stopped
/// unless `start_stopped` is set or one that is brought up depends on it. A change in the content of a mounted file is seen
/// by no one: give the service a label with a hash of the content (`content_hash`), and the plan names that as the reason.
/// A job (restart `no` or `on-failure`) that has ended with 0 is fine; one that others wait for
/// (`service_completed_successfully`) is waited for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name of the project.
    project: String,
    /// The project's folder: what relative paths in its files start from.
    directory: String,
    /// Compose files, relative to the folder. Default: `compose.yaml`.
    #[serde(default = "default_files")]
    files: OneOrMany<String>,
    /// Files with the values of `${VARIABLES}` (`--env-file`), relative to the folder.
    #[serde(default)]
    env_file: OneOrMany<String>,
    /// Just these services, and what they depend on. Default: all.
    #[serde(default)]
    services: OneOrMany<String>,
    /// Wait until what was changed runs and is healthy, and fail with the probe's last output and the log's end when it
    /// does not get there. Default: true.
    #[serde(default = "yes")]
    wait: bool,
    /// Seconds to wait, and again for pulling and creating.
    #[serde(default = "default_timeout")]
    timeout: u32,
    /// Whether images are pulled for services that are created or recreated.
    #[serde(default)]
    pull: Pull,
    /// Remove containers of services that are no longer in the files.
    #[serde(default)]
    remove_orphans: bool,
    /// Start what was stopped by hand.
    #[serde(default)]
    start_stopped: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Pull {
    #[default]
    Missing,
    Always,
    Never,
}

fn default_files() -> OneOrMany<String> {
    OneOrMany(vec!["compose.yaml".into()])
}

fn default_timeout() -> u32 {
    300
}

fn yes() -> bool {
    true
}

/// What happens to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Create,
    Recreate,
    Start,
    /// Frozen, and wanted.
    Unpause,
    /// It runs but is not healthy: nothing to do but wait.
    Await,
    /// Its last containers go: it is wanted no times.
    Shrink,
    /// A container whose service is no longer in the files.
    Remove,
    Nothing,
}

/// A service before and after.
#[derive(Clone, Debug)]
struct Service {
    name: String,
    action: Action,
    before: Facets,
    after: Facets,
    /// Left as it is though it does not run.
    left: Option<String>,
    /// Others wait for it to be done: running it is on the way.
    job: bool,
}

pub struct Project {
    services: Vec<Service>,
    /// The state after the change rather than before it.
    done: bool,
}

impl State for Project {
    fn facets(&self) -> Facets {
        let side = |service: &Service| if self.done { service.after.clone() } else { service.before.clone() };
        self.services.iter().flat_map(side).collect()
    }
}

impl Spec {
    /// `docker compose` with this project's options.
    fn command(&self, args: impl IntoIterator<Item = String>) -> Exec {
        let pair = |option: &str, value: &str| [option.to_string(), value.to_string()];
        let mut argv = vec!["docker".to_string(), "compose".into(), "--ansi".into(), "never".into()];
        argv.extend(pair("--project-directory", &self.directory));
        argv.extend(pair("-p", &self.project));
        argv.extend(self.files.0.iter().flat_map(|file| pair("-f", &files::join(&self.directory, file))));
        let env_files = self.env_file.0.iter();
        argv.extend(env_files.flat_map(|file| pair("--env-file", &files::join(&self.directory, file))));
        argv.extend(args);
        Exec { cwd: Some(self.directory.clone()), timeout_s: self.timeout, ..Exec::new(argv) }
    }
}

impl Resource for Compose {
    const NAME: &'static str = "compose";
    const TOPIC: Topic = Topic::Docker;
    const EXAMPLE: &'static str = "name: The shop runs\ncompose:\n  project: shop\n  directory: /srv/shop\n  files: docker-compose.yml\n  \
        env_file: .env\n  timeout: 300\n";
    type Spec = Spec;
    type State = Project;

    fn address(spec: &Spec) -> Option<Address> {
        spec.services.0.is_empty().then(|| Address(format!("compose:{}", spec.project)))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let named =
            spec.files.0.iter().chain(&spec.env_file.0).map(|file| files::join(&spec.directory, file));
        let paths = [spec.directory.clone()].into_iter().chain(named).map(Area::Path);
        Footprint::writes([Area::Compose(spec.project.clone())])
            .and_reads([Area::Docker, Area::Packages].into_iter().chain(paths))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Project> {
        files::check(spec)?;
        let files = files::read(spec, seen)?;
        let output = seen.run(Probe::Compose(files.probe.clone()))?;
        let services = match output.code {
            0 => answer::services(spec, output.stdout.bytes(), &files.values)?,
            code @ (125 | 127) => {
                let said = String::from_utf8_lossy(output.stderr.bytes()).trim().to_string();
                let what = if code == 127 { "docker compose is missing" } else { "docker does not answer" };
                seen.presume(if said.is_empty() { what.into() } else { format!("{what}: {said}") })?;
                let named = files.wanted(spec)?.into_iter();
                named.map(|named| answer::created(&named.name, named.image.as_deref())).collect()
            }
            // The files are fine, but it cannot be done: an image may be missing that an earlier task brings.
            _ => {
                let said = String::from_utf8_lossy(output.stderr.bytes()).trim().to_string();
                let why = format!("docker compose refuses project `{}`: {said}", spec.project);
                return Err(Pause::NotYet(why));
            }
        };
        Ok(Project { services, done: false })
    }

    fn desired(_: &Spec, observed: &Project) -> Result<Project, Fault> {
        Ok(Project { services: observed.services.clone(), done: true })
    }

    fn ops(spec: &Spec, from: &Project, _: &Project) -> Vec<Op> {
        let names = |actions: &[Action], jobs: bool| -> Vec<String> {
            let services = from.services.iter().filter(|service| actions.contains(&service.action));
            services.filter(|service| service.job || !jobs).map(|service| service.name.clone()).collect()
        };
        let with = |actions: &[Action]| names(actions, false);
        let up = with(&[Action::Create, Action::Recreate, Action::Start, Action::Shrink]);
        // First: they may hold ports or names that a new one needs.
        let mut ops: Vec<Op> = with(&[Action::Remove])
            .into_iter()
            .map(|container| Op::Exec {
                exec: Exec::new(["docker", "rm", "-f", "--", &container]),
                ok: vec![],
            })
            .collect();
        let paused = with(&[Action::Unpause]);
        if !paused.is_empty() {
            let args = ["unpause", "--"].map(String::from).into_iter().chain(paused);
            ops.push(Op::Exec { exec: spec.command(args), ok: vec![] });
        }
        if !up.is_empty() {
            let pull = match spec.pull {
                Pull::Missing | Pull::Always => "missing",
                Pull::Never => "never",
            };
            let named = || ["--".to_string()].into_iter().chain(up.clone());
            // By itself: `up --pull always` would also fetch, and then recreate, what those named depend on.
            if spec.pull == Pull::Always {
                let args = ["pull", "-q"].map(String::from).into_iter().chain(named());
                ops.push(Op::Exec { exec: spec.command(args), ok: vec![] });
            }
            // Named one by one: a service that has nothing to do with them is not even looked at. With what they depend on, since
            // compose's record of a service holds its dependencies as far as they are in the command (`--no-deps` cuts them off,
            // and the next `up` would take the service for changed).
            let args = ["up", "-d", "--quiet-pull", "--pull", pull].map(String::from);
            ops.push(Op::Exec { exec: spec.command(args.into_iter().chain(named())), ok: vec![] });
        }
        let waited = [Action::Create, Action::Recreate, Action::Start, Action::Unpause, Action::Await];
        let (changed, jobs) = (with(&waited), names(&waited, true));
        if spec.wait && !changed.is_empty() {
            let until = Until::ComposeHealthy {
                project: spec.project.clone(),
                directory: spec.directory.clone(),
                services: changed,
                jobs,
            };
            ops.push(Op::Wait(Wait { until, timeout_s: spec.timeout, interval_ms: 1000 }));
        }
        ops
    }

    fn notes(_: &Spec, state: &Project) -> Vec<String> {
        let left = state.services.iter().filter_map(|service| Some((&service.name, service.left.as_ref()?)));
        left.map(|(name, word)| format!("service {name} is left as it is: {word}")).collect()
    }

    fn effects(spec: &Spec, _: &Project, _: &Project, _: &[Op]) -> Vec<Effect> {
        vec![Effect::Unknown(Area::Compose(spec.project.clone()))]
    }
}
