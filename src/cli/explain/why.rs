//! An explanation, as data.

use super::{Outcome, ServiceWhy, order::Edges};
use crate::{
    diag::Diagnostic,
    event::Finding,
    model::{Origin, TaskId},
    site::{Cause, Fate, HostTask, HostTasks, Parameter, Prepare, Traced, Written, shows_in_a_run},
    template::{Line, Made, Read, Truth},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// What becomes of a task.
pub(super) const FATES: [&str; 4] = ["runs", "skipped", "not known yet", "wrong"];

/// Why a task or a file of a host is as it is.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Explanation {
    pub host: String,
    /// Whether facts of the host are known.
    pub facts: bool,
    /// Of a task: itself, or each item of its loop.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskWhy>,
    /// Of a file: for each task that writes it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileWhy>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceWhy>,
    /// What the lint of plans finds on the host as it is now, where it was asked: what is about these tasks, and what an apply refuses; and
    /// two tasks that own the same (`two-owners`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// Why a task is as it is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TaskWhy {
    #[serde(skip)]
    pub id: TaskId,
    pub name: String,
    pub resource: String,
    /// File and line.
    pub place: String,
    pub handler: bool,
    /// `runs`, `skipped`, `not known yet` or `wrong`.
    #[schemars(extend("enum" = FATES))]
    pub fate: &'static str,
    /// What is behind that: the condition that does not hold, what is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What is to be done on the host as it is now, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    pub conditions: Vec<Condition>,
    pub loops: Vec<Condition>,
    pub parameters: Vec<ParameterWhy>,
    /// The files that it writes.
    pub writes: Vec<String>,
    /// The handlers that it notifies; of a handler the tasks that notify it.
    pub notifies: Vec<String>,
    pub notified_by: Vec<String>,
    /// What it comes behind, and what comes behind it.
    pub after: Vec<Edge>,
    pub before: Vec<Edge>,
}

/// A condition, or what a loop goes over.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Condition {
    pub text: String,
    pub place: String,
    /// Of a condition: `true`, `false`, or what it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    pub from: Vec<From>,
}

/// A parameter that variables made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ParameterWhy {
    pub name: String,
    pub place: String,
    /// One line; of a longer text, or a secret, what it is.
    pub value: String,
    pub from: Vec<From>,
}

/// A task before or behind another.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Edge {
    pub task: String,
    pub place: String,
    pub why: String,
}

/// A file as one task writes it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FileWhy {
    #[serde(skip)]
    pub id: TaskId,
    pub path: String,
    pub task: String,
    pub resource: String,
    pub place: String,
    #[schemars(extend("enum" = FATES))]
    pub fate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What is to be done on the host as it is now, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// How many lines the task writes; 0 where that is not known, or it writes none.
    pub total: usize,
    /// The file holds lines of others too.
    pub is_part: bool,
    pub conditions: Vec<Condition>,
    pub loops: Vec<Condition>,
    /// Those that say where the file is and how it is there: not those that its lines are made of.
    pub parameters: Vec<ParameterWhy>,
    /// The line that was asked for, of the whole file.
    #[serde(skip)]
    pub asked: Option<usize>,
    /// Those that variables made; of a whole file the one that was asked for.
    pub lines: Vec<LineWhy>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct LineWhy {
    /// Of a part of a file: within that.
    pub number: usize,
    /// The host has another line there now, or none. Not where that cannot be told line by line.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub changes: bool,
    pub text: String,
    pub from: Vec<From>,
}

/// A variable or a fact, and what it was made of.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct From {
    /// The variable's name.
    pub variable: String,
    /// What of it: `nginx.port`.
    pub path: String,
    /// What it is.
    pub of: Of,
    /// Of a result, and of what `set_fact` has set: the task that brings it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// File and line, of a result those of its task; `built in`, `facts of HOST`; nothing where it is not set anywhere.
    pub place: String,
    /// A short one; nothing of a secret. Of what is not known before, or not set: that.
    pub value: String,
    /// It only says whether, or how often, the line is there, or whether the variable was set.
    pub decides: bool,
    pub from: Vec<Self>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// It is written in the project, or given on the command line.
    Variable,
    /// The host says it of itself.
    Fact,
    /// What a task came to.
    Result,
    /// A task has set it.
    SetFact,
    /// What is built in, the item of a loop, what a helper asks for.
    Other,
}

