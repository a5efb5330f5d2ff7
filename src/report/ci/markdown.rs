//! A run as Markdown, for the summary of a job and for a comment on a pull request.

use super::{
    super::story::{Host, Story},
    Failed, failures, left,
};
use crate::{
    diag::{Diagnostics, Severity},
    event::{Excuse, Failure, Finding, Recorded, Status, Verdict},
    graph::{escaped, plain},
    report::diff_lines,
};
use std::fmt::Write;

/// Bytes of a summary, at most: GitHub takes 65,536 characters in a comment, and a mebibyte in the summary of a step.
pub const LONGEST: usize = 65_000;
/// Kept for the lines that say what was left out.
const RESERVED: usize = 600;
/// Bytes of one failure or one diff, so that a long one does not push out all others.
const ENTRY: usize = 12_000;
/// Rows of the table of hosts.
const HOSTS: usize = 100;

/// The page so far.
struct Page {
    out: String,
}

impl Page {
    /// Adds it if there is room left.
    fn add(&mut self, block: &str) -> bool {
        let fits = self.out.len() + block.len() + RESERVED <= LONGEST;
        if fits {
            self.out += block;
        }
        fits
    }
}

/// The summary of a run. What does not fit is left out, the least telling first: diffs, then names of changed tasks; how much is said.
pub fn markdown(run: &[Recorded]) -> String {
    let story = Story::new(run);
    let about = &story.about;
    let mut head = format!("### {}: {}\n\n", inline(&story.title()), story.outcome());
    let facts = [Some(story.run), about.playbook.as_deref(), Some(about.who.as_str())];
    let facts: Vec<String> = facts.into_iter().flatten().filter(|fact| !fact.is_empty()).map(code).collect();
    let _ = writeln!(head, "{}\n", facts.join(" · "));
    let mut page = Page { out: head };
    page.add(&table(&story));
    of_failures(&story, &mut page);
    of_excused(&story, &mut page);
    of_proof(&story, &mut page);
    of_warnings(&story, &mut page);
    changes(&story, &mut page);
    page.out
}

/// The summary where nothing was begun, since the configuration is wrong.
pub fn refused(found: &Diagnostics) -> String {
    let errors: Vec<_> = found.0.iter().filter(|found| found.severity == Severity::Error).collect();
    let plural = if errors.len() == 1 { "" } else { "s" };
    let mut page =
        Page { out: format!("### refused: {} error{plural} in the configuration\n\n", errors.len()) };
    let mut left = 0;
    for error in errors {
        let place = error.place.as_ref().map(|(origin, _)| format!(" {}", code(&origin.to_string())));
        let mut block = format!("- **{}**{}\n", inline(&error.message), place.unwrap_or_default());
        error.causes.iter().for_each(|cause| _ = writeln!(block, "  - cause: {}", inline(cause)));
        error.hint.iter().for_each(|hint| _ = writeln!(block, "  - hint: {}", inline(hint)));
        left += usize::from(!page.add(&block));
    }
    more(&mut page, left, "error");
    page.out
}

fn more(page: &mut Page, left: usize, what: &str) {
    if left > 0 {
        let plural = if left == 1 { "" } else { "s" };
        let _ = writeln!(
            page.out,
            "\n_… and {left} more {what}{plural}: there is no room for them here, the log has all._\n"
        );
    }
}

fn table(story: &Story) -> String {
    let changed = if story.check { "would change" } else { "changed" };
    let excused = story.hosts.iter().filter_map(|host| host.summary);
    // Where there are any.
    let has_excused = excused.map(|it| it.ignored + it.rescued).sum::<usize>() > 0;
    let (more, line) = if has_excused { (" ignored, rescued |", "--:|") } else { ("", "") };
    let mut out = format!(
        "| host | ok | {changed} | skipped | failed | blocked | not knowable yet |{more}\n|---|--:|--:|--:|--:|--:|--:|{line}\n"
    );
    let is_bad = |host: &&Host| {
        host.summary.is_none_or(|it| it.unreachable || it.failed - it.ignored + it.blocked > 0)
    };
    let bad = story.hosts.iter().filter(is_bad);
    let rows: Vec<&Host> = bad.chain(story.hosts.iter().filter(|host| !is_bad(host))).collect();
    for host in rows.iter().take(HOSTS) {
        let address = story.about.addresses.get(host.name);
        let address = address.map(|address| format!(" ({})", code(address))).unwrap_or_default();
        let name = format!("{}{address}", code(host.name));
        let _ = match &host.summary {
            None => writeln!(out, "| {name} | not reached | | | | | |"),
            Some(it) if it.unreachable => writeln!(out, "| {name} | **unreachable** | | | | | |"),
            Some(it) => {
                let more = match has_excused {
                    true => format!(" {} |", it.ignored + it.rescued),
                    false => String::new(),
                };
                let failed = it.failed - it.ignored;
                writeln!(
                    out,
                    "| {name} | {} | {} | {} | {failed} | {} | {} |{more}",
                    it.ok, it.changed, it.skipped, it.blocked, it.deferred
                )
            }
        };
    }
    if rows.len() > HOSTS {
        let _ = writeln!(out, "| _{} more hosts_ | | | | | | |", rows.len() - HOSTS);
    }
    out + "\n"
}

