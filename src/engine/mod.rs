//! The run: connect, plan, ask for approval, act, report. Hosts are independent of each other.
//!
//! [`run`] is the whole of it; `dispatcher` has all hosts plan and act; `host` plans one; `executor` works through one host's graph; `act` does one task. They report through events
//! only.

mod act;
mod around;
mod arrival;
mod blocks;
mod check;
mod dispatcher;
mod done;
mod exact;
mod executor;
mod host;
mod interlude;
mod items;
mod judge;
mod late;
mod links;
mod meeting;
mod owed;
mod reboot;
mod record;
mod run;

pub use around::Around;
pub use dispatcher::{Approve, Hosts, RunOptions, Somebody};
pub use links::{SshLinks, way};
pub use record::Recording;
pub use run::run;

use crate::{
    event::{Event, Failure},
    plan::{Ask, Seat},
    resource::Keep,
};
use agent::{
    secret::Content,
    wire::{Answer, Apply, Facts, Output, Query, Request},
};
use std::{future::Future, pin::Pin, sync::Arc};

/// A boxed future.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where events go.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// Writes a file on this machine; the error is a message for a person.
pub type Keeping = Arc<dyn Fn(&Keep) -> Result<(), String> + Send + Sync>;

/// What came of an applied change.
#[derive(Clone, Debug)]
pub struct Applied {
    pub outputs: Vec<Output>,
    pub answers: Vec<Answer>,
}

/// Why a change was not (wholly) applied.
#[derive(Clone, Debug)]
pub enum ActError {
    /// A guard did not hold; nothing was done. Names the query.
    HostChanged(String),
    /// Op number `index` failed; those before it were done.
    OpFailed { index: u32, message: String, output: Option<Output> },
    /// The link is gone, or the agent refuses.
    Link(Failure),
}

/// A link that can act as well as answer.
pub trait Act: Ask {
    /// Applies one task's change; `progress` gets what its commands print.
    fn apply<'a>(
        &'a self,
        apply: Apply,
        progress: Box<dyn FnMut(Content) + Send + 'a>,
    ) -> Doing<'a, Result<Applied, ActError>>;

    /// Has the host keep something for the next run: [`Request::Remember`], [`Request::Settle`].
    fn keep(&self, request: Request) -> Doing<'_, Result<(), Failure>>;

    /// Ends the session and waits a moment for the far side to end.
    fn close(&self) -> Doing<'_, ()>;

    /// Round trips so far.
    fn round_trips(&self) -> u64;

    /// Whether it has been opened: one of a user whom a task is to make is opened when it is needed.
    fn is_open(&self) -> bool {
        true
    }

    /// What the host has told of earlier runs since this was asked last.
    fn notes(&self) -> Vec<String> {
        vec![]
    }
}

/// An open link.
pub struct Opened {
    pub link: Arc<dyn Act>,
    pub facts: Facts,
    /// The agent had to be uploaded.
    pub uploaded: bool,
    /// The answers to the first questions.
    pub first: Vec<Answer>,
}

/// Opens links.
pub trait Open: Send + Sync {
    /// A link to where and as whom `seat` says, for this host's tasks. `first` is asked in the round trip of the opening.
    fn open<'a>(
        &'a self,
        host: &'a str,
        seat: &'a Seat,
        first: Vec<Query>,
    ) -> Doing<'a, Result<Opened, Failure>>;

    /// Ends an armed revert over a connection that is not any of the open ones. `false` when it had fired already.
    fn disarm<'a>(
        &'a self,
        host: &'a str,
        seat: &'a Seat,
        token: &'a str,
    ) -> Doing<'a, Result<bool, Failure>>;

    /// Whether that is a process on this machine.
    fn is_local(&self, host: &str, seat: &Seat) -> bool;

    /// The boot of the kernel that this program runs on.
    fn own_boot(&self) -> Option<String>;

    /// Asks over a connection of its own, which does not act.
    fn look<'a>(
        &'a self,
        host: &'a str,
        seat: &'a Seat,
        queries: Vec<Query>,
    ) -> Doing<'a, Result<Vec<Answer>, Failure>>;

    /// As [`Self::open`], over a connection of its own: those that were there are gone.
    fn reopen<'a>(&'a self, host: &'a str, seat: &'a Seat) -> Doing<'a, Result<Opened, Failure>>;
}
