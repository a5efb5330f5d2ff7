//! A run: one pass over all hosts, and with `--prove` a second one that must find nothing to do.

use super::{Approve, Events, Hosts, Open, RunOptions, dispatcher::pass};
use crate::{
    diag::Exit,
    event::{Event, SCHEMA},
};
use std::{sync::Arc, time::Instant};

/// Runs everything. The first event is `RunStarted`, the last one `RunFinished`.
pub async fn run(
    hosts: Arc<dyn Hosts>,
    open: Arc<dyn Open>,
    options: RunOptions,
    events: Events,
    approve: &dyn Approve,
) -> Exit {
    let started = Instant::now();
    events(Event::RunStarted {
        schema: SCHEMA,
        run: options.run.clone(),
        check: options.check,
        hosts: hosts.names(),
        about: options.about.clone(),
    });
    let mut exit = pass(&hosts, &open, options.check, &options, &events, approve).await;
    if let (Exit::Done, Some(look)) = (exit, &options.prove) {
        events(Event::ProofStarted {});
        exit = match pass(&hosts, look, true, &options, &events, approve).await {
            Exit::Pending => Exit::NotConverged,
            other => other,
        };
    }
    events(Event::RunFinished { exit: exit as u8, millis: started.elapsed().as_millis() as u64 });
    exit
}
