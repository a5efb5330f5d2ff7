//! `man`: manual pages of the program and of each verb, from the same source as `--help`.

use crate::diag::{Diagnostic, Diagnostics, Exit};
use clap::{Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Manual {
    /// Folder to write a page for the program and for each verb into, such as /usr/local/share/man/man1; without it, the program's page is
    /// printed: `lustores-provision man | man -l -`
    dir: Option<PathBuf>,
}

/// What the program ends with.
const EXITS: &[(Exit, &str)] = &[
    (Exit::Done, "done, or nothing to do"),
    (Exit::Bug, "a bug of this program"),
    (Exit::Pending, "with --check: something would change"),
    (Exit::Config, "the configuration is wrong; nothing was touched"),
    (Exit::Unreachable, "a host could not be reached"),
    (Exit::TaskFailed, "a task failed"),
    (Exit::HostChanged, "a host changed since the plan"),
    (Exit::NotConverged, "a task did not bring about what it was to"),
    (Exit::LockHeld, "another run holds the host"),
    (Exit::Cancelled, "cancelled"),
];

/// The options are wrong: clap's.
const USAGE: (u8, &str) = (2, "the command line is wrong");

const FILES: &[(&str, &str)] = &[
    ("playbooks/site.yml, site.yml", "the playbook, looked for upwards from the inventory"),
    ("group_vars/, host_vars/", "variables, beside the inventory and beside the playbook"),
    ("roles/", "roles, beside the playbook or one folder up"),
    ("library/", "resource types of the project, there too or in a role"),
];

impl Manual {
    /// Writes the pages, or prints the first.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn run(self) -> Result<Exit, Diagnostics> {
        let pages = pages().map_err(|error| Diagnostic::error("cannot write the manual").cause(error))?;
        let Some(folder) = self.dir else {
            let whole = pages.last().map(|(_, page)| page.clone()).unwrap_or_default();
            anstream::print!("{whole}");
            return Ok(Exit::Done);
        };
        let failed =
            |path: &Path, error| Diagnostic::error(format!("cannot write {}", path.display())).cause(error);
        std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        for (name, page) in pages {
            let path = folder.join(name);
            std::fs::write(&path, page).map_err(|error| failed(&path, error))?;
        }
        Ok(Exit::Done)
    }
}

/// Each page with the name of its file; the program's own is the last.
fn pages() -> std::io::Result<Vec<(String, String)>> {
    fn each(command: &Command, found: &mut Vec<(String, String)>) -> std::io::Result<()> {
        let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
        for verb in verbs {
            each(verb, found)?;
        }
        let man = Man::new(command.clone()).manual("lustores-provision");
        let mut page = vec![];
        man.render(&mut page)?;
        ends(&mut page)?;
        found.push((man.get_filename(), String::from_utf8_lossy(&page).into_owned()));
        Ok(())
    }
    let mut command = super::Cli::command().disable_help_subcommand(true);
    command.build();
    let mut found = vec![];
    each(&command, &mut found)?;
    Ok(found)
}

/// What holds for all verbs.
fn ends(page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut roff = Roff::new();
    let row = |roff: &mut Roff, term: &str, about: &str| {
        roff.control("TP", []);
        roff.text([bold(term)]);
        roff.text([roman(about)]);
    };
    roff.control("SH", ["EXIT STATUS"]);
    let codes = EXITS.iter().map(|(exit, about)| (*exit as u8, *about)).chain([USAGE]);
    let mut codes: Vec<(u8, &str)> = codes.collect();
    codes.sort_unstable();
    for (code, about) in codes {
        row(&mut roff, &code.to_string(), about);
    }
    roff.control("SH", ["FILES"]);
    for (name, about) in FILES {
        row(&mut roff, name, about);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(
        "lustores-provision doc: the resource types, the keywords, the helpers, the facts, and pages on all else (doc topics).",
    )]);
    roff.to_writer(page)
}
