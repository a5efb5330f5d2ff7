//! `sysctl`: a kernel parameter, at once and after a reboot.

mod boot;

use super::shared::{
    Edited, FileState, HostPath, Presence, content_ops, own_lines,
    unit::{output, run},
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic, file_query},
};
use agent::wire::{Answer, Attrs, Op, Probe, Query};
use boot::AtBoot;
use schemars::JsonSchema;
use serde::Deserialize;

/// Bytes.
const LIMIT: u64 = 1 << 20;

pub struct Sysctl;

/// Sets a kernel parameter: in the running kernel, and by one line of a file for the next boot.
///
/// Where a file that is read later at boot says otherwise, the task fails and names it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// E.g. `vm.overcommit_memory`.
    name: String,
    /// The value, as `sysctl` shows it. Not needed with `absent`.
    value: Option<String>,
    /// The file that holds the line; its other lines stay. Default: `/etc/sysctl.d/60-NAME.conf`.
    file: Option<HostPath>,
    /// `present` (default), or `absent`: the line goes from the file, and the file if nothing is left in it. The running kernel keeps its
    /// value until the next boot.
    #[serde(default)]
    state: Presence,
}

impl Spec {
    fn file(&self) -> HostPath {
        let own = || format!("/etc/sysctl.d/60-{}.conf", self.name.replace('/', "."));
        self.file.clone().unwrap_or_else(|| HostPath::new(&own()).expect("the name was checked"))
    }

    fn check(&self) -> Result<(), Fault> {
        let good = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        let starts = self.name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts || !self.name.chars().all(good) || self.name.contains("..") {
            let name = self.name.escape_debug();
            let fault = Fault::new(format!("`{name}` is not the name of a kernel parameter"));
            return Err(fault.hint("as `sysctl -a` prints it, e.g. `net.ipv4.ip_forward`"));
        }
        let Some(value) = &self.value else {
            let fault = Fault::new("`value` is missing");
            return match self.state {
                Presence::Present => {
                    Err(fault.hint("as `sysctl` shows it, or `state: absent` takes the line out"))
                }
                Presence::Absent => Ok(()),
            };
        };
        if value.chars().any(|c| c.is_control() && c != '\t') {
            let fault = Fault::new(format!("the value of `{}` must be one line", self.name));
            return Err(fault.hint("several numbers are separated by spaces"));
        }
        Ok(())
    }

    /// The value that is wanted.
    fn wanted(&self) -> Option<String> {
        self.value.as_deref().filter(|_| self.state == Presence::Present).map(plain)
    }

    /// Refuses what the next boot would undo.
    fn check_boot(&self, seen: &Seen, value: &str) -> Observe<Vec<String>> {
        let (file, name) = (self.file(), &self.name);
        let later = match boot::look(seen, &file, name, value)? {
            AtBoot::Read(None) => return Ok(vec![]),
            AtBoot::Read(Some(later)) => later,
            AtBoot::Unread => return Ok(vec![format!("systemd does not read {file} at boot")]),
        };
        let path = &later.path;
        let fault = Fault::new(format!(
            "`{name}` would be `{}` after the next boot: {path}:{} comes later, and the last line wins",
            later.value, later.line
        ));
        Err(if path.starts_with("/etc/") {
            fault.hint(format!(
                "change that line, by `file: {path}`; or take it out first: `sysctl: {{name: {name}, state: absent, file: {path}}}`"
            ))
        } else {
            fault.hint("a `file` in /etc/sysctl.d whose name is behind it in the alphabet")
        }
        .into())
    }
}

fn edited(path: &HostPath) -> Edited<'_> {
    Edited { path, attrs: Attrs::default(), secret: false, create: true, is_own: true, validate: None }
}

#[derive(Clone)]
pub struct SysctlState {
    live: Option<String>,
    file: FileState,
    notes: Vec<String>,
}

