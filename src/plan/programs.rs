//! What a command needs before it can run: its program and its folder. One that is missing is told before anything is done.

use super::{Counts, links::Links, pass::counts_by_type, view::View, walk::Walk};
use crate::{
    graph::{Node, Why},
    model::{Area, Footprint, TaskId},
    resource::{Fault, Look, Lookup, Prepared, program_of, with_program},
    site::{HostTask, Preparation},
};
use agent::wire::{Answer, Exec, Kind, Op, Probe, Query};

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

/// The questions that are open about what a command needs which is to run.
///
/// # Errors
/// Something is not there, and nothing before it may bring it.
pub(super) fn open_questions(op: &Op, view: &View) -> Result<Vec<Query>, Fault> {
    let mut open = vec![];
    for needed in needed(op) {
        match needed.found(view) {
            Found::Open(queries) => open.extend(queries),
            Found::Fine => {}
            Found::Lacks(fault) => return Err(fault),
        }
    }
    Ok(open)
}

/// Whether the program of a task is there that only looks, as a question.
pub(super) fn of_look(prepared: &dyn Prepared) -> Option<Query> {
    let Some(Query::Test(exec)) = prepared.look() else { return None };
    program(&exec).map(|needed| needed.query)
}

/// Where a task only looks for its program, which is there already: whoever changes something there comes before it, but shows in nothing
/// that it asks. Nowhere when the program is to be another one by then.
#[derive(Default)]
pub(super) struct ProgramThere {
    areas: Vec<Area>,
    own: Footprint,
}

impl ProgramThere {
    /// Whether the program alone is why a task comes behind the one of a node.
    pub fn is_why(&self, why: &Why, before: &Node) -> bool {
        let mut own = self.own.reads.iter().chain(&self.own.writes);
        matches!(why, Why::Footprint(area) if self.areas.contains(area))
            && !own.any(|own| before.footprint.writes.iter().any(|area| area.shows_in(own)))
    }

    /// Whether the program alone is looked for in an area.
    pub fn is_at(&self, area: &Area) -> bool {
        self.areas.contains(area) && !self.own.reads.contains(area) && !self.own.writes.contains(area)
    }
}

impl Walk<'_> {
    /// Whether what only looks, or checks, may come out otherwise when those before it are done, which bring programs.
    pub(super) fn may_differ(&self, task: &HostTask, before: &[TaskId]) -> bool {
        let writes = |id: &TaskId| self.nodes[id.0 as usize].footprint.writes.iter();
        before.iter().flat_map(writes).any(|area| area.overlaps(&Area::Packages))
            && counts_by_type(&self.preparations[task.id.0 as usize]) == Counts::No
    }

    pub(super) fn program_there(&self, task: &HostTask) -> ProgramThere {
        let at = task.id.0 as usize;
        let Preparation::Ready(prepared) = &self.preparations[at] else { return Default::default() };
        let exec = match (prepared.is_command(), prepared.runs(), prepared.look()) {
            (true, Some(Op::Exec { exec, .. } | Op::Job { exec, .. }), _)
            | (true, _, Some(Query::Test(exec))) => exec,
            _ => return Default::default(),
        };
        let Some(program) = program(&exec) else { return Default::default() };
        let answer = self.planner.answers[self.planner.seat_of[at]].get(&program.query);
        let is_there = matches!(answer, Some(Answer::Output(found)) if found.code == 0);
        if !is_there || self.overlays[self.machine(task)].replaces(&program.paths) {
            return Default::default();
        }
        let mut own = prepared.footprint();
        let areas = with_program(&**prepared, false).reads.split_off(own.reads.len());
        own.writes.extend(task.touches.iter().cloned());
        ProgramThere { areas, own }
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
    let query = Query::File { path: path.clone() };
    Some(Needed { name: path.clone(), query, paths: vec![path], is_program: false })
}

fn program(exec: &Exec) -> Option<Needed> {
    let (name, paths) = program_of(exec)?;
    let probe = match (name.contains('/'), exec.path()) {
        (true, _) => Probe::Which { program: paths[0].clone() },
        (false, None) => Probe::Which { program: name.clone() },
        (false, Some(_)) => Probe::WhichOf { programs: paths.clone() },
    };
    Some(Needed { name, query: Query::Run(probe), paths, is_program: true })
}

impl Needed {
    fn found(&self, view: &View) -> Found {
        let fault = match view.look(&self.query) {
            Look::NotAsked => return Found::Open(vec![self.query.clone()]),
            Look::Known(answer) => self.fault(&answer),
            Look::Unknown(_) => None,
        };
        let comes =
            || view.lets_come || view.overlay.may_let_run(&self.places()) || self.lies_behind_link(view);
        let fault = fault.filter(|_| !comes());
        // What a link leads to from now on may not be what is there now.
        let there = |path: &String| Query::There { path: path.clone() };
        let is_anew = self.paths.iter().any(|path| view.overlay.behind_link(&there(path)).is_some());
        if fault.is_none() && !is_anew {
            return Found::Fine;
        }
        // One folder may have two names. Whether it does is only asked where it matters, and of all who miss something at once.
        let (links, mut laid) = (Links::new(view), view.laid.borrow_mut());
        let mut comes = false;
        for path in &self.paths {
            comes |= match links.leads(path) {
                Some((real, is_sure)) => laid.is_at(&real, view.overlay, &links, view.all_told) || !is_sure,
                None => true,
            };
        }
        match (links.open(), fault) {
            (open, _) if !open.is_empty() => Found::Open(open),
            (_, Some(fault)) if !comes && view.all_told => Found::Lacks(fault),
            _ => Found::Fine,
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
    fn lies_behind_link(&self, view: &View) -> bool {
        let there = |path: &String| view.look(&Query::There { path: path.clone() });
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
            let areas = &with_program(&*prepared, false).reads[prepared.footprint().reads.len()..];
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
            (
                "command",
                "{cmd: x, touches: [nothing], chdir: /srv, env: {PATH: \"/opt/bin/:in::/bin\"}}",
                "packages /opt/bin/x /srv/in/x /srv/x /bin/x",
            ),
            ("command", "{cmd: /x, touches: [nothing], env: {PATH: /opt}}", "/x"),
            // It comes behind all anyway.
            ("command", "cmd: x", ""),
            ("command", "{cmd: x, changes: false}", ""),
            ("shell", "{cmd: x, touches: [nothing]}", ""),
            ("shell", "{cmd: x, executable: /bin/bash, touches: [nothing]}", "packages /bin/bash"),
            ("script", "{content: \"#!/bin/sh\", touches: [nothing]}", ""),
            ("script", "{content: x, executable: /srv/x -e, touches: [nothing]}", "/srv/x"),
            ("file", "{path: /srv/x}", ""),
        ] {
            assert_eq!(read(name, text), expected, "{name}: {text}");
        }
    }
}
