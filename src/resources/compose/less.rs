//! Of a project that is to be removed, stopped or restarted: what compose would do to which of its containers.

use super::{
    Action, Project, Service,
    answer::{SERVICE, Verdict, is_job, no_answer, one_off, read, title, verdicts},
    container::{container_name, finished, is_paused, is_up, run_rank, state_word, stopped_by_hand},
    files::{self, Files},
    reasons,
    spec::{Spec, Wanted},
};
use crate::{
    model::Area,
    resource::{Facet, Facets, Fault, Observe, Seen},
};
use agent::wire::{ComposeProbe, Op, Probe, Until, Wait};
use serde_json::Value;

pub fn observe(spec: &Spec, seen: &Seen) -> Observe<Project> {
    let restarts = spec.state == Wanted::Restarted;
    let files = if restarts || files::are_there(spec, seen)? { Some(files::read(spec, seen)?) } else { None };
    let probe = files.as_ref().map_or_else(|| of_docker(spec), |files| files.probe.clone());
    let output = seen.run(Probe::Compose(probe))?;
    let paths = files.as_ref().map(Files::paths).unwrap_or_default();
    let mut project = Project { by_name: files.is_none(), files: paths, ..Project::default() };
    if let Some(why) = no_answer(spec, &output)? {
        seen.presume(&why.missing(), why.said)?;
    } else {
        let values = files.as_ref().map_or(&[][..], |files| &files.values);
        (project.services, project.networks) = told(spec, output.stdout.bytes(), values)?;
    }
    if restarts {
        missing(spec, seen, files, &mut project.services)?;
    }
    Ok(project)
}

/// The question about a project whose files are not there.
fn of_docker(spec: &Spec) -> ComposeProbe {
    ComposeProbe {
        project: spec.project(),
        directory: spec.directory.clone(),
        files: vec![],
        included: vec![],
        env_files: vec![],
        profiles: spec.profiles.0.clone(),
        ask: spec.ask(),
    }
}

/// Services without a container to restart: an earlier task may bring it.
fn missing(spec: &Spec, seen: &Seen, files: Option<Files>, services: &mut Vec<Service>) -> Observe<()> {
    let Some(files) = files else { return Ok(()) };
    let mut lacks = if services.is_empty() { files.wanted(spec)? } else { vec![] };
    if !spec.services.0.is_empty() {
        lacks.retain(|named| spec.services.0.contains(&named.name));
    }
    let there = |name: &String| services.iter().any(|service| service.name == *name);
    let names: Vec<String> = match lacks.is_empty() {
        true => spec.services.0.iter().filter(|name| !there(name)).cloned().collect(),
        false => lacks.into_iter().map(|named| named.name).collect(),
    };
    if names.is_empty() {
        return match services.is_empty() {
            true => {
                let why = format!("project `{}` has no services", spec.project());
                Err(seen.lacks(&[Area::Compose(spec.project())], why))
            }
            false => Ok(()),
        };
    }
    let list = names.join(", ");
    seen.presume(
        &[Area::Compose(spec.project())],
        format!("project `{}` has no containers of: {list}", spec.project()),
    )?;
    services.extend(names.into_iter().map(|name| Service {
        before: Facets::new(),
        after: Facets::from([(title(&name), "restarted".into())]),
        ..Service::new(name, Action::Restart)
    }));
    Ok(())
}

