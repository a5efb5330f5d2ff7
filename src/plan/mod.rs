//! The plan: rounds of questions, predicted answers, a verdict for every task.
//!
//! `--check` and `apply` plan with the same code here; nothing in this room can act.

mod accounts;
mod areas;
mod behind;
pub mod compared;
mod failure;
mod items;
mod judge;
mod laid;
mod late;
mod links;
pub mod lint;
mod nodes;
mod owed;
mod owners;
mod pass;
mod planner;
mod predict;
mod programs;
mod result;
pub mod saved;
mod verdict;
mod view;
mod walk;

pub use areas::areas_of;
pub use failure::{cycle_diagnostic, diagnostic_failure, diagnostics_failure, task_failure};
pub use nodes::{offline_nodes, sure_nodes};
pub use owed::Owing;
pub use owners::{TWO_OWNERS, double_owner, owners_finding};
pub use planner::{Planner, Seat};

pub use result::{
    Outcome as ResultOf, brought, items_node, node as result_node, of_interlude, printed, register,
};
pub use verdict::{Counts, HostPlan, PlanError, TaskPlan};

use agent::wire::{Answer, Query};
use std::{future::Future, pin::Pin};

/// A future as a trait object: answers take a while.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Vec<Answer>, crate::event::Failure>> + Send + 'a>>;

/// Who answers queries: a host over ssh, this machine, a recording.
pub trait Ask: Send + Sync {
    /// Asks all of these in one round trip; the answers come in the same order.
    fn ask(&self, queries: Vec<Query>) -> Asking<'_>;
}
