//! What `register` keeps of a task.

use crate::{
    model::Origin,
    resource::{Interlude, Prepared},
    site::{HostTask, Register, Registered},
    yaml::{Entry, Map, Node, Value},
};
use agent::{
    secret::Content,
    wire::{Answer, Output, Query, STILL_RUNNING},
};
use std::sync::Arc;

/// How the reason begins for which the result of what has not run is unknown.
const PENDING: &str = "the result of";

/// How a task came out, as far as a later condition may ask.
#[derive(Clone, Debug, Default)]
pub struct Outcome<'a> {
    pub changed: bool,
    /// Whether it changed something is not known before it has run: the task's name.
    pub unsure: Option<&'a str>,
    pub failed: bool,
    /// Whether it fails is not known before it has run, and others go on where it does: the task's name.
    pub may_fail: Option<&'a str>,
    pub skipped: bool,
    pub output: Option<&'a Output>,
    /// The job that it started.
    pub job: Option<String>,
    /// Only predicted: what it printed is not known. Holds the task's name.
    pub predicted: Option<&'a str>,
    /// What it saw, by name.
    pub found: Map,
}

/// The registered mapping: `changed, failed, skipped`, and for what ran a command `rc, stdout, stderr, stdout_lines`.
pub fn node(outcome: &Outcome) -> Node {
    let origin = Origin::named("registered result");
    let mut map = Map::new();
    let mut put = |key: &str, value: Value, secret: bool| {
        let node = Node::new(value, origin.clone()).with_secret(secret);
        map.insert(key.into(), Entry { key: origin.clone(), node });
    };
    let changed = match outcome.unsure {
        Some(task) => Value::Unknown(Arc::from(format!("whether `{task}` changes something"))),
        None => Value::Bool(outcome.changed),
    };
    put("changed", changed, false);
    let failed = match outcome.may_fail {
        Some(task) => Value::Unknown(Arc::from(format!("whether `{task}` fails"))),
        None => Value::Bool(outcome.failed),
    };
    put("failed", failed, false);
    put("skipped", Value::Bool(outcome.skipped), false);
    if let Some(output) = outcome.output {
        put("finished", Value::Bool(output.code != STILL_RUNNING), false);
        if output.code != STILL_RUNNING {
            put("rc", Value::Int(output.code.into()), false);
        }
        for (key, content) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let text = String::from_utf8_lossy(content.bytes());
            put(key, Value::str(text.trim_end_matches('\n')), content.is_secret());
        }
        let secret = output.stdout.is_secret();
        let text = String::from_utf8_lossy(output.stdout.bytes());
        let line = |l: &str| Node::string(l, &origin).with_secret(secret);
        put("stdout_lines", Value::Seq(text.lines().map(line).collect()), secret);
    } else if let Some(task) = outcome.predicted {
        for key in ["rc", "stdout", "stderr", "stdout_lines"] {
            put(key, Value::Unknown(Arc::from(format!("what `{task}` prints"))), false);
        }
    }
    if let Some(job) = &outcome.job {
        put("ansible_job_id", Value::str(job), false);
        put("started", Value::Bool(true), false);
    }
    map.extend(outcome.found.clone());
    Node::new(Value::Map(map), origin)
}

/// What an interlude brings: `None` before it is over.
pub fn of_interlude(interlude: &Interlude, input: Option<(&Content, u64)>, task: &str) -> Map {
    let origin = Origin::named("registered result");
    let unknown = || Value::Unknown(Arc::from(format!("what `{task}` comes to")));
    let typed = input.map(|(input, _)| Value::str(String::from_utf8_lossy(input.bytes())));
    let delta = input.map(|(_, seconds)| Value::Int(seconds.cast_signed()));
    let values = [
        ("user_input", typed.unwrap_or_else(unknown), interlude.asks() && !interlude.echo),
        ("echo", Value::Bool(interlude.echo), false),
        ("delta", delta.unwrap_or_else(unknown), false),
    ];
    let entry = |(name, value, secret): (&str, Value, bool)| {
        let node = Node::new(value, origin.clone()).with_secret(secret);
        (name.to_string(), Entry { key: origin.clone(), node })
    };
    values.into_iter().map(entry).collect()
}

