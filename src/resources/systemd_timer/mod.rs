//! `systemd_timer`: a command that runs at given times.

mod files;

use super::shared::{
    unit::{Unit, systemctl, unit, unit_query},
    written_attrs,
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic, file_query},
};
use agent::{
    secret::Content,
    wire::{Attrs, Op, Probe, Query},
};
use files::{Spec, Wanted};

const FOLDER: &str = "/etc/systemd/system";
/// Bytes; no unit file is larger.
const LIMIT: u64 = 1 << 20;
const KINDS: [&str; 2] = ["timer", "service"];

pub struct SystemdTimer;

/// A unit file.
#[derive(Clone, Default, PartialEq)]
struct File {
    content: Option<Content>,
    /// Mode, owner and group.
    attrs: String,
}

/// The timer's and the service's, in this order.
pub struct Timer {
    files: [File; 2],
    timer: Unit,
    /// One of the two is newer than what is loaded.
    needs_reload: bool,
    /// What is shown of the timer; nothing of one that is not to be.
    words: Option<(String, String)>,
}

impl State for Timer {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        for (kind, file) in KINDS.iter().zip(&self.files) {
            if let Some(content) = &file.content {
                facets.insert((*kind).into(), Facet::content(content));
                facets.insert(format!("{kind} attributes"), file.attrs.as_str().into());
            }
        }
        if let Some((boot, run)) = &self.words {
            let loaded = if self.needs_reload { "older than the files" } else { "the files" };
            facets.insert("loaded".into(), loaded.into());
            facets.insert("at boot".into(), boot.as_str().into());
            facets.insert("state".into(), run.as_str().into());
        }
        facets
    }
}

fn path(spec: &Spec, kind: &str) -> String {
    format!("{FOLDER}/{}", spec.unit(kind))
}

