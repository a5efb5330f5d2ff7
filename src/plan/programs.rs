//! What a command needs before it can run: its program and its folder. One that is missing is told before anything is done.

use crate::{
    model::Area,
    resource::{Fault, Look, Lookup},
};
use agent::wire::{Answer, Exec, Op, Probe, Query};

/// Something that has to be there.
struct Needed {
    query: Query,
    /// Where on the host it would be.
    places: Vec<Area>,
    fault: Fault,
}

/// The questions that are open about what a command needs.
pub(super) fn open_questions(op: &Op, lookup: &dyn Lookup) -> Vec<Query> {
    let queries = needed(op).into_iter().map(|needed| needed.query);
    queries.filter(|query| matches!(lookup.look(query), Look::NotAsked)).collect()
}

/// Whether all is there that a command needs which is to run.
///
/// # Errors
/// Something is not, and nothing before it may bring it.
pub(super) fn check(op: &Op, lookup: &dyn Lookup) -> Result<(), Fault> {
    let is_missing = |needed: &Needed| match lookup.look(&needed.query) {
        Look::Known(Answer::There(is_there)) => !is_there,
        Look::Known(Answer::Output(output)) => output.code != 0,
        _ => false,
    };
    let comes = |needed: &Needed| lookup.may_come(&needed.places) || lies_behind_link(&needed.places, lookup);
    match needed(op).into_iter().find(|needed| is_missing(needed) && !comes(needed)) {
        Some(Needed { fault, .. }) => Err(fault),
        None => Ok(()),
    }
}

fn needed(op: &Op) -> Vec<Needed> {
    let exec = match op {
        Op::Exec { exec, .. } => exec,
        // Of a job that nobody waits for, or that may end in any way, the task does not fail.
        Op::Job { exec, poll_s, ok, .. } if *poll_s > 0 && ok.is_empty() => exec,
        _ => return vec![],
    };
    folder(exec).into_iter().chain(program(exec)).collect()
}

fn folder(exec: &Exec) -> Option<Needed> {
    let path = exec.cwd.clone()?;
    let fault = Fault::new(format!("the directory {path} does not exist and no earlier task makes it"));
    let fault = fault.hint("`chdir` names the directory to run in: `file` with `state: directory` makes one");
    Some(Needed { query: Query::There { path: path.clone() }, places: vec![Area::Path(path)], fault })
}

fn program(exec: &Exec) -> Option<Needed> {
    // A script that says itself what runs it.
    if exec.script.as_ref().is_some_and(|script| script.at == 0) {
        return None;
    }
    let program = exec.argv.first().filter(|program| *program != "/bin/sh")?.clone();
    let places = match program.strip_prefix('/') {
        Some(_) => vec![Area::Path(program.clone()), Area::Packages],
        None if program.contains('/') => return None,
        None => vec![Area::Packages],
    };
    let fault = Fault::new(format!("there is no program `{program}` and no earlier task brings it"));
    let fault = fault.hint("`package` can bring it; what only a shell knows (`cd`, `source`) is for `shell`");
    Some(Needed { query: Query::Run(Probe::Which { program }), places, fault })
}

/// What is behind a link that is made before is not known.
fn lies_behind_link(places: &[Area], lookup: &dyn Lookup) -> bool {
    places.iter().any(|place| match place {
        Area::Path(path) => matches!(lookup.look(&Query::There { path: path.clone() }), Look::Unknown(_)),
        _ => false,
    })
}
