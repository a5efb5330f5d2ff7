//! Two saved plans, held against each other.

use super::saved::{Prints, SavedHost, SavedTask};
use crate::{
    event::{Finding, Verdict},
    model::{Diff, Shown},
};
use std::{borrow::Cow, collections::HashSet, mem::discriminant};

/// How plans are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By all that is shown, and by fingerprints: they have the same key.
    Prints,
    /// By what is shown alone, the tags of secrets aside.
    Shown,
}

/// For each host what is another thing now, each on a line for a person; nothing of hosts of which the same is planned.
pub fn compare(was: &[SavedHost], is: &[SavedHost], by: By) -> Vec<(String, Vec<String>)> {
    let of = |hosts: &'_ [SavedHost], name: &str| hosts.iter().position(|host| host.host == name);
    let known = was.iter().map(|was| match of(is, &was.host) {
        Some(at) => (was.host.clone(), of_host(was, &is[at], by)),
        None => (was.host.clone(), vec!["has no plan now, and had one".into()]),
    });
    let new = is.iter().filter(|is| of(was, &is.host).is_none());
    let new = new.map(|is| (is.host.clone(), vec!["has a plan now, and had none".into()]));
    let lines = known.chain(new).filter(|(_, lines)| !lines.is_empty());
    lines.map(|(host, lines)| (visible(&host), lines.iter().map(|line| visible(line)).collect())).collect()
}

/// For each host that both have what the lint of plans finds otherwise, each on a line for a person; nothing of hosts of which it finds
/// the same.
pub fn compare_findings(was: &[SavedHost], is: &[SavedHost], by: By) -> Vec<(String, Vec<String>)> {
    let both = was.iter().filter_map(|was| Some((was, is.iter().find(|is| is.host == was.host)?)));
    let told = both.map(|(was, is)| (visible(&was.host), found(was, is, by)));
    let told = told.map(|(host, lines)| (host, lines.iter().map(|line| visible(line)).collect::<Vec<_>>()));
    told.filter(|(_, lines)| !lines.is_empty()).collect()
}

fn found(was: &SavedHost, is: &SavedHost, by: By) -> Vec<String> {
    let text = |text: &str| untagged(text, by).into_owned();
    let name = |host: &SavedHost, finding: &Finding| -> Option<String> {
        host.tasks.get(finding.task.0 as usize).map(|task| task.task.name.clone())
    };
    // What is told in the same words is the same, wherever it stands now; else what is told of the same task.
    let same =
        |old: &Finding, new: &Finding| old.lint == new.lint && text(&old.message) == text(&new.message);
    let alike = |old: &Finding, new: &Finding| old.lint == new.lint && name(was, old) == name(is, new);
    let mut left: Vec<&Finding> = is.findings.iter().collect();
    let mut take = |old: &Finding, is_it: &dyn Fn(&Finding, &Finding) -> bool| {
        left.iter().position(|new| is_it(old, new)).map(|at| left.remove(at))
    };
    let both = |old: &Finding, new: &Finding| same(old, new) && alike(old, new);
    let mut pairs: Vec<_> = was.findings.iter().map(|old| (old, take(old, &both))).collect();
    for is_it in [&same as &dyn Fn(&Finding, &Finding) -> bool, &alike] {
        for (old, new) in pairs.iter_mut().filter(|(_, new)| new.is_none()) {
            *new = take(old, is_it);
        }
    }
    let mut lines = vec![];
    for (old, new) in pairs {
        let Some(new) = new else {
            lines.push(format!("{}: is gone", heading(old)));
            continue;
        };
        let head = heading(new);
        if text(&old.message) != text(&new.message) {
            lines.push(format!("{head}: was `{}`", old.message));
        }
        match (old.refuses, new.refuses) {
            (false, true) => lines.push(format!("{head}: keeps an apply from the host now")),
            (true, false) => lines.push(format!("{head}: does not keep an apply from the host any more")),
            _ => {}
        }
        match (&old.accepted, &new.accepted) {
            (None, Some(why)) => lines.push(format!("{head}: is accepted now: {why}")),
            (Some(_), None) => lines.push(format!("{head}: is not accepted any more")),
            (Some(was), Some(is)) if was != is => {
                lines.push(format!("{head}: is accepted because of `{is}`, was because of `{was}`"));
            }
            _ => {}
        }
        let causes = |finding: &Finding| finding.causes.iter().map(|cause| text(cause)).collect::<Vec<_>>();
        if causes(old) != causes(new) {
            lines.push(format!(
                "{head}: because of `{}`, was `{}`",
                new.causes.join("; "),
                old.causes.join("; ")
            ));
        }
    }
    lines.extend(left.into_iter().map(|new| match &new.accepted {
        Some(why) => format!("{}: is new, and accepted: {why}", heading(new)),
        None if new.refuses => format!("{}: is new, and keeps an apply from the host", heading(new)),
        None => format!("{}: is new", heading(new)),
    }));
    lines
}

fn heading(finding: &Finding) -> String {
    format!("finding[{}] {}", finding.lint, finding.message)
}

