//! Programs on this machine that are run for what they print: inventories, and secrets.

use crate::diag::Diagnostic;
use agent::secret::Secret;
use std::{
    io::{ErrorKind, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Longer than what asks a slow cloud takes.
const LIMIT: Duration = Duration::from_secs(120);
/// As many bytes, and lines, of what a program complained about are shown at most.
const SHOWN: usize = 2000;
const LINES: usize = 10;
/// As many bytes may an inventory, and a secret, have.
const INVENTORY: usize = 256 << 20;
const SECRET: usize = 1 << 20;

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
    let child = start(Command::new(path).args(arguments)).map_err(|error| {
        failed(error.to_string()).hint("a program needs `#!` and its interpreter in the first line")
    })?;
    let mut ended = wait(child, LIMIT, INVENTORY).map_err(failed)?;
    if ended.status.success() {
        return Ok(std::mem::take(&mut *ended.printed));
    }
    Err(ended.complains(failed(ended.status.to_string())))
}

/// What a program prints, for secrets: the first word is the program, and there is no shell. It is given no input; it may ask on the
/// terminal. What it printed is in no error.
///
/// # Errors
/// When it does not start, does not end within so many seconds, prints more than 1 MiB, or fails: with what it complained about.
pub fn ask(argv: &[String], timeout: u64) -> Result<Secret, Diagnostic> {
    let (program, arguments) = argv.split_first().expect("a question names a program");
    let failed = |cause: String| Diagnostic::error(format!("`{program}` gave no secret")).cause(cause);
    let child = start(Command::new(program).args(arguments)).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound if Path::new(program).is_file() => {
                "the interpreter that its first line names is not there".into()
            }
            ErrorKind::NotFound if program.contains('/') => {
                "a relative path begins at the folder of the file that it is written in".into()
            }
            ErrorKind::NotFound => format!("install `{program}` on this machine, or give its whole path"),
            ErrorKind::PermissionDenied => format!("make it executable: `chmod +x {program}`"),
            _ => "a program needs `#!` and its interpreter in the first line".into(),
        };
        Diagnostic::error(format!("cannot run `{program}` for a secret")).cause(error).hint(hint)
    })?;
    let limit = Duration::from_secs(timeout);
    let ended = wait(child, limit, SECRET).map_err(|cause| {
        let hint = format!("sign in to `{program}` first, or give it longer: `timeout: {}`", timeout * 2);
        failed(cause).hint(hint)
    })?;
    if !ended.status.success() {
        return Err(ended.complains(failed(ended.status.to_string())));
    }
    if ended.printed.len() > SECRET {
        return Err(failed(format!("it printed more than {} MiB", SECRET >> 20)));
    }
    Ok(Secret::new(ended.printed.as_slice()))
}

/// How a program ended.
pub struct Ended {
    status: ExitStatus,
    printed: Zeroizing<Vec<u8>>,
    complaint: Zeroizing<Vec<u8>>,
}

impl Ended {
    /// `None`: by a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// What it printed on stdout.
    pub fn printed(&self) -> &[u8] {
        &self.printed
    }

    /// The end of what it wrote to stderr, as a further cause.
    pub fn complains(&self, error: Diagnostic) -> Diagnostic {
        let said = String::from_utf8_lossy(&self.complaint);
        let said = said.trim();
        let said = &said[said.ceil_char_boundary(said.len().saturating_sub(SHOWN))..];
        let lines: Vec<&str> = said.lines().collect();
        let said = lines[lines.len().saturating_sub(LINES)..].join("\n");
        if said.is_empty() { error } else { error.cause(said) }
    }
}

/// Runs a program that works on a text.
///
/// # Errors
/// When it does not start, or does not end within two minutes.
pub fn output(command: &mut Command) -> Result<Ended, String> {
    wait(start(command).map_err(|error| error.to_string())?, LIMIT, INVENTORY)
}

fn start(command: &mut Command) -> std::io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Waits for the end, for so long at most; of what is printed one byte more than `most` is kept.
fn wait(mut child: Child, limit: Duration, most: usize) -> Result<Ended, String> {
    let (printed, complaint) = (collect(child.stdout.take(), most), collect(child.stderr.take(), most));
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < limit => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it has not ended after {} s", limit.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    // What it left running may hold the pipes open.
    let all =
        |bytes: &Receiver<Zeroizing<Vec<u8>>>| bytes.recv_timeout(Duration::from_secs(2)).unwrap_or_default();
    Ok(Ended { status, printed: all(&printed), complaint: all(&complaint) })
}

/// Reads a pipe to its end, beside what else is done. A buffer that has to grow overwrites what it leaves behind.
fn collect(pipe: Option<impl Read + Send + 'static>, most: usize) -> Receiver<Zeroizing<Vec<u8>>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
        let mut piece = Zeroizing::new([0; 16 << 10]);
        let mut pipe = pipe;
        while let Some(Ok(count @ 1..)) = pipe.as_mut().map(|pipe| pipe.read(&mut *piece)) {
            // The rest is read all the same: a full pipe would hold the program up.
            let kept = count.min((most + 1).saturating_sub(bytes.len()));
            if bytes.capacity() - bytes.len() < kept {
                let mut larger = Zeroizing::new(Vec::with_capacity(bytes.capacity() * 2));
                larger.extend_from_slice(&bytes);
                bytes = larger;
            }
            bytes.extend_from_slice(&piece[..kept]);
        }
        let _ = sender.send(bytes);
    });
    receiver
}