/// Of what shows only when tasks have run.
pub(super) const IN_THE_RUN: &str = "known only in the run";

/// File and line.
pub(super) fn place(origin: &Origin) -> String {
    let path = origin.source.path.display();
    if origin.source.text.is_empty() {
        return path.to_string();
    }
    format!("{path}:{}", origin.line_column().0)
}

fn from(read: &Read, decides: bool) -> From {
    let made_of = read.made_of.iter().chain(&read.inside).map(|read| (&**read, false));
    let inner = all(made_of.chain(read.decided.iter().map(|read| (&**read, true))));
    let (of, origin) = match &read.by {
        Some(by) if by.is_result => (Of::Result, &by.origin),
        Some(_) => (Of::SetFact, &read.origin),
        None if read.ready && read.name == "facts" => (Of::Fact, &read.origin),
        None if read.ready => (Of::Other, &read.origin),
        None => (Of::Variable, &read.origin),
    };
    let place = match place(origin) {
        place if of == Of::Fact && place == "built in" => "a fact".into(),
        place => place,
    };
    let value = match &read.waits {
        _ if read.secret => "a secret".into(),
        Some(why) if shows_in_a_run(why) => IN_THE_RUN.into(),
        // The plan knows the task, and not what it comes to.
        Some(_) if of == Of::Result => IN_THE_RUN.into(),
        _ => read.shown.clone(),
    };
    From {
        variable: read.name.clone(),
        path: read.path.clone(),
        of,
        task: read.by.as_ref().map(|by| by.task.to_string()),
        place,
        value,
        decides,
        from: inner,
    }
}

/// Each once, as first read.
fn all<'a>(reads: impl Iterator<Item = (&'a Read, bool)>) -> Vec<From> {
    let mut found = vec![];
    reads.for_each(|(read, decides)| add(&mut found, from(read, decides)));
    found
}

pub(super) fn of_line(line: &Line) -> Vec<From> {
    all(line.reads.iter().map(|(read, decides)| (&**read, *decides)))
}

/// Adds those that are not among them yet.
pub(super) fn add_all(found: &mut Vec<From>, more: Vec<From>) {
    more.into_iter().for_each(|new| add(found, new));
}

/// One that decides and is part of the text too is part of it.
fn add(found: &mut Vec<From>, new: From) {
    match found.iter_mut().find(|old| old.path == new.path && old.place == new.place) {
        Some(old) => {
            old.decides &= new.decides;
            new.from.into_iter().for_each(|inner| add(&mut old.from, inner));
        }
        None => found.push(new),
    }
}

pub(super) fn of<'a>(reads: impl IntoIterator<Item = &'a Arc<Read>>) -> Vec<From> {
    all(reads.into_iter().map(|read| (&**read, false)))
}

fn condition(cause: &Cause) -> Condition {
    // A result that the plan does not know, either.
    let is_result = |read: &Arc<Read>, why: &Arc<str>| {
        read.waits.as_ref() == Some(why) && read.by.as_ref().is_some_and(|by| by.is_result)
    };
    let in_the_run =
        |why: &Arc<str>| shows_in_a_run(why) || cause.reads.iter().any(|read| is_result(read, why));
    let value = cause.truth.as_ref().map(|truth| match truth {
        Truth::True => "true".into(),
        Truth::False => "false".into(),
        Truth::Unknown(why) if in_the_run(why) => format!("{IN_THE_RUN}: {why}"),
        Truth::Unknown(why) => format!("not known yet: {why}"),
    });
    Condition { text: cause.text.clone(), place: place(&cause.origin), value, from: of(&cause.reads) }
}

pub(super) fn fate(fate: &Fate) -> (&'static str, Option<String>) {
    match fate {
        Fate::Runs => ("runs", None),
        Fate::Skipped(why) => ("skipped", Some(why.clone())),
        Fate::NotYet(why) => ("not known yet", Some(why.clone())),
        Fate::Wrong(errors) => ("wrong", errors.0.first().map(ToString::to_string)),
    }
}

