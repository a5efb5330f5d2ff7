//! A secret that must be in two files and nowhere else: not in what is printed, not in the arguments or the environment of any
//! process, not in any other file. In all the forms in which it may turn up.

use crate::{
    project::{Project, play, tree},
    sshd::Sshd,
    terminal::Terminal,
};
use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// Made of what quoting and encoding change.
const CANARY: &str = "zeisig/ENV+9$x'Q\"7#zz";
const PASSWORD: &str = "the-vault-password-42";

fn forms() -> Vec<Vec<u8>> {
    let mut forms = vec![CANARY.as_bytes().to_vec(), PASSWORD.as_bytes().to_vec(), b"zeisig".to_vec()];
    // Parts of it in base64, at each of the three places where it may begin in a longer text, and in hex.
    forms.extend(["emVpc2ln", "plaXNpZy", "6ZWlzaW", "7a6569736967"].map(|form| form.as_bytes().to_vec()));
    forms
}

fn find(bytes: &[u8]) -> Option<String> {
    let forms = forms();
    // By the first byte, since an agent is a megabyte and there is no optimizer here.
    let starts = bytes.iter().enumerate().filter(|(_, byte)| forms.iter().any(|form| form[0] == **byte));
    let (at, _) =
        starts.into_iter().find(|(at, _)| forms.iter().any(|form| bytes[*at..].starts_with(form)))?;
    Some(String::from_utf8_lossy(&bytes[at.saturating_sub(60)..(at + 60).min(bytes.len())]).into_owned())
}

#[track_caller]
fn clean(what: &str, bytes: &[u8]) {
    if let Some(found) = find(bytes) {
        panic!("the secret is in {what}: {found}\n{}", String::from_utf8_lossy(bytes));
    }
}

