//! Asking at the terminal for what must not show.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::{fs::File, io};

/// A line that is typed unseen, also when it is typed before the question is there.
///
/// # Errors
/// That there is no terminal, or its input has ended.
pub fn read_hidden(prompt: &str) -> io::Result<String> {
    let _quiet = Quiet::new();
    rpassword::prompt_password(prompt)
}

/// The terminal does not show what is typed as long as this lives.
pub(super) struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    /// `None`: whoever asks will say that there is no terminal.
    pub(super) fn new() -> Option<Self> {
        let terminal = File::open("/dev/tty").ok()?;
        let before = tcgetattr(&terminal).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Now, &quiet).ok()?;
        Some(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
