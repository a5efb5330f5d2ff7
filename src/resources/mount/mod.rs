//! `mount`: a filesystem in its place, now and at boot.

mod options;
mod spec;

use self::{
    options::Options,
    spec::{Spec, Wanted},
};
use super::shared::{
    HostPath, device,
    fstab::{self, Entry},
    observe_bytes,
    unit::{output, run},
};
use crate::{
    model::{Address, Area, Claim, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic, Untold, file_query},
};
use agent::{
    secret::Content,
    wire::{Answer, Attrs, Exec, MachineProbe, Op, Output, Probe, Query},
};
use std::collections::{BTreeSet, HashMap};

/// Seconds until a mount is given up: a server may not answer.
const PATIENCE: u32 = 300;
const SYSTEMD: &str = "/run/systemd/system";

pub struct Mount;

/// What is mounted.
#[derive(Clone)]
struct Live {
    /// As the task writes it when it is that.
    source: String,
    is_wanted: bool,
    kind: Option<String>,
    options: Option<Options>,
    /// A program is behind it.
    is_fuse: bool,
    /// All options that the kernel shows.
    words: String,
}

#[derive(Clone, Default)]
pub struct MountState {
    live: Option<Live>,
    entry: Option<Entry>,
    /// The text of `/etc/fstab`.
    text: String,
    /// `missing`, `empty`, `filled`: the directory below.
    folder: String,
    has_systemd: bool,
}

impl State for MountState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if let Some(live) = &self.live {
            facets.insert("mounted".into(), live.source.as_str().into());
            if let Some(kind) = &live.kind {
                facets.insert("type".into(), kind.as_str().into());
            }
            if let Some(options) = &live.options {
                facets.insert("options".into(), options.shown().into());
            }
        }
        if let Some(entry) = &self.entry {
            facets.insert("fstab".into(), entry.line().into());
        }
        facets
    }
}

fn question(spec: &Spec) -> Probe {
    let (path, source) = (spec.path.to_string(), spec.src().to_string());
    Probe::Machine(MachineProbe::Mounted { path, source, bind: spec.bind() })
}

/// The options that nobody can see on a mount, where its entry says others of them now: they are set along.
fn unseen_that_changed(spec: &Spec, from: &MountState, to: &MountState) -> Vec<String> {
    let is_fuse = from.live.as_ref().is_some_and(|live| live.is_fuse);
    let Some(after) = &to.entry else { return vec![] };
    // Those of servers, and of what is laid over others, hardly ever change while it is mounted.
    let kind = from.live.as_ref().and_then(|live| live.kind.as_deref()).unwrap_or_default();
    let is_local = matches!(kind, "ext2" | "ext3" | "ext4" | "xfs" | "btrfs" | "f2fs" | "vfat" | "tmpfs");
    if !is_local || is_fuse || spec.bind() || spec.automount() {
        return vec![];
    }
    let unseen = options::unseen(&after.options);
    let live = from.live.as_ref().map(|live| live.words.as_str()).unwrap_or_default();
    let is_same = match &from.entry {
        Some(before) => {
            options::unseen(&before.options).iter().collect::<BTreeSet<_>>() == unseen.iter().collect()
        }
        // Mounted by hand, or by systemd on its own.
        None => unseen.iter().all(|word| live.split(',').any(|one| one == word)),
    };
    if is_same { vec![] } else { unseen }
}

fn is_ours(spec: &Spec) -> impl Fn(&Entry) -> bool {
    |entry| entry.path == *spec.path && entry.kind != "swap"
}

/// Whether the kernel's name of a type is what the task means.
fn is_type(wanted: &str, found: &str) -> bool {
    wanted == found
        || wanted == "nfs" && found == "nfs4"
        || matches!(wanted, "ext2" | "ext3") && found == "ext4"
        || found.strip_prefix("fuse.") == Some(wanted)
        // Not every program says its name to the kernel.
        || found == "fuse" && wanted.starts_with("fuse.")
        || wanted == "fuse" && found.starts_with("fuse.")
        || wanted == "ntfs-3g" && found == "fuseblk"
}

fn is_fuse(kind: &str) -> bool {
    matches!(kind, "fuse" | "fuseblk") || kind.starts_with("fuse.")
}

