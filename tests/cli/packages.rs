//! Others that are at work with packages on a host behind a real sshd, with the real apt and dpkg on a database of its own.

use crate::{
    project::{Project, until},
    sshd::Sshd,
};
use std::fs;

const TOOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/law/bin/apt-repository");
const TASKS: &str = "    - {name: tool, package: {name: slow}, become: true}\n";

/// A host with one package to be had, whose script waits for a file; and what else is done to it.
fn host(more: &str) -> Sshd {
    Sshd::start_as(&format!(
        "mkdir -p own/apt own/srv own/log /var/lib/dpkg /var/lib/apt/lists/partial /var/cache/apt/archives/partial\n\
         mount --bind own/apt /etc/apt\nmount --bind own/srv /srv\nmount --bind own/log /var/log\n\
         {TOOL} begin\n{TOOL} add slow 1 \"Postinst: touch $BASE/begun; while [ ! -e $BASE/go ]; do sleep 0.1; done\"\n{TOOL} end\n{more}\n"
    ))
}

fn status(sshd: &Sshd) -> String {
    fs::read_to_string(sshd.root().join("var/lib/dpkg/status")).unwrap()
}

/// Holds dpkg's lock as dpkg does, until a file is gone.
const HOLD: &str = "touch held\nperl -MFcntl=:DEFAULT,:flock,:seek -e '\n\
    open(my $lock, \"+>>\", \"/var/lib/dpkg/lock-frontend\") or die;\n\
    my $flock = pack(\"s s l! l! i\", F_WRLCK, SEEK_SET, 0, 0, 0);\n\
    fcntl($lock, F_SETLK, $flock) or die;\n\
    while (-e \"held\") { select(undef, undef, undef, 0.1) }' &\n";

#[test]
fn who_holds_the_lock_is_told_for_as_long_as_it_is_waited_for() {
    for json in [false, true] {
        let sshd = host(HOLD);
        fs::write(sshd.base.join("go"), "").unwrap();
        let project = Project::ssh(&sshd, TASKS);
        let running = project.start(if json { &["--yes", "--json"] } else { &["--yes"] });
        let begin = "waiting for the dpkg lock, held by perl (pid ";
        running.prints(begin);
        // Again, and for how long.
        let times = || fs::read_to_string(project.path("running.out")).unwrap().matches(begin).count();
        until("it is said again", || times() > 1);
        fs::remove_file(sshd.base.join("held")).unwrap();
        let ran = running.end();
        ran.exits(0).has(&[" of 600 s"]);
        if json {
            let line = ran.out.lines().find(|line| line.contains(begin)).unwrap();
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!((&event["event"], &event["host"]), (&"task_output".into(), &"web1".into()));
        }
        assert!(status(&sshd).contains("Status: install ok installed"));
    }
}

#[test]
fn an_installation_whose_run_was_killed_is_waited_for_aloud() {
    let sshd = host("");
    let project = Project::ssh(&sshd, TASKS);
    let running = project.start(&["--yes"]);
    until("the installation", || sshd.base.join("begun").exists());
    running.signal("-KILL");
    running.end();
    until("the lease is free", || !project.check().text().contains("held by another run"));
    for (json, begin) in [
        (true, "\"event\":\"host_waiting\",\"host\":\"web1\",\"message\":\"waiting for `apt-get install "),
        (false, "web1 waiting for `apt-get install "),
    ] {
        let next = project.start(if json { &["--yes", "--json"] } else { &["--yes"] });
        next.prints(begin);
        next.prints("slow`, which an earlier run has left at work (");
        let times = || fs::read_to_string(project.path("running.out")).unwrap().matches(begin).count();
        until("it is said again", || times() > 1);
        if json {
            // Whoever waits may be stopped; the installation goes on.
            next.signal("-KILL");
            next.end();
            continue;
        }
        fs::write(sshd.base.join("go"), "").unwrap();
        let ran = next.end();
        ran.exits(0).has(&["slow` of an earlier run, whose link was lost, has ended well: installed slow 1"]);
        ran.row("web1 1 0 0 0 0 0");
    }
    assert!(status(&sshd).contains("Status: install ok installed"));
}

