//! The CI service that the program runs in, and what is done for it.

use super::outputs::append;
use crate::{
    diag::{Diagnostic, Diagnostics, Severity},
    report::ci::{ANNOTATIONS, Ci, Level, Note, Service, inert, markdown_refused},
};
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// As the environment of the job says: GITHUB_ACTIONS, GITLAB_CI
    #[default]
    Auto,
    Github,
    Gitlab,
    None,
}

struct Here {
    ci: Ci,
    /// To which a step's summary is added.
    summary: Option<PathBuf>,
}

/// It does not change while the program runs.
static HERE: OnceLock<Option<Here>> = OnceLock::new();

/// Finds out where the program runs; called once, before anything else.
pub fn find(choice: Choice) {
    let env = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let service = match choice {
        Choice::Github => Some(Service::GitHub),
        Choice::Gitlab => Some(Service::GitLab),
        Choice::None => None,
        Choice::Auto if env("GITHUB_ACTIONS").is_some_and(|value| value == "true") => Some(Service::GitHub),
        Choice::Auto if env("GITLAB_CI").is_some_and(|value| value == "true") => Some(Service::GitLab),
        Choice::Auto => None,
    };
    let here = service.map(|service| {
        let (root, summary) = match service {
            Service::GitHub => ("GITHUB_WORKSPACE", env("GITHUB_STEP_SUMMARY").map(PathBuf::from)),
            Service::GitLab => ("CI_PROJECT_DIR", None),
        };
        let folder = std::env::current_dir().unwrap_or_default();
        let root = env(root).and_then(|root| Path::new(&root).canonicalize().ok());
        let root = root.filter(|root| folder.starts_with(root)).unwrap_or_else(|| folder.clone());
        Here { ci: Ci { service, root, folder }, summary }
    });
    let _ = HERE.set(here);
}

fn here() -> Option<&'static Here> {
    HERE.get()?.as_ref()
}

/// The service, if any.
pub fn service() -> Option<&'static Ci> {
    here().map(|here| &here.ci)
}

/// The file to which the summary of a run is added.
pub fn summary() -> Option<&'static Path> {
    here()?.summary.as_deref()
}

/// Whether colours are understood by whoever reads the output, though it is no terminal.
pub fn has_colours() -> bool {
    // What goes to a file is read by something else.
    let is_file = rustix::fs::fstat(std::io::stdout())
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file());
    here().is_some() && !is_file
}

/// The same as annotations, as many as are shown.
pub fn annotations(found: &Diagnostics) -> String {
    let Some(ci) = service() else { return String::new() };
    let of = |severity| found.0.iter().filter(move |it| it.severity == severity).take(ANNOTATIONS);
    let all = of(Severity::Error).chain(of(Severity::Warning));
    all.map(|diagnostic| ci.annotation(&note(diagnostic))).collect()
}

/// A text of ours for the log, in which nothing is a command to the service.
pub fn text(text: &str) -> String {
    match service() {
        Some(Ci { service: Service::GitHub, .. }) => text.split_inclusive('\n').map(inert).collect(),
        _ => text.into(),
    }
}

/// Adds to the summary of the step that nothing was done, and why.
pub fn refused(found: &Diagnostics) {
    if let Some(path) = summary().filter(|_| found.has_errors()) {
        // The errors themselves are in the log.
        let _ = append(path, &markdown_refused(found));
    }
}

/// A diagnostic as an annotation.
pub fn note(diagnostic: &Diagnostic) -> Note {
    let level = match diagnostic.severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
    };
    let is_file =
        |origin: &crate::model::Origin| !origin.source.text.is_empty() || origin.source.path.is_file();
    let place = diagnostic.place.as_ref().filter(|(origin, _)| is_file(origin));
    let title = match diagnostic.rule {
        Some(rule) => format!("{} [{rule}]", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let hint = diagnostic.hint.iter().map(|hint| format!("hint: {hint}"));
    let details: Vec<String> = diagnostic.causes.iter().cloned().chain(hint).collect();
    let body = if details.is_empty() { diagnostic.message.clone() } else { details.join("\n") };
    let place = place.map(|(origin, _)| {
        let (line, column) = origin.line_column();
        format!("{}:{line}:{column}", origin.source.path.display())
    });
    Note { level, place, title, body }
}
