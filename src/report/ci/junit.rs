//! A run as JUnit XML: a suite for each host, a case for each task.
//!
//! There is no standard; the elements and attributes are those that GitLab ("Unit test reports") and the common readers for GitHub
//! take, as Apache Ant's JUnit task writes them.

use super::{
    super::story::{Ended, Host, Story},
    left, parts,
};
use crate::{
    diag::{Diagnostics, Severity},
    event::{Failure, PlannedTask, Recorded, Status, Verdict},
    graph::escaped,
    report::diff_lines,
    template::strftime_utc,
};
use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
};

/// Lines of what a task printed that are kept: the last ones.
const OUTPUT: usize = 60;

#[derive(Default)]
struct Suite {
    name: String,
    cases: String,
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    millis: u64,
}

/// The report on a run.
pub fn junit(run: &[Recorded]) -> String {
    let story = Story::new(run);
    let mut suites: Vec<Suite> = story.hosts.iter().map(|host| of_host(&story, host)).collect();
    if story.proof.is_some() {
        suites.push(proof(&story));
    }
    let began = i64::try_from(story.about.started).ok().and_then(|at| strftime_utc(at, "%FT%TZ").ok());
    document(&story.title(), began.as_deref(), story.millis, &suites)
}

/// The report where nothing was begun, since the configuration is wrong.
pub fn refused(found: &Diagnostics) -> String {
    let mut suite = Suite { name: "configuration".into(), ..Suite::default() };
    for diagnostic in found.0.iter().filter(|diagnostic| diagnostic.severity == Severity::Error) {
        let place = diagnostic.place.as_ref().map(|(origin, _)| origin.to_string());
        suite.open(&diagnostic.message, place.as_deref(), 0);
        let mut text = diagnostic.causes.clone();
        text.extend(diagnostic.hint.iter().map(|hint| format!("hint: {hint}")));
        suite.element("error", &diagnostic.message, "configuration", &text.join("\n"));
        suite.errors += 1;
        suite.close();
    }
    document("configuration", None, 0, &[suite])
}

fn document(name: &str, began: Option<&str>, millis: u64, suites: &[Suite]) -> String {
    let sum = |of: fn(&Suite) -> usize| suites.iter().map(of).sum::<usize>();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">\n",
        escaped(name),
        sum(|suite| suite.tests),
        sum(|suite| suite.failures),
        sum(|suite| suite.errors),
        sum(|suite| suite.skipped),
        Seconds(millis)
    );
    for suite in suites {
        let began = began.map(|at| format!(" timestamp=\"{at}\"")).unwrap_or_default();
        let _ = write!(
            out,
            "<testsuite name=\"{0}\" hostname=\"{0}\" tests=\"{1}\" failures=\"{2}\" errors=\"{3}\" skipped=\"{4}\" time=\"{5}\"{began}>\n{6}</testsuite>\n",
            escaped(&suite.name),
            suite.tests,
            suite.failures,
            suite.errors,
            suite.skipped,
            Seconds(suite.millis),
            suite.cases
        );
    }
    out + "</testsuites>\n"
}

struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl Suite {
    fn open(&mut self, name: &str, place: Option<&str>, millis: u64) {
        self.tests += 1;
        let _ =
            write!(self.cases, "<testcase classname=\"{}\" name=\"{}\"", escaped(&self.name), escaped(name));
        if let Some((file, line, _)) = place.map(parts) {
            let _ = write!(self.cases, " file=\"{}\"", escaped(file));
            line.iter().for_each(|line| _ = write!(self.cases, " line=\"{line}\""));
        }
        let _ = writeln!(self.cases, " time=\"{}\">", Seconds(millis));
    }

    fn element(&mut self, element: &str, message: &str, kind: &str, text: &str) {
        let (message, kind) = (escaped(message), escaped(kind));
        let _ = writeln!(
            self.cases,
            "<{element} message=\"{message}\" type=\"{kind}\">{}</{element}>",
            escaped(text)
        );
    }

    fn failed(&mut self, element: &str, failure: &Failure) {
        let mut text = vec![];
        describe(failure, &mut text);
        self.element(element, &failure.message, &format!("exit {}", failure.exit), &text.join("\n"));
    }

    fn close(&mut self) {
        self.cases += "</testcase>\n";
    }
}

fn describe(failure: &Failure, text: &mut Vec<String>) {
    let place = failure.place.as_deref().map(|place| format!(" ({place})")).unwrap_or_default();
    text.push(format!("{}{place}", failure.message));
    text.extend(failure.excerpt.iter().map(|excerpt| excerpt.trim_end().to_owned()));
    text.extend(failure.causes.iter().map(|cause| format!("cause: {cause}")));
    if !failure.output.is_empty() {
        text.push("it printed:".into());
        text.extend(failure.output.iter().map(|line| format!("  {line}")));
    }
    text.extend(failure.hint.iter().map(|hint| format!("hint: {hint}")));
    failure.more.iter().for_each(|more| describe(more, text));
}

