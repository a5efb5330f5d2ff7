//! Errors as people read them: a lowercase message, the place with an excerpt, causes, then `hint:`.

mod allow;
mod render;
mod suggest;

pub use allow::is_allowed;
pub use render::{excerpt, render, unshown_related};
pub use suggest::did_you_mean;

use crate::model::Origin;
use indexmap::IndexSet;
use std::{
    collections::HashSet,
    fmt,
    path::{Path, PathBuf},
};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// A bug of ours.
    Bug = 1,
    /// `--check` found changes that are pending.
    Pending = 10,
    /// Bad configuration: found before anything was touched.
    Config = 20,
    Unreachable = 30,
    TaskFailed = 40,
    /// The host changed since the plan.
    HostChanged = 41,
    NotConverged = 42,
    LockHeld = 43,
    Cancelled = 130,
}

impl Exit {
    const ALL: [Self; 10] = [
        Self::Done,
        Self::Bug,
        Self::Pending,
        Self::Config,
        Self::Unreachable,
        Self::TaskFailed,
        Self::HostChanged,
        Self::NotConverged,
        Self::LockHeld,
        Self::Cancelled,
    ];

    /// The one with this code.
    pub fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| *exit as u8 == code)
    }

    /// What it means, for a list.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Bug => "a bug",
            Self::Pending => "changes pending",
            Self::Config => "bad configuration",
            Self::Unreachable => "unreachable",
            Self::TaskFailed => "failed",
            Self::HostChanged => "host changed",
            Self::NotConverged => "did not converge",
            Self::LockHeld => "lock held",
            Self::Cancelled => "cancelled",
        }
    }

    /// How grave it is: of several hosts' ends the gravest is the run's. The codes themselves are in no such order, since a bug
    /// is 1 by custom.
    const fn rank(self) -> u8 {
        match self {
            Self::Bug => Self::LockHeld as u8 + 1,
            other => other as u8,
        }
    }
}

impl PartialOrd for Exit {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exit {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// What a diagnostic is about, as far as something hangs on that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Other,
    /// A vault does not open, so that what is in it is not known: a value, or at a place without text a whole file.
    Sealed,
    /// Two tasks own the same: whoever only looks is not kept from it.
    Owners,
}

/// One thing that is wrong. Built with the methods below; never holds a secret value.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub severity: Severity,
    pub exit: Exit,
    /// The stable name of what a warning is about: it can be silenced by it.
    pub rule: Option<&'static str>,
    /// Lowercase fragment without a full stop.
    pub message: String,
    /// Where, with a short text beside the marked span.
    pub place: Option<(Origin, String)>,
    /// Further places that matter (`defined here`).
    pub related: Vec<(Origin, String)>,
    pub causes: Vec<String>,
    pub hint: Option<String>,
    /// What it is, where something hangs on that.
    pub kind: Kind,
}

impl Diagnostic {
    /// A mistake in what the user wrote ([`Exit::Config`]).
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            exit: Exit::Config,
            rule: None,
            message: message.into(),
            place: None,
            related: vec![],
            causes: vec![],
            hint: None,
            kind: Kind::Other,
        }
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// A warning with the stable name of what it is about, e.g. `unused-variable`.
    pub fn lint(rule: &'static str, message: impl Into<String>) -> Self {
        Self { rule: Some(rule), ..Self::warning(message) }
    }

    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    pub fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub fn at(self, origin: &Origin) -> Self {
        self.labelled(origin, "")
    }

    pub fn labelled(mut self, origin: &Origin, label: impl Into<String>) -> Self {
        self.place = Some((origin.clone(), label.into()));
        self
    }

    pub fn related(mut self, origin: &Origin, label: impl Into<String>) -> Self {
        self.related.push((origin.clone(), label.into()));
        self
    }

    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a did-you-mean hint when one of `known` is close to `written`; keeps an existing hint otherwise.
    pub fn suggest<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match did_you_mean(written, known) {
            Some(close) => self.hint(format!("did you mean `{close}`?")),
            None => self,
        }
    }
}

impl fmt::Display for Diagnostic {
    /// One line without excerpt: `file:line:column: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((origin, _)) = &self.place {
            write!(f, "{origin}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

/// Everything that is wrong, reported at once.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    pub fn extend(&mut self, other: impl Into<Self>) {
        self.0.extend(other.into().0);
    }

    /// Keeps the error of a result here and returns its value, so that checking goes on after a mistake.
    pub fn take<T>(&mut self, result: Result<T, impl Into<Self>>) -> Option<T> {
        result.map_err(|error| self.extend(error)).ok()
    }

    /// Adds a further place to each.
    pub fn related(self, origin: &Origin, label: &str) -> Self {
        Self(self.0.into_iter().map(|diagnostic| diagnostic.related(origin, label)).collect())
    }

    /// Each once: warnings, then errors; those by file and line. `rank` says which files are read first; others stand in the order in
    /// which something is said of them.
    pub fn in_order(self, rank: impl Fn(&Path) -> usize) -> Self {
        let mut seen = HashSet::new();
        let mut files: IndexSet<PathBuf> = IndexSet::new();
        let mut keyed: Vec<_> = self
            .0
            .into_iter()
            .map(|diagnostic| {
                let (path, start) = match &diagnostic.place {
                    Some((origin, _)) => (origin.source.path.clone(), origin.span.start),
                    None => (PathBuf::new(), 0),
                };
                let file = files.insert_full(path.clone()).0;
                ((diagnostic.severity == Severity::Error, rank(&path), file, start), diagnostic)
            })
            .collect();
        keyed.retain(|(key, diagnostic)| seen.insert((*key, diagnostic.message.clone())));
        keyed.sort_by_key(|(key, _)| *key);
        Self(keyed.into_iter().map(|(_, diagnostic)| diagnostic).collect())
    }

    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// `Err` when there is an error, else the value.
    ///
    /// # Errors
    /// These diagnostics, when one of them is an error.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.has_errors() { Err(self) } else { Ok(value) }
    }

    /// The exit code of the gravest error.
    pub fn exit(&self) -> Exit {
        let errors = self.0.iter().filter(|d| d.severity == Severity::Error);
        errors.map(|d| d.exit).max().unwrap_or(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_graver_than_all_that_a_run_may_end_with() {
        let ranked = [
            Exit::Done,
            Exit::Pending,
            Exit::Config,
            Exit::Unreachable,
            Exit::TaskFailed,
            Exit::HostChanged,
            Exit::NotConverged,
            Exit::LockHeld,
            Exit::Bug,
            Exit::Cancelled,
        ];
        assert!(ranked.is_sorted());
        // A host that panics while the others have changes pending.
        assert_eq!([Exit::Pending, Exit::Bug, Exit::Done].into_iter().max(), Some(Exit::Bug));
        let bug = Diagnostic::error("cannot start").exit(Exit::Bug);
        assert_eq!(Diagnostics(vec![Diagnostic::error("wrong"), bug]).exit(), Exit::Bug);
    }
}
