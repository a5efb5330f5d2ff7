//! What a command needs before it can run: its program and its folder. One that is missing is told before anything is done.

use super::links::Links;
use crate::{
    model::{Area, Footprint, path_within},
    resource::{Fault, Look, Lookup, Prepared},
};
use agent::wire::{Answer, Exec, Kind, Op, Probe, Query};

/// Where the agent looks for a program by its bare name.
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Something that has to be there.
struct Needed {
    /// As it is written.
    name: String,
    query: Query,
    /// Where on the host it would be.
    paths: Vec<String>,
    is_program: bool,
}

/// How it stands with something that has to be there.
enum Found {
    Open(Vec<Query>),
    /// It is there, or may be by then.
    Fine,
    Lacks(Fault),
}

/// The questions that are open about what a command needs.
pub(super) fn open_questions(op: &Op, lookup: &dyn Lookup) -> Vec<Query> {
    let open = needed(op).into_iter().map(|needed| match needed.found(lookup) {
        Found::Open(queries) => queries,
        Found::Fine | Found::Lacks(_) => vec![],
    });
    open.flatten().collect()
}

/// Whether all is there that a command needs which is to run.
///
/// # Errors
/// Something is not, and nothing before it may bring it.
pub(super) fn check(op: &Op, lookup: &dyn Lookup) -> Result<(), Fault> {
    for needed in needed(op) {
        if let Found::Lacks(fault) = needed.found(lookup) {
            return Err(fault);
        }
    }
    Ok(())
}

/// What a command that says what it touches looks at by being run: whatever brings its program comes before it.
pub(super) fn reads(prepared: &dyn Prepared, footprint: &Footprint) -> Vec<Area> {
    let all = [Area::Everything];
    if !prepared.is_command() || footprint.writes == all || footprint.reads == all {
        return vec![];
    }
    let program = match (prepared.runs(), prepared.look()) {
        (Some(Op::Exec { exec, .. } | Op::Job { exec, .. }), _) | (_, Some(Query::Test(exec))) => {
            program(&exec)
        }
        _ => None,
    };
    let Some(program) = program else { return vec![] };
    // Packages own what is in `/usr` anyway, of which these two may be other names.
    let is_of_packages = ["/bin", "/sbin"].iter().any(|folder| path_within(&program.paths[0], folder));
    let packages = (is_of_packages || !program.name.contains('/')).then_some(Area::Packages);
    packages.into_iter().chain(program.paths.into_iter().map(Area::Path)).collect()
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
    let query = Query::File { path: path.clone() };
    Some(Needed { name: path.clone(), query, paths: vec![path], is_program: false })
}

fn program(exec: &Exec) -> Option<Needed> {
    // A script that says itself what runs it.
    if exec.script.as_ref().is_some_and(|script| script.at == 0) {
        return None;
    }
    let name = exec.argv.first().filter(|program| *program != "/bin/sh")?.clone();
    let paths = match name.contains('/') {
        true => vec![plain(exec.cwd.as_deref().unwrap_or("/"), &name)],
        false => FOLDERS.iter().map(|folder| format!("{folder}/{name}")).collect(),
    };
    let program = if name.contains('/') { paths[0].clone() } else { name.clone() };
    Some(Needed { name, query: Query::Run(Probe::Which { program }), paths, is_program: true })
}

/// A path as seen from a folder, without what says nothing. What `..` leads to, only the host tells.
fn plain(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_string() } else { format!("{folder}/{path}") };
    let names = whole.split('/').filter(|name| !name.is_empty() && *name != ".");
    names.map(|name| format!("/{name}")).collect()
}

