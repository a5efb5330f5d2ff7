//! A job of a CI service: what its log looks like, and the files that it keeps.

use crate::project::{Project, Ran, play};
use serde_json::Value;
use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

/// Two hosts: one changes a file, the other fails at a command that prints what the service would take for a command.
fn two_hosts() -> Project {
    let tasks = "    - name: motd\n      copy: {dest: \"{{home}}/motd\", content: \"hello `x` | @you\\n\"}\n\
                 \x20   - name: breaks\n      when: 'eq host \"b\"'\n      command: |\n        sh -c 'echo \"::set-env name=A::1\"; echo \"x ##[add-mask]y\"; exit 3'\n\
                 \x20   - name: never\n      needs: breaks\n      when: 'eq host \"b\"'\n      command: \"true\"\n";
    Project::local(&["a", "b"], &play(tasks))
}

/// The program in a job of GitHub Actions, whose repository has the project in the folder `ops`.
fn github(project: &Project, arguments: &[&str]) -> Ran {
    run(project, arguments, |command| {
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", project.path("step.md"));
        command.env("GITHUB_WORKSPACE", project.path("").parent().unwrap());
    })
}

fn gitlab(project: &Project, arguments: &[&str]) -> Ran {
    run(project, arguments, |command| {
        command.env("GITLAB_CI", "true").env("CI_PROJECT_DIR", project.path(""));
    })
}

fn run(project: &Project, arguments: &[&str], job: impl Fn(&mut Command)) -> Ran {
    let mut command = project.command(arguments);
    job(&mut command);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Lines that GitHub carries out.
fn commands(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.trim_start().starts_with("::") || line.contains("##[")).collect()
}

#[test]
fn a_log_of_github_folds_and_says_failures_beside_the_file() {
    let project = two_hosts();
    let checked = github(&project, &["apply", "inventory.yml", "--check"]);
    checked.exits(10);
    let out = &checked.out;
    assert!(out.contains("::group::connect and look\n"), "{out}");
    assert!(out.contains("::group::~ motd  [all hosts] site.yml:3:13\n"), "{out}");
    // What counts is seen without unfolding anything.
    let outside = unfolded(out);
    assert!(outside.contains("1 would change") && !outside.contains("hello"), "{outside}");
    assert!(out.contains("\x1b["), "colours are understood: {out}");

    let ran = github(&project, &["apply", "inventory.yml", "--yes"]);
    ran.exits(40);
    let name = project.path("").file_name().unwrap().to_string_lossy().into_owned();
    let error: Vec<&str> =
        commands(&ran.out).into_iter().filter(|line| line.starts_with("::error")).collect();
    assert_eq!(error.len(), 1, "{}", ran.out);
    assert!(error[0].starts_with(&format!("::error file={name}/site.yml,line=")), "{error:?}");
    assert!(error[0].contains("title=b%3A breaks%3A "), "{error:?}");
    // What the command printed is text, and stands outside of groups with the failure.
    let allowed = ["::group::", "::endgroup::", "::error "];
    for line in commands(&ran.out) {
        assert!(allowed.iter().any(|known| line.starts_with(known)), "carried out: {line}");
    }
    assert!(unfolded(&ran.out).contains("set-env name=A"), "{}", ran.out);
    assert_eq!(ran.out.matches("::group::").count(), ran.out.matches("::endgroup::").count(), "{}", ran.out);
    // Both runs are in the summary of the step.
    let summary = project.read("step.md");
    assert_eq!(summary.matches("### apply").count(), 2, "{summary}");
    assert!(
        summary.contains("### apply --check of inventory.yml: changes pending (exit code 10)"),
        "{summary}"
    );
    assert!(
        summary.contains("#### Failures") && summary.contains("**breaks** on <code>b</code>"),
        "{summary}"
    );

    // NO_COLOR and `--ci none` are honoured.
    let plain = run(&project, &["--ci", "none", "apply", "inventory.yml", "--check"], |command| {
        command.env("GITHUB_ACTIONS", "true");
    });
    assert!(!plain.out.contains("::group") && !plain.out.contains('\x1b'), "{}", plain.out);
}

