//! What is brought to hosts and from them: scripts, archives and folders of `files/`, and files that are kept here.

use crate::project::Project;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::Command,
    sync::mpsc,
};

const YES: &[&str] = &["apply", "inventory.yml", "--yes"];
const CHECK: &[&str] = &["apply", "inventory.yml", "--check"];

#[test]
fn a_script_of_files_runs_with_its_arguments_and_what_it_prints_is_registered() {
    let project = Project::tasks(
        "    - script: {src: sub/hello.sh, args: [\"it's\", \"{{host}}\"], touches: [nothing]}\n      register: said\n    \
             - debug: {msg: \"heard {{said.stdout}} ({{said.rc}})\"}\n",
    );
    project.write("files/sub/hello.sh", "#!/bin/sh\necho \"${0##*/} $*\"\n");
    let ran = project.run(YES);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("heard hello.sh it's a (0)"), "{}", ran.out);
}

#[test]
fn a_file_that_is_too_large_to_be_sent_is_told_before_anything_is_done() {
    let project = Project::tasks(
        "    - {name: first, copy: {dest: \"{{home}}/first\", content: x}}\n    - {name: large, copy: {dest: \"{{home}}/x\", src: large}}\n",
    );
    project.write("files/large", "");
    let large = fs::OpenOptions::new().write(true).open(project.path("files/large")).unwrap();
    large.set_len((60 << 20) + 1).unwrap();
    for arguments in [CHECK, YES] {
        project.run(arguments).exits(40).has(&[
            "61 MiB are to be sent, and 60 at once at most",
            "`get_url`",
            "site.yml:4:",
        ]);
    }
    assert!(!project.has("h/a/first"));
    large.set_len(60 << 20).unwrap();
    project.run(YES).exits(0);
    assert_eq!(fs::metadata(project.path("h/a/x")).unwrap().len(), 60 << 20);
}

#[test]
fn an_archive_of_files_is_unpacked_and_then_is_as_wanted() {
    let project = Project::tasks(
        "    - file: {path: \"{{home}}/to\", state: directory}\n    \
             - unarchive: {src: a.tgz, dest: \"{{home}}/to\", strip_components: 1}\n",
    );
    let made = "mkdir -p x/top files && echo hi > x/top/f && tar -C x -czf files/a.tgz top";
    assert!(Command::new("sh").args(["-ec", made]).current_dir(project.path("")).status().unwrap().success());
    let check = project.run(CHECK);
    assert_eq!(check.code, Some(10), "{}{}", check.out, check.err);
    assert!(
        check.out.contains("file 0644, 3 bytes"),
        "what is in it is shown before its folder is there: {}",
        check.out
    );
    assert_eq!(project.run(YES).code, Some(0));
    assert_eq!(project.read("h/a/to/f"), "hi\n");
    assert_eq!(project.run(CHECK).code, Some(0));
}

#[test]
fn an_archive_on_the_host_is_known_only_once_it_is_there() {
    let project = Project::tasks(
        "    - copy: {src: a.tar, dest: \"{{home}}/a.tar\"}\n    \
             - unarchive: {src: \"{{home}}/a.tar\", remote_src: true, dest: \"{{home}}\"}\n",
    );
    let made = "mkdir -p x files && echo hi > x/f && tar -C x -cf files/a.tar f";
    assert!(Command::new("sh").args(["-ec", made]).current_dir(project.path("")).status().unwrap().success());
    let check = project.run(CHECK);
    assert_eq!(check.code, Some(10), "{}{}", check.out, check.err);
    let ran = project.run(YES);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert_eq!(project.read("h/a/f"), "hi\n");
}

#[test]
fn a_folder_of_files_is_brought_with_texts_in_the_diff() {
    let project = Project::tasks(
        "    - synchronize: {src: site, dest: \"{{home}}/www\", delete: true, exclude: [\"*.map\", up]}\n",
    );
    project.write("files/site/index.html", "<p>one</p>\n");
    project.write("files/site/js/a.js", "1\n");
    project.write("files/site/js/a.map", "map\n");
    project.write("files/site/run", "#!/bin/sh\n");
    fs::set_permissions(project.path("files/site/run"), fs::Permissions::from_mode(0o775)).unwrap();
    let check = project.run(CHECK);
    assert_eq!(check.code, Some(10), "{}{}", check.out, check.err);
    assert!(check.out.contains("<p>one</p>") && !check.out.contains("map"), "{}", check.out);
    assert!(!project.path("h/a/www").exists());
    assert_eq!(project.run(YES).code, Some(0));
    assert_eq!(project.run(CHECK).code, Some(0));
    assert_eq!(project.read("h/a/www/js/a.js"), "1\n");
    assert!(!project.path("h/a/www/js/a.map").exists());
    assert_eq!(fs::metadata(project.path("h/a/www/run")).unwrap().permissions().mode() & 0o777, 0o755);
    project.write("files/site/index.html", "<p>two</p>\n");
    project.write("h/a/www/up/kept", "x");
    project.write("h/a/www/stray", "x");
    let ran = project.run(YES);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("<p>two</p>") && ran.out.contains("stray"), "{}", ran.out);
    assert_eq!(project.read("h/a/www/index.html"), "<p>two</p>\n");
    assert!(project.path("h/a/www/up/kept").exists() && !project.path("h/a/www/stray").exists());
    assert_eq!(project.run(CHECK).code, Some(0));
}

