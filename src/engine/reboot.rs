//! A host that starts anew in the middle of a run: it is waited for, proves that it has, and is gone on with over new links.

use super::{ActError, Applied, Doing, Events, executor::HostRun};
use crate::{
    diag::Exit,
    event::{Event, Failure},
    plan::task_failure,
    resource::{Fault, Reboot},
    site::HostTask,
};
use agent::wire::{Answer, Query};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Another one for each boot: `random(4)`.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);

fn question() -> Vec<Query> {
    vec![Query::Read { path: BOOT_ID.into(), limit: 100, secret: false }]
}

/// The boot id in the answers.
fn boot_id(answers: &[Answer]) -> Result<String, Failure> {
    match answers {
        [Answer::Content(Some(content))] => Ok(String::from_utf8_lossy(content.bytes()).trim().to_string()),
        other => Err(failure(format!("the host does not tell which boot it runs: {other:?}"))),
    }
}

fn failure(message: String) -> Failure {
    Failure {
        message,
        causes: vec![],
        hint: None,
        exit: Exit::TaskFailed as u8,
        place: None,
        excerpt: None,
        output: vec![],
        more: vec![],
    }
}

impl HostRun {
    /// The boot that the host runs now.
    ///
    /// # Errors
    /// On this machine, which cannot wait for itself, by whichever way it is reached, and when the host does not tell.
    pub(super) async fn boot(&self, task: &HostTask) -> Result<String, ActError> {
        let at = self.seat_of[task.id.0 as usize];
        let refused = |message: &str| {
            let fault = Fault::new(message).hint("run it from another machine, or leave this host out");
            ActError::Link(task_failure(task, &fault))
        };
        if self.open.is_local(&self.host, &self.seats[at]) {
            return Err(refused("this machine cannot be rebooted by a run on itself"));
        }
        let answers = self.link(at).ask(question()).await.map_err(ActError::Link)?;
        let boot = boot_id(&answers).map_err(ActError::Link)?;
        // Over ssh to itself, in a container on it, or from one: it is one kernel, and this program would go down with it.
        if self.open.own_boot().is_some_and(|own| own == boot) {
            return Err(refused("the host runs on the same kernel as this run, which would end with it"));
        }
        Ok(boot)
    }

    /// Waits for the host, which was told to start anew while it ran the boot `before`, and opens new links in the place of those that
    /// are gone with it. `told` is what came of telling it: the link may have been cut before the answer.
    pub(super) async fn come_back(
        &self,
        task: &HostTask,
        reboot: Reboot,
        before: &str,
        told: Result<Applied, ActError>,
        events: &Events,
    ) -> Result<Applied, ActError> {
        let applied = match told {
            Ok(applied) => applied,
            Err(ActError::Link(failure)) if failure.exit == Exit::Unreachable as u8 => {
                Applied { outputs: vec![], answers: vec![] }
            }
            Err(other) => return Err(other),
        };
        let say = |line: String| events(Event::TaskOutput { host: self.host.clone(), task: task.id, line });
        let own = self.seat_of[task.id.0 as usize];
        let gone: Vec<usize> =
            (0..self.seats.len()).filter(|at| self.seats[*at].place == self.seats[own].place).collect();
        let gone: Vec<usize> = gone.into_iter().filter(|at| self.link(*at).is_open()).collect();
        say(format!("told to reboot; waiting up to {} s for it to come back", reboot.timeout_s));
        let began = Instant::now();
        for at in &gone {
            self.link(*at).close().await;
        }
        let deadline = began + Duration::from_secs(reboot.timeout_s.into());
        // As long as it answers out of the old boot it has not gone down.
        let mut is_up = false;
        let is_new = || -> Doing<'_, Result<(), Failure>> {
            Box::pin(async {
                let answers = self.open.look(&self.host, &self.seats[own], question()).await?;
                match boot_id(&answers)? != before {
                    true => Ok(()),
                    false => Err(failure("it still runs the boot that it ran before".into())),
                }
            })
        };
        if let Err(last) = again(deadline, is_new).await {
            is_up |= last.exit == Exit::TaskFailed as u8;
            let waited = began.elapsed().as_secs();
            let message = match is_up {
                true => format!("the host was told to reboot and has not within {waited} s"),
                false => format!("the host has not come back: told to reboot, and waited for {waited} s"),
            };
            if is_up {
                // Those after this task that go on all the same do so over links that work.
                self.open_anew(&gone, deadline + Duration::from_secs(60)).await.map_err(ActError::Link)?;
            }
            let hint = "look at its console; `timeout` says how long it is waited for";
            let told = task_failure(task, &Fault::new(message).hint(hint));
            let causes = [vec![last.message], last.causes].concat();
            let exit = if is_up { Exit::TaskFailed } else { Exit::Unreachable } as u8;
            return Err(ActError::Link(Failure { causes, exit, ..told }));
        }
        say(format!("it is back after {} s and runs another boot", began.elapsed().as_secs()));
        if reboot.post_delay_s > 0 {
            sleep(Duration::from_secs(reboot.post_delay_s.into())).await;
        }
        // Logins may be let in one by one while it still comes up.
        let deadline = deadline.max(Instant::now() + Duration::from_secs(60));
        self.open_anew(&gone, deadline).await.map_err(ActError::Link)?;
        Ok(applied)
    }

    /// New links for these seats.
    async fn open_anew(&self, seats: &[usize], deadline: Instant) -> Result<(), Failure> {
        for at in seats {
            let seat = &self.seats[*at];
            let opened = again(deadline, || self.open.reopen(&self.host, seat)).await?;
            self.take_link(*at, opened.link);
        }
        Ok(())
    }
}

/// Tries until it succeeds or the time is over; then the last failure.
async fn again<'a, T>(
    deadline: Instant,
    mut attempt: impl FnMut() -> Doing<'a, Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut last = None;
    loop {
        sleep(PAUSE).await;
        let left = deadline.saturating_duration_since(Instant::now());
        match timeout(left.max(PAUSE), attempt()).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(failure)) => last = Some(failure),
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            return Err(last.unwrap_or_else(|| Failure {
                exit: Exit::Unreachable as u8,
                ..failure("it does not answer".into())
            }));
        }
    }
}