impl Needed {
    fn found(&self, lookup: &dyn Lookup) -> Found {
        let fault = match lookup.look(&self.query) {
            Look::NotAsked => return Found::Open(vec![self.query.clone()]),
            Look::Known(answer) => self.fault(&answer),
            Look::Unknown(_) => None,
        };
        match fault {
            Some(_) if lookup.may_come(&self.places()) || self.lies_behind_link(lookup) => Found::Fine,
            Some(fault) => {
                // One folder may have two names. Whether it does is only asked where it matters.
                let links = Links::new(lookup);
                let comes = self.paths.iter().any(|path| {
                    let real = links.follow(path);
                    real.is_none_or(|real| lookup.may_come_at(&real, &|path| links.real(path)))
                });
                match links.open() {
                    open if !open.is_empty() => Found::Open(open),
                    _ if comes => Found::Fine,
                    _ => Found::Lacks(fault),
                }
            }
            None => Found::Fine,
        }
    }

    fn fault(&self, answer: &Answer) -> Option<Fault> {
        let name = &self.name;
        match answer {
            Answer::Output(output) if output.code != 0 => {
                let fault = Fault::new(format!("there is no program `{name}` and no earlier task brings it"));
                Some(
                    fault.hint(
                        "`package` can bring it; what only a shell knows (`cd`, `source`) is for `shell`",
                    ),
                )
            }
            Answer::Meta(None) => {
                let fault =
                    Fault::new(format!("the directory {name} does not exist and no earlier task makes it"));
                Some(
                    fault.hint(
                        "`chdir` names the directory to run in: `file` with `state: directory` makes one",
                    ),
                )
            }
            Answer::Meta(Some(meta)) if !matches!(meta.kind, Kind::Folder | Kind::Link { .. }) => {
                let fault = Fault::new(format!("{name} is not a directory"));
                Some(fault.hint("`chdir` names the directory to run in"))
            }
            _ => None,
        }
    }

    fn places(&self) -> Vec<Area> {
        let is_path = self.name.contains('/');
        let paths = self.paths.iter().filter(|_| is_path).cloned().map(Area::Path);
        paths.chain(self.is_program.then_some(Area::Packages)).collect()
    }

    /// What is behind a link that is made before is not known.
    fn lies_behind_link(&self, lookup: &dyn Lookup) -> bool {
        let there = |path: &String| lookup.look(&Query::There { path: path.clone() });
        self.paths.iter().any(|path| matches!(there(path), Look::Unknown(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Source, resources::TABLE, yaml};
    use std::sync::Arc;

    #[test]
    fn a_command_looks_at_its_program() {
        let read = |name: &str, text: &str| {
            let source = Arc::new(Source { path: "t.yml".into(), text: text.into(), secret: false });
            let row = TABLE.iter().find(|row| row.name == name).unwrap();
            let prepared = (row.prepare)(&yaml::parse(&source).unwrap()).unwrap();
            let areas = reads(&*prepared, &prepared.footprint());
            areas.iter().map(Area::to_string).collect::<Vec<_>>().join(" ")
        };
        let everywhere = "packages /usr/local/sbin/x /usr/local/bin/x /usr/sbin/x /usr/bin/x /sbin/x /bin/x";
        for (name, text, expected) in [
            ("command", "{cmd: x, touches: [nothing]}", everywhere),
            ("command", "{cmd: x, touches: [nothing], changes: false}", everywhere),
            ("command", "{cmd: //srv/./a//x --b /c, touches: [/d]}", "/srv/a/x"),
            ("command", "{argv: [/bin/x], touches: [/d]}", "packages /bin/x"),
            ("command", "{cmd: ./b/x, chdir: /srv/a, touches: [/d]}", "/srv/a/b/x"),
            ("command", "{cmd: b/x, touches: [/d]}", "/b/x"),
            // It comes behind all anyway.
            ("command", "cmd: x", ""),
            ("command", "{cmd: x, changes: false}", ""),
            ("shell", "{cmd: x, touches: [nothing]}", ""),
            ("script", "{content: \"#!/bin/sh\", touches: [nothing]}", ""),
            ("script", "{content: x, executable: /srv/x -e, touches: [nothing]}", "/srv/x"),
            ("file", "{path: /srv/x}", ""),
        ] {
            assert_eq!(read(name, text), expected, "{name}: {text}");
        }
    }
}
