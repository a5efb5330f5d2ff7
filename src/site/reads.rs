//! Which registered results a task may use. Found in the texts, not by rendering: what a branch uses that is not taken now may be taken
//! when the result is there.

use super::{HostTask, HostTasks, Registered};
use crate::{
    playbook::Task,
    template::{Scope, names_in},
};
use std::collections::BTreeSet;

impl HostTasks {
    /// Fills in [`super::HostTask::reads`].
    pub(super) fn find_reads(&mut self) {
        let registers = self.tasks.iter().filter_map(|task| task.register.as_ref());
        let sets = self.tasks.iter().flat_map(|task| task.sets.iter().cloned());
        let results: BTreeSet<String> = registers.map(|register| register.name.clone()).chain(sets).collect();
        if results.is_empty() {
            return;
        }
        for at in 0..self.tasks.len() {
            let host_task = &self.tasks[at];
            if host_task.leader().is_some() {
                continue;
            }
            let task = self.shared.task(host_task.source);
            let scope = self.scopes.of(&self.shared, host_task, &Registered::default());
            let mut names = self.shared.written[host_task.source].get_or_init(|| written_in(task)).clone();
            names.extend(host_task.ends.iter().map(|end| HostTask::end_name(*end)));
            let all_known = self.names_in_sources(task, &scope, &mut names);
            let reads = if all_known { used(names, &results, &scope) } else { results.clone() };
            self.tasks[at].reads = reads.into_iter().collect();
        }
    }

    /// The names in the files that a task brings along as templates; `false` when it is not known yet which these are.
    fn names_in_sources(&self, task: &Task, scope: &Scope, names: &mut BTreeSet<String>) -> bool {
        let places = self.shared.places(task);
        let sources = &self.shared.sources;
        for param in self.shared.type_of(task).sources().iter().filter(|param| param.render) {
            let Some(name) = task.params.get(param.key) else { continue };
            // What is wrong with the name or the file is told when the task is prepared.
            let Ok(name) = crate::template::render(name, scope) else { continue };
            if name.unknown().is_some() {
                return false;
            }
            let found = name.as_str().map(|text| sources.find(&places, param.folder, text, &name.origin));
            let Some(Ok(text)) = found.map(|path| path.map(|path| sources.text(&path))) else { continue };
            let mut texts: Vec<_> = text.into_iter().collect();
            let mut partials = BTreeSet::new();
            while let Some(source) = texts.pop() {
                let found = sources.names(&source);
                names.extend(found.0.iter().cloned());
                for name in &found.1 {
                    if partials.insert(name.clone()) {
                        texts.extend(sources.partial(&places, param.folder, name));
                    }
                }
            }
        }
        true
    }
}

/// The names in all that a task is made of but its files.
fn written_in(task: &Task) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let keywords = &task.keywords;
    keywords.when.iter().for_each(|node| names_in(node, true, &mut names));
    let values = keywords.vars.iter().flat_map(|map| map.values().map(|entry| &entry.node));
    let judging = &task.judging;
    for node in judging.changed_when.iter().chain(&judging.failed_when).chain(&judging.until) {
        let mut mentioned = BTreeSet::new();
        names_in(node, true, &mut mentioned);
        // There, the name of its own result is that.
        let own = task.register.as_ref().map(|(name, _)| name);
        names.extend(mentioned.into_iter().filter(|name| Some(name) != own));
    }
    let values = values.chain(&keywords.environment).chain(task.repeat.iter().map(|repeat| &repeat.items));
    let files = task.includes.iter().filter_map(|included| included.include.file.as_ref());
    values.chain(files).for_each(|node| names_in(node, false, &mut names));
    for (key, entry) in task.params.as_map().into_iter().flatten() {
        let conditions = task.resource.0 == "assert" && key == "that";
        names_in(&entry.node, conditions, &mut names);
    }
    names
}

/// Which of the results are used by way of these names.
fn used(names: BTreeSet<String>, results: &BTreeSet<String>, scope: &Scope) -> BTreeSet<String> {
    let mut next: Vec<String> = names.iter().cloned().collect();
    let mut seen = names;
    let mut used = BTreeSet::new();
    while let Some(name) = next.pop() {
        if results.contains(&name) {
            used.insert(name);
        } else if let Some(node) = scope.written(&name) {
            let mut inner = BTreeSet::new();
            names_in(node, false, &mut inner);
            next.extend(inner.into_iter().filter(|name| seen.insert(name.clone())));
        }
    }
    used
}
