//! Jobs: commands that go on whatever becomes of the agent and the link.
//!
//! A job is a private folder `jobs/<id>`: `exec` until it has begun, `lock` that its process holds as long as it lives, `end` with
//! how it ended, `told` once somebody has heard of that. Who starts a job that is at work, or whose end nobody has heard of, gets that
//! one. `jobs.gate` is held while it is looked for, started or removed.

use super::Failed;
use super::state::{private_file, private_folder, safe_name};
use crate::secret::Content;
use crate::wire::{Exec, Output, SIGNALLED, STILL_RUNNING};
use crate::{child, reason};
use borsh::BorshDeserialize;
use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Printed by the process once it holds the lock.
const AT_WORK: &[u8] = b"at work\n";
/// Jobs that are kept when they have ended, at least.
const KEPT: usize = 50;
/// And those that ended within this time: the run that started them asks for them later.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

fn folder(state: &Path, id: &str) -> Result<PathBuf, String> {
    if !safe_name(id) {
        return Err(format!("the job {id:?} is not a plain name"));
    }
    Ok(state.join("jobs").join(id))
}

enum Standing {
    None,
    Running,
    Ended(Output),
}

fn standing(job: &Path) -> Result<Standing, String> {
    if !job.is_dir() {
        return Ok(Standing::None);
    }
    // In this order: it ends before it lets go of the lock.
    let lock = private_file(&job.join("lock"), OFlags::RDWR)?;
    let is_free = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
    match fs::read(job.join("end")) {
        Ok(bytes) => Ok(Standing::Ended(Output::try_from_slice(&bytes).map_err(reason)?)),
        Err(_) if is_free => Ok(Standing::Ended(lost())),
        Err(_) => Ok(Standing::Running),
    }
}

/// The end of a job whose process is gone without a word.
fn lost() -> Output {
    let why = "the job was ended before it could finish, by a reboot or by hand";
    Output {
        code: SIGNALLED + 9,
        stdout: Content::Clear(vec![].into()),
        stderr: Content::Clear(why.as_bytes().into()),
    }
}

/// Held while jobs are looked for, started or removed.
fn gate(state: &Path) -> Result<fs::File, String> {
    let gate = private_file(&state.join("jobs.gate"), OFlags::RDWR)?;
    flock(&gate, FlockOperation::LockExclusive).map_err(reason)?;
    Ok(gate)
}

/// How a job is: its output when it has ended, [`STILL_RUNNING`] as its code until then.
pub fn look(state: &Path, id: &str) -> Result<Output, String> {
    match standing(&folder(state, id)?)? {
        Standing::None => Err(format!("there is no job {id}")),
        Standing::Ended(output) => Ok(output),
        Standing::Running => Ok(Output {
            code: STILL_RUNNING,
            stdout: Content::Clear(vec![].into()),
            stderr: Content::Clear(vec![].into()),
        }),
    }
}

/// Starts a job and, when `poll_s` is not 0, waits for its end.
pub fn run(
    state: &Path,
    id: &str,
    exec: &Exec,
    poll_s: u32,
    progress: &mut dyn FnMut(Content),
) -> Result<Output, Failed> {
    let job = folder(state, id)?;
    let say =
        |text: &str, progress: &mut dyn FnMut(Content)| progress(Content::Clear(text.as_bytes().into()));
    let gate = gate(state)?;
    match standing(&job)? {
        Standing::Running => say("it is at work already", progress),
        // An end that nobody has heard of, of a run that was cut off.
        Standing::Ended(_) if poll_s > 0 && !job.join("told").exists() => {
            say("it has ended since the last run", progress);
        }
        Standing::None | Standing::Ended(_) => start(state, &job, exec, poll_s == 0, None)?,
    }
    drop(gate);
    if poll_s == 0 {
        return Ok(Output {
            code: 0,
            stdout: Content::Clear(id.as_bytes().into()),
            stderr: Content::Clear(vec![].into()),
        });
    }
    loop {
        match standing(&job)? {
            Standing::Running => std::thread::sleep(Duration::from_secs(poll_s.into())),
            Standing::Ended(output) => {
                let _gate = self::gate(state)?;
                // A secret is not kept longer than it has to be.
                if output.stdout.is_secret() {
                    let _ = fs::remove_dir_all(&job);
                } else {
                    private_file(&job.join("told"), OFlags::WRONLY)?;
                }
                return Ok(output);
            }
            Standing::None => return Ok(lost()),
        }
    }
}