/// What becomes of this task.
fn fate_of(task: &HostTask, traced: &Traced) -> (&'static str, Option<String>) {
    match (&traced.fate, task.is_rescue()) {
        (Fate::Runs, true) => ("not known yet", Some("it runs only when a task of its block fails".into())),
        (other, _) => fate(other),
    }
}

fn parameter(parameter: &Parameter) -> ParameterWhy {
    let Made { text, .. } = &parameter.made;
    let is_known = text.is_some();
    let text = text.as_deref().unwrap_or_default();
    let value = match text.lines().count() {
        _ if parameter.secret => "a secret".into(),
        _ if !is_known => "not known yet".into(),
        0 | 1 => text.trim_end().to_string(),
        lines => format!("a text of {lines} lines"),
    };
    let (name, place) = (parameter.name.clone(), place(&parameter.origin));
    ParameterWhy { name, place, value, from: of(&parameter.made.reads) }
}

/// The parameters that variables made, apart from those that made the lines of what it writes.
fn parameters(traced: &Traced, written: &[Written]) -> Vec<ParameterWhy> {
    let in_lines = |p: &&Parameter| written.iter().any(|file| file.made_of.contains(&p.name));
    let made = traced.parameters.iter().filter(|p| !p.made.reads.is_empty());
    made.filter(|p| !in_lines(p)).map(parameter).collect()
}

/// Why a task is as it is. `written`: the files that it writes.
pub(super) fn task(
    tasks: &HostTasks,
    id: TaskId,
    traced: &Traced,
    written: &[Written],
    edges: &Edges,
) -> TaskWhy {
    let task = &tasks.tasks()[id.0 as usize];
    let (fate, because) = fate_of(task, traced);
    let (after, before) = edges[id.0 as usize].clone();
    TaskWhy {
        id,
        outcome: None,
        name: task.name.clone(),
        resource: task.resource.to_string(),
        place: place(&task.origin),
        handler: task.handler,
        fate,
        because,
        conditions: traced.conditions.iter().map(condition).collect(),
        loops: traced.loops.iter().map(condition).collect(),
        parameters: parameters(traced, &[]),
        writes: written.iter().map(|file| file.path.clone()).collect(),
        notified_by: {
            let by = tasks.tasks().iter().filter(|other| other.notify.contains(&id));
            by.map(|other| other.name.clone()).collect()
        },
        notifies: task.notify.iter().map(|id| tasks.tasks()[id.0 as usize].name.clone()).collect(),
        after,
        before,
    }
}

/// A file as a task writes it, of those that it writes. `line`: only that one.
///
/// # Errors
/// The file has no such line.
pub(super) fn file(
    tasks: &HostTasks,
    id: TaskId,
    traced: &Traced,
    written: &[Written],
    path: &str,
    line: Option<usize>,
) -> Result<FileWhy, Diagnostic> {
    let task = &tasks.tasks()[id.0 as usize];
    let parameters = parameters(traced, written);
    let written = written.iter().find(|written| written.path == path);
    let is_part = written.is_some_and(|written| written.is_part);
    let lines = written.map(|written| &written.lines[..]).unwrap_or_default();
    let total = lines.len();
    if let Some(line) = line.filter(|line| total > 0 && !is_part && (*line == 0 || *line > total)) {
        let error = Diagnostic::error(format!("{path} has no line {line}"));
        return Err(error.hint(format!("`{}` writes {total} lines into it", task.name)));
    }
    let (fate, because) = fate_of(task, traced);
    let shown = |(at, line): (usize, &Line)| LineWhy {
        number: at + 1,
        changes: false,
        from: of_line(line),
        text: line.text.clone(),
    };
    let wanted = |why: &LineWhy| match line {
        Some(line) if !is_part => why.number == line,
        _ => !why.from.is_empty(),
    };
    Ok(FileWhy {
        id,
        outcome: None,
        path: path.into(),
        task: task.name.clone(),
        resource: task.resource.to_string(),
        place: place(&task.origin),
        fate,
        because,
        total,
        is_part,
        conditions: traced.conditions.iter().map(condition).collect(),
        loops: traced.loops.iter().map(condition).collect(),
        parameters,
        asked: line,
        lines: lines.iter().enumerate().map(shown).filter(wanted).collect(),
    })
}
