//! `validate`.

use super::{Color, complain, findings, project::Project};
use crate::diag::{Diagnostics, Exit};

#[derive(Debug, clap::Args)]
pub struct Validate {
    #[command(flatten)]
    project: Project,
    /// How to report: for people, or on stdout for programs (JSON, SARIF 2.1.0, GitHub's annotations)
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
    Sarif,
    Github,
}

impl Validate {
    /// Reports everything that is wrong, at once.
    ///
    /// # Errors
    /// All mistakes found, when they are to be shown as text.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let (hosts, found) = match self.project.found() {
            Ok((site, found)) => (site.hosts().len(), found),
            Err(found) => (0, found),
        };
        let text = match self.format {
            Format::Text => {
                let exit = found.exit();
                if exit != Exit::Done {
                    return Err(found);
                }
                complain(&found, color);
                let hosts = format!("{hosts} host{}", if hosts == 1 { "" } else { "s" });
                anstream::println!("{hosts}: no mistakes found");
                return Ok(exit);
            }
            Format::Json => findings::json(&found),
            Format::Sarif => findings::sarif(&found),
            Format::Github => findings::github(&found),
        };
        anstream::print!("{text}");
        Ok(found.exit())
    }
}
