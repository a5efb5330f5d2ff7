//! One machine on its own: what is done to it does not wait for the other one, since two machines keep two cores busy.

use crate::canary::Watch;
use crate::guest::{Containers, Guest, restarted};
use crate::program::{Program, Run};
use crate::story::Secrets;
use std::time::Duration;

pub struct Line {
    pub program: Program,
    pub guest: Guest,
    /// The containers as the last step left them.
    pub containers: Containers,
    pub watch: Option<Watch>,
    pub secrets: Secrets,
}

impl Line {
    /// Names of what differs in a task's plan, sorted.
    #[track_caller]
    pub fn facets(&self, run: &Run, task: &str) -> Vec<String> {
        let pending = run.pending(self.guest.name).into_iter().find(|pending| pending.name == task);
        let pending = pending.unwrap_or_else(|| panic!("`{task}` is not in the plan\n{run}"));
        let mut names: Vec<String> = pending.facets.into_iter().map(|(name, _)| name).collect();
        names.sort();
        names
    }

    /// Proves that just these containers were made or started anew.
    #[track_caller]
    pub fn expect_restarted(&mut self, services: &[&str]) {
        let after = self.guest.wait_healthy(Duration::from_secs(240));
        assert_eq!(restarted(&self.containers, &after), services);
        self.containers = after;
    }

    /// Proves that no process, here and there, ever had a secret in its arguments. A reboot would end the watch.
    pub fn end_watch(&mut self) {
        let watch = self.watch.take().expect("it was started with the machines");
        let seen = watch.end(&self.guest);
        assert!(seen.is_empty(), "processes had secrets in their arguments: {seen:#?}");
    }
}
