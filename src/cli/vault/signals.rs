//! Signals that would end the program while plain text lies in memory: held back until it is wiped.

use crate::diag::{Diagnostic, Exit};
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// What was asked of the program so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Came {
    Nothing,
    /// From the keyboard, to all that runs there.
    Interrupt,
    /// By name, or since the terminal is gone.
    End,
}

/// Signals are held back from when this is made.
pub(super) struct Signals(watch::Receiver<Came>);

impl Signals {
    /// # Errors
    /// When the system does not let signals be caught; then no plain text may be written.
    pub fn catch() -> Result<Self, Diagnostic> {
        let failed = |error: io::Error| Diagnostic::error("cannot catch signals").cause(error);
        let (came, seen) = watch::channel(Came::Nothing);
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let wait = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error))),
            };
            runtime.block_on(async {
                let signals = Caught::new();
                let caught = signals.as_ref().map(drop).map_err(|error| io::Error::from(error.kind()));
                let _ = ready.send(caught);
                if let Ok(mut signals) = signals {
                    signals.tell(&came).await;
                }
            });
        };
        std::thread::Builder::new().name("signals".into()).spawn(wait).map_err(failed)?;
        is_ready.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())).map_err(failed)?;
        Ok(Self(seen))
    }

    /// # Errors
    /// When one came.
    pub fn none(&self) -> Result<(), Diagnostic> {
        match *self.0.borrow() {
            Came::Nothing => Ok(()),
            Came::Interrupt | Came::End => {
                Err(Diagnostic::error("ended by a signal: nothing was changed").exit(Exit::Cancelled))
            }
        }
    }

    /// Waits until the program is told to end.
    pub async fn end(&self) {
        // It never ends by itself as long as this is there.
        let _ = self.0.clone().wait_for(|came| *came == Came::End).await;
    }
}

struct Caught {
    keyboard: [Signal; 2],
    end: [Signal; 2],
}

impl Caught {
    fn new() -> io::Result<Self> {
        Ok(Self {
            keyboard: [signal(SignalKind::interrupt())?, signal(SignalKind::quit())?],
            end: [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?],
        })
    }

    /// Until nobody listens.
    async fn tell(&mut self, came: &watch::Sender<Came>) {
        let ([interrupt, quit], [terminate, hangup]) = (&mut self.keyboard, &mut self.end);
        loop {
            let now = tokio::select! {
                () = came.closed() => return,
                _ = interrupt.recv() => Came::Interrupt,
                _ = quit.recv() => Came::Interrupt,
                _ = terminate.recv() => Came::End,
                _ = hangup.recv() => Came::End,
            };
            came.send_modify(|came| *came = now.max(*came));
        }
    }
}
