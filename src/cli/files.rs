//! The files of a project as they are on disk, vaults opened.

use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    playbook::Files,
    vault::{Passwords, VaultText, is_vault, read_yaml},
    yaml::Node,
};
use agent::secret::Content;
use std::{
    io::Read,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    time::{Duration, Instant},
};

/// The disk, and what opens the vaults on it.
pub struct Disk {
    pub passwords: Arc<Passwords>,
}

impl Files for Disk {
    fn read(&self, path: &Path, errors: &mut Diagnostics) -> Option<Content> {
        let place = Origin::named(&path.display().to_string());
        let bytes = std::fs::read(path)
            .map_err(|e| Diagnostic::error(format!("cannot read {}", path.display())).cause(e));
        let bytes = errors.take(bytes)?;
        if !is_vault(&bytes) {
            return Some(Content::new(bytes, false));
        }
        let vault = VaultText::parse(&String::from_utf8_lossy(&bytes));
        let plain = vault.and_then(|vault| vault.decrypt(&self.passwords));
        errors.take(plain.map_err(|e| e.diagnostic(&place))).map(Content::Secret)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn yaml(&self, path: &Path, errors: &mut Diagnostics) -> Option<Node> {
        read_yaml(path, &self.passwords, errors)
    }
}

/// Longer than what asks a slow cloud takes.
const LIMIT: Duration = Duration::from_secs(120);
/// As many bytes of what a program complained about are shown at most.
const SHOWN: usize = 2000;

/// What a program prints, for inventories that are one.
///
/// # Errors
/// When it does not start, does not end within two minutes, or fails: with what it complained about.
pub fn run(program: &Path, arguments: &[&str]) -> Result<Vec<u8>, Diagnostic> {
    let called =
        std::iter::once(program.display().to_string()).chain(arguments.iter().map(ToString::to_string));
    let called = called.collect::<Vec<_>>().join(" ");
    let failed = |cause: String| Diagnostic::error(format!("cannot run `{called}`")).cause(cause);
    // A bare name would be searched in PATH.
    let path = std::path::absolute(program).map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        failed(error.to_string()).hint("a program needs `#!` and its interpreter in the first line")
    })?;
    let (output, complaint) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < LIMIT => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("it has not ended after {} s", LIMIT.as_secs())));
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    };
    // What it left running may hold the pipes open.
    let all = |bytes: &Receiver<Vec<u8>>| bytes.recv_timeout(Duration::from_secs(2)).unwrap_or_default();
    if status.success() {
        return Ok(all(&output));
    }
    let said = String::from_utf8_lossy(&all(&complaint)).trim().to_owned();
    let error = failed(status.to_string());
    Err(if said.is_empty() {
        error
    } else {
        error.cause(&said[said.ceil_char_boundary(said.len().saturating_sub(SHOWN))..])
    })
}

/// Reads a pipe to its end, beside what else is done.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = vec![];
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}
