//! Running commands: each in its own process group with a clean environment, a time limit and bounded output.

mod pipe;
mod script;
mod stream;
mod which;

pub use self::pipe::Pipe;
pub use self::script::sweep;
pub use self::stream::memory;
pub use self::which::{PATH, which};

use self::script::Placed;
use self::stream::{Source, Stream};
use self::which::which_in;
use crate::reason;
use crate::secret::Content;
use crate::wire::{Exec, Output, SIGNALLED, TIMED_OUT};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal};
use rustix::process::{getrlimit, kill_process_group, pidfd_open, setrlimit};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3600);
/// At most 20 progress frames a second.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);
/// How long the pipes are read after the command itself has ended (a daemon it left behind may hold them for ever).
const AFTER_EXIT: Duration = Duration::from_millis(300);

/// Process groups that end with the agent.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
static ENDING: AtomicBool = AtomicBool::new(false);

/// The limit of open files that the agent was started with: what its children get.
static FILES: OnceLock<Rlimit> = OnceLock::new();

/// Raises the agent's own limit of open files (a port scan opens thousands), not its children's.
pub fn raise_file_limit() {
    let found = getrlimit(Resource::Nofile);
    let _ = FILES.set(found);
    let enough = found.maximum.unwrap_or(u64::MAX).min(8192);
    if found.current.is_some_and(|current| current < enough) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(enough), maximum: found.maximum });
    }
}

/// Ends every registered process group: politely, then for good. No command can be started after this.
pub fn end_all() {
    ENDING.store(true, Ordering::SeqCst);
    for signal in [Signal::TERM, Signal::KILL] {
        let groups = GROUPS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        if groups.is_empty() {
            return;
        }
        for group in &groups {
            let _ = kill_process_group(*group, signal);
        }
        let until = Instant::now() + Duration::from_millis(500);
        let alive = || groups.iter().any(|group| rustix::process::test_kill_process_group(*group).is_ok());
        while alive() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Why there is no [`Output`].
#[derive(Debug)]
pub enum Failure {
    /// The program (named) does not exist or is not executable.
    Missing(String),
    /// A message for a person.
    Other(String),
}

impl Failure {
    pub fn message(self) -> String {
        match self {
            Self::Missing(program) => format!("program `{program}` not found"),
            Self::Other(message) => message,
        }
    }
}

/// A command that only reads, built by the agent. A missing program is exit code 127.
pub fn probe(argv: &[&str], stdin: Option<&[u8]>, timeout: Duration) -> Output {
    let mut exec = Exec::new(argv.iter().copied());
    exec.stdin = stdin.map(|bytes| Content::new(bytes, true));
    exec.timeout_s = timeout.as_secs().max(1) as u32;
    output_or_code(run(&exec, &mut |_| {}), false)
}

/// A failure to start as a shell would show it: an exit code and a message on stderr.
pub fn output_or_code(result: Result<Output, Failure>, secret: bool) -> Output {
    result.unwrap_or_else(|failure| Output {
        code: if matches!(failure, Failure::Missing(_)) { 127 } else { 126 },
        stdout: Content::new("", secret),
        stderr: Content::Clear(failure.message().into()),
    })
}

/// Runs a command to its end. `progress` gets whole lines as they are printed, several at once when they come fast.
///
/// # Errors
/// When it cannot be started. An exit code other than 0 is not an error.
pub fn run(exec: &Exec, progress: &mut dyn FnMut(Content)) -> Result<Output, Failure> {
    run_on(exec, Streams::default(), progress)
}

/// Open files instead of what is given and captured.
#[derive(Default)]
pub struct Streams {
    pub stdin: Option<File>,
    pub stdout: Option<File>,
}

/// As [`run`].
///
/// # Errors
/// As [`run`].
pub fn run_on(exec: &Exec, streams: Streams, progress: &mut dyn FnMut(Content)) -> Result<Output, Failure> {
    let mut running = Running::start(exec, streams)?;
    let limit =
        if exec.timeout_s == 0 { DEFAULT_TIMEOUT } else { Duration::from_secs(exec.timeout_s.into()) };
    let deadline = Instant::now() + limit;
    let mut timed_out = false;
    let status = loop {
        let wait = deadline.saturating_duration_since(Instant::now());
        running.pump(wait, progress);
        match running.child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) => {}
            Err(error) => {
                return Err(Failure::Other(format!("cannot wait for {}: {}", exec.argv[0], reason(error))));
            }
        }
        if Instant::now() >= deadline {
            timed_out = true;
            running.end();
            break None;
        }
    };
    running.unregister();
    running.drain(progress);
    let mut stderr = running.stderr.take();
    let code = match status {
        _ if timed_out => {
            stderr.extend(format!("\ntime ran out after {} s\n", limit.as_secs()).as_bytes());
            TIMED_OUT
        }
        Some(status) => status.code().unwrap_or_else(|| SIGNALLED + status.signal().unwrap_or(0)),
        None => 126,
    };
    let stdout = running.stdout.take();
    Ok(Output { code, stdout: Content::new(stdout, exec.secret), stderr: Content::new(stderr, exec.secret) })
}

