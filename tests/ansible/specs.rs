//! Argument specs of roles: what Ansible takes and what it refuses.

use crate::Ansible;
use lustores_provision::{
    cli::{files::Disk, programs::run},
    diag::{Diagnostics, render},
    resources,
    site::{Controller, Options, Site},
    vault::Passwords,
};
use serde_json::{Value as Json, json};
use std::{fs, path::Path, sync::Arc};

/// Options, and values to try each with.
fn cases() -> Vec<(Json, Json)> {
    let users = json!({"type": "list", "elements": "dict", "options": {
        "name": {"type": "str", "required": true}, "uid": {"type": "int"}, "shell": {"type": "str", "choices": ["sh", "bash"]},
    }});
    let table = [
        (
            json!({"type": "str"}),
            vec![json!("x"), json!(1), json!(1.5), json!(true), json!(""), json!([1]), json!({"a": 1})],
        ),
        (
            json!({"type": "int"}),
            vec![
                json!(1),
                json!("8080"),
                json!(" 7 "),
                json!(3.0),
                json!(1.5),
                json!("x"),
                json!("1.5"),
                json!([1]),
                json!(true),
            ],
        ),
        (json!({"type": "float"}), vec![json!(1), json!("1.5"), json!("x"), json!([1])]),
        (
            json!({"type": "bool"}),
            vec![
                json!(true),
                json!("yes"),
                json!("Off"),
                json!("T"),
                json!(0),
                json!(1),
                json!(2),
                json!("maybe"),
                json!(""),
            ],
        ),
        (json!({"type": "list"}), vec![json!([1]), json!("a,b"), json!(7), json!(1.5), json!({"a": 1})]),
        (
            json!({"type": "list", "elements": "int"}),
            vec![json!([1, "2"]), json!("1,2"), json!(["x"]), json!("a,b"), json!([])],
        ),
        (
            json!({"type": "list", "elements": "str", "choices": ["a", "b"]}),
            vec![json!(["a", "b"]), json!(["a", "c"]), json!("a,b"), json!([])],
        ),
        (
            json!({"type": "dict"}),
            vec![
                json!({"a": 1}),
                json!("a=1 b=2"),
                json!("a=1, b=2"),
                json!("x"),
                json!([1]),
                json!(1),
                json!("{\"a\": 1}"),
            ],
        ),
        (json!({"type": "path"}), vec![json!("/x"), json!("a/b")]),
        (json!({"type": "raw"}), vec![json!("x"), json!([1]), json!({"a": 1}), json!(1)]),
        (json!({"type": "json"}), vec![json!([1]), json!({"a": 1}), json!("{}"), json!(1), json!(1.5)]),
        (
            json!({"type": "bytes"}),
            vec![
                json!(1024),
                json!("10M"),
                json!("1KB"),
                json!("x"),
                json!("10X"),
                json!("2 G"),
                json!("10Mb"),
                json!("7b"),
                json!("7 bytes"),
                json!("7 kilobytes"),
                json!("7 byte"),
                json!("7 kilobyte"),
                json!("7 KiloByte"),
                json!("7mB"),
                json!("7kb"),
                json!("7BB"),
            ],
        ),
        (json!({"type": "bits"}), vec![json!(1024), json!("10Mb"), json!("10MB"), json!("x")]),
        (json!({"type": "str", "choices": ["a", "b"]}), vec![json!("a"), json!("c"), json!("A")]),
        (json!({"type": "int", "choices": [1, 2]}), vec![json!(1), json!("2"), json!(3)]),
        (json!({"type": "str", "choices": ["1", "2"]}), vec![json!(1), json!("3")]),
        (
            users,
            vec![
                json!([{"name": "a"}]),
                json!([{"name": "a", "uid": "7", "shell": "sh"}]),
                json!([{"uid": 7}]),
                json!([{"name": "a", "uid": "x"}]),
                json!([{"name": "a", "shell": "csh"}]),
                json!([{"name": "a", "shel": "sh"}]),
                json!([]),
                json!("x"),
            ],
        ),
        (
            json!({"type": "dict", "options": {"a": {"type": "int", "required": true}}}),
            vec![json!({"a": 1}), json!({}), json!({"a": 1, "b": 2}), json!("a=1")],
        ),
    ];
    table
        .into_iter()
        .flat_map(|(spec, values)| values.into_iter().map(move |value| (spec.clone(), value)))
        .collect()
}

