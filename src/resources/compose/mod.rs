//! `compose`: a Docker Compose project, as its files say.
//!
//! What a change does is not computed here: the host's own `docker compose` is asked what it would do (`--dry-run`) with
//! the files as they will be, before they are on disk. [`files`] puts the question together, [`answer`] reads what came
//! back, [`reasons`] says why a container is recreated.

mod answer;
mod claims;
mod container;
mod copies;
mod extends;
mod files;
mod images;
mod include;
mod interpolate;
mod labels;
mod less;
mod published;
mod reasons;
mod spec;

use crate::{
    model::{Address, Area, Claim, Exposed, Footprint},
    resource::{Effect, Facets, Fault, Manner, Observe, Resource, Seen, State, Topic, Untold},
    resources::shared::docker,
};
use agent::wire::{Exec, Op, Output, Probe, Until, Wait};
use spec::{Build, Pull, Recreate, Spec, Wanted};

pub struct Compose;

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
    /// The project goes.
    Down,
    Stop,
    Restart,
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
    /// Its image is built.
    builds: bool,
    /// Its image is pulled for another one.
    pulled: bool,
    /// One that is brought up needs it.
    needed: bool,
}

impl Service {
    fn new(name: String, action: Action) -> Self {
        Self {
            name,
            action,
            before: Facets::new(),
            after: Facets::new(),
            left: None,
            job: false,
            builds: false,
            pulled: false,
            needed: false,
        }
    }

    /// Its image may come out different, and then it is recreated.
    fn is_anew(&self) -> bool {
        (self.builds || self.pulled) && self.left.is_none()
    }
}

#[derive(Default)]
pub struct Project {
    services: Vec<Service>,
    /// Networks that go.
    networks: Vec<String>,
    /// The paths of its Compose files.
    files: Vec<String>,
    /// They are not there: it is known to docker alone.
    by_name: bool,
    /// The state after the change rather than before it.
    done: bool,
}

impl State for Project {
    fn facets(&self) -> Facets {
        let side = |service: &Service| if self.done { service.after.clone() } else { service.before.clone() };
        let word = if self.done { "removed" } else { "present" };
        let networks = self.networks.iter().map(|name| (format!("network {name}"), word.into()));
        self.services.iter().flat_map(side).chain(networks).collect()
    }
}

