//! `debug`: shows a message.

use super::shared::Act;
use crate::resource::Facet;
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Manner, Observe, Resource, Seen, Topic},
    yaml::Text,
};
use agent::wire::Op;
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Debug;

/// Shows a message in the run's output. A secret in it is masked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The message. A secret in it is masked. Or `var`: the name of a variable, which is shown with its value as JSON.
    msg: Text,
}

impl Resource for Debug {
    const NAME: &'static str = "debug";
    const TOPIC: Topic = Topic::Flow;
    const MANNER: Manner = Manner::Steers("`--check` shows the message too.");
    const FACETS: &'static [&'static str] = &["msg"];
    const EXAMPLE: &'static str = "\
name: Say where we are
debug:
  msg: this is {{facts.hostname}}
";
    const FREE: Option<&'static str> = Some("msg");
    const CONTENT: &'static [&'static str] = &["msg"];

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

    fn desired(spec: &Spec, _: &Act) -> Result<Act, Fault> {
        Ok(Act::new("msg", Facet::content(&spec.msg.0)))
    }

    fn ops(spec: &Spec, _: &Act, _: &Act) -> Vec<Op> {
        vec![Op::Note { text: spec.msg.0.clone() }]
    }

    fn acts(_: &Spec) -> bool {
        true
    }

    fn counts_as_change(_: &Spec) -> bool {
        false
    }
}
