//! Hosts of other kinds: the same play of file types is checked, applied, disturbed by hand and mended on each of them, through
//! a real sshd and by the program itself. `docs/platforms.md` says what is tried here and what is not.

#[path = "../cli/project.rs"]
#[expect(dead_code, reason = "the tests of the program use more of it")]
mod project;
#[path = "../sshd/mod.rs"]
#[expect(dead_code, reason = "the tests of connections use more of it")]
mod sshd;

mod emulated;

use project::Project;
use sshd::{PASSWORD, Sshd, run};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

const PLAY: &str = include_str!("play.yml");

/// What is done by hand, and the task and the facet that show it.
type Disturbance = (&'static str, &'static str, fn(&Path));

const DISTURBANCES: &[Disturbance] = &[
    ("a folder", "mode", |home| mode(&home.join("tree/deep"), 0o700)),
    ("a copy", "content", |home| fs::write(home.join("tree/copy"), "by hand\n").unwrap()),
    ("a rendered template", "mode", |home| mode(&home.join("rendered"), 0o666)),
    ("a link", "target", |home| {
        fs::remove_file(home.join("link")).unwrap();
        std::os::unix::fs::symlink("elsewhere", home.join("link")).unwrap();
    }),
    ("a line", "content", |home| edit(&home.join("lines"), "second = 2", "second = 3")),
    ("a JSON file", "content", |home| edit(&home.join("values.json"), "true", "false")),
    ("a block", "content", |home| edit(&home.join("block"), "inside", "outside")),
    ("an option", "content", |home| edit(&home.join("app.ini"), "8080", "80")),
    ("a YAML file", "content", |home| edit(&home.join("values.yml"), "wanted: true", "wanted: false")),
    ("settings", "GREETING", |home| edit(&home.join(".env"), "hello", "bye")),
    ("what is replaced", "content", |home| edit(&home.join("lines"), "first = one", "first = 2")),
    ("a file of parts", "content", |home| edit(&home.join("parts"), "two", "three")),
    ("an archive", "packed", |home| edit(&home.join("unpacked/packed"), "in an archive", "by hand")),
    ("a tree", "page", |home| edit(&home.join("site/page"), "shown", "by hand")),
    ("an empty file", "mode", |home| mode(&home.join("empty"), 0o644)),
    ("a copy of what is there", "content", |home| edit(&home.join("again"), "greets", "grins at")),
    ("an attribute", "user.tried", |home| {
        run(Command::new("setfattr").args(["-n", "user.tried", "-v", "no"]).arg(home.join("lines.start")));
    }),
];

/// Likewise, of the tasks that need a program on the host.
const WITH_PROGRAMS: &[Disturbance] = &[
    ("a right", "user:daemon", |home| {
        run(Command::new("setfacl").args(["-m", "u:daemon:rw"]).arg(home.join("lines.start")));
    }),
    ("what is fetched", "checksum", |home| edit(&home.join("fetched"), "hello", "by hand")),
];

/// Serves one page to whoever asks, for as long as the tests run, and says where.
fn page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while request.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://127.0.0.1:{port}/")
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{}: {text}", path.display());
    fs::write(path, text.replace(from, to)).unwrap();
}

/// The play on a host where `user` logs in. `home` is a folder there, `seen` the same one as this process sees it, `more` what
/// stands beside the play's hosts and tasks.
fn keeps_the_law(host: &Sshd, user: &str, home: &Path, seen: &Path, more: &str) -> Project {
    keeps_it_with(host, user, home, seen, more, "")
}

/// Likewise, with more variables of the host: `has_programs: false` where it has none of what tasks need there.
fn keeps_it_with(host: &Sshd, user: &str, home: &Path, seen: &Path, more: &str, vars: &str) -> Project {
    let project =
        Project::ssh_as(host, user, home, &PLAY.replace("  tasks:\n", &format!("{more}  tasks:\n")));
    let has_programs = !vars.contains("has_programs: false");
    let more_vars = if has_programs { "      has_programs: true\n" } else { "" };
    let more_vars = format!("{vars}{more_vars}      page: {}\n", page());
    project.write("inventory.yml", &(project.read("inventory.yml") + &more_vars));
    project.write("templates/greeting.hbs", "{{facts.arch}} greets {{facts.user.name}}\n");
    project.write("files/site/page", "shown\n");
    project.write("packed", "in an archive\n");
    run(Command::new("tar")
        .arg("-C")
        .arg(project.path(""))
        .arg("-cf")
        .arg(project.path("files/packed.tar"))
        .arg("packed"));
    project.check().exits(10);
    assert_eq!(fs::read_dir(seen).unwrap().count(), 0, "a check changes nothing");
    project.go().exits(0);
    project.check().exits(0);
    assert_eq!(fs::read_to_string(seen.join("printed")).unwrap(), "printed by a command\n");
    assert!(project.read("kept/values.json").contains("wanted"));
    let names = |ran: &project::Ran| {
        let events = ran.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let planned = events.filter(|event| event["event"] == "host_planned");
        let tasks: Vec<_> = planned.flat_map(|event| event["tasks"].as_array().unwrap().clone()).collect();
        let changed = tasks.iter().filter(|task| task["verdict"]["verdict"] == "change");
        changed
            .map(|task| {
                let facets = task["verdict"]["diff"]["facets"].as_array().unwrap().iter();
                let facets: Vec<_> = facets.map(|facet| facet["facet"].as_str().unwrap()).collect();
                (task["name"].as_str().unwrap().to_string(), facets.join(" "))
            })
            .collect::<Vec<_>>()
    };
    let programs = if has_programs { WITH_PROGRAMS } else { &[] };
    let disturbances = || DISTURBANCES.iter().chain(programs);
    disturbances().for_each(|(_, _, disturb)| disturb(seen));
    let wanted: Vec<_> =
        disturbances().map(|(name, facet, _)| (name.to_string(), facet.to_string())).collect();
    let check = project.apply(&["--check", "--json"]);
    assert_eq!(names(check.exits(10)), wanted, "{}", check.text());
    project.go().exits(0);
    project.check().exits(0);
    project
}

