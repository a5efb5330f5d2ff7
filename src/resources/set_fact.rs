//! `set_fact`: variables for the tasks behind it. The site renders and sets them; nothing on the host is looked at.

use super::shared::Act;
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Manner, Observe, Resource, Seen, Topic},
};
use agent::wire::Op;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, de::IgnoredAny};

pub struct SetFact;

/// Sets variables for the tasks behind it on this host, in this and the plays behind it. They win over all but `-e`.
///
/// Write them below, one a line: `name: value`. A value is rendered here and once, unlike that of a variable in `vars`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Spec(#[schemars(with = "IndexMap<String, serde_json::Value>")] IndexMap<String, IgnoredAny>);

impl Resource for SetFact {
    const NAME: &'static str = "set_fact";
    const TOPIC: Topic = Topic::Flow;
    const MANNER: Manner = Manner::Steers("`--check` sets them as well.");
    const FACETS: &'static [&'static str] = &[];
    const EXAMPLE: &'static str = "\
name: Where this host keeps its data
set_fact:
  data: /db/{{inventory_hostname}}
";

    type Spec = Spec;
    type State = Act;

    fn check(spec: &Spec) -> Result<(), Fault> {
        if spec.0.is_empty() { Err(Fault::new("`set_fact` sets nothing")) } else { Ok(()) }
    }

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
