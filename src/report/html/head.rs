//! The part of the page that needs no script: what the run was, what failed, what can be reached, how the hosts came out.

use super::{exposure, moved};
use crate::{
    diag::Exit,
    event::{Excuse, Failure, Status},
    graph::escaped,
    report::story::{Host, Story, duration},
    template::strftime_utc,
};
use std::fmt::Write;

/// Hosts that are named in a list before it is cut.
const NAMED: usize = 12;

/// How good the end of the run is, as a class of the style.
fn class(story: &Story) -> &'static str {
    match story.exit.map(Exit::of) {
        Some(Some(Exit::Done)) => "good",
        Some(Some(Exit::Pending)) => "changed",
        _ => "bad",
    }
}

pub(super) fn body(story: &Story, title: &str) -> String {
    let (word, class) = (story.outcome(), class(story));
    let mut out = format!(
        "<a class=\"skip\" href=\"#main\">to the content</a>\n<header>\n<h1>{} <span class=\"badge {class}\" id=\"outcome\">{word}</span></h1>\n<dl>",
        escaped(title)
    );
    let about = &story.about;
    let began = i64::try_from(about.started).ok().and_then(|at| strftime_utc(at, "%F %T UTC").ok());
    let rows = [
        ("began", began.unwrap_or_default()),
        ("took", duration(story.millis)),
        ("by", about.who.clone()),
        ("in", about.folder.clone()),
        ("playbook", about.playbook.clone().unwrap_or_default()),
        ("run", story.run.into()),
        ("program", format!("lustores-provision {}", about.program)),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escaped(value));
    }
    out += "</dl>\n</header>\n";
    out += TOOLS;
    out += "<main id=\"main\">\n<noscript><p class=\"note\">Without JavaScript: failures, exposure and hosts are shown; the matrix, the diffs, the times and the graph are not.</p></noscript>\n";
    failures(story, &mut out);
    warnings(story, &mut out);
    findings(story, &mut out);
    proof(story, &mut out);
    moved::section(story, &mut out);
    exposure::section(story, &mut out);
    hosts(story, &mut out);
    out + PLACES
}

/// Filters, for the script.
const TOOLS: &str = "<nav id=\"tools\" aria-label=\"filters\" hidden>\n\
    <label>search <input id=\"search\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" aria-keyshortcuts=\"/\" placeholder=\"tasks, diffs, messages\"></label>\n\
    <label>hosts <input id=\"hosts-filter\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" list=\"host-names\" placeholder=\"all\"></label><datalist id=\"host-names\"></datalist>\n\
    <span id=\"statuses\" role=\"group\" aria-label=\"status\"></span>\n\
    <span class=\"buttons\"><button type=\"button\" id=\"unfold\">unfold all</button><button type=\"button\" id=\"fold\">fold all</button><button type=\"button\" id=\"help\" aria-expanded=\"false\" aria-controls=\"keys\">keys</button></span>\n\
    <span id=\"found\" role=\"status\" aria-live=\"polite\"></span>\n\
    <dl id=\"keys\" hidden><div><dt>/</dt><dd>search</dd></div><div><dt>Esc</dt><dd>leaves a field; clears the filters</dd></div><div><dt>j k</dt><dd>the next and the last entry</dd></div>\
    <div><dt>Enter</dt><dd>folds and unfolds; in the matrix: shows the cell</dd></div><div><dt>arrows</dt><dd>move in the matrix</dd></div><div><dt>e c</dt><dd>unfold and fold all</dd></div></dl>\n</nav>\n";

/// What the script fills.
const PLACES: &str = "<section id=\"matrix\" class=\"scripted\" aria-labelledby=\"h-matrix\" hidden><h2 id=\"h-matrix\">Tasks on hosts</h2><p class=\"legend\" id=\"legend\"></p><div class=\"scroll\" id=\"grid\"></div><div id=\"cell\" role=\"region\" aria-live=\"polite\" aria-label=\"chosen cell\"></div></section>\n\
    <section id=\"changes\" class=\"scripted\" aria-labelledby=\"h-changes\" hidden><h2 id=\"h-changes\">Changes</h2><div id=\"diffs\"></div></section>\n\
    <section id=\"times\" class=\"scripted\" aria-labelledby=\"h-times\" hidden><h2 id=\"h-times\">Times</h2><p class=\"legend\">Each bar is a task, from its beginning to its end; tasks side by side ran at the same time. Outlined: the critical path.</p><div id=\"bars\"></div></section>\n\
    <section id=\"graph\" class=\"scripted\" aria-labelledby=\"h-graph\" hidden><h2 id=\"h-graph\">Graph</h2><p><label>host <select id=\"graph-host\"></select></label></p><div id=\"critical\"></div><div class=\"scroll\" id=\"drawing\" tabindex=\"0\" role=\"region\" aria-label=\"graph of the tasks\"></div></section>\n\
    </main>\n";