#[track_caller]
fn files_are_clean(folder: &Path, but: &[&str]) {
    for (path, (.., bytes)) in tree(folder) {
        let text = path.to_str().unwrap();
        if !but.iter().any(|end| text.contains(end)) {
            clean(text, &bytes);
        }
    }
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Looks at the arguments and environments of all processes until it is told to stop.
fn watch(stop: &AtomicBool) -> usize {
    let mut looks = 0;
    while !stop.load(Ordering::Relaxed) {
        for process in fs::read_dir("/proc").unwrap().flatten() {
            for name in ["cmdline", "environ"] {
                let bytes = fs::read(process.path().join(name)).unwrap_or_default();
                clean(&format!("{} of {:?}", name, process.path()), &bytes);
            }
        }
        looks += 1;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    looks
}

const TASKS: &str = r##"    - {name: env, env_file: {path: "{{home}}/.env", values: {TOKEN: "{{token}}", PLAIN: shown}}}
    - {name: conf, template: {src: conf, dest: "{{home}}/app.conf"}}
    - {name: echoes, shell: {cmd: "cat {{home}}/.env; cat {{home}}/app.conf >&2; sleep 0.3", touches: [nothing], reads: ["{{home}}"]}, register: echoed, needs: [env, conf]}
    - {name: tells, debug: {msg: "it said {{echoed.stdout}} for {{token}}"}}
    - {name: reads, shell: {cmd: "cat >/dev/null; sleep 0.3", stdin: "{{token}}", touches: [nothing]}}
    - {name: encodes, shell: {cmd: "sed -n 's/^token=.\\(.*\\).$/\\1/p' {{home}}/app.conf | tr -d '\\n' | base64", touches: [nothing], reads: ["{{home}}/app.conf"]}}
    - {name: refused, copy: {dest: "{{home}}/never", content: "token='{{token}}'\n", validate: "sh -c 'cat {}; cat {} >&2; exit 3'"}}
    - {name: fails, shell: {cmd: "cat {{home}}/.env; cat {{home}}/app.conf; exit 1", touches: [nothing], reads: ["{{home}}/.env", "{{home}}/app.conf"]}}
"##;

fn project(sshd: &Sshd) -> Project {
    let project = Project::ssh(sshd, "");
    project.write("site.yml", &play(TASKS));
    project.write("templates/conf", "# made\ntoken=\"{{token}}\"\nplain=shown\n");
    project.write("password", PASSWORD);
    rotate(&project, CANARY);
    project
}

fn rotate(project: &Project, token: &str) {
    project.write("group_vars/all.yml", &format!("token: {}\n", serde_json::to_string(token).unwrap()));
    let ran = project.run(&["vault", "encrypt", "group_vars/all.yml", "--vault-password-file", "password"]);
    ran.exits(0);
    clean("the output of vault", ran.text().as_bytes());
}

#[test]
fn a_secret_is_where_it_belongs_and_nowhere_else() {
    let sshd = Sshd::start();
    let project = project(&sshd);
    let vault = ["--vault-password-file", "password"];
    let work = sshd.home("alice").join("work");
    let [env, conf] = [".env", "app.conf"].map(|name| work.join(name).display().to_string());
    let everywhere = |but: &[&str]| {
        let but = [but, &["/password", "/proc/"]].concat();
        for folder in [project.path(""), sshd.base.clone()] {
            files_are_clean(&folder, &but);
        }
        for memory in ["dev/shm", "run", "var/tmp", "var/lib"] {
            files_are_clean(&sshd.root().join(memory), &but);
        }
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&stop));
        // Also when the test fails.
        let stopping = Stop(&stop);
        for more in [&["--check"][..], &["--check", "--json"], &["--check", "--color", "always"]] {
            let ran = project.apply(&[&vault, more].concat());
            clean("the output of --check", ran.text().as_bytes());
            ran.exits(10).has(&["TOKEN", "shown"]);
        }
        everywhere(&[]);
        let ran = project.apply(&[&vault[..], &["--yes"]].concat());
        clean("the output", ran.text().as_bytes());
        ran.exits(40).has(&[
            "web1 changed env",
            "[secret]",
            "error: web1: refused: ",
            "was not put in place",
        ]);
        ran.has(&["error: web1: fails: ", "PLAIN: ", "shown"]);
        everywhere(&[&env, &conf]);
        let ran = project.apply(&[&vault[..], &["--yes", "--json"]].concat());
        clean("the JSON", ran.text().as_bytes());
        ran.exits(40).has(&["\"event\":\"task_output\""]);
        let mut terminal = Terminal::start(&project, &["apply", "inventory.yml", vault[0], vault[1]]);
        terminal.shows("[y/N]");
        terminal.types("y\r");
        let (_, printed, screen) = terminal.end_with_bytes();
        clean("the terminal", &printed);
        assert!(screen.contains("error: web1: fails"), "{screen}");
        // Another secret: neither the old nor the new one is shown, and only the agent's private folder keeps the old file.
        rotate(&project, &format!("{CANARY}2"));
        let ran = project.apply(&[&vault[..], &["--yes"]].concat());
        clean("the output of a change", ran.text().as_bytes());
        ran.exits(40)
            .has(&["~ env", "TOKEN: ", "~ conf", "web1 changed env", "web1 changed conf"])
            .lacks(&["PLAIN: "]);
        everywhere(&[&env, &conf, "/saved/"]);
        drop(stopping);
        assert!(watcher.join().unwrap() > 10);
    });
    assert!(fs::read_to_string(work.join("app.conf")).unwrap().contains(&format!("{CANARY}2")));
    for name in [".env", "app.conf"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(work.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert!(!work.join("never").exists());
}

#[test]
fn a_secret_in_an_argument_is_refused() {
    let sshd = Sshd::start();
    let project = project(&sshd);
    project.write("site.yml", &play("    - {name: bad, command: \"curl -u me:{{token}} x\"}\n"));
    let ran = project.apply(&["--yes", "--vault-password-file", "password"]);
    clean("the output", ran.text().as_bytes());
    ran.exits(20).has(&["secret", "site.yml:3:"]);
    project.write(
        "site.yml",
        &play("    - {name: claims, assert: {that: [\"eq token \\\"other\\\"\"], msg: it is not}}\n"),
    );
    let ran = project.apply(&["--yes", "--vault-password-file", "password"]);
    clean("the output", ran.text().as_bytes());
    ran.exits(40).has(&["error: web1: claims: ", "site.yml:3:"]);
}

#[test]
fn a_password_for_sudo_is_secret_though_it_is_written_in_clear() {
    let project = Project::tasks(
        "    - {name: file, copy: {dest: \"{{home}}/x\", content: \"{{ansible_become_password}}\"}}\n    \
         - {name: tells, shell: {cmd: \"echo it is $(cat {{home}}/x); printf me:%s $(cat {{home}}/x) | base64; exit 3\", touches: [nothing], reads: [\"{{home}}/x\"]}}\n",
    );
    let inventory = project.read("inventory.yml");
    let password = "  vars:\n    word: kanari\n    ansible_become_password: ";
    for written in ["kanari-kanari-1", "\"{{word}}-{{word}}-1\""] {
        project.write("inventory.yml", &inventory.replace("  vars:\n", &format!("{password}{written}\n")));
        let check = project.check();
        check.exits(10).lacks(&["kanari-kanari-1"]);
        let ran = project.go();
        ran.exits(40).has(&["it is [secret]", "error: a: tells"]);
        ran.lacks(&["kanari-kanari-1", "thbmFyaS", "rYW5hcm"]);
        assert_eq!(project.read("h/a/x"), "kanari-kanari-1");
    }
}

#[test]
fn what_others_could_not_read_is_not_shown_when_it_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::tasks(
        "    - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"[main]\\nlevel = 2\\n\", mode: \"0640\"}}\n",
    );
    for (mode, shown) in [(0o600, false), (0o400, false), (0o640, false), (0o644, true)] {
        project.write("h/a/conf", "[main]\nlevel = 1\ntoken = kanari\n");
        fs::set_permissions(project.path("h/a/conf"), fs::Permissions::from_mode(mode)).unwrap();
        for more in [&["--check"][..], &["--check", "--json"], &["--yes"]] {
            let ran = project.apply(more);
            ran.has(&["[main]", "level = 2"]);
            assert_eq!(ran.text().contains("kanari"), shown, "{mode:o}: {}", ran.text());
            assert_eq!(ran.text().contains("level = 1"), shown, "{mode:o}: {}", ran.text());
        }
    }
}

#[test]
fn what_is_edited_stays_as_secret_as_it_was_written() {
    let project = Project::tasks(
        "    - {name: json, copy: {dest: \"{{home}}/json\", content: \"{\\\"token\\\": \\\"{{token}}\\\"}\"}}\n    \
         - {name: merge, json_merge: {path: \"{{home}}/json\", values: {more: 1}}}\n    \
         - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"{{token}}\\nlevel=1\\n\"}}\n    \
         - {name: line, lineinfile: {path: \"{{home}}/conf\", line: level=2, regexp: \"^level\"}}\n",
    );
    project.write("password", PASSWORD);
    // Too short to be replaced in what is printed: only the diff itself can hide it.
    rotate(&project, "kan");
    let ran = project.apply(&["--check", "--vault-password-file", "password"]);
    ran.exits(10).has(&["~ merge", "~ line", "[secret "]).lacks(&["kan\"", "-kan", "+kan", " kan"]);
}
