//! Package tools: run once nobody else is at work with packages, on a database that is whole, and to their end whatever becomes of the link.

mod audit;
mod first_boot;
mod left;
mod others;
mod sources;

pub use audit::unfinished;
pub use left::settle;
pub use others::lock_holder;
pub use sources::is_unfetched;

use self::others::NO_LOCK;
use super::journal::Journal;
use super::{Failed, ended, job};
use crate::secret::Content;
use crate::wire::{Exec, Output, PackageTool};
use std::fs::{self, DirEntry, File};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// What a package manager does is not cut short; this only ends what hangs for ever.
const LONGEST_S: u32 = 24 * 3600;
/// Where apt keeps its lists.
const APT_LISTS: &str = "/var/lib/apt/lists";
/// And dnf, which has another place in each of its generations.
const DNF_LISTS: &[&str] = &["/var/cache/dnf", "/var/cache/libdnf5"];

/// A tool to run, with its arguments.
pub struct Work<'a> {
    pub tool: PackageTool,
    pub args: &'a [String],
    pub stdin: Option<&'a Content>,
    pub lock_timeout_s: u32,
    pub journal: &'a Journal,
}

/// Runs it. With `refresh`, when apt fails for what old package lists may be the cause of, the lists are updated and it is run
/// once more.
pub fn run(work: &Work, refresh: bool, progress: &mut dyn FnMut(Content)) -> Result<Output, Failed> {
    let first = match once(work, progress) {
        Err(failed) if refresh && lists_may_be_old(&failed) => failed,
        result => return result.map_err(|failed| explained(work.args, failed)),
    };
    let note = "it failed, perhaps for old package lists: they are updated and it is tried once more";
    progress(Content::from(note));
    if once(&Work { args: &["update".to_string()], stdin: None, ..*work }, progress).is_err() {
        // The first one says what was wanted.
        return Err(explained(work.args, first));
    }
    once(work, progress).map_err(|failed| explained(work.args, failed))
}

fn said(failed: &Failed, part: &str) -> bool {
    failed.output.as_ref().is_some_and(|output| String::from_utf8_lossy(output.stderr.bytes()).contains(part))
}

/// Not when dpkg was at work already, when a lock was not to be had, or when apt found a way that is not allowed.
fn lists_may_be_old(failed: &Failed) -> bool {
    let other = ["Sub-process /usr/bin/dpkg", REMOVES, "-y was used without"];
    failed.output.is_some() && !other.iter().chain(NO_LOCK).any(|part| said(failed, part))
}

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

/// Runs it; again should another be faster to take a lock.
fn once(work: &Work, progress: &mut dyn FnMut(Content)) -> Result<Output, Failed> {
    let started = Instant::now();
    let limit = Duration::from_secs(work.lock_timeout_s.into());
    let program = program(work.tool);
    let first = work.args.first().map_or("", String::as_str);
    let what = format!("{program} {}", work.args.join(" "));
    let mut teller = others::Teller::default();
    loop {
        others::wait(work.tool, started, limit, progress)?;
        if work.tool == PackageTool::AptGet {
            audit::check(work.args)?;
        }
        sources::begun(work)?;
        let id = format!("{}{}", left::prefix(work.journal.run()), work.journal.fresh());
        let output = job::follow(work.journal.state(), &id, &what, &command(work), progress)?;
        if output.code == 0 {
            if matches!((work.tool, first), (PackageTool::AptGet, "update") | (PackageTool::Dnf, "makecache"))
            {
                updated(work, &output);
            }
            return Ok(output);
        }
        let failed = ended(program, output);
        if !NO_LOCK.iter().any(|part| said(&failed, part)) || started.elapsed() >= limit {
            return Err(failed);
        }
        teller.tell(progress, || {
            let (waited, limit) = (started.elapsed().as_secs(), limit.as_secs());
            format!("another process was faster to take a lock: trying again; {waited} of {limit} s")
        });
        std::thread::sleep(Duration::from_millis(500));
    }
}

pub fn program(tool: PackageTool) -> &'static str {
    match tool {
        PackageTool::AptGet => "apt-get",
        PackageTool::AptMark => "apt-mark",
        PackageTool::Debconf => "debconf-set-selections",
        PackageTool::Dpkg => "dpkg",
        PackageTool::Dnf => "dnf",
    }
}

fn command(work: &Work) -> Exec {
    const APT_GET: &[&str] = &[
        "-q",
        "-y",
        "-o",
        "Dpkg::Options::=--force-confdef",
        "-o",
        "Dpkg::Options::=--force-confold",
        "-o",
        "DPkg::Lock::Timeout=60",
    ];
    let fixed = match work.tool {
        PackageTool::AptGet => APT_GET,
        PackageTool::AptMark | PackageTool::Debconf => &[],
        PackageTool::Dpkg => &["--force-confdef", "--force-confold"],
        PackageTool::Dnf => &["-y"],
    };
    let argv = [program(work.tool)].into_iter().chain(fixed.iter().copied());
    let mut exec = Exec::new(argv.chain(work.args.iter().map(String::as_str)));
    exec.env = vec![
        ("DEBIAN_FRONTEND".into(), "noninteractive".into()),
        ("NEEDRESTART_MODE".into(), "l".into()),
        ("APT_LISTCHANGES_FRONTEND".into(), "none".into()),
    ];
    exec.stdin = work.stdin.cloned();
    exec.survive = true;
    exec.timeout_s = LONGEST_S;
    exec
}

/// Files and folders that are as old as the lists.
fn lists(tool: PackageTool) -> Vec<PathBuf> {
    if tool != PackageTool::Dnf {
        return vec![APT_LISTS.into()];
    }
    // A folder for each source. dnf writes beside them also when it only looks.
    let sources = DNF_LISTS.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let files = sources.map(|source| source.path().join("repodata/repomd.xml"));
    files.filter(|file| file.exists()).collect()
}

/// Where nothing was new, there is no trace of having asked.
fn updated(work: &Work, output: &Output) {
    let all = !work.args.iter().any(|word| word.starts_with("Dir::Etc::"));
    let missed =
        String::from_utf8_lossy(output.stderr.bytes()).contains("Some index files failed to download");
    if !all {
        // Of one source; apt was told to fail when it misses something.
        sources::fetched(work, false);
    } else if !missed {
        sources::fetched(work, true);
        for path in lists(work.tool) {
            let _ = File::open(path).and_then(|lists| lists.set_modified(SystemTime::now()));
        }
    }
}

/// Whether the lists are older than this, or there are none.
pub fn lists_are_old(tool: PackageTool, older_than_s: u32) -> bool {
    let mut places = lists(tool);
    if tool != PackageTool::Dnf {
        let other = ["lock", "partial", "auxfiles"];
        let is_list = |entry: &DirEntry| !other.iter().any(|name| entry.file_name() == *name);
        if !fs::read_dir(APT_LISTS).into_iter().flatten().flatten().any(|entry| is_list(&entry)) {
            return true;
        }
        places.push("/var/lib/apt/periodic/update-success-stamp".into());
    }
    let modified = |path: PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let newest = places.into_iter().filter_map(modified).max();
    // A time to come is no age.
    let age = newest.map(|newest| newest.elapsed().unwrap_or_default());
    age.is_none_or(|age| age > Duration::from_secs(older_than_s.into()))
}
