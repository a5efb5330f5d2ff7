//! What people get wrong in playbooks, and what they are told. Every case goes from files to the text shown.

mod project;

use project::{Project, has};

fn tasks(tasks: &str) -> String {
    Project::tasks(tasks).errors()
}

/// One error, with these parts.
#[track_caller]
fn one(errors: &str, parts: &[&str]) {
    has(errors, parts);
    assert_eq!(errors.matches("error:").count(), 1, "one error is wanted:\n{errors}");
}

#[test]
fn an_unknown_resource() {
    one(
        &tasks("    - tempalte: {src: a, dest: /a}\n"),
        &["unknown key or resource `tempalte` in a task", "site.yml:3:7", "hint: did you mean `template`?"],
    );
}

#[test]
fn an_unknown_keyword() {
    one(
        &tasks("    - command: x\n      wehn: true\n"),
        &["`wehn`", "site.yml:4:7", "hint: did you mean `when`?"],
    );
}

#[test]
fn an_unknown_parameter_once_for_all_hosts() {
    one(
        &tasks("    - file: {path: /a, state: directory, mod: \"0755\"}\n"),
        &["unknown parameter `mod`", "site.yml:3:42", "hint: did you mean `mode`?"],
    );
}

#[test]
fn an_unknown_parameter_beside_one_that_is_not_known_yet() {
    one(
        &tasks("    - file: {path: \"/{{facts.hostname}}\", state: directory, mod: \"0755\"}\n"),
        &["unknown parameter `mod`", "site.yml:3:61", "hint: did you mean `mode`?"],
    );
}

#[test]
fn a_wrong_type() {
    one(
        &tasks("    - file: {path: [/a], state: directory}\n"),
        &["expected a string, found a list", "site.yml:3:20"],
    );
    one(&tasks("    - file: {state: directory}\n"), &["parameter `path` is missing", "site.yml:3:7"]);
    one(&tasks("    - file: /a\n"), &["expected the parameters of `file`, found a string", "site.yml:3:13"]);
    for (task, message, place) in [
        (
            "wait_for: {port: many}",
            "expected a whole number from 0 to 65535, found a string",
            "site.yml:3:24",
        ),
        (
            "wait_for: {port: 70000}",
            "expected a whole number from 0 to 65535, found another integer",
            "site.yml:3:24",
        ),
        ("file: {path: /a, state: [absent]}", "expected a word, found a list", "site.yml:3:31"),
        (
            "compose: {project: a, directory: /a, wait: 3}",
            "expected `true` or `false`, found an integer",
            "site.yml:3:50",
        ),
        ("env_file: {path: /a, values: [A]}", "expected a mapping, found a list", "site.yml:3:36"),
        ("user: {name: {a: b}}", "expected a string, found a mapping", "site.yml:3:20"),
        ("package: {name: [[a]]}", "expected a string, found a list", "site.yml:3:24"),
    ] {
        one(&tasks(&format!("    - {task}\n")), &[message, place]);
    }
}

#[test]
fn a_mode_without_quotes() {
    for mode in ["0644", "644"] {
        one(
            &tasks(&format!("    - copy: {{dest: /a, content: x, mode: {mode}}}\n")),
            &["a mode must be a quoted octal string", "hint: write \"0644\", with the quotes", "site.yml:3"],
        );
    }
}

#[test]
fn an_undefined_variable() {
    let project = Project::new(&[(
        "site.yml",
        "- hosts: all\n  vars: {greeting: hi}\n  tasks:\n    - copy: {dest: /a, content: \"{{greting}}\"}\n",
    )]);
    one(&project.errors(), &["`greting`", "site.yml:4:", "hint: did you mean `greeting`?"]);
}

#[test]
fn a_variable_that_only_some_hosts_lack() {
    let project = Project::new(&[
        ("site.yml", "- hosts: all\n  tasks:\n    - copy: {dest: /a, content: \"{{port}}\"}\n"),
        ("group_vars/web.yml", "port: 80\n"),
    ]);
    one(&project.errors(), &["`port`", "cause: on c"]);
}

