//! What is meant: a task, a file on the host, or a service.

use super::service::{All, ServiceWhy};
use crate::{
    diag::{Diagnostic, Diagnostics, did_you_mean},
    model::{TaskId, path_within},
    site::{Course, HostTask, HostTasks, Prepare, Traced},
};

/// Most tasks that a name may stand for before it is said that they are many.
const CANDIDATES: usize = 12;

pub(super) enum Meant {
    /// One task of the playbook: each item of its loop.
    Tasks(Vec<TaskId>),
    File {
        path: String,
        line: Option<usize>,
        /// Those who write it.
        by: Vec<(TaskId, Traced)>,
    },
    Service(ServiceWhy),
}

/// Finds what is meant.
///
/// # Errors
/// Nothing is, or several things are.
pub(super) fn meant(tasks: &HostTasks, course: &Course, what: &str) -> Result<Meant, Diagnostics> {
    let (path, line) = match what.rsplit_once(':') {
        Some((path, line)) => match line.parse::<usize>() {
            Ok(line) => (path, Some(line)),
            Err(_) => (what, None),
        },
        None => (what, None),
    };
    if path.starts_with('/') && !is_of_task(tasks, path) {
        return file(tasks, course, path, line);
    }
    let of_line = line.and_then(|line| at(tasks, path, line));
    of_line.map_or_else(|| named(tasks, course, what), Ok)
}

/// Whether this is a file of the project in which a task stands.
fn is_of_task(tasks: &HostTasks, path: &str) -> bool {
    tasks.tasks().iter().any(|task| task.origin.source.path.to_string_lossy() == path)
}

/// The task that stands at a line of a file: the last one that begins at or before it.
fn at(tasks: &HostTasks, path: &str, line: usize) -> Option<Meant> {
    let of_file = tasks.tasks().iter().filter(|task| {
        let file = task.origin.source.path.to_string_lossy();
        file == path || file.strip_suffix(path).is_some_and(|rest| rest.ends_with('/'))
    });
    let before = of_file.filter(|task| task.origin.line_column().0 <= line);
    let source = before.max_by_key(|task| task.origin.line_column().0)?.source;
    Some(Meant::Tasks(all_of(tasks, source)))
}

fn all_of(tasks: &HostTasks, source: usize) -> Vec<TaskId> {
    tasks.tasks().iter().filter(|task| task.source == source).map(|task| task.id).collect()
}

/// A task's name without its role.
fn short(task: &HostTask) -> &str {
    task.name.split_once(" : ").map_or(&*task.name, |(_, name)| name)
}

fn named(tasks: &HostTasks, course: &Course, what: &str) -> Result<Meant, Diagnostics> {
    let all = tasks.tasks();
    let wanted = what.to_lowercase();
    let tests: [&dyn Fn(&HostTask) -> bool; 2] =
        [&|task| task.name == what || short(task) == what, &|task| {
            // The item of its loop is said behind the name.
            let is_start = |name: &str| name.strip_prefix(what).is_some_and(|rest| rest.starts_with(" ("));
            is_start(&task.name) || is_start(short(task))
        }];
    if let Some(found) = tests.iter().find_map(|test| matching(all, what, test)) {
        return found.map_err(Into::into);
    }
    let services = All::new(tasks, course);
    let (service, known) = services.named(what)?;
    if let Some(service) = service {
        return Ok(Meant::Service(services.why(&service)));
    }
    if let Some(found) = matching(all, what, &|task| task.name.to_lowercase().contains(&wanted)) {
        return found.map_err(Into::into);
    }
    let error = Diagnostic::error(format!("no task and no service is named `{}`", what.escape_debug()));
    let names = all.iter().flat_map(|task| [task.name.as_str(), short(task)]);
    let error = error.hint(
        "`graph INVENTORY --host HOST` lists the tasks of a host; a file is named by its whole path: `/etc/...`",
    );
    Err(error.suggest(what, names.chain(known.iter().map(String::as_str))).into())
}

/// The tasks that are meant by a test, if any are.
fn matching(
    all: &[HostTask],
    what: &str,
    test: &dyn Fn(&HostTask) -> bool,
) -> Option<Result<Meant, Diagnostic>> {
    let found: Vec<&HostTask> = all.iter().filter(|task| test(task)).collect();
    let mut sources: Vec<usize> = found.iter().map(|task| task.source).collect();
    sources.sort_unstable();
    sources.dedup();
    match sources.as_slice() {
        [] => None,
        // Each item of its loop that is meant.
        [_] => Some(Ok(Meant::Tasks(found.iter().map(|task| task.id).collect()))),
        sources => Some(Err(ambiguous(all, what, sources))),
    }
}

fn ambiguous(all: &[HostTask], what: &str, sources: &[usize]) -> Diagnostic {
    let count = sources.len();
    let mut error = Diagnostic::error(format!("`{}` is in the names of {count} tasks", what.escape_debug()));
    for source in sources.iter().take(CANDIDATES) {
        if let Some(task) = all.iter().find(|task| task.source == *source) {
            error = error.cause(format!("{}  {}", task.name, place(task)));
        }
    }
    if count > CANDIDATES {
        error = error.cause(format!("and {} more", count - CANDIDATES));
    }
    error.hint("write more of the name, or the place: `FILE:LINE`")
}

/// File and line.
pub(super) fn place(task: &HostTask) -> String {
    super::why::place(&task.origin)
}

fn file(tasks: &HostTasks, course: &Course, path: &str, line: Option<usize>) -> Result<Meant, Diagnostics> {
    let (mut by, mut known) = (vec![], vec![]);
    for task in tasks.tasks() {
        let traced = course.trace(task.id);
        let paths = traced.paths();
        let is_own = paths.iter().any(|own| own == path);
        known.extend(paths);
        if is_own {
            by.push((task.id, traced));
        }
    }
    if !by.is_empty() {
        return Ok(Meant::File { path: path.into(), line, by });
    }
    let error = Diagnostic::error(format!("no task writes `{}`", path.escape_debug()));
    let inside = known.iter().filter(|known| path_within(path, known)).max_by_key(|known| known.len());
    let below = known.iter().find(|known| path_within(known, path));
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_string());
    let beside = known.iter().map(String::as_str).filter(|known| folder(known) == folder(path));
    let close = did_you_mean(path, beside).or_else(|| did_you_mean(path, known.iter().map(String::as_str)));
    let error = match (inside, below, close) {
        (None, _, Some(close)) => error.hint(format!("did you mean `{close}`?")),
        (Some(folder), _, Some(close)) if !path_within(folder, close) => {
            error.hint(format!("did you mean `{close}`?"))
        }
        (Some(folder), ..) => error.hint(format!("a task writes `{folder}`, in which it is")),
        (_, Some(file), _) => error.hint(format!("`{file}` is below it: name one file")),
        _ => error.hint("what a command writes is not known; `apply --check` shows all that tasks write"),
    };
    Err(error.into())
}