#[test]
fn what_is_fetched_is_kept_here_and_only_when_it_differs() {
    let project = Project::local(
        &["a", "b"],
        "- hosts: all\n  tasks:\n    - fetch: {src: \"{{home}}/state\", dest: fetched}\n",
    );
    project.write("h/a/state", "one\n");
    project.write("h/b/state", "other\n");
    let kept = |host: &str| {
        let home = project.home(host);
        project.path("fetched").join(host).join(home.strip_prefix("/").unwrap()).join("state")
    };
    let check = project.run(CHECK);
    assert_eq!(check.code, Some(10), "{}{}", check.out, check.err);
    assert!(check.out.contains("+one") || check.out.contains("one"), "{}", check.out);
    assert!(!project.path("fetched").exists(), "a check writes nothing");
    let ran = project.run(YES);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert_eq!(fs::read_to_string(kept("a")).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(kept("b")).unwrap(), "other\n");
    assert_eq!(fs::metadata(kept("a")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(project.run(CHECK).code, Some(0));
    project.write("h/a/state", "two\n");
    let check = project.run(CHECK);
    assert_eq!(check.code, Some(10));
    assert!(check.out.contains("one") && check.out.contains("two"), "both are shown: {}", check.out);
    assert_eq!(fs::read_to_string(kept("a")).unwrap(), "one\n");
    assert_eq!(project.run(YES).code, Some(0));
    assert_eq!(fs::read_to_string(kept("a")).unwrap(), "two\n");
}

#[test]
fn a_secret_is_fetched_and_not_shown() {
    let project = Project::tasks("    - fetch: {src: \"{{home}}/key\", dest: keys/, flat: true}\n");
    project.write("h/a/key", "password=hunter2\n");
    fs::set_permissions(project.path("h/a/key"), fs::Permissions::from_mode(0o600)).unwrap();
    for arguments in [CHECK, YES] {
        let ran = project.run(arguments);
        assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{}{}", ran.out, ran.err);
    }
    assert_eq!(project.read("keys/key"), "password=hunter2\n");
    fs::remove_file(project.path("keys/key")).unwrap();
    fs::create_dir(project.path("keys/key")).unwrap();
    let ran = project.run(YES);
    assert_eq!(ran.code, Some(20), "{}{}", ran.out, ran.err);
}

/// 20 MiB that are unlike those of another seed.
fn large(seed: u8) -> Vec<u8> {
    (0..20_u32 << 20).map(|at| (at >> 10) as u8 ^ (at as u8).wrapping_mul(seed)).collect()
}

#[test]
fn several_large_archives_and_files_go_over_one_link_at_once() {
    let sshd = crate::sshd::Sshd::start();
    let mut tasks = String::new();
    let project = Project::ssh(&sshd, "");
    fs::create_dir_all(project.path("files")).unwrap();
    for name in ["a", "b", "c", "d"] {
        let seed = name.as_bytes()[0] | 1;
        fs::write(project.path("one"), large(seed)).unwrap();
        let made = format!("tar -cf files/{name}.tar --transform 's/one/{name}/' one");
        assert!(
            Command::new("sh").args(["-ec", &made]).current_dir(project.path("")).status().unwrap().success()
        );
        let home = sshd.home("alice").join("work");
        fs::write(home.join(format!("{name}.got")), large(seed + 2)).unwrap();
        tasks += &format!(
            "    - unarchive: {{src: {name}.tar, dest: \"{{{{home}}}}\"}}\n    \
             - fetch: {{src: \"{{{{home}}}}/{name}.got\", dest: got/, flat: true}}\n"
        );
    }
    project.write("site.yml", &crate::project::play(&tasks));
    let check = project.run(CHECK);
    assert_eq!(check.code, Some(10), "{}{}", check.out, check.err);
    let ran = project.run(YES);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    for name in ["a", "b", "c", "d"] {
        let seed = name.as_bytes()[0] | 1;
        assert!(fs::read(sshd.home("alice").join("work").join(name)).unwrap() == large(seed), "{name}");
        assert!(
            fs::read(project.path("got").join(format!("{name}.got"))).unwrap() == large(seed + 2),
            "{name}"
        );
    }
    assert_eq!(project.run(CHECK).code, Some(0));
}

/// Answers every request with the same text, or with the part of it that is asked for; the first one as far as `cut` bytes. Sends
/// what each asked for, by its first byte.
pub fn serve(text: &'static str, cut: usize) -> (u16, mpsc::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, asked) = mpsc::channel();
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().flatten().enumerate() {
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let range = lines.iter().find_map(|line| line.strip_prefix("Range: bytes=")?.strip_suffix('-'));
            let from: usize = range.map_or(0, |from| from.parse().unwrap());
            let (status, rest) = (if from > 0 { "206 Partial Content" } else { "200 OK" }, &text[from..]);
            let (length, whole) = (rest.len(), text.len());
            let sent = if at == 0 { &rest[..rest.len().min(cut)] } else { rest };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nContent-Range: bytes {from}-{}/{whole}\r\n\r\n",
                whole - 1
            );
            let _ = (&stream).write_all((head + sent).as_bytes());
            let _ = told.send(from);
        }
    });
    (port, asked)
}

