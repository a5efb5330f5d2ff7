//! `inventory`.

use super::{Color, complain, completions, programs, vault_args::VaultArgs};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    inventory::{Host, Inventory as Hosts},
    model::Origin,
    yaml::{self, Node, Value},
};
use clap_complete::ArgValueCompleter;
use serde_json::{Map, Value as Json, json};
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

const MASK: &str = "********";

#[derive(Debug, clap::Args)]
pub struct Inventory {
    /// Inventory: a file (Ansible's YAML or INI form), a folder of files, or a program that prints one
    inventory: PathBuf,
    /// All groups, hosts and variables as JSON, as `ansible-inventory --list` prints them; secrets are masked
    #[arg(long, group = "what")]
    list: bool,
    /// The groups and their hosts as a tree (the default)
    #[arg(long, group = "what")]
    graph: bool,
    /// The variables of one host
    #[arg(long, group = "what", value_name = "HOST", add = ArgValueCompleter::new(completions::hosts))]
    host: Option<String>,
    /// Every definition of a variable for a host, weakest first: the last one wins. Without VAR: where each one's value comes from
    #[arg(long, group = "what", num_args = 1..=2, value_names = ["HOST", "VAR"], add = ArgValueCompleter::new(completions::hosts))]
    explain: Vec<String>,
    /// YAML instead of JSON
    #[arg(long)]
    yaml: bool,
    /// `group_vars/` and `host_vars/` beside this playbook count too
    #[arg(short, long, value_name = "FILE")]
    playbook: Option<PathBuf>,
    #[command(flatten)]
    vault: VaultArgs,
}

impl Inventory {
    /// Prints what was asked for.
    ///
    /// # Errors
    /// What is wrong with the inventory; an unknown host or variable.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let passwords = self.vault.passwords()?;
        if let Some(playbook) = self.playbook.as_ref().filter(|playbook| !playbook.is_file()) {
            return Err(Diagnostic::error(format!("no such playbook: {}", playbook.display())).into());
        }
        let folder = self.playbook.as_ref().and_then(|playbook| playbook.parent());
        let folder = folder.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        let mut found = Diagnostics::default();
        let hosts = Hosts::load(&self.inventory, folder, &passwords, &programs::run, &mut found);
        let warnings = found.clone();
        found.into_result(())?;
        complain(&warnings, color);
        let text = match (&self.host, &self.explain[..]) {
            (Some(host), _) => self.formatted(&shown_vars(find(&hosts, host)?))?,
            (_, [host, variable]) => explain(&hosts, find(&hosts, host)?, variable)?,
            (_, [host]) => places(&hosts, find(&hosts, host)?),
            _ if self.list => self.formatted(&list(&hosts))?,
            _ => graph(&hosts),
        };
        anstream::print!("{text}");
        Ok(Exit::Done)
    }

    fn formatted(&self, json: &Json) -> Result<String, Diagnostic> {
        if self.yaml {
            let node = Node::from_json(json, &Origin::named("the inventory"));
            return yaml::to_text(&node).map_err(|error| Diagnostic::error("cannot write YAML").cause(error));
        }
        Ok(format!("{json:#}\n"))
    }
}

fn find<'a>(hosts: &'a Hosts, name: &str) -> Result<&'a Host, Diagnostic> {
    hosts.host(name).ok_or_else(|| {
        let known = hosts.hosts().map(|host| host.name.as_str());
        Diagnostic::error(format!("no host is named `{name}`")).suggest(name, known)
    })
}

/// A value as JSON, with the secrets in it masked.
fn shown(node: &Node) -> Json {
    match &node.value {
        _ if node.secret => MASK.into(),
        Value::Seq(items) => items.iter().map(shown).collect(),
        Value::Map(map) => {
            map.iter().map(|(key, entry)| (key.clone(), shown(&entry.node))).collect::<Map<_, _>>().into()
        }
        _ => node.to_json(),
    }
}

fn shown_vars(host: &Host) -> Json {
    host.vars.iter().map(|(name, node)| (name.clone(), shown(node))).collect::<Map<_, _>>().into()
}

fn list(hosts: &Hosts) -> Json {
    let with_vars = hosts.hosts().filter(|host| !host.vars.is_empty());
    let vars: Map<_, _> = with_vars.map(|host| (host.name.clone(), shown_vars(host))).collect();
    let mut all = Map::from_iter([("_meta".to_owned(), json!({ "hostvars": vars }))]);
    for (name, _) in hosts.groups() {
        let Some((children, members)) = hosts.below(name) else { continue };
        let mut group = Map::new();
        for (key, names) in [("children", children.collect::<Vec<_>>()), ("hosts", members.collect())] {
            if !names.is_empty() {
                group.insert(key.into(), names.into());
            }
        }
        if !group.is_empty() {
            all.insert(name.to_owned(), group.into());
        }
    }
    all.into()
}

fn graph(hosts: &Hosts) -> String {
    let mut text = String::new();
    branch(hosts, "all", 0, &mut HashSet::new(), &mut text);
    text
}

/// A group that several others hold is shown whole once.
fn branch<'a>(
    hosts: &'a Hosts,
    group: &'a str,
    depth: usize,
    seen: &mut HashSet<&'a str>,
    text: &mut String,
) {
    let indent = |depth: usize| if depth == 0 { String::new() } else { "  |".repeat(depth) + "--" };
    let is_new = seen.insert(group);
    let note = if is_new { "" } else { " (above)" };
    text.push_str(&format!("{}@{group}:{note}\n", indent(depth)));
    let Some((children, members)) = hosts.below(group).filter(|_| is_new) else { return };
    for child in children {
        branch(hosts, child, depth + 1, seen, text);
    }
    for host in members {
        text.push_str(&format!("{}{host}\n", indent(depth + 1)));
    }
}

/// Each definition on a line, the one that wins marked.
fn explain(hosts: &Hosts, host: &Host, variable: &str) -> Result<String, Diagnostic> {
    let definitions = hosts.explain(host, variable);
    if definitions.is_empty() {
        let error = Diagnostic::error(format!("no variable `{variable}` is set for {}", host.name));
        let error = error.hint("defaults and `vars` of roles and plays are not part of an inventory");
        return Err(error.suggest(variable, host.vars.keys().map(String::as_str)));
    }
    let last = definitions.len() - 1;
    let rows = definitions.iter().enumerate().map(|(at, (layer, node))| {
        let mark = if at == last { "*" } else { " " };
        [mark.to_owned(), short(node), layer.to_string(), node.origin.to_string()]
    });
    let rows: Vec<_> = rows.collect();
    Ok(format!("{variable} of {}, weakest first; the last one wins\n{}", host.name, table(&rows)))
}

/// The value of each variable and where it comes from.
fn places(hosts: &Hosts, host: &Host) -> String {
    let mut names: Vec<&String> = host.vars.keys().collect();
    names.sort();
    let rows = names.into_iter().filter_map(|name| {
        let (layer, node) = hosts.explain(host, name).pop()?;
        Some([name.clone(), short(&node), layer.to_string(), node.origin.to_string()])
    });
    table(&rows.collect::<Vec<_>>())
}

fn table(rows: &[[String; 4]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [first, second, third] = [width(0), width(1), width(2)];
    let line = |[a, b, c, d]: &[String; 4]| format!("{a:first$}  {b:second$}  {c:third$}  {d}\n");
    rows.iter().map(line).collect()
}

/// A value on one line, cut off where it is long.
fn short(node: &Node) -> String {
    const LONGEST: usize = 60;
    let text = shown(node).to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}
