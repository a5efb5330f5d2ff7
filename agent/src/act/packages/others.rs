//! Others that are at work with packages: whoever holds a lock of dpkg, apt, rpm or dnf, and cloud-init on a host's first boot.

use super::first_boot;
use crate::secret::Content;
use crate::wire::{PackageTool, WAITING};
use rustix::fs::{Mode, OFlags};
use std::path::Path;
use std::time::{Duration, Instant};

const APT_LOCKS: &[&str] = &[
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
];
const RPM_LOCKS: &[&str] = &["/usr/lib/sysimage/rpm/.rpm.lock", "/var/lib/rpm/.rpm.lock"];
/// dnf's locks are files with the number of a process.
const DNF_LOCKS: &[&str] =
    &["/var/lib/dnf/rpmdb_lock.pid", "/var/cache/dnf/metadata_lock.pid", "/var/cache/dnf/download_lock.pid"];
/// What a tool says when another one was faster.
pub const NO_LOCK: &[&str] = &["Could not get lock", "locked by another process"];

/// Tells a person now and then for whom we wait: often at first.
#[derive(Default)]
pub struct Teller(Option<(Instant, Instant)>);

impl Teller {
    /// Says it, when it was not said a moment ago.
    pub fn tell(&mut self, progress: &mut dyn FnMut(Content), text: impl FnOnce() -> String) {
        let now = Instant::now();
        let (first, last) = self.0.unwrap_or((now, now));
        let pause = ((now - first) / 5).clamp(Duration::from_secs(3), Duration::from_secs(30));
        if self.0.is_none() || now - last >= pause {
            self.0 = Some((first, now));
            progress(Content::Clear(text().into()));
        }
    }
}

/// A process that holds a lock.
pub struct Holder {
    pub pid: i32,
    pub command: String,
    /// Seconds since it was started.
    pub age_s: u64,
}

impl Holder {
    fn of(pid: i32) -> Self {
        let command =
            std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_else(|_| "unknown".into());
        Self { pid, command: command.trim().replace(' ', "_"), age_s: age_s(pid).unwrap_or(0) }
    }
}

/// Who holds a lock of apt or dpkg, if anyone does.
pub fn lock_holder() -> Option<Holder> {
    APT_LOCKS.iter().find_map(|path| locked(path))
}

fn locked(path: &str) -> Option<Holder> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::open(path, flags, Mode::empty()).ok()?;
    let question = rustix::process::Flock::from(rustix::process::FlockType::WriteLock);
    let held = rustix::process::fcntl_getlk(&file, &question).ok()??;
    // A holder in another namespace has no number here.
    Some(Holder::of(held.pid.map_or(0, |pid| pid.as_raw_nonzero().get())))
}

fn dnf_holder() -> Option<Holder> {
    let numbered = |path: &&str| {
        let pid: i32 = std::fs::read_to_string(path).ok()?.trim().parse().ok()?;
        // One that was killed leaves its file behind.
        Path::new(&format!("/proc/{pid}")).is_dir().then(|| Holder::of(pid))
    };
    RPM_LOCKS.iter().find_map(|path| locked(path)).or_else(|| DNF_LOCKS.iter().find_map(numbered))
}

fn age_s(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Field 22, counted after the name, which may hold anything: ticks from boot to start.
    let ticks: u64 = stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Some((uptime as u64).saturating_sub(ticks / rustix::param::clock_ticks_per_second()))
}

/// Waits until nobody else is at work, or the time is over.
pub fn wait(
    tool: PackageTool,
    started: Instant,
    limit: Duration,
    progress: &mut dyn FnMut(Content),
) -> Result<(), String> {
    let mut teller = Teller::default();
    loop {
        let holder = if tool == PackageTool::Dnf { dnf_holder() } else { lock_holder() };
        let lock = if tool == PackageTool::Dnf { "lock of dnf or rpm" } else { "dpkg lock" };
        let (who, since, pause) = match holder {
            Some(Holder { pid, command, age_s }) => {
                let who = format!("the {lock}, held by {command} (pid {pid}, at work for {age_s} s)");
                (who, started, Duration::from_millis(250))
            }
            // Its time is over for all tasks at once.
            None => match first_boot::at_work() {
                Some((who, since)) => (who, since, Duration::from_secs(2)),
                None => return Ok(()),
            },
        };
        let waited = since.elapsed();
        if waited >= limit {
            return Err(format!("gave up after {} s of waiting for {who}", waited.as_secs()));
        }
        teller.tell(progress, || format!("{WAITING}{who}; {} of {} s", waited.as_secs(), limit.as_secs()));
        std::thread::sleep(pause.min(limit.saturating_sub(waited)));
    }
}