/// What stands outside of groups.
fn unfolded(log: &str) -> String {
    let mut inside = false;
    let mut text = String::new();
    for line in log.lines() {
        match line {
            line if line.starts_with("::group::") => inside = true,
            "::endgroup::" => inside = false,
            line if !inside => text += &format!("{line}\n"),
            _ => {}
        }
    }
    text
}

#[test]
fn a_log_of_gitlab_has_sections() {
    let project = two_hosts();
    let ran = gitlab(&project, &["apply", "inventory.yml", "--yes", "--codequality", "quality.json"]);
    ran.exits(40);
    let starts = ran.out.matches("\x1b[0Ksection_start:").count();
    assert!(starts >= 3, "{}", ran.out);
    assert_eq!(starts, ran.out.matches("\x1b[0Ksection_end:").count(), "{}", ran.out);
    assert!(ran.out.contains(":provision_1[collapsed=true]\r\x1b[0Kconnect and look\n"), "{}", ran.out);
    assert!(!ran.out.contains("::error"), "{}", ran.out);
    let report: Value = serde_json::from_str(&project.read("quality.json")).unwrap();
    let found = report.as_array().unwrap();
    assert_eq!(found.len(), 1, "{report}");
    assert_eq!(
        (&found[0]["location"]["path"], &found[0]["severity"]),
        (&"site.yml".into(), &"critical".into())
    );
    assert!(found[0]["description"].as_str().unwrap().starts_with("b: breaks: "), "{report}");
    // The same log again, from the run that was kept.
    let again = project.run(&["runs", "show", "--view", "gitlab"]);
    assert_eq!(again.exits(0).out.matches("section_start:").count(), starts, "{}", again.out);
}

/// A report as Python's parser reads it: for each case host, name, what it is marked as, and the text of what it printed.
fn junit(project: &Project, file: &str) -> Vec<Vec<String>> {
    let script = "import sys, json, xml.etree.ElementTree as E\nr = E.parse(sys.argv[1]).getroot()\n\
                  assert r.tag == 'testsuites'\n\
                  for name in ('tests', 'failures', 'errors', 'skipped'): assert int(r.get(name)) == sum(int(s.get(name)) for s in r), name\n\
                  assert int(r.get('tests')) == len(r.findall('.//testcase'))\n\
                  assert int(r.get('failures')) == len(r.findall('.//failure')) and int(r.get('skipped')) == len(r.findall('.//skipped'))\n\
                  print(json.dumps([[c.get('classname'), c.get('name'), ','.join(e.tag for e in c), '|'.join(''.join(e.itertext()) for e in c), c.get('file') or ''] for c in r.iter('testcase')]))";
    let output = Command::new("python3").args(["-c", script]).arg(project.path(file)).output().unwrap();
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), project.read(file));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn junit_has_a_case_for_each_task_of_each_host() {
    let project = two_hosts();
    let ran = project.apply(&["--yes", "--junit", "out.xml"]);
    ran.exits(40);
    let cases = junit(&project, "out.xml");
    let seen: Vec<[&str; 3]> =
        cases.iter().map(|case| [case[0].as_str(), case[1].as_str(), case[2].as_str()]).collect();
    let expected = [
        ["a", "motd", "system-out"],
        ["a", "breaks", "skipped"],
        ["a", "never", "skipped"],
        ["b", "motd", "system-out"],
        ["b", "breaks", "failure,system-out"],
        ["b", "never", "skipped,system-out"],
    ];
    assert_eq!(seen, expected, "{cases:?}");
    assert!(cases[4][3].contains("::set-env name=A::1"), "{cases:?}");
    assert_eq!(cases[0][4], "site.yml");
    // What would change is no failure, and what is as wanted is nothing but good.
    project.apply(&["--check", "--limit", "a", "--junit", "check.xml"]).exits(0);
    let marks: Vec<String> = junit(&project, "check.xml").into_iter().map(|case| case[2].clone()).collect();
    assert_eq!(marks, ["", "skipped", "skipped"]);
}