pub const HELLO: &str = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

#[test]
fn a_file_is_fetched_by_the_host_or_by_this_machine_to_which_it_is_delegated() {
    let sshd = crate::sshd::Sshd::start();
    let project = Project::ssh(&sshd, "");
    let ((port, asked), here) = (serve("hello\n", 6), project.path("here"));
    fs::create_dir_all(&here).unwrap();
    let url = format!("http://127.0.0.1:{port}/x");
    project.write(
        "site.yml",
        &crate::project::play(&format!(
            "    - name: here\n      get_url: {{url: \"{url}\", dest: {}/x, checksum: \"{HELLO}\"}}\n      delegate_to: localhost\n    \
             - {{name: there, get_url: {{url: \"{url}\", dest: \"{{{{home}}}}/x\", checksum: \"{HELLO}\"}}}}\n",
            here.display()
        )),
    );
    project.check().exits(10);
    assert!(!here.join("x").exists() && asked.try_recv().is_err(), "a check fetches nothing");
    project.go().exits(0);
    assert_eq!(fs::read_to_string(here.join("x")).unwrap(), "hello\n");
    assert_eq!(fs::read_to_string(sshd.home("alice").join("work/x")).unwrap(), "hello\n");
    assert_eq!(asked.try_iter().count(), 2);
    project.check().exits(0);
    assert!(asked.try_recv().is_err(), "where it is there nothing is asked of the network");
}

#[test]
fn what_was_cut_off_on_this_machine_goes_on_where_it_stopped() {
    let sshd = crate::sshd::Sshd::start();
    let project = Project::ssh(&sshd, "");
    let ((port, asked), here) = (serve("hello\n", 4), project.path("here"));
    fs::create_dir_all(&here).unwrap();
    project.write(
        "site.yml",
        &crate::project::play(&format!(
            "    - get_url: {{url: \"http://127.0.0.1:{port}/x\", dest: {}/x, checksum: \"{HELLO}\"}}\n      delegate_to: localhost\n",
            here.display()
        )),
    );
    project.go().exits(40).has(&["cannot fetch http://127.0.0.1"]);
    assert!(!here.join("x").exists());
    project.go().exits(0).has(&["4 bytes of it are here from an earlier try"]);
    assert_eq!(fs::read_to_string(here.join("x")).unwrap(), "hello\n");
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), [0, 4]);
    project.check().exits(0);
}

