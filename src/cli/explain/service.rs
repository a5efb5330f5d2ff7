//! A service: which tasks act on it, and what has it restarted.

use super::{
    From, Outcome,
    compose::{placeholders, section, services},
    why::{FATES, add_all, fate, place},
};
use crate::{
    diag::Diagnostic,
    model::{Area, TaskId},
    site::{Course, HostTask, HostTasks, Prepare, Traced, Written},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// A service as the tasks of a host see it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServiceWhy {
    /// `docker.service`, `app`, `web`.
    pub name: String,
    /// `unit`, `compose project` or `service of the compose project PROJECT`.
    pub kind: String,
    pub acts: Vec<Acts>,
    pub restarts: Vec<Restart>,
}

/// A task that acts on a service.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Acts {
    #[serde(skip)]
    pub id: TaskId,
    pub task: String,
    pub resource: String,
    pub place: String,
    pub does: String,
    pub handler: bool,
    #[schemars(extend("enum" = FATES))]
    pub fate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What is to be done on the host as it is now, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// Something that has a service restarted, or made anew.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Restart {
    pub when: String,
    pub place: String,
    /// The variables that come to that.
    pub from: Vec<From>,
}

/// Every task of the host, traced, with the files that it writes.
pub(super) struct All<'a> {
    pub tasks: &'a HostTasks,
    pub traced: Vec<(Traced, Vec<Written>)>,
}

/// What is meant by the name of a service.
pub(super) enum Named {
    Unit(String),
    Project(String),
    /// Of a project.
    Service {
        project: String,
        name: String,
    },
}

impl<'a> All<'a> {
    pub fn new(tasks: &'a HostTasks, course: &Course) -> Self {
        let trace = |task: &HostTask| {
            let traced = course.trace(task.id);
            let written = tasks.written(task.id, &traced);
            (traced, written)
        };
        Self { tasks, traced: tasks.tasks().iter().map(trace).collect() }
    }

    /// The service of that name, if there is one, and the names of all.
    ///
    /// # Errors
    /// Several projects have a service of that name.
    pub fn named(&self, what: &str) -> Result<(Option<Named>, BTreeSet<String>), Diagnostic> {
        let (mut found, mut names) = (vec![], BTreeSet::new());
        for (at, (traced, _)) in self.traced.iter().enumerate() {
            let Some(prepared) = &traced.prepared else { continue };
            for area in prepared.footprint().writes {
                match area {
                    Area::Unit(unit) => {
                        let short = unit.strip_suffix(".service").unwrap_or(&unit).to_string();
                        if what == unit || what == short {
                            found.push(Named::Unit(unit));
                        }
                        names.insert(short);
                    }
                    Area::Compose(project) => {
                        if what == project {
                            found.push(Named::Project(project.clone()));
                        }
                        if prepared.type_name() == "compose" {
                            let by = TaskId(at as u32);
                            for name in self.services(by) {
                                if what == name || what == format!("{project}/{name}") {
                                    let (project, name) = (project.clone(), name.clone());
                                    found.push(Named::Service { project, name });
                                }
                                names.insert(name);
                            }
                        }
                        names.insert(project);
                    }
                    _ => {}
                }
            }
        }
        let unit = found.iter().position(|named| matches!(named, Named::Unit(_)));
        let projects: BTreeSet<&String> = found
            .iter()
            .filter_map(|named| match named {
                Named::Service { project, .. } => Some(project),
                _ => None,
            })
            .collect();
        if projects.len() > 1 {
            let error = Diagnostic::error(format!("several compose projects have a service `{what}`"));
            let written: Vec<String> = projects.iter().map(|project| format!("`{project}/{what}`")).collect();
            return Err(error.hint(format!("write {}", written.join(" or "))));
        }
        // A unit is what systemctl would take the name for.
        let at = unit.unwrap_or(0);
        Ok(((at < found.len()).then(|| found.swap_remove(at)), names))
    }

