//! Every run is kept and can be shown again, whole or cut off, in every view and without secrets.

use crate::project::{Project, play};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt};

const RUNS: &str = "controller/.local/state/lustores-provision/runs";

fn events(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Names of the runs, the last one first, as the list has them.
fn listed(project: &Project) -> Vec<Value> {
    let ran = project.run(&["runs", "list", "--json"]);
    ran.exits(0);
    events(&ran.out)
}

#[test]
fn every_run_is_kept_and_listed() {
    let project = Project::tasks("    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n");
    project.run(&["runs", "list"]).exits(0).has(&["no run is kept yet"]);
    let none = project.run(&["runs", "show"]);
    none.exits(20).has(&["no run is kept yet", "`apply` makes one"]);
    project.check().exits(10);
    project.go().exits(0);
    let list = listed(&project);
    let seen: Vec<_> = list.iter().map(|run| (&run["check"], &run["changed"], &run["outcome"])).collect();
    let (done, pending) = (Value::from("done"), Value::from("changes pending"));
    let (yes, no, one) = (Value::Bool(true), Value::Bool(false), Value::from(1));
    assert_eq!(seen, [(&no, &one, &done), (&yes, &one, &pending)]);
    for run in &list {
        assert_eq!((&run["verb"], &run["hosts"]), (&"apply".into(), &one), "{run}");
        assert_eq!((&run["inventory"], &run["failed"]), (&"inventory.yml".into(), &Value::from(0)), "{run}");
        assert!(run["who"].as_str().unwrap().starts_with("tester@"), "{run}");
        let path = project.path(RUNS).join(format!("{}.jsonl", run["run"].as_str().unwrap()));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(project.path(RUNS).metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let text = project.run(&["runs", "list"]);
    text.exits(0).has(&["apply --check", "changes pending", "inventory.yml", " UTC"]);
    assert_eq!(text.out.lines().count(), 3, "{}", text.out);
    // As it was called: what only looks has no `--check`.
    project.run(&["plan", "inventory.yml"]).exits(0);
    let text = project.run(&["runs", "list", "-n", "1"]);
    text.exits(0).has(&[" plan "]).lacks(&["--check"]);
    fs::remove_file(
        project.path(RUNS).join(format!("{}.jsonl", listed(&project)[0]["run"].as_str().unwrap())),
    )
    .unwrap();
    assert_eq!(project.run(&["runs", "list", "-n", "1"]).out.lines().count(), 2);
    // By as much of the name as no other has.
    let name = list[1]["run"].as_str().unwrap();
    let short = (1..=name.len())
        .map(|end| &name[..end])
        .find(|short| !list[0]["run"].as_str().unwrap().starts_with(short));
    project.run(&["runs", "show", short.unwrap()]).exits(0).has(&["1 would change"]);
    // By `last` as without a name: here the run that changed something.
    let (last, unnamed) = (project.run(&["runs", "show", "last"]), project.run(&["runs", "show"]));
    assert_eq!(last.exits(0).has(&["~ motd"]).out, unnamed.exits(0).out);
    let both = project.run(&["runs", "show", &name[..1]]);
    both.exits(20).has(&["2 runs begin with"]);
    project.run(&["runs", "show", "zz"]).exits(20).has(&["no run `zz` is kept here", "`runs list`"]);
}

#[test]
fn a_run_that_is_shown_again_is_as_it_was() {
    let project = Project::local(
        &["a", "b"],
        &play(
            "    - {name: motd, copy: {dest: \"{{home}}/motd\", content: \"hello\\n\"}}\n    \
             - {name: talks, command: printf 'one\\ntwo\\n'}\n    - {name: bad, command: \"false\"}\n",
        ),
    );
    let ran = project.go();
    ran.exits(40);
    let plain = project.run(&["runs", "show", "--view", "plain"]);
    assert_eq!((plain.code, &plain.out), (Some(0), &ran.out));
    let kept = fs::read_dir(project.path(RUNS)).unwrap().next().unwrap().unwrap().path();
    let replayed = project.run(&["replay", kept.to_str().unwrap(), "--view", "plain"]);
    assert_eq!(replayed.out, ran.out);
    // A terminal has moving lines for what goes on; what is left of it is the rest.
    let terminal = project.run(&["replay", kept.to_str().unwrap()]);
    terminal.exits(0).has(&["~ motd  [all hosts]", "+hello", "changed motd", "error: a: bad"]);
    assert!(!terminal.out.contains("... motd"), "{}", terminal.out);
    // The events come out as they went in, also those that `--json` prints and a program pipes here.
    let json = project.run(&["runs", "show", "--view", "json"]);
    assert_eq!(json.out, fs::read_to_string(&kept).unwrap());
    let ran = project.apply(&["--check", "--json"]);
    project.write("run.jsonl", &ran.out);
    assert_eq!(project.run(&["replay", "run.jsonl", "--view", "json"]).out, ran.out);
    assert_eq!(project.run(&["runs", "show", "--view", "json"]).out, ran.out);
    let mut piped = project.command(&["replay", "-", "--view", "json"]);
    let output = piped.stdin(fs::File::open(project.path("run.jsonl")).unwrap()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), ran.out);
    // Time passes, and the first event says what follows.
    let events = events(&ran.out);
    assert!(events.windows(2).all(|two| two[0]["at"].as_u64() <= two[1]["at"].as_u64()));
    let (first, last) = (&events[0], events.last().unwrap());
    assert_eq!(
        (&first["event"], &first["schema"], &first["at"]),
        (&"run_started".into(), &1.into(), &0.into())
    );
    assert_eq!(last["event"], "run_finished");
}

#[test]
fn what_is_no_run_is_refused_and_one_that_was_cut_off_is_shown() {
    let project = Project::tasks("    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n");
    let ran = project.apply(&["--check", "--json"]);
    project.write("cut.jsonl", &ran.out[..ran.out.len() - 10]);
    let cut = project.run(&["replay", "cut.jsonl"]);
    let lines = ran.out.lines().count();
    cut.exits(0).has(&["~ motd", &format!("cut.jsonl ends in the middle of line {lines}"), "was killed"]);
    assert!(!cut.err.contains("before the run did"), "{}", cut.err);
    // Also where the cut is between two lines; of a whole one there is nothing to say.
    let (but_last, _) = ran.out.trim_end().rsplit_once('\n').unwrap();
    project.write("short.jsonl", &format!("{but_last}\n"));
    for view in [&["--view", "json"][..], &["--summary", "run.md"], &[]] {
        let short = project.run(&[&["replay", "short.jsonl"], view].concat());
        short.exits(0);
        assert!(short.err.contains("warning: short.jsonl ends before the run did"), "{}", short.err);
    }
    project.write("whole.jsonl", &ran.out);
    project.run(&["replay", "whole.jsonl"]).exits(0).has(&["~ motd"]).lacks(&["warning"]);
    project.write("text.jsonl", "hello\n");
    let text = project.run(&["replay", "text.jsonl"]);
    text.exits(20).has(&["text.jsonl is no recorded run", "line 1 is no JSON", "`apply --json` prints one"]);
    project.write("later.jsonl", &ran.out.replacen("\"schema\":1", "\"schema\":7", 1));
    let later = project.run(&["replay", "later.jsonl"]);
    later.exits(20).has(&["it is of version 7 of the events, and this program knows 1"]);
    let strange = "{\"at\":1,\"event\":\"host_sang\",\"host\":\"a\"}\n";
    project.write("more.jsonl", &ran.out.replacen('\n', &format!("\n{strange}"), 1));
    project
        .run(&["replay", "more.jsonl"])
        .exits(0)
        .has(&["~ motd", "left out: host_sang, of a later program"]);
    project.run(&["replay", "nowhere.jsonl"]).exits(20).has(&["cannot read nowhere.jsonl"]);
    // A run that is killed stays, and is told from one that goes on.
    let project = Project::tasks("    - {name: long, command: sleep 60}\n");
    let running = project.start(&["--yes"]);
    running.prints("... long");
    assert_eq!(listed(&project)[0]["outcome"], "goes on");
    running.signal("-KILL");
    assert_eq!(running.end().code, None);
    let list = listed(&project);
    assert_eq!((&list[0]["outcome"], &list[0]["exit"]), (&"killed".into(), &Value::Null));
    let killed = project.run(&["runs", "show", "--view", "plain"]);
    killed.exits(0).has(&["... long", "ends before the run did", "the run was killed or goes on"]);
}

/// What cannot be kept is said, and the run goes on.
#[test]
fn a_run_goes_on_where_it_cannot_be_kept() {
    let project = Project::tasks("    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n");
    project.write("controller/.local/state", "in the way");
    project.go().exits(0).has(&["warning: this run is not kept", "controller/.local/state"]);
    assert_eq!(project.read("h/a/motd"), "hi");
    project.go().exits(0);
}

#[test]
fn no_secret_is_in_what_is_kept() {
    let secret = "hunter2-is-no-more";
    let project = Project::tasks(&format!(
        "    - {{name: motd, no_log: true, copy: {{dest: \"{{{{home}}}}/motd\", content: \"{secret}\"}}}}\n    \
         - {{name: file, copy: {{dest: \"{{{{home}}}}/env\", content: \"A={{{{word}}}}\\n\"}}}}\n    \
         - {{name: says it, command: \"cat {{{{home}}}}/env\"}}\n"
    ));
    let inventory = project
        .read("inventory.yml")
        .replace("  vars:\n", "  vars:\n    word: !secret {command: [printf, word-of-the-vault]}\n");
    project.write("inventory.yml", &inventory);
    project.go().exits(0);
    assert_eq!(project.read("h/a/env"), "A=word-of-the-vault\n");
    let kept = fs::read_dir(project.path(RUNS)).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(kept).unwrap();
    assert!(text.contains("task_output") && text.contains("[secret]"), "{text}");
    assert!(!text.contains(secret) && !text.contains("word-of-the-vault"), "{text}");
}

/// What does not stay as it was brought about is found by the second pass, which changes nothing.
#[test]
fn a_run_is_proved_by_looking_again() {
    let copy = "    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}, notify: told}\n";
    let handler = "  handlers:\n    - {name: told, command: \"true\"}\n";
    let project = Project::tasks(&format!("{copy}{handler}"));
    let ran = project.apply(&["--yes", "--prove"]);
    ran.exits(0).has(&["changed motd", "proof: is anything left to do?", "proved: nothing is left to do"]);
    assert_eq!(ran.out.matches("~ motd").count(), 1, "{}", ran.out);
    assert_eq!(
        (&listed(&project)[0]["changed"], &listed(&project)[0]["outcome"]),
        (&2.into(), &"done".into())
    );
    // A task that undoes another one, and one that acts each time.
    let removes = "    - {name: counter, shell: {cmd: \"rm motd; echo x >> ran\", chdir: \"{{home}}\", touches: [\"{{home}}\"]}}\n";
    let project = Project::tasks(&format!("{copy}{removes}{handler}"));
    let ran = project.apply(&["--yes", "--prove"]);
    let second = ran.out.split("proof: is anything").nth(1).unwrap_or_default().to_string();
    ran.exits(42);
    for part in ["~ motd", "> counter"] {
        assert!(second.contains(part), "{second}");
    }
    assert!(!second.contains("proved"), "{second}");
    assert_eq!(project.read("h/a/ran"), "x\n");
    assert!(!project.has("h/a/motd"));
    assert_eq!(listed(&project)[0]["outcome"], "did not converge");
    // What failed is not looked at again, and a check has nothing to prove.
    let project = Project::tasks("    - {name: bad, command: \"false\"}\n");
    let ran = project.apply(&["--yes", "--prove"]);
    ran.exits(40);
    assert!(!ran.out.contains("proof"), "{}", ran.out);
    project.apply(&["--check", "--prove"]).exits(2).has(&["cannot be used with"]);
    // An undo can be proved, too; a list of runs is no run.
    let project = Project::tasks(copy.replace(", notify: told", "").as_str());
    project.go().exits(0);
    let runs = listed(&project).len();
    project.run(&["undo", "inventory.yml", "--list"]).exits(0);
    assert_eq!(listed(&project).len(), runs);
    project
        .run(&["undo", "inventory.yml", "--yes", "--prove"])
        .exits(0)
        .has(&["proved: nothing is left to do"]);
    assert!(!project.has("h/a/motd"));
    assert_eq!(listed(&project)[0]["verb"], "undo");
}
