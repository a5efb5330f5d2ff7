//! The plan of a host as it is now, looked at without changing anything.

use super::{Results, but_owners};
use crate::{
    cli::{
        apply::{ask_password, asker, who},
        programs,
        project::{Project, now},
    },
    connection,
    diag::{Diagnostic, Diagnostics, Exit},
    engine::{Approve, Doing, Events, Hosts, RunOptions, SshLinks, run},
    event::{About, Event, Failure, Finding, PlannedTask},
    plan::{register, saved::Planned},
    resource::Mask,
    site::{Prepare, Registered, Site},
};
use agent::wire::{Facts, Session};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

#[derive(Debug, clap::Args)]
pub(super) struct Live {
    /// Ask no host: only what the files and the kept facts say
    #[arg(long)]
    pub offline: bool,
    /// Ask for the password that sudo wants on the host
    #[arg(short = 'K', long, conflicts_with = "offline")]
    ask_become_pass: bool,
    /// Configuration file for ssh, in place of your own
    #[arg(long, value_name = "FILE", conflicts_with = "offline")]
    ssh_config: Option<PathBuf>,
    /// Seconds for a connection to be made
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    connect_timeout: u16,
}

/// The site, but for this host only.
struct Only {
    site: Arc<Site>,
    host: String,
}

impl Hosts for Only {
    fn names(&self) -> Vec<String> {
        vec![self.host.clone()]
    }

    fn tasks(&self, host: &str, facts: Option<&Facts>) -> Result<Arc<dyn Prepare>, Diagnostics> {
        Hosts::tasks(&*self.site, host, facts)
    }

    fn gathered(&self, host: &str, facts: Option<&Facts>) {
        self.site.gathered(host, facts);
    }

    fn looks_across(&self) -> bool {
        false
    }
}

/// Nothing is applied, so nobody is asked; what the plan makes of the results is taken note of.
struct Looks {
    host: String,
    results: Mutex<Results>,
}

impl Approve for Looks {
    fn approve(&self, _: usize, _: usize) -> Doing<'_, bool> {
        Box::pin(async { false })
    }

    fn look(&self, planned: &[Planned], _: bool) -> Result<(), Vec<(String, Failure)>> {
        let Some(planned) = planned.iter().find(|planned| planned.host == self.host) else { return Ok(()) };
        let (mut registered, mut results) = (Registered::default(), Results::new());
        let tasks = planned.prepare.tasks().iter().zip(&planned.plan.results);
        for (own, task, result) in
            tasks.filter_map(|(task, result)| Some((task.register.as_ref()?, task, result)))
        {
            if let Some(result) = result {
                register(&mut registered, own, result.clone());
            } else if !task.is_rescue() {
                registered.results.remove(&own.name);
            }
            results.extend(registered.results.get(&own.name).map(|node| (task.id, node.clone())));
        }
        *self.results.lock().unwrap_or_else(PoisonError::into_inner) = results;
        Ok(())
    }
}

/// What a plan of the host says.
pub(super) struct Seen {
    pub tasks: Vec<PlannedTask>,
    pub findings: Vec<Finding>,
    pub results: Results,
}

impl Live {
    /// Plans a host as `apply --check` does, and says what the lint finds in that. The site knows its facts then.
    ///
    /// # Errors
    /// The host cannot be reached, or its tasks cannot be planned.
    pub fn plan(&self, project: &Project, site: &Arc<Site>, host: &str) -> Result<Seen, Diagnostics> {
        // What is asked for may be what two tasks own.
        let lenient = |asked: Result<(), Diagnostics>| match asked {
            Ok(()) => Ok(()),
            Err(found) => but_owners(found).into_result(()),
        };
        lenient(project.ask(site))?;
        let password = self.ask_become_pass.then(ask_password).transpose()?;
        lenient(site.ask(asker(Arc::new(OnceLock::new())), programs::waiting))?;
        let mut random = [0; 32];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).map_err(|error| {
            Diagnostic::error("no random numbers from the system").cause(error).exit(Exit::Bug)
        })?;
        let seen: Arc<Mutex<Vec<Event>>> = Arc::default();
        let events: Events = {
            let seen = seen.clone();
            Arc::new(move |event| seen.lock().unwrap_or_else(PoisonError::into_inner).push(event))
        };
        let run_id = format!("explain-{:x}", now());
        let options = connection::Options {
            connect_timeout: Duration::from_secs(self.connect_timeout.into()),
            session: Session::ReadOnly,
            who: who(),
            run: run_id.clone(),
            heartbeat: Duration::from_secs(30),
            control_dir: connection::control_dir(),
            reuse: true,
            first: vec![],
            told: connection::Told::default(),
        };
        let links = SshLinks::new(site.clone(), options, self.ssh_config.clone(), password);
        let links = links.pinned(project.pinned());
        let links = project.facts.around(Arc::new(links), now(), events.clone());
        // Where other hosts have a say, they are asked too.
        let only = Only { site: site.clone(), host: host.into() };
        let alone = !site.looks_across()
            && site.tasks(host, None)?.tasks().iter().all(|task| task.leader().is_none());
        let hosts: Arc<dyn Hosts> = if alone { Arc::new(only) } else { site.clone() };
        let (_keep, cancel) = watch::channel(false);
        let options = RunOptions {
            run: run_id,
            about: About::default(),
            check: true,
            looks: true,
            prove: None,
            forks: 20,
            rolling: site.playbook().rolling().cloned(),
            mask: Mask::new(random),
            keep: Arc::new(|_| Ok(())),
            recording: None,
            playbook: site.playbook().path.file_name().map(|name| name.to_string_lossy().into()),
            cancel,
            somebody: None,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime =
            runtime.map_err(|error| Diagnostic::error("cannot start").cause(error).exit(Exit::Bug))?;
        let looks = Looks { host: host.into(), results: Mutex::default() };
        runtime.block_on(run(hosts, links, options, events, &looks));
        let results = looks.results.into_inner().unwrap_or_else(PoisonError::into_inner);
        runtime.shutdown_timeout(Duration::from_millis(100));
        let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut failures, mut findings) = (vec![], vec![]);
        for event in seen {
            match event {
                Event::Finding { host: found, finding } if found == host => findings.push(finding),
                Event::HostPlanned { host: planned, tasks } if planned == host => {
                    return Ok(Seen { tasks, findings, results });
                }
                Event::HostFailed { host: failed, failure } if failed == host => failures.push(failure),
                Event::TaskFinished { host: failed, failure: Some(failure), .. } if failed == host => {
                    failures.push(failure);
                }
                _ => {}
            }
        }
        Err(Diagnostics(failures.iter().map(diagnostic).collect()))
    }
}

fn diagnostic(failure: &Failure) -> Diagnostic {
    let mut error = Diagnostic::error(failure.message.clone());
    error = error.exit(Exit::of(failure.exit).unwrap_or(Exit::Bug));
    for cause in failure.place.iter().chain(&failure.causes) {
        error = error.cause(cause);
    }
    let hint = failure.hint.clone().unwrap_or_else(|| "`--offline` explains it without the host".into());
    error.hint(hint)
}
