//! Saved plans: what was approved is done, or nothing is.

use crate::{project::Project, sshd::Sshd};
use base64::{Engine, engine::general_purpose as b64};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

const TASKS: &str = "    - {name: folder, file: {path: \"{{home}}/etc\", state: directory, mode: \"0750\"}}\n    \
     - {name: conf, copy: {dest: \"{{home}}/etc/conf\", content: \"a=1\\nb=2\\n\", mode: \"0644\"}, notify: told}\n    \
     - {name: asks, command: \"cat {{home}}/etc/conf\", register: said, changed_when: false}\n    \
     - {name: later, copy: {dest: \"{{home}}/etc/copy\", content: \"{{said.stdout}}\"}}\n  \
     handlers:\n    - {name: told, command: \"touch {{home}}/told\"}\n";

fn saved(project: &Project, name: &str) -> Value {
    serde_json::from_str(&project.read(name)).unwrap()
}

#[test]
fn what_was_planned_is_what_is_done() {
    let project = Project::tasks(TASKS);
    let planned = project.run(&["plan", "inventory.yml", "-o", "p.plan"]);
    planned.exits(10).has(&["~ folder", "+b=2", "> told", "? later", "saved in p.plan"]);
    assert!(!project.has("h/a/etc") && !project.has("state"), "it only looks");
    let mode = project.path("p.plan").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "it is to be published");
    // As `--check` shows it, and with whose and how old it is.
    let shown = project.run(&["show", "p.plan"]);
    shown.exits(0).has(&["p.plan: inventory.yml with site.yml\n", "by tester@", "nothing in it is secret"]);
    let part = |text: &str| {
        let from = text.find("~ folder").unwrap();
        text[from..text.rfind("finished in").unwrap()].to_string()
    };
    assert_eq!(part(&shown.out), part(&planned.out));
    let events = project.run(&["show", "p.plan", "--view", "json"]);
    assert!(events.exits(0).out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    // Whether it still holds, and then it is done. Nobody is asked: that is what the plan is for.
    project.run(&["apply", "p.plan", "--check"]).exits(10);
    project.run(&["apply", "p.plan"]).exits(0).has(&["changed conf", "changed told", "changed later"]);
    assert_eq!(project.read("h/a/etc/copy"), "a=1\nb=2");
    assert!(project.has("h/a/told"));
    let again = project.run(&["apply", "p.plan"]);
    again.exits(41).has(&["`conf` (path:", "now nothing to do, was a change (type, mode, content)"]);
    // What is as wanted may be planned and carried out as well.
    project.run(&["plan", "inventory.yml", "--out", "p.plan"]).exits(10);
    project.run(&["apply", "p.plan"]).exits(0).row("a 4 0 1 0 0 0");
    // Without a file it is what `--check` is.
    project.run(&["plan", "inventory.yml"]).exits(10).lacks(&["saved in"]);
    let nowhere = project.run(&["plan", "inventory.yml", "-o", "no/p.plan"]);
    nowhere.exits(20).has(&["there is no such directory", "mkdir -p no"]).lacks(&["asks"]);
}

#[test]
fn a_host_that_has_moved_is_named_and_nothing_is_done() {
    let sshd = Sshd::start();
    let project = Project::ssh(&sshd, TASKS);
    let home = sshd.home("alice").join("work");
    project.apply(&["--yes"]).exits(0);
    let conf = home.join("etc/conf");
    let write = |text: &str, mode: u32| {
        fs::write(&conf, text).unwrap();
        fs::set_permissions(&conf, fs::Permissions::from_mode(mode)).unwrap();
    };
    write("a=0\nb=2\n", 0o664);
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10).has(&["-a=0", "mode: 0664 -> 0644"]);
    let with_config = |verb: &str| project.run(&[verb, "p.plan"]);
    write("a=0\nb=3\n", 0o604);
    let moved = with_config("apply");
    moved.exits(41).has(&[
        "error: web1: it is not as it was when the plan was made: nothing is done",
        "`conf` (path:",
        ": content on the host is `b=3` in line 2, was `b=2`",
        ": mode on the host is `0604`, was `0664`",
        "`plan --refresh FILE` makes it anew",
    ]);
    assert_eq!(fs::read_to_string(&conf).unwrap(), "a=0\nb=3\n");
    // As it was again.
    write("a=0\nb=2\n", 0o664);
    fs::remove_file(home.join("etc/copy")).unwrap();
    // Of what was to be decided in the run nothing was said.
    with_config("apply").exits(0).has(&["changed conf", "changed later"]);
    // What has nothing to do with the plan may move, and what has nothing to do in it must still have nothing to do.
    write("a=0\nb=2\n", 0o664);
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10);
    fs::write(home.join("etc/other"), "x").unwrap();
    fs::set_permissions(home.join("etc"), fs::Permissions::from_mode(0o755)).unwrap();
    let moved = with_config("apply");
    moved.exits(41).has(&["`folder` (path:", "now a change (mode), was nothing to do"]);
    fs::set_permissions(home.join("etc"), fs::Permissions::from_mode(0o750)).unwrap();
    with_config("apply").exits(0);
}

