//! `wait_for`: a port, a path or a command that is to come or go.

use super::shared::{Act, HostPath, check_host, pattern_to_send};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Fault, Manner, Observe, Resource, Seen, Topic},
};
use agent::wire::{Exec, Op, Until, Wait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub struct WaitFor;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Wanted {
    #[default]
    Started,
    Present,
    Stopped,
    Absent,
}

/// Waits for a port, a path, or a command to succeed: one of `port`, `path` and `succeeds`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A TCP port that accepts connections. One of `port`, `path` and `succeeds` is needed.
    port: Option<u16>,
    /// Where the port is.
    #[serde(default = "local")]
    host: String,
    /// A path that exists. Needed unless `port` or `succeeds` is given.
    path: Option<HostPath>,
    /// A shell command that only looks and succeeds. Needed unless `port` or `path` is given.
    succeeds: Option<String>,
    /// A regular expression that must be found: in the file at `path`, or in what the service at `port` says of its own accord when a
    /// connection is made. `^` and `$` are the ends of each line. Default: that it is there is enough.
    search_regex: Option<String>,
    /// `started` or `present` (the default): until it is there; `stopped` or `absent`: until it is gone.
    #[serde(default)]
    state: Wanted,
    /// Seconds before the first look, which are a part of `timeout`.
    #[serde(default)]
    delay: u32,
    /// Seconds until it is given up.
    #[serde(default = "timeout")]
    timeout: u32,
    /// Milliseconds between two looks.
    #[serde(default = "interval")]
    interval_ms: u32,
}

fn local() -> String {
    "127.0.0.1".into()
}

fn timeout() -> u32 {
    300
}

fn interval() -> u32 {
    500
}

impl Spec {
    fn until(&self) -> Result<(Until, String), Fault> {
        if self.delay > 0 && self.delay >= self.timeout {
            let fault =
                Fault::new(format!("`delay` leaves nothing of the {} seconds of `timeout`", self.timeout));
            return Err(fault.hint("`timeout` counts from the beginning: make it longer than `delay`"));
        }
        let gone = matches!(self.state, Wanted::Stopped | Wanted::Absent);
        check_host(&self.host)?;
        let host = self.host.clone();
        let pattern = match &self.search_regex {
            Some(text) if !gone && self.succeeds.is_none() => Some(pattern_to_send("search_regex", text)?),
            Some(_) => {
                return Err(Fault::new("`search_regex` is for a `path` or `port` that is there")
                    .hint("until a text is gone: `succeeds: \"! grep -q TEXT FILE\"`"));
            }
            None => None,
        };
        Ok(match (self.port, &self.path, &self.succeeds) {
            (Some(port), None, None) if gone => {
                (Until::PortClosed { host, port }, format!("port {port} of {} closed", self.host))
            }
            (Some(port), None, None) => match pattern {
                Some(pattern) => {
                    let what = format!("port {port} of {host} says `{}`", pattern.text);
                    (Until::PortSays { host, port, pattern }, what)
                }
                None => (Until::PortOpen { host, port }, format!("port {port} of {} open", self.host)),
            },
            (None, Some(path), None) if gone => {
                (Until::PathAbsent { path: path.to_string() }, format!("{path} absent"))
            }
            (None, Some(path), None) => match pattern {
                Some(pattern) => {
                    let what = format!("{path} holds `{}`", pattern.text);
                    (Until::FileHolds { path: path.to_string(), pattern }, what)
                }
                None => (Until::PathExists { path: path.to_string() }, format!("{path} present")),
            },
            (None, None, Some(script)) if !gone => {
                (Until::Succeeds(Exec::new(["/bin/sh", "-c", script])), script.clone())
            }
            (None, None, Some(_)) => {
                return Err(Fault::new("`succeeds` has no opposite `state`")
                    .hint("leave `state` out, and turn the command round: `! ...`"));
            }
            _ => {
                if (self.port, &self.path, &self.succeeds) == (None, &None, &None) {
                    return Err(Fault::new("one of `port`, `path` and `succeeds` is missing")
                        .hint("to wait for a time alone: `pause: {seconds: 10}`"));
                }
                return Err(Fault::new("give one of `port`, `path` and `succeeds`")
                    .hint("one task waits for one thing"));
            }
        })
    }
}

impl Resource for WaitFor {
    const NAME: &'static str = "wait_for";
    const TOPIC: Topic = Topic::Network;
    const MANNER: Manner = Manner::Checks;
    const FACETS: &'static [&'static str] = &["until"];
    const EXAMPLE: &'static str = "\
name: Wait for the database
wait_for:
  port: 5432
  timeout: 60
";
    const CONTENT: &'static [&'static str] = &["host", "succeeds", "search_regex", "timeout"];

    type Spec = Spec;
    type State = Act;

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        // In its place in the file: after all that may bring it about, before all that may undo it.
        Footprint::reads([if spec.port.is_some() { Area::Network } else { Area::Everything }])
    }

    fn observe(_: &Spec, _: &Seen) -> Observe<Act> {
        Ok(Act::default())
    }

    fn desired(spec: &Spec, _: &Act) -> Result<Act, Fault> {
        spec.until().map(|(_, what)| Act::new("until", what))
    }

    fn ops(spec: &Spec, _: &Act, _: &Act) -> Vec<Op> {
        let until = spec.until().map(|(until, _)| until);
        let wait = |until, timeout_s| Op::Wait(Wait { until, timeout_s, interval_ms: spec.interval_ms });
        let sleep = format!("sleep {}", spec.delay);
        let first = Until::Succeeds(Exec::new(["/bin/sh", "-c", &sleep]));
        // Some seconds more: it is not the sleep that is given up.
        let first = wait(first, spec.delay.saturating_add(30));
        let first = (spec.delay > 0).then_some(first);
        let then = until.into_iter().map(|until| wait(until, spec.timeout.saturating_sub(spec.delay)));
        first.into_iter().chain(then).collect()
    }

    fn acts(_: &Spec) -> bool {
        true
    }

    fn counts_as_change(_: &Spec) -> bool {
        false
    }
}
