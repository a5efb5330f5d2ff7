//! `schema`: JSON Schemas for editors.

use super::{Color, complain, explain::Explanation, files::Disk, vault_args::VaultArgs};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit, Severity},
    schema::{Kind, events, plan, written},
};
use std::{path::PathBuf, sync::Arc};

#[derive(Debug, clap::Args)]
pub struct Schema {
    /// What files it is for
    #[arg(value_enum, required_unless_present = "dir")]
    kind: Option<Which>,
    /// Write all schemas into this folder, as `playbook.json`, `tasks.json`, ...
    #[arg(long, value_name = "DIR", conflicts_with = "kind")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    vault: VaultArgs,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Which {
    /// Playbooks
    Playbook,
    /// Files of tasks and of handlers: `roles/*/tasks/*.yml`
    Tasks,
    /// Inventories in YAML
    Inventory,
    /// What roles take: `roles/*/meta/inputs.yml`
    RoleInputs,
    /// Files of variables: `group_vars/`, `host_vars/`, `defaults/`, `vars/`
    Vars,
    /// What a run tells: a line of `apply --json`, and of a run that is kept
    Events,
    /// What `plan -o FILE` saves
    Plan,
    /// What `explain --json` prints
    Explain,
}

impl Schema {
    /// Prints a schema, or writes all of them.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let files = Arc::new(Disk { passwords: Arc::new(self.vault.passwords()?) });
        let (own, mut wrong) = super::doc::own(&files);
        // What is wrong with one of the project's types or roles leaves that one open.
        wrong.0.iter_mut().for_each(|error| error.severity = Severity::Warning);
        complain(&wrong, color);
        let text = |kind: Kind| format!("{:#}\n", kind.schema(&own));
        if let Some(folder) = &self.dir {
            let failed = |path: &PathBuf, error| {
                Diagnostic::error(format!("cannot write {}", path.display())).cause(error)
            };
            std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
            for kind in Kind::ALL {
                let path = folder.join(format!("{}.json", kind.name()));
                std::fs::write(&path, text(kind)).map_err(|error| failed(&path, error))?;
            }
        }
        let printed = self.kind.map(|kind| match kind {
            Which::Playbook => text(Kind::Playbook),
            Which::Tasks => text(Kind::Tasks),
            Which::Inventory => text(Kind::Inventory),
            Which::RoleInputs => text(Kind::RoleInputs),
            Which::Vars => text(Kind::Vars),
            Which::Events => format!("{:#}\n", events()),
            Which::Plan => format!("{:#}\n", plan()),
            Which::Explain => format!("{:#}\n", written::<Explanation>("An explanation".into())),
        });
        printed.iter().for_each(|schema| anstream::print!("{schema}"));
        Ok(Exit::Done)
    }
}
