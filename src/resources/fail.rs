//! `fail`: an end with a message.

use super::shared::Act;
use crate::{
    model::{Address, Area, Footprint},
    resource::{Fault, Manner, Observe, Resource, Seen, Topic},
};
use agent::wire::Op;
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Fail;

/// Fails, with a message. It stands with a `when`, or in a `rescue`.
///
/// What can be decided before the run is: then nothing is touched when it fails, and it fails under `--check` too.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Why.
    #[serde(default = "requested")]
    msg: String,
}

fn requested() -> String {
    "Failed as requested from task".into()
}

impl Resource for Fail {
    const NAME: &'static str = "fail";
    const TOPIC: Topic = Topic::Flow;
    const MANNER: Manner = Manner::Steers("");
    const FACETS: &'static [&'static str] = &[];
    const EXAMPLE: &'static str = "\
name: Not on a machine that is too small
fail:
  msg: this needs 2 GiB of memory, and there are {{facts.memory.total_mb}} MiB
when: lt facts.memory.total_mb 1900
";
    const CONTENT: &'static [&'static str] = &["msg"];

    type Spec = Spec;
    type State = Act;

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(_: &Spec) -> Footprint {
        // In its place in the file: after all that writes before it, before all that writes after it.
        Footprint::reads([Area::Everything])
    }

    fn check(_: &Spec) -> Result<(), Fault> {
        // That it fails is for the run to say.
        Ok(())
    }

    fn observe(spec: &Spec, _: &Seen) -> Observe<Act> {
        Err(Fault::new(&spec.msg).into())
    }

    fn desired(_: &Spec, observed: &Act) -> Result<Act, Fault> {
        Ok(observed.clone())
    }

    fn ops(_: &Spec, _: &Act, _: &Act) -> Vec<Op> {
        vec![]
    }

    fn acts(_: &Spec) -> bool {
        true
    }

    fn counts_as_change(_: &Spec) -> bool {
        false
    }
}
