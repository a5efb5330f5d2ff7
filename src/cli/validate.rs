//! `validate`.

use super::{
    Color, complain, findings,
    project::{Project, Thoroughness},
};
use crate::diag::{Diagnostics, Exit};

#[derive(Debug, clap::Args)]
pub struct Validate {
    #[command(flatten)]
    project: Project,
    /// How to report: for people, or on stdout for programs (JSON, SARIF 2.1.0, GitHub's annotations, GitLab's Code Quality)
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Also end with 20 when there are warnings
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
    Sarif,
    Github,
    Gitlab,
}

impl Validate {
    /// Reports everything that is wrong, at once.
    ///
    /// # Errors
    /// All mistakes found, when they are to be shown as text.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let (hosts, found) = match self.project.found(Thoroughness::Lint) {
            Ok((site, found)) => (site.hosts().len(), found),
            Err(found) => (0, found),
        };
        let exit = |found: &Diagnostics| match found.exit() {
            Exit::Done if self.strict && !found.0.is_empty() => Exit::Config,
            exit => exit,
        };
        let text = match self.format {
            Format::Text => {
                if found.has_errors() {
                    return Err(found);
                }
                complain(&found, color);
                let hosts = format!("{hosts} host{}", if hosts == 1 { "" } else { "s" });
                let warnings = match found.0.len() {
                    0 => String::new(),
                    1 => ", 1 warning".into(),
                    count => format!(", {count} warnings"),
                };
                let refused =
                    if exit(&found) == Exit::Done { "" } else { ", which `--strict` does not let pass" };
                anstream::println!("{hosts}: no mistakes found{warnings}{refused}");
                return Ok(exit(&found));
            }
            Format::Json => findings::json(&found),
            Format::Sarif => findings::sarif(&found),
            Format::Github => findings::github(&found),
            Format::Gitlab => findings::gitlab(&found),
        };
        anstream::print!("{text}");
        Ok(exit(&found))
    }
}
