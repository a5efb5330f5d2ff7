//! `drift`: what has moved on a host since the last apply, apart from what is configured otherwise.

use crate::{
    project::{Project, Ran, play},
    sshd::Sshd,
};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

const TASKS: &str = "    - {name: folder, file: {path: \"{{home}}/etc\", state: directory, mode: \"0750\"}}\n    \
     - {name: conf, copy: {dest: \"{{home}}/etc/conf\", content: \"a=1\\n\", mode: \"0644\"}}\n    \
     - {name: one, lineinfile: {path: \"{{home}}/etc/lines\", line: x = 1, regexp: ^x, create: true}}\n    \
     - {name: other, lineinfile: {path: \"{{home}}/etc/lines\", line: y = 1, regexp: ^y, create: true}}\n    \
     - {name: always, command: \"true\"}\n";
const RECORD: &str = "state/records/a__site.yml";

fn drift(project: &Project) -> Ran {
    project.run(&["drift", "inventory.yml"])
}

fn mode(project: &Project, name: &str, mode: u32) {
    fs::set_permissions(project.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

/// For each task that differs its facets with who made them differ.
fn causes(project: &Project) -> Vec<String> {
    let ran = project.run(&["drift", "inventory.yml", "--json"]);
    let lines = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = lines.filter(|event| event["event"] == "host_drift");
    let tasks = told.flat_map(|event| event["tasks"].as_array().unwrap().clone());
    let facets = |task: Value| {
        let facets = task["facets"].as_array().unwrap().clone();
        let name = task["name"].as_str().unwrap().to_string();
        facets.into_iter().map(move |facet| {
            format!("{name} {} {}", facet["facet"].as_str().unwrap(), facet["cause"].as_str().unwrap())
        })
    };
    tasks.flat_map(facets).collect()
}

#[test]
fn what_moved_is_told_apart_from_what_is_configured_otherwise() {
    let project = Project::tasks(TASKS);
    let before = drift(&project);
    before.exits(10).has(&["no apply of this whole playbook has left a record here", "+ conf", "4 new"]);
    assert!(!project.has("state"), "it only looks");
    project.go().exits(0);
    let none = drift(&project);
    none.exits(0).has(&[
        "a: since run ",
        " of tester@",
        " UTC",
        "0 changed on the host, 0 configured otherwise, 0 new",
    ]);
    // By hand.
    mode(&project, "h/a/etc/conf", 0o666);
    let moved = drift(&project);
    moved.exits(10).has(&[
        "  changed on the host\n    ! conf  ",
        "mode: 0666 -> 0644",
        "1 changed on the host, 0 configured",
    ]);
    assert!(!moved.out.contains("would change"), "{}", moved.out);
    assert_eq!(causes(&project), ["conf mode host"]);
    // In the configuration.
    project.write("site.yml", &play(&TASKS.replace("a=1", "a=2")));
    assert_eq!(causes(&project), ["conf mode host", "conf content configuration"]);
    mode(&project, "h/a/etc/conf", 0o644);
    let ran = drift(&project);
    ran.exits(10).has(&[
        "  configured otherwise since then\n    ~ conf",
        "-a=1",
        "+a=2",
        "0 changed on the host, 1 configured",
    ]);
    // Both, and by hand what is configured as well.
    project.write("h/a/etc/conf", "a=3\n");
    assert_eq!(causes(&project), ["conf content both"]);
    drift(&project).exits(10).has(&["(also configured otherwise)"]);
    project.write("h/a/etc/conf", "a=2\n");
    assert_eq!(causes(&project), ["conf content host_as_wanted"]);
    drift(&project).exits(10).has(&[
        "= conf",
        "nothing is to be done about it",
        "content: another value than",
    ]);
    // Whoever looks leaves nothing; an apply does.
    project.go().exits(0);
    drift(&project).exits(0);
    // More and less.
    project.write("site.yml", &play(&TASKS.replace("name: conf", "name: next").replace("/conf", "/next")));
    let ran = drift(&project);
    ran.exits(10).has(&[
        "  not known to the last apply\n    + next",
        "no task is about it\n    ",
        "/etc/conf\n",
    ]);
    // What is only a choice of tasks says nothing of the others.
    let chosen = project.run(&["drift", "inventory.yml", "--start-at-task", "one"]);
    chosen.exits(0);
    assert!(!chosen.out.contains("no task is about it"), "{}", chosen.out);
}

#[test]
fn a_record_says_what_an_apply_has_left() {
    let tagged = TASKS.replace("{name: conf,", "{name: conf, tags: conf,");
    let project = Project::tasks(&tagged);
    // A choice of tasks is no whole to begin with.
    project.apply(&["--yes", "--tags", "conf", "--extra-vars", "x=1"]);
    assert!(!project.has(RECORD));
    project.go().exits(0);
    let meta = || fs::metadata(project.path(RECORD)).unwrap();
    assert_eq!(meta().permissions().mode() & 0o777, 0o600);
    let (before, text) = (meta().ino(), project.read(RECORD));
    // The same again writes nothing, also where a command ran; nor does a check.
    project.go().exits(0);
    project.check().exits(10);
    assert_eq!((meta().ino(), project.read(RECORD)), (before, text));
    // What a choice of tasks has changed goes into the record, and the rest stays.
    let rest = |text: &str| {
        text.lines().filter(|line| line.contains("lineinfile")).map(String::from).collect::<Vec<_>>()
    };
    let old = rest(&project.read(RECORD));
    project.write("site.yml", &play(&tagged.replace("a=1", "a=2")));
    project.apply(&["--yes", "--tags", "conf"]).exits(0);
    assert_eq!((rest(&project.read(RECORD)), old.len()), (old, 2));
    drift(&project).exits(0);
    // A run that fails leaves what it came to.
    let failing = tagged.replace("a=1", "a=4") + "    - {name: bad, command: \"false\"}\n";
    project.write("site.yml", &play(&failing));
    project.go().exits(40);
    assert_eq!(causes(&project), Vec::<String>::new());
    // What is no record of this version is not believed: that is a difference by itself, and an apply replaces it.
    project.write("site.yml", &play(&tagged.replace("a=1", "a=4")));
    project.go().exits(0);
    let good = project.read(RECORD);
    let line = good.lines().nth(1).unwrap();
    for (text, why) in [
        (String::new(), "line 1 has no end"),
        ("hello\n".into(), "line 1 says nothing about a run"),
        ("{\"form\":9,\"key\":\"00\"}\n".into(), "another version of this program has left it, in form 9"),
        (good.replacen("\"key\":\"", "\"key\":\"z", 1), "line 1 has no key"),
        (good.replace(line, &line[..line.len() - 1]), "line 2 says nothing about a task"),
    ] {
        project.write(RECORD, &text);
        drift(&project).exits(10).has(&[
            &format!("a: the record of the last apply cannot be read ({why}): who changed what is not known"),
            "0 new, record unreadable",
        ]);
        // A choice of tasks cannot be added to it.
        project.apply(&["--yes", "--tags", "conf"]).exits(0);
        drift(&project).exits(10);
        project.go().exits(0);
        drift(&project).exits(0).has(&["since run"]);
    }
    fs::remove_file(project.path(RECORD)).unwrap();
    fs::create_dir(project.path(RECORD)).unwrap();
    drift(&project).exits(10).has(&["cannot be read (cannot read ", "record unreadable"]);
}

#[test]
fn hosts_that_are_one_machine_keep_apart() {
    let project = Project::local(&["a", "b@c"], &play(TASKS));
    project.go().exits(0);
    fs::write(project.home("a").join("etc/conf"), "mine").unwrap();
    let ran = drift(&project);
    ran.exits(10).has(&["a: 1 changed on the host", "b@c: 0 changed on the host"]);
}

#[test]
fn no_secret_is_in_a_record_or_in_what_is_told() {
    let secret = "hunter2-is-no-more";
    let sshd = Sshd::start();
    let project = Project::ssh(
        &sshd,
        "    - {name: env, env_file: {path: \"{{home}}/env\", values: {WORD: \"{{word}}\", PLAIN: one}}}\n    \
         - {name: link, link: {path: \"{{home}}/link\", target: /hunter2-is-no-more/x}}\n",
    );
    let inventory = project.read("inventory.yml");
    project.write("inventory.yml", &inventory);
    project.write("words", "vault-pass\n");
    project.write("word.yml", &format!("word: {secret}\n"));
    let vault = ["--vault-password-file", "words"];
    project.run(&[&["vault", "encrypt", "word.yml"], &vault[..]].concat()).exits(0);
    let more = [&["--extra-vars", "@word.yml"], &vault[..]].concat();
    project.apply(&[&["--yes"], &more[..]].concat()).exits(0);
    // A secret is refused in a short value; one that stands there all the same is not kept as it is.
    project.run(&[&["drift", "inventory.yml"], &more[..]].concat()).exits(0);
    let state = sshd.home("alice").join(".local/state/provision-agent/records");
    let kept = fs::read_dir(&state).unwrap().next().unwrap().unwrap().path();
    let env = sshd.home("alice").join("work/env");
    let text = fs::read_to_string(&env).unwrap();
    fs::write(&env, text.replace(secret, "hunter3-is-new")).unwrap();
    let ran = project.run(&[&["drift", "inventory.yml"], &more[..]].concat());
    ran.exits(10).has(&["! env", "WORD"]);
    for text in [&fs::read_to_string(&kept).unwrap(), &ran.out, &ran.err] {
        assert!(!text.contains("hunter"), "{text}");
    }
}
