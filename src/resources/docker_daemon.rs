//! `docker_daemon`: the settings of the Docker daemon.

use super::shared::{
    FileState, HostPath, READ_LIMIT, content_ops, docker, merge, observe_bytes,
    unit::{Unit, systemctl, unit},
};
use crate::{
    model::{Address, Area, Claim, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic},
};
use agent::{
    secret::Content,
    wire::{Attrs, Op, Probe, docker::DockerProbe},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

const UNIT: &str = "docker.service";
/// Where Debian's unit takes more of its command line from.
const DEFAULTS: &str = "/etc/default/docker";

/// What a daemon takes over when it is told to read its file again, as long as it stands there. All else wants a restart.
const RELOADED: [&str; 13] = [
    "allow-nondistributable-artifacts",
    "authorization-plugins",
    "debug",
    "default-runtime",
    "features",
    "insecure-registries",
    "labels",
    "live-restore",
    "max-concurrent-downloads",
    "max-concurrent-uploads",
    "max-download-attempts",
    "registry-mirrors",
    "shutdown-timeout",
];

/// Flags whose setting in the file has another name.
const FLAGS: [(&str, &str); 25] = [
    ("D", "debug"),
    ("G", "group"),
    ("H", "hosts"),
    ("add-runtime", "runtimes"),
    ("authorization-plugin", "authorization-plugins"),
    ("b", "bridge"),
    ("cdi-spec-dir", "cdi-spec-dirs"),
    ("default-address-pool", "default-address-pools"),
    ("default-ulimit", "default-ulimits"),
    ("dns-opt", "dns-opts"),
    ("dns-option", "dns-opts"),
    ("exec-opt", "exec-opts"),
    ("feature", "features"),
    ("g", "data-root"),
    ("graph", "data-root"),
    ("host", "hosts"),
    ("insecure-registry", "insecure-registries"),
    ("l", "log-level"),
    ("label", "labels"),
    ("log-opt", "log-opts"),
    ("node-generic-resource", "node-generic-resources"),
    ("p", "pidfile"),
    ("registry-mirror", "registry-mirrors"),
    ("s", "storage-driver"),
    ("storage-opt", "storage-opts"),
];

/// Asks the daemon's program whether it would take the file. Versions before 23 cannot say; on a host without it there is nobody to ask.
const VALIDATE: &str = "command -v dockerd >/dev/null || exit 0; dockerd --help | grep -q -e --validate || exit 0; \
    exec dockerd --validate --config-file \"$1\"";

pub struct DockerDaemon;

/// Merges settings into the Docker daemon's `daemon.json`, and sees to it that the daemon takes them over.
///
/// The new file is given to `dockerd --validate` before it is put in place. The daemon reads it again where that is enough, and is
/// restarted where it is not: the diff says which, and whether containers go on meanwhile (`live-restore`). One that does not run is
/// left as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Settings as the file has them. Mappings are merged key by key, anything else replaces what is there, `null` removes the key.
    values: Map<String, Value>,
    /// `false`: the daemon is not restarted; what needs it comes into force whenever it is.
    #[serde(default = "yes")]
    restart: bool,
    /// The file of the daemon's settings.
    #[serde(default = "file")]
    path: HostPath,
}

fn yes() -> bool {
    true
}

fn file() -> HostPath {
    HostPath::new("/etc/docker/daemon.json").expect("an absolute path")
}

pub struct DaemonState {
    file: FileState,
    settings: Map<String, Value>,
    /// The folder of the file is missing.
    lacks_folder: bool,
    /// Settings that the daemon gets on its command line.
    flags: Vec<(String, String)>,
    unit: Unit,
    live_restore: bool,
    daemon: Option<String>,
}

impl State for DaemonState {
    fn facets(&self) -> Facets {
        let mut facets = self.file.facets();
        if let Some(daemon) = &self.daemon {
            facets.insert("daemon".into(), daemon.as_str().into());
        }
        facets
    }
}

