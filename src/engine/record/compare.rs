//! What differs on a host from what the last apply left, and what the configuration wants otherwise.

use super::{
    State,
    text::{Kept, Record},
};
use crate::{
    event::{Cause, DriftedFacet, DriftedTask},
    model::TaskId,
    resource::{Held, Mark, Outcome},
    site::HostTask,
};
use indexmap::IndexMap;
use std::collections::HashSet;

/// What the host itself says of its tasks.
pub struct States<'a> {
    pub tasks: &'a [HostTask],
    /// All that could be in a record, by name.
    pub planned: &'a [(TaskId, String)],
    pub states: &'a [State],
    /// There are others, which are not looked at.
    pub partial: bool,
}

impl States<'_> {
    /// The tasks of which anything differs, and what the last apply left that no task is about.
    pub fn with(&self, record: Option<&Record>) -> (Vec<DriftedTask>, Vec<String>) {
        let Self { tasks, planned, states, partial } = *self;
        let key = record.map(Record::key).unwrap_or_default();
        let mut drifted = vec![];
        for (id, name, state) in states {
            let (seen, wanted) = match state {
                Outcome::Unchanged { held, .. } => (held, held),
                Outcome::Change(change) => (&change.held, &change.wanted),
                Outcome::Need(_) | Outcome::NotYet(_) => continue,
            };
            let left = record.and_then(|record| record.tasks.get(name));
            let mut facets: Vec<&str> = wanted.iter().chain(seen).map(|(name, _)| name.as_str()).collect();
            facets.extend(left.into_iter().flat_map(IndexMap::keys).map(String::as_str));
            let mut known = HashSet::new();
            facets.retain(|facet| known.insert(*facet));
            let facets = facets.into_iter().filter_map(|facet| {
                let of =
                    |held: &Held| held.iter().find(|(name, _)| name == facet).map(|(_, mark)| mark.clone());
                let (seen, wanted) = (of(seen), of(wanted));
                let Some(left) = left else {
                    let cause = Cause::New;
                    return (seen != wanted).then(|| DriftedFacet { facet: facet.into(), cause, left: None });
                };
                let left = left.get(facet);
                let is = |mark: &Option<Mark>| match (left, mark) {
                    (Some(left), Some(mark)) => left.is_of(mark, &key),
                    (left, mark) => left.is_none() && mark.is_none(),
                };
                let cause = match (is(&seen), is(&wanted), seen == wanted) {
                    (true, true, _) => return None,
                    (true, false, _) => Cause::Configuration,
                    (false, true, _) => Cause::Host,
                    (false, false, true) => Cause::HostAsWanted,
                    (false, false, false) => Cause::Both,
                };
                let left = match left {
                    Some(Kept::Is(text)) => Some(text.clone()),
                    _ => None,
                };
                Some(DriftedFacet { facet: facet.into(), cause, left })
            });
            let facets: Vec<_> = facets.collect();
            if !facets.is_empty() {
                let name = tasks[id.0 as usize].name.clone();
                drifted.push(DriftedTask { task: *id, name, facets });
            }
        }
        let is_planned = |name: &String| planned.iter().any(|(_, planned)| planned == name);
        let left = record.into_iter().flat_map(|record| record.tasks.keys());
        let gone = left.filter(|name| !partial && !is_planned(name)).cloned().collect();
        (drifted, gone)
    }
}