fn live(spec: &Spec, told: &HashMap<&str, &str>) -> Option<Live> {
    let value = |key| told.get(key).copied().unwrap_or_default();
    if value("mounted") != "yes" {
        return None;
    }
    let mut live = Live {
        source: value("source").into(),
        is_wanted: spec.src.is_none() || value("is") == "wanted",
        kind: None,
        options: None,
        is_fuse: is_fuse(value("type")),
        words: value("options").into(),
    };
    if value("type") == "autofs" && spec.automount() {
        // It is mounted as soon as somebody looks into it.
        live.is_wanted = true;
        (live.kind, live.options) = (spec.visible_type().map(Into::into), Some(spec.visible()));
    } else if spec.is_wanted() {
        let found = value("type");
        let kind = |wanted| if is_type(wanted, found) { wanted } else { found };
        live.kind = spec.visible_type().map(|wanted| kind(wanted).into());
        let wanted = spec.visible();
        let memory = value("memory").parse().ok();
        let options = Options::read(value("options")).where_named(&wanted).of_memory(memory, &wanted);
        live.options = Some(if live.is_fuse { options.less_added(&wanted, &spec.opts) } else { options });
    }
    if live.is_wanted && spec.is_wanted() {
        live.source = spec.src().into();
    }
    Some(live)
}

/// Whether what is there has to go before what is wanted can come.
fn must_go(spec: &Spec, live: &Live) -> bool {
    !live.is_wanted || live.kind.as_deref() != spec.visible_type() && spec.is_wanted()
}

