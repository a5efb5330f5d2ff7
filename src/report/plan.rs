//! The plan of all hosts: each task once, with the hosts that agree on it.

use super::{BOLD, CYAN, DIM, GREEN, YELLOW, diff_lines, paint};
use crate::{
    event::{PlannedTask, Verdict},
    model::TaskId,
};
use std::{collections::BTreeMap, fmt::Write};

#[derive(Default)]
pub(super) struct PlanView {
    hosts: Vec<(String, Vec<PlannedTask>)>,
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

    /// What would change, task by task; hosts with the same verdict share one entry.
    pub fn render(&self, color: bool, check: bool) -> String {
        let mut out = String::new();
        let mut shown: BTreeMap<(u32, usize), (&PlannedTask, Vec<&str>)> = BTreeMap::new();
        for (host, tasks) in &self.hosts {
            for task in tasks {
                let quiet = matches!(task.verdict, Verdict::Unchanged | Verdict::Skipped { .. });
                if quiet && task.notes.is_empty() {
                    continue;
                }
                let same = shown.iter().find(|(_, (other, _))| {
                    other.task == task.task
                        && other.name == task.name
                        && other.verdict == task.verdict
                        && other.notes == task.notes
                });
                let key = same.map_or((task.task.0, shown.len()), |(key, _)| *key);
                shown.entry(key).or_insert_with(|| (task, vec![])).1.push(host);
            }
        }
        for (task, hosts) in shown.values() {
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
