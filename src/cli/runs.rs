//! `runs`: every run is kept on this machine, without secrets.

use super::{
    Color,
    replay::{View, show},
};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    event::{About, Event, Recorded, Summary},
    report::Lines,
    template::strftime_utc,
};
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use std::{
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Runs that are kept, the last ones.
pub(super) const MOST: usize = 200;
/// Bytes of all of them together.
pub(super) const LARGEST: u64 = 256 << 20;
/// The name that stands for the last run.
pub(super) const LAST: &str = "last";
/// What a line with one of the events holds from which the list is made.
const TELLING: [&[u8]; 3] = [b"\"host_finished\"", b"\"proof_started\"", b"\"run_finished\""];

#[derive(Debug, clap::Subcommand)]
pub enum Runs {
    /// List the runs of this machine, the last one first
    List {
        /// As JSON, a run a line
        #[arg(long)]
        json: bool,
        /// As many of them
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
        most: usize,
    },
    /// Show a run again
    Show {
        /// Its name, or as much of it as no other has, or `last`; by default the last run
        run: Option<String>,
        #[command(flatten)]
        view: View,
    },
}

/// A line of the list.
#[derive(Serialize)]
struct Row {
    run: String,
    #[serde(flatten)]
    about: About,
    check: bool,
    hosts: usize,
    changed: usize,
    failed: usize,
    /// None of one that is under way or was killed.
    exit: Option<u8>,
    millis: Option<u64>,
    /// How it ended, in words.
    outcome: &'static str,
}

impl Runs {
    /// Prints it.
    ///
    /// # Errors
    /// A run that is not known; a file that cannot be read.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        match self {
            Self::List { json, most } => {
                let rows = names()?.into_iter().rev().filter_map(|path| row(&path)).take(most);
                let rows: Vec<Row> = rows.collect();
                if json {
                    rows.iter()
                        .filter_map(|row| serde_json::to_string(row).ok())
                        .for_each(|row| anstream::println!("{row}"));
                } else {
                    anstream::print!("{}", table(&rows));
                }
                Ok(Exit::Done)
            }
            Self::Show { run, view } => {
                let path = find(run.as_deref())?;
                let file = File::open(&path).map_err(|error| unreadable(&path, error))?;
                show(BufReader::new(file), &path.display().to_string(), view, color)
            }
        }
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("cannot read {}", path.display())).cause(error)
}

/// Where runs are kept: `$XDG_STATE_HOME/lustores-provision/runs`, or below `~/.local/state`.
fn folder() -> Result<PathBuf, String> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    let state = state.ok_or("neither XDG_STATE_HOME nor HOME says where")?;
    Ok(state.join("lustores-provision/runs"))
}

/// A file for the lines of a run that begins; what is too old goes.
///
/// # Errors
/// Why there is none.
pub fn begin(run: &str) -> Result<File, String> {
    let folder = folder()?;
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
    clear(&folder, MOST - 1, LARGEST);
    let path = folder.join(format!("{run}.jsonl"));
    let file = File::options().append(true).create_new(true).mode(0o600).open(&path);
    let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
    // As long as the program lives; it tells a run that goes on from one that was killed.
    let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
    Ok(file)
}

/// Leaves the last runs, as many as that and as large; and those that go on.
fn clear(folder: &Path, most: usize, largest: u64) {
    let (mut count, mut bytes) = (0, 0);
    for path in kept(folder).unwrap_or_default().into_iter().rev() {
        count += 1;
        bytes += path.metadata().map_or(0, |meta| meta.len());
        if (count > most || bytes > largest) && !File::open(&path).is_ok_and(|file| goes_on(&file)) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

fn goes_on(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockShared).is_err()
}

/// The files of runs, the oldest first: their names begin with the second; within one, the system knows.
fn kept(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    paths.sort_by_cached_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let second = name.split('-').next().and_then(|second| u64::from_str_radix(second, 16).ok());
        (second, path.metadata().and_then(|meta| meta.created()).ok(), name)
    });
    Ok(paths)
}

fn names() -> Result<Vec<PathBuf>, Diagnostic> {
    let folder = folder().map_err(|why| Diagnostic::error("no runs are kept here").cause(why))?;
    kept(&folder).map_err(|error| unreadable(&folder, error))
}

/// The run of that name, or the only one that begins so; the last one by `last` and without a name.
fn find(name: Option<&str>) -> Result<PathBuf, Diagnostic> {
    let mut all = names()?;
    let list = "`runs list` names those that are kept";
    let Some(name) = name.filter(|name| *name != LAST) else {
        return all.pop().ok_or_else(|| Diagnostic::error("no run is kept yet").hint("`apply` makes one"));
    };
    let stem = |path: &PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(at) = all.iter().position(|path| stem(path) == name) {
        return Ok(all.swap_remove(at));
    }
    all.retain(|path| stem(path).starts_with(name) && !name.is_empty());
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => Err(Diagnostic::error(format!("no run `{}` is kept here", name.escape_debug())).hint(list)),
        count => {
            let error = Diagnostic::error(format!("{count} runs begin with `{}`", name.escape_debug()));
            Err(error.hint(format!("write more of the name; {list}")))
        }
    }
}

