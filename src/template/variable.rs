//! Variables as written: rendered when used.

use super::{Cx, Env, code::DEPTH, code::is_template, render_in};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    yaml::{Node, Value},
};

/// A variable being rendered, and the one that asked for it.
pub(super) struct Via<'a> {
    /// Its path, parts separated by NUL: names may hold dots.
    key: String,
    /// Where it is written.
    origin: Origin,
    parent: Option<&'a Via<'a>>,
    pub depth: usize,
}

/// Where something is asked for: looked up in the text when an error needs it.
pub(super) type Place<'a> = &'a dyn Fn() -> Origin;

impl Cx<'_> {
    pub fn variable(&self, path: &[&str], node: &Node, place: Place) -> Result<Node, Diagnostics> {
        let env = Env { scope: self.scope, via: self.via, budget: self.budget };
        env.variable(path, node, place, self.depth)
    }
}

impl Env<'_> {
    /// A variable, or the part of one at a path, rendered; once per scope. `place` is where it is asked for.
    pub fn variable(
        &self,
        path: &[&str],
        node: &Node,
        place: Place,
        depth: usize,
    ) -> Result<Node, Diagnostics> {
        if !holds_template(node) {
            return Ok(node.clone());
        }
        let key = path.join("\0");
        if let Some(node) = self.scope.remembered(&key) {
            return Ok(node);
        }
        if let Some(error) = self.cycle(&key, place) {
            return Err(error.into());
        }
        let depth = depth + 1;
        if depth > DEPTH {
            let message = format!("nested deeper than {DEPTH}: blocks, variables and partials together");
            return Err(Diagnostic::error(message).at(&place()).into());
        }
        let via = Via { key, origin: node.origin.clone(), parent: self.via, depth };
        let env = Env { scope: self.scope, via: Some(&via), budget: self.budget };
        if self.budget.failed.borrow().contains(&via.key) {
            return Err(Diagnostics::default());
        }
        let rendered = render_in(node, &env).inspect_err(|_| {
            self.budget.failed.borrow_mut().insert(via.key.clone());
        })?;
        self.scope.remember(&via.key, &rendered);
        Ok(rendered)
    }

    fn cycle(&self, key: &str, place: Place) -> Option<Diagnostic> {
        let mut chain = vec![];
        let mut via = self.via;
        while let Some(outer) = via {
            chain.push(outer);
            if outer.key == key {
                chain.reverse();
                let names = chain.iter().map(|v| v.key.as_str()).chain([key]);
                let names: Vec<String> = names.map(|k| k.replace('\0', ".")).collect();
                let message = format!("variables use each other in a circle: {}", names.join(" -> "));
                let mut error = Diagnostic::error(message).at(&place());
                for (via, name) in chain.iter().zip(&names) {
                    error = error.related(&via.origin, format!("`{name}` is written here"));
                }
                return Some(error.hint("give one of them a value of its own"));
            }
            via = outer.parent;
        }
        None
    }
}

fn holds_template(node: &Node) -> bool {
    match &node.value {
        Value::Str(text) => is_template(text),
        Value::Asked(_) => true,
        Value::Seq(items) => items.iter().any(holds_template),
        Value::Map(map) => map.iter().any(|(key, entry)| is_template(key) || holds_template(&entry.node)),
        _ => false,
    }
}