impl Resource for Mount {
    const NAME: &'static str = "mount";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["mounted", "type", "options", "fstab"];
    const UNTOLD: &'static [Untold] = &[Untold::Below];
    const EXAMPLE: &'static str = "\
name: The data have a disk of their own
mount:
  path: /srv/data
  src: LABEL=data
  fstype: ext4
  opts: noatime,nodev
  passno: 2
";
    const CONTENT: &'static [&'static str] = &["opts"];

    type Spec = Spec;
    type State = MountState;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.check()
    }

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("mount:{}", spec.path)))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let kept = spec.is_kept().then(|| Area::Path(fstab::PATH.into()));
        let live = spec.is_live().then(|| spec.path.area());
        let reads = device::area(spec.src());
        // Helpers such as mount.nfs come with packages.
        Footprint::writes(live.into_iter().chain(kept)).and_reads(reads.into_iter().chain([Area::Packages]))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<MountState> {
        let file = HostPath::new(fstab::PATH).map_err(Fault::new)?;
        let mut queries = vec![];
        if spec.is_live() {
            queries.push(Query::Run(question(spec)));
        }
        if spec.is_kept() {
            let read =
                Query::Read { path: file.to_string(), limit: super::shared::READ_LIMIT, secret: false };
            queries.extend([file_query(&file), read, Query::There { path: SYSTEMD.into() }]);
        }
        seen.each(queries)?;
        let mut state = MountState::default();
        if spec.is_kept() {
            let found = observe_bytes(&file, &Attrs::default(), false, seen)?;
            let bytes = found.read().map(Content::bytes).unwrap_or_default();
            let text = std::str::from_utf8(bytes);
            state.text = text.map_err(|_| Fault::new(format!("{file} is not UTF-8 text")))?.into();
            state.entry = fstab::find(&state.text, &spec.path, is_ours(spec))?;
            let there = seen.get(Query::There { path: SYSTEMD.into() })?;
            state.has_systemd = matches!(there, Answer::There(true));
        }
        if spec.is_live() {
            let told = seen.run(question(spec))?;
            let told = String::from_utf8_lossy(told.stdout.bytes()).into_owned();
            let told: HashMap<&str, &str> = told.lines().filter_map(|line| line.split_once('=')).collect();
            state.folder = told.get("folder").copied().unwrap_or_default().into();
            state.live = live(spec, &told);
            if spec.is_wanted() && state.live.is_none() && told.get("there") == Some(&"no") {
                seen.presume(
                    device::area(spec.src()).as_slice(),
                    format!("there is no `{}` to mount", spec.src()),
                )?;
            }
        }
        Ok(state)
    }

    fn desired(spec: &Spec, from: &MountState) -> Result<MountState, Fault> {
        let path = &spec.path;
        if let Some(live) = from.live.as_ref().filter(|live| must_go(spec, live) && !spec.replace) {
            let kind = live.kind.as_deref().map(|kind| format!(" ({kind})")).unwrap_or_default();
            let fault = Fault::new(format!("{path} is where {}{kind} is mounted", live.source));
            return Err(fault.hint("`replace: true` unmounts it"));
        }
        let comes = spec.is_live() && spec.is_wanted() && from.live.is_none();
        if comes && from.folder == "other" {
            let fault = Fault::new(format!("{path} is not a directory"));
            return Err(fault.hint("a filesystem is mounted on a directory"));
        }
        if comes && from.folder == "filled" && !spec.cover {
            let fault = Fault::new(format!("{path} holds files, which the mount would cover"));
            return Err(fault.hint("move them away, or write `cover: true` if they may be out of sight"));
        }
        let live = Live {
            source: spec.src().into(),
            is_wanted: true,
            kind: spec.visible_type().map(Into::into),
            options: Some(spec.visible()),
            is_fuse: from.live.as_ref().is_some_and(|live| live.is_fuse),
            words: spec.opts.clone(),
        };
        let entry = (spec.is_kept() && spec.is_wanted()).then(|| spec.entry());
        Ok(MountState {
            live: Some(live).filter(|_| spec.is_live() && spec.is_wanted()),
            entry,
            ..from.clone()
        })
    }

    fn ops(spec: &Spec, from: &MountState, to: &MountState) -> Vec<Op> {
        let path = spec.path.to_string();
        let patient = |argv: &[&str]| {
            let exec = Exec { timeout_s: PATIENCE, ..Exec::new(argv.iter().copied()) };
            Op::Exec { exec, ok: vec![] }
        };
        let mut ops = vec![];
        let goes = from.live.as_ref().is_some_and(|live| to.live.is_none() || must_go(spec, live));
        if goes {
            ops.push(run(["umount", &path]));
        }
        if let Some(live) = &to.live {
            if from.live.is_none() || goes {
                if from.folder == "missing" {
                    ops.push(Op::MakeFolder { path: path.clone(), attrs: Attrs::default() });
                }
                ops.push(patient(&["mount", "-t", spec.fstype(), "-o", &spec.opts, spec.src(), &path]));
            } else if let (Some(before), Some(after)) = (&from.live, &live.options) {
                let how = if spec.bind() { "remount,bind" } else { "remount" };
                // The helper of a program would start another one.
                let (words, more) = match live.is_fuse {
                    true => (after.remount_asked(&spec.opts), &["-i"][..]),
                    false => (after.remount(), &[][..]),
                };
                let unseen = unseen_that_changed(spec, from, to);
                if before.options.as_ref() != Some(after) || !unseen.is_empty() {
                    let options = [vec![how.into(), words], unseen].concat().join(",");
                    ops.push(patient(&[&["mount"], more, &["-o", &options, &path]].concat()));
                }
            }
        }
        // Last, so that what the kernel refuses does not keep the host from booting.
        if from.entry != to.entry {
            ops.extend(fstab::save(&from.text, is_ours(spec), to.entry.as_ref(), from.has_systemd));
        }
        ops
    }

    fn remedy(spec: &Spec, output: &Output) -> Option<String> {
        let said = String::from_utf8_lossy(output.stderr.bytes()).into_owned();
        let is_of_mount = said.starts_with("mount: ") && said.contains("not mounted or bad option");
        let why = "where an option cannot change while it is mounted, `state: unmounted` before lets it be mounted anew";
        (is_of_mount && spec.is_kept()).then(|| why.into())
    }

    fn claims(spec: &Spec, _: &Seen) -> Observe<Vec<Claim>> {
        let claim = || Claim::Mount { path: spec.path.to_string(), now: spec.is_live() };
        Ok(spec.is_wanted().then(claim).into_iter().collect())
    }

    fn effects(spec: &Spec, from: &MountState, to: &MountState, _: &[Op]) -> Vec<Effect> {
        let is_new =
            |live: &Live| from.live.as_ref().is_none_or(|before| must_go(spec, before) || !live.is_wanted);
        let moves = to.live.as_ref().map_or(from.live.is_some(), is_new);
        // What is to be seen below it is another filesystem's.
        let mut effects: Vec<_> = moves.then(|| Effect::Unknown(spec.path.area())).into_iter().collect();
        if spec.is_live() {
            let text = match &to.live {
                Some(_) => format!(
                    "mounted=yes\nsource={}\ntype={}\noptions={}\nis=wanted\nthere=yes\nfolder=empty\n",
                    spec.src(),
                    spec.fstype(),
                    spec.visible().shown()
                ),
                None => "mounted=no\nthere=yes\nfolder=empty\n".into(),
            };
            effects.push(Effect::Answer(Query::Run(question(spec)), Answer::Output(output(0, &text))));
        }
        effects
    }

    fn notes(spec: &Spec, state: &MountState) -> Vec<String> {
        let covers = spec.state == Wanted::Mounted && spec.cover && state.folder == "filled";
        let covers = covers.then(|| format!("what {} holds will be out of sight", spec.path));
        let live = state.live.as_ref().filter(|live| spec.is_wanted() && !must_go(spec, live));
        let tmpfs = live.filter(|_| spec.fstype() == "tmpfs" && !spec.automount());
        let later = tmpfs.map(|live| options::of_the_next_mount(&spec.opts, &live.words));
        covers.into_iter().chain(later.into_iter().flatten()).collect()
    }
}
