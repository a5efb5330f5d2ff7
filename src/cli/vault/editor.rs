//! Showing a secret text in the user's editor without it ever touching a disk.

use crate::diag::{Diagnostic, Exit};
use agent::secret::Secret;
use rustix::fs::{FsWord, statfs};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// File systems that live in memory.
const TMPFS: FsWord = 0x0102_1994;
const RAMFS: FsWord = 0x8584_58f6;

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
        let folders = set("XDG_RUNTIME_DIR").into_iter().chain(["/dev/shm".into()]);
        Self::new(command, folders.map(PathBuf::from).collect())
    }

    /// Opens `text` under the name of the real file, so that the editor knows the syntax.
    pub(super) fn edit(&self, text: &Secret, name: &str) -> Result<Edited, Diagnostic> {
        let failed =
            |error: io::Error| Diagnostic::error("cannot prepare the file for the editor").cause(error);
        let folder = PrivateFolder::new(&self.folders)?;
        let path = folder.0.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.expose())).map_err(failed)?;
        let editor = &self.command;
        let mut problem = match wait_for(editor, &path) {
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
fn wait_for(editor: &str, path: &Path) -> io::Result<Ended> {
    let run = async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut quit = signal(SignalKind::quit())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        // By a shell, as git does: the variable may hold arguments and quotes.
        let mut command = tokio::process::Command::new("sh");
        command.arg("-c").arg(format!("exec {editor} \"$@\"")).arg("sh").arg(path);
        let mut child = command.spawn()?;
        loop {
            tokio::select! {
                status = child.wait() => return Ok(Ended::Exit(status?)),
                _ = interrupt.recv() => {}
                _ = quit.recv() => {}
                _ = terminate.recv() => break,
                _ = hangup.recv() => break,
            }
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

/// A 0700 folder in memory; its files are overwritten and removed with it.
struct PrivateFolder(PathBuf);

impl PrivateFolder {
    fn new(parents: &[PathBuf]) -> Result<Self, Diagnostic> {
        let mut error = Diagnostic::error("no place in memory for the decrypted text");
        for parent in parents {
            let mut builder = tempfile::Builder::new();
            let made = match is_memory(parent) {
                Ok(true) => {
                    builder.prefix("vault-").permissions(Permissions::from_mode(0o700)).tempdir_in(parent)
                }
                Ok(false) => Err(io::Error::other("not a tmpfs")),
                Err(error) => Err(error),
            };
            match made {
                Ok(folder) => return Ok(Self(folder.keep())),
                Err(cause) => error = error.cause(format!("{}: {cause}", parent.display())),
            }
        }
        Err(error.hint("mount a tmpfs on /dev/shm, or set XDG_RUNTIME_DIR to a folder on one"))
    }

    fn wipe(&self) -> io::Result<()> {
        // Editors leave swap and backup files beside the text.
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.symlink_metadata()?.is_file() {
                let mut file = OpenOptions::new().write(true).open(&path)?;
                let length = file.metadata()?.len();
                io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
            }
        }
        Ok(())
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        let wiped = self.wipe();
        let removed = fs::remove_dir_all(&self.0);
        if let Err(error) = wiped.and(removed) {
            eprintln!("warning: cannot remove the decrypted text in {}: {error}", self.0.display());
        }
    }
}

fn is_memory(path: &Path) -> io::Result<bool> {
    Ok(matches!(statfs(path)?.f_type, TMPFS | RAMFS))
}
