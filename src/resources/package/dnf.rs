//! `package` on hosts with dnf.

use super::super::shared::unit::output;
use super::{
    along::BEHIND_INSTALLS,
    apt::text,
    rpm,
    spec::{Manager, Named, Spec, Upgrade, Wanted},
    state::{Along, Item, Packages, Provided},
};
use crate::resource::{Effect, Fault, Observe, Pause, Seen};
use agent::wire::{Answer, DnfQuestion, Op, PackageTool, Probe, Query};

/// One query for each name, so that tasks that share a package share the answer.
fn status_query(name: &str) -> Query {
    Query::Run(Probe::RpmStatus { names: vec![name.into()] })
}

pub fn observe(spec: &Spec, named: &[Named], seen: &Seen) -> Observe<Packages> {
    for (given, key, instead) in [
        (spec.hold.is_some(), "hold", "name a version, or write `exclude` in /etc/dnf/dnf.conf"),
        (spec.default_release.is_some(), "default_release", "name a version"),
        (spec.deb.is_some(), "deb", "for dnf: `rpm`, with the path of an `.rpm` file"),
    ] {
        if given {
            return Err(Fault::new(format!("`{key}` is for hosts with apt")).hint(instead).into());
        }
    }
    let named = &super::file::read(named.to_vec(), Manager::Dnf, seen)?;
    let answers = seen.each(named.iter().map(|one| status_query(&one.name)))?;
    let mut items = vec![];
    for (one, answer) in named.iter().zip(answers) {
        let installed = installed(answer)?.into_iter().next_back().map(|(_, version)| version);
        items.push(Item { installed, ..Item::new(one, Manager::Dnf) });
    }
    let items = with_providers(spec, items, seen)?;
    let mut packages = Packages { manager: Manager::Dnf, items, ..Packages::default() };
    packages.lists_old = super::lists_old(spec, PackageTool::Dnf, seen)?;
    if spec.removes() {
        let there = packages.items.iter().filter(|item| item.installed.is_some());
        let names: Vec<String> = there.map(|item| item.name.clone()).collect();
        if !names.is_empty() {
            packages.along = gone(ask(seen, DnfQuestion::RequiredBy { names })?);
        }
    } else {
        ask_candidates(spec, &mut packages, seen)?;
        super::nothing_to_upgrade(spec, &mut packages);
    }
    if spec.upgrade.is_some() {
        packages.along = upgrades(seen)?;
    }
    if spec.autoremove {
        packages.along.extend(gone(ask(seen, DnfQuestion::Unneeded)?));
    }
    let goes = spec.removes() && packages.items.iter().any(|item| item.installed.is_some());
    if (goes || !packages.along.is_empty() || spec.autoremove) && seen.packages_ahead().installs() {
        return Err(Pause::NotYet(BEHIND_INSTALLS.into()));
    }
    let named = packages.items.iter().map(|item| item.name.clone()).collect::<Vec<_>>();
    packages.along.retain(|along| !named.contains(&along.name));
    packages.along.dedup_by(|a, b| a.name == b.name);
    let installs = packages.desired(spec).is_ok_and(|to| packages.changed(&to).next().is_some());
    if installs && !spec.removes() {
        packages.lists_old_if_installing = super::lists_old_if_installing(spec, PackageTool::Dnf, seen)?;
    }
    Ok(packages)
}

