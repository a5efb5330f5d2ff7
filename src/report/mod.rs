//! One event stream, shown: on a terminal, as plain prefixed lines (CI), or as JSON lines. Everything that leaves passes the
//! redactor.

pub mod ci;
mod critical;
mod diff;
mod drift;
mod failure;
mod findings;
mod html;
mod paint;
mod plan;
mod progress;
mod record;
mod redact;
mod story;
mod table;

pub use critical::{Critical, picture};
pub use diff::lines as diff_lines;
pub use html::html;
pub(crate) use paint::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, paint, visible};
pub use record::{Bad, Lines, redacted_json};
pub use redact::Redactor;
pub use story::Story;

use crate::{
    event::{Event, Recorded, Status, Summary, Verdict},
    model::TaskId,
};
use agent::secret::Secret;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use plan::PlanView;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// How to show a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Progress lines that move, colours.
    Terminal,
    /// A line per event, prefixed with the host.
    Plain,
    /// One JSON object a line.
    Json,
}

/// Shows events. Cloneable: all clones are one.
#[derive(Clone)]
pub struct Reporter {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    format: Format,
    color: bool,
    redactor: Redactor,
    out: Box<dyn Write + Send>,
    progress: MultiProgress,
    bars: BTreeMap<String, ProgressBar>,
    /// What each host is at, the latest last.
    running: BTreeMap<String, Vec<(TaskId, String)>>,
    plan: PlanView,
    check: bool,
    acting: bool,
    /// The second pass is under way.
    proves: bool,
    summaries: BTreeMap<String, Summary>,
    order: Vec<String>,
    width: usize,
    /// The excerpts that were shown.
    excerpts: BTreeSet<String>,
    /// What came while somebody is being asked.
    held: Option<Vec<Recorded>>,
    /// When the first event came.
    began: Option<Instant>,
    /// Where the run is kept.
    records: Vec<Box<dyn Write + Send>>,
    /// What failed of tasks, by host, until it is known whether it counts.
    failed: Vec<(String, TaskId, ci::Note)>,
    /// In the log of a CI service.
    ci: Option<ci::Log>,
}

