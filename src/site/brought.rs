//! Files that a task makes on the machine that the run is started on, for a later one that takes them along to its host.

use super::{HostTask, HostTasks, Place, Preparation, Registered, prepare::Aim};
use crate::{
    model::{Area, TaskId, path_within},
    template::render,
    yaml::Value,
};
use std::{path::Path, sync::Arc};

/// That what a task takes along is not there yet.
pub(super) struct Coming {
    pub why: Arc<str>,
    /// An earlier task changes it: what is there now is something else.
    pub is_sure: bool,
}

/// What a task takes along.
struct Taken {
    /// The paths at which it may be; `None`: it is not known yet which.
    paths: Option<Vec<String>>,
    /// All of it is written by hand: a command that does not say what it touches leaves it as it is.
    is_template: bool,
}

impl HostTasks {
    /// Fills in [`HostTask::brings`] and [`HostTask::brought_by`].
    pub(super) fn find_brought(&mut self) {
        let none = Registered::default();
        // Who writes here, and what.
        let mut writers: Vec<(usize, Vec<Area>)> = vec![];
        for at in 0..self.tasks.len() {
            let taken = if writers.is_empty() { vec![] } else { self.taken(&self.tasks[at]) };
            let mut by = vec![];
            for (writer, areas) in &writers {
                if taken.iter().any(|taken| areas.iter().any(|area| taken.is_in(area))) {
                    by.push(TaskId(*writer as u32));
                }
            }
            for writer in &by {
                let writer = &mut self.tasks[writer.0 as usize];
                let name = writer.files_name();
                writer.brings = Some(name.clone());
                if !self.tasks[at].reads.contains(&name) {
                    self.tasks[at].reads.push(name);
                }
            }
            self.tasks[at].brought_by = by;
            let areas = self.written_here(at, &none);
            if !areas.is_empty() {
                writers.push((at, areas));
            }
        }
    }

    /// What a task writes on the machine that the run is started on.
    fn written_here(&self, at: usize, none: &Registered) -> Vec<Area> {
        let host_task = &self.tasks[at];
        let task = self.shared.task(host_task.source);
        let kind = self.shared.type_of(task);
        let place = match &host_task.place {
            Place::Host => &self.host,
            Place::Delegate(other) => other,
        };
        let is_here = self.is_this_machine(place);
        // Of what only looks at a host, or steers the run, nothing is written.
        let is_idle = ["set_fact", "meta", "debug", "assert", "fail", "pause"].contains(&kind.name());
        if is_idle || !(is_here || kind.has("here_path")) || host_task.leader().is_some() {
            return vec![];
        }
        let says_no_change = matches!(task.judging.changed_when.as_slice(), [only] if matches!(only.value, Value::Bool(false)));
        let mut areas = match self.prepare_for(host_task.id, none, Aim::Check) {
            Ok(Preparation::Ready(prepared) | Preparation::Awaits(_, prepared)) => {
                let kept = prepared.kept().map(|path| Area::Path(self.absolute(Path::new(&path))));
                let own = if is_here { prepared.footprint().writes } else { vec![] };
                own.into_iter().chain(kept).collect()
            }
            Ok(Preparation::Skip(_) | Preparation::Sets(_)) => return vec![],
            Ok(Preparation::NotYet(_, footprint)) if is_here => footprint.writes,
            Ok(Preparation::Items(_)) | Err(_) if is_here => vec![Area::Everything],
            _ => vec![],
        };
        areas.extend(host_task.touches.iter().filter(|_| is_here).cloned());
        areas.retain(|area| match area {
            Area::Path(_) => true,
            Area::Everything => !says_no_change,
            _ => false,
        });
        areas
    }

    /// Whether a host is reached as a process on the machine that the run is started on.
    fn is_this_machine(&self, name: &str) -> bool {
        let Some(host) = self.shared.inventory.host(name) else { return false };
        match host.vars.get("ansible_connection") {
            Some(node) => node.as_str() == Some("local"),
            None => name == "localhost",
        }
    }

    fn taken(&self, host_task: &HostTask) -> Vec<Taken> {
        let task = self.shared.task(host_task.source);
        let mut found = vec![];
        for param in self.shared.type_of(task).sources() {
            let Some(written) = task.params.get(param.key) else { continue };
            let scope = self.scopes.of(&self.shared, host_task, &Registered::default());
            // What is wrong with the name is told when the task is prepared.
            let Ok(name) = render(written, &scope) else { continue };
            let paths = match name.as_str() {
                _ if name.unknown().is_some() => None,
                Some(name) if Path::new(name).is_absolute() => Some(vec![self.absolute(Path::new(name))]),
                Some(name) => {
                    let places = self.shared.places(task).into_iter();
                    Some(places.map(|base| self.absolute(&base.join(param.folder).join(name))).collect())
                }
                None => continue,
            };
            found.push(Taken { paths, is_template: param.render });
        }
        found
    }

    fn absolute(&self, path: &Path) -> String {
        let whole = self.shared.controller.folder.join(path);
        let steps = whole.components().filter(|step| !matches!(step, std::path::Component::CurDir));
        steps.collect::<std::path::PathBuf>().to_string_lossy().into_owned()
    }

    /// Whether files that a task takes along are still to come.
    pub(super) fn coming(&self, host_task: &HostTask, registered: &Registered) -> Option<Coming> {
        let mut found = None;
        for writer in &host_task.brought_by {
            let writer = &self.tasks[writer.0 as usize];
            let known = registered.results.get(&writer.files_name());
            match known.map(|node| &node.value) {
                Some(Value::Unknown(why)) => return Some(Coming { why: why.clone(), is_sure: true }),
                Some(_) => {}
                None => found = Some(Coming { why: writer.files_why().into(), is_sure: false }),
            }
        }
        found
    }
}

impl Taken {
    fn is_in(&self, area: &Area) -> bool {
        match (area, &self.paths) {
            (Area::Everything, _) => !self.is_template,
            (_, None) => true,
            // A folder that is taken along changes with what is in it.
            (Area::Path(area), Some(paths)) => {
                paths.iter().any(|path| path_within(path, area) || path_within(area, path))
            }
            _ => false,
        }
    }
}

impl HostTask {
    /// Under which name it keeps that its files are there: the same on all hosts.
    fn files_name(&self) -> String {
        // No variable has such a name.
        format!("files that task {} brings", self.source)
    }

    pub(crate) fn files_why(&self) -> String {
        format!("what `{}` brings to this machine", self.name)
    }
}
