//! What apt changes along with what is named.

use super::{
    apt::{argument, is_unknown, options, text},
    spec::{SOON, Spec, Wanted},
    state::{Along, Item, Packages},
};
use crate::{
    model::Area,
    resource::{AptAhead, Fault, Observe, PackagesAhead, Pause, Seen},
};
use agent::wire::{Answer, AptPlan, Output, PackageTool, Probe, Query};
use std::collections::BTreeSet;

/// By which apt ends when it refuses.
const REFUSED: i32 = 100;

/// What is removed along with what is named, and afterwards because nobody needs it.
pub fn removal(spec: &Spec, packages: &mut Packages, seen: &Seen) -> Observe<()> {
    let purge = spec.state == Wanted::Purged;
    let gone = |item: &&Item| item.installed.is_some() || purge && item.left_over.is_some();
    let names: Vec<String> = packages.items.iter().filter(gone).map(|item| item.name.clone()).collect();
    let plan = match names.is_empty() {
        true if spec.autoremove => AptPlan::Autoremove { purge },
        true => return Ok(()),
        false => AptPlan::Remove { names: names.clone(), purge, auto: spec.autoremove },
    };
    let said = match simulate(seen, plan) {
        // It is only said to be there by then, and no list has it: it comes from a file.
        Err(Pause::Fault(fault)) if fault.message.contains("Unable to locate package ") => {
            return Err(match seen.lacks(&[Area::Packages], BEHIND_INSTALLS) {
                Pause::Fault(_) => fault.into(),
                not_yet => not_yet,
            });
        }
        said => said?,
    };
    let (along, essential) = steps(&said);
    let bare = |name: &str| name.split(':').next().unwrap_or_default().to_string();
    let goes = |item: &&Item| along.iter().any(|step| bare(&step.name) == bare(&item.name));
    // Only an earlier task will have installed it: what needs it by then, apt cannot say now.
    if let Some(item) = packages.items.iter().filter(gone).find(|item| essential.is_empty() && !goes(item)) {
        return Err(Pause::NotYet(format!("what goes along with `{}` shows when it is there", item.name)));
    }
    packages.along = along;
    packages.essential = essential;
    if packages.essential.is_empty() {
        behind_installs(spec, &names, packages, seen)?;
    }
    let is_named = |name: &str| packages.items.iter().any(|item| item.name == name);
    packages.along.retain(|step| !is_named(&step.name));
    Ok(())
}

/// Why it is not known what a removal comes to.
pub const BEHIND_INSTALLS: &str = "what it comes to shows when what is installed before is there";

/// What goes once that is there which earlier tasks install: they may need some of it.
pub fn behind_installs(spec: &Spec, removed: &[String], packages: &mut Packages, seen: &Seen) -> Observe<()> {
    let ahead = seen.packages_ahead();
    if !ahead.installs() || packages.along.is_empty() && !spec.autoremove {
        return Ok(());
    }
    let not_yet = || Pause::NotYet(BEHIND_INSTALLS.into());
    let (PackagesAhead::Apt(ahead), None) = (ahead, spec.upgrade) else { return Err(not_yet()) };
    let goes = removed.iter().map(|name| format!("{name}-"));
    let more = [("--purge", spec.state == Wanted::Purged), ("--auto-remove", spec.autoremove)];
    let more = more.into_iter().filter(|(_, is)| *is).map(|(option, _)| option.to_string());
    let plan = Query::Run(Probe::AptSimulate(AptPlan::Install {
        names: ahead.names.iter().cloned().chain(goes).collect(),
        options: ahead.options.into_iter().filter(|option| option != "--no-remove").chain(more).collect(),
    }));
    let [said] = seen.all([plan.clone()])?;
    seen.leave_open(&plan);
    let Answer::Output(said) = said else { return Err(not_yet()) };
    let (gone, comes): (Vec<_>, Vec<_>) =
        steps(&text(&said)).0.into_iter().partition(|step| step.to.is_none());
    // Apt would rather install something else than let go of what is named.
    let is_ahead = |step: &Along| ahead.names.iter().any(|name| unversioned(name) == step.name);
    let names = |steps: &[Along]| steps.iter().map(|step| step.name.clone()).collect::<BTreeSet<_>>();
    let is_same = removed.is_empty() || names(&gone) == names(&packages.along);
    if said.code != 0 || !comes.iter().all(is_ahead) || !is_same {
        return Err(not_yet());
    }
    packages.along = gone;
    Ok(())
}

