//! What the types for Docker have in common.

use super::unit;
use crate::{
    model::{Area, Claim, Footprint},
    resource::{Fault, Observe, Seen},
};
use agent::wire::{Op, Output, Probe, docker::DockerProbe};
use indexmap::IndexMap;
use serde_json::Value;

/// The daemon's settings.
pub const DAEMON_FILE: &str = "/etc/docker/daemon.json";

/// How the daemon keeps logs, from its settings; none where they are not JSON.
pub fn daemon_claim(settings: &[u8]) -> Option<Claim> {
    let settings: Value = serde_json::from_slice(settings).ok()?;
    let driver = settings["log-driver"].as_str().map(str::to_string);
    Some(Claim::Daemon { driver, limited: settings["log-opts"]["max-size"].is_string() })
}

/// Each of them changes what the daemon holds.
pub fn footprint() -> Footprint {
    Footprint::writes([Area::Docker]).and_reads([Area::Packages])
}

/// One thing that the daemon holds.
pub fn part(kind: &str, name: &str) -> Area {
    Area::DockerPart(format!("{kind} {name}"))
}

/// The parts of a host that the answer to a question depends on.
pub fn areas(question: &DockerProbe) -> Vec<Area> {
    vec![match question {
        DockerProbe::Network { name } => part("network", name),
        DockerProbe::Volume { name } => part("volume", name),
        DockerProbe::Image { name } => image(name),
        DockerProbe::Archive { path } => Area::Path(path.clone()),
        DockerProbe::LiveRestore | DockerProbe::Flags | DockerProbe::Removable(_) => Area::Docker,
    }]
}

/// One name for an image, however much of docker's own registry is said.
pub fn image(name: &str) -> Area {
    part("image", short(name))
}

/// A name as docker tells it.
pub fn short(name: &str) -> &str {
    let name =
        name.strip_prefix("docker.io/").or_else(|| name.strip_prefix("index.docker.io/")).unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name)
}

/// Refuses what docker would read as an option or not take as a name.
///
/// # Errors
/// A fault that names it.
pub fn check_name(kind: &str, name: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.len() > 1 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(good) {
        return Ok(());
    }
    let fault = Fault::new(format!("`{}` is not the name of a {kind}", name.escape_debug()));
    Err(fault.hint("letters, digits, `_`, `-` and `.`, at least two, starting with a letter or a digit"))
}

/// Refuses keys that docker would cut at another place.
///
/// # Errors
/// A fault that names it.
pub fn check_keys(field: &str, map: &IndexMap<String, String>) -> Result<(), Fault> {
    match map.keys().find(|key| key.is_empty() || key.contains(['=', '\0', '\n']) || key.starts_with('-')) {
        Some(key) => {
            let fault = Fault::new(format!("`{}` cannot be a key of `{field}`", key.escape_debug()));
            Err(fault.hint("a key is a word without `=`"))
        }
        None => Ok(()),
    }
}

/// Where docker would be that does not answer; `program`: there is none.
pub fn missing(program: bool) -> Vec<Area> {
    let runs = ["docker.service", "docker.socket"].map(|unit| Area::Unit(unit.into()));
    let runs = runs.into_iter().chain([Area::Docker]).filter(|_| !program);
    [Area::Packages].into_iter().chain(runs).collect()
}

/// What docker says; `None` when it knows no such thing, or when there is no daemon yet that an earlier task may bring.
///
/// # Errors
/// As [`Seen::run`].
pub fn ask(seen: &Seen, question: DockerProbe) -> Observe<Option<String>> {
    let output = seen.run(Probe::Docker(question))?;
    if output.code == 0 {
        let told = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
        return Ok(Some(told).filter(|told| !told.trim().is_empty()));
    }
    let said = String::from_utf8_lossy(output.stderr.bytes()).trim().to_string();
    let missing = missing(output.code == 127);
    seen.presume(
        &missing,
        match output.code {
            127 => "the host has no docker".to_string(),
            _ => format!("docker does not answer: {said}"),
        },
    )?;
    Ok(None)
}

/// What helps where docker could not fetch something from a registry, by what it said.
pub fn remedy(output: &Output) -> Option<String> {
    let said = [output.stdout.bytes(), output.stderr.bytes()].concat();
    let said = String::from_utf8_lossy(&said).to_lowercase();
    let (_, remedy) =
        REMEDIES.iter().find(|(words, _)| words.split(", ").any(|words| said.contains(words)))?;
    Some((*remedy).into())
}

/// What registries are known to refuse with, in docker's words of several versions, and what helps.
const REMEDIES: [(&str, &str); 5] = [
    (
        "server gave http response to https client",
        "a registry without TLS has to be among the `insecure-registries` of a task of `docker_daemon`",
    ),
    (
        "certificate signed by unknown authority",
        "the certificate of its authority belongs in `/etc/docker/certs.d/REGISTRY/ca.crt`",
    ),
    ("toomanyrequests", "who has logged in may pull more: a task of `docker_login` before this one"),
    (
        "no basic auth credentials, unauthorized, access denied, access to the resource is denied, \": denied, 403 forbidden",
        "where the registry asks who pulls: a task of `docker_login` before this one, with an account that may",
    ),
    ("manifest unknown, name unknown", "its registry has no such tag or digest: is the name right?"),
];

/// The JSON values in an answer.
///
/// # Errors
/// A fault, for what is none.
pub fn read(told: &str) -> Result<Vec<Value>, Fault> {
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(told).into_iter().collect();
    values.map_err(|error| Fault::new(format!("docker answered in a way that is not understood: {error}")))
}

/// `docker ARGS` as an op.
pub fn docker<'a>(args: impl IntoIterator<Item = &'a str>) -> Op {
    unit::run(["docker"].into_iter().chain(args))
}

/// `key=value` of an object, as far as `keys` are named.
pub fn pairs<'a>(object: &Value, keys: impl IntoIterator<Item = &'a String>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let pair = |key: &'a String| Some(format!("{key}={}", text(object.get(key)?)));
    keys.into_iter().filter_map(pair).collect::<Vec<_>>().join(", ")
}

/// An object with these entries set.
pub fn with_entries(object: &Value, entries: &IndexMap<String, String>) -> Value {
    let mut map = object.as_object().cloned().unwrap_or_default();
    map.extend(entries.iter().map(|(key, value)| (key.clone(), value.as_str().into())));
    Value::Object(map)
}

/// Options for each entry of an object: `--label key=value`.
pub fn options(option: &str, object: &Value) -> Vec<String> {
    let entries = object.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    entries.flat_map(|(key, value)| [option.to_string(), format!("{key}={}", text(value))]).collect()
}
