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

mod badly;
mod secrets;

const EXAMPLE: &str = include_str!("../../../docs/library/mail_alias");

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
    let page = include_str!("../../../docs/external-resources.md");
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

/// What it touches hangs on the parameters that its areas name, and on no others.
#[test]
fn a_parameter_that_is_in_no_area_holds_up_nothing_else() {
    let project = Project::tasks("");
    let [observe, plan] = good(&project);
    word(&project, "", &observe, &plan);
    project.write("out/log", "");
    let out = project.path("out").display().to_string();
    let tasks = format!(
        "    - {{name: says, shell: {{cmd: \"echo x >> {out}/log; echo hello\", touches: [\"{out}/log\"]}}, register: r}}\n    \
         - {{name: t, word: {{file: \"{{{{home}}}}/x\", word: \"{{{{r.stdout}}}}\"}}}}\n    \
         - {{name: free, copy: {{dest: \"{out}/free\", content: x}}}}\n    \
         - {{name: behind, lineinfile: {{path: \"{{{{home}}}}/x\", line: more}}}}\n"
    );
    project.write("site.yml", &play(&tasks));
    project.check().exits(10).has(&["? t", "~ free", "? behind"]);
    project.go().exits(0);
    assert_eq!(project.read("h/a/x"), "hello\nmore\n");
}
