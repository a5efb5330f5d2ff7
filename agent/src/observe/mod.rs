//! Answers queries. Nothing here changes the host.

mod account;
mod compose;
mod facts;
mod file;
pub(crate) mod ports;
mod probe;

pub use account::Names;
pub use facts::facts;

use crate::child;
use crate::wire::{Answer, Query};

/// Answers queries one after the other. What is worth keeping between them (account names, the read buffer) lives
/// as long as one request, so that an answer is never older than its request.
#[derive(Default)]
pub struct Observer {
    names: Names,
    buffer: Vec<u8>,
}

impl Observer {
    pub fn answer(&mut self, query: &Query) -> Answer {
        let result = match query {
            Query::File { path } => file::meta(path, &mut self.names, &mut self.buffer).map(Answer::Meta),
            Query::Read { path, limit, secret } => file::read(path, *limit, *secret).map(Answer::Content),
            Query::List { path } => file::list(path).map(Answer::Names),
            Query::User { name } => self.names.user(name).map(Answer::User),
            Query::Group { name } => self.names.group(name).map(Answer::Group),
            Query::Run(probe) => probe::run(probe).map(Answer::Output),
            Query::Ports { host, ports, timeout_ms } => {
                ports::scan(host, ports, *timeout_ms).map(Answer::Ports)
            }
            Query::Test(exec) => {
                Ok(Answer::Output(child::output_or_code(child::run(exec, &mut |_| {}), exec.secret)))
            }
        };
        result.unwrap_or_else(Answer::Failed)
    }
}