impl State for SysctlState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if let Some(live) = &self.live {
            facets.insert("live value".into(), live.as_str().into());
        }
        if let Some(file) = &self.file.content {
            facets.insert("file".into(), file.clone());
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
    const FACETS: &'static [&'static str] = &["live value", "file"];
    const EXAMPLE: &'static str =
        "name: Redis asks for it\nsysctl:\n  name: vm.overcommit_memory\n  value: 1\n";
    const CONTENT: &'static [&'static str] = &["value"];
    type Spec = Spec;
    type State = SysctlState;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.check()
    }

    /// A line that goes from a file may stand in another one.
    fn address(spec: &Spec) -> Option<Address> {
        let name = boot::path_of(&spec.name).replace('/', ".");
        Some(Address(match (&spec.file, spec.state) {
            (Some(file), Presence::Absent) => format!("sysctl:{name}:{file}"),
            _ => format!("sysctl:{name}"),
        }))
    }

    /// Two of these keep their order, also with other keys in other files: each reads what the others write, to see who has the last word at
    /// boot, and the kernel ties parameters together (`net.ipv4.ip_forward` sets all of `net.ipv4.conf` back, `vm.dirty_bytes` makes
    /// `vm.dirty_ratio` 0), so that another order would come to another end. Those that are as wanted cost no round trip by it.
    fn footprint(spec: &Spec) -> Footprint {
        let file = spec.file().area();
        if spec.state == Presence::Absent {
            return Footprint::writes([file]);
        }
        let read = boot::FOLDERS.into_iter().chain([boot::MAIN]);
        Footprint::writes([Area::Sysctl(spec.name.clone()), file])
            .and_reads(read.map(|path| Area::Path(path.into())))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<SysctlState> {
        spec.check()?;
        let path = spec.file();
        let Some(value) = spec.wanted() else {
            return Ok(SysctlState { live: None, file: edited(&path).look(seen)?, notes: vec![] });
        };
        let probe = Probe::Sysctl { key: spec.name.clone() };
        let ours = [Query::Run(probe.clone()), file_query(&path)];
        seen.each(ours.into_iter().chain(boot::questions()))?;
        let output = seen.run(probe)?;
        let live = (output.code == 0).then(|| plain(&String::from_utf8_lossy(output.stdout.bytes())));
        if live.is_none() {
            // It may come with a module, the program with a package.
            let missing = [Area::Packages, Area::Sysctl(spec.name.clone()), Area::Path("/sys/module".into())];
            seen.presume(
                &missing,
                match output.code {
                    127 => "there is no program `sysctl` (package procps)".to_string(),
                    _ => format!("the kernel has no parameter `{}`", spec.name),
                },
            )?;
        }
        let file = edited(&path).observe(seen)?;
        let notes = spec.check_boot(seen, &value)?;
        Ok(SysctlState { live, file, notes })
    }

    fn desired(spec: &Spec, observed: &SysctlState) -> Result<SysctlState, Fault> {
        let (path, value, name) = (spec.file(), spec.wanted(), boot::path_of(&spec.name));
        let edited = edited(&path);
        let before = edited.text(&observed.file)?;
        let form =
            |line: &str| boot::assignment(line).filter(|(key, _)| *key == name).map(|(_, value)| value);
        let line = value.as_ref().map(|value| format!("{} = {value}", spec.name));
        let after = own_lines(before, form, line.as_slice());
        let file = match value {
            None if after == before => observed.file.clone(),
            None if after.trim().is_empty() => FileState::default(),
            _ => edited.with(&observed.file, after)?,
        };
        Ok(SysctlState { live: value, file, ..observed.clone() })
    }

    fn ops(spec: &Spec, from: &SysctlState, to: &SysctlState) -> Vec<Op> {
        let (mut ops, path) = (vec![], spec.file());
        if let Some(value) = to.live.as_ref().filter(|value| from.live.as_ref() != Some(value)) {
            // First, so that a value which the kernel refuses is not kept for the next boot.
            ops.push(run(["sysctl", "-q", "-w", &format!("{}={value}", spec.name)]));
        }
        match to.file.read() {
            Some(content) => ops.extend(content_ops(&path, content, None, &from.file, &to.file)),
            None if from.file.what.is_some() => {
                ops.push(Op::Remove { path: path.to_string(), recursive: false });
            }
            None => {}
        }
        ops
    }

    fn effects(spec: &Spec, _: &SysctlState, to: &SysctlState, _: &[Op]) -> Vec<Effect> {
        let Some(live) = &to.live else { return vec![] };
        let answer = Answer::Output(output(0, &format!("{live}\n")));
        vec![Effect::Answer(Query::Run(Probe::Sysctl { key: spec.name.clone() }), answer)]
    }

    fn notes(_: &Spec, state: &SysctlState) -> Vec<String> {
        state.notes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(json: &str) -> Footprint {
        Sysctl::footprint(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn parameters_are_set_in_the_order_of_the_file() {
        let forward = footprint(r#"{"name": "net.ipv4.ip_forward", "value": "1"}"#);
        for other in [
            r#"{"name": "net.ipv4.conf.all.rp_filter", "value": "2"}"#,
            r#"{"name": "vm.swappiness", "value": "10", "file": "/etc/sysctl.conf"}"#,
            r#"{"name": "net.ipv4.conf.all.rp_filter", "value": "2", "file": "/etc/sysctl.d/99-ours.conf"}"#,
        ] {
            let other = footprint(other);
            assert!(forward.conflict(&other).is_some() && other.conflict(&forward).is_some());
        }
        // A line that goes is read by those after it.
        let gone = footprint(r#"{"name": "vm.swappiness", "state": "absent"}"#);
        assert!(gone.conflict(&forward).is_some() && gone.conflict(&gone).is_some());
        // What waits for none of them has to do with neither.
        assert!(forward.conflict(&Footprint::writes([Area::Path("/etc/motd".into())])).is_none());
    }
}
