//! How hosts that are being planned hear of each other.

use super::{
    Keeping,
    dispatcher::{Hosts, Somebody},
    meeting::Meeting,
    record::Recording,
};
use agent::wire::Facts;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// A host on its way: all others may have to wait for what it says of itself.
pub(super) struct Arrival {
    pub host: String,
    pub hosts: Arc<dyn Hosts>,
    pub facts: Option<Facts>,
    pub left: watch::Sender<usize>,
}

impl Arrival {
    /// Tells the others, and waits for them when that is of use. The turn is given back in the meantime: there may be more hosts
    /// than turns.
    pub(super) async fn with(
        mut self,
        facts: Option<&Facts>,
        turn: OwnedSemaphorePermit,
        forks: Arc<Semaphore>,
    ) -> Option<OwnedSemaphorePermit> {
        self.facts = facts.cloned();
        if !self.hosts.looks_across() {
            return Some(turn);
        }
        let mut left = self.left.subscribe();
        drop((turn, self));
        let _ = left.wait_for(|left| *left == 0).await;
        forks.acquire_owned().await.ok()
    }
}

impl Drop for Arrival {
    /// However it ends.
    fn drop(&mut self) {
        self.hosts.gathered(&self.host, self.facts.as_ref());
        self.left.send_modify(|left| *left -= 1);
    }
}

/// How a host that is being planned hears of the others, and of whoever started the run.
pub(super) struct Ways {
    pub arrival: Arrival,
    pub turn: OwnedSemaphorePermit,
    pub forks: Arc<Semaphore>,
    pub meeting: Arc<Meeting>,
    pub somebody: Option<Arc<dyn Somebody>>,
    /// Keeps what is fetched.
    pub keep: Keeping,
    pub recording: Option<Arc<Recording>>,
    pub playbook: Option<Arc<str>>,
    /// No more may be done than the plan shows.
    pub exact: bool,
    /// What refuses to be done is shown all the same.
    pub looks: bool,
}

/// Sees to it that nobody waits for the plan of a host for ever.
pub(super) struct Said<'a> {
    pub meeting: &'a Meeting,
    pub host: &'a str,
}

impl Drop for Said<'_> {
    fn drop(&mut self) {
        self.meeting.planned(self.host, None);
    }
}