fn of_failures(story: &Story, page: &mut Page) {
    let mut found: Vec<(Option<&str>, &Failure, Vec<&str>)> = vec![];
    for Failed { host, task, failure, .. } in failures(story).into_iter().filter(|it| it.excuse.is_none()) {
        match found.iter_mut().find(|(name, known, _)| *name == task && *known == failure) {
            Some((.., hosts)) => hosts.push(host),
            None => found.push((task, failure, vec![host])),
        }
    }
    if found.is_empty() {
        return;
    }
    page.add("#### Failures\n\n");
    let mut left = 0;
    for (task, failure, hosts) in found {
        let place = failure.place.as_deref().map(|place| format!(" {}", code(place))).unwrap_or_default();
        let mut block = format!(
            "**{}** on {}{place}: {}\n",
            inline(task.unwrap_or("the host")),
            named(&hosts),
            inline(&failure.message)
        );
        failure.causes.iter().for_each(|cause| _ = writeln!(block, "- cause: {}", inline(cause)));
        failure.hint.iter().for_each(|hint| _ = writeln!(block, "- hint: {}", inline(hint)));
        let mut text: Vec<String> =
            failure.excerpt.iter().flat_map(|text| text.trim_end().lines().map(String::from)).collect();
        text.extend(failure.output.iter().map(|line| format!("| {line}")));
        if !text.is_empty() {
            block += &format!("\n{}", fenced("", &text));
        }
        block.push('\n');
        left += usize::from(!page.add(&block));
    }
    more(page, left, "failure");
}

/// What failed and counts as no failure: a line each.
fn of_excused(story: &Story, page: &mut Page) {
    let mut found: Vec<(Excuse, Option<&str>, &Failure, Vec<&str>)> = vec![];
    for Failed { host, task, failure, excuse } in failures(story) {
        let Some(by) = excuse else { continue };
        match found.iter_mut().find(|(how, name, known, _)| (*how, *name, *known) == (by, task, failure)) {
            Some((.., hosts)) => hosts.push(host),
            None => found.push((by, task, failure, vec![host])),
        }
    }
    if found.is_empty() {
        return;
    }
    page.add("#### Ignored and rescued\n\n");
    let mut left = 0;
    for (by, task, failure, hosts) in found {
        let place = failure.place.as_deref().map(|place| format!(" {}", code(place))).unwrap_or_default();
        let (name, message) = (inline(task.unwrap_or("the host")), inline(&failure.message));
        let block = format!("- {name} on {}{place}, {}: {message}\n", named(&hosts), by.word());
        left += usize::from(!page.add(&block));
    }
    more(page, left, "failure");
    page.add("\n");
}

/// What the second look of `--prove` found.
fn of_proof(story: &Story, page: &mut Page) {
    let left = left(story);
    let mut out_of_room = 0;
    for (at, (host, task)) in left.iter().enumerate() {
        if at == 0 {
            page.add("#### Left to do after the run\n\n");
        }
        let block = format!("- {} on {} {}\n", code(&task.name), code(host), code(&task.place));
        out_of_room += usize::from(!page.add(&block));
    }
    more(page, out_of_room, "task");
    if !left.is_empty() {
        page.add("\n");
    }
}

fn of_warnings(story: &Story, page: &mut Page) {
    let mut left = 0;
    let mut said: Vec<&str> = vec![];
    for (finding, hosts) in story.findings.open() {
        if said.is_empty() {
            page.add("#### Warnings\n\n");
        }
        said.push(&finding.message);
        let on: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let (message, hint) = (inline(&finding.message), inline(&finding.hint));
        let (place, lint) = (code(&finding.place), code(&finding.lint));
        let block = format!("- {lint} {message} {place} on {}\n  - hint: {hint}\n", named(&on));
        left += usize::from(!page.add(&block));
    }
    for (_, message) in &story.warnings {
        if said.contains(message) {
            continue;
        }
        if said.is_empty() {
            page.add("#### Warnings\n\n");
        }
        said.push(message);
        left += usize::from(!page.add(&format!("- {}\n", inline(message))));
    }
    more(page, left, "warning");
    if !said.is_empty() {
        page.add("\n");
    }
    of_accepted(story, page);
}

