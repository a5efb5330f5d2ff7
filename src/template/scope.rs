//! The variables a template sees.

use crate::{diag::Diagnostics, yaml::Node};
use indexmap::IndexMap;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

/// How the values of a layer are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// As written in a file: strings may hold templates, which are rendered when used, with all that is in scope then.
    Raw,
    /// Used as they are: facts, registered results, loop items.
    Final,
}

/// Layers of variables; of two with the same name, the one pushed later counts. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    layers: Vec<(Arc<IndexMap<String, Node>>, Layer)>,
    /// While a project is checked: every name that a variable has, on whichever host and for whichever task.
    anywhere: Option<Arc<HashSet<String>>>,
    hosts: Option<Arc<dyn super::Hosts>>,
    outside: Option<Arc<dyn super::Outside>>,
    watch: Option<super::Watch>,
    memo: Arc<Memo>,
}

/// Rendered raw variables, by path. Shared by clones, and left behind by whoever changes its scope.
#[derive(Default)]
struct Memo(Mutex<HashMap<String, Node>>);

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memo")
    }
}

impl Scope {
    pub fn new() -> Self {
        Self::default()
    }

    /// Lays variables over those that are there.
    pub fn push(&mut self, variables: Arc<IndexMap<String, Node>>, layer: Layer) {
        self.layers.push((variables, layer));
        self.memo = Arc::default();
    }

    /// Makes rendering look also through what it does not render, for names that are neither in scope nor among these.
    pub fn check_against(&mut self, names: Arc<HashSet<String>>) {
        self.anywhere = Some(names);
        self.memo = Arc::default();
    }

    /// Lets `hostvars` know all hosts.
    pub fn know_hosts(&mut self, hosts: Arc<dyn super::Hosts>) {
        self.hosts = Some(hosts);
        self.memo = Arc::default();
    }

    /// Lets helpers ask for files, the environment and the time.
    pub fn know_outside(&mut self, outside: Arc<dyn super::Outside>) {
        self.outside = Some(outside);
        self.memo = Arc::default();
    }

    /// The same variables, with somebody who takes note of what is read. Nothing that was rendered before is known in it.
    pub fn watched(&self, watch: &super::Watch) -> Self {
        Self { watch: Some(watch.clone()), memo: Arc::default(), ..self.clone() }
    }

    pub(super) fn watch(&self) -> Option<&super::Watch> {
        self.watch.as_ref()
    }

    pub(super) fn outside(&self) -> Option<&dyn super::Outside> {
        self.outside.as_deref()
    }

    pub(super) fn hosts(&self) -> Option<&dyn super::Hosts> {
        self.hosts.as_deref()
    }

    pub(super) fn anywhere(&self) -> Option<&HashSet<String>> {
        self.anywhere.as_deref()
    }

    /// Lays one final variable over those that are there.
    pub fn set(&mut self, name: impl Into<String>, node: Node) {
        let name = name.into();
        self.memo = Arc::default();
        if let Some((last, Layer::Final)) = self.layers.last_mut()
            && let Some(variables) = Arc::get_mut(last)
        {
            variables.insert(name, node);
            return;
        }
        self.layers.push((Arc::new(IndexMap::from([(name, node)])), Layer::Final));
    }

    /// The value of a variable, rendered when it is a raw one; `None` when there is none of that name.
    ///
    /// # Errors
    /// As [`super::render`].
    pub fn get(&self, name: &str) -> Result<Option<Node>, Diagnostics> {
        super::variable(name, self)
    }

    /// The value of a variable as written, not rendered.
    pub fn written(&self, name: &str) -> Option<&Node> {
        self.find(name).map(|(node, _)| node)
    }

    /// Names of all variables, each once, the topmost layer first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut seen = HashSet::new();
        let all = self.layers.iter().rev().flat_map(|(variables, _)| variables.keys());
        all.map(String::as_str).filter(move |name| seen.insert(*name))
    }

    pub(super) fn find(&self, name: &str) -> Option<(&Node, Layer)> {
        self.layers.iter().rev().find_map(|(variables, layer)| variables.get(name).map(|node| (node, *layer)))
    }

    pub(super) fn remembered(&self, path: &str) -> Option<Node> {
        self.memo.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    pub(super) fn remember(&self, path: &str, node: &Node) {
        self.memo.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into(), node.clone());
    }
}
