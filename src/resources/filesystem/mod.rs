//! `filesystem`: a filesystem on a device that holds nothing yet.

mod tools;

use self::tools::Kind;
use super::shared::{HostPath, Words, device, unit::output};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic},
};
use agent::wire::{Answer, MachineProbe, Op, Probe, Query};
use schemars::JsonSchema;
use serde::Deserialize;

/// Bytes by which a filesystem may be smaller than its device: it is laid out in groups.
const SLACK: u64 = 16 << 20;

pub struct Filesystem;

/// Makes a filesystem on a device that is empty, and grows it with the device.
///
/// A device that holds anything is never formatted: another filesystem, a partition table, or a part of LVM, RAID or LUKS is refused with
/// what was found, and so is data of no known kind: it must read as zeros (both ends, and places all over it). There is no way to force it;
/// to zero it by hand, with `blkdiscard -z` or `dd`, is one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A disk, a partition or a volume: `/dev/vdb`, `/dev/disk/by-id/…`. With `file: true` a file that is there.
    device: HostPath,
    /// `ext4`, `ext3`, `ext2`, `xfs`, `btrfs`, `vfat` or `swap`.
    fstype: Kind,
    /// Its name, by which `mount` finds it as `LABEL=…`. Default: stays as it is.
    label: Option<String>,
    /// The number that a new one gets: of vfat `1A2B-3C4D`. Default: any. One that is there keeps its own.
    uuid: Option<String>,
    /// More words for `mkfs` when it is made, `-m 1`. Default: none.
    opts: Option<Words>,
    /// Grows it to the size of the device: ext2, ext3 and ext4 at any time, XFS and Btrfs while they are mounted.
    #[serde(default)]
    resize: bool,
    /// `device` is a file.
    #[serde(default)]
    file: bool,
}

#[derive(Clone, Default)]
pub struct FilesystemState {
    kind: Option<Kind>,
    label: Option<String>,
    uuid: Option<String>,
    /// Bytes, where it is to grow.
    size: Option<u64>,
    device_size: u64,
    mounted: Option<String>,
    /// Its number in a Btrfs of several devices.
    devid: Option<String>,
    /// All its names that do not come from what is on it, as the answer tells them.
    names: Vec<String>,
}

impl State for FilesystemState {
    fn facets(&self) -> Facets {
        let facets = [
            ("filesystem", self.kind.map(|kind| kind.name().to_string())),
            ("label", self.label.clone()),
            ("uuid", self.uuid.clone()),
            ("size", self.size.map(|size| format!("{} MiB", size >> 20))),
        ];
        facets.into_iter().filter_map(|(name, value)| Some((name.into(), value?.into()))).collect()
    }
}

fn question(device: &str) -> Query {
    Query::Run(Probe::Machine(MachineProbe::Filesystem { device: device.into() }))
}

impl Spec {
    fn what(&self) -> &'static str {
        if self.file { "file" } else { "device" }
    }

    fn question(&self) -> Query {
        question(&self.device)
    }

    fn check(&self) -> Result<(), Fault> {
        let name = self.fstype.name();
        if let Some(label) = &self.label {
            self.fstype.check_label(label)?;
        }
        if let Some(uuid) = &self.uuid {
            self.fstype.check_uuid(uuid)?;
        }
        let words = self.opts.as_deref().unwrap_or_default();
        if let Some(word) = words.iter().find(|word| self.fstype.is_force(word)) {
            let fault = Fault::new(format!("`{word}` would format what holds something"));
            return Err(fault.hint("leave it out of `opts`: an empty device needs no force"));
        }
        if self.resize && !self.fstype.grows() {
            let fault = Fault::new(format!("`resize`: {name} does not grow"));
            return Err(fault.hint("leave `resize` out; ext2, ext3, ext4, xfs and btrfs grow"));
        }
        if !self.file && !self.device.starts_with("/dev/") {
            let fault = Fault::new(format!("`{}` is no device", self.device));
            return Err(fault.hint("a path below /dev; for a file write `file: true`"));
        }
        Ok(())
    }
}

