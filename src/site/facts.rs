//! Facts in templates: their names, which are known before any host was asked, what they are, and Ansible's names for them.

use super::scopes::Variables;
use crate::{
    model::{Origin, Source},
    yaml::{Entry, Map, Node, Value},
};
use agent::wire::Facts;
use serde_json::Value as Json;
use std::sync::{Arc, LazyLock};

/// The facts of some host, for the documentation.
const EXAMPLE: &str = include_str!("example.json");
const ANSIBLE: &str = include_str!("ansible.yml");
/// How the documentation marks what two looks may tell differently.
const VOLATILE: &str = "Volatile.";

/// The shape of all facts, from the types that the agent answers with.
static SCHEMA: LazyLock<Json> = LazyLock::new(|| schemars::schema_for!(Facts).to_value());

static ALIASES: LazyLock<Variables> = LazyLock::new(aliases);

/// One fact, as it is documented.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Below `facts`; `*` stands for any name, `0` for any item of a list.
    pub path: String,
    /// `string`, `integer`, `boolean`, `list`, `mapping`.
    pub kind: String,
    pub text: String,
    /// As JSON.
    pub example: String,
    /// Two looks at the same host may tell something else.
    pub volatile: bool,
}

/// All facts in the order of their declaration, each before those inside of it.
pub fn facts() -> Vec<Fact> {
    let example = serde_json::from_str(EXAMPLE).unwrap_or_default();
    let mut found = vec![];
    document(&SCHEMA, "", &example, &mut found);
    found
}

/// Ansible's names for facts, with the expression that each stands for.
pub fn ansible_names() -> Vec<(String, String)> {
    let shown = |node: &Node| match &node.value {
        Value::Map(map) => {
            let field = |(key, entry): (&String, &Entry)| {
                format!("{key}: {}", entry.node.as_str().unwrap_or_default())
            };
            map.iter().map(field).collect::<Vec<_>>().join(", ")
        }
        _ => node.as_str().unwrap_or_default().to_string(),
    };
    ALIASES
        .iter()
        .filter(|(name, _)| *name != "ansible_facts")
        .map(|(name, node)| (name.clone(), shown(node)))
        .collect()
}

/// The layer of Ansible's names, below all other variables.
pub(super) fn ansible() -> Variables {
    ALIASES.clone()
}

fn aliases() -> Variables {
    let source = Source { path: "ansible's names (built in)".into(), text: ANSIBLE.into(), secret: false };
    let node = crate::yaml::parse(&Arc::new(source)).expect("a test holds that");
    let Value::Map(map) = node.value else { unreachable!("a test holds that") };
    let short: Map = map
        .iter()
        .filter_map(|(name, entry)| Some((name.strip_prefix("ansible_")?.to_string(), entry.clone())))
        .collect();
    let all = map.into_iter().map(|(name, entry)| (name, entry.node));
    let facts = Node::new(Value::Map(short), Origin::named("ansible's names (built in)"));
    Arc::new(all.chain([("ansible_facts".to_string(), facts)]).collect())
}

/// The facts of a host as templates see them.
pub(super) fn known(facts: &Facts, host: &str) -> Node {
    let json = serde_json::to_value(facts).expect("facts are plain data");
    Node::from_json(&json, &Origin::named(&format!("facts of {host}")))
}

/// How the reason begins for which a fact is unknown.
pub(super) const UNKNOWN: &str = "a fact of";

/// The facts of a host that was not asked: none is known, but there is no other than these.
pub(super) fn unknown(host: &str, why: &str) -> Node {
    let origin = Origin::named("built in");
    hollow(&SCHEMA, &Value::Unknown(Arc::from(format!("{UNKNOWN} {host}, {why}"))), &origin)
}

fn hollow(shape: &Json, why: &Value, origin: &Origin) -> Node {
    let Some(fields) = resolved(shape)["properties"].as_object() else {
        return Node::new(why.clone(), origin.clone());
    };
    let entry = |(name, shape): (&String, &Json)| {
        (name.clone(), Entry { key: origin.clone(), node: hollow(shape, why, origin) })
    };
    Node::new(Value::Map(fields.iter().map(entry).collect()), origin.clone())
}

fn resolved(shape: &Json) -> &Json {
    match shape["$ref"].as_str() {
        Some(reference) => reference.trim_start_matches("#/").split('/').fold(&*SCHEMA, |at, key| &at[key]),
        None => shape,
    }
}

