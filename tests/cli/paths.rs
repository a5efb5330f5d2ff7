//! Paths and values that people do have.

use crate::{
    project::{Project, play},
    sshd::{Sshd, run},
};
use std::{os::unix::fs::MetadataExt, process::Command};

const PATHS: [&str; 8] =
    ["a b", "it's", "say \"x\"", "hü/日本 語", "$HOME `id`;&|", "#hash", "back\\slash", " end "];

/// Tasks of several types for each of the paths below `{{home}}`.
fn tasks() -> String {
    let mut tasks = String::new();
    for name in PATHS {
        let path = |more: &str| serde_json::to_string(&format!("{{{{home}}}}/{name}{more}")).unwrap();
        tasks += &format!("    - {{file: {{path: {}, state: directory}}}}\n", path(""));
        tasks += &format!(
            "    - {{copy: {{dest: {}, content: \"x\\n\", validate: \"test -s {{}}\"}}}}\n",
            path("/copy")
        );
        tasks += &format!("    - {{link: {{path: {}, target: {}}}}}\n", path("/link"), path("/copy"));
        tasks += &format!(
            "    - {{command: {{argv: [cp, {}, {}], creates: {1}}}}}\n",
            path("/copy"),
            path("/made")
        );
    }
    tasks
}

fn arrived(of: &dyn Fn(&str) -> std::path::PathBuf) {
    for name in PATHS {
        for file in ["copy", "link", "made"] {
            let path = of(name).join(file);
            assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), "x\n", "{path:?}");
        }
    }
}

#[test]
fn spaces_quotes_and_letters_of_all_sorts() {
    let project = Project::tasks(&tasks());
    project.go().exits(0).row("a 0 32 0 0 0 0");
    arrived(&|name| project.home("a").join(name));
    project.go().exits(0).row("a 32 0 0 0 0 0");
    let sshd = Sshd::start();
    let project = Project::ssh(&sshd, &tasks());
    project.go().exits(0).row("web1 0 32 0 0 0 0");
    arrived(&|name| sshd.home("alice").join("work").join(name));
    project.check().exits(0).row("web1 32 0 0 0 0 0");
}

#[test]
fn a_newline_in_a_path_is_refused() {
    let project = Project::tasks("    - copy: {dest: \"{{home}}/a\\nb\", content: x}\n");
    project.go().exits(20).has(&[
        "a path cannot hold a line break",
        "/a\\nb",
        "site.yml:3:",
        "hint: write it in one line",
    ]);
    assert!(project.tree("h/a").is_empty() && !project.has("state"));
}

#[test]
fn a_project_in_a_folder_with_a_strange_name() {
    let project = Project::tasks("    - template: {src: \"a b.conf\", dest: \"{{home}}/x\"}\n");
    let strange = "it's \"my\" prüject";
    for (name, text) in [
        ("inv entory.yml", project.read("inventory.yml")),
        ("site.yml", play("    - template: {src: \"a b.conf\", dest: \"{{home}}/x\"}\n")),
        ("templates/a b.conf", "{{host}}\n".into()),
    ] {
        project.write(&format!("{strange}/{name}"), &text);
    }
    project.run(&["apply", &format!("{strange}/inv entory.yml"), "--yes"]).exits(0);
    assert_eq!(project.read("h/a/x"), "a\n");
}

#[test]
fn values_in_an_env_file_are_what_a_shell_and_compose_read() {
    let values = [
        ("DOLLAR", "a$b ${HOME} $$"),
        ("HASH", "a #b"),
        ("DOUBLE", "say \"x\""),
        ("BACK", "a\\b\\n"),
        ("EQUALS", "a=b=c"),
        ("SPACES", "  a  b  "),
        ("EMPTY", ""),
        ("LETTERS", "hü 日本"),
    ];
    let task = |file: &str, values: &[(&str, &str)]| {
        let yaml: serde_json::Map<_, _> = values.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let yaml = serde_json::Value::Object(yaml);
        format!("    - {{name: {file}, env_file: {{path: \"{{{{home}}}}/{file}\", values: {yaml}}}}}\n")
    };
    // Of a quote in quotes a shell and Compose think differently; it is written for Compose.
    let quote = [("QUOTE", "it's \"quoted\"")];
    let project = Project::tasks(&(task("env", &values) + &task("quote", &quote)));
    project.go().exits(0);
    project.go().exits(0).row("a 2 0 0 0 0 0");
    for (name, value) in values {
        let script = format!(". {}/env; printf %s \"${name}\"", project.home("a").display());
        assert_eq!(run(Command::new("sh").args(["-c", &script])), value, "{}", project.read("h/a/env"));
    }
    assert_eq!(project.read("h/a/quote"), "QUOTE='it\\'s \"quoted\"'\n");
    let project = Project::tasks("    - env_file: {path: \"{{home}}/env\", values: {A: \"two\\nlines\"}}\n");
    project.go().exits(20).has(&[
        "the value of `A` holds a line break",
        "--> site.yml:3:52",
        "hint: encode it",
    ]);
    assert!(project.tree("h/a").is_empty());
}

/// What is planned on is found again, whatever the numbers of the accounts.
#[test]
fn a_folder_with_files_of_several_owners_is_given_to_one() {
    let sshd = Sshd::start();
    let folder = sshd.home("alice").join("many");
    for (name, owner) in [("a/x", 0), ("a/y", 1), ("b", 1), ("c", 0)] {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "").unwrap();
        std::os::unix::fs::chown(&path, Some(owner), Some(owner)).unwrap();
    }
    let task = format!(
        "    - {{become: true, file: {{path: {}, state: directory, recurse: true, owner: daemon, group: root}}}}\n",
        folder.display()
    );
    let project = Project::ssh(&sshd, &task);
    project.go().exits(0).has(&["root on 3 of 5 (a, a/x, c)", "daemon on 2 of 5 (a/y, b)"]);
    for name in ["a", "a/x", "a/y", "b", "c"] {
        let meta = std::fs::metadata(folder.join(name)).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (1, 0), "{name}");
    }
    project.check().exits(0);
}
