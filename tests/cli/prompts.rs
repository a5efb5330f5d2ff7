//! `vars_prompt`: variables that somebody is asked for.

use crate::{project::Project, terminal::Terminal};

const TASK: &str =
    "  tasks:\n    - {name: t, copy: {dest: \"{{home}}/x\", content: \"{{who}} {{token}}\\n\"}}\n";

fn project(prompts: &str) -> Project {
    Project::local(&["a", "b"], &format!("- hosts: all\n  vars_prompt:\n{prompts}{TASK}"))
}

const BOTH: &str = "    - {name: who, prompt: Who are you, private: false}\n    - {name: token, prompt: \"Token:\", confirm: true}\n";

#[test]
fn the_answers_are_typed_once_before_any_host_is_reached() {
    let project = project(BOTH);
    let mut terminal = Terminal::start(&project, &["apply", "inventory.yml", "--yes"]);
    terminal.shows("Who are you:");
    terminal.types("me\r");
    terminal.shows("Token:");
    terminal.types("hunter2hunter2\r");
    terminal.shows("Token (again):");
    terminal.types("hunter3\r");
    terminal.shows("the two are not the same\nToken:");
    terminal.types("hunter2hunter2\r");
    terminal.shows("the two are not the same\nToken:\nToken (again):");
    terminal.types("hunter2hunter2\r");
    let (code, bytes, screen) = terminal.end_with_bytes();
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(screen.matches("Who are you:").count(), 1, "{screen}");
    let bytes = String::from_utf8_lossy(&bytes).into_owned();
    assert!(bytes.contains("Who are you: me") && !bytes.contains("hunter2"), "{bytes}");
    for host in ["a", "b"] {
        assert_eq!(project.read(&format!("h/{host}/x")), "me hunter2hunter2\n");
    }
}

#[test]
fn nothing_is_asked_that_is_known_or_only_looked_at() {
    let project = project(BOTH);
    project.run(&["validate", "inventory.yml"]).exits(0).lacks(&["Who are you", "Token"]);
    project.run(&["graph", "inventory.yml"]).exits(0).lacks(&["Who are you", "Token"]);
    project
        .apply(&["--yes", "-e", "who=me", "-e", "{token: hunter2hunter2}"])
        .exits(0)
        .lacks(&["Who are you"]);
    assert_eq!(project.read("h/a/x"), "me hunter2hunter2\n");
    // A mistake that has nothing to do with the answers is found before anybody is asked.
    let mut terminal = Terminal::start(&project, &["apply", "inventory.yml", "--yes", "--tags", "nothing"]);
    terminal.types("\r");
    let (code, screen) = terminal.end();
    assert!(code == Some(20) && !screen.contains("Who are you"), "{screen}");
}

#[test]
fn where_nobody_can_be_asked_defaults_count() {
    let project = project("    - {name: who, default: nobody, private: false}\n    - {name: token}\n");
    let ran = project.apply(&["--yes"]);
    ran.exits(20).has(&[
        "nobody can be asked here for `token`",
        "site.yml:4:",
        "hint: give it with `-e",
        "-e token=...",
    ]);
    ran.lacks(&["for `who`"]);
    assert!(!project.has("h/a/x"));
    project.apply(&["--yes", "-e", "token=t"]).exits(0);
    assert_eq!(project.read("h/a/x"), "nobody t\n");
}

#[test]
fn an_empty_line_is_the_default() {
    let project = project(
        "    - {name: who, default: nobody, private: false}\n    - {name: token, default: hunter2hunter2, unsafe: true}\n",
    );
    for (who, token, expected) in [("", "", "nobody hunter2hunter2\n"), ("me", "{{who}}", "me {{who}}\n")] {
        let mut terminal = Terminal::start(&project, &["apply", "inventory.yml", "--yes"]);
        terminal.shows("who [nobody]:");
        terminal.types(&format!("{who}\r"));
        terminal.shows("token [nothing: the default]:");
        terminal.types(&format!("{token}\r"));
        let (code, screen) = terminal.end();
        assert!(code == Some(0) && !screen.contains("hunter2"), "{screen}");
        assert_eq!(project.read("h/a/x"), expected);
    }
}

