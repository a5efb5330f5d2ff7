//! What can be reached from outside, before the run and after it: as the firewall's tasks and those that publish ports know it.

use super::head::named;
use crate::{
    event::Status,
    graph::escaped,
    model::{Exposed, Gate, OpenPort, Reach},
    report::story::{Host, Story},
};
use std::{collections::BTreeSet, fmt::Write};

pub(super) fn section(story: &Story, out: &mut String) {
    // Hosts of which the same is known stand together.
    let mut groups: Vec<(String, Vec<&str>)> = vec![];
    for host in story.hosts.iter().filter(|host| host.planned.is_some()) {
        let text = of_host(host, story.check);
        match groups.iter_mut().find(|(known, _)| *known == text) {
            Some((_, hosts)) => hosts.push(host.name),
            None => groups.push((text, vec![host.name])),
        }
    }
    if groups.is_empty() {
        return;
    }
    out.push_str(
        "<section id=\"exposure\" aria-labelledby=\"h-exposure\"><h2 id=\"h-exposure\">Reachable from outside</h2>\n\
         <p class=\"note\">As the tasks of this run know it: what <code>firewall</code> admits and what <code>compose</code> publishes. A filter elsewhere (the provider's, another table) is not seen, \
         nor whether anything listens.</p>\n",
    );
    for (text, hosts) in groups {
        let list = hosts.join(" ");
        let list = escaped(&list);
        let _ = writeln!(
            out,
            "<div class=\"exposed\" data-hosts=\"{list}\"><h3>{}</h3>{text}</div>",
            escaped(&named(&hosts))
        );
    }
    out.push_str("</section>\n");
}

/// What a task says, and what became of it.
fn said<'a>(host: &'a Host, gate: Gate) -> impl Iterator<Item = (&'a Exposed, Option<Status>)> {
    let tasks = host.tasks.iter().filter_map(|task| Some((task.task, task.exposes.as_ref()?)));
    tasks
        .filter(move |(_, exposed)| exposed.gate == gate)
        .map(|(task, exposed)| (exposed, host.ended.get(&task.0).map(|ended| ended.status)))
}

fn of_host(host: &Host, check: bool) -> String {
    let mut out = String::new();
    let after = if check { "would be after" } else { "after" };
    let filters: Vec<_> = said(host, Gate::Firewall).collect();
    if filters.is_empty() {
        out.push_str(
            "<p class=\"unknown\">not known: no <code>firewall</code> task tells what is closed here</p>",
        );
    }
    for (filter, status) in &filters {
        table(filter, after, &mut out);
        out.push_str(undone(*status, check));
    }
    let published: Vec<_> = said(host, Gate::Published).collect();
    if !published.is_empty() {
        let filter = match &filters[..] {
            [(one, _)] => Some(one),
            _ => None,
        };
        out.push_str("<h4>published by containers</h4>");
        for (exposed, status) in published {
            containers(exposed, filter.copied(), after, &mut out);
            out.push_str(undone(status, check));
        }
    }
    out
}

/// That what is said of "after" has not come about.
fn undone(status: Option<Status>, check: bool) -> &'static str {
    match status {
        Some(Status::Failed) => {
            "<p class=\"bad-note\">The task failed: what is reachable now is not known.</p>"
        }
        Some(Status::Blocked) => "<p class=\"bad-note\">The task was not tried: it is as before.</p>",
        None if !check => {
            "<p class=\"bad-note\">The task did not come to its end: what is reachable now is not known.</p>"
        }
        _ => "",
    }
}

/// The ports of one side, in a fixed order; `None` where it is no list.
fn ports(reach: &Reach) -> Option<Vec<&OpenPort>> {
    match reach {
        Reach::Only { ports, .. } => Some(ports.iter().collect()),
        Reach::Everything | Reach::Unknown => None,
    }
}

