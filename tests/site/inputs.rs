//! What roles take, checked for every use on every host.

use crate::{
    owns,
    project::{Project, has},
};
use lustores_provision::{
    diag::Severity,
    model::TaskId,
    site::{Preparation, Prepare, Registered},
    yaml::Node,
};
use serde_json::json;

const INPUTS: &str = "port:\n  type: port\n  default: 80\n  description: Where it listens.\n\
    name:\n  type: string\n  required: true\n\
    token: {type: string, secret: true}\n\
    users: {type: list, items: {type: map, keys: {name: {type: string, required: true}, uid: integer}}}\n\
    debug: {type: boolean, default: false}\n";

/// A role `web` with these inputs and one task, in a play with this use of it.
fn project(use_: &str, more: &[(&str, &str)]) -> Project {
    let site = format!("- hosts: web\n  roles:\n    - {use_}\n");
    let task = "- {name: t, file: {path: \"/{{name}}/{{port}}\", state: absent}}\n";
    let mut files = vec![
        ("site.yml", site.as_str()),
        ("roles/web/meta/inputs.yml", INPUTS),
        ("roles/web/tasks/main.yml", task),
    ];
    files.extend(more);
    Project::new(&files)
}

#[test]
fn a_default_of_an_input_is_the_weakest_variable() {
    let with = |use_: &str, more: &[(&str, &str)], extra: &[&str]| {
        let mut project = project(use_, more);
        project.extra = extra.iter().map(|text| text.to_string()).collect();
        assert_eq!(project.errors(), "");
        owns(&project.host("a"), 0)
    };
    assert_eq!(with("{role: web, vars: {name: x}}", &[], &[]), "path:/x/80");
    assert_eq!(
        with("{role: web, vars: {name: x}}", &[("group_vars/web.yml", "port: 81\n")], &[]),
        "path:/x/81"
    );
    assert_eq!(
        with("{role: web, vars: {name: x, port: 82}}", &[("group_vars/web.yml", "port: 81\n")], &[]),
        "path:/x/82"
    );
    assert_eq!(
        with("web", &[("host_vars/a.yml", "name: n\n"), ("host_vars/b.yml", "name: n\n")], &["port=83"]),
        "path:/n/83"
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_both_places() {
    let vars = "port: eighty\nusers:\n  - {uid: 7}\n  - {name: a, uid: x, shel: sh}\ndebug: yes\n";
    let text = project("web", &[("group_vars/web.yml", vars), ("host_vars/b.yml", "name: b\n")]).errors();
    has(
        &text,
        &[
            "`port` of role `web` must be a port from 1 to 65535, found a string",
            "group_vars/web.yml:1:7",
            "roles/web/meta/inputs.yml:1:1",
            "item 1 of `users` of role `web` has no `name`",
            "`uid` in item 2 of `users` of role `web` must be an integer",
            "unknown key `shel` in item 2 of `users`",
            "group_vars/web.yml:4:23",
            "`debug` of role `web` must be `true` or `false`",
            "hint: write `true`",
            "the role `web` needs `name`, which is not set",
            "site.yml:3:7",
            "it is required here",
            "hint: set it in the inventory",
            "on a",
        ],
    );
    assert!(!text.contains("on b") && text.matches("needs `name`").count() == 1, "{text}");
}

#[test]
fn null_is_as_good_as_nothing() {
    let text = project("{role: web, vars: {name: null, port: ~}}", &[]).errors();
    has(&text, &["the role `web` needs `name`"]);
    assert!(!text.contains("`port` of role"), "{text}");
}

#[test]
fn a_slip_in_what_a_role_is_given_is_told() {
    let text = project("{role: web, vars: {name: x, prot: 81}}", &[]).errors();
    has(&text, &["the role `web` takes no `prot`", "did you mean `port`?", "site.yml:3:35"]);
    let text = project("{role: web, name: web, vars: {name: x, zzzzzz: 81}}", &[]).errors();
    has(&text, &["takes no `zzzzzz`", "it takes `port`, `name`, `token`, `users`, `debug`"]);
    // What a role that it depends on takes, and what its defaults name, it may be given too.
    let more = [
        ("roles/web/meta/main.yml", "dependencies: [base]\n"),
        ("roles/base/defaults/main.yml", "mirror: x\n"),
        ("roles/web/defaults/main.yml", "extra: x\n"),
    ];
    assert_eq!(project("{role: web, vars: {name: x, mirror: y, extra: z}}", &more).errors(), "");
    let task = "- hosts: web\n  tasks:\n    - {import_role: {name: web}, vars: {name: x, prot: 1}}\n";
    has(&project("web", &[("site.yml", task)]).errors(), &["the role `web` takes no `prot`"]);
}

#[test]
fn what_a_role_declares_may_stand_beside_the_keywords() {
    let project =
        project("{role: web, vars: {name: y}, name: web, port: 81, tags: t, when: eq port 81}", &[]);
    assert_eq!(project.errors(), "");
    assert_eq!(owns(&project.host("a"), 0), "path:/y/81");
    let text = self::project("{role: web, prot: 81, vars: {name: x}, whn: x}", &[]).errors();
    has(
        &text,
        &[
            "unknown key `prot` beside a role",
            "stands below `vars:`",
            "unknown key `whn`",
            "did you mean `when`?",
        ],
    );
}

#[test]
fn two_defaults_and_a_required_default_are_errors() {
    let text =
        project("{role: web, vars: {name: x}}", &[("roles/web/defaults/main.yml", "port: 8080\nname: n\n")])
            .errors();
    has(
        &text,
        &["`port` has two defaults", "roles/web/meta/inputs.yml:3:12", "roles/web/defaults/main.yml:1:1"],
    );
    has(&text, &["`name` is required and has a default"]);
}

#[test]
fn a_role_that_does_not_run_is_not_checked() {
    assert_eq!(project("{role: web, when: false}", &[]).errors(), "");
    // Not known before the host was asked.
    let project = project("{role: web, when: eq facts.os.family \"redhat\"}", &[]);
    assert_eq!(project.errors(), "");
    let text = self::project("{role: web, when: true}", &[]).errors();
    has(&text, &["needs `name`"]);
    let mut project = self::project("{role: web, tags: w}", &[]);
    assert!(!project.errors().is_empty());
    project.skip_tags = vec!["w".into()];
    assert_eq!(project.errors(), "");
}

fn facts(family: &str) -> agent::wire::Facts {
    let os = agent::wire::facts::Os { family: family.into(), ..Default::default() };
    agent::wire::Facts { os, hostname: "a".into(), ..Default::default() }
}

#[test]
fn what_only_facts_tell_is_checked_when_they_are_there() {
    let project =
        project("{role: web, vars: {name: \"{{facts.hostname}}\", port: \"{{facts.os.family}}\"}}", &[]);
    assert_eq!(project.errors(), "");
    let errors = project.site().host("a", Some(&facts("debian"))).err().expect("a family is no port");
    has(&project.text(&errors), &["`port` of role `web` must be a port", "site.yml:3:"]);
    // And a role whose condition only facts tell.
    let project = self::project("{role: web, when: eq facts.os.family \"debian\"}", &[]);
    let errors = project.site().host("a", Some(&facts("debian"))).err().expect("a name is missing");
    has(&project.text(&errors), &["needs `name`"]);
    assert!(project.site().host("a", Some(&facts("redhat"))).is_ok());
}

#[test]
fn what_only_a_result_tells_is_checked_by_the_tasks_of_the_role() {
    let site = "- hosts: web\n  pre_tasks:\n    - {name: ask, command: x, register: asked}\n  roles:\n    \
        - {role: web, vars: {name: \"{{asked.stdout}}\", port: \"{{int asked.rc}}\"}}\n";
    let project = project("web", &[("site.yml", site)]);
    assert_eq!(project.errors(), "");
    let tasks = project.site().host("a", Some(&facts("debian"))).unwrap();
    let result = |rc: i64| {
        let node = Node::from_json(
            &json!({"stdout": "x", "rc": rc}),
            &lustores_provision::model::Origin::named("a test"),
        );
        Registered { results: [("asked".to_string(), node)].into(), ..Registered::default() }
    };
    assert!(matches!(tasks.prepare(TaskId(1), &Registered::default()), Ok(Preparation::NotYet(..))));
    assert!(matches!(tasks.prepare(TaskId(1), &result(81)), Ok(Preparation::Ready(_))));
    let errors = tasks.prepare(TaskId(1), &result(0)).err().expect("0 is no port");
    has(&project.text(&errors), &["`port` of role `web` must be a port"]);
}

#[test]
fn what_is_typed_on_the_command_line_has_the_type_that_is_wanted() {
    let task =
        "- {name: t, when: and (eq port 81) debug, file: {path: \"/{{add port 1}}\", state: absent}}\n";
    let mut project = project("{role: web, vars: {name: x}}", &[("roles/web/tasks/main.yml", task)]);
    project.extra = vec!["port=81".into(), "debug=true".into()];
    assert_eq!(project.errors(), "");
    assert_eq!(owns(&project.host("a"), 0), "path:/82");
    project.extra = vec!["port=many".into()];
    has(&project.errors(), &["`port` of role `web` must be a port", "found a string", "-e"]);
}

#[test]
fn a_secret_input_is_secret_though_it_is_written_in_clear() {
    let task = "- {name: t, copy: {dest: /x, content: \"{{token}}\"}}\n- {name: u, copy: {dest: \"/{{token}}\", content: x}}\n";
    let more =
        [("roles/web/tasks/main.yml", task), ("group_vars/web.yml", "token: hunter2hunter2\nname: n\n")];
    let project = project("web", &more);
    let text = project.errors();
    has(
        &text,
        &[
            "a secret cannot be used here",
            "the secret `token` is written in clear",
            "group_vars/web.yml:1:8",
            "vault encrypt --string",
        ],
    );
    assert!(!text.contains("hunter2"), "{text}");
    let site = project.site();
    assert!(site.secrets().iter().any(|secret| secret.expose() == b"hunter2hunter2"));
    let warnings = site.validate().0.into_iter().filter(|d| d.severity == Severity::Warning);
    assert_eq!(warnings.count(), 1, "once for both hosts");
    let Ok(Preparation::Ready(prepared)) = project.host("a").prepare(TaskId(0), &Registered::default())
    else {
        panic!()
    };
    assert_eq!(prepared.address().unwrap().0, "path:/x");
    // A value of the wrong type does not show either.
    let mut project = self::project("web", &[("group_vars/web.yml", "token: [hunter2hunter2]\nname: n\n")]);
    let text = project.errors();
    has(&text, &["`token` of role `web` must be a string", "group_vars/web.yml:1:8"]);
    assert!(!text.contains("hunter2"), "{text}");
    // Nor does what stands beside it.
    let text = self::project("{role: web, vars: {name: n, port: x, token: hunter2hunter2}}", &[]).errors();
    has(&text, &["`port` of role `web` must be a port", "site.yml:3:"]);
    assert!(!text.contains("hunter2"), "{text}");
    project.extra = vec!["token=hunter3hunter3".into()];
    assert!(project.site().secrets().iter().any(|secret| secret.expose() == b"hunter3hunter3"));
}

#[test]
fn a_missing_secret_says_how_to_make_one() {
    let inputs = "password: {type: string, secret: true, required: true}\n";
    let text = project("web", &[("roles/web/meta/inputs.yml", inputs), ("roles/web/tasks/main.yml", "[]\n")])
        .errors();
    has(&text, &["the role `web` needs `password`", "vault generate FILE password"]);
}

const SPECS: &str = "argument_specs:\n  main:\n    short_description: A web server\n    options:\n      \
    port: {type: int, required: true, description: Where}\n      mode: {type: str, choices: [fast, slow], default: fast}\n  \
    install:\n    options:\n      version: {type: str, required: true}\n";

#[test]
fn argument_specs_are_checked_as_ansible_does() {
    let specs = |file: &'static str, use_: &str, more: &[(&str, &str)]| {
        let site = format!("- hosts: web\n  roles:\n    - {use_}\n");
        let mut files =
            vec![("site.yml", site.as_str()), (file, SPECS), ("roles/web/tasks/install.yml", "[]\n")];
        files.extend(more);
        Project::new(&files).errors()
    };
    for file in
        ["roles/web/meta/main.yml", "roles/web/meta/argument_specs.yml", "roles/web/meta/argument_specs.yaml"]
    {
        has(&specs(file, "web", &[]), &["the role `web` needs `port`", file]);
        // It is converted; what it does not name may be given.
        assert_eq!(specs(file, "{role: web, vars: {port: \"80\", other: 1}}", &[]), "");
        let text = specs(file, "{role: web, vars: {port: x, mode: fats}}", &[]);
        has(
            &text,
            &[
                "`port` of role `web` must be an integer",
                "`mode` of role `web` must be one of `fast`, `slow`",
                "did you mean `fast`?",
            ],
        );
    }
    // By the entry point that is used.
    let file = "roles/web/meta/main.yml";
    let import =
        |options: &str| format!("- hosts: web\n  tasks:\n    - import_role: {{name: web{options}}}\n");
    let errors = |options: &str| specs(file, "web", &[("site.yml", &import(options))]);
    has(&errors(", tasks_from: install"), &["needs `version`"]);
    has(&errors(", tasks_from: install.yml"), &["needs `version`"]);
    assert_eq!(errors(", tasks_from: install, rolespec_validate: false"), "");
    assert!(!errors("").contains("`version`"));
}

#[test]
fn where_both_are_there_inputs_count_and_that_is_said() {
    let project = project("{role: web, vars: {name: x}}", &[("roles/web/meta/argument_specs.yml", SPECS)]);
    assert_eq!(project.errors(), "");
    let warnings = project.text(&project.site().warnings);
    has(
        &warnings,
        &["`argument_specs` is not read", "roles/web/meta/argument_specs.yml:1:1", "meta/inputs.yml"],
    );
}

#[test]
fn a_role_begins_with_other_files() {
    let site = "- hosts: web\n  tasks:\n    - import_role: {name: web, tasks_from: setup, defaults_from: big.yml, vars_from: v, handlers_from: h}\n    \
        - import_role: {name: web}\n";
    let files = [
        ("site.yml", site),
        ("roles/web/tasks/main.yml", "- file: {path: \"/main/{{size}}\", state: absent}\n"),
        (
            "roles/web/tasks/setup.yml",
            "- file: {path: \"/setup/{{size}}/{{v}}\", state: absent}\n  notify: again\n",
        ),
        ("roles/web/defaults/main.yml", "size: small\n"),
        ("roles/web/defaults/big.yml", "size: big\n"),
        ("roles/web/vars/v.yml", "v: 1\n"),
        ("roles/web/handlers/h.yml", "- {name: again, command: x}\n"),
    ];
    let project = Project::new(&files);
    assert_eq!(project.errors(), "");
    let host = project.host("a");
    assert_eq!((owns(&host, 0), owns(&host, 1)), ("path:/setup/big/1".into(), "path:/main/small".into()));
    let text = Project::new(&[
        ("site.yml", &site.replace("setup", "setpu")),
        files[2],
        files[4],
        files[5],
        files[6],
    ])
    .errors();
    has(&text, &["no such file: roles/web/tasks/setpu.yml", "did you mean `setup.yml`?", "site.yml:3:"]);
}
