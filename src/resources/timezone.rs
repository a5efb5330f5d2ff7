//! `timezone`: the time zone of the host.

use super::shared::READ_LIMIT;
use crate::{
    model::{Address, Area, Footprint},
    resource::{Facets, Fault, Observe, Resource, Seen, State, Topic, file_query},
};
use agent::{
    secret::Content,
    wire::{Attrs, Kind, Op, Query},
};
use schemars::JsonSchema;
use serde::Deserialize;

const LINK: &str = "/etc/localtime";
const FILE: &str = "/etc/timezone";
const ZONES: &str = "/usr/share/zoneinfo";

pub struct Timezone;

/// Sets the time zone: the link `/etc/localtime`, and `/etc/timezone` where there is one.
///
/// Services that run already go on with the old zone until they are started anew.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A zone of `/usr/share/zoneinfo` (package `tzdata`): `Europe/Berlin`, `Etc/UTC`.
    name: String,
}

pub struct TimezoneState {
    /// The zone that the link names, or what else is there.
    zone: Option<String>,
    /// The first line of the file.
    file: Option<String>,
}

impl State for TimezoneState {
    fn facets(&self) -> Facets {
        let facets = [("zone", &self.zone), ("timezone file", &self.file)].into_iter();
        let there = facets.filter_map(|(name, value)| Some((name, value.as_ref()?)));
        there.map(|(name, value)| (name.into(), value.as_str().into())).collect()
    }
}

fn check(name: &str) -> Result<(), Fault> {
    let good = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
        !part.is_empty() && part.chars().all(plain) && !part.starts_with('-')
    };
    if name.split('/').all(good) {
        return Ok(());
    }
    let fault = Fault::new(format!("`{}` cannot be the name of a time zone", name.escape_debug()));
    Err(fault.hint("a name such as `Europe/Berlin`; `timedatectl list-timezones` prints all"))
}

/// The zone that a link to `target` means; the target itself where it leads elsewhere.
fn zone_of(target: &str) -> String {
    let zone = target.strip_prefix(ZONES).or_else(|| target.strip_prefix(&format!("..{ZONES}")));
    zone.and_then(|zone| zone.strip_prefix('/')).unwrap_or(target).into()
}

impl Resource for Timezone {
    const NAME: &'static str = "timezone";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["zone", "timezone file"];
    const EXAMPLE: &'static str = "name: Logs tell our time\ntimezone:\n  name: Europe/Berlin\n";
    const FREE: Option<&'static str> = Some("name");
    const CONTENT: &'static [&'static str] = &["name"];
    type Spec = Spec;
    type State = TimezoneState;

    fn address(_: &Spec) -> Option<Address> {
        Some(Address("timezone".into()))
    }

    fn footprint(_: &Spec) -> Footprint {
        let path = |path: &str| Area::Path(path.into());
        Footprint::writes([path(LINK), path(FILE)]).and_reads([path(ZONES)])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<TimezoneState> {
        check(&spec.name)?;
        let zone = format!("{ZONES}/{}", spec.name);
        let read = Query::Read { path: FILE.into(), limit: READ_LIMIT, secret: false };
        seen.all([file_query(&zone), file_query(LINK), read])?;
        match seen.meta(&zone)?.map(|meta| meta.kind) {
            Some(Kind::File { .. } | Kind::Link { .. }) => {}
            Some(_) => {
                let fault = Fault::new(format!("`{}` is a region, not a time zone", spec.name));
                return Err(fault.hint("name a city in it, e.g. `Europe/Berlin`").into());
            }
            None => seen.presume(
                &[Area::Packages, Area::Path(ZONES.into())],
                format!(
                    "the host knows no time zone `{}` (package tzdata; old names: tzdata-legacy)",
                    spec.name
                ),
            )?,
        }
        let zone = match seen.meta(LINK)?.map(|meta| meta.kind) {
            None => None,
            Some(Kind::Link { target }) => Some(zone_of(&target)),
            Some(Kind::File { .. }) => Some("a file, not a link".into()),
            Some(_) => return Err(Fault::new(format!("{LINK} is neither a file nor a link")).into()),
        };
        let file = seen.content(FILE, READ_LIMIT, false)?;
        let first = |content: Content| {
            let text = String::from_utf8_lossy(content.bytes()).into_owned();
            text.lines().next().unwrap_or_default().trim().to_string()
        };
        Ok(TimezoneState { zone, file: file.map(first) })
    }

    fn desired(spec: &Spec, from: &TimezoneState) -> Result<TimezoneState, Fault> {
        let file = from.file.as_ref().map(|_| spec.name.clone());
        Ok(TimezoneState { zone: Some(spec.name.clone()), file })
    }

    fn ops(spec: &Spec, from: &TimezoneState, to: &TimezoneState) -> Vec<Op> {
        let mut ops = vec![];
        if from.zone != to.zone {
            ops.push(Op::MakeLink { path: LINK.into(), target: format!("{ZONES}/{}", spec.name) });
        }
        if from.file != to.file {
            let content = Content::from(format!("{}\n", spec.name).as_str());
            ops.push(Op::WriteFile { path: FILE.into(), content, attrs: Attrs::default(), check: None });
        }
        ops
    }
}
