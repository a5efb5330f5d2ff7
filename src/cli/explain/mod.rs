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

use super::{Color, completions, project::Project};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    report::{Redactor, redacted_json, visible},
    site::{HostTasks, Prepare, Site},
};
use clap_complete::ArgValueCompleter;
use find::Meant;
use live::Live;
use std::{io::IsTerminal, sync::Arc};

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
        let site = Arc::new(self.project.checked(color)?);
        // What is mistyped is told before any host is asked.
        let mut explanation = explain(&site, &self.host, &self.what)?;
        if !self.live.offline {
            let (plan, findings) = self.live.plan(&self.project, &site, &self.host)?;
            explanation = explain(&site, &self.host, &self.what)?;
            explanation.learn(&plan, findings);
        }
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
}

/// Why all tasks of a host are as they are, and all files that they write, by the project's files and the facts that are kept.
///
/// # Errors
/// An unknown host; what is wrong with its tasks.
pub fn explain_all(site: &Site, host: &str) -> Result<Explanation, Diagnostics> {
    let (tasks, mut explanation) = begin(site, host)?;
    let (edges, course) = (order::edges(&tasks)?, tasks.course());
    for task in tasks.tasks() {
        let traced = course.trace(task.id);
        for written in tasks.written(task.id, &traced) {
            explanation.files.push(why::file(&tasks, task.id, &traced, &written.path, None)?);
        }
        explanation.tasks.push(why::task(&tasks, task.id, &traced, &edges));
    }
    Ok(explanation)
}

/// Why a task or a file of a host is as it is, by the project's files and the facts that are kept.
///
/// # Errors
/// An unknown host, task, path, line or service; a name that several tasks have.
pub fn explain(site: &Site, host: &str, what: &str) -> Result<Explanation, Diagnostics> {
    let (tasks, mut explanation) = begin(site, host)?;
    let course = tasks.course();
    match find::meant(&tasks, &course, what)? {
        Meant::Tasks(ids) => {
            let edges = order::edges(&tasks)?;
            for id in ids {
                explanation.tasks.push(why::task(&tasks, id, &course.trace(id), &edges));
            }
        }
        Meant::File { path, line, by } => {
            for (id, traced) in &by {
                explanation.files.push(why::file(&tasks, *id, traced, &path, line)?);
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