/// A host that cannot be reached keeps the others as they are.
#[test]
fn a_plan_is_for_all_of_its_hosts() {
    let sshd = Sshd::start();
    let project = Project::ssh(&sshd, "    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n");
    let here = project.path("here");
    fs::create_dir(&here).unwrap();
    let local = format!("    here: {{ansible_connection: local, home: {}}}\n", here.display());
    project.write("inventory.yml", &(project.read("inventory.yml") + &local));
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10);
    drop(sshd);
    let gone = project.run(&["apply", "p.plan", "--fresh"]);
    gone.exits(30).has(&["nothing is done: the saved plan is for all of its hosts"]).lacks(&["changed motd"]);
    assert!(!here.join("motd").exists());
    let unplanned = project.run(&["plan", "inventory.yml", "-o", "q.plan", "--fresh"]);
    unplanned.exits(30).has(&["the plan is not saved in q.plan", "leave such a host out with `--limit`"]);
    assert!(!project.has("q.plan"));
    project.run(&["plan", "inventory.yml", "-o", "q.plan", "--limit", "here"]).exits(10);
    project.run(&["apply", "q.plan"]).exits(0);
    assert!(here.join("motd").exists());
}

#[test]
fn inputs_that_changed_are_named() {
    let project = Project::tasks(
        "    - {name: page, template: {dest: \"{{home}}/page\", src: page.hbs}}\n    \
         - {name: file, copy: {dest: \"{{home}}/file\", src: file}}\n",
    );
    project.write("templates/page.hbs", "hello {{word}}\n");
    project.write("files/file", "content\n");
    project.write("group_vars/all.yml", "word: one\n");
    project.write("more.yml", "more: 1\n");
    let make = || {
        project.run(&["plan", "inventory.yml", "-e", "@more.yml", "-o", "p.plan"]).exits(10);
    };
    make();
    let plan = saved(&project, "p.plan");
    let names: Vec<_> =
        plan["inputs"].as_array().unwrap().iter().map(|input| input["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["files/file", "group_vars/all.yml", "inventory.yml", "more.yml", "site.yml", "templates/page.hbs"]
    );
    // Anybody can look at them.
    let sum = Command::new("sha256sum").arg(project.path("files/file")).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert_eq!(plan["inputs"][0]["sha256"].as_str(), sum.split(' ').next());
    for name in names {
        let before = project.read(name);
        project.write(name, &format!("{before} "));
        let refused = project.run(&["apply", "p.plan"]);
        refused
            .exits(20)
            .has(&[&format!("{name} has changed since the plan was made")])
            .lacks(&["page"].into_iter().filter(|_| !name.contains("page")).collect::<Vec<_>>());
        fs::remove_file(project.path(name)).unwrap();
        project
            .run(&["apply", "p.plan"])
            .exits(20)
            .has(&[&format!("{name} cannot be read, of which the plan was made")]);
        project.write(name, &before);
    }
    // Each is told at once; a new one is one as well.
    project.write("files/file", "x");
    project.write("more.yml", "more: 2\n");
    project.run(&["apply", "p.plan"]).exits(20).has(&[
        "files/file has changed",
        "more.yml has changed",
        "2 errors",
    ]);
    project.write("files/file", "content\n");
    project.write("more.yml", "more: 1\n");
    project.write("host_vars/a.yml", "word: two\n");
    project
        .run(&["apply", "p.plan"])
        .exits(20)
        .has(&["host_vars/a.yml is read, and was not when the plan was made"]);
    fs::remove_file(project.path("host_vars/a.yml")).unwrap();
    assert!(!project.has("h/a/page"));
    project.run(&["apply", "p.plan"]).exits(0);
    // What a program says is an input, too.
    project.write("prog", &format!("#!/bin/sh\ncat {}\n", project.path("said.json").display()));
    fs::set_permissions(project.path("prog"), fs::Permissions::from_mode(0o755)).unwrap();
    let hosts = |word: &str| {
        let home = project.home("a");
        let vars = format!(
            "{{\"ansible_connection\": \"local\", \"home\": \"{}\", \"word\": \"{word}\"}}",
            home.display()
        );
        format!("{{\"all\": {{\"hosts\": [\"a\"]}}, \"_meta\": {{\"hostvars\": {{\"a\": {vars}}}}}}}")
    };
    fs::remove_file(project.path("group_vars/all.yml")).unwrap();
    project.write("said.json", &hosts("three"));
    project.run(&["plan", "prog", "-p", "site.yml", "-o", "p.plan"]).exits(10);
    project.write("said.json", &hosts("four"));
    project
        .run(&["apply", "p.plan"])
        .exits(20)
        .has(&["`prog --list` prints something else than when the plan was made"]);
    project.write("said.json", &hosts("three"));
    project.run(&["apply", "p.plan"]).exits(0);
    assert_eq!(project.read("h/a/page"), "hello three\n");
}

#[test]
fn what_is_no_plan_of_this_program_is_refused() {
    let project = Project::tasks(TASKS);
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10);
    let text = project.read("p.plan");
    let refused = |name: &str, text: &str, parts: &[&str]| {
        project.write(name, text);
        for verb in ["apply", "show"] {
            if verb == "apply" || !parts[0].contains("another program") {
                project.run(&[verb, name]).exits(20).has(parts);
            }
        }
    };
    refused("q.plan", "", &["q.plan is no saved plan", "`plan INVENTORY -o FILE` makes one"]);
    refused("q.plan", "all:\n  hosts:\n", &["q.plan is no saved plan"]);
    refused("q.plan", "{\"all\": {}}\n", &["it does not say `\"kind\": \"lustores-provision plan\"`"]);
    refused("q.plan", &text[..text.len() / 2], &["q.plan is no saved plan", "it is cut off"]);
    // Also under another name, once it says what it is.
    refused("artifact", &text[..text.len() / 2], &["artifact is no saved plan", "it is cut off"]);
    refused(
        "q.plan",
        &text.replace("\"schema\": 1", "\"schema\": 7"),
        &["it is of version 7 of saved plans"],
    );
    refused(
        "q.plan",
        &text.replace("\"hosts\"", "\"hoists\""),
        &["q.plan is no saved plan", "missing field `hosts`"],
    );
    refused(
        "q.plan",
        &text.replace("\"program\": \"", "\"program\": \"9"),
        &["the plan was made by another program"],
    );
    let agent =
        saved(&project, "p.plan")["made"]["agents"].as_object().unwrap().values().next().unwrap().to_string();
    refused(
        "q.plan",
        &text.replace(&agent, "\"00\""),
        &["the plan was made by another program", "its agent for"],
    );
    project.run(&["apply", "nowhere.plan"]).exits(20).has(&["cannot read the plan nowhere.plan"]);
    // Another inventory in its place, and another host in it.
    let inventory = project.read("inventory.yml");
    project.write("inventory.yml", &inventory.replace("    a:", "    b:"));
    project.run(&["apply", "p.plan"]).exits(20).has(&["inventory.yml has changed since the plan was made"]);
    project.write("inventory.yml", &inventory);
    // Written over by hand: what is shown is held against the host as well.
    for (from, to) in [("+b=2", ""), ("b=2", "b=9"), ("\"scalar\": \"0644\"", "\"scalar\": \"0600\"")] {
        let edited = text.replace(from, to);
        if edited != text {
            project.write("q.plan", &edited);
            project.run(&["apply", "q.plan"]).exits(41);
        }
    }
    // What would deceive whoever looks at it is spelled out.
    project.write(
        "q.plan",
        &text.replace("\"b=2", "\"\\u001b[2Kb=2").replace("a=1\\nb=2", "a=1\\u001b[1A\\n\\u202eb=2"),
    );
    let shown = project.run(&["show", "q.plan"]);
    shown.exits(0).has(&["\\u{1b}[1A", "\\u{202e}b=2"]);
    for ran in [shown, project.run(&["apply", "q.plan"]), project.run(&["diff", "p.plan", "q.plan"])] {
        assert!(!ran.text().contains(['\u{1b}', '\u{202e}']), "{}", ran.text());
    }
    let mut other = saved(&project, "p.plan");
    other["hosts"][0]["host"] = "z".into();
    project.write("q.plan", &other.to_string());
    project.run(&["apply", "q.plan"]).exits(41).has(&[
        "z: ",
        "has no plan now",
        "a: ",
        "has a plan now, and had none",
    ]);
    let mut less = saved(&project, "p.plan");
    less["hosts"][0]["tasks"].as_array_mut().unwrap().remove(1);
    project.write("q.plan", &less.to_string());
    project.run(&["apply", "q.plan"]).exits(41).has(&["`asks`: now `conf` (path:", "stands in its place"]);
    assert!(!project.has("h/a/etc"));
}

