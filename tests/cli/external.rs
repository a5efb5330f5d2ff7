//! Resource types that are programs of the project: run for real, on real hosts, and as badly as they can be.

use crate::{
    project::{Project, play},
    sshd::Sshd,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
    time::{Duration, Instant},
};

const EXAMPLE: &str = include_str!("../../docs/library/mail_alias");

fn program(project: &Project, name: &str, text: &str) {
    project.write(name, text);
    fs::set_permissions(project.path(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// A description with more in it; it writes below the project's folder `h`.
fn describe(project: &Project, more: &str) -> String {
    format!(
        r#"{{"version": 1, "description": "A word in a file.", "address": "word:{{file}}", "writes": ["{}"], {more}"parameters": {{"file": {{"type": "path", "required": true}}, "word": {{"type": "string", "default": "hello"}}, "token": {{"type": "string", "secret": true}}}}}}"#,
        project.path("h").display()
    )
}

/// A type `word` that is a shell script: how it answers to `observe` and to `plan`. It notes down what it is asked.
fn word(project: &Project, more: &str, observe: &str, plan: &str) {
    let script = format!(
        "#!/bin/sh\necho \"$1\" >> '{}'\ncase $1 in\ndescribe) cat <<'END'\n{}\nEND\n;;\nobserve) {observe}\n;;\nplan) {plan}\n;;\nesac\n",
        project.path("asked").display(),
        describe(project, more)
    );
    program(project, "library/word", &script);
}

fn asked(project: &Project) -> Vec<String> {
    let lines = if project.has("asked") { project.read("asked") } else { String::new() };
    let _ = fs::remove_file(project.path("asked"));
    lines.lines().map(str::to_string).collect()
}

const TASK: &str = "    - {name: t, word: {file: \"{{home}}/x\"}}\n";

/// Answers by what is in the file: the second time it is told.
fn good(project: &Project) -> [String; 2] {
    let path = project.home("a").join("x");
    let path = path.display();
    [
        format!(
            r#"input=$(cat); case $input in
*'"answers":[]'*) echo '{{"needs": [{{"read": {{"path": "{path}"}}}}]}}';;
*'"text":"hello"'*) echo '{{"observed": {{"word": "hello"}}, "desired": {{"word": "hello"}}}}';;
*) echo '{{"observed": {{"word": null}}, "desired": {{"word": "hello"}}, "notes": ["a note"]}}';; esac"#
        ),
        format!(
            r#"echo '{{"ops": [{{"write_file": {{"path": "{path}", "text": "hello", "mode": "0640"}}}}]}}'"#
        ),
    ]
}

#[test]
fn the_page_shows_the_example_whole() {
    let page = include_str!("../../docs/external-resources.md");
    assert!(
        page.ends_with(&format!("```python\n{EXAMPLE}```\n")),
        "docs/external-resources.md is not docs/library/mail_alias"
    );
}

