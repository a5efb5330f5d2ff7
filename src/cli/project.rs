//! The flags that name a project's files, shared by the verbs that read them.

use super::{
    Color, complain, completions,
    fact_cache::FactCache,
    files::{Disk, NoTasks},
    order, programs,
    vault_args::VaultArgs,
};
use crate::{
    diag::{Diagnostic, Diagnostics, Kind, Severity, did_you_mean, is_allowed},
    graph::TaskGraph,
    plan::{cycle_diagnostic, lint, offline_nodes, sure_nodes},
    playbook::Files,
    resources::TABLE,
    site::{ByHost, Controller, Options, Prepare, Site, extra_vars},
    vault::{Inputs, Passwords},
};
use clap_complete::ArgValueCompleter;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::SystemTime,
};

/// How much to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thoroughness {
    /// Mistakes: what a run must not begin with.
    Run,
    /// Also what is odd.
    Lint,
}

#[derive(Debug, clap::Args)]
pub struct Project {
    /// Inventory: a file (Ansible's YAML or INI form), a folder of files, or a program that prints one
    pub inventory: PathBuf,
    /// Playbook; by default `playbooks/site.yml` or `site.yml`, looked for upwards from the inventory
    #[arg(short, long, value_name = "FILE")]
    pub playbook: Option<PathBuf>,
    /// Only these hosts: names, groups, patterns (`a:b:&c:!d`)
    #[arg(short, long, value_name = "PATTERN", add = ArgValueCompleter::new(completions::hosts_and_groups))]
    pub limit: Option<String>,
    /// Only tasks with one of these tags
    #[arg(short, long, value_name = "TAG", value_delimiter = ',', add = ArgValueCompleter::new(completions::tags))]
    pub tags: Vec<String>,
    /// Not the tasks with one of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',', add = ArgValueCompleter::new(completions::tags))]
    pub skip_tags: Vec<String>,
    /// Only the first task of this name and those after it; `*` stands for anything
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(completions::tasks))]
    pub start_at_task: Option<String>,
    /// A variable: `name=value`, a JSON or YAML mapping, or `@file`
    #[arg(short, long, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    #[command(flatten)]
    pub facts: FactCache,
    #[command(flatten)]
    pub vault: VaultArgs,
    /// Where note is taken of all that is read.
    #[arg(skip)]
    pub(super) inputs: Option<Arc<Inputs>>,
    /// The time that the playbook is told, in seconds since 1970: of a saved plan that of its making.
    #[arg(skip)]
    clock: OnceLock<u64>,
    #[arg(skip)]
    passwords: OnceLock<Arc<Passwords>>,
}

impl Project {
    /// The time that the playbook is told.
    pub fn clock(&self) -> u64 {
        *self.clock.get_or_init(now)
    }

    /// Tells it that of a plan.
    pub fn set_clock(&mut self, at: u64) {
        self.clock = at.into();
    }

    /// Reads everything.
    ///
    /// # Errors
    /// All that is wrong with it, as far as it shows without rendering.
    pub fn load(&self) -> Result<Site, Diagnostics> {
        let (mut site, found) = self.read()?;
        if found.has_errors() {
            return Err(order::without_unopened(found));
        }
        site.warnings = found;
        Ok(site)
    }

    /// The hosts and their variables, whatever the playbook holds.
    ///
    /// # Errors
    /// All that is wrong with the inventory; a choice of tasks, which are not looked at.
    pub fn hosts_only(&self) -> Result<Site, Diagnostics> {
        if !self.tags.is_empty() || !self.skip_tags.is_empty() || self.start_at_task.is_some() {
            let error =
                Diagnostic::error("tasks cannot be chosen here: what a run did is brought back whole");
            return Err(error.hint("`--limit` chooses hosts; leave tags and `--start-at-task` out").into());
        }
        let near = playbook_near(&self.inventory);
        let playbook =
            self.playbook.clone().or(near).unwrap_or_else(|| self.inventory.with_file_name("site.yml"));
        let (mut site, found) = self.read_with(playbook, true)?;
        if found.has_errors() {
            return Err(order::without_unopened(found));
        }
        site.warnings = found;
        Ok(site)
    }

    /// As much as can be read, with all that is wrong with the rest.
    fn read(&self) -> Result<(Site, Diagnostics), Diagnostics> {
        if !self.inventory.exists() {
            return Err(self.no_inventory());
        }
        self.read_with(self.playbook()?, false)
    }

