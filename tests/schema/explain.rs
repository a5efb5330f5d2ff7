//! What `explain --json` prints, held against its schema.

use super::{judge, root};
use lustores_provision::{cli::explain::Explanation, schema::written};
use serde_json::{Value as Json, json};
use std::{collections::BTreeSet, fs, process::Command};

const PLAY: &str = r#"
- hosts: all
  vars: {name: app, token: x, port: 80}
  tasks:
    - {name: look, command: {cmd: echo 1, changes: false}, register: seen}
    - {name: set, set_fact: {known: "{{name}}"}, when: eq name "app"}
    - {name: conf, copy: {dest: "{{home}}/conf", content: "n={{known}}\nk={{facts.kernel}}\ns={{seen.stdout}}\n"}, when: eq name "app", notify: told}
    - {name: each, loop: [a, b], file: {path: "{{home}}/{{item}}", state: directory}}
    - {name: open, copy: {dest: "{{home}}/open", content: "{{name}}", mode: "0644"}, no_log: true}
    - {name: front, service: {name: proxy, state: restarted}, when: eq name "other"}
    - {name: unit, systemd_unit: {name: tend.service, content: "[Service]\nExecStart=/bin/tend {{port}}\n"}, when: eq name "other"}
  handlers:
    - {name: told, command: "true"}
"#;

/// All of it is as the schema says, each field is wanted or says that it may be missing, and the page names all.
#[test]
fn explanations_are_as_their_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let home = path("h").display().to_string();
    let hosts = format!("all: {{vars: {{ansible_connection: local, home: {home}}}, hosts: {{a: }}}}\n");
    fs::create_dir(path("h")).unwrap();
    fs::create_dir(path("home")).unwrap();
    fs::write(path("inventory.yml"), hosts).unwrap();
    fs::write(path("site.yml"), PLAY).unwrap();
    let explain = |arguments: &[&str]| -> Json {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lustores-provision"));
        command.args(["explain", "inventory.yml", "a", "--json"]).args(arguments);
        command.current_dir(folder.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", path("home")).env("XDG_RUNTIME_DIR", path("home"));
        let output = command.env("PROVISION_AGENT_STATE", path("state")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let conf = format!("{home}/conf");
    let conf = conf.as_str();
    let cases = [
        &["look"][..],
        &["conf"],
        &["each"],
        &["open"],
        &["told"],
        &["unit"],
        &["proxy", "--offline"],
        &["tend", "--offline"],
        &[conf],
        &[conf, "--offline"],
        &["conf", "--offline"],
    ];
    let said: Vec<Json> = cases.iter().map(|case| explain(case)).collect();
    let schema = written::<Explanation>("An explanation".into());
    let schemas = || serde_json::Map::from_iter([("explain".to_owned(), schema.clone())]);
    let told = judge(schemas(), said.iter().map(|said| json!(["explain", said])).collect());
    let wrong: Vec<_> = told.iter().zip(&said).filter(|(told, _)| !told.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // What it shows by a word is one of these words, and nothing that is always there may be missing.
    let places = [
        (1, "", "host"),
        (1, "/tasks/0", "fate"),
        (1, "/tasks/0", "conditions"),
        (1, "/tasks/0/outcome", "verdict"),
        (1, "/tasks/0/conditions/0", "from"),
        (3, "/findings/0", "lint"),
        (8, "/files/0", "lines"),
        (8, "/files/0/lines/0", "text"),
        (8, "/files/0/lines/0/from/0", "of"),
        (8, "/files/0/lines/0/from/0", "place"),
        (6, "/services/0", "acts"),
        (6, "/services/0/acts/0", "does"),
        (6, "/services/0/restarts/0", "when"),
    ];
    let mut bad = vec![];
    for (at, place, field) in places {
        let mut less = said[at].clone();
        let there = less.pointer_mut(place).unwrap_or_else(|| panic!("{at} {place}: {}", said[at]));
        let removed = there.as_object_mut().unwrap().remove(field);
        assert!(removed.is_some(), "{place} has no `{field}`: {}", said[at]);
        bad.push(json!(["explain", less]));
        if ["fate", "verdict", "of"].contains(&field) {
            let mut other = said[at].clone();
            other.pointer_mut(place).unwrap()[field] = "otherwise".into();
            bad.push(json!(["explain", other]));
        }
    }
    let told = judge(schemas(), bad.clone());
    let passed: Vec<_> = bad.iter().zip(&told).filter(|(_, told)| told.is_empty()).collect();
    assert!(passed.is_empty(), "{passed:#?}");
    // The page names every field of what is its own: findings and diffs are as in events.
    let page = fs::read_to_string(root().join("docs/explain.md")).unwrap();
    let programs = page.split("\n## For programs").nth(1).unwrap();
    let mut fields: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        if !["Finding", "Diff", "FacetDiff", "Shown", "TaskId"].contains(&name.as_str()) {
            fields.extend(definition["properties"].as_object().into_iter().flat_map(|map| map.keys()));
        }
    }
    let missing: Vec<_> = fields.iter().filter(|field| !programs.contains(&format!("`{field}`"))).collect();
    assert!(missing.is_empty() && fields.len() > 30, "docs/explain.md does not name {missing:?}");
}