/// Names that no installed package has may be those of others that are there: what is removed or brought up to date are these then.
fn with_providers(spec: &Spec, items: Vec<Item>, seen: &Seen) -> Observe<Vec<Item>> {
    let missing = items.iter().filter(|item| item.installed.is_none() && item.file.is_none());
    let names: Vec<String> = missing.map(|item| item.name.clone()).collect();
    if names.is_empty() {
        return Ok(items);
    }
    let said = match seen.run(Probe::RpmProvides { names: names.clone() }) {
        Ok(said) => text(&said),
        // An earlier task changes what is installed. A name that a package has which is to be had is that one's.
        Err(Pause::NotYet(why)) => {
            let known = ask(seen, DnfQuestion::Available { names: names.clone() })?;
            let is_had = |name: &String| known.iter().any(|(known, _)| known == name);
            return if names.iter().all(is_had) { Ok(items) } else { Err(Pause::NotYet(why)) };
        }
        Err(pause) => return Err(pause),
    };
    let mut out: Vec<Item> = vec![];
    for mut item in items {
        let fitting =
            |it: &Provided| Item { provided: Some(it.clone()), ..item.clone() }.provider().is_some();
        let found: Vec<Provided> = Provided::read(&said, &item.name).filter(fitting).collect();
        if found.is_empty() || item.installed.is_some() {
            out.push(item);
        } else if spec.removes() || spec.state == Wanted::Latest {
            out.extend(found.into_iter().map(|Provided { by, version, .. }| Item {
                name: by,
                manager: Manager::Dnf,
                installed: Some(version),
                ..Item::default()
            }));
        } else {
            item.provided = found.into_iter().next();
            out.push(item);
        }
    }
    // Several names may be those of one package.
    let mut names = std::collections::HashSet::new();
    out.retain(|item| names.insert(item.name.clone()));
    Ok(out)
}

/// Name and version of each line of `rpm -q`.
fn installed(answer: Answer) -> Observe<Vec<(String, String)>> {
    let said = match answer {
        Answer::Output(said) if said.code == 127 => {
            return Err(Fault::new("the host has no rpm").hint("`manager: apt` is for Debian's like").into());
        }
        Answer::Output(said) => said,
        Answer::Failed(message) => return Err(Fault::new(message).into()),
        other => return Err(Fault::new(format!("not an answer of rpm: {other:?}")).into()),
    };
    let line = |line: &str| {
        let mut fields = line.split('\t');
        let (name, version) = (fields.next()?, fields.next()?);
        Some((name.to_string(), version.strip_prefix("0:").unwrap_or(version).to_string()))
    };
    Ok(text(&said).lines().filter_map(line).collect())
}

/// Name and version of each line of dnf's.
fn ask(seen: &Seen, question: DnfQuestion) -> Observe<Vec<(String, String)>> {
    let said = seen.run(Probe::Dnf(question))?;
    let pair =
        |line: &str| line.split_once(' ').map(|(name, version)| (name.to_string(), version.to_string()));
    Ok(text(&said).lines().filter_map(pair).collect())
}

fn gone(packages: Vec<(String, String)>) -> Vec<Along> {
    packages.into_iter().map(|(name, version)| Along { name, from: Some(version), to: None }).collect()
}

fn upgrades(seen: &Seen) -> Observe<Vec<Along>> {
    let newer = ask(seen, DnfQuestion::Upgrades { names: vec![] })?;
    if newer.is_empty() {
        return Ok(vec![]);
    }
    let names: Vec<String> = newer.iter().map(|(name, _)| name.clone()).collect();
    let now = installed(seen.get(Query::Run(Probe::RpmStatus { names }))?)?;
    let from = |name: &str| now.iter().find(|(known, _)| known == name).map(|(_, version)| version.clone());
    Ok(newer.into_iter().map(|(name, to)| Along { from: from(&name), name, to: Some(to) }).collect())
}

