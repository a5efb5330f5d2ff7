//! `kernel_module`: a module of the kernel, now and at boot.

use super::shared::{HostPath, READ_LIMIT, observe_bytes, own_lines, unit::output};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic, file_query},
};
use agent::{
    secret::Content,
    wire::{Answer, Attrs, Exec, MachineProbe, Op, Probe, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Run in place of loading a module: it is not loaded.
const NOTHING: [&str; 4] = ["/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true"];

pub struct KernelModule;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Presence {
    #[default]
    Present,
    Absent,
}

/// Loads a module of the kernel, now and at boot, or keeps it out.
///
/// It is listed for the boot in `/etc/modules-load.d/NAME.conf`; parameters and the blacklist stand in `/etc/modprobe.d/NAME.conf`. Of both
/// files only lines about this module are changed, and none about what the task does not name.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// As `modprobe` takes it: `br_netfilter`.
    name: String,
    /// `present` (default), or `absent`: not loaded, and not at boot. A module that is in use is not unloaded.
    #[serde(default)]
    state: Presence,
    /// Parameters with blanks between them, `max_loop=64`. They take effect when the module is loaded: one that is loaded already goes
    /// on with its own until then. Empty: none. Left out: whatever there is stays.
    params: Option<String>,
    /// With `absent`: nothing may load it any more, neither by itself nor `modprobe`; `false` takes that back. Left out: whatever there
    /// is stays. A module that is `present` is on no blacklist.
    blacklist: Option<bool>,
}

pub struct ModuleState {
    loaded: bool,
    boot: Option<Content>,
    settings: Option<Content>,
}

impl State for ModuleState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if self.loaded {
            facets.insert("loaded".into(), "yes".into());
        }
        for (name, content) in [("modules-load.d", &self.boot), ("modprobe.d", &self.settings)] {
            if let Some(content) = content {
                facets.insert(name.into(), Facet::content(content));
            }
        }
        facets
    }
}

impl Spec {
    fn check(&self) -> Result<(), Fault> {
        let good = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if !self.name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !self.name.chars().all(good) {
            let fault = Fault::new(format!("`{}` cannot be the name of a module", self.name.escape_debug()));
            return Err(fault.hint("as `lsmod` prints it, e.g. `br_netfilter`"));
        }
        let params = self.params.as_deref().unwrap_or_default();
        if params.chars().any(|c| c.is_control() || c == '\\' || c == '#') {
            return Err(
                Fault::new("`params` must be one line, without `\\` and `#`").hint("e.g. `max_loop=64`")
            );
        }
        let is_param = |word: &str| word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if let Some(bad) = params.split_whitespace().find(|word| !is_param(word)) {
            return Err(Fault::new(format!("`{bad}` is no parameter of a module")).hint("e.g. `max_loop=64`"));
        }
        match self.state {
            Presence::Present if self.blacklist == Some(true) => {
                Err(Fault::new("`blacklist` keeps a module out, `state` wants it")
                    .hint("write `state: absent`, or leave `blacklist` out"))
            }
            Presence::Absent if !params.trim().is_empty() => {
                Err(Fault::new("`params` and `state: absent` exclude each other")
                    .hint("leave one of them out"))
            }
            _ => Ok(()),
        }
    }

    fn boot_file(&self) -> String {
        format!("/etc/modules-load.d/{}.conf", self.name)
    }

    fn settings_file(&self) -> String {
        format!("/etc/modprobe.d/{}.conf", self.name)
    }

    fn is_ours(&self, name: &str) -> bool {
        name.replace('-', "_") == self.name.replace('-', "_")
    }

    /// The list for the boot, with the module or without it.
    fn boot(&self, before: Option<&Content>) -> Result<Option<Content>, Fault> {
        let wanted = (self.state == Presence::Present).then(|| self.name.clone());
        let form = |line: &str| self.is_ours(line.trim()).then(String::new);
        edited(&self.boot_file(), before, |text| own_lines(text, form, wanted.as_slice()))
    }

    fn settings(&self, before: Option<&Content>) -> Result<Option<Content>, Fault> {
        let name = &self.name;
        let options = self.params.as_deref().map(|params| {
            let params: Vec<&str> = params.split_whitespace().collect();
            let line = (!params.is_empty()).then(|| format!("options {name} {}", params.join(" ")));
            line.into_iter().collect::<Vec<_>>()
        });
        let is_out = if self.state == Presence::Present { Some(false) } else { self.blacklist };
        let blacklist = is_out.map(|is_out| match is_out {
            // The first line is for what would load it by itself, the second for all others.
            true => vec![format!("blacklist {name}"), format!("install {name} /bin/false")],
            false => vec![],
        });
        let form = |line: &str, of_options: bool| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (verb, ours) = (*words.first()?, self.is_ours(words.get(1)?));
            let is_kind = match verb {
                "options" => of_options,
                "blacklist" => !of_options,
                "install" => !of_options && words[2..].first().is_some_and(|does| NOTHING.contains(does)),
                _ => false,
            };
            (ours && is_kind).then(|| format!("{verb} {}", words[2..].join(" ")))
        };
        edited(&self.settings_file(), before, |text| {
            let options = options.map(|lines| own_lines(text, |line| form(line, true), &lines));
            let text = options.unwrap_or_else(|| text.into());
            let blacklist = blacklist.map(|lines| own_lines(&text, |line| form(line, false), &lines));
            blacklist.unwrap_or(text)
        })
    }

    /// There while it is loaded; what is built into the kernel does not have it.
    fn live(&self) -> Query {
        Query::There { path: format!("/sys/module/{}/initstate", self.name.replace('-', "_")) }
    }

    fn info(&self) -> Probe {
        Probe::Machine(MachineProbe::Module { name: self.name.clone() })
    }
}

