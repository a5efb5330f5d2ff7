//! How the evaluation of templates tells a [`Watch`] what it reads.

use super::{
    Cx, Frame, Layer, Scope,
    expression::Found,
    trace::{Read, Way},
};
use crate::yaml::Node;
use handlebars::template::Parameter;
use std::sync::Arc;

impl Frame<'_> {
    /// The path of what an `each`, a `with` or a partial is about, where it has one; and what was read to have the block at all.
    pub(super) fn subject(
        subject: &Parameter,
        reads: Vec<Arc<Read>>,
        is_form: bool,
    ) -> (Option<Way>, Vec<Arc<Read>>) {
        match reads.as_slice() {
            [one] if is_form && matches!(subject, Parameter::Path(_)) => {
                (Some(one.way()), vec![Arc::new(one.shallow())])
            }
            _ => (None, reads),
        }
    }
}

impl Scope {
    /// Runs something, and gives what was read for it where somebody wants to know.
    pub(super) fn collect<T>(&self, run: impl FnOnce() -> T) -> (T, Vec<Arc<Read>>) {
        match self.watch() {
            None => (run(), vec![]),
            Some(watch) => watch.collect(run),
        }
    }
}

impl Cx<'_> {
    /// Takes note of a value: `names` lead from `start` to it.
    pub(super) fn note(&self, found: &Found, way: impl FnOnce() -> Way, start: &Node, names: &[&str]) {
        if let (Some(watch), Found::Value(leaf)) = (self.scope.watch(), found) {
            let read = watch.read(way(), start, names, leaf);
            let ready = matches!(self.scope.find(&read.name), Some((_, Layer::Final)));
            let by = watch.brought(&read.name).filter(|_| ready);
            watch.add([Arc::new(Read { ready, by, ..read })]);
        }
    }

    /// As [`Self::note`] for what an `each`, a `with` or a partial gives: as parameter number `given`, or as the item itself.
    pub(super) fn note_inner(
        &self,
        found: &Found,
        frame: &Frame<'_>,
        given: Option<usize>,
        start: &Node,
        names: &[&str],
    ) {
        let Some(watch) = self.scope.watch() else { return };
        if let Some(reads) = given.and_then(|at| frame.given.get(at)) {
            return watch.add(reads.iter().cloned());
        }
        // An item whose list is computed has no name; the whole block was noted as made of that.
        if let Some(of) = frame.of.as_ref().filter(|_| given.is_none_or(|at| at == 0)) {
            self.note(found, || of.to(names), start, names);
        }
    }

    /// Takes note of what is no variable.
    pub(super) fn note_other(&self, what: impl FnOnce() -> String, node: &Node) {
        if let Some(watch) = self.scope.watch() {
            watch.add([Arc::new(Read::other(what(), &self.code.origin, node))]);
        }
    }

    /// Takes note of what was read; of a container only the part that was looked up in it.
    pub(super) fn note_looked_up(&self, reads: Vec<Arc<Read>>, plain: bool, found: Option<(&str, &Node)>) {
        let Some(watch) = self.scope.watch() else { return };
        match (reads.as_slice(), found) {
            ([one], Some((name, leaf))) if plain => {
                let own = watch.read(one.way(), leaf, &[], leaf);
                let mut part = one.part(name, leaf);
                part.made_of.extend(own.made_of.iter().cloned());
                part.inside.clone_from(&own.inside);
                watch.add([Arc::new(part)]);
            }
            _ => watch.add(reads),
        }
    }
}
