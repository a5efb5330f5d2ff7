//! The law for owners, for what is to be absent, and for what commands leave behind.

use super::{Disturbance, law, quoted, set_mode, write};
use std::{fs, os::unix::fs::chown, path::Path};

/// A folder for one law, and the path of a file in it with a name that is hard to quote.
fn place() -> (tempfile::TempDir, std::path::PathBuf) {
    assert!(rustix::process::geteuid().is_root(), "only root may give files away: run the tests as root");
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("it's $x");
    (temp, path)
}

fn text(path: &Path) -> String {
    quoted(path.to_str().unwrap())
}

#[test]
fn owner_and_group_are_mended() {
    for (kind, more, first) in [
        ("file", "path: PATH, state: directory", &["type", "mode", "owner", "group"][..]),
        ("copy", "dest: PATH, content: a", &["type", "mode", "owner", "group", "content"]),
        ("template", "dest: PATH, content: a", &["type", "mode", "owner", "group", "content"]),
        ("lineinfile", "path: PATH, line: a, create: true", &["type", "mode", "owner", "group", "content"]),
        ("env_file", "path: PATH, values: {A: b}", &["type", "mode", "owner", "group", "A"]),
        ("json_merge", "path: PATH, values: {a: 1}", &["type", "mode", "owner", "group", "content"]),
    ] {
        let (temp, path) = place();
        let parameters =
            format!("{{{}, owner: daemon, group: \"4242\"}}", more.replace("PATH", &text(&path)));
        let owner = || chown(&path, Some(0), None).unwrap();
        let group = || chown(&path, None, Some(0)).unwrap();
        let gone = || drop(fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap());
        let disturbances: &[Disturbance] = &[(&["owner"], &owner), (&["group"], &group), (first, &gone)];
        law(temp.path(), kind, &parameters, first, disturbances);
    }
}

#[test]
fn a_file_that_must_be_there_keeps_its_content() {
    let (temp, path) = place();
    write(&path, "theirs");
    set_mode(&path, 0o644);
    let parameters = format!("{{path: {}, state: file, mode: \"0640\", owner: daemon}}", text(&path));
    law(
        temp.path(),
        "file",
        &parameters,
        &["mode", "owner"],
        &[(&["mode"], &|| set_mode(&path, 0o600)), (&["owner"], &|| chown(&path, Some(0), None).unwrap())],
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
}

#[test]
fn what_must_be_absent_is_removed() {
    let (temp, path) = place();
    write(&temp.path().join("beside"), "stays");
    write(&path, "x");
    law(
        temp.path(),
        "file",
        &format!("{{path: {}, state: absent}}", text(&path)),
        &["type"],
        &[
            (&["type"], &|| write(&path, "y")),
            (&["type"], &|| fs::create_dir(&path).unwrap()),
            (&["type", "target"], &|| std::os::unix::fs::symlink("beside", &path).unwrap()),
        ],
    );
    let fill = || {
        fs::create_dir_all(path.join("a/b")).unwrap();
        write(&path.join("a/b/c"), "x");
        std::os::unix::fs::symlink("../../beside", path.join("a/out")).unwrap();
    };
    fill();
    let parameters = format!("{{path: {}, state: absent, recursive: true}}", text(&path));
    law(temp.path(), "file", &parameters, &["type"], &[(&["type"], &fill)]);
    std::os::unix::fs::symlink("beside", &path).unwrap();
    law(
        temp.path(),
        "link",
        &format!("{{path: {}, state: absent}}", text(&path)),
        &["type", "target"],
        &[(&["type", "target"], &|| std::os::unix::fs::symlink("elsewhere", &path).unwrap())],
    );
    write(&path, "a\nKEY=1\nb\n");
    let parameters = format!("{{path: {}, regexp: ^KEY=, state: absent}}", text(&path));
    law(
        temp.path(),
        "lineinfile",
        &parameters,
        &["content"],
        &[
            (&["content"], &|| write(&path, "a\nKEY=2\nb\n")),
            (&["content"], &|| write(&path, "KEY=2\na\nKEY=3\nb\n")),
        ],
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
}

#[test]
fn a_line_is_put_into_a_file_that_is_made_for_it() {
    let (temp, path) = place();
    let parameters = format!("{{path: {}, line: 'x = $1', create: true, mode: \"0640\"}}", text(&path));
    law(
        temp.path(),
        "lineinfile",
        &parameters,
        &["type", "mode", "content"],
        &[
            (&["type", "mode", "content"], &|| fs::remove_file(&path).unwrap()),
            (&["content"], &|| write(&path, "")),
            (&["mode"], &|| set_mode(&path, 0o644)),
        ],
    );
}

#[test]
fn commands_run_until_what_they_are_for_is_so() {
    for (kind, shell) in [("command", false), ("shell", true)] {
        let (temp, path) = place();
        let (shown, touches) = (text(&path), format!("touches: [{}]", text(temp.path())));
        // In the environment, so that the text of a script needs no quotes in quotes.
        let env = format!("env: {{P: {shown}}}");
        let script = |text: &str| {
            if shell { format!("cmd: {}", quoted(text)) } else { format!("argv: [sh, -c, {}]", quoted(text)) }
        };
        let make = || write(&path, "");
        let remove = || fs::remove_file(&path).unwrap();
        let runs: &[&str] = &["run"];
        let law = |condition: &str, text: &str, disturb: &dyn Fn()| {
            let parameters = format!("{{{}, {condition}, {touches}, {env}}}", script(text));
            law(temp.path(), kind, &parameters, runs, &[(runs, disturb)]);
        };
        law(&format!("creates: {shown}"), ": > \"$P\"", &remove);
        law(&format!("removes: {shown}"), "rm \"$P\"", &make);
        law("unless: 'test -e \"$P\"'", ": > \"$P\"", &remove);
        law("onlyif: 'test -e \"$P\"'", "rm \"$P\"", &make);
    }
}
