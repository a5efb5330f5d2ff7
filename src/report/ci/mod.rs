//! The log of a CI service: groups that fold, and annotations at the place in the file.
//!
//! Sources: GitHub, "Workflow commands for GitHub Actions"; GitLab, "CI/CD job logs", custom collapsible sections. GitLab has no
//! annotations in a log: its Code Quality reports ([`codequality`]) are what it shows beside a file.

mod junit;
mod markdown;
mod quality;

pub use junit::{junit, refused as junit_refused};
pub use markdown::{LONGEST, markdown, refused as markdown_refused};
pub use quality::{codequality, refused as codequality_refused};

use super::{
    Inner,
    story::{Ended, Host, Story},
    visible,
};
use crate::event::{Excuse, Failure, Finding, PlannedTask, Status};
use std::{collections::BTreeSet, path::PathBuf};

/// Annotations of a kind that GitHub shows for a step; what is more stands in the log alone.
pub const ANNOTATIONS: usize = 10;

/// A service that runs jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    GitHub,
    GitLab,
}

/// Where the program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ci {
    pub service: Service,
    /// The root of the repository. Places in files are told from there.
    pub root: PathBuf,
    /// The folder that the program works in.
    pub folder: PathBuf,
}

/// How grave an annotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warning,
}

/// Something to be said beside a line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub level: Level,
    /// `file:line:column`, or as much of it as is known.
    pub place: Option<String>,
    pub title: String,
    /// The whole text, which may have several lines.
    pub body: String,
}

impl Note {
    /// What failed, with causes and hint.
    pub fn failure(title: &str, failure: &Failure) -> Self {
        let mut body = vec![failure.message.clone()];
        body.extend(failure.causes.iter().map(|cause| format!("cause: {cause}")));
        body.extend(failure.hint.iter().map(|hint| format!("hint: {hint}")));
        Self { level: Level::Error, place: failure.place.clone(), title: title.into(), body: body.join("\n") }
    }

    /// The same, where it counts as none.
    pub fn excused(self, by: Excuse) -> Self {
        Self { level: Level::Warning, title: format!("{}: {}", by.word(), self.title), ..self }
    }

    /// What the lint of plans found.
    pub fn finding(finding: &Finding) -> Self {
        let mut body = vec![finding.message.clone()];
        body.extend(finding.causes.iter().map(|cause| format!("cause: {cause}")));
        body.push(format!("hint: {}", finding.hint));
        let title = format!("{} [{}]", finding.message, finding.lint);
        Self { level: Level::Warning, place: Some(finding.place.clone()), title, body: body.join("\n") }
    }

    /// Something odd that has no place.
    pub fn warning(text: String) -> Self {
        Self { level: Level::Warning, place: None, title: "warning".into(), body: text }
    }
}

impl Ci {
    /// A path as seen from the root of the repository.
    pub fn from_root(&self, path: &str) -> String {
        let path = self.folder.join(path.strip_prefix("./").unwrap_or(path));
        path.strip_prefix(&self.root).unwrap_or(&path).display().to_string()
    }

    /// The annotation as a line of the log; nothing where the service knows none.
    pub fn annotation(&self, note: &Note) -> String {
        if self.service == Service::GitLab {
            return String::new();
        }
        let mut properties = vec![];
        if let Some((file, line, column)) = note.place.as_deref().map(parts) {
            properties.push(format!("file={}", escaped(&self.from_root(file), true)));
            properties.extend(line.map(|line| format!("line={line}")));
            properties.extend(column.map(|column| format!("col={column}")));
        }
        properties.push(format!("title={}", escaped(&note.title, true)));
        let level = match note.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        format!("::{level} {}::{}\n", properties.join(","), escaped(&note.body, false))
    }
}

/// A value in a workflow command of GitHub.
pub fn escaped(text: &str, is_property: bool) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if is_property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}

/// File, line and column of a place.
pub(super) fn parts(place: &str) -> (&str, Option<usize>, Option<usize>) {
    let number = |text: &str| text.rsplit_once(':').and_then(|(rest, n)| Some((rest.len(), n.parse().ok()?)));
    match number(place) {
        None => (place, None, None),
        Some((end, last)) => match number(&place[..end]) {
            None => (&place[..end], Some(last), None),
            Some((file, line)) => (&place[..file], Some(line), Some(last)),
        },
    }
}

/// The log so far.
pub(super) struct Log {
    ci: Ci,
    /// When the run began, in seconds since 1970.
    pub started: u64,
    /// Milliseconds since then.
    pub now: u64,
    /// What lines belong to; the group is opened by the first one.
    title: Option<String>,
    open: bool,
    groups: usize,
    said: BTreeSet<(Level, Option<String>, String)>,
}

impl Log {
    pub fn new(ci: Ci) -> Self {
        Self { ci, started: 0, now: 0, title: None, open: false, groups: 0, said: BTreeSet::new() }
    }

