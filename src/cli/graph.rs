//! `graph`.

use super::{Color, completions, project::Project};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    graph::{self, TaskGraph},
    plan::offline_nodes,
    site::Prepare,
};
use clap_complete::ArgValueCompleter;

#[derive(Debug, clap::Args)]
pub struct Graph {
    #[command(flatten)]
    project: Project,
    /// The host whose tasks to show; the first one by default
    #[arg(long, add = ArgValueCompleter::new(completions::hosts))]
    host: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Text,
    Dot,
    Mermaid,
}

impl Graph {
    /// Prints the graph as far as it is known without facts.
    ///
    /// # Errors
    /// What is wrong with the project, an unknown host, a cycle.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let site = self.project.checked(color)?;
        let host = match &self.host {
            Some(host) => host.clone(),
            None => {
                site.hosts().first().cloned().ok_or_else(|| Diagnostic::error("no host is in any play"))?
            }
        };
        if !site.hosts().contains(&host) {
            let known = site.hosts().iter().map(String::as_str);
            return Err(Diagnostic::error(format!("unknown host `{host}`")).suggest(&host, known).into());
        }
        let tasks = site.host(&host, None)?;
        let nodes = offline_nodes(&tasks)?;
        let graph =
            TaskGraph::build(&nodes).map_err(|cycle| crate::plan::cycle_diagnostic(&cycle, tasks.tasks()))?;
        let picture = match self.format {
            Format::Text => graph::text(&graph, &nodes),
            Format::Dot => graph::dot(&graph, &nodes),
            Format::Mermaid => graph::mermaid(&graph, &nodes),
        };
        anstream::print!("{picture}");
        Ok(Exit::Done)
    }
}
