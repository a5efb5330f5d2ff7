//! `docker_volume`: a volume of the Docker daemon.

use super::shared::{
    account::Wanted,
    docker::{self, check_keys, check_name, pairs, with_entries},
    unit::output,
};
use crate::{
    model::{Address, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic, Untold},
};
use agent::wire::{Answer, Op, Probe, Query, docker::DockerProbe};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub struct DockerVolume;

/// Makes sure that Docker has a volume, or has it not.
///
/// A volume holds data: one that is there is never made anew, and other properties than those named are refused. It is removed only
/// when no container uses it and `destroy` says so.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What it is called.
    name: String,
    /// Default for a new one: `local`.
    driver: Option<String>,
    /// Options of the driver. Docker shows them to everybody who may use it: no place for a password.
    #[serde(default)]
    driver_opts: IndexMap<String, String>,
    /// Labels that it must have.
    #[serde(default)]
    labels: IndexMap<String, String>,
    /// Lets `absent` remove the volume with its data.
    #[serde(default)]
    destroy: bool,
    /// `present` (default) or `absent`.
    #[serde(default)]
    state: Wanted,
}

impl Spec {
    fn check(&self) -> Result<(), Fault> {
        check_name("volume", &self.name)?;
        check_keys("driver_opts", &self.driver_opts)?;
        check_keys("labels", &self.labels)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-/:".contains(c);
        if let Some(driver) = &self.driver
            && !(driver.starts_with(|c: char| c.is_ascii_alphanumeric()) && driver.chars().all(plain))
        {
            let fault = Fault::new(format!("`{}` is not the name of a driver", driver.escape_debug()));
            return Err(fault.hint("`local`, or that of a plugin"));
        }
        match (self.state, self.destroy) {
            (Wanted::Absent, false) => {
                let fault = Fault::new(format!("removing the volume `{}` removes its data", self.name));
                Err(fault.hint("say that you mean it: `destroy: true`"))
            }
            (Wanted::Present, true) => {
                let fault = Fault::new("`destroy` goes with `state: absent`");
                Err(fault.hint("leave it out: a volume is never made anew"))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Clone)]
pub struct VolumeState {
    /// As docker tells it.
    volume: Option<Value>,
    users: Vec<String>,
    named: Vec<&'static str>,
    driver_opts: Vec<String>,
    labels: Vec<String>,
}

impl State for VolumeState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        let Some(volume) = &self.volume else { return facets };
        facets.insert("volume".into(), "present".into());
        for name in &self.named {
            let value = match *name {
                "driver" => volume["Driver"].as_str().unwrap_or_default().to_string(),
                "driver_opts" => pairs(&volume["Options"], &self.driver_opts),
                _ => pairs(&volume["Labels"], &self.labels),
            };
            facets.insert((*name).into(), value.into());
        }
        facets
    }
}

impl Resource for DockerVolume {
    const NAME: &'static str = "docker_volume";
    const TOPIC: Topic = Topic::Docker;
    const FACETS: &'static [&'static str] = &["volume", "driver", "driver_opts", "labels"];
    const UNTOLD: &'static [Untold] = &[Untold::Docker];
    const EXAMPLE: &'static str = "\
name: What the uploads are kept in
docker_volume:
  name: uploads
  labels: { backup: daily }
";
    const FREE: Option<&'static str> = Some("name");
    const CONTENT: &'static [&'static str] = &["name", "labels", "driver_opts"];
    type Spec = Spec;
    type State = VolumeState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("docker_volume:{}", spec.name)))
    }

    fn footprint(_: &Spec) -> Footprint {
        docker::footprint()
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<VolumeState> {
        spec.check()?;
        let told = docker::ask(seen, DockerProbe::Volume { name: spec.name.clone() })?.unwrap_or_default();
        let mut values = docker::read(&told)?.into_iter();
        let volume = values.next().filter(|volume| volume["Name"] == spec.name.as_str());
        let users = values.filter_map(|name| name.as_str().map(str::to_string)).collect();
        let named = [
            ("driver", spec.driver.is_some()),
            ("driver_opts", !spec.driver_opts.is_empty()),
            ("labels", !spec.labels.is_empty()),
        ];
        let named = named.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        let keys = |map: &IndexMap<String, String>| map.keys().cloned().collect();
        Ok(VolumeState {
            volume,
            users,
            named,
            driver_opts: keys(&spec.driver_opts),
            labels: keys(&spec.labels),
        })
    }

    fn desired(spec: &Spec, observed: &VolumeState) -> Result<VolumeState, Fault> {
        let name = &spec.name;
        if spec.state == Wanted::Absent {
            if observed.volume.is_some() && !observed.users.is_empty() {
                let users = observed.users.join(", ");
                let fault = Fault::new(format!("the volume `{name}` is not removed: it is used by {users}"));
                return Err(fault.hint("remove these containers first"));
            }
            return Ok(VolumeState { volume: None, ..observed.clone() });
        }
        let mut state = observed.clone();
        let volume = state
            .volume
            .get_or_insert_with(|| json!({"Name": name, "Driver": "local", "Labels": {}, "Options": {}}));
        if let Some(driver) = &spec.driver {
            volume["Driver"] = driver.as_str().into();
        }
        volume["Options"] = with_entries(&volume["Options"], &spec.driver_opts);
        volume["Labels"] = with_entries(&volume["Labels"], &spec.labels);
        if observed.volume.is_some() {
            let (before, after) = (observed.facets(), state.facets());
            let changed: Vec<_> =
                after.keys().filter(|key| before.get(*key) != after.get(*key)).cloned().collect();
            if !changed.is_empty() {
                let what = format!("the volume `{name}` is there with another {}", changed.join(", "));
                let hint =
                    "it is not made anew, since it holds data: choose another name, and copy what is in it";
                return Err(Fault::new(what).hint(hint));
            }
        }
        Ok(state)
    }

    fn ops(spec: &Spec, from: &VolumeState, to: &VolumeState) -> Vec<Op> {
        match (&from.volume, &to.volume) {
            (Some(_), None) => vec![docker::docker(["volume", "rm", &spec.name])],
            (None, Some(volume)) => {
                let mut args = vec!["volume".to_string(), "create".into()];
                args.extend(["--driver".to_string(), volume["Driver"].as_str().unwrap_or("local").into()]);
                args.extend(docker::options("--opt", &volume["Options"]));
                args.extend(docker::options("--label", &volume["Labels"]));
                args.push(spec.name.clone());
                vec![docker::docker(args.iter().map(String::as_str))]
            }
            _ => vec![],
        }
    }

    fn effects(spec: &Spec, _: &VolumeState, to: &VolumeState, _: &[Op]) -> Vec<Effect> {
        let query = Query::Run(Probe::Docker(DockerProbe::Volume { name: spec.name.clone() }));
        let told = to.volume.as_ref().map(Value::to_string).unwrap_or_default();
        let answer = Effect::Answer(query, Answer::Output(output(0, &told)));
        vec![Effect::Unknown(docker::part("volume", &spec.name)), answer]
    }
}
