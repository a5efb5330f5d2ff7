//! Whether the services of a compose project are up, and why not.

use super::wait::NotYet;
use crate::child::probe;
use std::collections::BTreeMap;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);
const LOG_LINES: &str = "20";

struct Container {
    id: String,
    state: String,
    exit_code: String,
    /// Docker's restart policy.
    restart: String,
    /// Empty where there is no health check.
    health: String,
}

impl Container {
    /// Ended, and nothing starts it again.
    fn ended(&self) -> bool {
        self.state == "exited" && matches!(self.restart.as_str(), "" | "no" | "on-failure")
    }

    /// A job that has done its work.
    fn finished(&self) -> bool {
        self.ended() && self.exit_code == "0"
    }

    /// What is wrong with it; `None` when it is up or done.
    fn trouble(&self, job: bool) -> Option<String> {
        match (self.state.as_str(), self.health.as_str()) {
            _ if self.finished() => None,
            ("running", _) if job => Some("is not done yet".into()),
            ("running", "" | "none" | "healthy") => None,
            ("running", health) => Some(format!("is {health}")),
            ("exited", _) => Some(format!("has exited with {}", self.exit_code)),
            (state, _) => Some(format!("is {state}")),
        }
    }
}

/// The project's containers by service.
fn containers(project: &str) -> Result<BTreeMap<String, Vec<Container>>, String> {
    let mine = format!("label=com.docker.compose.project={project}");
    let listed = probe(
        &[
            "docker",
            "ps",
            "-aq",
            "--no-trunc",
            "--filter",
            &mine,
            "--filter",
            "label=com.docker.compose.oneoff=False",
        ],
        None,
        SOON,
    );
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    if listed.code != 0 {
        return Err(format!("docker cannot be asked: {}", text(listed.stderr.bytes())));
    }
    let ids = text(listed.stdout.bytes());
    let mut found = BTreeMap::<String, Vec<Container>>::new();
    if ids.is_empty() {
        return Ok(found);
    }
    // `ID` and not `Id`: docker then looks at its own type, where a health check that is not there is no mistake.
    let format = "{{index .Config.Labels \"com.docker.compose.service\"}}\t{{.ID}}\t{{.State.Status}}\t{{.State.ExitCode}}\t{{.HostConfig.RestartPolicy.Name}}\t{{if .State.Health}}{{.State.Health.Status}}{{end}}";
    let argv: Vec<&str> =
        ["docker", "inspect", "--format", format].into_iter().chain(ids.split_whitespace()).collect();
    // A container that went away between the two questions is an error on stderr; the others are shown.
    let shown = text(probe(&argv, None, SOON).stdout.bytes());
    for line in shown.lines() {
        let mut fields = line.split('\t').map(str::to_string);
        let (Some(service), Some(id), Some(state)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let mut field = || fields.next().unwrap_or_default();
        let (exit_code, restart, health) = (field(), field(), field());
        found.entry(service).or_default().push(Container { id, state, exit_code, restart, health });
    }
    Ok(found)
}

/// What is wrong with a service, and the container that has the trouble; `None` when it is up.
fn trouble(containers: Option<&Vec<Container>>, job: bool) -> Option<(String, Option<&Container>)> {
    let containers = containers.filter(|containers| !containers.is_empty());
    let Some(containers) = containers else { return Some(("has no container".into(), None)) };
    containers.iter().find_map(|container| Some((container.trouble(job)?, Some(container))))
}

/// # Errors
/// Names the services that are not up and what they are instead.
pub fn look(project: &str, services: &[String], jobs: &[String]) -> Result<(), NotYet> {
    let found = containers(project)?;
    let mut hopeless = false;
    let mut troubles = vec![];
    for service in services {
        let Some((trouble, container)) = trouble(found.get(service), jobs.contains(service)) else {
            continue;
        };
        troubles.push(format!("{service} {trouble}"));
        // Waiting would not bring it back.
        hopeless |= container.is_some_and(Container::ended);
    }
    if troubles.is_empty() {
        return Ok(());
    }
    Err(NotYet { why: troubles.join(", "), output: None, hopeless })
}

/// For every service that is not up: the last output of its probe and the end of its log.
pub fn explain(project: &str, services: &[String], jobs: &[String]) -> String {
    let Ok(found) = containers(project) else { return String::new() };
    let mut text = String::new();
    for service in services {
        let Some((trouble, container)) = trouble(found.get(service), jobs.contains(service)) else {
            continue;
        };
        text += &format!("\n{service} {trouble}");
        let Some(container) = container else { continue };
        let format = "{{with .State}}{{if .Error}}error: {{.Error}}\n{{end}}exit code: {{.ExitCode}}{{end}}\u{1}{{with .State.Health}}{{range .Log}}\u{1}{{.Output}} (exit code {{.ExitCode}}){{end}}{{end}}";
        let state = probe(&["docker", "inspect", "--format", format, &container.id], None, SOON);
        let state = String::from_utf8_lossy(state.stdout.bytes()).into_owned();
        let mut parts = state.split('\u{1}').map(str::trim).filter(|part| !part.is_empty());
        if let Some(process) = parts.next().filter(|_| container.state != "running") {
            text += &format!("\n  {}", process.replace('\n', "\n  "));
        }
        if let Some(last) = parts.next_back() {
            text += &format!("\n  its health check said: {}", last.replace('\n', "\n    "));
        }
        let log = probe(&["docker", "logs", "--tail", LOG_LINES, &container.id], None, SOON);
        let log = [log.stdout.bytes(), log.stderr.bytes()].concat();
        text += "\n  the end of its log:";
        for line in String::from_utf8_lossy(&log).lines() {
            text += &format!("\n    {line}");
        }
    }
    text
}
