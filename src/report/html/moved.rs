//! What has moved on the hosts since the last apply, apart from what is configured otherwise since then: of `drift`.

use super::head::named;
use crate::{
    event::{Cause, Verdict},
    graph::escaped,
    report::{
        drift::{Drift, GROUPS, facets, notified},
        story::{Host, Story},
    },
};
use std::fmt::Write;

/// How the script and the style name what each of [`GROUPS`] is.
const CLASSES: [&str; 4] = ["s-failed", "s-ok", "s-changed", "s-deferred"];

/// A task that differs, the same on several hosts.
struct Entry<'a> {
    name: &'a str,
    place: &'a str,
    lines: Vec<String>,
    hosts: Vec<&'a str>,
}

pub(super) fn section(story: &Story, out: &mut String) {
    let drifts: Vec<(&Host, &Drift)> =
        story.hosts.iter().filter_map(|host| Some((host, host.drift.as_ref()?))).collect();
    if drifts.is_empty() {
        return;
    }
    out.push_str(
        "<section id=\"moved\" aria-labelledby=\"h-moved\"><h2 id=\"h-moved\">Since the last apply</h2>\n\
         <div class=\"scroll\"><table><thead><tr><th scope=\"col\">host</th><th scope=\"col\">changed on the host</th>\
         <th scope=\"col\">configured otherwise</th><th scope=\"col\">new</th><th scope=\"col\">not knowable</th>\
         <th scope=\"col\">last apply</th></tr></thead><tbody>\n",
    );
    drifts.iter().for_each(|(host, drift)| row(host, drift, out));
    out.push_str("</tbody></table></div>\n");
    for ((_, title, causes, _), class) in GROUPS.iter().zip(CLASSES) {
        group(title, class, &entries(&drifts, causes), out);
    }
    let mut gone: Vec<(&str, Vec<&str>)> = vec![];
    for (host, what) in
        drifts.iter().flat_map(|(host, drift)| drift.gone.iter().map(|what| (host.name, what)))
    {
        match gone.iter_mut().find(|(known, _)| known == what) {
            Some((_, hosts)) => hosts.push(host),
            None => gone.push((what, vec![host])),
        }
    }
    if !gone.is_empty() {
        out.push_str("<h3>left by the last apply, and no task is about it</h3>\n<ul class=\"gone\">");
        for (what, hosts) in gone {
            let _ = write!(
                out,
                "<li data-hosts=\"{}\"><code>{}</code> <span class=\"on\">{}</span></li>",
                escaped(&hosts.join(" ")),
                escaped(what),
                escaped(&named(&hosts))
            );
        }
        out.push_str("</ul>\n");
    }
    let owed: Vec<_> =
        drifts.iter().flat_map(|(host, drift)| drift.owed.iter().map(|owed| (host.name, owed))).collect();
    if !owed.is_empty() {
        out.push_str("<h3>owed: notified, and not run since</h3>\n<ul class=\"gone owed\">");
        for (host, owed) in owed {
            let _ = write!(
                out,
                "<li data-hosts=\"{}\"><code>{}</code> {} <span class=\"on\">{}</span></li>",
                escaped(host),
                escaped(&owed.handler),
                escaped(&notified(owed)),
                escaped(&named(&[host]))
            );
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
}

/// How many tasks of a host differ, for each reason; one may count for several.
fn row(host: &Host, drift: &Drift, out: &mut String) {
    let has = |wanted: &[Cause]| {
        let tasks = drift.tasks.iter();
        tasks.filter(|task| task.facets.iter().any(|facet| wanted.contains(&facet.cause))).count()
    };
    let is_deferred = |verdict: &Verdict| matches!(verdict, Verdict::Deferred { .. });
    let counts = [
        (has(&[Cause::Host, Cause::Both, Cause::HostAsWanted]), "failed"),
        (has(&[Cause::Configuration, Cause::Both]), "changed"),
        (has(&[Cause::New]), "deferred"),
        (host.tasks.iter().filter(|task| is_deferred(&task.verdict)).count(), "deferred"),
    ];
    let name = escaped(host.name);
    let _ = write!(out, "<tr data-hosts=\"{name}\"><th scope=\"row\">{name}</th>");
    for (count, class) in counts {
        let class = if count > 0 { class } else { "none" };
        let _ = write!(out, "<td class=\"{class}\">{count}</td>");
    }
    let _ = writeln!(out, "<td>{}</td></tr>", escaped(&drift.known()));
}

/// The tasks of which a facet differs for one of these reasons, with those facets only.
fn entries<'a>(drifts: &[(&'a Host, &'a Drift)], causes: &[Cause]) -> Vec<Entry<'a>> {
    let mut found: Vec<Entry> = vec![];
    for (host, drift) in drifts {
        for task in &drift.tasks {
            let own = task.facets.iter().filter(|facet| causes.contains(&facet.cause));
            let plan = host.tasks.get(task.task.0 as usize);
            let lines = facets(own, plan, false);
            if lines.is_empty() {
                continue;
            }
            let (name, place) = (task.name.as_str(), plan.map_or("", |plan| plan.place.as_str()));
            let same = |entry: &&mut Entry| (entry.name, entry.place, &entry.lines) == (name, place, &lines);
            match found.iter_mut().find(same) {
                Some(entry) => entry.hosts.push(host.name),
                None => found.push(Entry { name, place, lines, hosts: vec![host.name] }),
            }
        }
    }
    found
}

fn group(title: &str, class: &str, entries: &[Entry], out: &mut String) {
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(out, "<h3>{title}</h3>");
    for Entry { name, place, lines, hosts } in entries {
        let _ = write!(
            out,
            "<details class=\"item\" data-hosts=\"{}\" data-why=\"{title}\"><summary><span class=\"{class} mark\" aria-hidden=\"true\"></span><b>{}</b> \
             <span class=\"on\">{}</span></summary><div class=\"body\"><p class=\"place\">{}</p><pre class=\"diff\">",
            escaped(&hosts.join(" ")),
            escaped(name),
            escaped(&named(hosts)),
            escaped(place)
        );
        for line in lines {
            let kind = match line.as_bytes() {
                [b' ', b' ', b'@', ..] => "at",
                [b' ', b' ', b'+', ..] => "add",
                [b' ', b' ', b'-', ..] => "del",
                [first, ..] if *first != b' ' => "facet",
                _ => "",
            };
            let _ = write!(out, "<span class=\"{kind}\">{}</span>", escaped(line));
        }
        out.push_str("</pre></div></details>\n");
    }
}
