//! Facts as a real agent answers them, kept from run to run, and what helpers take from the controller.

use crate::project::{Project, play};
use lustores_provision::site::{ansible_names, facts};
use serde_json::Value as Json;
use std::{collections::BTreeSet, os::unix::fs::PermissionsExt};

/// All paths in a value, with the names of the documentation: `*` for a key of `disks` and the like, `0` for an item.
fn paths(value: &Json, path: &str, known: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    let below = |name: &str| if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
    let inner: Vec<(String, &Json)> = match value {
        Json::Object(map) => {
            let any = known.iter().any(|known| known.starts_with(&below("*.")));
            map.iter().map(|(name, value)| (if any { below("*") } else { below(name) }, value)).collect()
        }
        // A list of texts is one fact.
        Json::Array(list) => {
            list.iter().filter(|item| item.is_object()).map(|item| (below("0"), item)).collect()
        }
        _ => vec![],
    };
    for (path, value) in inner {
        if !path.ends_with(".*") && !path.ends_with(".0") {
            found.insert(path.clone());
        }
        paths(value, &path, known, found);
    }
}

#[test]
fn a_real_agent_answers_what_is_documented() {
    let project = Project::tasks(
        "    - {name: all, copy: {dest: \"{{home}}/facts\", content: \"{{to_json facts}}\"}}\n",
    );
    let aliases: String =
        ansible_names().iter().map(|(name, _)| format!("{name}={{{{to_json {name}}}}}\n")).collect();
    project.write("templates/names", &aliases);
    project.write(
        "site.yml",
        &(project.read("site.yml") + "    - template: {src: names, dest: \"{{home}}/names\"}\n"),
    );
    project.go().exits(0);
    let answered: Json = serde_json::from_str(&project.read("h/a/facts")).unwrap();
    let known: BTreeSet<String> = facts().into_iter().map(|fact| fact.path).collect();
    let mut found = BTreeSet::new();
    paths(&answered, "", &known, &mut found);
    assert!(found.is_subset(&known), "not documented: {:?}", found.difference(&known));
    // What hangs on a disk or a partition is not on every machine.
    let missing: Vec<_> =
        known.difference(&found).filter(|path| !path.contains('*') && !path.contains('0')).collect();
    assert!(missing.is_empty(), "not answered: {missing:?}");
    assert_eq!(answered["interfaces"]["lo"]["ipv4"][0]["address"], "127.0.0.1");
    assert_eq!(answered["user"]["uid"], 0);
    assert!(answered["time"]["epoch"].as_u64().unwrap() > 1_700_000_000);
    assert!(answered["memory"]["total_mb"].as_u64().unwrap() > 0);
    assert_eq!(project.read("h/a/names").lines().filter(|line| line.ends_with("=null")).count(), 0);
    // Nothing of it changes by itself but what is said to.
    let stable = "    - {name: all, copy: {dest: \"{{home}}/stable\", content: \"{{to_json facts.os}}{{to_json facts.cpu}}{{facts.memory.total_mb}}\"}}\n";
    project.write("site.yml", &play(stable));
    project.go().exits(0);
    project.check().exits(0);
}

#[test]
fn a_fact_that_does_not_exist_is_found_without_a_connection() {
    let project = Project::tasks(
        "    - {debug: {msg: \"{{facts.memroy.total_mb}}\"}}\n    - {debug: {msg: x}, when: facts.os.famly}\n    \
         - {debug: {msg: \"{{ansible_memtotal}}\"}}\n    - {debug: {msg: \"{{hostvars.a.facts.cpu.core}}\"}}\n    \
         - {debug: {msg: \"{{ansible_facts.hostnam}} {{ansible_eth0.mtu}}\"}}\n",
    );
    project.run(&["validate", "inventory.yml"]).exits(20).has(&[
        "`facts` has no key `memroy`",
        "did you mean `memory`?",
        "site.yml:3:",
        "`facts.os` has no key `famly`",
        "did you mean `family`?",
        "undefined variable `ansible_memtotal`",
        "did you mean `ansible_memtotal_mb`?",
        "has no key `core`",
        "did you mean `cores`?",
        "did you mean `hostname`?",
        "undefined variable `ansible_eth0`",
        "`doc facts`",
    ]);
}