/// A folder of alice's.
fn folder(host: &Sshd) -> std::path::PathBuf {
    let folder = host.home("alice").join("work");
    run(Command::new("install").args(["-d", "-o", "47001", "-g", "47000"]).arg(&folder));
    folder
}

#[test]
fn a_user_without_rights() {
    let host = Sshd::start();
    let home = folder(&host);
    keeps_the_law(&host, "alice", &home, &home, "");
    assert_eq!(fs::metadata(home.join("tree/copy")).unwrap().uid(), 47001);
    assert_eq!(
        fs::read_to_string(home.join("rendered")).unwrap(),
        format!("{} greets alice\n", std::env::consts::ARCH)
    );
}

#[test]
fn a_user_who_becomes_root_by_sudo() {
    let host = Sshd::start();
    let home = folder(&host);
    keeps_the_law(&host, "alice", &home, &home, "  become: true\n");
    assert_eq!(fs::metadata(home.join("tree/copy")).unwrap().uid(), 0);
}

#[test]
fn a_user_who_becomes_root_by_sudo_with_a_password() {
    let host = Sshd::start();
    let home = host.home("paula").join("work");
    fs::create_dir(&home).unwrap();
    let vars = format!("      ansible_become_password: {PASSWORD:?}\n");
    let project = keeps_it_with(&host, "paula", &home, &home, "  become: true\n", &vars);
    assert_eq!(fs::metadata(home.join("tree/copy")).unwrap().uid(), 0);
    project.write("inventory.yml", &project.read("inventory.yml").replace(PASSWORD, "a wrong one"));
    project.check().exits(30).has(&["password"]).lacks(&["a wrong one"]);
}

#[test]
fn a_user_who_becomes_root_by_doas() {
    let host = Sshd::start_with_doas("permit nopass alice\n");
    let home = folder(&host);
    keeps_the_law(&host, "alice", &home, &home, "  become: true\n  become_method: doas\n");
    assert_eq!(fs::metadata(home.join("tree/copy")).unwrap().uid(), 0);
}

#[test]
fn tmp_and_home_without_exec() {
    let platform = "mount --bind /tmp /tmp; mount -o remount,bind,noexec /tmp\n\
        for place in /var/tmp /home; do mount -o remount,noexec $place || mount -t tmpfs -o noexec tmpfs $place; done\n";
    let host = Sshd::start_as(platform);
    let home = folder(&host);
    // Homes are below /tmp here.
    keeps_the_law(&host, "alice", &home, &home, "");
    let host = Sshd::start_as(platform);
    let home = folder(&host);
    keeps_the_law(&host, "alice", &home, &home, "  become: true\n");
}

#[test]
fn a_root_that_is_read_only() {
    // What a system with a read-only root has: /run, and places for what must be written.
    let host = Sshd::start_as(
        "mount -t tmpfs tmpfs /srv; mkdir /srv/work\n\
         for place in / /var/cache; do mount --bind $place $place; mount -o remount,bind,ro $place; done\n\
         mount -t tmpfs -o ro tmpfs /var/tmp\n",
    );
    let seen = host.root().join("srv/work");
    let project = keeps_the_law(&host, "alice", Path::new("/srv/work"), &seen, "  become: true\n");
    let task = "    - {name: on the root, copy: {dest: /etc/lpt-read-only, content: x}}\n";
    project.write("site.yml", &(PLAY.replace("  tasks:\n", "  become: true\n  tasks:\n") + task));
    project.check().exits(10).has(&["on the root"]);
    project.go().exits(40).has(&["on the root", "/etc/lpt-read-only", "ead-only"]);
}

#[test]
fn a_userland_of_busybox_alone() {
    let host = Sshd::start_as(include_str!("busybox.sh"));
    let seen = host.base.join("box/srv/work");
    let vars = "      has_programs: false\n";
    let project = keeps_it_with(&host, "root", Path::new("/srv/work"), &seen, "", vars);
    assert_eq!(fs::metadata(seen.join("tree/copy")).unwrap().uid(), 0);
    // What is not there is named.
    project.write("site.yml", &project::play("    - package: {name: tree}\n"));
    project.go().exits(40).has(&["the host has neither apt-get nor dnf"]);
}
