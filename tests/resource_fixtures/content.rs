//! Parameters of which the types say that nothing they are makes a task touch anything else: held against all fixtures.

use super::{Node, Value, cases, parse};
use lustores_provision::{
    model::{Footprint, Origin},
    resource::ResourceType,
    resources::TABLE,
    site::stand_ins,
    yaml::Entry,
};
use std::fs;

fn node(value: Value) -> Node {
    Node::new(value, Origin::named("elsewhere"))
}

/// Values of every kind; first those that a planner puts in the place of what is not known.
fn others() -> Vec<Node> {
    let texts =
        ["0600", "x", "other words", "/srv/elsewhere", "12", "-", "{}", "two\nlines\n"].map(Value::str);
    let more = [Value::Null, Value::Int(70), Value::Bool(false)];
    let all: Vec<Node> = stand_ins().into_iter().chain(texts).chain(more).map(node).collect();
    let listed: Vec<Node> = all.iter().map(|one| node(Value::Seq(vec![one.clone()]))).collect();
    all.into_iter().chain(listed).collect()
}

/// The tree with another value in the place of one of its leaves, for each of these.
fn with_leaf(node: &Node, other: &Node) -> Vec<Node> {
    match &node.value {
        Value::Seq(items) => {
            let mut found = vec![];
            for (at, item) in items.iter().enumerate() {
                for inner in with_leaf(item, other) {
                    let mut items = items.clone();
                    items[at] = inner;
                    found.push(Node { value: Value::Seq(items), ..node.clone() });
                }
            }
            found
        }
        Value::Map(map) => {
            let mut found = vec![];
            for (key, entry) in map {
                for inner in with_leaf(&entry.node, other) {
                    let mut map = map.clone();
                    map.get_mut(key).unwrap().node = inner;
                    found.push(Node { value: Value::Map(map), ..node.clone() });
                }
            }
            found
        }
        _ => vec![other.clone()],
    }
}

fn footprint(row: &ResourceType, task: &Node) -> Option<Footprint> {
    (row.prepare)(task).ok().map(|prepared| prepared.footprint())
}

/// The task with other values of a parameter, and which of them are a planner's.
fn varied(task: &Node, name: &str) -> Vec<(Node, bool)> {
    let Value::Map(map) = &task.value else { return vec![] };
    let mut values = vec![];
    for (at, other) in others().into_iter().enumerate() {
        let is_stand_in = at < stand_ins().len();
        let inner = map.get(name).map(|entry| with_leaf(&entry.node, &other)).unwrap_or_default();
        values.extend(inner.into_iter().chain([other]).map(|value| (value, is_stand_in)));
    }
    let with = |(value, is_stand_in)| {
        let (mut map, key) = (map.clone(), Origin::named("elsewhere"));
        map.insert(name.into(), Entry { key, node: value });
        (Node { value: Value::Map(map), ..task.clone() }, is_stand_in)
    };
    values.into_iter().map(with).collect()
}

#[test]
fn what_a_task_touches_does_not_depend_on_its_content() {
    let mut wrong = vec![];
    for row in TABLE {
        let tasks: Vec<(String, Node)> = cases(row)
            .into_iter()
            .filter_map(|case| {
                let text = fs::read_to_string(&case).unwrap();
                let task = parse(&case.to_string_lossy(), &text).get("task")?.clone();
                Some((case.display().to_string(), row.theirs.in_our_names(&task).ok()?))
            })
            .collect();
        for name in row.content {
            let (mut tried, mut fits) = (0, false);
            for (case, task) in &tasks {
                let mut own = None;
                for (other, is_stand_in) in varied(task, name) {
                    let Some(found) = footprint(row, &other) else { continue };
                    tried += 1;
                    fits |= is_stand_in;
                    if *own.get_or_insert_with(|| found.clone()) != found {
                        let value = other.get(name).unwrap().to_json();
                        wrong.push(format!("{case}: with `{name}: {value}` it touches something else"));
                        break;
                    }
                }
            }
            if tried < 2 || !fits {
                wrong.push(format!(
                    "{}: `{name}`: nothing that may stand in its place fits any case",
                    row.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
