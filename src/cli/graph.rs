//! `graph`.

use super::{Color, complain, completions, outputs::write, project::Project, runs};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    event::Recorded,
    graph::{Picture, TaskGraph, svg},
    plan::offline_nodes,
    report::{Critical, Story, picture},
    site::Prepare,
};
use clap_complete::ArgValueCompleter;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Graph {
    #[command(flatten)]
    project: Project,
    /// The host whose tasks to show; the first one by default, and with `--run` the one that was done last
    #[arg(long, add = ArgValueCompleter::new(completions::hosts))]
    host: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The graph of a run that is kept, with times and the critical path: a name as `runs list` has it, or `last`
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Write it there
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    #[default]
    Text,
    Dot,
    Mermaid,
    Svg,
}

impl Graph {
    /// Prints the graph as far as it is known without facts, or that of a run.
    ///
    /// # Errors
    /// What is wrong with the project, an unknown host or run, a cycle.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let text = match &self.run {
            Some(run) => self.of_run(run, color)?,
            None => self.of_plan(color)?,
        };
        match &self.output {
            None => anstream::print!("{text}"),
            Some(path) => write(path, &text).map_err(|error| {
                Diagnostic::error(format!("cannot write {}", path.display())).cause(error)
            })?,
        }
        Ok(Exit::Done)
    }

    fn of_plan(&self, color: Color) -> Result<String, Diagnostics> {
        let site = self.project.checked(color)?;
        let host = self.host(site.hosts().iter().map(String::as_str))?;
        let host = host.ok_or_else(|| Diagnostic::error("no host is in any play"))?;
        let tasks = site.host(&host, None)?;
        let nodes = offline_nodes(&tasks)?;
        let graph =
            TaskGraph::build(&nodes).map_err(|cycle| crate::plan::cycle_diagnostic(&cycle, tasks.tasks()))?;
        let picture = match self.format {
            Format::Svg => Picture::plain(&graph, &nodes),
            _ => Picture::whole(&graph, &nodes),
        };
        let text = self.shown(&picture, &format!("tasks of {host}"));
        // Which one it is nobody has said.
        let is_one_of_many = self.format == Format::Text && self.host.is_none() && site.hosts().len() > 1;
        Ok(if is_one_of_many { format!("tasks of {host}; `--host` names another\n\n{text}") } else { text })
    }

    fn of_run(&self, run: &str, color: Color) -> Result<String, Diagnostics> {
        let (path, events): (PathBuf, Vec<Recorded>) =
            runs::recorded(run, Path::new(&self.project.inventory))?;
        let story = Story::new(&events);
        let name = self.host(story.hosts.iter().map(|host| host.name))?;
        let host = match name.filter(|_| self.host.is_some()) {
            Some(name) => story.hosts.iter().find(|host| host.name == name),
            None => story.last_host(),
        };
        let host = host.ok_or_else(|| Diagnostic::error(format!("{} names no host", path.display())))?;
        if host.tasks.is_empty() {
            let error = Diagnostic::error(format!("run `{}` has no plan of {}", story.run, host.name));
            return Err(error.hint(format!("`runs show {}` says why", story.run)).into());
        }
        if host.tasks.len() > 1 && host.tasks.iter().all(|task| task.after.is_empty()) {
            let odd = Diagnostic::warning(format!("run `{}` has no edges on {}", story.run, host.name));
            complain(
                &odd.hint("nothing waits for anything, or an earlier version of the program kept it").into(),
                color,
            );
        }
        let critical = Critical::new(&story, host);
        let picture = picture(host, critical.as_ref());
        let mut text = self.shown(&picture, &format!("tasks of {} in run {}", host.name, story.run));
        if self.format == Format::Text {
            text += &match critical {
                Some(critical) => format!("\n{}", critical.text()),
                None if story.check => "\na check does nothing: there is no critical path\n".into(),
                None => format!("\nno task had anything to do on {}: there is no critical path\n", host.name),
            };
        }
        Ok(text)
    }

    /// The host that is meant: the first one when none is named.
    fn host<'a>(
        &self,
        mut known: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Option<String>, Diagnostics> {
        match &self.host {
            None => Ok(known.next().map(String::from)),
            Some(host) if known.clone().any(|known| known == host) => Ok(Some(host.clone())),
            Some(host) => {
                let error = Diagnostic::error(format!("unknown host `{}`", host.escape_debug()));
                Err(error.suggest(host, known).into())
            }
        }
    }

    fn shown(&self, picture: &Picture, title: &str) -> String {
        match self.format {
            Format::Text => picture.text(),
            Format::Dot => picture.dot(),
            Format::Mermaid => picture.mermaid(),
            Format::Svg => svg(picture, title),
        }
    }
}