impl Resource for Filesystem {
    const NAME: &'static str = "filesystem";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["filesystem", "label", "uuid", "size"];
    const EXAMPLE: &'static str = "\
name: A filesystem for the data
filesystem:
  device: /dev/vdb
  fstype: ext4
  label: data
";
    const CONTENT: &'static [&'static str] = &["label"];

    type Spec = Spec;
    type State = FilesystemState;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.check()
    }

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("filesystem:{}", spec.device)))
    }

    fn also_known_as(spec: &Spec, seen: &Seen) -> Observe<Vec<Address>> {
        let Answer::Output(told) = seen.get(spec.question())? else { return Ok(vec![]) };
        let told = String::from_utf8_lossy(told.stdout.bytes()).into_owned();
        let names = told.lines().filter_map(|line| line.strip_prefix("name="));
        let others = names.filter(|name| **name != *spec.device);
        Ok(others.map(|name| Address(format!("filesystem:{name}"))).collect())
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes(device::area(&spec.device)).and_reads([Area::Packages])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FilesystemState> {
        let (device, program) = (&spec.device, spec.fstype.program().to_string());
        let which = Query::Run(Probe::Which { program: program.clone() });
        seen.all([spec.question(), which.clone()])?;
        let Answer::Output(told) = seen.get(spec.question())? else {
            return Err(Fault::new("the agent's answer is of the wrong kind").into());
        };
        let told = String::from_utf8_lossy(told.stdout.bytes()).into_owned();
        let all = |key: &str| -> Vec<&str> {
            told.lines()
                .filter_map(|line| line.split_once('='))
                .filter(|(k, _)| *k == key)
                .map(|(_, v)| v)
                .collect()
        };
        let value = |key: &str| all(key).first().map(ToString::to_string);
        match (value("kind").as_deref(), spec.file) {
            (Some("device"), false) | (Some("file"), true) => {}
            (Some("missing"), _) => {
                seen.presume(device::area(device).as_slice(), format!("there is no {device}"))?
            }
            (Some("file"), false) => {
                let fault = Fault::new(format!("{device} is a file, not a device"));
                return Err(fault.hint("write `file: true` if it is meant").into());
            }
            _ => {
                return Err(Fault::new(format!("{device} is no {}", spec.what()))
                    .hint("name a disk or a partition")
                    .into());
            }
        }
        let number = |key| value(key).and_then(|text| text.parse::<u64>().ok());
        let found = all("found");
        let mut state = FilesystemState {
            device_size: number("size").unwrap_or(0),
            mounted: value("mounted"),
            devid: value("devid"),
            names: all("name").into_iter().map(str::to_string).collect(),
            ..FilesystemState::default()
        };
        if found == [spec.fstype.name()] {
            state.kind = Some(spec.fstype);
            state.label = value("label").filter(|_| spec.label.is_some());
            state.uuid = value("uuid").filter(|_| spec.uuid.is_some());
            state.size = if spec.resize { number("filesystem_size") } else { None };
            if spec.resize && state.size.is_none() {
                return Err(
                    Fault::new(format!("how large the filesystem on {device} is cannot be told")).into()
                );
            }
            return Ok(state);
        }
        let used = [all("used"), all("mounted")].concat();
        if !found.is_empty() || !used.is_empty() {
            let what = if found.is_empty() {
                format!("is used by {}", used.join(", "))
            } else {
                format!("holds {}", found.join(", "))
            };
            let fault = Fault::new(format!("{device} {what}: it is not formatted"));
            return Err(fault
                .hint(
                    "name another device; if nobody needs what is on it, `wipefs -a` and then `blkdiscard -z` or `dd if=/dev/zero` by hand make it empty",
                )
                .into());
        }
        if value("data").is_some() {
            let fault = Fault::new(format!("{device} holds data that no tool knows: it is not formatted"));
            let empties = if spec.file {
                "`truncate -s 0` and `truncate -s SIZE` by hand make it empty"
            } else {
                "`blkdiscard -z` or `dd if=/dev/zero` by hand makes it empty (`wipefs` takes only signatures)"
            };
            return Err(fault
                .hint(format!("name another {}; if nobody needs what is on it, {empties}", spec.what()))
                .into());
        }
        if seen.get(which)? != Answer::Output(output(1, "")) {
            return Ok(state);
        }
        seen.presume(
            &[Area::Packages],
            format!("there is no program `{program}` (package {})", spec.fstype.package()),
        )?;
        Ok(state)
    }

    fn desired(spec: &Spec, from: &FilesystemState) -> Result<FilesystemState, Fault> {
        if let (Some(found), Some(wanted)) = (&from.uuid, &spec.uuid)
            && !found.eq_ignore_ascii_case(wanted)
        {
            let fault = Fault::new(format!("the filesystem on {} has the number {found}", spec.device));
            return Err(
                fault.hint("one that is there keeps its number: write this one in `uuid`, or leave it out")
            );
        }
        let mut to = FilesystemState { kind: Some(spec.fstype), ..from.clone() };
        to.label = spec.label.clone();
        to.uuid = from.uuid.clone().or_else(|| spec.uuid.clone());
        if spec.resize {
            let grows = from.size.is_none_or(|size| size.saturating_add(SLACK) <= from.device_size);
            to.size = if grows { Some(from.device_size) } else { from.size };
            if grows && from.kind.is_some() && spec.fstype.grows_mounted_only() && from.mounted.is_none() {
                let name = spec.fstype.name();
                let fault =
                    Fault::new(format!("{} holds {name}, which grows only while it is mounted", spec.device));
                return Err(fault.hint("mount it in a task before this one"));
            }
        }
        let relabelled = from.kind.is_some() && from.label.as_ref() != to.label.as_ref();
        if relabelled && from.mounted.is_some() && spec.fstype.labels_unmounted_only() {
            let (name, place) = (spec.fstype.name(), from.mounted.as_deref().unwrap_or_default());
            let fault = Fault::new(format!(
                "{} is in use at {place}: the label of {name} can only be set while it is not",
                spec.device
            ));
            return Err(fault.hint("unmount it first, or write the label that it has"));
        }
        Ok(to)
    }

    fn ops(spec: &Spec, from: &FilesystemState, to: &FilesystemState) -> Vec<Op> {
        let device = &*spec.device;
        if from.kind.is_none() {
            let words = spec.opts.as_deref().unwrap_or_default();
            return vec![spec.fstype.make(device, spec.label.as_deref(), spec.uuid.as_deref(), words)];
        }
        let place = from.mounted.as_deref();
        let mut ops = vec![];
        if let Some(label) = to.label.as_deref().filter(|_| from.label != to.label) {
            ops.push(spec.fstype.set_label(device, place, label));
        }
        if from.size != to.size {
            ops.extend(spec.fstype.grow(device, place, to.devid.as_deref()));
        }
        ops
    }

    fn effects(spec: &Spec, from: &FilesystemState, to: &FilesystemState, _: &[Op]) -> Vec<Effect> {
        let (kind, name) = (spec.what(), spec.fstype.name());
        let mut text = format!("kind={kind}\nsize={}\nfound={name}\ntype={name}\n", to.device_size);
        let size = Some(to.device_size.to_string());
        for (key, value) in
            [("label", &to.label), ("uuid", &to.uuid), ("filesystem_size", &size), ("mounted", &to.mounted)]
        {
            value.iter().for_each(|value| text += &format!("{key}={value}\n"));
        }
        to.names.iter().for_each(|name| text += &format!("name={name}\n"));
        to.devid.iter().for_each(|devid| text += &format!("devid={devid}\n"));
        // It is one device, by whichever name another task asks for it.
        let others = to.names.iter().filter(|name| **name != *spec.device);
        let names: Vec<&str> = [&*spec.device].into_iter().chain(others.map(String::as_str)).collect();
        let answer = |query, text: &str| Effect::Answer(query, Answer::Output(output(0, text)));
        let mut effects: Vec<_> = names.iter().map(|name| answer(question(name), &text)).collect();
        if spec.fstype == Kind::Swap && from.kind.is_none() {
            // What uses it can be planned.
            let own: String = to.names.iter().map(|name| format!("name={name}\n")).collect();
            let text = format!("kind=device\nfound=swap\nactive=no\n{own}");
            let question = |name: &&str| Probe::Machine(MachineProbe::Swap { path: (*name).into(), size: 0 });
            effects.extend(names.iter().map(|name| answer(Query::Run(question(name)), &text)));
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{Look, Lookup};

    struct Told(&'static str);

    impl Lookup for Told {
        fn look(&self, _: &Query) -> Look {
            Look::Known(Answer::Output(output(0, self.0)))
        }

        fn may_still_come(&self, _: &[Area]) -> bool {
            false
        }
    }

    #[test]
    fn a_device_is_known_by_its_other_names() {
        let told = Told("kind=device\nname=/dev/vdb1\nname=/dev/disk/by-id/a\n");
        let spec: Spec =
            serde_json::from_str(r#"{"device": "/dev/disk/by-id/a", "fstype": "ext4"}"#).unwrap();
        let names = Filesystem::also_known_as(&spec, &Seen::new(&told)).unwrap();
        assert_eq!(names, [Address("filesystem:/dev/vdb1".into())]);
    }
}
