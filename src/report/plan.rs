//! The plan of all hosts: each task once, with the hosts that agree on it.

use super::{
    BOLD, CYAN, DIM, GREEN, YELLOW, diff_lines,
    drift::{self, Drift},
    paint,
};
use crate::{
    event::{PlannedTask, Verdict},
    model::TaskId,
};
use std::fmt::Write;

#[derive(Default)]
pub(super) struct PlanView {
    hosts: Vec<(String, Vec<PlannedTask>)>,
    /// With `drift`, which is shown instead.
    pub drifts: Vec<Drift>,
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
            for task in tasks {
                let quiet = matches!(task.verdict, Verdict::Unchanged | Verdict::Skipped { .. });
                if quiet && task.notes.is_empty() {
                    continue;
                }
                let same = |(other, hosts): &(&PlannedTask, Vec<&str>)| {
                    // Two items of a loop may look alike, but they are two.
                    hosts.last() != Some(&host.as_str())
                        && (&other.place, &other.name) == (&task.place, &task.name)
                        && (&other.verdict, &other.notes) == (&task.verdict, &task.notes)
                };
                match shown.iter().position(same) {
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

    /// What would change, task by task; hosts with the same verdict share one entry.
    pub fn render(&self, color: bool, check: bool) -> String {
        let mut out = String::new();
        if !self.drifts.is_empty() {
            let mut drifts: Vec<&Drift> = self.drifts.iter().collect();
            drifts.sort_by(|a, b| a.host.cmp(&b.host));
            return drifts
                .into_iter()
                .map(|it| drift::render(it, drift::of(&self.hosts, &it.host), color))
                .collect();
        }
        let shown = self.agreed();
        for (task, hosts) in &shown {
            let (sign, style) = match &task.verdict {
                Verdict::Change { .. } => ("~", YELLOW),
                Verdict::Deferred { .. } => ("?", CYAN),
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
            let _ = writeln!(out, "{line}  {place}");
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
                Verdict::Unchanged | Verdict::Skipped { .. } => {}
            }
            for note in &task.notes {
                let _ = writeln!(out, "    {} {note}", paint("!", YELLOW, color));
            }
        }
        if !shown.is_empty() {
            out.push('\n');
        }
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
