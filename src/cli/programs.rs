//! Programs on this machine that are run for what they print: inventories, secrets, and resource types of the project.

use crate::{diag::Diagnostic, playbook::Call};
use agent::secret::Secret;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::{
    io::{ErrorKind, Read, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
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
/// And an answer of a resource type.
const ANSWER: usize = 8 << 20;
/// What a resource type is given of the environment.
const ENVIRONMENT: [&str; 4] = ["PATH", "HOME", "USER", "TMPDIR"];

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

/// Asks a resource type of the project. It gets an environment that holds no more than it needs, and a process group that ends with it.
///
/// # Errors
/// When it does not start, does not end in time, prints too much, or fails: with what it complained about, if that may be shown.
pub fn converse(call: &Call) -> Result<Secret, Diagnostic> {
    let called = format!("`{} {}`", call.program.display(), call.verb);
    let failed = |how: String| Diagnostic::error(format!("{called} {how}"));
    let path =
        std::path::absolute(call.program).map_err(|error| failed("cannot be run".into()).cause(error))?;
    let mut command = Command::new(&path);
    command.arg(call.verb).current_dir(path.parent().unwrap_or(Path::new("/"))).process_group(0);
    command.env_clear().env("LANG", "C.UTF-8");
    let kept = ENVIRONMENT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.envs(kept).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::PermissionDenied => {
                format!("make it executable: `chmod +x {}`", call.program.display())
            }
            ErrorKind::NotFound => "the interpreter that its first line names is not there".into(),
            _ => "a program needs `#!` and its interpreter in the first line".into(),
        };
        failed("cannot be run".into()).cause(error).hint(hint)
    })?;
    let (mut pipe, input) = (child.stdin.take(), Zeroizing::new(call.input.to_vec()));
    // One that does not read what it is asked is not waited for here.
    std::thread::spawn(move || pipe.as_mut().map(|pipe| pipe.write_all(&input)));
    let limit = Duration::from_secs(call.seconds);
    let ended = wait_for(child, limit, ANSWER, true).map_err(|how| {
        let error = failed(how);
        if call.verb == "describe" {
            error
        } else {
            error.hint("it may say how long it takes: `\"timeout\"` in its description")
        }
    })?;
    if !ended.status.success() {
        let error = failed(format!("ended with {}", ended.status));
        return Err(match call.secret {
            true => error.cause("what it complained about may hold a secret, and is not shown"),
            false => ended.complains(error),
        });
    }
    Ok(Secret::new(ended.printed.as_slice()))
}

/// Waits for a program, without keeping the runtime from what else there is to do: signals above all.
pub fn waiting(work: &mut dyn FnMut()) {
    let flavor = tokio::runtime::Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match flavor {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
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
fn wait(child: Child, limit: Duration, most: usize) -> Result<Ended, String> {
    wait_for(child, limit, most, false)
}

/// `group`: the program leads a process group, which ends with it, and which is ended when it prints too much.
fn wait_for(mut child: Child, limit: Duration, most: usize, group: bool) -> Result<Ended, String> {
    let (printed, complaint) = (collect(child.stdout.take(), most), collect(child.stderr.take(), most));
    let began = Instant::now();
    let leader = Pid::from_child(&child);
    let end = |child: &mut Child| {
        if group {
            let _ = kill_process_group(leader, Signal::KILL);
        }
        let _ = child.kill();
        let _ = child.wait();
    };
    let status = loop {
        // Its number must be its own as long as the group is ended by it.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        if group && waitid(WaitId::Pid(leader), options).is_ok_and(|ended| ended.is_some()) {
            let _ = kill_process_group(leader, Signal::KILL);
        }
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if group && [&printed, &complaint].iter().any(|pipe| pipe.count() > most) => {
                end(&mut child);
                return Err(format!("prints more than {} MiB", most >> 20));
            }
            Ok(None) if began.elapsed() < limit => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                end(&mut child);
                let who = if group { "" } else { "it " };
                return Err(format!("{who}has not ended after {} s", limit.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    let (printed, complaint) = (printed.all(), complaint.all());
    if group && printed.len() > most {
        return Err(format!("prints more than {} MiB", most >> 20));
    }
    Ok(Ended { status, printed, complaint })
}

/// What comes through a pipe.
struct Collected {
    bytes: Arc<Mutex<Zeroizing<Vec<u8>>>>,
    ended: Receiver<()>,
}

impl Collected {
    fn count(&self) -> usize {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// All of it. What the program left running may hold the pipe open: that is not waited for.
    fn all(self) -> Zeroizing<Vec<u8>> {
        let _ = self.ended.recv_timeout(Duration::from_secs(2));
        std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads a pipe to its end, beside what else is done. A buffer that has to grow overwrites what it leaves behind.
fn collect(pipe: Option<impl Read + Send + 'static>, most: usize) -> Collected {
    let (sender, ended) = channel();
    let all = Arc::new(Mutex::new(Zeroizing::new(Vec::with_capacity(64 << 10))));
    let into = all.clone();
    std::thread::spawn(move || {
        let mut piece = Zeroizing::new([0; 16 << 10]);
        let mut pipe = pipe;
        while let Some(Ok(count @ 1..)) = pipe.as_mut().map(|pipe| pipe.read(&mut *piece)) {
            let mut bytes = into.lock().unwrap_or_else(PoisonError::into_inner);
            // The rest is read all the same: a full pipe would hold the program up.
            let kept = count.min((most + 1).saturating_sub(bytes.len()));
            if bytes.capacity() - bytes.len() < kept {
                let mut larger = Zeroizing::new(Vec::with_capacity((bytes.capacity() * 2).max(kept)));
                larger.extend_from_slice(&bytes);
                *bytes = larger;
            }
            bytes.extend_from_slice(&piece[..kept]);
        }
        let _ = sender.send(());
    });
    Collected { bytes: all, ended }
}
