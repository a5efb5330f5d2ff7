//! `validate`.

use super::{Color, project::Project};
use crate::diag::{Diagnostics, Exit};

#[derive(Debug, clap::Args)]
pub struct Validate {
    #[command(flatten)]
    project: Project,
}

impl Validate {
    /// Reports everything that is wrong, at once.
    ///
    /// # Errors
    /// All mistakes found.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let site = self.project.checked(color)?;
        let hosts = site.hosts().len();
        anstream::println!("{hosts} host{}: no mistakes found", if hosts == 1 { "" } else { "s" });
        Ok(Exit::Done)
    }
}
