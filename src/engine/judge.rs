//! What a task's own conditions make of how it came out.

use super::{act::last_lines, done::Done, executor::HostRun};
use crate::{
    diag::Exit,
    event::{Failure, Status},
    plan::{diagnostics_failure, task_failure},
    resource::Fault,
    site::{HostTask, Registered, set_in_result},
    template::Truth,
    yaml::Node,
};

impl HostRun {
    /// The outcome by `failed_when` and `changed_when`, and why it is to be tried again, if it is (`until`, or without that: it failed).
    pub(super) fn judged(
        &self,
        task: &HostTask,
        mut done: Done,
        registered: &Registered,
    ) -> (Done, Option<String>) {
        // A skipped task has nothing to judge, and not every failure is one of the task's own.
        let may_try = |done: &Done| {
            let kinds = [Exit::TaskFailed, Exit::NotConverged];
            done.failure.as_ref().is_none_or(|failure| kinds.iter().any(|kind| *kind as u8 == failure.exit))
        };
        if matches!(done.status, Status::Skipped | Status::Blocked) || !may_try(&done) {
            return (done, None);
        }
        let failed = |done: &Done| done.failure.as_ref().map(|failure| failure.message.clone());
        // Of what did not converge the result may say more; but nothing excuses it.
        let converged = |failure: &Failure| failure.exit != Exit::NotConverged as u8;
        let is_judged = task.judged && (done.own || !done.failure.as_ref().is_none_or(converged));
        let Some(result) = done.result.clone().filter(|_| is_judged) else {
            let again = failed(&done);
            return (done, again);
        };
        let judgement = match self.prepare.judge(task.id, registered, &result) {
            Ok(judgement) => judgement,
            // How it failed says more than that a condition is about what such a failure does not have.
            Err(_) if done.failure.is_some() => {
                let again = failed(&done);
                return (done, again);
            }
            Err(diagnostics) => {
                let failure = diagnostics_failure(Some(task), &diagnostics);
                fail(&mut done, Failure { exit: Exit::TaskFailed as u8, ..failure });
                let again = failed(&done);
                return (done, again);
            }
        };
        match judgement.failed {
            Some(Truth::True) => {
                let message = format!("`failed_when` holds: {}", self.prepare.judging(task.id).0);
                let failure = task_failure(task, &Fault::new(message));
                let output =
                    done.failure.take().map_or_else(|| printed(task, &result), |failure| failure.output);
                fail(&mut done, Failure { output, ..failure });
            }
            Some(Truth::False) if done.own && done.failure.take().is_some() => {
                done.status = if done.acted { Status::Changed } else { Status::Ok };
            }
            Some(Truth::Unknown(why)) if done.failure.is_none() => {
                let fault = Fault::new(format!("whether it failed cannot be told: {why} is not known"));
                fail(&mut done, task_failure(task, &fault));
            }
            _ => {}
        }
        if done.failure.is_none() {
            match judgement.changed {
                Some(Truth::True) => done.status = Status::Changed,
                Some(Truth::False) => done.status = Status::Ok,
                Some(Truth::Unknown(why)) => {
                    let fault = Fault::new(format!(
                        "whether it changed something cannot be told: {why} is not known"
                    ));
                    fail(&mut done, task_failure(task, &fault));
                }
                None => {}
            }
        }
        let result = with(result, "failed", done.failure.is_some());
        done.result = Some(with(result, "changed", done.status == Status::Changed));
        let again = match judgement.until {
            Some(Truth::True) => None,
            Some(_) => Some(format!("`until` does not hold: {}", self.prepare.judging(task.id).1)),
            None => failed(&done),
        };
        (done, again)
    }

    /// The last outcome of a task whose tries are used up.
    pub(super) fn used_up(&self, task: &HostTask, mut done: Done, why: &str, tried: u32) -> Done {
        let times = if tried == 1 { "once".into() } else { format!("{tried} times") };
        match &mut done.failure {
            Some(failure) => failure.causes.push(format!("tried {times}")),
            None => {
                let failure = task_failure(task, &Fault::new(why));
                let output = done.result.as_ref().map(|result| printed(task, result)).unwrap_or_default();
                fail(&mut done, Failure { causes: vec![format!("tried {times}")], output, ..failure });
            }
        }
        done
    }
}

fn fail(done: &mut Done, failure: Failure) {
    done.failure = Some(failure);
    done.status = Status::Failed;
    done.result = done.result.take().map(|result| with(result, "failed", true));
}

fn with(mut result: Node, key: &str, value: bool) -> Node {
    set_in_result(&mut result, key, Some(&value.into()));
    result
}

/// The end of what a command printed, if it may be shown.
fn printed(task: &HostTask, result: &Node) -> Vec<String> {
    let texts = ["stdout", "stderr"].into_iter().filter_map(|key| result.get(key));
    let texts = texts.filter(|node| !node.secret && !task.no_log).filter_map(Node::as_str);
    last_lines(texts.flat_map(str::lines))
}
