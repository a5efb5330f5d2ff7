//! What one rendering may use up: a hostile or careless template ends in an error, and neither in a hang nor in all of the memory.

use super::{Cx, output::Output};
use crate::{
    diag::Diagnostic,
    yaml::{Node, Value},
};
use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
};

/// Most bytes that one rendered text may have.
pub(super) const SIZE: usize = 16 << 20;
/// Most rounds that all `each` and all partials of one rendering may make together.
pub(super) const ROUNDS: usize = 100_000;
/// Most values that lists and mappings may be built of in one rendering.
pub(super) const VALUES: usize = 1_000_000;
/// Most values that may be looked at in one rendering, each time counted anew; [`BYTES`] of text count as one.
const WORK: usize = 10_000_000;
const BYTES: usize = 16;
/// What a call costs besides.
const CALL: usize = 4;
/// What a call costs that builds a regular expression.
const REGEX: usize = 10_000;

/// What one rendering has used up.
#[derive(Default)]
pub(super) struct Budget {
    rounds: Cell<usize>,
    values: Cell<usize>,
    work: Cell<usize>,
    /// Variables whose mistakes are reported already: a further use fails with nothing to add.
    pub failed: RefCell<HashSet<String>>,
}

impl Budget {
    /// Counts the values in a tree; whether they are too many.
    pub fn exceeded_by(&self, node: &Node) -> bool {
        let values = self.values.get() + 1;
        self.values.set(values);
        values > VALUES
            || match &node.value {
                Value::Seq(items) => items.iter().any(|item| self.exceeded_by(item)),
                Value::Map(map) => map.values().any(|entry| self.exceeded_by(&entry.node)),
                _ => false,
            }
    }

    /// Counts a round of an `each`, or a partial; whether it is one too many.
    pub fn no_round_left(&self) -> bool {
        self.rounds.set(self.rounds.get() + 1);
        self.rounds.get() > ROUNDS
    }
}

/// How many values there are in a tree, long texts counted more than once.
fn weight(node: &Node) -> usize {
    match &node.value {
        Value::Seq(items) => items.iter().map(weight).sum::<usize>() + 1,
        Value::Map(map) => map.values().map(|entry| weight(&entry.node)).sum::<usize>() + 1,
        Value::Str(text) => text.len() / BYTES + 1,
        Value::Bytes(bytes) => bytes.len() / BYTES + 1,
        _ => 1,
    }
}

impl Cx<'_> {
    /// Counts what was looked at. `helper`: it was a call of that.
    ///
    /// # Errors
    /// When it was too much.
    pub fn looked_at<'n>(
        &self,
        helper: Option<&str>,
        nodes: impl IntoIterator<Item = &'n Node>,
        at: usize,
    ) -> Result<(), Diagnostic> {
        let call = match helper {
            Some(name) if name.starts_with("regex_") => REGEX,
            Some(_) => CALL,
            None => 0,
        };
        let work = nodes.into_iter().map(weight).fold(self.budget.work.get() + call, usize::saturating_add);
        self.budget.work.set(work);
        if work <= WORK {
            return Ok(());
        }
        let error =
            Diagnostic::error(format!("more than {WORK} values were looked at: this would take too long"));
        Err(error
            .at(&self.code.tag(at))
            .hint("make lists and texts smaller, or do less with them in each round"))
    }

    /// Counts a round of an `each`, or a partial; `false` when it is one too many.
    pub fn next_round(&self, at: usize, out: &mut Output) -> bool {
        let none_left = self.budget.no_round_left();
        if none_left {
            let error = Diagnostic::error(format!("more than {ROUNDS} rounds of `each`, partials included"));
            out.error(error.at(&self.code.tag(at)));
        }
        !none_left
    }

    pub fn too_large(&self) -> Diagnostic {
        Diagnostic::error(format!("rendered text larger than {} MiB", SIZE >> 20)).at(&self.code.origin)
    }
}
