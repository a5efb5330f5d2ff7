//! Every resource type on data: answers in, diff and ops out. A fixture is `tests/fixtures/resources/TYPE/CASE.yml`:
//!
//! ```yaml
//! task: {dest: /etc/motd, content: "hi\n"}   # the parameters
//! secret: [content]          # parameters that come from a vault, as dotted paths
//! answers: {}                # what the host says: see `answers.rs`
//! may_come: false            # whether an earlier task may bring what is missing
//! outcome: change            # unchanged | change | need | not_yet | fault | refused (as soon as it is read)
//! need: [file /etc/motd]     # with `need`: the questions
//! message: no such           # with `not_yet`, `fault`, `refused`: a part of the message or the hint
//! diff: {content: [null, "hi\n"]}   # facet: [before, after]; a secret is "[masked]", a part of a text "[secret]"
//! found: {stat: {exists: true}}  # with `unchanged`: what is registered, or a part of it
//! notes: [service db is left as it is: stopped by an operator]   # with `unchanged`, `change`
//! footprint:                 # what the task owns, reads and writes: those of the keys that are given, sorted
//!   {address: "path:/etc/motd", reads: [accounts], writes: [/etc/motd, folder /etc]}
//! reboots: [600, 0]          # seconds that the host is waited for, and after it is back
//! ops:                       # in order; as a mapping also the content that is written or given on stdin
//! - write_file /etc/motd 0644: "hi\n"
//! ```
//!
//! Each type has `bare.yml`, `converged.yml` (nothing to do), a `hostile*.yml`, and for each kind of facet that it
//! declares one in which exactly that is disturbed; one of them says its `footprint`. What cannot be has its reason in `excuses.rs`.

mod answers;
mod content;
mod excuses;
mod parameters;
mod text;
mod until;
mod untold;

use answers::Answers;
use excuses::{NEVER_ALONE, NEVER_CONVERGED};
use lustores_provision::{
    diag,
    model::{Area, Origin, Source},
    resource::{Effect, Mask, Outcome, Prepared, ResourceType, kind_of},
    resources::TABLE,
    yaml::{self, Entry, Node, Value},
};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
    sync::Arc,
};

fn parse(path: &str, text: &str) -> Node {
    let source = Arc::new(Source { path: path.into(), text: text.into(), secret: false });
    yaml::parse(&source).unwrap_or_else(|error| panic!("{}", diag::render(&error, false)))
}

fn taint(node: &mut Node, path: &str) {
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    let Value::Map(map) = &mut node.value else { panic!("`{path}` is in no mapping") };
    let entry = map.get_mut(key).unwrap_or_else(|| panic!("no parameter `{path}`"));
    match rest {
        Some(rest) => taint(&mut entry.node, rest),
        None => entry.node.taint(),
    }
}

/// A result, with what it waits for where that is not known.
fn shown(node: &Node) -> Json {
    match &node.value {
        Value::Unknown(why) => format!("[unknown] {why}").into(),
        Value::Map(map) => map.iter().map(|(key, entry)| (key.clone(), shown(&entry.node))).collect(),
        _ => node.to_json(),
    }
}

/// What a case came to.
#[derive(Default)]
struct Ran {
    changed: BTreeSet<String>,
    unchanged: bool,
    /// What is not known of it before: areas of the host, and `result`.
    untold: BTreeSet<String>,
}

/// What a task owns, reads and writes.
fn footprint(task: &dyn Prepared) -> Json {
    let footprint = task.footprint();
    let texts = |areas: &[Area]| {
        let mut texts: Vec<_> = areas.iter().map(ToString::to_string).collect();
        texts.sort();
        texts
    };
    json!({
        "address": task.address().map(|address| address.0),
        "reads": texts(&footprint.reads),
        "writes": texts(&footprint.writes),
    })
}

