//! What the rest of a run needs from the variables besides tasks: how hosts are reached, and what must never be shown.

use super::{Site, scopes};
use crate::{
    diag::{Diagnostic, Diagnostics},
    inventory::{ConnectionKind, ConnectionSpec, connection_spec},
    playbook::Play,
    template::{PRINTS, render},
    yaml::{Map, Node, Value},
};
use agent::{secret::Secret, wire::Facts};
use indexmap::IndexMap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
};

impl Site {
    /// How a host of the inventory is reached; `localhost` is always known.
    ///
    /// # Errors
    /// An unknown host; variables that are wrong, or that would need facts.
    pub fn connection(&self, name: &str) -> Result<ConnectionSpec, Diagnostics> {
        let shared = &self.shared;
        let host = self.known_host(name)?;
        let scope = scopes::of_host(shared, host);
        let mut errors = Diagnostics::default();
        let mut vars = IndexMap::new();
        let written = host.vars.iter().chain(shared.extra.iter());
        for (name, _) in
            written.filter(|(name, _)| name.starts_with("ansible_") || *name == "connection_command")
        {
            let Some(node) = scope.written(name) else { continue };
            let Some(node) = errors.take(render(node, &scope)) else { continue };
            if let Some(why) = node.unknown() {
                // Programs run when there is a connection to be made.
                if !shared.programs.may_run() && why.ends_with(PRINTS) {
                    continue;
                }
                let error = Diagnostic::error(format!("`{name}` must be known before connecting"));
                let error = error.at(&node.origin).cause(format!("it needs {why}"));
                errors.push(error.hint("facts come over the connection: write the value itself"));
                continue;
            }
            vars.insert(name.clone(), node);
        }
        let spec = errors.take(connection_spec(name, &vars));
        match spec {
            Some(spec) => errors.into_result(spec),
            None => Err(errors),
        }
    }

    /// By which addresses the hosts are reached, where that is not their name.
    pub fn addresses(&self) -> BTreeMap<String, String> {
        let of_host = |host: &String| {
            let spec = self.connection(host).ok().filter(|spec| spec.kind == ConnectionKind::Ssh)?;
            (spec.address != *host).then(|| (host.clone(), spec.address))
        };
        self.hosts().iter().filter_map(of_host).collect()
    }

    /// What a host has said of itself in this run; else what is kept of earlier ones, fresh enough to be used.
    pub fn facts(&self, host: &str) -> Option<Facts> {
        let reached = self.shared.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = || self.shared.controller.facts.get(host).cloned();
        reached.get(host).cloned().flatten().or_else(kept)
    }

    /// Every secret value in any variable, each once: what a report must never show.
    pub fn secrets(&self) -> Vec<Secret> {
        let mut found = BTreeSet::new();
        let shared = &self.shared;
        let inventory = &shared.inventory;
        for host in inventory.hosts().chain(inventory.host("localhost")) {
            host.vars.values().for_each(|node| leaves(node, &mut found));
        }
        // Whatever they were made of; those of other hosts nobody needs, and a program may have to be asked.
        for name in self.hosts() {
            found.extend(self.connection(name).ok().and_then(|spec| spec.become_.password));
        }
        self.shared.extra.values().for_each(|node| leaves(node, &mut found));
        let answers = self.shared.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.values().for_each(|node| leaves(node, &mut found));
        drop(answers);
        self.shared.secret_inputs(&mut |node| leaves(node, &mut found));
        for map in self.playbook().plays.iter().flat_map(maps) {
            map.values().for_each(|entry| leaves(&entry.node, &mut found));
        }
        for task in self.playbook().plays.iter().flat_map(|p| p.tasks.iter().chain(&p.handlers)) {
            leaves(&task.params, &mut found);
            task.keywords.environment.iter().for_each(|node| leaves(node, &mut found));
            let around = task.includes.iter().filter_map(|included| included.include.repeat.as_ref());
            task.repeat.iter().chain(around).for_each(|repeat| leaves(&repeat.items, &mut found));
        }
        // What helpers have come across while the project was checked.
        found.extend(shared.hidden.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        found.extend(self.shared.programs.answers());
        found.into_iter().collect()
    }
}

/// All mappings of variables in a play.
pub(super) fn maps(play: &Play) -> impl Iterator<Item = &Map> {
    let roles = play.roles.iter().flat_map(|u| [&u.vars, &u.role.vars, &u.role.defaults]);
    let tasks = play.tasks.iter().chain(&play.handlers);
    let own = tasks.flat_map(|task| task.keywords.vars.iter().map(|map| &**map));
    [&play.vars, &play.file_vars].into_iter().chain(roles).chain(own)
}

pub(super) fn leaves(node: &Node, found: &mut BTreeSet<Secret>) {
    match &node.value {
        Value::Seq(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Map(map) => map.values().for_each(|entry| leaves(&entry.node, found)),
        _ if !node.secret => {}
        Value::Str(text) => drop(found.insert(Secret::new(text.as_bytes()))),
        Value::Bytes(bytes) => drop(found.insert(Secret::new(&**bytes))),
        Value::Int(n) => drop(found.insert(Secret::new(n.to_string()))),
        Value::Float(n) => drop(found.insert(Secret::new(n.to_string()))),
        // What was asked is known to those who asked.
        Value::Bool(_) | Value::Null | Value::Unknown(_) | Value::Asked(_) => {}
    }
}
