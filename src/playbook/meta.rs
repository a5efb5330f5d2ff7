//! What a role says about itself: `meta/main.yml`, `meta/inputs.yml`, `meta/argument_specs.yml`.

use super::{
    Inputs, Role,
    inputs::{self},
    load::Loader,
    names,
};
use crate::{
    diag::Diagnostic,
    yaml::{Map, Node},
};
use indexmap::IndexMap;
use std::{path::Path, sync::Arc};

/// What is read of it.
#[derive(Debug, Default)]
pub(super) struct Meta {
    pub dependencies: Vec<Node>,
    /// It runs again although it ran with the same variables.
    pub duplicates: bool,
    pub inputs: Option<Inputs>,
    /// Ansible's, by entry point; empty where `inputs` counts.
    pub specs: IndexMap<String, Inputs>,
}

impl Loader<'_> {
    pub(super) fn meta(&mut self, folder: &Path) -> Meta {
        let mut meta = Meta::default();
        let main = self.meta_file(folder, "main");
        let main = main.filter(|node| !node.is_null());
        let main =
            main.as_ref().and_then(|node| self.errors.take(node.expect_map("a mapping with `dependencies`")));
        let mut written = None;
        if let Some(map) = main {
            names::check_keys(map, "meta/main.yml", &[names::META], self.errors);
            if let Some(entry) = map.get("dependencies") {
                meta.dependencies = self.list(&entry.node, "a list of roles").unwrap_or_default().to_vec();
            }
            let duplicates = map.get("allow_duplicates");
            let duplicates =
                duplicates.and_then(|entry| self.errors.take(entry.node.expect_bool("`true` or `false`")));
            meta.duplicates = duplicates.unwrap_or(false);
            written = map.get("argument_specs").map(|entry| (entry.key.clone(), entry.node.clone()));
        }
        if let Some(file) = self.meta_file(folder, "argument_specs").filter(|node| !node.is_null()) {
            let map = self.errors.take(file.expect_map("a mapping with `argument_specs`"));
            let found = map.and_then(|map| map.get("argument_specs"));
            if let (Some(_), None) = (map, found) {
                let error = Diagnostic::error("the file has no `argument_specs`").at(&file.origin);
                self.errors.push(error.hint("write `argument_specs:` and below it `main: {options: ...}`"));
            }
            // As in Ansible: the file of its own counts.
            written = found.map(|entry| (entry.key.clone(), entry.node.clone())).or(written);
        }
        let own = self.meta_file(folder, "inputs");
        meta.inputs = own.map(|node| inputs::read(&node, self.errors));
        match (written, &meta.inputs) {
            (Some((at, _)), Some(inputs)) => {
                let warning = Diagnostic::lint(
                    "specs-not-read",
                    "`argument_specs` is not read: the role has meta/inputs.yml",
                );
                let warning = warning.at(&at).related(&inputs.origin, "this counts");
                self.errors.push(warning.hint("keep one of them"));
            }
            (Some((_, node)), None) => meta.specs = inputs::read_specs(&node, self.errors),
            (None, _) => {}
        }
        meta
    }

    fn meta_file(&mut self, folder: &Path, name: &str) -> Option<Arc<Node>> {
        let folder = folder.join("meta");
        let names = [format!("{name}.yaml"), format!("{name}.yml")];
        let name = names.iter().find(|name| self.files.is_file(&folder.join(name)));
        self.yaml(&folder.join(name.unwrap_or(&names[1])), None)
    }

    /// Lays the defaults of inputs below those of `defaults/main.yml`.
    pub(super) fn input_defaults(&mut self, defaults: &mut Map, inputs: &Inputs) {
        for (name, input) in &inputs.items {
            match (defaults.get(name), &input.default) {
                (Some(other), Some(default)) => {
                    let error = Diagnostic::error(format!("`{name}` has two defaults")).at(&default.origin);
                    let error = error.related(&other.key, "the other one");
                    self.errors.push(error.hint("remove one of them"));
                }
                (Some(other), None) if input.required => {
                    let error = Diagnostic::error(format!("`{name}` is required and has a default"))
                        .at(&input.origin);
                    let error = error.related(&other.key, "the default");
                    self.errors.push(error.hint("remove `required`, or the default"));
                }
                (None, Some(default)) => {
                    let entry = crate::yaml::Entry { key: input.origin.clone(), node: default.clone() };
                    defaults.insert(name.clone(), entry);
                }
                _ => {}
            }
        }
    }

    /// The names that a role, or one that it depends on, says it knows: what it may be given.
    pub(super) fn declared(&mut self, role: &Role, known: &mut Vec<String>, seen: &mut Vec<String>) {
        if seen.contains(&role.name) {
            return;
        }
        seen.push(role.name.clone());
        known.extend(role.defaults.keys().chain(role.vars.keys()).cloned());
        let specs = role.meta.specs.values().chain(&role.meta.inputs);
        known.extend(specs.flat_map(|inputs| inputs.items.keys().cloned()));
        for node in role.meta.dependencies.clone() {
            let name = node.get("role").or_else(|| node.get("name")).unwrap_or(&node);
            let found = name.as_str().and_then(|text| self.role(text, &name.origin, &Default::default()));
            if let Some(found) = found {
                self.declared(&found, known, seen);
            }
        }
    }
}
