//! What a task lacks, and who may bring it.

use crate::project::Project;
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

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
        project("    - {name: brings, shell: {cmd: \":\"}}\n", "").check().exits(10).lacks(&[said]);
    }
    // A program comes with packages, or with what starts.
    for area in ["packages", "unit:x", "docker", "compose:x"] {
        let brings = format!("shell: {{cmd: \":\", touches: [\"{area}\"]}}");
        let tasks = format!(
            "    - {{name: brings, {brings}}}\n    - {{name: runs, command: {{cmd: nosuch, touches: [nothing]}}}}\n"
        );
        Project::tasks(&tasks).check().exits(10).has(&["runs  [a]"]);
    }
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

/// A task that says that it is `first` or `last`.
fn named(name: &str, task: &str) -> String {
    format!("    - {{name: {name}, {task}}}\n")
}

const SCRIPT: &str = "content: \"#!/bin/sh\\n\", mode: \"0755\"";

/// Whatever is brought is there in time, by whichever name it is called.
#[test]
fn what_comes_by_another_name_is_not_missed() {
    let copy = |path: &str| format!("copy: {{dest: \"{{{{home}}}}/{path}\", {SCRIPT}}}");
    let folder = |path: &str| format!("file: {{path: \"{{{{home}}}}/{path}\", state: directory}}");
    let run = |path: &str| format!("command: {{cmd: \"{{{{home}}}}/{path}\"}}");
    let stand = |path: &str| format!("command: {{cmd: \"true\", chdir: \"{{{{home}}}}/{path}\"}}");
    for (brings, needs) in [
        (copy("x"), run("/x")),
        (copy("x"), run("./x")),
        (copy("x"), run("real/../x")),
        (copy("real/x"), run("link/x")),
        (copy("link/x"), run("real/x")),
        (copy("real/x"), run("link/../real//x")),
        (copy("real/far/x"), run("it")),
        (folder("link/app"), stand("real/app")),
        (folder("real/app"), stand("link/app")),
        (copy("x"), "command: {cmd: ./x, chdir: \"{{home}}\"}".into()),
        (copy("real/x"), "command: {cmd: link/x, chdir: \"{{home}}\"}".into()),
        (
            "file: {path: \"{{home}}/closed\", state: directory, recurse: true, mode: \"0755\"}".into(),
            run("closed/x"),
        ),
        ("file: {path: \"{{home}}/closed/x\", mode: \"0755\"}".into(), run("closed/x")),
    ] {
        let project = |needs: &str| {
            let project = Project::tasks(&(named("first", &brings) + &named("last", needs)));
            let home = project.home("a");
            fs::create_dir_all(home.join("real/far")).unwrap();
            symlink("real", home.join("link")).unwrap();
            symlink("link/far/x", home.join("it")).unwrap();
            project.write("h/a/closed/x", "#!/bin/sh\n");
            project
        };
        let brought = project(&needs);
        brought.check().exits(10).has(&["first  [a]", "last  [a]"]);
        brought.go().exits(0);
        let needs = needs.replace("/app", "/nosuch").replace("/x", "/nosuch").replace("/it", "/nosuch");
        if !brings.contains("closed") {
            project(&needs).check().exits(40).has(&["no earlier task", "site.yml:4:"]);
        }
    }
}

/// A command that says what it touches still comes behind what brings its program.
#[test]
fn a_program_is_waited_for() {
    let brings =
        "shell: {cmd: \"sleep 0.3; cp /bin/true {{home}}/x\", creates: \"{{home}}/x\", touches: [nothing]}";
    for runs in ["cmd: \"{{home}}//x\"", "cmd: ./x, chdir: \"{{home}}\"", "argv: [\"{{home}}/x\"]"] {
        let runs = format!("command: {{{runs}, touches: [nothing]}}");
        let project = Project::tasks(&(named("brings", brings) + &named("runs", &runs)));
        project.check().exits(10).has(&["brings  [a]", "runs  [a]"]);
        project.go().exits(0);
    }
}

/// Also behind what brings it by another name, or only makes it one that may be run.
#[test]
fn a_program_is_waited_for_that_comes_by_another_name() {
    let lays = "shell: {cmd: \"sleep 0.5; cp /bin/true {{home}}/real/x\", creates: \"{{home}}/link/x\", touches: [nothing]}";
    let opens = "file: {path: \"{{home}}/link/x\", mode: \"0755\"}";
    let runs = "command: {cmd: \"{{home}}/real/x\", touches: [nothing]}";
    for (brings, is_there) in [(lays, false), (opens, true)] {
        let project = Project::tasks(&(named("brings", brings) + &named("runs", runs)));
        fs::create_dir_all(project.home("a").join("real")).unwrap();
        symlink("real", project.home("a").join("link")).unwrap();
        if is_there {
            project.write("h/a/real/x", "#!/bin/sh\n");
        }
        project.check().exits(10).has(&["brings  [a]", "runs  [a]"]);
        project.run(&["apply", "inventory.yml", "--yes"]).exits(0);
    }
}