#[test]
fn a_condition_on_what_is_not_there_is_an_error_and_not_false() {
    for (condition, message) in [
        ("eq r.stdot \\\"x\\\"", "`r` has no key `stdot`"),
        ("eq skipped.stdout \\\"x\\\"", "`skipped` has no key `stdout`"),
        ("facts.interfaces.nope.up", "`facts.interfaces` has no key `nope`"),
        ("r.stdout", "a condition must be true or false, this is a string"),
    ] {
        let project = Project::tasks(&format!(
            "    - {{command: {{cmd: echo x, changes: false}}, register: r}}\n    - {{command: \"false\", register: skipped, when: false}}\n    \
             - {{copy: {{dest: \"{{{{home}}}}/x\", content: x}}, when: \"{condition}\"}}\n"
        ));
        let ran = project.go();
        ran.has(&[message]);
        assert!(ran.code != Some(0) && !project.has("h/a/x"), "{condition}: {}", ran.text());
    }
    // A name that is nowhere is found offline.
    let project = Project::tasks("    - {debug: {msg: x}, when: not nowhere}\n");
    project.run(&["validate", "inventory.yml"]).exits(20).has(&["undefined variable `nowhere`"]);
}

#[test]
fn ansibles_names_decide_conditions() {
    let project = Project::tasks(
        "    - {name: known, debug: {msg: known}, when: eq ansible_os_family (ternary (eq facts.os.family \"debian\") \"Debian\" ansible_os_family)}\n    \
         - {name: own, copy: {dest: \"{{home}}/x\", content: \"{{ansible_hostname}} {{ansible_facts.kernel}} {{ansible_fqdn}}\"}}\n",
    );
    project.write("group_vars/all.yml", "ansible_fqdn: mine.example.org\n");
    project.go().exits(0);
    let text = project.read("h/a/x");
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert!(text.contains(kernel.trim()) && text.ends_with(" mine.example.org"), "{text}");
}

#[test]
fn facts_of_hosts_outside_of_the_run_come_from_the_cache() {
    let tasks = "    - {name: b, copy: {dest: \"{{home}}/b\", content: \"{{hostvars.b.facts.kernel}} {{hostvars.b.ansible_kernel}} {{hostvar \\\"b\\\" \\\"where\\\"}}\"}}\n";
    let project = Project::local(&["a", "b"], &play(tasks));
    project.write("host_vars/b.yml", "where: \"{{facts.arch}}\"\n");
    let only_a = ["--yes", "--limit", "a"];
    // Found before anything is connected to.
    project
        .run(&["validate", "inventory.yml", "--limit", "a"])
        .exits(20)
        .has(&["site.yml:3:", "default x ..."]);
    project.run(&["validate", "inventory.yml"]).exits(0);
    project.apply(&only_a).exits(20).has(&[
        "facts of another host are not known",
        "a fact of b, which is not part of this run",
        "--fact-cache",
    ]);
    let cache = ["--fact-cache", "kept/facts"];
    project.write("site.yml", &play("    - {debug: {msg: \"{{facts.os.id}}\"}}\n"));
    project.apply(&[&["--check", "--limit", "b"][..], &cache].concat()).exits(0);
    assert!(!project.has("kept/facts/a.json"));
    let kept = project.path("kept/facts/b.json");
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    project.write("site.yml", &play(tasks));
    project.apply(&[&only_a[..], &cache].concat()).exits(0);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let (kernel, arch) = (kernel.trim(), std::env::consts::ARCH);
    assert_eq!(project.read("h/a/b"), format!("{kernel} {kernel} {arch}"));
    // Too old, damaged, or nonsense for an age.
    let text = project.read("kept/facts/b.json");
    let old = text.replace("\"gathered\": 1", "\"gathered\": ");
    assert_ne!(old, text);
    project.write("kept/facts/b.json", &old);
    project.apply(&[&only_a[..], &cache].concat()).exits(20).has(&["a fact of b"]);
    project.apply(&[&only_a[..], &cache, &["--fact-cache-age", "9999w"]].concat()).exits(0);
    project.write("kept/facts/b.json", &text[..text.len() / 2]);
    project
        .apply(&[&only_a[..], &cache].concat())
        .exits(20)
        .has(&["warning[kept-facts-unusable]: kept facts cannot be used", "kept/facts/b.json"]);
    project
        .apply(&[&only_a[..], &["--fact-cache-age", "soon"]].concat())
        .exits(2)
        .has(&["`90m`, `24h` or `7d`"]);
    // Where they cannot be kept, the run goes on.
    project.write("plain", "");
    project.apply(&["--yes", "--fact-cache", "plain"]).exits(20).has(&["cannot read the fact cache plain"]);
}

