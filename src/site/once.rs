//! What hosts have to do with each other: tasks that one does for all, plays in step, and tasks that act where those of another do.

use super::{HostTask, Once, Place, Shared, expand::Expander, loops::Around};
use crate::{
    playbook::{Connection, Task},
    yaml::Value,
};
use std::collections::{BTreeSet, HashMap};

/// Whether a task asks somebody: one answer is for all hosts.
pub(super) fn asks(task: &Task) -> bool {
    let has = |key: &str| task.params.get(key).is_some_and(|node| !node.is_null());
    task.resource.0 == "pause" && !has("seconds") && !has("minutes")
}

impl Expander<'_> {
    /// Who does a task that runs once; `None` when there is only this host.
    pub(super) fn once(&self, index: usize, around: &Around) -> Option<Once> {
        let together = self.shared.together(self.shared.index[index].play, &self.host.name);
        let mut rounds = around.rounds();
        if self.shared.task(index).handler {
            rounds.push(self.flushes.len());
        }
        let own = together.iter().position(|name| *name == self.host.name).filter(|_| together.len() > 1)?;
        let hosts = together.iter().map(ToString::to_string).collect();
        Some(Once { key: (index, rounds), hosts, own, may_lead: true })
    }

    /// Adds a task that another host does, most likely.
    pub(super) fn follow(&mut self, index: usize, once: Once, around: &Around) {
        let task = self.shared.task(index);
        let known = self.errors.0.len();
        match &task.repeat {
            Some(repeat) => {
                self.later(index, repeat, "the items of a loop, which are known when it runs", around)
            }
            None => {
                let scope = self.scope(index, around);
                self.add(index, &scope, None, around);
            }
        }
        // What is wrong with it is told for the host that does it, if that is so there.
        let may_lead = self.errors.0.len() == known || task.repeat.is_none();
        if task.repeat.is_some() {
            self.errors.0.truncate(known);
        }
        let host_task = self.tasks.last_mut().expect("it was added");
        host_task.once = Some(Once { may_lead, ..once });
    }

    /// The play, when its hosts go through it in step, and the place in it. Handlers run when they are owed.
    pub(super) fn in_step(&self, index: usize, around: &Around) -> Option<(usize, Vec<usize>)> {
        let play = self.shared.index[index].play;
        let is_in_step = self.shared.playbook.plays[play].in_step && !self.shared.task(index).handler;
        is_in_step.then(|| (play, around.place(index)))
    }
}

/// For each place at which tasks of a host act, the first task of the playbook that may act there for another host of the run.
pub(super) fn first_visits(shared: &Shared, host: &str, tasks: &[HostTask]) -> HashMap<Place, usize> {
    let places: BTreeSet<&Place> = tasks.iter().map(|task| &task.place).collect();
    let first = |place: &Place| (0..shared.index.len()).find(|index| may_visit(shared, *index, host, place));
    places.into_iter().filter_map(|place| Some((place.clone(), first(place)?))).collect()
}

fn may_visit(shared: &Shared, index: usize, host: &str, place: &Place) -> bool {
    let machine = match place {
        Place::Host => host,
        Place::Delegate(other) => other,
    };
    let task = shared.task(index);
    let of_play = &shared.play_hosts[shared.index[index].play];
    let for_another = || shared.hosts.iter().any(|other| other != host && of_play.contains(other));
    let acts_there = match (&task.keywords.delegate_to, task.keywords.connection) {
        // What it comes to is for each host another.
        (Some(name), _) => match name.as_str() {
            Some(name) if name.contains("{{") => for_another(),
            Some("127.0.0.1") => machine == "localhost" && for_another(),
            name => name == Some(machine) && for_another(),
        },
        (None, Some(Connection::Local)) => machine == "localhost" && for_another(),
        (None, _) => {
            machine != host && of_play.contains(machine) && shared.hosts.iter().any(|other| other == machine)
        }
    };
    let only_looks =
        task.keywords.check_mode.as_ref().is_some_and(|node| matches!(node.value, Value::Bool(true)));
    acts_there && !only_looks && shared.type_of(task).changes() && shared.selection.takes(task)
}
