//! `protected: true` in an inventory: nothing is changed there by a slip of the hand.

use crate::{
    diag::{Diagnostic, Diagnostics},
    site::{Place, Prepare, Site},
    yaml::{Node, Value},
};
use std::{collections::BTreeSet, path::Path};

const VARIABLE: &str = "protected";

#[derive(Debug, clap::Args)]
pub struct Confirm {
    /// The name of an inventory that is `protected`, as in `prod` of `inventory/prod.yml`: this run is meant for it
    #[arg(long, value_name = "NAME", conflicts_with = "check")]
    confirm: Option<String>,
    /// What is to be typed before anything is changed.
    #[arg(skip)]
    pub word: Option<String>,
}

impl Confirm {
    /// Learns whether any host of the run is protected, and whether the word for it was given; else it has to be typed.
    ///
    /// # Errors
    /// A wrong word; a value that is neither true nor false; no word where nobody can be asked.
    pub fn learn(&mut self, site: &Site, inventory: &Path, asks: bool) -> Result<(), Diagnostics> {
        let name = name_of(inventory);
        if let Some(word) = self.confirm.as_deref().filter(|word| *word != name) {
            let error =
                Diagnostic::error(format!("`--confirm {}` is not this inventory", word.escape_debug()));
            return Err(error.hint(format!("its name is `{name}`")).into());
        }
        let Some((host, node)) = protected(site)?.filter(|_| self.confirm.is_none()) else { return Ok(()) };
        if !asks {
            let error = Diagnostic::error(format!("`{host}` is protected: this run has to be meant for it"));
            let hint = format!("add `--confirm {name}`, the name of the inventory");
            return Err(error.at(&node.place()).hint(hint).into());
        }
        self.word = Some(name);
        Ok(())
    }
}

/// The hosts of the run, and those to which their tasks are delegated.
fn reached(site: &Site) -> Result<BTreeSet<String>, Diagnostics> {
    let mut reached: BTreeSet<String> = site.hosts().iter().cloned().collect();
    for host in site.hosts() {
        let tasks = site.tasks(host, None)?;
        let delegated = tasks.tasks().iter().filter_map(|task| match &task.place {
            Place::Delegate(other) => Some(other.clone()),
            Place::Host => None,
        });
        reached.extend(delegated);
    }
    Ok(reached)
}

/// The first host of the run that is protected, and where that is said.
fn protected(site: &Site) -> Result<Option<(String, &Node)>, Diagnostics> {
    let mut errors = Diagnostics::default();
    let mut found = None;
    for host in &reached(site)? {
        let Some(node) = site.inventory().host(host).and_then(|host| host.vars.get(VARIABLE)) else {
            continue;
        };
        match node.value {
            Value::Bool(true) => found = found.or(Some((host.clone(), node))),
            Value::Bool(false) | Value::Null => {}
            _ => errors.push(
                Diagnostic::error(format!("`{VARIABLE}` is neither true nor false"))
                    .at(&node.place())
                    .hint("write `protected: true`"),
            ),
        }
    }
    errors.0.dedup_by_key(|error| error.to_string());
    errors.into_result(found)
}

/// `prod` of `inventory/prod.yml`, of `inventory/prod/`, and of `inventory/prod/hosts.yml`.
fn name_of(inventory: &Path) -> String {
    let whole = inventory.canonicalize().unwrap_or_else(|_| inventory.into());
    let own = if whole.is_dir() { whole.file_name() } else { whole.file_stem() };
    // Names that every one has.
    let is_common =
        own.is_some_and(|own| ["hosts", "inventory", "main", "all"].iter().any(|name| own == *name));
    let name = if is_common { whole.parent().and_then(Path::file_name).or(own) } else { own };
    name.map_or_else(|| "inventory".into(), |name| name.to_string_lossy().into_owned())
}
