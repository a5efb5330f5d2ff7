//! All that can be found without a host.

use super::{HostTask, HostTasks, Place, Preparation, Prepare, Registered, Site, prepare::Aim};
use crate::{
    diag::{Diagnostic, Diagnostics, Kind},
    inventory::{ConnectionKind, Host},
    model::{Address, TaskId},
    resource::Prepared,
};
use indexmap::IndexMap;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, atomic::Ordering},
};

/// What is wrong or odd, by message and place, with the hosts that have it.
#[derive(Default)]
pub struct ByHost(IndexMap<(String, String), (Diagnostic, Vec<String>)>);

impl ByHost {
    pub fn add(&mut self, host: &str, found: Diagnostics) {
        for diagnostic in found.0 {
            let place = diagnostic.place.as_ref().map(|(origin, _)| origin.to_string());
            let key = (diagnostic.message.clone(), place.unwrap_or_default());
            let (_, hosts) = self.0.entry(key).or_insert_with(|| (diagnostic, vec![]));
            if hosts.last().is_none_or(|last| last != host) {
                hosts.push(host.to_string());
            }
        }
    }

    /// Of a run with that many hosts.
    pub fn into_diagnostics(self, hosts: usize) -> Diagnostics {
        let named = |(diagnostic, on): (Diagnostic, Vec<String>)| match on.len() {
            count if count == hosts => diagnostic,
            count if count > 3 => {
                diagnostic.cause(format!("on {}, {} and {} more hosts", on[0], on[1], count - 2))
            }
            _ => diagnostic.cause(format!("on {}", on.join(", "))),
        };
        Diagnostics(self.0.into_values().map(named).collect())
    }
}

impl Site {
    /// Prepares every task of every host without facts and results. Each mistake is reported once, with the hosts it
    /// is on when these are not all.
    pub fn validate(&self) -> Diagnostics {
        let mut findings = ByHost::default();
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let hosts: Vec<&Host> = self.hosts().iter().filter_map(|name| self.inventory().host(name)).collect();
        // Hosts beside each other, or the tasks of each, where there are fewer hosts than cores.
        let (at_once, within) = if hosts.len() < threads { (1, threads) } else { (threads, 1) };
        let share = hosts.len().div_ceil(at_once).max(1);
        let checked = std::thread::scope(|scope| {
            let check = move |hosts: &[&Host]| -> Vec<_> {
                hosts.iter().map(|host| self.validate_host(host, within)).collect()
            };
            let shares: Vec<_> = hosts.chunks(share).map(|hosts| scope.spawn(move || check(hosts))).collect();
            let join = |share: std::thread::ScopedJoinHandle<'_, _>| {
                share.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            shares.into_iter().flat_map(join).collect::<Vec<(HostTasks, Diagnostics)>>()
        });
        for (host, (tasks, errors)) in hosts.into_iter().zip(checked) {
            let name = &host.name;
            findings.add(name, errors);
            // What a loop that is not known yet mentions is not looked at.
            if !tasks.pending.is_empty() {
                self.shared.across.store(true, Ordering::Relaxed);
            }
            let mut validated = self.shared.validated.lock().unwrap_or_else(PoisonError::into_inner);
            validated.insert(name.clone(), Arc::new(tasks));
        }
        findings.into_diagnostics(self.hosts().len())
    }
}

impl Site {
    fn validate_host(&self, host: &Host, threads: usize) -> (HostTasks, Diagnostics) {
        let (tasks, mut errors) = HostTasks::expand(&self.shared, host, None);
        let connection = |name: &str| self.connection(name).map(|found| found.kind);
        errors.extend(tasks.hide(tasks.check(threads, &connection)));
        errors.extend(connection(&host.name).err().unwrap_or_default());
        (tasks, errors)
    }
}

