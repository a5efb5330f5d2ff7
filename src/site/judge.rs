//! What a task's own conditions make of its result: `failed_when`, `changed_when`, `until`.

use super::{HostTask, HostTasks, Registered, prepare::condition_text};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::TaskId,
    playbook::Judging,
    template::{Scope, Truth, condition, render},
    yaml::{Node, Value},
};

/// `None` where there is no such condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    pub failed: Option<Truth>,
    pub changed: Option<Truth>,
    pub until: Option<Truth>,
}

/// How often a task is tried, as `retries` and `delay` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// After the first one.
    pub retries: u32,
    /// Seconds between two.
    pub delay_s: u32,
}

impl Default for Tries {
    /// Ansible's.
    fn default() -> Self {
        Self { retries: 3, delay_s: 5 }
    }
}

impl HostTasks {
    pub(super) fn judgement(
        &self,
        id: TaskId,
        registered: &Registered,
        result: &Node,
    ) -> Result<Judgement, Diagnostics> {
        let host_task = &self.tasks[id.0 as usize];
        let task = self.shared.task(host_task.source);
        let scope = self.scopes.of(&self.shared, host_task, registered);
        let with = |result: &Node| {
            let mut scope = scope.clone();
            if let Some((name, _)) = &task.register {
                scope.set(name, result.clone());
            }
            scope
        };
        // As in Ansible: each sees what those before it say.
        let (judging, mut result) = (&task.judging, result.clone());
        let mut errors = Diagnostics::default();
        let changed = all(&judging.changed_when, &with(&result), &mut errors);
        set(&mut result, "changed", changed.as_ref());
        let failed = all(&judging.failed_when, &with(&result), &mut errors);
        set(&mut result, "failed", failed.as_ref());
        let until = all(&judging.until, &with(&result), &mut errors);
        errors.into_result(Judgement { failed, changed, until })
    }

    /// What is wrong with the conditions, as far as it shows while no result is known.
    pub(super) fn check_judging(&self, host_task: &HostTask, scope: &Scope) -> Result<(), Diagnostics> {
        let judging = &self.shared.task(host_task.source).judging;
        let mut errors = Diagnostics::default();
        for conditions in [&judging.changed_when, &judging.failed_when, &judging.until] {
            all(conditions, scope, &mut errors);
        }
        errors.into_result(())
    }
}

/// Puts what a condition says into a result.
pub fn set(result: &mut Node, key: &str, truth: Option<&Truth>) {
    let Some(truth) = truth else { return };
    let value = match truth {
        Truth::True => Value::Bool(true),
        Truth::False => Value::Bool(false),
        Truth::Unknown(why) => Value::Unknown(why.clone()),
    };
    if let Value::Map(map) = &mut result.value
        && let Some(entry) = map.get_mut(key)
    {
        entry.node.value = value;
    }
}

/// A list of conditions means all of them.
fn all(conditions: &[Node], scope: &Scope, errors: &mut Diagnostics) -> Option<Truth> {
    let mut whole = (!conditions.is_empty()).then_some(Truth::True)?;
    for node in conditions {
        match errors.take(condition(node, scope)) {
            None | Some(Truth::True) => {}
            Some(Truth::False) => return Some(Truth::False),
            Some(unknown) => whole = unknown,
        }
    }
    Some(whole)
}

/// A number that must be known before the tasks run, up to 100,000. `offline`: what only facts can tell is not known yet.
pub(super) fn number(
    node: &Node,
    what: &str,
    scope: &Scope,
    offline: bool,
    errors: &mut Diagnostics,
) -> Option<u32> {
    let node = errors.take(render(node, scope))?;
    let number = match &node.value {
        Value::Int(number) => u32::try_from(*number).ok(),
        // A variable from the command line is a text.
        Value::Str(text) => text.parse().ok(),
        Value::Unknown(_) if offline => return None,
        Value::Unknown(why) => {
            let error = Diagnostic::error("this must be known before the tasks run").at(&node.origin);
            errors.push(error.cause(format!("it needs {why}")));
            return None;
        }
        _ => None,
    };
    let number = number.filter(|number| *number <= 100_000);
    if number.is_none() {
        errors.push(node.expected(what).hint("write a whole number, e.g. `30`"));
    }
    number
}

impl Judging {
    /// How often to try; `None`: once. `offline`: what only facts can tell is not known yet.
    pub(super) fn tries(&self, scope: &Scope, offline: bool, errors: &mut Diagnostics) -> Option<Tries> {
        let mut number =
            |node: &Option<Node>, what: &str| number(node.as_ref()?, what, scope, offline, errors);
        let (retries, delay) =
            (number(&self.retries, "a number of tries"), number(&self.delay, "a number of seconds"));
        if self.retries.is_none() && self.until.is_empty() {
            return None;
        }
        let usual = Tries::default();
        Some(Tries { retries: retries.unwrap_or(usual.retries), delay_s: delay.unwrap_or(usual.delay_s) })
    }

    /// The condition that makes the task fail, as it is written.
    pub fn failing(&self) -> String {
        self.failed_when.iter().map(condition_text).collect::<Vec<_>>().join(" and ")
    }

    /// The condition that ends the tries, as it is written.
    pub fn ending(&self) -> String {
        self.until.iter().map(condition_text).collect::<Vec<_>>().join(" and ")
    }
}