impl Resource for SystemdTimer {
    const NAME: &'static str = "systemd_timer";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] =
        &["timer", "timer attributes", "service", "service attributes", "loaded", "at boot", "state"];
    const EXAMPLE: &'static str = "\
name: A backup every night
systemd_timer:
  name: backup
  command: /usr/local/bin/backup --quiet
  user: app
  on_calendar: \"03:15\"
  randomized_delay: 15min
  persistent: true
";
    const CONTENT: &'static [&'static str] =
        &["command", "on_calendar", "on_boot", "on_unit_active", "environment", "description"];
    type Spec = Spec;
    type State = Timer;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("path:{}", path(spec, "timer"))))
    }

    /// The service that it runs; and whether the timer runs is its own `state`.
    fn also_owns(spec: &Spec) -> Vec<Address> {
        let own = [format!("path:{}", path(spec, "service")), format!("service:{}", spec.unit("timer"))];
        own.map(Address).into()
    }

    fn footprint(spec: &Spec) -> Footprint {
        let paths = KINDS.map(|kind| Area::Path(path(spec, kind)));
        let units = KINDS.map(|kind| Area::Unit(spec.unit(kind)));
        let dropped_in = KINDS.map(|kind| Area::Path(format!("{}.d", path(spec, kind))));
        Footprint::writes(paths.into_iter().chain(units))
            .and_reads([Area::Packages, Area::Accounts].into_iter().chain(dropped_in))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Timer> {
        spec.check()?;
        let read = |kind| Query::Read { path: path(spec, kind), limit: LIMIT, secret: false };
        let spans: Vec<String> = spec.spans().into_iter().map(|(_, span)| span.clone()).collect();
        let times = Probe::Timers { calendar: spec.on_calendar.0.clone(), spans };
        let present = spec.state != Wanted::Absent;
        let files =
            KINDS.map(|kind| [read(kind), file_query(&path(spec, kind)), unit_query(&spec.unit(kind))]);
        seen.each(files.into_iter().flatten().chain(present.then(|| Query::Run(times.clone()))))?;
        if present {
            let said = seen.run(times)?;
            if said.code == 1 {
                let words = String::from_utf8_lossy(said.stdout.bytes()).trim().to_string();
                let fault = Fault::new(format!("systemd would not take these times: {words}"));
                return Err(fault.hint("`daily`, `Mon..Fri 03:15`, `10min`: see systemd.time(7)").into());
            }
        }
        let file = |kind| -> Observe<File> {
            let meta = seen.meta(&path(spec, kind))?;
            let attrs = meta.as_ref().map(written_attrs);
            let content = seen.content(&path(spec, kind), LIMIT, false)?;
            Ok(File { content, attrs: attrs.unwrap_or_default() })
        };
        let (timer, service) = (unit(seen, &spec.unit("timer"))?, unit(seen, &spec.unit("service"))?);
        let files = [file("timer")?, file("service")?];
        let needs_reload = timer.needs_reload || service.needs_reload;
        let words = files[0].content.is_some().then(|| (timer.boot_word().into(), timer.run_word().into()));
        Ok(Timer { files, timer, needs_reload, words })
    }

    fn desired(spec: &Spec, observed: &Timer) -> Result<Timer, Fault> {
        let gone = Unit { active: "inactive".into(), ..Unit::default() };
        if spec.state == Wanted::Absent {
            return Ok(Timer { files: Default::default(), timer: gone, needs_reload: false, words: None });
        }
        let texts = [spec.timer(), spec.service()];
        let files = texts
            .map(|text| File { content: Some(Content::from(text.as_str())), attrs: "0644 root root".into() });
        // The file brings an install section, whatever was there before.
        let known = Unit { file_state: observed.timer.state_with_own_file(), ..gone };
        let boot = known.boot_wanted(&spec.unit("timer"), spec.enabled)?.to_string();
        let runs = spec.state == Wanted::Started;
        let run = match (runs, observed.timer.runs()) {
            (true, _) => "running",
            (false, true) => "stopped",
            (false, false) => observed.timer.run_word(),
        };
        let timer = Unit {
            found: true,
            active: if runs { "active" } else { "inactive" }.into(),
            file_state: boot.clone(),
            needs_reload: false,
            link: None,
        };
        Ok(Timer { files, timer, needs_reload: false, words: Some((boot, run.into())) })
    }

    fn ops(spec: &Spec, from: &Timer, to: &Timer) -> Vec<Op> {
        let timer = spec.unit("timer");
        let name = Some(timer.as_str());
        let reload = systemctl("daemon-reload", None);
        let mut ops = vec![];
        let Some((boot, run)) = &to.words else {
            let there: Vec<_> =
                KINDS.iter().zip(&from.files).filter(|(_, file)| file.content.is_some()).collect();
            if there.is_empty() {
                return vec![];
            }
            if from.timer.found && from.files[0].content.is_some() {
                ops.extend([systemctl("stop", name), systemctl("disable", name)]);
            }
            ops.extend(there.iter().map(|(kind, _)| Op::Remove { path: path(spec, kind), recursive: false }));
            ops.push(reload);
            return ops;
        };
        let mut written = [false; 2];
        for (at, kind) in KINDS.iter().enumerate() {
            let (before, after) = (&from.files[at], &to.files[at]);
            let Some(content) = after.content.as_ref().filter(|_| before != after) else { continue };
            let owner = Some("root".to_string());
            let attrs = Attrs { mode: Some(0o644), owner: owner.clone(), group: owner };
            let path = path(spec, kind);
            written[at] = before.content != after.content;
            ops.push(match written[at] {
                true => Op::WriteFile { path, content: content.clone(), attrs, check: None },
                false => Op::SetAttrs { path, attrs },
            });
        }
        let redefined = written[0] || from.timer.needs_reload;
        if written.contains(&true) || from.needs_reload {
            ops.push(reload);
        }
        let before = from.words.as_ref();
        if before.map(|(boot, _)| boot) != Some(boot) {
            let own = Unit { link: None, ..from.timer.clone() };
            ops.extend(own.boot_ops(&timer, spec.enabled));
        }
        if before.map(|(_, run)| run) != Some(run) {
            if from.timer.active == "failed" {
                ops.push(systemctl("reset-failed", name));
            }
            ops.push(systemctl(if run == "running" { "start" } else { "stop" }, name));
        } else if redefined && from.timer.runs() {
            // It counts by its new times from then on.
            ops.push(systemctl("try-restart", name));
        }
        ops
    }

    fn effects(spec: &Spec, _: &Timer, to: &Timer, _: &[Op]) -> Vec<Effect> {
        let found = to.timer.found;
        let service = Unit {
            found,
            active: "inactive".into(),
            file_state: if found { "static".into() } else { String::new() },
            needs_reload: false,
            link: None,
        };
        vec![to.timer.effect(&spec.unit("timer")), service.effect(&spec.unit("service"))]
    }
}
