//! Armed reverts: a change that may cut the controller off is undone by a detached process unless it is disarmed.
//!
//! The plan is a private file `armed/<token>`. Whoever renames it wins: [`disarm`], or the process when its time has come.

mod boot;

use super::journal::{Journal, describe};
use super::state::{private_file, private_folder, safe_name};
use super::{attributes, file, remove};
use crate::observe::Names;
use crate::wire::{Earlier, Exec, Op};
use crate::{child, reason};
use borsh::{BorshDeserialize, BorshSerialize};
use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Printed by the process once it counts down.
const COUNTING: &[u8] = b"armed\n";

fn plan_path(state: &Path, token: &str) -> Result<PathBuf, String> {
    if !safe_name(token) {
        return Err(format!("the token {token:?} is not a plain name"));
    }
    Ok(state.join("armed").join(token))
}

fn beside(plan: &Path, ending: &str) -> PathBuf {
    let mut name = plan.as_os_str().to_os_string();
    name.push(".");
    name.push(ending);
    name.into()
}

/// A pending revert.
#[derive(BorshSerialize, BorshDeserialize)]
struct Plan {
    /// The boot in which it was armed: its countdown has ended with it.
    boot: String,
    seconds: u32,
    revert: Vec<Op>,
    /// The run that armed it, and the paths at which a new connection says that its changes stay.
    run: String,
    tries: Vec<String>,
}

impl Plan {
    fn read(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(reason)?;
        Self::try_from_slice(&bytes).map_err(reason)
    }

    /// Puts it in place, durably: for whoever counts on another one the file is a different one then.
    fn put(&self, path: &Path) -> Result<(), String> {
        let bytes = borsh::to_vec(self).map_err(reason)?;
        let next = beside(path, "next");
        let mut file = private_file(&next, OFlags::WRONLY | OFlags::TRUNC)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(reason)?;
        fs::rename(&next, path).map_err(reason)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(reason)
    }
}

pub(super) fn this_boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_string()
}

/// Held while a plan is put in place or taken.
fn gate(plan: &Path) -> Result<fs::File, String> {
    let folder = plan.parent().unwrap_or(Path::new("/"));
    let gate = private_file(&beside(folder, "gate"), OFlags::RDWR)?;
    flock(&gate, FlockOperation::LockExclusive).map_err(reason)?;
    Ok(gate)
}

/// A revert that began and was cut short is pending again. Called with the gate held.
fn resume(plan: &Path) -> Result<(), String> {
    let fired = beside(plan, "fired");
    let Ok(file) = fs::File::open(&fired) else { return Ok(()) };
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| "an earlier change is being reverted just now".to_string())?;
    fs::rename(&fired, plan).map_err(reason)
}

/// Whether a revert is pending: nobody has confirmed that change.
pub fn pending(state: &Path, token: &str) -> Result<bool, String> {
    Ok(plan_path(state, token)?.exists())
}

/// Starts the countdown; when this returns the revert will happen, whatever becomes of the agent or the link.
///
/// One with the same token that is pending is taken over: its change was not confirmed, so what it goes back to is what
/// this one goes back to. Files that have been changed since come back before that.
pub fn arm(journal: &Journal, token: &str, seconds: u32, revert: &[Op]) -> Result<(), String> {
    let state = journal.state();
    let plan = plan_path(state, token)?;
    let failed = |why: String| format!("cannot arm the revert: {why}");
    private_folder(&state.join("armed"))?;
    let gate = gate(&plan).map_err(failed)?;
    resume(&plan).map_err(failed)?;
    let pending = plan.exists().then(|| Plan::read(&plan)).transpose().map_err(failed)?;
    let taken_over = pending.is_some();
    let mut tries: Vec<String> = revert.iter().flat_map(tried).collect();
    let is_files = |op: &&Op| matches!(op, Op::Earlier(Earlier::Files { .. }));
    let ops = revert.iter().filter(|op| !taken_over || is_files(op)).map(|op| resolved(op, journal));
    let mut revert = ops.collect::<Result<Vec<_>, _>>().map_err(failed)?.concat();
    if let Some(before) = pending {
        revert.extend(before.revert);
        tries.extend(before.tries);
    }
    let run = journal.run().to_string();
    Plan { boot: this_boot(), seconds, revert, run, tries }.put(&plan).map_err(failed)?;
    drop(gate);
    start(&plan, token).and_then(|()| boot::install(&plan, token)).map_err(|why| {
        // What was pending before stays so, for the next boot or the next run.
        if !taken_over {
            let _ = fs::remove_file(&plan);
            boot::remove(&plan, token);
        }
        failed(why)
    })?;
    Ok(())
}

