//! The lint of plans in real runs.

use crate::{project::Project, sshd::Sshd};
use serde_json::Value;

/// A compose file with what is odd about one, in a folder of a host that may have no docker yet.
const TASKS: &str = "    - {name: folder, file: {path: \"{{home}}/shop\", state: directory}}\n    \
    - {name: settings, env_file: {path: \"{{home}}/shop/.env\", values: {DB_PASSWORD: \"{{db_password}}\"}, mode: \"0644\"}}\n    \
    - {name: services, template: {dest: \"{{home}}/shop/compose.yml\", src: compose.yml}}\n    \
    - {name: docker comes, shell: {cmd: \":\", touches: [packages, docker]}}\n    - name: run\n      when: with_compose\n      compose: {directory: \"{{home}}/shop\"}\n";

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
    // Another playbook, or another host, may have a use for it.
    project.write("other.yml", "- hosts: all\n  tasks: []\n");
    project.apply(&["--yes", "--playbook", "other.yml"]).exits(0).lacks(&["unused-acceptance"]);
    project.run(&["validate", "inventory.yml", "--playbook", "other.yml"]).lacks(&["unused-acceptance"]);
    project.apply(&["--yes", "--limit", "a"]).exits(0).lacks(&["unused-acceptance"]);
    project.apply(&["--yes", "--playbook", "site.yml"]).exits(0).has(&["unused-acceptance"]);
    // Where none is the inventory's own, none judges.
    std::fs::rename(project.path("site.yml"), project.path("web.yml")).unwrap();
    project
        .run(&["validate", "inventory.yml", "--playbook", "web.yml"])
        .exits(0)
        .lacks(&["unused-acceptance"]);
    project.apply(&["--yes", "--playbook", "web.yml"]).exits(0).lacks(&["unused-acceptance"]);
    std::fs::rename(project.path("web.yml"), project.path("site.yml")).unwrap();
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

/// A database in a folder of the host, whose data another major version has made.
fn database(image: &str) -> Project {
    let project = Project::tasks(&format!(
        "    - {{name: first, copy: {{dest: \"{{{{home}}}}/first\", content: x}}}}\n    \
         - name: services\n      copy:\n        dest: \"{{{{home}}}}/compose.yml\"\n        content: |\n          services:\n            db:\n              \
         image: {image}\n              logging: {{driver: local}}\n              volumes: [\"{{{{home}}}}/db:/var/lib/postgresql/data\"]\n    \
         - {{name: docker comes, shell: {{cmd: \":\", touches: [packages, docker]}}}}\n    - {{name: run, compose: {{directory: \"{{{{home}}}}\", project: shop}}}}\n",
    ));
    project.write("h/a/db/PG_VERSION", "15\n");
    project
}

#[test]
fn another_major_of_postgresql_is_refused_before_anything_is_touched() {
    let project = database("postgres:16-alpine");
    project.run(&["validate", "inventory.yml"]).exits(0).has(&["no mistakes found"]);
    for more in [["--yes"], ["--check"]] {
        let refused = project.apply(&more);
        refused.exits(20).has(&[
            "error: a: service `db` would run PostgreSQL 16 on the data of PostgreSQL 15 (site.yml:10:15)",
            "h/a/db/PG_VERSION says 15, and the image is `postgres:16-alpine`",
            "hint: keep 15, or dump the database",
        ]);
        assert!(!project.has("h/a/first"), "{}", refused.text());
    }
    let events = project.apply(&["--yes", "--json"]);
    let found = findings(&events.out);
    assert_eq!((found.len(), &found[0]["finding"]["refuses"]), (1, &true.into()), "{}", events.text());
    // Whoever only wants to know what has moved is told, and not kept from it.
    project.run(&["drift", "inventory.yml"]).has(&["a: "]).lacks(&["error: a: service"]);
    // Accepted, it is shown with the reason.
    let inventory = project.read("inventory.yml");
    let accepting =
        "    a:\n      accept_findings: {postgres-major: the image upgrades the data by itself}\n";
    project.write("inventory.yml", &inventory.replace("    a:\n", accepting));
    project.check().exits(10).has(&[
        "accepted[postgres-major]: service `db` would run PostgreSQL 16 on the data of PostgreSQL 15",
        "because: the image upgrades the data by itself",
    ]);
    database("postgres:15.4").check().exits(10).lacks(&["postgres-major"]);
}

