//! cloud-init on a host's first boot, which installs and upgrades: waited for while it is at work or sure to come, and not where it
//! never will.

use crate::child;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const RUN: &str = "/run/cloud-init";
/// Its parts, of its older and its newer versions.
const UNITS: [&str; 6] = [
    "cloud-init-main.service",
    "cloud-init-local.service",
    "cloud-init-network.service",
    "cloud-init.service",
    "cloud-config.service",
    "cloud-final.service",
];
const SOON: Duration = Duration::from_secs(20);

/// What is waited for, in words, and since when: counted once for all that wait. `None`: it is over, or does not come. It does not
/// begin again, so nobody asks again.
pub fn at_work() -> Option<(String, Instant)> {
    static OVER: AtomicBool = AtomicBool::new(false);
    static SINCE: OnceLock<Instant> = OnceLock::new();
    if OVER.load(Ordering::Relaxed) {
        return None;
    }
    // Not when it is what started us: it would wait for us.
    if by_its_files(Path::new(RUN), Path::new("/etc/cloud")) == Standing::Over
        || is_below("cloud-init")
        || !is_on_its_way()
    {
        OVER.store(true, Ordering::Relaxed);
        return None;
    }
    let status = std::fs::read_to_string(Path::new(RUN).join("status.json")).unwrap_or_default();
    let stage = stage(&status).map(|stage| format!(", at {stage}")).unwrap_or_default();
    let who = format!("cloud-init, which sets this host up{stage} (`cloud-init status --long` there)");
    Some((who, *SINCE.get_or_init(Instant::now)))
}

#[derive(Debug, PartialEq)]
enum Standing {
    Over,
    /// It may be at work or on its way: files do not tell that from having been stopped, or from being enabled after the boot.
    Open,
}

fn by_its_files(run: &Path, etc: &Path) -> Standing {
    let there = |name: &str| run.join(name).exists();
    // The result is what it writes last. What its generator decides at the boot stands beside.
    let is_off = !there("status.json") && (there("disabled") || etc.join("cloud-init.disabled").exists());
    if !run.is_dir() || there("result.json") || is_off { Standing::Over } else { Standing::Open }
}

/// Whether the host's init is at it. A generator that runs when cloud-init is installed enables it for the next boot: then nothing is on
/// its way.
fn is_on_its_way() -> bool {
    if Path::new("/run/systemd/system").is_dir() {
        let argv = ["systemctl", "show", "-p", "Id", "-p", "ActiveState", "-p", "Job", "--"];
        let argv: Vec<&str> = argv.into_iter().chain(UNITS).collect();
        let said = child::probe(&argv, None, SOON);
        if said.code == 0 {
            return any_is_coming(&String::from_utf8_lossy(said.stdout.bytes()));
        }
    }
    // Without systemd it has begun before anybody can log in.
    Path::new(RUN).join("status.json").exists() && {
        let said = child::probe(&["cloud-init", "status", "--long"], None, SOON);
        is_running(&String::from_utf8_lossy(said.stdout.bytes()))
    }
}

/// A part that is starting, or that a job is queued for: `Job` is shown only where there is one.
fn any_is_coming(shown: &str) -> bool {
    shown.lines().any(|line| match line.split_once('=') {
        Some(("ActiveState", state)) => state == "activating",
        Some(("Job", number)) => !matches!(number, "" | "0"),
        _ => false,
    })
}

fn is_running(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.trim().strip_prefix("status:"))
        .is_some_and(|word| word.trim() == "running")
}

/// The stage that it is at, in the form of its status file.
fn stage(status: &str) -> Option<&str> {
    let rest = status.split_once("\"stage\"")?.1.trim_start().strip_prefix(':')?.trim_start();
    let name = rest.strip_prefix('"')?.split_once('"')?.0;
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-').then_some(name)
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
    fn its_files_tell_what_is_over_and_what_will_never_be() {
        let folder = tempfile::tempdir().unwrap();
        let (run, etc) = (folder.path().join("run"), folder.path().join("etc"));
        let standing = || by_its_files(&run, &etc);
        assert_eq!(standing(), Standing::Over, "it is not installed, or no boot has seen it");
        std::fs::create_dir(&run).unwrap();
        std::fs::create_dir(&etc).unwrap();
        assert_eq!(standing(), Standing::Open);
        std::fs::write(run.join("enabled"), "").unwrap();
        assert_eq!(standing(), Standing::Open);
        std::fs::write(etc.join("cloud-init.disabled"), "").unwrap();
        assert_eq!(standing(), Standing::Over);
        std::fs::remove_file(etc.join("cloud-init.disabled")).unwrap();
        std::fs::rename(run.join("enabled"), run.join("disabled")).unwrap();
        assert_eq!(standing(), Standing::Over, "no datasource");
        std::fs::write(run.join("status.json"), "{}").unwrap();
        assert_eq!(standing(), Standing::Open, "it has begun all the same");
        std::fs::write(run.join("result.json"), "{}").unwrap();
        assert_eq!(standing(), Standing::Over);
    }

    #[test]
    fn only_what_starts_or_is_queued_is_on_its_way() {
        let never = "Id=cloud-init-main.service\nActiveState=inactive\n\nId=cloud-init.service\nActiveState=inactive\n\n\
                     Id=cloud-final.service\nActiveState=failed\n";
        assert!(!any_is_coming(never) && !any_is_coming(""));
        assert!(!any_is_coming("Id=cloud-final.service\nActiveState=active\n"));
        assert!(any_is_coming(&never.replace("ActiveState=failed", "ActiveState=activating\nJob=271")));
        assert!(any_is_coming(&format!("{never}Job=271\n")));
    }

    #[test]
    fn what_cloud_init_says_of_itself_is_read() {
        let long = "status: running\nextended_status: running\nboot_status_code: enabled-by-generator\nlast_update: Thu, 01 Jan 1970 \
                    00:00:12 +0000\ndetail: DataSourceNoCloud [seed=/dev/vdb]\n";
        assert!(is_running(long) && is_running("\nstatus: running\n"));
        for word in ["done", "error", "disabled", "not run", "not started", "degraded done"] {
            assert!(!is_running(&long.replace("status: running", &format!("status: {word}"))), "{word}");
        }
        let status = "{\n \"v1\": {\n  \"datasource\": null,\n  \"init\": {\n   \"errors\": [],\n   \"finished\": null,\n   \"start\": 12.3\n  },\n  \
                      \"stage\": \"modules-config\"\n }\n}";
        assert_eq!(stage(status), Some("modules-config"));
        assert_eq!(stage("{\"v1\": {\"stage\": null}}"), None);
    }

    #[test]
    fn those_above_us_are_known() {
        let own = std::fs::read_to_string("/proc/self/comm").unwrap();
        assert!(is_below(own.trim()));
        assert!(!is_below("cloud-init"));
    }
}