fn run(row: &ResourceType, path: &Path) -> Result<Ran, String> {
    let text = fs::read_to_string(path).map_err(|e| e.to_string())?;
    let fixture = parse(&path.to_string_lossy(), &text);
    let json = fixture.to_json();
    let known = [
        "task",
        "secret",
        "answers",
        "may_come",
        "outcome",
        "need",
        "message",
        "diff",
        "found",
        "notes",
        "ops",
        "footprint",
        "reboots",
    ];
    if let Some(key) = fixture.as_map().and_then(|map| map.keys().find(|key| !known.contains(&key.as_str())))
    {
        return Err(format!("unknown key `{key}` in the fixture"));
    }
    let mut task = fixture.get("task").ok_or("no `task`")?.clone();
    for secret in json["secret"].as_array().into_iter().flatten() {
        taint(&mut task, secret.as_str().unwrap_or_default());
    }
    let same = |what: &str, expected: &Json, found: &Json| {
        let pretty = |json| serde_json::to_string_pretty(json).unwrap_or_default();
        if expected == found {
            return Ok(());
        }
        Err(format!("{what} differs\nexpected: {}\nfound: {}", pretty(expected), pretty(found)))
    };
    let outcome = |found: &str, detail: &str| {
        let expected = json["outcome"].as_str().unwrap_or("change");
        let message = json["message"].as_str();
        if expected != found {
            return Err(format!("expected `{expected}`, found `{found}`: {detail}"));
        }
        match message {
            Some(message) if !detail.contains(message) => {
                Err(format!("expected `{message}`, found: {detail}"))
            }
            None if matches!(found, "not_yet" | "fault" | "refused") => Err("no `message`".into()),
            _ => Ok(()),
        }
    };
    let noted =
        |notes: Vec<String>| same("notes", json.get("notes").unwrap_or(&Json::Array(vec![])), &notes.into());
    let nothing = |unchanged| Ok(Ran { unchanged, ..Ran::default() });
    let task = row.theirs.in_our_names(&task);
    let strangers = |task: &Node| row.theirs.strangers(row.name, task).into_iter().next().map_or(Ok(()), Err);
    let prepared = match task.and_then(|task| strangers(&task).and_then(|()| (row.prepare)(&task))) {
        Ok(prepared) => prepared,
        Err(error) => {
            outcome("refused", &diag::render(&error, false))?;
            return nothing(false);
        }
    };
    if let Some(expected) = json["footprint"].as_object() {
        let mut found = footprint(&*prepared);
        found.as_object_mut().unwrap().retain(|key, _| expected.contains_key(key));
        same("footprint", &json["footprint"], &found)?;
    }
    if json["reboots"].is_array() {
        let waits = prepared.reboots().map(|reboot| [reboot.timeout_s, reboot.post_delay_s]);
        same("reboots", &json["reboots"], &json!(waits))?;
    }
    let given = json["answers"].as_object().cloned().unwrap_or_default();
    let answers = Answers::new(given, json["may_come"] == Json::Bool(true));
    let planned = prepared.plan(&answers, &Mask::new([7; 32]));
    if let unused @ [_, ..] = &answers.unused()[..] {
        return Err(format!("nobody asked for {unused:?}; it came to {planned:?}"));
    }
    match planned {
        Err(fault) => outcome("fault", &format!("{}\n{}", fault.message, fault.hint.unwrap_or_default()))?,
        Ok(Outcome::NotYet(why)) => outcome("not_yet", &why)?,
        Ok(Outcome::Need(queries)) => {
            let queries: Vec<_> = queries.iter().map(text::query).collect();
            outcome("need", &queries.join(", "))?;
            same("need", &json["need"], &queries.into())?;
        }
        Ok(Outcome::Unchanged { notes, .. }) => {
            outcome("unchanged", "")?;
            noted(notes)?;
            let found = prepared.found(&answers);
            let is_open = found.values().any(|entry| entry.node.unknown().is_some());
            for (name, expected) in json["found"].as_object().into_iter().flatten() {
                let found = found.get(name).map(|entry| shown(&entry.node)).unwrap_or_default();
                let part = |key: &String| (key.clone(), found.get(key).cloned().unwrap_or_default());
                let keys = expected.as_object().into_iter().flatten().map(|(key, _)| key);
                same("found", expected, &Json::Object(keys.map(part).collect()))?;
            }
            let untold = is_open.then(|| "result".to_owned()).into_iter().collect();
            return Ok(Ran { unchanged: true, untold, ..Ran::default() });
        }
        Ok(Outcome::Change(change)) => {
            let facets = change.diff.facets.iter();
            let facets = facets.map(|f| {
                let values = [text::shown(&f.before), text::shown(&f.after)];
                (f.facet.clone(), Json::from(values.to_vec()))
            });
            let found = Json::Object(facets.collect());
            outcome("change", &found.to_string())?;
            same("diff", &json["diff"], &found)?;
            noted(change.notes.clone())?;
            let expected = json["ops"].as_array().ok_or("no `ops`")?;
            let ops = change.ops.iter().enumerate().map(|(index, op)| {
                let (text, content) = text::op(op);
                match (expected.get(index), content) {
                    (Some(Json::Object(_)), Some(content)) => {
                        let content = String::from_utf8_lossy(content.bytes()).into_owned();
                        Json::Object([(text, content.into())].into_iter().collect())
                    }
                    _ => text.into(),
                }
            });
            same("ops", &json["ops"], &ops.collect())?;
            if format!("{change:?}").contains("hunter2") {
                return Err("a secret is in the debug print of the change".into());
            }
            let unknown = |effect: &Effect| match effect {
                Effect::Unknown(area) => Some(area.to_string()),
                Effect::Answer(..) => None,
            };
            let mut untold: BTreeSet<String> = change.effects.iter().filter_map(unknown).collect();
            let told =
                prepared.told(None).is_some_and(|map| map.values().any(|it| it.node.unknown().is_some()));
            if told || prepared.is_command() {
                untold.insert("result".into());
            }
            let changed = change.diff.facets.into_iter().map(|f| f.facet).collect();
            return Ok(Ran { changed, unchanged: false, untold });
        }
    }
    nothing(false)
}

