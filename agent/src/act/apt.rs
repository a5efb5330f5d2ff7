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

/// Runs apt-get once nobody holds a lock. With `refresh`, when it fails for what old package lists may be the cause of,
/// the lists are updated and it is run once more.
pub fn run(
    args: &[String],
    lock_timeout_s: u32,
    refresh: bool,
    progress: &mut dyn FnMut(Content),
) -> Result<Output, Failed> {
    let first = match once(args, lock_timeout_s, progress) {
        Err(failed) if refresh && lists_may_be_old(&failed) => failed,
        result => return result.map_err(|failed| explained(args, failed)),
    };
    let note = "it failed, perhaps for old package lists: they are updated and it is tried once more";
    progress(Content::from(note));
    if once(&["update".to_string()], lock_timeout_s, progress).is_err() {
        // The first one says what was wanted.
        return Err(explained(args, first));
    }
    once(args, lock_timeout_s, progress).map_err(|failed| explained(args, failed))
}

fn said(failed: &Failed, part: &str) -> bool {
    failed.output.as_ref().is_some_and(|output| String::from_utf8_lossy(output.stderr.bytes()).contains(part))
}

/// Not when dpkg was at work already, when a lock was not to be had, or when apt found a way that is not allowed.
fn lists_may_be_old(failed: &Failed) -> bool {
    let other = ["Sub-process /usr/bin/dpkg", NO_LOCK, REMOVES];
    failed.output.is_some() && !other.iter().any(|part| said(failed, part))
}

const NO_LOCK: &str = "Could not get lock";
const REMOVES: &str = "Packages need to be removed but remove is disabled";

/// Says what apt would have removed.
fn explained(args: &[String], failed: Failed) -> Failed {
    if !said(&failed, REMOVES) {
        return failed;
    }
    let output = failed.output.as_ref().map(|output| output.stdout.bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(output);
    let list = text.lines().skip_while(|line| !line.contains("will be REMOVED")).skip(1);
    let names: Vec<&str> =
        list.take_while(|line| line.starts_with("  ")).flat_map(str::split_whitespace).collect();
    let wanted: Vec<&str> =
        args.iter().skip(1).map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let (names, wanted) = (names.join(", "), wanted.join(", "));
    let message = format!(
        "to install {wanted} apt would remove {names}, which nobody asked for; nothing was done. Should {names} go, remove it in a task \
         of its own with `state: absent` before"
    );
    Failed { message, ..failed }
}

/// Runs apt-get; again should another be faster to take a lock.
fn once(args: &[String], lock_timeout_s: u32, progress: &mut dyn FnMut(Content)) -> Result<Output, Failed> {
    let started = Instant::now();
    let limit = Duration::from_secs(lock_timeout_s.into());
    loop {
        wait_for_lock(started, limit, progress)?;
        let output = child::run(&command(args), progress).map_err(Failure::message)?;
        if output.code == 0 {
            return Ok(output);
        }
        let failed = ended("apt-get", output);
        if !said(&failed, NO_LOCK) || started.elapsed() >= limit {
            return Err(failed);
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
