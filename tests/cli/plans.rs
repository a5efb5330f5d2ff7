//! Saved plans: what was approved is done, or nothing is.

mod anew;
mod found;
mod handlers;
mod inputs;
mod locked;
mod page;
mod shown;
mod signed;

use crate::{project::Project, sshd::Sshd};
use lustores_provision::plan::saved::SavedPlan;
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

const TASKS: &str = "    - {name: folder, file: {path: \"{{home}}/etc\", state: directory, mode: \"0750\"}}\n    \
     - {name: conf, copy: {dest: \"{{home}}/etc/conf\", content: \"a=1\\nb=2\\n\", mode: \"0644\"}, notify: told}\n    \
     - {name: asks, command: \"cat {{home}}/etc/conf\", register: said, changed_when: false}\n    \
     - {name: later, copy: {dest: \"{{home}}/etc/copy\", content: \"{{said.stdout}}\"}}\n  \
     handlers:\n    - {name: told, command: \"touch {{home}}/told\"}\n";

fn saved(project: &Project, name: &str) -> Value {
    serde_json::from_str(&project.read(name)).unwrap()
}

/// The text of a plan that is sealed anew after it was written over, as who knows its key can. Only of one whose key is not locked.
fn resealed(plan: &Value) -> String {
    let key = blake3::Hash::from_hex(plan["key"]["text"].as_str().unwrap()).unwrap();
    let plan: SavedPlan = serde_json::from_value(plan.clone()).unwrap();
    serde_json::to_string(&plan.sealed(key.as_bytes())).unwrap()
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

/// Whoever reads a plan in a pull request reads what was saved, and nothing of it is followed before that is clear.
#[test]
fn a_plan_that_somebody_wrote_over_is_refused() {
    let project = Project::tasks(TASKS);
    project.write("words", "long enough to lock it\n");
    let run = |verb: &[&str]| project.run(&[verb, &["--vault-password-file", "words"]].concat());
    run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10);
    let plan = saved(&project, "p.plan");
    let said = "the plan is not as it was saved";
    let (mut open, mut tried) = (vec![(String::new(), &plan)], 0);
    while let Some((at, value)) = open.pop() {
        let edits = match value {
            Value::Object(map) => {
                open.extend(map.iter().map(|(key, value)| (format!("{at}/{key}"), value)));
                let more = map.clone().into_iter().chain([("reviewed_by".into(), "ann".into())]);
                vec![Value::Object(more.collect())]
            }
            Value::Array(list) => {
                open.extend(list.iter().enumerate().map(|(number, it)| (format!("{at}/{number}"), it)));
                vec![
                    Value::Array(list.iter().skip(1).cloned().collect()),
                    [&list[..], &list[..]].concat().into(),
                ]
            }
            Value::String(text) => vec![format!("{text}x").into()],
            Value::Number(number) => vec![(number.as_u64().unwrap() + 1).into()],
            Value::Bool(is) => vec![(!is).into()],
            Value::Null => vec!["x".into()],
        };
        // Those have errors of their own.
        let own = ["/kind", "/schema", "/key", "/made/program", "/made/agents"];
        for edit in edits.iter().filter(|edit| *edit != value && !own.iter().any(|own| at.starts_with(own))) {
            let mut edited = plan.clone();
            *edited.pointer_mut(&at).unwrap() = edit.clone();
            // Words of which there are but some make it no plan at all.
            if serde_json::from_value::<SavedPlan>(edited.clone()).is_ok() {
                project.write("q.plan", &edited.to_string());
                run(&["apply", "q.plan", "--check"]).exits(20).has(&[said]);
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
    for (at, value) in [("/seal", ""), ("/key/text", "x"), ("/made/program", "9")] {
        let mut edited = plan.clone();
        *edited.pointer_mut(at).unwrap() = value.into();
        project.write("q.plan", &edited.to_string());
        run(&["apply", "q.plan"]).exits(20);
    }
    let mut bare = plan.clone();
    bare.as_object_mut().unwrap().remove("seal");
    project.write("q.plan", &bare.to_string());
    run(&["apply", "q.plan"]).exits(20).has(&[said]);
    // A program that it names as the inventory is not begun with, and it is not made anew either.
    project.write("program", "#!/bin/sh\ntouch ran\n");
    fs::set_permissions(project.path("program"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut edited = plan.clone();
    edited["selection"]["inventory"] = "./program".into();
    project.write("q.plan", &edited.to_string());
    run(&["apply", "q.plan"]).exits(20).has(&[said]);
    run(&["plan", "--refresh", "q.plan"]).exits(20).has(&[said]);
    assert!(!project.has("ran") && saved(&project, "q.plan") == edited);
    // Who has not the password makes one without.
    project.run(&["plan", "inventory.yml", "-o", "forged.plan"]).exits(10);
    for verb in [&["apply", "forged.plan"][..], &["plan", "--refresh", "forged.plan"]] {
        run(verb).exits(20).has(&["is not locked as this project locks it", "a vault password is given"]);
    }
    assert!(!project.has("h/a/etc"));
    // Laid out otherwise it is the same.
    project.write("q.plan", &plan.to_string());
    run(&["apply", "q.plan"]).exits(0);
}

/// What no file tells (the environment, a program's secret) is held to by what is decided in the run as well.
#[test]
fn what_is_decided_in_the_run_is_held_to_what_was_approved() {
    let copy = |name: &str, content: &str, mode: &str| {
        format!(
            "    - {{name: {name}, copy: {{dest: \"{{{{home}}}}/{name}\", content: {content}, mode: {mode}}}}}\n"
        )
    };
    let word = "\"{{env \\\"WORD\\\"}}\"";
    let tasks = [
        "    - {name: says, command: printf said}\n".to_owned(),
        copy("whole", word, "\"0600\""),
        copy("secret", "\"{{told}}\"", "\"0600\""),
        "    - {name: asks, command: printf asked, register: asked}\n".to_owned(),
        "    - {name: waits, copy: {dest: \"{{home}}/waits-{{env 'WORD'}}\", content: \"{{asked.stdout}}\"}}\n".to_owned(),
        copy("time", "\"{{now \\\"%s\\\"}}\"", "\"0600\""),
    ];
    let project = Project::tasks(&tasks.concat());
    let vars = format!("  vars:\n    told: !secret {{command: [cat, {}]}}\n", project.path("word").display());
    project.write("inventory.yml", &project.read("inventory.yml").replace("  vars:\n", &vars));
    project.write("word", "what-a-program-tells\n");
    project.write("password", "a password that locks the plan\n");
    let run = |word: &str, arguments: &[&str]| {
        let flag = ["--vault-password-file", "password"];
        let output = project.command(&[arguments, &flag].concat()).env("WORD", word).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, said) = run("one", &["plan", "inventory.yml", "-o", "p.plan"]);
    assert!(
        code == Some(10) && ["? whole", "? secret", "? waits"].iter().all(|part| said.contains(part)),
        "{said}"
    );
    // The plan's time stands still.
    let planned = saved(&project, "p.plan")["made"]["at"].as_u64().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let (code, said) = run("two", &["apply", "p.plan"]);
    assert_eq!(code, Some(41), "{said}");
    for name in ["`whole` (path:", "`waits`", "now does something else when it is decided"] {
        assert!(said.contains(name) && !said.contains("`secret` (path:"), "{said}");
    }
    project.write("word", "what-it-tells-later\n");
    let (code, said) = run("one", &["apply", "p.plan"]);
    assert!(
        code == Some(41) && said.contains("`secret` (path:") && !said.contains("`whole` (path:"),
        "{said}"
    );
    project.write("word", "what-a-program-tells\n");
    let (code, said) = run("one", &["apply", "p.plan"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(project.read("h/a/waits-one"), "asked");
    assert_eq!(project.read("h/a/time"), planned.to_string());
    assert_eq!(
        (project.read("h/a/whole"), project.read("h/a/secret")),
        ("one".into(), "what-a-program-tells".into())
    );
}

/// It would be a part of the inventory from then on.
#[test]
fn no_plan_is_saved_in_the_folder_of_its_inventory() {
    let project = Project::tasks("    - {name: conf, copy: {dest: \"{{home}}/conf\", content: a}}\n");
    fs::create_dir_all(project.path("invd/more")).unwrap();
    fs::rename(project.path("inventory.yml"), project.path("invd/hosts.yml")).unwrap();
    std::os::unix::fs::symlink("invd", project.path("link")).unwrap();
    for out in ["invd/x.plan", "invd/more/x.plan", "link/x.plan", "./invd/../invd/x"] {
        let refused = project.run(&["plan", "invd", "--playbook", "site.yml", "-o", out]);
        refused.exits(20).has(&[
            &format!("cannot save the plan in {out}"),
            "it would be read as a part of the inventory invd",
            "save it outside of that folder",
        ]);
        refused.lacks(&["conf"]);
        assert!(!project.has(out));
    }
    fs::remove_dir(project.path("invd/more")).unwrap();
    // Beside it, and by a name that no inventory has, it may be.
    for out in ["x.plan", "invd/.x.plan"] {
        project.run(&["plan", "invd", "--playbook", "site.yml", "-o", out]).exits(10).has(&["saved in"]);
    }
    project.run(&["apply", "invd/.x.plan"]).exits(0).has(&["changed conf"]);
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
