//! Performs ops: guard first, then one op after the other, then the questions that the engine asks about the result.

pub mod arm;
mod attributes;
mod download;
mod file;
mod follow;
mod healthy;
mod http;
pub mod job;
pub mod journal;
mod kept;
pub mod owed;
pub mod packages;
pub mod record;
mod recover;
mod remove;
pub mod state;
pub mod steps;
mod tree;
pub mod undo;
mod unpack;
mod wait;
pub(crate) mod walk;

pub(crate) use remove::mounts;

use self::journal::Journal;
use crate::child;
use crate::frame;
use crate::observe::{Names, Observer};
use crate::secret::Content;
use crate::wire::{Apply, Op, Output, Query, Response};
use std::path::Path;

/// Why an op did not succeed.
pub struct Failed {
    pub message: String,
    /// The failing command's, if it was one.
    pub output: Option<Output>,
}

impl From<String> for Failed {
    fn from(message: String) -> Self {
        Self { message, output: None }
    }
}

type Done = Result<Option<Output>, Failed>;

/// One task's change, from guard to answers.
pub fn apply(apply: &Apply, journal: &Journal, progress: &mut dyn FnMut(Content)) -> Response {
    let mut observer = Observer::default();
    for (query, digest) in &apply.guard {
        if frame::guard(query, &observer.answer(query)) != *digest {
            return Response::HostChanged { query: name(query) };
        }
    }
    if let Err(message) = owed::owe(apply, journal) {
        return Response::OpFailed { index: 0, message, output: None };
    }
    let mut all_done = false;
    let outcome = if apply.ops.iter().all(|op| matches!(op, Op::Wait(_) | Op::Note { .. })) {
        perform_all(apply, &[], journal, progress)
    } else {
        journalled(apply, journal, progress, &mut all_done)
    };
    // Nothing is taken back where only the journal could not be ended.
    let failed = outcome.as_ref().err().map(|(index, _)| *index);
    owed::acted(apply, journal, failed.map(|index| if all_done { index + 1 } else { index }));
    match outcome {
        Ok(outputs) => {
            // Accounts may have come into being: nothing that was read before acting is kept.
            let mut observer = Observer::after(&apply.ops);
            Response::Applied {
                outputs,
                answers: apply.then.iter().map(|query| observer.answer(query)).collect(),
            }
        }
        Err((index, Failed { message, output })) => Response::OpFailed { index, message, output },
    }
}

type Outcome = Result<Vec<Output>, (u32, Failed)>;

/// Writes down what will be done and keeps what was there, acts, writes down how it ended.
fn journalled(
    apply: &Apply,
    journal: &Journal,
    progress: &mut dyn FnMut(Content),
    all_done: &mut bool,
) -> Outcome {
    let first = |message: String| (0, Failed::from(message));
    let mut saved = vec![];
    for op in &apply.ops {
        let (path, tree) = match op {
            Op::WriteFile { path, .. } | Op::MakeLink { path, .. } | Op::MakeHardLink { path, .. } => {
                (path, false)
            }
            Op::Download(download) => (&download.path, false),
            Op::CopyFile(copy) => (&copy.path, false),
            Op::Remove { path, recursive } => (path, *recursive),
            _ => {
                saved.push(None);
                continue;
            }
        };
        // A folder that an earlier op makes holds nothing to keep.
        let place = walk::place(path).ok();
        saved.push(place.map(|place| journal.save(&place, tree)).transpose().map_err(first)?.flatten());
    }
    let steps = undo::steps(apply, &saved, &journal.saved(""));
    let number = journal.begin(apply, &saved).map_err(first)?;
    undo::begin(journal.folder(), &number, &steps);
    let outcome = perform_all(apply, &saved, journal, progress);
    let failed = outcome.as_ref().err().map(|(index, _)| *index);
    *all_done = failed.is_none();
    undo::end(journal.folder(), &number, &steps);
    match (journal.end(&number, failed), outcome) {
        (Err(message), Ok(_)) => Err((apply.ops.len() as u32 - 1, message.into())),
        (_, outcome) => outcome,
    }
}

fn perform_all(
    apply: &Apply,
    saved: &[Option<String>],
    journal: &Journal,
    progress: &mut dyn FnMut(Content),
) -> Outcome {
    let mut outputs = vec![];
    let mut names = Names::default();
    for (index, op) in apply.ops.iter().enumerate() {
        let kept = saved.get(index).and_then(Option::as_deref).map(|name| journal.saved(name));
        let done = perform(op, &mut names, journal, kept.as_deref(), progress);
        outputs
            .extend(done.map_err(|failed| (index as u32, explained(failed, op, &apply.ops[index + 1..])))?);
        if matches!(op, Op::Exec { .. } | Op::Steps(_) | Op::Job { .. } | Op::Packages { .. }) {
            // It may have made or changed an account.
            names = Names::default();
        }
    }
    Ok(outputs)
}

