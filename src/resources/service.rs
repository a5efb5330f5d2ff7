//! `service`: whether a systemd unit runs, whether it starts at boot, and whether it may start at all.

use super::shared::{
    unit::{self, Account, Unit, definitions, full_name, masked, missing, run, unit, unit_query},
    way_in::{self, Loss},
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Manner, Observe, Resource, Seen, State, Topic, Untold, file_query},
};
use agent::wire::{Kind, Op};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Service;

/// Starts, stops, restarts or reloads a systemd unit, and sets whether it starts at boot, or may start at all.
///
/// `started` and `stopped` are states: nothing is done when they hold. `restarted` and `reloaded` always act, so they
/// belong into handlers. A unit that has failed is started again. Where an earlier task is to bring the unit, what is left to do is decided
/// in the run: a package may start and enable what it brings.
///
/// The service of ssh that the connection came by is neither stopped, disabled nor masked where nothing would listen in its place. Where its
/// socket does (or the service, in place of the socket), stopping it comes back by itself unless a new connection could be made. Restarting
/// or reloading it takes back what has been changed of its configuration (`/etc/ssh`, `.ssh` of the login, its unit files) unless one could be
/// made.
///
/// So it is with `networking`, `systemd-networkd` and `NetworkManager`: the one that alone looks after the interface that the connection came
/// by is neither stopped, disabled nor masked, and to start, restart, reload or stop one takes itself back, with what has been changed of the
/// network's configuration, unless a new connection could be made. `docs/way-back.md` has the whole of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The unit; without a suffix `.service` is meant.
    name: String,
    /// Whose unit it is: of the machine (`system`), or of the manager of whom the task runs as (`user`, with `become_user`). That manager
    /// must run: while the account is logged in, or from boot on where it lingers (`loginctl enable-linger`). Default: `system`.
    #[serde(default)]
    scope: Scope,
    /// `started`, `stopped`, `restarted`, or `reloaded` (which restarts what cannot reload, and starts what does not run).
    /// Default: as it is.
    state: Option<Wanted>,
    /// Whether it starts at boot. A unit without an install section (`static`) stays as it is; one whose section only names others (`Also=`)
    /// is enabled when these are (of a user's, it stays as it is). A unit file that was linked into `/etc/systemd/system`, or into a user's
    /// `~/.config/systemd/user`, stays linked when it is disabled. What is enabled until the next boot alone counts as neither. Default: as
    /// it is.
    enabled: Option<bool>,
    /// `true`: nothing can start it, by hand, at boot or as what another unit needs, until `false` says that it may. It goes on running
    /// unless `state: stopped` stands beside it. The unit need not be there yet, so that a package does not start it.
    /// Default: as it is.
    masked: Option<bool>,
    /// Makes systemd read unit files again when they are newer than what it has loaded. Before a start or restart that
    /// is done anyway.
    #[serde(default)]
    daemon_reload: bool,
    /// Seconds until what was done to the service of ssh, or to one of the network, is taken back when no new connection could be made.
    #[serde(default = "way_in::minute")]
    confirm_within: u32,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Scope {
    #[default]
    System,
    User,
}

#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    Started,
    Stopped,
    Restarted,
    Reloaded,
}

impl Spec {
    fn is_users(&self) -> bool {
        self.scope == Scope::User
    }

    fn starts(&self) -> bool {
        !matches!(self.state, None | Some(Wanted::Stopped))
    }

    fn check(&self) -> Result<(), Fault> {
        full_name(&self.name)?;
        if self.masked == Some(true) && (self.starts() || self.enabled == Some(true)) {
            let fault = Fault::new("`masked: true` says that it starts by no means, and the task starts it");
            return Err(fault.hint("beside `masked: true` are `state: stopped` and `enabled: false`"));
        }
        if self.masked == Some(true) && self.daemon_reload {
            let fault = Fault::new("`daemon_reload` says nothing with `masked: true`");
            return Err(fault.hint("leave it out: masking has systemd read its files again"));
        }
        Ok(())
    }
}

/// Where an administrator's own file of a unit is, and its mask.
fn own_file(name: &str) -> String {
    format!("/etc/systemd/system/{name}")
}

pub struct ServiceState {
    name: String,
    unit: Unit,
    /// With `scope: user`: whose it is.
    account: Option<Account>,
    /// The word that is shown for the run state, where the task is about it.
    run: Option<String>,
    boot: Option<String>,
    masked: Option<&'static str>,
    /// The definition, where the task is about it.
    definition: Option<&'static str>,
    /// The connection came by it, and it is to be stopped or started anew; or it may take that over.
    ours: bool,
    /// The way back leaves it running.
    stays: bool,
}

impl ServiceState {
    /// `systemctl VERB [UNIT]`, told to the manager that has the unit; `options` come before.
    fn ctl(&self, options: &[&str], verb: &str, unit: Option<&str>) -> Op {
        let user = self.account.as_ref().map(|_| "--user");
        let words = ["systemctl"].into_iter().chain(user).chain(options.iter().copied()).chain([verb]);
        let mut op = run(words.chain(unit.map(|_| "--")).chain(unit));
        if let (Op::Exec { exec, .. }, Some(account)) = (&mut op, &self.account) {
            exec.env = vec![("XDG_RUNTIME_DIR".into(), format!("/run/user/{}", account.uid).as_str().into())];
        }
        op
    }
}

