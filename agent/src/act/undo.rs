//! What brings a run's files back: how each path was before a change, and how after it.
//!
//! Records in `runs/<run>/undo`, beside the journal and as private: the length and the borsh form of a [`Record`]. No content and no
//! argument of a command is in them; previous content is in `saved/`.

mod back;

pub use self::back::{back, paths};

use super::state::{newest_first, private_file, safe_name};
use crate::observe::Observer;
use crate::secret::Content;
use crate::wire::undo::{Changed, Deed, Step};
use crate::wire::{Answer, Apply, Kind, Meta, Op, Query};
use borsh::{BorshDeserialize, BorshSerialize};
use rustix::fs::OFlags;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Of a run that did more than this the rest is not kept: an undo is for what a person can survey.
const MOST_BYTES: u64 = 16 << 20;
const FILE: &str = "undo";

#[derive(BorshSerialize, BorshDeserialize)]
enum Record {
    /// Before acting: the number in the journal, and what will be done.
    Begin(String, Vec<Step>),
    /// After it: the same number, and how the paths are.
    End(String, Vec<(String, Option<Meta>)>),
    /// First of what each agent writes: which boot it is. What was done in an earlier one, the host has come up with.
    Boot(String),
    /// A new connection came, with what had been changed at these paths and below them.
    Confirmed(Vec<String>),
}

/// What a change will do. `saved` says for each op under which name the previous content is kept.
pub fn steps(apply: &Apply, saved: &[Option<String>], folder: &Path) -> Vec<Step> {
    let mut observer = Observer::default();
    let mut steps = vec![];
    for (op, saved) in apply.ops.iter().zip(saved) {
        let mut add = |deed| steps.push(Step { task: apply.task.clone(), deed });
        let saved = saved.as_ref().map(|name| folder.join(name).to_string_lossy().into_owned());
        let known = |content: &Content| (content.digest(), content.is_secret());
        let mut path = |path: &str, content: Option<([u8; 32], bool)>, saved: Option<String>| {
            Deed::Path(Changed {
                path: path.into(),
                before: look(&mut observer, path),
                after: None,
                wanted: content.map(|(digest, _)| digest),
                saved,
                secret: content.is_some_and(|(_, secret)| secret),
            })
        };
        match op {
            Op::MakeFolder { path: folder, .. } => {
                // What it makes above goes as well.
                let above: Vec<&Path> = Path::new(folder)
                    .ancestors()
                    .skip(1)
                    .take_while(|above| fs::symlink_metadata(above).is_err())
                    .collect();
                for above in above.into_iter().rev() {
                    add(path(&above.to_string_lossy(), None, None));
                }
                add(path(folder, None, None));
            }
            Op::WriteFile { path: file, content, .. } => add(path(file, Some(known(content)), saved)),
            Op::SetAttrs { path: of, .. } => add(path(of, None, None)),
            Op::MakeLink { path: of, .. } | Op::MakeHardLink { path: of, .. } => add(path(of, None, saved)),
            Op::SetTree(wish) => match few(wish) {
                Some(paths) => paths.iter().for_each(|of| add(path(of, None, None))),
                None => add(Deed::Other(format!("mode and owner of all that is below {}", wish.path))),
            },
            Op::Download(download) => add(path(&download.path, None, saved)),
            Op::CopyFile(copy) => add(path(&copy.path, Some((copy.digest, copy.secret)), saved)),
            Op::Remove { path: of, .. } => {
                let is_full = fs::read_dir(of).is_ok_and(|mut entries| entries.next().is_some());
                add(match path(of, None, saved) {
                    Deed::Path(folder)
                        if is_full && matches!(&folder.before, Some(Meta { kind: Kind::Folder, .. })) =>
                    {
                        Deed::Tree(folder)
                    }
                    deed => deed,
                });
            }
            Op::Wait(_) | Op::Note { .. } | Op::Arm { .. } => {}
            other => add(Deed::Other(words(other))),
        }
    }
    steps
}

/// The paths that get another mode or owner, if they are few and soon read.
fn few(wish: &crate::wire::TreeAttrs) -> Option<Vec<String>> {
    const MOST: usize = 500;
    const BYTES: u64 = 64 << 20;
    let paths = super::tree::differing(wish, MOST)?;
    let size = |path: &String| fs::symlink_metadata(path).map_or(0, |meta| meta.len());
    (paths.iter().map(size).sum::<u64>() <= BYTES).then_some(paths)
}

/// What an op is that no file tells.
fn words(op: &Op) -> String {
    match op {
        Op::Exec { exec, .. } | Op::Job { exec, .. } => match exec.argv.first().map(String::as_str) {
            // Its arguments are verbs and units.
            Some("systemctl") => format!("`{}`", exec.argv.join(" ")),
            program => format!("`{} ...`", program.unwrap_or_default()),
        },
        Op::Packages { tool, args, .. } => {
            format!(
                "`{}`",
                [super::packages::program(*tool)]
                    .into_iter()
                    .chain(args.iter().map(String::as_str))
                    .collect::<Vec<_>>()
                    .join(" ")
            )
        }
        Op::SetXattr { path, name, .. } => format!("the attribute {name} of {path}"),
        Op::Unpack(wish) => format!("what was unpacked in {}", wish.dest),
        Op::Steps(wanted) => format!("the steps of {}", wanted.name),
        _ => String::new(),
    }
}

