//! What the lint of plans found: each finding once, with the hosts that have it.

use super::{BOLD, CYAN, DIM, YELLOW, paint};
use crate::event::Finding;
use std::fmt::Write;

/// Findings with their hosts, in the order in which they came.
#[derive(Default)]
pub struct Findings(pub Vec<(Finding, Vec<String>)>);

impl Findings {
    /// A task's number says nothing across hosts.
    pub fn add(&mut self, host: &str, finding: &Finding) {
        let same = |(known, _): &&mut (Finding, Vec<String>)| {
            Finding { task: known.task, ..finding.clone() } == *known
        };
        match self.0.iter_mut().find(same) {
            Some((_, hosts)) if hosts.last().is_some_and(|last| last == host) => {}
            Some((_, hosts)) => hosts.push(host.into()),
            None => self.0.push((finding.clone(), vec![host.into()])),
        }
    }

    /// Those that only warn and that nobody has accepted, with their hosts.
    pub fn open(&self) -> impl Iterator<Item = (&Finding, &[String])> {
        let open = self.0.iter().filter(|(finding, _)| finding.accepted.is_none() && !finding.refuses);
        open.map(|(finding, hosts)| (finding, &hosts[..]))
    }

    /// What the plan's reader should know. What refused a host is told as that host's failure; what is accepted and only warns, in a
    /// number.
    pub fn render(&self, hosts: usize, color: bool) -> String {
        let mut out = String::new();
        let mut accepted = 0;
        for (finding, on) in &self.0 {
            let who = if on.len() == hosts && hosts > 1 { "all hosts".into() } else { on.join(", ") };
            let place = paint(&format!("[{who}] {}", finding.place), DIM, color);
            let message = paint(&finding.message, BOLD, color);
            match (&finding.accepted, finding.refuses) {
                (Some(reason), true) => {
                    let head = paint(&format!("accepted[{}]:", finding.lint), YELLOW, color);
                    let _ = writeln!(out, "{head} {message}  {place}\n    because: {reason}");
                }
                (Some(_), false) => accepted += 1,
                (None, true) => {}
                (None, false) => {
                    let head = paint(&format!("warning[{}]:", finding.lint), YELLOW, color);
                    let _ = writeln!(out, "{head} {message}  {place}");
                    for cause in &finding.causes {
                        let _ = writeln!(out, "    cause: {cause}");
                    }
                    let _ = writeln!(out, "    {} {}", paint("hint:", CYAN, color), finding.hint);
                }
            }
        }
        if accepted > 0 {
            let plural = if accepted == 1 { "" } else { "s" };
            let text = format!("{accepted} warning{plural} about this plan accepted in the inventory");
            let _ = writeln!(out, "{}", paint(&text, DIM, color));
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TaskId;

    fn finding(lint: &str, refuses: bool, accepted: Option<&str>) -> Finding {
        Finding {
            lint: lint.into(),
            refuses,
            task: TaskId(0),
            message: format!("{lint} is found"),
            causes: vec!["so it is".into()],
            hint: "mend it".into(),
            place: "site.yml:3:7".into(),
            accepted: accepted.map(Into::into),
        }
    }

    #[test]
    fn each_finding_is_told_once_and_accepted_ones_in_short() {
        let mut findings = Findings::default();
        for host in ["a", "b"] {
            for (at, (lint, refuses, accepted)) in [
                ("one", false, None),
                ("two", true, Some("it is meant so")),
                ("three", false, Some("x")),
                ("four", true, None),
            ]
            .into_iter()
            .enumerate()
            {
                let task = TaskId(if host == "a" { at as u32 } else { 7 });
                findings.add(host, &Finding { task, ..finding(lint, refuses, accepted) });
            }
        }
        findings.add("b", &finding("one", false, None));
        assert_eq!(
            findings.render(3, false),
            "warning[one]: one is found  [a, b] site.yml:3:7\n    cause: so it is\n    hint: mend it\n\
             accepted[two]: two is found  [a, b] site.yml:3:7\n    because: it is meant so\n\
             1 warning about this plan accepted in the inventory\n\n"
        );
        assert!(findings.render(2, false).contains("[all hosts]"));
        assert_eq!(Findings::default().render(2, false), "");
    }
}
