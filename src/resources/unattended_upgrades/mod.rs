//! `unattended_upgrades`: updates that the host installs by itself.

mod spec;

use super::shared::{package_areas, unit::output, written_attrs};
use crate::{
    model::{Address, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic, file_query},
};
use agent::{
    secret::Content,
    wire::{Answer, Attrs, Op, PackageTool, Probe, Query},
};
use spec::{Setting, Spec};

const PACKAGE: &str = "unattended-upgrades";
const FOLDER: &str = "/etc/apt/apt.conf.d";
/// Facet and file.
const FILES: [(&str, &str); 2] =
    [("periodic", "20auto-upgrades"), ("settings", "52unattended-upgrades-provision")];
const LIMIT: u64 = 1 << 20;
/// What the link `/etc/os-release` leads to.
const RELEASE: &str = "/usr/lib/os-release";

pub struct UnattendedUpgrades;

#[derive(Clone, Default, PartialEq)]
struct File {
    content: Option<Content>,
    /// Mode, owner and group.
    attrs: String,
}

#[derive(Clone)]
pub struct Upgrades {
    /// Whether the package is there, where that matters.
    installed: Option<bool>,
    files: [File; 2],
    /// What apt makes of the settings that the task names, and what it will.
    now: String,
    then: String,
}

impl State for Upgrades {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if self.installed == Some(true) {
            facets.insert("package".into(), "installed".into());
        }
        for ((facet, _), file) in FILES.iter().zip(&self.files) {
            if let Some(content) = &file.content {
                facets.insert((*facet).into(), Facet::content(content));
                facets.insert(format!("{facet} attributes"), file.attrs.as_str().into());
            }
        }
        facets.insert("effective".into(), Facet::content(&Content::from(self.now.as_str())));
        facets
    }
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

/// The text of each file; no settings, no file.
fn texts(spec: &Spec) -> [Option<String>; 2] {
    let settings = spec.settings();
    [Some(spec::text(&spec.periodic())), (!settings.is_empty()).then(|| spec::text(&settings))]
}

/// The value of a line of a dump, `KEY "VALUE";`, by its key.
fn value<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    let (name, value) = line.split_once(' ')?;
    let name = name.to_ascii_lowercase();
    let own = name.strip_prefix(key)?;
    (own.is_empty() || own == "::").then(|| value.strip_prefix('"')?.strip_suffix("\";"))?
}

/// Refuses what would not come to be as it is written.
fn check(settings: &[Setting], then: &str) -> Result<(), Fault> {
    for setting in settings {
        let key = setting.key();
        let is_list = matches!(setting, Setting::List(..));
        let found: Vec<&str> = then.lines().filter_map(|line| value(line, &key)).collect();
        // A list begins with an empty line of its own name.
        let found: Vec<&str> = found.into_iter().filter(|value| !is_list || !value.is_empty()).collect();
        if found != setting.values() {
            let (wanted, found) = (setting.values().join(", "), found.join(", "));
            let fault = Fault::new(format!("apt would have `{found}` for {key}, not `{wanted}`"));
            return Err(
                fault.hint(format!("a file of {FOLDER} that is read later says so: take that line out"))
            );
        }
    }
    Ok(())
}

fn status() -> Query {
    Query::Run(Probe::DpkgStatus { names: vec![PACKAGE.into()] })
}

impl Resource for UnattendedUpgrades {
    const NAME: &'static str = "unattended_upgrades";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] =
        &["package", "periodic", "periodic attributes", "settings", "settings attributes", "effective"];
    const EXAMPLE: &'static str = "\
name: Security updates, with a reboot at night
unattended_upgrades:
  origins: [\"origin=Debian,codename=${distro_codename}-security,label=Debian-Security\"]
  automatic_reboot: true
  reboot_time: \"03:30\"
  mail: root
";
    const CONTENT: &'static [&'static str] = &["origins", "blacklist", "mail"];
    type Spec = Spec;
    type State = Upgrades;

    fn address(_: &Spec) -> Option<Address> {
        Some(Address(format!("path:{}", path(FILES[0].1))))
    }

