//! What the plan of a host says of what is explained.

use super::{Explanation, live::Seen};
use crate::{
    diag::Diagnostics,
    event::{Finding, PlannedTask, Verdict},
    model::{Diff, Shown, TaskId},
    plan::{TWO_OWNERS, owners_finding},
    site::Site,
};
use schemars::JsonSchema;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeSet;

const VERDICTS: [&str; 5] = ["unchanged", "would change", "would run", "not known yet", "skipped"];

/// What is to be done for a task on the host as it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Outcome {
    /// `unchanged`, `would change`, `would run`, `not known yet` or `skipped`.
    #[schemars(extend("enum" = VERDICTS))]
    pub verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
}

impl Outcome {
    fn of(planned: &PlannedTask) -> Self {
        let (verdict, why, diff) = match &planned.verdict {
            Verdict::Unchanged => ("unchanged", None, None),
            Verdict::Change { diff } => ("would change", None, Some(diff.clone())),
            Verdict::Deferred { why, after } => {
                let after =
                    if after.is_empty() { String::new() } else { format!(", after {}", after.join(", ")) };
                ("not known yet", Some(format!("{why}{after}")), None)
            }
            Verdict::Run { why, diff } => ("would run", Some(why.clone()), Some(diff.clone())),
            Verdict::Skipped { why } => ("skipped", Some(why.clone()), None),
        };
        Self { verdict, why, diff }
    }
}

impl Explanation {
    /// Takes what the plan says. Of what the lint finds in it: what is about the same tasks, and what keeps an apply from the host.
    pub(super) fn learn(&mut self, seen: Seen) {
        let Seen { tasks: plan, findings, .. } = seen;
        let acts = self.services.iter().flat_map(|service| &service.acts).map(|acts| acts.id);
        let own = self.tasks.iter().map(|task| task.id).chain(self.files.iter().map(|file| file.id));
        let own: BTreeSet<TaskId> = own.chain(acts).collect();
        let is_meant = |finding: &Finding| finding.refuses || own.contains(&finding.task);
        self.findings = findings.into_iter().filter(is_meant).collect();
        let of = |id: TaskId| plan.iter().find(|planned| planned.task == id).map(Outcome::of);
        for task in &mut self.tasks {
            task.outcome = of(task.id);
        }
        for acts in self.services.iter_mut().flat_map(|service| &mut service.acts) {
            acts.outcome = of(acts.id);
        }
        for file in &mut self.files {
            file.outcome = of(file.id);
            let diff = file.outcome.as_ref().and_then(|outcome| outcome.diff.as_ref());
            let new = diff.and_then(|diff| new_lines(diff, file.total)).unwrap_or_default();
            for line in file.lines.iter_mut().filter(|line| new.contains(&line.number)) {
                line.changes = true;
            }
        }
    }
}

impl Explanation {
    /// Takes note of what an apply refuses for what the files say already: two tasks that own the same.
    ///
    /// # Errors
    /// What is wrong with the tasks of the host.
    pub(super) fn refuse(&mut self, site: &Site) -> Result<(), Diagnostics> {
        let tasks = site.host(&self.host, site.facts(&self.host).as_ref())?;
        let found = tasks.double_owners();
        if !found.is_empty() {
            // The plan tells the first of them.
            self.findings.retain(|finding| finding.lint != TWO_OWNERS);
        }
        self.findings.extend(found.into_iter().map(|(task, error)| owners_finding(task, &error)));
        Ok(())
    }
}

/// The numbers of the lines that are not on the host like that, where the diff shows the whole text.
fn new_lines(diff: &Diff, total: usize) -> Option<BTreeSet<usize>> {
    let content = diff.facets.iter().find(|facet| facet.facet == "content")?;
    let Shown::Text(after) = &content.after else { return None };
    if after.lines().count() != total {
        return None;
    }
    let before = match &content.before {
        Shown::Text(before) => before.as_str(),
        Shown::Absent => "",
        _ => return None,
    };
    let diff = TextDiff::from_lines(before, after);
    let new = diff.iter_all_changes().filter(|change| change.tag() == ChangeTag::Insert);
    Some(new.filter_map(|change| change.new_index().map(|at| at + 1)).collect())
}
