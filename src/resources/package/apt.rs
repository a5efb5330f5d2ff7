//! `package` on hosts with apt.

use super::super::shared::unit::output;
use super::{
    along::{behind_installs, needs, removal, simulate, steps},
    spec::{Manager, Named, Spec, Upgrade, Wanted},
    state::{Item, Packages, Provided},
};
use crate::resource::{Effect, Fault, Observe, PackagesAhead, Pause, Seen};
use agent::wire::{Answer, AptPlan, Op, Output, PackageTool, Probe, Query};

/// One query for each name, so that tasks that share a package share the answer.
pub fn status_query(name: &str) -> Query {
    Query::Run(Probe::DpkgStatus { names: vec![name.into()] })
}

pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(output.stdout.bytes()).into_owned()
}

pub fn observe(spec: &Spec, named: &[Named], seen: &Seen) -> Observe<Packages> {
    if spec.rpm.is_some() {
        let fault = Fault::new("`rpm` is for hosts with dnf");
        return Err(fault.hint("for apt: `deb`, with the path of a `.deb` file").into());
    }
    let named = &super::file::read(named.to_vec(), Manager::Apt, seen)?;
    let answers = seen.each(named.iter().map(|one| status_query(&one.name)))?;
    let mut items = vec![];
    for (one, answer) in named.iter().zip(answers) {
        items.push(item(one, spec.state == Wanted::Purged, answer)?);
    }
    let mut packages =
        Packages { manager: Manager::Apt, items, holds: spec.hold.is_some(), ..Packages::default() };
    packages.lists_old = super::lists_old(spec, PackageTool::AptGet, seen)?;
    if spec.removes() {
        removal(spec, &mut packages, seen)?;
    } else {
        ask_candidates(spec, &mut packages, seen)?;
        ask_providers(spec, &mut packages, seen)?;
        super::nothing_to_upgrade(spec, &mut packages);
        let plan = match spec.upgrade {
            Some(upgrade) => Some(AptPlan::Upgrade { full: upgrade == Upgrade::Full, auto: spec.autoremove }),
            None => spec.autoremove.then_some(AptPlan::Autoremove { purge: false }),
        };
        if let Some(plan) = plan {
            packages.along = steps(&simulate(seen, plan)?).0;
            behind_installs(spec, &[], &mut packages, seen)?;
        }
    }
    let installs = packages
        .desired(spec)
        .map_or(true, |to| packages.changed(&to).next().is_some() || !packages.along.is_empty());
    if installs && !spec.removes() {
        packages.lists_old_if_installing = super::lists_old_if_installing(spec, PackageTool::AptGet, seen)?;
        // New lists may say something else.
        if packages.lists_old.is_none()
            && !packages.lists_old_if_installing
            && let PackagesAhead::Apt(ahead) = seen.packages_ahead()
        {
            packages.needs = needs(spec, &packages, ahead, seen)?;
        }
    }
    let updates_only = named.is_empty() && spec.upgrade.is_none();
    if installs || spec.repair || packages.lists_old.is_some() && !updates_only {
        let lines = text(&seen.run(Probe::DpkgAudit)?);
        packages.unfinished = lines.lines().map(Into::into).collect();
    }
    Ok(packages)
}

/// Whether the lists do not have what is wanted.
pub fn is_unknown(item: &Item) -> bool {
    match item.wanted {
        Some(_) => !item.known.iter().any(|version| item.fits(version)),
        None => item.candidate.is_none(),
    }
}

/// What is said to apt besides the names.
pub fn options(spec: &Spec) -> Vec<String> {
    let recommends = spec.install_recommends.map(|with| match with {
        true => "--install-recommends",
        false => "--no-install-recommends",
    });
    let release = spec.default_release.as_ref().map(|name| format!("--target-release={name}"));
    let words = [
        recommends,
        release.as_deref(),
        spec.allow_downgrade.then_some("--allow-downgrades"),
        spec.hold.map(|_| "--allow-change-held-packages"),
    ];
    words.into_iter().flatten().map(Into::into).collect()
}

/// What dpkg says of one package.
fn item(named: &Named, purge: bool, answer: Answer) -> Observe<Item> {
    let said = match answer {
        Answer::Output(said) => said,
        Answer::Failed(message) => return Err(Fault::new(message).into()),
        other => return Err(Fault::new(format!("not an answer of dpkg: {other:?}")).into()),
    };
    let mut item = Item::new(named, Manager::Apt);
    for line in text(&said).lines() {
        let mut fields = line.split('\t').skip(1);
        let (Some(status), Some(version)) = (fields.next(), fields.next()) else { continue };
        let version = version.trim().to_string();
        // The first letter is what is wanted (`h`: held), the second what is there: also with triggers to come it is installed.
        match status.as_bytes() {
            [want, b'i' | b'W' | b't', ..] => {
                item.installed = Some(version);
                item.held = *want == b'h';
                break;
            }
            [_, b'c', ..] if purge => item.left_over = Some(version),
            _ => {}
        }
    }
    Ok(item)
}

