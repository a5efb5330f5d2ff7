//! Saved plans, held against their schema.

use super::{PLAY, judge, root};
use lustores_provision::schema::plan;
use serde_json::{Value as Json, json};
use std::{fs, process::Command};

/// What is saved is as the schema says, each field that is not `null` is wanted or says that it may be missing, and the page names all.
#[test]
fn plans_are_as_their_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let hosts = format!(
        "all: {{vars: {{ansible_connection: local, home: {}}}, hosts: {{a: }}}}\n",
        path("h").display()
    );
    fs::create_dir(path("h")).unwrap();
    fs::create_dir(path("home")).unwrap();
    fs::write(path("inventory.yml"), hosts).unwrap();
    fs::write(path("site.yml"), PLAY).unwrap();
    fs::write(path("words"), "a vault password\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lustores-provision"));
    command.args(["plan", "inventory.yml", "-o", "p.plan", "--vault-password-file", "words", "-l", "a"]);
    command.current_dir(folder.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("HOME", path("home")).env("XDG_RUNTIME_DIR", path("home"));
    let output = command.env("PROVISION_AGENT_STATE", path("state")).output().unwrap();
    assert_eq!(output.status.code(), Some(10), "{}", String::from_utf8_lossy(&output.stderr));
    let saved: Json = serde_json::from_slice(&fs::read(path("p.plan")).unwrap()).unwrap();
    let schemas = || serde_json::Map::from_iter([("plan".to_owned(), plan())]);
    let told = judge(schemas(), vec![json!(["plan", saved])]);
    assert!(told[0].is_empty(), "{told:?}");
    let mut lacking = vec![];
    let places = ["", "/made", "/selection", "/inputs/0", "/key", "/hosts/0", "/hosts/0/tasks/0"];
    for place in places {
        for field in saved.pointer(place).unwrap().as_object().unwrap().keys() {
            let mut less = saved.clone();
            less.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(field);
            // What is left out where there is nothing to say, and what may be `null`.
            let may_lack = [
                "facets",
                "steps",
                "after",
                "notes",
                "exposes",
                "limit",
                "address",
                "start_at_task",
                "findings",
                "if_fails",
            ];
            if !may_lack.contains(&field.as_str()) {
                lacking.push(json!(["plan", less]));
            }
        }
    }
    let told = judge(schemas(), lacking.clone());
    let passed: Vec<_> = lacking.iter().zip(&told).filter(|(_, told)| told.is_empty()).collect();
    assert!(passed.is_empty() && lacking.len() > 20, "{passed:#?}");
    // The page.
    let page = fs::read_to_string(root().join("docs/plan.md")).unwrap();
    for place in places {
        for field in saved.pointer(place).unwrap().as_object().unwrap().keys() {
            let of_events = place.ends_with("tasks/0")
                && !["address", "counts", "facets", "steps"].contains(&field.as_str());
            assert!(
                of_events || page.contains(&format!("`{field}`")),
                "docs/plan.md does not name `{field}`"
            );
        }
    }
}
