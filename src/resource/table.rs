//! The rows of the table of resource types.

use super::{Fault, Manner, Prepared, Resource, SourceParam, Topic, Typed, Untold, at_once};
use crate::{
    diag::Diagnostic,
    playbook::{OtherNames, ParameterNames},
    yaml::{Node, from_node},
};
use schemars::Schema;

/// A row of the table of resource types.
#[derive(Clone, Copy)]
pub struct ResourceType {
    pub name: &'static str,
    pub topic: Topic,
    pub manner: Manner,
    pub example: &'static str,
    pub free: Option<&'static str>,
    pub sources: &'static [SourceParam],
    /// The parameters on which its footprint does not depend, where that is of use.
    pub content: &'static [&'static str],
    /// The kinds of facets that its diffs show.
    pub facets: &'static [&'static str],
    pub result: &'static [(&'static str, &'static str)],
    /// What cannot be told before a task of it has run.
    pub untold: &'static [Untold],
    /// Ansible's names of parameters.
    pub theirs: OtherNames,
    /// Reads the parameters; [`SourceParam`]s were replaced by contents before.
    pub prepare: fn(&Node) -> Result<Box<dyn Prepared>, Diagnostic>,
    pub schema: fn() -> Schema,
}

impl ResourceType {
    /// The row with Ansible's names of its parameters.
    pub const fn theirs(self, theirs: &'static [ParameterNames]) -> Self {
        Self { theirs: OtherNames(theirs), ..self }
    }
}

/// Whether a parameter is given by the program alone, which a field's schema says as `x-internal`.
pub fn is_internal(raw: &serde_json::Value, name: &str) -> bool {
    raw["properties"][name]["x-internal"] == serde_json::Value::Bool(true)
}

/// The row of a type.
pub const fn row<R: Resource>() -> ResourceType {
    ResourceType {
        name: R::NAME,
        topic: R::TOPIC,
        manner: R::MANNER,
        example: R::EXAMPLE,
        free: R::FREE,
        sources: R::SOURCES,
        content: R::CONTENT,
        facets: R::FACETS,
        result: R::RESULT,
        untold: R::UNTOLD,
        theirs: OtherNames(&[]),
        prepare: |node| {
            let spec = from_node(node)?;
            R::check(&spec).map_err(|fault| refused(node, fault))?;
            Ok(Box::new(Typed::<R>(spec, node.digest())))
        },
        schema: || schemars::schema_for!(R::Spec),
    }
}

fn refused(node: &Node, fault: Fault) -> Diagnostic {
    let named = fault.message.split('`').nth(1).and_then(|name| at_once::place_of(node, name));
    let place = named.unwrap_or_else(|| node.origin.clone());
    let diagnostic = Diagnostic::error(fault.message).at(&place);
    match fault.hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}