fn look(observer: &mut Observer, path: &str) -> Option<Meta> {
    match observer.answer(&Query::File { path: path.into() }) {
        Answer::Meta(meta) => meta,
        _ => None,
    }
}

/// Writes down what will be done. Not durably, as the journal does: a power cut may take it, a kill does not.
pub fn begin(run: &Path, number: &str, steps: &[Step]) {
    if !steps.is_empty() {
        add(run, &Record::Begin(number.into(), steps.to_vec()));
    }
}

/// Writes down that what was done at these paths stays.
pub fn confirm(run: &Path, paths: Vec<String>) {
    if !paths.is_empty() {
        add(run, &Record::Confirmed(paths));
    }
}

/// Writes down what came of it.
pub fn end(run: &Path, number: &str, steps: &[Step]) {
    if steps.is_empty() {
        return;
    }
    let mut observer = Observer::default();
    let paths = steps.iter().filter_map(|step| match &step.deed {
        Deed::Path(changed) | Deed::Tree(changed) => Some(changed.path.clone()),
        Deed::Other(_) => None,
    });
    let after = paths.map(|path| (path.clone(), look(&mut observer, &path))).collect();
    add(run, &Record::End(number.into(), after));
}

/// That a record is missing only means that an undo does not know of the change: no reason not to act.
fn add(run: &Path, record: &Record) {
    /// The run to which this process has said which boot it is.
    static TOLD: Mutex<Option<PathBuf>> = Mutex::new(None);
    let Ok(bytes) = borsh::to_vec(record) else { return };
    let Ok(mut file) = private_file(&run.join(FILE), OFlags::WRONLY | OFlags::APPEND) else { return };
    // In one piece: several threads write here.
    let mut write = |bytes: &[u8]| file.write_all(&[&(bytes.len() as u32).to_le_bytes()[..], bytes].concat());
    let mut told = TOLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if told.as_deref() != Some(run) {
        let boot = borsh::to_vec(&Record::Boot(super::arm::this_boot()));
        if !boot.is_ok_and(|boot| write(&boot).is_ok()) {
            return;
        }
        *told = Some(run.into());
    }
    drop(told);
    let is_small = matches!(record, Record::Confirmed(_));
    if is_small || fs::metadata(run.join(FILE)).is_ok_and(|meta| meta.len() < MOST_BYTES) {
        let _ = write(&bytes);
    }
}

fn records(run: &Path) -> Vec<Record> {
    let bytes = fs::read(run.join(FILE)).unwrap_or_default();
    let (mut rest, mut records) = (&bytes[..], vec![]);
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        // The last one may have been cut short.
        let Some((record, more)) = more.split_at_checked(u32::from_le_bytes(*length) as usize) else { break };
        rest = more;
        records.extend(Record::try_from_slice(record));
    }
    records
}

/// What a run has done, in order.
pub fn done(run: &Path) -> Vec<Step> {
    let mut steps: Vec<(String, Step)> = vec![];
    let mut ends: BTreeMap<(String, String), Option<Meta>> = BTreeMap::new();
    for record in records(run) {
        match record {
            Record::Begin(number, begun) => {
                steps.extend(begun.into_iter().map(|step| (number.clone(), step)))
            }
            Record::End(number, after) => {
                ends.extend(after.into_iter().map(|(path, meta)| ((number.clone(), path), meta)));
            }
            Record::Boot(_) | Record::Confirmed(_) => {}
        }
    }
    let with_end = |(number, mut step): (String, Step)| {
        if let Deed::Path(changed) | Deed::Tree(changed) = &mut step.deed {
            changed.after = ends.get(&(number, changed.path.clone())).cloned();
        }
        step
    };
    steps.into_iter().map(with_end).collect()
}

/// The runs of which something is known, the latest first: `RUN<tab>PATHS<tab>OTHERS` in each line.
pub fn list(state: &Path) -> String {
    let mut text = String::new();
    for run in newest_first(&state.join("runs")) {
        let (mut paths, mut others) = (BTreeSet::new(), BTreeSet::new());
        for step in done(&run) {
            match step.deed {
                Deed::Path(changed) if changed.after.as_ref() != Some(&changed.before) => {
                    _ = paths.insert(changed.path)
                }
                Deed::Path(_) => {}
                Deed::Tree(changed) => _ = others.insert((step.task, changed.removal())),
                Deed::Other(what) => _ = others.insert((step.task, what)),
            }
        }
        let name = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !paths.is_empty() || !others.is_empty() {
            text += &format!("{name}\t{}\t{}\n", paths.len(), others.len());
        }
    }
    text
}

/// What a run has done, in the form of [`crate::wire::undo::read`].
pub fn answer(state: &Path, run: &str) -> Result<Vec<u8>, String> {
    if !safe_name(run) {
        return Err(format!("the run {run:?} is not a plain name"));
    }
    borsh::to_vec(&done(&state.join("runs").join(run))).map_err(crate::reason)
}
