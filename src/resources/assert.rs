//! `assert`: conditions that must hold.

use super::shared::{Act, OneOrMany};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Fault, Manner, Observe, Resource, Seen, Topic},
};
use agent::wire::Op;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};
use std::fmt;

pub struct Assert;

/// A condition, as it is written and, once it was evaluated, whether it holds.
#[derive(Debug, JsonSchema)]
#[schemars(inline, with = "String")]
pub struct Condition {
    text: String,
    holds: Option<bool>,
}

/// What evaluating a condition leaves in its place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Evaluated {
    text: String,
    holds: bool,
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Condition;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a condition")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Condition, E> {
                Ok(Condition { text: text.into(), holds: None })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Condition, A::Error> {
                let evaluated = Evaluated::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Condition { text: evaluated.text, holds: Some(evaluated.holds) })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Stops the host with a message when a condition does not hold.
///
/// `that` is one condition or a list of them, written as in `when`. A condition that can be decided before the run is: then nothing
/// is touched when it fails.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A condition, or a list of them: all must hold.
    that: OneOrMany<Condition>,
    /// Said when one does not. Default: none.
    msg: Option<String>,
}

impl Resource for Assert {
    const NAME: &'static str = "assert";
    const TOPIC: Topic = Topic::Flow;
    const MANNER: Manner = Manner::Steers("");
    const FACETS: &'static [&'static str] = &[];
    const EXAMPLE: &'static str = "\
name: Only Debian and its kin
assert:
  that:
  - eq facts.os.family \"debian\"
  msg: packages are installed with apt
";
    const FREE: Option<&'static str> = Some("that");
    const CONTENT: &'static [&'static str] = &["that", "msg"];

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
        // That something does not hold is for the run to say.
        Ok(())
    }

    fn observe(spec: &Spec, _: &Seen) -> Observe<Act> {
        for condition in &spec.that.0 {
            let text = &condition.text;
            match condition.holds {
                Some(true) => {}
                Some(false) => {
                    let fault = Fault::new(format!("this does not hold: {text}"));
                    return Err(match &spec.msg {
                        Some(msg) => fault.hint(msg).into(),
                        None => fault.into(),
                    });
                }
                None => return Err(Fault::new(format!("the condition was not evaluated: {text}")).into()),
            }
        }
        Ok(Act::default())
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
