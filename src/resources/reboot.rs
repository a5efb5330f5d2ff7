//! `reboot`: the host starts anew, and the run goes on when it has.

use super::shared::unit::output;
use crate::{
    model::{Address, Area, Footprint},
    resource::{
        Effect, Facets, Fault, Manner, Observe, Reboot as Reboots, Resource, Seen, State, Topic, Untold,
    },
};
use agent::wire::{Answer, DnfQuestion, Exec, Op, Probe, Query};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where packages of Debian ask for it.
const REQUIRED: &str = "/run/reboot-required";

pub struct Reboot;

/// Reboots the host, waits until it is back, and goes on.
///
/// That it is back is proved by another boot id: a host that answers without having gone down is waited for. Later tasks look at the host
/// anew. Facts stay those of the beginning of the run. A host that is this machine is refused.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Reboots only where a package asked for it: when `/run/reboot-required` is there, or, on a host with dnf, when
    /// `dnf needs-restarting -r` says so. Default: always.
    #[serde(default)]
    only_if_required: bool,
    /// Seconds that the host is waited for; then it counts as unreachable.
    #[serde(default = "ten_minutes")]
    timeout: u32,
    /// What those who are logged in are told as it goes down.
    #[serde(default = "message")]
    message: String,
    /// Seconds to wait before it is told to reboot.
    #[serde(default)]
    pre_delay: u32,
    /// Seconds to wait after it is back, before later tasks.
    #[serde(default)]
    post_delay: u32,
}

fn ten_minutes() -> u32 {
    600
}

fn message() -> String {
    "reboot by lustores-provision".into()
}

pub struct RebootState {
    is_due: bool,
    reboots: bool,
}

impl State for RebootState {
    fn facets(&self) -> Facets {
        let facet = self.reboots.then(|| ("reboot".to_string(), "now".into()));
        facet.into_iter().collect()
    }
}

/// Where the packages of the host say so.
fn is_required(seen: &Seen) -> Observe<bool> {
    let (file, dnf) = (Query::There { path: REQUIRED.into() }, Probe::Dnf(DnfQuestion::RebootNeeded));
    seen.all([file.clone(), Query::Run(dnf.clone())])?;
    if seen.get(file)? == Answer::There(true) {
        return Ok(true);
    }
    let said = seen.run(dnf)?;
    match said.code {
        // A host of apt.
        127 => Ok(false),
        0 => Ok(said.stdout.bytes().starts_with(b"yes")),
        _ => {
            let fault = Fault::new("dnf cannot say whether the host needs a reboot");
            Err(fault
                .hint("`package: dnf-plugins-core` (`dnf5-plugins` with dnf 5) brings `dnf needs-restarting`")
                .into())
        }
    }
}

impl Resource for Reboot {
    const NAME: &'static str = "reboot";
    const TOPIC: Topic = Topic::Flow;
    const FACETS: &'static [&'static str] = &["reboot"];
    const UNTOLD: &'static [Untold] = &[Untold::Uptime];
    const MANNER: Manner =
        Manner::Acts { unless: "`only_if_required` is set and no package asked for it", besides: "" };
    const EXAMPLE: &'static str = "\
name: A new kernel is used
reboot:
  only_if_required: true
  timeout: 300
";

    type Spec = Spec;
    type State = RebootState;

    fn check(spec: &Spec) -> Result<(), Fault> {
        if spec.message.chars().any(char::is_control) || spec.message.starts_with('-') {
            let fault = Fault::new("`message` must be one line that does not begin with a dash");
            return Err(fault.hint("e.g. `message: a new kernel`"));
        }
        if spec.timeout == 0 {
            return Err(Fault::new("`timeout` must be more than 0").hint("seconds, e.g. 600"));
        }
        Ok(())
    }

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    /// All before it is done, and all after it is looked at anew.
    fn footprint(_: &Spec) -> Footprint {
        Footprint::everything()
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<RebootState> {
        let is_due = !spec.only_if_required || is_required(seen)?;
        Ok(RebootState { is_due, reboots: false })
    }

    fn desired(_: &Spec, from: &RebootState) -> Result<RebootState, Fault> {
        Ok(RebootState { is_due: from.is_due, reboots: from.is_due })
    }

    fn ops(spec: &Spec, _: &RebootState, to: &RebootState) -> Vec<Op> {
        if !to.reboots {
            return vec![];
        }
        let exec = |argv: &[&str]| Op::Exec { exec: Exec::new(argv.iter().copied()), ok: vec![] };
        let delay = (spec.pre_delay > 0).then(|| exec(&["sleep", &spec.pre_delay.to_string()]));
        delay.into_iter().chain([exec(&["shutdown", "-r", "now", &spec.message])]).collect()
    }

    /// What is on disk stays. What is not is looked at again by each task after it.
    fn effects(_: &Spec, _: &RebootState, _: &RebootState, _: &[Op]) -> Vec<Effect> {
        let required = Effect::Answer(Query::There { path: REQUIRED.into() }, Answer::There(false));
        let dnf = Query::Run(Probe::Dnf(DnfQuestion::RebootNeeded));
        let paths = ["/run", "/tmp"].map(|path| Effect::Unknown(Area::Path(path.into())));
        paths.into_iter().chain([required, Effect::Answer(dnf, Answer::Output(output(127, "")))]).collect()
    }

    fn acts(_: &Spec) -> bool {
        true
    }

    fn reboots(spec: &Spec) -> Option<Reboots> {
        Some(Reboots { timeout_s: spec.timeout, post_delay_s: spec.post_delay })
    }
}
