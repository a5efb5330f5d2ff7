//! What the host's compose answered, service by service.

use super::{
    Action, Service,
    container::{container_name, finished, is_paused, run_rank, state_word, stopped_by_hand},
    files::{Files, no_service, with_dependencies},
    images,
    reasons::{self, unknown_reason},
    spec::{Build, Recreate, Spec},
};
use crate::{
    model::Area,
    resource::{Facet, Facets, Fault, Observe, Pause, Seen},
    resources::shared::docker,
};
use agent::wire::Output;
use serde_json::Value;

pub const SERVICE: &str = "com.docker.compose.service";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// Why nothing can be told of a project yet.
pub struct NoAnswer {
    /// There is no compose at all.
    is_missing: bool,
    pub said: String,
}

impl NoAnswer {
    /// What an earlier task would have to bring.
    pub fn missing(&self) -> Vec<Area> {
        docker::missing(self.is_missing)
    }
}

/// Why nothing can be told of the project yet: there is no docker that answers.
///
/// # Errors
/// A pause with compose's words, when it refuses.
pub fn no_answer(spec: &Spec, output: &Output) -> Result<Option<NoAnswer>, Pause> {
    let said = String::from_utf8_lossy(output.stderr.bytes()).trim().to_string();
    let what = match output.code {
        0 => return Ok(None),
        127 => "docker compose is missing",
        125 => "docker does not answer",
        // The files are fine, but it cannot be done: an external network may be missing that an earlier task brings.
        _ => {
            let why = format!("docker compose refuses project `{}`: {said}", spec.project());
            return Err(Pause::NotYet(why));
        }
    };
    let said = if said.is_empty() { what.into() } else { format!("{what}: {said}") };
    Ok(Some(NoAnswer { is_missing: output.code == 127, said }))
}

/// A service that is not there yet.
pub fn created(spec: &Spec, name: &str, image: Option<&str>, builds: bool) -> Service {
    let mut state = image.map_or("created".to_string(), |image| format!("created from {image}"));
    if builds && image.is_none() {
        state.push_str(" from its build");
    }
    if let Some(count) = spec.scale.get(name).filter(|count| **count > 1) {
        state.push_str(&format!(", {count} containers"));
    }
    let mut service = Service { needed: true, ..Service::new(name.into(), Action::Create) };
    service.after.insert(title(name), state.into());
    build_anew(spec, &mut service, builds);
    service
}

/// Whether the image comes out different shows when it is built.
fn build_anew(spec: &Spec, service: &mut Service, builds: bool) {
    if builds && spec.build == Build::Always {
        service.builds = true;
        let facet = format!("{} build", title(&service.name));
        service.after.insert(facet, "made anew; recreated if it comes out different".into());
    }
}

/// A container that was run beside its service.
pub fn one_off(container: &Value) -> bool {
    container["Config"]["Labels"][ONE_OFF] == "True"
}

/// The answer.
pub fn read(spec: &Spec, stdout: &[u8]) -> Result<Value, Fault> {
    // The parser's own message could quote from the answer, which holds secrets.
    let mut answer: Value = serde_json::from_slice(stdout).map_err(|_| not_understood("no JSON"))?;
    undouble(&mut answer["config"]);
    match answer["error"].as_str() {
        None => Ok(answer),
        Some(error) => {
            let fault =
                Fault::new(format!("docker compose refuses project `{}`: {}", spec.project(), error.trim()));
            Err(fault.hint(format!("`docker compose config` in {} says the same", spec.directory)))
        }
    }
}

/// In what compose prints of a configuration each `$` is doubled: it could be read as a file again.
fn undouble(value: &mut Value) {
    match value {
        Value::String(text) if text.contains("$$") => *text = text.replace("$$", "$"),
        Value::Array(items) => items.iter_mut().for_each(undouble),
        Value::Object(map) => map.values_mut().for_each(undouble),
        _ => {}
    }
}

fn not_understood(why: &str) -> Fault {
    Fault::new(format!("docker compose answered in a way that is not understood: {why}"))
}

pub fn title(name: &str) -> String {
    format!("service {name}")
}

/// What compose says it would do with a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Stop,
    /// It goes: there are more containers than the files ask for, or all do.
    Remove,
    Running,
    Start,
    Create,
    Recreate,
}

