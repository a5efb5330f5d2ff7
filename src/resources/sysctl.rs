//! `sysctl`: a kernel parameter, at once and after a reboot.

use super::shared::{
    HostPath,
    unit::{output, run},
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic},
};
use agent::{
    secret::Content,
    wire::{Answer, Attrs, Op, Probe, Query},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Bytes.
const LIMIT: u64 = 1 << 16;

pub struct Sysctl;

/// Sets a kernel parameter: in the running kernel and in a file for the next boot.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// E.g. `vm.overcommit_memory`.
    name: String,
    /// The value, as `sysctl` shows it.
    value: String,
    /// The file that holds just this parameter. Default: `/etc/sysctl.d/60-NAME.conf`.
    file: Option<HostPath>,
}

impl Spec {
    fn file(&self) -> String {
        let own = || format!("/etc/sysctl.d/60-{}.conf", self.name.replace('/', "."));
        self.file.as_ref().map_or_else(own, HostPath::to_string)
    }
}

pub struct SysctlState {
    live: Option<String>,
    file: Option<Content>,
}

impl State for SysctlState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if let Some(live) = &self.live {
            facets.insert("live value".into(), live.as_str().into());
        }
        if let Some(file) = &self.file {
            facets.insert("file".into(), Facet::content(file));
        }
        facets
    }
}

/// The kernel separates words by tabs: `4096 87380 6291456` is the same value.
fn plain(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Resource for Sysctl {
    const NAME: &'static str = "sysctl";
    const TOPIC: Topic = Topic::System;
    const EXAMPLE: &'static str =
        "name: Redis asks for it\nsysctl:\n  name: vm.overcommit_memory\n  value: 1\n";
    type Spec = Spec;
    type State = SysctlState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("sysctl:{}", spec.name)))
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([Area::Sysctl(spec.name.clone()), Area::Path(spec.file())])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<SysctlState> {
        let good = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        let starts = spec.name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts || !spec.name.chars().all(good) || spec.name.contains("..") {
            let name = spec.name.escape_debug();
            let fault = Fault::new(format!("`{name}` is not the name of a kernel parameter"));
            return Err(fault.hint("as `sysctl -a` prints it, e.g. `net.ipv4.ip_forward`").into());
        }
        if spec.value.chars().any(|c| c.is_control() && c != '\t') {
            let fault = Fault::new(format!("the value of `{}` must be one line", spec.name));
            return Err(fault.hint("several numbers are separated by spaces").into());
        }
        let (probe, file) = (Probe::Sysctl { key: spec.name.clone() }, spec.file());
        seen.all([
            Query::Run(probe.clone()),
            Query::Read { path: file.clone(), limit: LIMIT, secret: false },
        ])?;
        let output = seen.run(probe)?;
        let live = (output.code == 0).then(|| plain(&String::from_utf8_lossy(output.stdout.bytes())));
        if live.is_none() {
            // It may come with a module, the program with a package.
            seen.presume(match output.code {
                127 => "there is no program `sysctl` (package procps)".to_string(),
                _ => format!("the kernel has no parameter `{}`", spec.name),
            })?;
        }
        Ok(SysctlState { live, file: seen.content(&file, LIMIT, false)? })
    }

    fn desired(spec: &Spec, _: &SysctlState) -> Result<SysctlState, Fault> {
        let value = plain(&spec.value);
        let file = Content::from(format!("{} = {value}\n", spec.name).as_str());
        Ok(SysctlState { live: Some(value), file: Some(file) })
    }

    fn ops(spec: &Spec, from: &SysctlState, to: &SysctlState) -> Vec<Op> {
        let (Some(value), Some(content)) = (&to.live, &to.file) else { return vec![] };
        let mut ops = vec![];
        if from.live.as_ref() != Some(value) {
            // First, so that a value which the kernel refuses is not kept for the next boot.
            ops.push(run(["sysctl", "-q", "-w", &format!("{}={value}", spec.name)]));
        }
        if from.file.as_ref() != Some(content) {
            let attrs = Attrs { mode: Some(0o644), ..Attrs::default() };
            ops.push(Op::WriteFile { path: spec.file(), content: content.clone(), attrs, check: None });
        }
        ops
    }

    fn effects(spec: &Spec, _: &SysctlState, to: &SysctlState, _: &[Op]) -> Vec<Effect> {
        let answer = Answer::Output(output(0, &format!("{}\n", to.live.as_deref().unwrap_or_default())));
        vec![Effect::Answer(Query::Run(Probe::Sysctl { key: spec.name.clone() }), answer)]
    }
}
