//! `meta`: what is about the run itself.

use super::shared::Act;
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Manner, Observe, Resource, Seen, Topic},
};
use agent::wire::Op;
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Meta;

/// Steers the run: touches nothing on the host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// `flush_handlers`: handlers that were notified so far run here instead of at the end of the play. `end_host`: the play ends
    /// for this host, without a failure, when the task's `when` holds; handlers that are owed still run. `noop`: nothing.
    #[expect(dead_code, reason = "the site reads it, before any host is asked")]
    action: Action,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    FlushHandlers,
    EndHost,
    Noop,
}

impl Resource for Meta {
    const NAME: &'static str = "meta";
    const TOPIC: Topic = Topic::Flow;
    const MANNER: Manner = Manner::Steers("");
    const FACETS: &'static [&'static str] = &[];
    const EXAMPLE: &'static str = "\
name: Only hosts with Docker go on
meta: end_host
when: not facts.docker.installed
";
    const FREE: Option<&'static str> = Some("action");

    type Spec = Spec;
    type State = Act;

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(_: &Spec) -> Footprint {
        Footprint::default()
    }

    fn observe(_: &Spec, _: &Seen) -> Observe<Act> {
        Ok(Act::default())
    }

    fn desired(_: &Spec, _: &Act) -> Result<Act, Fault> {
        Ok(Act::default())
    }

    fn ops(_: &Spec, _: &Act, _: &Act) -> Vec<Op> {
        vec![]
    }
}