/// Services and networks with what happens to them.
fn told(spec: &Spec, stdout: &[u8], values: &[String]) -> Result<(Vec<Service>, Vec<String>), Fault> {
    let answer = read(spec, stdout)?;
    let verdicts = verdicts(answer["dry_run"].as_str().unwrap_or_default());
    let (action, word) = match spec.state {
        Wanted::Stopped => (Action::Stop, "stopped"),
        Wanted::Restarted => (Action::Restart, "restarted"),
        Wanted::Present | Wanted::Absent => (Action::Down, "removed"),
    };
    let containers: Vec<&Value> = answer["containers"].as_array().into_iter().flatten().collect();
    let service_of = |container: &Value| -> String {
        container["Config"]["Labels"][SERVICE].as_str().unwrap_or_default().into()
    };
    // Compose would start what has ended or was stopped by hand.
    let runs = |container: &Value| {
        let mut all = containers.iter().filter(|other| !one_off(other));
        all.any(|other| service_of(other) == service_of(container) && is_up(other))
    };
    let touched = |container: &&Value| {
        let verdict = verdicts.iter().find(|(name, _)| name == container_name(container));
        match (verdict.map(|(_, verdict)| *verdict), action) {
            (Some(_), Action::Restart) => runs(container),
            // Compose says it of what is stopped as well.
            (Some(_), Action::Stop) => is_up(container),
            (verdict, _) => verdict == Some(Verdict::Remove),
        }
    };
    let (touched, rest): (Vec<&Value>, Vec<&Value>) = containers.iter().copied().partition(touched);
    let mut services: Vec<Service> = vec![];
    for container in &touched {
        let name = container["Config"]["Labels"][SERVICE].as_str().unwrap_or_default();
        let own = container_name(container);
        // What was run beside the service is none of its containers.
        let facet = match one_off(container) {
            true => format!("{} container {own}", title(name)),
            false => title(name),
        };
        let service = match services.iter_mut().position(|service| service.name == name) {
            Some(at) => &mut services[at],
            None => {
                let job = is_job(&answer["config"]["services"], name);
                services.push(Service { job, ..Service::new(name.into(), action) });
                services.last_mut().expect("it was pushed")
            }
        };
        if !service.before.contains_key(&facet) {
            let alike = touched.iter().filter(|other| {
                !one_off(container) && !one_off(other) && other["Config"]["Labels"][SERVICE] == name
            });
            let alike: Vec<&&Value> = alike.collect();
            let worst = alike.iter().min_by_key(|c| run_rank(c)).map_or(*container, |c| **c);
            let count = if alike.len() > 1 { format!(", {} containers", alike.len()) } else { String::new() };
            let word_now = if is_paused(worst) { "paused".into() } else { state_word(worst) };
            let before: Facet = reasons::veil(word_now + &count, values);
            service.before.insert(facet.clone(), before);
            service.after.insert(facet, word.into());
        }
    }
    let is_of_it = |c: &&Value| verdicts.iter().any(|(name, _)| name == container_name(c));
    for container in rest.into_iter().filter(|c| action == Action::Restart && is_of_it(c)) {
        let name = service_of(container);
        if !services.iter().any(|service| service.name == name) {
            let left = Some(at_rest(container, &name));
            services.push(Service { left, ..Service::new(name, Action::Nothing) });
        }
    }
    let goes = |name: &str| touched.iter().any(|container| container_name(container) == name);
    let networks = answer["networks"].as_array().into_iter().flatten().filter(|network| {
        let name = network["Name"].as_str().unwrap_or_default();
        let mut users = network["Users"].as_array().into_iter().flatten();
        // One in which there is another container is left by compose.
        verdicts_of_networks(&answer).any(|going| going == name)
            && users.all(|user| user.as_str().is_some_and(goes))
    });
    let networks = networks.filter_map(|network| network["Name"].as_str().map(Into::into)).collect();
    Ok((services, networks))
}

/// Why a service is not restarted.
fn at_rest(container: &Value, name: &str) -> String {
    let starts = format!("`docker compose up -d {name}` starts it");
    match state_word(container) {
        word if finished(container) => word,
        word if stopped_by_hand(container) => format!("{word}; {starts}"),
        // What docker says of a failed start may quote from the configuration.
        _ => format!("it does not run; {starts}"),
    }
}

/// The networks that a dry run takes away.
fn verdicts_of_networks(answer: &Value) -> impl Iterator<Item = &str> {
    let lines = answer["dry_run"].as_str().unwrap_or_default().lines();
    lines.filter_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != "Network").skip(1);
        let name = words.next()?;
        (words.next()? == "Removing").then_some(name)
    })
}

/// One command for all of it.
pub fn ops(spec: &Spec, from: &Project) -> Vec<Op> {
    let acted: Vec<&Service> = from.services.iter().filter(|s| s.action != Action::Nothing).collect();
    if acted.is_empty() && from.networks.is_empty() {
        return vec![];
    }
    let verb = match spec.state {
        Wanted::Stopped => "stop",
        Wanted::Restarted => "restart",
        Wanted::Present | Wanted::Absent => "down",
    };
    let orphans = spec.remove_orphans.then(|| "--remove-orphans".to_string());
    let named = match acted.len() == from.services.len() {
        true => spec.named(),
        false => [String::from("--")].into_iter().chain(acted.iter().map(|s| s.name.clone())).collect(),
    };
    let args = [verb.to_string()].into_iter().chain(orphans).chain(spec.stop_timeout()).chain(named);
    let exec = if from.by_name { spec.command_without_files(args) } else { spec.command(&from.files, args) };
    let mut ops = vec![Op::Exec { exec, ok: vec![] }];
    if spec.wait && spec.state == Wanted::Restarted {
        let names = |jobs: bool| {
            let services = acted.iter().filter(|service| service.job || !jobs);
            services.map(|service| service.name.clone()).collect()
        };
        let until = Until::ComposeHealthy {
            project: spec.project(),
            directory: spec.directory.clone(),
            services: names(false),
            jobs: names(true),
        };
        ops.push(Op::Wait(Wait { until, timeout_s: spec.timeout, interval_ms: 1000 }));
    }
    ops
}