/// Whether the connection stands on the unit and the task takes it away or starts it anew. Refuses what leaves no way in.
fn ours(spec: &Spec, name: &str, now: &Unit, seen: &Seen) -> Observe<bool> {
    let loss = Loss {
        stops: spec.state == Some(Wanted::Stopped) && now.runs(),
        disables: spec.enabled == Some(false) && now.boot_word() == "enabled",
        masks: spec.masked == Some(true) && now.masked_word() == "no",
    };
    let starts = spec.state == Some(Wanted::Started) && !now.runs();
    Ok(way_in::guard(name, loss, seen)?
        || Service::acts(spec) && way_in::is_ours(name, seen)?
        || starts && way_in::takes_over(name, seen)?)
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
        add("masked", self.masked);
        add("at boot", self.boot.as_deref());
        add("state", self.run.as_deref());
        facets
    }
}

impl Resource for Service {
    const NAME: &'static str = "service";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["definition", "masked", "at boot", "state"];
    const UNTOLD: &'static [Untold] = &[Untold::Own];
    const MANNER: Manner = Manner::StateBut("`state: restarted` and `state: reloaded` act each time.");
    const EXAMPLE: &'static str =
        "name: Docker runs\nservice:\n  name: docker\n  state: started\n  enabled: true\n";
    type Spec = Spec;
    type State = ServiceState;

    fn address(spec: &Spec) -> Option<Address> {
        let name = full_name(&spec.name).ok()?;
        match spec.state {
            // Of which account it is, the task does not say by itself.
            _ if spec.is_users() => None,
            Some(Wanted::Started | Wanted::Stopped) => Some(Address(format!("service:{name}"))),
            _ => None,
        }
    }

