//! The same law on a host behind a real sshd, where packages come and go: the real apt and dpkg, on a database and an `/etc` of their own.

use super::{Count, law};
use crate::{
    project::{Project, Tree, play, tree},
    sshd::{Sshd, run},
};
use proptest::{prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};
use std::{fs, os::unix::fs::MetadataExt, process::Command};

const TOOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/law/bin/apt-repository");

/// A host with packages to be had: one with settings, some that need others, one that only wishes for one, and two of which each provides
/// what nobody is called.
fn host() -> Sshd {
    Sshd::start_as(&format!(
        "mkdir -p own/etc own/apt own/srv own/log /var/lib/dpkg /var/lib/apt/lists/partial /var/cache/apt/archives/partial\n\
         cp -a /etc/. own/etc/; mount --bind own/etc /etc\nmount --bind own/apt /etc/apt\nmount --bind own/srv /srv\nmount --bind own/log /var/log\n\
         {TOOL} begin\n{TOOL} add one 1 'Conffile: /etc/law/one.conf'\n{TOOL} add along 1\n{TOOL} add two 1 'Depends: along'\n\
         {TOOL} add deep 1\n{TOOL} add three 1 'Depends: deep, one'\n{TOOL} add four 1 'Depends: two | three' 'Recommends: deep'\n\
         {TOOL} add mta 1 'Provides: mail'\n{TOOL} add other 1 'Provides: mail'\n{TOOL} end\n"
    ))
}

/// As root, where the host's own packages and files are.
fn on_host(sshd: &Sshd, script: &str) {
    let root = sshd.root().display().to_string();
    let place = root.trim_end_matches("/root").to_owned() + "/ns/mnt";
    run(Command::new("nsenter").arg(format!("--mount={place}")).args(["sh", "-ec", script]));
}

/// What a task does, and what stands beside it. `%` is what a command has printed, which only shows in the run.
fn task() -> impl Strategy<Value = (String, &'static str)> {
    let name = || {
        select(vec![
            "one",
            "one",
            "two",
            "two",
            "along",
            "mta",
            "mta",
            "other",
            "mail",
            "[one, mta]",
            "three",
            "four",
            "deep",
            "deep",
        ])
    };
    let state = select(vec![
        "present",
        "present",
        "present",
        "present, install_recommends: false",
        "latest",
        "absent",
    ]);
    let place = || select(vec!["/etc/law/one.conf", "/etc/law-own.conf", "{{home}}/own.conf"]);
    let what = prop_oneof![
        6 => (name(), state).prop_map(|(name, state)| format!("package: {{name: {name}, state: {state}}}")),
        2 => place().prop_map(|path| format!("lineinfile: {{path: {path}, line: x, create: true}}")),
        2 => place().prop_map(|path| format!("blockinfile: {{path: {path}, block: \"%\", create: true}}")),
        1 => place().prop_map(|path| format!("file: {{path: {path}, state: absent}}")),
        2 => place().prop_map(|path| format!("stat: {{path: {path}}}")),
        2 => Just("copy: {dest: /etc/law/more.conf, content: \"%\"}".to_owned()),
        1 => place().prop_map(|path| format!("copy: {{dest: {path}, content: x, force: false}}")),
        1 => place().prop_map(|path| format!("shell: {{cmd: \"mkdir -p /etc/law; printf x >> {path}\", touches: [/etc/law, \"{path}\"], creates: \"{path}\"}}")),
        1 => place().prop_map(|path| format!("shell: {{cmd: \"rm {path}\", touches: [\"{path}\"], removes: \"{path}\"}}")),
        2 => Just("copy: {dest: \"{{home}}/plain\", content: \"%\"}".to_owned()),
        2 => Just("shell: {cmd: \"echo x >> {{home}}/log; echo said\", touches: [\"{{home}}/log\"]}".to_owned()),
        1 => Just("shell: {cmd: \"cat /srv/law/* 2>/dev/null || true\", changes: false, touches: [nothing], reads: [packages]}".to_owned()),
    ];
    let beside = select(vec![
        "",
        "",
        "",
        ", when: before.changed",
        ", when: not before.changed",
        ", when: (default before.stat.exists true)",
        ", when: eq (default said.stdout 'none') \"said\"",
    ]);
    (what, beside)
}

