//! The plan of all hosts: each task once, with the hosts that agree on it.

use super::{
    BOLD, CYAN, DIM, GREEN, Inner, YELLOW,
    ci::Note,
    diff_lines,
    drift::{self, Drift},
    findings::Findings,
    paint,
};
use crate::{
    event::{PlannedTask, Verdict},
    model::TaskId,
};
use std::{collections::HashSet, fmt::Write};

#[derive(Default)]
pub(super) struct PlanView {
    hosts: Vec<(String, Vec<PlannedTask>)>,
    /// With `drift`, which is shown instead.
    pub drifts: Vec<Drift>,
    pub findings: Findings,
}

impl PlanView {
    pub fn add(&mut self, host: &str, tasks: Vec<PlannedTask>) {
        self.hosts.push((host.into(), tasks));
        self.hosts.sort_by(|a, b| a.0.cmp(&b.0));
    }

    pub fn verdict(&self, host: &str, task: TaskId) -> Option<&Verdict> {
        let (_, tasks) = self.hosts.iter().find(|(h, _)| h == host)?;
        tasks.get(task.0 as usize).map(|t| &t.verdict)
    }

    /// The tasks that are worth showing, each with the hosts on which it is the same, in an order that is every host's own. A task's number
    /// says nothing across hosts: one may have more items in a loop before it.
    fn agreed(&self) -> Vec<(&PlannedTask, Vec<&str>)> {
        let mut shown: Vec<(&PlannedTask, Vec<&str>)> = vec![];
        for (host, tasks) in &self.hosts {
            let mut next = 0;
            // Most are found where the host before had them; what no host had is not looked for.
            let known: HashSet<_> = shown.iter().map(|&(task, _)| (&task.place, &task.name)).collect();
            for task in tasks {
                let quiet = matches!(task.verdict, Verdict::Unchanged | Verdict::Skipped { .. });
                if quiet && task.notes.is_empty() && task.if_fails.is_empty() {
                    continue;
                }
                let same = |(other, hosts): &(&PlannedTask, Vec<&str>)| {
                    // Two items of a loop may look alike, but they are two.
                    hosts.last() != Some(&host.as_str())
                        && (&other.place, &other.name) == (&task.place, &task.name)
                        && (&other.verdict, &other.notes) == (&task.verdict, &task.notes)
                };
                let after = || shown[next..].iter().position(same).map(|at| next + at);
                let found = known
                    .contains(&(&task.place, &task.name))
                    .then(|| after().or_else(|| shown[..next].iter().position(same)));
                match found.flatten() {
                    Some(at) => {
                        shown[at].1.push(host);
                        next = next.max(at + 1);
                    }
                    None => {
                        // Before or after what other hosts have there, but beside the same task with another outcome.
                        while shown.get(next).is_some_and(|(other, _)| other.place == task.place) {
                            next += 1;
                        }
                        shown.insert(next, (task, vec![host]));
                        next += 1;
                    }
                }
            }
        }
        shown
    }

    /// What would change, task by task, as a line each with what belongs to it; hosts with the same verdict share one entry.
    pub fn entries(&self, color: bool) -> Vec<(String, String)> {
        let entry = |(task, hosts): &(&PlannedTask, Vec<&str>)| {
            let (sign, style) = match &task.verdict {
                Verdict::Change { .. } => ("~", YELLOW),
                Verdict::Deferred { .. } => ("?", CYAN),
                Verdict::Skipped { .. } if !task.if_fails.is_empty() => ("!", CYAN),
                Verdict::Unchanged | Verdict::Skipped { .. } => ("=", DIM),
                _ => (">", GREEN),
            };
            let who = if self.hosts.len() == hosts.len() && hosts.len() > 1 {
                "all hosts".to_string()
            } else {
                hosts.join(", ")
            };
            let line = format!("{} {}", paint(sign, style, color), paint(&task.name, BOLD, color));
            let place = paint(&format!("[{who}] {}", task.place), DIM, color);
            let mut out = String::new();
            match &task.verdict {
                Verdict::Change { diff } | Verdict::Run { diff, .. } => {
                    for line in diff_lines(diff, color) {
                        let _ = writeln!(out, "    {line}");
                    }
                }
                Verdict::Deferred { why, after } => {
                    let _ = writeln!(out, "    not knowable yet: {why}");
                    if !after.is_empty() {
                        let _ = writeln!(out, "    after: {}", after.join(", "));
                    }
                }
                Verdict::Skipped { why } if !task.if_fails.is_empty() => {
                    let _ = writeln!(out, "    {why}");
                }
                Verdict::Unchanged | Verdict::Skipped { .. } => {}
            }
            for note in &task.notes {
                let _ = writeln!(out, "    {} {note}", paint("!", YELLOW, color));
            }
            (format!("{line}  {place}"), out)
        };
        self.agreed().iter().map(entry).collect()
    }

    /// With `drift`: what has moved, host by host.
    pub fn drifted(&self, color: bool) -> String {
        let mut drifts: Vec<&Drift> = self.drifts.iter().collect();
        drifts.sort_by(|a, b| a.host.cmp(&b.host));
        drifts.into_iter().map(|it| drift::render(it, drift::of(&self.hosts, &it.host), color)).collect()
    }

    /// What the lint found, then a line for each host.
    pub fn counts(&self, color: bool, check: bool) -> String {
        let mut out = self.findings.render(self.hosts.len(), color);
        for (host, tasks) in &self.hosts {
            let count = |wanted: fn(&Verdict) -> bool| tasks.iter().filter(|t| wanted(&t.verdict)).count();
            let change = count(|v| matches!(v, Verdict::Change { .. }));
            let run = count(|v| matches!(v, Verdict::Run { .. }));
            let deferred = count(|v| matches!(v, Verdict::Deferred { .. }));
            let same = count(|v| matches!(v, Verdict::Unchanged));
            let verb = if check { "would change" } else { "to change" };
            let _ = writeln!(
                out,
                "{}: {change} {verb}, {run} to run, {deferred} not knowable yet, {same} as wanted",
                paint(host, BOLD, color)
            );
        }
        out
    }
}

impl Inner {
    /// Shows the plan of all hosts; in the log of a CI service each entry folds.
    pub(super) fn plan(&mut self) {
        self.unfold();
        if !self.plan.drifts.is_empty() {
            let text = self.plan.drifted(self.color);
            return self.text(&text);
        }
        let entries = self.plan.entries(self.color);
        let titles = if self.ci.is_some() { self.plan.entries(false) } else { vec![] };
        for (at, (line, body)) in entries.iter().enumerate() {
            match titles.get(at) {
                Some((title, _)) if !body.is_empty() => {
                    let title = self.redactor.redact(title).into_owned();
                    self.fold(title);
                    self.text(body);
                    self.unfold();
                }
                _ => self.text(&format!("{line}\n{body}")),
            }
        }
        if !entries.is_empty() {
            self.text("\n");
        }
        let counts = self.plan.counts(self.color, self.check);
        self.text(&counts);
        let notes: Vec<Note> = self.plan.findings.open().map(|(finding, _)| Note::finding(finding)).collect();
        notes.into_iter().for_each(|note| self.annotate(note));
    }
}
