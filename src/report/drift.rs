//! What has moved on a host since the last apply, apart from what is configured otherwise.

use super::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, diff_lines, paint};
use crate::{
    event::{Cause, DriftedFacet, DriftedTask, Owed, PlannedTask, Since, Verdict},
    model::Diff,
    template::strftime_utc,
};
use std::fmt::Write;

/// A host's `host_drift`.
pub struct Drift {
    pub host: String,
    pub since: Option<Since>,
    /// Why the record cannot be read.
    pub unreadable: Option<String>,
    pub tasks: Vec<DriftedTask>,
    pub gone: Vec<String>,
    pub owed: Vec<Owed>,
}

/// The groups in which tasks are shown, the worst first: sign, title, what of their facets counts.
pub(super) const GROUPS: [(&str, &str, &[Cause], anstyle::Style); 4] = [
    ("!", "changed on the host", &[Cause::Host, Cause::Both], RED),
    ("=", "changed on the host, and nothing is to be done about it", &[Cause::HostAsWanted], DIM),
    ("~", "configured otherwise since then", &[Cause::Configuration], YELLOW),
    ("+", "not known to the last apply", &[Cause::New], GREEN),
];

impl Drift {
    /// What is known of the apply before.
    pub(super) fn known(&self) -> String {
        match (&self.since, &self.unreadable) {
            (Some(since), _) => last(since),
            (None, None) => "no apply of this whole playbook has left a record here".into(),
            (None, Some(why)) => format!(
                "the record of the last apply cannot be read ({why}): who changed what is not known; the next apply of the whole playbook replaces it"
            ),
        }
    }
}

/// The last apply: `run 692a51c0-7f03aa of ann@laptop (pid 4711), 2026-11-28 14:03:12 UTC`.
fn last(since: &Since) -> String {
    let time = i64::try_from(since.at).ok().and_then(|at| strftime_utc(at, "%F %T UTC").ok());
    format!("run {} of {}, {}", since.run, since.who, time.unwrap_or_default())
}

/// One host.
pub(super) fn render(drift: &Drift, planned: &[PlannedTask], color: bool) -> String {
    let mut out = String::new();
    let host = paint(&drift.host, BOLD, color);
    let since = if drift.since.is_some() { "since " } else { "" };
    let _ = writeln!(out, "{host}: {since}{}", drift.known());
    let group = |task: &DriftedTask| {
        let has = |causes: &[Cause]| task.facets.iter().any(|facet| causes.contains(&facet.cause));
        GROUPS.iter().position(|(_, _, causes, _)| has(causes))
    };
    for (at, (sign, title, _, style)) in GROUPS.iter().enumerate() {
        let tasks: Vec<_> = drift.tasks.iter().filter(|task| group(task) == Some(at)).collect();
        if tasks.is_empty() {
            continue;
        }
        let _ = writeln!(out, "  {}", paint(title, *style, color));
        for task in tasks {
            show(&mut out, task, planned, &paint(sign, *style, color), color);
        }
    }
    if !drift.gone.is_empty() {
        let _ = writeln!(out, "  {}", paint("left by the last apply, and no task is about it", CYAN, color));
        drift.gone.iter().for_each(|name| _ = writeln!(out, "    {name}"));
    }
    if !drift.owed.is_empty() {
        let _ = writeln!(out, "  {}", paint("owed: notified, and not run since", YELLOW, color));
        for owed in &drift.owed {
            let (name, sign) = (paint(&owed.handler, BOLD, color), paint(">", YELLOW, color));
            let _ = writeln!(out, "    {sign} {name}  {}", notified(owed));
        }
    }
    let deferred = planned.iter().filter(|task| matches!(task.verdict, Verdict::Deferred { .. })).count();
    let count = |at: usize| drift.tasks.iter().filter(|task| group(task) == Some(at)).count();
    let words =
        [(count(0) + count(1), "changed on the host"), (count(2), "configured otherwise"), (count(3), "new")];
    let mut words: Vec<String> = words.iter().map(|(count, word)| format!("{count} {word}")).collect();
    words.extend((!drift.owed.is_empty()).then(|| format!("{} owed", drift.owed.len())));
    words.extend(drift.unreadable.as_ref().map(|_| "record unreadable".to_string()));
    words.extend((deferred > 0).then(|| format!("{deferred} not knowable")));
    let _ = writeln!(out, "{host}: {}\n", words.join(", "));
    out
}