/// What a task printed for which nothing had to be done: that of the look itself, or nothing of a command that was not needed.
pub fn printed(prepared: &dyn Prepared, answer: impl Fn(&Query) -> Option<Answer>) -> Option<Output> {
    match prepared.look().and_then(|query| answer(&query)) {
        Some(Answer::Output(output)) => Some(output),
        _ if prepared.is_command() => {
            let nothing = || Content::new(vec![], false);
            Some(Output { code: 0, stdout: nothing(), stderr: nothing() })
        }
        _ => None,
    }
}

/// What acting brought back: the output of a command, or what the task's type makes of it by name.
pub fn brought<'a>(prepared: &dyn Prepared, output: Option<&'a Output>) -> (Option<&'a Output>, Map) {
    match prepared.told(output) {
        Some(told) => (None, told),
        None => (output, Map::new()),
    }
}

/// The result of a loop from those of its items, which are unknown where there is none.
pub fn items_node(results: Vec<Option<Node>>) -> Node {
    let origin = Origin::named("registered result");
    let pending = || Node::new(Value::Unknown(Arc::from(format!("{PENDING} an item"))), origin.clone());
    let results: Vec<Node> = results.into_iter().map(|result| result.unwrap_or_else(pending)).collect();
    // What has not run did nothing; of what is put off nobody knows.
    let open = |result: &Node, key: &str| match &result.value {
        Value::Unknown(why) => Some(why.clone()).filter(|why| !why.starts_with(PENDING)),
        _ => result.get(key).and_then(Node::unknown).cloned(),
    };
    let any = |key: &str| {
        let mut is = results.iter().map(|result| result.get(key).map(|node| &node.value));
        if is.any(|value| matches!(value, Some(Value::Bool(true)))) {
            return Value::Bool(true);
        }
        let open = results.iter().find_map(|result| open(result, key));
        open.map_or(Value::Bool(false), Value::Unknown)
    };
    // It was left out where each of them was.
    let done = |result: &Node| match result.get("skipped").map(|node| &node.value) {
        Some(Value::Bool(skipped)) => Some(!skipped),
        _ => None,
    };
    let skipped = match results.iter().find(|result| done(result) != Some(false)) {
        None => Value::Bool(true),
        Some(_) if results.iter().any(|result| done(result) == Some(true)) => Value::Bool(false),
        Some(open) => {
            Value::Unknown(open.unknown().cloned().unwrap_or_else(|| format!("{PENDING} an item").into()))
        }
    };
    let entries = [
        ("changed", any("changed")),
        ("failed", any("failed")),
        ("skipped", skipped),
        ("results", Value::Seq(results.clone())),
    ];
    let entry = |(key, value): (&str, Value)| {
        (key.to_string(), Entry { key: origin.clone(), node: Node::new(value, origin.clone()) })
    };
    Node::new(Value::Map(entries.into_iter().map(entry).collect()), origin.clone())
}

/// Keeps a result under its name; one of a loop's in the list of `results`.
pub fn register(registered: &mut Registered, register: &Register, result: Node) {
    let Some((index, count)) = register.item else {
        registered.results.insert(register.name.clone(), result);
        return;
    };
    let origin = result.origin.clone();
    let pending =
        || Node::new(Value::Unknown(Arc::from(format!("{PENDING} `{}`", register.name))), origin.clone());
    let slot = registered.results.entry(register.name.clone()).or_insert_with(pending);
    let mut results = match slot.get("results").and_then(Node::as_seq) {
        Some(items) if items.len() == count => items.to_vec(),
        _ => (0..count).map(|_| pending()).collect(),
    };
    results[index] = result;
    *slot = items_node(results.into_iter().map(Some).collect());
}

/// What a task comes to is not known yet, and is not what another one has left under that name. A rescue that nothing calls for
/// leaves what the main part registered.
pub(super) fn register_unknown(registered: &mut Registered, task: &HostTask) {
    let Some(own) = &task.register else { return };
    if !task.is_rescue() || !registered.results.contains_key(&own.name) {
        let why = Value::Unknown(Arc::from(format!("what `{}` comes to", task.name)));
        register(registered, own, Node::new(why, task.origin.clone()));
    }
}

/// Whether both are the same to those who look.
pub(super) fn same(a: &Registered, b: &Registered) -> bool {
    let unknown = |n: &Node| n.unknown().is_some();
    a.unset == b.unset
        && a.results.len() == b.results.len()
        && a.results
            .iter()
            .zip(&b.results)
            .all(|((x, m), (y, n))| x == y && unknown(m) == unknown(n) && m.to_json() == n.to_json())
}
