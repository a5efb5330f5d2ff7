//! An explanation for people.

use super::{Condition, Edge, Explanation, FileWhy, From, Of, Outcome, ParameterWhy, ServiceWhy, TaskWhy};
use crate::{
    event::Finding,
    report::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, diff_lines, paint},
};
use std::fmt::Write;

/// Most tasks that are listed before and behind one.
const EDGES: usize = 12;

pub(super) fn text(explanation: &Explanation, color: bool) -> String {
    let page = Page { host: &explanation.host, color };
    let mut out = String::new();
    for task in &explanation.tasks {
        page.gap(&mut out);
        page.task(task, &mut out);
    }
    for file in &explanation.files {
        page.gap(&mut out);
        page.file(file, &mut out);
    }
    for service in &explanation.services {
        page.gap(&mut out);
        page.service(service, &mut out);
    }
    for finding in &explanation.findings {
        page.gap(&mut out);
        page.finding(finding, &mut out);
    }
    if !explanation.facts && out.contains("a fact of ") {
        out += &format!(
            "\nfacts of {} are not known here: leave `--offline` out, or take those that an earlier run has kept: `--fact-cache DIR`\n",
            explanation.host
        );
    }
    out
}

struct Page<'a> {
    host: &'a str,
    color: bool,
}

impl Page<'_> {
    fn gap(&self, out: &mut String) {
        if !out.is_empty() {
            out.push('\n');
        }
    }

    fn dim(&self, text: &str) -> String {
        paint(text, DIM, self.color)
    }

    fn fate(&self, fate: &str, because: Option<&str>, conditions: bool) -> String {
        let style = match fate {
            "runs" => GREEN,
            "wrong" => RED,
            _ => YELLOW,
        };
        let word = paint(fate, style, self.color);
        match (because, conditions) {
            (Some(why), _) => format!("{word}: {why}"),
            (None, true) => format!("{word}: all its conditions hold"),
            (None, false) => format!("{word}: it has no condition"),
        }
    }

    fn task(&self, task: &TaskWhy, out: &mut String) {
        let what = if task.handler { "handler, " } else { "" };
        let name = paint(&task.name, BOLD, self.color);
        let _ = writeln!(out, "{name} on {}  ({what}{}, {})", self.host, task.resource, task.place);
        let _ = writeln!(
            out,
            "  {}",
            match task.handler && task.fate == "runs" {
                true => paint("runs when it is notified", GREEN, self.color),
                false => self.fate(task.fate, task.because.as_deref(), !task.conditions.is_empty()),
            }
        );
        self.outcome(task.outcome.as_ref(), true, out);
        for by in &task.notified_by {
            let _ = writeln!(out, "  notified by `{by}` when that changes something");
        }
        self.decided(&task.conditions, &task.loops, &task.parameters, out);
        for path in &task.writes {
            let _ = writeln!(
                out,
                "  writes {path}  {}",
                self.dim("its lines: name the file in place of the task")
            );
        }
        for handler in &task.notifies {
            let _ = writeln!(out, "  notifies `{handler}` when it changes something");
        }
        self.edges("after", &task.after, out);
        self.edges("before", &task.before, out);
    }

    /// What is to be done on the host as it is; with the diff where that says more than the lines.
    fn outcome(&self, outcome: Option<&Outcome>, with_diff: bool, out: &mut String) {
        let Some(outcome) = outcome else { return };
        let style = match outcome.verdict {
            "unchanged" | "skipped" => GREEN,
            _ => YELLOW,
        };
        let why = outcome.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let _ = writeln!(out, "  now: {}{why}", paint(outcome.verdict, style, self.color));
        if let Some(diff) = outcome.diff.as_ref().filter(|_| with_diff) {
            for line in diff_lines(diff, self.color) {
                let _ = writeln!(out, "      {line}");
            }
        }
    }

    fn service(&self, service: &ServiceWhy, out: &mut String) {
        let name = paint(&service.name, BOLD, self.color);
        let _ = writeln!(out, "{name} on {}  ({})", self.host, service.kind);
        for task in &service.acts {
            let what = if task.handler { "handler, " } else { "" };
            let _ =
                writeln!(out, "  `{}` {}  ({what}{}, {})", task.task, task.does, task.resource, task.place);
            if let Some(why) = &task.because {
                let _ = writeln!(out, "      {}", self.fate(task.fate, Some(why), false));
            }
            self.outcome(task.outcome.as_ref(), true, out);
        }
        if service.restarts.is_empty() {
            let _ = writeln!(out, "\n  no task restarts it");
        }
        for restart in &service.restarts {
            let _ = writeln!(out, "\n  restarted when {}  {}", restart.when, self.dim(&restart.place));
            self.from(&restart.from, 6, out);
        }
    }

    /// What the lint of plans has to say.
    fn finding(&self, finding: &Finding, out: &mut String) {
        let (word, style) = match (&finding.accepted, finding.refuses) {
            (Some(_), _) => ("accepted", GREEN),
            (None, true) => ("apply refuses this host", RED),
            (None, false) => ("warning", YELLOW),
        };
        let head = paint(&format!("{word}[{}]:", finding.lint), style, self.color);
        let _ = writeln!(out, "{head} {}  {}", finding.message, self.dim(&finding.place));
        if let Some(reason) = &finding.accepted {
            let _ = writeln!(out, "    because: {reason}");
            return;
        }
        for cause in &finding.causes {
            let _ = writeln!(out, "    cause: {cause}");
        }
        let _ = writeln!(out, "    {} {}", paint("hint:", CYAN, self.color), finding.hint);
    }

    fn decided(
        &self,
        when: &[Condition],
        loops: &[Condition],
        parameters: &[ParameterWhy],
        out: &mut String,
    ) {
        self.conditions("when", when, out);
        self.conditions("loop over", loops, out);
        for parameter in parameters {
            let _ = writeln!(out, "  {}: {}", parameter.name, parameter.value);
            self.from(&parameter.from, 6, out);
        }
    }

    fn conditions(&self, what: &str, conditions: &[Condition], out: &mut String) {
        for condition in conditions {
            let value = condition.value.as_ref().map_or_else(String::new, |value| format!("  is {value}"));
            let _ = writeln!(out, "  {what} {}{value}  {}", condition.text, self.dim(&condition.place));
            self.from(&condition.from, 6, out);
        }
    }

    fn edges(&self, what: &str, edges: &[Edge], out: &mut String) {
        for edge in edges.iter().take(EDGES) {
            let _ = writeln!(out, "  {what} `{}`: {}", edge.task, edge.why);
        }
        if edges.len() > EDGES {
            let _ = writeln!(out, "  {what} {} more", edges.len() - EDGES);
        }
    }

    fn file(&self, file: &FileWhy, out: &mut String) {
        let path = paint(&file.path, BOLD, self.color);
        let _ = writeln!(out, "{path} on {}", self.host);
        let part = if file.is_part { "has a part in it" } else { "writes it" };
        let _ = writeln!(out, "  `{}` {part}  ({}, {})", file.task, file.resource, file.place);
        if let Some(why) = &file.because {
            let _ = writeln!(out, "  {}", self.fate(file.fate, Some(why), false));
        }
        self.outcome(
            file.outcome.as_ref(),
            file.total == 0 || file.lines.iter().all(|line| !line.changes),
            out,
        );
        match (file.asked, file.fate) {
            (None, _) => self.decided(&file.conditions, &file.loops, &file.parameters, out),
            // Of one line it matters whether it comes to that at all.
            (Some(_), "runs") => {}
            (Some(_), _) => self.decided(&file.conditions, &file.loops, &[], out),
        }
        if file.total == 0 {
            let _ = writeln!(
                out,
                "  which text it gets is not known here: `explain` of the task says what it is made of"
            );
            return;
        }
        if let (Some(line), true) = (file.asked, file.is_part) {
            let _ = writeln!(
                out,
                "  which of its lines is line {line} of the file is not known: what is around them is not this task's"
            );
        }
        let width = file.lines.last().map_or(1, |line| line.number.to_string().len());
        for line in &file.lines {
            let number = if file.is_part { "+".into() } else { line.number.to_string() };
            let text = match line.changes {
                true => format!(
                    "{}  {}",
                    paint(&line.text, YELLOW, self.color),
                    paint("<- changes", YELLOW, self.color)
                ),
                false => paint(&line.text, CYAN, self.color),
            };
            let _ = writeln!(out, "\n  {number:>width$}  {text}");
            self.from(&line.from, width + 4, out);
            if line.from.is_empty() {
                let _ = writeln!(out, "{:1$}{2}", "", width + 4, self.dim("no variable: it is written so"));
            }
        }
        if file.total > file.lines.len() && file.lines.len() != 1 {
            let rest = file.total - file.lines.len();
            let _ = writeln!(
                out,
                "\n  {}",
                self.dim(&format!("no variable is in the other {rest} of {} lines", file.total))
            );
        }
    }

    /// Each variable on a line, below it what that was made of.
    fn from(&self, from: &[From], indent: usize, out: &mut String) {
        let width = width(from, 0).min(40);
        self.branch(from, indent, 0, width, out);
    }

    fn branch(&self, from: &[From], indent: usize, depth: usize, width: usize, out: &mut String) {
        for from in from {
            let via = match (from.decides, depth) {
                (true, _) => "if ",
                (false, 0) => "",
                (false, _) => "<- ",
            };
            let name = format!("{}{via}{}", " ".repeat(depth * 2), from.path);
            let value =
                if depth == 0 || from.from.is_empty() { format!("  {}", from.value) } else { String::new() };
            let place = match (from.of, &from.task) {
                (Of::Result, Some(task)) => format!("result of `{task}`, {}", from.place),
                (Of::SetFact, _) => format!("set_fact, {}", from.place),
                _ => from.place.clone(),
            };
            let place = if place.is_empty() { place } else { format!("  {place}") };
            let line = format!("{:indent$}{name:width$}{place}{value}", "");
            let _ = writeln!(out, "{}", self.dim(line.trim_end()));
            self.branch(&from.from, indent, depth + 1, width, out);
        }
    }
}

fn width(from: &[From], depth: usize) -> usize {
    let own = |from: &From| {
        let via = if depth > 0 || from.decides { 3 } else { 0 };
        (depth * 2 + via + from.path.chars().count()).max(width(&from.from, depth + 1))
    };
    from.iter().map(own).max().unwrap_or(0)
}
