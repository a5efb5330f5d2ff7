//! What the host's compose answered, service by service.

use super::{Action, Service, Spec, reasons};
use crate::resource::{Facets, Fault};
use serde_json::Value;

const SERVICE: &str = "com.docker.compose.service";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// A service that is not there yet.
pub fn created(name: &str, image: Option<&str>) -> Service {
    let state = image.map_or("created".to_string(), |image| format!("created from {image}"));
    let after = Facets::from([(title(name), state.into())]);
    Service { name: name.into(), action: Action::Create, before: Facets::new(), after, left: None }
}

fn title(name: &str) -> String {
    format!("service {name}")
}

/// What compose says it would do with a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Running,
    Start,
    Create,
    Recreate,
}

/// Each service of the project, with what happens to it.
pub fn services(spec: &Spec, stdout: &[u8], values: &[String]) -> Result<Vec<Service>, Fault> {
    let bad =
        |why: &str| Fault::new(format!("docker compose answered in a way that is not understood: {why}"));
    // The parser's own message could quote from the answer, which holds secrets.
    let answer: Value = serde_json::from_slice(stdout).map_err(|_| bad("no JSON"))?;
    if let Some(error) = answer["error"].as_str() {
        let fault =
            Fault::new(format!("docker compose refuses project `{}`: {}", spec.project, error.trim()));
        return Err(fault.hint(format!("`docker compose config` in {} says the same", spec.directory)));
    }
    let config = answer["config"]["services"].as_object().ok_or_else(|| bad("no services"))?;
    if let Some(unknown) = spec.services.0.iter().find(|name| !config.contains_key(*name)) {
        return Err(Fault::new(format!("project `{}` has no service `{unknown}`", spec.project)));
    }
    let containers: Vec<&Value> = answer["containers"].as_array().into_iter().flatten().collect();
    let containers: Vec<&Value> =
        containers.into_iter().filter(|c| c["Config"]["Labels"][ONE_OFF] != "True").collect();
    let verdicts = verdicts(answer["dry_run"].as_str().unwrap_or_default());
    let of = |name: &str| -> Vec<&Value> {
        containers.iter().copied().filter(|c| c["Config"]["Labels"][SERVICE] == name).collect()
    };
    let mut services = vec![];
    for (name, wanted) in config.iter().filter(|(name, _)| spec.wants(name)) {
        let there = of(name);
        let is_ours = |container: &str| {
            there.iter().any(|c| container_name(c) == container) || belongs(spec, name, wanted, container)
        };
        let verdict = verdicts.iter().filter(|(container, _)| is_ours(container)).map(|(_, v)| *v).max();
        let Some(worst) = there.iter().copied().min_by_key(|c| run_rank(c)) else {
            // Held back by a scale of 0 or a profile when compose has no word for it.
            if verdict.is_some() {
                services.push(created(name, wanted["image"].as_str()));
            }
            continue;
        };
        services.push(existing(spec, name, &answer, worst, verdict, values));
    }
    if spec.remove_orphans && spec.services.0.is_empty() {
        for container in containers {
            let service = container["Config"]["Labels"][SERVICE].as_str().unwrap_or_default();
            if !config.contains_key(service) {
                let before = Facets::from([(title(service), state_word(container).into())]);
                let name = container_name(container).to_string();
                services.push(Service {
                    name,
                    action: Action::Remove,
                    before,
                    after: Facets::new(),
                    left: None,
                });
            }
        }
    }
    Ok(services)
}

/// A service that has a container.
fn existing(
    spec: &Spec,
    name: &str,
    answer: &Value,
    container: &Value,
    verdict: Option<Verdict>,
    values: &[String],
) -> Service {
    let word = state_word(container);
    let side = |word: &str| Facets::from([(title(name), word.into())]);
    let (mut before, same) = (side(&word), side(&word));
    let rests = !spec.start_stopped && stopped_by_hand(container);
    let (action, after) = match verdict {
        _ if rests || finished(container) && verdict != Some(Verdict::Recreate) => (Action::Nothing, same),
        Some(Verdict::Recreate) => {
            let mut after = side("recreated");
            for reason in reasons::reasons(name, answer, container, values) {
                before.extend(reason.before.map(|facet| (reason.facet.clone(), facet)));
                after.extend(reason.after.map(|facet| (reason.facet, facet)));
            }
            (Action::Recreate, after)
        }
        // More containers of a service that has some already.
        Some(Verdict::Create) => (Action::Start, side("scaled up")),
        Some(Verdict::Start) if run_rank(container) == 1 => (Action::Start, side("running")),
        _ if spec.wait && run_rank(container) == 2 => (Action::Await, side("running, healthy")),
        _ => (Action::Nothing, same),
    };
    Service { name: name.into(), action, before, after, left: rests.then_some(word) }
}