/// Starts a job that nobody has started yet, hands on what it prints and waits for its end. `what` tells a later run what it was.
pub fn follow(
    state: &Path,
    id: &str,
    what: &str,
    exec: &Exec,
    progress: &mut dyn FnMut(Content),
) -> Result<Output, Failed> {
    let job = folder(state, id)?;
    let gate = gate(state)?;
    start(state, &job, exec, false, Some(what))?;
    drop(gate);
    let mut log = fs::File::open(job.join("log")).map_err(reason)?;
    let mut read = vec![];
    loop {
        // In this order: what it printed last is not missed.
        let standing = standing(&job)?;
        let _ = log.read_to_end(&mut read);
        if let Some(end) = read.iter().rposition(|byte| *byte == b'\n') {
            let lines: Vec<u8> = read.drain(..=end).collect();
            progress(Content::Clear(lines[..end].into()));
        }
        match standing {
            Standing::Running => std::thread::sleep(Duration::from_millis(50)),
            Standing::Ended(output) => {
                tell(state, id);
                return Ok(output);
            }
            Standing::None => return Ok(lost()),
        }
    }
}

/// The jobs of whose end nobody has heard, the oldest first.
pub fn untold(state: &Path) -> Vec<String> {
    let all = super::state::newest_first(&state.join("jobs"));
    let untold = all.into_iter().rev().filter(|job| !job.join("told").exists());
    untold.filter_map(|job| Some(job.file_name()?.to_str()?.to_string())).collect()
}

/// What a job is, in words.
pub fn what(state: &Path, id: &str) -> String {
    folder(state, id).and_then(|job| fs::read_to_string(job.join("what")).map_err(reason)).unwrap_or_default()
}

/// How long ago it was started; nothing when that is not known.
pub fn age(state: &Path, id: &str) -> Duration {
    let begun = folder(state, id).ok().and_then(|job| fs::metadata(job.join("what")).ok()?.modified().ok());
    begun.and_then(|begun| begun.elapsed().ok()).unwrap_or_default()
}

/// Somebody has heard of its end.
pub fn tell(state: &Path, id: &str) {
    let Ok(job) = folder(state, id) else { return };
    let _ = private_file(&job.join("told"), OFlags::WRONLY);
}

/// Whether init lives among the same mounts: in a namespace of our own it would start the job outside.
fn sees_what_init_sees() -> bool {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    namespace("self").is_some_and(|own| Some(own) == namespace("1"))
}