    /// Why a service is as it is.
    pub fn why(&self, named: &Named) -> ServiceWhy {
        let (name, kind, area) = match named {
            Named::Unit(unit) => (unit.clone(), "unit".to_string(), Area::Unit(unit.clone())),
            Named::Project(project) => {
                (project.clone(), "compose project".into(), Area::Compose(project.clone()))
            }
            Named::Service { project, name, .. } => (
                name.clone(),
                format!("service of the compose project {project}"),
                Area::Compose(project.clone()),
            ),
        };
        let mut why = ServiceWhy { name, kind, acts: vec![], restarts: vec![] };
        for (at, (traced, written)) in self.traced.iter().enumerate() {
            let Some(prepared) = &traced.prepared else { continue };
            if !prepared.footprint().writes.contains(&area) {
                continue;
            }
            let task = &self.tasks.tasks()[at];
            let (fate, because) = fate(&traced.fate);
            why.acts.push(Acts {
                id: task.id,
                task: task.name.clone(),
                resource: task.resource.to_string(),
                place: place(&task.origin),
                does: does(task, traced),
                handler: task.handler,
                fate,
                because,
                outcome: None,
            });
            self.restarts(task, traced, written, named, &mut why.restarts);
        }
        why
    }

    /// What has a task restart the service.
    fn restarts(
        &self,
        task: &HostTask,
        traced: &Traced,
        written: &[Written],
        named: &Named,
        found: &mut Vec<Restart>,
    ) {
        let says = |name: &str| text(traced, name);
        match &*task.resource {
            "service" if ["restarted", "reloaded"].contains(&says("state").as_str()) => {}
            "systemd_unit" | "systemd_timer" if says("restart_on_change") != "false" => {
                for file in written {
                    let when = format!("{} changes, while it runs", file.path);
                    found.push(Restart { when, place: place(&task.origin), from: variables(file, |_| true) });
                }
            }
            "compose" if says("state") != "restarted" => {
                return found.extend(self.compose(task.id, named));
            }
            "compose" | "command" | "shell" | "script" => {}
            _ => return,
        }
        if ["systemd_unit", "systemd_timer"].contains(&&*task.resource) {
            return;
        }
        let by: Vec<&HostTask> =
            self.tasks.tasks().iter().filter(|other| other.notify.contains(&task.id)).collect();
        for other in &by {
            let (traced, written) = &self.traced[other.id.0 as usize];
            let mut from = vec![];
            for file in written {
                add_all(&mut from, variables(file, |_| true));
            }
            if written.is_empty() {
                let reads = traced.parameters.iter().flat_map(|parameter| &parameter.made.reads);
                add_all(&mut from, super::why::of(reads));
            }
            let what = written.first().map_or_else(String::new, |file| format!(" ({})", file.path));
            let when = format!("`{}` changes something{what}: it notifies `{}`", other.name, task.name);
            found.push(Restart { when, place: place(&other.origin), from });
        }
        if by.is_empty() && !task.handler && task.resource.as_ref() == "service" {
            let when = format!("`{}` runs: it restarts it each time", task.name);
            found.push(Restart { when, place: place(&task.origin), from: vec![] });
        }
    }

    /// A service is made anew when what the files of its project say of it changes, or a value that they use.
    fn compose(&self, by: TaskId, named: &Named) -> Vec<Restart> {
        let service = match named {
            Named::Service { name, .. } => Some(name.as_str()),
            _ => None,
        };
        let mut found = vec![];
        let mut used = BTreeSet::new();
        for (task, file) in self.files(by, "files") {
            let lines = texts(file);
            let own = match service {
                Some(service) => section(&lines, service),
                None => (0..lines.len()).collect(),
            };
            if own.is_empty() {
                continue;
            }
            own.iter().for_each(|at| placeholders(lines[*at], &mut used));
            let what = service.map_or_else(String::new, |service| format!(" what it says of `{service}`"));
            let when =
                format!("{} changes{}", file.path, if what.is_empty() { what } else { format!(",{what}") });
            found.push(Restart {
                when,
                place: place(&task.origin),
                from: variables(file, |at| own.contains(&at)),
            });
        }
        for (task, file) in self.files(by, "env_file") {
            let is_used = |at: usize| {
                file.lines[at].text.split_once('=').is_some_and(|(name, _)| used.contains(name.trim()))
            };
            let from = variables(file, is_used);
            let names: Vec<&str> = (0..file.lines.len())
                .filter(|at| is_used(*at))
                .filter_map(|at| file.lines[at].text.split_once('=').map(|(name, _)| name.trim()))
                .collect();
            if !names.is_empty() {
                let when = format!("{} changes in {}", file.path, names.join(", "));
                found.push(Restart { when, place: place(&task.origin), from });
            }
        }
        found
    }