impl HostTasks {
    /// `connection` says how a host is reached.
    fn check(
        &self,
        threads: usize,
        connection: &dyn Fn(&str) -> Result<ConnectionKind, Diagnostics>,
    ) -> Diagnostics {
        let mut errors = Diagnostics::default();
        let mut ready = vec![];
        let nothing = Registered::default();
        // On all cores: most of a short run's own time is the parsing of templates.
        let share = self.tasks().len().div_ceil(threads).max(1);
        let prepare = |tasks: &[HostTask]| -> Vec<_> {
            tasks.iter().map(|task| self.prepare_for(task.id, &nothing, Aim::Check)).collect()
        };
        let prepared = if threads < 2 {
            prepare(self.tasks())
        } else {
            std::thread::scope(|scope| {
                let shares = self.tasks().chunks(share).map(|tasks| scope.spawn(move || prepare(tasks)));
                let shares: Vec<_> = shares.collect();
                shares
                    .into_iter()
                    .flat_map(|share| share.join().expect("it does not panic"))
                    .collect::<Vec<_>>()
            })
        };
        for (task, preparation) in self.tasks().iter().zip(prepared) {
            let preparation = errors.take(preparation);
            let Some(Preparation::Ready(prepared) | Preparation::Awaits(_, prepared)) = preparation else {
                continue;
            };
            let place = match &task.place {
                Place::Host => &self.host,
                Place::Delegate(other) => other,
            };
            if prepared.reboots().is_some()
                && connection(place).is_ok_and(|kind| kind == ConnectionKind::Local)
            {
                let error = Diagnostic::error("this machine cannot be rebooted by a run on itself");
                let error =
                    error.at(&task.origin).hint("run it from another machine, or leave this host out");
                errors.push(error);
            }
            ready.push((task, prepared));
        }
        errors.extend(Diagnostics(owners(&ready).into_iter().map(|(_, error)| error).collect()));
        errors
    }

    /// The tasks that own what another one owns, as far as it shows without the host.
    pub fn double_owners(&self) -> Vec<(TaskId, Diagnostic)> {
        let ready = self.tasks().iter().filter_map(|task| {
            match self.prepare_for(task.id, &Registered::default(), Aim::Check) {
                Ok(Preparation::Ready(prepared) | Preparation::Awaits(_, prepared)) => Some((task, prepared)),
                _ => None,
            }
        });
        owners(&ready.collect::<Vec<_>>())
    }
}

fn owners(ready: &[(&HostTask, Arc<dyn Prepared>)]) -> Vec<(TaskId, Diagnostic)> {
    let mut found = vec![];
    let mut owners: HashMap<(&Place, Address), &HostTask> = HashMap::new();
    // What mends may own what it mends.
    let ready = || ready.iter().filter(|(task, _)| !task.is_rescue());
    for (task, prepared) in ready() {
        for address in prepared.addresses() {
            if let Some(first) = owners.get(&(&task.place, address.clone())) {
                // A handler that is flushed is there more than once.
                if task.handler && first.source == task.source {
                    continue;
                }
                found.push((task.id, two_owners(&address, first, task)));
                // One is enough of a task that owns several.
                break;
            }
            owners.insert((&task.place, address), task);
        }
    }
    for (part, prepared) in ready() {
        let Some(address) = prepared.part_of() else { continue };
        if let Some(whole) = owners.get(&(&part.place, address.clone())) {
            found.push((part.id, owner_of_all(&address, whole, part)));
        }
    }
    found
}

/// The error for a task that owns as a whole what another one has a part in.
fn owner_of_all(address: &Address, whole: &HostTask, part: &HostTask) -> Diagnostic {
    Diagnostic::error(format!("two tasks undo each other at `{address}`"))
        .labelled(&part.origin, format!("`{}` is about a part of it", part.name))
        .related(&whole.origin, format!("`{}` owns all of it", whole.name))
        .hint("give all of it to the one task, or give them `when`s that exclude each other")
        .kind(Kind::Owners)
}

/// The error for two tasks that own the same thing.
fn two_owners(address: &Address, first: &HostTask, second: &HostTask) -> Diagnostic {
    Diagnostic::error(format!("two tasks own `{address}`"))
        .labelled(&second.origin, format!("`{}`", second.name))
        .related(&first.origin, format!("`{}` owns it already", first.name))
        .hint("make them one task, or give them `when`s that exclude each other")
        .kind(Kind::Owners)
}