    fn footprint(_: &Spec) -> Footprint {
        // As of a package that is installed.
        Footprint::writes(package_areas())
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Upgrades> {
        spec.check()?;
        let settings: Vec<Setting> = spec.periodic().into_iter().chain(spec.settings()).collect();
        let names = FILES.map(|(_, name)| name.to_string());
        let probe = Probe::AptConfig {
            files: names.clone().into_iter().zip(texts(spec)).collect(),
            keys: settings.iter().map(Setting::key).collect(),
        };
        let read = |name: &String| Query::Read { path: path(name), limit: LIMIT, secret: false };
        let files = names.iter().flat_map(|name| [read(name), file_query(&path(name))]);
        let release = Query::Read { path: RELEASE.into(), limit: LIMIT, secret: false };
        let release = spec.origins.is_some().then_some(release);
        seen.each(files.chain([status(), Query::Run(probe.clone())]).chain(release))?;
        if spec.origins.is_some() {
            let release = seen.content(RELEASE, LIMIT, false)?.unwrap_or_else(|| Content::from(""));
            spec.check_for(&String::from_utf8_lossy(release.bytes()))?;
        }
        let said = seen.run(probe)?;
        match said.code {
            0 => {}
            127 => {
                let fault = Fault::new("the host has no apt");
                return Err(fault
                    .hint("updates by themselves are for Debian and what descends from it")
                    .into());
            }
            _ => {
                let words = String::from_utf8_lossy(said.stderr.bytes()).trim().to_string();
                let fault = Fault::new(format!("apt would not take this: {words}"));
                return Err(fault.hint("`apt-config dump` on the host says what it reads now").into());
            }
        }
        let text = String::from_utf8_lossy(said.stdout.bytes()).into_owned();
        let of = |when: &str| -> String {
            let lines = text.lines().filter_map(|line| line.strip_prefix(when)?.strip_prefix('\t'));
            lines.map(|line| format!("{line}\n")).collect()
        };
        let then = of("then");
        check(&settings, &then)?;
        let Answer::Output(dpkg) = seen.get(status())? else {
            return Err(Fault::new("not an answer of dpkg").into());
        };
        let installed = String::from_utf8_lossy(dpkg.stdout.bytes()).lines().any(|line| {
            line.split('\t').nth(1).is_some_and(|status| status.as_bytes().get(1) == Some(&b'i'))
        });
        let file = |name: &String| -> Observe<File> {
            let meta = seen.meta(&path(name))?;
            let attrs = meta.as_ref().map(written_attrs);
            Ok(File { content: seen.content(&path(name), LIMIT, false)?, attrs: attrs.unwrap_or_default() })
        };
        let files = [file(&names[0])?, file(&names[1])?];
        Ok(Upgrades { installed: spec.enabled.then_some(installed), files, now: of("now"), then })
    }

    fn desired(spec: &Spec, observed: &Upgrades) -> Result<Upgrades, Fault> {
        let file = |text: Option<String>| {
            let content = text.map(|text| Content::from(text.as_str()));
            File {
                attrs: content.as_ref().map(|_| "0644 root root".to_string()).unwrap_or_default(),
                content,
            }
        };
        let then = observed.then.clone();
        let installed = observed.installed.map(|_| true);
        Ok(Upgrades { installed, files: texts(spec).map(file), now: then.clone(), then })
    }

    fn ops(spec: &Spec, from: &Upgrades, to: &Upgrades) -> Vec<Op> {
        let mut ops = vec![];
        // First: it brings a file of its own under the name of one of ours.
        if from.installed != to.installed {
            let args = ["install", "--no-remove", PACKAGE].map(String::from).to_vec();
            ops.push(Op::Packages {
                tool: PackageTool::AptGet,
                args,
                stdin: None,
                lock_timeout_s: spec.lock_timeout,
                refresh: true,
            });
        }
        for (((_, name), before), after) in FILES.iter().zip(&from.files).zip(&to.files) {
            let path = path(name);
            let owner = Some("root".to_string());
            let attrs = Attrs { mode: Some(0o644), owner: owner.clone(), group: owner };
            match &after.content {
                None if before.content.is_some() => ops.push(Op::Remove { path, recursive: false }),
                Some(content) if before.content != after.content || from.installed != to.installed => {
                    ops.push(Op::WriteFile { path, content: content.clone(), attrs, check: None });
                }
                Some(_) if before.attrs != after.attrs => ops.push(Op::SetAttrs { path, attrs }),
                _ => {}
            }
        }
        ops
    }

    fn effects(_: &Spec, _: &Upgrades, to: &Upgrades, _: &[Op]) -> Vec<Effect> {
        let there = output(0, &format!("{PACKAGE}\tii \tinstalled\n"));
        to.installed.iter().map(|_| Effect::Answer(status(), Answer::Output(there.clone()))).collect()
    }
}