/// Each service of the project, with what happens to it.
pub fn services(spec: &Spec, stdout: &[u8], files: &Files, seen: &Seen) -> Observe<Vec<Service>> {
    let values = &files.values[..];
    let answer = read(spec, stdout)?;
    let config = answer["config"]["services"].as_object().ok_or_else(|| not_understood("no services"))?;
    if let Some(unknown) = spec.services.0.iter().find(|name| !config.contains_key(*name)) {
        return Err(no_service(spec, unknown).into());
    }
    let depends_on = |name: &str| -> Vec<String> {
        let named = config.get(name).and_then(|service| service["depends_on"].as_object());
        // One of a profile that is not active is in no project.
        named
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .filter(|name| config.contains_key(name))
            .collect()
    };
    let asked = with_dependencies(spec.services.0.clone(), depends_on);
    let containers: Vec<&Value> = answer["containers"].as_array().into_iter().flatten().collect();
    let containers: Vec<&Value> = containers.into_iter().filter(|c| !one_off(c)).collect();
    let verdicts = verdicts(answer["dry_run"].as_str().unwrap_or_default());
    let of = |name: &str| -> Vec<&Value> {
        containers.iter().copied().filter(|c| c["Config"]["Labels"][SERVICE] == name).collect()
    };
    let mut services = vec![];
    let asked_for = |name: &String| spec.services.0.is_empty() || asked.contains(name);
    let look_at = |name: &str, wanted: &Value, needed: bool| -> Option<Service> {
        let there = of(name);
        let is_ours = |container: &str| {
            there.iter().any(|c| container_name(c) == container) || belongs(spec, name, wanted, container)
        };
        // Compose also says `Created` of a container that is there and does not run.
        let of_one = |(container, verdict): &(String, Verdict)| match verdict {
            Verdict::Create if there.iter().any(|c| container_name(c) == container) => Verdict::Start,
            verdict => *verdict,
        };
        let said = || verdicts.iter().filter(|(container, _)| is_ours(container));
        let verdict = said().map(of_one).filter(|verdict| *verdict > Verdict::Remove).max();
        let goes = |c: &Value| said().any(|(name, v)| *v == Verdict::Remove && name == container_name(c));
        let (going, staying): (Vec<&Value>, Vec<&Value>) = there.iter().copied().partition(|c| goes(c));
        let worst = staying.iter().copied().min_by_key(|c| run_rank(c));
        let mut service = match (worst, going.first()) {
            (Some(worst), _) => existing(spec, name, &answer, worst, (verdict, needed), values),
            (None, Some(last)) => existing(spec, name, &answer, last, (None, needed), values),
            // Held back by a scale of 0 or a profile when compose has no word for it.
            (None, None) if verdict.is_none() => return None,
            (None, None) => created(spec, name, wanted["image"].as_str(), wanted["build"].is_object()),
        };
        if service.left.is_none() && !going.is_empty() {
            scale_down(&mut service, &going, worst.is_some(), values);
        }
        service.job = is_job(&answer["config"]["services"], name);
        if worst.is_some() {
            build_anew(spec, &mut service, wanted["build"].is_object());
        }
        Some(service)
    };
    for (name, wanted) in config.iter().filter(|(name, _)| asked_for(name)) {
        services.extend(look_at(name, wanted, false));
    }
    images::missing(spec, &answer, &services, seen)?;
    images::shared(spec, &answer["config"]["services"], &mut services);
    // What is brought up brings up what it depends on: a job runs again, and one that was stopped by hand is started.
    let acts = |service: &&Service| {
        matches!(service.action, Action::Create | Action::Recreate | Action::Start | Action::Shrink)
            || service.is_anew()
    };
    let brought_up: Vec<String> = services.iter().filter(acts).map(|service| service.name.clone()).collect();
    let needed = with_dependencies(brought_up, depends_on);
    for service in services.iter_mut().filter(|s| s.action == Action::Nothing && needed.contains(&s.name)) {
        if let Some(started) = look_at(&service.name, &config[&service.name], true) {
            *service = started;
        }
    }
    services.iter_mut().for_each(|service| service.needed = needed.contains(&service.name));
    images::shared(spec, &answer["config"]["services"], &mut services);
    if spec.remove_orphans && spec.services.0.is_empty() {
        for container in containers {
            let service = container["Config"]["Labels"][SERVICE].as_str().unwrap_or_default();
            // What is of a profile that is not active is in the files all the same.
            if config.contains_key(service) || files.name(service) {
                continue;
            }
            if files.includes {
                if services.iter().any(|known| known.name == service) {
                    continue;
                }
                let why =
                    "its files include others, which may have it under a profile; `docker rm` removes it";
                let left = Some(why.to_string());
                services.push(Service { left, ..Service::new(service.into(), Action::Nothing) });
            } else {
                let before = Facets::from([(title(service), state_word(container).into())]);
                let name = container_name(container).to_string();
                services.push(Service { before, ..Service::new(name, Action::Remove) });
            }
        }
    }
    Ok(services)
}

