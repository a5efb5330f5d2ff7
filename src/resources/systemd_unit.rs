//! `systemd_unit`: a unit file of one's own, loaded, enabled and started as one change.

use super::shared::{
    FileState, armed,
    unit::{Unit, definitions, full_name, systemctl, unit, unit_query},
    unit_claim,
    way_in::{self, Loss},
    written_attrs,
};
use crate::{
    model::{Address, Area, Claim, Footprint},
    resource::{
        Effect, Facet, Facets, Fault, Observe, Resource, Seen, SourceParam, State, Topic, Untold, file_query,
    },
    yaml::Text,
};
use agent::{
    secret::Content,
    wire::{Attrs, Meta, Op, Probe, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an administrator's units are.
const FOLDER: &str = "/etc/systemd/system";
/// Bytes; no unit file is larger.
const LIMIT: u64 = 1 << 20;

pub struct SystemdUnit;

/// Writes a unit file to `/etc/systemd/system` and makes systemd follow it: reload, enable, start, all as one change.
///
/// Of a template (`worker@.service`) systemd reads the file again; its instances are started and restarted by `service`.
///
/// Where it is the unit that ssh comes in by (`ssh.service`, `ssh.socket`, `ssh@.service`, ...) and the connection came by ssh, the old file comes
/// back by itself unless a new connection could be made. It is neither stopped nor disabled where nothing would listen in its place. So it is
/// with the units of the network, also with one that is started (`docs/way-back.md`).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Full name: `backup.service`, `backup.timer`, `worker@.service`.
    name: String,
    /// Text of the unit file. Or give `src`, a template.
    content: Option<Text>,
    /// `present` (default), or `absent`: stopped, disabled and removed.
    #[serde(default)]
    state: Wanted,
    /// Whether it starts at boot. Needs an `[Install]` section. Default: as it is.
    enabled: Option<bool>,
    /// Whether it runs. Default: as it is.
    started: Option<bool>,
    /// Restart it when its file has changed while it runs. Default: true.
    #[serde(default = "yes")]
    restart_on_change: bool,
    /// Seconds until what was done to the unit of ssh, or of the network, is taken back when no new connection could be made.
    #[serde(default = "way_in::minute")]
    confirm_within: u32,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    #[default]
    Present,
    Absent,
}

impl Spec {
    fn is_template(&self) -> bool {
        self.name.contains("@.")
    }

    /// What can be told without asking the host.
    fn check(&self) -> Result<(), Fault> {
        if full_name(&self.name)? != self.name {
            let fault = Fault::new(format!("`{}` is not the full name of a unit", self.name));
            return Err(fault.hint(format!("write `{}.service`", self.name)));
        }
        if self.is_template() && (self.enabled.is_some() || self.started.is_some()) {
            let fault = Fault::new(format!("`{}` is a template: only its instances run", self.name));
            let instance = self.name.replace("@.", "@NAME.");
            return Err(fault.hint(format!("`service: {{name: {instance}, state: started, enabled: true}}`")));
        }
        Ok(())
    }

    fn token(&self) -> String {
        armed::token("unit", &self.name)
    }
}

#[derive(Clone)]
pub struct UnitFile {
    content: Option<Content>,
    meta: Option<Meta>,
    /// Mode, owner and group.
    attrs: String,
    unit: Unit,
    boot: Option<String>,
    run: Option<String>,
    /// The connection may have come by it, or it may take that over as it starts.
    ours: bool,
    /// The way back leaves it running.
    stays: bool,
    /// Whether the last change was confirmed; `None` when there is no doubt.
    confirmed: Option<bool>,
}

impl State for UnitFile {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if let Some(confirmed) = self.confirmed {
            facets.insert("confirmed".into(), armed::word(confirmed).into());
        }
        let Some(content) = &self.content else { return facets };
        facets.insert("content".into(), Facet::content(content));
        facets.insert("attributes".into(), self.attrs.as_str().into());
        let definition = if self.unit.needs_reload { "older than the file" } else { "the file" };
        facets.insert("loaded".into(), definition.into());
        if let Some(boot) = &self.boot {
            facets.insert("at boot".into(), boot.as_str().into());
        }
        if let Some(run) = &self.run {
            facets.insert("state".into(), run.as_str().into());
        }
        facets
    }
}

fn path(spec: &Spec) -> String {
    format!("{FOLDER}/{}", spec.name)
}

fn mode(content: &Content) -> u32 {
    if content.is_secret() { 0o600 } else { 0o644 }
}