#[test]
fn a_file_that_a_task_brings_to_this_machine_goes_on_to_the_host() {
    let sshd = crate::sshd::Sshd::start();
    let project = Project::ssh(&sshd, "");
    let ((port, _asked), here) = (serve("hello\n", 6), project.path("here"));
    fs::create_dir_all(&here).unwrap();
    let (here, made) = (here.display(), project.path("files/made"));
    fs::create_dir_all(made.parent().unwrap()).unwrap();
    project.write("version", "1\n");
    project.write(
        "site.yml",
        &crate::project::play(&format!(
            "    - get_url: {{url: \"http://127.0.0.1:{port}/x\", dest: {here}/x, checksum: \"{HELLO}\"}}\n      delegate_to: localhost\n    \
             - {{name: sent, copy: {{src: {here}/x, dest: \"{{{{home}}}}/x\"}}}}\n    \
             - {{name: build, delegate_to: localhost, shell: \"test \\\"$(cat {made})\\\" = \\\"$(cat {version})\\\" || cp {version} {made}\", touches: [{made}]}}\n    \
             - {{name: built, copy: {{src: made, dest: \"{{{{home}}}}/made\"}}}}\n    \
             - {{name: other, copy: {{content: x, dest: \"{{{{home}}}}/other\"}}}}\n    \
             - {{name: back, fetch: {{src: \"{{{{home}}}}/made\", dest: kept, flat: true}}}}\n    \
             - {{name: again, copy: {{src: {kept}, dest: \"{{{{home}}}}/again\"}}}}\n",
            made = made.display(),
            version = project.path("version").display(),
            kept = project.path("kept").display(),
        )),
    );
    project.run(&["validate", "inventory.yml"]);
    let check = project.run(CHECK);
    assert_eq!(check.code, Some(10), "{}{}", check.out, check.err);
    assert!(check.out.contains("brings to this machine") && check.out.contains("other"), "{}", check.out);
    project.go().exits(0);
    let there = |name: &str| fs::read_to_string(sshd.home("alice").join("work").join(name)).unwrap();
    assert_eq!([there("x"), there("made"), there("again")], ["hello\n", "1\n", "1\n"]);
    // What is here by then is not what was here when it was planned.
    project.write("version", "2\n");
    project.go().exits(0);
    assert_eq!([there("made"), there("again")], ["2\n", "2\n"]);
}

#[test]
fn a_file_that_no_task_brings_is_missing_all_the_same() {
    let project = Project::tasks(
        "    - {copy: {src: /nowhere/x, dest: \"{{home}}/x\"}}\n    \
             - {command: \"true\", delegate_to: localhost, touches: [/nowhere]}\n",
    );
    project.check().exits(20).has(&["no such file: `/nowhere/x`"]);
}

/// What is edited crosses the line as a whole, both ways.
#[test]
fn files_of_up_to_16_mebibytes_are_edited() {
    let project =
        Project::tasks("    - {name: line, lineinfile: {path: \"{{home}}/file\", line: the last line}}\n");
    let text = "some words of a long line\n".repeat((16 << 20) / 26 - 1);
    project.write("h/a/file", &text);
    project.run(&["apply", "inventory.yml", "--yes"]).exits(0).has(&["+the last line"]);
    assert_eq!(project.read("h/a/file"), text.clone() + "the last line\n");
    project.run(&["apply", "inventory.yml", "--check"]).exits(0);
    project.write("h/a/file", &(text + &" ".repeat(60)));
    project.run(&["apply", "inventory.yml", "--yes"]).exits(40).has(&[
        "/file has 16777236 bytes: a file of more than 16 MiB is not edited",
        "edits it in its place",
    ]);
}

/// What a file holds, and what is below a directory, is that of the tasks before.
#[test]
fn what_is_fetched_or_unpacked_meets_what_is_there_by_then() {
    let (port, _asked) = serve("hello\n", 6);
    let get = format!(
        "get_url: {{url: \"http://127.0.0.1:{port}/x\", dest: \"{{{{home}}}}/x\", checksum: \"{HELLO}\"}}"
    );
    let line =
        |path: &str| format!("lineinfile: {{path: \"{{{{home}}}}/{path}\", line: more, create: true}}");
    let unpack = "unarchive: {src: t.tar, dest: \"{{home}}/d\"}";
    // Another file than the one that is wanted; one that is as wanted, and is not by then; one that nobody has yet.
    for (before, first, then, is_known) in [
        ("x", line("x"), get.as_str(), true),
        ("hello\n", line("x"), &get, true),
        ("", line("x"), &get, true),
        ("", line("d/other"), unpack, true),
        ("", line("d/new"), unpack, false),
        ("", line("d/old"), unpack, false),
    ] {
        let project =
            Project::tasks(&format!("    - {{name: first, {first}}}\n    - {{name: then, {then}}}\n"));
        project.write("files/old", "x");
        project.write("files/new", "x");
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(project.path("files")).arg("-cf").arg(project.path("files/t.tar"));
        crate::sshd::run(tar.args(["old", "new"]));
        project.write("h/a/d/old", "x");
        if !before.is_empty() {
            project.write("h/a/x", before);
        }
        let shown = |text: &str| {
            let then = text.find("~ then  [a]").unwrap_or_else(|| panic!("{text}"));
            let lines = text[then..].lines().skip(1).take_while(|line| line.starts_with("    "));
            lines.map(String::from).collect::<Vec<_>>()
        };
        let check = project.run(CHECK);
        check.exits(10);
        let again = project.run(&["plan", "inventory.yml", "-o", "p.plan"]);
        again.exits(10);
        if is_known {
            assert!(!shown(&check.out).is_empty(), "{}", check.out);
        } else {
            check.has(&["? then  [a]", "changes before"]);
        }
        // A plan that is not what comes is not carried out.
        project.run(&["apply", "p.plan"]).exits(0);
    }
}
