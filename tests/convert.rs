//! `convert` as a user has it: a role goes in, what comes out is compared byte by byte, and so is what it lists.
//!
//! `UPDATE=1 cargo test --test convert` writes the expected files anew, to be looked at.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn convert(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lustores-provision"));
    command.arg("convert").args(args).current_dir(folder).env("NO_COLOR", "1").output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/convert")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// All files below, with their content.
fn tree(folder: &Path) -> Vec<(PathBuf, String)> {
    let (mut found, mut rest) = (vec![], vec![folder.to_owned()]);
    while let Some(next) = rest.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rest.push(path);
            } else {
                found.push((
                    path.strip_prefix(folder).unwrap().to_owned(),
                    fs::read_to_string(&path).unwrap(),
                ));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_role_is_turned_and_what_is_left_is_listed() {
    let temp = tempfile::tempdir().unwrap();
    copy(&fixtures().join("before"), &temp.path().join("role"));
    let output = convert(temp.path(), &["role", "--write"]);
    assert_eq!(code(&output), 10, "{}", text(&output.stderr));
    let (after, left) = (tree(&temp.path().join("role")), text(&output.stderr));
    if std::env::var_os("UPDATE").is_some() {
        let _ = fs::remove_dir_all(fixtures().join("after"));
        copy(&temp.path().join("role"), &fixtures().join("after"));
        fs::write(fixtures().join("left.txt"), &left).unwrap();
    }
    assert_eq!(after, tree(&fixtures().join("after")));
    assert_eq!(left, fs::read_to_string(fixtures().join("left.txt")).unwrap());
    // What was turned is not turned again.
    let again = convert(temp.path(), &["role/meta", "--write"]);
    assert_eq!((code(&again), text(&again.stderr)), (0, "0 of 1 files changed, 0 places left\n".into()));
}

#[test]
fn nothing_is_written_unasked_and_nothing_is_replaced() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, role) = (temp.path(), temp.path().join("role"));
    copy(&fixtures().join("before"), &role);
    let before = tree(&role);
    let output = convert(folder, &["role/meta/main.yml"]);
    assert_eq!((code(&output), text(&output.stderr)), (0, String::new()));
    assert!(
        text(&output.stdout).contains("when: and (defined nginx_tls) nginx_tls"),
        "{}",
        text(&output.stdout)
    );
    let output = convert(folder, &["role"]);
    assert!(
        text(&output.stdout).contains("==> role/handlers/main.yml <==\n---\n"),
        "{}",
        text(&output.stdout)
    );
    assert_eq!(tree(&role), before);

    let output = convert(folder, &["role", "-o", "new/role"]);
    assert_eq!(code(&output), 10);
    assert_eq!(tree(&role), before);
    let new = tree(&folder.join("new/role"));
    assert!(new.iter().any(|(name, _)| name == Path::new("templates/site.conf.j2")), "{new:?}");
    let output = convert(folder, &["role", "-o", "new/role"]);
    assert_eq!(code(&output), 20);
    assert!(text(&output.stderr).contains("hint: name a new folder"), "{}", text(&output.stderr));
    assert_eq!(tree(&folder.join("new/role")), new);
}

#[test]
fn nonsense_is_an_error_before_anything_is_written() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path();
    let write = |name: &str, content: &[u8]| {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), content).unwrap();
    };
    write("r/tasks/a.yml", b"- debug: {msg: \"{{ x }}\"}\n");
    write("r/tasks/b.yml", b"a: {{ x }}\n");
    let output = convert(folder, &["r", "--write"]);
    assert_eq!(code(&output), 20);
    assert!(text(&output.stderr).contains("r/tasks/b.yml:1:"), "{}", text(&output.stderr));
    assert_eq!(fs::read(folder.join("r/tasks/a.yml")).unwrap(), b"- debug: {msg: \"{{ x }}\"}\n");

    write("r/tasks/b.yml", b"a: \xff\n");
    assert!(text(&convert(folder, &["r"]).stderr).contains("the text is not UTF-8"));
    write("r/tasks/b.yml", b"$ANSIBLE_VAULT;1.1;AES256\n6162\n");
    let output = convert(folder, &["r", "--write"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("this file is a vault and stays as it is"));
    assert_eq!(fs::read(folder.join("r/tasks/a.yml")).unwrap(), b"- debug: {msg: \"{{x}}\"}\n");

    for (name, part) in [
        ("none", "cannot read none"),
        ("x.txt", "neither YAML nor a template"),
        ("empty", "nothing to convert"),
    ] {
        write("x.txt", b"");
        fs::create_dir_all(folder.join("empty")).unwrap();
        let output = convert(folder, &[name]);
        assert_eq!(code(&output), 20);
        assert!(text(&output.stderr).contains(part), "{}", text(&output.stderr));
    }
}

#[test]
fn modes_and_links_stay_and_links_in_a_folder_are_not_followed() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path();
    fs::create_dir_all(folder.join("r/tasks")).unwrap();
    fs::write(folder.join("r/tasks/main.yml"), "- debug: {msg: \"{{ x }}\"}\n").unwrap();
    fs::set_permissions(folder.join("r/tasks/main.yml"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(folder.join("outside.yml"), "a: \"{{ x }}\"\n").unwrap();
    symlink("../../outside.yml", folder.join("r/tasks/link.yml")).unwrap();
    symlink("..", folder.join("r/loop")).unwrap();
    assert_eq!(code(&convert(folder, &["r", "--write"])), 0);
    assert_eq!(fs::read_to_string(folder.join("outside.yml")).unwrap(), "a: \"{{ x }}\"\n");
    let mode = fs::metadata(folder.join("r/tasks/main.yml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(fs::symlink_metadata(folder.join("r/tasks/link.yml")).unwrap().is_symlink());
}