impl Resource for SystemdUnit {
    const NAME: &'static str = "systemd_unit";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] =
        &["content", "attributes", "loaded", "at boot", "state", "confirmed"];
    const EXAMPLE: &'static str = "name: A unit of our own\nsystemd_unit:\n  name: hello.service\n  enabled: true\n  content: |\n    [Service]\n    \
        ExecStart=/bin/echo hello\n    [Install]\n    WantedBy=multi-user.target\n";
    const SOURCES: &'static [SourceParam] =
        &[SourceParam { key: "src", folder: "templates", render: true, into: "content" }];
    const UNTOLD: &'static [Untold] = &[Untold::Own];
    const CONTENT: &'static [&'static str] = &["content", "enabled", "started"];
    type Spec = Spec;
    type State = UnitFile;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("path:{}", path(spec))))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let own = [Area::Path(path(spec)), Area::Unit(spec.name.clone())];
        Footprint::writes(own.into_iter().chain(way_in::writes(&spec.name)))
            .and_reads([Area::Packages, Area::Accounts])
            .and_reads(definitions(&spec.name).into_iter().skip(1))
            .and_reads(way_in::reads(&spec.name))
    }

    fn claims(spec: &Spec, _: &Seen) -> Observe<Vec<Claim>> {
        let Some(content) = spec.content.as_ref().filter(|_| spec.state == Wanted::Present) else {
            return Ok(vec![]);
        };
        let secret = unit_claim(&path(spec)).filter(|_| content.is_secret());
        let text = String::from_utf8_lossy(content.bytes()).into_owned();
        let mount = text.lines().filter_map(|line| line.trim().strip_prefix("Where=")).next();
        let mount = mount
            .filter(|_| spec.name.ends_with(".mount"))
            .map(|path| Claim::Mount { path: path.trim().to_string(), now: spec.started == Some(true) });
        Ok(mount.into_iter().chain(secret).collect())
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<UnitFile> {
        spec.check()?;
        let path = path(spec);
        let secret = spec.content.as_ref().is_some_and(Text::is_secret);
        let read = Query::Read { path: path.clone(), limit: LIMIT, secret };
        let own = (!spec.is_template()).then(|| unit_query(&spec.name));
        let beside = way_in::beside(&spec.name);
        let looks = way_in::is_one(&spec.name)
            .then(|| [Query::Run(Probe::BySsh), Query::Run(Probe::Unconfirmed { token: spec.token() })]);
        let looks = looks.into_iter().flatten().chain(beside.iter().map(|beside| unit_query(beside)));
        seen.each([read, file_query(&path)].into_iter().chain(own).chain(looks))?;
        let meta = seen.meta(&path)?;
        let content = seen.content(&path, LIMIT, secret)?;
        let unit = match spec.is_template() {
            true => Unit { active: "inactive".into(), ..Unit::default() },
            false => unit(seen, &spec.name)?,
        };
        let goes = spec.state == Wanted::Absent && content.is_some();
        let loss = Loss {
            stops: unit.runs() && (goes || spec.started == Some(false)),
            disables: unit.boot_word() == "enabled" && (goes || spec.enabled == Some(false)),
            masks: false,
        };
        way_in::guard(&spec.name, loss, seen)?;
        let mut ours = way_in::is_ours(&spec.name, seen)?;
        if ours && !spec.is_template() && !unit.runs() {
            ours = false;
            for beside in &beside {
                ours |= self::unit(seen, beside)?.runs();
            }
        }
        let starts = spec.state == Wanted::Present && spec.started == Some(true) && !unit.runs();
        let takes = starts && way_in::takes_over(&spec.name, seen)?;
        let stays = unit.runs() || takes && !way_in::may_be_stopped(&spec.name, seen)?;
        let ours = ours || takes;
        Ok(UnitFile {
            attrs: meta.as_ref().map_or(String::new(), written_attrs),
            content,
            meta,
            boot: spec.enabled.map(|_| unit.boot_word().into()),
            run: spec.started.map(|_| unit.run_word().into()),
            unit,
            confirmed: if ours { armed::confirmed(&spec.token(), seen)? } else { None },
            ours,
            stays,
        })
    }

    fn desired(spec: &Spec, observed: &UnitFile) -> Result<UnitFile, Fault> {
        let gone = Unit { active: "inactive".into(), ..Unit::default() };
        let confirmed = observed.confirmed.map(|_| true);
        let observed = &UnitFile { confirmed, ..observed.clone() };
        if spec.state == Wanted::Absent {
            let (content, attrs) = (None, String::new());
            return Ok(UnitFile { content, attrs, unit: gone, boot: None, run: None, ..observed.clone() });
        }
        let Some(Text(content)) = &spec.content else {
            return Err(Fault::new(format!("no content for unit `{}`", spec.name))
                .hint("give `content` or `src`, or `state: absent`"));
        };
        let is_new = observed.content.as_ref().map(Content::digest) != Some(content.digest());
        let redefined = is_new || observed.unit.needs_reload;
        if observed.ours && observed.unit.runs() && redefined && !spec.restart_on_change {
            let fault = Fault::new(format!(
                "`{}` would be tried in its new form only later, and we are connected by it",
                spec.name
            ));
            return Err(fault.hint(
                "leave `restart_on_change` out: after a restart that lets in nobody the old file comes back by itself",
            ));
        }
        let text = String::from_utf8_lossy(content.bytes());
        let installs = text.lines().any(|line| line.trim() == "[Install]");
        if spec.enabled == Some(true) && !installs {
            return Err(Fault::new(format!("unit `{}` cannot be enabled", spec.name))
                .hint("it has no [Install] section: add one with `WantedBy=`"));
        }
        // A file that takes the place of a packaged one brings its own install section.
        let known = match is_new {
            true => observed.unit.state_with_own_file(),
            false => observed.unit.file_state.replace("static", "disabled"),
        };
        let known = Unit { file_state: known, ..gone };
        let mut unit = Unit { found: true, needs_reload: false, ..observed.unit.clone() };
        let boot = match spec.enabled {
            Some(enabled) if installs => Some(known.boot_wanted(&spec.name, enabled)?.to_string()),
            Some(_) => observed.boot.clone(),
            None => None,
        };
        let run = match spec.started {
            Some(true) => Some("running".to_string()),
            Some(false) if unit.runs() => Some("stopped".to_string()),
            _ => observed.run.clone(),
        };
        if let Some(boot) = boot.as_ref().filter(|_| boot != observed.boot) {
            unit.file_state.clone_from(boot);
        }
        if run != observed.run {
            unit.active = if spec.started == Some(true) { "active" } else { "inactive" }.into();
        }
        let attrs = format!("{:04o} root root", mode(content));
        Ok(UnitFile { content: Some(content.clone()), attrs, unit, boot, run, ..observed.clone() })
    }

    fn ops(spec: &Spec, from: &UnitFile, to: &UnitFile) -> Vec<Op> {
        let (path, name) = (path(spec), Some(spec.name.as_str()));
        let reload = systemctl("daemon-reload", None);
        let Some(content) = &to.content else {
            if from.content.is_none() {
                return arm(spec, from, to, false).into_iter().collect();
            }
            let mut ops: Vec<Op> = arm(spec, from, to, true).into_iter().collect();
            if from.unit.found {
                // `disable --now` takes its links away too; a template or static unit has none.
                ops.extend([systemctl("stop", name), systemctl("disable", name)]);
            }
            ops.extend([Op::Remove { path, recursive: false }, reload]);
            return ops;
        };
        let digest = |state: &UnitFile| state.content.as_ref().map(Content::digest);
        let written = digest(from) != digest(to);
        let redefined = written || from.unit.needs_reload;
        let turns = from.unit.runs() != to.unit.runs();
        let mut ops: Vec<Op> = arm(spec, from, to, redefined || turns).into_iter().collect();
        if written || from.attrs != to.attrs {
            let owner = Some("root".to_string());
            let attrs = Attrs { mode: Some(mode(content)), owner: owner.clone(), group: owner };
            ops.push(if written {
                Op::WriteFile { path, content: content.clone(), attrs, check: None }
            } else {
                Op::SetAttrs { path, attrs }
            });
        }
        if redefined {
            ops.push(reload);
        }
        if from.boot != to.boot {
            let own = Unit { link: None, ..from.unit.clone() };
            ops.extend(own.boot_ops(&spec.name, spec.enabled == Some(true)));
        }
        if from.run != to.run {
            if from.unit.active == "failed" {
                ops.push(systemctl("reset-failed", name));
            }
            ops.push(systemctl(if spec.started == Some(true) { "start" } else { "stop" }, name));
        } else if redefined && spec.restart_on_change && from.unit.runs() {
            ops.push(systemctl("try-restart", name));
        }
        ops
    }

    fn effects(spec: &Spec, _: &UnitFile, to: &UnitFile, ops: &[Op]) -> Vec<Effect> {
        // Which interfaces it looks after then, it says once it is started.
        let turns = ["start", "stop", "try-restart"].map(|verb| systemctl(verb, Some(&spec.name)));
        let turns = ops.iter().any(|op| turns.contains(op));
        let carried = way_in::writes(&spec.name).filter(|_| turns).map(Effect::Unknown);
        [to.unit.effect(&spec.name)].into_iter().chain(carried).collect()
    }
}

/// Where the connection came by the unit: starts the countdown to going back to what is there.
fn arm(spec: &Spec, from: &UnitFile, to: &UnitFile, changes: bool) -> Option<Op> {
    // What is pending is taken over: nobody has confirmed it, and it must not fire into this run.
    if !from.ours || !(changes || from.confirmed.is_some()) {
        return None;
    }
    let disabled = from.unit.boot_word() == "enabled" && to.unit.boot_word() != "enabled";
    let enable = disabled.then(|| systemctl("enable", Some(&spec.name)));
    let file = FileState { content: from.content.as_ref().map(Facet::content), ..FileState::default() };
    let then = way_in::as_before(&spec.name, from.stays).into_iter().chain(enable);
    let path = path(spec);
    let mut arm = armed::arm(&spec.token(), spec.confirm_within, &path, &file, from.meta.as_ref(), then);
    // Nor may it start at the next boot. As long as there is its file: of none, systemd knows not what to take away.
    let enables = from.boot != to.boot && spec.enabled == Some(true) && !from.unit.runs();
    if let Op::Arm { revert, .. } = &mut arm {
        revert.splice(0..0, enables.then(|| systemctl("disable", Some(&spec.name))));
    }
    Some(arm)
}
