//! A resource with its parameters, and what planning it comes to.

use super::{
    Effect, Facets, Fault, Held, Interlude, Keep, Lookup, Mask, Observe, Pause, Reboot, Resource, Seen,
    State, held, kind_of,
};
use crate::{
    model::{Address, Claim, Diff, Exposed, Footprint},
    yaml::Map,
};
use agent::{
    frame,
    wire::{Op, Output, Query},
};

/// What planning one task came to.
#[derive(Clone, Debug)]
pub enum Outcome {
    Need(Vec<Query>),
    NotYet(String),
    Unchanged { asked: Vec<Query>, notes: Vec<String>, held: Held },
    Change(Box<Change>),
}

/// A change: what is shown, what is done, and what both were computed from.
#[derive(Clone, Debug)]
pub struct Change {
    pub diff: Diff,
    pub guard: Vec<(Query, [u8; 32])>,
    pub ops: Vec<Op>,
    pub effects: Vec<Effect>,
    pub notes: Vec<String>,
    pub keep: Option<Keep>,
    /// The state that was seen, and the one that is wanted.
    pub held: Held,
    pub wanted: Held,
}

impl Change {
    /// The queries that observing the task took.
    pub fn asked(&self) -> Vec<Query> {
        self.guard.iter().map(|(q, _)| q.clone()).collect()
    }

    /// The token of an armed revert among the ops: to be disarmed over a fresh connection.
    pub fn armed(&self) -> Option<&str> {
        self.ops.iter().find_map(|op| match op {
            Op::Arm { token, .. } => Some(token.as_str()),
            _ => None,
        })
    }
}

/// A resource with its parameters, as the engine sees it.
pub trait Prepared: Send + Sync {
    fn type_name(&self) -> &str;
    fn address(&self) -> Option<Address>;
    fn part_of(&self) -> Option<Address> {
        None
    }
    /// With what else it owns.
    fn addresses(&self) -> Vec<Address> {
        self.address().into_iter().collect()
    }
    /// Other names of these, once they are known.
    fn also_known_as(&self, _: &dyn Lookup) -> Vec<Address> {
        vec![]
    }
    fn footprint(&self) -> Footprint;
    /// A program of the project has to be run to plan it.
    fn runs_a_program(&self) -> bool {
        false
    }
    // What is no state has more to say.
    fn acts(&self) -> bool {
        false
    }
    fn counts_as_change(&self) -> bool {
        true
    }
    fn is_command(&self) -> bool {
        false
    }
    fn look(&self) -> Option<Query> {
        None
    }
    /// What is run when it has to be, of a command.
    fn runs(&self) -> Option<Op> {
        None
    }
    fn job(&self) -> Option<String> {
        None
    }
    fn reboots(&self) -> Option<Reboot> {
        None
    }
    /// What a task that registers its result keeps of what it saw, once it is planned on the same answers.
    fn found(&self, _: &dyn Lookup) -> Map {
        Map::new()
    }
    /// What a task that registers its result keeps of what acting brought back, where that is not a command's.
    fn told(&self, _: Option<&Output>) -> Option<Map> {
        None
    }
    /// What helps where its op ended so.
    fn remedy(&self, _: &Output) -> Option<String> {
        None
    }
    /// The ports that it opens or closes, once it is planned on the same answers.
    fn exposes(&self, _: &dyn Lookup) -> Option<Exposed> {
        None
    }
    /// What the lint of plans goes by; a pause where it cannot be told yet.
    ///
    /// # Errors
    /// More questions, or that it cannot be told.
    fn claims(&self, _: &dyn Lookup) -> Observe<Vec<Claim>> {
        Ok(vec![])
    }
    fn interlude(&self) -> Option<Interlude> {
        None
    }
    /// The path of a file that it keeps on the machine that the run is started on.
    fn kept(&self) -> Option<String> {
        None
    }
    /// A digest of the parameters: tasks of one type that have the same are the same.
    fn digest(&self) -> [u8; 32];
    /// Plans on the answers of `lookup`.
    ///
    /// # Errors
    /// A fault of the task, or a broken invariant of its type (a bug, named so).
    fn plan(&self, lookup: &dyn Lookup, mask: &Mask) -> Result<Outcome, Fault>;
}

/// The parameters and their digest.
pub(super) struct Typed<R: Resource>(pub R::Spec, pub [u8; 32]);

impl<R: Resource> Prepared for Typed<R> {
    fn type_name(&self) -> &str {
        R::NAME
    }

    fn address(&self) -> Option<Address> {
        R::address(&self.0)
    }

    fn part_of(&self) -> Option<Address> {
        R::part_of(&self.0)
    }

    fn addresses(&self) -> Vec<Address> {
        R::address(&self.0).into_iter().chain(R::also_owns(&self.0)).collect()
    }