/// Also where what it runs, or whether it runs, waits for the result of another task.
#[test]
fn a_program_is_waited_for_that_a_result_tells() {
    let says = named("says", "shell: {cmd: echo x, touches: [nothing]}, register: said");
    let brings = |touches: &str| {
        let cmd = "sleep 0.5; cp /bin/true {{home}}/x";
        format!("shell: {{cmd: \"{cmd}\", creates: \"{{{{home}}}}/x\", touches: [{touches}]}}")
    };
    let when = "when: eq said.stdout \"x\"";
    for (touches, runs) in [
        ("packages", "command: {cmd: \"{{home}}/{{said.stdout}}\", touches: [nothing]}".to_owned()),
        ("packages", "command: {argv: [\"{{home}}/{{said.stdout}}\"], touches: [nothing]}".into()),
        ("\"/usr/local/bin/it\"", "command: {cmd: \"{{home}}/{{said.stdout}}\", touches: [nothing]}".into()),
        ("nothing", "command: {argv: [\"{{home}}/x\", \"{{said.stdout}}\"], touches: [nothing]}".into()),
        ("nothing", format!("command: {{cmd: \"{{{{home}}}}/x\", touches: [nothing]}}, {when}")),
        (
            "nothing",
            format!("script: {{content: x, executable: \"{{{{home}}}}/x\", touches: [nothing]}}, {when}"),
        ),
    ] {
        let project =
            Project::tasks(&(says.clone() + &named("brings", &brings(touches)) + &named("runs", &runs)));
        project.check().exits(10).has(&["brings  [a]", "runs  [a]"]);
        project.go().exits(0);
        // What comes later in the playbook brings it too late.
        let project =
            Project::tasks(&(says.clone() + &named("runs", &runs) + &named("brings", &brings(touches))));
        project.go().exits(40).has(&["site.yml:4:"]);
    }
}

/// A program is looked for in the folder to run in, which has to be one.
#[test]
fn a_program_in_the_folder_to_run_in() {
    let project = |cmd: &str, chdir: &str| {
        let runs =
            format!("command: {{cmd: \"{cmd}\", chdir: \"{{{{home}}}}/{chdir}\", touches: [nothing]}}");
        let project = Project::tasks(&named("runs", &runs));
        project.write("h/a/in/it", "#!/bin/sh\npwd > x\n");
        fs::set_permissions(project.path("h/a/in/it"), fs::Permissions::from_mode(0o755)).unwrap();
        project
    };
    for (cmd, chdir) in [("./it", "in"), ("in/it", "."), (".//in/../in/it", "")] {
        let project = project(cmd, chdir);
        project.check().exits(10);
        project.go().exits(0);
        let at = if chdir == "in" { "h/a/in/x" } else { "h/a/x" };
        assert_eq!(project.read(at).trim_end(), project.path(at).parent().unwrap().display().to_string());
    }
    for (cmd, chdir, said) in [
        ("./nosuch", "in", "there is no program `./nosuch`"),
        ("./it", ".", "there is no program `./it`"),
        ("true", "in/it", "h/a/in/it is not a directory"),
    ] {
        let project = project(cmd, chdir);
        project.check().exits(40).has(&[said, "site.yml:3:"]);
        project.go().exits(40).has(&[said]);
    }
}

