//! `shell`: a line for a shell.

use super::shared::{Act, CONTENT, CommandLine, GUARDS, LOOKS, Params, words_of_bash};
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Manner, Observe, Resource, Seen, Topic, Untold, shows_at_once},
};
use agent::wire::{Op, Output, Query};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Shell;

/// A script, as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Script(String);

impl CommandLine for Script {
    fn argv(&self) -> Vec<String> {
        vec!["/bin/sh".into(), "-c".into(), self.0.clone()]
    }
}

impl Resource for Shell {
    const NAME: &'static str = "shell";
    const TOPIC: Topic = Topic::Flow;
    const FACETS: &'static [&'static str] = &["run"];
    const UNTOLD: &'static [Untold] = &[Untold::Anything, Untold::Result];
    const MANNER: Manner = Manner::Acts { unless: GUARDS, besides: LOOKS };
    const EXAMPLE: &'static str = "\
name: Load the schema once
shell:
  cmd: psql app < /srv/app/schema.sql && touch /srv/app/.loaded
  creates: /srv/app/.loaded
  touches: [/srv/app]
";
    const FREE: Option<&'static str> = Some("cmd");
    const CONTENT: &'static [&'static str] = CONTENT;

    type Spec = Params<Script>;
    type State = Act;

    fn check(spec: &Self::Spec) -> Result<(), Fault> {
        spec.check()?;
        shows_at_once::<Self>(spec)
    }

    fn address(_: &Self::Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Self::Spec) -> Footprint {
        spec.footprint()
    }

    fn observe(spec: &Self::Spec, seen: &Seen) -> Observe<Act> {
        if spec.argv.is_some() {
            let fault = Fault::new("`argv` is for `command`: a shell takes one line");
            return Err(fault.hint("write it as `cmd:`, or use `command`").into());
        }
        spec.observe(seen)
    }

    fn desired(spec: &Self::Spec, _: &Act) -> Result<Act, Fault> {
        spec.desired()
    }

    fn ops(spec: &Self::Spec, from: &Act, _: &Act) -> Vec<Op> {
        spec.ops(from)
    }

    fn acts(spec: &Self::Spec) -> bool {
        spec.acts()
    }

    fn counts_as_change(spec: &Self::Spec) -> bool {
        spec.changes
    }

    fn is_command(_: &Self::Spec) -> bool {
        true
    }

    fn remedy(spec: &Self::Spec, output: &Output) -> Option<String> {
        words_of_bash(output).filter(|_| spec.executable.is_none())
    }

    fn look(spec: &Self::Spec) -> Option<Query> {
        spec.look()
    }

    fn runs(spec: &Self::Spec) -> Option<Op> {
        spec.runs()
    }

    fn job(spec: &Self::Spec) -> Option<String> {
        spec.job()
    }
}
