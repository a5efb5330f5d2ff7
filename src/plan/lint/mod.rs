//! The lint of plans: what would be dangerous or odd on a host once its plan is carried out.
//!
//! Each finding comes of a pure function over what the tasks say of themselves ([`crate::model::Claim`]); none of them knows a resource
//! type. [`offline`] takes what can be told without a host, [`of_plan`] what a plan has found out; both look with the same code.
//!
//! * `containers`: images, ports, mounts, logs and variables of containers
//! * `files`: secrets that others may read
//! * `networks`: networks that lie over each other
//! * `database`: the folder that a database keeps its data in, and the version that has made it
//! * `reach`: whether the controller still gets in
//! * `accept`: what the inventory accepts, and why
//! * `bare`: a host of which nothing is known
//! * `silent`: order that costs much and that nobody asked for

mod accept;
mod bare;
mod containers;
mod database;
mod files;
mod networks;
mod reach;
mod silent;

pub use accept::{check, unused};
pub use silent::lint;

use super::{HostPlan, TaskPlan};
use crate::{
    diag::{Diagnostic, Diagnostics, Severity},
    event::{self, Failure},
    model::{Claim, Container, Origin, Spot, TaskId},
    site::{Place, Prepare},
};
use agent::wire::{Answer, Query};
use std::collections::HashMap;

/// A lint, by the name under which the inventory accepts what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lint {
    pub name: &'static str,
    /// Nothing is done on a host where it finds something that is not accepted.
    pub refuses: bool,
}

const fn warns(name: &'static str) -> Lint {
    Lint { name, refuses: false }
}

const fn refuses(name: &'static str) -> Lint {
    Lint { name, refuses: true }
}

const PUBLISHED: Lint = warns("published-database-port");
const LATEST: Lint = warns("latest-image");
const BLANK: Lint = warns("blank-variable");
const UNREAD: Lint = warns("include-not-read");
const SOCKET: Lint = warns("docker-socket");
const LOGS: Lint = warns("no-log-limit");
const READABLE: Lint = warns("readable-secret");
const SUBNETS: Lint = warns("overlapping-subnets");
const CUT_OFF: Lint = refuses("firewall-cuts-off");
const MOUNT: Lint = refuses("database-not-mounted");
const MAJOR: Lint = refuses("postgres-major");

/// All of them, in the order of the documentation.
pub const LINTS: [Lint; 11] =
    [PUBLISHED, LATEST, BLANK, UNREAD, SOCKET, LOGS, READABLE, SUBNETS, CUT_OFF, MOUNT, MAJOR];

/// What a task says, by the task.
type Claims = [(TaskId, Claim)];

/// What is known of a host and of its plan.
#[derive(Default)]
struct Known {
    claims: Vec<(TaskId, Claim)>,
    /// To [`questions`], as far as the host was asked, with what the plan makes of it.
    answers: HashMap<Query, Answer>,
}

impl Known {
    fn containers(&self) -> impl Iterator<Item = (TaskId, &Container)> {
        self.claims.iter().filter_map(|(task, claim)| match claim {
            Claim::Container(container) => Some((*task, &**container)),
            _ => None,
        })
    }
}

/// What a host has to say of what a task claims.
pub(super) fn questions(claims: &[Claim]) -> Vec<Query> {
    let of_claim = |claim: &Claim| match claim {
        Claim::Container(container) => database::questions(container),
        Claim::Network { .. } => vec![networks::question()],
        Claim::Admits { .. } => vec![reach::question()],
        _ => vec![],
    };
    claims.iter().flat_map(of_claim).collect()
}

/// What a lint has to say.
struct Finding {
    lint: Lint,
    task: TaskId,
    /// The line of a file on the host that it is about.
    spot: Option<Spot>,
    message: String,
    causes: Vec<String>,
    hint: String,
}

/// All of them over what is known.
fn findings(known: &Known) -> Vec<Finding> {
    let mut found = containers::findings(&known.claims);
    found.extend(files::findings(&known.claims));
    found.extend(networks::findings(known));
    found.extend(reach::findings(known));
    found.extend(database::findings(known));
    found
}