/// A bare name is looked for in the PATH that the task is given, in the run as in the plan.
#[test]
fn a_program_is_looked_for_in_the_path_of_its_task() {
    let in_path = |runs: &str, path: &str| format!("{runs}, environment: {{PATH: \"{path}\"}}");
    let runs = "command: {cmd: it --x, chdir: \"{{home}}\", touches: [nothing]}";
    let script = "script: {src: it.sh, executable: it, chdir: \"{{home}}\", touches: [nothing]}";
    let own = "command: {cmd: it, env: {PATH: \"{{home}}/bin\"}, chdir: \"{{home}}\", changes: false}";
    let project = |before: &str, task: &str, is_there: bool| {
        let project = Project::tasks(&(before.to_owned() + &named("runs", task)));
        project.write("files/it.sh", "#!/bin/sh\n");
        if is_there {
            project.write("h/a/bin/it", "#!/bin/sh\n: > ran\n");
            fs::set_permissions(project.path("h/a/bin/it"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        project
    };
    let all = "/nowhere:{{home}}/bin:/bin";
    for task in [in_path(runs, all), in_path(runs, "/nowhere:bin"), in_path(script, all), own.into()] {
        let there = project("", &task, true);
        assert!(matches!(there.check().code, Some(0 | 10)), "{task}");
        there.go().exits(0);
        assert!(there.has("h/a/ran"), "{task}");
    }
    for task in [in_path(runs, all), in_path(script, all)] {
        for ran in [project("", &task, false).check(), project("", &task, false).go()] {
            ran.exits(40).has(&["there is no program `it`", "site.yml:3:"]);
        }
        // What is brought there is waited for.
        let brings = "shell: {cmd: \"sleep 0.3; mkdir {{home}}/bin; printf '#!/bin/sh\\n: > ran\\n' > {{home}}/bin/it; \
                      chmod 755 {{home}}/bin/it\", creates: \"{{home}}/bin/it\", touches: [\"{{home}}/bin\"]}";
        let brought = project(&named("brings", brings), &task, false);
        brought.check().exits(10).has(&["brings  [a]", "runs  [a]"]);
        brought.go().exits(0);
        assert!(brought.has("h/a/ran"), "{task}");
    }
    // In no other folder, as a shell would.
    let elsewhere = project("", &in_path("command: \"true\"", "{{home}}/bin"), true);
    for ran in [elsewhere.check(), elsewhere.go()] {
        ran.exits(40).has(&["there is no program `true`"]);
    }
    // A secret one is followed as well, and no plan tells it.
    let secret =
        "    - {name: word, shell: {cmd: echo tokenword, changes: false, secret: true}, register: word}\n";
    let task = in_path(runs, "{{home}}/bin:/{{word.stdout}}");
    let project = project(secret, &task, true);
    project.check().exits(10).lacks(&["tokenword"]);
    project.go().exits(0).lacks(&["tokenword"]);
    assert!(project.has("h/a/ran"));
}

/// Whoever waits for what cannot come is not told a second time that it is missing.
#[test]
fn only_the_root_of_what_is_missing_is_told() {
    let copy = "copy: {dest: \"{{home}}/no/x\", content: x}";
    let git = "git: {repo: \"{{home}}/nowhere\", dest: \"{{home}}/g\"}";
    let page = "get_url: {url: \"http://127.0.0.1:1/x\", checksum: \"sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\", dest: \"{{home}}/no/x\"}";
    for (brings, said, needs) in [
        (copy, "/no does not exist", "command: {cmd: \"{{home}}/no/x\"}"),
        (copy, "/no does not exist", "command: {cmd: \"{{home}}/no/x\", touches: [nothing]}"),
        (copy, "/no does not exist", "lineinfile: {path: \"{{home}}/no/x\", line: y}"),
        (page, "/no does not exist", "command: {cmd: \"{{home}}/no/x\"}"),
        (git, "nowhere", "command: {cmd: ./x, chdir: \"{{home}}/g\"}"),
        (git, "nowhere", "copy: {dest: \"{{home}}/g/x\", content: x}"),
    ] {
        let project = Project::tasks(&(named("first", brings) + &named("last", needs)));
        project.check().exits(40).has(&[said, "site.yml:3:"]).lacks(&["there is no program", "site.yml:4:"]);
    }
    // What has nothing to do with it is.
    let other = "copy: {dest: \"{{home}}/other/y\", content: x}";
    let both = Project::tasks(&(named("first", copy) + &named("last", other)));
    both.check().exits(40).has(&[
        "/no does not exist",
        "site.yml:3:",
        "/other does not exist",
        "site.yml:4:",
    ]);
}

/// Of a host all that is wrong is told at once, by whichever questions it comes out.
#[test]
fn all_that_is_missing_is_told_at_once() {
    let runs = |at: usize| {
        let (program, folder) =
            ("command: {cmd: \"{{home}}/link/noN\"", "command: {cmd: \"true\", chdir: \"{{home}}/link/noN\"");
        let task = if at.is_multiple_of(2) { program } else { folder };
        named(&format!("runs {at}"), &format!("{}, touches: [nothing]}}", task.replace('N', &at.to_string())))
    };
    let owned = "copy: {dest: \"{{home}}/x\", content: x, owner: nosuch}";
    let grouped = "file: {path: \"{{home}}/y\", state: directory, group: nogroups}";
    let before = named("owned", owned) + &named("grouped", grouped);
    let project = Project::tasks(&(before + &(0..6).map(runs).collect::<String>()));
    fs::create_dir_all(project.home("a").join("real")).unwrap();
    symlink("real", project.home("a").join("link")).unwrap();
    let checked = project.check();
    let told = checked.exits(40);
    told.has(&["there is no user `nosuch`", "there is no group `nogroups`"]);
    for at in 0..6 {
        told.has(&[&*format!("site.yml:{}:", 5 + at), &*format!("/link/no{at}")]);
    }
}
