//! `package`: packages of the host's distribution, by apt.

use super::shared::{OneOrMany, unit::output};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic},
};
use agent::wire::{Answer, Op, Probe, Query};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Package;

/// Makes sure that packages are installed, or are not.
///
/// All that is missing is installed in one run of apt. Another run of apt or dpkg that is under way is waited for. An
/// installation that would remove another package fails and names it. Debian and what descends from it only.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// One name or a list of names. Without versions: `nginx`, not `nginx=1.22`.
    name: OneOrMany<String>,
    /// `present` (default) or `absent` (configuration files stay, as with `apt-get remove`).
    #[serde(default)]
    state: Wanted,
    /// Whether the package lists are updated before something is installed. Default: only when they are empty or do not
    /// know one of the packages, or when installing fails without (it is tried once more then). Nothing is updated when
    /// nothing is to be installed.
    update_cache: Option<bool>,
    /// `false` leaves out what a package merely recommends. Default: as apt is configured.
    install_recommends: Option<bool>,
    /// Seconds to wait for the lock that another apt or dpkg holds.
    #[serde(default = "ten_minutes")]
    lock_timeout: u32,
}

fn ten_minutes() -> u32 {
    600
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    #[default]
    Present,
    Absent,
}

pub struct Packages {
    /// Name and installed version.
    versions: Vec<(String, Option<String>)>,
    /// Of those that are not installed, what apt would install.
    candidates: Vec<(String, String)>,
}

impl State for Packages {
    fn facets(&self) -> Facets {
        let there = self.versions.iter().filter_map(|(name, version)| Some((name, version.as_ref()?)));
        there.map(|(name, version)| (name.clone(), version.clone().into())).collect()
    }
}

impl Packages {
    fn missing(&self) -> impl Iterator<Item = &str> {
        self.versions.iter().filter(|(_, version)| version.is_none()).map(|(name, _)| name.as_str())
    }

    fn candidate(&self, name: &str) -> Option<&str> {
        self.candidates.iter().find(|(known, _)| known == name).map(|(_, version)| version.as_str())
    }
}

impl Resource for Package {
    const NAME: &'static str = "package";
    const TOPIC: Topic = Topic::System;
    const EXAMPLE: &'static str =
        "name: What every host needs\npackage:\n  name: [ca-certificates, nftables]\n  state: present\n";
    const FREE: Option<&'static str> = Some("name");
    type Spec = Spec;
    type State = Packages;

    fn address(spec: &Spec) -> Option<Address> {
        // A list of several is nobody's alone: overlapping lists that agree are common.
        let [name] = spec.name.0.as_slice() else { return None };
        Some(Address(format!("package:{name}")))
    }

