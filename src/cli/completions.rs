//! `completions`, and what is offered behind an option: hosts, groups, tags, types, roles. Offering must be quick and must not disturb:
//! files are read, nothing is decrypted, no program runs, nothing is asked, and what is wrong is not told.

use super::{Cli, doc, files::Disk};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    inventory::Inventory,
    playbook::{KnownType, Level, Playbook},
    resources::TABLE,
    site::facts,
    template::HELPERS,
    vault::Passwords,
    yaml::Node,
};
use clap::{ArgMatches, CommandFactory};
use clap_complete::{
    CompletionCandidate,
    env::{Bash, CompleteEnv, EnvCompleter, Fish, Zsh},
};
use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Set by the shell's script: the program is to offer, not to run.
const VARIABLE: &str = "_LUSTORES_PROVISION_COMPLETE";

#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell that is to read what is printed
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Shell {
    /// `source <(lustores-provision completions bash)` in ~/.bashrc
    Bash,
    /// `source <(lustores-provision completions zsh)` in ~/.zshrc, behind `compinit`
    Zsh,
    /// `lustores-provision completions fish > ~/.config/fish/completions/lustores-provision.fish`
    Fish,
}

impl Completions {
    /// Prints the script that makes a shell ask this program.
    ///
    /// # Errors
    /// None that is known.
    pub fn run(self) -> Result<Exit, Diagnostics> {
        let shell: &dyn EnvCompleter = match self.shell {
            Shell::Bash => &Bash,
            Shell::Zsh => &Zsh,
            Shell::Fish => &Fish,
        };
        let name = Cli::command().get_name().to_owned();
        let mut script = vec![];
        let written = shell.write_registration(VARIABLE, &name, &name, &name, &mut script);
        written.map_err(|error| Diagnostic::error("cannot write the script").cause(error))?;
        anstream::print!("{}", String::from_utf8_lossy(&script));
        Ok(Exit::Done)
    }
}

/// Offers, where a shell asks for it, and whether it did.
pub(super) fn offered() -> bool {
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(Cli::command).var(VARIABLE);
    // What is wrong with the question is nobody's business while somebody types.
    asked.try_complete(std::env::args_os(), here.as_deref()).unwrap_or(true)
}

/// Which key was pressed: bash's script tells it, no other does.
const BASH_ONLY: &str = "_CLAP_COMPLETE_COMP_TYPE";

/// The words that are typed so far.
fn words() -> Vec<OsString> {
    let words: Vec<OsString> = std::env::args_os().skip_while(|word| word != "--").skip(1).collect();
    words
}

/// What the words mean as far as they can be read: the verb's own.
fn typed() -> Option<ArgMatches> {
    let command = Cli::command().ignore_errors(true);
    let matches = command.try_get_matches_from(words()).ok()?;
    Some(matches.subcommand()?.1.clone())
}

fn path(matches: &ArgMatches, name: &str) -> Option<PathBuf> {
    matches.try_get_one::<PathBuf>(name).ok().flatten().cloned()
}

fn inventory(matches: &ArgMatches) -> Option<Inventory> {
    let path = path(matches, "inventory").filter(|path| path.exists())?;
    let none = |_: &Path, _: &[&str]| Err(Diagnostic::error("not while somebody types"));
    Some(Inventory::load(&path, None, &Passwords::default(), &none, &mut Diagnostics::default()))
}

fn playbook(matches: &ArgMatches) -> Option<Playbook> {
    let named = path(matches, "playbook");
    let inventory = path(matches, "inventory");
    let path = named.or_else(|| super::project::playbook_near(&inventory?)).filter(|path| path.is_file())?;
    let types: Vec<_> =
        TABLE.iter().map(|row| KnownType { name: row.name, free: row.free, theirs: row.theirs }).collect();
    let files = Disk { passwords: Arc::new(Passwords::default()) };
    Some(Playbook::load(&path, &types, &files, &mut Diagnostics::default()))
}

/// Those that begin with what is typed, behind `before`.
fn beginning(
    typed: &str,
    before: &str,
    all: impl IntoIterator<Item = (String, String)>,
) -> Vec<CompletionCandidate> {
    let fits = all.into_iter().filter(|(name, _)| name.starts_with(typed));
    let candidate = |(name, about): (String, String)| {
        let help = (!about.is_empty()).then(|| about.into());
        CompletionCandidate::new(format!("{before}{name}")).help(help)
    };
    fits.map(candidate).collect()
}

