//! `explain`: why a task runs, is skipped or comes where it does, which variables made each line of a file, and what has a service restarted.

mod compose;
mod find;
mod live;
mod order;
mod outcome;
mod service;
mod show;
mod why;

pub use outcome::Outcome;
pub use service::{Acts, Restart, ServiceWhy};
pub use why::{Condition, Edge, Explanation, FileWhy, From, LineWhy, Of, ParameterWhy, TaskWhy};

use super::{
    Color, complain, completions,
    project::{Project, Thoroughness},
};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit, Kind},
    model::TaskId,
    report::{Redactor, redacted_json, visible},
    site::{HostTasks, Prepare, Site},
    yaml::Node,
};
use clap_complete::ArgValueCompleter;
use find::Meant;
use live::Live;
use std::{collections::HashMap, io::IsTerminal, sync::Arc};

#[derive(Debug, clap::Args)]
pub struct Explain {
    #[command(flatten)]
    project: Project,
    /// A host of the inventory
    #[arg(value_name = "HOST", add = ArgValueCompleter::new(completions::hosts))]
    host: String,
    /// A task: its name, a part of that, or `FILE:LINE`; a file on the host, `/etc/app.conf`, or one line of it, `/etc/app.conf:12`; a
    /// systemd unit, a compose project or one of its services
    #[arg(value_name = "TASK|PATH[:LINE]|SERVICE", add = ArgValueCompleter::new(completions::tasks))]
    what: String,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    live: Live,
}

impl Explain {
    /// Says it, by the plan of the host as it is now; with `--offline` from the files and the facts that are kept.
    ///
    /// # Errors
    /// What is wrong with the project; an unknown host, task, path, line or service; a name that several tasks have; a host that cannot be
    /// reached or planned.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let site = Arc::new(self.site(color)?);
        // What is mistyped is told before any host is asked.
        let mut explanation = explain(&site, &self.host, &self.what, &Results::new())?;
        if !self.live.offline {
            let seen = self.live.plan(&self.project, &site, &self.host)?;
            explanation = explain(&site, &self.host, &self.what, &seen.results)?;
            explanation.learn(seen);
        }
        explanation.refuse(&site)?;
        let redactor = Redactor::new(&site.secrets());
        if self.json {
            let json = redacted_json(&explanation, &redactor);
            let json =
                json.map_err(|error| Diagnostic::error("cannot write JSON").cause(error).exit(Exit::Bug))?;
            anstream::println!("{json}");
        } else {
            let text = show::text(&explanation, color.on(std::io::stdout().is_terminal()));
            anstream::print!("{}", super::ci::text(&visible(&redactor.redact(&text))));
        }
        Ok(Exit::Done)
    }

    /// Two owners of the same are no reason not to look: they are told with what is explained.
    fn site(&self, color: Color) -> Result<Site, Diagnostics> {
        let (site, found) = self.project.found(Thoroughness::Run)?;
        let others = but_owners(found.clone());
        if others.has_errors() {
            return Err(found);
        }
        complain(&others, color);
        Ok(site)
    }
}

/// What else is wrong than that two tasks own the same.
fn but_owners(mut found: Diagnostics) -> Diagnostics {
    found.0.retain(|error| error.kind != Kind::Owners);
    found
}

/// What is registered behind each task, as far as a plan knows it.
pub type Results = HashMap<TaskId, Node>;

/// Why all tasks of a host are as they are, and all files that they write, by the project's files and the facts that are kept.
///
/// # Errors
/// An unknown host; what is wrong with its tasks.
pub fn explain_all(site: &Site, host: &str) -> Result<Explanation, Diagnostics> {
    let (tasks, mut explanation) = begin(site, host)?;
    let (edges, course) = (order::edges(&tasks)?, tasks.course(&Results::new()));
    for task in tasks.tasks() {
        let traced = course.trace(task.id);
        let written = tasks.written(task.id, &traced);
        for file in &written {
            explanation.files.push(why::file(&tasks, task.id, &traced, &written, &file.path, None)?);
        }
        explanation.tasks.push(why::task(&tasks, task.id, &traced, &written, &edges));
    }
    Ok(explanation)
}

/// Why a task or a file of a host is as it is, by the project's files, the facts that are kept, and these results.
///
/// # Errors
/// An unknown host, task, path, line or service; a name that several tasks have.
pub fn explain(site: &Site, host: &str, what: &str, results: &Results) -> Result<Explanation, Diagnostics> {
    let (tasks, mut explanation) = begin(site, host)?;
    let course = tasks.course(results);
    match find::meant(&tasks, &course, what)? {
        Meant::Tasks(ids) => {
            let edges = order::edges(&tasks)?;
            for id in ids {
                let traced = course.trace(id);
                let written = tasks.written(id, &traced);
                explanation.tasks.push(why::task(&tasks, id, &traced, &written, &edges));
            }
        }
        Meant::File { path, line, by } => {
            for (id, traced) in &by {
                let written = tasks.written(*id, traced);
                explanation.files.push(why::file(&tasks, *id, traced, &written, &path, line)?);
            }
            // One that writes the text says more than one that is about the mode.
            if explanation.files.iter().any(|file| file.total > 0) {
                explanation.files.retain(|file| file.total > 0 || line.is_none());
            }
        }
        Meant::Service(why) => explanation.services.push(why),
    }
    Ok(explanation)
}

fn begin(site: &Site, host: &str) -> Result<(HostTasks, Explanation), Diagnostics> {
    if !site.hosts().iter().any(|known| known == host) {
        let error = Diagnostic::error(match site.inventory().host(host) {
            Some(_) => format!("no play is for `{host}`"),
            None => format!("no host is named `{}`", host.escape_debug()),
        });
        return Err(error.suggest(host, site.hosts().iter().map(String::as_str)).into());
    }
    let facts = site.facts(host);
    let tasks = site.host(host, facts.as_ref())?;
    let (host, facts) = (host.to_string(), facts.is_some());
    Ok((tasks, Explanation { host, facts, ..Explanation::default() }))
}