/// Which versions there are, of those packages for which it matters.
fn ask_candidates(spec: &Spec, packages: &mut Packages, seen: &Seen) -> Observe<()> {
    let open = |item: &&Item| {
        let fits = item.installed.as_ref().is_some_and(|version| item.fits(version));
        item.file.is_none() && (spec.state == Wanted::Latest || !fits)
    };
    let names: Vec<String> = packages.items.iter().filter(open).map(|item| item.name.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let default_release = spec.default_release.clone();
    let policy = Probe::AptPolicy { names, default_release };
    let said = text(&seen.run(policy.clone())?);
    let mut name = "";
    for line in said.lines() {
        if !line.starts_with(' ') {
            name = line.trim_end_matches(':');
            continue;
        }
        let Some(item) = packages.items.iter_mut().find(|item| item.name == name) else { continue };
        if let Some(version) = line.trim().strip_prefix("Candidate: ") {
            item.candidate = Some(version.to_string()).filter(|version| version != "(none)");
        } else if let Some(row) = line.strip_prefix(" *** ").or_else(|| line.strip_prefix("     "))
            && !row.starts_with(' ')
        {
            item.known.extend(row.split(' ').next().map(Into::into));
        }
    }
    // No list knows them yet: what is shown says no version, and is done whichever one the lists bring by then.
    let is_blank = |item: &Item| item.candidate.is_none() && item.known.is_empty() && item.wanted.is_none();
    if spec.state == Wanted::Present && packages.items.iter().filter(open).all(is_blank) {
        seen.leave_open(&Query::Run(policy));
    }
    Ok(())
}

/// Names that no package has may be those of others that are there.
fn ask_providers(spec: &Spec, packages: &mut Packages, seen: &Seen) -> Observe<()> {
    let virt = |item: &Item| item.installed.is_none() && item.candidate.is_none() && item.known.is_empty();
    let names: Vec<String> =
        packages.items.iter().filter(|item| virt(item)).map(|item| item.name.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let said = match seen.run(Probe::DpkgProvides { names: names.clone() }) {
        // An earlier task changes what is installed. It can only bring who provides a name where somebody does.
        Err(Pause::NotYet(why)) => {
            let known = text(&seen.run(Probe::AptProviders { names })?);
            return if known.is_empty() { Ok(()) } else { Err(Pause::NotYet(why)) };
        }
        said => text(&said?),
    };
    let mut resolved = false;
    for item in packages.items.iter_mut().filter(|item| virt(item)) {
        let fitting =
            |it: &Provided| Item { provided: Some(it.clone()), ..item.clone() }.provider().is_some();
        let Some(provided) = Provided::read(&said, &item.name).find(fitting) else { continue };
        if spec.state == Wanted::Latest || spec.hold.is_some() {
            // What is done, is done to the one that is there.
            let named = Named { name: provided.by, version: None, file: None };
            *item = self::item(&named, false, seen.get(status_query(&named.name))?)?;
            resolved = true;
        } else {
            item.provided = Some(provided);
        }
    }
    if resolved {
        return ask_candidates(spec, packages, seen);
    }
    if spec.only_upgrade { Ok(()) } else { one_provider(packages, seen) }
}

/// Of a name that several packages provide, apt wants to know which.
fn one_provider(packages: &Packages, seen: &Seen) -> Observe<()> {
    let is_open = |item: &&Item| {
        item.installed.is_none() && item.candidate.is_none() && item.known.is_empty() && item.wanted.is_none()
    };
    let open = packages.items.iter().filter(is_open).filter(|item| item.provided.is_none());
    let names: Vec<String> = open.map(|item| item.name.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let question = Probe::AptProviders { names: names.clone() };
    let said = text(&seen.run(question.clone())?);
    // Lists that come in between may bring more of them: apt looks anew.
    seen.leave_open(&Query::Run(question));
    for name in names {
        let by = said.lines().filter_map(|line| line.split_once('\t')).filter(|(of, _)| *of == name);
        let by: Vec<String> = by.map(|(_, by)| format!("`{by}`")).collect();
        if by.len() > 1 {
            return Err(Pause::NotYet(format!("`{name}` is no package: name one of {}", by.join(", "))));
        }
    }
    Ok(())
}

pub fn ops(spec: &Spec, from: &Packages, to: &Packages) -> Vec<Op> {
    let run = |tool, args: Vec<String>, refresh| Op::Packages {
        tool,
        args,
        stdin: None,
        lock_timeout_s: spec.lock_timeout,
        refresh,
    };
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let apt = |args: &[&str], rest: &[String], refresh| {
        run(PackageTool::AptGet, [words(args), rest.to_vec()].concat(), refresh)
    };
    let mut ops = vec![];
    if from.unfinished != to.unfinished {
        ops.push(run(PackageTool::Dpkg, words(&["--configure", "-a"]), false));
        ops.push(apt(&["install", "--fix-broken", "--no-remove"], &[], false));
    }
    let changed: Vec<_> = from.changed(to).collect();
    let pairs = || from.items.iter().zip(&to.items);
    let of = |which: &dyn Fn(&Item, &Item) -> bool| -> Vec<String> {
        pairs().filter(|(a, b)| which(a, b)).map(|(_, b)| b.name.clone()).collect()
    };
    let auto: &[&str] = if spec.autoremove { &["--auto-remove"] } else { &[] };
    if spec.removes() {
        let named: Vec<String> = changed.iter().map(|(item, _)| item.name.clone()).collect();
        let verb = if spec.state == Wanted::Purged { "purge" } else { "remove" };
        if !named.is_empty() {
            ops.push(apt(&[&[verb], auto].concat(), &named, false));
        } else if !from.along.is_empty() {
            let purge: &[&str] = if verb == "purge" { &["--purge"] } else { &[] };
            ops.push(apt(&[&["autoremove"], purge].concat(), &[], false));
        }
        return ops;
    }
    let unhold = of(&|a, b| a.held && !b.held);
    if !unhold.is_empty() {
        ops.push(run(PackageTool::AptMark, [words(&["unhold"]), unhold].concat(), false));
    }
    // The newest of all is wanted, and new lists may know a newer one of each.
    let all = spec.state == Wanted::Latest && from.lists_old.is_some();
    let install: Vec<String> = match all {
        true => of(&|a, b| b.installed.is_some() && (!a.held || spec.hold.is_some())),
        false => changed.iter().map(|(_, to)| argument(to)).collect(),
    };
    let unknown = changed.iter().any(|(from, _)| is_unknown(from));
    let old = from.lists_old.is_some() || from.lists_old_if_installing;
    let update = old || unknown && spec.update_cache.is_none();
    if update && (from.lists_old.is_some() || !install.is_empty() || !from.along.is_empty()) {
        ops.push(apt(&["update"], &[], false));
    }
    let options = options(spec);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    if !install.is_empty() {
        // What is installed must not cost another package that nobody named.
        let args = [&["install", "--no-remove"], options.as_slice()].concat();
        ops.push(apt(&args, &install, !update && spec.update_cache.is_none()));
    }
    // An installation lets go of a hold.
    let hold = of(&|a, b| b.held && (!a.held || spec.hold.is_some() && (all || a.installed != b.installed)));
    if !hold.is_empty() {
        ops.push(run(PackageTool::AptMark, [words(&["hold"]), hold].concat(), false));
    }
    match spec.upgrade {
        Some(upgrade) if !from.along.is_empty() || from.lists_old.is_some() => {
            let verb: &[&str] =
                if upgrade == Upgrade::Full { &["dist-upgrade"] } else { &["upgrade", "--with-new-pkgs"] };
            ops.push(apt(&[verb, auto, &options].concat(), &[], false));
        }
        None if !from.along.is_empty() => ops.push(apt(&["autoremove"], &[], false)),
        _ => {}
    }
    ops
}

/// How a package is named to apt: with the version where it is wanted, or by its file.
pub fn argument(item: &Item) -> String {
    match (&item.file, &item.wanted, &item.installed) {
        (Some(file), ..) => file.to_string(),
        (_, Some(_), Some(version)) => format!("{}={version}", item.name),
        _ => item.name.clone(),
    }
}

pub fn effects(spec: &Spec, from: &Packages, to: &Packages) -> Vec<Effect> {
    let answer = |query, answer| Effect::Answer(query, Answer::Output(answer));
    let status = |item: &Item| {
        let name = &item.name;
        let said = match (&item.installed, &item.left_over) {
            (Some(version), _) => {
                output(0, &format!("{name}\t{}i \t{version}\n", if item.held { 'h' } else { 'i' }))
            }
            (None, Some(version)) => output(0, &format!("{name}\trc \t{version}\n")),
            (None, None) => output(1, ""),
        };
        answer(status_query(name), said)
    };
    let mut effects: Vec<Effect> = to.items.iter().map(status).collect();
    effects.push(answer(Query::Run(Probe::DpkgAudit), output(0, "")));
    if let (Some(older_than_s), Some(_)) = (spec.lists_valid_s(), &from.lists_old) {
        let lists = Probe::PackageLists { tool: PackageTool::AptGet, older_than_s };
        effects.push(answer(Query::Run(lists), output(0, "")));
    }
    effects.extend(to.along.iter().chain(&to.needs).map(|along| {
        let line = along.to.as_ref().map(|version| format!("{}\tii \t{version}\n", along.name));
        let said = line.map_or_else(|| output(1, ""), |line| output(0, &line));
        answer(status_query(&along.name), said)
    }));
    effects
}
