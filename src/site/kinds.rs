//! Resource types as the site uses them: of the table, or programs of the project.

use crate::{
    diag::Diagnostics,
    external::External,
    playbook::Files,
    resource::{Prepared, ResourceType, SourceParam, is_internal},
    yaml::Node,
};
use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

/// A resource type, with the names of its parameters.
pub(super) struct TypeInfo {
    kind: Kind,
    parameters: OnceLock<Vec<String>>,
    /// Those that a task may give, where that is not all of them.
    given: OnceLock<Option<Vec<String>>>,
}

enum Kind {
    Ours(&'static ResourceType),
    External(Arc<External>),
}

impl TypeInfo {
    pub fn ours(row: &'static ResourceType) -> Self {
        Self { kind: Kind::Ours(row), parameters: OnceLock::new(), given: OnceLock::new() }
    }

    pub fn external(name: &str, path: &Path, files: Arc<dyn Files>) -> Self {
        Self {
            kind: Kind::External(Arc::new(External::new(name, path, files))),
            parameters: OnceLock::new(),
            given: OnceLock::new(),
        }
    }

    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Ours(row) => row.name,
            Kind::External(external) => &external.name,
        }
    }

    /// Whether a task of it may change something.
    pub fn changes(&self) -> bool {
        match &self.kind {
            Kind::Ours(row) => row.manner.changes(),
            Kind::External(_) => true,
        }
    }

    /// The files that a task of it brings along.
    pub fn sources(&self) -> &'static [SourceParam] {
        match &self.kind {
            Kind::Ours(row) => row.sources,
            Kind::External(_) => &[],
        }
    }

    /// Whether what a task of it touches is the same whatever this parameter is.
    pub fn is_content(&self, parameter: &str) -> bool {
        match &self.kind {
            Kind::Ours(row) => row.content.contains(&parameter),
            Kind::External(external) => !external.places(parameter),
        }
    }

    /// Parameters of Ansible's that are not there, with what to do instead.
    pub fn strangers(&self, params: &Node) -> Diagnostics {
        match &self.kind {
            Kind::Ours(row) => Diagnostics(row.theirs.strangers(row.name, params)),
            Kind::External(_) => Diagnostics::default(),
        }
    }

    /// How to come by a parameter that is needed.
    pub fn needed(&self, parameter: &str) -> Option<&'static str> {
        match &self.kind {
            Kind::Ours(row) => row.theirs.needed(parameter),
            Kind::External(_) => None,
        }
    }

    pub fn parameters(&self) -> &[String] {
        self.parameters.get_or_init(|| match &self.kind {
            Kind::Ours(row) => {
                let schema = (row.schema)();
                let properties = schema.get("properties").and_then(|p| p.as_object());
                properties.map(|p| p.keys().cloned().collect()).unwrap_or_default()
            }
            Kind::External(external) => external.parameters(),
        })
    }

    /// The parameters that a task may give, if the program gives others.
    pub fn given(&self) -> Option<&[String]> {
        let given = || {
            let Kind::Ours(row) = &self.kind else { return None };
            let raw = (row.schema)().to_value();
            let all = self.parameters();
            let mut given: Vec<String> =
                all.iter().filter(|name| !is_internal(&raw, name)).cloned().collect();
            let is_less = given.len() < all.len();
            for source in row.sources.iter().filter(|source| !all.iter().any(|name| name == source.key)) {
                given.push(source.key.into());
            }
            is_less.then_some(given)
        };
        self.given.get_or_init(given).as_deref()
    }

    /// Whether it is one of ours and has this parameter: what a keyword of the task sets.
    pub fn has(&self, parameter: &str) -> bool {
        matches!(self.kind, Kind::Ours(_)) && self.parameters().iter().any(|p| p == parameter)
    }

    /// Reads the parameters of a task. `hidden`: nothing of it is to be shown.
    pub fn prepare(&self, params: &Node, hidden: bool) -> Result<Box<dyn Prepared>, Diagnostics> {
        match &self.kind {
            Kind::Ours(row) => Ok((row.prepare)(params)?),
            Kind::External(external) => external.prepare(params, hidden),
        }
    }
}