    fn footprint(_: &Spec) -> Footprint {
        // A package brings files, units and accounts; which, nobody knows before.
        let folders = ["/etc", "/usr", "/var/lib"].map(|path| Area::Path(path.into()));
        Footprint::writes([Area::Packages, Area::Accounts].into_iter().chain(folders))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Packages> {
        for name in &spec.name.0 {
            check_name(name)?;
        }
        let answers = seen.each(spec.name.0.iter().map(|name| status_query(name)))?;
        let mut versions = vec![];
        for (name, answer) in spec.name.0.iter().zip(answers) {
            versions.push((name.clone(), installed(answer)?));
        }
        let mut packages = Packages { versions, candidates: vec![] };
        let missing: Vec<String> = packages.missing().map(Into::into).collect();
        if spec.state == Wanted::Present && !missing.is_empty() {
            packages.candidates = candidates(&seen.run(Probe::AptPolicy { names: missing })?.stdout);
        }
        Ok(packages)
    }

    fn desired(spec: &Spec, observed: &Packages) -> Result<Packages, Fault> {
        let version = |(name, version): &(String, Option<String>)| {
            let version = match spec.state {
                Wanted::Absent => None,
                Wanted::Present => {
                    let installed = version.as_deref().or_else(|| observed.candidate(name));
                    Some(installed.unwrap_or("installed").to_string())
                }
            };
            (name.clone(), version)
        };
        Ok(Packages { versions: observed.versions.iter().map(version).collect(), candidates: vec![] })
    }

    fn ops(spec: &Spec, from: &Packages, to: &Packages) -> Vec<Op> {
        let changed = from.versions.iter().zip(&to.versions).filter(|(a, b)| a.1 != b.1);
        let names: Vec<String> = changed.map(|(a, _)| a.0.clone()).collect();
        if names.is_empty() {
            return vec![];
        }
        let apt = |args: Vec<String>, refresh| Op::Apt { args, lock_timeout_s: spec.lock_timeout, refresh };
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        if spec.state == Wanted::Absent {
            return vec![apt([words(&["remove"]), names].concat(), false)];
        }
        let unknown = names.iter().any(|name| from.candidate(name).is_none());
        let update = spec.update_cache.unwrap_or(unknown);
        let recommends = match spec.install_recommends {
            None => vec![],
            Some(true) => words(&["--install-recommends"]),
            Some(false) => words(&["--no-install-recommends"]),
        };
        // What is installed must not cost another package that nobody named.
        let args = [words(&["install", "--no-remove"]), recommends, names].concat();
        if update {
            return vec![apt(words(&["update"]), false), apt(args, false)];
        }
        vec![apt(args, spec.update_cache.is_none())]
    }

    fn effects(_: &Spec, _: &Packages, to: &Packages, _: &[Op]) -> Vec<Effect> {
        let status = |(name, version): &(String, Option<String>)| {
            let output = match version {
                Some(version) => output(0, &format!("{name}\tii \t{version}\n")),
                None => output(1, ""),
            };
            Effect::Answer(status_query(name), Answer::Output(output))
        };
        to.versions.iter().map(status).collect()
    }
}

/// One query for each name, so that tasks that share a package share the answer.
fn status_query(name: &str) -> Query {
    Query::Run(Probe::DpkgStatus { names: vec![name.into()] })
}

/// What apt would read as an option, a version or a wish to remove is no name.
fn check_name(name: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.:".contains(c);
    let first = name.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if first && name.chars().all(good) && !name.ends_with('-') {
        return Ok(());
    }
    let fault = Fault::new(format!("`{}` is not the name of a package", name.escape_debug()));
    Err(fault.hint("a name is lowercase letters, digits, `+`, `-` and `.`; versions are not supported"))
}

/// The installed version in dpkg's answer.
fn installed(answer: Answer) -> Observe<Option<String>> {
    let output = match answer {
        Answer::Output(output) => output,
        Answer::Failed(message) => return Err(Fault::new(message).into()),
        other => return Err(Fault::new(format!("not an answer of dpkg: {other:?}")).into()),
    };
    if output.code == 127 {
        let fault = Fault::new("the host has no dpkg: `package` supports apt hosts in this version");
        return Err(fault.into());
    }
    let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
    let line = |line: &str| {
        let mut fields = line.split('\t').skip(1);
        let (status, version) = (fields.next()?, fields.next()?);
        // The second letter is what is there: `ii` and `hi` (held) are installed, `rc` is left-over configuration.
        (status.as_bytes().get(1) == Some(&b'i')).then(|| version.trim().to_string())
    };
    Ok(text.lines().find_map(line))
}

/// Name and candidate of each package in the output of `apt-cache policy`.
fn candidates(stdout: &agent::secret::Content) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(stdout.bytes()).into_owned();
    let (mut name, mut found) = (String::new(), vec![]);
    for line in text.lines() {
        if !line.starts_with(' ') {
            name = line.trim_end_matches(':').into();
        } else if let Some(version) = line.trim().strip_prefix("Candidate: ")
            && version != "(none)"
        {
            found.push((name.clone(), version.into()));
        }
    }
    found
}
