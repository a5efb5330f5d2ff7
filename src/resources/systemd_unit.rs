//! `systemd_unit`: a unit file of one's own, loaded, enabled and started as one change.

use super::shared::unit::{Unit, definitions, full_name, systemctl, unit, unit_query};
use crate::{
    model::{Address, Area, Footprint},
    resource::{
        Effect, Facet, Facets, Fault, Observe, Resource, Seen, SourceParam, State, Topic, file_query,
    },
    yaml::Text,
};
use agent::{
    secret::Content,
    wire::{Attrs, Op, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an administrator's units are.
const FOLDER: &str = "/etc/systemd/system";
/// Bytes; no unit file is larger.
const LIMIT: u64 = 1 << 20;

pub struct SystemdUnit;

/// Writes a unit file to `/etc/systemd/system` and makes systemd follow it: reload, enable, start, all as one change.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Full name: `backup.service`, `backup.timer`.
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

pub struct UnitFile {
    content: Option<Content>,
    /// Mode, owner and group.
    attrs: String,
    unit: Unit,
    boot: Option<String>,
    run: Option<String>,
}

impl State for UnitFile {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
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
    const EXAMPLE: &'static str = "name: A unit of our own\nsystemd_unit:\n  name: hello.service\n  enabled: true\n  content: |\n    [Service]\n    \
        ExecStart=/bin/echo hello\n    [Install]\n    WantedBy=multi-user.target\n";
    const SOURCES: &'static [SourceParam] =
        &[SourceParam { key: "src", folder: "templates", render: true, into: "content" }];
    type Spec = Spec;
    type State = UnitFile;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("path:{}", path(spec))))
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([Area::Path(path(spec)), Area::Unit(spec.name.clone())])
            .and_reads([Area::Packages, Area::Accounts])
            .and_reads(definitions(&spec.name).into_iter().skip(1))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<UnitFile> {
        if full_name(&spec.name)? != spec.name {
            let fault = Fault::new(format!("`{}` is not the full name of a unit", spec.name));
            return Err(fault.hint(format!("write `{}.service`", spec.name)).into());
        }
        let path = path(spec);
        let secret = spec.content.as_ref().is_some_and(Text::is_secret);
        let read = Query::Read { path: path.clone(), limit: LIMIT, secret };
        seen.all([read, file_query(&path), unit_query(&spec.name)])?;
        let meta = seen.meta(&path)?;
        let unit = unit(seen, &spec.name)?;
        Ok(UnitFile {
            content: seen.content(&path, LIMIT, secret)?,
            attrs: meta
                .map_or(String::new(), |meta| format!("{:04o} {} {}", meta.mode, meta.owner, meta.group)),
            boot: spec.enabled.map(|_| unit.boot_word().into()),
            run: spec.started.map(|_| unit.run_word().into()),
            unit,
        })
    }

    fn desired(spec: &Spec, observed: &UnitFile) -> Result<UnitFile, Fault> {
        let gone = Unit { active: "inactive".into(), ..Unit::default() };
        if spec.state == Wanted::Absent {
            return Ok(UnitFile { content: None, attrs: String::new(), unit: gone, boot: None, run: None });
        }
        let Some(Text(content)) = &spec.content else {
            return Err(Fault::new(format!("no content for unit `{}`", spec.name))
                .hint("give `content` or `src`, or `state: absent`"));
        };
        let text = String::from_utf8_lossy(content.bytes());
        let installs = text.lines().any(|line| line.trim() == "[Install]");
        if spec.enabled == Some(true) && !installs {
            return Err(Fault::new(format!("unit `{}` cannot be enabled", spec.name))
                .hint("it has no [Install] section: add one with `WantedBy=`"));
        }
        // A file that takes the place of a packaged one brings its own install section.
        let known = Unit { file_state: observed.unit.file_state.replace("static", "disabled"), ..gone };
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
        if let Some(boot) = &boot {
            unit.file_state.clone_from(boot);
        }
        if run != observed.run {
            unit.active = if spec.started == Some(true) { "active" } else { "inactive" }.into();
        }
        let attrs = format!("{:04o} root root", mode(content));
        Ok(UnitFile { content: Some(content.clone()), attrs, unit, boot, run })
    }

    fn ops(spec: &Spec, from: &UnitFile, to: &UnitFile) -> Vec<Op> {
        let (path, name) = (path(spec), Some(spec.name.as_str()));
        let reload = systemctl("daemon-reload", None);
        let Some(content) = &to.content else {
            if from.content.is_none() {
                return vec![];
            }
            let mut ops = vec![];
            if from.unit.found {
                // `disable --now` takes its links away too; a template or static unit has none.
                ops.extend([systemctl("stop", name), systemctl("disable", name)]);
            }
            ops.extend([Op::Remove { path, recursive: false }, reload]);
            return ops;
        };
        let digest = |state: &UnitFile| state.content.as_ref().map(Content::digest);
        let written = digest(from) != digest(to);
        let mut ops = vec![];
        if written || from.attrs != to.attrs {
            let owner = Some("root".to_string());
            let attrs = Attrs { mode: Some(mode(content)), owner: owner.clone(), group: owner };
            ops.push(if written {
                Op::WriteFile { path, content: content.clone(), attrs, check: None }
            } else {
                Op::SetAttrs { path, attrs }
            });
        }
        let redefined = written || from.unit.needs_reload;
        if redefined {
            ops.push(reload);
        }
        if from.boot != to.boot {
            let verb = if spec.enabled == Some(true) { "enable" } else { "disable" };
            ops.push(systemctl(verb, name));
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

    fn effects(spec: &Spec, _: &UnitFile, to: &UnitFile, _: &[Op]) -> Vec<Effect> {
        vec![to.unit.effect(&spec.name)]
    }
}