fn container_name(container: &Value) -> &str {
    container["Name"].as_str().unwrap_or_default().trim_start_matches('/')
}

/// Whether a container that is not there yet would be this service's.
fn belongs(spec: &Spec, name: &str, wanted: &Value, container: &str) -> bool {
    if let Some(own) = wanted["container_name"].as_str() {
        return own == container;
    }
    let number = |separator: char| {
        let prefix = format!("{}{separator}{name}{separator}", spec.project);
        container.strip_prefix(&prefix).is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()))
    };
    number('-') || number('_')
}

/// Reads `DRY-RUN MODE -  Container shop-db-1  Recreate`. The strongest word said of a container counts.
fn verdicts(dry_run: &str) -> Vec<(String, Verdict)> {
    let mut found: Vec<(String, Verdict)> = vec![];
    for line in dry_run.lines() {
        let mut words = line.split_whitespace().skip_while(|word| *word != "Container").skip(1);
        let (Some(name), Some(word)) = (words.next(), words.next()) else { continue };
        let verdict = match word {
            "Running" => Verdict::Running,
            "Recreate" | "Recreated" => Verdict::Recreate,
            "Create" | "Creating" | "Created" => Verdict::Create,
            "Start" | "Starting" | "Started" => Verdict::Start,
            _ => continue,
        };
        // The new container carries the old one's short id in front until it takes its place.
        let name = match name.split_once('_') {
            Some((id, rest)) if id.len() == 12 && id.chars().all(|c| c.is_ascii_hexdigit()) => rest,
            _ => name,
        };
        match found.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = verdict.max(*known),
            None => found.push((name.into(), verdict)),
        }
    }
    found
}

fn status(container: &Value) -> &str {
    container["State"]["Status"].as_str().unwrap_or_default()
}

fn restart_policy(container: &Value) -> &str {
    container["HostConfig"]["RestartPolicy"]["Name"].as_str().unwrap_or_default()
}

/// Docker starts again what ends under these policies, unless it was told to stop it.
fn stopped_by_hand(container: &Value) -> bool {
    let kept_up = matches!(restart_policy(container), "always" | "unless-stopped");
    status(container) == "paused" || status(container) == "exited" && kept_up
}

/// A job that has done its work.
fn finished(container: &Value) -> bool {
    let once = matches!(restart_policy(container), "" | "no" | "on-failure");
    status(container) == "exited" && container["State"]["ExitCode"] == 0 && once
}

/// 1: not running, 2: unwell, 3: well or on the way.
fn run_rank(container: &Value) -> u8 {
    match (status(container), container["State"]["Health"]["Status"].as_str()) {
        ("running", None | Some("ok" | "none")) => 3,
        ("running" | "restarting", _) => 2,
        _ => 1,
    }
}

fn state_word(container: &Value) -> String {
    let state = &container["State"];
    let code = &state["ExitCode"];
    match status(container) {
        "running" => match state["Health"]["Status"].as_str() {
            Some("unhealthy") => "running, unhealthy".into(),
            _ => "running".into(),
        },
        _ if stopped_by_hand(container) => "stopped by an operator".into(),
        "exited" if finished(container) => "finished".into(),
        "exited" => format!("exited with {code}"),
        "restarting" => "restarting over and over".into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_word_of_a_dry_run_counts() {
        let text = " DRY-RUN MODE -  Container shop-db-1  Recreate\n DRY-RUN MODE -  Container shop-db-1  Recreated\n \
                    DRY-RUN MODE -  Container 0123456789ab_shop-db-1  Starting\n Container shop-app-1 Running\n \
                    DRY-RUN MODE -  Container shop-new-1  Creating\n DRY-RUN MODE -  Container shop-new-1  Starting\n \
                    DRY-RUN MODE -  Container a_b  Starting\n Network shop_default  Created\n";
        assert_eq!(
            verdicts(text),
            [
                ("shop-db-1", Verdict::Recreate),
                ("shop-app-1", Verdict::Running),
                ("shop-new-1", Verdict::Create),
                ("a_b", Verdict::Start)
            ]
            .map(|(name, verdict)| (name.to_string(), verdict))
        );
    }
}