/// What comes along with an installation, once those of earlier tasks are done. Nobody knows where lists do not know a package yet, or apt
/// refuses what new lists may allow.
pub fn needs(spec: &Spec, packages: &Packages, ahead: AptAhead, seen: &Seen) -> Observe<Vec<Along>> {
    let Ok(to) = packages.desired(spec) else { return Ok(vec![]) };
    let options = [vec!["--no-remove".into()], options(spec)].concat();
    let names: Vec<String> = packages.changed(&to).map(|(_, to)| argument(to)).collect();
    let is_told = ahead.goes_on_with(&options) && !packages.changed(&to).any(|(from, _)| is_unknown(from));
    if names.is_empty() || !is_told {
        return Ok(vec![]);
    }
    let names = [ahead.names.clone(), names].concat();
    let plan = Query::Run(Probe::AptSimulate(AptPlan::Install { names, options }));
    let [said] = seen.all([plan.clone()])?;
    // What is shown and done is the same whatever they need.
    seen.leave_open(&plan);
    let is_named = |name: &str| packages.items.iter().any(|item| item.name == name);
    let is_known = |step: &Along| ahead.names.iter().any(|name| unversioned(name) == step.name);
    let is_new = |step: &Along| !is_named(&step.name) && !is_known(step);
    match said {
        Answer::Output(said) if said.code == 0 => {
            return Ok(steps(&text(&said)).0.into_iter().filter(is_new).collect());
        }
        Answer::Output(said) if ahead == AptAhead::default() => refuse(spec, &said, seen)?,
        _ => {}
    }
    Ok(vec![])
}

/// Where apt refuses a file as it is, nothing that the task does itself makes a difference.
fn refuse(spec: &Spec, said: &Output, seen: &Seen) -> Observe<()> {
    if spec.file().is_none() || spec.repair || said.code != REFUSED {
        return Ok(());
    }
    let words = String::from_utf8_lossy(said.stderr.bytes()).trim().to_string();
    // It is not tried once more with new lists where apt knows a way that is not allowed.
    if spec.update_cache.is_none() && !words.contains("remove is disabled") {
        let older_than_s = spec.cache_valid_time.unwrap_or(SOON);
        let lists = Probe::PackageLists { tool: PackageTool::AptGet, older_than_s };
        let are_old = super::are_old(PackageTool::AptGet, older_than_s, seen)?;
        seen.leave_open(&Query::Run(lists));
        if are_old {
            return Ok(());
        }
    }
    match seen.lacks(&[Area::Packages], format!("apt would refuse the file: {words}")) {
        Pause::Fault(fault) => {
            let hint = "what it needs must be in the host's lists, or be installed by a task before; what it conflicts with, be removed by one";
            Err(fault.hint(hint).into())
        }
        // Something before may mend it, which is shown when it is run.
        _ => Ok(()),
    }
}

/// A package as apt names it, where it was told a version.
fn unversioned(name: &str) -> &str {
    name.split('=').next().unwrap_or_default()
}

/// What apt would do; a refusal that names essential packages is an answer.
pub fn simulate(seen: &Seen, plan: AptPlan) -> Observe<String> {
    let said = seen.run(Probe::AptSimulate(plan))?;
    let lines = text(&said);
    if said.code != 0 && !lines.contains("Essential ") {
        let words = String::from_utf8_lossy(said.stderr.bytes()).into_owned();
        let fault = Fault::new(format!("apt cannot say what it would do: {}", words.trim()));
        return Err(fault.hint("`repair: true` mends what is unmet or half-configured").into());
    }
    Ok(lines)
}

/// Packages that change, and essential ones that would be removed.
pub fn steps(text: &str) -> (Vec<Along>, Vec<String>) {
    let (mut along, mut essential) = (vec![], vec![]);
    for line in text.lines() {
        let mut words = line.split(' ');
        let (Some(step), Some(name)) = (words.next(), words.next()) else { continue };
        let new = || line.split_once('(')?.1.split([' ', ')']).next().map(ToString::to_string);
        // `[OLD]` stands before `(NEW ...`, in which there are brackets as well.
        let old = words.next().and_then(|word| word.strip_prefix('[')?.strip_suffix(']')).map(Into::into);
        match step {
            "Inst" => along.push(Along { name: name.into(), from: old, to: new() }),
            "Remv" | "Purg" => along.push(Along { name: name.into(), from: old, to: None }),
            "Essential" => essential.push(name.to_string()),
            _ => {}
        }
    }
    (along, essential)
}