#[test]
fn undefined_in_a_condition_a_loop_a_name_and_behind_an_unknown_condition() {
    let errors = tasks(
        "    - {command: x, when: nowhere.a}\n    - {command: x, loop: \"{{nothing}}\"}\n    \
         - {name: \"n {{nobody}}\", command: x}\n    - {command: \"{{nix}}\", when: eq facts.os.id \"debian\"}\n",
    );
    has(&errors, &["`nowhere`", "`nothing`", "`nobody`"]);
    let errors = tasks("    - {command: \"{{nix}}\", when: eq facts.os.id \"debian\"}\n");
    has(&errors, &["`nix`", "site.yml:3"]);
}

#[test]
fn a_template_with_a_syntax_error() {
    let unclosed = "hint: every `{{#block}}` needs its `{{/block}}`";
    for (content, message, hint) in [
        ("{{#if x}}", "`{{#if x}}` is not closed", unclosed),
        ("{{#each x}}{{/if}}", "`{{#each}}` is closed by `{{/if}}`", ""),
        ("{{x", "a `{{` is not closed", ""),
        ("{{x == 1}}", "`==` is no operator here", "hint: write `eq x 1`"),
    ] {
        one(
            &tasks(&format!("    - copy: {{dest: /a, content: \"{content}\"}}\n")),
            &[&format!("invalid template: {message}"), "site.yml:3:", hint],
        );
    }
    let project = Project::new(&[
        ("site.yml", "- hosts: all\n  tasks:\n    - template: {src: a.conf, dest: /a}\n"),
        ("templates/a.conf", "listen 80;\n{{#each x}}\n"),
    ]);
    one(
        &project.errors(),
        &["invalid template: `{{#each x}}` is not closed", "templates/a.conf:2:", unclosed],
    );
}

#[test]
fn a_missing_role() {
    let project = Project::new(&[
        ("site.yml", "- hosts: all\n  roles: [ngnix]\n"),
        ("roles/nginx/tasks/main.yml", "- command: x\n"),
    ]);
    one(
        &project.errors(),
        &["no role `ngnix`", "site.yml:2:11", "did you mean `nginx`?", "cause: not in roles/"],
    );
}

#[test]
fn a_missing_source() {
    let project = Project::new(&[
        ("site.yml", "- hosts: all\n  roles: [web]\n"),
        (
            "roles/web/tasks/main.yml",
            "- template: {src: sites.conf, dest: /a}\n- copy: {src: missing, dest: /b}\n",
        ),
        ("roles/web/templates/site.conf", ""),
    ]);
    let errors = project.errors();
    has(
        &errors,
        &["no such file: `sites.conf`", "roles/web/tasks/main.yml:1:19", "did you mean `site.conf`?"],
    );
    has(&errors, &["cause: looked in roles/web/templates/", "cause: looked in templates/"]);
    has(&errors, &["no such file: `missing`", "cause: looked in roles/web/files/"]);
    assert_eq!(errors.matches("error:").count(), 2, "each once, not for each host:\n{errors}");
}

#[test]
fn a_missing_handler() {
    let project = Project::new(&[(
        "site.yml",
        "- hosts: all\n  tasks:\n    - {command: x, notify: reload}\n  handlers:\n    - {name: relaod, command: y}\n",
    )]);
    one(&project.errors(), &["no handler `reload` in this play", "site.yml:3:28", "did you mean `relaod`?"]);
}

#[test]
fn a_missing_host() {
    let play = |hosts: &str| {
        Project::new(&[("site.yml", &format!("- hosts: {hosts}\n  tasks: [{{command: x}}]\n"))])
    };
    one(&play("wbe").errors(), &["`wbe`", "site.yml:1:10", "did you mean `web`?"]);
    one(
        &tasks("    - {command: x, delegate_to: localhots}\n"),
        &["no host `localhots` to delegate to", "site.yml:3:33", "hint: did you mean `localhost`?"],
    );
    let site = play("all").site();
    let Err(errors) = site.host("d", None) else { panic!("there is no host d") };
    assert_eq!(errors.0[0].message, "no host `d`");
}