/// The paths at which an op goes back.
fn tried(op: &Op) -> Vec<String> {
    match op {
        Op::WriteFile { path, .. }
        | Op::MakeFolder { path, .. }
        | Op::SetAttrs { path, .. }
        | Op::MakeLink { path, .. }
        | Op::Remove { path, .. } => vec![path.clone()],
        Op::Earlier(Earlier::Files { below, units, login }) => super::undo::paths(below, units, *login),
        _ => vec![],
    }
}

/// What only the host knows is written down as it is now.
fn resolved(op: &Op, journal: &Journal) -> Result<Vec<Op>, String> {
    Ok(match op {
        Op::Earlier(Earlier::Password { user }) => {
            let stdin = Some(crate::observe::probe::old_password(user)?);
            let exec = Exec { stdin, secret: true, ..Exec::new(["chpasswd", "--encrypted"]) };
            vec![Op::Exec { exec, ok: vec![] }]
        }
        Op::Earlier(Earlier::Files { .. }) => {
            super::undo::back(journal.state(), journal.folder(), &tried(op))
        }
        op => vec![op.clone()],
    })
}

/// In a unit of its own where systemd runs, since a logout may end all that the session started.
fn start(plan: &Path, token: &str) -> Result<(), String> {
    let agent = std::env::current_exe().map_err(reason)?;
    let (agent_path, plan_path) = (agent.to_string_lossy(), plan.to_string_lossy());
    let is_root = rustix::process::geteuid().is_root();
    if is_root && Path::new("/run/systemd/system").is_dir() && agent.exists() {
        // The one of a revert that was taken over may not have ended yet.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let unit = format!("--unit=provision-revert-{token}-{}-{number}", std::process::id());
        let argv = [
            "systemd-run",
            "--collect",
            "--quiet",
            "--property=Type=exec",
            &unit,
            "--",
            &agent_path,
            "revert",
            &plan_path,
        ];
        if child::probe(&argv, None, Duration::from_secs(20)).code == 0 {
            return Ok(());
        }
    }
    let mut command = Command::new("/proc/self/exe");
    command
        .arg("revert")
        .arg(plan)
        .current_dir("/")
        .env_clear()
        .env("PATH", child::PATH)
        .env("LANG", "C.UTF-8");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // SAFETY: one system call between fork and exec, nothing is allocated.
    unsafe { command.pre_exec(|| Ok(rustix::process::setsid().map(drop)?)) };
    let mut process = command.spawn().map_err(reason)?;
    let mut said = [0; COUNTING.len()];
    let heard = process.stdout.take().map(|mut out| out.read_exact(&mut said));
    if !matches!(heard, Some(Ok(()))) || said != COUNTING {
        return Err("the process that would revert did not start".into());
    }
    // Reaps it should it end before the agent does.
    std::thread::spawn(move || process.wait());
    Ok(())
}

