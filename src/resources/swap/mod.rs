//! `swap`: a swap file, or a device of swap, in use now and at boot.

mod spec;

use self::spec::{Presence, Spec};
use super::shared::{
    HostPath, READ_LIMIT, device,
    fstab::{self, Entry},
    observe_bytes,
    unit::{output, run},
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic, Untold, file_query},
};
use agent::{
    secret::Content,
    wire::{Answer, Attrs, Op, Query},
};
use std::collections::HashMap;

const SYSTEMD: &str = "/run/systemd/system";
const MIB: u64 = 1 << 20;
/// Filesystems on which a file of whole extents is had at once.
const EXTENTS: [&str; 3] = ["ext4", "xfs", "btrfs"];
/// Those on which the kernel swaps into no file.
const UNFIT: [&str; 5] = ["tmpfs", "ramfs", "overlay", "nfs", "zfs"];

pub struct Swap;

#[derive(Clone, Default)]
pub struct SwapState {
    /// Bytes of the swap file.
    size: Option<u64>,
    mode: Option<String>,
    has_holes: bool,
    active: bool,
    priority: Option<String>,
    entry: Option<Entry>,
    /// Its other names, and how else it may be written in `/etc/fstab`.
    names: Vec<String>,
    aliases: Vec<String>,
    text: String,
    filesystem: String,
    /// What is swapped out has its place elsewhere; there is room for the file.
    fits: bool,
    room: bool,
    has_systemd: bool,
}

impl State for SwapState {
    fn facets(&self) -> Facets {
        let size = self.size.map(|size| match size % MIB {
            0 => format!("{} MiB", size / MIB),
            _ => format!("{size} bytes"),
        });
        let facets = [
            ("size", size),
            ("mode", self.mode.clone()),
            ("holes", self.has_holes.then(|| "yes".into())),
            ("active", self.active.then(|| "yes".into())),
            ("priority", self.priority.clone()),
            ("fstab", self.entry.as_ref().map(Entry::line)),
        ];
        facets.into_iter().filter_map(|(name, value)| Some((name.into(), value?.into()))).collect()
    }
}

impl SwapState {
    /// The priority with which it is put to use: the one that is named, or that of the entry.
    fn in_use(&self) -> Option<&str> {
        self.priority.as_deref().or_else(|| self.entry.as_ref().and_then(spec::priority_of))
    }
}

fn is_ours(spec: &Spec, state: &SwapState) -> impl Fn(&Entry) -> bool {
    let names = [&[spec.path.to_string()][..], &state.names[..], &state.aliases[..]].concat();
    move |entry| entry.kind == "swap" && names.contains(&entry.source.replace('"', ""))
}