impl Reporter {
    /// Shows on `out`; progress lines go to the terminal's stderr.
    pub fn new(format: Format, color: bool, redactor: Redactor, out: Box<dyn Write + Send>) -> Self {
        let progress = MultiProgress::new();
        let inner = Inner {
            format,
            color,
            redactor,
            out,
            progress,
            bars: BTreeMap::new(),
            running: BTreeMap::new(),
            plan: PlanView::default(),
            check: false,
            acting: false,
            proves: false,
            summaries: BTreeMap::new(),
            order: vec![],
            width: 0,
            excerpts: BTreeSet::new(),
            held: None,
            began: None,
            records: vec![],
            failed: vec![],
            ci: None,
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Shows it as the log of that service wants it. Events as JSON stay as they are.
    pub fn ci(&self, ci: Option<ci::Ci>) {
        let mut inner = self.inner.lock().expect("no panic holds it");
        inner.ci = ci.filter(|_| inner.format == Format::Plain).map(ci::Log::new);
    }

    /// Also writes every event there, as a line, as soon as it comes.
    pub fn record(&self, to: Box<dyn Write + Send>) {
        self.inner.lock().expect("no panic holds it").records.push(to);
    }

    /// For events that are over: nothing moves.
    pub fn still(&self) {
        let inner = self.inner.lock().expect("no panic holds it");
        inner.progress.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// Never shows this from now on.
    pub fn hide(&self, secret: &Secret) {
        self.inner.lock().expect("no panic holds it").redactor.add(std::slice::from_ref(secret));
    }

    /// Whether there is a secret in a text, which is not shown as it is.
    pub fn hides(&self, text: &str) -> bool {
        self.inner.lock().expect("no panic holds it").redactor.redact(text) != text
    }

    /// Shows what happens now.
    pub fn show(&self, event: Event) {
        let mut inner = self.inner.lock().expect("no panic holds it");
        let now = Instant::now();
        let began = *inner.began.get_or_insert(now);
        inner.take(Recorded { at: now.duration_since(began).as_millis() as u64, event });
    }

    /// Shows what happened at another time.
    pub fn replay(&self, recorded: Recorded) {
        self.inner.lock().expect("no panic holds it").take(recorded);
    }

    /// Leaves the terminal to whoever is asked there; what happens meanwhile is shown afterwards.
    pub fn hold(&self) -> Held {
        let mut inner = self.inner.lock().expect("no panic holds it");
        let _ = inner.progress.clear();
        inner.progress.set_draw_target(ProgressDrawTarget::hidden());
        inner.held.get_or_insert_default();
        Held(self.clone())
    }
}

/// As long as it lives, nothing is shown.
pub struct Held(Reporter);

impl Drop for Held {
    fn drop(&mut self) {
        let mut inner = self.0.inner.lock().expect("no panic holds it");
        inner.progress.set_draw_target(ProgressDrawTarget::stderr());
        inner.held.take().into_iter().flatten().for_each(|recorded| inner.show(recorded));
    }
}

impl Inner {
    fn take(&mut self, recorded: Recorded) {
        if !self.records.is_empty() {
            let line = record::line(&recorded, &self.redactor);
            let mut errors = vec![];
            self.records
                .retain_mut(|to| to.write_all(line.as_bytes()).map_err(|error| errors.push(error)).is_ok());
            // What is not kept is no reason to stop working on hosts; but it is said, once.
            for error in errors {
                let message = format!("the run is not kept from here on: {error}");
                self.take(Recorded { at: recorded.at, event: Event::Warning { host: None, message } });
            }
        }
        match &mut self.held {
            Some(held) => held.push(recorded),
            None => self.show(recorded),
        }
    }

    fn show(&mut self, recorded: Recorded) {
        if self.format == Format::Json {
            let line = record::line(&recorded, &self.redactor);
            return self.out(&line);
        }
        if let Some(log) = &mut self.ci {
            log.now = recorded.at;
        }
        match recorded.event {
            Event::RunStarted { check, hosts, about, .. } => {
                if let Some(log) = &mut self.ci {
                    log.started = about.started;
                }
                self.fold("connect and look");
                self.check = check;
                self.width = hosts.iter().map(String::len).max().unwrap_or(0);
                self.order = hosts;
            }
            Event::HostConnecting { host } => self.bar(&host, "connecting"),
            Event::HostConnected { host, os, arch, uploaded } => {
                self.bar(&host, "planning");
                if self.format == Format::Plain {
                    let sent = if uploaded { ", agent uploaded" } else { "" };
                    self.host_line(&host, &format!("connected ({os}, {arch}{sent})"));
                }
            }
            Event::HostWaiting { host, message } => {
                let message = self.redactor.redact(&message);
                self.bar(&host, &message);
                if self.format == Format::Plain {
                    self.host_line(&host, &message);
                }
            }
            Event::HostFailed { host, failure } => self.failure(&host, None, &failure),
            Event::HostPlanned { host, tasks } => {
                self.bar(&host, "planned");
                self.plan.add(&host, tasks);
            }
            Event::Finding { host, finding } if !self.proves => self.plan.findings.add(&host, &finding),
            Event::Finding { .. } => {}
            Event::HostDrift { host, since, unreadable, tasks, gone, owed } => {
                self.plan.drifts.push(drift::Drift { host, since, unreadable, tasks, gone, owed });
            }
            Event::PlanComplete { .. } => {
                self.bars.values().for_each(ProgressBar::finish_and_clear);
                self.bars.clear();
                self.plan();
                self.acting = !self.check;
                if self.acting {
                    self.fold("apply");
                }
            }
            Event::BatchStarted { number, of, hosts } => {
                let batch = paint(&format!("batch {number} of {of}:"), BOLD, self.color);
                self.line(&format!("{batch} {}", hosts.join(", ")));
            }
            Event::TaskStarted { host, name, task } => {
                self.bar(&host, &name);
                self.running.entry(host.clone()).or_default().push((task, name.clone()));
                if self.format == Format::Plain {
                    self.host_line(&host, &format!("... {name}"));
                }
            }
            Event::TaskOutput { host, line, task } => {
                let line = self.redactor.redact(&line);
                match self.format {
                    Format::Plain => self.host_line(&host, &format!("    {line}")),
                    _ => self.message(&host, task, &line),
                }
            }
            Event::TaskFinished { host, name, status, diff, failure, millis, task } => {
                if let Some(running) = self.running.get_mut(&host) {
                    running.retain(|(other, _)| *other != task);
                    // A task that has ended is no longer what the host is at.
                    if let (Some(bar), Some((_, next))) = (self.bars.get(&host), running.last())
                        && bar
                            .message()
                            .strip_prefix(&name)
                            .is_some_and(|m| m.is_empty() || m.starts_with("  | "))
                    {
                        bar.set_message(next.clone());
                    }
                }
                if let Some(failure) = failure {
                    self.failure(&host, Some((task, &name)), &failure);
                    if let Some(diff) = diff {
                        let lines = diff_lines(&diff, self.color);
                        self.text(&lines.iter().map(|l| format!("    {l}\n")).collect::<String>());
                    }
                } else if self.acting {
                    self.finished(&host, task, &name, status, diff.as_ref(), millis);
                }
            }
            Event::HostFinished { host, summary, excused, .. } => {
                self.annotate_failed(Some(&host), &excused);
                if let Some(bar) = self.bars.remove(&host) {
                    bar.finish_and_clear();
                }
                self.summaries.insert(host, summary);
            }
            Event::Warning { host, message } => {
                let warning = paint("warning:", YELLOW, self.color);
                let host = host.map(|h| format!("{h}: ")).unwrap_or_default();
                self.line(&format!("{warning} {host}{message}"));
                self.annotate(ci::Note::warning(format!("{host}{message}")));
            }
            Event::ProofStarted {} => {
                self.unfold();
                self.table();
                self.line(&format!("\n{}", paint("proof: is anything left to do?", BOLD, self.color)));
                (self.plan, self.summaries) = (PlanView::default(), BTreeMap::new());
                (self.check, self.acting, self.proves) = (true, false, true);
                self.fold("look again");
            }
            Event::RunFinished { millis, exit } => {
                self.annotate_failed(None, &[]);
                self.unfold();
                if self.proves && exit == 0 {
                    self.line(&format!("{} nothing is left to do", paint("proved:", GREEN, self.color)));
                } else {
                    self.table();
                }
                let seconds = Duration::from_millis(millis).as_secs_f64();
                self.line(&paint(&format!("finished in {seconds:.1} s"), DIM, self.color));
            }
        }
    }

    fn table(&mut self) {
        if !self.plan.drifts.is_empty() {
            return;
        }
        let table = table::render(&self.order, &self.summaries, self.check, self.color);
        self.text(&table);
    }

    fn finished(
        &mut self,
        host: &str,
        task: TaskId,
        name: &str,
        status: Status,
        diff: Option<&crate::model::Diff>,
        millis: u64,
    ) {
        let (word, style) = match status {
            Status::Changed => ("changed", YELLOW),
            Status::Blocked => ("blocked", RED),
            _ => return,
        };
        let seconds =
            if millis >= 1000 { format!(" ({:.1} s)", millis as f64 / 1000.0) } else { String::new() };
        self.host_line(host, &format!("{} {name}{seconds}", paint(word, style, self.color)));
        // The plan has shown the diff already, unless it could not know it.
        let planned = match self.plan.verdict(host, task) {
            Some(Verdict::Change { diff } | Verdict::Run { diff, .. }) => Some(diff),
            _ => None,
        };
        if let Some(diff) = diff
            && planned != Some(diff)
        {
            let lines = diff_lines(diff, self.color);
            self.text(&lines.iter().map(|l| format!("    {l}\n")).collect::<String>());
        }
    }

    fn host_line(&mut self, host: &str, text: &str) {
        let host = format!("{host:width$}", width = self.width);
        let line = format!("{} {text}", paint(&host, BOLD, self.color));
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        self.text(&format!("{line}\n"));
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let text = self.redactor.redact(text);
        let text = visible(&text);
        let text = match &mut self.ci {
            Some(log) => log.within(&text).into(),
            None => text,
        };
        self.out(&text);
    }

    fn out(&mut self, text: &str) {
        // A reader that went away (`| head`) is no reason to stop working on hosts.
        let out = &mut self.out;
        self.progress.suspend(|| {
            let _ = out.write_all(text.as_bytes());
            let _ = out.flush();
        });
    }
}

#[cfg(test)]
mod tests;
