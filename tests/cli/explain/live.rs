//! With the host itself.

use super::{explain, project};
use crate::project::Project;

#[test]
fn the_host_itself_says_what_is_to_be_done() {
    let project = project();
    let live = |what: &str| {
        project.run(&["explain", "inventory.yml", "a", what, "--vault-password-file", "password"])
    };
    let path = project.home("a").join("app.conf").display().to_string();
    let bare = live(&path);
    bare.exits(0).has(&[
        "now: would change",
        "name = app.example.org  <- changes",
        "debug = yes  <- changes",
    ]);
    assert!(!project.has("h/a/app.conf"), "explain wrote a file");
    project.apply(&["--yes", "--vault-password-file", "password"]).exits(0);
    live(&path).exits(0).has(&["now: unchanged", "name = app.example.org"]).lacks(&["<- changes"]);
    project.write("h/a/app.conf", &project.read("h/a/app.conf").replace("name = app", "name = other"));
    let before = project.tree("h");
    let edited = live(&path);
    edited.exits(0).has(&["now: would change", "name = app.example.org  <- changes"]);
    edited.lacks(&["debug = yes  <- changes", "port = 8080 # tls  <- changes"]);
    live("The settings").exits(0).has(&[
        "now: would change",
        "-name = other.example.org",
        "+name = app.example.org",
    ]);
    live("Restart the app").exits(0).has(&["now: would run: notified"]);
    live("The motd").exits(0).has(&["now: unchanged"]);
    live("Only on the beta").exits(0).has(&["now: skipped: eq channel \"beta\""]);
    // What only the host knows is known now.
    let os = project.home("a").join("os").display().to_string();
    live(&os).exits(0).has(&["facts.os.family  facts of a  \""]).lacks(&["not known", "{{"]);
    live(&project.home("a").join(".env").display().to_string()).exits(0).lacks(&["swordfish"]);
    assert_eq!(project.tree("h"), before, "explain changes nothing");
    project.write("host_vars/a.yml", "ansible_connection: ssh\nansible_host: 127.0.0.1\nansible_port: 1\n");
    live("The motd").exits(30).has(&["a"]);
    explain(&project, &["a", "The motd"]).exits(0).has(&["runs: it has no condition"]);
}

/// Whoever looks is told what an apply refuses, and not kept from looking.
#[test]
fn what_an_apply_refuses_is_told_and_explained_all_the_same() {
    let project = Project::tasks(
        "    - {name: first, copy: {dest: \"{{home}}/first\", content: \"{{text}}\"}}\n    \
         - name: services\n      copy:\n        dest: \"{{home}}/compose.yml\"\n        content: |\n          services:\n            db:\n              \
         image: postgres:16\n              logging: {driver: local}\n              volumes: [\"{{home}}/db:/var/lib/postgresql/data\"]\n    \
         - {name: run, compose: {directory: \"{{home}}\", project: shop}}\n    \
         - {name: open, no_log: true, copy: {dest: \"{{home}}/token\", content: abc-def-ghi, mode: \"0644\"}}\n",
    );
    project.write("group_vars/all.yml", "text: hello\n");
    project.write("h/a/db/PG_VERSION", "15\n");
    project.check().exits(20).has(&["PostgreSQL 16 on the data of PostgreSQL 15"]);
    let live =
        |what: &str, more: &[&str]| project.run(&[&["explain", "inventory.yml", "a", what], more].concat());
    let ran = live("first", &[]);
    ran.exits(0).has(&[
        "first on a",
        "now: would change",
        "text  group_vars/all.yml:1  \"hello\"",
        "apply refuses this host[postgres-major]: service `db` would run PostgreSQL 16 on the data of PostgreSQL 15",
        "hint: keep 15, or dump the database",
    ]);
    // What only warns is told with the task that it is about.
    ran.lacks(&["readable-secret"]);
    live("open", &[]).exits(0).has(&["warning[readable-secret]", "[postgres-major]"]).lacks(&["abc-def-ghi"]);
    let said: serde_json::Value = serde_json::from_str(&live("first", &["--json"]).exits(0).out).unwrap();
    assert_eq!(said["findings"][0]["lint"], "postgres-major");
    assert_eq!(
        (&said["findings"][0]["refuses"], said["findings"].as_array().unwrap().len()),
        (&true.into(), 1)
    );
    assert!(!project.has("h/a/first"), "it only looks");
    let inventory = project.read("inventory.yml");
    let accepting = "    a:\n      accept_findings: {postgres-major: the image upgrades the data}\n";
    project.write("inventory.yml", &inventory.replace("    a:\n", accepting));
    live("first", &[]).exits(0).has(&["accepted[postgres-major]", "because: the image upgrades the data"]);
}
