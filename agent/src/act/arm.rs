//! Armed reverts: a change that may cut the controller off is undone by a detached process unless it is disarmed.
//!
//! The plan is a private file `armed/<token>`. Whoever renames it wins: [`disarm`], or the process when its time has come.

use super::state::{private_file, private_folder, safe_name};
use crate::wire::Exec;
use crate::{child, reason};
use borsh::BorshDeserialize;
use rustix::fs::OFlags;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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

/// Starts the countdown; when this returns the revert will happen, whatever becomes of the agent or the link.
pub fn arm(state: &Path, token: &str, seconds: u32, revert: &[Exec]) -> Result<(), String> {
    let plan = plan_path(state, token)?;
    let failed = |why: String| format!("cannot arm the revert: {why}");
    private_folder(&state.join("armed"))?;
    let encoded = borsh::to_vec(&(seconds, revert.to_vec())).map_err(|error| failed(reason(error)))?;
    let mut file = private_file(&plan, OFlags::WRONLY | OFlags::EXCL)?;
    file.write_all(&encoded).and_then(|()| file.sync_all()).map_err(|error| failed(reason(error)))?;
    start(&plan, token).map_err(|why| {
        let _ = fs::remove_file(&plan);
        failed(why)
    })
}

/// In a unit of its own where systemd runs, since a logout may end all that the session started.
fn start(plan: &Path, token: &str) -> Result<(), String> {
    let agent = std::env::current_exe().map_err(reason)?;
    let (agent_path, plan_path) = (agent.to_string_lossy(), plan.to_string_lossy());
    let is_root = rustix::process::geteuid().is_root();
    if is_root && Path::new("/run/systemd/system").is_dir() && agent.exists() {
        let unit = format!("--unit=provision-revert-{token}");
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
            let _ = fs::remove_file(ours);
            Ok(true)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(format!("cannot disarm: {}", reason(error))),
    }
}

/// The detached process: counts down, then reverts unless it was disarmed. What it did is in `armed/<token>.log`.
pub fn revert(plan: &Path) -> Result<(), String> {
    let bytes = fs::read(plan).map_err(reason)?;
    let (seconds, execs) = <(u32, Vec<Exec>)>::try_from_slice(&bytes).map_err(reason)?;
    let deadline = Instant::now() + Duration::from_secs(seconds.into());
    let _ = std::io::stdout().write_all(COUNTING).and_then(|()| std::io::stdout().flush());
    // Disarmed is noticed early, so that no process lingers.
    while Instant::now() < deadline {
        if !plan.exists() {
            return Ok(());
        }
        std::thread::sleep(
            deadline.saturating_duration_since(Instant::now()).min(Duration::from_millis(500)),
        );
    }
    let ours = beside(plan, "fired");
    if fs::rename(plan, &ours).is_err() {
        return Ok(());
    }
    let mut log = private_file(&beside(plan, "log"), OFlags::WRONLY | OFlags::APPEND)?;
    for exec in &execs {
        let program = exec.argv.first().map_or("", String::as_str);
        let output = child::output_or_code(child::run(exec, &mut |_| {}), exec.secret);
        let _ = writeln!(log, "{} {program}: exit code {}", crate::serve::now().0, output.code);
        if output.code != 0 && !exec.secret {
            let _ = log.write_all(output.stderr.bytes());
        }
    }
    let _ = log.sync_all();
    fs::remove_file(ours).map_err(reason)
}