#[test]
fn answers_stand_between_vars_and_vars_files_and_are_checked_like_others() {
    let project = project(BOTH);
    let site =
        project.read("site.yml").replace("  vars_prompt", "  vars: {who: vars, token: vars}\n  vars_prompt");
    project.write(
        "site.yml",
        &site
            .replace("private: false", "private: false, default: prompt")
            .replace("confirm: true", "default: t"),
    );
    project.apply(&["--yes"]).exits(0);
    assert_eq!(project.read("h/a/x"), "prompt t\n");
    project.write("more.yml", "who: file\n");
    project.write(
        "site.yml",
        &project.read("site.yml").replace("  vars_prompt", "  vars_files: [more.yml]\n  vars_prompt"),
    );
    project.apply(&["--yes"]).exits(0);
    assert_eq!(project.read("h/a/x"), "file t\n");
    // The type that a role wants is made of what was typed, and what is no such thing is told before a host is reached.
    let project = Project::local(
        &["a"],
        "- hosts: all\n  vars_prompt:\n    - {name: port, private: false}\n  roles: [web]\n",
    );
    project.write("roles/web/meta/inputs.yml", "port: {type: port, required: true}\n");
    project.write(
        "roles/web/tasks/main.yml",
        "- {name: t, copy: {dest: \"{{home}}/x\", content: \"{{add port 1}}\"}}\n",
    );
    for (typed, code) in [("many", 20), ("80", 0)] {
        let mut terminal = Terminal::start(&project, &["apply", "inventory.yml", "--yes"]);
        terminal.shows("port:");
        terminal.types(&format!("{typed}\r"));
        let (found, screen) = terminal.end();
        assert_eq!(found, Some(code), "{screen}");
        assert_eq!(screen.contains("`port` of role `web` must be a port"), code == 20, "{screen}");
        assert_eq!(project.has("h/a/x"), code == 0);
    }
    assert_eq!(project.read("h/a/x"), "81");
}

#[test]
fn what_a_prompt_cannot_be_is_told() {
    for (prompt, message) in [
        ("{prompt: x}", "the prompt has no `name`"),
        ("{name: facts}", "always in scope"),
        ("{name: 1x}", "not the name of a variable"),
        ("{name: x, encrypt: sha512_crypt}", "an answer is not hashed here"),
        ("{name: x, salt_size: 7}", "openssl passwd -6"),
        ("{name: x, privat: false}", "did you mean `private`?"),
        ("{name: x, private: no}", "write `false`"),
        ("{name: ansible_become_password}", "--ask-become-pass"),
        ("{name: ansible_user}", "stands in the inventory"),
        ("x", "expected a prompt"),
    ] {
        let project = project(&format!(
            "    - {prompt}\n    - {{name: who, default: x}}\n    - {{name: token, default: x}}\n"
        ));
        project.run(&["validate", "inventory.yml"]).exits(20).has(&[message, "site.yml:3:"]);
    }
    let project = project(&format!("{BOTH}    - {{name: who}}\n"));
    project.run(&["validate", "inventory.yml"]).exits(20).has(&["`who` is asked for twice", "first here"]);
    // Only where the play runs.
    project.write(
        "site.yml",
        &project.read("site.yml").replace("    - {name: who}\n", "").replace("hosts: all", "hosts: a"),
    );
    project.write(
        "site.yml",
        &(project.read("site.yml")
            + "- hosts: b\n  tasks: [{name: u, copy: {dest: \"{{home}}/u\", content: x}}]\n"),
    );
    project.apply(&["--yes", "--limit", "b"]).exits(0);
    assert!(project.has("h/b/u") && !project.has("h/a/x"));
}

#[test]
fn what_is_typed_unseen_is_refused_offline_where_everybody_would_see_it() {
    let project = Project::local(
        &["a"],
        "- hosts: all\n  vars_prompt: [{name: token}]\n  tasks:\n    - {name: t, command: \"login {{token}}\"}\n",
    );
    project
        .run(&["validate", "inventory.yml"])
        .exits(20)
        .has(&["a secret cannot be used here", "site.yml:4"]);
}
