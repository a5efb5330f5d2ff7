//! `async_status`: how a command that runs in the background is.

use super::shared::Act;
use crate::{
    model::{Address, Area, Footprint},
    resource::{Fault, Manner, Observe, Pause, Resource, Seen, Topic},
};
use agent::wire::{Answer, Op, Query, STILL_RUNNING, ended_by_force};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct AsyncStatus;

/// Looks at a command that was started with `async` and `poll: 0`. Its result has `finished`, and then `rc`, `stdout` and `stderr`; one that
/// ended badly fails the task. Wait for it with `until: r.finished` and `retries`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The job: `ansible_job_id` of the result that the starting task registered.
    jid: String,
    /// Every exit code is as good as 0. A task with `failed_when` needs not say so.
    #[serde(default)]
    any_code: bool,
}

impl Spec {
    fn query(&self) -> Query {
        Query::Job { id: self.jid.clone() }
    }
}

impl Resource for AsyncStatus {
    const NAME: &'static str = "async_status";
    const TOPIC: Topic = Topic::Flow;
    const MANNER: Manner = Manner::Looks;
    const FACETS: &'static [&'static str] = &[];
    const EXAMPLE: &'static str = "\
name: The import is done
async_status:
  jid: \"{{import.ansible_job_id}}\"
register: job
until: job.finished
retries: 60
";
    const FREE: Option<&'static str> = Some("jid");

    type Spec = Spec;
    type State = Act;

    fn check(spec: &Spec) -> Result<(), Fault> {
        if spec.jid.is_empty() || spec.jid.starts_with('.') || spec.jid.contains('/') {
            let fault = Fault::new(format!("`{}` is no job", spec.jid.escape_debug()));
            return Err(
                fault.hint("write `{{NAME.ansible_job_id}}`, with the name that the starting task registers")
            );
        }
        Ok(())
    }

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::reads([Area::Job(spec.jid.clone())])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Act> {
        let [answer] = seen.all([spec.query()])?;
        match answer {
            Answer::Output(output)
                if output.code == 0
                    || output.code == STILL_RUNNING
                    || (spec.any_code && !ended_by_force(output.code)) =>
            {
                Ok(Act::default())
            }
            Answer::Output(output) => {
                let printed = String::from_utf8_lossy(output.stderr.bytes());
                let last = printed.trim().lines().last().filter(|_| !output.stderr.is_secret());
                let said = last.map(|line| format!(": {line}")).unwrap_or_default();
                Err(Fault::new(format!("the job ended with {}{said}", output.code)).into())
            }
            // It may be started by a task before this one.
            Answer::Failed(why) => Err(Pause::NotYet(why)),
            other => Err(Fault::new(format!("the agent's answer is of the wrong kind: {other:?}")).into()),
        }
    }

    fn desired(_: &Spec, _: &Act) -> Result<Act, Fault> {
        Ok(Act::default())
    }

    fn ops(_: &Spec, _: &Act, _: &Act) -> Vec<Op> {
        vec![]
    }

    fn is_command(_: &Spec) -> bool {
        true
    }

    fn look(spec: &Spec) -> Option<Query> {
        Some(spec.query())
    }
}