/// What the second look found: a case for each task that is not as wanted, or one that all are.
fn proof(story: &Story) -> Suite {
    let mut suite = Suite { name: "proof".into(), ..Suite::default() };
    let left = left(story);
    if left.is_empty() {
        suite.open("nothing is left to do", None, 0);
        suite.close();
    }
    for (host, task) in left {
        suite.open(&format!("{host}: {}", task.name), Some(&task.place), 0);
        suite.element("failure", "did not converge: it is not as wanted after the run", "exit 42", "");
        suite.failures += 1;
        suite.close();
    }
    suite
}

fn of_host(story: &Story, host: &Host) -> Suite {
    let mut suite = Suite { name: host.name.into(), ..Suite::default() };
    if let (Some(from), Some(to)) = (host.connecting, host.finished) {
        suite.millis = to.saturating_sub(from);
    }
    if let Some(failure) = host.failure {
        suite.open("connect", failure.place.as_deref(), 0);
        suite.failed("error", failure);
        suite.errors += 1;
        suite.close();
    } else if host.planned.is_none() {
        suite.open("connect", None, 0);
        suite.element("error", "the run ended before this host was planned", "not reached", "");
        suite.errors += 1;
        suite.close();
    }
    // Readers take cases of one name for one: items of a loop, tasks that stand twice.
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for task in host.tasks {
        let count = names.entry(&task.name).or_default();
        *count += 1;
        let name = if *count == 1 { task.name.clone() } else { format!("{} ({count})", task.name) };
        of_task(story, host, task, &name, &mut suite);
    }
    suite
}

fn of_task(story: &Story, host: &Host, task: &PlannedTask, name: &str, suite: &mut Suite) {
    let ended = host.ended.get(&task.task.0);
    let began = host.began.get(&task.task.0);
    let millis = ended.zip(began).map_or(0, |(ended, began)| ended.at.saturating_sub(*began));
    suite.open(name, Some(&task.place), millis);
    let skipped = |suite: &mut Suite, why: &str, kind: &str| {
        suite.element("skipped", why, kind, "");
        suite.skipped += 1;
    };
    match ended {
        // It holds up nothing, and so does not the pipeline.
        Some(Ended { excuse: Some(by), failure, .. }) => {
            let (mut text, by) = (vec![], by.word());
            failure.iter().for_each(|failure| describe(failure, &mut text));
            let why = failure.map_or("failed", |failure| &failure.message);
            suite.element("skipped", &format!("{by}: {why}"), by, &text.join("\n"));
            suite.skipped += 1;
        }
        Some(Ended { failure: Some(failure), .. }) => {
            suite.failed("failure", failure);
            suite.failures += 1;
        }
        Some(Ended { status: Status::Failed, .. }) => {
            suite.element("failure", "failed", "failed", "");
            suite.failures += 1;
        }
        Some(Ended { status: Status::Blocked, .. }) => {
            skipped(suite, "not tried: what it depends on has failed", "blocked");
        }
        Some(Ended { status: Status::WouldChange, .. }) => skipped(suite, "would change", "pending"),
        Some(Ended { status: Status::Ok | Status::Changed, .. }) => {}
        Some(Ended { status: Status::Skipped | Status::Deferred, .. }) | None => match &task.verdict {
            Verdict::Unchanged => {}
            Verdict::Skipped { why } => skipped(suite, why, "skipped"),
            Verdict::Deferred { why, .. } => skipped(suite, &format!("not knowable yet: {why}"), "deferred"),
            Verdict::Change { .. } | Verdict::Run { .. } if story.check => {
                skipped(suite, "would change", "pending");
            }
            Verdict::Change { .. } | Verdict::Run { .. } => {
                skipped(suite, "the run ended before it", "not done");
            }
        },
    }
    let planned = match &task.verdict {
        Verdict::Change { diff } | Verdict::Run { diff, .. } => Some(diff),
        _ => None,
    };
    let mut text: Vec<String> = ended
        .and_then(|ended| ended.diff)
        .or(planned)
        .map(|diff| diff_lines(diff, false))
        .unwrap_or_default();
    let output = host.output.get(&task.task.0).map_or(&[][..], |lines| lines);
    text.extend(output[output.len().saturating_sub(OUTPUT)..].iter().map(|line| (*line).to_owned()));
    if !text.is_empty() {
        let _ = writeln!(suite.cases, "<system-out>{}</system-out>", escaped(&text.join("\n")));
    }
    suite.close();
}
