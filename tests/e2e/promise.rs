//! What was shown is what is done: task by task, to the last line of each diff.

use crate::program::Run;
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// What stands for a secret in a diff.
static TAG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\[secret ([0-9a-f]+)\]|\{"masked":"([0-9a-f]+)"\}"#).unwrap());

/// Tags of secrets are others in each run; those of one run tell which secrets are the same, and so do those of the other.
#[derive(Default)]
pub struct Tags {
    there: BTreeMap<String, String>,
    back: BTreeMap<String, String>,
}

impl Tags {
    /// Whether two diffs are the same, with the tags of one run here and those of another one there.
    fn same(&mut self, shown: &str, done: &str) -> bool {
        let bare = |text: &str| TAG.replace_all(text, "[secret]").into_owned();
        let tags = |text: &str| -> Vec<String> {
            let found = TAG.captures_iter(text);
            found.map(|tag| tag.iter().flatten().nth(1).unwrap().as_str().to_owned()).collect()
        };
        let mut pairs = tags(shown).into_iter().zip(tags(done));
        bare(shown) == bare(done)
            && pairs.all(|(shown, done)| {
                *self.there.entry(shown.clone()).or_insert(done.clone()) == done
                    && *self.back.entry(done).or_insert(shown.clone()) == shown
            })
    }
}

/// What came of what a plan shows for a host.
#[derive(Default)]
pub struct Kept {
    /// The tasks that did what they were shown to do, with their diffs.
    pub changed: BTreeSet<String>,
    /// Those of which the plan says that only the run tells.
    pub deferred: BTreeSet<String>,
    /// What came out otherwise, for a person.
    pub broken: Vec<String>,
}

/// Holds what a run did on a host against what an earlier one, or itself, has shown. Of a run that was killed only what had come to an end is
/// looked at.
#[track_caller]
pub fn kept(shown: &Run, done: &Run, host: &str, tags: &mut Tags) -> Kept {
    let (before, events) = (first_pass(shown), first_pass(done));
    let of_host = |event: &&Value, name: &str| event["event"] == name && event["host"] == host;
    let ends = |events: &[Value]| -> BTreeMap<u64, Value> {
        let ends = events.iter().filter(|event| of_host(event, "task_finished"));
        ends.map(|event| (event["task"].as_u64().unwrap(), event.clone())).collect()
    };
    let is_check = before.first().is_some_and(|event| event["check"] == true);
    let (checked, ends) = (if is_check { ends(&before) } else { BTreeMap::new() }, ends(&events));
    let planned = before.iter().find(|event| of_host(event, "host_planned"));
    let planned = planned.unwrap_or_else(|| panic!("{host} has no plan\n{shown}"));
    let mut kept = Kept::default();
    for task in planned["tasks"].as_array().unwrap() {
        let (id, name) = (task["task"].as_u64().unwrap(), task["name"].as_str().unwrap().to_owned());
        let verdict = &task["verdict"];
        // Whether what runs is a change shows only where all have come to an end.
        let said = checked.get(&id).map_or(&verdict["verdict"], |end| &end["status"]);
        let wanted: &[&str] = match said.as_str().unwrap() {
            "unchanged" | "ok" => &["ok"],
            "change" | "would_change" => &["changed"],
            "run" => &["changed", "ok"],
            "skipped" => &["skipped"],
            "deferred" => {
                kept.deferred.insert(name);
                continue;
            }
            other => panic!("what is {other}?"),
        };
        let Some(end) = ends.get(&id) else {
            if done.exit.is_some() {
                kept.broken.push(format!("{name}: shown as {said}, and has no end"));
            }
            continue;
        };
        let status = end["status"].as_str().unwrap();
        let (was, is) = (verdict["diff"].to_string(), end["diff"].to_string());
        if !wanted.contains(&status) {
            kept.broken.push(format!("{name}: shown as {verdict}, and came out as {status} with {is}"));
        } else if !tags.same(&was, &is) {
            kept.broken.push(format!("{name}:\n  shown {was}\n  done  {is}"));
        } else if status == "changed" {
            kept.changed.insert(name);
        }
    }
    kept
}

/// The events before those of a proof.
fn first_pass(run: &Run) -> Vec<Value> {
    run.events().into_iter().take_while(|event| event["event"] != "proof_started").collect()
}

/// Proves that a run with `--prove` has looked again at these hosts, and found nothing to do.
#[track_caller]
pub fn assert_proved(run: &Run, hosts: &[&str]) {
    let events = run.events();
    let proof: Vec<&Value> = events.iter().skip_while(|event| event["event"] != "proof_started").collect();
    for host in hosts {
        let of_host =
            |name: &str| proof.iter().find(|event| event["event"] == name && event["host"] == **host);
        let planned =
            of_host("host_planned").unwrap_or_else(|| panic!("{host} was not looked at again\n{run}"));
        let left: Vec<&Value> = planned["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|task| {
                let verdict = &task["verdict"];
                // What looks each time, and changes nothing, is no work that is left.
                verdict["verdict"] != "unchanged"
                    && verdict["verdict"] != "skipped"
                    && verdict["why"] != "runs every time"
            })
            .collect();
        assert!(left.is_empty(), "the second pass finds work on {host}: {left:#?}");
        let summary = &of_host("host_finished").expect("its last event")["summary"];
        assert!(summary["changed"] == 0 && summary["deferred"] == 0 && summary["failed"] == 0, "{summary}");
        assert!(summary["ok"].as_u64() > Some(30), "{summary}");
    }
}

/// The tasks of the site that cannot be told on a bare machine, as the page says.
pub fn told_later() -> BTreeSet<String> {
    let page = include_str!("../../docs/apply.md");
    let part = page.split("\n### Of this repository's site\n").nth(1).expect("the part is there");
    let part = part.split("\n#").next().unwrap();
    let names = part.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let names: BTreeSet<String> = names.map(str::to_owned).collect();
    assert!(!names.is_empty());
    names
}