    fn footprint(spec: &Spec) -> Footprint {
        let name = full_name(&spec.name).unwrap_or_else(|_| spec.name.clone());
        if spec.is_users() {
            return Footprint::writes([unit::of_a_user(&name)])
                .and_reads([Area::Accounts, unit::lingering()])
                .and_reads(unit::missing_of_a_user(&name, "~"));
        }
        // Docker is one that others see through: its daemon is not there while the unit does not run.
        let docker = matches!(name.as_str(), "docker.service" | "docker.socket").then_some(Area::Docker);
        let mask = spec.masked.map(|_| Area::Path(own_file(&name)));
        // The manager of an account, which its units wait for.
        let manager = name.starts_with("user@").then(unit::lingering);
        let writes = [Area::Unit(name.clone())].into_iter().chain(docker).chain(mask).chain(manager);
        Footprint::writes(writes.chain(way_in::writes(&name)))
            .and_reads([Area::Packages])
            .and_reads(definitions(&name))
            .and_reads(way_in::reads(&name))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<ServiceState> {
        spec.check()?;
        let name = full_name(&spec.name)?;
        let masks = spec.masked == Some(true);
        let (unit, account, own) = if spec.is_users() {
            let (unit, account) = unit::users_unit(seen, &name)?;
            let own = unit::own_file_of_a_user(&name, &account.home);
            (unit, Some(account), own)
        } else {
            let own = own_file(&name);
            seen.each([unit_query(&name)].into_iter().chain(masks.then(|| file_query(&own))))?;
            (unit(seen, &name)?, None, own)
        };
        if masks && seen.meta(&own)?.is_some_and(|meta| matches!(meta.kind, Kind::File { .. })) {
            let fault = Fault::new(format!("unit `{name}` cannot be masked: its own file is at {own}"));
            let remove = if spec.is_users() { "file" } else { "systemd_unit" };
            let hint = format!(
                "the mask would be there: remove the file, `{remove}: {{state: absent}}`, or stop and disable the unit"
            );
            return Err(fault.hint(hint).into());
        }
        let ours = !spec.is_users() && ours(spec, &name, &unit, seen)?;
        let stays = unit.runs() || ours && spec.starts() && !way_in::may_be_stopped(&name, seen)?;
        // Whatever brings the unit may also start it, and enable it, as packages of Debian do. What is not there neither runs nor starts.
        let wants_it = spec.starts() || spec.enabled == Some(true);
        let wants_none = spec.state == Some(Wanted::Stopped) || spec.enabled == Some(false);
        let why = || format!("the host has no unit `{name}`");
        let missing = match &account {
            Some(account) => unit::missing_of_a_user(&name, &account.home),
            None => missing(&name),
        };
        if !unit.found && (wants_it || wants_none && seen.presume(&missing, why()).is_ok()) {
            return Err(seen.lacks(&missing, why()));
        }
        let run = spec.state.map(|_| unit.run_word().to_string());
        // Of what is masked, systemd does not say whether it is enabled besides.
        let boot = spec.enabled.filter(|_| spec.masked != Some(true)).map(|_| unit.boot_word().to_string());
        let definition =
            spec.daemon_reload.then_some(if unit.needs_reload { "changed on disk" } else { "loaded" });
        let masked = spec.masked.map(|_| unit.masked_word());
        Ok(ServiceState { name, unit, account, run, boot, masked, definition, ours, stays })
    }

    fn desired(spec: &Spec, observed: &ServiceState) -> Result<ServiceState, Fault> {
        let mut unit = observed.unit.clone();
        if unit.masked_word() != "no" {
            match spec.masked {
                // What it will be then is told by whether it was enabled before it was masked: nobody knows.
                Some(false) => unit.file_state = "disabled".into(),
                None if spec.starts() || spec.enabled == Some(true) => {
                    return Err(masked(&observed.name, spec.is_users()));
                }
                _ => {}
            }
        }
        let unit = &unit;
        let run = spec.state.map(|wanted| match wanted {
            Wanted::Started => "running",
            Wanted::Stopped if unit.runs() => "stopped",
            // A unit that has failed does not run: that is what was asked for.
            Wanted::Stopped => unit.run_word(),
            Wanted::Restarted => "restarted",
            Wanted::Reloaded => "reloaded",
        });
        let boot = match spec.enabled {
            _ if observed.boot.is_none() => None,
            Some(enabled) => Some(unit.boot_wanted(&observed.name, enabled)?.to_string()),
            None => None,
        };
        let mut after = Unit { found: true, ..unit.clone() };
        if let Some(boot) = boot.as_ref().filter(|_| boot != observed.boot) {
            after.file_state.clone_from(boot);
        }
        if spec.masked == Some(true) {
            after.file_state = "masked".into();
        }
        match spec.state {
            Some(Wanted::Stopped) if unit.runs() => after.active = "inactive".into(),
            Some(Wanted::Started | Wanted::Restarted | Wanted::Reloaded) => after.active = "active".into(),
            _ => {}
        }
        after.needs_reload &= !(spec.daemon_reload || after.active == "active");
        Ok(ServiceState {
            name: observed.name.clone(),
            account: observed.account.clone(),
            run: run.map(Into::into),
            boot,
            masked: spec.masked.map(|masked| if masked { "yes" } else { "no" }),
            definition: spec.daemon_reload.then_some("loaded"),
            unit: after,
            ours: observed.ours,
            stays: observed.stays,
        })
    }

    fn ops(spec: &Spec, from: &ServiceState, to: &ServiceState) -> Vec<Op> {
        let name = Some(from.name.as_str());
        let systemctl = |verb: &str, unit: Option<&str>| from.ctl(&[], verb, unit);
        let mut ops = vec![];
        if from.ours && from.run != to.run {
            let revert = match spec.state {
                Some(Wanted::Stopped) => vec![systemctl("start", name)],
                _ => way_in::as_before(&from.name, from.stays),
            };
            // Nor may it start at the next boot.
            let enables = from.boot != to.boot && spec.enabled == Some(true) && !from.unit.runs();
            let disable = enables.then(|| from.unit.disable_ops(&from.name));
            let unmasks = from.masked != to.masked && spec.masked == Some(false);
            let mask = unmasks.then(|| systemctl("mask", name));
            let revert = disable.into_iter().flatten().chain(mask).chain(revert).collect();
            let token = way_in::token(&from.name);
            ops.push(Op::Arm { token, seconds: spec.confirm_within, revert });
        }
        let unmasks = from.masked != to.masked && spec.masked == Some(false);
        if unmasks {
            ops.push(systemctl("unmask", name));
            ops.push(from.ctl(&["--runtime"], "unmask", name));
        }
        if from.masked != to.masked && spec.masked == Some(true) {
            if spec.enabled == Some(false) && from.unit.boot_word() == "enabled" {
                ops.push(systemctl("disable", name));
            }
            ops.push(systemctl("mask", name));
        }
        // What was enabled before it was masked is so again.
        if from.boot != to.boot || unmasks && spec.enabled == Some(false) {
            let ctl = |options: &[&str], verb: &str, unit: &str| from.ctl(options, verb, Some(unit));
            ops.extend(from.unit.boot_ops_by(&from.name, spec.enabled == Some(true), ctl));
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

    fn effects(spec: &Spec, from: &ServiceState, to: &ServiceState, _: &[Op]) -> Vec<Effect> {
        if spec.is_users() {
            // An answer would be one for all accounts.
            return vec![Effect::Unknown(unit::of_a_user(&to.name))];
        }
        let mask = (from.masked != to.masked).then(|| Effect::Unknown(Area::Path(own_file(&to.name))));
        // What it looks after then, it says once it is started.
        let carried = way_in::writes(&to.name).filter(|_| from.run != to.run).map(Effect::Unknown);
        [to.unit.effect(&to.name)].into_iter().chain(mask).chain(carried).collect()
    }

    fn acts(spec: &Spec) -> bool {
        matches!(spec.state, Some(Wanted::Restarted | Wanted::Reloaded))
    }
}