    /// Has a program print an inventory.
    fn run(&self, program: &Path, arguments: &[&str]) -> Result<Vec<u8>, Diagnostic> {
        let printed = programs::run(program, arguments)?;
        if let Some(inputs) = &self.inputs {
            if let Ok(bytes) = std::fs::read(program) {
                inputs.file(program, &bytes);
            }
            let program = program.display().to_string();
            inputs.printed([&[&*program], arguments].concat().join(" "), &printed);
        }
        Ok(printed)
    }

    /// What opens the vaults; asked for once.
    ///
    /// # Errors
    /// Each source that gives none.
    pub(super) fn opened(&self) -> Result<Arc<Passwords>, Diagnostics> {
        if let Some(passwords) = self.passwords.get() {
            return Ok(passwords.clone());
        }
        let mut passwords = self.vault.passwords()?;
        passwords.inputs.clone_from(&self.inputs);
        Ok(self.passwords.get_or_init(|| Arc::new(passwords)).clone())
    }

    /// What opened the vaults.
    pub(super) fn passwords(&self) -> Arc<Passwords> {
        self.passwords.get().cloned().unwrap_or_default()
    }

    fn no_inventory(&self) -> Diagnostics {
        let error = Diagnostic::error(format!("no such inventory: {}", self.inventory.display()));
        let error = error.hint("name a file such as `inventory/prod.yml`");
        beside(error, &self.inventory).into()
    }

    fn read_with(&self, playbook: PathBuf, only_hosts: bool) -> Result<(Site, Diagnostics), Diagnostics> {
        let passwords = self.opened()?;
        if !self.inventory.exists() {
            return Err(self.no_inventory());
        }
        let disk = Disk { passwords: passwords.clone() };
        let files: Arc<dyn Files> =
            if only_hosts { Arc::new(NoTasks { disk, playbook: playbook.clone() }) } else { Arc::new(disk) };
        let extra_vars = extra_vars(&self.extra_vars, &*files)?;
        let now = now();
        let (facts, odd) = self.facts.read(now)?;
        let pinned = known_hosts_file(&self.inventory);
        if let (Some(inputs), Ok(bytes)) = (&self.inputs, std::fs::read(&pinned)) {
            inputs.file(&pinned, &bytes);
        }
        let named = self.limit.iter().flat_map(|limit| limit.split(','));
        for path in named.filter_map(|part| part.trim().strip_prefix('@').map(Path::new)) {
            // What is wrong with it is said by whoever needs it.
            if let (Some(inputs), Ok(bytes)) = (&self.inputs, std::fs::read(path)) {
                inputs.file(path, &bytes);
            }
        }
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let (site, mut found) = Site::read(Options {
            inventory: &self.inventory,
            playbook: &playbook,
            passwords: &passwords,
            run: &|program, arguments| self.run(program, arguments),
            files,
            types: TABLE,
            extra_vars,
            limit: self.limit.as_deref(),
            tags: &self.tags,
            skip_tags: &self.skip_tags,
            start_at_task: self.start_at_task.as_deref(),
            controller: Controller {
                now: self.clock().cast_signed(),
                folder: std::env::current_dir().unwrap_or_default(),
                env: env.collect(),
                facts,
            },
        });
        found.extend(odd);
        Ok((site, found))
    }

    /// The file with the keys of the hosts, if there is one beside the inventory.
    pub fn pinned(&self) -> Option<PathBuf> {
        let file = known_hosts_file(&self.inventory);
        // ssh has a working folder of its own.
        file.canonicalize().ok().filter(|file| file.is_file())
    }

    /// Whether some of the tasks are left out.
    pub fn is_partial(&self) -> bool {
        !self.tags.is_empty() || !self.skip_tags.is_empty() || self.start_at_task.is_some()
    }

    /// Whether what the inventory accepts can be judged by this run: no other playbook, host or task may have a use for it.
    pub fn is_whole(&self) -> bool {
        let is_its_own = || {
            let real = |path: &Path| path.canonicalize().ok();
            let given = self.playbook.as_deref();
            given.is_none_or(|given| {
                playbook_near(&self.inventory).is_some_and(|own| real(given) == real(&own))
            })
        };
        !self.is_partial() && self.limit.is_none() && is_its_own()
    }

    /// Reads everything, finds all that can be found without a host, and shows what is only a warning.
    ///
    /// # Errors
    /// All mistakes found.
    pub fn checked(&self, color: Color) -> Result<Site, Diagnostics> {
        let (site, found) = self.found(Thoroughness::Run)?;
        if found.has_errors() {
            return Err(found);
        }
        complain(&found, color);
        Ok(site)
    }

