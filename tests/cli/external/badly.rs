//! Programs that do what they must not.

use super::*;

#[test]
fn wrong_parameters_are_found_offline() {
    for (task, parts) in [
        (
            "word: {fil: /x}",
            &["unknown parameter `fil`", "did you mean `file`?", "site.yml:3", "parameter `file` is missing"]
                [..],
        ),
        ("word: {file: x}", &["`file` of `word` must be an absolute path", "declared here"]),
        ("word: {file: /x, word: 7}", &["`word` of `word` must be a string, found an integer"]),
        ("word: {}", &["parameter `file` is missing", "`lustores-provision doc word` describes all"]),
        ("word: /x", &["expected the parameters of `word`"]),
        (
            "word: {file: /x, word: \"{{vaulted}}\"}",
            &["a secret cannot be used here", "does not say that `word` may be a secret", "\"secret\": true"],
        ),
        ("wrod: {file: /x}", &["unknown key or resource `wrod`", "did you mean `word`?"]),
        ("word: {file: /x}\n    - word: {file: /x, word: other}", &["two tasks own `word:/x`"]),
    ] {
        let project = Project::tasks(&format!("    - {task}\n"));
        word(&project, "", "exit 1", "exit 1");
        project.write("group_vars/all.yml", "vaulted: !secret {command: [echo, hunter2hunter2]}\n");
        project.run(&["validate", "inventory.yml"]).exits(20).has(parts).lacks(&["hunter2"]);
    }
}

#[test]
fn a_description_that_is_none_is_told_with_its_place() {
    let long = "x".repeat(9 << 20);
    for (says, parts) in [
        (
            "echo 'log: starting'; echo '{}'",
            &["`library/word describe` prints no JSON", "it printed: log: starting", "goes to stderr"][..],
        ),
        ("echo '{\"version\": 1}'; echo done", &["prints more than one JSON object", "it printed: done"]),
        ("true", &["prints nothing"]),
        ("echo '[1, '", &["prints no JSON"]),
        ("echo oh no >&2; exit 3", &["`library/word describe` ended with exit status: 3", "oh no"]),
        ("kill -9 $$", &["ended with signal: 9"]),
        (
            "echo '{\"version\": 2}'",
            &[
                "this program speaks another version",
                "library/word describe:2:14",
                "so `word` cannot be used",
            ],
        ),
        ("echo '{}'", &["a description has a `version`"]),
        (
            "echo '{\"version\": 1, \"parameter\": {}}'",
            &["unknown key `parameter`", "did you mean `parameters`?"],
        ),
        (
            "echo '{\"version\": 1, \"description\": \"x\", \"address\": \"a\", \"parameters\": {\"a\": {\"type\": \"strng\"}}, \"writes\": []}'",
            &["unknown type `strng`", "did you mean `string`?"],
        ),
        (
            "echo '{\"version\": 1, \"description\": \"x\", \"address\": \"a:{b}\", \"writes\": [\"dokcer\"]}'",
            &["`{b}` is no parameter", "unknown area `dokcer`"],
        ),
        (
            "echo '{\"version\": 1, \"description\": \"x\", \"address\": \"a\"}'",
            &["a description has a `writes`"],
        ),
        (&format!("cat <<'END'\n{long}\nEND"), &["prints more than 8 MiB"]),
        ("exec cat /dev/zero", &["prints more than 8 MiB"]),
    ] {
        let project = Project::tasks(TASK);
        program(&project, "library/word", &format!("#!/bin/sh\n{says}\n"));
        project.run(&["validate", "inventory.yml"]).exits(20).has(parts);
        project.go().exits(20);
    }
    let project = Project::tasks(TASK);
    project.write("library/word", "#!/bin/sh\n");
    project.run(&["validate", "inventory.yml"]).exits(20).has(&["cannot be run", "chmod +x library/word"]);
    program(&project, "library/word", "#!/no/such\n");
    project
        .run(&["validate", "inventory.yml"])
        .exits(20)
        .has(&["the interpreter that its first line names is not there"]);
}

