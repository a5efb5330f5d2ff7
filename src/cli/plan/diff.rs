//! `diff`: what another plan does otherwise, by host, task and facet, and what the lint finds in it otherwise.

use super::file;
use crate::{
    diag::{Diagnostics, Exit},
    plan::{
        compared::{By, compare, compare_findings, visible},
        saved::{Input, SavedHost, SavedPlan},
    },
};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Diff {
    /// A saved plan
    old: PathBuf,
    /// Another one
    new: PathBuf,
}

impl Diff {
    /// Prints it; the exit code is 10 when they are not for the same.
    ///
    /// # Errors
    /// What is no saved plan.
    pub fn run(self) -> Result<Exit, Diagnostics> {
        let ((old, _), (new, _)) = (file::read(&self.old)?, file::read(&self.new)?);
        let (text, differ) = difference(&old, &new);
        anstream::print!("{}", visible(&text));
        Ok(if differ { Exit::Pending } else { Exit::Done })
    }
}

/// For a person, and whether anything else would be done or found.
pub fn difference(old: &SavedPlan, new: &SavedPlan) -> (String, bool) {
    let mut text = made_of(old, new);
    let same_key = old.key.text == new.key.text;
    let by = if same_key { By::Prints } else { By::Shown };
    let hosts = compare(&old.hosts, &new.hosts, by);
    text += &told(&hosts);
    if hosts.is_empty() {
        text += "the same is planned for each host\n";
    }
    let found = compare_findings(&old.hosts, &new.hosts, by);
    if !found.is_empty() {
        text += "the lint of plans finds something else\n";
        text += &told(&found);
    }
    let hides = |plan: &SavedPlan| plan.hosts.iter().any(|host| SavedHost::hides(host).is_some());
    if !same_key && (hides(old) || hides(new)) {
        text += "whether secrets are the same cannot be told: each plan has a key of its own, which `plan --refresh` keeps\n";
    }
    (text, !(hosts.is_empty() && found.is_empty()))
}

fn told(hosts: &[(String, Vec<String>)]) -> String {
    let lines = |lines: &[String]| lines.iter().map(|line| format!("  {line}\n")).collect::<String>();
    hosts.iter().map(|(host, of_host)| format!("{host}\n{}", lines(of_host))).collect()
}

/// The options and the files that are not the same.
fn made_of(old: &SavedPlan, new: &SavedPlan) -> String {
    let of = |plan: &SavedPlan, name: &str| plan.inputs.iter().find(|input| input.name() == name).cloned();
    let mut lines = vec![];
    if old.selection != new.selection {
        lines.push("made with other options, or of another inventory or playbook".to_string());
    }
    for input in &old.inputs {
        let name = input.name();
        match (input, of(new, name)) {
            (_, None) => lines.push(format!("{name} is not read any more")),
            // Fingerprints of two keys say nothing.
            (Input::File { .. }, Some(now)) if now != *input => lines.push(format!("{name} has changed")),
            _ => {}
        }
    }
    let more = new.inputs.iter().filter(|input| of(old, input.name()).is_none());
    lines.extend(more.map(|input| format!("{} is read now", input.name())));
    lines.iter().map(|line| format!("{line}\n")).collect()
}