/// A text of a plan that somebody else may have written, for a terminal: what would move the cursor, colour, or turn the direction is spelled out.
pub fn visible(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_odd) {
        return text.into();
    }
    text.chars().map(|c| if is_odd(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

fn of_host(was: &SavedHost, is: &SavedHost, by: By) -> Vec<String> {
    let mut lines = vec![];
    for (was, is) in was.tasks.iter().zip(&is.tasks) {
        if (&was.task.name, &was.task.resource) != (&is.task.name, &is.task.resource) {
            lines.push(format!("{}: now {} stands in its place", was.title(), is.title()));
            return lines;
        }
        of_task(was, is, by, &mut lines);
    }
    let more = is.tasks.iter().skip(was.tasks.len()).map(|task| format!("{}: is new", task.title()));
    let gone = was.tasks.iter().skip(is.tasks.len()).map(|task| format!("{}: is gone", task.title()));
    lines.extend(more.chain(gone));
    lines
}

fn of_task(was: &SavedTask, is: &SavedTask, by: By, lines: &mut Vec<String>) {
    let title = was.title();
    if was.address != is.address {
        lines.push(format!("{title}: is {} now", is.title()));
    }
    let (Some(old), Some(new)) = (was.diff(), is.diff()) else {
        // Why it is skipped, or decided later, may be said in other words.
        if discriminant(&was.task.verdict) != discriminant(&is.task.verdict) {
            lines.push(format!("{title}: now {}, was {}", verdict(is), verdict(was)));
        } else if by == By::Prints && was.steps != is.steps {
            let when = if is.is_deferred() { "when it is decided" } else { "if it is called for" };
            lines.push(format!("{title}: now does something else {when}"));
        }
        return;
    };
    let before = lines.len();
    let mut seen = HashSet::new();
    let names = old.facets.iter().chain(&new.facets).map(|facet| facet.facet.as_str());
    for name in names.filter(|name| seen.insert(*name)) {
        let of = |diff: &Diff| diff.facets.iter().find(|facet| facet.facet == name).cloned();
        let (old, new) = match (of(old), of(new)) {
            (Some(old), Some(new)) => (old, new),
            (old, _) => {
                let how =
                    if old.is_some() { "is not changed now, and was" } else { "is changed now, and was not" };
                lines.push(format!("{title}: {name} {how}"));
                continue;
            }
        };
        let same = |of: fn(&Prints) -> &Option<String>| {
            by == By::Shown || was.facets.get(name).map(of) == is.facets.get(name).map(of)
        };
        let side = |old: &Shown, new: &Shown, same: bool| {
            (!same || plain(old, by) != plain(new, by)).then(|| apart(old, new))
        };
        if let Some((now, then)) = side(&old.before, &new.before, same(|prints| &prints.seen)) {
            lines.push(format!("{title}: {name} on the host is {now}, was {then}"));
        }
        if let Some((now, then)) = side(&old.after, &new.after, same(|prints| &prints.wanted)) {
            lines.push(format!("{title}: {name} is to be {now}, was to be {then}"));
        }
    }
    if by == By::Prints && lines.len() == before && was.steps != is.steps {
        lines.push(format!("{title}: now does something else on the host, which is not shown"));
    }
}

/// A value without the tags of secrets, where they say nothing.
fn plain(shown: &Shown, by: By) -> Cow<'_, Shown> {
    match (shown, by) {
        (Shown::Masked(_), By::Shown) => Cow::Owned(Shown::Masked(String::new())),
        (Shown::Text(text), By::Shown) => Cow::Owned(Shown::Text(untagged(text, by).into_owned())),
        _ => Cow::Borrowed(shown),
    }
}

/// A text without the tags of secrets, where they say nothing.
fn untagged(text: &str, by: By) -> Cow<'_, str> {
    if by == By::Prints || !text.contains("[secret ") {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split("[secret ");
    let first = parts.next().unwrap_or_default().to_string();
    let untagged =
        parts.map(|part| format!("[secret{}", part.trim_start_matches(|c: char| c.is_ascii_hexdigit())));
    Cow::Owned(first + &untagged.collect::<String>())
}

/// Two values, the new one first: of texts the first line that differs.
fn apart(old: &Shown, new: &Shown) -> (String, String) {
    const HIDDEN: &str = "another value, which is not shown";
    let (was, is) = match (old, new) {
        (Shown::Text(old), Shown::Text(new)) => {
            let mut lines = old.lines().zip(new.lines()).enumerate();
            match lines.find(|(_, (old, new))| old != new) {
                Some((at, (old, new))) => (format!("`{old}`"), format!("`{new}` in line {}", at + 1)),
                None => (value(&Shown::Text(old.clone())), value(&Shown::Text(new.clone()))),
            }
        }
        _ => (value(old), value(new)),
    };
    if was == is { (HIDDEN.into(), was) } else { (is, was) }
}

fn value(shown: &Shown) -> String {
    match shown {
        Shown::Absent => "not there".into(),
        Shown::Scalar(text) => format!("`{text}`"),
        Shown::Text(text) => format!("a text of {} lines", text.lines().count()),
        Shown::Masked(tag) => format!("[secret {tag}]"),
        Shown::Binary { size, digest } => format!("{size} bytes ({digest})"),
    }
}

fn verdict(task: &SavedTask) -> String {
    match &task.task.verdict {
        Verdict::Unchanged => "nothing to do".into(),
        Verdict::Change { diff } => {
            let facets: Vec<&str> = diff.facets.iter().map(|facet| facet.facet.as_str()).collect();
            format!("a change ({})", facets.join(", "))
        }
        Verdict::Deferred { .. } => "to be decided in the run".into(),
        Verdict::Run { .. } => "to be run".into(),
        Verdict::Skipped { why } => format!("skipped ({why})"),
    }
}
