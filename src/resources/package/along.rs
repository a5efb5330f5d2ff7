//! What apt changes along with what is named.

use super::{
    apt::{argument, is_unknown, options, text},
    spec::{Spec, Wanted},
    state::{Along, Item, Packages},
};
use crate::resource::{AptAhead, Fault, Observe, Pause, Seen};
use agent::wire::{Answer, AptPlan, Probe, Query};
use std::collections::BTreeSet;

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
    let (along, essential) = steps(&simulate(seen, plan)?);
    let goes = |item: &&Item| along.iter().any(|step| bare(&step.name) == bare(&item.name));
    // Only an earlier task will have installed it: what needs it by then, apt cannot say now.
    if let Some(item) = packages.items.iter().filter(gone).find(|item| essential.is_empty() && !goes(item)) {
        return Err(Pause::NotYet(format!("what goes along with `{}` shows when it is there", item.name)));
    }
    if !goes_alike(spec, &names, &along, seen)? {
        let names = names.join("`, `");
        return Err(Pause::NotYet(format!(
            "what goes along with `{names}` shows when what is installed before is there"
        )));
    }
    let is_named = |name: &str| packages.items.iter().any(|item| item.name == name);
    packages.along = along.into_iter().filter(|step| !is_named(&step.name)).collect();
    packages.essential = essential;
    Ok(())
}

/// Whether the same goes with a removal once what earlier tasks install is there: that may need some of it.
fn goes_alike(spec: &Spec, removed: &[String], along: &[Along], seen: &Seen) -> Observe<bool> {
    let Some(ahead) = seen.apt_ahead().filter(|ahead| !ahead.names.is_empty() && !removed.is_empty()) else {
        return Ok(true);
    };
    let goes = removed.iter().map(|name| format!("{name}-"));
    let more = [("--purge", spec.state == Wanted::Purged), ("--auto-remove", spec.autoremove)];
    let more = more.into_iter().filter(|(_, is)| *is).map(|(option, _)| option.to_string());
    let options = ahead.options.into_iter().filter(|option| option != "--no-remove").chain(more).collect();
    let plan = Query::Run(Probe::AptSimulate(AptPlan::Install {
        names: ahead.names.into_iter().chain(goes).collect(),
        options,
    }));
    let [said] = seen.all([plan.clone()])?;
    seen.leave_open(&plan);
    let Answer::Output(said) = said else { return Ok(false) };
    let gone = |steps: &[Along]| -> BTreeSet<String> {
        steps.iter().filter(|step| step.to.is_none()).map(|step| step.name.clone()).collect()
    };
    Ok(said.code == 0 && gone(&steps(&text(&said)).0) == gone(along))
}

/// What comes along with an installation, once those of earlier tasks are done. Nobody knows where lists do not know a package yet, or apt
/// refuses.
pub fn needs(spec: &Spec, packages: &Packages, ahead: AptAhead, seen: &Seen) -> Observe<Vec<Along>> {
    let Ok(to) = packages.desired(spec) else { return Ok(vec![]) };
    let options = [vec!["--no-remove".into()], options(spec)].concat();
    let names: Vec<String> = packages.changed(&to).map(|(_, to)| argument(to)).collect();
    let is_told = ahead.goes_on_with(&options) && !packages.changed(&to).any(|(from, _)| is_unknown(from));
    if names.is_empty() || !is_told {
        return Ok(vec![]);
    }
    let known: Vec<String> = ahead.names.iter().map(|name| bare(name)).collect();
    let names = [ahead.names, names].concat();
    let plan = Query::Run(Probe::AptSimulate(AptPlan::Install { names, options }));
    let [said] = seen.all([plan.clone()])?;
    // What is shown and done is the same whatever they need.
    seen.leave_open(&plan);
    let is_named = |name: &str| packages.items.iter().any(|item| item.name == name);
    let is_new = |step: &Along| !is_named(&step.name) && !known.contains(&bare(&step.name));
    Ok(match said {
        Answer::Output(said) if said.code == 0 => steps(&text(&said)).0.into_iter().filter(is_new).collect(),
        _ => vec![],
    })
}

/// A package's name without version and architecture.
fn bare(name: &str) -> String {
    name.split([':', '=']).next().unwrap_or_default().into()
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