#[test]
fn hosts_of_one_run_know_each_others_facts() {
    let tasks = "    - copy: {dest: \"{{home}}/x\", content: \"{{#each groups.all as |name|}}{{hostvar name \\\"facts.kernel\\\"}} {{/each}}\"}\n";
    let project = Project::local(&["a", "b", "c"], &play(tasks));
    // More hosts than turns.
    project.apply(&["--yes", "--forks", "1"]).exits(0);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(project.read("h/b/x"), format!("{0} {0} {0} ", kernel.trim()));
    project.check().exits(0);
    // A host that cannot be reached holds up nobody; what was kept of it counts.
    let cache = ["--fact-cache", "kept"];
    project.apply(&[&["--check"][..], &cache].concat()).exits(0);
    project.write("host_vars/c.yml", "{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}\n");
    project.apply(&["--check"]).exits(30).has(&["a fact of c, which cannot be reached"]);
    project.apply(&[&["--check"][..], &cache].concat()).exits(30).lacks(&["a fact of c"]);
    let tasks = "    - copy: {dest: \"{{home}}/y\", content: \"{{default hostvars.c.facts.kernel \\\"?\\\"}} {{defined hostvars.c.ansible_kernel}}\"}\n";
    project.write("site.yml", &play(tasks));
    project.apply(&["--yes"]).exits(30);
    assert_eq!(project.read("h/a/y"), "? false");
}

#[test]
fn helpers_take_files_the_environment_and_the_time_from_the_controller() {
    let project = Project::tasks(
        "    - {name: file, copy: {dest: \"{{home}}/motd\", content: \"{{upper (file \\\"motd\\\")}}\"}}\n    \
         - {name: env, copy: {dest: \"{{home}}/env\", content: \"{{env \\\"STAGE\\\" \\\"none\\\"}} {{now \\\"%Y\\\"}}\"}}\n    \
         - {name: token, command: {cmd: echo hunter2hunter2 top-secret-42, changes: false}}\n    \
         - {name: out, copy: {dest: \"{{home}}/token\", content: \"{{secret (env \\\"TOKEN\\\")}}{{trim (file \\\"key\\\")}}\"}}\n    \
         - {name: role, import_role: {name: r}}\n",
    );
    project.write("files/motd", "welcome\n");
    project.write("files/key", "top-secret-42\n");
    project.write("roles/r/files/motd", "of the role\n");
    project.write(
        "roles/r/tasks/main.yml",
        "- copy: {dest: \"{{home}}/role\", content: \"{{file \\\"motd\\\"}}{{text}}\"}\n",
    );
    project.write("group_vars/all.yml", "text: \"{{file \\\"motd\\\"}}\"\n");
    project.write("password", "password\n");
    project.run(&["vault", "encrypt", "files/key", "--vault-password-file", "password"]).exits(0);
    let arguments = ["apply", "inventory.yml", "--yes", "--vault-password-file", "password"];
    let mut command = project.command(&arguments);
    let output = command.env("TOKEN", "hunter2hunter2").env("STAGE", "test").output().unwrap();
    let printed =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(!printed.contains("hunter2") && !printed.contains("top-secret"), "{printed}");
    assert_eq!(project.read("h/a/motd"), "WELCOME\n");
    let env = project.read("h/a/env");
    assert!(env.starts_with("test 2") && env.len() == 9, "{env}");
    assert_eq!(project.read("h/a/token"), "hunter2hunter2top-secret-42");
    assert_eq!(project.read("h/a/role"), "of the role\nof the role\n");
    // Nothing of that is there: found without a connection.
    std::fs::remove_file(project.path("files/motd")).unwrap();
    project.run(&["validate", "inventory.yml", "--vault-password-file", "password"]).exits(20).has(&[
        "no such file: `motd`",
        "looked in ",
        "the environment has no variable `TOKEN`",
        "2 errors",
    ]);
}

#[test]
fn a_mistake_in_a_partial_shows_the_way_from_the_task() {
    let project = Project::tasks("    - name: conf\n      template: {src: main, dest: \"{{home}}/x\"}\n");
    project.write("templates/main", "# main\n{{> part}}\n");
    project.write("templates/part", "# part\n\n{{> inner}}\n");
    project.write("templates/inner", "x {{typo}}\n");
    let ran = project.run(&["validate", "inventory.yml"]);
    ran.exits(20).has(&[
        "undefined variable `typo`",
        "templates/inner:1:5",
        "templates/part:3:1",
        "templates/main:2:1",
        "included from here",
        "site.yml:4:23",
        "the template of this task",
    ]);
}
