//! Showing a secret text in the user's editor without it ever touching a disk.

use super::memory::{self, PrivateFolder};
use super::signals::Signals;
use crate::diag::{Diagnostic, Exit};
use agent::secret::Secret;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// What came out of the editor.
pub(super) struct Edited {
    pub text: Secret,
    /// The editor failed or was ended by a signal: the text may be half typed.
    pub problem: Option<Diagnostic>,
}

/// The user's editor, and where plain text may lie while it runs.
pub(super) struct Editor {
    /// A shell's words, as in `code --wait`.
    command: String,
    folders: Vec<PathBuf>,
}

impl Editor {
    pub(super) fn new(command: impl Into<String>, folders: Vec<PathBuf>) -> Self {
        Self { command: command.into(), folders }
    }

    /// `$VISUAL`, `$EDITOR` or `vi`; `$XDG_RUNTIME_DIR` or `/dev/shm`.
    pub(super) fn from_environment() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let command = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".into());
        Self::new(command, memory::folders())
    }

    /// Opens `text` under the name of the real file, so that the editor knows the syntax.
    pub(super) fn edit(&self, text: &Secret, name: &str) -> Result<Edited, Diagnostic> {
        let failed =
            |error: io::Error| Diagnostic::error("cannot prepare the file for the editor").cause(error);
        let signals = Signals::catch()?;
        let folder = PrivateFolder::new(&self.folders)?;
        let path = folder.write(name, text).map_err(failed)?;
        let editor = &self.command;
        let mut problem = match wait_for(editor, &path, &signals) {
            Ok(Ended::Exit(status)) if status.success() => None,
            Ok(Ended::Exit(status)) => Some(
                Diagnostic::error(format!("the editor `{editor}` failed"))
                    .cause(status)
                    .hint("set $VISUAL or $EDITOR to the editor you want"),
            ),
            Ok(Ended::Signal) => {
                Some(Diagnostic::error("ended by a signal while editing").exit(Exit::Cancelled))
            }
            Err(error) => Some(Diagnostic::error(format!("cannot run the editor `{editor}`")).cause(error)),
        };
        let text = match fs::read(&path) {
            Ok(bytes) => Secret::new(bytes),
            Err(error) => {
                problem
                    .get_or_insert_with(|| Diagnostic::error("the editor left no file behind").cause(error));
                text.clone()
            }
        };
        Ok(Edited { text, problem })
    }

    /// Encrypted text that fits nowhere else may stay in memory.
    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }
}

enum Ended {
    Exit(ExitStatus),
    Signal,
}

/// Runs the editor. An interrupt belongs to the editor while it runs; a request to end ends it first, so that its
/// file can still be taken care of.
fn wait_for(editor: &str, path: &Path, signals: &Signals) -> io::Result<Ended> {
    let run = async {
        // By a shell, as git does: the variable may hold arguments and quotes.
        let mut command = tokio::process::Command::new("sh");
        command.arg("-c").arg(format!("exec {editor} \"$@\"")).arg("sh").arg(path);
        let mut child = command.spawn()?;
        tokio::select! {
            status = child.wait() => return Ok(Ended::Exit(status?)),
            () = signals.end() => {}
        }
        let pid = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            // It may be gone already; then there is nobody to tell.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(Duration::from_secs(2), child.wait()).await.is_err() {
            child.kill().await?;
        }
        Ok(Ended::Signal)
    };
    // A thread of its own: the caller may already be inside a runtime.
    std::thread::scope(|scope| {
        let editor =
            scope.spawn(|| tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run));
        editor.join().unwrap_or_else(|_| Err(io::Error::other("the thread that waits for it panicked")))
    })
}
