//! What a task lacks, and who may bring it.

use crate::project::Project;

/// Accounts that tasks of other hosts make where one acts, or that a task names which does nothing.
#[test]
fn accounts_that_others_make_are_left_to_the_run() {
    let owned = |more: &str| format!("copy: {{dest: \"{{{{home}}}}/x\", content: x, owner: nosuch}}{more}");
    let plays = |parts: [(&str, &str); 2]| {
        let play = |(host, task): &(&str, &str)| {
            format!("- hosts: {host}\n  tasks:\n    - {{name: of {host}, {task}}}\n")
        };
        Project::local(&["a", "b"], &parts.iter().map(play).collect::<String>())
    };
    let (here, there) = (owned(""), owned(", delegate_to: b"));
    let makes = "user: {name: nosuch}";
    let delegated =
        [", delegate_to: b", ", delegate_to: \"{{groups.all.[1]}}\""].map(|to| format!("{makes}{to}"));
    for parts in [
        [("a", &*delegated[0]), ("b", &*here)],
        [("a", &*delegated[1]), ("b", &*here)],
        [("b", makes), ("a", &*there)],
    ] {
        plays(parts).check().exits(10).has(&[&*format!("of {}  [{}]", parts[1].0, parts[1].0)]);
        // What comes later brings nothing.
        plays([parts[1], parts[0]]).check().exits(40).has(&["there is no user `nosuch`", "site.yml:3:"]);
    }
    let looks = "stat: {path: /}, delegate_to: b";
    plays([("a", looks), ("b", &here)]).check().exits(40).has(&["there is no user `nosuch`"]);
    let idle = Project::tasks(&format!("    - {{name: idle, check_mode: true, {here}}}\n"));
    idle.check().exits(0).has(&["would change"]);
    idle.go().exits(0);
    assert!(!idle.has("h/a/x"));
}

/// The program and the folder of a command.
#[test]
fn what_a_command_lacks_is_told_before_anything_is_done() {
    let first = "    - {name: first, copy: {dest: \"{{home}}/first\", content: x}}\n";
    let (no_program, no_folder) =
        ("there is no program `", "/nowhere does not exist and no earlier task makes it");
    for (runs, said) in [
        ("command: {cmd: nosuch --x, touches: [nothing]}", no_program),
        ("command: {cmd: nosuch --x, creates: \"{{home}}/x\"}", no_program),
        ("command: {argv: [\"{{home}}/nosuch\"]}", no_program),
        ("command: {cmd: \"true\", chdir: \"{{home}}/nowhere\"}", no_folder),
        ("shell: {cmd: \"true\", chdir: \"{{home}}/nowhere\", touches: [nothing]}", no_folder),
        ("script: {src: it.sh, chdir: \"{{home}}/nowhere\"}", no_folder),
        ("script: {src: it.sh, executable: nosuch}", no_program),
    ] {
        let project = |before: &str, more: &str| {
            let project = Project::tasks(&format!("{first}{before}    - {{name: runs, {runs}{more}}}\n"));
            project.write("files/it.sh", "#!/bin/sh\n");
            project
        };
        let told = project("", "");
        for ran in [told.check(), told.go()] {
            ran.exits(40).has(&[said, "site.yml:4:"]);
        }
        assert!(!told.has("h/a/first"), "{runs}");
        // What is not run lacks nothing; what may fail may lack something.
        project("", ", check_mode: true").go().exits(0);
        project("", ", when: false").go().exits(0);
        project("", ", ignore_errors: true").go().exits(0);
        // Something before it may bring it.
        project("    - {name: brings, shell: {cmd: \":\"}}\n", "").check().lacks(&[said]);
    }
    let installed = "    - {name: brings, package: {name: hello}}\n    - {name: runs, command: {cmd: nosuch, touches: [nothing]}}\n";
    Project::tasks(installed).check().lacks(&["no program"]);
    let settled = "    - {name: settled, command: {cmd: nosuch, creates: \"{{home}}\", chdir: /nowhere}}\n";
    Project::tasks(settled).go().exits(0);
    let brought = "    - {name: folder, file: {path: \"{{home}}/folder\", state: directory}}\n    \
                   - {name: program, copy: {dest: \"{{home}}/folder/it\", content: \"#!/bin/sh\\npwd > x\\n\", mode: \"0755\"}}\n    \
                   - {name: linked, link: {path: \"{{home}}/link\", target: folder}}\n    \
                   - {name: runs, command: {cmd: \"{{home}}/folder/it\", chdir: \"{{home}}/folder\"}}\n    \
                   - {name: behind, command: {cmd: \"{{home}}/link/it\", chdir: \"{{home}}/link\"}}\n";
    let project = Project::tasks(brought);
    project.check().exits(10).has(&["runs  [a]", "behind  [a]"]);
    project.go().exits(0);
    assert!(project.read("h/a/folder/x").ends_with("/folder\n"));
}
