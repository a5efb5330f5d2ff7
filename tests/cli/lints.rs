//! The lint of plans in real runs.

use crate::project::Project;
use serde_json::Value;

/// A compose file with what is odd about one, in a folder of the host.
const TASKS: &str = "    - {name: folder, file: {path: \"{{home}}/shop\", state: directory}}\n    \
    - {name: settings, env_file: {path: \"{{home}}/shop/.env\", values: {DB_PASSWORD: \"{{db_password}}\"}, mode: \"0644\"}}\n    \
    - {name: services, template: {dest: \"{{home}}/shop/compose.yml\", src: compose.yml}}\n    \
    - name: run\n      when: with_compose\n      compose: {directory: \"{{home}}/shop\"}\n";

const COMPOSE: &str = "name: shop\nservices:\n  db:\n    image: postgres:15\n    ports: [\"5432:5432\"]\n    logging: {driver: local}\n  \
    updates:\n    image: {{image}}\n    environment: {SECRET: \"${SESSION_SECRET}\"}\n    volumes: [\"/var/run/docker.sock:/var/run/docker.sock\"]\n    \
    logging: {driver: local}\n";

fn project(hosts: &[&str]) -> Project {
    let playbook =
        format!("- hosts: all\n  vars: {{image: acme/updates, with_compose: true}}\n  tasks:\n{TASKS}");
    let project = Project::local(hosts, &playbook);
    project.write("templates/compose.yml", COMPOSE);
    project.write("group_vars/all.yml", "db_password: abc-def-ghi\n");
    project
}

/// The findings of a run, as its events tell them.
fn findings(events: &str) -> Vec<Value> {
    let lines = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|event| event["event"] == "finding").collect()
}

#[test]
fn a_plan_tells_what_is_odd_before_anything_is_done_and_the_inventory_accepts_it() {
    let project = project(&["a", "b"]);
    let told = [
        "warning[published-database-port]: service `db` publishes its database on all addresses of the host: 5432",
        "templates/compose.yml:5:",
        "warning[latest-image]: service `updates` runs whatever `acme/updates` is by then",
        "warning[docker-socket]: service `updates` has Docker's socket",
        "warning[blank-variable]: `${SESSION_SECRET}` is blank",
    ];
    let offline = project.run(&["validate", "inventory.yml"]);
    offline
        .exits(0)
        .has(&[told[0], told[2], told[3], told[4]])
        .has(&["templates/compose.yml:5:", "4 warnings"]);
    project.run(&["validate", "inventory.yml", "--strict"]).exits(20);
    // The same of a plan, each once for all hosts, whether or not there is a docker; and nothing is done.
    let check = project.check();
    check.has(&told).has(&["[all hosts] templates/compose.yml:5:"]);
    assert_eq!(check.out.matches("warning[docker-socket]").count(), 1, "{}", check.text());
    let events = project.apply(&["--check", "--json"]);
    let found = findings(&events.out);
    assert_eq!(found.len(), 8, "{}", events.text());
    assert!(found.iter().all(|it| it["finding"]["accepted"].is_null() && it["finding"]["refuses"] == false));
    // Accepted for one host, with the reason.
    let inventory = project.read("inventory.yml").replace(
        "    a:\n",
        "    a:\n      accept_findings:\n        docker-socket: it replaces images\n        latest-image: it is our own\n        \
         published-database-port: a test\n        blank-variable: a test\n",
    );
    project.write("inventory.yml", &inventory);
    let check = project.check();
    check.has(&["[b] templates/compose.yml:5:", "4 warnings about this plan accepted in the inventory"]);
    let events = project.apply(&["--check", "--json", "--limit", "a"]);
    let found = findings(&events.out);
    let socket = found.iter().find(|it| it["finding"]["lint"] == "docker-socket").unwrap();
    assert_eq!(socket["finding"]["accepted"], "it replaces images");
    assert_eq!(
        (&socket["host"], socket["finding"]["place"].as_str().unwrap()),
        (&"a".into(), "templates/compose.yml:10:5")
    );
    project
        .run(&["validate", "inventory.yml", "--limit", "a", "--strict"])
        .exits(0)
        .has(&["1 host: no mistakes found"]);
}

#[test]
fn secrets_that_others_may_read_are_told_in_a_run_and_never_shown() {
    let project = Project::tasks(
        "    - {name: token, no_log: true, copy: {dest: \"{{home}}/token\", content: abc-def-ghi, mode: \"0644\"}}\n    \
         - {name: kept, no_log: true, copy: {dest: \"{{home}}/kept\", content: abc-def-ghi}}\n",
    );
    // What is there keeps its mode: that shows only on the host.
    project.write("h/a/kept", "old");
    project
        .run(&["validate", "inventory.yml"])
        .exits(0)
        .has(&["h/a/token, and a secret is in it", ", 1 warning"]);
    let ran = project.go();
    ran.exits(0).has(&[
        "h/a/token, and a secret is in it",
        "h/a/kept, and a secret is in it",
        "its mode is 0644",
    ]);
    ran.lacks(&["abc-def-ghi"]);
    let inventory = project.read("inventory.yml");
    let accepting = |text: &str| {
        project.write(
            "inventory.yml",
            &inventory.replace("    a:\n", &format!("    a:\n      accept_findings: {text}\n")),
        );
    };
    accepting("{readable-secret: a test}");
    project.go().exits(0).has(&["2 warnings about this plan accepted"]).lacks(&["is accepted and not found"]);
    // What nothing needs any more is said, once all is known.
    accepting("{readable-secret: a test, docker-socket: a test}");
    project.go().exits(0).has(&["warning[unused-acceptance]: `docker-socket` is accepted and not found"]);
    let limited = project.apply(&["--yes", "--tags", "none"]);
    limited.lacks(&["unused-acceptance"]);
    // A mistake in it is found before anything is done.
    for (wrong, said) in [
        ("{docker-sockets: a test}", "there is no finding `docker-sockets`"),
        ("{docker-socket: \"\"}", "`docker-socket` is accepted without a reason"),
        ("[docker-socket]", "expected names of findings with the reason for each, found a list"),
    ] {
        accepting(wrong);
        project.go().exits(20).has(&[said, "inventory.yml:"]);
    }
}