/// A name that only others provide, behind a task that installs one of those: it is not installed besides.
#[test]
fn what_an_earlier_package_provides_is_told_in_the_run() {
    let sshd = host(&format!(
        "{TOOL} add mta 1 'Provides: virtual-mta'\n{TOOL} add other 1 'Provides: virtual-mta'\n{TOOL} end"
    ));
    let tasks = "    - {name: mail, package: {name: mta}, become: true}\n    \
                 - {name: plain, package: {name: other}, become: true}\n    \
                 - {name: any, package: {name: virtual-mta}, become: true}\n";
    let project = Project::ssh(&sshd, tasks);
    let checked = project.check();
    checked
        .exits(10)
        .has(&["`plain` changes which packages are there, and with them the names that they provide"]);
    // What is there under its own name waits for nothing.
    checked.has(&["    other: 1"]).lacks(&["virtual-mta: "]);
    let ran = project.go();
    ran.exits(0);
    ran.row("web1 1 2 0 0 0 0");
    project.check().exits(0);
}

/// A file that an earlier task brings is told in the run; then there is nothing to do, until another version lies there.
#[test]
fn a_package_comes_from_a_file_that_an_earlier_task_brings() {
    let sshd = host(&format!(
        "{TOOL} add lib 1\nfor version in 1 2; do {TOOL} add tool $version 'Depends: lib'; done\n{TOOL} end\n\
         mkdir /srv/kept; mv /srv/repo/tool_* /srv/kept; {TOOL} end"
    ));
    let tasks = |version: &str| {
        format!(
            "    - {{name: brings, copy: {{src: /srv/kept/tool_{version}.deb, dest: /srv/tool.deb, remote_src: true}}, become: true}}\n    \
             - {{name: tool, package: {{deb: /srv/tool.deb}}, become: true}}\n"
        )
    };
    let project = Project::ssh(&sshd, &tasks("1"));
    project
        .check()
        .exits(10)
        .has(&["? tool", "which package /srv/tool.deb holds by then is not known before"]);
    project.go().exits(0).has(&["tool: 1"]);
    assert!(status(&sshd).contains("Package: lib\nStatus: install ok installed"));
    project.check().exits(0);
    let project = Project::ssh(&sshd, &tasks("2"));
    project.check().exits(10).has(&["? tool"]);
    project.go().exits(0).has(&["tool: 1 -> 2"]);
    project.check().exits(0);
    // Which package is in the file is known by now.
    let both = format!("{}    - {{name: too, package: {{name: tool}}, become: true}}\n", tasks("2"));
    Project::ssh(&sshd, &both).check().exits(20).has(&["`package:tool` is owned by two tasks"]);
    let project = Project::ssh(&sshd, &tasks("1"));
    project.go().exits(40).has(&["`tool` is 2 on this host: 1 is lower"]);
}

/// What apt refuses is known before, but not where a task before makes a difference; what goes is told in the run where only a file has it.
#[test]
fn what_apt_says_of_a_file_is_told_before() {
    let sshd = host(&format!(
        "{TOOL} add lib 1\n{TOOL} add old 1\n{TOOL} add tool 1 'Depends: nonexistent'\n{TOOL} add new 1 'Conflicts: old'\n{TOOL} end\n\
         mkdir /srv/kept; mv /srv/repo/tool_1.deb /srv/repo/new_1.deb /srv/kept; {TOOL} end; apt-get -qq -y install old"
    ));
    let task =
        |name: &str, what: &str| format!("    - {{name: {name}, package: {{{what}}}, become: true}}\n");
    let refused = |what: &str, words: &[&str]| {
        let tool = Project::ssh(&sshd, &task("refused", what));
        tool.check().exits(40).has(words);
        let behind = task("before", "name: lib") + &task("refused", what);
        Project::ssh(&sshd, &behind).check().exits(10).lacks(words);
    };
    refused("deb: /srv/kept/tool_1.deb", &["tool : Depends: nonexistent but it is not installable"]);
    refused("deb: /srv/kept/new_1.deb", &["The following packages will be REMOVED", "  old"]);
    let gone = task("gone", "name: old, state: absent") + &task("new", "deb: /srv/kept/new_1.deb");
    let both = gone + &task("both", "name: [new, lib], state: absent");
    let project = Project::ssh(&sshd, &both);
    project.check().exits(10).has(&["? both", "shows when what is installed before is there"]);
    project.go().exits(0);
    assert!(!status(&sshd).contains("Package: new\nStatus: install"));
}
