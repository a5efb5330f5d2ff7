//! `port_probe`: which TCP ports answer, seen from where the task runs.

use super::shared::{Act, check_host};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Fault, Manner, Observe, Resource, Seen, Topic},
};
use agent::wire::{Op, Until, Wait};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};
use std::fmt;

pub struct PortProbe;

/// Ports that must not answer.
#[derive(Debug, Default)]
enum Closed {
    /// All that `open` does not name.
    #[default]
    Others,
    These(Vec<u16>),
}

impl JsonSchema for Closed {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Closed".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let ports = generator.subschema_for::<Vec<u16>>();
        schemars::json_schema!({ "anyOf": [{ "type": "string", "enum": ["others"] }, ports] })
    }
}

impl<'de> Deserialize<'de> for Closed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Closed;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("`others` or a list of ports")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Closed, E> {
                if text == "others" { Ok(Closed::Others) } else { Err(E::unknown_variant(text, &["others"])) }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Closed, A::Error> {
                let mut ports = vec![];
                while let Some(port) = items.next_element()? {
                    ports.push(port);
                }
                Ok(Closed::These(ports))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Looks which TCP ports of a host answer, and fails when others do than wanted.
///
/// It looks from where the task runs; `delegate_to` makes that another host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name or address. Each address family is a task of its own.
    host: String,
    /// TCP ports that must answer.
    open: Vec<u16>,
    /// TCP ports that must not: a list, or `others` (the default) for all the rest.
    #[serde(default)]
    closed: Closed,
    /// Milliseconds for each connection.
    #[serde(default = "connect_timeout")]
    timeout_ms: u32,
    /// Seconds to keep trying in all.
    #[serde(default = "timeout")]
    timeout: u32,
}

fn connect_timeout() -> u32 {
    1000
}

fn timeout() -> u32 {
    10
}

impl Spec {
    /// Ranges, both ends included.
    fn closed(&self) -> Vec<(u16, u16)> {
        if let Closed::These(ports) = &self.closed {
            return ports.iter().map(|port| (*port, *port)).collect();
        }
        let mut open = self.open.clone();
        open.sort_unstable();
        let (mut ranges, mut next) = (vec![], 1_u32);
        for port in open.into_iter().map(u32::from).chain([65536]) {
            if next < port {
                ranges.push((next as u16, (port - 1) as u16));
            }
            next = port + 1;
        }
        ranges
    }
}

impl Resource for PortProbe {
    const NAME: &'static str = "port_probe";
    const TOPIC: Topic = Topic::Network;
    const MANNER: Manner = Manner::Checks;
    const FACETS: &'static [&'static str] = &["until"];
    const EXAMPLE: &'static str = "\
name: Only the web is open
port_probe:
  host: 192.0.2.10
  open: [22, 80, 443]
  closed: others
";
    const CONTENT: &'static [&'static str] = &["host", "open"];

    type Spec = Spec;
    type State = Act;

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(_: &Spec) -> Footprint {
        Footprint::reads([Area::Network])
    }

    fn observe(_: &Spec, _: &Seen) -> Observe<Act> {
        Ok(Act::default())
    }

    fn desired(spec: &Spec, _: &Act) -> Result<Act, Fault> {
        check_host(&spec.host)?;
        let list = |ports: &[u16]| ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let closed = match &spec.closed {
            Closed::Others => "all others".to_string(),
            Closed::These(ports) => list(ports),
        };
        let what = format!("{}: open {}; closed {closed}", spec.host, list(&spec.open));
        Ok(Act::new("until", what))
    }

    fn ops(spec: &Spec, _: &Act, _: &Act) -> Vec<Op> {
        let (host, open, closed) = (spec.host.clone(), spec.open.clone(), spec.closed());
        let until = Until::Ports { host, open, closed, timeout_ms: spec.timeout_ms };
        vec![Op::Wait(Wait { until, timeout_s: spec.timeout, interval_ms: 500 })]
    }

    fn acts(_: &Spec) -> bool {
        true
    }

    fn counts_as_change(_: &Spec) -> bool {
        false
    }
}
