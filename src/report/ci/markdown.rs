//! A run as Markdown, for the summary of a job and for a comment on a pull request.

use super::{
    super::story::{Host, Story},
    failures, left,
};
use crate::{
    diag::{Diagnostics, Severity},
    event::{Failure, Recorded, Status, Verdict},
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
    let mut out = format!(
        "| host | ok | {changed} | skipped | failed | blocked | not knowable yet |\n|---|--:|--:|--:|--:|--:|--:|\n"
    );
    let is_bad = |host: &&Host| host.summary.is_none_or(|it| it.unreachable || it.failed + it.blocked > 0);
    let bad = story.hosts.iter().filter(is_bad);
    let rows: Vec<&Host> = bad.chain(story.hosts.iter().filter(|host| !is_bad(host))).collect();
    for host in rows.iter().take(HOSTS) {
        let name = code(host.name);
        let _ = match &host.summary {
            None => writeln!(out, "| {name} | not reached | | | | | |"),
            Some(it) if it.unreachable => writeln!(out, "| {name} | **unreachable** | | | | | |"),
            Some(it) => writeln!(
                out,
                "| {name} | {} | {} | {} | {} | {} | {} |",
                it.ok, it.changed, it.skipped, it.failed, it.blocked, it.deferred
            ),
        };
    }
    if rows.len() > HOSTS {
        let _ = writeln!(out, "| _{} more hosts_ | | | | | | |", rows.len() - HOSTS);
    }
    out + "\n"
}

fn of_failures(story: &Story, page: &mut Page) {
    let mut found: Vec<(Option<&str>, &Failure, Vec<&str>)> = vec![];
    for (host, task, failure) in failures(story) {
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
                (Verdict::Change { diff: planned }, _) => ('~', diff_lines(diff.unwrap_or(planned), false)),
                (Verdict::Run { diff: planned, .. }, _) => ('>', diff_lines(diff.unwrap_or(planned), false)),
                (Verdict::Deferred { .. }, Some(Status::Changed)) => {
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