#[test]
fn every_type_does_what_its_fixtures_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/resources");
    let mut wrong = vec![];
    let mut excused = BTreeSet::new();
    for row in TABLE {
        let cases = cases(row);
        let (mut shown, mut alone) = (BTreeSet::new(), BTreeSet::new());
        let mut names = BTreeMap::new();
        for case in &cases {
            let name = case.file_stem().unwrap().to_string_lossy().into_owned();
            // What panics says above why, here where.
            let ran = catch_unwind(|| run(row, case)).unwrap_or_else(|_| Err("it panics".into()));
            match ran {
                Err(why) => wrong.push(format!("{}: {why}", case.strip_prefix(&root).unwrap().display())),
                Ok(ran) => {
                    let mut kinds: BTreeSet<_> =
                        ran.changed.iter().filter_map(|facet| kind_of(row.facets, facet)).collect();
                    shown.extend(kinds.iter().copied());
                    // What becomes of the service is said beside each reason.
                    if kinds.len() > 1 && row.name == "compose" {
                        kinds.remove("service NAME");
                    }
                    if kinds.len() == 1 {
                        alone.extend(kinds);
                    }
                    names.insert(name, ran.unchanged);
                }
            }
        }
        let says = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains("\nfootprint:"));
        if !cases.iter().any(says) {
            wrong.push(format!("{}: no case says its `footprint`", row.name));
        }
        if !names.contains_key("bare") {
            wrong.push(format!("{}: no good bare.yml", row.name));
        }
        let never = NEVER_CONVERGED.iter().any(|(name, _)| *name == row.name);
        if names.get("converged").copied().unwrap_or(false) == never {
            wrong.push(format!("{}: converged.yml must come to `unchanged`, or be excused", row.name));
        }
        if !names.keys().any(|name| name.starts_with("hostile")) {
            wrong.push(format!("{}: no good hostile*.yml", row.name));
        }
        for facet in row.facets.iter().filter(|facet| !alone.contains(*facet)) {
            match NEVER_ALONE.iter().find(|(name, excuse, _)| *name == row.name && excuse == facet) {
                _ if !shown.contains(facet) => wrong.push(format!("{}: no case shows `{facet}`", row.name)),
                Some(excuse) => _ = excused.insert(excuse),
                None => wrong.push(format!("{}: no case in which just `{facet}` changes", row.name)),
            }
        }
    }
    for excuse in NEVER_ALONE.iter().filter(|excuse| !excused.contains(excuse)) {
        wrong.push(format!("{excuse:?} needs no excuse"));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The fixtures of a type.
fn cases(row: &ResourceType) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/resources").join(row.name);
    let cases = fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = cases.filter(|path| path.extension().is_some_and(|e| e == "yml")).collect();
    cases.sort();
    cases
}

/// What a type leaves unknown is what it says of itself, and what the page says.
#[test]
fn every_fixture_is_of_a_known_type() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/resources");
    for folder in fs::read_dir(root).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(TABLE.iter().any(|row| row.name == name), "no resource type `{name}`");
    }
}

#[test]
fn the_table_is_sorted_and_every_example_can_be_read() {
    let names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    for row in TABLE {
        let task = parse(&format!("example of {}", row.name), row.example);
        assert!(task.get("name").is_some(), "{}: the example has no `name`", row.name);
        let mut parameters =
            task.get(row.name).unwrap_or_else(|| panic!("{}: not in its example", row.name)).clone();
        let origin = Origin::named("example");
        let entry = |node| Entry { key: origin.clone(), node };
        if let (Some(free), Value::Str(_)) = (row.free, &parameters.value) {
            let map = [(free.to_string(), entry(parameters))].into_iter().collect();
            parameters = Node::new(Value::Map(map), origin.clone());
        }
        let Value::Map(map) = &mut parameters.value else { panic!("{}: no parameters", row.name) };
        for source in row.sources {
            if map.shift_remove(source.key).is_some() {
                let node = match source.into {
                    "tree" => parse("a folder", "a: {content: of the file}"),
                    _ => Node::string("content of the file", &origin),
                };
                map.insert(source.into.into(), entry(node));
            }
        }
        if let Err(error) = (row.prepare)(&parameters) {
            panic!("{}", diag::render(&error, false));
        }
        let schema = (row.schema)();
        // The parameters of `set_fact` are variables of any name.
        let known = if row.name == "set_fact" { "additionalProperties" } else { "properties" };
        assert!(schema.get(known).is_some(), "{}: no parameters in the schema", row.name);
    }
}