/// Ends an armed revert; false when there is none (any more).
pub fn disarm(state: &Path, token: &str) -> Result<bool, String> {
    let plan = plan_path(state, token)?;
    let ours = beside(&plan, "disarmed");
    match fs::rename(&plan, &ours) {
        Ok(()) => {
            if let Ok(Plan { run, tries, .. }) = Plan::read(&ours) {
                super::undo::confirm(&state.join("runs").join(run), tries);
            }
            let _ = fs::remove_file(ours);
            boot::remove(&plan, token);
            Ok(true)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(format!("cannot disarm: {}", reason(error))),
    }
}

/// The detached process: counts down, then reverts unless it was disarmed or taken over.
pub fn revert(path: &Path) -> Result<(), String> {
    let number = |path: &Path| fs::metadata(path).ok().map(|m| (m.ino(), m.mtime(), m.mtime_nsec()));
    let mine = number(path);
    let plan = Plan::read(path)?;
    let deadline = Instant::now() + Duration::from_secs(plan.seconds.into());
    let _ = std::io::stdout().write_all(COUNTING).and_then(|()| std::io::stdout().flush());
    // Disarmed is noticed early, so that no process lingers.
    while Instant::now() < deadline {
        if number(path) != mine {
            return Ok(());
        }
        std::thread::sleep(
            deadline.saturating_duration_since(Instant::now()).min(Duration::from_millis(500)),
        );
    }
    fire(path, || number(path) == mine)
}

/// At boot: what was pending when the machine went down was never confirmed.
pub fn revert_at_boot(path: &Path) -> Result<(), String> {
    {
        let _gate = gate(path)?;
        resume(path)?;
    }
    if !path.exists() {
        boot::remove(path, &token(path));
        return Ok(());
    }
    // Something may start the unit at another time.
    if Plan::read(path)?.boot == this_boot() { Ok(()) } else { fire(path, || true) }
}

fn token(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Reverts. What it did is in `armed/<token>.log`.
fn fire(path: &Path, still_mine: impl Fn() -> bool) -> Result<(), String> {
    let ours = beside(path, "fired");
    let gate = gate(path)?;
    if !still_mine() || fs::rename(path, &ours).is_err() {
        return Ok(());
    }
    // Tells that it is under way, for as long as it is.
    let under_way = fs::File::open(&ours).map_err(reason)?;
    flock(&under_way, FlockOperation::LockExclusive).map_err(reason)?;
    drop(gate);
    let plan = Plan::read(&ours)?;
    let mut log = private_file(&beside(path, "log"), OFlags::WRONLY | OFlags::APPEND)?;
    for op in &plan.revert {
        let now = crate::serve::now().0;
        let (path, done) = match op {
            Op::Exec { exec, .. } => {
                let program = exec.argv.first().map_or("", String::as_str);
                let output = child::output_or_code(child::run(exec, &mut |_| {}), exec.secret);
                let _ = writeln!(log, "{now} {program}: exit code {}", output.code);
                if output.code != 0 && !exec.secret {
                    let _ = log.write_all(output.stderr.bytes());
                }
                continue;
            }
            Op::WriteFile { path, content, attrs, check } => (
                path,
                file::write(path, content, attrs, check.as_deref(), &mut Names::default())
                    .map_err(|failed| failed.message),
            ),
            Op::MakeFolder { path, attrs } => (path, file::make_folder(path, attrs, &mut Names::default())),
            Op::SetAttrs { path, attrs } => (path, file::set_attrs(path, attrs, &mut Names::default())),
            Op::MakeLink { path, target } => (path, file::make_link(path, target)),
            Op::Remove { path, recursive } => (path, remove::remove(path, *recursive, None)),
            Op::SetXattr { path, name, value } => (path, attributes::set(path, name, value.as_ref())),
            // Nobody arms these. Named one by one, so that what is new is decided here.
            Op::CopyFile(_)
            | Op::SetAcl { .. }
            | Op::SetTree(_)
            | Op::MakeHardLink { .. }
            | Op::Job { .. }
            | Op::Download(_)
            | Op::Steps(_)
            | Op::Unpack(_)
            | Op::Packages { .. }
            | Op::Arm { .. }
            | Op::Wait(_)
            | Op::Note { .. }
            | Op::Earlier(_) => {
                let _ = writeln!(log, "{now} no revert does this: {}", describe(op, None));
                continue;
            }
        };
        let _ = writeln!(log, "{now} {path}: {}", done.err().as_deref().unwrap_or("as it was"));
    }
    let _ = log.sync_all();
    boot::remove(path, &token(path));
    fs::remove_file(ours).map_err(reason)
}