struct Running {
    child: Child,
    group: Pid,
    survive: bool,
    registered: bool,
    secret: bool,
    pidfd: Option<OwnedFd>,
    stdout: Stream,
    stderr: Stream,
    buffer: Vec<u8>,
    last_progress: Option<Instant>,
    _script: Option<Placed>,
}

impl Running {
    fn start(exec: &Exec, streams: Streams) -> Result<Self, Failure> {
        let placed = exec.script.as_ref().map(Placed::put).transpose().map_err(Failure::Other)?;
        let mut argv: Vec<&str> = exec.argv.iter().map(String::as_str).collect();
        if let (Some(placed), Some(script)) = (&placed, &exec.script) {
            argv.insert((script.at as usize).min(argv.len()), &placed.path);
        }
        let Some(&name) = argv.first() else {
            return Err(Failure::Other("the command is empty".into()));
        };
        let by_itself = placed.as_ref().is_some_and(|placed| placed.path == name);
        let folder = exec.cwd.as_deref().unwrap_or("/");
        // As a shell that stands there would find it.
        let there = std::path::Path::new(folder).join(name);
        let wanted = if name.contains('/') { there.to_str().unwrap_or(name) } else { name };
        let program =
            if by_itself { Some(name.to_string()) } else { which_in(wanted, exec.path().as_deref(), folder) };
        let program = program.ok_or_else(|| Failure::Missing(name.to_string()))?;
        let other = |error: std::io::Error| match (by_itself, error.raw_os_error()) {
            (true, Some(libc::ENOEXEC)) => Failure::Other(
                "the script does not say what runs it: begin it with `#!`, or name `executable`".into(),
            ),
            (true, Some(libc::EACCES)) => Failure::Other(format!(
                "nothing may be run in {}, or not the interpreter of the script: name it as `executable`",
                std::path::Path::new(name).parent().unwrap_or(std::path::Path::new("/")).display()
            )),
            _ => Failure::Other(format!("cannot run {name}: {}", reason(error))),
        };
        let mut command = Command::new(program);
        command.arg0(name).args(&argv[1..]).env_clear();
        command.env("PATH", PATH).env("LANG", "C.UTF-8");
        command.env("HOME", std::env::var_os("HOME").unwrap_or_else(|| "/".into()));
        for (key, value) in &exec.env {
            command.env(key, std::ffi::OsStr::new(&*String::from_utf8_lossy(value.bytes())));
        }
        command.current_dir(folder);
        command.stdin(match (streams.stdin, &exec.stdin) {
            (Some(file), _) => file.into(),
            (None, Some(content)) => memory(content.bytes()).map_err(other)?.into(),
            (None, None) => Stdio::null(),
        });
        let mut files = None;
        if exec.survive {
            let (out, err) = (memory(b"").map_err(other)?, memory(b"").map_err(other)?);
            command.stdout(out.try_clone().map_err(other)?).stderr(err.try_clone().map_err(other)?);
            files = Some((out, err));
        } else {
            command.stdout(streams.stdout.map_or_else(Stdio::piped, Into::into)).stderr(Stdio::piped());
        }
        let survive = exec.survive;
        let files_limit = FILES.get().copied();
        // SAFETY: between fork and exec only system calls that are safe there are made, and nothing is allocated.
        unsafe {
            command.pre_exec(move || {
                if let Some(limit) = files_limit {
                    setrlimit(Resource::Nofile, limit)?;
                }
                if survive {
                    rustix::process::setsid()?;
                } else {
                    rustix::process::setpgid(None, None)?;
                    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
                    libc::signal(libc::SIGHUP, libc::SIG_DFL);
                }
                Ok(())
            });
        }
        // Under the lock: `end_all` either sees the group or has forbidden the start.
        let mut groups = GROUPS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if ENDING.load(Ordering::SeqCst) {
            return Err(Failure::Other("the session has ended".into()));
        }
        let mut spawned = command.spawn();
        // What another thread has just forked may hold the script open for writing.
        for _ in 0..20 {
            if !matches!(&spawned, Err(error) if error.raw_os_error() == Some(libc::ETXTBSY)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
            spawned = command.spawn();
        }
        let mut child = spawned.map_err(|error| match (error.kind(), &exec.cwd) {
            (std::io::ErrorKind::NotFound, Some(cwd)) if !std::path::Path::new(cwd).is_dir() => {
                Failure::Other(format!("cannot run {name}: there is no folder {cwd}"))
            }
            _ => other(error),
        })?;
        let group = Pid::from_raw(child.id() as i32).expect("a child has a process id");
        if !survive {
            groups.push(group);
        }
        drop(groups);
        let pipe = |fd: OwnedFd| {
            let _ = rustix::io::ioctl_fionbio(&fd, true);
            Source::Pipe(File::from(fd))
        };
        let (stdout, stderr) = match files {
            Some((out, err)) => {
                (Source::Memory { file: out, offset: 0 }, Source::Memory { file: err, offset: 0 })
            }
            None => (
                child.stdout.take().map_or(Source::Closed, |out| pipe(out.into())),
                child.stderr.take().map_or(Source::Closed, |err| pipe(err.into())),
            ),
        };
        Ok(Self {
            pidfd: pidfd_open(group, PidfdFlags::empty()).ok(),
            child,
            group,
            survive,
            registered: !survive,
            secret: exec.secret,
            stdout: Stream::new(stdout),
            stderr: Stream::new(stderr),
            buffer: vec![0; 32 << 10],
            last_progress: None,
            _script: placed,
        })
    }

    /// Waits until there is output, the child ended or `limit` passed, and takes what there is.
    fn pump(&mut self, limit: Duration, progress: &mut dyn FnMut(Content)) {
        let mut fds = vec![];
        let mut step = limit;
        if let Some(pidfd) = &self.pidfd {
            fds.push(PollFd::new(pidfd, PollFlags::IN));
        } else {
            step = step.min(Duration::from_millis(20));
        }
        for stream in [&self.stdout, &self.stderr] {
            match &stream.source {
                Source::Pipe(pipe) => fds.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)),
                Source::Memory { .. } => step = step.min(Duration::from_millis(100)),
                Source::Closed => {}
            }
        }
        if self.last_progress.is_some() {
            step = step.min(PROGRESS_EVERY);
        }
        let step = Timespec { tv_sec: step.as_secs() as i64, tv_nsec: step.subsec_nanos().into() };
        let _ = poll(&mut fds, Some(&step));
        self.stdout.read(&mut self.buffer);
        self.stderr.read(&mut self.buffer);
        self.report(false, progress);
    }

    fn report(&mut self, last: bool, progress: &mut dyn FnMut(Content)) {
        if !last && self.last_progress.is_some_and(|at| at.elapsed() < PROGRESS_EVERY) {
            return;
        }
        let mut reported = false;
        for stream in [&mut self.stdout, &mut self.stderr] {
            if let Some(lines) = stream.lines() {
                progress(Content::new(lines, self.secret));
                reported = true;
            }
        }
        self.last_progress = reported.then(Instant::now);
    }

    /// Ends the whole group: politely, then for good.
    fn end(&mut self) {
        for (signal, patience) in [(Signal::TERM, 2000), (Signal::KILL, 1000)] {
            let _ = kill_process_group(self.group, signal);
            let until = Instant::now() + Duration::from_millis(patience);
            while Instant::now() < until {
                self.stdout.read(&mut self.buffer);
                self.stderr.read(&mut self.buffer);
                if matches!(self.child.try_wait(), Ok(Some(_))) && signal == Signal::KILL {
                    return;
                }
                if rustix::process::test_kill_process_group(self.group).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    fn unregister(&mut self) {
        if std::mem::take(&mut self.registered) {
            let mut groups = GROUPS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            groups.retain(|group| *group != self.group);
        }
    }

    /// Takes the rest of the output once the child has ended.
    fn drain(&mut self, progress: &mut dyn FnMut(Content)) {
        let until = Instant::now() + AFTER_EXIT;
        loop {
            let more = self.stdout.read(&mut self.buffer) | self.stderr.read(&mut self.buffer);
            let open = [&self.stdout, &self.stderr].iter().any(|s| matches!(s.source, Source::Pipe(_)));
            if (!open && !more) || Instant::now() >= until {
                break;
            }
            if !more {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        self.report(true, progress);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.survive && self.registered {
            self.end();
            self.unregister();
        }
    }
}
