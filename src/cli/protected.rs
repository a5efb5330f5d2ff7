//! `protected: true` in an inventory: nothing is changed there by a slip of the hand.

use crate::{
    diag::{Diagnostic, Diagnostics},
    engine::{Around, Open},
    event::Failure,
    plan::{Seat, diagnostics_failure},
    site::{Place, Prepare, Site},
    yaml::{Node, Value},
};
use std::{collections::BTreeSet, path::Path, sync::Arc};

const VARIABLE: &str = "protected";

#[derive(Debug, clap::Args)]
pub struct Confirm {
    /// The name of an inventory that is `protected`, as in `prod` of `inventory/prod.yml`: this run is meant for it
    #[arg(long, value_name = "NAME", conflicts_with = "check")]
    confirm: Option<String>,
    /// What is to be typed before anything is changed.
    #[arg(skip)]
    pub word: Option<String>,
    /// The name of the inventory.
    #[arg(skip)]
    name: String,
    /// The run is meant for it, whichever of its hosts it comes to.
    #[arg(skip)]
    is_meant: bool,
}

impl Confirm {
    /// Learns whether any host of the run is protected, and whether the word for it was given; else it has to be typed.
    ///
    /// # Errors
    /// A wrong word; a value that is neither true nor false; no word where nobody can be asked.
    pub fn learn(&mut self, site: &Site, inventory: &Path, asks: bool) -> Result<(), Diagnostics> {
        let name = name_of(inventory);
        self.name.clone_from(&name);
        if let Some(word) = self.confirm.as_deref().filter(|word| *word != name) {
            let error =
                Diagnostic::error(format!("`--confirm {}` is not this inventory", word.escape_debug()));
            return Err(error.hint(format!("its name is `{name}`")).into());
        }
        self.is_meant = self.confirm.is_some();
        let Some((host, node)) = protected(site)?.filter(|_| !self.is_meant) else { return Ok(()) };
        if !asks {
            return Err(unmeant(&host, node, &name).into());
        }
        (self.word, self.is_meant) = (Some(name), true);
        Ok(())
    }

    /// A plan that was saved names what it is meant for: no word is asked for.
    pub fn saved(&mut self, is_saved: bool) {
        self.word.take_if(|_| is_saved);
        self.is_meant |= is_saved;
    }

    /// Links that lead to no protected host which only shows on the way: by a fact that `delegate_to` depends on. Where the run is meant
    /// for the inventory, these links.
    pub fn around(&self, links: Arc<dyn Open>, site: Arc<Site>) -> Arc<dyn Open> {
        if self.is_meant { links } else { Arc::new(Guarded { links, site, name: self.name.clone() }) }
    }
}

fn unmeant(host: &str, node: &Node, name: &str) -> Diagnostic {
    let error = Diagnostic::error(format!("`{host}` is protected: this run has to be meant for it"));
    error.at(&node.place()).hint(format!("add `--confirm {name}`, the name of the inventory"))
}

struct Guarded {
    links: Arc<dyn Open>,
    site: Arc<Site>,
    name: String,
}

impl Around for Guarded {
    fn links(&self) -> &dyn Open {
        &*self.links
    }

    fn may_open(&self, seat: &Seat) -> Result<(), Failure> {
        let Place::Delegate(other) = &seat.place else { return Ok(()) };
        let found = of_host(&self.site, other).map_err(Diagnostics::from);
        let found = found.and_then(|node| match node {
            Some(node) => Err(unmeant(other, node, &self.name).into()),
            None => Ok(()),
        });
        found.map_err(|errors| diagnostics_failure(None, &errors))
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
        match of_host(site, host) {
            Ok(node) => found = found.or(node.map(|node| (host.clone(), node))),
            Err(error) => errors.push(error),
        }
    }
    errors.0.dedup_by_key(|error| error.to_string());
    errors.into_result(found)
}

/// Where it is said that a host is protected.
fn of_host<'a>(site: &'a Site, host: &str) -> Result<Option<&'a Node>, Diagnostic> {
    let Some(node) = site.inventory().host(host).and_then(|host| host.vars.get(VARIABLE)) else {
        return Ok(None);
    };
    match node.value {
        Value::Bool(true) => Ok(Some(node)),
        Value::Bool(false) | Value::Null => Ok(None),
        _ => Err(Diagnostic::error(format!("`{VARIABLE}` is neither true nor false"))
            .at(&node.place())
            .hint("write `protected: true`")),
    }
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