/// A file after an edit; none when nothing is left in it.
fn edited(
    path: &str,
    before: Option<&Content>,
    edit: impl FnOnce(&str) -> String,
) -> Result<Option<Content>, Fault> {
    let text = std::str::from_utf8(before.map_or(&b""[..], Content::bytes));
    let text = text.map_err(|_| Fault::new(format!("{path} is not UTF-8 text")))?;
    let after = edit(text);
    Ok(if after == text {
        before.cloned()
    } else {
        (!after.trim().is_empty()).then(|| Content::from(after.as_str()))
    })
}

/// The module's own name: that of its file. modinfo also goes by others, and names several files where one stands for several modules.
fn real_name(place: &str) -> Option<String> {
    let mut names = place.lines().filter_map(|path| {
        let (stem, _) = path.rsplit('/').next()?.split_once(".ko")?;
        path.starts_with('/').then(|| stem.replace('-', "_"))
    });
    names.next().filter(|_| names.next().is_none())
}

fn content(path: &str, seen: &Seen) -> Observe<Option<Content>> {
    let state = observe_bytes(&HostPath::new(path).map_err(Fault::new)?, &Attrs::default(), false, seen)?;
    Ok(state.read().cloned())
}

impl Resource for KernelModule {
    const NAME: &'static str = "kernel_module";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["loaded", "modules-load.d", "modprobe.d"];
    const EXAMPLE: &'static str =
        "name: Bridges go through the packet filter\nkernel_module:\n  name: br_netfilter\n";
    const FREE: Option<&'static str> = Some("name");
    const CONTENT: &'static [&'static str] = &["params"];
    type Spec = Spec;
    type State = ModuleState;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.check()
    }

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("kernel_module:{}", spec.name.replace('-', "_"))))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let live = format!("/sys/module/{}", spec.name.replace('-', "_"));
        let paths = [spec.boot_file(), spec.settings_file(), live];
        Footprint::writes(paths.map(Area::Path)).and_reads([Area::Packages])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<ModuleState> {
        let read = |path: String| [file_query(&path), Query::Read { path, limit: READ_LIMIT, secret: false }];
        let files = [spec.boot_file(), spec.settings_file()].into_iter().flat_map(read);
        seen.each([spec.live(), Query::Run(spec.info())].into_iter().chain(files))?;
        let info = seen.run(spec.info())?;
        let place = String::from_utf8_lossy(info.stdout.bytes()).trim().to_string();
        if let Some(real) = real_name(&place).filter(|real| !spec.is_ours(real)) {
            let fault = Fault::new(format!("`{}` is another name of `{real}`", spec.name));
            return Err(fault.hint(format!("write `name: {real}`: by that name the kernel knows it")).into());
        }
        let mut loaded = matches!(seen.get(spec.live())?, Answer::There(true));
        if place == "(builtin)" {
            if spec.state == Presence::Absent {
                let fault = Fault::new(format!("`{}` is built into the kernel", spec.name));
                return Err(fault.hint("only another kernel is without it").into());
            }
            loaded = true;
        }
        if spec.state == Presence::Present && !loaded && info.code != 0 {
            seen.presume(
                &[Area::Packages, Area::Path("/lib/modules".into())],
                match info.code {
                    127 => "there is no program `modinfo` (package kmod)".to_string(),
                    _ => format!("the running kernel has no module `{}`", spec.name),
                },
            )?;
        }
        let (boot, settings) = (content(&spec.boot_file(), seen)?, content(&spec.settings_file(), seen)?);
        Ok(ModuleState { loaded, boot, settings })
    }

    fn desired(spec: &Spec, observed: &ModuleState) -> Result<ModuleState, Fault> {
        Ok(ModuleState {
            loaded: spec.state == Presence::Present,
            boot: spec.boot(observed.boot.as_ref())?,
            settings: spec.settings(observed.settings.as_ref())?,
        })
    }

    fn ops(spec: &Spec, from: &ModuleState, to: &ModuleState) -> Vec<Op> {
        let set = |path: String, content: &Option<Content>| match content {
            Some(content) => {
                Op::WriteFile { path, content: content.clone(), attrs: Attrs::default(), check: None }
            }
            None => Op::Remove { path, recursive: false },
        };
        let mut ops = vec![];
        // Before it is loaded: that is when they are read.
        if from.settings != to.settings {
            ops.push(set(spec.settings_file(), &to.settings));
        }
        if from.loaded != to.loaded {
            let how: &[&str] = if to.loaded { &["modprobe"] } else { &["modprobe", "-r"] };
            let exec = Exec::new(how.iter().copied().chain(["--", spec.name.as_str()]));
            ops.push(Op::Exec { exec, ok: vec![] });
        }
        // Last: what cannot be loaded is not tried at each boot.
        if from.boot != to.boot {
            ops.push(set(spec.boot_file(), &to.boot));
        }
        ops
    }

    fn effects(spec: &Spec, _: &ModuleState, to: &ModuleState, _: &[Op]) -> Vec<Effect> {
        let info = output(0, &format!("/lib/modules/{}.ko\n", spec.name));
        let live = Effect::Answer(spec.live(), Answer::There(to.loaded));
        let info = Effect::Answer(Query::Run(spec.info()), Answer::Output(info));
        if to.loaded { vec![live, info] } else { vec![live] }
    }
}
