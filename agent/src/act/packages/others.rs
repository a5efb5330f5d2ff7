//! Others that are at work with packages: whoever holds a lock of dpkg, apt, rpm or dnf, and cloud-init on a host's first boot.

use crate::child;
use crate::secret::Content;
use crate::wire::PackageTool;
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
/// How often a person is told for whom we wait.
pub const TELL_EVERY: Duration = Duration::from_secs(3);

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
    let mut told: Option<Instant> = None;
    let mut first_boot = true;
    loop {
        let holder = if tool == PackageTool::Dnf { dnf_holder() } else { lock_holder() };
        let lock = if tool == PackageTool::Dnf { "lock of dnf or rpm" } else { "dpkg lock" };
        let (who, pause) = match holder {
            Some(Holder { pid, command, age_s }) => {
                let who = format!("the {lock}, held by {command} (pid {pid}, at work for {age_s} s)");
                (who, Duration::from_millis(250))
            }
            None => {
                // Asked only until it has ended once: it does not begin again.
                first_boot = first_boot && cloud_init_is_at_work();
                if !first_boot {
                    return Ok(());
                }
                (
                    "cloud-init, which sets this host up (`cloud-init status --long` there)".into(),
                    Duration::from_secs(2),
                )
            }
        };
        let waited = started.elapsed();
        if waited >= limit {
            return Err(format!("gave up after {} s of waiting for {who}", waited.as_secs()));
        }
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            told = Some(Instant::now());
            let text = format!("waiting for {who}; {} of {} s", waited.as_secs(), limit.as_secs());
            progress(Content::Clear(text.into()));
        }
        std::thread::sleep(pause.min(limit.saturating_sub(waited)));
    }
}

/// Whether cloud-init has not come to its end. Not when it is what started us: it would wait for us.
fn cloud_init_is_at_work() -> bool {
    let run = Path::new("/run/cloud-init");
    // The file that it writes last; asking the program itself takes a while.
    if !run.is_dir() || run.join("result.json").exists() || is_below("cloud-init") {
        return false;
    }
    let said = child::probe(&["cloud-init", "status"], None, Duration::from_secs(60));
    is_at_work(&String::from_utf8_lossy(said.stdout.bytes()), run.join("enabled").exists())
}

/// From what `cloud-init status` prints. Before its first stage it says so, and also where it never runs.
fn is_at_work(status: &str, enabled: bool) -> bool {
    let word = status.lines().find_map(|line| line.trim().strip_prefix("status: ")).unwrap_or_default();
    match word.trim() {
        "running" => true,
        "not run" | "not started" => enabled,
        _ => false,
    }
}

/// Whether a process of this name is above us.
fn is_below(name: &str) -> bool {
    let mut pid = std::process::id();
    while pid > 1 {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
        let (Some(open), Some(close)) = (stat.find('('), stat.rfind(')')) else { return false };
        if stat[open + 1..close].starts_with(name) {
            return true;
        }
        let parent = stat[close + 1..].split_whitespace().nth(1).and_then(|word| word.parse().ok());
        pid = parent.unwrap_or(0);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cloud_init_on_its_way_is_waited_for() {
        assert!(is_at_work("status: running\n", true));
        assert!(is_at_work("\nstatus: running\n", false));
        assert!(is_at_work("status: not started\n", true) && is_at_work("status: not run\n", true));
        for over in ["status: done\n", "status: error\n", "status: disabled\n", "status: degraded done\n", ""]
        {
            assert!(!is_at_work(over, true), "{over}");
        }
        assert!(!is_at_work("status: not run\n", false));
    }

    #[test]
    fn those_above_us_are_known() {
        let own = std::fs::read_to_string("/proc/self/comm").unwrap();
        assert!(is_below(own.trim()));
        assert!(!is_below("cloud-init"));
    }
}