#[test]
fn answers_that_break_the_rules_fail_the_task_and_nothing_is_done() {
    let seen = |from: &str, to: &str| {
        format!("echo '{{\"observed\": {{\"word\": {from}}}, \"desired\": {{\"word\": {to}}}}}'")
    };
    let differs = seen("null", "\"hello\"");
    let same = "true";
    let cases: Vec<(String, &str, &[&str])> = vec![
        ("echo log; echo '{}'".into(), same, &["`library/word observe` prints no JSON", "it printed: log"]),
        ("echo '{}'".into(), same, &["answers neither with `needs`"]),
        (
            "echo '{\"observd\": {}}'".into(),
            same,
            &["answers in another form", "unknown field `observd`", "docs/external-resources.md"],
        ),
        ("echo it broke >&2; exit 1".into(), same, &["ended with exit status: 1", "it broke"]),
        ("sleep 60".into(), same, &["`library/word observe` has not ended after 1 s", "\"timeout\""]),
        (
            "echo '{\"fail\": {\"message\": \"no room\", \"hint\": \"make some\"}}'".into(),
            same,
            &["no room", "hint: make some"],
        ),
        ("echo '{\"not_yet\": \"nothing is there\"}'".into(), same, &["nothing is there"]),
        ("echo '{\"needs\": []}'".into(), same, &["asks again for what it was told"]),
        (
            "echo '{\"needs\": [{\"read\": {\"path\": \"/etc/shadow\"}}]}'".into(),
            same,
            &[
                "asks for /etc/shadow, which its description does not say that it reads",
                "add it to `reads`: \"/etc/shadow\"",
            ],
        ),
        (
            "echo '{\"needs\": [{\"run\": {\"argv\": [\"id\"]}}]}'".into(),
            same,
            &["asks for what cannot be", "unknown variant `run`"],
        ),
        (differs.clone(), "echo '{\"ops\": []}'", &["has no ops, though"]),
        (differs.clone(), "echo '{}'", &["answers without `ops`"]),
        (
            differs.clone(),
            "echo '{\"ops\": [{\"write_file\": {\"path\": \"/etc/evil\", \"text\": \"x\"}}]}'",
            &["writes /etc/evil, which its description does not say that it writes"],
        ),
        (
            differs.clone(),
            "echo '{\"ops\": [{\"reboot\": {}}]}'",
            &["answers in another form", "unknown variant `reboot`"],
        ),
        (
            differs.clone(),
            "echo '{\"ops\": [{\"exec\": {\"argv\": []}}]}'",
            &["has an op that cannot be done", "no program in its `argv`"],
        ),
        (
            differs.clone(),
            "echo boom >&2; exit 7",
            &["`library/word plan` ended with exit status: 7", "boom"],
        ),
    ];
    for (observe, plan, parts) in cases {
        let project = Project::tasks(TASK);
        word(&project, "\"timeout\": 1, ", &observe, plan);
        project.go().exits(40).has(parts).has(&["t: "]);
        assert_eq!(project.tree("h/a").len(), 0, "{observe}");
    }
    let project = Project::tasks(TASK);
    // It says that it must be otherwise, and what it does makes no difference.
    word(&project, "", &differs, "echo '{\"ops\": [{\"exec\": {\"argv\": [\"true\"]}}]}'");
    project.check().exits(10);
    project.go().exits(42).has(&["did not converge"]);
}

#[test]
fn one_that_answers_otherwise_each_time_does_not_converge() {
    let project = Project::tasks(TASK);
    let path = project.home("a").join("x");
    let path = path.display();
    let count = project.path("count").display().to_string();
    let observe = format!(
        r#"input=$(cat); case $input in
*'"answers":[]'*) echo '{{"needs": [{{"read": {{"path": "{path}"}}}}]}}';;
*) echo x >> '{count}'; n=$(wc -l < '{count}'); echo "{{\"observed\": {{\"word\": null}}, \"desired\": {{\"word\": \"$n\"}}}}";; esac"#
    );
    word(
        &project,
        "",
        &observe,
        &format!(r#"echo '{{"ops": [{{"write_file": {{"path": "{path}", "text": "x"}}}}]}}'"#),
    );
    project.go().exits(42).has(&["did not converge", "word: 2"]);
}

#[test]
fn one_that_failed_is_asked_again_when_the_task_is_tried_again() {
    let project = Project::tasks("    - {name: t, word: {file: \"{{home}}/x\"}, retries: 2, delay: 0}\n");
    let [observe, plan] = good(&project);
    let count = project.path("count").display().to_string();
    word(
        &project,
        "",
        &format!("echo x >> '{count}'; [ $(wc -l < '{count}') -gt 2 ] || exit 1; {observe}"),
        &plan,
    );
    project.go().exits(0);
    assert_eq!(project.read("h/a/x"), "hello");
}

#[test]
fn what_it_does_behind_the_engines_back_is_caught_by_the_guard() {
    let project = Project::tasks(TASK);
    let [observe, plan] = good(&project);
    let path = project.home("a").join("x");
    // It has hands after all, here where host and controller are one.
    word(&project, "", &observe, &format!("echo meddled > '{}'; {plan}", path.display()));
    project.go().exits(41).has(&["the host changed since the plan", path.to_str().unwrap()]);
    assert_eq!(project.read("h/a/x"), "meddled\n");
}

#[test]
fn what_it_leaves_running_ends_with_it() {
    let project = Project::tasks(TASK);
    let pid = project.path("pid").display().to_string();
    let [observe, plan] = good(&project);
    // A child that holds the pipe open, one that left the process group, and one of a program that runs out of time.
    word(&project, "", &format!("sleep 3600 & echo $! >> '{pid}'; {observe}"), &plan);
    let began = Instant::now();
    project.go().exits(0);
    assert!(began.elapsed() < Duration::from_secs(60));
    let gone = |pids: &str| {
        for pid in pids.lines() {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            assert!(stat.is_empty() || stat.contains(") Z"), "{pid} is still there: {stat}");
        }
    };
    gone(&project.read("pid"));
    word(&project, "\"timeout\": 1, ", &format!("sleep 3600 & echo $! > '{pid}'; wait"), "true");
    fs::remove_file(project.path("h/a/x")).unwrap();
    project.go().exits(40).has(&["has not ended after 1 s"]);
    gone(&project.read("pid"));
    word(&project, "", &format!("setsid sleep 5 & {observe}"), &plan);
    project.go().exits(0);
    assert_eq!(project.read("h/a/x"), "hello");
}

#[test]
fn it_gets_nothing_of_the_environment() {
    let project = Project::tasks(TASK);
    word(
        &project,
        "",
        "names=$(env | cut -d= -f1 | sort | tr '\\n' ' '); echo \"{\\\"fail\\\": {\\\"message\\\": \\\"$names in $(basename $PWD)\\\"}}\"",
        "",
    );
    let mut command = project.command(&["apply", "inventory.yml", "--yes"]);
    command
        .env("LUSTORES_VAULT_PASSWORD_FILE_OTHER", "x")
        .env("API_TOKEN", "hunter2hunter2")
        .env("TMPDIR", "/tmp");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("HOME LANG PATH PWD TMPDIR USER "), "{text}");
    assert!(!text.contains("TOKEN") && !text.contains("VAULT") && text.contains("in library ("), "{text}");
}
