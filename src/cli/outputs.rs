//! Files that are made of the events of a run when it is over, however it ended.
//!
//! Each is an option here, a row in [`Outputs::wanted`], and a pure function in `report` from events to text.

use super::ci;
use crate::{
    diag::{Diagnostic, Diagnostics},
    event::Recorded,
    report::{
        Lines, Reporter,
        ci::{codequality, codequality_refused, junit, junit_refused, markdown, markdown_refused},
        html,
    },
};
use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

#[derive(Clone, Debug, Default, clap::Args)]
pub struct Outputs {
    /// Write the run, when it is over, as one page of HTML: failures, diffs, times and the graph
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write the run, when it is over, as JUnit XML: a suite for each host, a case for each task
    #[arg(long, value_name = "FILE.xml")]
    junit: Option<PathBuf>,
    /// Write a summary of the run, when it is over, as Markdown that fits into a comment
    #[arg(long, value_name = "FILE.md")]
    summary: Option<PathBuf>,
    /// Write what failed, when the run is over, as a Code Quality report of GitLab
    #[arg(long, value_name = "FILE.json")]
    codequality: Option<PathBuf>,
}

/// From the events of a run, which hold no secret, to the text of a file.
type Render = fn(&[Recorded]) -> String;
/// The same where nothing was begun, since the configuration is wrong.
type Refused = fn(&Diagnostics) -> String;

/// The lines of a run, as it is kept.
#[derive(Clone, Default)]
pub struct Collected(Arc<Mutex<Vec<u8>>>);

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic holds it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Outputs {
    /// The files that are asked for: a row for each option.
    fn wanted(&self) -> Vec<(&Path, Render, Option<Refused>)> {
        let all: [(&Option<PathBuf>, Render, Option<Refused>); 4] = [
            (&self.report, html, None),
            (&self.junit, junit, Some(junit_refused)),
            (&self.summary, markdown, Some(markdown_refused)),
            (
                &self.codequality,
                |run| codequality(run, ci::service()),
                Some(|found| codequality_refused(found, ci::service())),
            ),
        ];
        let named =
            all.into_iter().filter_map(|(path, render, refused)| Some((path.as_deref()?, render, refused)));
        named.collect()
    }

    /// Whether any is asked for.
    pub fn any(&self) -> bool {
        !self.wanted().is_empty()
    }

    /// Finds what could not be written, before anything is done.
    ///
    /// # Errors
    /// A folder that is not there, or something in the way.
    pub fn check(&self) -> Result<(), Diagnostics> {
        let mut found = Diagnostics::default();
        for (path, ..) in self.wanted() {
            let error = |why: &str, hint: &str| {
                Diagnostic::error(format!("cannot write {}: {why}", path.display())).hint(hint)
            };
            if path.is_dir() || path.file_name().is_none() {
                found.push(error("it is a directory", "name a file in it"));
            } else if path.exists() && !path.is_file() {
                found.push(error("it is no regular file", "name another one"));
            } else if !folder(path).is_dir() {
                let hint = format!("make it first: mkdir -p {}", folder(path).display());
                found.push(error("there is no such directory", &hint));
            }
        }
        found.into_result(())
    }

    /// Takes note of all that happens from now on, if any file is asked for.
    pub fn collect(&self, reporter: &Reporter) -> Collected {
        let collected = Collected::default();
        if self.any() || ci::summary().is_some() {
            reporter.record(Box::new(collected.clone()));
        }
        collected
    }

    /// Writes the files. What cannot be written is a warning: the run has ended as it has.
    pub fn write(&self, collected: &Collected) -> Diagnostics {
        let lines = std::mem::take(&mut *collected.0.lock().expect("no panic holds it"));
        let events: Vec<Recorded> = Lines::new(&lines[..]).filter_map(|(_, line)| line.ok()).collect();
        let mut odd = Diagnostics::default();
        // Nothing began.
        if events.is_empty() {
            return odd;
        }
        for (path, render, _) in self.wanted() {
            if let Err(error) = write(path, &render(&events)) {
                odd.push(Diagnostic::warning(format!("cannot write {}", path.display())).cause(error));
            }
        }
        odd
    }

    /// Writes the files of a run that is over, and adds its summary to that of the job it was in.
    pub fn conclude(&self, collected: &Collected) -> Diagnostics {
        let mut odd = Diagnostics::default();
        let lines = collected.0.lock().expect("no panic holds it").clone();
        if let Some(path) = ci::summary().filter(|_| !lines.is_empty()) {
            let events: Vec<Recorded> = Lines::new(&lines[..]).filter_map(|(_, line)| line.ok()).collect();
            if let Err(error) = append(path, &markdown(&events)) {
                let warning = Diagnostic::warning("the run is not in the summary of the job");
                odd.push(warning.cause(format!("{}: {error}", path.display())));
            }
        }
        odd.extend(self.write(collected));
        odd
    }

    /// Writes the files where nothing was begun. What cannot be written adds nothing to what is wrong already.
    pub fn refused(&self, found: &Diagnostics) {
        for (path, _, refused) in self.wanted() {
            if let Some(refused) = refused {
                let _ = write(path, &refused(found));
            }
        }
    }
}

/// Adds to a file that others write to as well.
pub(super) fn append(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::File::options().append(true).create(true).open(path)?.write_all(format!("{text}\n").as_bytes())
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file at once: whoever reads it finds the old one or the new one, whole. For its owner only, as runs are kept.
///
/// # Errors
/// What the system says.
pub(super) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // What a link leads to is replaced, not the link.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let mut file = tempfile::NamedTempFile::new_in(folder(&path))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}