fn pretty(map: &Map<String, Value>) -> Content {
    Content::from((serde_json::to_string_pretty(map).expect("JSON has text keys") + "\n").as_str())
}

fn settings(path: &HostPath, bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Fault::new(format!("{path} is no JSON object ({place})"))
            .hint("mend it by hand: the daemon does not start with it either")
    })
}

/// Settings that stand on a command line, each with its flag.
fn flags(line: &str, more: &str) -> Vec<(String, String)> {
    let line = line.replace("${DOCKER_OPTS}", more).replace("$DOCKER_OPTS", more);
    let mut found = vec![];
    for word in line.split_whitespace().skip(1) {
        let word = word.trim_matches(['"', '\'']);
        let Some(flag) = word.strip_prefix('-') else { continue };
        let flag = match flag.strip_prefix('-') {
            Some(long) => long.split('=').next().unwrap_or_default(),
            None => flag.get(..1).unwrap_or_default(),
        };
        let key = FLAGS.iter().find(|(known, _)| *known == flag).map_or(flag, |(_, key)| *key);
        found.push((key.to_string(), word.split('=').next().unwrap_or_default().to_string()));
    }
    found
}

/// `DOCKER_OPTS` in a file of defaults.
fn options(text: &str) -> String {
    let line = text.lines().filter_map(|line| line.trim().strip_prefix("DOCKER_OPTS=")).next_back();
    line.unwrap_or_default().trim_matches(['"', '\'']).to_string()
}

