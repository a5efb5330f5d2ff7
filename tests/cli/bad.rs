//! Mistakes in what a project is made of, on the way through the real program. Each is found before any host is touched.

use crate::project::{Project, Ran, play};

/// `apply` and `validate` refuse it in the same words.
#[track_caller]
fn refused(project: &Project, arguments: &[&str], parts: &[&str]) {
    let apply = project.apply(&[arguments, &["--yes"]].concat());
    apply.exits(20).has(parts);
    let validate: Ran = project.run(&[&["validate", "inventory.yml"], arguments].concat());
    validate.exits(20).has(parts);
    assert!(!project.has("state"), "something was touched");
}

const FINE: &str = "    - {name: fine, copy: {dest: \"{{home}}/x\", content: x}, tags: [web]}\n";

#[test]
fn a_cycle_is_shown_as_a_path_with_reasons() {
    let project = Project::tasks(
        "    - {name: one, copy: {dest: \"{{home}}/1\", content: x}, needs: [three]}\n    \
         - {name: two, copy: {dest: \"{{home}}/2\", content: x}, needs: [one]}\n    \
         - {name: three, copy: {dest: \"{{home}}/3\", content: x}, needs: [two]}\n",
    );
    refused(
        &project,
        &[],
        &[
            "tasks wait for each other",
            "--> site.yml:3:",
            "`two` (site.yml:4:14) waits for `one` (site.yml:3:14) (needs)",
            "`three` (site.yml:5:14) waits for `two`",
            "`one` (site.yml:3:14) waits for `three`",
            "hint: remove one of",
        ],
    );
    // File order on one side, a wish on the other.
    let project = Project::tasks(
        "    - {name: early, copy: {dest: \"{{home}}/1\", content: x}, needs: [late]}\n    \
         - {name: late, shell: {cmd: \"cat {{home}}/1\", touches: [\"{{home}}\"]}}\n",
    );
    refused(&project, &[], &["tasks wait for each other", "`early`", "`late`", "(needs)", "/h/a)"]);
}

#[test]
fn two_owners_of_one_path() {
    let project = Project::tasks(
        "    - {name: mine, copy: {dest: \"{{home}}/x\", content: x}}\n    \
         - {name: yours, template: {src: t, dest: \"{{home}}/x\"}}\n",
    );
    project.write("templates/t", "y\n");
    refused(&project, &[], &["two tasks own `path:", "/h/a/x`", "`mine`", "`yours`", "site.yml:4:"]);
}

#[test]
fn tags_and_limits_that_match_nothing() {
    let project = Project::tasks(FINE);
    refused(&project, &["--tags", "wbe"], &["no task has the tag `wbe`", "did you mean `web`?"]);
    refused(&project, &["--limit", "b"], &["`b`", "--limit"]);
    refused(&project, &["--limit", "a:!a"], &["`a:!a` matches no host"]);
    // In the inventory, but nothing is to be done there.
    let project = Project::local(&["a", "b"], &play(FINE).replace("hosts: all", "hosts: a"));
    project.run(&["validate", "inventory.yml"]).exits(0);
    refused(&project, &["--limit", "b"], &["`b` matches no host of a play", "hint: the plays are for: a"]);
}

#[test]
fn files_that_are_not_there() {
    let project = Project::tasks(FINE);
    let inventory = ["no such inventory: inventroy.yml", "hint: did you mean `inventory.yml`?"];
    let playbook = ["no such playbook: no.yml", "hint: name a file such as `playbooks/site.yml`"];
    project.run(&["apply", "inventroy.yml", "--yes"]).exits(20).has(&inventory);
    project.run(&["validate", "inventroy.yml"]).exits(20).has(&inventory);
    refused(&project, &["-p", "no.yml"], &playbook);
    std::fs::rename(project.path("site.yml"), project.path("other.yml")).unwrap();
    refused(&project, &[], &["no playbook found beside the inventory", "hint: write `--playbook FILE`"]);
    std::fs::rename(project.path("other.yml"), project.path("site.yml")).unwrap();
    project.run(&["apply"]).exits(2);
    project.apply(&["--forks", "0"]).exits(2);
}