/// Which versions there are, of those packages for which it matters.
fn ask_candidates(spec: &Spec, packages: &mut Packages, seen: &Seen) -> Observe<()> {
    let open = |item: &&Item| {
        let fits = item.installed.as_ref().is_some_and(|version| item.fits(version));
        item.file.is_none() && item.provider().is_none() && (spec.state == Wanted::Latest || !fits)
    };
    let names: Vec<String> = packages.items.iter().filter(open).map(|item| item.name.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    for (name, version) in ask(seen, DnfQuestion::Available { names })? {
        let found = packages.items.iter_mut().find(|item| item.name == name);
        found.into_iter().for_each(|item| item.known.push(version.clone()));
    }
    for item in &mut packages.items {
        item.known.sort_by(|a, b| rpm::order(b, a));
        item.known.dedup();
        let newest = item.known.first();
        let newer =
            |newest: &&String| item.installed.as_ref().is_none_or(|now| rpm::order(newest, now).is_gt());
        item.candidate = newest.filter(newer).cloned();
    }
    Ok(())
}

pub fn ops(spec: &Spec, from: &Packages, to: &Packages) -> Vec<Op> {
    let dnf = |args: &[&str], names: &[String]| {
        let args = args.iter().map(ToString::to_string).chain(names.iter().cloned()).collect();
        Op::Packages {
            tool: PackageTool::Dnf,
            args,
            stdin: None,
            lock_timeout_s: spec.lock_timeout,
            refresh: false,
        }
    };
    let changed: Vec<_> = from.changed(to).collect();
    let mut ops = vec![];
    if spec.removes() {
        let names: Vec<String> = changed.iter().map(|(item, _)| item.name.clone()).collect();
        if !names.is_empty() {
            ops.push(dnf(&["remove", "--noautoremove"], &names));
        }
        if spec.autoremove && (!names.is_empty() || !from.along.is_empty()) {
            ops.push(dnf(&["autoremove"], &[]));
        }
        return ops;
    }
    let all = spec.state == Wanted::Latest && from.lists_old.is_some();
    if from.lists_old.is_some() || from.lists_old_if_installing {
        ops.push(dnf(&["makecache", "--refresh"], &[]));
    }
    let weak: &[&str] = match spec.install_recommends {
        None => &[],
        Some(true) => &["--setopt=install_weak_deps=True"],
        Some(false) => &["--setopt=install_weak_deps=False"],
    };
    let (mut install, mut upgrade) = (vec![], vec![]);
    for (from, to) in from.items.iter().zip(&to.items).filter(|(a, b)| all || a.installed != b.installed) {
        match (&from.installed, &to.installed) {
            _ if to.file.is_some() => install.extend(to.file.iter().map(ToString::to_string)),
            (_, Some(version)) if from.wanted.is_some() => install.push(format!("{}-{version}", to.name)),
            (Some(_), _) => upgrade.push(to.name.clone()),
            (None, Some(_)) => install.push(to.name.clone()),
            (None, None) => {}
        }
    }
    for (verb, names) in [("install", install), ("upgrade", upgrade)] {
        if !names.is_empty() {
            ops.push(dnf(&[&[verb], weak].concat(), &names));
        }
    }
    if spec.upgrade.is_some() && (!from.along.is_empty() || from.lists_old.is_some()) {
        // As apt's two: only one of them may cost a package that is in the way of newer ones.
        let erasing: &[&str] = if spec.upgrade == Some(Upgrade::Full) { &["--allowerasing"] } else { &[] };
        ops.push(dnf(&[&["upgrade"], erasing, weak].concat(), &[]));
    }
    if spec.autoremove && from.along.iter().any(|along| along.to.is_none()) {
        ops.push(dnf(&["autoremove"], &[]));
    }
    ops
}

pub fn effects(spec: &Spec, from: &Packages, to: &Packages) -> Vec<Effect> {
    let answer = |query, answer| Effect::Answer(query, Answer::Output(answer));
    let status = |item: &Item| {
        let said = match &item.installed {
            Some(version) => output(0, &format!("{}\t{version}\tnoarch\n", item.name)),
            None => output(1, ""),
        };
        answer(status_query(&item.name), said)
    };
    let mut effects: Vec<Effect> = to.items.iter().map(status).collect();
    if let (Some(older_than_s), Some(_)) = (spec.lists_valid_s(), &from.lists_old) {
        let lists = Probe::PackageLists { tool: PackageTool::Dnf, older_than_s };
        effects.push(answer(Query::Run(lists), output(0, "")));
    }
    effects
}