/// The events of a kept run, with its file; `last` is the last run of that inventory.
///
/// # Errors
/// A run that is not known, or that cannot be read.
pub(super) fn recorded(name: &str, of: &Path) -> Result<(PathBuf, Vec<Recorded>), Diagnostics> {
    let is_of = |path: &PathBuf| {
        let first = File::open(path).ok().and_then(|file| Lines::new(BufReader::new(file)).next()?.1.ok());
        let Some(Event::RunStarted { about, .. }) = first.map(|first| first.event) else { return false };
        let theirs = Path::new(&about.folder).join(&about.inventory);
        theirs == of
            || theirs.canonicalize().ok().is_some_and(|theirs| of.canonicalize().ok() == Some(theirs))
    };
    let path = match name {
        LAST => names()?.into_iter().rev().find(is_of).ok_or_else(|| {
            Diagnostic::error(format!("no run of {} is kept here", of.display()))
                .hint("`apply` makes one; `runs list` names those that are kept")
        })?,
        name => {
            let path = find(Some(name))?;
            if !is_of(&path) {
                let error = Diagnostic::error(format!("run `{name}` is not one of {}", of.display()));
                return Err(error.hint("`runs list` says of which inventory each run is").into());
            }
            path
        }
    };
    let file = File::open(&path).map_err(|error| unreadable(&path, error))?;
    let events = Lines::new(BufReader::new(file)).filter_map(|(_, line)| line.ok()).collect();
    Ok((path, events))
}

/// What a run's lines say of it as a whole; nothing of a file that is no run.
fn row(path: &Path) -> Option<Row> {
    let mut file = File::open(path).ok()?;
    let first = Lines::new(BufReader::new(&file)).next()?.1.ok()?;
    let Event::RunStarted { run, check, hosts, about, .. } = first.event else { return None };
    let goes_on = goes_on(&file);
    file.seek(SeekFrom::Start(0)).ok()?;
    let mut lines = BufReader::new(&file);
    let (mut summary, mut end, mut is_proof) = (Summary::default(), None, false);
    let mut line = vec![];
    while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        // Plans are long, and say nothing of that: their lines are not taken apart.
        let is_telling = line.len() < 4096
            && TELLING.iter().any(|name| line.windows(name.len()).any(|part| part == *name));
        match is_telling
            .then(|| serde_json::from_slice::<Recorded>(&line))
            .and_then(Result::ok)
            .map(|read| read.event)
        {
            Some(Event::ProofStarted {}) => is_proof = true,
            Some(Event::HostFinished { summary: host, .. }) if !is_proof => {
                summary.changed += host.changed;
                summary.failed += host.failed - host.ignored + usize::from(host.unreachable);
            }
            Some(Event::RunFinished { exit, millis }) => end = Some((exit, millis)),
            _ => {}
        }
        line.clear();
    }
    let outcome = match end {
        Some((exit, _)) => Exit::of(exit).map_or("?", Exit::word),
        None if goes_on => "goes on",
        None => "killed",
    };
    Some(Row {
        run,
        about,
        check,
        hosts: hosts.len(),
        changed: summary.changed,
        failed: summary.failed,
        exit: end.map(|(exit, _)| exit),
        millis: end.map(|(_, millis)| millis),
        outcome,
    })
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no run is kept yet\n".into();
    }
    let mut cells = vec![
        ["run", "began", "what", "inventory", "hosts", "changed", "failed", "outcome"].map(String::from),
    ];
    cells.extend(rows.iter().map(|row| {
        let began = i64::try_from(row.about.started).ok().and_then(|at| strftime_utc(at, "%F %T UTC").ok());
        [
            row.run.clone(),
            began.unwrap_or_default(),
            row.about.called(row.check),
            inventory(&row.about),
            row.hosts.to_string(),
            row.changed.to_string(),
            row.failed.to_string(),
            row.outcome.into(),
        ]
    }));
    let width = |at: usize| cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..cells[0].len()).map(width).collect();
    let line = |row: &[String; 8]| {
        let cell = |(at, cell): (usize, &String)| match at {
            4..=6 => format!("{cell:>width$}", width = widths[at]),
            _ => format!("{cell:width$}", width = widths[at]),
        };
        let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    cells.iter().map(line).collect()
}

/// The inventory as one would write it here.
fn inventory(about: &About) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    if Path::new(&about.folder) == here {
        return about.inventory.clone();
    }
    Path::new(&about.folder).join(&about.inventory).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_runs_go_but_none_that_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, size: usize| {
            let path = folder.path().join(name);
            std::fs::write(&path, vec![b'x'; size]).unwrap();
            File::open(path).unwrap()
        };
        let under_way = write("1.jsonl", 10);
        flock(&under_way, FlockOperation::LockExclusive).unwrap();
        for name in ["2.jsonl", "3.jsonl", "4.jsonl", "5.jsonl", "notes.txt"] {
            write(name, 10);
        }
        let left = || -> Vec<String> {
            let paths = kept(folder.path()).unwrap();
            paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        clear(folder.path(), 3, 1000);
        assert_eq!(left(), ["1.jsonl", "3.jsonl", "4.jsonl", "5.jsonl"]);
        clear(folder.path(), 3, 20);
        assert_eq!(left(), ["1.jsonl", "4.jsonl", "5.jsonl"]);
        drop(under_way);
        clear(folder.path(), 2, 1000);
        assert_eq!(left(), ["4.jsonl", "5.jsonl"]);
        assert!(folder.path().join("notes.txt").exists());
    }
}