/// `web1, web2 and 10 more`.
pub(super) fn named(hosts: &[&str]) -> String {
    let mut text = hosts.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if hosts.len() > NAMED {
        let _ = write!(text, " and {} more", hosts.len() - NAMED);
    }
    text
}

/// First of all: each failure once, with the hosts that have it.
fn failures(story: &Story, out: &mut String) {
    type Once<'a> = (Option<Excuse>, Option<&'a str>, &'a Failure, Vec<&'a str>);
    let mut found: Vec<Once> = vec![];
    let mut blocked = 0;
    for host in &story.hosts {
        blocked += host.ended.values().filter(|ended| ended.status == Status::Blocked).count();
        let ended = host.ended.values();
        let of_tasks = ended.filter_map(|it| Some((it.excuse, Some(it.name), it.failure?)));
        let of_host = host.failure.map(|failure| (None, None, failure));
        for (by, task, failure) in of_host.into_iter().chain(of_tasks) {
            let same = |(how, name, known, _): &&mut (_, _, &Failure, _)| {
                (*how, *name, *known) == (by, task, failure)
            };
            match found.iter_mut().find(same) {
                Some((.., hosts)) => hosts.push(host.name),
                None => found.push((by, task, failure, vec![host.name])),
            }
        }
    }
    if found.is_empty() {
        return;
    }
    // Those that count come first.
    found.sort_by_key(|(by, ..)| by.is_some());
    let count = found.iter().filter(|(by, ..)| by.is_none()).count();
    let plural = if count == 1 { "" } else { "s" };
    let excused = match found.len() - count {
        0 => String::new(),
        excused => format!(", {excused} ignored or rescued"),
    };
    let _ = writeln!(
        out,
        "<section id=\"failures\" aria-labelledby=\"h-failures\"><h2 id=\"h-failures\">{count} failure{plural}{excused}</h2>"
    );
    if blocked > 0 {
        let tasks = if blocked == 1 { "1 task was".into() } else { format!("{blocked} tasks were") };
        let _ = write!(out, "<p class=\"note\">{tasks} not tried because of that.</p>");
    }
    for (by, task, failure, hosts) in &found {
        let (open, badge) = match by {
            None => (" open", String::new()),
            Some(by) => ("", format!(" <span class=\"badge changed\">{}</span>", by.word())),
        };
        let name = task.unwrap_or("the host");
        let list = hosts.join(" ");
        let _ = write!(
            out,
            "<details class=\"item failure\"{open} data-hosts=\"{}\"><summary><span class=\"s-failed mark\" aria-hidden=\"true\"></span><b>{}</b>{badge} <span class=\"on\">{}</span></summary>",
            escaped(&list),
            escaped(name),
            escaped(&named(hosts))
        );
        one_failure(failure, out);
        out.push_str("</details>\n");
    }
    out.push_str("</section>\n");
}

fn one_failure(failure: &Failure, out: &mut String) {
    let _ = write!(out, "<div class=\"body\"><p class=\"message\">{}</p>", escaped(&failure.message));
    if let Some(place) = &failure.place {
        let _ = write!(out, "<p class=\"place\">{}</p>", escaped(place));
    }
    if let Some(excerpt) = &failure.excerpt {
        let _ = write!(out, "<pre class=\"excerpt\">{}</pre>", escaped(excerpt.trim_end()));
    }
    for cause in &failure.causes {
        let _ = write!(out, "<p class=\"cause\"><span>cause</span> {}</p>", escaped(cause));
    }
    if !failure.output.is_empty() {
        let _ = write!(out, "<p>it printed:</p><pre>{}</pre>", escaped(&failure.output.join("\n")));
    }
    if let Some(hint) = &failure.hint {
        let _ = write!(out, "<p class=\"hint\"><span>hint</span> {}</p>", escaped(hint));
    }
    failure.more.iter().for_each(|more| one_failure(more, out));
    out.push_str("</div>");
}

fn warnings(story: &Story, out: &mut String) {
    let mut found: Vec<(&str, Vec<&str>)> = vec![];
    for (host, message) in &story.warnings {
        match found.iter_mut().find(|(known, _)| known == message) {
            Some((_, hosts)) => hosts.extend(host),
            None => found.push((message, host.iter().copied().collect())),
        }
    }
    if found.is_empty() {
        return;
    }
    out.push_str(
        "<section id=\"warnings\" aria-labelledby=\"h-warnings\"><h2 id=\"h-warnings\">Warnings</h2><ul>",
    );
    for (message, hosts) in found {
        let on = if hosts.is_empty() {
            String::new()
        } else {
            format!(" <span class=\"on\">{}</span>", escaped(&named(&hosts)))
        };
        let _ = write!(out, "<li>{}{on}</li>", escaped(message));
    }
    out.push_str("</ul></section>\n");
}