impl Resource for Compose {
    const NAME: &'static str = "compose";
    const TOPIC: Topic = Topic::Docker;
    const FACETS: &'static [&'static str] = &[
        "service NAME",
        "service NAME container NAME",
        "service NAME image",
        "service NAME build",
        "service NAME environment VARIABLE",
        "service NAME label LABEL",
        "service NAME mounted content (label LABEL)",
        "service NAME command",
        "service NAME entrypoint",
        "service NAME user",
        "service NAME working directory",
        "service NAME health check",
        "service NAME health check retries",
        "service NAME health check interval",
        "service NAME health check timeout",
        "service NAME health check start period",
        "service NAME restart policy",
        "service NAME ports",
        "service NAME volumes",
        "service NAME configuration",
        "service NAME image label of an update made outside of compose",
        "network NAME",
    ];
    const UNTOLD: &'static [Untold] = &[Untold::Docker];
    const MANNER: Manner = Manner::StateBut(
        "`state: restarted`, `recreate: always` and, where an image is built, `build: always` act each time.",
    );
    const EXAMPLE: &'static str = "name: The shop runs\ncompose:\n  project: shop\n  directory: /srv/shop\n  files: docker-compose.yml\n  \
        env_file: .env\n  timeout: 300\n";
    const CONTENT: &'static [&'static str] = &["services", "profiles", "scale", "timeout"];
    type Spec = Spec;
    type State = Project;

    fn address(spec: &Spec) -> Option<Address> {
        let whole = spec.services.0.is_empty() && spec.state != Wanted::Restarted;
        whole.then(|| Address(format!("compose:{}", spec.project())))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let named =
            spec.files.0.iter().chain(&spec.env_file.0).map(|file| files::join(&spec.directory, file));
        // Those that compose finds by itself are below the folder.
        let paths = [spec.directory.clone()].into_iter().chain(named).map(Area::Path);
        Footprint::writes([Area::Compose(spec.project())])
            .and_reads([Area::Docker, Area::Packages].into_iter().chain(paths))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Project> {
        spec.check()?;
        if spec.state != Wanted::Present {
            return less::observe(spec, seen);
        }
        let files = files::read(spec, seen)?;
        files.check_scale(spec)?;
        let output = seen.run(Probe::Compose(files.probe.clone()))?;
        let paths = files.paths();
        let services = match answer::no_answer(spec, &output)? {
            None => answer::services(spec, output.stdout.bytes(), &files, seen)?,
            Some(why) => {
                seen.presume(&why.missing(), why.said)?;
                let named = files.wanted(spec)?.into_iter();
                let named = named.filter(|named| spec.scale.get(&named.name) != Some(&0));
                named
                    .map(|named| answer::created(spec, &named.name, named.image.as_deref(), named.builds))
                    .collect()
            }
        };
        Ok(Project { services, files: paths, ..Project::default() })
    }

    fn desired(_: &Spec, observed: &Project) -> Result<Project, Fault> {
        let (services, networks) = (observed.services.clone(), observed.networks.clone());
        Ok(Project {
            services,
            networks,
            files: observed.files.clone(),
            by_name: observed.by_name,
            done: true,
        })
    }

    fn ops(spec: &Spec, from: &Project, _: &Project) -> Vec<Op> {
        if spec.state != Wanted::Present {
            return less::ops(spec, from);
        }
        let names = |actions: &[Action], jobs: bool| -> Vec<String> {
            let services = from.services.iter().filter(|service| {
                // Whether what is made of it is recreated shows when it is built or pulled.
                actions.contains(&service.action) || service.is_anew() && actions.contains(&Action::Start)
            });
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
            ops.push(Op::Exec { exec: spec.command(&from.files, args), ok: vec![] });
        }
        let built: Vec<String> = from
            .services
            .iter()
            .filter(|service| service.builds)
            .map(|service| service.name.clone())
            .collect();
        if !built.is_empty() {
            let args = ["build", "--quiet", "--"].map(String::from).into_iter().chain(built);
            ops.push(Op::Exec { exec: spec.command(&from.files, args), ok: vec![] });
        }
        if !up.is_empty() {
            let named = || ["--".to_string()].into_iter().chain(up.clone());
            // By itself: `up --pull always` would also fetch, and then recreate, what those named depend on.
            let pulled = with(&[Action::Create, Action::Recreate]);
            if spec.pull == Pull::Always && !pulled.is_empty() {
                let args = ["pull", "-q", "--"].map(String::from).into_iter().chain(pulled);
                ops.push(Op::Exec { exec: spec.command(&from.files, args), ok: vec![] });
            }
            // Named one by one: a service that has nothing to do with them is not even looked at. With what they depend on, since
            // compose's record of a service holds its dependencies as far as they are in the command (`--no-deps` cuts them off,
            // and the next `up` would take the service for changed).
            let args = up_words(spec, from).into_iter().chain(named());
            ops.push(Op::Exec { exec: spec.command(&from.files, args), ok: vec![] });
        }
        let waited = [Action::Create, Action::Recreate, Action::Start, Action::Unpause, Action::Await];
        let (changed, jobs) = (with(&waited), names(&waited, true));
        if spec.wait && !changed.is_empty() {
            let until = Until::ComposeHealthy {
                project: spec.project(),
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

    fn exposes(spec: &Spec, seen: &Seen) -> Observe<Option<Exposed>> {
        published::of(spec, seen)
    }

    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        claims::of(spec, seen)
    }

    fn effects(spec: &Spec, _: &Project, _: &Project, _: &[Op]) -> Vec<Effect> {
        vec![Effect::Unknown(Area::Compose(spec.project()))]
    }

    fn remedy(_: &Spec, output: &Output) -> Option<String> {
        docker::remedy(output)
    }

    fn acts(spec: &Spec) -> bool {
        spec.state == Wanted::Restarted || spec.recreate == Recreate::Always || spec.build == Build::Always
    }
}

/// `up` with its options.
fn up_words(spec: &Spec, from: &Project) -> Vec<String> {
    let mut words = vec!["up".to_string(), "-d".into(), "--quiet-pull".into()];
    let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_string()));
    match spec.pull {
        Pull::Missing | Pull::Always => add(&["--pull", "missing"]),
        Pull::Never => add(&["--pull", "never"]),
        Pull::Policy => {}
    }
    // What is built each time was built before.
    if spec.build != Build::Policy {
        add(&["--no-build"]);
    }
    match spec.recreate {
        Recreate::Auto => {}
        Recreate::Always => add(&["--force-recreate"]),
        Recreate::Never => add(&["--no-recreate"]),
    }
    // Compose refuses the number of one that it does not look at.
    let is_looked_at = |name: &String| {
        from.services
            .iter()
            .any(|service| service.name == *name && (service.needed || service.builds || service.pulled))
    };
    for (service, count) in spec.scale.iter().filter(|(name, _)| is_looked_at(name)) {
        add(&["--scale", &format!("{service}={count}")]);
    }
    words.extend(spec.stop_timeout());
    words
}
