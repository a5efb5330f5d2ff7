//! The flags that name a project's files, shared by the verbs that read them.

use super::{Color, complain, fact_cache::FactCache, files::Disk, vault_args::VaultArgs};
use crate::{
    diag::{Diagnostic, Diagnostics},
    graph::TaskGraph,
    plan::{cycle_diagnostic, offline_nodes},
    resources::TABLE,
    site::{Controller, Options, Prepare, Site, extra_vars},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

#[derive(Debug, clap::Args)]
pub struct Project {
    /// Inventory: a file (Ansible's YAML or INI form), a folder of files, or a program that prints one
    pub inventory: PathBuf,
    /// Playbook; by default `playbooks/site.yml` or `site.yml`, looked for upwards from the inventory
    #[arg(short, long, value_name = "FILE")]
    pub playbook: Option<PathBuf>,
    /// Only these hosts: names, groups, patterns (`a:b:&c:!d`)
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Only tasks with one of these tags
    #[arg(short, long, value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Not the tasks with one of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub skip_tags: Vec<String>,
    /// A variable: `name=value`, a JSON or YAML mapping, or `@file`
    #[arg(short, long, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    #[command(flatten)]
    pub facts: FactCache,
    #[command(flatten)]
    pub vault: VaultArgs,
}

impl Project {
    /// Reads everything.
    ///
    /// # Errors
    /// All that is wrong with it, as far as it shows without rendering.
    pub fn load(&self) -> Result<Site, Diagnostics> {
        let passwords = Arc::new(self.vault.passwords()?);
        if !self.inventory.exists() {
            let shown = self.inventory.display();
            return Err(Diagnostic::error(format!("no such inventory: {shown}"))
                .hint("name a file such as `inventory/prod.yml`")
                .into());
        }
        let playbook = self.playbook()?;
        let files = Arc::new(Disk { passwords: passwords.clone() });
        let extra_vars = extra_vars(&self.extra_vars, &*files)?;
        let now = now();
        let (facts, odd) = self.facts.read(now)?;
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut site = Site::load(Options {
            inventory: &self.inventory,
            playbook: &playbook,
            passwords: &passwords,
            run: &super::programs::run,
            files,
            types: TABLE,
            extra_vars,
            limit: self.limit.as_deref(),
            tags: &self.tags,
            skip_tags: &self.skip_tags,
            controller: Controller { now: now.cast_signed(), env: env.collect(), facts },
        })?;
        site.warnings.extend(odd);
        Ok(site)
    }

    /// Reads everything, finds all that can be found without a host, and shows what is only a warning.
    ///
    /// # Errors
    /// All mistakes found.
    pub fn checked(&self, color: Color) -> Result<Site, Diagnostics> {
        let (site, found) = self.found()?;
        if found.has_errors() {
            return Err(found);
        }
        complain(&site.warnings, color);
        Ok(site)
    }

    /// What is read, with all that is odd or wrong.
    ///
    /// # Errors
    /// All that is wrong, when it cannot be read as a whole.
    pub fn found(&self) -> Result<(Site, Diagnostics), Diagnostics> {
        let site = self.load()?;
        let mut found = site.warnings.clone();
        found.extend(site.validate());
        if !found.has_errors() {
            found.extend(cycles(&site));
        }
        Ok((site, found))
    }

    /// Asks for what the plays ask for, and looks again with the answers.
    ///
    /// # Errors
    /// When nobody can be asked; mistakes that show only now.
    pub fn ask(&self, site: &Site) -> Result<(), Diagnostics> {
        let prompts = site.prompts();
        if prompts.is_empty() {
            return Ok(());
        }
        site.answer(super::prompts::ask(&prompts)?);
        site.validate().into_result(())
    }

    fn playbook(&self) -> Result<PathBuf, Diagnostics> {
        if let Some(playbook) = &self.playbook {
            if playbook.is_file() {
                return Ok(playbook.clone());
            }
            return Err(Diagnostic::error(format!("no such playbook: {}", playbook.display()))
                .hint("name a file such as `playbooks/site.yml`")
                .into());
        }
        let parent = self.inventory.parent().unwrap_or(Path::new(""));
        let folders = [parent.to_path_buf(), parent.join(".."), parent.join("../..")];
        let candidates = folders.iter().flat_map(|f| [f.join("playbooks/site.yml"), f.join("site.yml")]);
        let found = candidates.map(|path| tidy(&path)).find(|path| path.is_file());
        found.ok_or_else(|| {
            Diagnostic::error("no playbook found beside the inventory")
                .hint("write `--playbook FILE`, or put it at playbooks/site.yml")
                .into()
        })
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Tasks that wait for each other, each cycle once for all hosts that have it. There is none without `needs`.
fn cycles(site: &Site) -> Diagnostics {
    let mut found = Diagnostics::default();
    for host in site.hosts() {
        let Some(tasks) = found.take(site.host(host, None)) else { continue };
        if tasks.tasks().iter().all(|task| task.needs.is_empty()) {
            continue;
        }
        let Some(nodes) = found.take(offline_nodes(&tasks)) else { continue };
        if let Err(cycle) = TaskGraph::build(&nodes) {
            let cycle = cycle_diagnostic(&cycle, tasks.tasks());
            if found.0.iter().all(|known| known.causes != cycle.causes) {
                found.push(cycle);
            }
        }
    }
    found
}

/// `inventory/../playbooks` as `playbooks`, for the eye; only where no link is in the way.
fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        let up = part == std::path::Component::ParentDir;
        if up && out.file_name().is_some() && !out.is_symlink() {
            out.pop();
        } else {
            out.push(part);
        }
    }
    out
}
