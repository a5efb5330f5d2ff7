//! What the tables promise holds.

use crate::{
    model::{Origin, Source},
    playbook::{Theirs, is_task_key},
    resource::ResourceType,
    resources::{TABLE, find},
    yaml::{self, Entry, Map, Node, Value},
};
use std::{collections::BTreeSet, sync::Arc};

/// What a task of the type may give.
fn parameters(row: &ResourceType) -> BTreeSet<String> {
    let schema = (row.schema)().to_value();
    let own = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
    own.chain(row.sources.iter().map(|source| source.key.into())).collect()
}

/// The words that its parameters take.
fn words(json: &serde_json::Value, found: &mut BTreeSet<String>) {
    match json {
        serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| match key.as_str() {
            "const" => found.extend(value.as_str().map(Into::into)),
            "enum" => {
                found.extend(
                    value.as_array().into_iter().flatten().filter_map(|word| Some(word.as_str()?.into())),
                );
            }
            _ => words(value, found),
        }),
        serde_json::Value::Array(items) => items.iter().for_each(|item| words(item, found)),
        _ => {}
    }
}

fn one(name: &str) -> Node {
    let origin = Origin::named("test");
    let entry = Entry { key: origin.clone(), node: Node::string("x", &origin) };
    Node::new(Value::Map(Map::from([(name.to_owned(), entry)])), origin)
}

#[test]
fn each_name_is_taken_or_refused_with_a_hint() {
    for row in TABLE {
        let own = parameters(row);
        let mut seen = BTreeSet::new();
        for (theirs, what) in row.theirs.all() {
            let kind = row.name;
            let word = match what {
                Theirs::Word(word, _) | Theirs::Begins(word, _) | Theirs::NotSo(word, _) => *word,
                _ => "",
            };
            assert!(seen.insert((*theirs, word)), "{kind}: `{theirs}` stands there twice");
            let refused = row.theirs.strangers(kind, &one(theirs));
            let taken = row.theirs.in_our_names(&one(theirs)).unwrap();
            match what {
                Theirs::Is(ours) | Theirs::Shown(ours) => {
                    assert!(own.contains(*ours), "{kind}: there is no `{ours}`");
                    assert!(taken.get(ours).is_some() && refused.is_empty(), "{kind}: {theirs}");
                    let names = [theirs, ours];
                    let error = names.iter().flat_map(|name| one(name).as_map().cloned().unwrap());
                    let both = Node { value: Value::Map(error.collect()), ..one(theirs) };
                    let error = row.theirs.in_our_names(&both).unwrap_err();
                    assert!(error.message.contains("are the same parameter"), "{error}");
                }
                Theirs::Not(_) | Theirs::NotSo(..) => assert!(refused.len() == 1, "{kind}: {theirs}"),
                Theirs::Word(..) | Theirs::Begins(..) | Theirs::Needed(_) => {
                    assert!(own.contains(*theirs), "{kind}: there is no `{theirs}`");
                    continue;
                }
            }
            assert!(!own.contains(*theirs), "{kind} has a parameter `{theirs}`");
        }
    }
}

#[test]
fn hints_name_what_there_is() {
    let mut count = 0;
    for row in TABLE {
        for (theirs, what) in row.theirs.all() {
            let hint = match what {
                Theirs::Not(hint)
                | Theirs::NotSo(_, hint)
                | Theirs::Word(_, hint)
                | Theirs::Begins(_, hint)
                | Theirs::Needed(hint) => hint,
                Theirs::Is(_) | Theirs::Shown(_) => continue,
            };
            let spans: Vec<&str> = hint.split('`').skip(1).step_by(2).collect();
            let head = |span: &str| span.split(':').next().unwrap_or_default().to_owned();
            // What may be meant: the type's own, and that of each type that the hint names.
            let mut known = BTreeSet::new();
            for row in spans.iter().filter_map(|span| find(&head(span))).chain([row]) {
                known.extend(parameters(row));
                words(&(row.schema)().to_value(), &mut known);
            }
            for span in spans {
                let name = head(span);
                if !name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                    continue;
                }
                count += 1;
                let kind = find(&name);
                let is_known = known.contains(&name) || kind.is_some() || is_task_key(&name);
                assert!(is_known, "{}: the hint of `{theirs}` names `{name}`", row.name);
                let source = Source { path: "hint".into(), text: span.into(), secret: false };
                let Ok(whole) = yaml::parse(&Arc::new(source)) else { panic!("{}: {span}", row.name) };
                if let (Some(kind), Some(map)) = (kind, whole.get(&name).and_then(Node::as_map)) {
                    let own = parameters(kind);
                    map.keys().for_each(|key| assert!(own.contains(key), "`{span}`: there is no `{key}`"));
                }
            }
        }
    }
    assert!(count > 40, "only {count} names were found");
}

/// Types that reach for an address say whether they go where it leads.
#[test]
fn what_becomes_of_redirects_is_said() {
    for (kind, has_choice) in [("get_url", false), ("http", true)] {
        let row = TABLE.iter().find(|row| row.name == kind).unwrap();
        assert_eq!(parameters(row).contains("follow_redirects"), has_choice, "{kind}");
        let refused = row.theirs.strangers(kind, &one("follow_redirects")).len();
        assert_eq!(refused, usize::from(!has_choice), "{kind}");
    }
}