impl Resource for DockerDaemon {
    const NAME: &'static str = "docker_daemon";
    const TOPIC: Topic = Topic::Docker;
    const FACETS: &'static [&'static str] = &["type", "mode", "content", "daemon"];
    const EXAMPLE: &'static str = "\
name: Logs of containers are rotated, and containers outlive a restart of the daemon
docker_daemon:
  values:
    live-restore: true
    log-driver: json-file
    log-opts: { max-size: 10m, max-file: \"3\" }
";
    const CONTENT: &'static [&'static str] = &["values"];
    type Spec = Spec;
    type State = DaemonState;

    /// Several tasks may each own keys.
    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area(), Area::Docker, Area::Unit(UNIT.into())])
            .and_reads([Area::Packages, Area::Path(DEFAULTS.into())])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<DaemonState> {
        if spec.values.is_empty() {
            return Err(Fault::new("`values` is empty")
                .hint("name a setting: `values: {live-restore: true}`")
                .into());
        }
        let mut file = observe_bytes(&spec.path, &Attrs::default(), false, seen)?;
        let found = settings(&spec.path, file.read().map_or(&b""[..], Content::bytes))?;
        let lacks_folder = match spec.path.parent() {
            Some(folder) if file.read().is_none() => seen.meta(folder)?.is_none(),
            _ => false,
        };
        if file.read().is_some() {
            // Its meaning, laid out as we would: a layout by hand is no difference.
            file.content = Some(Facet::content(&pretty(&found)));
        }
        let line = docker::ask(seen, DockerProbe::Flags)?.unwrap_or_default();
        let more = if line.contains("DOCKER_OPTS") {
            seen.content(DEFAULTS, READ_LIMIT, false)?
                .map(|text| options(&String::from_utf8_lossy(text.bytes())))
        } else {
            None
        };
        // Where no systemd answers, there is no unit that could be told.
        let answers = seen.run(Probe::UnitState { unit: UNIT.into() })?.code == 0;
        let unit = if answers { unit(seen, UNIT)? } else { Unit::default() };
        let live_restore = unit.runs()
            && docker::ask(seen, DockerProbe::LiveRestore)?.is_some_and(|told| told.trim() == "true");
        let daemon = unit.found.then(|| unit.run_word().to_string());
        Ok(DaemonState {
            file,
            settings: found,
            lacks_folder,
            flags: flags(&line, &more.unwrap_or_default()),
            unit,
            live_restore,
            daemon,
        })
    }

    fn desired(spec: &Spec, observed: &DaemonState) -> Result<DaemonState, Fault> {
        let mut wanted = observed.settings.clone();
        merge(&mut wanted, &spec.values);
        if let Some((key, flag)) = observed.flags.iter().find(|(key, _)| wanted.contains_key(key)) {
            let fault = Fault::new(format!(
                "`{key}` also stands on the daemon's command line, as `{flag}`: with both it does not start"
            ));
            return Err(fault.hint(format!(
                "leave it out here, or take it off the command line with a drop-in for {UNIT}"
            )));
        }
        let keys = observed.settings.keys().chain(wanted.keys());
        let changed: Vec<&String> =
            keys.filter(|key| observed.settings.get(*key) != wanted.get(*key)).collect();
        let is_new = observed.file.what.is_none();
        let file = if changed.is_empty() && !is_new {
            observed.file.clone()
        } else {
            observed.file.with_content(&pretty(&wanted), &Attrs::default())
        };
        let reloads = changed.iter().all(|key| RELOADED.contains(&key.as_str()) && wanted.contains_key(*key));
        let daemon = match observed.unit.run_word() {
            "failed" => Some("running".to_string()),
            _ if changed.is_empty() || !observed.unit.runs() => observed.daemon.clone(),
            _ if reloads => Some("reads its settings again".into()),
            _ if !spec.restart => observed.daemon.clone(),
            _ if observed.live_restore => Some("restarted; containers go on".into()),
            _ => Some(
                "restarted; containers are stopped, and started again as their restart policy has it".into(),
            ),
        };
        let daemon = daemon.filter(|_| observed.unit.found);
        Ok(DaemonState {
            file,
            settings: wanted,
            lacks_folder: false,
            flags: vec![],
            unit: Unit { needs_reload: false, ..observed.unit.clone() },
            live_restore: observed.live_restore,
            daemon,
        })
    }

    fn ops(spec: &Spec, from: &DaemonState, to: &DaemonState) -> Vec<Op> {
        let mut ops = vec![];
        if let Some(content) = to.file.read() {
            let check = ["sh", "-c", VALIDATE, "sh", "{}"].map(String::from);
            ops = content_ops(&spec.path, content, Some(&check), &from.file, &to.file);
            if let (true, false, Some(folder)) = (from.lacks_folder, ops.is_empty(), spec.path.parent()) {
                ops.insert(0, Op::MakeFolder { path: folder.into(), attrs: Attrs::default() });
            }
        }
        if from.daemon != to.daemon {
            match to.daemon.as_deref() {
                Some("running") => {
                    ops.extend([systemctl("reset-failed", Some(UNIT)), systemctl("start", Some(UNIT))])
                }
                Some(word) if word.starts_with("reads") => ops.push(systemctl("reload", Some(UNIT))),
                _ => ops.push(systemctl("restart", Some(UNIT))),
            }
        }
        ops
    }

    fn claims(spec: &Spec, _: &Seen) -> Observe<Vec<Claim>> {
        let settings = Value::Object(spec.values.clone()).to_string();
        Ok(docker::daemon_claim(settings.as_bytes()).into_iter().collect())
    }

    fn effects(_: &Spec, _: &DaemonState, to: &DaemonState, _: &[Op]) -> Vec<Effect> {
        if !to.unit.found {
            return vec![];
        }
        let active =
            if to.daemon.as_deref() == Some("running") { "active".into() } else { to.unit.active.clone() };
        vec![Unit { active, ..to.unit.clone() }.effect(UNIT)]
    }

    fn notes(spec: &Spec, state: &DaemonState) -> Vec<String> {
        let changes = |to: &DaemonState| {
            to.settings != state.settings && state.unit.runs() && to.daemon == state.daemon
        };
        match Self::desired(spec, state) {
            Ok(to) if changes(&to) => {
                vec!["the daemon is not restarted: it goes on with its old settings".into()]
            }
            _ => vec![],
        }
    }
}