/// What the inventory accepts, and why.
fn of_accepted(story: &Story, page: &mut Page) {
    let accepted = |(finding, hosts): &'_ (Finding, Vec<String>)| {
        let on: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let reason = inline(finding.accepted.as_ref()?);
        let (message, place) = (inline(&finding.message), code(&finding.place));
        let lint = code(&finding.lint);
        Some(format!("- {lint} {message} {place} on {}\n  - because: {reason}\n", named(&on)))
    };
    let blocks: Vec<String> = story.findings.0.iter().filter_map(accepted).collect();
    if blocks.is_empty() {
        return;
    }
    page.add("#### Accepted\n\n");
    let left = blocks.iter().filter(|block| !page.add(block)).count();
    more(page, left, "accepted warning");
    page.add("\n");
}

/// A task that changes something, or would; hosts on which it is the same share it.
#[derive(PartialEq)]
struct Change<'a> {
    sign: char,
    name: &'a str,
    place: &'a str,
    lines: Vec<String>,
}

fn changes(story: &Story, page: &mut Page) {
    let mut found: Vec<(Change, Vec<&str>)> = vec![];
    for host in &story.hosts {
        for task in host.tasks {
            let ended = host.ended.get(&task.task.0);
            let diff = ended.and_then(|ended| ended.diff);
            let (sign, lines) = match (&task.verdict, ended.map(|ended| ended.status)) {
                (Verdict::Deferred { why, .. }, None | Some(Status::Deferred)) => {
                    ('?', vec![format!("not knowable yet: {why}")])
                }
                (Verdict::Skipped { why }, _) if story.check && !task.if_fails.is_empty() => {
                    ('!', vec![why.clone()])
                }
                (Verdict::Change { diff: planned }, _) => ('~', diff_lines(diff.unwrap_or(planned), false)),
                (Verdict::Run { diff: planned, .. }, _) => ('>', diff_lines(diff.unwrap_or(planned), false)),
                (Verdict::Deferred { .. } | Verdict::Skipped { .. }, Some(Status::Changed)) => {
                    ('~', diff.map(|diff| diff_lines(diff, false)).unwrap_or_default())
                }
                _ => continue,
            };
            let change = Change { sign, name: &task.name, place: &task.place, lines };
            // Two items of a loop may look alike, but they are two.
            match found.iter_mut().find(|(known, hosts)| *known == change && hosts.last() != Some(&host.name))
            {
                Some((_, hosts)) => hosts.push(host.name),
                None => found.push((change, vec![host.name])),
            }
        }
    }
    if found.is_empty() {
        return;
    }
    page.add("#### Changes\n\n");
    let (mut short, mut left) = (0, 0);
    for (Change { sign, name, place, lines }, hosts) in &found {
        let title =
            format!("{sign} <code>{}</code> on {} <sub>{}</sub>", html(name), named(hosts), html(place));
        let lines: Vec<String> = lines.iter().map(|line| flush(line)).collect();
        let block = if lines.is_empty() {
            format!("- {title}\n")
        } else {
            format!("<details><summary>{title}</summary>\n\n{}\n</details>\n", fenced("diff", &lines))
        };
        if page.add(&block) {
            continue;
        }
        let only_name = page.add(&format!("- {title}\n"));
        short += usize::from(only_name);
        left += usize::from(!only_name);
    }
    if short > 0 {
        let plural = if short == 1 { "" } else { "s" };
        let _ = writeln!(
            page.out,
            "\n_{short} change{plural} without the diff: there is no room for it here, the log has it._\n"
        );
    }
    more(page, left, "change");
}

/// A line of a diff, with its sign at the beginning: there the highlighting looks for it.
fn flush(line: &str) -> String {
    match line.strip_prefix("  ") {
        Some(rest) if rest.starts_with(['+', '-', ' ']) || rest.starts_with("@@") => rest.into(),
        _ => line.into(),
    }
}

/// Lines as they are, cut when there are too many. The fence is longer than any in them.
fn fenced(language: &str, lines: &[String]) -> String {
    let mut text = String::new();
    let mut shown = 0;
    for line in lines {
        if text.len() + line.len() > ENTRY {
            break;
        }
        text.extend(line.chars().map(|c| if c == '\n' { ' ' } else { plain(c) }));
        text.push('\n');
        shown += 1;
    }
    if shown < lines.len() {
        let _ = writeln!(text, "… {} more lines", lines.len() - shown);
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{text}{fence}\n")
}

fn named(hosts: &[&str]) -> String {
    let mut text = hosts.iter().take(8).map(|host| code(host)).collect::<Vec<_>>().join(", ");
    if hosts.len() > 8 {
        let _ = write!(text, " and {} more", hosts.len() - 8);
    }
    text
}

/// Text inside of HTML on one line, which no table takes for the end of a cell.
fn html(text: &str) -> String {
    escaped(&text.replace(['\n', '\r'], " ")).replace('|', "&#124;")
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", html(text))
}

/// Text on one line in which nothing is markup, a mention or a link.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().map(plain) {
        match c {
            '\n' | '\r' => out.push(' '),
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            // A mention or a reference to an issue reads on after it.
            '@' | '#' => out.extend([c, '\u{200b}']),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}
