//! Plain lines about what takes long.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a step that is still running says so.
const STILL_HERE: Duration = Duration::from_secs(15);

/// Prints one line of the lab's.
pub(super) fn say(line: impl std::fmt::Display) {
    eprintln!("lab: {line}");
}

/// A step under way; says that it still is from time to time, until it is dropped.
pub(super) struct Step {
    what: String,
    started: Instant,
    stop: mpsc::Sender<()>,
    ticker: Option<JoinHandle<()>>,
}

impl Step {
    /// Announces `what`; `about` is what it usually takes.
    pub fn start(what: impl Into<String>, about: &str) -> Self {
        let what = what.into();
        say(format_args!("{what} (about {about}) ..."));
        let (stop, stopped) = mpsc::channel();
        let (text, started) = (what.clone(), Instant::now());
        let ticker = std::thread::spawn(move || {
            while stopped.recv_timeout(STILL_HERE) == Err(RecvTimeoutError::Timeout) {
                say(format_args!("{text}: {} s so far", started.elapsed().as_secs()));
            }
        });
        Self { what, started, stop, ticker: Some(ticker) }
    }

    /// Says how long it took.
    pub fn done(self) {
        say(format_args!("{}: done in {:.1} s", self.what, self.started.elapsed().as_secs_f64()));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        // The ticker may be gone already only if it panicked; then there is nothing to stop.
        drop(std::mem::replace(&mut self.stop, mpsc::channel().0));
        if let Some(ticker) = self.ticker.take() {
            let _ = ticker.join();
        }
    }
}