/// What was found on a host, with its place in the project.
#[derive(Clone, Debug)]
pub struct Found {
    pub lint: Lint,
    pub task: TaskId,
    pub diagnostic: Diagnostic,
    /// Why the inventory accepts it.
    pub accepted: Option<String>,
}

impl Found {
    /// Whether it keeps the host from being worked on.
    pub fn refuses(&self) -> bool {
        self.lint.refuses && self.accepted.is_none()
    }

    /// As an event tells it.
    pub fn event(&self, host: &str) -> event::Event {
        event::Event::Finding { host: host.into(), finding: self.told() }
    }

    /// As it is told.
    pub fn told(&self) -> event::Finding {
        let Diagnostic { message, place, causes, hint, .. } = &self.diagnostic;
        event::Finding {
            lint: self.lint.name.into(),
            refuses: self.lint.refuses,
            task: self.task,
            message: message.clone(),
            causes: causes.clone(),
            hint: hint.clone().unwrap_or_default(),
            place: place.as_ref().map(|(origin, _)| origin.to_string()).unwrap_or_default(),
            accepted: self.accepted.clone(),
        }
    }
}

/// What can be told without a host, and whether all tasks that have something to say could say it.
pub fn offline(host: &dyn Prepare) -> (Vec<Found>, bool) {
    let (claims, writers, all_known) = bare::claims(host);
    let known = Known { claims, ..Known::default() };
    (placed(host, findings(&known), &writers), all_known)
}

/// What a plan has found out.
pub fn of_plan(host: &dyn Prepare, plan: &HostPlan) -> Vec<Found> {
    let (mut known, mut writers) = (Known::default(), HashMap::new());
    for task in host.tasks().iter().filter(|task| task.place == Place::Host) {
        let at = task.id.0 as usize;
        if matches!(plan.tasks[at], TaskPlan::Skipped { .. }) {
            continue;
        }
        known.claims.extend(plan.said[at].claims.iter().map(|claim| (task.id, claim.clone())));
        known.answers.extend(plan.said[at].answers.iter().cloned());
        let addresses = plan.prepared[at].iter().flat_map(|prepared| prepared.addresses());
        writers
            .extend(addresses.filter_map(|address| Some((address.0.strip_prefix("path:")?.into(), task.id))));
    }
    placed(host, findings(&known), &writers)
}

/// Why nothing is done on the host, if anything keeps it from that.
pub fn refusal(found: &[Found]) -> Option<Failure> {
    let refused: Vec<Diagnostic> =
        found.iter().filter(|it| it.refuses()).map(|it| it.diagnostic.clone()).collect();
    (!refused.is_empty()).then(|| super::diagnostics_failure(None, &Diagnostics(refused)))
}

/// The task that writes each file, by its path.
type Writers = HashMap<String, TaskId>;

/// Findings where they stand in the project, with what the inventory says of them.
fn placed(host: &dyn Prepare, findings: Vec<Finding>, writers: &Writers) -> Vec<Found> {
    let place = |finding: Finding| {
        let Finding { lint, task, spot, message, causes, hint } = finding;
        let own = &host.tasks()[task.0 as usize].origin;
        let ours = |spot: &Spot| -> Option<Origin> { host.line_of(*writers.get(&spot.path)?, spot.line) };
        let line = spot.as_ref().and_then(ours);
        let accepted = accept::reason(host, lint);
        let error = Diagnostic { rule: Some(lint.name), ..Diagnostic::error(message) };
        let severity = if lint.refuses && accepted.is_none() { Severity::Error } else { Severity::Warning };
        let mut diagnostic = Diagnostic { severity, causes, ..error }.at(line.as_ref().unwrap_or(own));
        if let (None, Some(spot)) = (&line, &spot) {
            diagnostic =
                diagnostic.cause(format!("it stands in {} on the host, in line {}", spot.path, spot.line));
        }
        let accept = format!("accept it in the inventory: `accept_findings: {{{}: WHY}}`", lint.name);
        Found { lint, task, diagnostic: diagnostic.hint(format!("{hint}; or {accept}")), accepted }
    };
    findings.into_iter().map(place).collect()
}
