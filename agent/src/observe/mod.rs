//! Answers queries. Nothing here changes the host.

mod account;
mod compose;
mod facts;
pub(crate) mod file;
pub(crate) mod ports;
pub(crate) mod private;
pub(crate) mod probe;
mod stat;

pub use account::Names;
pub use facts::facts;

use crate::child;
use crate::wire::{Answer, Op, Probe, Query};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

/// Commands that run at once for one request: enough to keep the host's processors busy while some wait, and no more, since
/// they would only take turns.
fn at_once() -> usize {
    thread::available_parallelism().map_or(3, |cpus| cpus.get() * 2).clamp(3, 8)
}

/// Answers queries one after the other. What is worth keeping between them (account names, the read buffer) lives
/// as long as one request, so that an answer is never older than its request.
#[derive(Default)]
pub struct Observer {
    names: Names,
    buffer: Vec<u8>,
    /// Reverts that the change just made has armed: that they are pending is no news.
    armed: Vec<String>,
}

/// Answers all. Commands, which are slow, run beside each other.
pub fn answers(queries: &[Query]) -> Vec<Answer> {
    let slow = |query: &Query| match query {
        Query::Run(_) | Query::Test(_) | Query::Ports { .. } => true,
        Query::Stat { checksum, .. } => checksum.is_some(),
        _ => false,
    };
    let mut commands: Vec<usize> = (0..queries.len()).filter(|at| slow(&queries[*at])).collect();
    let package = |at: usize| match &queries[at] {
        Query::Run(Probe::DpkgStatus { names }) => match &names[..] {
            [name] if probe::is_plain_package(name) => Some(name.as_str()),
            _ => None,
        },
        _ => None,
    };
    let packages: Vec<(usize, &str)> = commands.iter().filter_map(|at| Some((*at, package(*at)?))).collect();
    let packages = if packages.len() > 1 { packages } else { vec![] };
    commands.retain(|at| !packages.iter().any(|(of_package, _)| of_package == at));
    let threads = commands.len().min(at_once());
    if threads < 2 && packages.is_empty() {
        let mut observer = Observer::default();
        return queries.iter().map(|query| observer.answer(query)).collect();
    }
    let (waiting, done) = (Mutex::new(commands.into_iter()), Mutex::new(BTreeMap::new()));
    let add = |at: usize, answer: Answer| {
        done.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(at, answer);
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut observer = Observer::default();
                let next = || waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).next();
                while let Some(at) = next() {
                    add(at, observer.answer(&queries[at]));
                }
            });
        }
        if !packages.is_empty() {
            scope.spawn(|| {
                let names: Vec<&str> = packages.iter().map(|(_, name)| *name).collect();
                let outputs = probe::packages(&names);
                packages.iter().zip(outputs).for_each(|((at, _), output)| add(*at, Answer::Output(output)));
            });
        }
        let mut observer = Observer::default();
        for (at, query) in queries.iter().enumerate().filter(|(_, query)| !slow(query)) {
            add(at, observer.answer(query));
        }
    });
    done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).into_values().collect()
}

impl Observer {
    /// For looking at what these ops came to.
    pub fn after(ops: &[Op]) -> Self {
        let token = |op: &Op| match op {
            Op::Arm { token, .. } => Some(token.clone()),
            _ => None,
        };
        Self { armed: ops.iter().filter_map(token).collect(), ..Self::default() }
    }

    pub fn answer(&mut self, query: &Query) -> Answer {
        let result = match query {
            Query::File { path } => file::meta(path, &mut self.names, &mut self.buffer).map(Answer::Meta),
            Query::Read { path, limit, secret } => file::read(path, *limit, *secret).map(Answer::Content),
            Query::There { path } => file::there(path).map(Answer::There),
            Query::Stat { path, checksum } => {
                stat::stat(path, *checksum, &mut self.names).map(|stat| Answer::Stat(stat.map(Box::new)))
            }
            Query::List { path } => file::list(path).map(Answer::Names),
            Query::User { name } => self.names.user(name).map(Answer::User),
            Query::Group { name } => self.names.group(name).map(Answer::Group),
            Query::UserOf { uid } => self.names.user_of(*uid).map(Answer::User),
            Query::GroupOf { gid } => self.names.group_of(*gid).map(Answer::Group),
            Query::Run(probe) => probe::run(probe, &self.armed).map(Answer::Output),
            Query::Ports { host, ports, timeout_ms } => {
                ports::scan(host, ports, *timeout_ms).map(Answer::Ports)
            }
            Query::Job { id } => crate::act::state::path()
                .and_then(|state| crate::act::job::look(&state, id))
                .map(Answer::Output),
            Query::Record { name, whole } => crate::act::record::look(name, *whole).map(Answer::Content),
            Query::Owed { book } => crate::act::owed::look(book).map(Answer::Owed),
            Query::Test(exec) => {
                Ok(Answer::Output(child::output_or_code(child::run(exec, &mut |_| {}), exec.secret)))
            }
        };
        result.unwrap_or_else(Answer::Failed)
    }
}