#[test]
fn a_limit_that_matches_nothing() {
    let mut project = Project::tasks("    - command: x\n");
    project.limit = Some("wbe");
    one(&project.errors(), &["`wbe`", "--limit", "did you mean `web`?"]);
    project.limit = Some("web:!a:!b");
    one(&project.errors(), &["`web:!a:!b` matches no host"]);
}

#[test]
fn tags_that_match_nothing() {
    let mut project = Project::tasks("    - {command: x, tags: nginx}\n");
    project.tags = vec!["ngnix".into()];
    one(&project.errors(), &["no task has the tag `ngnix`", "--tags", "did you mean `nginx`?"]);
    project.tags = vec!["nginx".into()];
    project.skip_tags = vec!["zzz".into()];
    one(&project.errors(), &["no task has the tag `zzz`", "--skip-tags", "there are: `nginx`"]);
}

#[test]
fn two_owners_of_one_path() {
    let errors = tasks(
        "    - {name: first, copy: {dest: /a, content: x}}\n    - {name: second, file: {path: /a, state: absent}}\n",
    );
    let hint = "hint: make them one task, or give them `when`s that exclude each other";
    one(&errors, &["two tasks own `path:/a`", "site.yml:4:14", "`first` owns it already", "`second`", hint]);
    let errors = tasks("    - {name: l, copy: {dest: /a, content: x}, loop: [1, 2]}\n");
    one(&errors, &["two tasks own `path:/a`", "site.yml:3:14", "`l (2)`", "`l (1)` owns it already", hint]);
    let exclusive = "    - {copy: {dest: /a, content: x}, when: eq host \"a\"}\n    \
                     - {copy: {dest: /a, content: y}, when: ne host \"a\"}\n";
    assert_eq!(tasks(exclusive), "");
}

#[test]
fn tabs_and_duplicate_keys() {
    one(
        &tasks("\t- command: x\n"),
        &["a tab is used for indentation", "site.yml:3:1", "hint: YAML is indented with spaces only"],
    );
    one(
        &tasks("    - command: x\n      command: y\n"),
        &["the key `command` stands twice", "site.yml:4:7", "first here"],
    );
}

#[test]
fn braces_without_quotes() {
    one(&tasks("    - file: {path: {{x}}, state: directory}\n"), &["must be quoted", "site.yml:3"]);
    one(&tasks("    - {command: x, when: \"{{x}}\"}\n"), &["write it without braces"]);
}

#[test]
fn two_resources_and_none() {
    let errors = tasks("    - copy: {dest: /a, content: x}\n      command: y\n    - name: nothing\n");
    has(
        &errors,
        &["here are `copy` and `command`", "site.yml:4:7", "a task without a resource", "site.yml:5:7"],
    );
}

#[test]
fn strange_paths_arrive_as_they_are() {
    use lustores_provision::{
        model::TaskId,
        site::{Preparation, Prepare, Registered},
    };
    let paths = ["/a b/c", "/it's \"quoted\"", "/ü", "/$HOME;`x`"];
    for path in paths {
        let yaml = serde_json::to_string(path).expect("a string");
        let project = Project::tasks(&format!("    - copy: {{dest: {yaml}, content: x}}\n"));
        assert_eq!(project.errors(), "");
        let Ok(Preparation::Ready(prepared)) = project.host("a").prepare(TaskId(0), &Registered::default())
        else {
            panic!("{path} is not ready");
        };
        assert_eq!(prepared.address().expect("it owns a path").0, format!("path:{path}"));
    }
}

