//! Verbs and flags; the only place that prints besides `report` and `lab`, and the only one that reads the environment.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this room talks to the user")]

mod accepted;
pub mod apply;
pub mod ci;
pub mod completions;
pub mod convert;
pub mod doc;
pub mod drift;
pub mod enroll;
pub mod explain;
pub mod fact_cache;
pub mod files;
pub mod findings;
pub mod graph;
mod hidden;
pub mod inventory;
mod keep;
pub mod lab;
pub mod man;
mod order;
pub mod outputs;
pub mod plan;
pub mod programs;
pub mod project;
pub mod prompts;
mod protected;
pub mod replay;
pub mod runs;
pub mod schema;
mod somebody;
pub mod undo;
pub mod validate;
pub mod vault;
pub mod vault_args;

use crate::diag::{Diagnostics, Exit, render};
use clap::Parser;
use std::{io::IsTerminal, process::ExitCode};

/// From bare VMs to running servers over SSH, with a diff for every change.
#[derive(Debug, Parser)]
#[command(name = "lustores-provision", version, about, max_term_width = 100)]
struct Cli {
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t)]
    color: Color,
    /// The service whose log it is: groups that fold, annotations, the summary of the job
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "SERVICE",
        hide_possible_values = true
    )]
    ci: ci::Choice,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// Whether to colour what goes to a stream that is (not) a terminal. `NO_COLOR` is honoured.
    pub fn on(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        }
    }
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show what would change, ask, and do it (`--check`: only show); of a saved plan: do exactly that
    Apply(apply::Apply),
    /// Show what would change, as `apply --check` does, and save it (`-o FILE`): `apply FILE` does exactly that, or refuses
    Plan(plan::Plan),
    /// Show a plan that was saved
    Show(plan::Show),
    /// Show what one saved plan does otherwise than another
    Diff(plan::Diff),
    /// Show what has moved on the hosts since the last apply, apart from what is configured otherwise
    Drift(drift::Drift),
    /// Bring back the files that a run has changed (`--check`: only show; `--list`: the runs)
    Undo(undo::Undo),
    /// The runs of this machine: each is kept, without secrets
    #[command(subcommand)]
    Runs(runs::Runs),
    /// Show a run that was recorded with `apply --json`
    Replay(replay::Replay),
    /// Find every mistake that can be found without a connection
    Validate(validate::Validate),
    /// Gather the ssh keys of the hosts, show their fingerprints, and write them beside the inventory
    Enroll(enroll::Enroll),
    /// Show the hosts, groups and variables of an inventory, and why a variable has its value
    Inventory(inventory::Inventory),
    /// Say why a task runs, is skipped or comes where it does, and which variables made each line of a file
    Explain(explain::Explain),
    /// Show the graph of a host's tasks: what waits for what, and why
    Graph(graph::Graph),
    /// Create and change encrypted files
    #[command(subcommand)]
    Vault(vault::Vault),
    /// Throw-away Debian VMs on this machine
    #[command(subcommand)]
    Lab(lab::Lab),
    /// Turn the Jinja2 expressions of an Ansible role into ours, and list what could not be turned
    Convert(convert::Convert),
    /// Documentation of resource types, keywords, template helpers, facts, roles and all else (`doc topics`)
    Doc(doc::Doc),
    /// JSON Schemas of playbooks, tasks, inventories and variables, for editors
    Schema(schema::Schema),
    /// What makes a shell complete verbs, options, hosts, tags and types
    Completions(completions::Completions),
    /// Manual pages of the program and of each verb
    Man(man::Manual),
}

/// Runs the program; the exit code is one of [`crate::diag::Exit`] (2 is clap's).
pub fn main() -> ExitCode {
    if completions::offered() {
        return ExitCode::SUCCESS;
    }
    let cli = Cli::parse();
    ci::find(cli.ci);
    // Memory that holds secrets goes into no core dump, and no other process of this user may read it. Children are not concerned.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let result = match cli.verb {
        Verb::Apply(apply) => apply.run(cli.color),
        Verb::Plan(plan) => plan.run(cli.color),
        Verb::Show(show) => show.run(cli.color),
        Verb::Diff(diff) => diff.run(),
        Verb::Drift(drift) => drift.run(cli.color),
        Verb::Undo(undo) => undo.run(cli.color),
        Verb::Runs(runs) => runs.run(cli.color),
        Verb::Replay(replay) => replay.run(cli.color),
        Verb::Validate(validate) => validate.run(cli.color),
        Verb::Enroll(enroll) => enroll.run(cli.color),
        Verb::Inventory(inventory) => inventory.run(cli.color),
        Verb::Explain(explain) => explain.run(cli.color),
        Verb::Graph(graph) => graph.run(cli.color),
        Verb::Vault(vault) => vault.run(),
        Verb::Lab(lab) => lab.run().map(|()| Exit::Done),
        Verb::Convert(convert) => convert.run(cli.color),
        Verb::Doc(doc) => doc.run(cli.color),
        Verb::Schema(schema) => schema.run(cli.color),
        Verb::Completions(completions) => completions.run(),
        Verb::Man(man) => man.run(),
    };
    let exit = result.unwrap_or_else(|diagnostics| {
        complain(&diagnostics, cli.color);
        ci::refused(&diagnostics);
        diagnostics.exit()
    });
    ExitCode::from(exit as u8)
}

/// Prints diagnostics to stderr, errors last so that they are what is seen.
pub fn complain(diagnostics: &Diagnostics, color: Color) {
    let color = color.on(std::io::stderr().is_terminal());
    for diagnostic in &diagnostics.0 {
        anstream::eprintln!("{}\n", ci::text(render(diagnostic, color).trim_end()));
    }
    anstream::eprint!("{}", ci::annotations(diagnostics));
    let errors = diagnostics.0.iter().filter(|d| d.severity == crate::diag::Severity::Error).count();
    if errors > 1 {
        anstream::eprintln!("{errors} errors");
    }
}