#[test]
fn the_example_keeps_an_entry_on_a_real_host_as_it_should_be() {
    let sshd = Sshd::start();
    let tasks = "    - {name: root's mail, mail_alias: {name: root, recipients: [admin@example.org, \"{{who}}\"], file: \"{{home}}/aliases\"}, notify: told}\n  \
                 vars: {who: alice}\n  handlers:\n    - {name: told, copy: {dest: \"{{home}}/told\", content: x}}\n";
    let project = Project::ssh(&sshd, tasks);
    program(&project, "library/mail_alias", EXAMPLE);
    let file = sshd.home("alice").join("work/aliases");
    let before = "# mail\npostmaster: root\nroot: nobody,\n  somebody\nlast: x";
    fs::write(&file, before).unwrap();
    crate::sshd::run(Command::new("chown").arg("47001:47000").arg(&file));
    project
        .check()
        .exits(10)
        .has(&["~ root's mail", "recipients: nobody, somebody -> admin@example.org, alice"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    project.go().exits(0).row("web1 0 2 0 0 0 0");
    let after = "# mail\npostmaster: root\nroot: admin@example.org, alice\nlast: x";
    assert_eq!(fs::read_to_string(&file).unwrap(), after);
    project.check().exits(0);
    project.go().exits(0).row("web1 1 0 1 0 0 0");
    // Disturbed by hand, mended, and nothing besides.
    for (disturb, shown) in [
        ("sed -i s/alice/mallory/", "admin@example.org, mallory -> admin@example.org, alice"),
        ("sed -i /^root/d", "recipients: "),
    ] {
        let done =
            Command::new("sh").args(["-c", &format!("{disturb} \"$1\""), "sh"]).arg(&file).status().unwrap();
        assert!(done.success());
        project.check().exits(10).has(&[shown]);
        project.go().exits(0);
        let mut lines: Vec<String> = fs::read_to_string(&file).unwrap().lines().map(str::to_string).collect();
        lines.sort();
        assert_eq!(lines, ["# mail", "last: x", "postmaster: root", "root: admin@example.org, alice"]);
        project.check().exits(0);
    }
    // An empty list removes it; other entries stay.
    let site =
        project.read("site.yml").replace("recipients: [admin@example.org, \"{{who}}\"]", "recipients: []");
    project.write("site.yml", &site);
    project.go().exits(0);
    assert!(
        !fs::read_to_string(&file).unwrap().contains("root:  ")
            && !fs::read_to_string(&file).unwrap().contains("\nroot")
    );
    project.check().exits(0);
    // An entry without recipients is one; and what is no text is not taken for an empty file.
    fs::write(&file, "root:\nlast: x\n").unwrap();
    project.check().exits(10).has(&["nobody at all"]);
    project.go().exits(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "last: x\n");
    fs::write(&file, b"last: x\n# \xff\n").unwrap();
    project.go().exits(40).has(&["is not UTF-8"]);
    assert_eq!(fs::read(&file).unwrap(), b"last: x\n# \xff\n");
    project.run(&["doc", "mail_alias"]).exits(0).has(&[
        "mail_alias",
        "Who gets the mail",
        "recipients (list of string",
        "name (string, required)",
        "example:",
        "library/mail_alias",
    ]);
}

#[test]
fn what_earlier_tasks_will_do_is_what_it_is_told() {
    let project = Project::tasks(
        "    - {name: file, copy: {dest: \"{{home}}/aliases\", content: \"root: alice\\n\"}}\n    \
         - {name: same, mail_alias: {name: root, recipients: [alice], file: \"{{home}}/aliases\"}}\n    \
         - {name: more, mail_alias: {name: info, recipients: [bob], file: \"{{home}}/aliases\"}}\n",
    );
    program(&project, "library/mail_alias", EXAMPLE);
    project.check().exits(10).has(&["~ more"]).lacks(&["~ same", "? "]);
    project.go().exits(0);
    assert_eq!(project.read("h/a/aliases"), "root: alice\ninfo: bob\n");
}

#[test]
fn offline_it_is_asked_for_its_description_only_and_once() {
    let project = Project::local(
        &["a", "b"],
        &play(&(TASK.to_string() + "    - {name: u, word: {file: \"{{home}}/y\", word: w}}\n")),
    );
    word(&project, "", "exit 1", "exit 1");
    project.run(&["validate", "inventory.yml"]).exits(0);
    project.run(&["graph", "inventory.yml", "--host", "a"]);
    assert!(asked(&project).iter().all(|verb| verb == "describe"));
    project.run(&["validate", "inventory.yml"]).exits(0);
    assert_eq!(asked(&project), ["describe"]);
    // What is named by nobody is not run.
    project.write("site.yml", &play("    - {name: t, command: \"true\"}\n"));
    project.run(&["validate", "inventory.yml"]).exits(0);
    assert_eq!(asked(&project), [""; 0]);
}

#[test]
fn a_good_one_is_asked_each_question_once() {
    let project = Project::tasks(TASK);
    let [observe, plan] = good(&project);
    word(&project, "", &observe, &plan);
    project.check().exits(10).has(&["word: hello", "a note"]);
    assert_eq!(asked(&project), ["describe", "observe", "observe", "plan"]);
    project.go().exits(0);
    // Once more when it is done.
    assert_eq!(asked(&project), ["describe", "observe", "observe", "plan", "observe"]);
    assert_eq!(project.read("h/a/x"), "hello");
    project.check().exits(0);
}

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

const TOKEN: &str = "zeisig9hunter2";

fn with_token(observe: &str, plan: &str) -> Project {
    let project = Project::tasks("    - {name: t, word: {file: \"{{home}}/x\", token: \"{{vaulted}}\"}}\n");
    project.write("group_vars/all.yml", &format!("vaulted: !secret {{command: [echo, {TOKEN}]}}\n"));
    let path = project.home("a").join("x").display().to_string();
    word(&project, "", &observe.replace("PATH", &path), &plan.replace("PATH", &path));
    project
}

/// Takes the token out of what it is told.
const TAKE: &str = r#"input=$(cat); token=$(printf '%s' "$input" | sed 's/.*"token":"\([^"]*\)".*/\1/'); "#;

#[test]
fn what_comes_of_a_secret_is_one() {
    let observe = format!(
        r#"{TAKE} case $input in
*'"answers":[]'*) echo '{{"needs": [{{"read": {{"path": "PATH", "secret": true}}}}]}}';;
*'"text":"key='*) echo "{{\"observed\": {{\"key\": \"$token\"}}, \"desired\": {{\"key\": \"$token\"}}}}";;
*) echo "{{\"observed\": {{\"key\": null}}, \"desired\": {{\"key\": \"$token\"}}, \"notes\": [\"$token\"]}}";; esac"#
    );
    let plan = format!(
        r#"{TAKE} echo "{{\"ops\": [{{\"write_file\": {{\"path\": \"PATH\", \"text\": \"key=$token\"}}}}]}}""#
    );
    let project = with_token(&observe, &plan);
    project.check().exits(10).has(&["key: [secret"]).lacks(&["zeisig9"]);
    let ran = project.apply(&["--yes", "--json"]);
    ran.exits(0).lacks(&["zeisig9"]);
    assert_eq!(project.read("h/a/x"), format!("key={TOKEN}"));
    assert_eq!(fs::metadata(project.path("h/a/x")).unwrap().permissions().mode() & 0o777, 0o600);
    project.check().exits(0);
}

