//! What a task does here instead of on its host: time passes, or somebody presses Enter.

use super::{Events, done::Done, executor::HostRun};
use crate::{
    event::{Event, Status},
    model::TaskId,
    plan::{ResultOf, TaskPlan, of_interlude, result_node, task_failure},
    resource::{Change, Fault, Interlude},
    site::HostTask,
};
use agent::secret::Content;
use std::time::{Duration, Instant};
use tokio::sync::watch;

impl HostRun {
    /// The first task that surely asks somebody.
    pub(super) fn asks(&self) -> Option<TaskId> {
        let asks = |task: &&HostTask| {
            let at = task.id.0 as usize;
            let interlude = self.plan.prepared[at].as_ref().and_then(|prepared| prepared.interlude());
            matches!(self.plan.tasks[at], TaskPlan::Change(_)) && interlude.is_some_and(|own| own.asks())
        };
        self.prepare.tasks().iter().find(asks).map(|task| task.id)
    }

    pub(super) async fn interlude(
        &self,
        task: &HostTask,
        interlude: &Interlude,
        change: &Change,
        events: &Events,
        mut cancel: watch::Receiver<bool>,
    ) -> Done {
        let began = Instant::now();
        let input = tokio::select! {
            input = self.pass_time(task, interlude, events) => input,
            _ = cancel.wait_for(|cancelled| *cancelled) => return Done::quiet(Status::Blocked),
        };
        let input = match input {
            Ok(input) => input,
            Err(fault) => return Done::fatal(task_failure(task, &fault), None),
        };
        let found = of_interlude(interlude, Some((&input, began.elapsed().as_secs())), &task.name);
        let result = Some(result_node(&ResultOf { found, ..Default::default() }));
        Done { result, diff: Some(change.diff.clone()), ..Done::quiet(Status::Ok) }
    }

    async fn pass_time(
        &self,
        task: &HostTask,
        interlude: &Interlude,
        events: &Events,
    ) -> Result<Content, Fault> {
        if let Some(seconds) = interlude.seconds {
            let (host, line) = (self.host.clone(), interlude.text.clone());
            events(Event::TaskOutput { host, task: task.id, line });
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            return Ok(Content::from(""));
        }
        let Some(somebody) = &self.somebody else { return Err(nobody()) };
        somebody
            .line(&interlude.text, interlude.echo)
            .await
            .map_err(|why| Fault::new(format!("cannot ask: {why}")))
    }
}

/// That there is no terminal.
pub(super) fn nobody() -> Fault {
    let fault = Fault::new("nobody can be asked here to press Enter");
    fault.hint("run it at a terminal and without `--json`, leave the task out with `--skip-tags`, or give `seconds` to only wait")
}