impl Resource for Swap {
    const NAME: &'static str = "swap";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["size", "mode", "holes", "active", "priority", "fstab"];
    const UNTOLD: &'static [Untold] = &[Untold::Own];
    const EXAMPLE: &'static str = "name: Some swap for bad days\nswap:\n  path: /swapfile\n  size: 2G\n";
    const CONTENT: &'static [&'static str] = &["size", "priority"];
    type Spec = Spec;
    type State = SwapState;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.check()
    }

    fn address(spec: &Spec) -> Option<Address> {
        Some(spec.address_of(&spec.path))
    }

    fn also_known_as(spec: &Spec, seen: &Seen) -> Observe<Vec<Address>> {
        let told = seen.run(spec.question())?;
        let told = String::from_utf8_lossy(told.stdout.bytes()).into_owned();
        let names = told.lines().filter_map(|line| line.strip_prefix("name="));
        Ok(names.filter(|name| **name != *spec.path).map(|name| spec.address_of(name)).collect())
    }

    fn footprint(spec: &Spec) -> Footprint {
        let area = device::area(&spec.path);
        Footprint::writes(area.into_iter().chain([Area::Path(fstab::PATH.into())]))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<SwapState> {
        let file = HostPath::new(fstab::PATH).map_err(Fault::new)?;
        let read = Query::Read { path: file.to_string(), limit: READ_LIMIT, secret: false };
        let systemd = Query::There { path: SYSTEMD.into() };
        seen.all([Query::Run(spec.question()), file_query(&file), read, systemd.clone()])?;
        let found = observe_bytes(&file, &Attrs::default(), false, seen)?;
        let text = std::str::from_utf8(found.read().map(Content::bytes).unwrap_or_default());
        let text = text.map_err(|_| Fault::new(format!("{file} is not UTF-8 text")))?.to_string();
        let told = seen.run(spec.question())?;
        let told = String::from_utf8_lossy(told.stdout.bytes()).into_owned();
        let all = |key: &str| told.lines().filter_map(|line| line.strip_prefix(key)).collect::<Vec<&str>>();
        let (kinds, names, aliases) = (all("found="), all("name="), all("alias="));
        let told: HashMap<&str, &str> = told.lines().filter_map(|line| line.split_once('=')).collect();
        let value = |key| told.get(key).copied().unwrap_or_default();
        if spec.is_device() {
            spec.check_device(value("kind"), &kinds, seen)?;
        } else if value("kind") == "other" || value("kind") == "file" && kinds != ["swap"] {
            let what = if kinds.is_empty() {
                "no swap".to_string()
            } else {
                format!("{}, not just swap", kinds.join(", "))
            };
            let fault = Fault::new(format!("{} is there and holds {what}", spec.path));
            return Err(fault
                .hint("name another file, or remove this one by hand if nobody needs it")
                .into());
        }
        let is_file = value("kind") == "file";
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_string).collect();
        let state = SwapState {
            size: value("size").parse().ok(),
            mode: is_file.then(|| value("mode").into()),
            has_holes: value("holes") == "yes",
            active: value("active") == "yes",
            priority: told.get("priority").filter(|_| spec.priority.is_some()).map(ToString::to_string),
            entry: None,
            names: owned(names),
            aliases: owned(aliases),
            text,
            filesystem: value("filesystem").into(),
            fits: value("fits") != "no",
            room: value("room") != "no",
            has_systemd: matches!(seen.get(systemd)?, Answer::There(true)),
        };
        let entry = fstab::find(&state.text, &spec.path, is_ours(spec, &state))?;
        Ok(SwapState { entry, ..state })
    }

    fn desired(spec: &Spec, from: &SwapState) -> Result<SwapState, Fault> {
        let gone = SwapState {
            names: from.names.clone(),
            aliases: from.aliases.clone(),
            text: from.text.clone(),
            filesystem: from.filesystem.clone(),
            has_systemd: from.has_systemd,
            ..SwapState::default()
        };
        let to = match spec.state {
            Presence::Absent => gone,
            Presence::Present => SwapState {
                size: (!spec.is_device()).then(|| spec.size()),
                mode: (!spec.is_device()).then(|| "0600".into()),
                active: true,
                priority: spec.priority.map(|priority| priority.to_string()),
                entry: Some(spec.entry(from.entry.as_ref())),
                ..gone
            },
        };
        if goes_off(from, &to) && !from.fits {
            let fault = Fault::new(format!("what is swapped out into {} has no place in memory", spec.path));
            return Err(fault.hint("stop what needs the memory, or add other swap first"));
        }
        if is_made(from, &to) {
            if UNFIT.contains(&from.filesystem.as_str()) {
                let fault =
                    Fault::new(format!("{} is on {}, which holds no swap file", spec.path, from.filesystem));
                return Err(fault.hint("name a file on a disk: ext4, XFS or Btrfs"));
            }
            if !from.room {
                let fault = Fault::new(format!(
                    "there is no room for {} of swap at {}",
                    spec.size.as_deref().unwrap_or_default(),
                    spec.path
                ));
                return Err(fault.hint("make it smaller, or name another filesystem"));
            }
        }
        Ok(to)
    }

    fn ops(spec: &Spec, from: &SwapState, to: &SwapState) -> Vec<Op> {
        let path = spec.path.to_string();
        let mut ops = vec![];
        if goes_off(from, to) {
            ops.push(run(["swapoff", "--", &path]));
        }
        if from.size.is_some() && (to.size.is_none() || is_made(from, to)) {
            // Not kept in the journal, as a file that is removed otherwise is.
            ops.push(run(["rm", "-f", "--", &path]));
        }
        if is_made(from, to) {
            ops.extend(make(&path, spec.size(), &from.filesystem));
        } else if from.mode != to.mode && to.mode.is_some() {
            ops.push(run(["chmod", "0600", &path]));
        }
        if to.active && (!from.active || goes_off(from, to)) {
            // As at the next boot.
            let priority = to.in_use().into_iter().flat_map(|priority| ["-p", priority]);
            ops.push(run(["swapon"].into_iter().chain(priority).chain(["--", path.as_str()])));
        }
        if from.entry != to.entry {
            ops.extend(fstab::save(&from.text, is_ours(spec, from), to.entry.as_ref(), from.has_systemd));
        }
        ops
    }

    fn effects(spec: &Spec, from: &SwapState, to: &SwapState, _: &[Op]) -> Vec<Effect> {
        let mut text = match to.size {
            None if spec.is_device() && to.active => {
                let priority = to.in_use().unwrap_or("-2");
                format!("kind=device\nfound=swap\nactive=yes\npriority={priority}\nfits=yes\n")
            }
            None if spec.is_device() => "kind=device\nfound=swap\nactive=no\n".into(),
            None => format!("kind=missing\nactive=no\nfilesystem={}\nroom=yes\n", from.filesystem),
            Some(size) => {
                let priority = to.in_use().unwrap_or("-2");
                format!(
                    "kind=file\nsize={size}\nmode=0600\nfound=swap\nholes=no\nactive=yes\npriority={priority}\nfits=yes\nfilesystem={}\nroom=yes\n",
                    from.filesystem
                )
            }
        };
        to.names.iter().for_each(|name| text += &format!("name={name}\n"));
        to.aliases.iter().for_each(|name| text += &format!("alias={name}\n"));
        let is_new = !spec.is_device() && (is_made(from, to) || to.size.is_none());
        let file = is_new.then(|| Effect::Unknown(spec.path.area()));
        // It is one, by whichever name another task asks for it.
        let others = to.names.iter().filter(|name| **name != *spec.path).map(|name| spec.question_of(name));
        let answers = [spec.question()].into_iter().chain(others);
        let answers =
            answers.map(|probe| Effect::Answer(Query::Run(probe), Answer::Output(output(0, &text))));
        file.into_iter().chain(answers).collect()
    }
}

