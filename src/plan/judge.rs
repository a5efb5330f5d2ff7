//! What a task's own conditions make of a plan: `failed_when`, `changed_when`, `until`.

use super::{
    Counts, Planner, TaskPlan,
    failure::{diagnostics_failure, task_failure},
    result,
    view::View,
};
use crate::{
    diag::Exit,
    event::Failure,
    resource::Fault,
    site::{HostTask, Preparation, Registered},
    template::Truth,
    yaml::{Map, Node},
};

/// What the conditions say.
pub(super) struct Judged {
    pub counts: Counts,
    pub has_changed_when: bool,
    /// It fails as things are now.
    pub failed: Option<Failure>,
    /// Why it is not over yet, or whether it fails is not known.
    pub pending: Option<String>,
}

impl Planner {
    /// What is known of a task's result before it runs.
    pub(super) fn result(
        &self,
        task: &HostTask,
        view: &View,
        plan: &TaskPlan,
        preparation: &Preparation,
        counts: Counts,
        may_fail: bool,
    ) -> Option<Node> {
        let unsure = (counts == Counts::Perhaps).then_some(task.name.as_str());
        let changed = counts == Counts::Yes;
        let output = match (plan, preparation) {
            (TaskPlan::Unchanged { .. }, Preparation::Ready(prepared)) => {
                result::printed(&**prepared, |query| view.answers.get(query).cloned())
            }
            _ => None,
        };
        if let (TaskPlan::Unchanged { .. } | TaskPlan::Skipped { .. }, Preparation::Items(items)) =
            (plan, preparation)
        {
            return Some(super::items::result(items, view));
        }
        let found = match (plan, preparation) {
            (TaskPlan::Unchanged { .. }, Preparation::Ready(prepared)) => prepared.found(view),
            (TaskPlan::Change(_), Preparation::Ready(prepared)) => prepared
                .interlude()
                .map(|interlude| result::of_interlude(&interlude, None, &task.name))
                .or_else(|| prepared.told(None))
                .unwrap_or_default(),
            _ => Map::new(),
        };
        let outcome = match plan {
            TaskPlan::Deferred { .. } => return None,
            TaskPlan::Skipped { .. } => result::Outcome { skipped: true, ..Default::default() },
            TaskPlan::Unchanged { .. } => {
                result::Outcome { changed, unsure, output: output.as_ref(), found, ..Default::default() }
            }
            TaskPlan::Change(_) => {
                let (job, prints) = match preparation {
                    Preparation::Ready(prepared) => (prepared.job(), prepared.told(None).is_none()),
                    _ => (None, true),
                };
                result::Outcome {
                    changed,
                    unsure,
                    may_fail: may_fail.then_some(task.name.as_str()),
                    job,
                    predicted: prints.then_some(task.name.as_str()),
                    found,
                    ..Default::default()
                }
            }
        };
        Some(result::node(&outcome))
    }

    /// Whether its `failed_when` holds in no case.
    pub(super) fn never_fails(&self, task: &HostTask, registered: &Registered) -> bool {
        let nothing = result::node(&result::Outcome { predicted: Some(&task.name), ..Default::default() });
        let judgement = self.host.judge(task.id, registered, &nothing);
        judgement.is_ok_and(|judgement| judgement.failed == Some(Truth::False))
    }

    /// What a task's conditions make of what is known; `None` while nothing is.
    pub(super) fn judged(
        &self,
        task: &HostTask,
        view: &View,
        plan: &TaskPlan,
        preparation: &Preparation,
        counts: Counts,
        registered: &Registered,
    ) -> Option<Judged> {
        let result = match plan {
            TaskPlan::Skipped { .. } | TaskPlan::Deferred { .. } => return None,
            _ => self.result(task, view, plan, preparation, counts, false),
        };
        let result = result?;
        let is_over = matches!(plan, TaskPlan::Unchanged { .. });
        let judgement = match self.host.judge(task.id, registered, &result) {
            Ok(judgement) => judgement,
            // What a host printed is no mistake in the configuration.
            Err(diagnostics) => {
                let failure = diagnostics_failure(Some(task), &diagnostics);
                let failed = Some(Failure { exit: Exit::TaskFailed as u8, ..failure });
                return Some(Judged { counts, has_changed_when: true, failed, pending: None });
            }
        };
        let counts = match &judgement.changed {
            Some(Truth::True) => Counts::Yes,
            Some(Truth::False) => Counts::No,
            Some(Truth::Unknown(_)) => Counts::Perhaps,
            None => counts,
        };
        // Of what was run to look, the result is there.
        let (mut failed, mut pending) = (None, None);
        if is_over {
            match judgement.failed {
                Some(Truth::True) => {
                    let message = format!("`failed_when` holds: {}", self.host.judging(task.id).0);
                    failed = Some(task_failure(task, &Fault::new(message)));
                }
                Some(Truth::Unknown(why)) => pending = Some(format!("whether it fails depends on {why}")),
                _ => {}
            }
            match judgement.until {
                Some(Truth::False) => pending = Some("what it waits for does not hold yet".into()),
                Some(Truth::Unknown(why)) => pending = Some(format!("what it waits for depends on {why}")),
                _ => {}
            }
        }
        Some(Judged { counts, has_changed_when: judgement.changed.is_some(), failed, pending })
    }
}
