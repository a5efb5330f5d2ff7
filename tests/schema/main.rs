//! The JSON Schemas, before a real validator (python3-jsonschema): what is right in this project is accepted, and what is wrong is flagged
//! where it stands.

mod explain;
mod saved;

use lustores_provision::{
    diag,
    model::Source,
    resource::{ResourceType, is_internal},
    resources::TABLE,
    schema::{Kind, Own, events},
    yaml,
};
use serde_json::{Value as Json, json};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str, text: &str) -> Json {
    let source = Arc::new(Source { path: name.into(), text: text.into(), secret: false });
    yaml::parse(&source).unwrap_or_else(|error| panic!("{}", diag::render(&error, false))).to_json()
}

/// What a validator says of each: paths and messages.
fn validate(cases: &[(Kind, Json)]) -> Vec<Vec<(String, String)>> {
    let schemas =
        Kind::ALL.iter().map(|kind| (kind.name().to_owned(), kind.schema(&Own::default()))).collect();
    judge(schemas, cases.iter().map(|(kind, instance)| json!([kind.name(), instance])).collect())
}

fn judge(schemas: serde_json::Map<String, Json>, cases: Vec<Json>) -> Vec<Vec<(String, String)>> {
    let mut command = Command::new("python3");
    command.arg("-W").arg("ignore").arg(root().join("tests/schema/validate.py"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let given = json!({"schemas": schemas, "cases": cases}).to_string();
    let writer = std::thread::spawn(move || stdin.write_all(given.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    assert!(output.status.success(), "is python3-jsonschema there? `tests/deps tests` installs it");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn files(folder: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root().join(folder)).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path.strip_prefix(root()).unwrap().display().to_string(), found);
        } else if path.extension().is_some_and(|end| end == "yml") {
            found.push(path);
        }
    }
}

/// What a file of a project is, by its path.
fn kind_of(path: &str) -> Option<Kind> {
    let has = |part: &str| path.contains(&format!("/{part}/")) || path.starts_with(&format!("{part}/"));
    if path.ends_with("meta/inputs.yml") {
        Some(Kind::RoleInputs)
    } else if has("group_vars") || has("host_vars") || has("defaults") || (has("vars") && has("roles")) {
        Some(Kind::Vars)
    } else if has("tasks") || has("handlers") {
        Some(Kind::Tasks)
    } else if has("playbooks") || path.ends_with("site.yml") {
        Some(Kind::Playbook)
    } else if path.starts_with("inventory") {
        Some(Kind::Inventory)
    } else {
        None
    }
}

/// The sections `--- file: PATH` of a case of `tests/messages`.
fn sections(text: &str) -> Vec<(&str, &str)> {
    let end = text.find("--- exit").unwrap_or(text.len());
    let sections = text[..end].split("\n--- ").skip(1);
    sections.filter_map(|section| section.strip_prefix("file: ")?.split_once('\n')).collect()
}

fn texts(folder: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts(&path.strip_prefix(root()).unwrap().display().to_string()));
        } else if path.extension().is_some_and(|end| end == "txt") {
            found.push((
                path.strip_prefix(root()).unwrap().display().to_string(),
                fs::read_to_string(path).unwrap(),
            ));
        }
    }
    found.sort();
    found
}

/// The parameters of a type as a file of one task.
fn task(row: &ResourceType, mut parameters: Json) -> Json {
    // A fixture also has what the program gives by itself: nobody writes that, but perhaps what it comes from.
    let raw = (row.schema)().to_value();
    if let Json::Object(map) = &mut parameters {
        let given: Vec<String> = map.keys().filter(|name| is_internal(&raw, name)).cloned().collect();
        for name in given {
            map.remove(&name);
            if let Some(source) = row.sources.iter().find(|source| source.into == name) {
                map.insert(source.key.into(), json!("name"));
            }
        }
    }
    json!([{row.name: parameters}])
}