/// The tasks of a play, each of which may be about the one before it.
fn tasks(parts: &[(String, &str)]) -> String {
    let mut text =
        "    - {name: first, become: true, stat: {path: /etc/law/one.conf}, register: before}\n".to_owned();
    let (mut said, mut looked) = (false, true);
    for (at, (what, beside)) in parts.iter().enumerate() {
        let is_shell = what.starts_with("shell: {cmd: \"echo x");
        let beside = match *beside {
            beside if beside.contains("said") && !said || beside.contains("stat") && !looked => "",
            beside => beside,
        };
        let what = what.replace('%', if said { "{{default said.stdout 'none'}}" } else { "plain" });
        let register = if is_shell { "said" } else { "before" };
        let kind = if what.starts_with("package") { "package" } else { "t" };
        text += &format!("    - {{name: {kind} {at}, become: true, {what}{beside}, register: {register}}}\n");
        said |= is_shell;
        looked = (is_shell && looked) || what.starts_with("stat");
    }
    text
}

#[test]
fn what_is_shown_of_packages_is_what_is_done() {
    let (cases, config, rng) = super::settings(20);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let there = prop::collection::vec(select(vec!["one", "two", "along", "mta", "other", "deep"]), 0..3);
    let strategy = (there, prop::collection::vec(task(), 1..6), any::<bool>());
    let sshd = host();
    let holds = |(there, parts, saved): &(Vec<&str>, Vec<(String, &'static str)>, bool)| {
        let there: String = there.iter().map(|name| format!(" {name}")).collect();
        on_host(
            &sshd,
            &format!(
                "dpkg --purge --force-all one two three four deep along mta other >/dev/null 2>&1 || true\nrm -rf /etc/law /etc/law-own.conf {}/work\n\
                 test -z '{there}' || apt-get -qq install -y{there} >/dev/null 2>&1",
                sshd.home("alice").display()
            ),
        );
        let playbook = play(&tasks(parts));
        let project = Project::ssh(&sshd, &tasks(parts));
        let all = || -> Tree {
            let mut all = tree(&sshd.home("alice").join("work"));
            for folder in ["etc/law", "srv/law", "var/lib/dpkg/info"] {
                all.extend(tree(&sshd.root().join(folder)));
            }
            for file in ["etc/law-own.conf", "var/lib/dpkg/status"] {
                let path = sshd.root().join(file);
                let Ok(meta) = path.symlink_metadata() else { continue };
                let content = fs::read(&path).unwrap();
                all.insert(path, (meta.mode(), meta.uid(), meta.gid(), content));
            }
            all
        };
        law(&project, &format!("with{there}:\n{playbook}"), parts.len(), &all, *saved)
    };
    let mut all = Count::default();
    while all.cases < cases {
        let mut case = strategy.new_tree(&mut runner).unwrap();
        match holds(&case.current()) {
            Ok(count) => all.add(&count),
            Err(error) => {
                let mut last = (error, case.current());
                while let Err(error) = holds(&case.current()) {
                    last = (error, case.current());
                    if !case.simplify() {
                        break;
                    }
                }
                panic!("{}\n{:#?}", last.0, last.1);
            }
        }
        assert!(all.refused < 20 * cases, "nearly every playbook is refused");
    }
    let Count { tasks, deferred, failed, saved, .. } = all;
    println!("{all:?}");
    assert!(cases < 8 || saved > 0, "no saved plan was carried out: {all:?}");
    // What packages bring and commands print shows in the run; all else is known.
    assert!(cases < 8 || deferred * 2 < tasks, "{deferred} of {tasks} tasks are not knowable");
    assert!(
        failed * 2 < cases,
        "{failed} of {cases} playbooks have failures: what the others show is little"
    );
}

/// Also behind other installations, as apt tells it of all of them at once.
#[test]
fn what_comes_along_is_known() {
    let sshd = host();
    let package = |name: &str, more: &str| {
        format!("    - {{name: \"{name}\", become: true, package: {{name: {name}, state: present{more}}}}}\n")
    };
    // What is installed, what is named behind it, and how that comes out.
    let cases = [
        (
            vec![package("two", ""), package("three", "")],
            vec![("along", "ok"), ("one", "ok"), ("deep", "ok")],
        ),
        // One way of several is there by then; what it wishes for comes, too.
        (vec![package("three", ""), package("four", "")], vec![("two", "changed"), ("deep", "ok")]),
        (vec![package("mta", ""), package("four", "")], vec![("along", "ok"), ("two", "ok"), ("deep", "ok")]),
        (
            vec![package("mta", ""), package("four", ", install_recommends: false")],
            vec![("two", "ok"), ("deep", "changed")],
        ),
        // What an earlier one left out does not come with a later one.
        (
            vec![package("four", ", install_recommends: false"), package("mta", "")],
            vec![("along", "ok"), ("deep", "changed")],
        ),
    ];
    let clean = "dpkg --purge --force-all one two three four deep along mta other >/dev/null 2>&1";
    for (installed, behind) in cases {
        on_host(&sshd, clean);
        let later: String = behind.iter().map(|(name, _)| package(name, "")).collect();
        let project = Project::ssh(&sshd, &(installed.concat() + &later));
        for arguments in [&["--check", "--json"][..], &["--yes", "--json"]] {
            let ran = project.apply(arguments);
            let came = super::came(&ran.out);
            for (name, status) in &behind {
                let task =
                    came.values().find(|task| task.name == *name).unwrap_or_else(|| panic!("{}", ran.text()));
                assert_eq!(task.status, *status, "{name}: {}\n{}", installed.concat(), ran.text());
            }
        }
    }
    let absent = |name: &str| package(name, "").replace("present", "absent");
    let rest = "    - {name: rest, become: true, package: {autoremove: true}}\n".to_owned();
    // What is there and comes to be needed takes those with it that need it, and stays where nobody needed it: what is there, what of that is
    // taken out by force, the tasks, how the last one is shown and comes out, and what goes with it.
    for (there, without, tasks, shown, done, goes) in [
        ("along", "", package("two", "") + &absent("along"), "deferred", "changed", "two"),
        ("other", "", package("two", "") + &absent("other"), "changed", "changed", "other"),
        // Apt would rather take another way than let go of what is named with it.
        ("along two", "", package("four", "") + &absent("two"), "deferred", "changed", "four"),
        (
            "along mta",
            "",
            package("two", "") + &absent("mta") + &absent("along"),
            "deferred",
            "changed",
            "two",
        ),
        ("two", "two", package("two", "") + &rest, "ok", "ok", "along"),
        ("two", "two", package("one", "") + &rest, "changed", "changed", "along"),
    ] {
        let forced = format!("test -z '{without}' || dpkg --purge --force-all {without} >/dev/null 2>&1");
        on_host(&sshd, &format!("{clean}; apt-get -qq install -y {there} >/dev/null 2>&1; {forced}"));
        let project = Project::ssh(&sshd, &tasks);
        for (arguments, status) in [(&["--check", "--json"][..], shown), (&["--yes", "--json"], done)] {
            let ran = project.apply(arguments);
            let (_, last) = super::came(&ran.out).into_iter().next_back().unwrap();
            assert_eq!(last.status, status, "{tasks}\n{}", ran.text());
            let names = last.diff.contains(&format!("\"{goes}\""));
            assert_eq!(names, status == "changed", "{goes}: {tasks}\n{}", ran.text());
        }
    }
}