    /// A text inside of the group that lines belong to now. No line of it is a command to the service, whatever a host printed.
    pub fn within(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 32);
        if let (Some(title), false) = (&self.title, self.open) {
            self.open = true;
            self.groups += 1;
            out = match self.ci.service {
                Service::GitHub => format!("::group::{}\n", escaped(title, false)),
                Service::GitLab => {
                    let title = title.replace(['\r', '\n'], " ");
                    let (at, number) = (self.second(), self.groups);
                    format!("\x1b[0Ksection_start:{at}:provision_{number}[collapsed=true]\r\x1b[0K{title}\n")
                }
            };
        }
        match self.ci.service {
            Service::GitHub => text.split_inclusive('\n').for_each(|line| out += &inert(line)),
            Service::GitLab => out += text,
        }
        out
    }

    /// Ends the group that is open; returns what ends it.
    fn close(&mut self) -> String {
        self.title = None;
        if !std::mem::take(&mut self.open) {
            return String::new();
        }
        match self.ci.service {
            Service::GitHub => "::endgroup::\n".into(),
            Service::GitLab => {
                format!("\x1b[0Ksection_end:{}:provision_{}\r\x1b[0K\n", self.second(), self.groups)
            }
        }
    }

    fn second(&self) -> u64 {
        self.started + self.now / 1000
    }

    /// The annotation, unless the same was said already or the service shows no more of them.
    fn annotation(&mut self, note: &Note) -> String {
        let known = (note.level, note.place.clone(), note.body.clone());
        let of_kind = self.said.iter().filter(|(level, ..)| *level == note.level).count();
        if of_kind >= ANNOTATIONS || !self.said.insert(known) {
            return String::new();
        }
        self.ci.annotation(note)
    }
}

/// A line that GitHub takes for text: a command stands at the beginning of a line, one of the older form anywhere.
pub fn inert(line: &str) -> String {
    let line = line.replace("##[", "#\u{200b}#[");
    let text = line.trim_start();
    if !text.starts_with("::") {
        return line;
    }
    let blank = &line[..line.len() - text.len()];
    format!("{blank}:\u{200b}{}", &text[1..])
}

impl Inner {
    /// What comes from now on belongs to a group of this title, until the next one.
    pub(super) fn fold(&mut self, title: impl Into<String>) {
        self.unfold();
        if let Some(log) = &mut self.ci {
            log.title = Some(visible(&title.into()).into_owned());
        }
    }

    /// What comes from now on is seen without unfolding anything. Returns the title of the group that ended.
    pub(super) fn unfold(&mut self) -> Option<String> {
        let log = self.ci.as_mut()?;
        let title = log.title.clone();
        let end = log.close();
        self.out(&end);
        title
    }

    /// Says it beside the file, where the service can do that.
    pub(super) fn annotate(&mut self, note: Note) {
        let Some(log) = &mut self.ci else { return };
        let clean = |text: &str| visible(&self.redactor.redact(text)).into_owned();
        let (place, title, body) = (note.place.as_deref().map(clean), clean(&note.title), clean(&note.body));
        let line = log.annotation(&Note { place, title, body, ..note });
        if !line.is_empty() {
            self.out(&line);
        }
    }
}

/// What the second look of `--prove` found to be left to do, with its host.
pub(super) fn left<'a>(story: &'a Story<'a>) -> Vec<(&'a str, &'a PlannedTask)> {
    let is_left = |status| matches!(status, Status::WouldChange | Status::Deferred | Status::Failed);
    let of_host = |host: &'a Host<'a>| {
        let left = host
            .tasks
            .iter()
            .filter(move |task| host.ended.get(&task.task.0).is_some_and(|ended| is_left(ended.status)));
        left.map(|task| (host.name, task))
    };
    story.proof.iter().flat_map(|proof| &proof.hosts).flat_map(of_host).collect()
}

/// A failure of a run.
pub(super) struct Failed<'a> {
    pub host: &'a str,
    /// The task that has it; none: the host could not be worked on.
    pub task: Option<&'a str>,
    pub failure: &'a Failure,
    /// Why it counts as none.
    pub excuse: Option<Excuse>,
}

/// Every failure of a run, also those that were found at the same time.
pub(super) fn failures<'a>(story: &'a Story<'a>) -> Vec<Failed<'a>> {
    let mut found = vec![];
    for host in &story.hosts {
        let of_task = |ended: &Ended<'a>| Some((Some(ended.name), ended.failure?, ended.excuse));
        let of_host = host.failure.map(|failure| (None, failure, None));
        for (task, failure, excuse) in of_host.into_iter().chain(host.ended.values().filter_map(of_task)) {
            let all = [failure].into_iter().chain(&failure.more);
            found.extend(all.map(|failure| Failed { host: host.name, task, failure, excuse }));
        }
    }
    found
}
#[cfg(test)]
mod tests;