#[test]
fn no_secret_is_in_a_plan_and_one_that_changed_is_seen() {
    let (vault, asked, old) = ("correct-horse/battery+staple", "word-of-a-program?", "an-older-one/7+");
    let project = Project::tasks(
        "    - {name: env, env_file: {path: \"{{home}}/env\", values: {WORD: \"{{word}}\", PLAIN: one}}}\n    \
         - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"x {{word}} {{asked}}\\n\"}}\n    \
         - {name: quiet, copy: {dest: \"{{home}}/quiet\", content: \"never-to-be-seen\"}, no_log: true}\n    \
         - {name: runs, command: {cmd: \"true\", stdin: \"{{asked}}\"}}\n",
    );
    project.write("words", "a vault password\n");
    project.write("group_vars/all.yml", &format!("word: {vault}\n"));
    let flag = ["--vault-password-file", "words"];
    project.run(&[&["vault", "encrypt", "group_vars/all.yml"], &flag[..]].concat()).exits(0);
    let inventory = project.read("inventory.yml");
    let inventory = inventory
        .replace("  vars:\n", &format!("  vars:\n    asked: !secret {{command: [printf, \"{asked}\"]}}\n"));
    project.write("inventory.yml", &inventory);
    project.write("h/a/conf", &format!("x {old}\n"));
    let plan = |more: &[&str]| project.run(&[&["plan", "inventory.yml", "-o", "p.plan"], more].concat());
    let planned = plan(&flag);
    planned.exits(10);
    let text = project.read("p.plan");
    for secret in [vault, asked, "never-to-be-seen", "a vault password"] {
        let url: String = secret
            .bytes()
            .map(|byte| match byte.is_ascii_alphanumeric() {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect();
        let forms = [
            secret.to_string(),
            b64::STANDARD.encode(secret),
            b64::URL_SAFE_NO_PAD.encode(secret),
            url,
            hex(secret),
        ];
        for form in forms {
            assert!(!text.contains(&form) && !planned.text().contains(&form), "{form} in {text}");
        }
        // Nor anything by which a guess can be tried without the key.
        for digest in [blake3::hash(secret.as_bytes()).to_hex().to_string(), sha256(secret)] {
            assert!(!text.contains(&digest[..12]), "{digest} in {text}");
        }
    }
    assert_eq!(saved(&project, "p.plan")["key"]["with"], "vault");
    // Only who opens the vault can carry it out.
    project.run(&["apply", "p.plan"]).exits(20);
    project.write("wrong", "another password\n");
    project
        .run(&["apply", "p.plan", "--vault-password-file", "wrong"])
        .exits(20)
        .has(&["wrong vault password"]);
    // A secret that was changed on the host.
    project.write("h/a/conf", "x an-older-one/8+\n");
    let moved = project.run(&[&["apply", "p.plan"], &flag[..]].concat());
    moved.exits(41).has(&["`conf` (path:", "content on the host is"]);
    project.write("h/a/conf", &format!("x {old}\n"));
    // And one of the project: the program says something else now.
    project.write("inventory.yml", &inventory.replace(asked, "another-word"));
    project.run(&[&["apply", "p.plan"], &flag[..]].concat()).exits(20).has(&["inventory.yml has changed"]);
    project.write("inventory.yml", &inventory);
    project.run(&[&["apply", "p.plan"], &flag[..]].concat()).exits(0).row("a 0 4 0 0 0 0");
    assert_eq!(project.read("h/a/conf"), format!("x {vault} {asked}\n"));
    // What a plan may not hold.
    let refused = plan(&[&["-e", &format!("x={vault}")], &flag[..]].concat());
    refused.exits(20).has(&["the plan is not saved", "holds a secret", "`-e @FILE`"]).lacks(&[vault]);
    // However it is written, and however short a password is.
    let (first, rest) = vault.split_at(1);
    let escaped = format!("{{\"x\": \"\\u{:04x}{rest}\"}}", u32::from(first.chars().next().unwrap()));
    for vars in [escaped.as_str(), "{\"ansible_become_password\": \"ab\"}"] {
        plan(&[&["-e", vars], &flag[..]].concat())
            .exits(20)
            .has(&["the plan is not saved", "holds a secret"]);
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Without a vault the secrets themselves lock the key, if they are long enough together.
#[test]
fn secrets_of_programs_lock_a_plan() {
    let project =
        Project::tasks("    - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"{{word}}\"}}\n");
    let inventory = project.read("inventory.yml");
    let with = |name: &str| {
        let vars =
            format!("  vars:\n    word: !secret {{command: [cat, {}]}}\n", project.path(name).display());
        project.write("inventory.yml", &inventory.replace("  vars:\n", &vars));
    };
    project.write("word", "a-secret-that-is-long\n");
    project.write("short", "hunter2\n");
    with("short");
    let refused = project.run(&["plan", "inventory.yml", "-o", "p.plan"]);
    refused.exits(20).has(&["too short to lock a plan with", "--vault-password-file FILE"]);
    project.write("any", "a password that locks nothing else\n");
    let flag = ["--vault-password-file", "any"];
    project.run(&[&["plan", "inventory.yml", "-o", "p.plan"], &flag[..]].concat()).exits(10);
    project.run(&[&["apply", "p.plan"], &flag[..]].concat()).exits(0);
    with("word");
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10);
    assert_eq!(saved(&project, "p.plan")["key"]["with"], "secrets");
    project.write("word", "another-that-is-long\n");
    project.run(&["apply", "p.plan"]).exits(20).has(&["the secrets are others than when the plan was made"]);
    project.write("word", "a-secret-that-is-long\n");
    project.run(&["apply", "p.plan"]).exits(0);
    assert_eq!(project.read("h/a/conf"), "a-secret-that-is-long");
}

/// What only some may read on a host is a secret, and no key may stand in the clear beside its fingerprint.
#[test]
fn secrets_of_hosts_want_a_lock() {
    let project = Project::tasks("    - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"a=1\"}}\n");
    project.write("h/a/conf", "PIN=1234");
    fs::set_permissions(project.path("h/a/conf"), fs::Permissions::from_mode(0o600)).unwrap();
    let refused = project.run(&["plan", "inventory.yml", "-o", "p.plan"]);
    refused.exits(20).has(&[
        "`conf` (path:",
        "on `a` has a secret",
        "any long one, also where there is no vault",
    ]);
    project.write("any", "a password that locks nothing else\n");
    let flag = ["--vault-password-file", "any"];
    project.run(&[&["plan", "inventory.yml", "-o", "p.plan"], &flag[..]].concat()).exits(10);
    assert!(!project.read("p.plan").contains("1234"));
    project.write("h/a/conf", "PIN=1235");
    let moved = project.run(&[&["apply", "p.plan"], &flag[..]].concat());
    moved.exits(41).has(&["content on the host is `PIN=[secret "]).lacks(&["1235"]);
    project.write("h/a/conf", "PIN=1234");
    project.run(&[&["apply", "p.plan"], &flag[..]].concat()).exits(0);
}

#[test]
fn a_choice_of_hosts_and_tasks_is_kept() {
    let tasks = "- hosts: all\n  tasks:\n    - {name: one, tags: x, copy: {dest: \"{{home}}/one\", content: \"{{word}}\"}}\n    \
                 - {name: two, copy: {dest: \"{{home}}/two\", content: hi}}\n";
    let project = Project::local(&["a", "b"], tasks);
    let made = project.run(&["plan", "inventory.yml", "-l", "b", "-t", "x", "-e", "word=w", "-o", "p.plan"]);
    made.exits(10).lacks(&["two"]);
    project.run(&["show", "p.plan"]).exits(0).has(&["--limit b --tags x -e word=w"]);
    for flag in [
        ["--limit", "a"],
        ["--tags", "y"],
        ["--extra-vars", "word=v"],
        ["--start-at-task", "two"],
        ["-p", "site.yml"],
    ] {
        let refused = project.run(&["apply", "p.plan", flag[0], flag[1]]);
        refused.exits(20).has(&["cannot be given with a saved plan"]);
    }
    project.run(&["apply", "p.plan"]).exits(0);
    assert_eq!(project.read("h/b/one"), "w");
    assert!(!project.has("h/b/two") && !project.has("h/a/one"));
    // From another folder its files are not to be found.
    fs::create_dir(project.path("sub")).unwrap();
    let mut elsewhere = project.command(&["apply", "../p.plan"]);
    let output = elsewhere.current_dir(project.path("sub")).output().unwrap();
    assert_eq!(output.status.code(), Some(20));
    assert!(String::from_utf8_lossy(&output.stderr).contains("in the folder in which it was made"));
    assert!(Path::new(&project.path("p.plan")).exists());
}

/// A saved plan of a protected inventory is as good as its name.
#[test]
fn a_saved_plan_is_meant_for_its_inventory() {
    let project = Project::tasks("    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n");
    let inventory = project.read("inventory.yml").replace("  vars:\n", "  vars:\n    protected: true\n");
    project.write("prod.yml", &inventory);
    project.run(&["apply", "prod.yml", "--yes"]).exits(20).has(&["`a` is protected"]);
    project.run(&["plan", "prod.yml", "-o", "prod.plan"]).exits(10);
    project.run(&["apply", "prod.plan", "--confirm", "staging"]).exits(20).has(&["its name is `prod`"]);
    assert!(!project.has("h/a/motd"));
    project.run(&["apply", "prod.plan"]).exits(0);
    assert!(project.has("h/a/motd"));
}

fn keygen(project: &Project, name: &str) -> String {
    let path = project.path(name);
    crate::sshd::run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path));
    let key = project.read(&format!("{name}.pub"));
    key.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_plan_may_have_to_be_signed() {
    let project = Project::tasks("    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n");
    let (ann, bob, eve) = (keygen(&project, "ann"), keygen(&project, "bob"), keygen(&project, "eve"));
    project.write(
        "signers",
        &format!("ann@example.org,a {ann}\nbob@example.org namespaces=\"lustores-provision-plan\" {bob}\n"),
    );
    let plan = |more: &[&str]| project.run(&[&["plan", "inventory.yml", "-o", "p.plan"], more].concat());
    let apply = |more: &[&str]| {
        project.run(&[&["apply", "p.plan", "--check", "--allowed-signers", "signers"], more].concat())
    };
    let refused = "the plan is not signed by one who may";
    plan(&[]).exits(10);
    apply(&[]).exits(20).has(&[refused, "there is no p.plan.sig", "--sign KEY"]);
    plan(&["--sign", "ann"]).exits(10);
    apply(&[]).exits(10);
    apply(&["--signer", "ann@example.org"]).exits(10);
    apply(&["--signer", "bob@example.org"]).exits(20).has(&[refused, "ssh-keygen: "]);
    // By another key; the plan of before under the new signature, and the signature of before under a new plan.
    let signed = project.read("p.plan");
    plan(&["--sign", "eve"]).exits(10);
    apply(&[]).exits(20).has(&[refused]);
    assert!(!eve.is_empty());
    plan(&["--sign", "bob"]).exits(10);
    apply(&[]).exits(10);
    let (plan_of_bob, signature) = (project.read("p.plan"), project.read("p.plan.sig"));
    project.write("p.plan", &signed);
    apply(&[]).exits(20).has(&[refused]);
    for tampered in [plan_of_bob.replace("\"hi\"", "\"ho\""), format!("{plan_of_bob} ")] {
        assert_ne!(tampered, plan_of_bob);
        project.write("p.plan", &tampered);
        apply(&[]).exits(20).has(&[refused]);
    }
    // As something else than a plan.
    project.write("p.plan", &plan_of_bob);
    fs::remove_file(project.path("p.plan.sig")).unwrap();
    let sign = ["-q", "-Y", "sign", "-n", "file", "-f"];
    crate::sshd::run(
        Command::new("ssh-keygen").args(sign).arg(project.path("ann")).arg(project.path("p.plan")),
    );
    apply(&[]).exits(20).has(&[refused]);
    project.write("p.plan.sig", "hello\n");
    apply(&[]).exits(20).has(&[refused]);
    project.write("p.plan.sig", &signature);
    apply(&[]).exits(10);
    project
        .run(&["apply", "p.plan", "--allowed-signers", "nobody"])
        .exits(20)
        .has(&["cannot read the allowed signers nobody"]);
    assert!(!project.has("h/a/motd"));
    project.run(&["apply", "p.plan", "--allowed-signers", "signers"]).exits(0);
    // A plan without a signature leaves none of another one; what is no signature stays.
    plan(&[]).exits(0);
    assert!(!project.has("p.plan.sig"));
    project.write("p.plan.sig", "notes\n");
    plan(&[]).exits(0);
    assert_eq!(project.read("p.plan.sig"), "notes\n");
    plan(&["--sign", "nowhere"]).exits(20).has(&["there is no key nowhere"]);
    plan(&["--sign", "signers"]).exits(20).has(&["the plan cannot be signed with signers"]);
    project
        .run(&["plan", "inventory.yml", "--sign", "ann"])
        .exits(20)
        .has(&["this one is not", "save it with `-o FILE`"]);
    let idle = project.run(&["apply", "inventory.yml", "--yes", "--allowed-signers", "signers"]);
    idle.exits(20).has(&["`--allowed-signers` is about saved plans, and this is none"]);
    project.run(&["plan", "p.plan"]).exits(20).has(&["p.plan is a saved plan, and no inventory"]);
}

#[test]
fn a_plan_may_be_too_old() {
    let project = Project::tasks("    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n");
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10);
    let mut plan = saved(&project, "p.plan");
    let made = plan["made"]["at"].as_u64().unwrap();
    let mut at = |at: u64| {
        plan["made"]["at"] = at.into();
        project.write("p.plan", &plan.to_string());
    };
    at(made - 7300);
    let old = project.run(&["apply", "p.plan", "--max-age", "2h"]);
    old.exits(20).has(&[
        "the plan is too old",
        "it was made 2 h ago, and `--max-age` allows 2 h",
        "plan again",
    ]);
    at(made + 999_999);
    project.run(&["apply", "p.plan", "--max-age", "2h"]).exits(20).has(&["it will be made in the future"]);
    for wrong in ["2", "h", "-1h", "1y"] {
        project.run(&["apply", "p.plan", &format!("--max-age={wrong}")]).exits(2).has(&["is no age such as"]);
    }
    assert!(!project.has("h/a/motd"));
    at(made - 7300);
    project.run(&["apply", "p.plan", "--max-age", "1d"]).exits(0);
    project
        .run(&["apply", "inventory.yml", "--yes", "--max-age", "1d"])
        .exits(20)
        .has(&["`--max-age` is about saved plans"]);
    project
        .run(&["drift", "inventory.yml", "--max-age", "1d"])
        .exits(20)
        .has(&["`--max-age` is about saved plans"]);
}

/// What only shows in the run, and is not what the plan says, is not done.
#[test]
fn no_more_is_done_than_the_plan_shows() {
    let tasks = "    - {name: liar, shell: \"echo other > {{home}}/d/f\", touches: [nothing]}\n    \
                 - {name: dir, file: {path: \"{{home}}/d\", state: directory, mode: \"MODE\"}, needs: liar}\n    \
                 - {name: f, copy: {dest: \"{{home}}/d/f\", content: mine}}\n";
    let project = Project::local(&["a"], &crate::project::play(&tasks.replace("MODE", "0755")));
    project.write("h/a/d/f", "mine");
    project.write("site.yml", &crate::project::play(&tasks.replace("MODE", "0750")));
    let planned = project.run(&["plan", "inventory.yml", "-o", "p.plan"]);
    planned.exits(10).has(&["~ dir"]).lacks(&["~ f "]);
    let strayed = project.run(&["apply", "p.plan"]);
    strayed.exits(41).has(&[
        "f: the host changed since the plan",
        "the saved plan shows nothing to do here; now it would change content",
    ]);
    assert_eq!(project.read("h/a/d/f"), "other\n");
    // As it is without a plan.
    project.write("h/a/d/f", "mine");
    fs::set_permissions(project.path("h/a/d"), fs::Permissions::from_mode(0o755)).unwrap();
    project.go().exits(0).has(&["changed f"]);
}

#[test]
fn a_plan_is_made_anew_and_says_what_is_different() {
    let tasks = "- hosts: all\n  tasks:\n    - {name: conf, tags: x, copy: {dest: \"{{home}}/conf\", content: \"{{word}}\", mode: \"0600\"}}\n    \
                 - {name: two, copy: {dest: \"{{home}}/two\", content: hi}}\n";
    let project = Project::local(&["a", "b"], tasks);
    project.write("any", "a password that locks nothing else\n");
    for host in ["a", "b"] {
        project.write(&format!("h/{host}/conf"), "PIN=1234");
        fs::set_permissions(project.home(host).join("conf"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let flag = ["--vault-password-file", "any"];
    let run = |arguments: &[&str]| project.run(&[arguments, &flag[..]].concat());
    run(&["plan", "inventory.yml", "-t", "x", "-e", "word=w", "-o", "p.plan"]).exits(10);
    fs::copy(project.path("p.plan"), project.path("old.plan")).unwrap();
    let same = run(&["plan", "--refresh", "p.plan"]);
    same.exits(10).has(&["the same is planned for each host", "saved in p.plan"]).lacks(&["two"]);
    project.run(&["diff", "old.plan", "p.plan"]).exits(0).has(&["the same is planned for each host"]);
    // A secret of the host, which is not shown, and one that is gone.
    project.write("h/a/conf", "PIN=1235");
    fs::remove_file(project.path("h/b/conf")).unwrap();
    run(&["apply", "p.plan"]).exits(41).has(&["`plan --refresh FILE` makes it anew"]);
    let told = [
        "a\n  `conf` (path:",
        "content on the host is `PIN=[secret ",
        "b\n  `conf` (path:",
        "type is changed now, and was not",
    ];
    run(&["plan", "--refresh", "p.plan", "-o", "new.plan"]).exits(10).has(&told).has(&["saved in new.plan"]);
    let differ = project.run(&["diff", "p.plan", "new.plan"]);
    differ.exits(10).has(&told).lacks(&["1234", "1235", "cannot be told"]);
    run(&["apply", "new.plan"]).exits(0);
    assert_eq!(project.read("h/a/conf"), "w");
    // Of other files, with other options, under another key.
    project.write("site.yml", &tasks.replace("0600", "0640"));
    project.write("group_vars/all.yml", "more: 1\n");
    run(&["plan", "inventory.yml", "-e", "word=v", "-o", "other.plan"]).exits(10);
    let differ = project.run(&["diff", "p.plan", "other.plan"]);
    differ.exits(10).has(&[
        "made with other options",
        "site.yml has changed",
        "group_vars/all.yml is read now",
        "`two` (path:",
        "is new",
        "whether secrets are the same cannot be told",
    ]);
    project.run(&["diff", "p.plan", "site.yml"]).exits(20).has(&["site.yml is no saved plan"]);
    // What cannot be meant.
    run(&["plan", "inventory.yml", "--refresh", "p.plan"]).exits(20).has(&["are both given"]);
    run(&["plan", "--refresh", "p.plan", "--tags", "y"])
        .exits(20)
        .has(&["`--tags` cannot be given with a saved plan"]);
    run(&["plan", "--refresh", "no.plan"]).exits(20).has(&["cannot read the plan no.plan"]);
    run(&["plan"]).exits(2);
}

/// Where secrets are for age recipients, so is the key.
#[cfg(feature = "age")]
#[test]
fn age_recipients_lock_a_plan() {
    let project =
        Project::tasks("    - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"{{word}}\"}}\n");
    keygen(&project, "ann");
    keygen(&project, "bob");
    keygen(&project, "eve");
    fs::create_dir(project.path(".git")).unwrap();
    project.write("vault-recipients", &(project.read("ann.pub") + &project.read("bob.pub")));
    project.write("group_vars/all.yml", "word: x1\n");
    project.run(&["vault", "encrypt", "group_vars/all.yml"]).exits(0);
    project.run(&["plan", "inventory.yml", "-o", "p.plan", "--identity", "ann"]).exits(10);
    assert_eq!(saved(&project, "p.plan")["key"]["with"], "age");
    project
        .run(&["apply", "p.plan", "--identity", "eve"])
        .exits(20)
        .has(&["encrypted for other age recipients"]);
    project.run(&["apply", "p.plan", "--identity", "bob"]).exits(0);
    assert_eq!(project.read("h/a/conf"), "x1");
}