/// Starts a process of its own session, in a unit of its own where systemd runs: a logout may end all that a session started.
fn start(state: &Path, job: &Path, exec: &Exec, told: bool, what: Option<&str>) -> Result<(), String> {
    let failed = |why: String| format!("cannot start the job: {why}");
    private_folder(&state.join("jobs")).map_err(failed)?;
    let _ = fs::remove_dir_all(job);
    prune(&state.join("jobs"));
    private_folder(job).map_err(failed)?;
    let bytes = borsh::to_vec(exec).map_err(|error| failed(reason(error)))?;
    let mut file = private_file(&job.join("exec"), OFlags::WRONLY | OFlags::TRUNC).map_err(failed)?;
    file.write_all(&bytes).map_err(|error| failed(reason(error)))?;
    if let Some(what) = what {
        let mut file = private_file(&job.join("what"), OFlags::WRONLY).map_err(failed)?;
        file.write_all(what.as_bytes()).map_err(|error| failed(reason(error)))?;
        private_file(&job.join("log"), OFlags::WRONLY).map_err(failed)?;
    }
    if told {
        private_file(&job.join("told"), OFlags::WRONLY).map_err(failed)?;
    }
    let agent = std::env::current_exe().map_err(|error| failed(reason(error)))?;
    let (agent_path, job_path) = (agent.to_string_lossy(), job.to_string_lossy());
    let is_root = rustix::process::geteuid().is_root();
    if is_root && Path::new("/run/systemd/system").is_dir() && agent.exists() && sees_what_init_sees() {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let unit = format!("--unit=provision-job-{}-{number}", std::process::id());
        let home = format!("--setenv=HOME={}", std::env::var("HOME").unwrap_or_else(|_| "/root".into()));
        let argv = [
            "systemd-run",
            "--collect",
            "--quiet",
            "--property=Type=exec",
            &home,
            &unit,
            "--",
            &agent_path,
            "job",
            &job_path,
        ];
        if child::probe(&argv, None, Duration::from_secs(20)).code == 0 {
            return begun(job);
        }
    }
    let mut command = Command::new("/proc/self/exe");
    command.arg("job").arg(job).current_dir("/").env_clear().env("PATH", child::PATH).env("LANG", "C.UTF-8");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(home) = std::env::var_os("HOME") {
        command.env("HOME", home);
    }
    // SAFETY: one system call between fork and exec, nothing is allocated.
    unsafe { command.pre_exec(|| Ok(rustix::process::setsid().map(drop)?)) };
    let mut process = command.spawn().map_err(|error| failed(reason(error)))?;
    let mut said = [0; AT_WORK.len()];
    let heard = process.stdout.take().map(|mut out| out.read_exact(&mut said));
    if !matches!(heard, Some(Ok(()))) || said != AT_WORK {
        return Err(failed("its process did not begin".into()));
    }
    // Reaps it should it end before the agent does.
    std::thread::spawn(move || process.wait());
    Ok(())
}

/// Waits until a process that was started by another one has begun: it takes what it is to run.
fn begun(job: &Path) -> Result<(), String> {
    for _ in 0..1000 {
        if !job.join("exec").exists() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err("cannot start the job: its process did not begin".into())
}

/// The process of a job.
pub fn work(job: &Path) -> Result<(), String> {
    let lock = private_file(&job.join("lock"), OFlags::RDWR)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(reason)?;
    let path = job.join("exec");
    let exec = Exec::try_from_slice(&fs::read(&path).map_err(reason)?).map_err(reason)?;
    fs::remove_file(path).map_err(reason)?;
    let _ = std::io::stdout().write_all(AT_WORK).and_then(|()| std::io::stdout().flush());
    let log = fs::OpenOptions::new().append(true).open(job.join("log")).ok();
    let mut write_down = |lines: Content| {
        let Some(mut log) = log.as_ref() else { return };
        let _ = log.write_all(lines.bytes()).and_then(|()| log.write_all(b"\n"));
    };
    let output = child::output_or_code(child::run(&exec, &mut write_down), exec.secret);
    let bytes = borsh::to_vec(&output).map_err(reason)?;
    let next = job.join("end.next");
    let mut file = private_file(&next, OFlags::WRONLY | OFlags::TRUNC)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(reason)?;
    fs::rename(next, job.join("end")).map_err(reason)?;
    drop(lock);
    Ok(())
}

/// Removes the oldest of those that have ended. With the gate held.
fn prune(jobs: &Path) {
    let is_old = |job: &PathBuf| {
        let modified = fs::metadata(job).and_then(|meta| meta.modified()).ok();
        modified.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > KEPT_FOR)
    };
    let ended = super::state::newest_first(jobs);
    let ended = ended.iter().skip(KEPT).filter(|job| is_old(job));
    for job in ended.filter(|job| !matches!(standing(job), Ok(Standing::Running))) {
        let _ = fs::remove_dir_all(job);
    }
}