    /// The files of a compose task that tasks write, with these.
    fn files(&self, by: TaskId, parameter: &str) -> Vec<(&HostTask, &Written)> {
        let (traced, _) = &self.traced[by.0 as usize];
        let folder = text(traced, "directory");
        let named: Vec<String> = traced
            .parameters
            .iter()
            .filter(|p| {
                p.name == parameter
                    || p.name.strip_prefix(parameter).is_some_and(|rest| rest.starts_with('.'))
            })
            .filter_map(|p| p.made.text.as_deref().map(str::to_string))
            .collect();
        let named = match (named.is_empty(), parameter) {
            (true, "files") => ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"]
                .map(String::from)
                .to_vec(),
            _ => named,
        };
        let paths: Vec<String> = named
            .into_iter()
            .map(|file| {
                if file.starts_with('/') { file } else { format!("{}/{file}", folder.trim_end_matches('/')) }
            })
            .collect();
        let all = self.tasks.tasks().iter().zip(&self.traced);
        let written = all.flat_map(|(task, (_, written))| written.iter().map(move |file| (task, file)));
        written.filter(|(_, file)| paths.contains(&file.path)).collect()
    }

    /// The services in the files of a compose task.
    fn services(&self, by: TaskId) -> Vec<String> {
        let files = self.files(by, "files").into_iter();
        files.flat_map(|(_, file)| services(&texts(file))).collect()
    }
}

/// The lines of a file.
fn texts(file: &Written) -> Vec<&str> {
    file.lines.iter().map(|line| line.text.as_str()).collect()
}

/// What a task does to the service, in words.
fn does(task: &HostTask, traced: &Traced) -> String {
    let says = |name: &str| text(traced, name);
    let boot = match says("enabled").as_str() {
        "true" => ", enables it at boot",
        "false" => ", disables it at boot",
        _ => "",
    };
    let what = match (&*task.resource, says("state").as_str(), says("started").as_str()) {
        ("service", "started", _) => "has it run",
        ("service" | "compose", "stopped", _) => "has it stopped",
        ("service" | "compose", "restarted", _) => "restarts it",
        ("service", "reloaded", _) => "has it read its configuration again",
        ("service", ..) => "sets how it starts",
        ("compose", "absent", _) => "removes it",
        ("compose", ..) => "brings it to what its files say: makes anew what differs",
        ("systemd_unit" | "systemd_timer", "absent", _) => "removes it",
        ("systemd_unit" | "systemd_timer", _, "true") => "writes it, has it run",
        ("systemd_unit" | "systemd_timer", ..) => "writes it",
        _ => "says that it touches it",
    };
    format!("{what}{boot}")
}

/// The value of a parameter, where it is known.
fn text(traced: &Traced, name: &str) -> String {
    let found = traced.parameters.iter().find(|parameter| parameter.name == name);
    found.and_then(|parameter| parameter.made.text.as_deref()).unwrap_or_default().to_string()
}

/// The variables in the lines of a file.
fn variables(file: &Written, counts: impl Fn(usize) -> bool) -> Vec<From> {
    let lines = file.lines.iter().enumerate().filter(|(at, _)| counts(*at));
    let mut from = vec![];
    for (_, line) in lines {
        add_all(&mut from, super::why::of_line(line));
    }
    from
}
