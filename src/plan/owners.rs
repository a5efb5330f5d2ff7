//! Who owns what on a host: two tasks that own the same would undo each other.

use super::{HostPlan, TaskPlan};
use crate::{diag::Diagnostic, model::Address, site::HostTask};
use std::collections::HashMap;

/// That two tasks own one address, neither of them skipped.
pub fn double_owner(plan: &HostPlan, tasks: &[HostTask]) -> Option<Diagnostic> {
    let (second, first, address) = owners(plan, tasks)?;
    let (one, other) = (&first.name, &second.name);
    let error = Diagnostic::error(format!("`{address}` is owned by two tasks: `{one}` and `{other}`"));
    let error = error.at(&second.origin).related(&first.origin, "the other one");
    Some(error.hint("remove one, or make their `when` exclude each other"))
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