#[test]
fn vaults_that_do_not_open() {
    let project = Project::tasks("    - {name: t, copy: {dest: \"{{home}}/x\", content: \"{{token}}\"}}\n");
    project.write("right", "right\n");
    project.write("wrong", "wrong\n");
    project.write("group_vars/all.yml", "token: hunter2hunter2\n");
    let right = ["--vault-password-file", "right"];
    project.run(&["vault", "encrypt", "group_vars/all.yml", right[0], right[1]]).exits(0);
    let vault = project.read("group_vars/all.yml");
    assert!(vault.starts_with("$ANSIBLE_VAULT;"), "{vault}");
    refused(&project, &[], &["group_vars/all.yml", "vault password", "hint:"]);
    refused(
        &project,
        &["--vault-password-file", "wrong"],
        &[
            "wrong vault password",
            "group_vars/all.yml",
            "cause: 1 password was tried",
            "hint: check the password source",
        ],
    );
    refused(&project, &["--vault-password-file", "gone"], &["gone"]);
    // One digit of the content is another one: lines are made of pairs, and `3x` stands for the digit x.
    let (start, last) = vault.trim_end().rsplit_once('\n').unwrap();
    let pair = (0..last.len()).step_by(2).find(|at| last.as_bytes()[*at] == b'3').unwrap();
    let other = if last.as_bytes()[pair + 1] == b'1' { "2" } else { "1" };
    let flipped = format!("{start}\n{}{other}{}\n", &last[..=pair], &last[pair + 2..]);
    let shorter = vault.lines().take(3).collect::<Vec<_>>().join("\n");
    let source = "hint: check the password source; a text that was changed after encryption looks the same";
    let backup = "hint: restore the text from version control or a backup";
    for (text, message, hint) in [
        (flipped.as_str(), "wrong vault password", source),
        (shorter.as_str(), "damaged vault: it holds 2 of 3 parts: the end is missing", backup),
        (
            "$ANSIBLE_VAULT;1.1;AES256\nnot hex\n",
            "damaged vault: the body holds a character that is not hexadecimal",
            backup,
        ),
        ("$ANSIBLE_VAULT;1.1;AES256\n", "damaged vault: nothing follows the header", backup),
        (
            "$ANSIBLE_VAULT;9.9;XYZ\n00\n",
            "unknown vault version `9.9`",
            "hint: versions 1.1 and 1.2 are known",
        ),
        ("$ANSIBLE_VAULT;1.1;XYZ\n00\n", "unknown vault cipher `XYZ`", "hint: only AES256 is known"),
    ] {
        project.write("group_vars/all.yml", text);
        refused(&project, &right, &["group_vars/all.yml", message, hint]);
    }
    project.write("group_vars/all.yml", &vault);
    project.apply(&["--yes", right[0], right[1]]).exits(0).lacks(&["hunter2hunter2"]);
    assert_eq!(project.read("h/a/x"), "hunter2hunter2");
}

#[test]
fn a_mistake_that_needs_facts_stops_the_run_all_the_same() {
    let project = Project::local(
        &["a", "b"],
        &play(
            "    - {name: picky, copy: {dest: \"{{home}}/{{facts.os.id}}\", content: \"{{facts.interfaces.nothing}}\"}}\n",
        ),
    );
    let ran = project.go();
    ran.exits(20)
        .has(&["error: a: picky: `facts.interfaces` has no key `nothing` (site.yml:3:74)", "hint: it has `"]);
    ran.has(&[" --> site.yml:3:74\n", "3 |     - {name: picky, copy:", "^^^^^^^^^^^^^^^^^^^^^^^^\n"]);
    assert_eq!(ran.text().matches("3 |     - {name: picky").count(), 1, "{}", ran.text());
    assert!(project.tree("h/a").is_empty() && project.tree("h/b").is_empty());
    // Every mistake has its own place, excerpt and hint, also as JSON.
    let project = Project::tasks(
        "    - name: picky\n      copy:\n        dest: \"{{home}}/{{facts.disks.nmae}}\"\n        content: \"{{facts.interfaces.nothing}}\"\n",
    );
    let ran = project.go();
    ran.exits(20).has(&[
        "no key `nmae` (site.yml:5:",
        "5 |         dest:",
        "no key `nothing` (site.yml:6:",
        "6 |         content:",
    ]);
    ran.has(&["hint: it has `"]);
    assert_eq!(ran.text().matches("hint: ").count(), 2, "{}", ran.text());
    let json = project.apply(&["--yes", "--json"]);
    json.exits(20).has(&["\"excerpt\":\"", "5 |         dest:", "6 |         content:", "\"more\":["]);
}