/// What the lint of plans found; of what is accepted, why.
fn findings(story: &Story, out: &mut String) {
    let found = &story.findings.0;
    if found.is_empty() {
        return;
    }
    out.push_str(
        "<section id=\"findings\" aria-labelledby=\"h-findings\"><h2 id=\"h-findings\">About this plan</h2>\n",
    );
    for (finding, hosts) in found {
        let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let (class, word) = match (&finding.accepted, finding.refuses) {
            (Some(_), _) => ("s-skipped", "accepted"),
            (None, true) => ("s-failed", "refused"),
            (None, false) => ("s-changed", "warning"),
        };
        let _ = write!(
            out,
            "<details class=\"item\" data-hosts=\"{}\"><summary><span class=\"{class} mark\" aria-hidden=\"true\"></span>{word} <code>{}</code> <b>{}</b> <span class=\"on\">{}</span></summary><div class=\"body\"><p class=\"place\">{}</p>",
            escaped(&hosts.join(" ")),
            escaped(&finding.lint),
            escaped(&finding.message),
            escaped(&named(&names)),
            escaped(&finding.place)
        );
        for cause in &finding.causes {
            let _ = write!(out, "<p class=\"cause\"><span>cause</span> {}</p>", escaped(cause));
        }
        let _ = match &finding.accepted {
            Some(reason) => {
                write!(out, "<p><span class=\"note\">accepted because</span> {}</p>", escaped(reason))
            }
            None => write!(out, "<p class=\"hint\"><span>hint</span> {}</p>", escaped(&finding.hint)),
        };
        out.push_str("</div></details>\n");
    }
    out.push_str("</section>\n");
}

/// What the second look of `--prove` found.
fn proof(story: &Story, out: &mut String) {
    let Some(proof) = &story.proof else { return };
    let pending = |host: &Host| {
        let pending = [Status::WouldChange, Status::Deferred, Status::Failed];
        let left = host.ended.values().filter(|ended| pending.contains(&ended.status));
        left.map(|ended| {
            format!("<li>{} <span class=\"on\">{}</span></li>", escaped(ended.name), escaped(host.name))
        })
        .collect::<String>()
    };
    let left: String = proof.hosts.iter().map(pending).collect();
    out.push_str("<section id=\"proof\" aria-labelledby=\"h-proof\"><h2 id=\"h-proof\">Proof</h2>");
    if left.is_empty() && proof.exit == Some(0) {
        out.push_str("<p>All hosts were looked at again: nothing is left to do.</p></section>\n");
    } else {
        let _ = writeln!(
            out,
            "<p>All hosts were looked at again, and this is left to do:</p><ul>{left}</ul></section>"
        );
    }
}

fn hosts(story: &Story, out: &mut String) {
    let changed = if story.check { "would change" } else { "changed" };
    let _ = writeln!(
        out,
        "<section id=\"hosts\" aria-labelledby=\"h-hosts\"><h2 id=\"h-hosts\">Hosts</h2><div class=\"scroll\"><table><thead><tr><th scope=\"col\">host</th><th scope=\"col\">ok</th><th scope=\"col\">{changed}</th>\
         <th scope=\"col\">skipped</th><th scope=\"col\">failed</th><th scope=\"col\">blocked</th><th scope=\"col\">deferred</th><th scope=\"col\">ignored</th><th scope=\"col\">rescued</th><th scope=\"col\">took</th><th scope=\"col\">system</th></tr></thead><tbody>"
    );
    for host in &story.hosts {
        let name = escaped(host.name);
        let system = format!("{} {}", host.os, host.arch);
        let system = escaped(system.trim());
        let Some(summary) = &host.summary else {
            let _ = writeln!(
                out,
                "<tr data-hosts=\"{name}\"><th scope=\"row\">{name}</th><td colspan=\"9\">not reached</td><td>{system}</td></tr>"
            );
            continue;
        };
        let took =
            host.connecting.zip(host.finished).map(|(from, to)| duration(to - from)).unwrap_or_default();
        let unreachable =
            if summary.unreachable { " <span class=\"badge bad\">unreachable</span>" } else { "" };
        let _ = write!(out, "<tr data-hosts=\"{name}\"><th scope=\"row\">{name}{unreachable}</th>");
        let cells = [
            (summary.ok, ""),
            (summary.changed, "changed"),
            (summary.skipped, ""),
            (summary.failed - summary.ignored, "failed"),
            (summary.blocked, "failed"),
            (summary.deferred, "deferred"),
            (summary.ignored, "changed"),
            (summary.rescued, "changed"),
        ];
        for (count, class) in cells {
            let class = if count > 0 { class } else { "none" };
            let _ = write!(out, "<td class=\"{class}\">{count}</td>");
        }
        let _ = writeln!(out, "<td>{took}</td><td>{system}</td></tr>");
    }
    out.push_str("</tbody></table></div></section>\n");
}
