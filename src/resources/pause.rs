//! `pause`: time that passes, or somebody who presses Enter. The engine does it, on the controller.

use super::shared::Act;
use crate::{
    model::{Address, Area, Footprint},
    resource::{Fault, Interlude, Manner, Observe, Resource, Seen, Topic},
};
use agent::{secret::Content, wire::Op};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Pause;

/// Waits, or asks whoever started the run. Nothing happens on the host, and `--check` does not wait.
///
/// With `seconds` or `minutes` it waits so long, each host for itself. Without them it shows the prompt and goes on when Enter is pressed:
/// once for all hosts, when the first of them comes to it. What was typed is `user_input` of the registered result. Without a
/// terminal nobody can press Enter: then the run ends before anything is touched.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// So many seconds. Left out, with no `minutes` either: until a key is pressed.
    seconds: Option<u32>,
    /// So many minutes, in place of `seconds`.
    minutes: Option<u32>,
    /// What is shown. Default: `Press Enter to continue`, or how long it waits.
    prompt: Option<String>,
    /// `false`: what is typed does not show, and is a secret from then on.
    #[serde(default = "yes")]
    echo: bool,
}

fn yes() -> bool {
    true
}

impl Spec {
    fn seconds(&self) -> Option<u64> {
        self.seconds.map(u64::from).or_else(|| self.minutes.map(|minutes| u64::from(minutes) * 60))
    }

    fn text(&self) -> String {
        self.prompt.clone().unwrap_or_else(|| match self.seconds() {
            Some(seconds) => format!("waiting {seconds} s"),
            None => "Press Enter to continue".into(),
        })
    }
}

impl Resource for Pause {
    const NAME: &'static str = "pause";
    const TOPIC: Topic = Topic::Flow;
    const MANNER: Manner = Manner::Steers("");
    const FACETS: &'static [&'static str] = &["pause"];
    const EXAMPLE: &'static str = "\
name: Somebody has looked
pause:
  prompt: Look at the page, then press Enter (ctrl-c ends the run)
";
    const RESULT: &'static [(&'static str, &'static str)] =
        &[("user_input", "what was typed"), ("echo", "whether it showed"), ("delta", "seconds that it took")];
    const CONTENT: &'static [&'static str] = &["seconds", "minutes", "prompt"];

    type Spec = Spec;
    type State = Act;

    fn check(spec: &Spec) -> Result<(), Fault> {
        if spec.seconds.is_some() && spec.minutes.is_some() {
            return Err(Fault::new("`seconds` and `minutes` are both given").hint("write one of them"));
        }
        if spec.seconds().is_some() && !spec.echo {
            let fault = Fault::new("`echo` says nothing where nobody is asked");
            return Err(fault.hint("leave `echo` out, or `seconds` and `minutes`"));
        }
        Ok(())
    }

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(_: &Spec) -> Footprint {
        // In its place in the file: after all that writes before it, before all that writes after it.
        Footprint::reads([Area::Everything])
    }

    fn observe(_: &Spec, _: &Seen) -> Observe<Act> {
        Ok(Act::default())
    }

    fn desired(spec: &Spec, _: &Act) -> Result<Act, Fault> {
        Ok(Act::new("pause", spec.text()))
    }

    /// Never sent: the interlude takes its place.
    fn ops(spec: &Spec, _: &Act, _: &Act) -> Vec<Op> {
        vec![Op::Note { text: Content::from(spec.text().as_str()) }]
    }

    fn acts(_: &Spec) -> bool {
        true
    }

    fn counts_as_change(_: &Spec) -> bool {
        false
    }

    fn interlude(spec: &Spec) -> Option<Interlude> {
        Some(Interlude { text: spec.text(), seconds: spec.seconds(), echo: spec.echo })
    }
}
