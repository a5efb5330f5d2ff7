//! How the evaluation of templates tells a [`Watch`] what it reads.

use super::{
    Cx, Frame, Layer, Scope,
    expression::Found,
    path::step,
    trace::{Read, Way},
};
use crate::{model::Origin, yaml::Node};
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
    /// Takes note of a value, or that there is none: `names` lead from `start` to it.
    pub(super) fn note(&self, found: &Found, way: impl FnOnce() -> Way, start: &Node, names: &[&str]) {
        let Some(watch) = self.scope.watch() else { return };
        let read = match found {
            Found::Value(leaf) => watch.read(way(), start, names, leaf),
            Found::Missing(_) => {
                // As far as the names lead.
                let holder = names.iter().try_fold(start, |node, name| step(node, name).ok_or(node));
                let (Ok(holder) | Err(holder)) = holder;
                Read::unset(way(), &holder.origin)
            }
        };
        let ready = matches!(self.scope.find(&read.name), Some((_, Layer::Final)));
        let by = watch.brought(&read.name).filter(|_| ready);
        watch.add([Arc::new(Read { ready, by, ..read })]);
    }

    /// Takes note of a variable that is not set: whoever sets it changes what was asked.
    pub(super) fn note_unset(&self, way: impl FnOnce() -> Way) {
        let Some(watch) = self.scope.watch() else { return };
        let way = way();
        let by = watch.brought(&way.name);
        let origin = by.as_ref().map_or_else(|| Origin::named(""), |by| by.origin.clone());
        watch.add([Arc::new(Read { by, ..Read::unset(way, &origin) })]);
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