/// Who has notified a handler that is owed, and when.
pub(super) fn notified(owed: &Owed) -> String {
    format!("by `{}` in run {}, {}", owed.task, owed.run, time(owed.at))
}

fn time(at: u64) -> String {
    i64::try_from(at).ok().and_then(|at| strftime_utc(at, "%F %T UTC").ok()).unwrap_or_default()
}

fn show(out: &mut String, task: &DriftedTask, planned: &[PlannedTask], sign: &str, color: bool) {
    let plan = planned.get(task.task.0 as usize);
    let place = plan.map(|plan| paint(&plan.place, DIM, color)).unwrap_or_default();
    let _ = writeln!(out, "    {sign} {}  {place}", paint(&task.name, BOLD, color));
    for line in facets(task.facets.iter(), plan, color) {
        let _ = writeln!(out, "        {line}");
    }
}

/// What is to be said of facets that differ. `plan`: what an apply would do about them.
pub(super) fn facets<'a>(
    facets: impl Iterator<Item = &'a DriftedFacet>,
    plan: Option<&PlannedTask>,
    color: bool,
) -> Vec<String> {
    let diff = match plan.map(|plan| &plan.verdict) {
        Some(Verdict::Change { diff } | Verdict::Run { diff, .. }) => Some(diff),
        _ => None,
    };
    let mut lines = vec![];
    for facet in facets {
        let name = &facet.facet;
        let left = facet.left.as_ref().map(|left| format!("the last apply left `{left}`"));
        let shown = diff.and_then(|diff| diff.facets.iter().find(|shown| shown.facet == *name));
        let Some(shown) = shown else {
            let left = left.unwrap_or_else(|| "another value than the last apply left".into());
            lines.push(format!("{name}: {left}"));
            continue;
        };
        lines.extend(diff_lines(&Diff { facets: vec![shown.clone()] }, color));
        if facet.cause == Cause::Both {
            let left = left.map(|left| format!(": {left}")).unwrap_or_default();
            lines.push(paint(&format!("(also configured otherwise{left})"), DIM, color));
        }
    }
    lines
}

/// The tasks of a host by their number.
pub(super) fn of<'a>(hosts: &'a [(String, Vec<PlannedTask>)], host: &str) -> &'a [PlannedTask] {
    hosts.iter().find(|(name, _)| name == host).map_or(&[], |(_, tasks)| tasks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FacetDiff, Shown, TaskId};

    #[test]
    fn a_task_is_shown_once_by_the_worst_of_its_facets() {
        let facet = |name: &str, cause, left: Option<&str>| DriftedFacet {
            facet: name.into(),
            cause,
            left: left.map(String::from),
        };
        let shown = |name: &str, before: &str, after: &str| FacetDiff {
            facet: name.into(),
            before: Shown::Scalar(before.into()),
            after: Shown::Scalar(after.into()),
        };
        let diff = Diff { facets: vec![shown("mode", "0666", "0600"), shown("owner", "root", "app")] };
        let planned = [PlannedTask {
            task: TaskId(0),
            name: "conf".into(),
            resource: "file".into(),
            place: "site.yml:3".into(),
            verdict: Verdict::Change { diff },
            notes: vec![],
            after: vec![],
            exposes: None,
            if_fails: vec![],
        }];
        let facets = vec![
            facet("owner", Cause::Configuration, Some("root")),
            facet("mode", Cause::Both, Some("0644")),
            facet("group", Cause::HostAsWanted, Some("adm")),
        ];
        let tasks = vec![DriftedTask { task: TaskId(0), name: "conf".into(), facets }];
        let owed = Owed { handler: "restart".into(), task: "conf".into(), run: "r1".into(), at: 0 };
        let (gone, owed) = (vec!["file:/old".into()], vec![owed]);
        let drift = Drift { host: "a".into(), since: None, unreadable: None, tasks, gone, owed };
        let text = render(&drift, &planned, false);
        let wanted = "a: no apply of this whole playbook has left a record here\n  changed on the host\n    \
                      ! conf  site.yml:3\n        owner: root -> app\n        mode: 0666 -> 0600\n        \
                      (also configured otherwise: the last apply left `0644`)\n        \
                      group: the last apply left `adm`\n  left by the last apply, and no task is about it\n    \
                      file:/old\n  owed: notified, and not run since\n    \
                      > restart  by `conf` in run r1, 1970-01-01 00:00:00 UTC\n\
                      a: 1 changed on the host, 0 configured otherwise, 0 new, 1 owed\n\n";
        assert_eq!(text, wanted);
    }
}