    fn also_known_as(&self, lookup: &dyn Lookup) -> Vec<Address> {
        R::also_known_as(&self.0, &Seen::new(lookup)).unwrap_or_default()
    }

    fn footprint(&self) -> Footprint {
        R::footprint(&self.0)
    }

    fn acts(&self) -> bool {
        R::acts(&self.0)
    }

    fn counts_as_change(&self) -> bool {
        R::counts_as_change(&self.0)
    }

    fn is_command(&self) -> bool {
        R::is_command(&self.0)
    }

    fn look(&self) -> Option<Query> {
        R::look(&self.0)
    }

    fn runs(&self) -> Option<Op> {
        R::runs(&self.0)
    }

    fn job(&self) -> Option<String> {
        R::job(&self.0)
    }

    fn reboots(&self) -> Option<Reboot> {
        R::reboots(&self.0)
    }

    fn found(&self, lookup: &dyn Lookup) -> Map {
        R::found(&self.0, &Seen::new(lookup)).unwrap_or_default()
    }

    fn told(&self, output: Option<&Output>) -> Option<Map> {
        R::told(&self.0, output)
    }

    fn remedy(&self, output: &Output) -> Option<String> {
        R::remedy(&self.0, output)
    }

    fn exposes(&self, lookup: &dyn Lookup) -> Option<Exposed> {
        R::exposes(&self.0, &Seen::new(lookup)).ok().flatten()
    }

    fn claims(&self, lookup: &dyn Lookup) -> Observe<Vec<Claim>> {
        R::claims(&self.0, &Seen::new(lookup))
    }

    fn interlude(&self) -> Option<Interlude> {
        R::interlude(&self.0)
    }

    fn kept(&self) -> Option<String> {
        R::kept(&self.0)
    }

    fn digest(&self) -> [u8; 32] {
        self.1
    }

    fn plan(&self, lookup: &dyn Lookup, mask: &Mask) -> Result<Outcome, Fault> {
        let seen = Seen::new(lookup);
        let from = match R::observe(&self.0, &seen) {
            Ok(state) => state,
            Err(Pause::Need(queries)) => return Ok(Outcome::Need(queries)),
            Err(Pause::NotYet(why)) => return Ok(Outcome::NotYet(why)),
            Err(Pause::Fault(fault)) => return Err(fault),
        };
        let to = R::desired(&self.0, &from)?;
        let seen_facets = from.facets();
        let wanted_facets = to.facets();
        debug_assert_eq!(undeclared::<R>(&[&seen_facets, &wanted_facets]), None, "facet of `{}`", R::NAME);
        let diff = mask.diff(&seen_facets, &wanted_facets);
        let held = if R::acts(&self.0) { vec![] } else { held(&seen_facets) };
        let notes = R::notes(&self.0, &from);
        let ops = R::ops(&self.0, &from, &to);
        // What keeps the thing shown and the thing done the same.
        if diff.is_empty() != ops.is_empty() {
            let (facets, count) = (diff.facets.len(), ops.len());
            return Err(Fault::new(format!(
                "bug in resource type `{}`: {facets} differences, {count} ops",
                R::NAME
            )));
        }
        fits(&ops)?;
        if ops.is_empty() {
            let asked = seen.into_asked().into_iter().map(|(q, _)| q).collect();
            return Ok(Outcome::Unchanged { asked, notes, held });
        }
        let effects = R::effects(&self.0, &from, &to, &ops);
        let keep = R::keep(&self.0, &from, &to);
        let guard = seen
            .into_asked()
            .into_iter()
            .map(|(q, a)| {
                let digest = frame::guard(&q, &a);
                (q, digest)
            })
            .collect();
        Ok(Outcome::Change(Box::new(Change {
            diff,
            guard,
            ops,
            effects,
            notes,
            keep,
            held,
            wanted: self::held(&wanted_facets),
        })))
    }
}

/// A facet that is of none of the type's kinds.
fn undeclared<'f, R: Resource>(states: &[&'f Facets]) -> Option<&'f str> {
    let mut all = states.iter().flat_map(|facets| facets.keys());
    all.find(|facet| kind_of(R::FACETS, facet).is_none()).map(String::as_str)
}

/// What is sent at once has to fit into a frame.
fn fits(ops: &[Op]) -> Result<(), Fault> {
    let bytes = |op: &Op| if let Op::WriteFile { content, .. } = op { content.bytes().len() } else { 0 };
    let sent: usize = ops.iter().map(bytes).sum();
    if sent <= frame::CONTENT {
        return Ok(());
    }
    let fault = Fault::new(format!(
        "{} MiB are to be sent, and {} at once at most",
        sent.div_ceil(1 << 20),
        frame::CONTENT >> 20
    ));
    Err(fault.hint("let the host fetch it: `get_url` and `unarchive`, or `git`"))
}