/// Every parameter that is a path on the host. Those that a type keeps as text for a reason of its own have fixtures.
#[test]
fn a_line_break_in_any_path_is_refused() {
    for task in [
        "apt_repository: {name: a, uris: u, suites: s, signed_by: P}",
        "certificate: {path: P, key: /k, method: selfsigned, names: a}",
        "certificate: {path: /c, key: P, method: selfsigned, names: a}",
        "command: {cmd: x, chdir: P}",
        "command: {cmd: x, creates: P}",
        "command: {cmd: x, removes: P}",
        "command: {cmd: x, touches: [P]}",
        "command: {cmd: x, reads: [P]}",
        "copy: {dest: P, content: x}",
        "env_file: {path: P, values: {A: b}}",
        "file: {path: P, state: directory}",
        "http: {url: \"https://a/\", ca: P}",
        "json_merge: {path: P, values: {}}",
        "lineinfile: {path: P, line: x}",
        "link: {path: P, target: /x}",
        "shell: {cmd: x, chdir: P}",
        "shell: {cmd: x, creates: P}",
        "shell: {cmd: x, removes: P}",
        "shell: {cmd: x, touches: [P]}",
        "sysctl: {name: a.b, value: 1, file: P}",
        "template: {dest: P, content: x}",
        "user: {name: a, home: P}",
        "user: {name: a, shell: P}",
        "wait_for: {path: P}",
    ] {
        let errors = tasks(&format!("    - {}\n", task.replace('P', "\"/a\\nb\"")));
        let column = 7 + task.find('P').expect("a path");
        one(
            &errors,
            &[
                "a path cannot hold a line break or a NUL byte: `/a\\nb`",
                &format!("site.yml:3:{column}"),
                "hint: write it in one line; a YAML block ends with a line break unless it begins with `|-` or `>-`",
            ],
        );
    }
    one(
        &tasks("    - copy:\n        dest: |\n          /a\n        content: x\n"),
        &["cannot hold a line break", "site.yml:5:11", "`|-`"],
    );
}

#[test]
fn a_project_in_a_folder_with_a_strange_name() {
    let project = Project::new(&[
        ("site.yml", "- hosts: all\n  roles: [\"it's a role\"]\n"),
        ("roles/it's a role/tasks/main.yml", "- template: {src: \"a \\\"b\\\".conf\", dest: /a}\n"),
        ("roles/it's a role/templates/a \"b\".conf", "{{host}}\n"),
    ]);
    assert_eq!(project.errors(), "");
}

#[test]
fn a_loop_over_what_only_a_run_can_tell() {
    one(
        &tasks(
            "    - {command: ls, register: out}\n    - {command: x, loop: \"{{out.stdout_lines}}\", become_user: \"{{item}}\", become: true}\n",
        ),
        &["this must be known before the tasks run", "site.yml:4", "`out`"],
    );
    one(&tasks("    - {command: x, loop: \"{{host}}\"}\n"), &["expected a list or a mapping to loop over"]);
}

#[test]
fn both_a_source_and_a_content() {
    let project = Project::new(&[
        ("site.yml", "- hosts: all\n  tasks:\n    - copy: {src: x, content: y, dest: /a}\n"),
        ("files/x", "x"),
    ]);
    one(&project.errors(), &["`src` and `content` are both given", "site.yml:3"]);
}

#[test]
fn everything_at_once() {
    let errors = tasks(
        "    - file: {path: /a, state: directroy}\n    - copy: {dest: /b, content: \"{{no}}\"}\n    \
         - copy: {dest: /c, src: gone}\n    - copy: {dest: /d, content: x, mode: 0600}\n",
    );
    assert_eq!(errors.matches("error:").count(), 4, "{errors}");
}

#[test]
fn a_file_of_a_role_that_is_nested_without_end() {
    for depth in [60, 3000] {
        let deep = format!("x: {}string{}\n", "{type: list, items: ".repeat(depth), "}".repeat(depth));
        let project = Project::new(&[
            ("site.yml", "- {hosts: all, roles: [{role: r, vars: {x: a}}]}\n"),
            ("roles/r/meta/inputs.yml", &deep),
        ]);
        let text = project.errors();
        let message = if depth == 60 { "more than 20 deep" } else { "nested too deep" };
        has(&text, &[message, "roles/r/meta/inputs.yml:1:"]);
    }
}