fn document(shape: &Json, path: &str, example: &Json, found: &mut Vec<Fact>) {
    let inner = resolved(shape);
    let below = |name: &str| if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
    for (name, field) in inner["properties"].as_object().into_iter().flatten() {
        let (shape, example) = (resolved(field), &example[name]);
        let kind = match shape["type"].as_str().unwrap_or_default() {
            "object" => "mapping",
            "array" => "list",
            other => other,
        };
        // A line break in a doc comment is none in the text.
        let text =
            field["description"].as_str().or_else(|| shape["description"].as_str()).unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_tree = shape["properties"].is_object()
            || items(shape).is_some_and(|item| item["properties"].is_object());
        found.push(Fact {
            path: below(name),
            kind: kind.into(),
            volatile: text.ends_with(VOLATILE),
            text: text.trim_end_matches(VOLATILE).trim_end().to_string(),
            example: if is_tree { String::new() } else { example.to_string() },
        });
        document(field, &below(name), example, found);
    }
    let Some(item) = items(inner) else { return };
    let (name, example) = match (&inner["type"], example) {
        (Json::String(kind), Json::Array(list)) if kind == "array" => ("0", list.first()),
        (_, Json::Object(map)) => ("*", map.values().next()),
        _ => return,
    };
    document(item, &below(name), example.unwrap_or(&Json::Null), found);
}

/// The shape of what a list, or a mapping with any names, holds.
fn items(shape: &Json) -> Option<&Json> {
    let item =
        ["items", "additionalProperties"].iter().map(|key| &shape[*key]).find(|item| item.is_object())?;
    Some(resolved(item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{Layer, Scope, render};

    fn example() -> Facts {
        serde_json::from_str(EXAMPLE).expect("the example is what an agent answers")
    }

    #[test]
    fn every_fact_is_documented_with_an_example() {
        let facts = facts();
        assert!(facts.len() > 80, "{}", facts.len());
        for fact in &facts {
            assert!(fact.text.ends_with(['.', ')']) && fact.text.len() > 4, "{fact:?}");
            assert!(
                ["string", "integer", "boolean", "list", "mapping"].contains(&fact.kind.as_str()),
                "{fact:?}"
            );
            assert_ne!(fact.example, "null", "{fact:?}");
        }
        let volatile: Vec<&str> = facts.iter().filter(|f| f.volatile).map(|f| f.path.as_str()).collect();
        assert_eq!(volatile, ["memory.available_mb", "mounts.0.free_mb", "time.epoch", "time.iso8601"]);
        assert!(facts.iter().any(|f| f.path == "interfaces.*.ipv4.0.prefix" && f.example == "24"));
        // The example has nothing that an agent doesn't answer.
        let json: Json = serde_json::from_str(EXAMPLE).unwrap();
        assert_eq!(serde_json::to_value(example()).unwrap(), json);
    }

    #[test]
    fn facts_that_are_not_known_yet_have_their_names() {
        let node = unknown("a", "which was not asked yet");
        let known = known(&example(), "a");
        let names = |node: &Node| node.as_map().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&node), names(&known));
        assert_eq!(names(node.get("os").unwrap()), names(known.get("os").unwrap()));
        assert!(matches!(node.get("disks").unwrap().value, Value::Unknown(_)));
        assert_eq!(&**node.unknown().unwrap(), "a fact of a, which was not asked yet");
    }

    #[test]
    fn ansibles_names_lead_to_facts() {
        let mut scope = Scope::new();
        scope.push(ansible(), Layer::Raw);
        scope.set("facts", known(&example(), "a"));
        let text = |expression: &str| {
            let node = Node::string(format!("{{{{{expression}}}}}"), &Origin::named("test"));
            match render(&node, &scope) {
                Ok(node) => node.to_json(),
                Err(errors) => panic!("{expression}: {:?}", errors.0[0].message),
            }
        };
        for (name, _) in ansible_names() {
            assert!(!text(&name).is_null(), "{name}");
        }
        for (expression, wanted) in [
            ("ansible_distribution", serde_json::json!("Debian")),
            ("ansible_os_family", "Debian".into()),
            ("ansible_facts.os_family", "Debian".into()),
            ("ansible_facts.default_ipv4.address", "192.0.2.17".into()),
            ("ansible_default_ipv4.gateway", "192.0.2.1".into()),
            ("ansible_distribution_major_version", "12".into()),
            ("ansible_memtotal_mb", 7942.into()),
            ("ansible_processor_vcpus", 4.into()),
            ("ansible_processor_threads_per_core", 2.into()),
            ("ansible_all_ipv4_addresses", vec!["192.0.2.17"].into()),
            ("ansible_interfaces", vec!["eth0"].into()),
            ("ansible_date_time.date", "2026-01-01".into()),
            ("ansible_date_time.time", "00:00:00".into()),
            ("ansible_virtualization_role", "guest".into()),
            ("ansible_lsb.id", "Debian".into()),
        ] {
            assert_eq!(text(expression), wanted, "{expression}");
        }
        scope.set("facts", known(&Facts::default(), "a"));
        // Also where everything is empty there is something.
        let node = Node::string(
            "{{ansible_facts.os_family}}{{ansible_default_ipv6.address}}",
            &Origin::named("test"),
        );
        assert_eq!(render(&node, &scope).unwrap().as_str(), Some(""));
    }
}