/// Whether Ansible refuses each.
fn theirs(ansible: &Ansible, folder: &Path, cases: &[(Json, Json)]) -> Vec<bool> {
    let tasks = cases.iter().map(|(spec, value)| {
        json!({
            "ansible.builtin.validate_argument_spec": {"argument_spec": {"it": spec}, "provided_arguments": {"it": value}},
            "ignore_errors": true,
        })
    });
    let tasks: Vec<Json> = tasks.collect();
    let playbook =
        json!([{"hosts": "localhost", "connection": "local", "gather_facts": false, "tasks": tasks}]);
    fs::write(folder.join("play.yml"), playbook.to_string()).unwrap();
    let said =
        String::from_utf8(ansible.ok(folder, "ansible-playbook", &["-i", "localhost,", "play.yml"])).unwrap();
    let refused = |line: &str| match line.split(": [localhost]").next() {
        Some("fatal") => Some(true),
        Some("ok") => Some(false),
        _ => None,
    };
    let found: Vec<bool> = said.lines().filter_map(refused).collect();
    assert_eq!(found.len(), cases.len(), "{said}");
    found
}

/// Whether we do: each is given to a role of its own.
fn ours(folder: &Path, cases: &[(Json, Json)]) -> Vec<Option<String>> {
    let mut roles = vec![];
    for (at, (spec, value)) in cases.iter().enumerate() {
        let meta = folder.join(format!("roles/r{at}x/meta"));
        fs::create_dir_all(&meta).unwrap();
        let specs = json!({"argument_specs": {"main": {"options": {"it": spec}}}});
        fs::write(meta.join("argument_specs.yml"), specs.to_string()).unwrap();
        roles.push(json!({"role": format!("r{at}x"), "vars": {"it": value}}));
    }
    fs::write(folder.join("hosts.yml"), "all: {hosts: {a: }}\n").unwrap();
    fs::write(folder.join("site.yml"), json!([{"hosts": "all", "roles": roles}]).to_string()).unwrap();
    let passwords = Arc::new(Passwords::new(vec![]));
    let site = Site::load(Options {
        inventory: &folder.join("hosts.yml"),
        playbook: &folder.join("site.yml"),
        passwords: &passwords,
        run: &run,
        files: Arc::new(Disk { passwords: passwords.clone() }),
        types: resources::TABLE,
        controller: Controller::default(),
        extra_vars: Default::default(),
        limit: None,
        tags: &[],
        skip_tags: &[],
        start_at_task: None,
    });
    let text = |errors: &Diagnostics| errors.0.iter().map(|d| render(d, false)).collect::<Vec<_>>();
    let errors = site.unwrap_or_else(|errors| panic!("{}", text(&errors).join("\n"))).validate();
    let errors = text(&errors);
    (0..cases.len())
        .map(|at| errors.iter().find(|error| error.contains(&format!("`r{at}x`"))).cloned())
        .collect()
}

#[test]
fn argument_specs_take_and_refuse_the_same() {
    let ansible = Ansible::get();
    let folder = tempfile::tempdir().unwrap();
    let cases = cases();
    let (theirs, ours) = (theirs(&ansible, folder.path(), &cases), ours(folder.path(), &cases));
    let differ = |(at, (spec, value)): (usize, &(Json, Json))| {
        (theirs[at] != ours[at].is_some()).then(|| {
            format!(
                "{spec} {value}: Ansible {}, here {:?}",
                if theirs[at] { "refuses" } else { "takes" },
                ours[at]
            )
        })
    };
    let differing: Vec<String> = cases.iter().enumerate().filter_map(differ).collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(theirs.iter().any(|refused| *refused) && !theirs.iter().all(|refused| *refused));
}