#[test]
fn mistakes_in_how_a_host_is_reached_and_in_loops_over_facts_have_excerpts() {
    let project = Project::tasks(FINE);
    let inventory = project.read("inventory.yml");
    project.write(
        "inventory.yml",
        &inventory.replace("    a:\n", "    a:\n      ansible_port: 70000\n      ansible_timeout: soon\n"),
    );
    let ran = project.go();
    ran.exits(20).has(&[
        "a port from 1 to 65535",
        "ansible_port: 70000",
        "seconds from 1 to",
        "ansible_timeout: soon",
    ]);
    let project = Project::tasks(
        "    - name: loops\n      copy: {dest: \"{{home}}/{{item}}\", content: x}\n      loop: \"{{facts.hostname}}\"\n",
    );
    project.go().exits(20).has(&[
        "error: a: expected a list or a mapping to loop over",
        "5 |       loop: ",
        "^^^^^",
    ]);
    // A decrypted file is named and not quoted.
    let project = Project::tasks("    - {name: t, copy: {dest: \"{{home}}/x\", content: \"{{token.x}}\"}}\n");
    project.write("password", "password\n");
    let vault = ["--vault-password-file", "password"];
    project.write("group_vars/all.yml", "token: {x: \"{{facts.disks.kanari}}\"}\n");
    project.run(&["vault", "encrypt", "group_vars/all.yml", vault[0], vault[1]]).exits(0);
    let ran = project.apply(&["--yes", vault[0], vault[1]]);
    ran.exits(20).has(&["error: a: t: ", "group_vars/all.yml:1:"]).lacks(&["kanari", "1 | "]);
}

#[test]
fn a_typo_in_a_branch_that_is_not_taken() {
    let project = Project::tasks(
        "    - name: inline\n      copy:\n        dest: \"{{home}}/x\"\n        content: |\n          \
         {{#if facts.os}}\n          {{typo_in_body}}\n          {{else}}\n          {{typo_in_else}}\n          {{/if}}\n    \
         - {name: file, template: {src: t, dest: \"{{home}}/y\"}}\n    \
         - {name: named, debug: {msg: \"{{by_variable}}\"}}\n",
    );
    project.write("templates/t", "{{#each facts.disks as |x|}}\n{{x.fine}} {{@root.typo_in_each}}\n{{/each}}\n{{#if home}}{{else}}{{> part}}{{/if}}\n");
    project.write("templates/part", "{{typo_in_part}} {{#if (defined maybe)}}{{maybe}}{{/if}}\n");
    project
        .write("group_vars/all.yml", "by_variable: \"{{#if facts.disks.x}}{{typo_in_variable}}{{/if}}\"\n");
    refused(
        &project,
        &[],
        &[
            "undefined variable `typo_in_body`",
            "site.yml:8:13",
            "undefined variable `typo_in_else`",
            "site.yml:10:13",
            "undefined variable `typo_in_each`",
            "templates/t:2:14",
            "undefined variable `typo_in_part`",
            "templates/part:1:3",
            "undefined variable `typo_in_variable`",
            "5 errors",
        ],
    );
    // What another host has is no typo.
    let project = Project::local(
        &["a", "b"],
        &play("    - {name: t, debug: {msg: \"{{#if first}}{{only_a}}{{else}}none{{/if}}\"}}\n"),
    );
    project.write("host_vars/a.yml", "{first: true, only_a: 1}\n");
    project.write("host_vars/b.yml", "{first: false}\n");
    project.run(&["validate", "inventory.yml"]).exits(0);
}