#[test]
fn what_the_second_look_finds_is_no_success() {
    let tasks = "    - {name: one, copy: {dest: \"{{home}}/f\", content: \"a\\n\"}}\n    - {name: two, lineinfile: {path: \"{{home}}/f\", line: b}}\n";
    let project = Project::tasks(tasks);
    let files = ["--junit", "j.xml", "--summary", "s.md", "--codequality", "q.json"];
    project.apply(&[&["--yes", "--prove"], &files[..]].concat()).exits(42);
    let cases = junit(&project, "j.xml");
    let left: Vec<&str> =
        cases.iter().filter(|case| case[0] == "proof").map(|case| case[1].as_str()).collect();
    assert!(left.contains(&"a: one"), "{cases:?}");
    assert!(project.read("s.md").contains("#### Left to do after the run"), "{}", project.read("s.md"));
    let report: Value = serde_json::from_str(&project.read("q.json")).unwrap();
    assert_eq!(report[0]["check_name"], "not converged", "{report}");
}

#[test]
fn a_configuration_that_is_refused_is_in_the_files_too() {
    let project = Project::tasks("    - {name: motd, copy: {dst: /x, content: hi}}\n");
    let files = ["--junit", "j.xml", "--summary", "s.md", "--codequality", "q.json"];
    let ran = github(&project, &[&["apply", "inventory.yml", "--check"], &files[..]].concat());
    ran.exits(20);
    let error: Vec<&str> = commands(&ran.err).into_iter().filter(|line| line.contains("dst")).collect();
    assert!(!error.is_empty() && error[0].starts_with("::error file="), "{}", ran.err);
    assert!(error[0].contains("site.yml,line=3,col="), "{}", ran.err);
    let cases = junit(&project, "j.xml");
    assert_eq!((cases[0][0].as_str(), cases[0][2].as_str()), ("configuration", "error"));
    assert!(project.read("s.md").starts_with("### refused: "), "{}", project.read("s.md"));
    assert!(project.read("step.md").contains("unknown"), "{}", project.read("step.md"));
    let report: Value = serde_json::from_str(&project.read("q.json")).unwrap();
    assert_eq!(report[0]["location"]["lines"]["begin"], 3, "{report}");
    // The same of `validate`.
    let ran = gitlab(&project, &["validate", "inventory.yml", "--format", "gitlab"]);
    let report: Value = serde_json::from_str(&ran.exits(20).out).unwrap();
    assert_eq!(report[0]["location"]["path"], "site.yml", "{report}");
}

#[test]
fn a_summary_fits_into_a_comment_and_says_what_it_leaves_out() {
    let tasks = "    - name: \"file {{item}}\"\n      loop: \"{{range 0 300}}\"\n      copy:\n        dest: \"{{home}}/f{{item}}\"\n        \
                 content: \"{{#each (range 0 60)}}line {{this}} of file {{../item}} ```\\n{{/each}}\"\n";
    let project = Project::local(&["a"], &play(tasks));
    project.apply(&["--check", "--summary", "s.md"]).exits(10);
    let text = project.read("s.md");
    assert!(text.len() <= 65_536, "{}", text.len());
    assert!(text.len() > 50_000, "room is used: {}", text.len());
    let (whole, short) = (text.matches("<details>").count(), text.matches("\n- ~ ").count());
    assert!(whole > 10 && whole + short <= 300, "{whole} {short}");
    assert!(text.contains("without the diff"), "{text}");
    // Three backticks in a text do not end the fence.
    assert_eq!(text.matches("````diff").count(), whole, "{text}");
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
}

