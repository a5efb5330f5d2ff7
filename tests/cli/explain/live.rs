//! With the host itself.

use super::{below, explain, project};
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
         - {name: docker comes, shell: {cmd: \":\", touches: [packages, docker]}}\n    - {name: run, compose: {directory: \"{{home}}\", project: shop}}\n    \
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

/// What a plan knows of results, an explanation of the same host knows too.
#[test]
fn results_that_the_plan_knows_are_said() {
    let project = Project::tasks(
        r#"    - {name: Look, stat: {path: "{{home}}/version"}, register: seen}
    - {name: Conf, copy: {dest: "{{home}}/conf", content: x}, register: conf}
    - name: Each
      loop: [version, other]
      stat: {path: "{{home}}/{{item}}"}
      register: each
    - {name: Kept, set_fact: {there: "{{seen.stat.exists}}"}}
    - {name: If there, when: seen.stat.exists, copy: {dest: "{{home}}/two", content: x}}
    - {name: If changed, when: conf.changed, copy: {dest: "{{home}}/three", content: x}}
    - {name: Ask, command: "cat {{home}}/version", register: said, changed_when: false}
    - {name: If said, when: 'eq said.stdout "2"', copy: {dest: "{{home}}/four", content: x}}
    - name: Page
      copy:
        dest: "{{home}}/page"
        content: |
          exists={{seen.stat.exists}}
          changed={{conf.changed}}
          first={{each.results.0.stat.exists}}
          second={{each.results.1.stat.exists}}
          there={{there}}
          said={{said.stdout}}
"#,
    );
    project.write("h/a/version", "2");
    project.write("h/a/conf", "x");
    let live = |what: &str| project.run(&["explain", "inventory.yml", "a", what]);
    let page = project.home("a").join("page").display().to_string();
    let text = live(&page).exits(0).out.clone();
    for (line, reads) in [
        ("exists=true", "seen.stat.exists result of `Look`, site.yml:3 true"),
        ("changed=false", "conf.changed result of `Conf`, site.yml:4 false"),
        ("first=true", "each.results.0.stat.exists result of `Each`, site.yml:5 true"),
        ("second=false", "each.results.1.stat.exists result of `Each`, site.yml:5 false"),
        ("there=true", "there set_fact, site.yml:9 true"),
        ("said={{said.stdout}}", "said.stdout result of `Ask`, site.yml:12 known only in the run"),
    ] {
        assert_eq!(below(&text, line)[0], reads, "{text}");
    }
    live("If there").exits(0).has(&["runs: all its conditions hold", "is true", "now: would change"]);
    live("If changed").exits(0).has(&["skipped: conf.changed", "is false", "now: skipped: conf.changed"]);
    live("If said").exits(0).has(&["is known only in the run", "now: not known yet"]);
    // Another state of the host is another answer.
    std::fs::remove_file(project.path("h/a/version")).unwrap();
    project.write("h/a/conf", "y");
    live("If there").exits(0).has(&["skipped: seen.stat.exists", "now: skipped: seen.stat.exists"]);
    live("If changed").exits(0).has(&["runs: all its conditions hold", "now: would change"]);
    // Without the host nobody knows.
    let offline = project.run(&["explain", "inventory.yml", "--offline", "a", "If there"]);
    offline.exits(0).has(&["is known only in the run: the result of `seen`"]);
}

/// Two owners keep an apply from the host, and nobody from looking.
#[test]
fn two_owners_are_told_and_explained_all_the_same() {
    let project = Project::tasks(
        "    - {name: first, copy: {dest: \"{{home}}/conf\", content: \"{{text}}\"}}\n    \
         - {name: second, copy: {dest: \"{{home}}/conf\", content: other}}\n    \
         - {name: apart, copy: {dest: \"{{home}}/apart\", content: \"{{text}}\"}}\n",
    );
    project.write("group_vars/all.yml", "text: hello\n");
    project.go().exits(20).has(&["two tasks own `path:"]);
    let conf = project.home("a").join("conf").display().to_string();
    let told = [
        "apply refuses this host[two-owners]: two tasks own `path:",
        "`first` owns it already: site.yml:3:14",
    ];
    for offline in [&["--offline"][..], &[]] {
        for (what, says) in [
            ("first", "content: hello"),
            ("apart", "text  group_vars/all.yml:1  \"hello\""),
            (&*conf, "`second` writes it"),
        ] {
            let ran = project.run(&[&["explain", "inventory.yml", "a", what], offline].concat());
            ran.exits(0).has(&told).has(&[says]);
            assert_eq!(ran.out.matches("[two-owners]").count(), 1, "{}", ran.text());
        }
    }
    project.run(&["explain", "inventory.yml", "a", "apart"]).exits(0).has(&["now: would change"]);
    let said = project.run(&["explain", "inventory.yml", "a", "apart", "--offline", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said.exits(0).out).unwrap();
    let finding = &said["findings"][0];
    assert_eq!((&finding["lint"], &finding["refuses"]), (&"two-owners".into(), &true.into()));
    assert!(finding["place"].as_str().unwrap().starts_with("site.yml:4:"), "{finding}");
    // What else is wrong is an error, with all of it.
    let site = project.read("site.yml");
    project.write(
        "site.yml",
        &format!(
            "{site}    - {{name: wrong, copy: {{dest: \"{{{{home}}}}/x\", content: \"{{{{nobody}}}}\"}}}}\n"
        ),
    );
    project.run(&["explain", "inventory.yml", "a", "apart"]).exits(20).has(&["`nobody`", "two tasks own"]);
    // Where only the host tells that both are to run.
    let when = site.replace("name: second,", "name: second, when: ne facts.os.family \"none\",");
    project.write("site.yml", &when);
    project.check().exits(20).has(&["is owned by two tasks: `first` and `second`"]);
    let ran = project.run(&["explain", "inventory.yml", "a", "apart"]);
    ran.exits(0).has(&["[two-owners]: ", "conf` ", "now: would change"]);
    assert_eq!(ran.out.matches("[two-owners]").count(), 1, "{}", ran.text());
    assert!(!project.has("h/a/conf") && !project.has("h/a/apart"));
}