/// A service that has a container; `needed` tells that another one brings it up.
fn existing(
    spec: &Spec,
    name: &str,
    answer: &Value,
    container: &Value,
    (verdict, needed): (Option<Verdict>, bool),
    values: &[String],
) -> Service {
    let word = state_word(container);
    let side = |word: Facet| Facets::from([(title(name), word)]);
    // What docker says of a failed start may quote from the configuration.
    let state = reasons::veil(word.clone(), values);
    let (mut before, same) = (side(state.clone()), side(state));
    let rests = !spec.start_stopped && !needed && stopped_by_hand(container);
    let done = finished(container) && verdict != Some(Verdict::Recreate);
    let (action, after) = match verdict {
        Some(Verdict::Start) if needed && done => (Action::Start, side("run again".into())),
        _ if rests || done => (Action::Nothing, same),
        Some(Verdict::Recreate) => {
            let mut after = side("recreated".into());
            let found = reasons::reasons(name, answer, container, values).into_iter();
            // That all are is reason enough.
            let asked_for = |facet: &str| spec.recreate == Recreate::Always && facet == unknown_reason(name);
            for reason in found.filter(|reason| !asked_for(&reason.facet)) {
                before.extend(reason.before.map(|facet| (reason.facet.clone(), facet)));
                after.extend(reason.after.map(|facet| (reason.facet, facet)));
            }
            (Action::Recreate, after)
        }
        _ if is_paused(container) => (Action::Unpause, side("running".into())),
        // More containers of a service that has some already.
        Some(Verdict::Create) => (Action::Start, side("scaled up".into())),
        Some(Verdict::Start) if run_rank(container) == 1 => (Action::Start, side("running".into())),
        _ if spec.wait && run_rank(container) == 2 => (Action::Await, side("running, healthy".into())),
        _ => (Action::Nothing, same),
    };
    let outdated = verdict == Some(Verdict::Recreate);
    let left = rests.then(|| match outdated {
        false => word,
        true => format!(
            "{word}; its configuration is out of date: `docker compose up -d {name}` starts it with the new one"
        ),
    });
    Service { before, after, left, ..Service::new(name.into(), action) }
}

/// Containers that go, each by its name; `some_stay` tells whether the service has others.
fn scale_down(service: &mut Service, going: &[&Value], some_stay: bool, values: &[String]) {
    let own = title(&service.name);
    for container in going {
        let facet = format!("{own} container {}", container_name(container));
        service.before.insert(facet, reasons::veil(state_word(container), values));
    }
    match service.action {
        _ if !some_stay => {
            service.before.shift_remove(&own);
            service.after = Facets::new();
            service.action = Action::Shrink;
        }
        Action::Nothing | Action::Await => {
            service.after.insert(own, "scaled down".into());
            service.action = Action::Start;
        }
        _ => {}
    }
}

/// A service that others wait for to be done.
pub fn is_job(services: &Value, name: &str) -> bool {
    let waits = |service: &Value| {
        service["depends_on"][name]["condition"].as_str() == Some("service_completed_successfully")
    };
    services.as_object().is_some_and(|services| services.values().any(waits))
}

/// Whether a container that is not there yet would be this service's.
fn belongs(spec: &Spec, name: &str, wanted: &Value, container: &str) -> bool {
    if let Some(own) = wanted["container_name"].as_str() {
        return own == container;
    }
    let number = |separator: char| {
        let prefix = format!("{}{separator}{name}{separator}", spec.project());
        container.strip_prefix(&prefix).is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()))
    };
    number('-') || number('_')
}

/// Reads `DRY-RUN MODE -  Container shop-db-1  Recreate`. The strongest word said of a container counts.
pub fn verdicts(dry_run: &str) -> Vec<(String, Verdict)> {
    let mut found: Vec<(String, Verdict)> = vec![];
    for line in dry_run.lines() {
        let mut words = line.split_whitespace().skip_while(|word| *word != "Container").skip(1);
        let (Some(name), Some(word)) = (words.next(), words.next()) else { continue };
        let verdict = match word {
            "Remove" | "Removing" | "Removed" => Verdict::Remove,
            "Running" => Verdict::Running,
            "Recreate" | "Recreated" => Verdict::Recreate,
            "Create" | "Creating" | "Created" => Verdict::Create,
            "Start" | "Starting" | "Started" | "Restarting" => Verdict::Start,
            "Stop" | "Stopping" | "Stopped" => Verdict::Stop,
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