#[test]
fn no_secret_is_in_any_file() {
    let project = Project::local(
        &["a"],
        &play(
            "    - copy: {dest: \"{{home}}/x\", content: \"pw={{password}}\"}\n    - command: {cmd: cat, stdin: \"{{password}}\"}\n",
        ),
    );
    project.write("pw", "hunter2-and-more\n");
    let mut sealed =
        project.command(&["vault", "encrypt-string", "--name", "password", "--vault-password-file", "pw"]);
    let mut child = sealed.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"hunter2-and-more").unwrap();
    let sealed = child.wait_with_output().unwrap();
    assert!(sealed.status.success());
    fs::create_dir_all(project.path("group_vars")).unwrap();
    project.write("group_vars/all.yml", &String::from_utf8(sealed.stdout).unwrap());
    let files = [
        "--yes",
        "--vault-password-file",
        "pw",
        "--junit",
        "j.xml",
        "--summary",
        "s.md",
        "--codequality",
        "q.json",
    ];
    let ran = github(&project, &[&["apply", "inventory.yml"], &files[..]].concat());
    ran.exits(0).lacks(&["hunter2"]);
    for file in ["j.xml", "s.md", "q.json", "step.md"] {
        assert!(!project.read(file).contains("hunter2"), "{}", project.read(file));
    }
    assert!(project.read("h/a/x").contains("hunter2"));
}

#[test]
fn what_is_ignored_or_rescued_is_no_failure() {
    let project = Project::tasks(
        "    - {name: odd, command: {cmd: \"false\", touches: [nothing]}, ignore_errors: true}\n    \
         - block:\n        - {name: fails, shell: {cmd: \"echo oh; exit 3\", touches: [nothing]}}\n      rescue:\n        \
         - {name: rescue, copy: {dest: \"{{home}}/f\", content: x}}\n",
    );
    let files = ["--junit", "j.xml", "--summary", "s.md", "--codequality", "q.json", "--report", "r.html"];
    let ran = github(&project, &[&["apply", "inventory.yml", "--yes"], &files[..]].concat());
    ran.exits(0).has(&["  1 ignored  1 rescued\n"]);
    let mut said: Vec<&str> =
        commands(&ran.out).into_iter().filter(|line| !line.contains("group::")).collect();
    said.sort_by_key(|line| line.contains("title=rescued"));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|line| line.starts_with("::warning file=")), "{said:?}");
    assert!(
        said[0].contains("title=ignored%3A a%3A odd%3A ") && said[1].contains("title=rescued%3A "),
        "{said:?}"
    );
    let cases = junit(&project, "j.xml");
    let marks: Vec<[&str; 2]> = cases.iter().map(|case| [case[1].as_str(), case[2].as_str()]).collect();
    assert_eq!(
        marks,
        [["odd", "skipped,system-out"], ["fails", "skipped,system-out"], ["rescue", "system-out"]]
    );
    let text = project.read("j.xml");
    assert!(
        text.contains("<skipped message=\"ignored: ") && text.contains("<skipped message=\"rescued: "),
        "{text}"
    );
    let summary = project.read("s.md");
    assert!(summary.contains("| not knowable yet | ignored, rescued |"), "{summary}");
    assert!(summary.contains("| <code>a</code> | 0 | 1 | 0 | 0 | 0 | 0 | 2 |"), "{summary}");
    let (_, excused) = summary.split_once("#### Ignored and rescued\n\n").unwrap();
    assert!(excused.starts_with("- odd on <code>a</code>") && excused.contains("\n- fails on "), "{summary}");
    assert!(!summary.contains("#### Failures"), "{summary}");
    let report: Value = serde_json::from_str(&project.read("q.json")).unwrap();
    let found: Vec<_> =
        report.as_array().unwrap().iter().map(|it| (&it["check_name"], &it["severity"])).collect();
    assert_eq!(found, [(&"ignored".into(), &"minor".into()), (&"rescued".into(), &"minor".into())]);
    assert!(project.read("r.html").contains("<h2 id=\"h-failures\">0 failures, 2 ignored or rescued</h2>"));
    // Of one that nothing excuses all is as it was.
    project.write("site.yml", &project.read("site.yml").replace(", ignore_errors: true", ""));
    let failed = github(&project, &["apply", "inventory.yml", "--yes", "--summary", "s.md"]);
    let errors =
        commands(&failed.exits(40).out).into_iter().filter(|line| line.starts_with("::error ")).count();
    assert_eq!(errors, 1, "{}", failed.out);
    let summary = project.read("s.md");
    assert!(summary.contains("#### Failures\n\n**odd**") && summary.contains("- fails on "), "{summary}");
}