#[test]
fn a_secret_is_in_no_argument_and_in_no_message() {
    let differs = format!(r#"{TAKE} echo "{{\"observed\": {{}}, \"desired\": {{\"key\": \"$token\"}}}}""#);
    for (observe, plan, parts) in [
        (
            differs.as_str(),
            format!(
                r#"{TAKE} echo "{{\"ops\": [{{\"exec\": {{\"argv\": [\"login\", \"--token=$token\"]}}}}]}}""#
            ),
            "puts a secret where others on the host can read it",
        ),
        (
            &differs,
            format!(
                r#"{TAKE} echo "{{\"ops\": [{{\"make_link\": {{\"path\": \"PATH\", \"target\": \"$token\"}}}}]}}""#
            ),
            "puts a secret where",
        ),
        (
            &format!(
                r#"{TAKE} echo "{{\"fail\": {{\"message\": \"$token is wrong, $(printf %s $token | rev)\"}}}}""#
            ),
            "true".into(),
            "with a message that may hold a secret",
        ),
        (
            &format!(r#"{TAKE} echo "$token" | rev >&2; exit 1"#),
            "true".into(),
            "what it complained about may hold a secret",
        ),
        (&format!(r#"{TAKE} echo "$token" | rev"#), "true".into(), "may hold a secret, and is not shown"),
        (
            &format!(r#"{TAKE} echo "{{\"$(echo $token | rev)\": 1}}""#),
            "true".into(),
            "answers in another form",
        ),
        (
            &format!(r#"{TAKE} echo "{{\"not_yet\": \"$(echo $token | rev)\"}}""#),
            "true".into(),
            "in words that may hold a secret",
        ),
    ] {
        let project = with_token(observe, &plan);
        let reversed: String = TOKEN.chars().rev().collect();
        project.go().exits(40).has(&[parts]).lacks(&["zeisig9", &reversed]);
        assert_eq!(project.tree("h/a").len(), 0);
    }
}

#[test]
fn a_file_with_a_secret_in_it_is_not_handed_over_unasked() {
    let project = Project::tasks(
        "    - {name: secret, copy: {dest: \"{{home}}/x\", content: \"{{vaulted}}\"}}\n    - {name: t, word: {file: \"{{home}}/x\"}}\n",
    );
    project.write("group_vars/all.yml", &format!("vaulted: !secret {{command: [echo, {TOKEN}]}}\n"));
    let [observe, plan] = good(&project);
    word(&project, "", &observe, &plan);
    project.check().exits(40).has(&["which holds a secret", "\"secret\": true"]).lacks(&["zeisig9"]);
}

#[test]
fn under_no_log_nothing_of_it_shows() {
    let project = Project::tasks("    - {name: t, no_log: true, word: {file: \"{{home}}/x\"}}\n");
    let [observe, plan] = good(&project);
    word(&project, "", &observe, &plan);
    project.check().exits(10).has(&["word: [secret"]).lacks(&["word: hello"]);
    project.go().exits(0);
}

#[test]
fn the_nearest_library_counts_and_ours_cannot_be_replaced() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  roles: [one]\n  tasks:\n    - {name: outer, word: {}}\n    - {name: far, other: {}}\n",
    );
    let says = |what: &str| {
        format!(
            "#!/bin/sh\ncase $1 in describe) echo '{{\"version\": 1, \"description\": \"x\", \"address\": \"{what}\", \"writes\": []}}';; *) echo '{{\"fail\": {{\"message\": \"it is {what}\"}}}}';; esac\n"
        )
    };
    project.write("roles/one/tasks/main.yml", "- {name: inner, word: {}}\n");
    program(&project, "roles/one/library/word.sh", &says("the role"));
    program(&project, "library/word", &says("the playbook"));
    program(&project, "library/other", &says("another"));
    project.write("library/README.md", "not a program\n");
    project.go().exits(40).has(&[
        "one : inner: it is the role",
        "outer: it is the playbook",
        "far: it is another",
    ]);
    program(&project, "library/copy", &says("copy"));
    project.run(&["validate", "inventory.yml"]).exits(0);
    project.write("site.yml", &play("    - {name: t, copy: {dest: /x, content: x}}\n"));
    project
        .run(&["validate", "inventory.yml"])
        .exits(20)
        .has(&["`copy` is a type of its own: library/copy is never run", "another name"]);
    project.run(&["doc", "word"]).exits(0).has(&["word", "it takes no parameters"]);
    project.run(&["doc", "roles/one/library/word.sh"]).exits(0).has(&["roles/one/library/word.sh"]);
    project.run(&["doc"]).exits(0).has(&["other", "of this project"]);
}

#[test]
fn tasks_keep_their_order_by_what_it_says_that_it_writes() {
    let project = Project::tasks(
        "    - {name: first, copy: {dest: \"{{home}}/x\", content: old}}\n    - {name: t, word: {file: \"{{home}}/x\"}}\n    \
         - {name: last, lineinfile: {path: \"{{home}}/x\", line: more}}\n",
    );
    let [observe, plan] = good(&project);
    word(&project, "", &observe, &plan);
    project.run(&["graph", "inventory.yml"]).exits(0).has(&["first", "last"]);
    project.go().exits(0);
    assert_eq!(project.read("h/a/x"), "hello\nmore\n");
}