/// Both sides' ports, those below others last.
fn all<'a>(before: Option<&[&'a OpenPort]>, after: Option<&[&'a OpenPort]>) -> Vec<&'a OpenPort> {
    let all: BTreeSet<&OpenPort> = before.into_iter().chain(after).flatten().copied().collect();
    let mut all: Vec<&OpenPort> = all.into_iter().collect();
    let number = |port: &OpenPort| {
        port.port.split('-').next().and_then(|first| first.parse().ok()).unwrap_or(u32::MAX)
    };
    all.sort_by_key(|port| number(port));
    all
}

fn table(filter: &Exposed, after_word: &str, out: &mut String) {
    let (before, after) = (ports(&filter.before), ports(&filter.after));
    let _ = write!(
        out,
        "<table><thead><tr><th scope=\"col\">port</th><th scope=\"col\">from</th><th scope=\"col\">before</th><th scope=\"col\">{after_word}</th></tr></thead><tbody>"
    );
    let all = all(before.as_deref(), after.as_deref());
    for port in &all {
        let from = port.only.as_deref().map_or("everywhere".into(), escaped);
        let (was, is) = (state(&filter.before, port), state(&filter.after, port));
        let class = change(was, is);
        let _ = write!(
            out,
            "<tr class=\"{class}\"><th scope=\"row\">{}/{}</th><td>{from}</td><td>{was}</td><td>{is}</td></tr>",
            escaped(&port.port),
            escaped(&port.proto)
        );
    }
    // What is on no line.
    let rest = |reach: &Reach| match reach {
        Reach::Everything => "open",
        Reach::Only { .. } => "closed",
        Reach::Unknown => "not known",
    };
    let (was, is) = (rest(&filter.before), rest(&filter.after));
    let what = if all.is_empty() { "all" } else { "all others" };
    let _ = write!(
        out,
        "<tr class=\"{}\"><th scope=\"row\">{what}</th><td>everywhere</td><td>{was}</td><td>{is}</td></tr></tbody></table>",
        change(was, is)
    );
    for (word, reach) in [("before", &filter.before), (after_word, &filter.after)] {
        if let Reach::Only { others, .. } = reach {
            for rule in others {
                let _ = write!(
                    out,
                    "<p class=\"bad-note\">{word}, a rule that is not understood: <code>{}</code></p>",
                    escaped(rule)
                );
            }
        }
    }
}

fn state(reach: &Reach, port: &OpenPort) -> &'static str {
    match reach {
        Reach::Everything => "open",
        Reach::Unknown => "not known",
        Reach::Only { ports, .. } if ports.contains(port) => "open",
        Reach::Only { .. } => "closed",
    }
}

fn change(was: &str, is: &str) -> &'static str {
    match (was, is) {
        (was, is) if was == is => "same",
        (_, "open") => "opens",
        (_, "closed") => "closes",
        _ => "same",
    }
}

/// What a firewall has to say of a port that is published everywhere.
fn admitted(filter: Option<&Exposed>, port: &OpenPort) -> String {
    if port.only.is_some() {
        return "only there".into();
    }
    let Some(filter) = filter else { return "not known".into() };
    let Reach::Only { ports, others } = &filter.after else { return "admitted".into() };
    let number: Option<u16> = port.port.parse().ok();
    let holds = |open: &&OpenPort| {
        let (first, last) = open.port.split_once('-').unwrap_or((&open.port, &open.port));
        let range = first.parse::<u16>().ok().zip(last.parse::<u16>().ok());
        open.proto == port.proto
            && range.zip(number).is_some_and(|((first, last), number)| (first..=last).contains(&number))
    };
    let from: Vec<&str> =
        ports.iter().filter(holds).map(|open| open.only.as_deref().unwrap_or("everywhere")).collect();
    match from[..] {
        _ if number.is_none() => "not known".into(),
        [] if others.is_empty() => "closed by the firewall".into(),
        [] => "not known: a rule is not understood".into(),
        _ => format!("admitted from {}", from.join(", ")),
    }
}

fn containers(exposed: &Exposed, filter: Option<&Exposed>, after_word: &str, out: &mut String) {
    let (before, after) = (ports(&exposed.before), ports(&exposed.after));
    let all = all(before.as_deref(), after.as_deref());
    if all.is_empty() && exposed.after != Reach::Unknown {
        out.push_str("<p>none</p>");
        return;
    }
    let _ = write!(
        out,
        "<table><thead><tr><th scope=\"col\">port</th><th scope=\"col\">service</th><th scope=\"col\">on</th><th scope=\"col\">before</th><th scope=\"col\">{after_word}</th><th scope=\"col\">firewall</th></tr></thead><tbody>"
    );
    for port in all {
        let word = |reach: &Reach| match state(reach, port) {
            "open" => "published",
            "closed" => "not published",
            other => other,
        };
        let (was, is) = (word(&exposed.before), word(&exposed.after));
        let gate = if is == "published" { admitted(filter, port) } else { String::new() };
        let class = match (was, is) {
            ("not published", "published") if !gate.starts_with("closed") => "opens",
            ("published", "not published") => "closes",
            _ => "same",
        };
        let _ = write!(
            out,
            "<tr class=\"{class}\"><th scope=\"row\">{}/{}</th><td>{}</td><td>{}</td><td>{was}</td><td>{is}</td><td>{}</td></tr>",
            escaped(&port.port),
            escaped(&port.proto),
            escaped(port.to.as_deref().unwrap_or_default()),
            escaped(port.only.as_deref().unwrap_or("all addresses")),
            escaped(&gate)
        );
    }
    out.push_str("</tbody></table>");
    if exposed.after == Reach::Unknown {
        let _ = write!(out, "<p>{after_word}: not known, since docker is not there yet</p>");
    }
}
