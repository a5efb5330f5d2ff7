//! Who owns what on a host: two tasks that own the same would undo each other.

use super::{HostPlan, TaskPlan};
use crate::{
    diag::Diagnostic,
    event::Finding,
    model::{Address, TaskId},
    site::HostTask,
};
use std::collections::HashMap;

/// The name of the finding that two tasks own the same, for who only looks.
pub const TWO_OWNERS: &str = "two-owners";

/// That two tasks own one address, neither of them skipped, and the later one of them.
pub fn double_owner(plan: &HostPlan, tasks: &[HostTask]) -> Option<(TaskId, Diagnostic)> {
    let (second, first, address) = owners(plan, tasks)?;
    let (one, other) = (&first.name, &second.name);
    let error = Diagnostic::error(format!("`{address}` is owned by two tasks: `{one}` and `{other}`"));
    let error = error.at(&second.origin).related(&first.origin, "the other one");
    Some((second.id, error.hint("remove one, or make their `when` exclude each other")))
}

/// The error for two owners as a finding: nothing is done on the host, and nobody can accept it.
pub fn owners_finding(task: TaskId, error: &Diagnostic) -> Finding {
    let own = error.place.iter().filter(|(_, label)| !label.is_empty());
    let causes = own.chain(&error.related).map(|(origin, label)| format!("{label}: {origin}"));
    Finding {
        lint: TWO_OWNERS.into(),
        refuses: true,
        task,
        message: error.message.clone(),
        causes: causes.chain(error.causes.iter().cloned()).collect(),
        hint: error.hint.clone().unwrap_or_default(),
        place: error.place.as_ref().map(|(origin, _)| origin.to_string()).unwrap_or_default(),
        accepted: None,
    }
}

/// The first two tasks that own one address, neither of them skipped.
fn owners<'a>(plan: &HostPlan, tasks: &'a [HostTask]) -> Option<(&'a HostTask, &'a HostTask, Address)> {
    let mut known: HashMap<_, usize> = HashMap::new();
    for (at, prepared) in plan.prepared.iter().enumerate() {
        if matches!(plan.tasks[at], TaskPlan::Skipped { .. }) {
            continue;
        }
        let Some(prepared) = prepared.as_ref().filter(|prepared| !prepared.acts()) else { continue };
        // Two spellings of one device are one owner's.
        for address in prepared.addresses().into_iter().chain(plan.also_known_as[at].clone()) {
            if let Some(first) = known.insert((tasks[at].place.clone(), address.clone()), at)
                && !(tasks[at].handler && tasks[first].source == tasks[at].source)
            {
                return Some((&tasks[at], &tasks[first], address));
            }
        }
    }
    for (at, prepared) in plan.prepared.iter().enumerate() {
        let part = prepared.as_ref().filter(|_| !matches!(plan.tasks[at], TaskPlan::Skipped { .. }));
        if let Some(address) = part.and_then(|part| part.part_of())
            && let Some(whole) = known.get(&(tasks[at].place.clone(), address.clone()))
        {
            return Some((&tasks[at], &tasks[*whole], address));
        }
    }
    None
}
