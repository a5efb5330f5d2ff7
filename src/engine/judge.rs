//! What a task's own conditions make of how it came out.

use super::{act::Done, executor::HostRun};
use crate::{
    diag::Exit,
    event::{Failure, Status},
    plan::{diagnostics_failure, task_failure},
    resource::Fault,
    site::HostTask,
    template::Truth,
    yaml::{Entry, Node, Value},
};

impl HostRun {
    /// The outcome by `failed_when` and `changed_when`, and why it is to be tried again, if it is (`until`, or without that: it failed).
    pub(super) fn judged(&self, task: &HostTask, mut done: Done) -> (Done, Option<String>) {
        // A skipped task has nothing to judge, and no condition is about a link that broke.
        let own = |failure: &Failure| {
            [Exit::TaskFailed, Exit::NotConverged].iter().any(|exit| *exit as u8 == failure.exit)
        };
        if matches!(done.status, Status::Skipped | Status::Blocked) || !done.failure.as_ref().is_none_or(own)
        {
            return (done, None);
        }
        let failed = |done: &Done| done.failure.as_ref().map(|failure| failure.message.clone());
        let Some(result) = done.result.clone().filter(|_| task.judged) else {
            let again = failed(&done);
            return (done, again);
        };
        let registered = self.registered.lock().expect("no panic holds it").clone();
        let judgement = match self.prepare.judge(task.id, &registered, &result) {
            Ok(judgement) => judgement,
            // How it failed says more than that a condition is about what such a failure does not have.
            Err(_) if done.failure.is_some() => {
                let again = failed(&done);
                return (done, again);
            }
            Err(diagnostics) => {
                let failure = diagnostics_failure(Some(task), &diagnostics);
                done.failure = Some(Failure { exit: Exit::TaskFailed as u8, ..failure });
                done.status = Status::Failed;
                return (done, None);
            }
        };
        match judgement.failed {
            Some(Truth::True) => {
                let message = format!("`failed_when` holds: {}", self.prepare.judging(task.id).0);
                let failure = task_failure(task, &Fault::new(message));
                let output = done.failure.map_or_else(|| printed(task, &result), |failure| failure.output);
                done.failure = Some(Failure { output, ..failure });
                done.status = Status::Failed;
            }
            Some(Truth::False) if done.failure.take().is_some() => done.status = Status::Changed,
            _ => {}
        }
        if done.failure.is_none() {
            match judgement.changed {
                Some(Truth::True) => done.status = Status::Changed,
                Some(Truth::False) => done.status = Status::Ok,
                _ => {}
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
                let failure = task_failure(task, &Fault::new(why)).clone();
                let output = done.result.as_ref().map(|result| printed(task, result)).unwrap_or_default();
                done.failure = Some(Failure { causes: vec![format!("tried {times}")], output, ..failure });
                done.status = Status::Failed;
                done.result = done.result.map(|result| with(result, "failed", true));
            }
        }
        done
    }
}

fn with(mut result: Node, key: &str, value: bool) -> Node {
    if let Value::Map(map) = &mut result.value {
        let origin = result.origin.clone();
        map.insert(key.into(), Entry { key: origin.clone(), node: Node::new(Value::Bool(value), origin) });
    }
    result
}

/// The last lines of what a command printed, if they may be shown.
fn printed(task: &HostTask, result: &Node) -> Vec<String> {
    const LINES: usize = 20;
    let texts = ["stdout", "stderr"].into_iter().filter_map(|key| result.get(key));
    let texts = texts.filter(|node| !node.secret && !task.no_log).filter_map(Node::as_str);
    let lines: Vec<String> = texts.flat_map(str::lines).map(str::to_owned).collect();
    lines[lines.len().saturating_sub(LINES)..].to_vec()
}
