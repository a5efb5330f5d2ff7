//! apt-get, after whoever holds its locks.

use super::{Failed, ended};
use crate::child::{self, Failure};
use crate::secret::Content;
use crate::wire::{Exec, Output};
use rustix::fs::{Mode, OFlags};
use std::time::{Duration, Instant};

const LOCKS: &[&str] = &[
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
];
/// How often a person is told for whom we wait.
const TELL_EVERY: Duration = Duration::from_secs(3);

/// A process that holds a lock of dpkg or apt.
pub struct Holder {
    pub pid: i32,
    pub command: String,
    /// Seconds since it was started.
    pub age_s: u64,
}

/// Who holds a lock, if anyone does.
pub fn lock_holder() -> Option<Holder> {
    LOCKS.iter().find_map(|path| {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(*path, flags, Mode::empty()).ok()?;
        let question = rustix::process::Flock::from(rustix::process::FlockType::WriteLock);
        let held = rustix::process::fcntl_getlk(&file, &question).ok()??;
        // A holder in another namespace has no number here.
        let pid = held.pid.map_or(0, |pid| pid.as_raw_nonzero().get());
        let command =
            std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_else(|_| "unknown".into());
        Some(Holder { pid, command: command.trim().replace(' ', "_"), age_s: age_s(pid).unwrap_or(0) })
    })
}

fn age_s(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Field 22, counted after the name, which may hold anything: ticks from boot to start.
    let ticks: u64 = stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Some((uptime as u64).saturating_sub(ticks / rustix::param::clock_ticks_per_second()))
}

/// Runs apt-get once nobody holds a lock; again should another be faster to take it.
pub fn run(
    args: &[String],
    lock_timeout_s: u32,
    progress: &mut dyn FnMut(Content),
) -> Result<Output, Failed> {
    let started = Instant::now();
    let limit = Duration::from_secs(lock_timeout_s.into());
    loop {
        wait_for_lock(started, limit, progress)?;
        let output = child::run(&command(args), progress).map_err(Failure::message)?;
        if output.code == 0 {
            return Ok(output);
        }
        let lost_the_race = output.stderr.bytes().windows(18).any(|part| part == b"Could not get lock");
        if !lost_the_race || started.elapsed() >= limit {
            return Err(ended("apt-get", output));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn command(args: &[String]) -> Exec {
    const FIXED: &[&str] = &[
        "apt-get",
        "-q",
        "-y",
        "-o",
        "Dpkg::Options::=--force-confdef",
        "-o",
        "Dpkg::Options::=--force-confold",
        "-o",
        "DPkg::Lock::Timeout=60",
    ];
    let mut exec = Exec::new(FIXED.iter().copied().chain(args.iter().map(String::as_str)));
    exec.env = vec![
        ("DEBIAN_FRONTEND".into(), "noninteractive".into()),
        ("NEEDRESTART_MODE".into(), "l".into()),
        ("APT_LISTCHANGES_FRONTEND".into(), "none".into()),
    ];
    exec.survive = true;
    exec
}

/// Waits until nobody holds a lock, or the time is over.
pub fn wait_for_others(limit: Duration) {
    let _ = wait_for_lock(Instant::now(), limit, &mut |_| {});
}

fn wait_for_lock(started: Instant, limit: Duration, progress: &mut dyn FnMut(Content)) -> Result<(), String> {
    let mut told: Option<Instant> = None;
    while let Some(Holder { pid, command, .. }) = lock_holder() {
        let waited = started.elapsed();
        if waited >= limit {
            let seconds = waited.as_secs();
            return Err(format!("gave up after {seconds} s: the dpkg lock is held by {command} (pid {pid})"));
        }
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            told = Some(Instant::now());
            let text =
                format!("waiting for the dpkg lock held by {command} (pid {pid}) for {} s", waited.as_secs());
            progress(Content::Clear(text.into()));
        }
        std::thread::sleep(Duration::from_millis(250).min(limit.saturating_sub(waited)));
    }
    Ok(())
}
