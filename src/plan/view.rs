//! What a task sees when it is planned: the host's answers, under what the tasks before it will do.

use super::{TaskPlan, items, laid::Laid, predict::Overlay};
use crate::{
    model::{Area, TaskId},
    resource::{Look, Lookup, PackagesAhead},
    site::{HostTask, Preparation},
};
use agent::wire::{Answer, Op, Query};
use std::{borrow::Cow, cell::RefCell, collections::HashMap};

/// What a task sees: answers of its seat under the predictions for its machine.
pub(super) struct View<'a> {
    pub answers: &'a HashMap<Query, Answer>,
    pub overlay: &'a Overlay,
    pub depends: &'a [Area],
    pub after: &'a [TaskId],
    pub tasks: &'a [HostTask],
    /// Whether a task that this one depends on waits for answers.
    pub is_open: bool,
    /// Whether all before it are planned, whatever it depends on.
    pub all_told: bool,
    /// Whether what is missing may come though no task before it is known to bring it.
    pub lets_come: bool,
    pub laid: &'a RefCell<Laid>,
    pub preparation: &'a Preparation,
}

impl Lookup for View<'_> {
    fn look(&self, query: &Query) -> Look {
        if let Some(look) = self.overlay.look(query, self.depends) {
            return look;
        }
        if let (Query::Test(_), Some(first)) = (query, self.after.first()) {
            let name = &self.tasks[first.0 as usize].name;
            let what =
                if items::looks_by(self.preparation, query) { "what it says" } else { "its condition" };
            return Look::Unknown(format!("{what} depends on what `{name}` changes"));
        }
        // What leads nowhere known was looked at above.
        let query = self.overlay.by_real_name(query).unwrap_or(Cow::Borrowed(query));
        let known = self.answers.get(&*query).cloned();
        known.map_or(Look::NotAsked, |answer| self.overlay.over(&query, answer))
    }

    fn may_still_come(&self, missing: &[Area]) -> bool {
        !self.after.is_empty() && self.overlay.may_bring(missing)
    }

    fn lets_come(&self) -> bool {
        self.lets_come
    }

    fn packages_ahead(&self) -> PackagesAhead {
        // Before all others are planned it would be asked for nothing.
        if self.is_open { PackagesAhead::Unasked } else { self.overlay.packages_ahead() }
    }

    fn packages_may_bring(&self, path: &str) -> bool {
        self.overlay.packages_may_bring(path)
    }
}

/// Whether a task waits for something, or for somebody.
pub(super) fn waits(plan: &TaskPlan, preparation: &Preparation) -> bool {
    let TaskPlan::Change(change) = plan else { return false };
    let asks = || matches!(preparation, Preparation::Ready(prepared) if prepared.interlude().is_some());
    change.ops.iter().any(|op| matches!(op, Op::Wait(_))) || asks()
}