    /// What is read, with all that is odd or wrong, each once and in the order of the files.
    ///
    /// # Errors
    /// What is wrong with the arguments, so that nothing can be read.
    pub fn found(&self, thoroughness: Thoroughness) -> Result<(Site, Diagnostics), Diagnostics> {
        let (site, mut found) = self.read()?;
        let mut more = site.validate();
        site.explain_left_out(&mut more);
        found.extend(if found.has_errors() { order::without_follow_ups(more, &found, self) } else { more });
        // A vault that does not open hides none of these.
        if found.0.iter().all(|error| error.kind == Kind::Sealed || error.severity != Severity::Error) {
            let mut more = cycles(&site, found.has_errors());
            more.extend(lint::check(&site));
            found.extend(more);
        }
        if !found.has_errors() && thoroughness == Thoroughness::Lint {
            found.extend(site.lint());
            found.extend(edges(&site));
        }
        found = order::without_unopened(found);
        found.0.retain(|diagnostic| !is_allowed(diagnostic));
        // No comment silences these: the inventory says what is accepted, and why.
        if !found.has_errors() && thoroughness == Thoroughness::Lint {
            found.extend(self.plans(&site));
        }
        Ok((site, found.in_order(|path| order::rank(path, self))))
    }

    /// What the plans of the hosts would tell, as far as it shows without the hosts.
    fn plans(&self, site: &Site) -> Diagnostics {
        let (mut by_host, mut used, mut all_known) = (ByHost::default(), BTreeSet::new(), true);
        for host in site.hosts() {
            let Ok(tasks) = site.tasks(host, None) else { continue };
            let (found, known) = lint::offline(&*tasks);
            all_known &= known;
            for it in found {
                used.insert((host.clone(), it.lint.name.to_string()));
                if it.accepted.is_none() {
                    by_host.add(host, it.diagnostic.into());
                }
            }
        }
        let mut found = by_host.into_diagnostics(site.hosts().len());
        if all_known && self.is_whole() {
            let judged: Vec<&str> = lint::LINTS.iter().map(|lint| lint.name).collect();
            found.extend(lint::unused(site, &judged, &used));
        }
        found
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

    pub(super) fn playbook(&self) -> Result<PathBuf, Diagnostics> {
        if let Some(playbook) = &self.playbook {
            if playbook.is_file() {
                return Ok(playbook.clone());
            }
            let error = Diagnostic::error(format!("no such playbook: {}", playbook.display()));
            let error = error.hint("name a file such as `playbooks/site.yml`");
            return Err(beside(error, playbook).into());
        }
        playbook_near(&self.inventory).ok_or_else(|| {
            Diagnostic::error("no playbook found beside the inventory")
                .hint("write `--playbook FILE`, or put it at playbooks/site.yml")
                .into()
        })
    }
}

/// Where the keys of an inventory's hosts are kept.
pub fn known_hosts_file(inventory: &Path) -> PathBuf {
    if inventory.is_dir() { inventory.join("known_hosts") } else { inventory.with_file_name("known_hosts") }
}

/// The playbook that is meant where none is named: looked for upwards from the inventory.
pub(super) fn playbook_near(inventory: &Path) -> Option<PathBuf> {
    let parent = inventory.parent().unwrap_or(Path::new(""));
    let folders = [parent.to_path_buf(), parent.join(".."), parent.join("../..")];
    let mut candidates = folders.iter().flat_map(|f| [f.join("playbooks/site.yml"), f.join("site.yml")]);
    candidates.find_map(|path| Some(tidy(&path)).filter(|path| path.is_file()))
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Did-you-mean among the files that are there.
fn beside(error: Diagnostic, path: &Path) -> Diagnostic {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).into_iter().flatten().flatten();
    let there: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match did_you_mean(&name, there.iter().map(String::as_str)) {
        Some(close) => error.hint(format!(
            "did you mean `{}`?",
            folder.map_or_else(|| close.into(), |f| f.join(close)).display()
        )),
        None => error,
    }
}

/// What is odd about the order of the tasks, on the host that has most of them.
fn edges(site: &Site) -> Diagnostics {
    let hosts = site.hosts().iter().filter_map(|host| site.tasks(host, None).ok());
    hosts.max_by_key(|host| host.tasks().len()).map(|host| lint::lint(&*host)).unwrap_or_default()
}

/// Tasks that wait for each other, each cycle once for all hosts that have it. There is none without `needs`. `sure`: what is not known
/// does not count.
fn cycles(site: &Site, sure: bool) -> Diagnostics {
    let mut found = Diagnostics::default();
    for host in site.hosts() {
        let Some(tasks) = found.take(site.tasks(host, None)) else { continue };
        if tasks.tasks().iter().all(|task| task.needs.is_empty()) {
            continue;
        }
        let nodes = if sure { Ok(sure_nodes(&*tasks)) } else { offline_nodes(&*tasks) };
        let Some(nodes) = found.take(nodes) else { continue };
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
