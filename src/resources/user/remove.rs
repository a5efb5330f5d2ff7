//! What goes with an account: its home, and its mail. As a task of `file` removes them: what can be kept is kept.

use super::spec::{self, Spec};
use crate::{
    resource::{Fault, Observe, Seen},
    resources::shared::unit::run,
};
use agent::wire::{Answer, Kind, MachineProbe, Op, Probe, Query, User as Known};

/// Where the account's mail is.
pub fn mail(name: &str) -> String {
    format!("/var/mail/{name}")
}

/// Whether nothing is in the way of removing the home; and whether there is mail.
pub fn look(spec: &Spec, user: &Known, seen: &Seen) -> Observe<bool> {
    let home = user.home.trim_end_matches('/');
    spec::check_removable(home)?;
    // What other tasks make there is ordered by the home that this one tells.
    let told = spec.home();
    if told != home {
        let fault = Fault::new(format!("the home {home} is not removed: the task is about {told}"));
        return Err(fault.hint(format!("`home: {home}` says that this one goes")).into());
    }
    let mail = mail(&spec.name);
    let names = Query::List { path: mail.clone() };
    let there = Query::There { path: mail };
    seen.each(questions(home).chain([there.clone(), names.clone()]))?;
    check_own(home, "removed", "leave `remove` out", &spec.name, seen)?;
    let is_folder = matches!(seen.get(names)?, Answer::Names(Some(_)));
    Ok(seen.get(there)? == Answer::There(true) && !is_folder)
}

/// The folders on the way to a home, and it.
fn way(home: &str) -> impl Iterator<Item = &str> {
    let above = home.match_indices('/').map(|(at, _)| &home[..at]).filter(|folder| !folder.is_empty());
    above.chain([home])
}

fn mounts(home: &str) -> Probe {
    Probe::Machine(MachineProbe::MountsIn { path: home.into() })
}

/// What [`check_own`] asks.
pub fn questions(home: &str) -> impl Iterator<Item = Query> {
    let files = way(home).map(|path| Query::File { path: path.into() });
    files.chain([Query::Run(mounts(home))])
}

/// Refuses a home that is not the account's own as a whole. `done`: what is not done with it; `instead` begins the hint.
pub fn check_own(home: &str, done: &str, instead: &str, name: &str, seen: &Seen) -> Observe<()> {
    let refused = |why: String| Fault::new(format!("the home {home} is not {done}: {why}"));
    for path in way(home) {
        if let Some(Kind::Link { target }) = seen.meta(path)?.map(|meta| meta.kind) {
            let fault = refused(format!("{path} is a link to {target}"));
            return Err(fault
                .hint(format!("{instead}, and see to what is meant in a task of its own"))
                .into());
        }
    }
    if let Some(owner) = seen.meta(home)?.map(|meta| meta.owner).filter(|owner| *owner != name) {
        let fault = refused(format!("it belongs to `{owner}`"));
        return Err(fault.hint(format!("{instead}, or make it the account's own first")).into());
    }
    if let Some(mount) = String::from_utf8_lossy(seen.run(mounts(home))?.stdout.bytes()).lines().next() {
        let fault = refused(format!("{mount} is a mount point"));
        return Err(fault.hint("`mount` with `state: absent` takes it off first").into());
    }
    Ok(())
}

/// The files first: where one cannot go, the account is still there for the next run.
pub fn ops(spec: &Spec, user: &Known, mail: bool) -> Vec<Op> {
    let home = spec.remove.then(|| user.home.trim_end_matches('/').to_string());
    let home = home.map(|path| Op::Remove { path, recursive: true });
    let mail = mail.then(|| Op::Remove { path: self::mail(&spec.name), recursive: false });
    home.into_iter().chain(mail).chain([run(["userdel", &spec.name])]).collect()
}