/// A command that fails on the way to what is waited for next has often waited for it itself (compose, for what a service
/// depends on), and does not say what that lacks.
fn explained(failed: Failed, op: &Op, later: &[Op]) -> Failed {
    match (op, later.first()) {
        (Op::Exec { .. }, Some(Op::Wait(wait))) => {
            Failed { message: failed.message + &wait::explain(&wait.until), ..failed }
        }
        _ => failed,
    }
}

fn perform(
    op: &Op,
    names: &mut Names,
    journal: &Journal,
    kept: Option<&Path>,
    progress: &mut dyn FnMut(Content),
) -> Done {
    match op {
        Op::MakeFolder { path, attrs } => file::make_folder(path, attrs, names)?,
        Op::WriteFile { path, content, attrs, check } => {
            file::write(path, content, attrs, check.as_deref(), names)?;
        }
        Op::CopyFile(wish) => file::copy(wish, names)?,
        Op::SetAttrs { path, attrs } => file::set_attrs(path, attrs, names)?,
        Op::SetXattr { path, name, value } => attributes::set(path, name, value.as_ref())?,
        Op::SetAcl { path, entries, remove, recursive } => {
            attributes::set_acl(path, entries, *remove, *recursive)?;
        }
        Op::SetTree(wish) => tree::set(wish, names)?,
        Op::MakeHardLink { path, target } => file::make_hard_link(path, target)?,
        Op::MakeLink { path, target } => file::make_link(path, target)?,
        Op::Remove { path, recursive } => remove::remove(path, *recursive, kept)?,
        Op::Exec { exec, ok } => {
            let alone = crate::unit_files::change(&exec.argv);
            let output = child::run(exec, progress).map_err(child::Failure::message)?;
            drop(alone);
            let good = if ok.is_empty() { output.code == 0 } else { ok.contains(&output.code) };
            let program = exec.argv.first().map_or("", String::as_str);
            return if good { Ok(Some(output)) } else { Err(ended(program, output)) };
        }
        Op::Job { id, exec, poll_s, ok } => {
            let output = job::run(journal.state(), id, exec, *poll_s, progress)?;
            let good = if ok.is_empty() { output.code == 0 } else { ok.contains(&output.code) };
            let program = exec.argv.first().map_or("", String::as_str);
            return if good { Ok(Some(output)) } else { Err(ended(program, output)) };
        }
        Op::Download(download) => download::download(download, names, progress)?,
        Op::Steps(wanted) => steps::run(journal.state(), wanted, progress)?,
        Op::Unpack(wish) => unpack::unpack(wish, names)?,
        Op::Packages { tool, args, stdin, lock_timeout_s, refresh } => {
            let work = packages::Work {
                tool: *tool,
                args,
                stdin: stdin.as_ref(),
                lock_timeout_s: *lock_timeout_s,
                journal,
            };
            return packages::run(&work, *refresh, progress).map(Some);
        }
        Op::Arm { token, seconds, revert } => arm::arm(journal, token, *seconds, revert)?,
        Op::Wait(wait) => return wait::wait(wait, progress),
        Op::Note { text } => progress(text.clone()),
        Op::Earlier(_) => Err("what was earlier is only for a revert".to_string())?,
    }
    Ok(None)
}

/// The failure of a command that ran.
fn ended(program: &str, output: Output) -> Failed {
    let how = match output.code {
        124 => "ran out of time".to_string(),
        code if code > 128 => format!("was ended by signal {}", code - 128),
        code => format!("exited with {code}"),
    };
    Failed { message: format!("`{program}` {how}"), output: Some(output) }
}

/// A query as a person would name it.
fn name(query: &Query) -> String {
    match query {
        Query::File { path }
        | Query::Read { path, .. }
        | Query::There { path }
        | Query::Stat { path, .. }
        | Query::List { path } => path.clone(),
        Query::User { name } => format!("user {name}"),
        Query::Group { name } => format!("group {name}"),
        Query::UserOf { uid } => format!("user {uid}"),
        Query::GroupOf { gid } => format!("group {gid}"),
        Query::Ports { host, .. } => format!("ports of {host}"),
        Query::Job { id } => format!("job {id}"),
        Query::Record { name, .. } => format!("record {name}"),
        Query::Owed { book } => format!("what {book} owes"),
        Query::Test(exec) => format!("`{}`", exec.argv.first().map_or("", String::as_str)),
        Query::Run(probe) => {
            let text = format!("{probe:?}");
            text.split([' ', '(', '{']).next().unwrap_or_default().to_lowercase()
        }
    }
}