/// Hosts and groups for a pattern; what stands before the last `,` is kept.
pub(super) fn hosts_and_groups(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return vec![] };
    let Some(inventory) = typed().as_ref().and_then(inventory) else { return vec![] };
    let start = current.rfind([',', ':', '!', '&']).map_or(0, |at| at + 1);
    let (before, current) = current.split_at(start);
    let hosts = inventory.hosts().map(|host| (host.name.clone(), "host".to_owned()));
    let count =
        |hosts: usize| if hosts == 1 { "group of 1 host".into() } else { format!("group of {hosts} hosts") };
    let groups = inventory.groups().map(|(name, hosts)| (name.to_owned(), count(hosts.count())));
    let groups = groups.filter(|(name, about)| name != "ungrouped" || !about.contains(" 0 "));
    beginning(current, before, hosts.chain(groups))
}

/// Hosts.
pub(super) fn hosts(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return vec![] };
    let Some(inventory) = typed().as_ref().and_then(inventory) else { return vec![] };
    beginning(current, "", inventory.hosts().map(|host| (host.name.clone(), String::new())))
}

/// The tags of the playbook's tasks, and those that are always known.
pub(super) fn tags(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return vec![] };
    let Some(playbook) = typed().as_ref().and_then(playbook) else { return vec![] };
    let tasks = playbook.plays.iter().flat_map(|play| play.tasks.iter().chain(&play.handlers));
    let mut tags: BTreeSet<String> =
        tasks.flat_map(|task| task.keywords.tags.iter().map(|(tag, _)| tag.clone())).collect();
    tags.extend(["all", "tagged", "untagged"].map(str::to_owned));
    beginning(current, "", tags.into_iter().map(|tag| (tag, String::new())))
}

/// The names of the playbook's tasks, in order.
pub(super) fn tasks(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return vec![] };
    let Some(playbook) = typed().as_ref().and_then(playbook) else { return vec![] };
    // Bash takes a word as it is to stand in the line, and hands it over as it stands there; the others quote by themselves.
    // With a blank in it that is not escaped, the word is in quotes.
    let bash = std::env::var_os(BASH_ONLY).is_some();
    let quoted = current.replace("\\ ", "").contains(' ');
    let typed = match (bash, quoted) {
        (true, false) => current.replace('\\', ""),
        _ => current.to_owned(),
    };
    let word = |name: &str| match bash && !quoted {
        true => name.chars().flat_map(|c| (!is_plain(c)).then_some('\\').into_iter().chain([c])).collect(),
        false => name.to_owned(),
    };
    let mut seen = BTreeSet::new();
    let mut offered = vec![];
    for play in &playbook.plays {
        for task in &play.tasks {
            let Some(name) = task.name.as_ref().and_then(Node::as_str) else { continue };
            if name.starts_with(&typed) && seen.insert(name) {
                let role = task.role.map(|role| format!("role {}", play.roles[role].role.name).into());
                offered.push(CompletionCandidate::new(word(name)).help(role));
            }
        }
    }
    offered
}

/// Means nothing to a shell.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "_-./,+@%".contains(c)
}

/// What `doc` has a page for.
pub(super) fn documented(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return vec![] };
    let words = [
        ("keywords", "what plays and tasks may say"),
        ("helpers", "what templates may call"),
        ("facts", "what is known of every host"),
        ("topics", "pages on everything else"),
        ("role", "what a role takes"),
    ];
    let types = TABLE.iter().map(|row| (row.name.to_owned(), doc::summary(row)));
    let words = words.map(|(name, about)| (name.to_owned(), about.to_owned()));
    let topics = doc::topic_names().into_iter().filter(|(name, _)| crate::resources::find(name).is_none());
    beginning(current, "", types.chain(words).chain(topics))
}

/// What `doc WORD` has inside.
pub(super) fn documented_inside(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return vec![] };
    let name = typed().and_then(|matches| matches.try_get_one::<String>("name").ok().flatten().cloned());
    let plain = |name: &str| (name.to_owned(), String::new());
    match name.as_deref() {
        Some("helpers") => beginning(current, "", HELPERS.iter().map(|helper| plain(helper.name))),
        Some("facts") => beginning(current, "", facts().iter().map(|fact| plain(&fact.path))),
        Some("keywords") => {
            let all: BTreeSet<_> = Level::ALL.iter().flat_map(|level| level.names()).collect();
            beginning(current, "", all.into_iter().map(plain))
        }
        Some("topics") => beginning(current, "", doc::topic_names()),
        Some("role") => beginning(current, "", doc::role_names().iter().map(|name| plain(name))),
        _ => vec![],
    }
}