#[test]
fn what_is_right_is_accepted() {
    let mut names = vec![];
    let mut cases = vec![];
    let mut found = vec![];
    ["playbooks", "roles", "inventory", "tests/bench/workload"]
        .iter()
        .for_each(|folder| files(folder, &mut found));
    for path in found {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        // A file that is a vault as a whole is no YAML to look into.
        let Some(kind) = kind_of(&shown).filter(|_| !text.starts_with("$ANSIBLE_VAULT")) else { continue };
        cases.push((kind, read(&shown, &text)));
        names.push(shown);
    }
    assert!(cases.len() >= 35, "only {} files of the project", cases.len());
    for row in TABLE {
        cases.push((Kind::Tasks, json!([read(row.name, row.example)])));
        names.push(format!("the example of {}", row.name));
        let mut fixtures = vec![];
        files(&format!("tests/fixtures/resources/{}", row.name), &mut fixtures);
        for path in fixtures {
            let shown = path.strip_prefix(root()).unwrap().display().to_string();
            let fixture = read(&shown, &fs::read_to_string(&path).unwrap());
            // What evaluating a condition leaves in its place is nothing that anybody writes.
            if fixture["outcome"] != "refused" && row.name != "assert" {
                cases.push((Kind::Tasks, task(row, fixture["task"].clone())));
                names.push(shown);
            }
        }
    }
    // Projects in which nothing is wrong, or nothing that a schema could see.
    for (name, text) in texts("tests/messages") {
        if !text.trim_end().ends_with("no mistakes found") {
            continue;
        }
        for (path, content) in sections(&text) {
            let kind = if path == "inventory.yml" { Some(Kind::Inventory) } else { kind_of(path) };
            if let Some(kind) = kind.filter(|_| path.ends_with(".yml")) {
                cases.push((kind, read(path, content)));
                names.push(format!("{name}: {path}"));
            }
        }
    }
    let wrong: Vec<String> = names
        .iter()
        .zip(validate(&cases))
        .filter(|(_, said)| !said.is_empty())
        .map(|(name, said)| format!("{name}: {said:?}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is wrong, the path at which it must be told, and a part of the message.
const WRONG: &[(Kind, &str, &str, &str)] = &[
    (Kind::Playbook, "- hosts: web\n  taks: []\n", "0", "'taks' was unexpected"),
    (Kind::Playbook, "- {name: x, tasks: []}\n", "0", "'hosts' is a required property"),
    (Kind::Playbook, "- {hosts: web, gather_facts: maybe}\n", "0/gather_facts", "not of type 'boolean'"),
    (Kind::Playbook, "- {hosts: web, serial: 0}\n", "0/serial", "less than the minimum"),
    (Kind::Playbook, "- {hosts: web, strategy: fast}\n", "0/strategy", "not one of"),
    (Kind::Playbook, "- {hosts: web, vars: {facts: 1}}\n", "0/vars", "should not be valid"),
    (Kind::Playbook, "- {import_playbook: x.yml, hosts: web}\n", "0", "'hosts' was unexpected"),
    (
        Kind::Playbook,
        "- {hosts: web, vars_prompt: [{name: a, privat: true}]}\n",
        "0/vars_prompt/0",
        "'privat' was unexpected",
    ),
    (Kind::Playbook, "- {hosts: web, roles: [{vars: {}}]}\n", "0/roles/0", "not valid under any"),
    (
        Kind::Playbook,
        "- hosts: web\n  tasks:\n    - block:\n        - {copy: {dest: /x, contnet: y}}\n",
        "0/tasks/0/block/0/copy",
        "'contnet' was unexpected",
    ),
    (
        Kind::Playbook,
        "- hosts: web\n  handlers:\n    - {name: x, service: {name: a, state: reloded}}\n",
        "0/handlers/0/service/state",
        "",
    ),
    (Kind::Tasks, "- {copy: {dest: /x, content: y, mdoe: \"0644\"}}\n", "0/copy", "'mdoe' was unexpected"),
    (Kind::Tasks, "- {copy: {content: y}}\n", "0/copy", "'dest' is a required property"),
    (Kind::Tasks, "- {copy: {dest: /x}}\n", "0/copy", "not valid under any"),
    (Kind::Tasks, "- {copy: {dest: [1], content: y}}\n", "0/copy/dest", "is not of type"),
    (Kind::Tasks, "- {copy: {dest: /x, content: y, mode: 644}}\n", "0/copy/mode", ""),
    (Kind::Tasks, "- {copy: {dest: /x, content: y, secret: \"yes\"}}\n", "0/copy/secret", "does not match"),
    (Kind::Tasks, "- {copy: {dest: /x, content: y}, whne: x}\n", "0", "'whne' was unexpected"),
    (Kind::Tasks, "- {copy: {dest: /x, content: y}, become: \"yes\"}\n", "0/become", "does not match"),
    (Kind::Tasks, "- {copy: {dest: /x, content: y}, loop: name}\n", "0/loop", "does not match"),
    (
        Kind::Tasks,
        "- {copy: {dest: /x, content: y}, loop: [1], loop_control: {var: x}}\n",
        "0/loop_control",
        "'var' was unexpected",
    ),
    (Kind::Tasks, "- {copy: {dest: /x, content: y}, command: ls}\n", "0", "is valid under each of"),
    (Kind::Tasks, "- {name: nothing}\n", "0", ""),
    (Kind::Tasks, "- {import_tasks: x.yml, loop: [1]}\n", "0", "'loop' was unexpected"),
    (
        Kind::Tasks,
        "- {include_role: {name: x, task_from: y}}\n",
        "0/include_role",
        "'task_from' was unexpected",
    ),
    (Kind::Tasks, "- {rescue: []}\n", "0", "'rescue' was unexpected"),
    (Kind::Tasks, "- {user: [a]}\n", "0/user", "is not of type"),
    (Kind::Tasks, "- {http: {url: https://x, timeout: soon}}\n", "0/http/timeout", "does not match"),
    (Kind::Inventory, "all: {host: {a: }}\n", "all", "'host' was unexpected"),
    (Kind::Inventory, "hosts: {a: }\n", "", "should not be valid"),
    (Kind::Inventory, "all: {hosts: [a]}\n", "all/hosts", "is not of type"),
    (Kind::Inventory, "all: {hosts: {a: {port: 70000}}}\n", "all/hosts/a/port", "greater than the maximum"),
    (Kind::Inventory, "all: {hosts: {a: {ansible_password: x}}}\n", "all/hosts/a", "should not be valid"),
    (
        Kind::Inventory,
        "w: {children: {x: {vars: {ansible_connection: winrm}}}}\n",
        "w/children/x/vars/ansible_connection",
        "",
    ),
    (Kind::RoleInputs, "port: {type: prot}\n", "port/type", "not one of"),
    (Kind::RoleInputs, "port: prot\n", "port", "not one of"),
    (Kind::RoleInputs, "port: {default: 1}\n", "port", "'type' is a required property"),
    (
        Kind::RoleInputs,
        "users: {type: list, items: {type: map, keys: {n: {typ: string}}}}\n",
        "users/items/keys/n",
        "'typ' was unexpected",
    ),
    (Kind::Vars, "hostvars: {}\n", "", "should not be valid"),
    (Kind::Vars, "ansible_port: no\n", "ansible_port", "does not match"),
    (Kind::Vars, "[a]\n", "", "is not of type"),
];

#[test]
fn what_is_wrong_is_flagged_where_it_stands() {
    let cases: Vec<_> = WRONG.iter().map(|(kind, text, ..)| (*kind, read("wrong", text))).collect();
    let mut missed = vec![];
    for ((kind, text, path, message), said) in WRONG.iter().zip(validate(&cases)) {
        if !said.iter().any(|(at, told)| at == path && told.contains(message)) {
            missed.push(format!("{kind:?} {text}wanted at `{path}`: {message}\nsaid: {said:?}"));
        }
    }
    assert!(missed.is_empty(), "\n{}", missed.join("\n"));
}

/// Where a template, a vault or a program stands for the value.
#[test]
fn values_that_are_known_later_are_accepted() {
    let texts = [
        (
            Kind::Tasks,
            "- {copy: {dest: \"/{{x}}\", content: !vault x, secret: \"{{x}}\", mode: \"{{m}}\"}, become: \"{{b}}\", timeout: \"{{t}}\"}\n",
        ),
        (
            Kind::Tasks,
            "- {http: {url: \"{{u}}\", timeout: \"{{t}}\", status: \"{{s}}\", headers: \"{{h}}\", body: !secret {command: [op, read]}}}\n",
        ),
        (
            Kind::Tasks,
            "- {package: {name: \"{{packages}}\", state: \"{{s}}\"}, loop: \"{{l}}\", when: [a, true], until: eq rc 0}\n",
        ),
        (
            Kind::Vars,
            "a: !secret {command: [op]}\nb: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3\nansible_become_password: !secret {command: [op]}\n",
        ),
        (
            Kind::Inventory,
            "all: {hosts: {\"a[1:3]\": {port: \"{{p}}\", become: \"{{b}}\", anything: [1]}}, children: {b: }}\n",
        ),
    ];
    let cases: Vec<_> = texts
        .iter()
        .map(|(kind, text)| {
            // The tag of a program is read later: what stands below it is what an editor sees.
            (*kind, read("later", &text.replace("!secret ", "")))
        })
        .collect();
    for ((_, text), said) in texts.iter().zip(validate(&cases)) {
        assert!(said.is_empty(), "{text}{said:?}");
    }
}

/// What a run tells of every kind of event that a run without a network has.
const PLAY: &str = r#"
- hosts: all
  tasks:
    - {name: motd, copy: {dest: "{{home}}/motd", content: "hello\n"}, notify: told}
    - {name: asks, command: "printf 'one\ntwo\n'", register: said, touches: [nothing]}
    - {name: link, link: {path: "{{home}}/l", target: motd}, when: 'eq said.stdout "x"'}
    - {name: secret, copy: {dest: "{{home}}/s", content: x, mode: "0644"}, no_log: true}
    - {name: bad, command: "false", ignore_errors: true, touches: [nothing]}
    - {name: worse, command: "false"}
    - {name: never, debug: {msg: x}}
  handlers:
    - {name: told, command: "true"}
"#;

/// Every line that is printed, and kept, is as the schema says; a schema that let anything pass would say nothing.
#[test]
fn events_are_as_their_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let hosts = format!(
        "all: {{vars: {{ansible_connection: local, home: {}}}, hosts: {{a: , gone: {{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}}}}}}\n",
        path("h").display()
    );
    fs::create_dir(path("h")).unwrap();
    fs::write(path("inventory.yml"), hosts).unwrap();
    fs::write(path("site.yml"), PLAY).unwrap();
    let mut lines: Vec<Json> = vec![];
    for (verb, more) in [("apply", "--check"), ("apply", "--yes"), ("drift", "--fresh")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lustores-provision"));
        command.args([verb, "inventory.yml", "--json", more]).current_dir(folder.path()).env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", path("home"))
            .env("XDG_RUNTIME_DIR", path("r"));
        fs::create_dir_all(path("home")).unwrap();
        fs::create_dir_all(path("r")).unwrap();
        let output =
            command.env("PROVISION_AGENT_STATE", path("state")).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        lines.extend(text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()));
    }
    let seen: std::collections::BTreeSet<&str> =
        lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let all = events();
    let named = all["oneOf"].as_array().unwrap().iter();
    let named: Vec<&str> =
        named.map(|event| event["properties"]["event"]["const"].as_str().unwrap()).collect();
    // What only an installation that is under way, a rolling run and something odd bring about.
    let missing: Vec<_> = named.iter().filter(|name| !seen.contains(*name)).collect();
    assert_eq!(missing, [&"host_waiting", &"batch_started", &"proof_started", &"warning"], "{seen:?}");
    let schemas = || serde_json::Map::from_iter([("event".to_owned(), all.clone())]);
    let told = judge(schemas(), lines.iter().map(|line| json!(["event", line])).collect());
    let wrong: Vec<_> = told.iter().zip(&lines).filter(|(told, _)| !told.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Each lacks each of its fields once.
    let mut lacking = vec![];
    for line in &lines {
        for field in line.as_object().unwrap().keys() {
            let mut less = line.clone();
            less.as_object_mut().unwrap().remove(field);
            // What is left out where there is nothing to say.
            let may_lack = ["owed", "excused", "addresses", "if_fails"].contains(&field.as_str());
            if !line[field].is_null() && !may_lack {
                lacking.push(json!(["event", less]));
            }
        }
    }
    let told = judge(schemas(), lacking.clone());
    let passed: Vec<_> = lacking.iter().zip(&told).filter(|(_, told)| told.is_empty()).collect();
    assert!(passed.is_empty(), "{passed:#?}");
}
