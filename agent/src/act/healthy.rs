//! Whether the services of a compose project are up, and why not.

use crate::child::probe;
use std::collections::BTreeMap;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);
const LOG_LINES: &str = "20";

struct Container {
    id: String,
    state: String,
    /// Empty where there is no health check.
    health: String,
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
    let format = "{{index .Config.Labels \"com.docker.compose.service\"}}\t{{.ID}}\t{{.State.Status}}\t{{if .State.Health}}{{.State.Health.Status}}{{end}}";
    let argv: Vec<&str> =
        ["docker", "inspect", "--format", format].into_iter().chain(ids.split_whitespace()).collect();
    // A container that went away between the two questions is an error on stderr; the others are shown.
    let shown = text(probe(&argv, None, SOON).stdout.bytes());
    for line in shown.lines() {
        let mut fields = line.split('\t').map(str::to_string);
        let (Some(service), Some(id), Some(state)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let health = fields.next().unwrap_or_default();
        found.entry(service).or_default().push(Container { id, state, health });
    }
    Ok(found)
}

/// What is wrong with a service; `None` when it is up.
fn trouble(containers: Option<&Vec<Container>>) -> Option<String> {
    let containers = containers.filter(|containers| !containers.is_empty());
    let Some(containers) = containers else { return Some("has no container".into()) };
    containers.iter().find_map(|container| match (container.state.as_str(), container.health.as_str()) {
        ("running", "" | "none" | "healthy") => None,
        ("running", health) => Some(format!("is {health}")),
        (state, _) => Some(format!("is {state}")),
    })
}

/// # Errors
/// Names the services that are not up and what they are instead.
pub fn look(project: &str, services: &[String]) -> Result<(), String> {
    let found = containers(project)?;
    let troubles: Vec<String> = services
        .iter()
        .filter_map(|service| Some(format!("{service} {}", trouble(found.get(service))?)))
        .collect();
    if troubles.is_empty() { Ok(()) } else { Err(troubles.join(", ")) }
}

/// For every service that is not up: the last output of its probe and the end of its log.
pub fn explain(project: &str, services: &[String]) -> String {
    let Ok(found) = containers(project) else { return String::new() };
    let mut text = String::new();
    for service in services {
        let list = found.get(service);
        let Some(trouble) = trouble(list) else { continue };
        text += &format!("\n{service} {trouble}");
        let Some(container) =
            list.and_then(|list| list.iter().find(|c| c.state != "running" || c.health != "healthy"))
        else {
            continue;
        };
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
