//! Encrypted files as a user and git have them: values edited in place, merges, diffs, age, single values.

use crate::project::{Project, Ran};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

pub const VAULT: [&str; 2] = ["--vault-password-file", "password"];

pub fn project() -> Project {
    let project = Project::local(&["a"], "- hosts: all\n  tasks: []\n");
    project.write("password", "the-password\n");
    project.write("other", "another-password\n");
    project
}

pub fn vault(project: &Project, arguments: &[&str]) -> Ran {
    project.run(&[&["vault"], arguments, &VAULT[..]].concat())
}

/// Runs `vault` with an editor that is this shell script, with the file as `$1`.
pub fn edit(project: &Project, arguments: &[&str], script: &str) -> Ran {
    project.write("editor", &format!("#!/bin/sh -e\n{script}\n"));
    fs::set_permissions(project.path("editor"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = project.command(&[&["vault"], arguments].concat());
    ran(command.env("EDITOR", project.path("editor")))
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub fn value(project: &Project, name: &str, text: &str) -> String {
    let ran = vault(project, &["encrypt-string", text, "--name", name]);
    ran.exits(0);
    ran.out
}

#[test]
fn values_are_edited_in_plain_and_only_changed_ones_are_new() {
    let project = project();
    let (one, two) = (value(&project, "one", "kanari-1"), value(&project, "two", "kanari-2"));
    project.write("vars.yml", &format!("# mine\n{one}clear: 1\n{two}"));
    edit(&project, &["edit", "vars.yml", VAULT[0], VAULT[1]], "touch $1")
        .exits(0)
        .has(&["vars.yml: unchanged"]);
    assert_eq!(project.read("vars.yml"), format!("# mine\n{one}clear: 1\n{two}"));
    let script = "cp $1 seen; sed -i s/kanari-2/kanari-3/ $1; printf 'three: !plain kanari-4\\n' >> $1";
    edit(&project, &["edit", "vars.yml", VAULT[0], VAULT[1]], script).exits(0).has(&["vars.yml: saved"]);
    assert_eq!(
        project.read("seen"),
        "# mine\none: !plain |-\n  kanari-1\nclear: 1\ntwo: !plain |-\n  kanari-2\n"
    );
    let after = project.read("vars.yml");
    assert!(
        after.starts_with(&format!("# mine\n{one}clear: 1\ntwo: !vault |\n  $ANSIBLE"))
            && !after.contains(&two)
    );
    assert!(!after.contains("kanari"), "{after}");
    let shown = "# mine\none: !plain |-\n  kanari-1\nclear: 1\ntwo: !plain |-\n  kanari-3\nthree: !plain |-\n  kanari-4\n";
    assert_eq!(vault(&project, &["view", "vars.yml"]).exits(0).out, shown);
    // What is no YAML is kept, encrypted.
    let ran = edit(&project, &["edit", "vars.yml", VAULT[0], VAULT[1]], "echo '[kanari' >> $1");
    ran.exits(20).has(&["invalid YAML", "vars.yml.rejected"]).lacks(&["kanari"]);
    assert_eq!(project.read("vars.yml"), after);
    assert!(project.read("vars.yml.rejected").starts_with("$ANSIBLE_VAULT;1.1"));
    // What stays in plain is refused.
    project.write("group_vars/all.yml", "x: !plain kanari\n");
    project
        .run(&["validate", "inventory.yml"])
        .exits(20)
        .has(&["a secret that is not encrypted", "vault edit"]);
}

#[test]
fn a_new_password_is_for_the_values_under_the_old_one() {
    let project = project();
    let one = value(&project, "one", "kanari-1");
    let two = ["--vault-id", "dev@other", "--encrypt-vault-id", "dev"];
    let two = project.run(&[&["vault", "encrypt-string", "kanari-2", "-n", "two"], &two[..]].concat()).out;
    project.write("vars.yml", &format!("{one}clear: 1\n{two}"));
    project.write("new", "new-password");
    let ran = vault(&project, &["rekey", "vars.yml", "--new-vault-id", "prod@new"]);
    ran.exits(0).has(&["vars.yml: 1 value has the new password"]);
    let after = project.read("vars.yml");
    assert!(
        after.starts_with("one: !vault |\n  $ANSIBLE_VAULT;1.2;AES256;prod\n")
            && after.ends_with(&format!("clear: 1\n{two}"))
    );
    let ran =
        project.run(&["vault", "view", "vars.yml", "--vault-id", "prod@new", "--vault-id", "dev@other"]);
    ran.exits(0).has(&["kanari-1", "kanari-2"]);
    let ran = vault(&project, &["rekey", "vars.yml", "--new-vault-id", "prod@new"]);
    ran.exits(20).has(&["no value in this file is under the old password"]);
    assert_eq!(project.read("vars.yml"), after);
}

#[test]
fn single_values_are_encrypted_as_ansible_has_it() {
    let project = project();
    let ran = vault(&project, &["encrypt_string", "kanari-1", "kanari-2", "--name", "a", "--name", "b"]);
    ran.exits(0).has(&["a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n", "\nb: !vault |\n"]).lacks(&["kanari"]);
    project.write("vars.yml", &ran.out);
    vault(&project, &["view", "vars.yml"])
        .exits(0)
        .has(&["a: !plain |-\n  kanari-1\nb: !plain |-\n  kanari-2\n"]);
    assert!(vault(&project, &["encrypt-string", "x"]).exits(0).out.starts_with("!vault |\n  $ANSIBLE"));
    project.write("stdin", "kanari\n3\n");
    let mut command = project.command(&["vault", "encrypt-string", "--stdin-name", "c", VAULT[0], VAULT[1]]);
    let c = ran_with(command.stdin(fs::File::open(project.path("stdin")).unwrap()));
    project.write("vars.yml", &c);
    vault(&project, &["view", "vars.yml"]).exits(0).has(&["c: !plain |-\n  kanari\n  3\n"]);
    vault(&project, &["encrypt-string", "x", "--name", "a", "--name", "b"])
        .exits(20)
        .has(&["2 names for 1 texts"]);
}

fn ran_with(command: &mut Command) -> String {
    let ran = ran(command);
    ran.exits(0);
    ran.out
}

/// A repository whose `*.yml` go through textconv and the merge driver.
pub struct Repository(pub Project);

impl Repository {
    pub fn new() -> Self {
        let this = Self(project());
        let program = env!("CARGO_BIN_EXE_lustores-provision");
        let password = this.0.path("password");
        let flags = format!("--vault-password-file {}", password.display());
        this.git(&["init", "-q", "-b", "main"]);
        this.git(&["config", "user.name", "t"]);
        this.git(&["config", "user.email", "t@example.com"]);
        this.git(&["config", "diff.vault.textconv", &format!("{program} vault textconv {flags}")]);
        this.git(&[
            "config",
            "merge.vault.driver",
            &format!("{program} vault merge-driver %O %A %B %P {flags}"),
        ]);
        this.0
            .write(".gitattributes", "secrets.yml diff=vault merge=vault\nvars.yml diff=vault merge=vault\n");
        this.git(&["add", ".gitattributes"]);
        this
    }

    pub fn try_git(&self, arguments: &[&str]) -> Ran {
        let mut command = self.0.in_its_place(Command::new("git"), arguments);
        ran(command.env("GIT_CONFIG_NOSYSTEM", "1").stdin(Stdio::null()))
    }

    pub fn git(&self, arguments: &[&str]) -> Ran {
        let ran = self.try_git(arguments);
        ran.exits(0);
        ran
    }

    pub fn seal(&self, name: &str, plain: &str) {
        self.0.write(name, plain);
        vault(&self.0, &["encrypt", name]).exits(0);
    }

    pub fn plain(&self, name: &str) -> String {
        vault(&self.0, &["view", name]).exits(0).out.clone()
    }

    pub fn commit(&self, name: &str) {
        self.git(&["add", name]);
        self.git(&["commit", "-q", "-m", "x"]);
    }

    /// `base`, then `theirs` on a branch and `ours` on main, ready to be merged.
    pub fn fork(&self, name: &str, base: impl Fn(), theirs: impl Fn(), ours: impl Fn()) {
        base();
        self.commit(name);
        self.git(&["checkout", "-q", "-b", "theirs"]);
        theirs();
        self.commit(name);
        self.git(&["checkout", "-q", "main"]);
        ours();
        self.commit(name);
    }
}

fn nothing_is_left(project: &Project) {
    let left = |folder: &Path| {
        let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        // Of other tests that run now, their own may be there.
        names
            .filter(|path| path.starts_with(project.path("")) && path.to_string_lossy().contains("vault-"))
            .count()
    };
    assert_eq!(left(&project.path("r")) + left(&project.path("")), 0);
}

#[test]
fn git_merges_what_is_encrypted_as_a_whole() {
    let repository = Repository::new();
    let seal = |plain: &'static str| || repository.seal("secrets.yml", plain);
    repository.fork(
        "secrets.yml",
        seal("# all\na: 1\nb: 2\nc: 3\n"),
        seal("# all\na: 1\nb: 2\nc: 3\nkanari_theirs: 4\n"),
        seal("# all\na: one\nb: 2\nc: 3\nkanari_ours: 5\n"),
    );
    repository.git(&["merge", "-q", "theirs", "-m", "m"]).lacks(&["kanari"]);
    assert_eq!(
        repository.plain("secrets.yml"),
        "# all\na: one\nb: 2\nc: 3\nkanari_ours: 5\nkanari_theirs: 4\n",
        "two keys at one place are no conflict"
    );
    assert!(repository.0.read("secrets.yml").starts_with("$ANSIBLE_VAULT;1.1;AES256\n"));
    repository.git(&["diff", "HEAD~1"]).has(&["+kanari_theirs: 4", " c: 3"]);
    nothing_is_left(&repository.0);
}

#[test]
fn a_conflict_in_what_is_encrypted_as_a_whole_leaves_ours_and_names_the_keys() {
    let repository = Repository::new();
    let seal = |plain: &'static str| || repository.seal("secrets.yml", plain);
    let ours = "db: {user: x, password: kanari-o}\n";
    repository.fork(
        "secrets.yml",
        seal("db: {user: x, password: kanari-b}\n"),
        seal("db: {user: x, password: kanari-t}\n"),
        seal(ours),
    );
    let before = repository.0.read("secrets.yml");
    let ran = repository.try_git(&["merge", "-q", "theirs"]);
    ran.exits(1)
        .has(&["conflict in secrets.yml: it is left as ours", "`db.password` was changed on both sides"]);
    ran.lacks(&["kanari", "db.user"]);
    assert_eq!(repository.0.read("secrets.yml"), before);
    assert!(repository.git(&["status", "--short"]).out.contains("UU secrets.yml"));
    nothing_is_left(&repository.0);
    // As the hint says.
    let theirs =
        repository.0.in_its_place(Command::new("git"), &["show", ":3:secrets.yml"]).output().unwrap();
    fs::write(repository.0.path("theirs"), theirs.stdout).unwrap();
    let mut command = repository.0.command(&["vault", "view", "/dev/stdin", VAULT[0], VAULT[1]]);
    let shown = ran_with(command.stdin(fs::File::open(repository.0.path("theirs")).unwrap()));
    assert_eq!(shown, "db: {user: x, password: kanari-t}\n");
}

#[test]
fn a_wrong_password_neither_stops_git_diff_nor_spoils_a_merge() {
    let repository = Repository::new();
    let seal = |plain: &'static str| || repository.seal("secrets.yml", plain);
    repository.fork("secrets.yml", seal("a: 1\n"), seal("a: kanari-t\n"), seal("a: kanari-o\n"));
    let before = repository.0.read("secrets.yml");
    repository.0.write("password", "wrong");
    let ran = repository.try_git(&["diff", "theirs"]);
    ran.exits(0).has(&["warning: wrong vault password", " $ANSIBLE_VAULT;1.1"]).lacks(&["kanari"]);
    let ran = repository.try_git(&["merge", "-q", "theirs"]);
    ran.exits(1).has(&["wrong vault password"]);
    assert_eq!(repository.0.read("secrets.yml"), before);
}

#[test]
fn git_merges_encrypted_values_and_keeps_their_ciphertexts() {
    let repository = Repository::new();
    let value = |name: &str, text: &str| value(&repository.0, name, text);
    let [one, two, three, four] =
        [("one", "1"), ("two", "2"), ("three", "3"), ("four", "4")].map(|(n, t)| value(n, t));
    let [one_new, two_new] = [("one", "kanari-1"), ("two", "kanari-2")].map(|(n, t)| value(n, t));
    let write = |parts: &[&str]| repository.0.write("vars.yml", &parts.concat());
    repository.fork(
        "vars.yml",
        || write(&[&one, "x: 1\n", &two, "y: 1\n"]),
        || write(&[&one, "x: 1\n", &two_new, "y: 1\n", &three]),
        || write(&[&one_new, "x: 1\n", &two, "y: 1\n", &four]),
    );
    repository.git(&["merge", "-q", "theirs", "-m", "m"]).lacks(&["kanari"]);
    assert_eq!(
        repository.0.read("vars.yml"),
        [&one_new, "x: 1\n", &two_new, "y: 1\n", &four, &three].concat()
    );
    repository.git(&["diff", "HEAD~1"]).has(&["-  2", "+  kanari-2", "+three: !plain |-"]);

    // Locked anew on one side without a change, changed on the other: no conflict.
    repository.git(&["checkout", "-q", "-b", "again"]);
    let again = value("one", "kanari-1");
    write(&[&again, "x: 1\n", &two_new, "y: 1\n", &four, &three]);
    repository.commit("vars.yml");
    repository.git(&["checkout", "-q", "main"]);
    let third = value("one", "kanari-3");
    write(&[&third, "x: 1\n", &two_new, "y: 1\n", &four, &three]);
    repository.commit("vars.yml");
    repository.git(&["merge", "-q", "again", "-m", "m"]);
    assert!(repository.0.read("vars.yml").starts_with(&third));

    // Both changed: the ciphertexts are left between git's marks.
    repository.git(&["checkout", "-q", "-b", "more", "HEAD~2"]);
    write(&[&value("one", "kanari-5"), "x: 1\n", &two_new, "y: 1\n", &four, &three]);
    repository.commit("vars.yml");
    repository.git(&["checkout", "-q", "main"]);
    let ran = repository.try_git(&["merge", "-q", "more"]);
    ran.exits(1).has(&["conflict in vars.yml", "`one` was changed on both sides"]).lacks(&["kanari"]);
    let marked = repository.0.read("vars.yml");
    assert!(
        marked.contains("<<<<<<< ours\n") && marked.contains(">>>>>>> theirs\n") && marked.contains(&two_new),
        "{marked}"
    );
    assert!(!marked.contains("kanari"), "{marked}");
    nothing_is_left(&repository.0);
}
