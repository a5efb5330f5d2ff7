//! `service`: whether a systemd unit runs, and whether it starts at boot.

use super::shared::unit::{Unit, definitions, full_name, systemctl, unit};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Manner, Observe, Resource, Seen, State, Topic},
};
use agent::wire::Op;
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Service;

/// Starts, stops, restarts or reloads a systemd unit, and sets whether it starts at boot.
///
/// `started` and `stopped` are states: nothing is done when they hold. `restarted` and `reloaded` always act, so they
/// belong into handlers. A unit that has failed is started again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The unit; without a suffix `.service` is meant.
    name: String,
    /// `started`, `stopped`, `restarted`, or `reloaded` (which restarts what cannot reload, and starts what does not run).
    state: Option<Wanted>,
    /// Whether it starts at boot. A unit without an install section (`static`) stays as it is.
    enabled: Option<bool>,
    /// Makes systemd read unit files again when they are newer than what it has loaded. Before a start or restart that
    /// is done anyway.
    #[serde(default)]
    daemon_reload: bool,
}

#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    Started,
    Stopped,
    Restarted,
    Reloaded,
}

pub struct ServiceState {
    name: String,
    unit: Unit,
    /// The word that is shown for the run state, where the task is about it.
    run: Option<String>,
    boot: Option<String>,
    /// The definition, where the task is about it.
    definition: Option<&'static str>,
}

impl State for ServiceState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        let mut add = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                facets.insert(name.into(), value.into());
            }
        };
        add("definition", self.definition);
        add("at boot", self.boot.as_deref());
        add("state", self.run.as_deref());
        facets
    }
}

impl Resource for Service {
    const NAME: &'static str = "service";
    const TOPIC: Topic = Topic::System;
    const MANNER: Manner = Manner::StateBut("`state: restarted` and `state: reloaded` act each time.");
    const EXAMPLE: &'static str =
        "name: Docker runs\nservice:\n  name: docker\n  state: started\n  enabled: true\n";
    type Spec = Spec;
    type State = ServiceState;

    fn address(spec: &Spec) -> Option<Address> {
        let name = full_name(&spec.name).ok()?;
        match spec.state {
            Some(Wanted::Started | Wanted::Stopped) => Some(Address(format!("service:{name}"))),
            _ => None,
        }
    }

    fn footprint(spec: &Spec) -> Footprint {
        let name = full_name(&spec.name).unwrap_or_else(|_| spec.name.clone());
        // Docker is one that others see through: its daemon is not there while the unit does not run.
        let docker = matches!(name.as_str(), "docker.service" | "docker.socket").then_some(Area::Docker);
        Footprint::writes([Area::Unit(name.clone())].into_iter().chain(docker))
            .and_reads([Area::Packages])
            .and_reads(definitions(&name))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<ServiceState> {
        let name = full_name(&spec.name)?;
        let unit = unit(seen, &name)?;
        let wants_it = !matches!(spec.state, None | Some(Wanted::Stopped)) || spec.enabled == Some(true);
        if !unit.found && wants_it {
            seen.presume(format!("the host has no unit `{name}`"))?;
        }
        let run = spec.state.map(|_| unit.run_word().to_string());
        let boot = spec.enabled.map(|_| unit.boot_word().to_string());
        let definition =
            spec.daemon_reload.then_some(if unit.needs_reload { "changed on disk" } else { "loaded" });
        Ok(ServiceState { name, unit, run, boot, definition })
    }

    fn desired(spec: &Spec, observed: &ServiceState) -> Result<ServiceState, Fault> {
        let unit = &observed.unit;
        let run = spec.state.map(|wanted| match wanted {
            Wanted::Started => "running",
            Wanted::Stopped if unit.runs() => "stopped",
            // A unit that has failed does not run: that is what was asked for.
            Wanted::Stopped => unit.run_word(),
            Wanted::Restarted => "restarted",
            Wanted::Reloaded => "reloaded",
        });
        let boot = match spec.enabled {
            Some(enabled) => Some(unit.boot_wanted(&observed.name, enabled)?.to_string()),
            None => None,
        };
        let mut after = Unit { found: true, ..unit.clone() };
        if let Some(boot) = &boot {
            after.file_state.clone_from(boot);
        }
        match spec.state {
            Some(Wanted::Stopped) if unit.runs() => after.active = "inactive".into(),
            Some(Wanted::Started | Wanted::Restarted | Wanted::Reloaded) => after.active = "active".into(),
            _ => {}
        }
        after.needs_reload &= !(spec.daemon_reload || after.active == "active");
        Ok(ServiceState {
            name: observed.name.clone(),
            run: run.map(Into::into),
            boot,
            definition: spec.daemon_reload.then_some("loaded"),
            unit: after,
        })
    }

    fn ops(spec: &Spec, from: &ServiceState, to: &ServiceState) -> Vec<Op> {
        let name = Some(from.name.as_str());
        let mut ops = vec![];
        if from.boot != to.boot {
            let verb = if to.boot.as_deref() == Some("enabled") { "enable" } else { "disable" };
            ops.push(systemctl(verb, name));
        }
        if from.run != to.run {
            if from.unit.active == "failed" {
                // Also forgets that it was started too often, which would refuse a start.
                ops.push(systemctl("reset-failed", name));
            }
            ops.push(match spec.state {
                Some(Wanted::Stopped) => systemctl("stop", name),
                Some(Wanted::Restarted) => systemctl("restart", name),
                Some(Wanted::Reloaded) => systemctl("reload-or-restart", name),
                _ => systemctl("start", name),
            });
        }
        let starts = from.run != to.run && spec.state != Some(Wanted::Stopped);
        if from.definition != to.definition || from.unit.needs_reload && starts {
            ops.insert(0, systemctl("daemon-reload", None));
        }
        ops
    }

    fn effects(_: &Spec, _: &ServiceState, to: &ServiceState, _: &[Op]) -> Vec<Effect> {
        vec![to.unit.effect(&to.name)]
    }

    fn acts(spec: &Spec) -> bool {
        matches!(spec.state, Some(Wanted::Restarted | Wanted::Reloaded))
    }
}
