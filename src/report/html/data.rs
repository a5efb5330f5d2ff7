//! What the script builds the rest of the page of: each text once, and tasks as rows that hosts share.

use crate::{
    event::{PlannedTask, Status, Verdict},
    graph::{drawing, plain},
    model::Diff,
    report::{
        critical::{Critical, picture},
        diff_lines,
        story::{Host, Story, word},
    },
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Lines of a task's output that are kept: the last ones.
const OUTPUT: usize = 60;

/// Texts that occur often, each once.
#[derive(Default)]
struct Texts {
    index: HashMap<String, usize>,
    all: Vec<String>,
}

impl Texts {
    fn add(&mut self, text: &str) -> usize {
        if let Some(at) = self.index.get(text) {
            return *at;
        }
        self.all.push(text.chars().map(plain).collect());
        self.index.insert(text.into(), self.all.len() - 1);
        self.all.len() - 1
    }
}

#[derive(Default)]
struct Rows<'a> {
    index: HashMap<(&'a str, &'a str, usize), usize>,
    tasks: Vec<(&'a str, &'a str, &'a str)>,
    /// In an order that is every host's own.
    order: Vec<usize>,
}

impl<'a> Rows<'a> {
    /// The rows of a host's tasks: the same place and name is the same row on all hosts. Items of a loop may be alike, and are counted.
    fn of(&mut self, tasks: &[(&'a str, &'a str, &'a str)]) -> Vec<usize> {
        let (mut next, mut seen) = (0, HashMap::new());
        let mut rows = vec![];
        for (name, resource, place) in tasks {
            let count: &mut usize = seen.entry((*place, *name)).or_insert(0);
            *count += 1;
            let row = match self.index.get(&(*place, *name, *count)) {
                Some(row) => *row,
                None => {
                    self.tasks.push((name, resource, place));
                    let row = self.tasks.len() - 1;
                    self.index.insert((place, name, *count), row);
                    self.order.insert(next.min(self.order.len()), row);
                    row
                }
            };
            let at = self.order[next.min(self.order.len())..].iter().position(|known| *known == row);
            next = at.map_or(next, |at| next + at + 1);
            rows.push(row);
        }
        rows
    }
}

/// Of a task that has no end.
fn pending(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Unchanged => "ok",
        Verdict::Skipped { .. } => "skipped",
        Verdict::Change { .. } | Verdict::Run { .. } | Verdict::Deferred { .. } => "not-done",
    }
}

fn planned_diff(task: &PlannedTask) -> Option<&Diff> {
    match &task.verdict {
        Verdict::Change { diff } | Verdict::Run { diff, .. } => Some(diff),
        _ => None,
    }
}

/// What is worth saying of a task beside its diff.
fn said(host: &Host, id: u32, task: Option<&PlannedTask>, status: &str) -> String {
    let mut said: Vec<String> = task.map(|task| task.notes.clone()).unwrap_or_default();
    match task.map(|task| &task.verdict) {
        Some(Verdict::Deferred { why, after }) => {
            let after =
                if after.is_empty() { String::new() } else { format!(" (after {})", after.join(", ")) };
            said.push(format!("not knowable at planning: {why}{after}"));
        }
        Some(Verdict::Skipped { why }) if status == "skipped" => said.push(format!("skipped: {why}")),
        Some(Verdict::Run { why, .. }) => said.push(format!("an action: {why}")),
        _ => {}
    }
    if let Some(failure) = host.ended.get(&id).and_then(|ended| ended.failure) {
        said.push(failure.message.clone());
        said.extend(failure.causes.iter().map(|cause| format!("cause: {cause}")));
        said.extend(failure.hint.iter().map(|hint| format!("hint: {hint}")));
    }
    if let Some(lines) = host.output.get(&id) {
        said.push("it printed:".into());
        let cut = lines.len().saturating_sub(OUTPUT);
        if cut > 0 {
            said.push(format!("  ... {cut} lines before"));
        }
        said.extend(lines[cut..].iter().map(|line| format!("  {line}")));
    }
    said.join("\n")
}

pub(super) fn data(story: &Story) -> Value {
    let (mut texts, mut rows) = (Texts::default(), Rows::default());
    let mut diffs: HashMap<&Diff, usize> = HashMap::new();
    let mut lines: Vec<Value> = vec![];
    let mut statuses: Vec<&'static str> = vec![];
    let (mut graphs, mut hosts): (Vec<String>, Vec<Value>) = (vec![], vec![]);
    for host in &story.hosts {
        // Where there is no plan, tasks may have failed all the same: at planning.
        let ids: Vec<u32> = if host.tasks.is_empty() {
            host.ended.keys().copied().collect()
        } else {
            (0..host.tasks.len() as u32).collect()
        };
        let names: Vec<(&str, &str, &str)> = ids
            .iter()
            .map(|id| match host.tasks.get(*id as usize) {
                Some(task) => (task.name.as_str(), task.resource.as_str(), task.place.as_str()),
                None => (
                    host.ended[id].name,
                    "",
                    host.ended[id].failure.and_then(|f| f.place.as_deref()).unwrap_or_default(),
                ),
            })
            .collect();
        let critical = Critical::new(story, host);
        let chain = critical.as_ref().map_or(&[][..], |critical| &critical.chain);
        let mut cells = vec![];
        for (id, row) in ids.iter().zip(rows.of(&names)) {
            let (task, ended) = (host.tasks.get(*id as usize), host.ended.get(id));
            let status = match (ended, task) {
                (Some(ended), _) => word(ended.status),
                (None, Some(task)) => pending(&task.verdict),
                (None, None) => "not-done",
            };
            let at = statuses.iter().position(|known| *known == status).unwrap_or_else(|| {
                statuses.push(status);
                statuses.len() - 1
            });
            let is_quiet = ended.is_some_and(|ended| matches!(ended.status, Status::Ok | Status::Skipped));
            let diff = ended
                .and_then(|ended| ended.diff)
                .or_else(|| task.filter(|_| !is_quiet).and_then(planned_diff));
            let diff = diff.filter(|diff| !diff.is_empty()).map_or(-1, |diff| {
                let next = lines.len();
                let at = *diffs.entry(diff).or_insert(next);
                if at == next {
                    let text: Vec<String> = diff_lines(diff, false)
                        .iter()
                        .map(|line| line.chars().map(plain).collect())
                        .collect();
                    lines.push(json!(text.join("\n")));
                }
                at as i64
            });
            let text = said(host, *id, task, status);
            let text = if text.is_empty() { -1 } else { texts.add(&text) as i64 };
            let began = host.began.get(id).map_or(-1, |at| *at as i64);
            let to = ended.map_or(-1, |ended| ended.at as i64);
            cells.push(json!([row, at, began, to, diff, text, u8::from(chain.contains(id))]));
        }
        let picture = picture(host, critical.as_ref());
        let graph = if picture.tasks.is_empty() {
            -1
        } else {
            // Without what differs from host to host, so that those alike share one; the script puts it on.
            let mut bare = picture;
            for task in &mut bare.tasks {
                (task.status, task.took, task.critical) = (None, Some("00.00 s".into()), false);
            }
            bare.arrows.iter_mut().for_each(|arrow| arrow.critical = false);
            let drawn = drawing(&bare, "graph of the tasks");
            let at = graphs.iter().position(|known| *known == drawn).unwrap_or_else(|| {
                graphs.push(drawn);
                graphs.len() - 1
            });
            at as i64
        };
        let parts: Vec<Value> = critical
            .iter()
            .flat_map(|critical| &critical.parts)
            .map(|part| {
                json!([part.what.chars().map(plain).collect::<String>(), part.task, part.from, part.to])
            })
            .collect();
        hosts.push(json!({
            "name": host.name.chars().map(plain).collect::<String>(), "tasks": cells, "graph": graph, "chain": chain, "critical": parts,
            "times": [host.connecting, host.connected, host.planned, host.finished],
        }));
    }
    let rows: Vec<Value> = rows
        .order
        .iter()
        .map(|row| {
            let (name, resource, place) = rows.tasks[*row];
            let [name, resource, place] =
                [name, resource, place].map(|text| text.chars().map(plain).collect::<String>());
            json!([row, name, resource, place])
        })
        .collect();
    json!({
        "check": story.check, "millis": story.millis, "planned": story.planned, "statuses": statuses, "rows": rows, "hosts": hosts,
        "diffs": lines, "texts": texts.all, "graphs": graphs,
    })
}
