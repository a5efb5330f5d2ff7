//! `package`: packages of the host's distribution, by apt or dnf.

mod along;
mod apt;
mod deb;
mod dnf;
mod file;
mod ours;
mod rpm;
mod spec;
mod state;

use self::{
    spec::{Manager, Named},
    state::Packages,
};
use super::shared::package_areas;
use crate::{
    model::{Address, Footprint},
    resource::{Effect, Fault, Observe, Resource, Seen, Topic},
};
use agent::wire::{Answer, Op, PackageTool, Probe, Query};

pub struct Package;

impl Resource for Package {
    const NAME: &'static str = "package";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["NAME", "NAME hold", "package lists", "unfinished"];
    const EXAMPLE: &'static str =
        "name: What every host needs\npackage:\n  name: [ca-certificates, nftables]\n  state: present\n";
    const FREE: Option<&'static str> = Some("name");
    const CONTENT: &'static [&'static str] = &["name", "version", "default_release"];
    type Spec = spec::Spec;
    type State = Packages;

    fn address(spec: &Self::Spec) -> Option<Address> {
        // A list of several is nobody's alone: overlapping lists that agree are common.
        let [name] = spec.name.0.as_slice() else { return None };
        Some(owned(name.split('=').next().unwrap_or(name)))
    }

    fn also_known_as(spec: &Self::Spec, seen: &Seen) -> Observe<Vec<Address>> {
        let named = spec.named()?;
        // Which package is in a file, the host has to tell.
        if spec.file().is_none() {
            return Ok(vec![]);
        }
        let named = file::read(named.clone(), manager(spec, &named, seen)?, seen)?;
        Ok(named.iter().map(|one| owned(&one.name)).collect())
    }

    fn footprint(spec: &Self::Spec) -> Footprint {
        Footprint::writes(package_areas()).and_reads(spec.file().map(|file| file.area()))
    }

    fn observe(spec: &Self::Spec, seen: &Seen) -> Observe<Packages> {
        let named = spec.named()?;
        let packages = match manager(spec, &named, seen)? {
            Manager::Dnf => dnf::observe(spec, &named, seen),
            _ => apt::observe(spec, &named, seen),
        }?;
        ours::check(spec, &packages, seen)?;
        Ok(packages)
    }

    fn desired(spec: &Self::Spec, observed: &Packages) -> Result<Packages, Fault> {
        observed.desired(spec)
    }

    fn ops(spec: &Self::Spec, from: &Packages, to: &Packages) -> Vec<Op> {
        match from.manager {
            _ if from.same(to) => vec![],
            Manager::Dnf => dnf::ops(spec, from, to),
            _ => apt::ops(spec, from, to),
        }
    }

    fn effects(spec: &Self::Spec, from: &Packages, to: &Packages, _: &[Op]) -> Vec<Effect> {
        match from.manager {
            Manager::Dnf => dnf::effects(spec, from, to),
            _ => apt::effects(spec, from, to),
        }
    }

    fn notes(spec: &Self::Spec, state: &Packages) -> Vec<String> {
        state.notes(spec)
    }
}

fn owned(name: &str) -> Address {
    Address(format!("package:{name}"))
}

/// Which tools the host has. A Debian may have rpm as a program like any other, and a Fedora dpkg.
fn manager(spec: &spec::Spec, named: &[Named], seen: &Seen) -> Observe<Manager> {
    if spec.manager != Manager::Auto {
        return Ok(spec.manager);
    }
    let which = |program: &str| Query::Run(Probe::Which { program: program.into() });
    let there = |answer: &Answer| matches!(answer, Answer::Output(output) if output.code == 0);
    // Most hosts have apt: what is asked of it next travels along.
    let questions = named.iter().filter(|one| one.file.is_none()).map(|one| apt::status_query(&one.name));
    let answers = seen.each([which("apt-get")].into_iter().chain(questions))?;
    if there(&answers[0]) {
        return Ok(Manager::Apt);
    }
    let [dnf] = seen.all([which("dnf")])?;
    if there(&dnf) {
        return Ok(Manager::Dnf);
    }
    let fault = Fault::new("the host has neither apt-get nor dnf");
    Err(fault
        .hint("`package` is for Debian's and Fedora's like; use `command` for other package managers")
        .into())
}

/// How old the lists are, when they are old and the task is about what is new.
fn lists_old(spec: &spec::Spec, tool: PackageTool, seen: &Seen) -> Observe<Option<String>> {
    let Some(older_than_s) = spec.lists_valid_s() else { return Ok(None) };
    let old = are_old(tool, older_than_s, seen)?;
    Ok(old.then(|| format!("none, or older than {older_than_s} s")))
}

/// Where nothing of what is to be upgraded is there, it does not matter how old the lists are.
fn nothing_to_upgrade(spec: &spec::Spec, packages: &mut Packages) {
    if spec.only_upgrade && packages.items.iter().all(|item| item.installed.is_none()) {
        packages.lists_old = None;
    }
}

/// Whether the lists are updated when something is installed.
fn lists_old_if_installing(spec: &spec::Spec, tool: PackageTool, seen: &Seen) -> Observe<bool> {
    match (spec.lists_valid_s(), spec.update_cache, spec.cache_valid_time) {
        (Some(_), _, _) | (_, Some(false), _) => Ok(false),
        (_, _, Some(older_than_s)) => are_old(tool, older_than_s, seen),
        (_, always, None) => Ok(always == Some(true)),
    }
}

fn are_old(tool: PackageTool, older_than_s: u32, seen: &Seen) -> Observe<bool> {
    let said = seen.run(Probe::PackageLists { tool, older_than_s })?;
    Ok(said.stdout.bytes().starts_with(b"old"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Area;

    #[test]
    fn what_a_package_may_bring_waits_for_it_and_nothing_else() {
        let package = Package::footprint(&serde_json::from_str(r#"{"name": ["nginx"]}"#).unwrap());
        let waits = |path: &str| package.conflict(&Footprint::writes([Area::Path(path.into())])).is_some();
        for path in [
            "/var/www/html/index.html",
            "/var/log/nginx",
            "/var/spool/cron",
            "/opt/app",
            "/boot/grub",
            "/lib/x",
        ] {
            assert!(waits(path), "{path}");
        }
        for path in ["/srv/site", "/home/app/x", "/var/tmp/x", "/root/x"] {
            assert!(!waits(path), "{path}");
        }
    }
}
