//! Each parameter of each type is given in some fixture or law that comes to something, and each word of one that takes one of some, as well
//! as what turns one round that is on or off.

use super::{cases, parse};
use lustores_provision::{resource::is_internal, resources::TABLE, schema::plainly, yaml::Node};
use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What none gives, and why.
const NEVER_GIVEN: &[(&str, &str, &str)] = &[
    ("command", "executable", "refused: it is for `shell`"),
    ("fail", "msg", "it fails each time"),
    ("shell", "argv", "refused: it is for `command`"),
    ("stat", "get_attributes: true", "refused: they are not told"),
    ("stat", "get_mime: true", "refused: it is not told"),
];

/// The parameters of a schema, those inside of others with dots, and the words of those that take one of some: `state: absent`. One that
/// holds without being given needs not be.
fn declared(schema: &Json, path: &str, found: &mut BTreeSet<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if is_internal(schema, name) {
            continue;
        }
        let path = format!("{path}{name}");
        let parts = ["anyOf", "oneOf"].iter().flat_map(|key| property[*key].as_array().into_iter().flatten());
        for part in parts.chain([property, &property["items"]]) {
            declared(part, &format!("{path}."), found);
            let words = part["enum"].as_array().into_iter().flatten().chain([&part["const"]]);
            let words = words.filter(|word| word.is_string() && **word != property["default"]);
            found.extend(words.filter_map(|word| Some(format!("{path}: {}", word.as_str()?))));
        }
        found.extend(property["default"].as_bool().map(|default| format!("{path}: {}", !default)));
        found.insert(path);
    }
}

/// The parameters that are given, likewise.
fn given(value: &Json, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Json::Object(map) => {
            for (name, value) in map {
                let path = format!("{path}{name}");
                given(value, &format!("{path}."), found);
                found.insert(path);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| given(item, path, found)),
        Json::Bool(is) => _ = found.insert(format!("{}: {is}", path.trim_end_matches('.'))),
        Json::String(word) => _ = found.insert(format!("{}: {word}", path.trim_end_matches('.'))),
        _ => {}
    }
}

fn read(path: &PathBuf) -> Node {
    parse(&path.to_string_lossy(), &fs::read_to_string(path).unwrap())
}

/// The task of a fixture, where something comes of it.
fn good(case: &PathBuf) -> Option<Node> {
    let case = read(case);
    let outcome = case.get("outcome").and_then(|node| node.as_str());
    case.get("task").filter(|_| !matches!(outcome, Some("refused" | "fault"))).cloned()
}

/// The tasks of all types by type: those of fixtures and of laws.
fn tasks() -> BTreeMap<String, Vec<Node>> {
    let mut tasks: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    for row in TABLE {
        let of = tasks.entry(row.name.into()).or_default();
        of.extend(cases(row).iter().filter_map(good));
    }
    let laws = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/law")).unwrap();
    for path in laws.map(|entry| entry.unwrap().path()) {
        let law = read(&path);
        let kind = path.file_stem().unwrap().to_string_lossy().split('-').next().unwrap().to_owned();
        let undone_with = law.get("undo_with").and_then(|node| node.as_str()).unwrap_or(&kind).to_owned();
        for (kind, task) in [(kind, law.get("task")), (undone_with, law.get("undo"))] {
            tasks.entry(kind).or_default().extend(task.cloned());
        }
    }
    tasks
}

#[test]
fn every_parameter_and_word_is_given_somewhere() {
    let (tasks, mut wrong) = (tasks(), vec![]);
    for row in TABLE {
        let (mut all, mut here) = (BTreeSet::new(), BTreeSet::new());
        declared(&plainly(&(row.schema)().to_value()), "", &mut all);
        for task in &tasks[row.name] {
            let task = row.theirs.in_our_names(task).unwrap_or_else(|_| task.clone());
            given(&task.to_json(), "", &mut here);
        }
        let excuse = |name: &str| NEVER_GIVEN.iter().any(|(kind, it, _)| *kind == row.name && *it == name);
        let left = all.difference(&here).filter(|name| !excuse(name));
        wrong.extend(left.map(|name| format!("{}: no case gives `{name}`", row.name)));
        let needless = NEVER_GIVEN
            .iter()
            .filter(|(kind, name, _)| *kind == row.name && (here.contains(*name) || !all.contains(*name)));
        wrong.extend(needless.map(|(kind, name, _)| format!("{kind}: `{name}` needs no excuse")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