#[test]
fn a_database_below_a_disk_that_is_not_mounted_is_refused() {
    let project = database("postgres:15");
    let mount = "    - {name: disk, mount: {path: \"{{home}}\", src: /dev/lints-no-such-disk, fstype: ext4, state: present}}\n";
    let playbook =
        project.read("site.yml").replace("    - {name: first,", &format!("{mount}    - {{name: first,"));
    project.write("site.yml", &playbook);
    let refused = project.apply(&["--yes"]);
    refused.exits(20).has(&[
        "is not mounted, and service `db` keeps its database there",
        "a task of this plan says that it is to be",
    ]);
    assert!(!project.has("h/a/first"));
    let inventory = project.read("inventory.yml");
    let accepting = "    a:\n      accept_findings: {database-not-mounted: a test without a disk}\n";
    project.write("inventory.yml", &inventory.replace("    a:\n", accepting));
    project.check().exits(10).has(&["accepted[database-not-mounted]", "because: a test without a disk"]);
}

/// Another sshd in a network of its own, reached over a real interface: what comes over loopback no policy closes. Namespaces have no
/// systemd: no unit is found there.
const NETWORK: &str = r#"
printf '#!/bin/sh\nprintf "LoadState=not-found\\nActiveState=inactive\\nSubState=dead\\nUnitFileState=\\nNeedDaemonReload=no\\n"\n' > systemctl
chmod 755 systemctl
mount --bind systemctl /usr/bin/systemctl
net=10.98.$((PORT % 250))
ip netns add lints
ip link add "lpl$PORT" type veth peer name veth0 netns lints
ip addr add "$net.1/24" dev "lpl$PORT"
ip link set "lpl$PORT" up
ip -n lints addr add "$net.2/24" dev veth0
ip -n lints link set veth0 up
ip -n lints link set lo up
sed "s/^ListenAddress.*/ListenAddress $net.2/" sshd_config > sshd_config_net
ip netns exec lints "$sshd" -e -f "$BASE/sshd_config_net"
"#;

#[test]
fn rules_that_would_cut_this_run_off_are_refused() {
    let sshd = Sshd::start_as(NETWORK);
    let net = format!("10.98.{}", sshd.port % 250);
    let key = std::fs::read_to_string(sshd.base.join("host_key.pub")).unwrap();
    let known = format!("[127.0.0.1]:{0} {key}[{net}.2]:{0} {key}", sshd.port);
    std::fs::write(sshd.base.join("known_hosts"), known).unwrap();
    let rules = |from: &str| {
        format!(
            "    - name: closed\n      become: true\n      firewall: {{table: lints, public: [80], allow: [{{port: {}, from: [{from}]}}], ssh_port: {0}}}\n",
            sshd.port
        )
    };
    let project = |from: &str| {
        let project = Project::ssh(&sshd, &rules(from));
        let inventory = project
            .read("inventory.yml")
            .replace("ansible_host: 127.0.0.1", &format!("ansible_host: {net}.2"));
        project.write("inventory.yml", &inventory);
        project
    };
    let refused = project("192.0.2.0/24").go();
    let said = format!(
        "these rules let nobody in from {net}.1 to port {}, where this run comes from (site.yml:3:13)",
        sshd.port
    );
    refused
        .exits(20)
        .has(&[&said, &format!("hint: add `{{port: {}, from: [{net}.1]}}` to `allow`", sshd.port)]);
    // The network that it comes from, or a reason.
    let fine = project(&format!("{net}.0/24")).check();
    fine.exits(10).has(&["~ closed"]).lacks(&["firewall-cuts-off"]);
    let accepting = project("192.0.2.0/24");
    let inventory = accepting.read("inventory.yml").replace(
        "    web1:\n",
        "    web1:\n      accept_findings: {firewall-cuts-off: the next run comes by the VPN}\n",
    );
    accepting.write("inventory.yml", &inventory);
    accepting
        .check()
        .exits(10)
        .has(&["accepted[firewall-cuts-off]", "because: the next run comes by the VPN"]);
}