/// Whether the file is made, or made anew.
fn is_made(from: &SwapState, to: &SwapState) -> bool {
    to.size.is_some() && (from.size != to.size || from.has_holes)
}

/// Whether what is in use is taken out of use, for a moment or for good.
fn goes_off(from: &SwapState, to: &SwapState) -> bool {
    from.active && (!to.active || is_made(from, to) || from.priority != to.priority)
}

/// Makes the file beside its place, and moves it there when it is swap: what is half made is never taken for anything.
fn make(path: &str, size: u64, filesystem: &str) -> Vec<Op> {
    let new = format!("{path}.provision-new");
    let mut ops =
        vec![run(["rm", "-f", "--", &new]), run(["install", "-m", "0600", "--", "/dev/null", &new])];
    if filesystem == "btrfs" {
        // It swaps into no file that is copied on write.
        ops.push(run(["chattr", "+C", &new]));
    }
    ops.push(match EXTENTS.contains(&filesystem) {
        true => run(["fallocate", "-l", &size.to_string(), &new]),
        false => run([
            "dd",
            "if=/dev/zero",
            &format!("of={new}"),
            "bs=1M",
            &format!("count={}", size / MIB),
            "conv=fsync",
            "status=none",
        ]),
    });
    ops.extend([run(["mkswap", &new]), run(["mv", "-T", "--", &new, path])]);
    ops
}
